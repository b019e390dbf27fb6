"""The Pareto front of rows of numbers."""

from __future__ import annotations

import numpy as np


def pareto_front(costs: np.ndarray) -> np.ndarray:
    """Indices, ascending, of the rows that no other row dominates; of equal rows the first.

    A row dominates another one if it is nowhere greater, and somewhere smaller.

    >>> pareto_front(np.array([[1, 5], [2, 5], [2, 3], [1, 5], [3, 3]])).tolist()
    [0, 2]

    :param costs: [choices, criteria], all to be minimised.
    """
    # In lexical order a row can only be dominated by one before it; the sort is stable, so the first of equals leads.
    left = np.lexsort(costs.T[::-1])
    front = []
    while left.size:
        best, rest = left[0], left[1:]
        front.append(best)
        left = rest[(costs[rest] < costs[best]).any(axis=1)]
    return np.sort(np.array(front, dtype=np.intp))

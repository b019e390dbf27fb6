"""How two arrays that must be equal differ, in words."""

from __future__ import annotations

import numpy as np

PLACES_SHOWN = 5


def describe_difference(expected: np.ndarray, got: np.ndarray) -> str:
    """Empty if both are equal; else the count, and the first five places with what was expected and got.

    >>> describe_difference(np.array([[1, 2], [3, 4]]), np.array([[1, 2], [3, 5]]))
    '1 of 4 places: [1, 1] expected 4, got 5.'
    """
    expected, got = np.asarray(expected), np.asarray(got)
    if expected.shape != got.shape:
        return f"its shape: expected {list(expected.shape)}, got {list(got.shape)}."
    places = np.argwhere(expected != got)
    if not len(places):
        return ""
    shown = [
        f"{place.tolist()} expected {expected[tuple(place)]}, got {got[tuple(place)]}"
        for place in places[:PLACES_SHOWN]
    ]
    more = "; ..." if len(places) > PLACES_SHOWN else ""
    return f"{len(places)} of {expected.size} places: {'; '.join(shown)}{more}."

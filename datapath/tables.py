"""The sigmoid and tanh lookup tables and their index arithmetic.

Entry n of a table is round(64 * fn(x)) at x = low + (high - low) * n / 255. An accumulator at or below `low` takes
entry 0, at or above `high` entry 255, and otherwise n = floor((acc - low) * 255 / (high - low)), which on raw
accumulators (unit 1/256) is one multiplication and one shift.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from datapath.quantities import ACCUMULATOR, TABLE_FRACTION

TABLE_SIZE = 256


@dataclass(frozen=True, eq=False)
class Table:
    """One lookup table.

    `bound` is the raw accumulator at which the table ends (it spans -bound..bound); `multiplier` and `shift` give
    the index as ``((acc + bound) * multiplier) >> shift``; `entries` is int64 [256] in units of 1/64.
    """

    bound: int
    multiplier: int
    shift: int
    entries: np.ndarray

    def index(self, accumulator: np.ndarray | int) -> np.ndarray | int:
        """Index of the entry that a raw accumulator selects, 0..255."""
        clipped = np.clip(accumulator, -self.bound, self.bound).astype(np.int64)  # 16 bits do not hold the product
        return np.minimum(((clipped + self.bound) * self.multiplier) >> self.shift, TABLE_SIZE - 1)

    def lookup(self, accumulator: np.ndarray | int) -> np.ndarray | int:
        """Output in units of 1/64 for a raw accumulator in units of 1/256."""
        return self.entries[self.index(accumulator)]


def _make_table(end: int, function: Callable[[np.ndarray], np.ndarray]) -> Table:
    """The table of a function from -end to end."""
    last, bound = TABLE_SIZE - 1, end << ACCUMULATOR.fraction
    entries = np.rint(2**TABLE_FRACTION * function(-end + 2 * end * np.arange(TABLE_SIZE) / last)).astype(np.int64)
    entries.setflags(write=False)
    steps = Fraction(last, 2 * bound)  # 51 / 512 for the sigmoid, 85 / 512 for the tanh
    return Table(bound=bound, multiplier=steps.numerator, shift=steps.denominator.bit_length() - 1, entries=entries)


SIGMOID = _make_table(5, lambda x: 1 / (1 + np.exp(-x)))
TANH = _make_table(3, np.tanh)

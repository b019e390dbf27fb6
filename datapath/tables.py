"""The sigmoid and tanh lookup tables and their index arithmetic.

Entry n of a table is round(64 * fn(x)) at x = low + (high - low) * n / 255. An accumulator at or below `low` takes
entry 0, at or above `high` entry 255, and otherwise n = floor((acc - low) * 255 / (high - low)), which on raw
accumulators (unit 1/256) is one multiplication and one shift.
"""

from __future__ import annotations

from dataclasses import dataclass

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


def _make_table(low: int, multiplier: int, function) -> Table:
    x = low + (-2 * low) * np.arange(TABLE_SIZE) / (TABLE_SIZE - 1)
    entries = np.rint(2**TABLE_FRACTION * function(x)).astype(np.int64)
    entries.setflags(write=False)
    return Table(bound=-low << ACCUMULATOR.fraction, multiplier=multiplier, shift=9, entries=entries)


# 255 / (2 * 5) = 51 / 2 and 255 / (2 * 3) = 85 / 2; with the accumulator's 8 fraction bits the shift is 9.
SIGMOID = _make_table(low=-5, multiplier=51, function=lambda x: 1 / (1 + np.exp(-x)))
TANH = _make_table(low=-3, multiplier=85, function=np.tanh)

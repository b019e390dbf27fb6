"""What the profiling simulator counts of every quantity of the datapath, and the kernels that count it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from datapath.compilation_cache import cached_njit
from datapath.quantities import ACCUMULATOR

# Rows of the tallies, one per quantity. Where a quantity exists once per gate, gate k is `NAME + k`.
PIXEL, INPUT_PRODUCT, RECURRENT_PRODUCT = 0, 1, 2
GATE_SUM, PEEPHOLE_PRODUCT, PEEPHOLE_SUM, TABLE_INPUT, TABLE_OUTPUT = 3, 7, 10, 13, 17
I_TIMES_G, F_TIMES_C, CELL_STATE, CELL_TABLE_INPUT, CELL_TABLE_OUTPUT, HIDDEN = 21, 22, 23, 24, 25, 26
FC_PRODUCT, FC_SUM, CLASS_SCORE = 27, 28, 29
QUANTITIES = 30

PEEPHOLE_ROWS = range(PEEPHOLE_PRODUCT, TABLE_INPUT)
"""Rows that only a network with peepholes fills; three rows each, for i, f and o."""

# Columns of `Tallies.notes`. The first two are raw values after rounding and before overflow, the rest are counts.
LOWEST, HIGHEST, BELOW, ABOVE, INEXACT, TIES, ENTRY_FIRST, ENTRY_LAST = 0, 1, 2, 3, 4, 5, 6, 7
NOTES = 8

OFFSET = -ACCUMULATOR.min
VALUES = 1 << ACCUMULATOR.bits
"""Every type of the datapath has at most 16 bits: value v is counted at `Tallies.counts[quantity, v + OFFSET]`."""


class Tallies(NamedTuple):
    """Counts per quantity; without rows nothing is counted.

    counts: int64 [QUANTITIES, VALUES] or [0, 0], how often each stored value occurs.
    notes: int64 [QUANTITIES, NOTES] or [0, 0].
    """

    counts: np.ndarray
    notes: np.ndarray

    @classmethod
    def empty(cls, quantities: int = QUANTITIES) -> Tallies:
        """Tallies of no value yet; with 0 `quantities` nothing will be counted."""
        notes = np.zeros((quantities, NOTES), dtype=np.int64)
        notes[:, LOWEST], notes[:, HIGHEST] = np.iinfo(np.int64).max, np.iinfo(np.int64).min
        return cls(counts=np.zeros((quantities, VALUES if quantities else 0), dtype=np.int64), notes=notes)


@cached_njit()
def tally(tallies, quantity, exact, shift, rounded, stored):
    """Count one value.

    :param quantity: its row.
    :param exact: raw value before rounding.
    :param shift: fraction bits that rounding removes; 0 or less: none.
    :param rounded: raw value after rounding.
    :param stored: raw value after overflow.
    """
    if tallies.counts.size == 0:
        return
    note = tallies.notes[quantity]
    note[LOWEST] = min(note[LOWEST], rounded)
    note[HIGHEST] = max(note[HIGHEST], rounded)
    if rounded < stored:
        note[BELOW] += 1  # overflow raised it: it was below the range
    elif rounded > stored:
        note[ABOVE] += 1
    tallies.counts[quantity, stored + OFFSET] += 1
    if shift > 0:
        removed = exact & ((1 << shift) - 1)
        note[INEXACT] += removed != 0
        note[TIES] += removed == 1 << (shift - 1)


@cached_njit()
def tally_table(tallies, quantity, index, last):
    """Count a table's input that takes entry 0 or the `last` one."""
    if tallies.counts.size > 0:
        tallies.notes[quantity, ENTRY_FIRST] += index == 0
        tallies.notes[quantity, ENTRY_LAST] += index == last

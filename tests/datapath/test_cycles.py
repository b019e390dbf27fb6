"""Cycles and operations per column against what was measured, and counted, for the published networks."""

import pytest

from datapath import Folding
from datapath.cycles import cycles_per_column, line_milliseconds, operations_per_column
from tests.designs import random_design

# Published: milliseconds of a line of 520 columns on the PYNQ-Z1 at 100 MHz, and the PE and fold that it was built with.
MEASURED = {(2, 1): 1.29355, (1, 2): 2.96678, (1, 8): 11.08989}
W4A4_MILLISECONDS = 2.95800  # the same folding as W2A4
TOLERANCE = 0.005
"""Of a model fitted to four measurements that were taken by a program on the board."""


def plain(pe: int, factor: int, **folding: int):
    design = random_design(0, bits=(2, 8, 2, 8, 8), inputs=32, hidden=128, classes=82)
    return design.refolded(Folding.by_factor(factor, inputs=32, hidden=128, pe=pe, **folding))


@pytest.mark.parametrize(("folding", "measured"), [*MEASURED.items(), ((1, 2), W4A4_MILLISECONDS)])
def test_the_published_times(folding, measured):
    assert line_milliseconds(plain(*folding), 520, 100) == pytest.approx(measured, rel=TOLERANCE)


def test_the_slower_layer_sets_the_pace():
    assert cycles_per_column(plain(2, 1)) == 2 * (82 + 42)  # the output layer: one class per cycle
    assert cycles_per_column(plain(2, 1, pe_out=2)) == 2 * (64 + 24 + 2.25)  # now the hidden layer
    assert cycles_per_column(plain(4, 1, pe_out=2)) == 2 * (41 + 42)


def test_time_is_columns_by_clock():
    design = plain(1, 2)
    assert line_milliseconds(design, 200, 100) == 2 * line_milliseconds(design, 100, 100)
    assert line_milliseconds(design, 100, 50) == 2 * line_milliseconds(design, 100, 100)


def test_operations_are_counted_as_the_original_counts_them():
    assert operations_per_column(plain(1, 1)) == 351_488

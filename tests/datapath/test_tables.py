"""The lookup tables against the spec's definition, for every accumulator that there is."""

from decimal import Decimal, localcontext
from fractions import Fraction
from math import floor

import numpy as np
import pytest

from datapath.tables import SIGMOID, TABLE_SIZE, TANH

EVERY_ACCUMULATOR = np.arange(-(2**15), 2**15)

TIE_DISTANCE = Decimal("1e-9")
"""Entries this far from a rounding tie are equal whatever exp and tanh the platform has (errors near 1e-14)."""


def exact_sigmoid(x: Decimal) -> Decimal:
    return 1 / (1 + (-x).exp())


def exact_tanh(x: Decimal) -> Decimal:
    return (x.exp() - (-x).exp()) / (x.exp() + (-x).exp())


TABLES = pytest.mark.parametrize(
    ("table", "end", "function"), [(SIGMOID, 5, exact_sigmoid), (TANH, 3, exact_tanh)], ids=["sigmoid", "tanh"]
)


def selected_entry(accumulator: int, end: int) -> int:
    """Spec: at or below -end entry 0, at or above end entry 255, else floor((acc + end) * 255 / (2 * end))."""
    value = Fraction(accumulator, 256)
    if value <= -end:
        return 0
    if value >= end:
        return 255
    return floor((value + end) * Fraction(255, 2 * end))


@TABLES
def test_every_accumulator_selects_the_entry_of_the_definition(table, end, function):
    expected = [selected_entry(int(acc), end) for acc in EVERY_ACCUMULATOR]
    assert table.index(EVERY_ACCUMULATOR).tolist() == expected
    assert table.lookup(EVERY_ACCUMULATOR).tolist() == [int(table.entries[n]) for n in expected]


@TABLES
def test_sixteen_bit_arrays_and_single_integers_select_the_same(table, end, function):
    expected = table.lookup(EVERY_ACCUMULATOR)
    assert np.array_equal(table.lookup(EVERY_ACCUMULATOR.astype(np.int16)), expected)
    for place in range(0, len(EVERY_ACCUMULATOR), 97):
        assert table.lookup(int(EVERY_ACCUMULATOR[place])) == expected[place]


@TABLES
def test_every_entry_is_the_rounded_function_and_far_from_a_tie(table, end, function):
    with localcontext() as context:
        context.prec = 40
        for n in range(TABLE_SIZE):
            scaled = 64 * function(Decimal(-end) + Decimal(2 * end * n) / 255)
            assert table.entries[n] == int(scaled.to_integral_value())
            distance_to_tie = abs(scaled - (scaled.to_integral_value(rounding="ROUND_FLOOR") + Decimal("0.5")))
            assert distance_to_tie > TIE_DISTANCE


def test_the_ends_of_the_tables():
    assert (SIGMOID.entries[0], SIGMOID.entries[255]) == (0, 64)
    assert (TANH.entries[0], TANH.entries[255]) == (-64, 64)


@TABLES
def test_a_table_is_immutable(table, end, function):
    with pytest.raises(ValueError, match=r"^assignment destination is read-only$"):
        table.entries[0] = 1

"""Arithmetic of the datapath on 64-bit integers, shared by the folded-order and the profiling simulator.

The vectorised simulator has its own, on 16-bit lanes (`fixedpoint_sim.kernels`); docs/implementations.md lists what is
independent of what. All values are raw integers; docs/spec/datapath.md states the rules.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from datapath.compilation_cache import cached_njit
from datapath.design import Gate
from datapath.formats import Format
from datapath.peepholes import PeepholeFormat
from datapath.precision import Precision
from datapath.quantities import (
    ACCUMULATOR,
    CELL,
    F_TIMES_C_SHIFT,
    HIDDEN_FRACTION,
    I_TIMES_G_SHIFT,
    SIGMOID_OUT,
    TABLE_FRACTION,
    TANH_OUT,
)
from datapath.tables import SIGMOID, TANH, Table
from fixedpoint_sim.tallies import (
    CELL_STATE,
    CELL_TABLE_INPUT,
    CELL_TABLE_OUTPUT,
    F_TIMES_C,
    HIDDEN,
    I_TIMES_G,
    PEEPHOLE_PRODUCT,
    PEEPHOLE_SUM,
    TABLE_INPUT,
    TABLE_OUTPUT,
    tally,
    tally_table,
)

GATES = len(Gate)
I, F, G, O = (int(gate) for gate in Gate)  # noqa: E741
LOWEST, LOW_BITS = ACCUMULATOR.min, (1 << ACCUMULATOR.bits) - 1
CELL_BITS = CELL.bits


class Widths(NamedTuple):
    """Widths of the hidden layer as kernels take them, all in bits.

    excess: fraction bits of a gate product that rounding removes; negative: the product is shifted left.
    bias_left_shift: from a bias to fraction 8.
    activation: A, of a hidden output.
    peephole_fraction: fraction bits of a peephole weight; 0 without peepholes.
    """

    excess: int
    bias_left_shift: int
    activation: int
    peephole_fraction: int

    @classmethod
    def of(cls, precision: Precision, peepholes: PeepholeFormat | None) -> Widths:
        return cls(
            excess=precision.excess_fraction_bits,
            bias_left_shift=precision.bias_left_shift,
            activation=precision.activation,
            peephole_fraction=peepholes.format.fraction if peepholes else 0,
        )


@cached_njit()
def wrap(value):
    """WRAP to the accumulator's 16 bits."""
    return ((value - LOWEST) & LOW_BITS) + LOWEST


@cached_njit()
def saturate(value, bits):
    """SAT to `bits` bits."""
    return min(max(value, -(1 << (bits - 1))), (1 << (bits - 1)) - 1)


@cached_njit()
def half_to_zero(exact, shift):
    """RND_ZERO: remove `shift` fraction bits; a shift of 0 or less is an exact left shift."""
    if shift <= 0:
        return exact << -shift
    magnitude = (abs(exact) + (1 << (shift - 1)) - 1) >> shift
    return magnitude if exact >= 0 else -magnitude


@cached_njit()
def half_to_even(exact, shift):
    """RND_CONV: remove `shift` fraction bits; a shift of 0 or less is an exact left shift."""
    if shift <= 0:
        return exact << -shift
    floor = exact >> shift
    removed = exact - (floor << shift)
    half = 1 << (shift - 1)
    return floor + (1 if removed > half or (removed == half and floor & 1) else 0)


def _look_up(table: Table, out: Format) -> Callable:
    """The kernel that looks a raw accumulator or cell state up in a table whose output type is `out`."""
    entries, bound, multiplier, shift = table.entries, table.bound, table.multiplier, table.shift
    last, left_shift = len(entries) - 1, out.fraction - TABLE_FRACTION

    @cached_njit()
    def look_up(value, tallies, input_quantity, output_quantity):
        """Output in units of 1/64; value and output are counted."""
        index = 0
        if value >= bound:
            index = last
        elif value > -bound:
            index = ((value + bound) * multiplier) >> shift
        output = entries[index] << left_shift
        tally(tallies, input_quantity, value, 0, value, value)
        tally_table(tallies, input_quantity, index, last)
        tally(tallies, output_quantity, output, 0, output, output)
        return entries[index]

    return look_up


sigmoid, tanh = _look_up(SIGMOID, SIGMOID_OUT), _look_up(TANH, TANH_OUT)


@cached_njit()
def narrow(exact, shift, bits, tallies, quantity):
    """RND_CONV by `shift` fraction bits (0 or less: a left shift), then SAT to `bits` bits; counted as `quantity`."""
    rounded = half_to_even(exact, shift)
    stored = saturate(rounded, bits)
    tally(tallies, quantity, exact, shift, rounded, stored)
    return stored


@cached_njit()
def add_peephole(accumulator, weight, state, fraction, tallies, place):
    """Accumulator of gate i, f or o (`place` 0, 1, 2) after its peephole, of `fraction` bits, reads the cell state."""
    product = narrow(weight * state, fraction, CELL_BITS, tallies, PEEPHOLE_PRODUCT + place)
    return narrow(accumulator + product, 0, CELL_BITS, tallies, PEEPHOLE_SUM + place)


@cached_njit()
def update_unit(accumulators, state, first, peepholes, widths, tallies):
    """Cell state and hidden output of one unit.

    :param accumulators: int64 [4], gate sums in `Gate` order.
    :param state: raw cell state of the step before.
    :param first: at time step 0 the state is not read.
    :param peepholes: int64 [3], raw weights of gates i, f, o; [0] without.
    :returns: (cell state, hidden output), raw.
    """
    i, f, o = accumulators[I], accumulators[F], accumulators[O]
    reads_state = peepholes.size > 0 and not first
    if reads_state:
        i = add_peephole(i, peepholes[0], state, widths.peephole_fraction, tallies, 0)
        f = add_peephole(f, peepholes[1], state, widths.peephole_fraction, tallies, 1)
    i = sigmoid(i, tallies, TABLE_INPUT + I, TABLE_OUTPUT + I)
    f = sigmoid(f, tallies, TABLE_INPUT + F, TABLE_OUTPUT + F)
    g = tanh(accumulators[G], tallies, TABLE_INPUT + G, TABLE_OUTPUT + G)
    total = narrow(i * g, I_TIMES_G_SHIFT, CELL_BITS, tallies, I_TIMES_G)
    if not first:
        total += narrow(f * state, F_TIMES_C_SHIFT, CELL_BITS, tallies, F_TIMES_C)
    new = narrow(total, 0, CELL_BITS, tallies, CELL_STATE)
    if reads_state:
        o = add_peephole(o, peepholes[2], new, widths.peephole_fraction, tallies, 2)
    o = sigmoid(o, tallies, TABLE_INPUT + O, TABLE_OUTPUT + O)
    tanh_c = tanh(new, tallies, CELL_TABLE_INPUT, CELL_TABLE_OUTPUT)
    shift = HIDDEN_FRACTION - (widths.activation - 1)
    return new, narrow(tanh_c * o, shift, widths.activation, tallies, HIDDEN)

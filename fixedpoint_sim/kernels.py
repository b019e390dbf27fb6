"""Numba kernels of the vectorised simulator: one line at a time, 16-bit lanes over gates and units.

Every sum of the datapath wraps at 16 bits, so int16 arithmetic with its natural wrap is exact in any order, and a
product of two values of at most 8 bits fits 16 bits. Kernels take arrays and ints and never allocate what they
return; they release the GIL, so lines run in threads.

Shapes: T columns, I input rows, H hidden units per direction, L = 4H lanes (gate-major), K classes padded to whole
vectors.
"""

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
from numba import njit

from datapath.alphabet import BLANK
from datapath.compilation_cache import cached_njit
from datapath.design import Gate
from datapath.quantities import ACCUMULATOR, CELL, F_TIMES_C_SHIFT, HIDDEN_FRACTION, I_TIMES_G_SHIFT

ROWS_PER_PASS = 4
"""Input rows added per pass over the accumulators: each pass loads and stores them once."""

GATES = len(Gate)
OFFSET = -ACCUMULATOR.min
"""Index of accumulator 0 in a table by accumulator."""
LOWEST, HIGHEST = CELL.min, CELL.max


@njit(inline="always")
def _half_to_even(product, shift):
    """RND_CONV of a wide product."""
    return (product + (1 << (shift - 1)) - 1 + ((product >> shift) & 1)) >> shift


@cached_njit()
def gather_terms(values, rows, count, vector, offset, first_row):
    """List the rows whose value is not `offset`: the others add nothing to a sum of (value - offset) * weight.

    :param values: out, int16: value - offset of each listed row.
    :param rows: out, int64: its row in the weights.
    :param count: terms in the list so far.
    :param vector: int8 [rows].
    :param offset: what is subtracted from its values.
    :param first_row: row in the weights of the vector's first value.
    :returns: terms in the list.
    """
    for r in range(vector.size):
        value = np.int16(vector[r] - offset)
        values[count], rows[count] = value, first_row + r
        count += value != 0
    return count


@cached_njit()
def fill_pass(values, rows, count):
    """Bring the list to whole passes with terms of 0 (there must be room); returns its length."""
    while count % ROWS_PER_PASS:
        values[count], rows[count] = 0, 0
        count += 1
    return count


@njit(inline="always")
def _rounded(product, shift, to_even):
    """RND_ZERO, or RND_CONV if `to_even`: remove the lowest `shift` bits of an int16 product."""
    if shift == 0:
        return product
    tie = np.int16(np.int16(product >> shift) & 1) if to_even else -(product >> 15)
    return np.int16(np.int16(product + ((1 << (shift - 1)) - 1) + tie) >> shift)


@cache
def adder(shift: int, *, to_even: bool) -> Callable:
    """The kernel that adds products, each rounded by itself: RND_ZERO, or RND_CONV if `to_even`.

    :param shift: lowest bits that rounding removes, 0 to 6 (two values of 8 bits have 14 fraction bits, of which 8
        stay). As a constant it lets the lanes be 16 bits wide, which is 4 times faster.
    """

    @cached_njit()
    def add(acc, values, rows, count, weights):
        """acc[lane] += round(values[n] * weights[rows[n], lane]) for n below `count`, whole passes."""
        for n in range(0, count, ROWS_PER_PASS):
            v0, v1, v2, v3 = values[n], values[n + 1], values[n + 2], values[n + 3]
            w0, w1, w2, w3 = weights[rows[n]], weights[rows[n + 1]], weights[rows[n + 2]], weights[rows[n + 3]]
            for lane in range(acc.size):
                acc[lane] += (
                    _rounded(np.int16(v0 * w0[lane]), shift, to_even)
                    + _rounded(np.int16(v1 * w1[lane]), shift, to_even)
                    + _rounded(np.int16(v2 * w2[lane]), shift, to_even)
                    + _rounded(np.int16(v3 * w3[lane]), shift, to_even)
                )

    return add


@njit(inline="always")
def _saturated(value):
    """SAT to the cell state's type."""
    return min(max(value, LOWEST), HIGHEST)


@njit(inline="always")
def _new_state(acc_i, acc_f, acc_g, cell, sigmoid, tanh):
    """The cell state of one unit from that of the step before.

    Two of the datapath's saturations cannot act and are left out: i * g is at most 64 * 64 / 16 = 256, and f * cell at
    most the cell, for no gate is above 64. At time step 0 the cell is 0, which is as good as not reading it.
    """
    i, f = np.int64(sigmoid[acc_i + OFFSET]), np.int64(sigmoid[acc_f + OFFSET])
    g = np.int64(tanh[acc_g + OFFSET])
    return _saturated(_half_to_even(i * g, I_TIMES_G_SHIFT) + _half_to_even(f * cell, F_TIMES_C_SHIFT))


@njit(inline="always")
def _output(state, acc_o, activation_bits, sigmoid, tanh):
    """The hidden output of one unit, with A - 1 fraction bits."""
    product = np.int64(tanh[state + OFFSET]) * np.int64(sigmoid[acc_o + OFFSET])
    hidden = _half_to_even(product, HIDDEN_FRACTION - (activation_bits - 1))
    half_range = 1 << (activation_bits - 1)
    return min(max(hidden, -half_range), half_range - 1)


@njit(inline="always")
def _with_peephole(acc, weight, state, shift):
    """The accumulator of a gate after its peephole: RND_CONV by `shift` of weight * state, product and sum saturated."""
    product = np.int64(weight) * state
    if shift > 0:
        product = _half_to_even(product, shift)
    return _saturated(acc + _saturated(product))


@cached_njit()
def update_unit(acc_i, acc_f, acc_g, acc_o, cell, activation_bits, sigmoid, tanh):
    """Cell state and hidden output of one unit from the raw accumulators, fraction 8, of gates i, f, g and o.

    :param cell: raw cell state of the step before.
    :param activation_bits: A, width of the hidden output.
    :param sigmoid: int8 [65536], output of the table in 1/64 by accumulator + OFFSET.
    :param tanh: int8 [65536], the same of the tanh table.
    :returns: (new cell state, hidden output), raw.
    """
    state = _new_state(acc_i, acc_f, acc_g, cell, sigmoid, tanh)
    return state, _output(state, acc_o, activation_bits, sigmoid, tanh)


@cached_njit()
def update_peephole_units(hidden, cell, acc, first, peepholes, peephole_fraction, activation_bits, sigmoid, tanh):
    """`update_unit` for every unit of a network with peepholes; arguments not named here are those of `update_unit`.

    :param hidden: out, int8 [H].
    :param cell: in and out, int64 [H].
    :param acc: int16 [4H], raw accumulators, fraction 8.
    :param first: at time step 0 no peephole acts. The cell is 0 there, so this matters to the output gate only.
    :param peepholes: int16 [3, H], of the input, forget and output gate.
    :param peephole_fraction: their fraction bits.
    """
    H = hidden.size
    for u in range(H):
        state, acc_o = cell[u], np.int64(acc[3 * H + u])
        acc_i = _with_peephole(acc[u], peepholes[0, u], state, peephole_fraction)
        acc_f = _with_peephole(acc[H + u], peepholes[1, u], state, peephole_fraction)
        state = _new_state(acc_i, acc_f, acc[2 * H + u], state, sigmoid, tanh)
        if not first:
            acc_o = _with_peephole(acc_o, peepholes[2, u], state, peephole_fraction)
        cell[u] = state
        hidden[u] = _output(state, acc_o, activation_bits, sigmoid, tanh)


class Direction(NamedTuple):
    """A direction of the hidden layer as its kernel takes it.

    weights: int8 or int16 [I + H, 4H], input side, then recurrent side.
    start: int16 [4H], sum of the products of an all-background column.
    bias: int16 [4H], fraction 8, both biases added.
    left_shift: of exact sums, to fraction 8; 0 where products are rounded to it.
    background: pixel value whose products `start` holds already, so that such pixels cost nothing.
    peepholes: int16 [3, H], or [0, H] for a network without.
    peephole_fraction: their fraction bits.
    activation_bits: A, width of a hidden output.
    """

    weights: np.ndarray
    start: np.ndarray
    bias: np.ndarray
    left_shift: int
    background: int
    peepholes: np.ndarray
    peephole_fraction: int
    activation_bits: int


@cache
def direction_kernel(rounding_shift: int) -> Callable:
    """The kernel of one direction.

    :param rounding_shift: bits that RND_ZERO removes of each product; 0 where products are exact.
    """
    add_products = adder(rounding_shift, to_even=False)

    @cached_njit()
    def run_direction(hidden, columns, reverse, direction, sigmoid, tanh):
        """Hidden words of one direction.

        :param hidden: out, int8 [T, H], at time steps.
        :param columns: int8 [T, I].
        :param reverse: whether they are read right to left.
        :param direction: `Direction`; the tables are those of `update_unit`.
        """
        T, H = hidden.shape
        I = columns.shape[1]  # noqa: E741
        weights, start, bias, left_shift, background, peepholes, fraction, bits = direction
        cell = np.zeros(H, dtype=np.int64)
        acc = np.empty(GATES * H, dtype=np.int16)
        state = np.zeros(H, dtype=np.int8)
        values, rows = np.empty(I + H + ROWS_PER_PASS, dtype=np.int16), np.empty(I + H + ROWS_PER_PASS, dtype=np.int64)
        for t in range(T):
            count = gather_terms(values, rows, 0, columns[T - 1 - t if reverse else t], background, 0)
            count = fill_pass(values, rows, gather_terms(values, rows, count, state, 0, I))
            acc[:] = start
            add_products(acc, values, rows, count, weights)
            for lane in range(GATES * H):
                acc[lane] = bias[lane] + np.int16(acc[lane] << left_shift)
            if peepholes.size:
                update_peephole_units(state, cell, acc, t == 0, peepholes, fraction, bits, sigmoid, tanh)
            else:
                for u in range(H):
                    cell[u], state[u] = update_unit(
                        acc[u], acc[H + u], acc[2 * H + u], acc[3 * H + u], cell[u], bits, sigmoid, tanh
                    )
            hidden[t] = state

    return run_direction


@cache
def scores_kernel(rounding_shift: int) -> Callable:
    """The kernel of the output layer.

    :param rounding_shift: bits that RND_CONV removes of each product; 0 where products are exact.
    """
    add_products = adder(rounding_shift, to_even=rounding_shift > 0)

    @cached_njit()
    def score_columns(scores, hidden, weights, bias, left_shift):
        """Class scores in image order.

        :param scores: out, int16 [T, C].
        :param hidden: int8 [T, 2, H] at time steps.
        :param weights: int8 or int16 [2H, K]: forward units, then backward ones.
        :param bias: int16 [K], fraction 8: both directions' biases added.
        :param left_shift: of exact sums, to fraction 8; 0 where products are rounded to it.
        """
        T, C = scores.shape
        H = hidden.shape[2]
        acc = np.empty(bias.size, dtype=np.int16)
        values, rows = np.empty(2 * H + ROWS_PER_PASS, dtype=np.int16), np.empty(2 * H + ROWS_PER_PASS, dtype=np.int64)
        for t in range(T):
            count = gather_terms(values, rows, 0, hidden[t, 0], 0, 0)
            count = fill_pass(values, rows, gather_terms(values, rows, count, hidden[T - 1 - t, 1], 0, H))
            acc[:] = 0
            add_products(acc, values, rows, count, weights)
            for k in range(C):
                scores[t, k] = bias[k] + np.int16(acc[k] << left_shift)

    return score_columns


@cached_njit()
def best_classes(values, labels, scores):
    """Best class of each column, as the hardware computes it: a column without a positive score has the label before it.

    Columns arrive from the centre outwards: T//2, then for even T T//2-1, T//2+1, ... (for odd T, which no board
    computes, the centre comes alone and then T//2+1, T//2-1, ...).

    :param values: out, int64 [T], image order, 0 for a blank column.
    :param labels: out, int64 [T], image order.
    :param scores: int16 [T, C].
    """
    T, C = scores.shape
    label = BLANK
    for step in range(T // 2, T):
        mirror = T - 1 - step
        for arrival in range(1 if mirror == step else 2):
            column = step if arrival == 0 else mirror
            maximum = 0
            for k in range(C):
                if scores[column, k] > maximum:
                    maximum = scores[column, k]
                    label = k
            labels[column] = label
            values[column] = 0 if label == BLANK else maximum


@cached_njit()
def emit_columns(emitted, values, labels):
    """Emit one column, that of the highest score, per run of non-blank columns that a blank column ends, left to right.

    :param emitted: out, int64, with room for (T + 1) // 2 columns.
    :param values: int64 [T], as `best_classes` computes them.
    :param labels: int64 [T], best class of every column.
    :returns: number of columns, before any limit.
    """
    held_value, held, count = 0, -1, 0
    for t in range(values.size):
        if values[t] > held_value:
            held_value, held = values[t], t
        elif held >= 0 and labels[t] == BLANK:
            emitted[count] = held
            count += 1
            held_value, held = 0, -1
    return count

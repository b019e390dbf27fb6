"""Numba kernels of the fast path: one line at a time, 16-bit lanes over gates and units.

Every sum of the datapath wraps at 16 bits, so int16 arithmetic with its natural wrap is exact in any order, and a
product of two values of at most 8 bits fits 16 bits. Kernels take arrays and ints and never allocate what they
return; they release the GIL, so lines run in threads.

Shapes: T columns, I input rows, H hidden units per direction, L = 4H lanes (gate-major), K classes padded to whole
vectors.
"""

import numpy as np
from numba import njit

from datapath.compilation_cache import cached_njit

ROWS_PER_PASS = 4
"""Input rows added per pass over the accumulators: each pass loads and stores them once."""


@njit(inline="always")
def _half_to_even(product, shift):
    """RND_CONV of a wide product."""
    return (product + (1 << (shift - 1)) - 1 + ((product >> shift) & 1)) >> shift


@cached_njit()
def gather_terms(values, rows, count, vector, offset, first_row):
    """List the rows whose value is not `offset`: the others add nothing to a sum of (value - offset) * weight.

    :param values: out, int16: value - offset of each listed row; `rows` out, int64: its row in the weights.
    :param count: terms in the list so far.
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
    """RND_ZERO, or RND_CONV if `to_even`: drop `shift` bits of an int16 product; none if 0."""
    if shift == 0:
        return product
    tie = np.int16(np.int16(product >> shift) & 1) if to_even else -(product >> 15)
    return np.int16(np.int16(product + ((1 << (shift - 1)) - 1) + tie) >> shift)


def _adder(shift, to_even):
    """A kernel that rounds by a fixed `shift`: as a constant it keeps the lanes 16 bits wide, which is 4 times faster."""

    @cached_njit()
    def add(acc, values, rows, count, weights):
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


# Two values of at most 8 bits have at most 14 fraction bits, of which 8 stay.
_exact = _adder(0, False)
_to_zero_1, _to_zero_2, _to_zero_3, _to_zero_4, _to_zero_5, _to_zero_6 = (_adder(shift, False) for shift in range(1, 7))
_to_even_1, _to_even_2, _to_even_3, _to_even_4, _to_even_5, _to_even_6 = (_adder(shift, True) for shift in range(1, 7))


@cached_njit()
def add_products_half_to_zero(acc, values, rows, count, weights, shift):
    """acc[L] += values[n] * weights[rows[n]], RND_ZERO by `shift` for every product on its own; 0 adds them as they are."""
    if shift == 0:
        _exact(acc, values, rows, count, weights)
    elif shift == 1:
        _to_zero_1(acc, values, rows, count, weights)
    elif shift == 2:
        _to_zero_2(acc, values, rows, count, weights)
    elif shift == 3:
        _to_zero_3(acc, values, rows, count, weights)
    elif shift == 4:
        _to_zero_4(acc, values, rows, count, weights)
    elif shift == 5:
        _to_zero_5(acc, values, rows, count, weights)
    else:
        _to_zero_6(acc, values, rows, count, weights)


@cached_njit()
def add_products_half_to_even(acc, values, rows, count, weights, shift):
    """acc[K] += values[n] * weights[rows[n]], RND_CONV by `shift` for every product on its own; 0 adds them as they are."""
    if shift == 0:
        _exact(acc, values, rows, count, weights)
    elif shift == 1:
        _to_even_1(acc, values, rows, count, weights)
    elif shift == 2:
        _to_even_2(acc, values, rows, count, weights)
    elif shift == 3:
        _to_even_3(acc, values, rows, count, weights)
    elif shift == 4:
        _to_even_4(acc, values, rows, count, weights)
    elif shift == 5:
        _to_even_5(acc, values, rows, count, weights)
    else:
        _to_even_6(acc, values, rows, count, weights)


@njit(inline="always")
def _new_state(acc_i, acc_f, acc_g, cell, sigmoid, tanh):
    """The cell state of one unit from that of the step before.

    Two of the datapath's saturations cannot act and are left out: i * g is at most 64 * 64 / 16 = 256, and f * cell at
    most the cell, for no gate is above 64. At time step 0 the cell is 0, which is as good as not reading it.
    """
    i, f = np.int64(sigmoid[acc_i + 32768]), np.int64(sigmoid[acc_f + 32768])
    g = np.int64(tanh[acc_g + 32768])
    # Fractions: table 6 + table 6 = 12 -> 8; table 6 + cell 8 = 14 -> 8.
    return min(max(_half_to_even(i * g, 4) + _half_to_even(f * cell, 6), -32768), 32767)


@njit(inline="always")
def _output(state, acc_o, activation_bits, sigmoid, tanh):
    """The hidden output of one unit; table 6 + table 6 = 12 fraction bits -> A - 1."""
    hidden = _half_to_even(np.int64(tanh[state + 32768]) * np.int64(sigmoid[acc_o + 32768]), 13 - activation_bits)
    half_range = 1 << (activation_bits - 1)
    return min(max(hidden, -half_range), half_range - 1)


@njit(inline="always")
def _with_peephole(acc, weight, state, shift):
    """The accumulator of a gate after its peephole: RND_CONV by `shift` of weight * state, product and sum saturated."""
    product = np.int64(weight) * state
    if shift > 0:
        product = _half_to_even(product, shift)
    return min(max(acc + min(max(product, -32768), 32767), -32768), 32767)


@cached_njit()
def update_unit(acc_i, acc_f, acc_g, acc_o, cell, activation_bits, sigmoid, tanh):
    """Gates, cell state and hidden output of one unit.

    :param acc_i: raw accumulators of the four gates, fraction 8; `cell` the raw state of the step before.
    :param sigmoid: output of the table for every accumulator, int8 [65536], by accumulator + 32768; `tanh` likewise.
    :returns: (new cell state, hidden output), raw.
    """
    state = _new_state(acc_i, acc_f, acc_g, cell, sigmoid, tanh)
    return state, _output(state, acc_o, activation_bits, sigmoid, tanh)


@cached_njit()
def update_peephole_units(hidden, cell, acc, first, peepholes, peephole_shift, activation_bits, sigmoid, tanh):
    """`update_unit` for every unit of a network with peepholes.

    :param hidden: out, int8 [H]; `cell` in and out, int64 [H]; `acc` int16 [4H], raw accumulators, fraction 8.
    :param first: at time step 0 no peephole acts. The cell is 0 there, so this matters to the output gate only.
    :param peepholes: int16 [3, H], of the input, forget and output gate; `peephole_shift` their fraction bits.
    """
    H = hidden.size
    for u in range(H):
        state, acc_o = cell[u], np.int64(acc[3 * H + u])
        acc_i = _with_peephole(acc[u], peepholes[0, u], state, peephole_shift)
        acc_f = _with_peephole(acc[H + u], peepholes[1, u], state, peephole_shift)
        state = _new_state(acc_i, acc_f, acc[2 * H + u], state, sigmoid, tanh)
        if not first:
            acc_o = _with_peephole(acc_o, peepholes[2, u], state, peephole_shift)
        cell[u] = state
        hidden[u] = _output(state, acc_o, activation_bits, sigmoid, tanh)


@cached_njit()
def run_direction(
    hidden,
    columns,
    reverse,
    background,
    weights,
    start,
    bias,
    lift,
    product_shift,
    peepholes,
    peephole_shift,
    activation_bits,
    sigmoid,
    tanh,
):
    """Hidden words of one direction.

    :param hidden: out, int8 [T, H], at time steps.
    :param columns: int8 [T, I]; `reverse` reads them right to left.
    :param background: pixel value whose products `start` holds already, so that such pixels cost nothing.
    :param weights: int8 or int16 [I + H, 4H]: input side, then recurrent side.
    :param start: int16 [4H], sum of the products of an all-background column.
    :param bias: int16 [4H], fraction 8: both biases added.
    :param lift: bits by which exact sums are shifted up to fraction 8; 0 where products are rounded to it.
    :param product_shift: bits that RND_ZERO drops of each product; 0 where products are exact.
    :param peepholes: int16 [3, H], or [0, H] for a network without; `peephole_shift` their fraction bits.
    """
    T, H = hidden.shape
    I = columns.shape[1]  # noqa: E741
    cell = np.zeros(H, dtype=np.int64)
    acc = np.empty(4 * H, dtype=np.int16)
    state = np.zeros(H, dtype=np.int8)
    values, rows = np.empty(I + H + ROWS_PER_PASS, dtype=np.int16), np.empty(I + H + ROWS_PER_PASS, dtype=np.int64)
    for t in range(T):
        count = gather_terms(values, rows, 0, columns[T - 1 - t if reverse else t], background, 0)
        count = fill_pass(values, rows, gather_terms(values, rows, count, state, 0, I))
        acc[:] = start
        add_products_half_to_zero(acc, values, rows, count, weights, product_shift)
        for lane in range(4 * H):
            acc[lane] = bias[lane] + np.int16(acc[lane] << lift)
        if peepholes.size:
            update_peephole_units(state, cell, acc, t == 0, peepholes, peephole_shift, activation_bits, sigmoid, tanh)
            hidden[t] = state
            continue
        for u in range(H):
            cell[u], out = update_unit(
                acc[u], acc[H + u], acc[2 * H + u], acc[3 * H + u], cell[u], activation_bits, sigmoid, tanh
            )
            hidden[t, u] = out
            state[u] = out


@cached_njit()
def score_columns(scores, hidden, weights, bias, lift, product_shift):
    """Class scores in image order.

    :param scores: out, int16 [T, C].
    :param hidden: int8 [T, 2, H] at time steps.
    :param weights: int8 or int16 [2H, K]: forward units, then backward ones.
    :param bias: int16 [K], fraction 8: both directions' biases added.
    :param lift: bits by which exact sums are shifted up to fraction 8; 0 where products are rounded to it.
    :param product_shift: bits that RND_CONV drops of each product; 0 where products are exact.
    """
    T, C = scores.shape
    H = hidden.shape[2]
    acc = np.empty(bias.size, dtype=np.int16)
    values, rows = np.empty(2 * H + ROWS_PER_PASS, dtype=np.int16), np.empty(2 * H + ROWS_PER_PASS, dtype=np.int64)
    for t in range(T):
        count = gather_terms(values, rows, 0, hidden[t, 0], 0, 0)
        count = fill_pass(values, rows, gather_terms(values, rows, count, hidden[T - 1 - t, 1], 0, H))
        acc[:] = 0
        add_products_half_to_even(acc, values, rows, count, weights, product_shift)
        for k in range(C):
            scores[t, k] = bias[k] + np.int16(acc[k] << lift)


@cached_njit()
def best_classes(values, labels, scores):
    """Best class of each column, with the hardware's quirk: the running label outlives a column without a winner.

    Columns arrive from the centre outwards: T//2, then for even T T//2-1, T//2+1, ... (for odd T, which no board
    computes, the centre comes alone and then T//2+1, T//2-1, ...).

    :param values: out, int64 [T], 0 for a blank column; `labels` out, int64 [T]; both in image order.
    :param scores: int16 [T, C].
    """
    T, C = scores.shape
    label = 0
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
            values[column] = 0 if label == 0 else maximum


@cached_njit()
def emit_labels(emitted, values, labels):
    """Walk the columns left to right and emit one label per run of non-blank columns that a blank column ends.

    :param emitted: out, uint8, with room for (T + 1) // 2 labels.
    :returns: number of labels, before any limit.
    """
    held_value, held_label, count = 0, 0, 0
    for t in range(values.size):
        if values[t] > held_value:
            held_value, held_label = values[t], labels[t]
        elif held_label != 0 and labels[t] == 0:
            emitted[count] = held_label
            count += 1
            held_value, held_label = values[t], labels[t]
    return count

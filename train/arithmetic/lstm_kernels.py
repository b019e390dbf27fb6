"""Numba kernels of the LSTM in training, forward and backward pass, one direction of one line or of a few at a time.

Lines are packed: M = sum of T + B + 1 rows, one empty row before, between and after the lines. No padding is computed,
and the hidden output of the step before is the row before (forward) or behind (backward), zero at a line's end.
A kernel takes jobs, a line or a group of lines and a direction, longest line first, and releases the GIL: jobs are
independent, so the result does not depend on the number of threads.

Shapes: D directions, H units, I rows of a column, lanes 4H gate-major in `Gate` order (i, f, g, o).
"""

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
from numba import njit

from datapath.compilation_cache import cached_njit
from datapath.quantities import CELL, F_TIMES_C_SHIFT, HIDDEN_FRACTION, I_TIMES_G_SHIFT, TABLE_FRACTION
from datapath.tables import SIGMOID, TANH

ROWS_PER_PASS = 4
"""Rows of a matrix added per pass over the sums: each pass loads and stores them once."""

LINES_PER_GROUP = 4
"""Lines that float kernels compute side by side: the weights exceed the nearest cache, and each load serves all lines.
With 4 lines one core reaches 61 GFLOP/s backward and 40 forward, with 2 it was 40, with 1 it was 25."""

LOG2_E = np.float32(1.4426950408889634)
EXPONENT_LIMIT = np.float32(126.0)
"""2**x stays a normal float32 within this."""
FLOAT32_BIAS, FLOAT32_FRACTION = np.int32(127), np.int32(23)
"""Bias of the exponent, and bits of the fraction, of a float32."""

SIGMOID_BOUND, SIGMOID_MULTIPLIER = np.int32(SIGMOID.bound), np.int32(SIGMOID.multiplier)
TANH_BOUND, TANH_MULTIPLIER = np.int32(TANH.bound), np.int32(TANH.multiplier)
INDEX_SHIFT = np.int32(SIGMOID.shift)
TABLE_STEP, CELL_STEP = np.float32(2.0**-TABLE_FRACTION), np.float32(CELL.step)
CELL_MIN, CELL_MAX = np.int32(CELL.min), np.int32(CELL.max)
OUTPUT_FRACTION = np.int32(HIDDEN_FRACTION)
"""Fraction bits of o * tanh(c)."""
INPUT_SHIFT, FORGET_SHIFT = np.int32(I_TIMES_G_SHIFT), np.int32(F_TIMES_C_SHIFT)
"""Bits by which i * g and f * c are rounded to the cell state's fraction."""


class HardwareValues(NamedTuple):
    """What a network computes with in the overlay's arithmetic, as raw integers."""

    pixels: np.ndarray  # int16 [M, I]
    background: np.int16  # int16, pixel value whose products are in `start` already, so that such pixels cost nothing
    weights: np.ndarray  # int8 or int16 [D, I + H, 4H]
    start: np.ndarray  # int16 [D, 4H], products of a column of background
    bias: np.ndarray  # int16 [D, 4H], fraction of the accumulator
    left_shift: int  # bits by which exact sums are shifted to the accumulator's fraction
    activation_bits: int  # A
    sigmoid: np.ndarray  # int32 [256], the table in 1/64
    tanh: np.ndarray  # int32 [256], the same


class States(NamedTuple):
    """What the forward pass computes, float32: `gates` [D, M, 4H]; `cells`, `tanh_cells` (tanh of the cell state) and
    `hidden` [D, M, H]."""

    gates: np.ndarray
    cells: np.ndarray
    tanh_cells: np.ndarray
    hidden: np.ndarray


@njit(inline="always")
def _sigmoid_index(x):
    clipped = min(max(x, -SIGMOID_BOUND), SIGMOID_BOUND)
    return ((clipped + SIGMOID_BOUND) * SIGMOID_MULTIPLIER) >> INDEX_SHIFT


@njit(inline="always")
def _tanh_index(x):
    clipped = min(max(x, -TANH_BOUND), TANH_BOUND)
    return ((clipped + TANH_BOUND) * TANH_MULTIPLIER) >> INDEX_SHIFT


@njit(inline="always")
def _half_to_even(product, rounding_shift):
    """RND_CONV: remove `rounding_shift` bits."""
    one = np.int32(1)
    return (product + (one << (rounding_shift - one)) - one + ((product >> rounding_shift) & one)) >> rounding_shift


@njit(inline="always")
def _list_terms(values, rows, pixels, background, state):
    """List the values that add something and their rows in the weights, up to whole passes; returns the length."""
    count = 0
    for r in range(pixels.size):
        values[count], rows[count] = pixels[r] - background, r
        count += pixels[r] != background
    for u in range(state.size):
        values[count], rows[count] = state[u], pixels.size + u
        count += state[u] != 0
    while count % ROWS_PER_PASS:
        values[count], rows[count] = 0, 0
        count += 1
    return count


@njit(inline="always")
def _through_tables(acc, bias, left_shift, sigmoid, tanh, total, entry, gate):
    """Accumulators to table outputs: `entry` in 1/64, `gate` the same as floats."""
    H = acc.size // 4
    for lane in range(4 * H):
        total[lane] = np.int16(bias[lane] + np.int16(acc[lane] << left_shift))
    for lane in range(2 * H):
        entry[lane] = sigmoid[_sigmoid_index(total[lane])]
    for lane in range(2 * H, 3 * H):
        entry[lane] = tanh[_tanh_index(total[lane])]
    for lane in range(3 * H, 4 * H):
        entry[lane] = sigmoid[_sigmoid_index(total[lane])]
    for lane in range(4 * H):
        gate[lane] = np.float32(entry[lane]) * TABLE_STEP


@njit(inline="always")
def _update_units(entry, tanh, activation_bits, cell, state, tanh_cell, cell_out, tanh_cell_out, hidden_out):
    """Cell states and hidden outputs of all units, raw in place and as floats in the outputs."""
    H = cell.size
    rounding_shift = OUTPUT_FRACTION - np.int32(activation_bits - 1)
    half_range = np.int32(1 << (activation_bits - 1))
    hidden_step = np.float32(1 / (1 << (activation_bits - 1)))
    for u in range(H):
        i, f, g = entry[u], entry[H + u], entry[2 * H + u]
        new = _half_to_even(i * g, INPUT_SHIFT) + _half_to_even(f * cell[u], FORGET_SHIFT)
        cell[u] = min(max(new, CELL_MIN), CELL_MAX)
    for u in range(H):
        tanh_cell[u] = tanh[_tanh_index(cell[u])]
    for u in range(H):
        out = _half_to_even(tanh_cell[u] * entry[3 * H + u], rounding_shift)
        out = min(max(out, -half_range), half_range - np.int32(1))
        state[u] = out
        cell_out[u] = np.float32(cell[u]) * CELL_STEP
        tanh_cell_out[u] = np.float32(tanh_cell[u]) * TABLE_STEP
        hidden_out[u] = np.float32(out) * hidden_step


@njit(inline="always")
def _rounded(product, rounding_shift):
    """RND_ZERO: remove `rounding_shift` bits, a tie goes toward zero."""
    if rounding_shift == 0:
        return product
    return np.int16(np.int16(product + ((1 << (rounding_shift - 1)) - 1) - (product >> 15)) >> rounding_shift)


def _adder(rounding_shift):
    """Adds products that lose `rounding_shift` bits each: a constant keeps lanes 16 bits wide, four times faster."""

    @cached_njit()
    def add(acc, values, rows, count, matrix):
        for n in range(0, count, ROWS_PER_PASS):
            v0, v1, v2, v3 = values[n], values[n + 1], values[n + 2], values[n + 3]
            w0, w1, w2, w3 = matrix[rows[n]], matrix[rows[n + 1]], matrix[rows[n + 2]], matrix[rows[n + 3]]
            for lane in range(acc.size):
                acc[lane] += (
                    _rounded(np.int16(v0 * w0[lane]), rounding_shift)
                    + _rounded(np.int16(v1 * w1[lane]), rounding_shift)
                    + _rounded(np.int16(v2 * w2[lane]), rounding_shift)
                    + _rounded(np.int16(v3 * w3[lane]), rounding_shift)
                )

    return add


@cache
def hardware_forward(rounding_shift: int) -> Callable:
    """The kernel of the overlay's arithmetic (docs/spec/datapath.md), to floats with the hardware's values.

    :param rounding_shift: bits that RND_ZERO removes of each product, 0 to 6.
    """
    add_products = _adder(rounding_shift)

    @cached_njit()
    def forward(jobs, offsets, values, states):
        """
        :param jobs: int64 [n, 2], line and direction.
        :param offsets: int64 [B + 1], row of each line's first column.
        :param values: `HardwareValues`.
        :param states: `States`, written.
        """
        H, most = states.hidden.shape[2], values.weights.shape[1] + ROWS_PER_PASS
        acc, state, cell = np.empty(4 * H, np.int16), np.empty(H, np.int16), np.empty(H, np.int32)
        total, entry, tanh_cell = np.empty(4 * H, np.int32), np.empty(4 * H, np.int32), np.empty(H, np.int32)
        terms, rows = np.empty(most, np.int16), np.empty(most, np.int64)
        for job in range(jobs.shape[0]):
            line, d = jobs[job, 0], jobs[job, 1]
            first, columns = offsets[line], offsets[line + 1] - 1 - offsets[line]
            state[:] = 0
            cell[:] = 0
            for step in range(columns):
                row = first + (step if d == 0 else columns - 1 - step)
                count = _list_terms(terms, rows, values.pixels[row], values.background, state)
                acc[:] = values.start[d]
                add_products(acc, terms, rows, count, values.weights[d])
                bias, gate = values.bias[d], states.gates[d, row]
                _through_tables(acc, bias, values.left_shift, values.sigmoid, values.tanh, total, entry, gate)
                cells, tanh_cells, hidden = states.cells[d, row], states.tanh_cells[d, row], states.hidden[d, row]
                bits = values.activation_bits
                _update_units(entry, values.tanh, bits, cell, state, tanh_cell, cells, tanh_cells, hidden)

    return forward


@njit(inline="always")
def _logistic(x, powers, scales):
    """x = 1 / (1 + exp(-x)) in place: 2**n by its bits, 2**fraction by a polynomial, so that lanes stay vectors."""
    for lane in range(x.size):
        t = min(max(-x[lane] * LOG2_E, -EXPONENT_LIMIT), EXPONENT_LIMIT)
        n = np.floor(t + np.float32(0.5))
        x[lane] = t - n
        powers[lane] = (np.int32(n) + FLOAT32_BIAS) << FLOAT32_FRACTION
    for lane in range(x.size):
        r = x[lane]
        p = np.float32(1.5403530e-4)
        p = p * r + np.float32(1.3333558e-3)
        p = p * r + np.float32(9.6181291e-3)
        p = p * r + np.float32(5.5504109e-2)
        p = p * r + np.float32(2.4022651e-1)
        p = p * r + np.float32(6.9314718e-1)
        p = p * r + np.float32(1.0)
        x[lane] = np.float32(1.0) / (np.float32(1.0) + p * scales[lane])


@njit(inline="always")
def _row(offsets, line, direction, step):
    """Packed row that a line reads at a step, -1 after its end and for no line (-1)."""
    columns = 0 if line < 0 else offsets[line + 1] - 1 - offsets[line]
    if step >= columns:
        return np.int64(-1)
    return offsets[line] + (step if direction == 0 else columns - 1 - step)


@njit(inline="always")
def _add_state(matrix, state, sums):
    """sums += state @ matrix for a group of lines, four units at a time."""
    H, lanes = matrix.shape
    one, two, three, four = sums[0], sums[1], sums[2], sums[3]
    whole = H - H % ROWS_PER_PASS
    for u in range(0, whole, ROWS_PER_PASS):
        w0, w1, w2, w3 = matrix[u], matrix[u + 1], matrix[u + 2], matrix[u + 3]
        a0, a1, a2, a3 = state[0, u], state[0, u + 1], state[0, u + 2], state[0, u + 3]
        b0, b1, b2, b3 = state[1, u], state[1, u + 1], state[1, u + 2], state[1, u + 3]
        c0, c1, c2, c3 = state[2, u], state[2, u + 1], state[2, u + 2], state[2, u + 3]
        d0, d1, d2, d3 = state[3, u], state[3, u + 1], state[3, u + 2], state[3, u + 3]
        for lane in range(lanes):
            one[lane] += (a0 * w0[lane] + a1 * w1[lane]) + (a2 * w2[lane] + a3 * w3[lane])
            two[lane] += (b0 * w0[lane] + b1 * w1[lane]) + (b2 * w2[lane] + b3 * w3[lane])
            three[lane] += (c0 * w0[lane] + c1 * w1[lane]) + (c2 * w2[lane] + c3 * w3[lane])
            four[lane] += (d0 * w0[lane] + d1 * w1[lane]) + (d2 * w2[lane] + d3 * w3[lane])
    for u in range(whole, H):
        for place in range(LINES_PER_GROUP):
            for lane in range(lanes):
                sums[place, lane] += state[place, u] * matrix[u, lane]


@njit(inline="always")
def _float_units(gate, cell, state, new, s, out, powers, scales):
    """One column of one line: gates from their sums, in place; cell states and hidden outputs."""
    H = cell.size
    for lane in range(2 * H, 3 * H):
        gate[lane] *= 2
    _logistic(gate, powers, scales)
    for lane in range(2 * H, 3 * H):
        gate[lane] = 2 * gate[lane] - 1
    for u in range(H):
        cell[u] = gate[H + u] * cell[u] + gate[u] * gate[2 * H + u]
        new[u] = cell[u]
        s[u] = 2 * cell[u]
    _logistic(s, powers, scales)
    for u in range(H):
        s[u] = 2 * s[u] - 1
        state[u] = s[u] * gate[3 * H + u]
        out[u] = state[u]


@cached_njit(sums_in_any_order=True)
def float_forward(jobs, offsets, weights, states):
    """The same recurrence in floating point.

    :param jobs: int64 [n, LINES_PER_GROUP + 1]: lines, longest first (-1 for none), and direction.
    :param offsets: int64 [B + 1], row of each line's first column.
    :param weights: float32 [D, H, 4H], recurrent side, unit by lane.
    :param states: `States`, written; its gates hold the products of the columns plus biases before.
    """
    H = states.hidden.shape[2]
    powers = np.empty(4 * H, dtype=np.int32)
    scales = powers.view(np.float32)
    state, cell = np.empty((LINES_PER_GROUP, H), np.float32), np.empty((LINES_PER_GROUP, H), np.float32)
    sums = np.empty((LINES_PER_GROUP, 4 * H), np.float32)
    for job in range(jobs.shape[0]):
        d = jobs[job, LINES_PER_GROUP]
        gates, cells, tanh_cells, hidden = states.gates[d], states.cells[d], states.tanh_cells[d], states.hidden[d]
        state[:] = 0
        cell[:] = 0
        sums[:] = 0
        for step in range(offsets[jobs[job, 0] + 1] - 1 - offsets[jobs[job, 0]]):
            for place in range(LINES_PER_GROUP):
                row = _row(offsets, jobs[job, place], d, step)
                if row >= 0:
                    sums[place] = gates[row]
            _add_state(weights[d], state, sums)
            for place in range(LINES_PER_GROUP):
                row = _row(offsets, jobs[job, place], d, step)
                if row >= 0:
                    new, s, out = cells[row], tanh_cells[row], hidden[row]
                    _float_units(sums[place], cell[place], state[place], new, s, out, powers, scales)
                    gates[row] = sums[place]


@njit(inline="always")
def _unit_gradients(row, first, high, gate, cells, tanh_cells, gradient, dh, dc, sums):
    """One column of one line: gradients of its accumulators into `gate` and `sums`, of the cell before into `dc`."""
    H = dh.size
    one = np.float32(1)
    # An empty row lies before the first column that is read, so the cell state before it is 0.
    before, s, outer = cells[row - 1 if first else row + 1], tanh_cells[row], gradient[row]
    gate_i, gate_f, gate_g, gate_o = gate[:H], gate[H : 2 * H], gate[2 * H : 3 * H], gate[3 * H :]
    for u in range(H):
        d = dh[u] + outer[u]
        i, f, g, o = gate_i[u], gate_f[u], gate_g[u], gate_o[u]
        d = np.float32(0) if (s[u] * o > high) and (d < 0) else d
        d_cell = dc[u] + d * o * (one - s[u] * s[u])
        sums[u] = d_cell * g * i * (one - i)
        sums[H + u] = d_cell * before[u] * f * (one - f)
        sums[2 * H + u] = d_cell * i * (one - g * g)
        sums[3 * H + u] = d * s[u] * o * (one - o)
        dc[u] = d_cell * f
    gate[:] = sums


@njit(inline="always")
def _spread_back(matrix, sums, dh):
    """dh = matrix @ sums for a group of lines, two units at a time."""
    H, lanes = matrix.shape
    one, two, three, four = sums[0], sums[1], sums[2], sums[3]
    for u in range(0, H - 1, 2):
        w, x = matrix[u], matrix[u + 1]
        a0 = a1 = b0 = b1 = c0 = c1 = d0 = d1 = np.float32(0)
        for lane in range(lanes):
            a0 += w[lane] * one[lane]
            a1 += x[lane] * one[lane]
            b0 += w[lane] * two[lane]
            b1 += x[lane] * two[lane]
            c0 += w[lane] * three[lane]
            c1 += x[lane] * three[lane]
            d0 += w[lane] * four[lane]
            d1 += x[lane] * four[lane]
        dh[0, u], dh[0, u + 1], dh[1, u], dh[1, u + 1] = a0, a1, b0, b1
        dh[2, u], dh[2, u + 1], dh[3, u], dh[3, u + 1] = c0, c1, d0, d1
    for u in range(H - H % 2, H):
        for place in range(LINES_PER_GROUP):
            a0 = np.float32(0)
            for lane in range(lanes):
                a0 += matrix[u, lane] * sums[place, lane]
            dh[place, u] = a0


@cached_njit(sums_in_any_order=True)
def backward(jobs, offsets, weights, high, gates, cells, tanh_cells, gradient):
    """Gradients of the accumulators, from the last column read to the first, straight through every rounding.

    Tables count as the functions that they tabulate. Where the hidden output was clipped to `high`, a gradient that
    would push it further out is stopped.

    :param jobs: int64 [n, LINES_PER_GROUP + 1]: lines, longest first (-1 for none), and direction.
    :param offsets: int64 [B + 1], row of each line's first column.
    :param weights: float32 [D, H, 4H], recurrent side, unit by lane.
    :param high: greatest hidden output; infinite in floating point.
    :param gates: in: the gates; out: gradients of the accumulators, float32 [D, M, 4H].
    :param cells: float32 [D, M, H], see `States`.
    :param tanh_cells: float32 [D, M, H], the same.
    :param gradient: float32 [D, M, H], of the hidden outputs.
    """
    H = gradient.shape[2]
    dh, dc = np.empty((LINES_PER_GROUP, H), np.float32), np.empty((LINES_PER_GROUP, H), np.float32)
    sums = np.empty((LINES_PER_GROUP, 4 * H), np.float32)
    for job in range(jobs.shape[0]):
        d = jobs[job, LINES_PER_GROUP]
        gate, cell, tanh_cell, outer = gates[d], cells[d], tanh_cells[d], gradient[d]
        dh[:] = 0
        dc[:] = 0
        sums[:] = 0
        longest = offsets[jobs[job, 0] + 1] - 1 - offsets[jobs[job, 0]]
        for step in range(longest - 1, -1, -1):
            for place in range(LINES_PER_GROUP):
                row = _row(offsets, jobs[job, place], d, step)
                if row >= 0:
                    _unit_gradients(
                        row, d == 0, high, gate[row], cell, tanh_cell, outer, dh[place], dc[place], sums[place]
                    )
            _spread_back(weights[d], sums, dh)

"""The instrumented walk: the specification's loops, 64 bits wide, with a tally at every number.

Slow and plain on purpose. It shares no arithmetic with the fast path: rounding, overflow and tables are written out
here, so that each value is seen before and after. `fixedpoint_sim.inspection` says what the tallies mean.

Shapes: T columns, I input rows, H hidden units per direction, C classes, Q quantities. Gates stand in the order of
`datapath.design.Gate`: i, f, g, o.
"""

import numpy as np

from datapath.compilation_cache import cached_njit

# Rows of the tallies. Where a quantity exists once per gate, gate k is `NAME + k`.
PIXEL, INPUT_PRODUCT, RECURRENT_PRODUCT = 0, 1, 2
ACCUMULATOR, PEEPHOLE_PRODUCT, PEEPHOLE_SUM, TABLE_INPUT, TABLE_OUTPUT = 3, 7, 10, 13, 17
I_TIMES_G, F_TIMES_C, CELL_STATE, CELL_TABLE_INPUT, CELL_TABLE_OUTPUT, HIDDEN = 21, 22, 23, 24, 25, 26
FC_PRODUCT, FC_SUM, CLASS_SCORE = 27, 28, 29
QUANTITIES = 30

PEEPHOLE_ROWS = range(PEEPHOLE_PRODUCT, TABLE_INPUT)
"""Rows that only a network with peepholes fills; three rows each, for i, f and o."""

# Columns of `notes`, all counts but the first two, which are raw values after rounding and before overflow.
LOWEST, HIGHEST, BELOW, ABOVE, INEXACT, TIES, ENTRY_FIRST, ENTRY_LAST = 0, 1, 2, 3, 4, 5, 6, 7
NOTES = 8

OFFSET = 32768
"""A value v is counted at `counts[quantity, v + OFFSET]`: no type of the datapath is wider than 16 bits."""

G = 2  # the gate that goes through tanh and has no peephole
OUTPUT = 3  # the gate whose peephole sees the new cell state


@cached_njit()
def _tally(counts, notes, quantity, rounded, stored):
    """Note one value: `rounded` has its fraction bits, `stored` is what overflow left of it."""
    note = notes[quantity]
    note[LOWEST] = min(note[LOWEST], rounded)
    note[HIGHEST] = max(note[HIGHEST], rounded)
    if rounded < stored:
        note[BELOW] += 1  # it came back higher than it was: below the range
    elif rounded > stored:
        note[ABOVE] += 1
    counts[quantity, stored + OFFSET] += 1


@cached_njit()
def _tally_rounding(notes, quantity, exact, shift):
    """Note what dropping `shift` bits of `exact` loses; with a shift of 0 or less nothing."""
    if shift > 0:
        dropped = exact & ((1 << shift) - 1)
        if dropped != 0:
            notes[quantity, INEXACT] += 1
            if dropped == 1 << (shift - 1):
                notes[quantity, TIES] += 1


@cached_njit()
def _half_to_zero(exact, shift):
    """RND_ZERO."""
    if shift <= 0:
        return exact << -shift
    magnitude = (abs(exact) + (1 << (shift - 1)) - 1) >> shift
    return magnitude if exact >= 0 else -magnitude


@cached_njit()
def _half_to_even(exact, shift):
    """RND_CONV."""
    if shift <= 0:
        return exact << -shift
    floor = exact >> shift
    dropped = exact - (floor << shift)
    half = 1 << (shift - 1)
    if dropped > half or (dropped == half and floor & 1):
        return floor + 1
    return floor


@cached_njit()
def _wrap(value):
    """WRAP to 16 bits."""
    return ((value + 32768) & 65535) - 32768


@cached_njit()
def _saturate(value, bits):
    """SAT."""
    return min(max(value, -(1 << (bits - 1))), (1 << (bits - 1)) - 1)


@cached_njit()
def _look_up(counts, notes, value, is_tanh, sigmoid, tanh, input_quantity, output_quantity):
    """Entry of a table, units of 1/64, for a raw value, units of 1/256; both are tallied."""
    bound, multiplier = (3 * 256, 85) if is_tanh else (5 * 256, 51)
    if value <= -bound:
        entry = 0
    elif value >= bound:
        entry = 255
    else:
        entry = ((value + bound) * multiplier) >> 9
    _tally(counts, notes, input_quantity, value, value)
    if entry == 0:
        notes[input_quantity, ENTRY_FIRST] += 1
    elif entry == 255:
        notes[input_quantity, ENTRY_LAST] += 1
    output = tanh[entry] if is_tanh else sigmoid[entry]
    # The sigmoid's type has 7 fraction bits, the tanh's 6.
    raw = output if is_tanh else 2 * output
    _tally(counts, notes, output_quantity, raw, raw)
    return output


@cached_njit()
def _sum_of_products(vector, weights, shift, quantity, counts, notes):
    """The exact sum of a gate's products, each rounded and wrapped on its own and tallied."""
    total = 0
    for r in range(vector.size):
        exact = vector[r] * weights[r]
        product = _half_to_zero(exact, shift)
        _tally_rounding(notes, quantity, exact, shift)
        _tally(counts, notes, quantity, product, _wrap(product))
        total += _wrap(product)
    return total


@cached_njit()
def walk_direction(
    hidden,
    columns,
    reverse,
    weights_input,
    weights_recurrent,
    biases_input,
    biases_recurrent,
    peepholes,
    product_shift,
    bias_shift,
    peephole_shift,
    activation_bits,
    sigmoid,
    tanh,
    counts,
    notes,
):
    """Hidden words of one direction, every value of it tallied but the pixels, which both directions read.

    :param hidden: out, int64 [T, H], at time steps; `columns` int64 [T, I], read right to left if `reverse`.
    :param weights_input: [4, H, I]; `weights_recurrent` [4, H, H]; both biases [4, H]; int64, as in `Design`.
    :param peepholes: int64 [3, H] for gates i, f, o, with `peephole_shift` fraction bits; [0, H] without.
    :param product_shift: fraction bits of a product less 8, to be rounded away; negative: shifted up.
    :param sigmoid: entries of the table, int64 [256], units of 1/64; `tanh` likewise.
    :param counts: in and out, int64 [Q, 65536]; `notes` int64 [Q, NOTES].
    """
    T, H = hidden.shape
    cell = np.zeros(H, dtype=np.int64)
    before = np.zeros(H, dtype=np.int64)
    gates = np.zeros(4, dtype=np.int64)
    for t in range(T):
        x = columns[T - 1 - t if reverse else t]
        for unit in range(H):
            for gate in range(4):
                total = (biases_input[gate, unit] << bias_shift) + (biases_recurrent[gate, unit] << bias_shift)
                total += _sum_of_products(x, weights_input[gate, unit], product_shift, INPUT_PRODUCT, counts, notes)
                total += _sum_of_products(
                    before, weights_recurrent[gate, unit], product_shift, RECURRENT_PRODUCT, counts, notes
                )
                gates[gate] = _wrap(total)
                _tally(counts, notes, ACCUMULATOR + gate, total, gates[gate])
            cell[unit] = _pass_gates(
                gates, cell[unit], t == 0, peepholes[:, unit], peephole_shift, sigmoid, tanh, counts, notes
            )
            squashed = _look_up(counts, notes, cell[unit], True, sigmoid, tanh, CELL_TABLE_INPUT, CELL_TABLE_OUTPUT)
            shift = 13 - activation_bits  # 6 + 6 fraction bits -> A - 1
            exact = squashed * gates[3]
            rounded = _half_to_even(exact, shift)
            hidden[t, unit] = _saturate(rounded, activation_bits)
            _tally_rounding(notes, HIDDEN, exact, shift)
            _tally(counts, notes, HIDDEN, rounded, hidden[t, unit])
        before[:] = hidden[t]


@cached_njit()
def _pass_gates(gates, state, first, peepholes, peephole_shift, sigmoid, tanh, counts, notes):
    """The new cell state from the one before.

    :param gates: in, int64 [4], accumulators; out, the tables' outputs, units of 1/64.
    :param peepholes: int64 [3] of this unit, or [0].
    """
    for gate in range(4):
        if gate == OUTPUT:
            state = _update_cell(state, gates, first, counts, notes)
        value = gates[gate]
        if peepholes.size > 0 and not first and gate != G:
            place = 2 if gate == OUTPUT else gate
            value = _add_peephole(value, peepholes[place], state, peephole_shift, place, counts, notes)
        gates[gate] = _look_up(counts, notes, value, gate == G, sigmoid, tanh, TABLE_INPUT + gate, TABLE_OUTPUT + gate)
    return state


@cached_njit()
def _add_peephole(accumulator, weight, state, shift, place, counts, notes):
    """The accumulator with its peephole to the cell state; `place` is 0, 1, 2 for gates i, f, o."""
    exact = weight * state
    rounded = _half_to_even(exact, shift)
    product = _saturate(rounded, 16)
    _tally_rounding(notes, PEEPHOLE_PRODUCT + place, exact, shift)
    _tally(counts, notes, PEEPHOLE_PRODUCT + place, rounded, product)
    total = accumulator + product
    stored = _saturate(total, 16)
    _tally(counts, notes, PEEPHOLE_SUM + place, total, stored)
    return stored


@cached_njit()
def _update_cell(state, gates, first, counts, notes):
    """The new cell state from the one before, which is not read at the first step."""
    exact = gates[0] * gates[2]  # 6 + 6 fraction bits -> 8
    rounded = _half_to_even(exact, 4)
    ig = _saturate(rounded, 16)
    _tally_rounding(notes, I_TIMES_G, exact, 4)
    _tally(counts, notes, I_TIMES_G, rounded, ig)
    total = ig
    if not first:
        exact = gates[1] * state  # 6 + 8 fraction bits -> 8
        rounded = _half_to_even(exact, 6)
        fc = _saturate(rounded, 16)
        _tally_rounding(notes, F_TIMES_C, exact, 6)
        _tally(counts, notes, F_TIMES_C, rounded, fc)
        total = ig + fc
    state = _saturate(total, 16)
    _tally(counts, notes, CELL_STATE, total, state)
    return state


@cached_njit()
def walk_output(scores, hidden, weights, biases, product_shift, bias_shift, counts, notes):
    """Class scores, every value tallied.

    :param scores: out, int64 [T, C], image order; `hidden` int64 [2, T, H] at time steps.
    :param weights: int64 [2, C, H]; `biases` int64 [2, C].
    """
    T, C = scores.shape
    H = hidden.shape[2]
    sums = np.zeros((2, T, C), dtype=np.int64)
    for direction in range(2):
        for t in range(T):
            for k in range(C):
                total = biases[direction, k] << bias_shift
                for j in range(H):
                    exact = hidden[direction, t, j] * weights[direction, k, j]
                    product = _half_to_even(exact, product_shift)
                    _tally_rounding(notes, FC_PRODUCT, exact, product_shift)
                    _tally(counts, notes, FC_PRODUCT, product, _wrap(product))
                    total += _wrap(product)
                sums[direction, t, k] = _wrap(total)
                _tally(counts, notes, FC_SUM, total, sums[direction, t, k])
    for t in range(T):
        for k in range(C):
            total = sums[0, t, k] + sums[1, T - 1 - t, k]
            scores[t, k] = _wrap(total)
            _tally(counts, notes, CLASS_SCORE, total, scores[t, k])

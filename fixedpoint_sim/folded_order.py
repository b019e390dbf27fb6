"""The second walk: the arrays of a header, read with the hardware's own addressing and loop order.

Nothing is rearranged first: each weight is fetched as ``[a][b][p][q]`` where the hardware fetches it, each product is
rounded, added and wrapped on its own, and the tables are indexed as the hardware does. It shares no arithmetic with
`simulate` but the label rule, which comes after folding has ended. If a header was folded wrongly, this walk gives
other bits. (Nor may it: a kept kernel is known by its own file, not by those of the kernels that it calls.)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from datapath.compilation_cache import cached_njit
from datapath.design import Design
from datapath.errors import DesignError
from datapath.folded import SHAPE, FoldedNetwork
from datapath.quantities import ACCUMULATOR, SCORE
from datapath.tables import SIGMOID, TANH
from fixedpoint_sim.simulator import (
    check_columns,
    exceeded_before,
    finish_trace,
    refuse,
    run_in_order,
)
from fixedpoint_sim.trace import Trace


def simulate_folded(
    network: FoldedNetwork, design: Design, columns: np.ndarray, *, ignore_limits: bool = False
) -> Trace:
    """Compute one line from the folded arrays.

    :param network: what a header holds; all arithmetic comes from here.
    :param design: gives the alphabet and the limits; its dimensions must be the network's.
    :param columns: integers [T, I], raw values of ``fixed<A, 1>``.
    :raises DesignError: the dimensions or widths differ.
    :raises DataError, LimitError: as `simulate`.
    """
    check_same_shape(network, design)
    columns = check_columns(design, columns)
    refuse(exceeded_before(design, len(columns)), ignore_limits=ignore_limits)
    bits = network.precision
    peepholes, peephole_shift = np.zeros((0, *network.biases_input.shape[1:]), dtype=np.int64), 0
    if network.peepholes is not None:
        peepholes = network.peepholes.weights.astype(np.int64)
        peephole_shift = network.peepholes.format.format.fraction
    hidden = np.empty((len(columns), 2, network.hidden), dtype=np.int8)
    _walk_hidden_layer(
        hidden,
        columns,
        # Column-major memory only: the addressing stays [gate][a][b][p][q], and the walk reads what lies side by side.
        np.asfortranarray(network.weights_input),
        np.asfortranarray(network.weights_recurrent),
        network.biases_input,
        network.biases_recurrent,
        peepholes,
        peephole_shift,
        (bits.activation - 1) + (bits.weight - 1) - ACCUMULATOR.fraction,
        ACCUMULATOR.fraction - (bits.bias - 1),
        bits.activation,
        (SIGMOID.entries, SIGMOID.bound, SIGMOID.multiplier, SIGMOID.shift),
        (TANH.entries, TANH.bound, TANH.multiplier, TANH.shift),
    )
    scores = np.empty((len(columns), network.classes), dtype=np.int16)
    _walk_output_layer(
        scores,
        hidden,
        np.asfortranarray(network.fc_weights),
        network.fc_biases,
        (bits.activation - 1) + (bits.fc_weight - 1) - SCORE.fraction,
        SCORE.fraction - (bits.fc_bias - 1),
    )
    return finish_trace(design, hidden, scores, ignore_limits=ignore_limits)


def simulate_folded_lines(
    network: FoldedNetwork,
    design: Design,
    lines: Iterable[np.ndarray],
    *,
    ignore_limits: bool = False,
    threads: int | None = None,
) -> Iterator[Trace]:
    """`simulate_folded` over many lines in parallel, in order; errors and `threads` as in `simulate_lines`."""
    check_same_shape(network, design)
    return run_in_order(
        lambda columns: simulate_folded(network, design, columns, ignore_limits=ignore_limits), lines, threads=threads
    )


def check_same_shape(network: FoldedNetwork, design: Design) -> None:
    """:raises DesignError: the network's dimensions or widths are not the design's; both are named."""
    for name in SHAPE:
        ours, theirs = getattr(network, name), getattr(design, name)
        if ours != theirs:
            raise DesignError(f"The folded arrays have {name} {ours}, the design has {theirs}.")


@cached_njit()
def _wrap16(value):
    return ((value + 32768) & 65535) - 32768


@cached_njit()
def _half_to_zero(product, shift):
    """RND_ZERO to fraction 8; a shift of 0 or less is exact."""
    if shift <= 0:
        return product << -shift
    magnitude = (abs(product) + (1 << (shift - 1)) - 1) >> shift
    return magnitude if product >= 0 else -magnitude


@cached_njit()
def _half_to_even(product, shift):
    """RND_CONV to fraction 8; a shift of 0 or less is exact."""
    if shift <= 0:
        return product << -shift
    floor = product >> shift
    rest = product - (floor << shift)
    half = 1 << (shift - 1)
    return floor + (1 if rest > half or (rest == half and floor & 1) else 0)


@cached_njit()
def _saturate(value, bits):
    return min(max(value, -(1 << (bits - 1))), (1 << (bits - 1)) - 1)


@cached_njit()
def _look_up(accumulator, table):
    """Output in 1/64 of a table: (entries, bound, multiplier, shift) of `datapath.tables.Table`."""
    entries, bound, multiplier, shift = table
    if accumulator <= -bound:
        return entries[0]
    if accumulator >= bound:
        return entries[entries.size - 1]
    return entries[((accumulator + bound) * multiplier) >> shift]


@cached_njit()
def _add_peephole(accumulator, weight, state, shift):
    """Gate accumulator after its peephole reads the cell state: the product and the sum are fixed<16,8,RND_CONV,SAT>."""
    return _saturate(accumulator + _saturate(_half_to_even(weight * state, shift), 16), 16)


@cached_njit()
def _finish_unit(acc, cell, first, peepholes, peephole_shift, activation_bits, sigmoid, tanh):
    """(new cell state, hidden output) of one unit from its four accumulators in `Gate` order.

    :param peepholes: its weights for the input, forget and output gate, or nothing.
    """
    sees_state = peepholes.size > 0 and not first
    if sees_state:
        acc[0] = _add_peephole(acc[0], peepholes[0], cell, peephole_shift)
        acc[1] = _add_peephole(acc[1], peepholes[1], cell, peephole_shift)
    i = _look_up(acc[0], sigmoid)
    f = _look_up(acc[1], sigmoid)
    g = _look_up(acc[2], tanh)
    # Fraction bits: table 6, cell 8. i * g has 12, f * c 14, tanh(c) * o 12.
    c = _saturate(_half_to_even(i * g, 4), 16)
    if not first:
        c = _saturate(c + _saturate(_half_to_even(f * cell, 6), 16), 16)
    if sees_state:
        acc[3] = _add_peephole(acc[3], peepholes[2], c, peephole_shift)
    o = _look_up(acc[3], sigmoid)
    return c, _saturate(_half_to_even(_look_up(c, tanh) * o, 13 - activation_bits), activation_bits)


@cached_njit()
def _add_products(acc, vector, weights, p, q, shift):
    """acc[4] of lane p in block q, with all products of a vector [rows] and weights [4, SIMD, rows/SIMD, PE, 2H/PE]."""
    _, simd, folds, _, _ = weights.shape
    for b in range(folds):
        for a in range(simd):
            for gate in range(4):
                product = np.int64(vector[b * simd + a]) * np.int64(weights[gate, a, b, p, q])
                acc[gate] = _wrap16(acc[gate] + _half_to_zero(product, shift))


@cached_njit()
def _walk_hidden_layer(
    hidden,
    columns,
    w_ih,
    w_hh,
    b_ih,
    b_hh,
    peepholes,
    peephole_shift,
    product_shift,
    bias_shift,
    activation_bits,
    sigmoid,
    tanh,
):
    """hidden int8 [T, 2, H] from w_ih [4, SIMD, fold, PE, 2H/PE], w_hh likewise, b_ih and b_hh [4, PE, 2H/PE].

    peepholes are [3, PE, 2H/PE] with peephole_shift fraction bits, or [0, PE, 2H/PE] without.
    """
    T, _, H = hidden.shape
    _, PE, blocks = b_ih.shape
    cell = np.zeros((2, H), dtype=np.int64)
    h_prev = np.zeros((2, H), dtype=np.int64)
    h_next = np.zeros((2, H), dtype=np.int64)
    acc = np.zeros(4, dtype=np.int64)
    for t in range(T):
        for direction in range(2):
            x = columns[t if direction == 0 else T - 1 - t]
            for block in range(blocks // 2):
                q = direction * (blocks // 2) + block
                for p in range(PE):
                    u = block * PE + p
                    for gate in range(4):
                        acc[gate] = _wrap16(
                            (np.int64(b_ih[gate, p, q]) << bias_shift) + (np.int64(b_hh[gate, p, q]) << bias_shift)
                        )
                    _add_products(acc, x, w_ih, p, q, product_shift)
                    _add_products(acc, h_prev[direction], w_hh, p, q, product_shift)
                    cell[direction, u], h_next[direction, u] = _finish_unit(
                        acc,
                        cell[direction, u],
                        t == 0,
                        peepholes[:, p, q],
                        peephole_shift,
                        activation_bits,
                        sigmoid,
                        tanh,
                    )
            for u in range(H):
                h_prev[direction, u] = h_next[direction, u]
                hidden[t, direction, u] = h_next[direction, u]


@cached_njit()
def _walk_output_layer(scores, hidden, w_fc, b_fc, product_shift, bias_shift):
    """scores int16 [T, C] in image order from w_fc [H, 2C] and b_fc [1, 2C]: both halves, then their sum."""
    T, C = scores.shape
    H = hidden.shape[2]
    halves = np.zeros((2, T, C), dtype=np.int64)
    for t in range(T):
        for direction in range(2):
            for k in range(C):
                mac = np.int64(b_fc[0, direction * C + k]) << bias_shift
                for j in range(H):
                    product = np.int64(hidden[t, direction, j]) * np.int64(w_fc[j, direction * C + k])
                    mac = _wrap16(mac + _half_to_even(product, product_shift))
                halves[direction, t, k] = mac
    for t in range(T):
        for k in range(C):
            scores[t, k] = _wrap16(halves[0, t, k] + halves[1, T - 1 - t, k])

"""The folded-order simulator: the arrays of a header, read with the hardware's own addressing and loop order.

Nothing is rearranged first: each weight is fetched as ``[a][b][p][q]`` where the hardware fetches it, and each product is
rounded, added and wrapped on its own. It shares no arithmetic with `simulate` but the label rule,
which folding does not affect, so if a header was folded wrongly, the bits differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial

import numpy as np

from datapath.compilation_cache import cached_njit
from datapath.design import Design
from datapath.errors import DesignError
from datapath.folded import SHAPE, FoldedNetwork
from fixedpoint_sim.arithmetic import GATES, Widths, half_to_even, half_to_zero, update_unit, wrap
from fixedpoint_sim.simulator import check_columns, exceeded_before, finish_trace, refuse, run_in_order
from fixedpoint_sim.tallies import Tallies
from fixedpoint_sim.trace import Trace

NO_TALLIES = Tallies.empty(0)


def simulate_folded(
    network: FoldedNetwork, design: Design, columns: np.ndarray, *, ignore_limits: bool = False
) -> Trace:
    """Compute one line from the folded arrays.

    :param network: what a header holds: weights, widths, folding.
    :param design: gives the alphabet and the limits; its dimensions must be the network's.
    :param columns: integers [T, I], raw values of ``fixed<A, 1>``.
    :param ignore_limits: compute a line that exceeds a limit of the overlay as larger buffers would.
    :raises DesignError: the dimensions or widths differ.
    :raises DataError, LimitError: as `simulate`.
    """
    check_same_shape(network, design)
    columns = check_columns(design, columns)
    refuse(exceeded_before(design, len(columns)), ignore_limits=ignore_limits)
    no_peepholes = np.empty((0, *network.biases_input.shape[1:]))
    peepholes = (network.peepholes.weights if network.peepholes else no_peepholes).astype(np.int64)
    hidden = np.empty((len(columns), 2, network.hidden), dtype=np.int8)
    # Column-major memory only: the addressing stays [gate][a][b][p][q], and what is read in turn lies side by side.
    weights = np.asfortranarray(network.weights_input), np.asfortranarray(network.weights_recurrent)
    biases = network.biases_input, network.biases_recurrent
    widths = Widths.of(network.precision, network.peephole_format)
    _hidden_layer(hidden, columns, *weights, *biases, peepholes, widths, NO_TALLIES)
    scores = np.empty((len(columns), network.classes), dtype=np.int16)
    excess, bias_left_shift = network.precision.fc_excess_fraction_bits, network.precision.fc_bias_left_shift
    _output_layer(scores, hidden, np.asfortranarray(network.fc_weights), network.fc_biases, excess, bias_left_shift)
    return finish_trace(design, hidden, scores, ignore_limits=ignore_limits)


def simulate_folded_lines(
    network: FoldedNetwork,
    design: Design,
    lines: Iterable[np.ndarray],
    *,
    ignore_limits: bool = False,
    threads: int | None = None,
) -> Iterator[Trace]:
    """`simulate_folded` over many lines in parallel; traces come in the order of the lines.

    :param network: what a header holds.
    :param design: gives the alphabet and the limits.
    :param lines: integers [T, I] each.
    :param ignore_limits: as in `simulate_folded`.
    :param threads: worker threads, 1 or more; None takes one per processor.
    :raises DesignError, DataError, LimitError, ConfigError: as `simulate_folded` and `simulate_lines`.
    """
    check_same_shape(network, design)
    simulate_line = partial(simulate_folded, network, design, ignore_limits=ignore_limits)
    return run_in_order(simulate_line, lines, threads=threads)


def check_same_shape(network: FoldedNetwork, design: Design) -> None:
    """:raises DesignError: the network's dimensions or widths are not the design's; both are named."""
    for name in SHAPE:
        ours, theirs = getattr(network, name), getattr(design, name)
        if ours != theirs:
            raise DesignError(f"The folded arrays have {name} {ours}, the design has {theirs}.")


@cached_njit()
def _add_products(sums, vector, weights, p, q, excess):
    """Add all products of a vector [rows] and weights [4, SIMD, rows/SIMD, PE, 2H/PE] to sums [4] of unit (p, q)."""
    _, simd, folds, _, _ = weights.shape
    for b in range(folds):
        for a in range(simd):
            for gate in range(GATES):  # a constant, so that the loop is unrolled: 1.4 times faster
                product = np.int64(vector[b * simd + a]) * np.int64(weights[gate, a, b, p, q])
                sums[gate] = wrap(sums[gate] + half_to_zero(product, excess))


@cached_njit()
def _hidden_layer(hidden, columns, w_ih, w_hh, b_ih, b_hh, peepholes, widths, tallies):
    """Hidden words of a line; weights and biases as in `FoldedNetwork`.

    :param hidden: out, int8 [T, 2, H], at time steps.
    :param columns: int8 [T, I].
    :param peepholes: int64 [3, PE, 2H/PE] for gates i, f, o; [0, PE, 2H/PE] without.
    :param tallies: `Tallies` without rows.
    """
    T, _, H = hidden.shape
    _, PE, blocks = b_ih.shape
    cell = np.zeros((2, H), dtype=np.int64)
    h_prev = np.zeros((2, H), dtype=np.int64)
    h_next = np.zeros((2, H), dtype=np.int64)
    sums = np.zeros(GATES, dtype=np.int64)
    for t in range(T):
        for direction in range(2):
            x = columns[t if direction == 0 else T - 1 - t]
            for block in range(blocks // 2):
                q = direction * (blocks // 2) + block
                for p in range(PE):
                    u = block * PE + p
                    for gate in range(GATES):
                        bias = np.int64(b_ih[gate, p, q]) + np.int64(b_hh[gate, p, q])
                        sums[gate] = wrap(bias << widths.bias_left_shift)
                    _add_products(sums, x, w_ih, p, q, widths.excess)
                    _add_products(sums, h_prev[direction], w_hh, p, q, widths.excess)
                    cell[direction, u], h_next[direction, u] = update_unit(
                        sums, cell[direction, u], t == 0, peepholes[:, p, q], widths, tallies
                    )
            h_prev[direction] = h_next[direction]
            hidden[t, direction] = h_next[direction]


@cached_njit()
def _output_layer(scores, hidden, w_fc, b_fc, excess, bias_left_shift):
    """Class scores of a line: both halves, then their sum; weights and biases as in `FoldedNetwork`.

    :param scores: out, int16 [T, C], image order.
    :param hidden: int8 [T, 2, H], at time steps.
    """
    T, C = scores.shape
    H = hidden.shape[2]
    halves = np.zeros((2, T, C), dtype=np.int64)
    for t in range(T):
        for direction in range(2):
            for k in range(C):
                total = np.int64(b_fc[0, direction * C + k]) << bias_left_shift
                for j in range(H):
                    product = np.int64(hidden[t, direction, j]) * np.int64(w_fc[j, direction * C + k])
                    total = wrap(total + half_to_even(product, excess))
                halves[direction, t, k] = total
    for t in range(T):
        for k in range(C):
            scores[t, k] = wrap(halves[0, t, k] + halves[1, T - 1 - t, k])

"""The profiling simulator's kernels: the specification's loops, 64 bits wide, that count every value.

Slow and plain on purpose. Nothing of it is shared with the vectorised simulator; `fixedpoint_sim.inspection` says what
the tallies mean.

Shapes: T columns, I input rows, H hidden units per direction, C classes. Gates stand in the order of
`datapath.design.Gate`: i, f, g, o.
"""

import numpy as np

from datapath.compilation_cache import cached_njit
from fixedpoint_sim.arithmetic import GATES, half_to_even, half_to_zero, update_unit, wrap
from fixedpoint_sim.tallies import (
    CLASS_SCORE,
    FC_PRODUCT,
    FC_SUM,
    GATE_SUM,
    INPUT_PRODUCT,
    RECURRENT_PRODUCT,
    tally,
)


@cached_njit()
def _wrapped(tallies, quantity, exact, shift, rounded):
    """WRAP of a rounded value; counted."""
    stored = wrap(rounded)
    tally(tallies, quantity, exact, shift, rounded, stored)
    return stored


@cached_njit()
def _sum_of_products(vector, weights, excess, tallies, quantity):
    """The exact sum of a gate's products, each rounded and wrapped on its own and counted."""
    total = 0
    for r in range(vector.size):
        exact = vector[r] * weights[r]
        total += _wrapped(tallies, quantity, exact, excess, half_to_zero(exact, excess))
    return total


@cached_njit()
def profile_direction(hidden, columns, reverse, w_ih, w_hh, b_ih, b_hh, peepholes, widths, tallies):
    """Hidden words of one direction; every value is counted but the pixels, which both directions read.

    :param hidden: out, int64 [T, H], at time steps.
    :param columns: int64 [T, I].
    :param reverse: whether the columns are read right to left.
    :param w_ih: int64 [4, H, I].
    :param w_hh: int64 [4, H, H].
    :param b_ih: int64 [4, H].
    :param b_hh: int64 [4, H].
    :param peepholes: int64 [3, H] for gates i, f, o; [0, H] without.
    :param tallies: in and out, `Tallies`.
    """
    T, H = hidden.shape
    cell = np.zeros(H, dtype=np.int64)
    before = np.zeros(H, dtype=np.int64)
    sums = np.zeros(GATES, dtype=np.int64)
    for t in range(T):
        x = columns[T - 1 - t if reverse else t]
        for unit in range(H):
            for gate in range(GATES):
                total = (b_ih[gate, unit] + b_hh[gate, unit]) << widths.bias_left_shift
                total += _sum_of_products(x, w_ih[gate, unit], widths.excess, tallies, INPUT_PRODUCT)
                total += _sum_of_products(before, w_hh[gate, unit], widths.excess, tallies, RECURRENT_PRODUCT)
                sums[gate] = _wrapped(tallies, GATE_SUM + gate, total, 0, total)
            cell[unit], hidden[t, unit] = update_unit(sums, cell[unit], t == 0, peepholes[:, unit], widths, tallies)
        before[:] = hidden[t]


@cached_njit()
def profile_scores(scores, hidden, weights, biases, excess, bias_left_shift, tallies):
    """Class scores; every value is counted.

    :param scores: out, int64 [T, C], image order.
    :param hidden: int64 [2, T, H] at time steps.
    :param weights: int64 [2, C, H].
    :param biases: int64 [2, C].
    :param excess: fraction bits of a product that rounding removes; negative: the product is shifted left.
    :param bias_left_shift: from a bias to fraction 8.
    :param tallies: in and out, `Tallies`.
    """
    T, C = scores.shape
    H = hidden.shape[2]
    sums = np.zeros((2, T, C), dtype=np.int64)
    for direction in range(2):
        for t in range(T):
            for k in range(C):
                total = biases[direction, k] << bias_left_shift
                for j in range(H):
                    exact = hidden[direction, t, j] * weights[direction, k, j]
                    total += _wrapped(tallies, FC_PRODUCT, exact, excess, half_to_even(exact, excess))
                sums[direction, t, k] = _wrapped(tallies, FC_SUM, total, 0, total)
    for t in range(T):
        for k in range(C):
            total = sums[0, t, k] + sums[1, T - 1 - t, k]
            scores[t, k] = _wrapped(tallies, CLASS_SCORE, total, 0, total)

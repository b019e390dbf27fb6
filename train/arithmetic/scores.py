"""`hardware_scores`: the overlay's output layer, bit for bit, with the gradient of a plain linear layer."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import torch
from numba import njit
from torch import Tensor

from datapath.compilation_cache import cached_njit
from datapath.quantities import SCORE
from train.arithmetic.lstm import any_nan

ROWS_PER_PASS = 2
"""Hidden outputs added per pass over the class sums."""

SCORE_STEP = np.float32(SCORE.step)


def hardware_scores(hidden: Tensor, weight: Tensor, bias: Tensor, *, weight_bits: int, feature_bits: int) -> Tensor:
    """Class scores as the overlay computes them: every product rounded (RND_CONV) to 8 fraction bits on its own, 16-bit
    sums that wrap. The gradient goes straight through the rounding.

    float32 on the CPU goes through a kernel; float64 and other devices through operations of torch, to the same bits
    (never run on CUDA).

    :param hidden: [N, F], float32 or float64, multiples of 2**(1 - feature_bits).
    :param weight: [C, F], multiples of 2**(1 - weight_bits).
    :param bias: [C], of at most 8 fraction bits.
    :param weight_bits: width of weights.
    :param feature_bits: width of hidden outputs, A.
    :returns: [N, C], multiples of 1/256; all NaN if one value is NaN.
    """
    return _HardwareScores.apply(hidden, weight, bias, weight_bits, feature_bits)


class _HardwareScores(torch.autograd.Function):
    @staticmethod
    def forward(ctx, hidden, weight, bias, weight_bits, feature_bits):
        ctx.save_for_backward(hidden, weight)
        excess_fraction_bits = (feature_bits - 1) + (weight_bits - 1) - SCORE.fraction
        raw_hidden = (hidden * 2.0 ** (feature_bits - 1)).to(torch.int16)
        raw_weight = (weight * 2.0 ** (weight_bits - 1)).to(torch.int16)
        raw_bias = (bias * 2.0**SCORE.fraction).to(torch.int16)
        if hidden.device.type == "cpu" and hidden.dtype is torch.float32:
            scores = torch.empty(len(hidden), len(weight))
            by_feature = raw_weight.T.contiguous().numpy()
            kernel = _kernel(max(excess_fraction_bits, 0))
            kernel(raw_hidden.numpy(), by_feature, raw_bias.numpy(), max(-excess_fraction_bits, 0), scores.numpy())
        else:
            raw_scores = _in_torch(raw_hidden, raw_weight, raw_bias, excess_fraction_bits)
            scores = raw_scores.to(hidden.dtype) / 2.0**SCORE.fraction
        return scores.fill_(torch.nan) if any_nan(hidden, weight, bias) else scores

    @staticmethod
    def backward(ctx, gradient):
        hidden, weight = ctx.saved_tensors
        return gradient @ weight, gradient.T @ hidden, gradient.sum(dim=0), None, None


def _in_torch(hidden: Tensor, weight: Tensor, bias: Tensor, excess_fraction_bits: int) -> Tensor:
    """Raw scores, int16, in operations of torch, class by class."""
    columns = []
    for row, offset in zip(weight.int(), bias.int(), strict=True):
        products = hidden.int() * row
        if excess_fraction_bits > 0:
            products += (1 << (excess_fraction_bits - 1)) - 1 + ((products >> excess_fraction_bits) & 1)
            products >>= excess_fraction_bits
        columns.append((products.sum(dim=1) << max(-excess_fraction_bits, 0)) + offset)
    return torch.stack(columns, dim=1).to(torch.int16)


@njit(inline="always")
def _rounded(product, rounding_shift):
    """RND_CONV: remove `rounding_shift` bits."""
    if rounding_shift == 0:
        return product
    tie = np.int16(np.int16(product >> rounding_shift) & 1)
    return np.int16(np.int16(product + ((1 << (rounding_shift - 1)) - 1) + tie) >> rounding_shift)


@cache
def _kernel(rounding_shift: int) -> Callable:
    """The kernel for products that lose `rounding_shift` bits each; a constant keeps its lanes 16 bits wide."""

    @cached_njit()
    def score(hidden, weight, bias, left_shift, scores):
        N, F = hidden.shape
        C = bias.size
        acc = np.empty(C, dtype=np.int16)
        values, rows = np.empty(F + ROWS_PER_PASS, dtype=np.int16), np.empty(F + ROWS_PER_PASS, dtype=np.int64)
        for n in range(N):
            count = 0
            for f in range(F):
                values[count], rows[count] = hidden[n, f], f
                count += hidden[n, f] != 0
            values[count], rows[count] = 0, 0
            acc[:] = 0
            for term in range(0, count, ROWS_PER_PASS):
                v0, v1 = values[term], values[term + 1]
                w0, w1 = weight[rows[term]], weight[rows[term + 1]]
                for k in range(C):
                    acc[k] += _rounded(np.int16(v0 * w0[k]), rounding_shift) + _rounded(
                        np.int16(v1 * w1[k]), rounding_shift
                    )
            for k in range(C):
                total = np.int16(bias[k] + np.int16(acc[k] << left_shift))
                scores[n, k] = np.float32(total) * SCORE_STEP

    return score

"""`lstm_in_steps`: the overlay's recurrence in operations of torch, for devices and types without a kernel.

The same numbers as `lstm` in every bit, and the same gradients, implemented independently: values are real
numbers in floats, which represent all of them exactly, and nothing is compiled. It has been compared with the kernel on
the CPU only and never run on CUDA.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from datapath.design import Gate
from datapath.formats import Format, unit_format
from datapath.quantities import ACCUMULATOR, CELL, TABLE_FRACTION
from datapath.tables import SIGMOID, TANH, Table
from train.arithmetic.lstm import HardwareWidths, any_nan

PRODUCTS_AT_ONCE = 2**24
"""Products that are rounded one by one, and so in memory at the same time: 64 MiB of float32."""


def lstm_in_steps(
    sides: Tensor, input_weights: Tensor, recurrent_weights: Tensor, bias: Tensor, widths: HardwareWidths
) -> Tensor:
    """Hidden outputs of padded lines, in the overlay's arithmetic.

    :param sides: [D, T, B, I], float32 or float64: columns in the order in which each direction reads them, padding
        last; multiples of 2**(1 - A).
    :param input_weights: [D, 4H, I], quantized; gates in `Gate` order.
    :param recurrent_weights: [D, 4H, H], the same.
    :param bias: [D, 4H], sum of both biases.
    :param widths: of the overlay's arithmetic.
    :returns: [T, D, B, H] at time steps; undefined after a line's end. All NaN if one value of any argument is NaN.
    """
    D, _, B, _ = sides.shape
    H = recurrent_weights.shape[2]
    weights = torch.cat([input_weights, recurrent_weights], dim=2)
    sigmoid, tanh = _Curve.of(SIGMOID, sides, lambda y: y * (1 - y)), _Curve.of(TANH, sides, lambda y: 1 - y * y)
    h = c = sides.new_zeros(D, B, H)
    outputs = []
    for x in sides.unbind(1):
        sums = _Products.apply(torch.cat([x, h], dim=2), weights, widths.excess_fraction_bits > 0) + bias[:, None]
        gates = sums.unflatten(2, (len(Gate), H)).unbind(2)
        i, f, o = (_Lookup.apply(gates[gate], sigmoid) for gate in (Gate.I, Gate.F, Gate.O))
        g = _Lookup.apply(gates[Gate.G], tanh)
        c = _Nearest.apply(_Nearest.apply(i * g, CELL, False) + _Nearest.apply(f * c, CELL, False), CELL, False)
        h = _Nearest.apply(_Lookup.apply(c, tanh) * o, unit_format(widths.activation), True)
        outputs.append(h)
    hidden = torch.stack(outputs)
    # The tables have no output for NaN.
    return hidden * torch.nan if any_nan(sides, weights, bias) else hidden


class _Products(torch.autograd.Function):
    """values [D, N, R], weights [D, 4H, R] -> sums of products [D, N, 4H], each product rounded (RND_ZERO) on its own
    where `rounding`. They do not wrap here but in `_Lookup`: floats hold them whole. The gradient is a plain matrix
    product's."""

    @staticmethod
    def forward(ctx, values, weights, rounding):
        ctx.save_for_backward(values, weights)
        by_row = weights.transpose(1, 2)
        if not rounding:
            return torch.matmul(values, by_row)
        D, N, R = values.shape
        sums = values.new_zeros(D, N, by_row.shape[2])
        rows = max(1, PRODUCTS_AT_ONCE // max(1, sums.numel()))
        for r in range(0, R, rows):
            products = values[:, :, r : r + rows, None] * by_row[:, None, r : r + rows]
            steps = products.mul_(2.0**ACCUMULATOR.fraction)
            sums += torch.copysign((steps.abs() - 0.5).ceil_(), steps).sum(dim=2)
        return sums / 2.0**ACCUMULATOR.fraction

    @staticmethod
    def backward(ctx, gradient):
        values, weights = ctx.saved_tensors
        return torch.matmul(gradient, weights), torch.matmul(gradient.transpose(1, 2), values), None


@dataclass(frozen=True, eq=False)
class _Curve:
    """A table's output for every accumulator, by its 16 bits as an unsigned number; the slope, as a function of it."""

    outputs: Tensor
    slope: Callable[[Tensor], Tensor]

    @classmethod
    def of(cls, table: Table, like: Tensor, slope: Callable[[Tensor], Tensor]) -> _Curve:
        accumulators = np.arange(2**ACCUMULATOR.bits).astype(np.uint16).view(np.int16)
        outputs = table.lookup(accumulators.astype(np.int64)) / 2**TABLE_FRACTION
        return cls(torch.tensor(outputs, dtype=like.dtype, device=like.device), slope)


class _Lookup(torch.autograd.Function):
    """Multiples of 1/256, wrapped to 16 bits, through a table."""

    @staticmethod
    def forward(ctx, x, curve):
        y = curve.outputs[(x * 2.0**ACCUMULATOR.fraction).long() & (2**ACCUMULATOR.bits - 1)]
        ctx.save_for_backward(y)
        ctx.slope = curve.slope
        return y

    @staticmethod
    def backward(ctx, gradient):
        (y,) = ctx.saved_tensors
        return gradient * ctx.slope(y), None


class _Nearest(torch.autograd.Function):
    """To a format by RND_CONV and SAT, the gradient straight through; where `stopping`, not if it pushes a clipped
    value further out."""

    @staticmethod
    def forward(ctx, x, format: Format, stopping):
        ctx.save_for_backward(x > format.max * format.step if stopping else None)
        return (x / format.step).round_().clamp_(format.min, format.max).mul_(format.step)

    @staticmethod
    def backward(ctx, gradient):
        (clipped,) = ctx.saved_tensors
        if clipped is not None:
            gradient = gradient.masked_fill(clipped & (gradient < 0), 0)
        return gradient, None, None

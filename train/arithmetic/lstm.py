"""`lstm`: the recurrence as one differentiable operation on packed lines, in floating point or as the overlay.

In the overlay's arithmetic the forward pass is the hardware's, bit for bit: 16-bit sums that wrap, products rounded
one by one where they have more than 8 fraction bits, the lookup tables, the saturating cell state, A-bit hidden
outputs. Gradients go straight through all rounding (train/arithmetic/lstm_kernels.py).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from datapath.quantities import ACCUMULATOR
from datapath.tables import SIGMOID, TANH
from train.arithmetic import lstm_kernels

_SIGMOID, _TANH = SIGMOID.entries.astype(np.int32), TANH.entries.astype(np.int32)


@dataclass(frozen=True, kw_only=True)
class HardwareWidths:
    """Bits of the recurrent weights (W), their biases (B), and of pixels and hidden outputs (A); all have 1 integer bit."""

    weight: int
    bias: int
    activation: int

    @property
    def excess_fraction_bits(self) -> int:
        """Fraction bits of a product minus the accumulator's; negative if the product has fewer."""
        return (self.activation - 1) + (self.weight - 1) - ACCUMULATOR.fraction


class Packing:
    """Positions of the lines of a batch in packed rows: M = sum of T + B + 1, with an empty row around every line.

    :param lengths: columns of each line.
    """

    def __init__(self, lengths: Tensor) -> None:
        self.lengths = lengths.cpu()
        columns = self.lengths.numpy().astype(np.int64)
        self.lines, self.longest = len(columns), int(columns.max(initial=0))
        self.offsets = np.concatenate([[0], np.cumsum(columns + 1)]) + 1
        self.rows = int(self.offsets[-1])
        self.gaps = np.append(self.offsets[:-1] - 1, self.rows - 1)
        """The empty rows."""
        self.longest_first = np.argsort(-columns, kind="stable")
        line = np.repeat(np.arange(len(columns)), columns)
        t = np.arange(len(line)) - np.repeat(np.cumsum(columns) - columns, columns)
        self.row = torch.from_numpy(self.offsets[line] + t)
        """Of every real column, line after line: its packed row."""
        self.place = torch.from_numpy(t * self.lines + line)
        """And its row in padded lines [T, B, ...] flattened to [T * B, ...]."""

    def real(self, padded: Tensor) -> Tensor:
        """[T, B, F] -> [N, F], the real columns, line after line."""
        return padded.flatten(0, 1).index_select(0, self.place.to(padded.device))

    def padded(self, real: Tensor, columns: int) -> Tensor:
        """[N, F] -> [`columns`, B, F], zero beyond a line's length."""
        empty = real.new_zeros(columns * self.lines, real.shape[1])
        return empty.index_copy(0, self.place.to(real.device), real).view(columns, self.lines, -1)

    def jobs(self, directions: int) -> np.ndarray:
        """[n, 2]: line and direction, longest first."""
        lines = np.repeat(self.longest_first, directions)
        return np.stack([lines, np.tile(np.arange(directions), len(self.longest_first))], axis=1)

    def groups(self, directions: int) -> np.ndarray:
        """[n, G + 1]: G = `lstm_kernels.LINES_PER_GROUP` lines of similar length (-1 for none) and direction, longest
        first."""
        G = lstm_kernels.LINES_PER_GROUP
        lines = np.append(self.longest_first, np.full(-self.lines % G, -1)).reshape(-1, G)
        count = len(lines)
        return np.column_stack([np.repeat(lines, directions, axis=0), np.tile(np.arange(directions), count)])


def lstm(
    columns: Tensor,
    packing: Packing,
    input_weights: Tensor,
    recurrent_weights: Tensor,
    bias: Tensor,
    widths: HardwareWidths | None,
) -> Tensor:
    """Hidden outputs of all lines.

    :param columns: float32 [N, I], the real columns, line after line; with `widths` multiples of 2**(1 - A).
    :param packing: of the lines.
    :param input_weights: float32 [D, 4H, I], quantized; gates in `Gate` order.
    :param recurrent_weights: float32 [D, 4H, H], the same.
    :param bias: float32 [D, 4H], sum of both biases.
    :param widths: the overlay's arithmetic in these widths; None for floating point.
    :returns: float32 [N, D * H]. In the overlay's arithmetic, all NaN if one value is NaN.
    """
    return LSTMFunction.apply(columns, input_weights, recurrent_weights, bias, packing, widths)


def any_nan(*tensors: Tensor) -> bool:
    """Whether a value is NaN, which integers cannot hold."""
    return any(bool(tensor.sum().isnan()) for tensor in tensors)


class _Workspace:
    """`count` float32 values for what a pass saves; reused, since the page faults of new memory cost a tenth of it."""

    _unused: ClassVar[list[Tensor]] = []
    MOST_UNUSED = 2

    def __init__(self, count: int) -> None:
        # The largest one: if it is too small, all are.
        unused = self._unused.pop() if self._unused else torch.empty(0)
        self.values = unused if len(unused) >= count else torch.empty(count)

    def __del__(self) -> None:
        self._unused.append(self.values)
        self._unused.sort(key=len)
        del self._unused[: -self.MOST_UNUSED]

    def cut(self, *shapes: tuple[int, ...]) -> list[Tensor]:
        """Views of these shapes, one after the other; their values are undefined."""
        sizes = [math.prod(shape) for shape in shapes]
        pieces = self.values[: sum(sizes)].split(sizes)
        return [piece.view(shape) for piece, shape in zip(pieces, shapes, strict=True)]


class LSTMFunction(torch.autograd.Function):
    @staticmethod
    def forward(ctx, columns, input_weights, recurrent_weights, bias, packing, widths):
        D, lanes, H = recurrent_weights.shape
        ctx.workspace = _Workspace(D * packing.rows * (lanes + 2 * H))
        gates, cells, tanh_cells = ctx.workspace.cut((D, packing.rows, lanes), *[(D, packing.rows, H)] * 2)
        hidden = torch.empty(D, packing.rows, H)
        rows = columns.new_zeros(packing.rows, columns.shape[1]).index_copy_(0, packing.row, columns)
        states = lstm_kernels.States(*(array.numpy() for array in (gates, cells, tanh_cells, hidden)))
        if widths is None:
            torch.baddbmm(bias[:, None], rows.expand(D, -1, -1), input_weights.transpose(1, 2), out=gates)
            by_unit = recurrent_weights.detach().transpose(1, 2).contiguous().numpy()
            _run_in_threads(lstm_kernels.float_forward, packing.groups(D), packing.offsets, by_unit, states)
        else:
            values = _hardware_values(rows, input_weights, recurrent_weights, bias, widths)
            kernel = lstm_kernels.hardware_forward(max(widths.excess_fraction_bits, 0))
            _run_in_threads(kernel, packing.jobs(D), packing.offsets, values, states)
        for array in states:
            array[:, packing.gaps] = 0
        outputs = torch.cat([side.index_select(0, packing.row) for side in hidden], dim=1)
        if widths is not None and any_nan(columns, input_weights, recurrent_weights, bias):
            outputs.fill_(torch.nan)  # an integer would hide it
        ctx.save_for_backward(input_weights, recurrent_weights)
        ctx.stages = rows, gates, cells, tanh_cells, hidden
        ctx.packing, ctx.high = packing, np.inf if widths is None else 1 - 2.0 ** (1 - widths.activation)
        return outputs

    @staticmethod
    def backward(ctx, gradient):
        input_weights, recurrent_weights = ctx.saved_tensors
        if ctx.stages is None:
            raise RuntimeError("lstm saves what its gradient needs for one backward pass only.")
        (rows, gates, cells, tanh_cells, hidden), ctx.stages = ctx.stages, None
        packing, (I, H) = ctx.packing, (rows.shape[1], hidden.shape[2])  # noqa: E741
        by_side = torch.empty_like(hidden)
        by_side.numpy()[:, packing.gaps] = 0
        for side, piece in zip(by_side, gradient.split(H, dim=1), strict=True):
            side.index_copy_(0, packing.row, piece)
        _run_in_threads(
            lstm_kernels.backward,
            packing.groups(len(gates)),
            packing.offsets,
            recurrent_weights.transpose(1, 2).contiguous().numpy(),
            np.float32(ctx.high),
            gates.numpy(),
            cells.numpy(),
            tanh_cells.numpy(),
            by_side.numpy(),
        )
        # The state before a row: the row before it, for the backward direction the row behind it.
        before = [(slice(1, None), slice(None, -1)), (slice(None, -1), slice(1, None))][: len(gates)]
        of_weights = [
            # One product for the gradients of all weights and, with a column of ones, of the biases.
            gates[d, at].T @ torch.cat([rows[at], rows.new_ones(packing.rows - 1, 1), hidden[d, states]], dim=1)
            for d, (at, states) in enumerate(before)
        ]
        of_inputs, of_bias, of_states = torch.stack(of_weights).split((I, 1, H), dim=2)
        of_columns = None
        if ctx.needs_input_grad[0]:
            of_columns = torch.matmul(gates, input_weights).sum(dim=0).index_select(0, packing.row)
        del ctx.workspace  # for the next pass
        return of_columns, of_inputs, of_states, of_bias.squeeze(2), None, None


def _hardware_values(
    columns, input_weights, recurrent_weights, bias, widths: HardwareWidths
) -> lstm_kernels.HardwareValues:
    """Raw integers as the kernel takes them, from the floats that hold them."""
    activation_scale, weight_scale = 2.0 ** (widths.activation - 1), 2.0 ** (widths.weight - 1)
    pixels = (columns * activation_scale).to(torch.int16).numpy()
    both = torch.cat([input_weights.detach(), recurrent_weights.detach()], dim=2)
    # Exact products are limited by the reading of weights, so 8 bits are faster; rounding needs 16 bits.
    size = torch.int16 if widths.excess_fraction_bits > 0 else torch.int8
    weights = (both * weight_scale).to(size).transpose(1, 2).contiguous().numpy()
    # Most pixels are background, the lowest value. Sums of exact products are linear, so background is summed once.
    background = np.int16(0 if widths.excess_fraction_bits > 0 else -(2 ** (widths.activation - 1)))
    start = weights[:, : columns.shape[1]].sum(axis=1, dtype=np.int16) * background
    return lstm_kernels.HardwareValues(
        pixels=pixels,
        background=background,
        weights=weights,
        start=start,
        bias=(bias.detach() * 2.0**ACCUMULATOR.fraction).to(torch.int16).numpy(),
        left_shift=max(-widths.excess_fraction_bits, 0),
        activation_bits=widths.activation,
        sigmoid=_SIGMOID,
        tanh=_TANH,
    )


def _run_in_threads(kernel: Callable, jobs: np.ndarray, *arguments) -> None:
    """Run a kernel on all jobs, in as many threads as torch uses."""
    threads = min(torch.get_num_threads(), len(jobs))
    if threads <= 1:
        kernel(jobs, *arguments)
        return
    with ThreadPoolExecutor(threads) as pool:
        # Every n-th job, longest first, so that every thread has about the same number of columns.
        list(pool.map(lambda n: kernel(np.ascontiguousarray(jobs[n::threads]), *arguments), range(threads)))

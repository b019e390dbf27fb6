"""The vectorised simulator: `simulate` computes what the overlay computes, bit for bit."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from datapath.design import BACKWARD, FORWARD, Design
from datapath.errors import ConfigError, DataError, LimitError
from datapath.formats import unit_format
from datapath.quantities import ACCUMULATOR
from datapath.tables import SIGMOID, TANH
from fixedpoint_sim import kernels
from fixedpoint_sim.trace import ExceededLimit, Trace

LINES_AHEAD_PER_THREAD = 4
"""Lines that are computed before their traces are asked for."""

VECTOR_LANES = 32
"""Classes are padded to whole vectors of 16-bit lanes (512 bits at most)."""

_ACCUMULATORS = np.arange(ACCUMULATOR.min, ACCUMULATOR.max + 1)
SIGMOID_OF = SIGMOID.lookup(_ACCUMULATORS).astype(np.int8)
"""The sigmoid table's output for every accumulator from the lowest on: one load instead of index arithmetic."""
TANH_OF = TANH.lookup(_ACCUMULATORS).astype(np.int8)
"""The same for the tanh table."""


def simulate(design: Design, columns: np.ndarray, *, ignore_limits: bool = False) -> Trace:
    """Compute one line on the fixed-point datapath.

    :param design: the network.
    :param columns: integers [T, I], raw values of ``fixed<A, 1>`` (see `datapath.image_columns`).
    :param ignore_limits: compute a line that exceeds a limit of the overlay as larger buffers would; labels are cut.
    :raises DataError: wrong shape, or a pixel that does not fit A bits.
    :raises LimitError: the line exceeds a limit of the overlay, and `ignore_limits` is False.
    """
    return Simulator(design).run(columns, ignore_limits=ignore_limits)


def simulate_lines(
    design: Design, lines: Iterable[np.ndarray], *, ignore_limits: bool = False, threads: int | None = None
) -> Iterator[Trace]:
    """`simulate` over many lines in parallel; traces come in the order of the lines, whatever the threads.

    :param design: the network.
    :param lines: integers [T, I] each, as `simulate` takes them.
    :param ignore_limits: as in `simulate`.
    :param threads: worker threads, 1 or more; None takes one per processor.
    :raises ConfigError: fewer than 1 thread.
    :raises DataError, LimitError: as `simulate`, when the line's trace is asked for.
    """
    simulator = Simulator(design)
    return run_in_order(lambda columns: simulator.run(columns, ignore_limits=ignore_limits), lines, threads=threads)


def run_in_order(work: Callable, items: Iterable, *, threads: int | None) -> Iterator:
    """Results of `work` in the order of its items, computed by threads, `LINES_AHEAD_PER_THREAD` ahead of the reader.

    :param work: called with one item, from any thread.
    :param items: taken as they are needed.
    :param threads: 1 or more; None takes one per processor.
    :raises ConfigError: fewer than 1 thread.
    """
    if threads is not None and threads < 1:
        raise ConfigError(f"threads is {threads}; it must be 1 or more.")
    return _pooled(work, items, threads or os.cpu_count() or 1)


def _pooled(work: Callable, items: Iterable, threads: int) -> Iterator:
    with ThreadPoolExecutor(threads) as pool:
        ahead: deque[Future] = deque()
        try:
            for item in items:
                ahead.append(pool.submit(work, item))
                if len(ahead) > LINES_AHEAD_PER_THREAD * threads:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for future in ahead:
                future.cancel()


def check_columns(design: Design, columns: np.ndarray) -> np.ndarray:
    """The columns as contiguous int8 [T, I].

    :raises DataError: names the shape or the pixel that does not fit.
    """
    columns = np.asarray(columns)
    if columns.ndim != 2 or columns.shape[0] < 1 or columns.shape[1] != design.inputs:
        raise DataError(f"The columns have shape {list(columns.shape)}; the design takes [T, {design.inputs}], T >= 1.")
    if columns.dtype.kind not in "iu":  # np.integer has timedelta64, too
        raise DataError(f"The columns have type {columns.dtype}; they must be raw integers.")
    format = unit_format(design.precision.activation)
    outside = (columns < format.min) | (columns > format.max)
    if outside.any():
        t, r = (int(place) for place in np.argwhere(outside)[0])
        allowed = f"{format.bits} bits allow {format.min} to {format.max}"
        raise DataError(f"Pixel {r} of column {t} is {columns[t, r]}; {allowed}.")
    return np.ascontiguousarray(columns, dtype=np.int8)


def exceeded_before(design: Design, length: int) -> tuple[ExceededLimit, ...]:
    """Limits that `length` columns exceed, found before anything is computed."""
    exceeded = []
    if length > design.limits.columns:
        exceeded.append(ExceededLimit("columns", length, f"at most {design.limits.columns}"))
    if length % 2:
        exceeded.append(ExceededLimit("columns", length, "an even number"))
    return tuple(exceeded)


def emitted_columns(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Best class of each column, int64 [T], and the columns whose labels are emitted, int64 [n], before any limit."""
    values, best = np.empty(len(scores), dtype=np.int64), np.empty(len(scores), dtype=np.int64)
    kernels.best_classes(values, best, scores)
    emitted = np.empty(len(scores) // 2 + 1, dtype=np.int64)
    return best, emitted[: kernels.emit_columns(emitted, values, best)]


def finish_trace(design: Design, hidden: np.ndarray, scores: np.ndarray, *, ignore_limits: bool) -> Trace:
    """Scores -> labels -> text, with the limits applied (the same for every simulator: folding does not affect it).

    :param design: gives the alphabet and the limits.
    :param hidden: int8 [T, 2, H], at time steps.
    :param scores: int16 [T, C], image order.
    :param ignore_limits: as in `simulate`.
    :raises LimitError: the line exceeds a limit and `ignore_limits` is False.
    """
    best, emitted = emitted_columns(scores)
    exceeded, limit = exceeded_before(design, len(scores)), design.limits.labels
    if len(emitted) > limit:
        exceeded = (*exceeded, ExceededLimit("labels", len(emitted), f"at most {limit}"))
    refuse(exceeded, ignore_limits=ignore_limits)
    labels = best[emitted[:limit]].astype(np.uint8)
    return Trace(hidden=hidden, scores=scores, labels=labels, text=design.alphabet.text(labels), exceeded=exceeded)


def refuse(exceeded: tuple[ExceededLimit, ...], *, ignore_limits: bool) -> None:
    """:raises LimitError: a limit is exceeded and `ignore_limits` is False."""
    if exceeded and not ignore_limits:
        raise LimitError(f"The line exceeds the overlay: {'; '.join(map(str, exceeded))}.")


class _Products(NamedTuple):
    """Weights of one matrix product as the kernels read them."""

    weights: np.ndarray
    """[rows, lanes]: int8 where products are exact, so that half the memory is read; else int16, which is faster."""
    rounding_shift: int
    """Fraction bits that rounding removes of each product."""
    left_shift: int
    """Of a sum of exact products, to the sum's fraction."""

    @classmethod
    def of(cls, weights: np.ndarray, excess: int) -> _Products:
        """From int8 weights whose products have `excess` fraction bits more than the sum."""
        dtype = np.int16 if excess > 0 else np.int8
        return cls(np.ascontiguousarray(weights, dtype=dtype), max(excess, 0), max(-excess, 0))


def _sum(biases: np.ndarray, left_shift: int) -> np.ndarray:
    """Biases, whose first axis is to be added, as int16 with the fraction of the sums."""
    return biases.sum(axis=0, dtype=np.int16) << np.int16(left_shift)


class Simulator:
    """A design prepared for the kernels; `run` may be called from many threads."""

    def __init__(self, design: Design) -> None:
        self.design = design
        bits = design.precision
        # [direction, gate, unit, row] -> [direction, row, lane], input rows before recurrent ones
        rows = np.concatenate([design.weights_input, design.weights_recurrent], axis=3)
        by_row = rows.transpose(0, 3, 1, 2).reshape(2, rows.shape[3], -1)
        gates = _Products.of(by_row, bits.excess_fraction_bits)
        biases = np.stack([design.biases_input, design.biases_recurrent]).reshape(2, 2, -1)
        # Most pixels are background, the lowest value. Sums of exact products are linear: it is summed once.
        background = 0 if gates.rounding_shift else unit_format(bits.activation).min
        peepholes = np.zeros((2, 0, design.hidden), dtype=np.int16)
        if design.peepholes:
            peepholes = design.peepholes.weights.copy()  # writable as the others, so that one kernel is compiled
        self._run_direction = kernels.direction_kernel(gates.rounding_shift)
        self._directions = [
            kernels.Direction(
                weights=gates.weights[direction],
                start=by_row[direction, : design.inputs].sum(axis=0, dtype=np.int16) * np.int16(background),
                bias=_sum(biases[:, direction], bits.bias_left_shift),
                left_shift=gates.left_shift,
                background=background,
                peepholes=peepholes[direction],
                peephole_fraction=design.peephole_format.format.fraction if design.peephole_format else 0,
                activation_bits=bits.activation,
            )
            for direction in (FORWARD, BACKWARD)
        ]
        classes = -(-design.classes // VECTOR_LANES) * VECTOR_LANES
        fc_weights = np.zeros((2, design.hidden, classes), dtype=np.int8)
        fc_weights[:, :, : design.classes] = design.fc_weights.transpose(0, 2, 1)
        self._classes = _Products.of(fc_weights.reshape(-1, classes), bits.fc_excess_fraction_bits)
        self._class_bias = np.zeros(classes, dtype=np.int16)
        self._class_bias[: design.classes] = _sum(design.fc_biases, bits.fc_bias_left_shift)
        self._score_columns = kernels.scores_kernel(self._classes.rounding_shift)

    def run(self, columns: np.ndarray, *, ignore_limits: bool = False) -> Trace:
        """Compute one line.

        :param columns: integers [T, I], raw values of ``fixed<A, 1>``.
        :param ignore_limits: as in `simulate`.
        :raises DataError, LimitError: as `simulate`.
        """
        design = self.design
        columns = check_columns(design, columns)
        refuse(exceeded_before(design, len(columns)), ignore_limits=ignore_limits)
        hidden = np.empty((2, len(columns), design.hidden), dtype=np.int8)
        for direction in (FORWARD, BACKWARD):
            prepared = self._directions[direction]
            self._run_direction(hidden[direction], columns, direction == BACKWARD, prepared, SIGMOID_OF, TANH_OF)
        hidden = np.ascontiguousarray(hidden.swapaxes(0, 1))
        scores = np.empty((len(columns), design.classes), dtype=np.int16)
        self._score_columns(scores, hidden, self._classes.weights, self._class_bias, self._classes.left_shift)
        return finish_trace(design, hidden, scores, ignore_limits=ignore_limits)

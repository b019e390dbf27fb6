"""C simulation of lines, each compared with the simulator in every hidden word, class score and label."""

from __future__ import annotations

from dataclasses import replace
from threading import Lock

import numpy as np

from datapath.design import BACKWARD, Design, Gate, Limits
from datapath.errors import LimitError
from datapath.formats import bring_into_range, remove_bits
from datapath.kernel_result import KernelResult
from datapath.quantities import ACCUMULATOR
from fixedpoint_sim import Simulator, Trace
from fixedpoint_sim.simulator import check_columns, exceeded_before, refuse
from hls_gen.csim import CSimProgram
from hls_gen.sources import MAX_LIMIT

DIRECTION_NAMES = ("forward", "backward")


class CSimulator:
    """A design as compiled C++, and the simulator that it must equal; `run` may be called from many threads.

    Compiling takes some seconds the first time.

    :param design: what is compiled, in its folding.
    :raises ToolError, DesignError, FileError: as `hls_gen.csim.CSimProgram`.
    """

    def __init__(self, design: Design) -> None:
        self.design = design
        self._simulator = Simulator(design)
        self._lock = Lock()
        self._programs = {design.limits.columns: CSimProgram(design)}

    def run(self, columns: np.ndarray, *, ignore_limits: bool = False) -> Trace:
        """What the C simulation computes for one line; its `mismatch` names the first difference from the simulator.

        :param columns: integers [T, I], raw values of ``fixed<A, 1>``.
        :param ignore_limits: compute a line that exceeds a limit of the overlay, too, with larger buffers; its labels
            are still cut to the limit.
        :raises DataError, LimitError: as `fixedpoint_sim.simulate`; or more columns than a C simulation takes.
        :raises ToolError: the compiled program fails.
        """
        columns = check_columns(self.design, columns)
        refuse(exceeded_before(self.design, len(columns)), ignore_limits=ignore_limits)
        result = self._program_for(len(columns)).run(columns)
        expected = self._simulator.run(columns, ignore_limits=True)
        mismatch = first_mismatch(self.design, columns, expected, result)
        if not mismatch:
            refuse(expected.exceeded, ignore_limits=ignore_limits)
        return Trace(
            hidden=result.hidden,
            scores=result.scores,
            labels=result.labels,
            text=self.design.alphabet.text(result.labels),
            exceeded=expected.exceeded,
            mismatch=mismatch,
        )

    def _program_for(self, length: int) -> CSimProgram:
        columns = buffer_columns(self.design.limits.columns, length)
        with self._lock:
            if columns not in self._programs:
                limits = Limits(columns=columns, labels=self.design.limits.labels)
                self._programs[columns] = CSimProgram(replace(self.design, limits=limits))
            return self._programs[columns]


def buffer_columns(limit: int, length: int) -> int:
    """Columns of the buffers for a line: the design's limit, doubled until the line fits, so that few programs are built.

    >>> buffer_columns(732, 732), buffer_columns(732, 733), buffer_columns(732, 3000)
    (732, 1464, 5856)

    :raises LimitError: the line is longer than a C simulation takes.
    """
    if length > MAX_LIMIT:
        raise LimitError(f"The line has {length} columns; a C simulation takes 1 to {MAX_LIMIT}.")
    while limit < length:
        limit *= 2
    return min(limit, MAX_LIMIT)


def first_mismatch(design: Design, columns: np.ndarray, expected: Trace, got: KernelResult) -> str:
    """Where a line's C simulation differs first; empty if all hidden words, scores, labels and their count are equal.

    Where a hidden word differs, its gate accumulators are compared, too.
    """
    if not np.array_equal(expected.hidden, got.hidden):
        return _hidden_mismatch(design, columns, expected, got)
    if not np.array_equal(expected.scores, got.scores):
        places = np.argwhere(expected.scores != got.scores)
        column, k = places[0]
        return (
            f"The C simulation differs in {len(places)} of {expected.scores.size} scores, first in column {column}, "
            f"class {k}: expected {expected.scores[column, k]}, got {got.scores[column, k]}."
        )
    if not np.array_equal(expected.labels, got.labels):
        return (
            f"The C simulation differs in the labels: expected {expected.labels.tolist()}, got {got.labels.tolist()}."
        )
    if expected.found != got.found:
        return f"The C simulation counts {got.found} labels; expected {expected.found}."
    return ""


def _hidden_mismatch(design: Design, columns: np.ndarray, expected: Trace, got: KernelResult) -> str:
    places = np.argwhere(expected.hidden != got.hidden)
    step, direction, unit = (int(n) for n in places[0])
    column = len(columns) - 1 - step if direction == BACKWARD else step
    message = (
        f"The C simulation differs in {len(places)} of {expected.hidden.size} hidden words, first in column {column} "
        f"({DIRECTION_NAMES[direction]}, step {step}), unit {unit}: expected {expected.hidden[step, direction, unit]}, "
        f"got {got.hidden[step, direction, unit]}"
    )
    accumulators = gate_accumulators(design, columns, expected.hidden, step=step, direction=direction, unit=unit)
    computed = got.gates[step, direction, unit]
    for gate in Gate:
        if accumulators[gate] != computed[gate]:
            return f"{message}; gate {gate.name}: expected accumulator {accumulators[gate]}, got {computed[gate]}."
    return f"{message}; its four gate accumulators are equal, so the difference comes after them."


def gate_accumulators(
    design: Design, columns: np.ndarray, hidden: np.ndarray, *, step: int, direction: int, unit: int
) -> np.ndarray:
    """The four gate accumulators of one unit at one step, before any peephole; int64 [4] in `Gate` order.

    The columns [T, I] are the line's. `step`, `direction` and `unit` index `hidden` [T, 2, H]; the step before is read.
    """
    bits = design.precision
    x = columns[len(columns) - 1 - step if direction == BACKWARD else step].astype(np.int64)
    before = hidden[step - 1, direction].astype(np.int64) if step else np.zeros(design.hidden, dtype=np.int64)
    total = (
        design.biases_input[direction, :, unit].astype(np.int64) + design.biases_recurrent[direction, :, unit]
    ) << bits.bias_left_shift
    for values, weights in ((x, design.weights_input), (before, design.weights_recurrent)):
        products = weights[direction, :, unit].astype(np.int64) * values
        total = total + remove_bits(products, bits.excess_fraction_bits, ACCUMULATOR.rounding).sum(axis=1)
    return bring_into_range(total, ACCUMULATOR)

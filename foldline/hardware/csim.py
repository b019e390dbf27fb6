"""C simulation of lines, each compared with the simulator in every hidden word, class score and label."""

from __future__ import annotations

from dataclasses import dataclass, replace
from threading import Lock

import numpy as np

from datapath.design import BACKWARD, Design, Gate, Limits
from datapath.errors import LimitError, MismatchError
from datapath.formats import bring_into_range, drop_bits
from datapath.quantities import ACCUMULATOR
from fixedpoint_sim import Simulator, Trace
from fixedpoint_sim.simulator import check_columns, exceeded_before, refuse
from hls_gen.csim import CSimProgram
from hls_gen.sources import MAX_LIMIT
from hls_gen.vectors import LineResult

DIRECTION_NAMES = ("forward", "backward")


@dataclass
class Compared:
    """How much has been compared with the simulator and found equal."""

    lines: int = 0
    columns: int = 0
    hidden_words: int = 0
    scores: int = 0
    labels: int = 0

    def add(self, trace: Trace) -> None:
        self.lines += 1
        self.columns += len(trace.scores)
        self.hidden_words += trace.hidden.size
        self.scores += trace.scores.size
        self.labels += trace.labels.size

    def __str__(self) -> str:
        return (
            f"{self.lines} lines ({self.columns} columns): {self.hidden_words} hidden words, {self.scores} scores, "
            f"{self.labels} labels equal"
        )


class CSimulator:
    """A design as compiled C++, and the simulator that it must equal; `run` may be called from many threads.

    Building takes some seconds the first time; see `hls_gen.csim.CSimProgram` for its errors.
    """

    def __init__(self, design: Design) -> None:
        self.design = design
        self.compared = Compared()
        self._simulator = Simulator(design)
        self._lock = Lock()
        self._builds = {design.limits.columns: CSimProgram(design)}

    def run(self, columns: np.ndarray, *, ignore_limits: bool = False) -> Trace:
        """Compute one line; what comes back is the C simulation's, and equal to the simulator's.

        :param ignore_limits: compute a line past a limit of the overlay, too, with larger buffers (labels still cut).
        :raises DataError, LimitError: as `fixedpoint_sim.simulate`.
        :raises MismatchError: names the first place where the two differ.
        """
        columns = check_columns(self.design, columns)
        exceeded = exceeded_before(self.design, len(columns))
        refuse(exceeded, ignore_limits=ignore_limits)
        result = self._build_for(len(columns)).run(columns)
        expected = self._simulator.run(columns, ignore_limits=True)
        require_equal(self.design, columns, expected, result)
        refuse(expected.exceeded, ignore_limits=ignore_limits)
        trace = Trace(
            hidden=result.hidden,
            scores=result.scores,
            labels=result.labels,
            text=self.design.alphabet.text(result.labels),
            exceeded=expected.exceeded,
        )
        with self._lock:
            self.compared.add(trace)
        return trace

    def _build_for(self, length: int) -> CSimProgram:
        """The build whose buffers hold a line: the design's own, or with twice its columns, and twice again."""
        room = buffer_columns(self.design.limits.columns, length)
        with self._lock:
            if room not in self._builds:
                self._builds[room] = CSimProgram(with_room(self.design, room))
            return self._builds[room]


def buffer_columns(limit: int, length: int) -> int:
    """Columns of the buffers for a line: the design's limit, or twice it, and twice again, so that few programs are built.

    >>> buffer_columns(732, 732), buffer_columns(732, 733), buffer_columns(732, 3000)
    (732, 1464, 5856)

    :raises LimitError: longer than a C simulation takes.
    """
    if length > MAX_LIMIT:
        raise LimitError(f"The line has {length} columns; a C simulation takes 1 to {MAX_LIMIT}.")
    room = limit
    while room < length:
        room *= 2
    return min(room, MAX_LIMIT)


def with_room(design: Design, columns: int) -> Design:
    """The same network with another limit of columns."""
    return replace(design, limits=Limits(columns=columns, labels=design.limits.labels))


def require_equal(design: Design, columns: np.ndarray, expected: Trace, got: LineResult) -> None:
    """Every hidden word, score and label of a line, and how many labels were found.

    :raises MismatchError: names the first place that differs, with its gate where a gate is to blame.
    """
    if not np.array_equal(expected.hidden, got.hidden):
        raise MismatchError(_hidden_difference(design, columns, expected, got))
    if not np.array_equal(expected.scores, got.scores):
        places = np.argwhere(expected.scores != got.scores)
        column, k = places[0]
        raise MismatchError(
            f"The C simulation differs in {len(places)} of {expected.scores.size} scores, first in column {column}, "
            f"class {k}: expected {expected.scores[column, k]}, got {got.scores[column, k]}."
        )
    if not np.array_equal(expected.labels, got.labels):
        raise MismatchError(
            f"The C simulation differs in the labels: expected {expected.labels.tolist()}, got {got.labels.tolist()}."
        )
    if expected.found != got.found:
        raise MismatchError(f"The C simulation counts {got.found} labels; expected {expected.found}.")


def _hidden_difference(design: Design, columns: np.ndarray, expected: Trace, got: LineResult) -> str:
    places = np.argwhere(expected.hidden != got.hidden)
    step, direction, unit = (int(n) for n in places[0])
    column = len(columns) - 1 - step if direction == BACKWARD else step
    where = f"column {column} ({DIRECTION_NAMES[direction]}, step {step}), unit {unit}"
    sentence = (
        f"The C simulation differs in {len(places)} of {expected.hidden.size} hidden words, first in {where}: "
        f"expected {expected.hidden[step, direction, unit]}, got {got.hidden[step, direction, unit]}"
    )
    accumulators = gate_accumulators(design, columns, expected.hidden, step=step, direction=direction, unit=unit)
    computed = got.gates[step, direction, unit]
    for gate in Gate:
        if accumulators[gate] != computed[gate]:
            return f"{sentence}; gate {gate.name}: expected accumulator {accumulators[gate]}, got {computed[gate]}."
    return f"{sentence}; its four gate accumulators are equal, so the difference comes after them."


def gate_accumulators(
    design: Design, columns: np.ndarray, hidden: np.ndarray, *, step: int, direction: int, unit: int
) -> np.ndarray:
    """The four gate accumulators of one unit at one step, before any peephole; int64 [4] in `Gate` order.

    :param hidden: the hidden words [T, 2, H] of the steps before.
    """
    bits = design.precision
    x = columns[len(columns) - 1 - step if direction == BACKWARD else step].astype(np.int64)
    before = hidden[step - 1, direction].astype(np.int64) if step else np.zeros(design.hidden, dtype=np.int64)
    shift = (bits.activation - 1) + (bits.weight - 1) - ACCUMULATOR.fraction
    total = (
        design.biases_input[direction, :, unit].astype(np.int64) + design.biases_recurrent[direction, :, unit]
    ) << (ACCUMULATOR.fraction - (bits.bias - 1))
    for values, weights in ((x, design.weights_input), (before, design.weights_recurrent)):
        products = weights[direction, :, unit].astype(np.int64) * values
        total = total + drop_bits(products, shift, ACCUMULATOR.rounding).sum(axis=1)
    return bring_into_range(total, ACCUMULATOR)

"""A simulation of the hardware (C or RTL), compared with the simulator in every hidden word, class score and label."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from threading import Lock
from typing import Any, ClassVar

import numpy as np

from datapath.design import MAX_LIMIT, Design, Limits
from datapath.errors import LimitError
from datapath.kernel_result import KernelResult
from fixedpoint_sim import Simulator, Trace
from fixedpoint_sim.simulator import check_columns, exceeded_before, refuse
from fixedpoint_sim.trace import LineCycles
from foldline.hardware.mismatch import first_mismatch


class HardwareSimulator(ABC):
    """A design as a simulation of its hardware, and the simulator that it must equal; `run` may be called from many
    threads.

    :param design: what is simulated, in its folding.
    :raises ToolError, DesignError, FileError: as the program, which is built first.
    """

    backend: ClassVar[str]
    """Begins the sentences on its differences: "The C simulation"."""

    def __init__(self, design: Design) -> None:
        self.design = design
        self._simulator = Simulator(design)
        self._lock = Lock()
        self._programs = {design.limits.columns: self._build(design)}

    @abstractmethod
    def _build(self, design: Design) -> Any:
        """The program of a design."""

    @abstractmethod
    def _compute(self, program: Any, columns: np.ndarray) -> tuple[KernelResult, LineCycles | None]:
        """What a program computes for a line, and its cycles where it counts them."""

    def run(self, columns: np.ndarray, *, ignore_limits: bool = False) -> Trace:
        """What the hardware computes for one line; its `mismatch` names the first difference from the simulator.

        :param columns: integers [T, I], raw values of ``fixed<A, 1>``.
        :param ignore_limits: compute a line that exceeds a limit of the overlay, too, with larger buffers; its labels
            are still cut to the limit.
        :raises DataError, LimitError: as `fixedpoint_sim.simulate`; or more columns than the hardware's counters take.
        :raises ToolError: the program fails.
        """
        columns = check_columns(self.design, columns)
        refuse(exceeded_before(self.design, len(columns)), ignore_limits=ignore_limits)
        result, cycles = self._compute(self._program_for(len(columns)), columns)
        expected = self._simulator.run(columns, ignore_limits=True)
        mismatch = first_mismatch(self.design, columns, expected, result, backend=self.backend)
        if not mismatch:
            refuse(expected.exceeded, ignore_limits=ignore_limits)
        return Trace(
            hidden=result.hidden,
            scores=result.scores,
            labels=result.labels,
            text=self.design.alphabet.text(result.labels),
            exceeded=expected.exceeded,
            mismatch=mismatch,
            cycles=cycles,
        )

    def _program_for(self, length: int) -> Any:
        columns = buffer_columns(self.design.limits.columns, length)
        with self._lock:
            if columns not in self._programs:
                limits = Limits(columns=columns, labels=self.design.limits.labels)
                self._programs[columns] = self._build(replace(self.design, limits=limits))
            return self._programs[columns]


def buffer_columns(limit: int, length: int) -> int:
    """Columns of the buffers for a line: the design's limit, doubled until the line fits, so that few programs are built.

    >>> buffer_columns(732, 732), buffer_columns(732, 733), buffer_columns(732, 3000)
    (732, 1464, 5856)

    :param limit: of the design.
    :param length: columns of the line.
    :raises LimitError: the line is longer than the hardware's counters take.
    """
    if length > MAX_LIMIT:
        raise LimitError(f"The line has {length} columns; a simulation of the hardware takes 1 to {MAX_LIMIT}.")
    while limit < length:
        limit *= 2
    return min(limit, MAX_LIMIT)

"""RTL simulation of lines, each compared with the simulator in every hidden word, class score and label, and with the
exact count of its cycles."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from datapath.architecture import Architecture
from datapath.design import Design
from datapath.kernel_result import KernelResult
from datapath.rtl_cycles import rtl_cycles
from fixedpoint_sim import Trace, simulate
from fixedpoint_sim.trace import LineCycles
from foldline.hardware.hardware_simulator import HardwareSimulator
from rtl_gen.program import RtlLine, RtlProgram

CLOCKS_BEFORE, CLOCKS_AFTER = 256, 64
"""Clocks of a waveform around the one in which the first different value was computed."""


class RtlSimulator(HardwareSimulator):
    """A design as SystemVerilog, simulated by Verilator; building it takes some seconds the first time."""

    backend = "The RTL simulation"

    def __init__(self, design: Design) -> None:
        self._cycles = rtl_cycles(Architecture.of(design))
        super().__init__(design)

    def _build(self, design: Design) -> RtlProgram:
        return RtlProgram(design)

    def _compute(self, program: RtlProgram, columns: np.ndarray) -> tuple[KernelResult, LineCycles]:
        result, cycles = program.run(columns)
        return result, LineCycles(line=cycles, steady=round(self._cycles.steady))

    def run(self, columns: np.ndarray, *, ignore_limits: bool = False) -> Trace:
        """As `HardwareSimulator.run`; other cycles than the exact count are a mismatch, too.

        :param columns: of the line.
        :param ignore_limits: compute a line that exceeds a limit of the overlay, too.
        """
        trace = super().run(columns, ignore_limits=ignore_limits)
        length, labels = len(trace.scores), trace.found
        expected = self._cycles.line(length, labels)
        if trace.mismatch or trace.cycles.line == expected:
            return trace
        return replace(
            trace,
            mismatch=f"{self.backend} takes {trace.cycles.line} cycles for {length} columns and {labels} labels; "
            f"expected {expected}.",
        )


class WaveformSimulator(RtlSimulator):
    """An RTL simulation that writes a waveform: of the clocks around the first difference, and without one of the whole
    first line. Lines must come one at a time.

    :param design: what is simulated, in its folding.
    :param path: the waveform (VCD).
    """

    def __init__(self, design: Design, path: Path) -> None:
        super().__init__(design)
        self._path = path
        self._first: np.ndarray | None = None
        self.written = ""
        """What the waveform shows; empty before there is one."""

    def run(self, columns: np.ndarray, *, ignore_limits: bool = False) -> Trace:
        """As `RtlSimulator.run`.

        :param columns: of the line.
        :param ignore_limits: compute a line that exceeds a limit of the overlay, too.
        """
        trace = super().run(columns, ignore_limits=ignore_limits)
        if trace.mismatch and not self.written:
            program = self._program_for(len(columns))
            clock = first_different_clock(self.design, columns, program.line(columns))
            first, last = max(clock - CLOCKS_BEFORE, 0), clock + CLOCKS_AFTER
            program.write_waveform(columns, self._path, first=first, last=last)
            self.written = f"clocks {first} to {last} of the first line that differs"
        if self._first is None:
            self._first = columns
        return trace

    def finish(self) -> None:
        """Write the waveform of the first line, where no line differed."""
        if self._first is not None and not self.written:
            program = self._program_for(len(self._first))
            line = program.write_waveform(self._first, self._path, first=-1, last=program.most_clocks(len(self._first)))
            self.written = f"the first line, {line.cycles} cycles"


def first_different_clock(design: Design, columns: np.ndarray, line: RtlLine) -> int:
    """The clock in which the first hidden output or score that differs was computed; the line's last one if none does.

    :param design: what was simulated.
    :param columns: of the line, integers [T, I].
    :param line: what the RTL simulation gave.
    """
    expected = simulate(design, columns, ignore_limits=True)
    hidden = (expected.hidden != line.result.hidden).any(axis=2)
    scores = expected.scores != line.result.scores
    return int(min([*line.hidden_clocks[hidden], *line.score_clocks[scores]], default=line.cycles))

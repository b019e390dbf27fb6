"""`RtlProgram`: a design's RTL, simulated line by line, with all that it computes."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import numpy as np

from datapath.architecture import Architecture
from datapath.design import Design, Gate
from datapath.errors import DataError, ToolError
from datapath.folded import DIRECTIONS
from datapath.kernel_result import KernelResult
from datapath.labels import arrival_order
from datapath.packing import REFUSED, WORD_DTYPE, pack_columns
from datapath.registers import line_registers
from datapath.rtl_cycles import rtl_cycles
from rtl_gen.memory import BufferMemory
from rtl_gen.model import Observed, RtlModel

INPUT_ADDRESS, OUTPUT_ADDRESS = 0x1600_0000, 0x1E00_0000
STALLS = 16
"""Times that a line takes longer with random stalls, at most."""

UNTOUCHED = 0x5A
"""Byte of the output buffer that the accelerator has not written."""


@dataclass(frozen=True, eq=False, kw_only=True)
class RtlLine:
    """What the RTL simulation gives for a line of T columns; clocks count from the line's start.

    result          labels, hidden outputs, scores and gate accumulators
    cycles          clocks from the one that accepts ap_start to the one that sets ap_done
    hidden_clocks   int64 [T, 2], when the hidden outputs of a step and direction were complete
    score_clocks    int64 [T, C], when a score was computed
    """

    result: KernelResult
    cycles: int
    hidden_clocks: np.ndarray
    score_clocks: np.ndarray


class RtlProgram:
    """The simulated RTL of a design; `run` may be called from many threads, each with a process of its own.

    :param design: what is simulated, in its folding.
    :param seed: of random stalls on all channels of all ports, from 1 on; None for no stalls.
    :raises ToolError: Verilator or a compiler is missing, or one fails.
    :raises DesignError: a limit of the design exceeds the counters.
    :raises FileError: the build cannot be written to the cache, or the cache belongs to another user.
    """

    def __init__(self, design: Design, *, seed: int | None = None) -> None:
        self.design = design
        self._architecture = Architecture.of(design)
        self._seed = seed
        self._lock = Lock()
        self._idle: list[RtlModel] = []
        self.close = weakref.finalize(self, _close_all, self._idle)
        """End the processes; they end with the program, too."""
        with self._model():
            pass  # built, and one process started

    def run(self, columns: np.ndarray) -> tuple[KernelResult, int]:
        """Compute one line: what `line` gives, and its cycles.

        :param columns: as in `line`.
        """
        line = self.line(columns)
        return line.result, line.cycles

    def line(self, columns: np.ndarray) -> RtlLine:
        """Compute one line, with the clocks in which its values were computed.

        :param columns: integers [T, I], raw values of ``fixed<A, 1>``.
        :raises DataError: a pixel outside the range, or the accelerator refuses the line.
        :raises ToolError: the simulation fails, or the accelerator does not end the line or breaks a rule of its buses.
        """
        with self._model() as model:
            return self._compute(model, columns)

    def write_waveform(self, columns: np.ndarray, path: Path, *, first: int, last: int) -> RtlLine:
        """Compute one line alone, and write a waveform (VCD); this takes another build.

        :param columns: as in `line`.
        :param path: the file.
        :param first: first clock of the waveform, counted from the line's start; -1 also for all clocks before it.
        :param last: last clock.
        :raises DataError, ToolError: as `line`.
        """
        with RtlModel(self.design, BufferMemory(), trace=True) as model:
            model.reset(seed=self._seed)
            model.write_waveform(path, first=first, last=last)
            return self._compute(model, columns)

    @contextmanager
    def _model(self) -> Iterator[RtlModel]:
        """A model that no other thread uses; it is not used again after an error."""
        with self._lock:
            model = self._idle.pop() if self._idle else None
        if model is None:
            model = RtlModel(self.design, BufferMemory())
            model.reset(seed=self._seed)
        failed = True
        try:
            yield model
            failed = False
        finally:
            if failed:
                model.close()
            else:
                with self._lock:
                    self._idle.append(model)

    def _compute(self, model: RtlModel, columns: np.ndarray) -> RtlLine:
        words = pack_columns(columns, self.design.precision.activation)
        output = bytearray([UNTOUCHED]) * ((self.design.limits.labels + 1) * WORD_DTYPE.itemsize)
        memory = BufferMemory({INPUT_ADDRESS: bytearray(words.tobytes()), OUTPUT_ADDRESS: output})
        model.memory = memory
        registers = line_registers(
            columns=len(columns),
            input_bytes=words.nbytes,
            input_address=INPUT_ADDRESS,
            output_address=OUTPUT_ADDRESS,
        )
        for register, value in registers.items():
            model.write_register(register, value)
        most = self.most_clocks(len(columns))
        _, ended = model.run(most)
        if not ended:
            raise ToolError(f"The accelerator did not end a line of {len(columns)} columns within {most} clocks.")
        if memory.stray:
            raise ToolError(f"The accelerator {memory.stray[0]}, which is outside its buffers.")
        found, labels = self._labels(output, len(columns))
        return self._arranged(model.observed(), len(columns), found, labels)

    def most_clocks(self, columns: int) -> int:
        """More clocks than a line of so many `columns` takes, whatever the stalls."""
        return STALLS * rtl_cycles(self._architecture).line(columns)

    def _labels(self, output: bytearray, columns: int) -> tuple[int, np.ndarray]:
        """The number of labels found, and those in the output buffer, uint8 [n]."""
        words, limits = np.frombuffer(bytes(output), dtype=WORD_DTYPE), self.design.limits
        found = int(words[0])
        stored = 0 if found == REFUSED else min(found, limits.labels)
        if any(byte != UNTOUCHED for byte in output[(stored + 1) * WORD_DTYPE.itemsize :]):
            raise ToolError("The accelerator wrote behind its labels.")
        if found == REFUSED:
            raise DataError(f"The accelerator refused a line of {columns} columns; it takes 1 to {limits.columns}.")
        labels = words[1 : stored + 1]
        if (labels >= self.design.classes).any():
            raise ToolError(f"The accelerator wrote label {labels.max()} of {self.design.classes} classes.")
        return found, labels.astype(np.uint8)

    def _arranged(self, observed: Observed, length: int, found: int, labels: np.ndarray) -> RtlLine:
        """Values in the order of arrays instead of that of their computation."""
        architecture, pe = self._architecture, self.design.folding.pe
        blocks, class_blocks = architecture.unit_blocks, architecture.class_blocks
        for what, values, expected in (
            ("blocks of gates", observed.gates, length * DIRECTIONS * blocks),
            ("hidden words", observed.hidden, length * DIRECTIONS),
            ("blocks of scores", observed.scores, length * class_blocks),
        ):
            if len(values.values) != expected:
                raise ToolError(f"The accelerator computed {len(values.values)} {what}; expected {expected}.")
        gates = observed.gates.values.reshape(length, DIRECTIONS, blocks * pe, len(Gate))
        hidden = observed.hidden.values.reshape(length, DIRECTIONS, self.design.hidden)
        order, classes = arrival_order(length), self.design.classes
        scores = np.empty((length, classes), dtype=np.int16)
        scores[order] = observed.scores.values.reshape(length, -1)[:, :classes]
        score_clocks = np.empty((length, classes), dtype=np.int64)
        by_block = observed.scores.clocks.reshape(length, class_blocks)
        score_clocks[order] = by_block.repeat(self.design.folding.pe_out, axis=1)[:, :classes]
        return RtlLine(
            result=KernelResult(found=found, labels=labels, hidden=hidden.astype(np.int8), scores=scores, gates=gates),
            cycles=observed.cycles,
            hidden_clocks=observed.hidden.clocks.reshape(length, DIRECTIONS),
            score_clocks=score_clocks,
        )


def _close_all(models: list[RtlModel]) -> None:
    for model in models:
        model.close()

"""The virtual accelerator: its registers, and what it does when it is started, in simulated time."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from datapath.architecture import Architecture
from datapath.cycles import cycles_of
from datapath.design import Design
from datapath.manifest import Kernel
from datapath.packing import REFUSED, WORD_DTYPE, column_words, unpack_records
from datapath.registers import STATUS, Control, Register, Status
from overlay_driver.virtual.faults import Faults
from overlay_driver.virtual.memory import PhysicalMemory


@dataclass(frozen=True, eq=False)
class Computed:
    """The labels of a line up to the design's limit, uint8 [n], and their number without that limit."""

    labels: np.ndarray
    found: int


class Core(Protocol):
    """The accelerator of a virtual board.

    design    that it holds
    kernel    whose accelerator it is
    done_at   end of the running line, seconds; infinite if no line is running, or it hangs
    """

    design: Design
    kernel: Kernel

    @property
    def done_at(self) -> float: ...

    def reset(self) -> None:
        """Set the state after a bitstream was loaded."""

    def read(self, offset: int, *, now: float, memory: PhysicalMemory, faults: Faults) -> int:
        """Read the register at a byte offset at time `now`, seconds."""

    def write(
        self, offset: int, value: int, *, now: float, clock_mhz: float, memory: PhysicalMemory, faults: Faults
    ) -> None:
        """Write 32 bits to the register at a byte offset at time `now`, seconds, with the clock at `clock_mhz`."""


class VirtualCore:
    """An accelerator with one design, whose labels a function computes and whose time is modelled.

    It reads the columns when it is started, and writes the labels after the modelled time. Lines that exceed a limit
    behave as in hardware. The published kernel hangs if a line has more labels than fit, overwrites its first columns
    with those above the limit, and drops the last column of an odd line. Our kernels refuse lines with too many columns,
    and count labels above the limit; that of the RTL kernel has a status register. A refused line takes the time of one
    column.

    :param compute: computes the labels of raw pixels, int8 [T, I] with any T.
    """

    def __init__(self, design: Design, kernel: Kernel, compute: Callable[[np.ndarray], Computed]) -> None:
        self.design = design
        self.kernel = kernel
        self._cycles = cycles_of(Architecture.of(design), kernel)
        self._compute = compute
        self._registers: dict[int, int] = {}
        self.reset()

    def reset(self) -> None:
        """Set the state after a bitstream was loaded: registers are 0, no line is running."""
        self._registers.clear()
        self._control = Control.IDLE
        self._status = Status(0)
        self._output: np.ndarray | None = None
        self.done_at = math.inf
        """End of the running line, seconds; infinite if no line is running, or it hangs."""

    def read(self, offset: int, *, now: float, memory: PhysicalMemory, faults: Faults) -> int:
        """Read the register at a byte offset at time `now`, seconds; reading `CONTROL` clears ap_done and ap_ready."""
        self._advance(now, memory, faults)
        if offset == STATUS:
            return int(self._status)
        if offset != Register.CONTROL:
            return self._registers.get(offset, 0)
        value = self._control
        self._control &= ~(Control.DONE | Control.READY)
        return int(value)

    def write(
        self, offset: int, value: int, *, now: float, clock_mhz: float, memory: PhysicalMemory, faults: Faults
    ) -> None:
        """Write 32 bits to the register at a byte offset at time `now`; ap_start starts a line if none is running."""
        self._advance(now, memory, faults)
        if offset != Register.CONTROL:
            self._registers[offset] = value
        elif value & Control.START and Control.IDLE in self._control and not faults.start_ignored:
            self._start(now, clock_mhz, memory, faults)

    def _start(self, now: float, clock_mhz: float, memory: PhysicalMemory, faults: Faults) -> None:
        self._control = Control.START
        columns = self._registers.get(Register.COLUMNS, 0)
        self._output = self._output_of(columns, memory)
        if self._output is None:
            return
        labels = int(self._output[0])
        refused = labels == REFUSED
        if self.kernel is Kernel.RTL:
            self._status = Status.REFUSED if refused else Status(0)
        if not faults.done_never_rises:
            length, labels = (1, 0) if refused else (columns, labels)
            self.done_at = now + self._cycles.milliseconds(length, clock_mhz, labels) / 1000

    def _advance(self, now: float, memory: PhysicalMemory, faults: Faults) -> None:
        if now < self.done_at:
            return
        words = self._output.copy()
        if faults.flipped_bit is not None:
            word, bit = faults.flipped_bit
            if word < len(words):
                words[word] ^= np.uint64(1 << bit)
        memory.write(self._address(Register.OUTPUT_ADDRESS), words.view(np.uint8))
        self._control = Control.DONE | Control.IDLE | Control.READY
        self.done_at = math.inf

    def _address(self, register: Register) -> int:
        return self._registers.get(register, 0) | self._registers.get(register + 4, 0) << 32

    def _output_of(self, columns: int, memory: PhysicalMemory) -> np.ndarray | None:
        """The words to write for a line; None if it never ends."""
        limits = self.design.limits
        record = column_words(self.design.inputs, self.design.precision.activation) * WORD_DTYPE.itemsize
        records, length = (self._registers.get(register, 0) for register in (Register.RECORDS, Register.INPUT_BYTES))
        # Ours take the bytes of records without padding, too.
        least = (
            record
            if self.kernel is Kernel.PUBLISHED
            else -(-self.design.inputs * self.design.precision.activation // 8)
        )
        consistent = records == 2 * columns and 2 * columns * least <= length <= 2 * columns * record
        if self.kernel is Kernel.PUBLISHED and not consistent:
            return None  # a stage waits for data forever
        if self.kernel is not Kernel.PUBLISHED and not (consistent and 1 <= columns <= limits.columns):
            return np.array([REFUSED], dtype=WORD_DTYPE)
        data = memory.read(self._address(Register.INPUT_ADDRESS), 2 * columns * record)
        line = self._as_buffered(self._forward_columns(data))
        computed = self._compute(line) if len(line) else Computed(np.zeros(0, np.uint8), 0)
        if self.kernel is Kernel.PUBLISHED and computed.found > limits.labels:
            return None
        end = [self.design.classes] if self.kernel is Kernel.PUBLISHED and computed.found < limits.labels else []
        return np.concatenate([[computed.found], computed.labels, end]).astype(WORD_DTYPE)

    def _forward_columns(self, data: np.ndarray) -> np.ndarray:
        bits = self.design.precision.activation
        return unpack_records(data.view(WORD_DTYPE), inputs=self.design.inputs, bits=bits)[:, 0]

    def _as_buffered(self, columns: np.ndarray) -> np.ndarray:
        """The columns in the kernel's buffers; the published kernel wraps around at the limit and drops an odd column."""
        limit = self.design.limits.columns
        if self.kernel is Kernel.PUBLISHED:
            columns = columns[: len(columns) - len(columns) % 2]
            if len(columns) > limit:
                columns = np.concatenate([columns[limit:], columns[len(columns) - limit : limit]])[:limit]
        return columns

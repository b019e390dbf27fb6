"""The accelerator of the virtual board as its simulated RTL, behind its AXI ports: registers, and memory by DMA."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from datapath.architecture import Architecture
from datapath.cycles import cycles_of
from datapath.design import Design
from datapath.manifest import Kernel
from datapath.packing import WORD_DTYPE
from datapath.registers import Control, Register
from overlay_driver.virtual import Faults, PhysicalMemory
from rtl_gen.memory import Response
from rtl_gen.model import RtlModel

HANG_FACTOR = 20
"""A line that takes this many times its cycles hangs; random stalls make it some times longer."""

_WORD_BYTES = WORD_DTYPE.itemsize


@dataclass
class _DeviceMemory:
    """The virtual board's memory as the bursts of the accelerator reach it."""

    memory: PhysicalMemory = field(default_factory=PhysicalMemory)
    faults: Faults = field(default_factory=Faults)
    output_address: int = 0

    def read(self, address: int, length: int) -> tuple[bytes, Response]:
        return self.memory.read(address, length).tobytes(), Response.OKAY

    def write(self, address: int, data: bytes, strobes: np.ndarray) -> Response:
        written = np.frombuffer(data, dtype=np.uint8).copy()
        if self.faults.flipped_bit is not None:
            word, bit = self.faults.flipped_bit
            flipped = self.output_address + word * _WORD_BYTES + bit // 8 - address
            if 0 <= flipped < len(written):
                written[flipped] ^= 1 << bit % 8
        edges = np.flatnonzero(np.diff(strobes.astype(np.int8), prepend=0, append=0))
        for first, end in zip(edges[::2], edges[1::2], strict=True):
            self.memory.write(address + int(first), written[first:end])
        return Response.OKAY


class RtlCore:
    """The RTL of a design as an accelerator of the virtual board, see `overlay_driver.virtual.core.Core`.

    A register access is an AXI4-Lite transaction, and columns and labels are read and written in bursts at physical
    addresses. A line is simulated when its end is asked for, and ends as many clocks after its start as the RTL took.

    :param design: what is simulated, in its folding.
    :param seed: of random stalls on all channels of all ports, from 1 on; None for no stalls.
    :raises ToolError: Verilator or a compiler is missing, or one fails.
    :raises FileError: the build cannot be written to the cache.
    """

    def __init__(self, design: Design, *, seed: int | None = None) -> None:
        self.design = design
        self.kernel = Kernel.RTL
        self._seed = seed
        self._cycles = cycles_of(Architecture.of(design), Kernel.RTL)
        self._memory = _DeviceMemory()
        self._model = RtlModel(design, self._memory)
        self.reset()

    def close(self) -> None:
        """End the simulation's process."""
        self._model.close()

    def reset(self) -> None:
        """Set the state after a bitstream was loaded: registers are 0, no line is running."""
        self._model.reset(seed=self._seed, observe=False)
        self._registers: dict[int, int] = {}
        self._started: float | None = None
        self._end: float | None = None
        self._clock_mhz = math.nan
        self._simulated = 0

    @property
    def done_at(self) -> float:
        """End of the running line, seconds, up to which it is then simulated; infinite if none is running, or it hangs."""
        if self._started is None:
            return math.inf
        if self._end is None:
            columns = min(self._registers.get(Register.COLUMNS, 0), self.design.limits.columns)
            _, ended = self._model.run(HANG_FACTOR * int(self._cycles.line(columns + 1)))
            cycles = self._model.observed().cycles if ended else math.inf
            self._end = self._started + cycles / (self._clock_mhz * 1e6)
        return self._end

    def read(self, offset: int, *, now: float, memory: PhysicalMemory, faults: Faults) -> int:
        """Read the register at a byte offset at time `now`, seconds; reading `CONTROL` clears ap_done and ap_ready."""
        self._advance(now, memory, faults)
        if offset == Register.CONTROL and self._end == math.inf:
            return int(Control.START)
        value = self._model.read_register(offset)
        if offset == Register.CONTROL and value & Control.DONE:
            self._started = self._end = None
        return value

    def write(
        self, offset: int, value: int, *, now: float, clock_mhz: float, memory: PhysicalMemory, faults: Faults
    ) -> None:
        """Write 32 bits to the register at a byte offset at time `now`; ap_start starts a line if none is running."""
        self._advance(now, memory, faults)
        starting = offset == Register.CONTROL and bool(value & Control.START)
        if starting and faults.start_ignored:
            return
        if not starting:
            self._registers[offset] = value
        elif self._started is None or (self._end is not None and self._end <= now):
            self._memory.output_address = self._registers.get(Register.OUTPUT_ADDRESS, 0) | (
                self._registers.get(Register.OUTPUT_ADDRESS + 4, 0) << 32
            )
            self._started, self._clock_mhz, self._simulated = now, clock_mhz, 0
            self._end = math.inf if faults.done_never_rises else None
        self._model.write_register(offset, value)

    def _advance(self, now: float, memory: PhysicalMemory, faults: Faults) -> None:
        """Simulate a running line up to time `now`."""
        self._memory.memory, self._memory.faults = memory, faults
        if self._started is None or self._end is not None:
            return
        clocks = int((now - self._started) * self._clock_mhz * 1e6) - self._simulated
        if clocks > 0:
            self._simulated += self._model.run(clocks)[0]

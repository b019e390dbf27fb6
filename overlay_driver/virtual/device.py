"""The virtual board as a pynq device: MMIO, allocate, Bitstream, Overlay and Clocks are pynq's code.

Importing this module imports pynq.
"""

from __future__ import annotations

import math
import weakref
from pathlib import Path
from typing import Any

import numpy as np
from pynq import Device
from pynq.buffer import PynqBuffer

from datapath.boards import CLOCKS_MHZ
from datapath.boards.clocks import MAX_DIVIDER, meant_clock, possible_clocks
from datapath.manifest import Manifest
from datapath.registers import CONTROL_BYTES
from overlay_driver.bitstream import BitFile
from overlay_driver.board import Board
from overlay_driver.virtual.core import Core, VirtualCore
from overlay_driver.virtual.faults import Faults
from overlay_driver.virtual.memory import Allocation, PhysicalMemory

POLL_SECONDS = 1e-3
"""Simulated time between two polls of an accelerator that hangs."""

# The system-level control registers of a Zynq-7000 that pynq's Clocks reads (UG585, appendix B.28): the I/O PLL
# multiplies 50 MHz by 20, and FCLK0 divides the result by 5 and 2. The manifests of boards whose I/O PLL is 1500 MHz have
# clocks that only 50 MHz times 30 gives.
SLCR_BASE, SLCR_BYTES = 0xF800_0000, 0x200
IO_PLL_CTRL, FPGA0_CLK_CTRL = 0x108, 0x170
REFERENCE_MHZ = 50
PLL_FACTORS = (20, 30)
SLCR_AT_BOOT = {IO_PLL_CTRL: 20 << 12, FPGA0_CLK_CTRL: 5 << 8 | 2 << 20}

_WORD = 4


class VirtualDevice(Device):
    """A Zynq-7000 with an accelerator in its programmable logic, whose registers begin at the byte address `base`.

    Its time `now`, in seconds, is simulated: register accesses take no time, and waiting jumps to the next event.
    """

    arch = "armv7l"
    name = "virtual"

    def __init__(self, core: Core, *, base: int) -> None:
        super().__init__("virtual")
        self.capabilities = {"REGISTER_RW": True}
        self.core = core
        self.faults = Faults()
        self.memory = PhysicalMemory()
        self.now = 0.0
        self.downloads: list[str] = []
        self._base = base
        self._loaded = False
        self._slcr = dict(SLCR_AT_BOOT)

    def set_io_pll(self, clock_mhz: float) -> None:
        """Boot with the I/O PLL that gives a clock, MHz, exactly; with the first of `PLL_FACTORS` where none does."""
        for factor in PLL_FACTORS:
            clocks = possible_clocks(REFERENCE_MHZ * factor, (MAX_DIVIDER, MAX_DIVIDER), *CLOCKS_MHZ)
            if meant_clock(clock_mhz, clocks) is not None:
                self._slcr[IO_PLL_CTRL] = factor << 12
                return

    # Called by pynq's MMIO

    def read_registers(self, address: int, length: int) -> bytes:
        """Bytes of 32-bit registers, little-endian, from a byte address."""
        return b"".join(self._read(address + offset).to_bytes(_WORD, "little") for offset in range(0, length, _WORD))

    def write_registers(self, address: int, data: bytes) -> None:
        for offset in range(0, len(data), _WORD):
            self._write(address + offset, int.from_bytes(bytes(data[offset : offset + _WORD]), "little"))

    def _read(self, address: int) -> int:
        offset = address - self._base
        if 0 <= offset < CONTROL_BYTES and self._loaded:
            self._interrupt(offset)
            return self.core.read(offset, now=self.now, memory=self.memory, faults=self.faults)
        if address - SLCR_BASE == FPGA0_CLK_CTRL and self.faults.stuck_clock_mhz is not None:
            return round(REFERENCE_MHZ * 20 / self.faults.stuck_clock_mhz) << 8 | 1 << 20
        return self._slcr.get(address - SLCR_BASE, 0)

    def _write(self, address: int, value: int) -> None:
        offset = address - self._base
        if 0 <= offset < CONTROL_BYTES and self._loaded:
            self.core.write(
                offset, value, now=self.now, clock_mhz=self.clock_mhz, memory=self.memory, faults=self.faults
            )
        elif 0 <= address - SLCR_BASE < SLCR_BYTES:
            self._slcr[address - SLCR_BASE] = value

    def _interrupt(self, offset: int) -> None:
        if self.faults.interrupted_poll is None or offset:
            return
        self.faults.interrupted_poll -= 1
        if self.faults.interrupted_poll < 0:
            self.faults.interrupted_poll = None
            raise KeyboardInterrupt

    @property
    def clock_mhz(self) -> float:
        """FCLK0, computed from its dividers."""
        control = self._slcr[FPGA0_CLK_CTRL]
        multiplied = REFERENCE_MHZ * (self._slcr[IO_PLL_CTRL] >> 12 & 0x7F)
        return multiplied / ((control >> 8 & 0x3F) * (control >> 20 & 0x3F))

    # Called by pynq's allocate and its buffers

    def allocate(self, shape: Any, dtype: Any, **_: Any) -> PynqBuffer:
        if not self._loaded:
            raise RuntimeError("Overlay is not downloaded")
        if self.faults.no_memory:
            raise RuntimeError("Allocate failed: out of contiguous memory")
        dtype = np.dtype(dtype)
        allocation = self.memory.allocate(int(np.prod(shape)) * dtype.itemsize)
        buffer = PynqBuffer(
            shape,
            dtype,
            buffer=allocation.processor,
            device=self,
            device_address=allocation.address,
            bo=allocation,
            coherent=False,
        )
        buffer.memory = self.memory
        # Passed to `return_pointer` when it is freed.
        buffer.pointer, buffer.return_to = (allocation, weakref.ref(buffer)), self
        return buffer

    def return_pointer(self, pointer: tuple[Allocation, weakref.ref]) -> None:
        allocation, reference = pointer
        self.memory.free(allocation)
        if (buffer := reference()) is not None:
            del buffer.memory  # else pynq would free it again when it collects the buffer

    def flush(self, bo: Allocation, offset: int, _address: int, length: int) -> None:
        bo.flush(offset, length)

    def invalidate(self, bo: Allocation, offset: int, _address: int, length: int) -> None:
        bo.invalidate(offset, length)

    # Called by pynq's Bitstream and Overlay

    def download(self, bitstream: Any, parser: Any = None) -> None:
        """Load a bitstream: the file's content is ignored, and the core is reset."""
        self.downloads.append(bitstream.bitfile_name)
        self.reload()
        if parser is not None:
            self.reset(parser, None, bitstream.bitfile_name)

    def get_bitfile_metadata(self, bitfile_name: str, partial: bool = False) -> Any:
        """Parse the .hwh file of a bitstream with pynq's parser, each time; pynq's own devices cache it as a pickle."""
        handoff = Path(bitfile_name).with_suffix(".hwh")
        if not handoff.is_file():
            raise RuntimeError("Unable to find metadata for bitstream")  # as pynq's devices
        try:
            from pynq.metadata.runtime_metadata_parser import RuntimeMetadataParser
            from pynqmetadata.frontends import Metadata
        except ModuleNotFoundError:  # before pynq 3
            from pynq.pl_server.hwh_parser import HWH

            return HWH(str(handoff))
        parser = RuntimeMetadataParser(Metadata(input=handoff))
        parser.refresh_hierarchy_dict()
        return parser

    def reload(self) -> None:
        self._loaded = True
        self.core.reset()
        if self.faults.load_needs_free_memory and self.memory.allocations:
            raise RuntimeError("Programming Device failed: possibly buffers still allocated")


class VirtualBoard(Board):
    """A `Board` with a `VirtualDevice`, and its time; the manifest gives the registers' address and the part."""

    def __init__(self, core: Core, manifest: Manifest) -> None:
        device = VirtualDevice(core, base=manifest.control_base)
        device.set_io_pll(manifest.clock_mhz)
        super().__init__(device, part=manifest.part, timer=VirtualTime(device))
        self.kind = "virtual board" if isinstance(core, VirtualCore) else "virtual board with the RTL"

    @property
    def faults(self) -> Faults:
        return self.device.faults

    def load(self, bit: BitFile | None) -> int | None:
        """As `Board.load`; without a bitstream, resets the accelerator."""
        if bit is not None:
            return super().load(bit)
        with self.wrap_errors("load the virtual accelerator"):
            self.device.reload()
        return None


class VirtualTime:
    """The device's simulated time; a pause lasts until the end of the line, or for `POLL_SECONDS` if it hangs."""

    modelled = True

    def __init__(self, device: VirtualDevice) -> None:
        self._device = device

    def now(self) -> float:
        return self._device.now

    def pause(self) -> None:
        end = self._device.core.done_at
        self._device.now = self.now() + POLL_SECONDS if math.isinf(end) else max(end, self.now())

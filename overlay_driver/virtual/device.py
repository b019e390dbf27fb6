"""The virtual board as a device of pynq: MMIO, allocate, Bitstream, Overlay and Clocks are the library's own code.

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

from datapath.manifest import Manifest
from datapath.registers import CONTROL_BYTES
from overlay_driver.bitstream import BitFile
from overlay_driver.board import Board
from overlay_driver.virtual.core import VirtualCore
from overlay_driver.virtual.faults import Faults
from overlay_driver.virtual.memory import Allocation, PhysicalMemory

LOOK_SECONDS = 1e-3
"""How far time goes on between two looks at an accelerator that will not end."""

# Zynq-7000's system-level control registers (UG585, appendix B.28), as far as pynq's Clocks reads them: the I/O PLL
# multiplies 50 MHz by 20, FCLK0 divides that by 5 and 2.
SLCR_BASE, SLCR_BYTES = 0xF800_0000, 0x200
IO_PLL_CTRL, FPGA0_CLK_CTRL = 0x108, 0x170
REFERENCE_MHZ = 50
SLCR_AT_BOOT = {IO_PLL_CTRL: 20 << 12, FPGA0_CLK_CTRL: 5 << 8 | 2 << 20}

_WORD = 4


class VirtualDevice(Device):
    """A Zynq-7000 with an accelerator in its programmable logic.

    It has a time of its own, `now`, in seconds: registers take none, and waiting jumps to what happens next.

    :param base: byte address of the accelerator's registers.
    """

    arch = "armv7l"
    name = "virtual"

    def __init__(self, core: VirtualCore, *, base: int) -> None:
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

    # What pynq's MMIO asks for

    def read_registers(self, address: int, length: int) -> bytes:
        """32-bit registers from a byte address on, little-endian."""
        return b"".join(self._read(address + place).to_bytes(_WORD, "little") for place in range(0, length, _WORD))

    def write_registers(self, address: int, data: bytes) -> None:
        """32-bit registers from a byte address on, little-endian."""
        for place in range(0, len(data), _WORD):
            self._write(address + place, int.from_bytes(bytes(data[place : place + _WORD]), "little"))

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
        if self.faults.interrupted_look is None or offset:
            return
        self.faults.interrupted_look -= 1
        if self.faults.interrupted_look < 0:
            self.faults.interrupted_look = None
            raise KeyboardInterrupt

    @property
    def clock_mhz(self) -> float:
        """FCLK0 as its dividers say."""
        control = self._slcr[FPGA0_CLK_CTRL]
        multiplied = REFERENCE_MHZ * (self._slcr[IO_PLL_CTRL] >> 12 & 0x7F)
        return multiplied / ((control >> 8 & 0x3F) * (control >> 20 & 0x3F))

    # What pynq's allocate and its buffers ask for

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
        buffer.pointer, buffer.return_to = (allocation, weakref.ref(buffer)), self  # handed back when it is freed
        return buffer

    def return_pointer(self, pointer: tuple[Allocation, weakref.ref]) -> None:
        allocation, reference = pointer
        self.memory.free(allocation)
        if (buffer := reference()) is not None:
            del buffer.memory  # or pynq would free it once more when it collects the buffer

    def flush(self, bo: Allocation, offset: int, _address: int, length: int) -> None:
        bo.flush(offset, length)

    def invalidate(self, bo: Allocation, offset: int, _address: int, length: int) -> None:
        bo.invalidate(offset, length)

    # What pynq's Bitstream and Overlay ask for

    def download(self, bitstream: Any, parser: Any = None) -> None:
        """Load a bitstream: whatever the file holds, the core is ours, and at rest from now on."""
        self.downloads.append(bitstream.bitfile_name)
        self.reload()
        if parser is not None:
            self.reset(parser, None, bitstream.bitfile_name)

    def get_bitfile_metadata(self, bitfile_name: str, partial: bool = False) -> Any:
        """What pynq's parser reads in the .hwh beside a bitstream.

        The file itself is read each time: pynq's own devices keep a pickle of the last one in pynq's folder, and load it
        for as long as the bitstream stays the same.

        :raises RuntimeError: as pynq's devices do where there is no .hwh.
        """
        handoff = Path(bitfile_name).with_suffix(".hwh")
        if not handoff.is_file():
            raise RuntimeError("Unable to find metadata for bitstream")
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
        """Programmable logic as after a bitstream has been loaded."""
        self._loaded = True
        self.core.reset()
        if self.faults.load_needs_free_memory and self.memory.allocations:
            raise RuntimeError("Programming Device failed: possibly buffers still allocated")


class VirtualBoard(Board):
    """A `Board` around a `VirtualDevice`; its time is the device's.

    :param manifest: where the registers are, and which part to play.
    """

    kind = "virtual board"

    def __init__(self, core: VirtualCore, manifest: Manifest) -> None:
        device = VirtualDevice(core, base=manifest.control_base)
        super().__init__(device, part=manifest.part, timer=VirtualTime(device))

    @property
    def faults(self) -> Faults:
        """Faults to switch on and off."""
        return self.device.faults

    def load(self, bit: BitFile | None) -> int | None:
        """As a board does; without a bitstream the accelerator is there all the same."""
        if bit is not None:
            return super().load(bit)
        with self.doing("load the virtual accelerator"):
            self.device.reload()
        return None


class VirtualTime:
    """The device's time: waiting takes none of ours."""

    modelled = True

    def __init__(self, device: VirtualDevice) -> None:
        self._device = device

    def now(self) -> float:
        return self._device.now

    def pause(self) -> None:
        """Go on to the moment when the accelerator ends, or a little if it does not."""
        device = self._device
        end = device.core.done_at
        device.now = device.now + LOOK_SECONDS if math.isinf(end) else max(end, device.now)

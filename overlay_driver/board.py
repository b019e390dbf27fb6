"""A board as the driver sees it through pynq: load a bitstream, set the clock, registers, buffers.

pynq is imported where it is used: the module can be read where pynq is missing, and importing pynq takes seconds on a
board. What pynq 2.7 to 4.0 have in common is used; docs/board.md says what they do not.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datapath.errors import BoardError
from datapath.registers import CONTROL_BYTES, TOP, require_register_base
from overlay_driver.bitstream import BitFile
from overlay_driver.timing import RealTime, Timer

if TYPE_CHECKING:
    from pynq import MMIO, Device

CLOCK_TOLERANCE = 0.005
"""Largest deviation of the clock that is read back, of the one asked for: dividers of 6 bits do not hit every clock."""

MAX_SAID = 300
"""Characters of what pynq says of an error that are kept: some of its errors hold a whole file."""

BOARD_NAME = Path("/proc/device-tree/chosen/pynq_board")
PARTS = {
    "pynq-z1": "xc7z020clg400-1",
    "pynq-z2": "xc7z020clg400-1",
    "ultra96": "xczu3eg-sbva484-1-e",
    "zcu104": "xczu7ev-ffvc1156-2-e",
    "kv260": "xck26-sfvc784-2LV-c",
}
"""Part of each board, by the name that its image gives it (in lower case)."""

OWN_ENVIRONMENT = "run as root in pynq's own environment (docs/board.md)"


class Board:
    """The board that this program runs on; `RemoteBoard` and `VirtualBoard` are others, with the same interface.

    :param device: pynq's device.
    :param part: its part as Vivado spells it; None where it is not known, and then not checked.
    """

    kind = "board"

    errors: tuple[type[BaseException], ...] = (RuntimeError, OSError, MemoryError, ValueError, KeyError)
    """What pynq raises when something does not work."""

    distant = False
    """Whether a look at a register takes about as long as a line."""

    def __init__(self, device: Device, *, part: str | None, timer: Timer | None = None) -> None:
        self.device = device
        self.part = part
        self.timer = timer or RealTime()

    @contextmanager
    def doing(self, what: str, errors: tuple[type[BaseException], ...] = ()) -> Iterator[None]:
        """Turn what pynq raises, or `errors`, into a `BoardError` that says what was being done."""
        expected = errors or self.errors
        try:
            yield
        except expected as error:
            said = " ".join(str(error).split())[:MAX_SAID].rstrip(".")
            raise BoardError(f"Cannot {what}: {type(error).__name__}: {said}.") from error

    def load(self, bit: BitFile | None) -> int | None:
        """Load a bitstream: with pynq's `Overlay` where a .hwh lies beside it, as `Bitstream` alone otherwise.

        :returns: byte address of the accelerator's registers if the .hwh tells, else None.
        :raises BoardError: there is none to load, pynq cannot load it, or its .hwh knows no accelerator.
        """
        if bit is None:
            raise BoardError("A board needs a bitstream: give --bitstream FILE.bit.")
        if bit.handoff is not None:
            return self._load_overlay(bit)
        with self.doing(f"load {bit.path}"):
            self._download(bit.path)
        return None

    def _load_overlay(self, bit: BitFile) -> int:
        """What `Overlay` does but for its clocks: some versions of pynq set none, or another board's."""
        from pynq import Overlay

        # Of a damaged file pynq's parsers raise a dozen kinds of exception, some of them its own.
        with self.doing(f"read {bit.handoff}", errors=(Exception,)):
            overlay = Overlay(str(bit.path.absolute()), device=self.device, download=False)
            bases = {name: block.get("phys_addr") for name, block in overlay.ip_dict.items() if _is_ours(name, block)}
            for name, base in bases.items():
                require_register_base(base, f"the address of {name}")
        if len(bases) != 1:
            blocks = ", ".join(sorted(overlay.ip_dict)) or "none"
            raise BoardError(f"{bit.handoff} has {len(bases)} {TOP}; it must have one. Its blocks are: {blocks}.")
        with self.doing(f"load {bit.path}"):
            self._download(bit.path, overlay.parser)
        return next(iter(bases.values()))

    def _download(self, path: Path, parser: Any = None) -> None:
        """Load a bitstream, with what pynq read from its .hwh if it has one."""
        from pynq import Bitstream

        Bitstream(str(path.absolute()), device=self.device).download(parser)

    def set_clock(self, mhz: float) -> float:
        """Set clock 0 of the programmable logic (FCLK0), and read it back.

        :returns: what was read, MHz.
        :raises BoardError: it differs from `mhz` by more than `CLOCK_TOLERANCE`.
        """
        with self.doing("set FCLK0"):
            clocks = self._clocks()
            clocks.fclk0_mhz = mhz
            actual = float(clocks.fclk0_mhz)
        if abs(actual - mhz) > CLOCK_TOLERANCE * mhz:
            raise BoardError(f"FCLK0 was set to {mhz:g} MHz and reads {actual:g} MHz; the accelerator needs {mhz:g}.")
        return actual

    def _clocks(self) -> Any:
        """pynq's `Clocks`, speaking to this board: it keeps the first device that it met."""
        import pynq

        pynq.Device.active_device = self.device
        if hasattr(pynq.Clocks, "set_device"):  # since pynq 3.1
            pynq.Clocks.set_device(self.device)
        else:
            pynq.ps.CPU_ARCH = getattr(self.device, "arch", pynq.ps.CPU_ARCH)
        if hasattr(pynq.Clocks, "_real_instance"):
            del pynq.Clocks._real_instance
        return pynq.Clocks

    def registers(self, base: int) -> MMIO:
        """The accelerator's registers at a byte address."""
        from pynq import MMIO

        with self.doing(f"reach the registers at 0x{base:08X}"):
            return MMIO(base, CONTROL_BYTES, device=self.device)

    def allocate(self, words: int) -> Any:
        """A physically contiguous buffer of 64-bit words.

        :raises BoardError: there is no memory for it.
        """
        from pynq import allocate

        with self.doing(f"allocate a buffer of {8 * words} bytes"):
            return allocate(shape=(words,), dtype="u8", target=self.device)


def _is_ours(name: str, block: dict[str, Any]) -> bool:
    return name.rpartition("/")[2].startswith(TOP) or f":{TOP}:" in str(block.get("type", ""))


def this_board() -> Board:
    """The board that this program runs on.

    :raises BoardError: pynq is not there, or finds none.
    """
    import warnings

    on_board = BOARD_NAME.is_file()
    try:
        from pynq import Device
    except ModuleNotFoundError as error:
        if not on_board:
            raise
        raise BoardError(
            f"This is a board, and its Python, {sys.executable}, has no {error.name}: {OWN_ENVIRONMENT}."
        ) from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # pynq warns that it found none; so do we
        try:
            device = Device.active_device
        except (RuntimeError, AttributeError, OSError) as error:  # the latter two of 3.0.1 where XRT is missing
            raise BoardError(
                f"pynq finds no board here. On a board, {OWN_ENVIRONMENT}; elsewhere use --device virtual."
            ) from error
    name = BOARD_NAME.read_text(encoding="ascii").strip("\0\n ") if on_board else ""
    return Board(device, part=PARTS.get(name.lower()))

"""Access to a board through pynq: load a bitstream, set the clock, map registers, allocate buffers.

pynq is imported within functions: the module can be imported without pynq, and importing pynq takes seconds on a board.
The code uses what pynq 2.7 to 4.0 have in common; docs/board.md lists their differences.
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
"""Largest relative deviation of the clock from the requested one: 6-bit dividers do not reach every frequency."""

MAX_MESSAGE = 300
"""Characters of a pynq error in our message: some of pynq's errors contain a whole file."""

BOARD_NAME = Path("/proc/device-tree/chosen/pynq_board")
PARTS = {
    "pynq-z1": "xc7z020clg400-1",
    "pynq-z2": "xc7z020clg400-1",
    "ultra96": "xczu3eg-sbva484-1-e",
    "zcu104": "xczu7ev-ffvc1156-2-e",
    "kv260": "xck26-sfvc784-2LV-c",
}
"""Part of each board, by the board name in its image, lower case."""

PYNQ_ENVIRONMENT = "run as root in pynq's own environment (docs/board.md)"


class Board:
    """The board that this program runs on. `RemoteBoard` and `VirtualBoard` have the same interface.

    :param device: pynq's device.
    :param part: the board's part, as Vivado spells it; None if unknown, then bitstreams are not checked against it.
    :param timer: the clock; default: real time.
    """

    kind = "board"

    errors: tuple[type[BaseException], ...] = (RuntimeError, OSError, MemoryError, ValueError, KeyError)
    """Exceptions of pynq that become a `BoardError`."""

    remote = False
    """Whether registers are read through a network, which takes about as long as a line."""

    def __init__(self, device: Device, *, part: str | None, timer: Timer | None = None) -> None:
        self.device = device
        self.part = part
        self.timer = timer or RealTime()

    @contextmanager
    def wrap_errors(self, what: str, errors: tuple[type[BaseException], ...] = ()) -> Iterator[None]:
        """Turn pynq's exceptions into a `BoardError`.

        :param what: what is tried, for the message.
        :param errors: pynq's exceptions; `Board.errors` if there are none.
        :raises BoardError: "Cannot WHAT: ...".
        """
        expected = errors or self.errors
        try:
            yield
        except expected as error:
            message = " ".join(str(error).split())[:MAX_MESSAGE].rstrip(".")
            raise BoardError(f"Cannot {what}: {type(error).__name__}: {message}.") from error

    def load(self, bit: BitFile | None) -> int | None:
        """Load a bitstream: with pynq's `Overlay` if there is a .hwh file of the same name, else with `Bitstream`.

        :returns: byte address of the accelerator's registers from the .hwh file; None without such a file, or where it
            names the accelerator without an address.
        :raises BoardError: `bit` is None, pynq cannot load it, or its .hwh file does not list exactly one accelerator.
        """
        if bit is None:
            raise BoardError("A board needs a bitstream: give --bitstream FILE.bit.")
        if bit.handoff is not None:
            return self._load_overlay(bit)
        with self.wrap_errors(f"load {bit.path}"):
            self._download(bit.path)
        return None

    def _load_overlay(self, bit: BitFile) -> int | None:
        """Load as `Overlay` does, but without its clocks: some versions of pynq set none, or those of another board.

        A module of a block design has no register map in the .hwh file; only the address is needed of it. Where its
        registers are of the kind MEMORY, pynq lists it among the memories.
        """
        from pynq import Overlay

        # For a damaged file, pynq's parsers raise a dozen kinds of exceptions.
        with self.wrap_errors(f"read {bit.handoff}", errors=(Exception,)):
            overlay = Overlay(str(bit.path.absolute()), device=self.device, download=False)
            blocks = {**getattr(overlay, "mem_dict", {}), **overlay.ip_dict}
            bases = {name: blocks[name].get("phys_addr") for name in blocks if _is_accelerator(name, blocks[name])}
            for name, base in bases.items():
                if base is not None:
                    require_register_base(base, f"the address of {name}")
        if len(bases) != 1:
            names = ", ".join(sorted(blocks)) or "none"
            raise BoardError(f"{bit.handoff} has {len(bases)} {TOP}; it must have one. Its blocks are: {names}.")
        with self.wrap_errors(f"load {bit.path}"):
            self._download(bit.path, overlay.parser)
        return next(iter(bases.values()))

    def _download(self, path: Path, parser: Any = None) -> None:
        """Load a bitstream; `parser` is pynq's parser of its .hwh file, or None."""
        from pynq import Bitstream

        Bitstream(str(path.absolute()), device=self.device).download(parser)

    def set_clock(self, mhz: float) -> float:
        """Set clock 0 of the programmable logic (FCLK0), MHz, and return the actual one, MHz.

        :param mhz: frequency, MHz.
        :raises BoardError: the actual clock deviates by more than `CLOCK_TOLERANCE`.
        """
        with self.wrap_errors("set FCLK0"):
            self._clocks().fclk0_mhz = mhz
        return self.require_clock(mhz)

    def require_clock(self, mhz: float) -> float:
        """Read clock 0 of the programmable logic, MHz, which another program may have set since `set_clock`.

        :param mhz: frequency that was set, MHz.
        :raises BoardError: it deviates by more than `CLOCK_TOLERANCE`.
        """
        with self.wrap_errors("read FCLK0"):
            actual = float(self._clocks().fclk0_mhz)
        if abs(actual - mhz) > CLOCK_TOLERANCE * mhz:
            raise BoardError(f"FCLK0 was set to {mhz:g} MHz and reads {actual:g} MHz; the accelerator needs {mhz:g}.")
        return actual

    def _clocks(self) -> Any:
        """A class like `pynq.Clocks` for this board; pynq's own stays with the first device that it was used with."""
        import pynq

        pynq.Device.active_device = self.device
        if not hasattr(pynq.Clocks, "set_device"):  # before pynq 3.1, clocks do not look at the device
            pynq.ps.CPU_ARCH = getattr(self.device, "arch", pynq.ps.CPU_ARCH)
        return type(pynq.Clocks)("Clocks", (), {"device": self.device})

    def registers(self, base: int) -> MMIO:
        """Map the accelerator's registers, from the byte address `base`; a BoardError if pynq cannot."""
        from pynq import MMIO

        with self.wrap_errors(f"reach the registers at 0x{base:08X}"):
            return MMIO(base, CONTROL_BYTES, device=self.device)

    def allocate(self, words: int) -> Any:
        """Allocate a physically contiguous buffer of 64-bit words.

        :param words: number of words.
        :raises BoardError: there is no memory for it.
        """
        from pynq import allocate

        with self.wrap_errors(f"allocate a buffer of {8 * words} bytes"):
            return allocate(shape=(words,), dtype="u8", target=self.device)


def _is_accelerator(name: str, block: dict[str, Any]) -> bool:
    return name.rpartition("/")[2].startswith(TOP) or f":{TOP}:" in str(block.get("type", ""))


def this_board() -> Board:
    """The board that this program runs on.

    :raises BoardError: pynq is not installed on the board, or finds no board.
    :raises ModuleNotFoundError: pynq is not installed, and this is not a board.
    """
    import warnings

    on_board = BOARD_NAME.is_file()
    try:
        from pynq import Device
    except ModuleNotFoundError as error:
        if not on_board:
            raise
        raise BoardError(
            f"This is a board, and its Python, {sys.executable}, has no {error.name}: {PYNQ_ENVIRONMENT}."
        ) from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # pynq warns that it found no device; the error below says so, too
        try:
            device = Device.active_device
        except (RuntimeError, AttributeError, OSError) as error:  # the last two from pynq 3.0.1 without XRT
            raise BoardError(
                f"pynq finds no board here. On a board, {PYNQ_ENVIRONMENT}; elsewhere use --device virtual."
            ) from error
    name = BOARD_NAME.read_text(encoding="ascii").strip("\0\n ") if on_board else ""
    return Board(device, part=PARTS.get(name.lower()))

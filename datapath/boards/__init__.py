"""Boards: one JSON file each in ``datapath/boards/``, loaded into a `TargetBoard`.

Sizes and addresses are text in the files, ``"0x43C00000"``, because JSON has no hexadecimal numbers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import Enum
from importlib.resources import files

from datapath.errors import ConfigError, suggestion

CLOCKS_MHZ = (10, 250)
"""Slowest and fastest clock of a project, in MHz."""


class Family(Enum):
    """Processing system of a part; it decides the names of the ports in a block design."""

    ZYNQ7000 = "zynq7000"
    ZYNQMP = "zynqmp"

    @property
    def control_window(self) -> tuple[int, int]:
        """First and last byte address of M_AXI_GP0 (Zynq-7000, UG585) or M_AXI_HPM0_FPD (ZynqMP, UG1085)."""
        return (0x4000_0000, 0x7FFF_FFFF) if self is Family.ZYNQ7000 else (0xA000_0000, 0xAFFF_FFFF)


_FOLDER = files("datapath") / "boards"

HEXADECIMAL = ("control_base", "control_bytes", "memory_base", "memory_bytes")
RESOURCES = ("luts", "ffs", "bram36", "dsps", "uram")


@dataclass(frozen=True, kw_only=True)
class TargetBoard:
    """One board with its part.

    :raises ConfigError: a value of a wrong type or outside its range.
    """

    name: str
    """Name on the command line, and of its file."""
    title: str
    """Full name, with its maker."""
    part: str
    """Part number as Vivado spells it."""
    board_part: str
    """Pattern of Vivado's board file id, whose vendor and version vary; board files are optional."""
    family: Family
    """Its processing system."""
    clock_mhz: float
    """Default clock of the accelerator, MHz."""
    ps_clock_mhz: float
    """Reference clock of the processing system on this board, MHz; used where the board files are missing."""
    luts: int
    """Six-input look-up tables of the part."""
    ffs: int
    """Flip-flops of the part."""
    bram36: int
    """Block RAMs of the part, 36 Kbit each; half of one is a RAM of 18 Kbit."""
    dsps: int
    """DSP slices of the part."""
    uram: int
    """UltraRAMs of the part, 288 Kbit each; they have no initial contents, so they cannot hold weights."""
    control_base: int
    """Byte address of the accelerator's registers."""
    control_bytes: int
    """Size of the accelerator's register window, bytes."""
    memory_base: int
    """First byte address that the accelerator can access through HP0."""
    memory_bytes: int
    """Bytes from `memory_base` on that the accelerator can access."""
    sources: str
    """Documents that these figures are from."""

    def __post_init__(self) -> None:
        for name in ("name", "title", "part", "board_part", "sources"):
            value = getattr(self, name)
            if not isinstance(value, str) or not value:
                raise ConfigError(f"{name} is {value!r}; it must be a text that is not empty.")
        if not re.fullmatch(r"[0-9A-Za-z-]+", self.part):
            raise ConfigError(f"part is {self.part!r}; it must be letters, digits and hyphens.")
        if not re.fullmatch(r"[0-9A-Za-z.:_*-]+", self.board_part):
            raise ConfigError(f"board_part is {self.board_part!r}; it must be an id like *:pynq-z1:part0:*.")
        if not isinstance(self.family, Family):
            known = " or ".join(repr(family.value) for family in Family)
            raise ConfigError(f"family is {self.family!r}; it must be {known}.")
        self._check_numbers()
        self._check_addresses()

    def _check_numbers(self) -> None:
        check_clock(self.clock_mhz)
        if not _is_number(self.ps_clock_mhz, int, float) or not 27 <= self.ps_clock_mhz <= 60:
            raise ConfigError(f"ps_clock_mhz is {self.ps_clock_mhz!r}; it must be 27 to 60 MHz.")
        for name in RESOURCES:
            value, least = getattr(self, name), 0 if name == "uram" else 1
            if not _is_number(value, int) or value < least:
                raise ConfigError(f"{name} is {value!r}; it must be an integer of {least} or more.")

    def _check_addresses(self) -> None:
        for name in HEXADECIMAL:
            value = getattr(self, name)
            if not _is_number(value, int) or value < 0:
                raise ConfigError(f"{name} is {value!r}; it must be an integer of 0 or more.")
        for base, size in (("control_base", "control_bytes"), ("memory_base", "memory_bytes")):
            start, count = getattr(self, base), getattr(self, size)
            if count < 0x1000 or count & (count - 1):
                raise ConfigError(f"{size} is {count:#x}; it must be a power of two of 0x1000 or more.")
            if start % count:
                raise ConfigError(f"{base} is {start:#x}; it must be a multiple of {size}, {count:#x}.")
        first, last = self.family.control_window
        if not first <= self.control_base <= self.control_base + self.control_bytes - 1 <= last:
            raise ConfigError(
                f"control_base is {self.control_base:#x}; on {self.family.value} it must lie in {first:#x} to {last:#x}."
            )
        if self.memory_base + self.memory_bytes > 1 << 32:
            raise ConfigError(f"memory_bytes is {self.memory_bytes:#x}; the range must end below 4 GiB.")

    @property
    def memory_last(self) -> int:
        """Last byte address that the accelerator can access."""
        return self.memory_base + self.memory_bytes - 1

    def clock(self, clock_mhz: float | None) -> float:
        """The clock of a project in MHz.

        :param clock_mhz: the one that is asked for; None takes the board's default.
        :raises ConfigError: outside `CLOCKS_MHZ`.
        """
        if clock_mhz is not None:
            check_clock(clock_mhz)
        return self.clock_mhz if clock_mhz is None else clock_mhz

    @classmethod
    def from_dict(cls, values: Mapping[str, object], *, source: str) -> TargetBoard:
        """A board from the fields of its file.

        :param values: by field.
        :param source: name in errors, such as that of the file.
        :raises ConfigError: an unknown field (with the nearest known one), a missing one, or a value out of range.
        """
        known = [one.name for one in fields(cls)]
        for name in values:
            if name not in known:
                raise ConfigError(f"{source}: there is no field {name!r}{suggestion(name, known)}")
        for name in known:
            if name not in values:
                raise ConfigError(f"{source}: the field {name!r} is missing.")
        try:
            return cls(**{name: _read(name, value) for name, value in values.items()})
        except ConfigError as error:
            raise error.within(source) from error


def check_clock(clock_mhz: float) -> None:
    """Refuse a clock.

    :param clock_mhz: in MHz.
    :raises ConfigError: not a number, or outside `CLOCKS_MHZ`.
    """
    least, most = CLOCKS_MHZ
    if not _is_number(clock_mhz, int, float) or not least <= clock_mhz <= most:
        raise ConfigError(f"clock_mhz is {clock_mhz!r}; it must be {least} to {most} MHz.")


def board_names() -> tuple[str, ...]:
    """Names of all boards, sorted."""
    return tuple(sorted(one.name.removesuffix(".json") for one in _FOLDER.iterdir() if one.name.endswith(".json")))


def load_board(name: str) -> TargetBoard:
    """Load a board.

    :param name: one of `board_names`.
    :raises ConfigError: no such board (with the nearest known one), or its file is invalid.
    """
    known = board_names()
    if name not in known:
        raise ConfigError(f"There is no board {name!r}{suggestion(name, known)}")
    source = f"{name}.json"
    try:
        values = json.loads((_FOLDER / source).read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfigError(f"{source}: it is not JSON ({error}).") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{source}: it must hold one JSON object.")
    board = TargetBoard.from_dict(values, source=source)
    if board.name != name:
        raise ConfigError(f"{source}: name is {board.name!r}; it must be the file's, {name!r}.")
    return board


def _is_number(value: object, *types: type) -> bool:
    return isinstance(value, types) and not isinstance(value, bool)


def _read(name: str, value: object) -> object:
    """The value of a field from JSON; `TargetBoard` refuses what is invalid."""
    if name in HEXADECIMAL and isinstance(value, str) and re.fullmatch(r"0x[0-9A-Fa-f]+", value):
        return int(value, 16)
    if name == "family" and value in [family.value for family in Family]:
        return Family(value)
    return value

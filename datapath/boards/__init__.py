"""Boards: one JSON file each, loaded into a `TargetBoard`; ours are in ``datapath/boards/``, others are a user's own.

Sizes and addresses are text in the files, ``"0x43C00000"``, because JSON has no hexadecimal numbers.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from enum import Enum
from fractions import Fraction
from importlib.resources import files

from datapath.boards.clocks import MAX_DIVIDER, PLL_MHZ, clock_text, meant_clock, nearest_clocks, possible_clocks
from datapath.errors import ConfigError, suggestion
from datapath.json_text import parse_json
from datapath.quoting import quoted
from datapath.reading import read_text

DEFAULT_BOARD = "pynq-z2"
"""The board of every command that is given none."""

MAX_FILE_BYTES = 64 * 1024
"""Largest file of a board; ours have 1 KB."""

MAX_TEXT = {"title": 100, "part": 64, "board_part": 128, "sources": 4000}
"""Characters of a text at most, by field."""

MAX_RESOURCES = 100_000_000
"""Of a kind; the largest parts have some tens of millions of flip-flops."""

CLOCKS_MHZ = (10, 250)
"""Slowest and fastest clock of a project, in MHz."""

FIRST_RELEASE = "2019.2"
"""The first release of Vivado that the scripts of a project are written for."""

OPTIONAL = ("first_release",)
"""Fields that a board's file may lack."""


class Family(Enum):
    """Processing system of a part; it decides the names of the ports in a block design."""

    ZYNQ7000 = "zynq7000"
    ZYNQMP = "zynqmp"

    @property
    def control_window(self) -> tuple[int, int]:
        """First and last byte address of M_AXI_GP0 (Zynq-7000, UG585) or M_AXI_HPM0_FPD (ZynqMP, UG1085)."""
        return (0x4000_0000, 0x7FFF_FFFF) if self is Family.ZYNQ7000 else (0xA000_0000, 0xAFFF_FFFF)


_FOLDER = files("datapath") / "boards"
_RELEASE = re.compile(r"20[0-9]{2}\.[0-9]{1,2}(?:\.[0-9]{1,2})?")

MAX_ADDRESS = (1 << 40) - 1
"""Of the larger family, which has 40 address bits (UG1085)."""

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
    io_pll_mhz: float
    """I/O PLL of the processing system as the board's image sets it, nominal, MHz; the accelerator's clock is divided from it."""
    pl_dividers: tuple[int, ...]
    """Largest value of each divider between that PLL and the accelerator; the smallest is 1."""
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
    first_release: str = FIRST_RELEASE
    """First release of Vivado that knows the part, such as ``2020.2.2``; `FIRST_RELEASE` where that is later."""
    path: str = field(default="", compare=False)
    """Of the file of a user's own board; empty for ours."""

    def __post_init__(self) -> None:
        for name in ("name", "title", "part", "board_part", "sources"):
            value = getattr(self, name)
            if not isinstance(value, str) or not value:
                raise ConfigError(f"{name} is {quoted(value)}; it must be a text that is not empty.")
            if len(value) > MAX_TEXT.get(name, len(value)):
                raise ConfigError(f"{name} has {len(value)} characters; it must have at most {MAX_TEXT[name]}.")
        if not re.fullmatch(r"[0-9A-Za-z][0-9A-Za-z._-]{0,63}", self.name):
            raise ConfigError(f"name is {quoted(self.name)}; it must be 1 to 64 letters, digits, '.', '_' and '-'.")
        if not self.title.isprintable() or set(self.title) & set('\\[]{}$"<>'):
            raise ConfigError(
                f"title is {quoted(self.title)}; it must be one line without brackets, braces, quotes, '$' and '\\'."
            )
        if not re.fullmatch(r"[0-9A-Za-z-]+", self.part):
            raise ConfigError(f"part is {quoted(self.part)}; it must be letters, digits and hyphens.")
        if not re.fullmatch(r"[0-9A-Za-z.:_*-]+", self.board_part):
            raise ConfigError(f"board_part is {quoted(self.board_part)}; it must be an id like *:pynq-z1:part0:*.")
        if not isinstance(self.family, Family):
            known = " or ".join(repr(family.value) for family in Family)
            raise ConfigError(f"family is {quoted(self.family)}; it must be {known}.")
        if not isinstance(self.first_release, str) or not _RELEASE.fullmatch(self.first_release):
            raise ConfigError(
                f"first_release is {quoted(self.first_release)}; it must be text such as '2019.2' or '2020.2.2'."
            )
        self._check_numbers()
        self._check_addresses()

    def _check_numbers(self) -> None:
        check_clock(self.clock_mhz)
        if not _is_number(self.ps_clock_mhz, int, float) or not 27 <= self.ps_clock_mhz <= 60:
            raise ConfigError(f"ps_clock_mhz is {quoted(self.ps_clock_mhz)}; it must be 27 to 60 MHz.")
        least, most = PLL_MHZ
        if not _is_number(self.io_pll_mhz, int, float) or not least <= self.io_pll_mhz <= most:
            raise ConfigError(f"io_pll_mhz is {quoted(self.io_pll_mhz)}; it must be {least} to {most} MHz.")
        dividers = self.pl_dividers
        if (
            not isinstance(dividers, tuple)
            or not 1 <= len(dividers) <= 2
            or not all(_is_number(last, int) and 1 <= last <= MAX_DIVIDER for last in dividers)
        ):
            shown = list(dividers) if isinstance(dividers, tuple) else dividers
            raise ConfigError(f"pl_dividers is {quoted(shown)}; it must be one or two integers of 1 to {MAX_DIVIDER}.")
        if not self.clocks:
            least, most = CLOCKS_MHZ
            raise ConfigError(f"{self.clock_rule} gives no clock of {least} to {most} MHz.")
        self.clock(self.clock_mhz)
        for name in RESOURCES:
            value, least = getattr(self, name), 0 if name == "uram" else 1
            if not _is_number(value, int) or not least <= value <= MAX_RESOURCES:
                raise ConfigError(f"{name} is {quoted(value)}; it must be an integer of {least} to {MAX_RESOURCES}.")

    def _check_addresses(self) -> None:
        for name in HEXADECIMAL:
            value = getattr(self, name)
            if not _is_number(value, int) or not 0 <= value <= MAX_ADDRESS:
                raise ConfigError(
                    f"{name} is {quoted(value)}; it must be text such as '0x43C00000', up to {MAX_ADDRESS:#x}."
                )
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

    @property
    def option(self) -> str:
        """What the option `--board` takes for this board: its name, or the path of its file."""
        return self.path or self.name

    @property
    def clocks(self) -> tuple[Fraction, ...]:
        """Clocks of the accelerator that the board makes, MHz, within `CLOCKS_MHZ`, from the slowest on."""
        return possible_clocks(self.io_pll_mhz, self.pl_dividers, *CLOCKS_MHZ)

    @property
    def clock_rule(self) -> str:
        """How the clocks follow from the PLL, as a formula in words."""
        divided = "d0 * d1" if len(self.pl_dividers) == 2 else "d0"
        ranges = " and ".join(f"1 to {last}" for last in sorted(set(self.pl_dividers)))
        return f"{clock_text(self.io_pll_mhz)} MHz / ({divided}) with dividers of {ranges}"

    def clock(self, clock_mhz: float | None) -> float:
        """The clock of a project in MHz: one that the board makes, see `datapath.boards.clocks.meant_clock`.

        :param clock_mhz: the one that is asked for; None takes the board's default.
        :raises ConfigError: outside `CLOCKS_MHZ`, or between two clocks of the board; both are named.
        """
        asked = self.clock_mhz if clock_mhz is None else clock_mhz
        check_clock(asked)
        found = meant_clock(asked, self.clocks)
        if found is None:
            near = [clock_text(clock) for clock in nearest_clocks(asked, self.clocks)]
            nearest = f"clocks are {' and '.join(near)}" if len(near) == 2 else f"clock is {near[0]}"
            raise ConfigError(
                f"clock_mhz is {asked:.10g}; {self.title} makes {self.clock_rule}. The nearest {nearest} MHz."
            )
        return float(found)

    def to_dict(self) -> dict[str, object]:
        """The fields of its file, for JSON; `from_dict` reads them."""
        values = asdict(self) | {"family": self.family.value, "pl_dividers": list(self.pl_dividers)}
        del values["path"]
        return values | {name: f"0x{getattr(self, name):X}" for name in HEXADECIMAL}

    @classmethod
    def from_dict(cls, values: Mapping[str, object], *, source: str) -> TargetBoard:
        """A board from the fields of its file.

        :param values: by field.
        :param source: name in errors, such as that of the file.
        :raises ConfigError: an unknown field (with the nearest known one), a missing one, or a value out of range.
        """
        known = [one.name for one in fields(cls) if one.name != "path"]
        for name in values:
            if name not in known:
                raise ConfigError(f"{source}: there is no field {quoted(name)}{suggestion(name, known)}")
        for name in known:
            if name not in values and name not in OPTIONAL:
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
        shown = f"{clock_mhz:.10g}" if isinstance(clock_mhz, float) else quoted(clock_mhz)
        raise ConfigError(f"clock_mhz is {shown}; it must be {least} to {most} MHz.")


def board_names() -> tuple[str, ...]:
    """Names of all boards, sorted."""
    return tuple(sorted(one.name.removesuffix(".json") for one in _FOLDER.iterdir() if one.name.endswith(".json")))


def load_board(board: str | os.PathLike) -> TargetBoard:
    """Load a board.

    :param board: one of `board_names`, or the path of a user's own file, which ends in ``.json``.
    :raises ConfigError: no such board (with the nearest known one), or a field of its file is invalid.
    :raises FileError: the file is missing, cannot be read, is too large or not JSON.
    """
    name, known = str(board), board_names()
    if name in known:
        return _board_of((_FOLDER / f"{name}.json").read_text(encoding="utf-8"), source=f"{name}.json")
    if not name.endswith(".json"):
        raise ConfigError(f"There is no board {quoted(name)}{suggestion(name, known)}")
    found = _board_of(read_text(name, limit=MAX_FILE_BYTES), source=name, path=name)
    if found.name in known:
        raise ConfigError(
            f"{name}: name is {quoted(found.name)}, which is a board of Foldline; give yours another name."
        )
    return found


def _board_of(content: str, *, source: str, path: str = "") -> TargetBoard:
    """The board in the text of its file; `source` is its name in errors."""
    found = parse_json(content, name=source)
    if not isinstance(found, dict):
        raise ConfigError(f"{source}: it must hold one JSON object.")
    return replace(TargetBoard.from_dict(found, source=source), path=path)


def _is_number(value: object, *types: type) -> bool:
    return isinstance(value, types) and not isinstance(value, bool)


def _read(name: str, value: object) -> object:
    """The value of a field from JSON; `TargetBoard` refuses what is invalid."""
    if name in HEXADECIMAL and isinstance(value, str) and re.fullmatch(r"0x[0-9A-Fa-f]{1,16}", value):
        return int(value, 16)
    if name == "family" and value in [family.value for family in Family]:
        return Family(value)
    if name == "pl_dividers" and isinstance(value, list):
        return tuple(value)
    return value

"""What the vendor's tools reported of a project: ``results.json``, which `build.tcl` writes of Vivado's reports, and
``hls_results.json``, which `run_hls.tcl` writes of those of HLS.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from datapath.boards import CLOCKS_MHZ, MAX_RESOURCES
from datapath.errors import FileError, suggestion
from datapath.json_text import parse_json
from datapath.manifest import Kernel
from datapath.quoting import quoted
from datapath.reading import read_text
from datapath.resources import Resources

RESULTS, HLS_RESULTS = "results.json", "hls_results.json"
"""Files of a built project; only projects of the HLS kernel have the second one."""

MAX_BYTES = 64 * 1024
"""Largest file of results; those that the scripts write have 1 KB."""

MAX_LOOPS = 256
"""Most loops of a project's core; the kernel has some ten."""

MAX_CYCLES = 1_000_000
"""Largest initiation interval and depth of a loop."""

MAX_NS = 1000
"""Longest period, and largest slack in either direction, ns."""

LEAST_HLS_PERIOD = 0.001
"""Shortest period for which HLS is asked to schedule, ns: the scripts have three decimals."""

MAX_WATTS = 1000

KERNELS = (Kernel.RTL, Kernel.HLS)
"""Kernels of projects."""

_RESOURCES = ("luts", "ffs", "bram36", "dsps")
_CORE = tuple(f"core_{name}" for name in _RESOURCES)
_REACHABLE_MHZ = 10_000
_ROUNDED_MHZ = 0.1  # `reachable_mhz` has one decimal, rounded down


@dataclass(frozen=True, kw_only=True)
class VivadoResults:
    """What Vivado reported of the implemented design.

    :param kernel: whose project it is.
    :param design: digest of the design, see `design_digest`.
    :param board: name of the board.
    :param part: part number as Vivado spells it.
    :param vivado: version of Vivado.
    :param clock_mhz: clock of the accelerator that was asked for, MHz.
    :param period_ns: period of the clock that Vivado checked, ns.
    :param wns: worst slack of setup, ns; negative where timing is not met.
    :param whs: worst slack of hold, ns.
    :param reachable_mhz: fastest clock of this implementation, MHz.
    :param resources: of the whole design.
    :param core: of the accelerator alone; None where the build does not report it.
    :param power_w: total power on the chip, estimated by Vivado, W.
    """

    kernel: Kernel
    design: str
    board: str
    part: str
    vivado: str
    clock_mhz: float
    period_ns: float
    wns: float
    whs: float
    reachable_mhz: float
    resources: Resources
    core: Resources | None
    power_w: float

    @property
    def is_met(self) -> bool:
        """Whether the design meets its clock; without, `build.tcl` makes no bitstream."""
        return self.wns >= 0 and self.whs >= 0


@dataclass(frozen=True, kw_only=True)
class HlsLoop:
    """A loop of the core as HLS scheduled it.

    :param ii: initiation interval, cycles.
    :param depth: latency of an iteration, cycles; None where the report does not have it.
    """

    ii: int
    depth: int | None


@dataclass(frozen=True, kw_only=True)
class HlsResults:
    """What HLS reported of the core.

    :param design: digest of the design, see `design_digest`.
    :param board: name of the board.
    :param part: part number as Vivado spells it.
    :param hls: version of the tool, as its report has it.
    :param period_ns: clock period that HLS scheduled for, ns.
    :param uncertainty_ns: part of the period that HLS left to routing, ns.
    :param estimated_ns: estimated clock period, ns.
    :param loops: by label.
    :param resources: of the core, estimated by HLS.
    """

    design: str
    board: str
    part: str
    hls: str
    period_ns: float
    uncertainty_ns: float
    estimated_ns: float
    loops: Mapping[str, HlsLoop]
    resources: Resources

    @property
    def budget_ns(self) -> float:
        """What the logic of a clock cycle may take, ns."""
        return self.period_ns - self.uncertainty_ns


def read_results(path: Path) -> VivadoResults:
    """Read ``results.json``.

    :param path: of the file.
    :raises FileError: missing, unreadable, or a field that is missing, unknown, or out of its range.
    """
    fields = _Fields(path)
    fields.require_names(
        *("kernel", "design", "board", "part", "vivado", "clock_mhz", "period_ns", "wns", "whs", "reachable_mhz"),
        *_RESOURCES,
        "power_w",
        optional=_CORE,
    )
    period, wns = fields.number("period_ns", 1, MAX_NS), fields.number("wns", -MAX_NS, MAX_NS)
    if not wns < period:
        raise FileError(f"{path}: wns is {wns:g}; it must be below period_ns, {period:g} ns.")
    reachable = fields.number("reachable_mhz", 0, _REACHABLE_MHZ)
    if not -_ROUNDED_MHZ / 10 <= 1000 / (period - wns) - reachable <= _ROUNDED_MHZ * 1.01:
        expected = math.floor(10_000 / (period - wns)) / 10
        raise FileError(
            f"{path}: reachable_mhz is {reachable:g}; it must be 1000 / (period_ns - wns), rounded down, {expected:g}."
        )
    whole, core = fields.resources(_RESOURCES), fields.resources(_CORE) if fields.has_any(_CORE) else None
    for name in _RESOURCES if core else ():
        part, most = getattr(core, name), getattr(whole, name)
        if part > most:
            raise FileError(f"{path}: core_{name} is {part:g}; it must be at most {name}, {most:g}.")
    return VivadoResults(
        kernel=fields.kernel(*KERNELS),
        design=fields.text("design", _DIGEST),
        board=fields.text("board", _BOARD),
        part=fields.text("part", _PART),
        vivado=fields.text("vivado", _VERSION),
        clock_mhz=fields.number("clock_mhz", *CLOCKS_MHZ),
        period_ns=period,
        wns=wns,
        whs=fields.number("whs", -MAX_NS, MAX_NS),
        reachable_mhz=reachable,
        resources=whole,
        core=core,
        power_w=fields.number("power_w", 0, MAX_WATTS),
    )


def read_hls_results(path: Path) -> HlsResults:
    """Read ``hls_results.json``.

    :param path: of the file.
    :raises FileError: missing, unreadable, or a field that is missing, unknown, or out of its range.
    """
    fields = _Fields(path)
    fields.require_names(
        *("kernel", "design", "board", "part", "hls", "period_ns", "uncertainty_ns", "estimated_ns", "loops"),
        *("luts", "ffs", "bram18", "dsps"),
    )
    fields.kernel(Kernel.HLS)
    period = fields.number("period_ns", LEAST_HLS_PERIOD, MAX_NS)
    return HlsResults(
        design=fields.text("design", _DIGEST),
        board=fields.text("board", _BOARD),
        part=fields.text("part", _PART),
        hls=fields.text("hls", _TOOL),
        period_ns=period,
        uncertainty_ns=fields.number("uncertainty_ns", 0, period),
        estimated_ns=fields.number("estimated_ns", 0, MAX_NS),
        loops=fields.loops("loops"),
        resources=Resources(
            luts=fields.integer("luts", 0, MAX_RESOURCES),
            ffs=fields.integer("ffs", 0, MAX_RESOURCES),
            bram36=fields.integer("bram18", 0, 2 * MAX_RESOURCES) / 2,
            dsps=fields.integer("dsps", 0, MAX_RESOURCES),
        ),
    )


@dataclass(frozen=True)
class _Rule:
    """What a text must match, and that in words."""

    pattern: str
    words: str


_DIGEST = _Rule(r"[0-9a-f]{16}", "16 hexadecimal digits in lower case")
_BOARD = _Rule(r"[0-9A-Za-z][0-9A-Za-z._-]{0,63}", "1 to 64 letters, digits, '.', '_' and '-'")
_PART = _Rule(r"[0-9A-Za-z-]{1,64}", "1 to 64 letters, digits and hyphens")
_VERSION = _Rule(r"[0-9A-Za-z_.-]{1,64}", "1 to 64 letters, digits, '.', '_' and '-'")
_TOOL = _Rule(r"[ -~]{1,200}", "1 to 200 printable ASCII characters")
_LABEL = _Rule(r"[A-Za-z_][0-9A-Za-z_.]{0,199}", "1 to 200 letters, digits, '_' and '.'")


class _Fields:
    """The fields of a file with one JSON object; every error names file, field, value and range."""

    def __init__(self, path: Path) -> None:
        self.path = path
        entries = parse_json(read_text(path, limit=MAX_BYTES), name=path)
        if not isinstance(entries, dict):
            raise FileError(f"{path} holds a value of type {type(entries).__name__}; it must be one JSON object.")
        self.entries = entries

    def require_names(self, *names: str, optional: tuple[str, ...] = ()) -> None:
        """Refuse missing and unknown fields; of the optional ones all or none must be there."""
        known = (*names, *optional)
        for name in self.entries:
            if name not in known:
                raise FileError(f"{self.path}: there is no field {quoted(name)}{suggestion(name, known)}")
        for name in (*names, *(optional if self.has_any(optional) else ())):
            if name not in self.entries:
                raise FileError(f"{self.path}: the field {name!r} is missing.")

    def has_any(self, names: tuple[str, ...]) -> bool:
        return any(name in self.entries for name in names)

    def refuse(self, name: str, value: object, rule: str) -> FileError:
        return FileError(f"{self.path}: {name} is {quoted(value)}; it must be {rule}.")

    def kernel(self, *allowed: Kernel) -> Kernel:
        value = self.entries["kernel"]
        for one in allowed:
            if value == one.value:
                return one
        raise self.refuse("kernel", value, " or ".join(repr(one.value) for one in allowed))

    def text(self, name: str, rule: _Rule) -> str:
        value = self.entries[name]
        if not isinstance(value, str) or not re.fullmatch(rule.pattern, value):
            raise self.refuse(name, value, rule.words)
        return value

    def number(self, name: str, least: float, most: float) -> float:
        value = self.entries[name]
        if not _is_number(value) or not least <= value <= most:
            raise self.refuse(name, value, f"a number of {least:g} to {most:g}")
        return float(value)

    def integer(self, name: str, least: int, most: int) -> int:
        return self.integer_of(name, self.entries[name], least, most)

    def integer_of(self, name: str, value: object, least: int, most: int) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise self.refuse(name, value, f"an integer of {least} to {most}")
        return value

    def resources(self, names: tuple[str, ...]) -> Resources:
        """LUT, FF, BRAM36 and DSP by these names; BRAM36 in halves."""
        luts, ffs, bram36, dsps = names
        blocks = self.entries[bram36]
        if not _is_number(blocks) or not 0 <= blocks <= MAX_RESOURCES or blocks * 2 != int(blocks * 2):
            raise self.refuse(bram36, blocks, f"a multiple of 0.5, of 0 to {MAX_RESOURCES}")
        return Resources(
            luts=self.integer(luts, 1, MAX_RESOURCES),
            ffs=self.integer(ffs, 1, MAX_RESOURCES),
            bram36=float(blocks),
            dsps=self.integer(dsps, 0, MAX_RESOURCES),
        )

    def loops(self, name: str) -> dict[str, HlsLoop]:
        entries = self.entries[name]
        if not isinstance(entries, dict) or len(entries) > MAX_LOOPS:
            raise self.refuse(name, entries, f"an object of at most {MAX_LOOPS} loops by their labels")
        return {label: self._loop(f"{name}.{label}", label, entry) for label, entry in entries.items()}

    def _loop(self, name: str, label: str, entry: object) -> HlsLoop:
        if not re.fullmatch(_LABEL.pattern, label):
            raise self.refuse("the label of a loop", label, _LABEL.words)
        if not isinstance(entry, dict) or "ii" not in entry or not entry.keys() <= {"ii", "depth"}:
            raise self.refuse(name, entry, "an object with ii and depth")
        depth = self.integer_of(f"{name}.depth", entry.get("depth", 0), 0, MAX_CYCLES)
        return HlsLoop(ii=self.integer_of(f"{name}.ii", entry["ii"], 1, MAX_CYCLES), depth=depth or None)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)

"""Placement and routing by nextpnr-ecp5, and its report: the clock, and the worst path in the words of our modules."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from datapath.errors import ToolError
from datapath.quoting import MAX_QUOTED, quoted
from rtl_gen.serial import PACKAGE, SPEED
from rtl_gen.synthesis.netlist import Netlist, path_of
from rtl_gen.synthesis.tools import Progress, Tool, run_tool

LARGEST_SEED = 2**31 - 1
"""nextpnr reads a seed as a 32-bit integer."""

OPTIONS = (
    *("--85k", "--package", PACKAGE, "--speed", str(SPEED)),
    *("--freq", "100", "--timing-allow-fail"),
)
"""The board's part, in its slowest speed grade, and 100 MHz wanted."""

LOGIC = ("clk-to-q", "logic", "setup", "source")
"""Kinds of a path's steps that are not routing."""


@dataclass(frozen=True, kw_only=True)
class WorstPath:
    """The path between two registers that limits the clock.

    :param start: the register in which it begins, in the words of our modules.
    :param end: the register in which it ends.
    :param nanoseconds: of the whole path.
    :param logic: nanoseconds of it in cells.
    :param routing: nanoseconds of it in wires.
    :param through: the signals on it, in order.
    """

    start: str
    end: str
    nanoseconds: float
    logic: float
    routing: float
    through: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Placement:
    """A routed design.

    :param nextpnr: what placed it.
    :param seed: of the placement.
    :param fmax_mhz: highest clock, MHz.
    :param worst_path: what limits it.
    :param used: of each kind of the chip's cells the number that is used and the number that there is.
    """

    nextpnr: Tool
    seed: int
    fmax_mhz: float
    worst_path: WorstPath
    used: Mapping[str, tuple[int, int]]

    @classmethod
    def of(cls, summary: dict, *, seed: int, nextpnr: Tool) -> Placement:
        """From what `parse_report` found.

        :param summary: its result.
        :param seed: of the placement.
        :param nextpnr: what placed it.
        """
        path = summary["worst_path"]
        return cls(
            nextpnr=nextpnr,
            seed=seed,
            fmax_mhz=summary["fmax_mhz"],
            worst_path=WorstPath(**path | {"through": tuple(path["through"])}),
            used={kind: (used, available) for kind, (used, available) in summary["used"].items()},
        )


def place_and_route(
    nextpnr: Tool, folder: Path, *, netlist: str, pins: str, report: str, seed: int, progress: Progress
) -> None:
    """Place and route a netlist.

    :param nextpnr: the program.
    :param folder: of the files.
    :param netlist: name of the file to read.
    :param pins: name of the file with the constraints of pins and clock.
    :param report: name of the file to write.
    :param seed: of the placement.
    :param progress: gets a few words on what runs now.
    :raises ToolError: it fails.
    """

    def show(line: str) -> None:
        what = line.strip().removeprefix("Info:").strip()
        if what[:1].isalpha() and len(what) < 100:
            progress(f"nextpnr: {what.rstrip('.')}")

    arguments = [*OPTIONS, "--seed", str(seed), "--json", netlist, "--lpf", pins, "--report", report]
    run_tool(nextpnr, arguments, folder=folder, report=show)


def parse_report(text: str | bytes, netlist: Netlist) -> dict:
    """Clock, worst path and use of the chip, as JSON keeps them.

    The clock is that of the slowest clock domain, and the path the longest one within a domain.

    :param text: what ``nextpnr-ecp5 --report`` wrote.
    :param netlist: that was placed.
    :raises ToolError: it is something else, or has no path between registers.
    """
    try:
        found = json.loads(text)
        within = [path for path in found["critical_paths"] if path["from"] == path["to"] != "<async>"]
        paths = [_worst_path(path["path"], netlist) for path in within]
        if not paths:
            raise ToolError("The report of nextpnr has no path between two registers.")
        fmax = min(_number(clock["achieved"]) for clock in found["fmax"].values())
        if not fmax:
            raise ValueError("a clock of 0 MHz")
        return {
            "fmax_mhz": fmax,
            "worst_path": asdict(max(paths, key=lambda path: path.nanoseconds)),
            "used": {
                kind: (_count(cells["used"]), _count(cells["available"]))
                for kind, cells in found["utilization"].items()
            },
        }
    except (ValueError, LookupError, ArithmeticError, TypeError, AttributeError, RecursionError) as error:
        reason = f"{type(error).__name__}: {error}"[:MAX_QUOTED]
        raise ToolError(f"The report of nextpnr is not what it writes: {reason}.") from error


def _number(value: object) -> float:
    """A time or a clock, 0 or more."""
    if type(value) not in (int, float) or not 0 <= value < math.inf:
        raise ValueError(f"{quoted(value)} is not a number of 0 or more")
    return float(value)


def _count(value: object) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"{quoted(value)} is not a count")
    return value


def _worst_path(steps: list[dict], netlist: Netlist) -> WorstPath:
    routing = sum(_number(step["delay"]) for step in steps if step["type"] == "routing")
    logic = sum(_number(step["delay"]) for step in steps if step["type"] in LOGIC)
    whole = sum(_number(step["delay"]) for step in steps)
    through = [".".join(path_of(step["net"])) for step in steps if step["type"] == "routing"]
    return WorstPath(
        start=netlist.name_of_cell(steps[0]["from"]["cell"]),
        end=netlist.name_of_cell(steps[-1]["to"]["cell"]),
        nanoseconds=round(whole, 3),
        logic=round(logic, 3),
        routing=round(routing, 3),
        through=tuple(dict.fromkeys(name for name in through if name)),
    )

"""From a design to figures of gates, in steps that are cached: synthesis, counts; placement and routing, clock.

Each step is an entry of the cache of its own, so a call that was interrupted goes on after the last finished step.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path

from datapath.build_cache import cache_folder, cached_build
from datapath.design import Design
from datapath.errors import ConfigError, ToolError
from datapath.files import write_text
from datapath.quoting import quoted
from datapath.reading import read_text
from rtl_gen.synthesis.counting import Counts, count_by_stage
from rtl_gen.synthesis.levels import Depth, logic_depth
from rtl_gen.synthesis.netlist import Netlist
from rtl_gen.synthesis.placement import LARGEST_SEED, OPTIONS, Placement, parse_report, place_and_route
from rtl_gen.synthesis.targets import PINS, SCRIPT, Target, target_of
from rtl_gen.synthesis.tools import Progress, Tool, find_nextpnr, find_yosys, no_progress, run_tool

NETLIST, SUMMARY, REPORT = "netlist.json.gz", "summary.json", "report.json"
MAX_PINS_BYTES = 2**20
"""Limit of the file that places the pins; one pin takes a line."""

COMPRESSION = 3
"""Of gzip: a netlist has 20 to 100 MB, and takes a tenth of that."""


@dataclass(frozen=True, kw_only=True)
class Synthesis:
    """A design in its folding, synthesised for a target.

    :param target: the chip.
    :param yosys: what synthesised it.
    :param stages: counts by stage and part, see `count_by_stage`.
    :param depth: the longest path of look-up tables.
    :param entry: of the cache, with the netlist.
    :param key: of the entry.
    """

    target: Target
    yosys: Tool
    stages: Mapping[tuple[str, str], Counts]
    depth: Depth
    entry: Path
    key: str

    @property
    def total(self) -> Counts:
        """The counts of all stages."""
        return Counts.sum(self.stages.values())


def synthesise(
    design: Design, target: str, *, progress: Progress = no_progress, cache: Path | None = None
) -> Synthesis:
    """Synthesise a design in its folding with yosys, or take what an earlier call made of the same sources.

    :param design: what the accelerator computes.
    :param target: name of the chip, see `targets`.
    :param progress: gets a few words on what runs now.
    :param cache: folder of results; None for that of the user.
    :raises ConfigError: no such target.
    :raises DesignError: a limit exceeds the counters.
    :raises ToolError: yosys is missing or fails, or makes a primitive that is not known.
    :raises FileError: the cache cannot be written.
    """
    chip, yosys, cache = target_of(target), find_yosys(), cache or cache_folder("synth")
    project = chip.project(design)
    key = _digest([yosys.name, yosys.version, *(text for item in sorted(project.files.items()) for text in item)])

    def map_to_cells(folder: Path) -> None:
        for name, text in project.files.items():
            write_text(folder / name, text)
        run_tool(yosys, ["-v", "2", "-s", SCRIPT], folder=folder, report=_passes(progress))
        netlist = _whole_json(folder / project.netlist, tool=yosys, cache=cache)
        for path in folder.iterdir():
            if path.name != PINS:
                path.unlink()
        (folder / NETLIST).write_bytes(gzip.compress(netlist, COMPRESSION, mtime=0))

    entry = cached_build(cache, key, map_to_cells)

    def count(folder: Path) -> None:
        progress("counting")
        netlist = read_netlist(entry, chip.top)
        stages = [[*place, asdict(counts)] for place, counts in count_by_stage(netlist).items()]
        summary = {"stages": stages, "depth": asdict(logic_depth(netlist))}
        write_text(folder / SUMMARY, json.dumps(summary))

    summary = json.loads(
        (cached_build(cache, _digest([key, _own_code()]), count) / SUMMARY).read_text(encoding="utf-8")
    )
    return Synthesis(
        target=chip,
        yosys=yosys,
        stages={(stage, part): Counts(**counts) for stage, part, counts in summary["stages"]},
        depth=Depth(**summary["depth"]),
        entry=entry,
        key=key,
    )


def place(
    synthesis: Synthesis, *, seed: int = 1, progress: Progress = no_progress, cache: Path | None = None
) -> Placement:
    """Place and route a synthesised design with nextpnr-ecp5, or take what an earlier call made.

    :param synthesis: for the target ``ecp5``.
    :param seed: of the placement, 1 to `LARGEST_SEED`; the clock differs by some percent between seeds.
    :param progress: gets a few words on what runs now.
    :param cache: folder of results; None for that of the user.
    :raises ConfigError: another target, or a seed out of range.
    :raises ToolError: nextpnr-ecp5 is missing or fails, for example because the design does not fit.
    :raises FileError: the cache cannot be written.
    """
    require_placeable(synthesis.target.name, seed)
    nextpnr, cache = find_nextpnr(), cache or cache_folder("synth")
    key = _digest([synthesis.key, nextpnr.name, nextpnr.version, *OPTIONS, str(seed)])

    def route(folder: Path) -> None:
        netlist = folder / "netlist.json"
        netlist.write_bytes(gzip.decompress((synthesis.entry / NETLIST).read_bytes()))
        write_text(folder / PINS, read_text(synthesis.entry / PINS, limit=MAX_PINS_BYTES))
        files = {"netlist": netlist.name, "pins": PINS, "report": REPORT}
        place_and_route(nextpnr, folder, **files, seed=seed, progress=progress)
        _whole_json(folder / REPORT, tool=nextpnr, cache=cache)
        netlist.unlink()

    entry = cached_build(cache, key, route)

    def summarise(folder: Path) -> None:
        found = parse_report((entry / REPORT).read_bytes(), read_netlist(synthesis.entry, synthesis.target.top))
        write_text(folder / SUMMARY, json.dumps(found))

    summary = json.loads(
        (cached_build(cache, _digest([key, _own_code()]), summarise) / SUMMARY).read_text(encoding="utf-8")
    )
    return Placement.of(summary, seed=seed, nextpnr=nextpnr)


def require_placeable(target: str, seed: int) -> None:
    """Refuse what cannot be placed, before it is synthesised.

    :param target: name of the chip.
    :param seed: of the placement.
    :raises ConfigError: another target than ``ecp5``, or a seed out of range.
    """
    if target != "ecp5":
        raise ConfigError(f"target is {quoted(target)}; only 'ecp5' can be placed and routed here.")
    if not 1 <= seed <= LARGEST_SEED:
        raise ConfigError(f"seed is {seed}; it must be 1 to {LARGEST_SEED}.")


def read_netlist(entry: Path, top: str) -> Netlist:
    """The netlist of an entry of the cache.

    :param entry: of `Synthesis`.
    :param top: name of the top module.
    """
    return Netlist.parse(gzip.decompress((entry / NETLIST).read_bytes()), top)


def _whole_json(path: Path, *, tool: Tool, cache: Path) -> bytes:
    """The JSON text that a program has written; a program does not always notice that the disk is full."""
    content = path.read_bytes()
    try:
        json.loads(content)
    except ValueError as error:
        raise ToolError(
            f"{tool.name} wrote {len(content)} bytes of {path.name}, which is cut off; is the disk of {cache} full?"
        ) from error
    return content


def _digest(parts: Iterable[str]) -> str:
    return hashlib.sha256(json.dumps(list(parts)).encode()).hexdigest()


def _own_code() -> str:
    """The text of this package: a change of it counts again what was synthesised."""
    files = (file for file in resources.files("rtl_gen.synthesis").iterdir() if file.name.endswith(".py"))
    return "".join(file.read_text(encoding="utf-8") for file in sorted(files, key=lambda file: file.name))


def _passes(progress: Progress):
    """Reports the passes of yosys by the headers that it prints."""

    def report(line: str) -> None:
        number, _, what = line.strip().partition(" Executing ")
        if what and number[:1].isdigit():
            progress(f"yosys: {what.partition('(')[0].removesuffix('.').strip()}")

    return report

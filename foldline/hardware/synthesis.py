"""Gates of a design by open tools: synthesised by yosys, and for an ECP5 placed and routed by nextpnr.

Every figure is counted in a netlist or read from nextpnr's report. None is of a vendor's tool or of a board.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass

from datapath.design import Design
from foldline.console.text import plain_table
from foldline.hardware.estimate import RESOURCE_TITLES
from rtl_gen.synthesis.counting import CONTROL, PARTS, REST, STAGES, Counts
from rtl_gen.synthesis.flow import Synthesis, place, require_placeable, synthesise
from rtl_gen.synthesis.placement import Placement
from rtl_gen.synthesis.tools import Progress, no_progress

TITLES = {
    **{key: title for key, (title, _) in (STAGES | PARTS).items()},
    CONTROL: "registers, control",
    REST: "the rest",
}


@dataclass(frozen=True, kw_only=True)
class Gates:
    """A design, and what it takes of a chip.

    :param design: in its folding.
    :param synthesis: counts and logic depth.
    :param placement: clock and worst path; None where it was not placed.
    """

    design: Design
    synthesis: Synthesis
    placement: Placement | None

    @property
    def stages(self) -> dict[str, dict[str, Counts]]:
        """Counts by stage, and within it by part."""
        found: dict[str, dict[str, Counts]] = {}
        for (stage, part), counts in self.synthesis.stages.items():
            found.setdefault(stage, {})[part] = counts
        return found


def gates_of(
    design: Design, *, target: str, placed: bool = False, seed: int = 1, progress: Progress = no_progress
) -> Gates:
    """Synthesise a design, and place and route it if that is wanted; results of earlier calls are cached.

    :param design: in its folding.
    :param target: "xc7" or "ecp5".
    :param placed: whether to place and route, which ``ecp5`` alone can be.
    :param seed: of the placement.
    :param progress: gets a few words on what runs now.
    :raises ConfigError: no such target, one that cannot be placed, or a seed out of range.
    :raises ToolError: a tool is missing or fails.
    :raises FileError: the cache cannot be written.
    """
    if placed:
        require_placeable(target, seed)
    synthesis = synthesise(design, target, progress=progress)
    placement = place(synthesis, seed=seed, progress=progress) if placed else None
    return Gates(design=design, synthesis=synthesis, placement=placement)


def report(found: Gates) -> Iterator[str]:
    """The gates in lines of text.

    :param found: of a design.
    """
    synthesis, placement = found.synthesis, found.placement
    tools = ", ".join(f"{tool.name} {tool.version}" for tool in _tools(found))
    yield f"{found.design.experiment}, {found.design.folding}, for {synthesis.target.title} by {tools}."
    yield ""
    yield from plain_table(list(_rows(found)), text_columns=1)
    yield ""
    depth = synthesis.depth
    yield (
        f"Logic depth: {depth.levels} levels, from {depth.start} to {depth.end}." if depth.levels else "Logic depth: 0."
    )
    if placement is not None:
        path = placement.worst_path
        yield (
            f"Routed with seed {placement.seed}: {placement.fmax_mhz:.1f} MHz. Worst path {path.nanoseconds:.2f} ns, "
            f"{path.logic:.2f} logic and {path.routing:.2f} routing,"
        )
        yield f"  from {path.start}"
        yield from (f"  through {name}" for name in path.through if name not in (path.start, path.end))
        yield f"  to {path.end}"
    yield "Counted after synthesis by open tools; no vendor tool has synthesised it."


def as_json(found: Gates) -> dict:
    """The gates for JSON.

    ``bram36`` is in units of 36 Kbit; a block of ECP5 has 18 Kbit and counts 0.5.

    :param found: of a design.
    """
    synthesis, placement = found.synthesis, found.placement
    values = {
        "experiment": str(found.design.experiment),
        "target": synthesis.target.name,
        "folding": asdict(found.design.folding),
        "tools": {tool.name: tool.version for tool in _tools(found)},
        "resources": asdict(synthesis.total),
        "part": {"title": synthesis.target.title, **asdict(synthesis.target.part)},
        "stages": [
            {
                "stage": stage,
                **asdict(Counts.sum(parts.values())),
                "parts": [{"part": part, **asdict(counts)} for part, counts in parts.items()] if len(parts) > 1 else [],
            }
            for stage, parts in found.stages.items()
        ],
        "logic_levels": synthesis.depth.levels,
        "deepest_path": {"start": synthesis.depth.start, "end": synthesis.depth.end},
    }
    if placement is not None:
        values |= {
            "fmax_mhz": placement.fmax_mhz,
            "worst_path": asdict(placement.worst_path),
            "seed": placement.seed,
            "used": {kind: used for kind, (used, _) in placement.used.items() if used},
        }
    return values


def _tools(found: Gates):
    return (found.synthesis.yosys, *([found.placement.nextpnr] if found.placement else []))


def _rows(found: Gates) -> Iterator[tuple[str, ...]]:
    total, part = found.synthesis.total, found.synthesis.target.part
    yield ("counted", *RESOURCE_TITLES.values())
    for stage, parts in found.stages.items():
        yield (TITLES[stage], *_figures(Counts.sum(parts.values())))
        if len(parts) > 1:
            yield from ((f"  {TITLES[part]}", *_figures(counts)) for part, counts in parts.items())
    yield ("all", *_figures(total))
    yield ("the part has", *_figures(part))
    yield ("share", *(f"{100 * getattr(total, name) / getattr(part, name):.0f} %" for name in RESOURCE_TITLES))


def _figures(counts: Counts) -> tuple[str, ...]:
    return tuple(f"{getattr(counts, name):.10g}" for name in RESOURCE_TITLES)

"""The resource model of the SystemVerilog against what yosys counts: fitted to all designs, and each predicted from the
others.

    python -m benchmarks.rtl_resources               # compares the model with the committed counts
    python -m benchmarks.rtl_resources --synthesise  # counts again, with yosys: an hour
    python -m benchmarks.rtl_resources --synthesise --only "H8 W2A2"

`rtl_gen.resources.estimate.SCALES` is this fit, rounded: least squares of the relative errors of look-up tables and of
flip-flops. Block RAM and DSP slices have no fitted number. The counts are those of ``foldline synth --target xc7``, after
synthesis by yosys, not by Vivado; they are in `COUNTS`, with the version of yosys. Synthesis is cached, so a run that is
interrupted goes on where it was.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from benchmarks.rtl_points import points
from datapath import Design
from datapath.architecture import Architecture
from datapath.files import write_text
from datapath.resources import Resources
from foldline.hardware.estimate import RESOURCE_TITLES
from rtl_gen.resources.estimate import SCALES, Scales, estimate_resources
from rtl_gen.resources.stages import stages
from rtl_gen.synthesis.flow import synthesise
from rtl_gen.synthesis.tools import find_yosys

COUNTS = Path(__file__).with_name("rtl_resources.json")
COMMAND = "foldline synth DESIGN.npz --target xc7"


@dataclass(frozen=True, kw_only=True)
class Point:
    """A design that was synthesised.

    :param name: of the design.
    :param architecture: in its folding.
    :param counted: by yosys.
    """

    name: str
    architecture: Architecture
    counted: Resources

    @property
    def title(self) -> str:
        """Name and folding."""
        return f"{self.name}, {self.architecture.folding}"


def key_of(name: str, design: Design) -> str:
    """The key of a design in the file of counts.

    :param name: of the design.
    :param design: in its folding.
    """
    return f"{name}, {design.folding}"


def committed() -> dict[str, object]:
    """What the file of counts holds."""
    return json.loads(COUNTS.read_text(encoding="utf-8"))


def counted_points() -> tuple[Point, ...]:
    """The designs whose counts are committed."""
    counts = committed()["designs"]
    return tuple(
        Point(
            name=name,
            architecture=Architecture.of(design),
            counted=Resources(**{title: counts[key_of(name, design)][title] for title in RESOURCE_TITLES}),
        )
        for name, design in points()
        if key_of(name, design) in counts
    )


def fit(fitted: Sequence[Point]) -> Scales:
    """Scales that the counts of designs give.

    :param fitted: the designs.
    """
    made = [stages(point.architecture) for point in fitted]
    kinds = ("products", "datapath", "control")
    luts = np.array([[sum(getattr(stage, kind).luts for stage in one) for kind in kinds] for one in made], dtype=float)
    ffs = np.array([[sum(getattr(stage, kind).ffs for stage in one for kind in kinds)] for one in made], dtype=float)
    scales = _relative_least_squares(luts, np.array([point.counted.luts for point in fitted], dtype=float))
    (per_ff,) = _relative_least_squares(ffs, np.array([point.counted.ffs for point in fitted], dtype=float))
    return Scales(**{kind: round(scale, 3) for kind, scale in zip(kinds, scales, strict=True)}, ffs=round(per_ff, 3))


def _relative_least_squares(terms: np.ndarray, values: np.ndarray) -> list[float]:
    return np.linalg.lstsq(terms / values[:, None], np.ones_like(values), rcond=None)[0].tolist()


@dataclass(frozen=True, kw_only=True)
class Row:
    """A design's counts, the model's, and the model's with scales that the other designs give."""

    point: Point
    modelled: Resources
    predicted: Resources

    def errors(self, found: Resources) -> Mapping[str, float]:
        """Percent off the counts, by resource; 0 where both are 0.

        :param found: `modelled` or `predicted`.
        """
        counted = asdict(self.point.counted)
        values = asdict(found)
        return {
            name: 100 * (values[name] / counted[name] - 1) if counted[name] else 100.0 * bool(values[name])
            for name in RESOURCE_TITLES
        }


def rows(fitted: Sequence[Point]) -> Iterator[Row]:
    """Each design, predicted from the others.

    :param fitted: the designs.
    """
    for point in fitted:
        others = [one for one in fitted if one is not point]
        yield Row(
            point=point,
            modelled=estimate_resources(point.architecture).total,
            predicted=estimate_resources(point.architecture, fit(others)).total,
        )


def count(name: str, design: Design) -> dict[str, object]:
    """Counts of a design by yosys, in all and by stage.

    :param name: of the design.
    :param design: in its folding.
    :raises ToolError: yosys is missing or fails.
    """
    print(f"{key_of(name, design)} ...", flush=True)
    found = synthesise(design, "xc7")
    by_stage: dict[str, dict[str, object]] = {}
    for (stage, part), counts in found.stages.items():
        by_stage.setdefault(stage, {})[part] = list(asdict(counts).values())
    return {**asdict(found.total), "stages": by_stage}


def synthesise_points(only: str | None) -> None:
    """Count designs again; the file of counts is written after each.

    :param only: name of the designs; None for all.
    """
    tool = find_yosys()
    head = {"tool": f"{tool.name} {tool.version}", "command": COMMAND, "made_by": "python -m benchmarks.rtl_resources"}
    found = dict(committed()["designs"])
    for name, design in points():
        if only in (None, name):
            found[key_of(name, design)] = count(name, design)
            known = {key: found[key] for key in (key_of(*point) for point in points()) if key in found}
            write_text(COUNTS, as_text(head | {"designs": known}))


def as_text(values: Mapping[str, object]) -> str:
    """The counts as JSON, a design per line.

    :param values: what the file holds.
    """
    lines = [f"{json.dumps(key)}: {json.dumps(entry)}" for key, entry in values["designs"].items()]
    head = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in values.items() if key != "designs"]
    return "{\n" + ",\n".join(head) + ',\n"designs": {\n' + ",\n".join(lines) + "\n}\n}\n"


def table() -> Iterator[str]:
    """The comparison as lines of Markdown."""
    fitted = counted_points()
    yield f"Fitted to all {len(fitted)}: {fit(fitted)}; in use: {SCALES}"
    yield ""
    titles = ("luts", "ffs")
    yield "| design | LUT | model | error | left out | FF | model | error | left out | BRAM36 | model | DSP | model |"
    yield f"|{' --- |' * 13}"
    worst = dict.fromkeys(titles, 0.0)
    for row in rows(fitted):
        cells = [row.point.title]
        modelled, predicted = row.errors(row.modelled), row.errors(row.predicted)
        for name in titles:
            worst[name] = max(worst[name], abs(predicted[name]))
            cells += [f"{getattr(row.point.counted, name)}", f"{getattr(row.modelled, name)}"]
            cells += [f"{modelled[name]:+.1f} %", f"{predicted[name]:+.1f} %"]
        for name in ("bram36", "dsps"):
            cells += [f"{getattr(row.point.counted, name):g}", f"{getattr(row.modelled, name):g}"]
        yield f"| {' | '.join(cells)} |"
    yield ""
    yield "Largest errors, left out: " + ", ".join(f"{RESOURCE_TITLES[name]} {worst[name]:.1f} %" for name in titles)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--synthesise", action="store_true", help="count with yosys what is compared")
    parser.add_argument("--only", metavar="NAME", help="count designs of this name only; the other counts stay")
    options = parser.parse_args(arguments)
    if options.synthesise:
        synthesise_points(options.only)
    for line in table():
        print(line)


if __name__ == "__main__":
    main()

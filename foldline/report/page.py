"""The report: everything gathered once, then one template."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from operator import attrgetter
from pathlib import Path

import numpy as np
from markupsafe import Markup

from datapath.errors import FileError, MismatchError
from datapath.files import is_folder, write_text
from datapath.templates import render_template
from datapath.version import TOOL
from fixedpoint_sim import Inspection, Trace, inspect_line, simulate_lines
from fixedpoint_sim.simulator import run_in_order
from foldline.compare.agreement import SIMULATED
from foldline.compare.comparison import OVERLAY, Progress, silent
from foldline.hardware.estimate import RESOURCE_TITLES, Estimate
from foldline.report import histograms
from foldline.report.accuracy import Verdict, accuracy_rows, verdict
from foldline.report.class_plot import LANE, LANES, PROFILE, ClassPlot, class_plot
from foldline.report.figures import grouped
from foldline.report.inputs import ReportInputs, ReportRun, short_name
from foldline.report.lines import LineView, scan_uri, worst_first
from foldline.report.plots import curve_plots
from foldline.report.tradeoffs import marks_of, tradeoff_plots

PAGES = (".html", ".htm")
"""How reports are called."""

SHAPELESS = {code: "\N{REPLACEMENT CHARACTER}" for code in (*range(0x20), 0x7F) if chr(code) not in "\t\n"}
"""What a page shows in place of control characters."""

PRINTED_LINES = 20
"""Lines that are whole on paper, where nothing can be opened; of the others there is one row each."""


@dataclass(frozen=True, kw_only=True)
class RunView:
    """All of a run but its lines."""

    number: int
    run: ReportRun
    short: str
    estimate: Estimate
    verdict: Verdict
    curves: tuple[Markup, Markup] | None
    inspection: Inspection | None
    inspected: tuple[str, ...]

    @property
    def histograms(self) -> list[histograms.Histogram]:
        return [] if self.inspection is None else histograms.histograms(self.inspection)

    @property
    def quantities(self) -> list[tuple[str, ...]]:
        return [] if self.inspection is None else histograms.table_rows(self.inspection)


@dataclass(frozen=True, kw_only=True)
class ShownLine:
    """A line as it is put in: its scans, by the rows that the networks take, and the drawing of each run that read it."""

    view: LineView
    scans: dict[int, str]
    plots: tuple[ClassPlot, ...]


def write_report(
    path: str | os.PathLike, inputs: ReportInputs, *, threads: int | None = None, progress: Progress | None = None
) -> None:
    """Write what `render_report` gives, whole or not at all.

    :raises FileError: the file cannot be written. See also `render_report`.
    """
    write_text(path, render_report(inputs, threads=threads, progress=progress))


def require_place(path: str | os.PathLike, runs: Iterable[str | os.PathLike] = ()) -> None:
    """Make sure, before anything takes its time, that a report could be written there.

    :param runs: what it is of; no file of a run's folder is written over, but an earlier report.
    :raises FileError: it is a folder, in none, or part of a run.
    """
    if is_folder(path):
        raise FileError(f"Cannot write {path}: it is a folder.")
    if not is_folder(Path(path).absolute().parent):
        raise FileError(f"Cannot write {path}: there is no folder {Path(path).parent}.")
    place = Path(os.path.realpath(path))
    if not place.is_file() or place.suffix.lower() in PAGES:
        return
    for run in runs:
        if Path(os.path.realpath(run)) in place.parents:
            raise FileError(f"Cannot write {path}: it is a file of the run {run}.")


def render_report(inputs: ReportInputs, *, threads: int | None = None, progress: Progress | None = None) -> str:
    """The report as one HTML file that loads nothing; the same text for the same inputs.

    The lines that are put in are simulated again, and a few of them inspected, which takes most of the time.

    :param progress: shows how far it is.
    :raises ConfigError: a board, clock or number of columns that `foldline.hardware.estimate.estimate` refuses.
    :raises MismatchError: a comparison is not of its run's design.
    """
    showing = progress or silent
    estimates = [inputs.target.estimate_of(run.design) for run in inputs.runs]
    ranking = worst_first(inputs.runs)
    lines = _shown_lines(inputs.runs, ranking[: inputs.lines], threads, showing)
    inspections = [
        _inspected(run, number, ranking, inputs.inspected_lines, threads, showing)
        for number, run in enumerate(inputs.runs)
    ]
    marks = marks_of(inputs.runs, estimates, inputs.study)
    return _page(
        inputs=inputs,
        tool=TOOL,
        runs=[
            _run_view(run, number, found, inspected)
            for number, (run, found, inspected) in enumerate(zip(inputs.runs, estimates, inspections, strict=True), 1)
        ],
        accuracy=list(accuracy_rows([run.comparison for run in inputs.runs])),
        marks=marks,
        plots=tradeoff_plots(marks),
        lines=lines,
        printed_lines=PRINTED_LINES,
        left_out=len(ranking) - len(lines),
        resources=RESOURCE_TITLES,
        headings=histograms.HEADINGS,
        text_columns=histograms.TEXT_COLUMNS,
        histogram_size=(histograms.WIDTH, histograms.HEIGHT),
        plot_sizes={"lane": LANE, "lanes": LANES, "profile": PROFILE},
    )


def _shown_lines(
    runs: Sequence[ReportRun], views: Sequence[LineView], threads: int | None, showing: Progress
) -> list[ShownLine]:
    plots: dict[tuple[int, int], ClassPlot] = {}
    for number, run in enumerate(runs):
        there = [(place, on.index) for place, view in enumerate(views) for on in view.runs if on.number == number]
        columns = [views[place].line.columns(run.design) for place, _ in there]
        traces = simulate_lines(run.design, columns, ignore_limits=True, threads=threads)
        with showing(f"drawing lines of {run.name}") as done:
            for count, (place, index), own, trace in zip(range(len(there)), there, columns, traces, strict=True):
                _require_same(run, index, trace)
                plots[place, number] = class_plot(trace, own, run.design.alphabet)
                done(count + 1, len(there))
    shown = []
    for place, view in enumerate(views):
        of_runs = tuple(plots[place, on.number] for on in view.runs)
        scans = {rows: scan_uri(view.line.pixels(rows)) for rows in dict.fromkeys(plot.rows for plot in of_runs)}
        shown.append(ShownLine(view=view, scans=scans, plots=of_runs))
    return shown


def _require_same(run: ReportRun, index: int, trace: Trace) -> None:
    """Make sure that the comparison is this design's."""
    for level in run.comparison.results:
        if level.name == SIMULATED and level.decoding == OVERLAY and level.texts[index] != trace.text:
            raise MismatchError(
                f"The comparison of {run.name} is not of its design: on {run.comparison.lines[index].name} it has "
                f"{level.texts[index]!r}, and the design reads {trace.text!r}."
            )


def _inspected(
    run: ReportRun, number: int, ranking: Sequence[LineView], count: int, threads: int | None, showing: Progress
) -> tuple[Inspection | None, tuple[str, ...]]:
    """The numbers of a few of a run's lines, spread evenly from its worst to its best."""
    read = [view.line for view in ranking if any(on.number == number for on in view.runs)]
    places = np.unique(np.rint(np.linspace(0, len(read) - 1, min(count, len(read)))).astype(int))
    chosen = [read[place] for place in places]
    if not chosen:
        return None, ()
    found = []
    with showing(f"inspecting {run.name}") as done:
        for inspection in run_in_order(
            lambda line: inspect_line(run.design, line.columns(run.design), ignore_limits=True),
            chosen,
            threads=threads,
        ):
            found.append(inspection)
            done(len(found), len(chosen))
    return histograms.over_lines(found), tuple(line.name for line in chosen)


def _run_view(
    run: ReportRun, number: int, found: Estimate, inspected: tuple[Inspection | None, tuple[str, ...]]
) -> RunView:
    return RunView(
        number=number,
        run=run,
        short=short_name(run, number),
        estimate=found,
        verdict=verdict(run.comparison),
        curves=curve_plots(run.curves, key=f"curves-{number}") if run.curves else None,
        inspection=inspected[0],
        inspected=inspected[1],
    )


def _visible(text: str) -> str:
    """A text in which spaces are open boxes, and what has no shape a sign for that."""
    return "".join("\N{OPEN BOX}" if c == " " else c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def _alike(views: Iterable[RunView], of: str) -> list[tuple[object, list[RunView]]]:
    """The runs whose attribute is the same, together, in the order of the first of them."""
    found: dict[object, list[RunView]] = {}
    for view in views:
        found.setdefault(attrgetter(of)(view), []).append(view)
    return list(found.items())


def _page(**values: object) -> str:
    """The template, with its styles and script, whose digest lets it run and nothing else.

    :raises jinja2.UndefinedError: the template asks for a value that is not given.
    """
    folder = files("foldline.report") / "templates"
    style, script = ((folder / name).read_text(encoding="utf-8") for name in ("report.css", "report.js"))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    text = render_template(
        "foldline.report",
        "report.html.j2",
        html=True,
        filters={"grouped": grouped, "visible": _visible, "alike": _alike},
        style=Markup(style),
        script=Markup(script),
        script_digest=digest,
        **values,
    )
    # A file's name need not be UTF-8, and a page may hold no control characters.
    return text.encode("utf-8", "backslashreplace").decode().translate(SHAPELESS)

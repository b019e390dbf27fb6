"""Computes all values of a report, and renders its template."""

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
from datapath.streams import is_stream
from datapath.templates import render_template
from datapath.version import TOOL
from fixedpoint_sim import Trace, inspect_line, simulate_lines
from fixedpoint_sim.simulator import run_in_order
from foldline.compare.agreement import SIMULATED
from foldline.compare.backends import OVERLAY
from foldline.compare.comparison import Progress, silent
from foldline.hardware.estimate import RESOURCE_TITLES, Estimate
from foldline.inspect.report import HEADINGS, TEXT_COLUMNS
from foldline.report import histograms
from foldline.report.accuracy import CheckSummary, accuracy_section, check_summary
from foldline.report.class_plot import LANE, LANES, PROFILE, ClassPlot, class_plot
from foldline.report.inputs import ReportInputs, ReportRun, short_name
from foldline.report.lines import LineView, scan_uri, worst_first
from foldline.report.measured import measured_views
from foldline.report.numbers import grouped
from foldline.report.plots import curve_plots, pareto_plot
from foldline.report.tradeoffs import AXES, marks_of

PAGES = (".html", ".htm")
"""Suffixes of reports."""

_CONTROLS = (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
CONTROL_CHARACTERS = {code: "\N{REPLACEMENT CHARACTER}" for code in _CONTROLS if chr(code) not in "\t\n"}
"""Control characters, and those that reorder the text after them, are replaced in a page."""

PRINTED_LINES = 20
"""Lines that are printed in full on paper; of the others, one row each is printed."""


@dataclass(frozen=True, kw_only=True)
class RunView:
    """All values of a run except its lines; the histograms and quantities are of the lines named in `inspected`."""

    number: int
    run: ReportRun
    short: str
    estimate: Estimate
    check: CheckSummary
    curves: tuple[Markup, Markup, Markup] | None
    histograms: Sequence[histograms.Histogram]
    quantities: Sequence[tuple[str, ...]]
    inspected: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class ShownLine:
    """A line in the report, with its scans by number of input rows, and a drawing for each run of `view`."""

    view: LineView
    scans: dict[int, str]
    plots: tuple[ClassPlot, ...]


def write_report(
    path: str | os.PathLike, inputs: ReportInputs, *, threads: int | None = None, progress: Progress | None = None
) -> None:
    """Write a report atomically; as `render_report`, and a FileError if the file cannot be written."""
    write_text(path, render_report(inputs, threads=threads, progress=progress))


def require_writable(path: str | os.PathLike, runs: Iterable[str | os.PathLike] = ()) -> None:
    """Check early that a report can be written.

    :param runs: folders of runs, in which only an earlier report may be overwritten.
    :raises FileError: `path` is a folder, its folder does not exist, or it is a run's file.
    """
    if is_stream(path):
        return
    if is_folder(path):
        raise FileError(f"Cannot write {path}: it is a folder.")
    if not is_folder(Path(path).absolute().parent):
        raise FileError(f"Cannot write {path}: there is no folder {Path(path).parent}.")
    real = Path(os.path.realpath(path))
    if not real.is_file() or real.suffix.lower() in PAGES:
        return
    for run in runs:
        if Path(os.path.realpath(run)) in real.parents:
            raise FileError(f"Cannot write {path}: it is a file of the run {run}.")


def render_report(inputs: ReportInputs, *, threads: int | None = None, progress: Progress | None = None) -> str:
    """Render a report as one self-contained HTML page; the same inputs give the same text.

    Most of the time is spent on simulating the lines in the report, and inspecting a few of them.

    :param threads: worker threads; None for one per processor.
    :param progress: shows the progress.
    :raises ConfigError: `foldline.hardware.estimate.estimate` refuses the board, clock or number of columns, or a built project
        is of none of the designs.
    :raises MismatchError: a comparison does not match its run's design.
    """
    showing = progress or silent
    measured = measured_views(inputs.built, inputs.designs, columns=inputs.target.columns)
    estimates = [inputs.target.estimate_of(run.design) for run in inputs.runs]
    ranking = worst_first(inputs.runs)
    lines = _shown_lines(inputs.runs, ranking[: inputs.lines], threads, showing)
    marks = marks_of(inputs.runs, estimates, inputs.study)
    return _page(
        inputs=inputs,
        tool=TOOL,
        runs=[_run_view(inputs, number, found, ranking, threads, showing) for number, found in enumerate(estimates, 1)],
        accuracy=accuracy_section(inputs.runs),
        measured=measured,
        marks=marks,
        plots=[(axis, pareto_plot(marks, axis)) for axis in AXES],
        lines=lines,
        printed_lines=PRINTED_LINES,
        left_out=len(ranking) - len(lines),
        resources=RESOURCE_TITLES,
        headings=HEADINGS,
        text_columns=TEXT_COLUMNS,
        histogram_size=(histograms.WIDTH, histograms.HEIGHT),
        plot_sizes={"lane": LANE, "lanes": LANES, "profile": PROFILE},
    )


def _shown_lines(
    runs: Sequence[ReportRun], views: Sequence[LineView], threads: int | None, showing: Progress
) -> list[ShownLine]:
    plots: dict[tuple[int, int], ClassPlot] = {}
    for number, run in enumerate(runs):
        read = [(rank, on.index) for rank, view in enumerate(views) for on in view.runs if on.number == number]
        columns = [views[rank].line.columns(run.design) for rank, _ in read]
        traces = simulate_lines(run.design, columns, ignore_limits=True, threads=threads)
        with showing(f"drawing lines of {run.name}") as done:
            for count, (rank, index), pixels, trace in zip(range(len(read)), read, columns, traces, strict=True):
                _require_same(run, index, trace)
                plots[rank, number] = class_plot(trace, pixels, run.design.alphabet)
                done(count + 1, len(read))
    shown = []
    for rank, view in enumerate(views):
        of_runs = tuple(plots[rank, on.number] for on in view.runs)
        scans = {rows: scan_uri(view.line.pixels(rows)) for rows in dict.fromkeys(plot.rows for plot in of_runs)}
        shown.append(ShownLine(view=view, scans=scans, plots=of_runs))
    return shown


def _require_same(run: ReportRun, index: int, trace: Trace) -> None:
    """Check that the comparison was computed with the run's design."""
    for result in run.comparison.results:
        if result.name == SIMULATED and result.decoding == OVERLAY and result.texts[index] != trace.text:
            raise MismatchError(
                f"The comparison of {run.name} does not match its design: for {run.comparison.lines[index].name} it has "
                f"{result.texts[index]!r}, the design gives {trace.text!r}."
            )


def _run_view(
    inputs: ReportInputs,
    number: int,
    found: Estimate,
    ranking: Sequence[LineView],
    threads: int | None,
    showing: Progress,
) -> RunView:
    """Inspect some lines of run `number` (from 1), evenly spaced from worst to best, and collect its values."""
    run = inputs.runs[number - 1]
    read = [view.line for view in ranking if any(on.number == number - 1 for on in view.runs)]
    count = min(inputs.inspected_lines, len(read))
    chosen = [read[rank] for rank in np.unique(np.rint(np.linspace(0, len(read) - 1, count)).astype(int))]
    inspections = []
    with showing(f"inspecting {run.name}") as done:
        for inspection in run_in_order(
            lambda line: inspect_line(run.design, line.columns(run.design), ignore_limits=True), chosen, threads=threads
        ):
            inspections.append(inspection)
            done(len(inspections), len(chosen))
    ranges = histograms.over_lines(inspections) if inspections else None
    return RunView(
        number=number,
        run=run,
        short=short_name(run, number),
        estimate=found,
        check=check_summary(run.comparison),
        curves=curve_plots(run.curves, key=f"curves-{number}") if run.curves else None,
        histograms=histograms.histograms(ranges) if ranges else (),
        quantities=histograms.table_rows(ranges) if ranges else (),
        inspected=[line.name for line in chosen],
    )


def _visible(text: str) -> str:
    """A text with open boxes for spaces, and replacement characters for characters that cannot be printed."""
    return "".join("\N{OPEN BOX}" if c == " " else c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def _grouped_by(views: Iterable[RunView], of: str) -> list[tuple[object, list[RunView]]]:
    """Group runs by an attribute, in the order of each group's first run."""
    found: dict[object, list[RunView]] = {}
    for view in views:
        found.setdefault(attrgetter(of)(view), []).append(view)
    return list(found.items())


def _page(**values: object) -> str:
    """Render the template with its styles and its script; the page's policy allows only the script with this digest."""
    folder = files("foldline.report") / "templates"
    style, script = ((folder / name).read_text(encoding="utf-8") for name in ("report.css", "report.js"))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    text = render_template(
        "foldline.report",
        "report.html.j2",
        html=True,
        filters={"grouped": grouped, "visible": _visible, "grouped_by": _grouped_by},
        style=Markup(style),
        script=Markup(script),
        script_digest=digest,
        **values,
    )
    # File names may contain bytes that are not UTF-8, and control characters.
    return text.encode("utf-8", "backslashreplace").decode().translate(CONTROL_CHARACTERS)

"""Computes all values of a report, for the page and for the export."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np

from datapath.errors import MismatchError
from fixedpoint_sim import Inspection, Trace, inspect_line, simulate_lines
from fixedpoint_sim.simulator import run_in_order
from foldline.compare.agreement import SIMULATED
from foldline.compare.backends import CTC, OVERLAY
from foldline.compare.comparison import Progress, silent
from foldline.hardware.estimate import Estimate
from foldline.report import histograms
from foldline.report.accuracy import AccuracySection, CheckSummary, accuracy_section, check_summary
from foldline.report.class_plot import ClassPlot, class_plot
from foldline.report.drawing import Drawing
from foldline.report.fits import Fit, fit_of
from foldline.report.inputs import Rate, ReportInputs, ReportRun, figure_labels, short_name
from foldline.report.lines import LineView, scan_uri, worst_first
from foldline.report.measured import MeasuredView, measured_views
from foldline.report.network_plots import curve_plots, rate_plot
from foldline.report.plots import Reference, pareto_plot
from foldline.report.tradeoffs import AXES, Mark, lines_of, our_mark, published_marks, trial_marks


@dataclass(frozen=True, kw_only=True)
class RunView:
    """All values of a run except its lines.

    number       of the run, from 1
    short        its name in the page
    label        its name in figures
    estimate     None for a float network
    fit          None for a float network
    check        whether its bit-exact backends agree
    rates        its CER by decoding, as far as they were computed
    ranges       quantities over the lines named in `inspected`; None without such lines
    histograms   of these quantities
    quantities   the same as text
    inspected    names of lines
    """

    number: int
    run: ReportRun
    short: str
    label: str
    estimate: Estimate | None
    fit: Fit | None
    check: CheckSummary
    rates: dict[str, Rate]
    ranges: Inspection | None
    histograms: Sequence[histograms.Histogram]
    quantities: Sequence[tuple[str, ...]]
    inspected: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Scan:
    """A line's picture, as the URI of a PNG, and its width in pixels."""

    columns: int
    uri: str


@dataclass(frozen=True, kw_only=True)
class ShownLine:
    """A line in the report, with its scans by number of input rows, and a drawing for each run of `view`, None for a float
    network."""

    view: LineView
    scans: dict[int, Scan]
    plots: tuple[ClassPlot | None, ...]


@dataclass(frozen=True, kw_only=True)
class ReportView:
    """All values of a report.

    inputs       of the report
    runs         in their order
    accuracy     error rates, differences and confusions
    measured     built projects, of `hardware`
    marks        networks with speed and cost
    references   float networks with an error rate
    rates        the figure of error rates by network; None if no run has one
    tradeoffs    figures of error against speed and cost; none without marks
    curves       figures of the trainings; none without curves
    lines        that are shown
    left_out     number of other lines
    """

    inputs: ReportInputs
    runs: tuple[RunView, ...]
    accuracy: AccuracySection
    measured: tuple[MeasuredView, ...]
    marks: tuple[Mark, ...]
    references: tuple[Reference, ...]
    rates: Drawing | None
    tradeoffs: tuple[Drawing, ...]
    curves: tuple[Drawing, ...]
    lines: tuple[ShownLine, ...]
    left_out: int

    @property
    def hardware(self) -> tuple[RunView, ...]:
        """The runs that have a design."""
        return tuple(one for one in self.runs if one.estimate is not None)

    @property
    def drawings(self) -> tuple[Drawing, ...]:
        """All figures that are drawn for a paper, too."""
        return (*(() if self.rates is None else (self.rates,)), *self.tradeoffs, *self.curves)


def compute_report(inputs: ReportInputs, *, threads: int | None = None, progress: Progress | None = None) -> ReportView:
    """Compute all values of a report; most of the time is spent on simulating its lines, and inspecting a few of them.

    :param inputs: of the report.
    :param threads: worker threads; None for one per processor.
    :param progress: shows the progress.
    :raises ConfigError: `foldline.hardware.estimate.estimate` refuses the board, clock or number of columns, or a built project
        is of none of the designs.
    :raises MismatchError: a comparison does not match its run's design.
    """
    showing = progress or silent
    measured = measured_views(inputs.built, inputs.designs, columns=inputs.target.columns)
    ranking = worst_first(inputs.runs)
    lines = _shown_lines(inputs.runs, ranking[: inputs.lines], threads, showing)
    labels = figure_labels(inputs.runs)
    runs = tuple(
        _run_view(inputs, number, label, ranking, threads, showing) for number, label in enumerate(labels, start=1)
    )
    marks = tuple(_marks(inputs, runs))
    references = tuple(
        Reference(label=one.label, name=one.run.name, data=lines_of(one.run), rate=one.rates[OVERLAY])
        for one in runs
        if one.run.design is None and OVERLAY in one.rates
    )
    rates = [(one.label, one.rates) for one in runs if one.rates]
    curves = [(one.label, one.run.curves) for one in runs if one.run.curves]
    return ReportView(
        inputs=inputs,
        runs=runs,
        accuracy=accuracy_section(inputs.runs),
        measured=measured,
        marks=marks,
        references=references,
        rates=rate_plot(rates) if rates else None,
        tradeoffs=tuple(pareto_plot(marks, axis, references) for axis in AXES) if marks else (),
        curves=curve_plots(curves) if curves else (),
        lines=tuple(lines),
        left_out=len(ranking) - len(lines),
    )


def _marks(inputs: ReportInputs, runs: Sequence[RunView]) -> Iterator[Mark]:
    for one in runs:
        if one.estimate is not None and OVERLAY in one.rates:
            yield our_mark(one.run, one.label, one.rates[OVERLAY], one.estimate)
    yield from trial_marks(inputs.study)
    if inputs.published:
        yield from published_marks(inputs.target.load_board())


def _shown_lines(
    runs: Sequence[ReportRun], views: Sequence[LineView], threads: int | None, showing: Progress
) -> list[ShownLine]:
    plots: dict[tuple[int, int], ClassPlot] = {}
    for number, run in enumerate(runs):
        if run.design is None:
            continue
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
        of_runs = tuple(plots.get((rank, on.number)) for on in view.runs)
        drawn = [plot.rows for plot in of_runs if plot] or [runs[view.runs[0].number].pixel_rows]
        pixels = {rows: view.line.pixels(rows) for rows in dict.fromkeys(drawn)}
        scans = {rows: Scan(columns=len(columns), uri=scan_uri(columns)) for rows, columns in pixels.items()}
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
    inputs: ReportInputs, number: int, label: str, ranking: Sequence[LineView], threads: int | None, showing: Progress
) -> RunView:
    """Inspect some lines of run `number` (from 1), evenly spaced from worst to best, and collect its values."""
    run = inputs.runs[number - 1]
    inspections, chosen = [], []
    if run.design is not None:
        read = [view.line for view in ranking if any(on.number == number - 1 for on in view.runs)]
        count = min(inputs.inspected_lines, len(read))
        chosen = [read[rank] for rank in np.unique(np.rint(np.linspace(0, len(read) - 1, count)).astype(int))]
        with showing(f"inspecting {run.name}") as done:
            for inspection in run_in_order(
                lambda line: inspect_line(run.design, line.columns(run.design), ignore_limits=True),
                chosen,
                threads=threads,
            ):
                inspections.append(inspection)
                done(len(inspections), len(chosen))
    ranges = histograms.over_lines(inspections) if inspections else None
    found = None if run.design is None else inputs.target.estimate_of(run.design)
    rates = {decoding: run.rate(decoding) for decoding in (CTC, OVERLAY)}
    return RunView(
        number=number,
        run=run,
        short=short_name(run, number),
        label=label,
        estimate=found,
        fit=None if found is None else _fit(found, run.name, showing),
        check=check_summary(run.comparison),
        rates={decoding: rate for decoding, rate in rates.items() if rate is not None},
        ranges=ranges,
        histograms=histograms.histograms(ranges) if ranges else (),
        quantities=histograms.table_rows(ranges) if ranges else (),
        inspected=[line.name for line in chosen],
    )


def _fit(found: Estimate, name: str, showing: Progress) -> Fit:
    with showing(f"foldings of {name} that fit") if found.exceeded else nullcontext():
        return fit_of(found)

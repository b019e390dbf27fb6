"""The table of a report's networks for a paper: error rates with intervals, speed, cost, and whether they fit the board."""

from __future__ import annotations

from collections.abc import Iterator

from foldline.compare.backends import CTC, OVERLAY
from foldline.foldings.enumeration import FoldingPoint
from foldline.hardware.estimate import RESOURCE_TITLES
from foldline.report.inputs import Rate
from foldline.report.tables import Cell, Column, Table, WithInterval
from foldline.report.tradeoffs import OURS, Mark
from foldline.report.view import ReportView, RunView

COLUMNS = (
    Column(title="network"),
    Column(title="name", in_tex=False),
    Column(title="lines", in_tex=False),
    *(Column(title=f"CER, {decoding}", unit="%", digits=2, interval=True) for decoding in (CTC, OVERLAY)),
    Column(title="folding", in_tex=False),
    Column(title="columns", unit="1/s"),
    *(Column(title=title, digits=1 if name == "bram36" else 0) for name, title in RESOURCE_TITLES.items()),
    Column(title="fits"),
    Column(title="cheapest folding that fits"),
    Column(title="fastest folding that fits", in_tex=False),
)
"""Those without a value in any row are left out."""

NONE_FITS = "none"


def paper_table(view: ReportView) -> Table:
    """The networks of a report, then the trials and the published overlays that are in its figures.

    :param view: the report's values.
    """
    rows = [tuple(_run_cells(one)) for one in view.runs]
    rows += [tuple(_mark_cells(mark)) for mark in view.marks if mark.kind != OURS]
    used = [index for index in range(len(COLUMNS)) if any(row[index] is not None for row in rows)]
    return Table(
        columns=tuple(COLUMNS[index] for index in used),
        rows=tuple(tuple(row[index] for index in used) for row in rows),
        notes=tuple(_notes(view)),
    )


def folding_text(point: FoldingPoint) -> str:
    """A folding with its speed, as ``PE 1, SIMD 32 and 128, PE_OUT 1: 200 000 columns/s``."""
    return f"{point.folding}: {point.columns_per_second:.0f} columns/s"


def _notes(view: ReportView) -> Iterator[str]:
    yield "CER: total distance / total length, with the 95 % interval of a bootstrap over lines."
    if view.hardware:
        found = view.hardware[0].estimate
        yield (
            f"Speed is modelled for lines of {found.columns} columns at {found.clock_mhz:g} MHz and resources are estimated, "
            f"{found.kernel.value} kernel on {found.board.title}."
        )
    if view.inputs.published:
        yield "Of published overlays, speed and resources were measured, and the CER is by simulation."


def _run_cells(one: RunView) -> Iterator[Cell | WithInterval]:
    yield from (one.label, one.run.name, len(one.run.comparison.lines))
    for decoding in (CTC, OVERLAY):
        yield _rate_cell(one.rates.get(decoding))
    if one.estimate is None:
        yield from (None,) * (len(COLUMNS) - 5)
        return
    total = one.estimate.resources.total
    yield from (str(one.run.design.folding), one.estimate.columns_per_second)
    yield from (getattr(total, name) for name in RESOURCE_TITLES)
    yield one.fit.fits
    for point in (one.fit.cheapest, one.fit.fastest):
        yield None if one.fit.fits else NONE_FITS if point is None else folding_text(point)


def _mark_cells(mark: Mark) -> Iterator[Cell | WithInterval]:
    yield from (mark.name, mark.name, None, None, _rate_cell(mark.rate), None, mark.columns_per_second)
    yield from (getattr(mark, name) for name in RESOURCE_TITLES)
    yield from (mark.fits, None, None)


def _rate_cell(rate: Rate | None) -> WithInterval | None:
    if rate is None:
        return None
    low, high = (None, None) if rate.interval is None else (rate.interval.low, rate.interval.high)
    return WithInterval(value=rate.value, low=low, high=high)

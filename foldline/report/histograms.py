"""Value ranges of a run: the histograms of `fixedpoint_sim.inspection` over several lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from fixedpoint_sim import Inspection, Quantity
from foldline.inspect.picture import clip_bins, panels_of, table_input_of
from foldline.inspect.report import HEADINGS, TITLES, cells_of, events_of, real_text, share_text, whole_type_text
from foldline.report.numbers import grouped

WIDTH, HEIGHT = 220, 72
"""Size of a histogram's bars in pixels."""


@dataclass(frozen=True, kw_only=True)
class Histogram:
    """The histogram of one quantity. `bars` is an SVG path in `WIDTH` x `HEIGHT`, on a log scale; ticks are (x, text);
    `clips` are the x of the ends of the next table's input range; the other fields are texts."""

    title: str
    type: str
    uses: str
    reach: str
    overflows: tuple[str, ...]
    losses: tuple[str, ...]
    bars: str
    ticks: tuple[tuple[float, str], ...]
    clips: tuple[float, ...]


def over_lines(inspections: Sequence[Inspection]) -> Inspection:
    """Sum the quantities of several inspections; other values are those of the first one."""
    by_quantity = zip(*(inspection.quantities for inspection in inspections), strict=True)
    return replace(inspections[0], quantities=tuple(map(_together, by_quantity)))


def _together(quantities: Sequence[Quantity]) -> Quantity:
    """One quantity over several lines."""
    computed = [quantity for quantity in quantities if quantity.values]

    def extreme(of, name: str) -> int | None:
        return of(getattr(quantity, name) for quantity in computed) if computed else None

    def total(name: str) -> int | None:
        counts = [getattr(quantity, name) for quantity in quantities]
        return None if None in counts else sum(counts)

    counted = ("values", "below", "above", "inexact", "ties", "entry_first", "entry_last")
    return replace(
        quantities[0],
        **{name: total(name) for name in counted},
        **{name: extreme(min, name) for name in ("low", "low_before")},
        **{name: extreme(max, name) for name in ("high", "high_before")},
        idle_low_bits=min(quantity.idle_low_bits for quantity in quantities),
        histogram=sum(quantity.histogram for quantity in quantities),
    )


def histograms(inspection: Inspection) -> list[Histogram]:
    """Histograms in the order of `foldline inspect`'s picture."""
    return [_histogram(inspection, inspection[name]) for name in panels_of(inspection) if name is not None]


def _histogram(inspection: Inspection, quantity: Quantity) -> Histogram:
    read = table_input_of(inspection, quantity)
    format, bins, events = quantity.format, len(quantity.histogram), events_of(quantity)
    losses = {"rounded": events["rounded"], "clipped by its table": read and read.clipped}
    return Histogram(
        title=TITLES[quantity.name],
        type=whole_type_text(format),
        uses=f"{quantity.used_bits:.1f} of {format.bits} bits",
        reach=" to ".join(real_text(raw, format) for raw in (quantity.low, quantity.high)),
        overflows=_happened({name: events[name] for name in ("wrapped", "saturated")}, quantity.values),
        losses=_happened(losses, quantity.values),
        bars=_bars(quantity.histogram),
        ticks=_ticks(quantity, bins),
        clips=tuple(_x_of(end, bins) for end in clip_bins(inspection, quantity)),
    )


def _happened(counts: dict[str, int | None], values: int) -> tuple[str, ...]:
    """Events that occurred, with percentage and count."""
    return tuple(f"{name} {share_text(count, values)} ({grouped(count)})" for name, count in counts.items() if count)


def _x_of(bin: float, bins: int) -> float:
    return round(bin * WIDTH / bins, 1)


def _bars(counts: np.ndarray) -> str:
    """A step curve; the bar of a single value is visible."""
    most = np.log10(max(float(counts.max()), 9.0) * 2)
    heights = np.where(counts > 0, np.log10(np.maximum(counts, 1) * 2) / most, 0) * HEIGHT
    width = WIDTH / len(counts)
    steps = "".join(f"V{HEIGHT - height:.0f}H{(bin + 1) * width:.1f}" for bin, height in enumerate(heights.tolist()))
    return f"M0 {HEIGHT}{steps}V{HEIGHT}z"


def _ticks(quantity: Quantity, bins: int) -> tuple[tuple[float, str], ...]:
    """Ticks at both ends of the type's range and at 0, and at 1 and -1 if there is space, as real values."""
    format, scale = quantity.format, 1 << quantity.format.fraction
    low, high = format.min / scale, (format.max + 1) / scale
    marks = sorted({low, 0.0, high, *((-1.0, 1.0) if high > 8 and format.signed else ())})
    at = np.interp([mark * scale for mark in marks], quantity.edges, np.arange(bins + 1)).tolist()
    return tuple((_x_of(bin, bins), f"{mark:g}") for bin, mark in zip(at, marks, strict=True))


def table_rows(inspection: Inspection) -> list[tuple[str, ...]]:
    """Rows of the table of quantities, with the columns `HEADINGS`."""
    rows = (cells_of(quantity, _count_text, grouped) for quantity in inspection.quantities)
    return [tuple(cells[heading] for heading in HEADINGS) for cells in rows]


def _count_text(count: int, values: int) -> str:
    return f"{grouped(count)} ({share_text(count, values)})" if count else "0"

"""The plots of error against speed and cost."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from operator import attrgetter

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from foldline.foldings.pareto import pareto_front
from foldline.report.drawing import ACCENT, FAINT, INK, PAPER, RULE, SMALL, Drawing, box, draw, text_width
from foldline.report.inputs import Rate
from foldline.report.legend import Entry, legend_height, write_legend
from foldline.report.tradeoffs import OURS, PUBLISHED, TRIAL, Mark, XAxis

HEIGHT = 198
"""Of a plot in points."""

FRONT = "front"
"""The kind of the trials on the Pareto front, besides those of `foldline.report.tradeoffs`."""

STYLES = {
    OURS: {"marker": "o", "markersize": 5.5, "color": ACCENT},
    PUBLISHED: {"marker": "D", "markersize": 4.5, "color": INK},
    TRIAL: {"marker": "s", "markersize": 2.2, "color": FAINT},
    FRONT: {"marker": "s", "markersize": 3.0, "color": INK},
}

TITLES = {OURS: "this work", PUBLISHED: "published", TRIAL: "trials", FRONT: "their front"}

REFERENCE = {"color": FAINT, "linewidth": 0.9, "linestyle": (0, (4, 1.5))}
"""The line of a float network."""

ERROR_BAR = {"elinewidth": 0.8, "capsize": 2.0, "capthick": 0.8}

TICKS = ((0.7, (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0)), (1.5, (1.0, 2.0, 5.0)), (3.0, (1.0, 3.0)), (np.inf, (1.0,)))
"""Maximum decades of an axis, and its ticks within a decade."""


@dataclass(frozen=True, kw_only=True)
class Reference:
    """A network without speed and cost, a float one: a horizontal line at its rate. `data` names the lines of the rate."""

    name: str
    label: str
    data: str
    rate: Rate


def front_of(trials: Sequence[Mark], x_of: Callable[[Mark], float], *, more_is_better: bool) -> list[Mark]:
    """The trials on the Pareto front of CER and of x, of which more or less is better, in their order."""
    sign = -1 if more_is_better else 1
    values = np.array([(sign * x_of(trial), trial.rate.value) for trial in trials]).reshape(-1, 2)
    return [trials[index] for index in sorted(pareto_front(values).tolist())]


def pareto_plot(marks: Sequence[Mark], x_axis: XAxis, references: Sequence[Reference] = ()) -> Drawing:
    """Plot CER against a speed or resource, with the names of runs and published networks; on a log scale, unless a network
    takes nothing of the resource. Marks of networks that do not fit the board are hollow.

    :param marks: one or more.
    :param x_axis: speed or resource.
    :param references: float networks.
    """
    x_of = attrgetter(x_axis.key)
    trials = sorted((mark for mark in marks if mark.kind == TRIAL), key=x_of)
    front = front_of(trials, x_of, more_is_better=x_axis.more_is_better)
    groups = {TRIAL: [trial for trial in trials if trial not in front], FRONT: front}
    groups |= {kind: [mark for mark in marks if mark.kind == kind] for kind in (PUBLISHED, OURS)}
    legend = legend_height(entries := _entries(groups, references))

    def content(figure: Figure) -> None:
        axes = figure.add_axes(box(figure, left=30, right=8, bottom=28, top=6 + legend), facecolor="none")
        axes.set(xlabel=x_axis.label, ylabel="CER %")
        axes.grid(True)
        low, high = min(map(x_of, marks)) / 1.35, max(map(x_of, marks)) * 1.35 or 1
        if low > 0:
            axes.set_xscale("log")
            plain_log_axis(axes.xaxis, low, high)
        axes.set_xlim(low, high)
        axes.set_ylim(0, 1.12 * max(one.rate.highest for one in (*marks, *references)))
        _draw_references(axes, references)
        axes.plot(list(map(x_of, front)), [mark.rate.value for mark in front], color=INK, linewidth=0.7)
        for kind, some in groups.items():
            _draw_marks(axes, some, x_of, STYLES[kind])
        _write_names(axes, marks, x_of, references)
        write_legend(figure, entries)

    return draw(content, key=f"cer-{x_axis.key}".replace("_", "-"), title=x_axis.title, height=HEIGHT + legend)


def _entries(groups: dict[str, Sequence[Mark]], references: Sequence[Reference]) -> list[Entry]:
    """What is drawn, in the legend."""
    entries = [
        (title, {**_filled(STYLES[kind], fits=True), "linestyle": "solid" if kind == FRONT else "", "linewidth": 0.7})
        for kind, title in TITLES.items()
        if groups[kind]
    ]
    if references:
        entries.append(("float network", REFERENCE))
    if not all(mark.fits for some in groups.values() for mark in some):
        entries.append(("does not fit the board", {**_filled(STYLES[OURS], fits=False), "linestyle": ""}))
    return entries


def _filled(style: Mapping[str, object], *, fits: bool) -> dict[str, object]:
    colour = style["color"]
    face = colour if fits else PAPER
    return {**style, "markerfacecolor": face, "markeredgecolor": colour, "markeredgewidth": 0.8}


def _draw_marks(axes: Axes, marks: Sequence[Mark], x_of: Callable[[Mark], float], style: Mapping[str, object]) -> None:
    """Marks with their intervals, hollow where a network does not fit."""
    for mark in marks:
        ends = [[end] for end in mark.rate.distances] if mark.rate.interval else None
        filled = _filled(style, fits=mark.fits)
        axes.errorbar([x_of(mark)], [mark.rate.value], yerr=ends, linestyle="", clip_on=False, **filled, **ERROR_BAR)


def _draw_references(axes: Axes, references: Sequence[Reference]) -> None:
    for one in references:
        if one.rate.interval is not None:
            low, high = one.rate.interval.low, one.rate.interval.high
            axes.axhspan(low, high, facecolor=RULE, alpha=0.45, linewidth=0, zorder=0.5)
        axes.axhline(one.rate.value, zorder=0.6, **REFERENCE)


def plain_log_axis(axis: Axis, low: float, high: float) -> None:
    """Use plain numbers as ticks, as many per decade as fit.

    :param axis: with a log scale.
    :param low: its limit, above 0.
    :param high: as above.
    """
    decades = np.log10(high / low)
    steps = next(steps for most, steps in TICKS if decades < most)
    axis.set_major_locator(LogLocator(base=10, subs=steps))
    axis.set_major_formatter(FuncFormatter(lambda value, _: _short(value)))
    axis.set_minor_formatter(NullFormatter())


def _short(value: float) -> str:
    """``950``, ``20 k``, ``1.5 M``."""
    for unit, letter in ((1e6, " M"), (1e3, " k")):
        if value >= unit:
            return f"{value / unit:g}{letter}"
    return f"{value:g}"


Box = tuple[float, float, float, float]
"""Left, bottom, right, top."""


def _write_names(
    axes: Axes, marks: Sequence[Mark], x_of: Callable[[Mark], float], references: Sequence[Reference]
) -> None:
    """Write the names of runs, published and float networks near their marks, with the least overlap."""
    axes.figure.canvas.draw()  # computes the positions of the points
    scale = 72 / axes.figure.dpi
    frame = [scale * edge for edge in axes.bbox.extents]

    def place(x: float, y: float) -> tuple[float, float]:
        return tuple(scale * axes.transData.transform((x, y)))

    named = [mark.kind in (OURS, PUBLISHED) for mark in marks]
    taken: list[tuple[float, ...]] = []
    for mark, has_name in zip(marks, named, strict=True):
        x, y = place(x_of(mark), mark.rate.value)
        weight = 2.0 if has_name else 0.15
        taken.append((x - 3.5, y - 3.5, x + 3.5, y + 3.5, weight))
        below, above = mark.rate.distances
        if above or below:
            bottom, top = (place(x_of(mark), mark.rate.value + offset)[1] for offset in (-below, above))
            taken.append((x - 2, bottom, x + 2, top, weight / 2))
    lines = [place(x_of(marks[0]), one.rate.value)[1] for one in references]
    taken += [(frame[0], y - 0.7, frame[2], y + 0.7, 1.0) for y in lines]

    def write(label: str, boxes: Iterable[tuple[Box, float]]) -> None:
        best, _ = min(boxes, key=lambda one: one[1] + _overlap(one[0], taken))
        taken.append((*best, 4.0))
        where = axes.transAxes.inverted().transform((best[0] / scale, (best[1] + 0.7) / scale))
        axes.text(*where, label, transform=axes.transAxes, fontsize=SMALL, va="bottom")

    for one, y in zip(references, lines, strict=True):
        write(one.label, _boxes_on_line(y, text_width(one.label), frame))
    for mark in compress(marks, named):
        write(mark.label, _boxes(*place(x_of(mark), mark.rate.value), text_width(mark.label), frame))


def _boxes_on_line(y: float, width: float, frame: Sequence[float]) -> Iterator[tuple[Box, float]]:
    """Candidate boxes for the name of a horizontal line, from its right end on, each with a cost."""
    for cost, share in enumerate(np.linspace(1, 0, 9)):
        left = frame[0] + 3 + share * (frame[2] - frame[0] - width - 6)
        for more, bottom in ((0, y + 1), (1, y - SMALL - 2)):
            yield (left, bottom, left + width, bottom + SMALL + 1), cost + more + 100 * max(0, frame[1] - bottom)


def _boxes(x: float, y: float, width: float, frame: Sequence[float]) -> Iterator[tuple[Box, float]]:
    """Candidate boxes for a name around a mark, each with a cost for its distance and for leaving the frame."""
    for cost, side, up in (
        *((0, 5, 0), (1, -5, 0), (2, 4, 6.5), (2, 4, -6.5), (3, -4, 6.5), (3, -4, -6.5), (3, 0, 8.5), (3, 0, -8.5)),
        *((14, 5, 13), (14, 5, -13), (15, -5, 13), (15, -5, -13), (16, 0, 17), (16, 0, -17), (22, 5, 20), (22, 5, -20)),
    ):
        left = x + side if side > 0 else x + side - width if side < 0 else x - width / 2
        around = (left, y + up - SMALL / 2, left + width, y + up + SMALL / 2)
        outside = max(0, frame[0] - around[0], around[2] - frame[2] - 4, frame[1] - around[1], around[3] - frame[3] - 4)
        yield around, cost + 100 * outside


def _overlap(around: Box, taken: Iterable[tuple[float, ...]]) -> float:
    """Weighted sum of the areas in which a box overlaps others."""
    return 2 * sum(
        weight
        * max(0, min(around[2], right) - max(around[0], left))
        * max(0, min(around[3], top) - max(around[1], bottom))
        for left, bottom, right, top, weight in taken
    )

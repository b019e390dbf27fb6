"""The plots of a report: error against speed and cost, and training curves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from foldline.foldings.pareto import pareto_front
from foldline.report.inputs import CurveStage
from foldline.report.svg import ACCENT, FAINT, INK, PAPER, RULE, SMALL, UNITS_PER_INCH, draw, text_width

WIDTH, HEIGHT = 360, 300
"""Size of a plot in pixels, close to the width of a phone."""

CURVE_HEIGHT = 220

OURS, PUBLISHED, TRIAL, FRONT = "run", "published", "trial", "front"
"""Kinds of points: a run of the report, a published overlay, a trial of the study, a trial on the Pareto front."""

STYLES = {
    OURS: {"marker": "o", "markersize": 8, "markerfacecolor": ACCENT, "markeredgecolor": PAPER},
    PUBLISHED: {"marker": "D", "markersize": 7, "markerfacecolor": PAPER, "markeredgecolor": INK},
    TRIAL: {"marker": "o", "markersize": 3.5, "markerfacecolor": "none", "markeredgecolor": FAINT},
    FRONT: {"marker": "o", "markersize": 4.5, "markerfacecolor": INK, "markeredgecolor": INK},
}

TICKS = (
    (0.7, (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0)),
    (1.5, (1.0, 2.0, 5.0)),
    (3.0, (1.0, 3.0)),
    (np.inf, (1.0,)),
)
"""Maximum decades of an axis, and its ticks within a decade."""


@dataclass(frozen=True, kw_only=True)
class Point:
    """A network in a plot of CER in percent against `x`, a speed or resource."""

    kind: str
    label: str
    x: float
    cer: float


def trials_with_front(points: Iterable[Point], *, more_is_better: bool) -> list[Point]:
    """Sort trials by `x`, and mark those on the Pareto front as `FRONT`; `more_is_better` is about `x`."""
    ranked = sorted(points, key=lambda point: point.x)
    sign = -1 if more_is_better else 1
    front = set(pareto_front(np.array([(sign * p.x, p.cer) for p in ranked]).reshape(-1, 2)).tolist())
    return [replace(point, kind=FRONT) if index in front else point for index, point in enumerate(ranked)]


def pareto_plot(points: Sequence[Point], *, key: str, x_label: str) -> Markup:
    """Plot CER against `x` on a log scale, with the names of runs and published networks."""

    def content(axes: Axes) -> None:
        axes.set_xscale("log")
        axes.set(xlabel=x_label, ylabel="CER %")
        axes.grid(True)
        front = [point for point in points if point.kind == FRONT]
        axes.plot([p.x for p in front], [p.cer for p in front], color=INK, linewidth=1)
        for kind in (TRIAL, FRONT, PUBLISHED, OURS):
            some = [point for point in points if point.kind == kind]
            axes.plot([p.x for p in some], [p.cer for p in some], linestyle="", **STYLES[kind], clip_on=False)
        low, high = min(p.x for p in points) / 1.35, max(p.x for p in points) * 1.35
        axes.set_xlim(low, high)
        axes.set_ylim(0, 1.15 * max(p.cer for p in points))
        _plain_log_axis(axes.xaxis, low, high)
        _write_names(axes, points)

    return draw(content, key=key, width=WIDTH, height=HEIGHT, margins=(44, 12, 44, 10))


def _plain_log_axis(axis: Axis, low: float, high: float) -> None:
    """Use plain numbers as ticks, as many per decade as fit from `low` to `high`."""
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


def _write_names(axes: Axes, points: Sequence[Point]) -> None:
    """Write the names of runs and published networks near their marks, with the least overlap."""
    axes.figure.canvas.draw()  # computes the positions of the points
    scale = UNITS_PER_INCH / axes.figure.dpi
    frame = [scale * edge for edge in axes.bbox.extents]
    at = [tuple(scale * axes.transData.transform((point.x, point.cer))) for point in points]
    named = [point.kind in (OURS, PUBLISHED) for point in points]
    taken = [
        (x - 5, y - 5, x + 5, y + 5, 2.0 if has_name else 0.15) for (x, y), has_name in zip(at, named, strict=True)
    ]
    for point, (x, y), has_name in zip(points, at, named, strict=True):
        if not has_name:
            continue
        boxes = _boxes(x, y, text_width(point.label, SMALL), frame)
        box, _ = min(boxes, key=lambda one: one[1] + _overlap(one[0], taken))
        taken.append((*box, 4.0))
        where = axes.transAxes.inverted().transform((box[0] / scale, (box[1] + 1) / scale))
        axes.text(*where, point.label, transform=axes.transAxes, fontsize=SMALL, va="bottom")


Box = tuple[float, float, float, float]
"""Left, bottom, right, top."""


def _boxes(x: float, y: float, width: float, frame: Sequence[float]) -> Iterator[tuple[Box, float]]:
    """Candidate boxes for a name around a mark, each with a cost for its distance and for leaving the frame."""
    for cost, side, up in (
        *((0, 8, 0), (1, -8, 0), (2, 6, 10), (2, 6, -10), (3, -6, 10), (3, -6, -10), (3, 0, 13), (3, 0, -13)),
        *((14, 8, 20), (14, 8, -20), (15, -8, 20), (15, -8, -20), (16, 0, 26), (16, 0, -26), (22, 8, 30), (22, 8, -30)),
    ):
        left = x + side if side > 0 else x + side - width if side < 0 else x - width / 2
        box = (left, y + up - SMALL / 2, left + width, y + up + SMALL / 2)
        outside = max(0, frame[0] - box[0], box[2] - frame[2] - 4, frame[1] - box[1], box[3] - frame[3] - 4)
        yield box, cost + 100 * outside


def _overlap(box: Box, taken: Iterable[tuple[float, ...]]) -> float:
    """Weighted sum of the areas in which a box overlaps others."""
    return sum(
        weight * max(0, min(box[2], right) - max(box[0], left)) * max(0, min(box[3], top) - max(box[1], bottom))
        for left, bottom, right, top, weight in taken
    )


def curve_plots(stages: Sequence[CurveStage], *, key: str) -> tuple[Markup, Markup]:
    """Plot loss, and CER of both decodings, over the epochs of all stages in order."""
    loss = _over_epochs(
        stages, ((lambda stage: stage.loss, ACCENT, "-"),), key=f"{key}-loss", y_label="loss, nats per line"
    )
    lines = (
        (lambda stage: stage.greedy_cer, FAINT, (0, (3, 2))),
        (lambda stage: stage.overlay_cer, ACCENT, "-"),
    )
    return loss, _over_epochs(stages, lines, key=f"{key}-cer", y_label="CER %")


def _over_epochs(
    stages: Sequence[CurveStage],
    lines: Sequence[tuple[Callable[[CurveStage], Sequence[float]], str, object]],
    *,
    key: str,
    y_label: str,
) -> Markup:
    """Plot curves on a log scale, with a line between stages."""

    def content(axes: Axes) -> None:
        before, shown = 0, []
        for number, stage in enumerate(stages):
            epochs = before + np.array(stage.epochs)
            marker = "o" if len(epochs) < 3 else ""
            for values, color, style in lines:
                shown.append(_positive(values(stage)))
                axes.plot(epochs, shown[-1], color=color, linestyle=style, linewidth=1.4, marker=marker)
            if number:
                axes.axvline(before + 0.5, color=FAINT, linewidth=0.8, linestyle=(0, (1, 2)))
            before = int(epochs[-1])
        finite = np.concatenate(shown)
        finite = finite[np.isfinite(finite)] if np.isfinite(finite).any() else np.ones(1)
        low, high = finite.min() / 1.3, finite.max() * 1.3
        axes.set(xlabel="epoch", ylabel=y_label, xlim=(0, before + 1), yscale="log", ylim=(low, high))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
        _plain_log_axis(axes.yaxis, low, high)
        axes.grid(True, axis="y", color=RULE)

    return draw(content, key=key, width=WIDTH, height=CURVE_HEIGHT, margins=(50, 12, 40, 10))


def _positive(values: Sequence[float]) -> np.ndarray:
    """Replace values that a log scale cannot show (0, infinity) by NaN."""
    array = np.array(values, dtype=float)
    return np.where(np.isfinite(array) & (array > 0), array, np.nan)

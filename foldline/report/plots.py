"""The plots of a report: error against speed and cost, and training curves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import compress
from operator import attrgetter

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from foldline.foldings.pareto import pareto_front
from foldline.report.inputs import CurveStage
from foldline.report.svg import ACCENT, FAINT, INK, PAPER, RULE, SMALL, UNITS_PER_INCH, draw, text_width
from foldline.report.tradeoffs import OURS, PUBLISHED, TRIAL, Mark, XAxis

WIDTH, HEIGHT = 360, 300
"""Size of a plot in pixels, close to the width of a phone."""

CURVE_HEIGHT = 220

FRONT = "front"
"""The kind of the trials on the Pareto front, besides those of `foldline.report.tradeoffs`."""

STYLES = {
    OURS: {"marker": "o", "markersize": 8, "markerfacecolor": ACCENT, "markeredgecolor": PAPER},
    PUBLISHED: {"marker": "D", "markersize": 7, "markerfacecolor": PAPER, "markeredgecolor": INK},
    TRIAL: {"marker": "o", "markersize": 3.5, "markerfacecolor": "none", "markeredgecolor": FAINT},
    FRONT: {"marker": "o", "markersize": 4.5, "markerfacecolor": INK, "markeredgecolor": INK},
}

TICKS = ((0.7, (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0)), (1.5, (1.0, 2.0, 5.0)), (3.0, (1.0, 3.0)), (np.inf, (1.0,)))
"""Maximum decades of an axis, and its ticks within a decade."""


def front_of(trials: Sequence[Mark], x_of: Callable[[Mark], float], *, more_is_better: bool) -> list[Mark]:
    """The trials on the Pareto front of CER and of x, of which more or less is better, in their order."""
    sign = -1 if more_is_better else 1
    values = np.array([(sign * x_of(trial), trial.cer) for trial in trials]).reshape(-1, 2)
    return [trials[index] for index in sorted(pareto_front(values).tolist())]


def pareto_plot(marks: Sequence[Mark], x_axis: XAxis) -> Markup:
    """Plot CER against a speed or resource, with the names of runs and published networks; on a log scale, unless a network
    takes nothing of the resource."""
    x_of = attrgetter(x_axis.key)
    trials = sorted((mark for mark in marks if mark.kind == TRIAL), key=x_of)
    front = front_of(trials, x_of, more_is_better=x_axis.more_is_better)
    groups = {TRIAL: [trial for trial in trials if trial not in front], FRONT: front}
    groups |= {kind: [mark for mark in marks if mark.kind == kind] for kind in (PUBLISHED, OURS)}

    def content(axes: Axes) -> None:
        axes.set(xlabel=x_axis.label, ylabel="CER %")
        axes.grid(True)
        axes.plot(list(map(x_of, front)), [mark.cer for mark in front], color=INK, linewidth=1)
        for kind, some in groups.items():
            cers = [mark.cer for mark in some]
            axes.plot(list(map(x_of, some)), cers, linestyle="", **STYLES[kind], clip_on=False)
        low, high = min(map(x_of, marks)) / 1.35, max(map(x_of, marks)) * 1.35 or 1
        if low > 0:
            axes.set_xscale("log")
            _plain_log_axis(axes.xaxis, low, high)
        axes.set_xlim(low, high)
        axes.set_ylim(0, 1.15 * max(mark.cer for mark in marks))
        _write_names(axes, marks, x_of)

    return draw(content, key=f"plot-{x_axis.key}", width=WIDTH, height=HEIGHT, margins=(44, 12, 44, 10))


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


def _write_names(axes: Axes, marks: Sequence[Mark], x_of: Callable[[Mark], float]) -> None:
    """Write the names of runs and published networks near their marks, with the least overlap."""
    axes.figure.canvas.draw()  # computes the positions of the points
    scale = UNITS_PER_INCH / axes.figure.dpi
    frame = [scale * edge for edge in axes.bbox.extents]
    at = [tuple(scale * axes.transData.transform((x_of(mark), mark.cer))) for mark in marks]
    named = [mark.kind in (OURS, PUBLISHED) for mark in marks]
    weights = [2.0 if has_name else 0.15 for has_name in named]
    taken = [(x - 5, y - 5, x + 5, y + 5, weight) for (x, y), weight in zip(at, weights, strict=True)]
    for mark, (x, y) in compress(zip(marks, at, strict=True), named):
        boxes = _boxes(x, y, text_width(mark.label, SMALL), frame)
        box, _ = min(boxes, key=lambda one: one[1] + _overlap(one[0], taken))
        taken.append((*box, 4.0))
        where = axes.transAxes.inverted().transform((box[0] / scale, (box[1] + 1) / scale))
        axes.text(*where, mark.label, transform=axes.transAxes, fontsize=SMALL, va="bottom")


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


def curve_plots(stages: Sequence[CurveStage], *, key: str) -> tuple[Markup, Markup, Markup]:
    """Plot loss, CER by greedy CTC, and CER by overlay labels, over the epochs of all stages in order; one scale for both
    rates."""
    rates = ("greedy_cer", "overlay_cer")
    return (
        _over_epochs(stages, "loss", ("loss",), key=f"{key}-loss", y_label="loss, nats per line"),
        _over_epochs(stages, "greedy_cer", rates, key=f"{key}-greedy-cer", y_label="CER %, greedy CTC"),
        _over_epochs(stages, "overlay_cer", rates, key=f"{key}-overlay-cer", y_label="CER %, overlay labels"),
    )


def _positive(values: Sequence[float]) -> np.ndarray:
    """Values that have a logarithm; the others are NaN."""
    values = np.array(values, dtype=float)
    return np.where(np.isfinite(values) & (values > 0), values, np.nan)


def _over_epochs(stages: Sequence[CurveStage], field: str, scaled: Sequence[str], *, key: str, y_label: str) -> Markup:
    """Plot a field of the stages on a log scale that fits the fields `scaled`, with a line between stages."""

    def content(axes: Axes) -> None:
        before = 0
        for number, stage in enumerate(stages):
            epochs = before + np.array(stage.epochs)
            marker = "o" if len(epochs) < 3 else ""
            axes.plot(epochs, _positive(getattr(stage, field)), color=ACCENT, linewidth=1.4, marker=marker)
            if number:
                axes.axvline(before + 0.5, color=FAINT, linewidth=0.8, linestyle=(0, (1, 2)))
            before = int(epochs[-1])
        finite = np.concatenate([_positive(getattr(stage, name)) for stage in stages for name in scaled])
        finite = finite[np.isfinite(finite)] if np.isfinite(finite).any() else np.ones(1)
        low, high = finite.min() / 1.3, finite.max() * 1.3
        axes.set(xlabel="epoch", ylabel=y_label, xlim=(0, before + 1), yscale="log", ylim=(low, high))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
        _plain_log_axis(axes.yaxis, low, high)
        axes.grid(True, axis="y", color=RULE)

    return draw(content, key=key, width=WIDTH, height=CURVE_HEIGHT, margins=(50, 12, 40, 10))

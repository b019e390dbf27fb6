"""Plots with several networks each: their error rates by decoding, and the curves of their trainings by stage."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from foldline.compare.backends import CTC, OVERLAY
from foldline.report.drawing import ACCENT, INK, PAPER, RULE, SERIES, SMALL, WIDTH, Drawing, box, draw, text_width
from foldline.report.inputs import CurveStage, Rate
from foldline.report.legend import Entry, fitting, legend_height, write_legend
from foldline.report.plots import ERROR_BAR, plain_log_axis

DECODINGS = {
    CTC: {"marker": "s", "markersize": 4.2, "color": INK, "markerfacecolor": PAPER},
    OVERLAY: {"marker": "o", "markersize": 5.0, "color": ACCENT, "markerfacecolor": ACCENT},
}

ROW = 20
"""Height of a network's row in points."""

CURVES_HEIGHT = 165

DASHES = ("solid", (0, (4, 1.5)), (0, (1, 1.2)), (0, (5, 1.2, 1, 1.2)), (0, (8, 2)))
"""So that networks differ in grey, too."""

CURVES = (
    ("loss", "Training loss", "loss, nats per line"),
    ("greedy_cer", f"CER by {CTC}", "CER %"),
    ("overlay_cer", f"CER by {OVERLAY}", "CER %"),
)
"""Fields of `CurveStage`, titles and labels."""

LEAST_SHARE = 0.18
"""Least width of a stage's panel, as a share of all."""


def rate_plot(rates: Sequence[tuple[str, dict[str, Rate]]]) -> Drawing:
    """Plot the CER of networks, a row each, with its interval, by the decodings that they have.

    :param rates: label of each network, and its rate by decoding.
    """
    shown = [decoding for decoding in DECODINGS if any(decoding in found for _, found in rates)]
    handles = [(decoding, DECODINGS[decoding] | {"linestyle": ""}) for decoding in shown]
    legend = legend_height(handles)

    def content(figure: Figure) -> None:
        left = 12 + min(max(text_width(label) for label, _ in rates), WIDTH / 2)
        axes = figure.add_axes(box(figure, left=left, right=10, bottom=28, top=4 + legend), facecolor="none")
        axes.grid(True, axis="x")
        for at, decoding in enumerate(shown):
            style = DECODINGS[decoding]
            offset = 0.16 * (2 * at - len(shown) + 1)
            for row, (_, found) in enumerate(rates):
                if (rate := found.get(decoding)) is not None:
                    ends = [[end] for end in rate.distances] if rate.interval else None
                    axes.errorbar([rate.value], [row + offset], xerr=ends, clip_on=False, **ERROR_BAR, **style)
        axes.set_yticks(range(len(rates)), [fitting(label, WIDTH / 2) for label, _ in rates])
        axes.set(xlabel="CER %", ylim=(len(rates) - 0.5, -0.5))
        axes.tick_params(axis="y", length=0)
        highest = max((rate.highest for _, found in rates for rate in found.values()), default=0)
        axes.set_xlim(0, 1.05 * highest or 1)
        write_legend(figure, handles)

    return draw(content, key="cer-networks", title="CER by network", height=32 + legend + ROW * len(rates))


@dataclass(frozen=True, kw_only=True)
class Series:
    """Curves of one stage that one or more networks have in common."""

    labels: tuple[str, ...]
    stage: CurveStage
    colour: str
    dashes: object


@dataclass(frozen=True, kw_only=True)
class Panel:
    """The curves of one stage of several networks: its number, empty for trainings of one stage, and its names."""

    number: str
    names: str
    series: tuple[Series, ...]

    @property
    def epochs(self) -> int:
        return max(one.stage.epochs[-1] for one in self.series)


def panels_of(curves: Sequence[tuple[str, Sequence[CurveStage]]]) -> list[Panel]:
    """The stages of several networks, those of the same number in one panel; a stage that networks share is one series.

    Stages of recipes have a number before their name; other training runs are in a panel of their own.

    :param curves: label of each network, and its stages.
    """
    found: dict[str, list[tuple[int, str, CurveStage]]] = {}
    for number, (label, stages) in enumerate(curves):
        for stage in stages:
            match = re.match(r"\d+(?=-)", stage.name)
            found.setdefault(match[0] if match else "", []).append((number, label, stage))
    return [
        Panel(number=number, names=_names([stage.name for _, _, stage in some]), series=tuple(_series(some)))
        for number, some in sorted(found.items(), key=lambda one: (not one[0], int(one[0] or 0)))
    ]


def _names(stages: Sequence[str]) -> str:
    return " / ".join(dict.fromkeys(re.sub(r"^\d+-", "", name) for name in stages))


def _titles(panels: Sequence[Panel], widths: Sequence[float]) -> list[str]:
    """Number and names of each panel's stages; numbers alone where one would be too wide."""
    full = [f"{panel.number}: {panel.names}" if panel.number else "one stage" for panel in panels]
    if all(text_width(title) <= width for title, width in zip(full, widths, strict=True)):
        return full
    return [f"stage {panel.number}" if panel.number else "one stage" for panel in panels]


def _series(some: Sequence[tuple[int, str, CurveStage]]) -> Iterator[Series]:
    shared: dict[CurveStage, list[tuple[int, str]]] = {}
    for number, label, stage in some:
        shared.setdefault(stage, []).append((number, label))
    for stage, networks in shared.items():
        number, one = networks[0][0], len(networks) == 1
        yield Series(
            labels=tuple(label for _, label in networks),
            stage=stage,
            colour=SERIES[number % len(SERIES)] if one else INK,
            dashes=DASHES[number % len(DASHES)] if one else "solid",
        )


def curve_plots(curves: Sequence[tuple[str, Sequence[CurveStage]]]) -> tuple[Drawing, ...]:
    """Plot loss, CER by greedy CTC and CER by overlay labels of several networks, each stage in a panel, on a log scale; one
    scale for both rates.

    :param curves: label of each network, and its stages, one or more.
    """
    panels = panels_of(curves)
    scales = {"loss": ("loss",), **dict.fromkeys(("greedy_cer", "overlay_cer"), ("greedy_cer", "overlay_cer"))}
    return tuple(
        _curve_plot(panels, len(curves), field, title, y_label, _limits(panels, scales[field]))
        for field, title, y_label in CURVES
    )


def _curve_plot(
    panels: Sequence[Panel], networks: int, field: str, title: str, y_label: str, limits: tuple[float, float]
) -> Drawing:
    handles = _handles(panels, networks)
    legend = legend_height(handles)
    above, left, right, gap = 14 + legend, 32, 6, 7

    def content(figure: Figure) -> None:
        shares = np.array([max(panel.epochs, LEAST_SHARE * sum(one.epochs for one in panels)) for panel in panels])
        widths = (WIDTH - left - right - gap * (len(panels) - 1)) * shares / shares.sum()
        starts = [0, *accumulate(width + gap for width in widths)]
        titles = _titles(panels, widths)
        for number, (panel, width, start) in enumerate(zip(panels, widths, starts, strict=False)):
            edges = {"left": left + start, "right": WIDTH - left - start - width}
            axes = figure.add_axes(box(figure, **edges, bottom=28, top=above), facecolor="none")
            _draw_panel(axes, panel, field)
            axes.set_title(fitting(titles[number], width), fontsize=SMALL, pad=3)
            ticks = MaxNLocator(integer=True, nbins=max(1, int(width / 22)), prune="lower" if number else None)
            axes.xaxis.set_major_locator(ticks)
            axes.set(xlim=(0, panel.epochs + 1), yscale="log", ylim=limits)
            plain_log_axis(axes.yaxis, *limits)
            if number:
                axes.tick_params(axis="y", which="both", length=0, labelleft=False)
                axes.spines["left"].set_visible(False)
            else:
                axes.set_ylabel(y_label)
        figure.text(
            left / WIDTH + 0.5 * (1 - (left + right) / WIDTH), 0.02, "epoch", ha="center", va="bottom", fontsize=7.5
        )
        write_legend(figure, handles)

    key = f"curves-{field}".replace("_", "-")
    return draw(content, key=key, title=f"{title} per epoch", height=CURVES_HEIGHT + legend)


def _draw_panel(axes: Axes, panel: Panel, field: str) -> None:
    for one in panel.series:
        epochs, values = np.array(one.stage.epochs), _positive(getattr(one.stage, field))
        marker = "o" if len(epochs) < 3 else ""
        axes.plot(epochs, values, color=one.colour, linewidth=1.0, linestyle=one.dashes, marker=marker, markersize=3)
    axes.grid(True, axis="y", color=RULE)


def _handles(panels: Sequence[Panel], networks: int) -> list[Entry]:
    """Entries of the legend: each network, and each stage that networks share."""
    entries: dict[str, dict[str, object]] = {}
    for one in (series for panel in panels for series in panel.series):
        shared = "all" if len(one.labels) == networks else ", ".join(one.labels)
        label = one.labels[0] if len(one.labels) == 1 else f"shared by {shared}"
        entries.setdefault(label, {"color": one.colour, "linestyle": one.dashes, "linewidth": 1.0})
    return list(entries.items())


def _limits(panels: Sequence[Panel], fields: Sequence[str]) -> tuple[float, float]:
    """Of the values that have a logarithm."""
    stages = [series.stage for panel in panels for series in panel.series]
    values = np.concatenate([_positive(getattr(stage, field)) for stage in stages for field in fields])
    finite = values[np.isfinite(values)] if np.isfinite(values).any() else np.ones(1)
    return float(finite.min() / 1.3), float(finite.max() * 1.3)


def _positive(values: Sequence[float]) -> np.ndarray:
    """Values that have a logarithm; the others are NaN."""
    values = np.array(values, dtype=float)
    return np.where(np.isfinite(values) & (values > 0), values, np.nan)

"""The figure of a sweep for a paper: error rate of every precision, with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from datapath.files import atomic_write
from foldline.report.drawing import SERIES, WIDTH, Drawing, box, draw, text_width
from foldline.report.inputs import Rate
from foldline.report.legend import legend_height, write_legend
from foldline.report.plots import ERROR_BAR
from foldline.sweep.summary import RULES, PrecisionSummary

HEIGHT = 150
"""Of the figure in points, without its legend."""

OFFSET = 0.2
"""Of the marks of two rules, where two precisions are 1 apart."""

STYLES = tuple(
    {"marker": marker, "markersize": 4.5, "color": colour} for marker, colour in zip("os", SERIES, strict=False)
)
"""Of each rule of `foldline.sweep.summary.RULES`."""


def write_figure(folder: Path, summaries: Sequence[PrecisionSummary]) -> tuple[Path, ...]:
    """Write ``cer-precision.svg`` and ``cer-precision.pdf`` into the folder of a sweep; returns their paths.

    :param folder: of the sweep.
    :param summaries: see `foldline.sweep.summary.summary`; those without a finished network are left out.
    :return: none if there is no rate.
    :raises FileError: they cannot be written.
    """
    shown = [one for one in summaries if one.rates]
    paths = []
    for name, content in precision_plot(shown).files().items() if shown else ():
        with atomic_write(folder / name) as handle:
            handle.write(content)
        paths.append(folder / name)
    return tuple(paths)


def precision_plot(summaries: Sequence[PrecisionSummary]) -> Drawing:
    """Plot the CER of every precision, by each rule, with its interval; says how many networks it is of, unless all.

    :param summaries: one or more, each with a finished network; in their order from left to right.
    """
    entries = [(rule, {**style, "linestyle": ""}) for rule, style in zip(RULES, STYLES, strict=True)]
    labels = [_label(one) for one in summaries]
    widest = max(text_width(line) for label in labels for line in label.split("\n"))
    turned = len(labels) * (widest + 4) > WIDTH

    def content(figure: Figure) -> None:
        axes = figure.add_axes(
            box(figure, left=30, right=8, bottom=6 + widest if turned else 30, top=6 + legend_height(entries))
        )
        axes.set_facecolor("none")
        axes.set(ylabel="CER %", xlim=(-0.5, len(summaries) - 0.5))
        axes.set_xticks(range(len(summaries)), labels, rotation=90 if turned else 0)
        axes.grid(visible=True, axis="y")
        highest = 0.0
        for number, (rule, style) in enumerate(zip(RULES, STYLES, strict=True)):
            places = [place + OFFSET * (number - (len(RULES) - 1) / 2) for place in range(len(summaries))]
            rates = [Rate(value=one.rates[rule].cer, interval=one.rates[rule].interval) for one in summaries]
            highest = max(highest, *(one.highest for one in rates))
            for place, rate in zip(places, rates, strict=True):
                ends = [[end] for end in rate.distances]
                axes.errorbar([place], [rate.value], yerr=ends, linestyle="", clip_on=False, **style, **ERROR_BAR)
        axes.set_ylim(0, 1.08 * highest or 1)
        axes.yaxis.set_major_locator(MaxNLocator(6))
        write_legend(figure, entries)

    return draw(content, key="cer-precision", title="CER of each precision", height=HEIGHT + legend_height(entries))


def _label(one: PrecisionSummary) -> str:
    return one.precision if one.networks == one.wanted else f"{one.precision}\n{one.networks} of {one.wanted}"

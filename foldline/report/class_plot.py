"""A drawing of a line's classes under its scan: the best class of each column by the overlay's rule, and its score.

A drawing consists of segments of equal width, which a page wraps like words, so that it is never wider than the page.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from datapath.alphabet import BLANK, Alphabet
from fixedpoint_sim import Inspection, Trace
from fixedpoint_sim.simulator import emitted_columns
from foldline.inspect.layout import Run, is_visible, runs_of, writable

SCALE, SEGMENT = 2, 80
"""Pixels per column, and columns per segment: two segments fit side by side on a phone."""

LANE, LANES, PROFILE = 15, 2, 24
"""Height of a lane of letters in pixels, number of lanes, and height of the highest score in pixels."""

LETTER = 9
"""Pixels between letters in one lane."""

ROWS = (32, 96)
"""Minimum and maximum height of the scan in pixels."""


@dataclass(frozen=True, kw_only=True)
class Letter:
    """The class of a run of columns: x in pixels from the left end of its segment, lane 0 next to the scan."""

    x: float
    lane: int
    text: str
    emitted: bool


@dataclass(frozen=True, kw_only=True)
class Segment:
    """Columns `start` to `start + columns` as SVG paths, in pixels from the segment's left end, upwards from y = 0."""

    start: int
    columns: int
    letters: tuple[Letter, ...]
    emitted: str
    lost: str
    emitted_profile: str
    lost_profile: str
    blank: str
    silent: str

    @property
    def width(self) -> int:
        return self.columns * SCALE


@dataclass(frozen=True, kw_only=True)
class ClassPlot:
    """The drawing of a line for one network; `lost` is the number of runs whose class was not emitted."""

    rows: int
    columns: int
    text: str
    lost: int
    exceeded: tuple[str, ...]
    segments: tuple[Segment, ...]

    @property
    def scan_height(self) -> int:
        return min(max(SCALE * self.rows, ROWS[0]), ROWS[1])


def class_plot(trace: Trace, columns: np.ndarray, alphabet: Alphabet) -> ClassPlot:
    """Draw a line from its simulation and its pixels, int8 [T, I]."""
    inspection, values = classes_of(trace, columns)
    runs = runs_of(inspection)
    lanes = _lanes(runs, alphabet)
    T = len(columns)
    # A score that is not 0 is at least 2 pixels high.
    scaled = np.maximum(2, np.rint(PROFILE * values / max(int(values.max()), 1)))
    heights = np.where(values > 0, scaled, 0).astype(np.int64)
    windows = (range(start, min(start + SEGMENT, T)) for start in range(0, T, SEGMENT))
    return ClassPlot(
        rows=columns.shape[1],
        columns=T,
        text=trace.text,
        lost=sum(not run.emitted for run in runs),
        exceeded=tuple(map(str, trace.exceeded)),
        segments=tuple(_segment(window, inspection, runs, lanes, heights, alphabet) for window in windows),
    )


def classes_of(trace: Trace, columns: np.ndarray) -> tuple[Inspection, np.ndarray]:
    """An inspection without quantities, and the score of each column's best class, int64 [T].

    The score is 0 for the blank, and in columns without a positive score.
    """
    best, emitted = emitted_columns(trace.scores)
    positive = trace.scores.max(axis=1) > 0
    values = np.where(positive & (best != BLANK), trace.scores[np.arange(len(best)), best], 0).astype(np.int64)
    inspection = Inspection(
        columns=columns, trace=trace, best=best, positive=positive, emitted_at=emitted, quantities=()
    )
    return inspection, values


def _lanes(runs: Iterable[Run], alphabet: Alphabet) -> dict[int, int]:
    """The lane of each run's letter, by the start of the run: the lowest lane without overlap, emitted classes first.

    An emitted class always gets a lane; other letters are omitted if they do not fit.
    """
    taken: list[list[tuple[float, float]]] = [[] for _ in range(LANES)]
    lanes = {}
    for run in sorted(runs, key=lambda run: (not run.emitted, run.anchor)):
        x, half = run.anchor * SCALE, LETTER * len(_text_of(run, alphabet)) / 2
        free = (
            lane
            for lane, boxes in enumerate(taken)
            if all(right <= x - half or left >= x + half for left, right in boxes)
        )
        lane = next(free, LANES - 1 if run.emitted else None)
        if lane is not None:
            taken[lane].append((x - half, x + half))
            lanes[run.start] = lane
    return lanes


def _text_of(run: Run, alphabet: Alphabet) -> str:
    return writable(alphabet.symbols[run.label], run.label, drawable=is_visible)


def _segment(
    window: range,
    inspection: Inspection,
    runs: list[Run],
    lanes: dict[int, int],
    heights: np.ndarray,
    alphabet: Alphabet,
) -> Segment:
    start = window.start
    inside = [run for run in runs if run.start < window.stop and run.stop > start]
    emitted, lost = ([run for run in inside if run.emitted is wanted] for wanted in (True, False))
    return Segment(
        start=start,
        columns=len(window),
        letters=tuple(
            Letter(
                x=(run.anchor - start + 0.5) * SCALE,
                lane=lanes[run.start],
                text=_text_of(run, alphabet),
                emitted=run.emitted,
            )
            for run in inside
            if run.anchor in window and run.start in lanes
        ),
        emitted=_spans(window, emitted),
        lost=_spans(window, lost),
        emitted_profile=_profiles(window, emitted, heights),
        lost_profile=_profiles(window, lost, heights),
        blank=_stretches(inspection.best[start : window.stop] == BLANK),
        silent=_stretches(~inspection.positive[start : window.stop]),
    )


def _spans(window: range, runs: Iterable[Run]) -> str:
    """A box of height 1 for each run."""
    boxes = ((max(run.start, window.start) - window.start, min(run.stop, window.stop) - window.start) for run in runs)
    return "".join(f"M{left * SCALE} 0h{(right - left) * SCALE}v1h{(left - right) * SCALE}z" for left, right in boxes)


def _profiles(window: range, runs: Iterable[Run], heights: np.ndarray) -> str:
    """The scores of each run, as a step curve."""
    path = ""
    for run in runs:
        first, stop, at = max(run.start, window.start), min(run.stop, window.stop), 0
        path += f"M{(first - window.start) * SCALE} 0"
        for height in heights[first:stop].tolist():
            path += f"v{at - height}h{SCALE}" if height != at else f"h{SCALE}"
            at = height
        path += f"v{at}z"
    return path


def _stretches(where: np.ndarray) -> str:
    """A line along each sequence of true columns."""
    edges = np.flatnonzero(np.diff(where, prepend=False, append=False)).tolist()
    return "".join(f"M{left * SCALE} 0h{(right - left) * SCALE}" for left, right in list(pairwise(edges))[::2])

"""The upper part of an inspection's picture: the line's pixels, and the best class of each column."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from matplotlib import font_manager
from matplotlib.axes import Axes

from datapath.alphabet import BLANK, Alphabet
from fixedpoint_sim import Inspection

FONT = "DejaVu Sans"
"""Included in matplotlib, so that the picture is the same on every machine."""

# Okabe and Ito's colours are distinguishable with any colour vision; marks also differ in shape or position.
EMITTED, LOST, INK, FAINT = "#0072B2", "#D55E00", "#222222", "#BBBBBB"

TINT = 0.16
"""Opacity of a run's colour over the pixels."""

DRAWN_COLUMNS = 6000
"""Most columns in a picture: three times the widest line of UW3-500."""

LEGIBLE_SCALE, WIDE_SCALE, LARGEST_SCALE = 4.5, 6, 14
"""Pixels of the picture per column: minimum, maximum for lines of many input rows, and maximum for others."""

HANDY_HEIGHT = 220
"""Height in pixels of all input rows together, for up to 110 rows."""

MAX_LANES = 4
LANE, STRIP, TICKS = 17, 22, 26  # pixels: a lane of labels, the marks under the image, the column numbers
LABEL_POINTS = 9.5
_EM = 14  # pixels, the widest character at that size with its margin


@dataclass(frozen=True)
class Run:
    """Columns `start` to `stop` (exclusive) with one non-blank best class.

    anchor      column of the label in the picture: the emitted column, or else the middle
    emitted     whether the class became a label; if not, it is lost
    """

    start: int
    stop: int
    label: int
    anchor: int
    emitted: bool


@dataclass(frozen=True)
class LineRow:
    """One row of the picture: columns `start` to `stop` (exclusive), and the lane of each label, 0 lowest."""

    start: int
    stop: int
    placed: tuple[tuple[Run, int], ...]

    @property
    def lanes(self) -> int:
        return 1 + max((lane for _, lane in self.placed), default=0)


@dataclass(frozen=True)
class LineLayout:
    """The line, split into rows: pixels per column and of all input rows, and the number of labels that did not fit."""

    scale: float
    image_height: float
    rows: tuple[LineRow, ...]
    unwritten: int

    def height(self, row: LineRow) -> float:
        return row.lanes * LANE + self.image_height + STRIP + TICKS


def runs_of(inspection: Inspection) -> list[Run]:
    """The runs, left to right. Labels above the overlay's limit are not emitted."""
    emitted = set(inspection.emitted_at[: len(inspection.trace.labels)].tolist())
    best = inspection.best
    breaks = [0, *(np.flatnonzero(np.diff(best)) + 1).tolist(), len(best)]
    runs = []
    for start, stop in pairwise(breaks):
        if best[start] != BLANK:
            anchors = [column for column in range(start, stop) if column in emitted]
            anchor = anchors[0] if anchors else (start + stop - 1) // 2
            runs.append(Run(start, stop, int(best[start]), anchor, bool(anchors)))
    return runs


def is_visible(text: str) -> bool:
    """Whether a text can be printed, and has ink."""
    return text.isprintable() and not text.isspace()


def _drawable(text: str) -> bool:
    """Whether a text is visible, and the font has a glyph for every character."""
    font = font_manager.get_font(font_manager.findfont(FONT))
    return is_visible(text) and all(font.get_char_index(ord(c)) for c in text)


def writable(symbol: str, label: int, drawable: Callable[[str], bool] = _drawable) -> str:
    """Text of a class: an open box for a space, the class number for another symbol that is not drawable."""
    if symbol == " ":
        return "\N{OPEN BOX}"
    return symbol if drawable(symbol) else f"#{label}"


def running_text(text: str, longest: int) -> str:
    """A text cut to `longest` characters; characters that the font lacks become boxes."""
    cut = text if len(text) <= longest else f"{text[: longest - 1]}…"
    return "".join(c if c == " " or _drawable(c) else "\N{WHITE SQUARE}" for c in cut)


def lay_out(inspection: Inspection, alphabet: Alphabet, width: int) -> LineLayout:
    """Split the line into rows of at most `width` pixels, with the largest scale within the limits above."""
    T, inputs = min(len(inspection.columns), DRAWN_COLUMNS), inspection.columns.shape[1]
    tallest = max(HANDY_HEIGHT / inputs, 2)
    widest = min(max(tallest, WIDE_SCALE), LARGEST_SCALE)
    # The fewest rows with legible columns, equally long except the last.
    count = next(n for n in range(1, T + 1) if width / -(-T // n) >= LEGIBLE_SCALE)
    per_row = -(-T // count)
    scale = min(widest, width / per_row)
    rows, unwritten = [], 0
    runs = [run for run in runs_of(inspection) if run.anchor < T]
    for start in range(0, T, per_row):
        stop = min(start + per_row, T)
        inside = [run for run in runs if start <= run.anchor < stop]
        placed = _place(inside, alphabet, start, scale, (stop - start) * scale)
        unwritten += len(inside) - len(placed)
        rows.append(LineRow(start, stop, placed))
    return LineLayout(scale, min(scale, tallest) * inputs, tuple(rows), unwritten)


def _place(runs: list[Run], alphabet: Alphabet, start: int, scale: float, width: float) -> tuple[tuple[Run, int], ...]:
    """Assign each label the lowest lane without overlap of labels and stems, emitted labels first."""
    taken: list[list[tuple[float, float]]] = [[] for _ in range(MAX_LANES)]
    placed = []

    def free(lane: int, left: float, right: float) -> bool:
        return all(right <= other_left or left >= other_right for other_left, other_right in taken[lane])

    for run in sorted(runs, key=lambda run: not run.emitted):
        centre = (run.anchor - start + 0.5) * scale
        half = _EM * len(writable(alphabet.symbols[run.label], run.label)) / 2
        # A label may extend into the margin by half its width.
        for lane in range(MAX_LANES if centre - half >= -_EM and centre + half <= width + 2 * _EM else 0):
            stem_free = all(free(below, centre - 1, centre + 1) for below in range(lane))
            if stem_free and free(lane, centre - half, centre + half):
                taken[lane].append((centre - half, centre + half))
                for below in range(lane):
                    taken[below].append((centre - 1, centre + 1))
                placed.append((run, lane))
                break
    return tuple(placed)


def draw_row(axes: Axes, layout: LineLayout, row: LineRow, inspection: Inspection, alphabet: Alphabet) -> None:
    """Draw a row into axes of its size in pixels: labels, pixels, marks, column numbers."""
    scale, width = layout.scale, (row.stop - row.start) * layout.scale
    image_height = layout.image_height
    axes.set(xlim=(0, width), ylim=(-STRIP - TICKS, image_height + row.lanes * LANE))
    axes.axis("off")
    pixels = inspection.columns[row.start : row.stop].T
    axes.imshow(
        -pixels.astype(np.int64),
        extent=(0, width, 0, image_height),
        cmap="gray",
        vmin=-int(inspection.columns.max()),
        vmax=-int(inspection.columns.min()) + (inspection.columns.min() == inspection.columns.max()),
        interpolation="nearest",
        aspect="auto",
    )
    axes.plot([0, width, width, 0, 0], [0, 0, image_height, image_height, 0], color=FAINT, linewidth=0.8)
    _draw_marks(axes, row, inspection, scale, image_height)
    for run, lane in row.placed:
        x, y = (run.anchor - row.start + 0.5) * scale, image_height + lane * LANE
        style = {"color": EMITTED, "fontweight": "bold"} if run.emitted else {"color": LOST, "fontstyle": "italic"}
        axes.plot([x, x], [image_height - 3, y + 2], color=style["color"], linewidth=1)
        text = writable(alphabet.symbols[run.label], run.label)
        axes.text(x, y + 3, text, fontsize=LABEL_POINTS, ha="center", va="bottom", parse_math=False, **style)
    step = next(step for step in (5, 10, 20, 50, 100, 200) if step * scale >= 60)
    for column in range(-(-row.start // step) * step, row.stop, step):
        x = (column - row.start + 0.5) * scale
        axes.text(x, -STRIP, f"{column}", fontsize=8, color="#666666", ha="center", va="top")


def _draw_marks(axes: Axes, row: LineRow, inspection: Inspection, scale: float, image_height: float) -> None:
    """Tint the runs in the image, and mark each column below it: in a run, blank, or without a positive score."""
    for run in runs_of(inspection):
        left, right = (max(run.start, row.start) - row.start) * scale, (min(run.stop, row.stop) - row.start) * scale
        if left < right:
            color = EMITTED if run.emitted else LOST
            axes.fill_between([left, right], 0, image_height, color=color, alpha=TINT, linewidth=0)
            top, bottom = (-2, -10) if run.emitted else (-4, -8)
            axes.fill_between([left + 0.5, right - 0.5], bottom, top, color=color, linewidth=0)
    blank = inspection.best[row.start : row.stop] == BLANK
    centres = (np.arange(len(blank)) + 0.5) * scale
    axes.plot(centres[blank], np.full(blank.sum(), -6), ".", markersize=1.5, color=FAINT)
    silent = ~inspection.positive[row.start : row.stop]
    axes.plot(centres[silent], np.full(silent.sum(), -15), "x", markersize=3, color=INK, markeredgewidth=0.9)

"""An inspection as one picture: the line with the class of each column, histograms of all quantities, a table of counts."""

from __future__ import annotations

import os

import numpy as np
from matplotlib import rc_context, rcParamsDefault
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator
from PIL import Image

from datapath.design import Design
from datapath.files import atomic_write
from datapath.tables import SIGMOID, TANH
from fixedpoint_sim import Inspection, Quantity
from foldline.inspect.layout import (
    DRAWN_COLUMNS,
    EMITTED,
    FAINT,
    FONT,
    INK,
    LOST,
    TINT,
    LineLayout,
    draw_row,
    lay_out,
    running_text,
)
from foldline.inspect.report import (
    HEADINGS,
    NOT_APPLICABLE,
    TEXT_COLUMNS,
    TITLES,
    cells_of,
    events_of,
    real_text,
    share_text,
    whole_type_text,
)

# All lengths are pixels; a point is 100/72 pixels.
PIXELS_PER_INCH = 100
WIDTH, MARGIN = 1600, 45
TITLE_HEIGHT, KEY_HEIGHT, NOTE_HEIGHT = 84, 34, 20
PANEL_COLUMNS, PANEL_HEIGHT, PLOT_HEIGHT = 4, 216, 112
PANEL_GAP, AXIS_LABELS, TABLE_GAP = 20, 38, 24
ROW_HEIGHT = 20

BARS = "#56B4E9"

PANELS = (
    *("pixel", "input_product", "recurrent_product", "hidden"),
    *("accumulator_i", "accumulator_f", "accumulator_g", "accumulator_o"),
    *("peephole_product_i", "peephole_product_f", None, "peephole_product_o"),
    *("peephole_sum_i", "peephole_sum_f", None, "peephole_sum_o"),
    *("sigmoid_output_i", "sigmoid_output_f", "tanh_output_g", "sigmoid_output_o"),
    *("i_times_g", "f_times_c", "cell_state", "tanh_output_c"),
    *("fc_product", "fc_sum", "class_score"),
)
"""The histograms, row by row; None stays empty, and the last panel explains them.

Without peepholes, their two rows are omitted.
"""

HOW_TO_READ = (
    "How to read a histogram",
    "Blue bars: how many values, on a log scale.",
    "Width: the range of the type; black: its ends.",
    "16 bits: bins double in width away from 0, so two",
    "   empty bins at both ends are one unused bit.",
    "Dashed: ends of the input range of the next table.",
    "Bits used: 16.0 of 16 reaches both ends; lowest",
    "   bits that are 0 in every value are unused.",
)


def write_picture(path: str | os.PathLike, inspection: Inspection, design: Design, *, title: str) -> tuple[int, int]:
    """Write the picture as a PNG, with the same bytes for the same inspection.

    :param title: first line of the picture.
    :returns: width and height in pixels.
    :raises FileError: the file cannot be written.
    """
    with rc_context({**rcParamsDefault, "font.family": FONT}):
        canvas = FigureCanvasAgg(_figure(inspection, design, title))
        canvas.draw()
    picture = _with_palette(np.asarray(canvas.buffer_rgba())[:, :, :3])
    with atomic_write(path) as handle:
        picture.save(handle, format="png", optimize=True)
    return picture.size


def _with_palette(pixels: np.ndarray) -> Image.Image:
    """Map pixels uint8 [height, width, 3] to the nearest colours of `_palette`, for a third of the file size."""
    palette = _palette()
    packed = pixels.astype(np.int64) @ np.array([1 << 16, 1 << 8, 1])
    drawn, indexes = np.unique(packed, return_inverse=True)
    parts = np.stack([drawn >> 16, drawn >> 8 & 255, drawn & 255], axis=1)
    nearest = ((parts[:, None, :] - palette) ** 2).sum(axis=2).argmin(axis=1).astype(np.uint8)
    picture = Image.fromarray(nearest[indexes].reshape(packed.shape))
    picture.putpalette(palette.ravel().tolist())
    return picture


def _palette() -> np.ndarray:
    """Colours, int64 [at most 256, 3]: greys, shades of each colour, and the runs' tints over grey."""
    white = np.full(3, 255.0)
    bars, emitted, lost = (255 * np.array(to_rgb(name)) for name in (BARS, EMITTED, LOST))
    greys = [white * level for level in np.linspace(0, 1, 64)]
    shades = [white + (full - white) * level for full in (bars, emitted, lost) for level in np.linspace(0.05, 1, 30)]
    tints = [white * level * (1 - TINT) + full * TINT for full in (emitted, lost) for level in np.linspace(0, 1, 50)]
    return np.rint([*greys, *shades, *tints]).astype(np.int64)


class _Page:
    """A figure with coordinates in pixels from its top."""

    def __init__(self, height: float) -> None:
        self.height = height
        size = WIDTH / PIXELS_PER_INCH, height / PIXELS_PER_INCH
        self.figure = Figure(figsize=size, dpi=PIXELS_PER_INCH, facecolor="white")

    def axes(self, left: float, top: float, width: float, height: float) -> Axes:
        bottom = self.height - top - height
        return self.figure.add_axes((left / WIDTH, bottom / self.height, width / WIDTH, height / self.height))

    def text(self, left: float, top: float, text: str, **style) -> None:
        self.figure.text(left / WIDTH, 1 - top / self.height, text, va="top", parse_math=False, **style)


def _figure(inspection: Inspection, design: Design, title: str) -> Figure:
    """Draw title, line, key, notes, panels and table, top down."""
    layout = lay_out(inspection, design.alphabet, WIDTH - 2 * MARGIN)
    notes = notes_of(inspection, layout)
    panel_rows = -(-len(panels_of(inspection)) // PANEL_COLUMNS)
    line_height = sum(layout.height(row) for row in layout.rows)
    table_height = (len(inspection.quantities) + 2) * ROW_HEIGHT
    above = TITLE_HEIGHT + line_height + KEY_HEIGHT + NOTE_HEIGHT * len(notes)
    page = _Page(above + panel_rows * PANEL_HEIGHT + TABLE_GAP + table_height)
    page.text(MARGIN, 16, running_text(title, 100), fontsize=14, fontweight="bold", color=INK)
    text = running_text(inspection.trace.text, 110) or "(nothing)"
    subtitle = f"{design.experiment}, {len(inspection.columns)} columns, text: {text}"
    page.text(MARGIN, 46, subtitle, fontsize=10.5, color=INK)
    top = TITLE_HEIGHT
    for row in layout.rows:
        height = layout.height(row)
        axes = page.axes(MARGIN, top, (row.stop - row.start) * layout.scale, height)
        draw_row(axes, layout, row, inspection, design.alphabet)
        top += height
    _draw_key(page, top)
    top += KEY_HEIGHT
    for note in notes:
        page.text(MARGIN, top, note, fontsize=9, color=LOST)
        top += NOTE_HEIGHT
    _draw_panels(page, top, inspection)
    _draw_table(page, top + panel_rows * PANEL_HEIGHT + TABLE_GAP, inspection)
    return page.figure


def notes_of(inspection: Inspection, layout: LineLayout) -> list[str]:
    """Notes on limits that the line exceeds, and on what is not drawn."""
    notes = [f"Exceeds the overlay: {limit}. No board gives this result." for limit in inspection.trace.exceeded]
    if len(inspection.columns) > DRAWN_COLUMNS:
        notes.append(
            f"Only the first {DRAWN_COLUMNS} of {len(inspection.columns)} columns are drawn; the counts include all."
        )
    if layout.unwritten:
        notes.append(f"{layout.unwritten} labels did not fit above their runs; the runs are still marked.")
    return notes


def _draw_key(page: _Page, top: float) -> None:
    """Draw the key of the marks above and below the line."""
    axes = page.axes(MARGIN, top, WIDTH - 2 * MARGIN, 20)
    axes.set(xlim=(0, WIDTH - 2 * MARGIN), ylim=(0, 20))
    axes.axis("off")
    entries = (
        (0, "emitted label (bar: its run; stem: its column)"),
        (365, "best class, not emitted"),
        (610, "best class is the blank"),
        (830, "no score is positive (keeps the class of the column computed before it)"),
    )
    for x, text in entries:
        axes.text(x + 32, 10, text, fontsize=9, color=INK, va="center")
    axes.fill_between([0, 24], 6, 14, color=EMITTED, linewidth=0)
    axes.fill_between([365, 389], 8, 12, color=LOST, linewidth=0)
    axes.plot(np.arange(610, 635, 5), np.full(5, 10), ".", markersize=2, color=FAINT)
    axes.plot([836, 846], [10, 10], "x", markersize=4, color=INK, markeredgewidth=0.9)


def panels_of(inspection: Inspection) -> tuple[str | None, ...]:
    """`PANELS` without the rows of which the inspection has no quantity."""
    names = {quantity.name for quantity in inspection.quantities}
    rows = [PANELS[start : start + PANEL_COLUMNS] for start in range(0, len(PANELS), PANEL_COLUMNS)]
    return tuple(name for row in rows if names & set(row) for name in row)


def _draw_panels(page: _Page, top: float, inspection: Inspection) -> None:
    width = (WIDTH - 2 * MARGIN + PANEL_GAP) / PANEL_COLUMNS
    panels = panels_of(inspection)
    for index in range(len(panels) + 1):
        left, above = MARGIN + index % PANEL_COLUMNS * width, top + index // PANEL_COLUMNS * PANEL_HEIGHT
        if index == len(panels):
            for line, text in enumerate(HOW_TO_READ):
                page.text(left, above + 14 + 22 * line, text, fontsize=9, fontweight="normal" if line else "bold")
        elif (name := panels[index]) is not None:
            _draw_panel(page, left, above + 12, width - PANEL_GAP, inspection, inspection[name])


def table_input_of(inspection: Inspection, quantity: Quantity) -> Quantity | None:
    """The table input with the values of this quantity; None if there is none."""
    peepholes = any(other.name.startswith("peephole") for other in inspection.quantities)
    # With peepholes, the table reads the accumulator only in a direction's first column.
    names = {f"{'peephole_sum' if peepholes else 'accumulator'}_{gate}": f"sigmoid_input_{gate}" for gate in "ifo"}
    name = (names | {"accumulator_g": "tanh_input_g", "cell_state": "tanh_input_c"}).get(quantity.name)
    return name and inspection[name]


def clip_bins(inspection: Inspection, quantity: Quantity) -> list[float]:
    """The ends of the input range of the table that reads this quantity, as bin positions; empty if none does."""
    read = table_input_of(inspection, quantity)
    if read is None:
        return []
    bound = (TANH if read.name.startswith("tanh") else SIGMOID).bound
    return [float(np.interp(end, quantity.edges, np.arange(len(quantity.edges)))) for end in (-bound, bound)]


def _draw_panel(page: _Page, left: float, top: float, width: float, inspection: Inspection, quantity: Quantity) -> None:
    """Draw a histogram with its heading: name and type, bits used, events."""
    format = quantity.format
    page.text(left, top, TITLES[quantity.name], fontsize=10, fontweight="bold", color=INK)
    page.text(left + width, top, whole_type_text(format), fontsize=8.5, color="#555555", ha="right")
    unused = f", lowest {quantity.idle_low_bits} unused" if 0 < quantity.idle_low_bits < format.bits else ""
    used = f"uses {quantity.used_bits:.1f} of {format.bits} integer+fraction bits{unused}"
    page.text(left, top + 19, used, fontsize=8.5, color=INK)
    overflows = bool(quantity.below or quantity.above)
    page.text(left, top + 35, _events_text(inspection, quantity), fontsize=8.5, color=LOST if overflows else INK)
    axes = page.axes(left + AXIS_LABELS, top + 58, width - AXIS_LABELS, PLOT_HEIGHT)
    bins = len(quantity.histogram)
    axes.stairs(quantity.histogram, np.arange(bins + 1), baseline=0.5, fill=True, color=BARS)
    axes.stairs(quantity.histogram, np.arange(bins + 1), baseline=0.5, color=EMITTED, linewidth=0.7)
    axes.set(xlim=(-0.02 * bins, 1.02 * bins), yscale="log", ylim=(0.5, max(4 * int(quantity.histogram.max()), 10)))
    for end in (0, bins):
        axes.axvline(end, color="black", linewidth=2)
    for end in clip_bins(inspection, quantity):
        axes.axvline(end, color=INK, linewidth=1, linestyle="--")
    axes.yaxis.set_major_locator(LogLocator(numticks=5))
    axes.yaxis.set_minor_locator(NullLocator())
    ticks = _range_ticks(quantity)
    axes.set_xticks([bin for bin, _ in ticks], [text for _, text in ticks])
    axes.tick_params(labelsize=8, length=3, colors=INK)
    axes.grid(axis="y", color="#E5E5E5", linewidth=0.7)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)


def _events_text(inspection: Inspection, quantity: Quantity) -> str:
    """The range of the values, and the events that occurred."""
    if not quantity.values:
        return "not computed in this line"
    parts = [f"{real_text(quantity.low, quantity.format)} to {real_text(quantity.high, quantity.format)}"]
    for name in ("wrapped", "saturated", "rounded"):
        if count := events_of(quantity)[name]:
            parts.append(f"{name} {share_text(count, quantity.values)}")
    read = table_input_of(inspection, quantity)
    if read is not None and read.clipped:
        parts.append(f"clipped {share_text(read.clipped, read.values)}")
    return ", ".join(parts)


def _range_ticks(quantity: Quantity) -> list[tuple[int, str]]:
    """Bin indexes and texts of ticks, as real values: the ends of the range, 0, and some powers of two."""
    format = quantity.format
    scale = 1 << format.fraction
    wide = (format.max + 1) // scale
    marks = [0, wide, *([] if format.bits <= 8 else [0.0625, 1, 8])]
    marks += [-mark for mark in marks if mark and format.signed]
    bins = {mark: int(np.searchsorted(quantity.edges, int(mark * scale))) for mark in marks}
    return sorted((bin, f"{mark:g}") for mark, bin in bins.items())


TABLE_HEADINGS = (*HEADINGS[:-1], "ties", "entry 0", "entry 255")
TABLE_EDGES = (0, 140, 400, 490, 580, 690, 830, 970, 1120, 1260, 1385, 1508)
"""Left edges of the text columns, and right edges of the other columns, in pixels."""


def _draw_table(page: _Page, top: float, inspection: Inspection) -> None:
    """Draw the table of counts and percentages; a dot where an event cannot occur."""
    width, height = WIDTH - 2 * MARGIN, (len(inspection.quantities) + 1) * ROW_HEIGHT
    axes = page.axes(MARGIN, top, width, height)
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.axis("off")
    for number, quantity in enumerate((None, *inspection.quantities)):
        cells = cells_of(quantity, _count_text, "{:,}".format) if quantity else {name: name for name in TABLE_HEADINGS}
        middle = (number + 0.5) * ROW_HEIGHT
        if number % 2:
            axes.axhspan(number * ROW_HEIGHT, (number + 1) * ROW_HEIGHT, color="#F2F5F8", linewidth=0)
        overflows = bool(quantity and (quantity.below or quantity.above))
        for index, (name, x) in enumerate(zip(TABLE_HEADINGS, TABLE_EDGES, strict=True)):
            overflow = overflows and name in ("wrapped", "saturated") and cells[name] != NOT_APPLICABLE
            style = {"fontweight": "normal" if quantity else "bold", "color": LOST if overflow else INK}
            side = "left" if index < TEXT_COLUMNS else "right"
            axes.text(x, middle, cells[name], fontsize=9, ha=side, va="center", parse_math=False, **style)
    axes.axhline(ROW_HEIGHT, color=INK, linewidth=1)


def _count_text(count: int, values: int) -> str:
    return f"{count:,}  {share_text(count, values)}" if count else "0"

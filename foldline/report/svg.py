"""Draws matplotlib figures as SVG with the page's colours; the same figure gives the same bytes."""

from __future__ import annotations

import io
import re
from collections.abc import Callable

from markupsafe import Markup
from matplotlib import rc_context, rcParamsDefault
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font

# Placeholder colours, which are replaced by the variables of the same names in report.css.
INK, FAINT, RULE, ACCENT, PAPER = "#010203", "#010204", "#010205", "#010206", "#010207"
_NAMES = {INK: "ink", FAINT: "faint", RULE: "rule", ACCENT: "accent", PAPER: "paper"}

UNITS_PER_INCH = 72
"""Units of a figure: points in matplotlib, pixels in a page without scaling."""

FONT, TEXT, SMALL = "DejaVu Sans", 12, 11
"""Included in matplotlib. The page replaces it by a narrower font."""

STYLE = {
    **rcParamsDefault,
    "svg.fonttype": "none",
    "svg.hashsalt": "foldline",
    "font.family": FONT,
    **dict.fromkeys(("font.size", "xtick.labelsize", "ytick.labelsize"), SMALL),
    **dict.fromkeys(("text.color", "axes.labelcolor", "xtick.labelcolor", "ytick.labelcolor"), INK),
    **dict.fromkeys(("axes.edgecolor", "xtick.color", "ytick.color"), FAINT),
    **dict.fromkeys(("axes.spines.top", "axes.spines.right"), False),
    **dict.fromkeys(("axes.formatter.use_mathtext", "text.parse_math"), False),
    "axes.labelsize": TEXT,
    "axes.linewidth": 0.8,
    "axes.axisbelow": True,
    "grid.color": RULE,
    "grid.linewidth": 0.7,
}


def draw(
    content: Callable[[Axes], None], *, key: str, width: int, height: int, margins: tuple[int, int, int, int]
) -> Markup:
    """Draw a figure as an SVG element.

    :param content: draws into the axes.
    :param key: prefix of its ids, unique in the page.
    :param margins: around the axes: left, right, bottom, top; all lengths are in units.
    """
    left, right, bottom, top = margins
    with rc_context(STYLE):
        figure = Figure(figsize=(width / UNITS_PER_INCH, height / UNITS_PER_INCH), facecolor="none")
        FigureCanvasSVG(figure)
        box = (left / width, bottom / height, (width - left - right) / width, (height - bottom - top) / height)
        axes = figure.add_axes(box, facecolor="none")
        content(axes)
        written = io.StringIO()
        figure.savefig(written, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    return Markup(_for_page(written.getvalue(), key, width, height))


def _for_page(svg: str, key: str, width: int, height: int) -> str:
    """Remove prolog, comments and styles, and replace ids and colours by those of the page."""
    body = svg[svg.index(">", svg.index("<svg")) + 1 : svg.rindex("</svg>")]
    body = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>|<style.*?</style>", "", body, flags=re.DOTALL)
    body = re.sub(r'\bid="', f'id="{key}-', body)
    body = re.sub(r'(xlink:href="|url\()#', rf"\1#{key}-", body)
    body = body.replace(f"; font-family: '{FONT}'", "").replace(f"font-family: '{FONT}'; ", "")
    for drawn, name in _NAMES.items():
        body = body.replace(drawn, f"var(--{name})")
    body = re.sub(r"\s*\n\s*", "\n", body).strip()
    return f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" aria-hidden="true">{body}</svg>'


def text_width(text: str, size: float) -> float:
    """Width of a text in matplotlib's font, in units."""
    font = get_font(findfont(FontProperties(family=FONT)))
    font.set_size(size, UNITS_PER_INCH)
    font.set_text(text, 0.0)
    return font.get_width_height()[0] / 64

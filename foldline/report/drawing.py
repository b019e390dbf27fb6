"""A figure that is drawn once by matplotlib, for the page and for a paper: as SVG in the page's colours, as SVG file, as PDF."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import dataclass

from markupsafe import Markup
from matplotlib import rc_context, rcParamsDefault
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font

INK, FAINT, RULE, ACCENT, PAPER = "#1c2024", "#5c646d", "#d5dae0", "#0a5fa5", "#ffffff"
SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Colours of several networks, distinct for people with any colour vision (Okabe and Ito)."""

VARIABLES = {
    **{INK: "ink", FAINT: "faint", RULE: "rule", ACCENT: "accent", PAPER: "paper"},
    **{colour: f"series-{number}" for number, colour in enumerate(SERIES, 1)},
}
"""The variable of report.css of each colour; a dark page has others."""

WIDTH = 3.3 * 72
"""Of a figure in points: a column of a paper."""

IN_PAGE = 1.5
"""Pixels of the page per point: the page's figures are larger than those of a paper."""

FONT, TEXT, SMALL = "DejaVu Sans", 7.5, 7.0
"""Included in matplotlib; sizes in points. The page replaces it by a narrower font."""

STYLE = {
    **rcParamsDefault,
    "svg.hashsalt": "foldline",  # so that the same figure gives the same bytes
    "pdf.fonttype": 42,  # the letters of a PDF are text
    "font.family": FONT,
    **dict.fromkeys(("font.size", "xtick.labelsize", "ytick.labelsize", "legend.fontsize", "axes.titlesize"), SMALL),
    **dict.fromkeys(("text.color", "axes.labelcolor", "xtick.labelcolor", "ytick.labelcolor"), INK),
    **dict.fromkeys(("axes.edgecolor", "xtick.color", "ytick.color"), FAINT),
    **dict.fromkeys(("axes.spines.top", "axes.spines.right"), False),
    **dict.fromkeys(("axes.formatter.use_mathtext", "text.parse_math"), False),
    **dict.fromkeys(("xtick.major.size", "ytick.major.size"), 2.5),
    **dict.fromkeys(("xtick.minor.size", "ytick.minor.size"), 1.5),
    **dict.fromkeys(("axes.linewidth", "xtick.major.width", "ytick.major.width"), 0.6),
    **dict.fromkeys(("xtick.minor.width", "ytick.minor.width"), 0.4),
    "axes.labelsize": TEXT,
    "axes.axisbelow": True,
    "grid.color": RULE,
    "grid.linewidth": 0.5,
}

_NO_METADATA = {
    "svg": dict.fromkeys(("Creator", "Date", "Format", "Type")),
    "pdf": dict.fromkeys(("Creator", "Producer", "CreationDate")),
}
"""A date, or the version of matplotlib, would change the bytes."""


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """A drawn figure.

    key      its name in file names and ids: lower case letters, digits and hyphens
    title    what it shows, without a point
    figure   drawn; not to be changed
    """

    key: str
    title: str
    figure: Figure

    @property
    def inline(self) -> Markup:
        """An SVG element for the page: its colours are the page's variables, its ids begin with the key."""
        width, height = (IN_PAGE * 72 * inches for inches in self.figure.get_size_inches())
        body = self._saved("svg", {"svg.fonttype": "none"}).decode()
        box = re.search(r'viewBox="([^"]*)"', body)[1]
        body = body[body.index(">", body.index("<svg")) + 1 : body.rindex("</svg>")]
        body = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>|<style.*?</style>", "", body, flags=re.DOTALL)
        body = re.sub(r'\bid="', f'id="{self.key}-', body)
        body = re.sub(r'(xlink:href="|url\()#', rf"\1#{self.key}-", body)
        body = body.replace(f"; font-family: '{FONT}'", "").replace(f"font-family: '{FONT}'; ", "")
        for colour, name in VARIABLES.items():
            body = body.replace(colour, f"var(--{name})")
        body = re.sub(r"\s*\n\s*", "\n", body).strip()
        return Markup(f'<svg viewBox="{box}" width="{width:g}" height="{height:g}" aria-hidden="true">{body}</svg>')

    def files(self) -> dict[str, bytes]:
        """The figure for a paper by file name; letters are outlines in SVG, so that no viewer replaces the font, and text in
        PDF."""
        return {
            f"{self.key}.svg": self._saved("svg", {"svg.fonttype": "path"}),
            f"{self.key}.pdf": self._saved("pdf", {}),
        }

    def _saved(self, kind: str, style: dict[str, object]) -> bytes:
        written = io.BytesIO()
        with rc_context({**STYLE, **style}):
            self.figure.savefig(written, format=kind, metadata=_NO_METADATA[kind])
        return written.getvalue()


def draw(content: Callable[[Figure], None], *, key: str, title: str, height: float, width: float = WIDTH) -> Drawing:
    """Draw a figure on transparent paper.

    :param content: draws into it.
    :param key: see `Drawing`.
    :param title: see `Drawing`.
    :param height: in points.
    :param width: in points.
    """
    with rc_context(STYLE):
        figure = Figure(figsize=(width / 72, height / 72), facecolor="none")
        FigureCanvasSVG(figure)
        content(figure)
    return Drawing(key=key, title=title, figure=figure)


def box(figure: Figure, *, left: float, right: float, bottom: float, top: float) -> tuple[float, float, float, float]:
    """A rectangle for `Figure.add_axes`.

    :param figure: that it is in.
    :param left: distances from the edges of the figure, in points.
    :param right: as above.
    :param bottom: as above.
    :param top: as above.
    """
    width, height = (72 * inches for inches in figure.get_size_inches())
    return left / width, bottom / height, (width - left - right) / width, (height - bottom - top) / height


def text_width(text: str, size: float = SMALL) -> float:
    """Width of a text in matplotlib's font, in points.

    :param text: one line.
    :param size: of the font in points.
    """
    font = get_font(findfont(FontProperties(family=FONT)))
    font.set_size(size, 72)
    font.set_text(text, 0.0)
    return font.get_width_height()[0] / 64

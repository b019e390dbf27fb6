"""A text set in a typeface: which fonts, sizes and gaps a line has, and its letters in sharp ink."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageDraw

from datapath.errors import FileError
from datapath.quoting import quoted
from train.data.prose import LineText
from train.data.typefaces import Typeface, font_errors, load_font

TYPEWRITER_SHARE = {"listing": 1.0, "table": 0.3, "equation": 0.0}
"""By kind of text, the share of the lines in typewriter faces."""

TYPEWRITER_SHARE_ELSE = 0.05

BOLD_SHARE = {"section": 0.5, "heading": 0.5, "running": 0.25, "short": 0.2}
BOLD_SHARE_ELSE = 0.1

ITALIC_SHARE = 0.1

SMALL_CAPITALS_SHARE = 0.3
"""Of the lines with words in capitals, unless they are in a typewriter face: capitals after the first are smaller."""

SMALL_CAPITAL = 0.78
"""Height of a small capital against a capital."""

_SHORT_WORDS = frozenset(("A", "AN", "AND", "BY", "FOR", "FROM", "IN", "OF", "ON", "THE", "TO", "WITH"))
"""These have no large first letter among small capitals, often."""

PLAIN_WORD_GAP = 0.35
"""Of plain lines, in ems."""

_FAINTEST_INK = 8
"""Grey value (255 is ink) below which nothing of a sheet is left when it is skewed."""

_DOTS = (3, 5)
"""Pixels between the dots of a coarse printer, least and most plus one."""


@dataclass(frozen=True, kw_only=True)
class _Style:
    """How one line is set; lengths in pixels."""

    typeface: Typeface
    font: str  # of the line
    emphasis: str  # of the emphasised words
    emphasised: range  # which words they are
    size: int  # per em
    word_gap: float
    sentence_gap: float  # share of a gap that is added after a full stop or a colon
    wide_gaps: float  # share of the gaps that are wide, as between the columns of a table
    tracking: int  # added after every letter, may be negative
    small_capitals: bool
    ligatures: bool
    double_quotes: bool  # one sign for two quotes
    dashes: bool  # long ones between numbers and words
    dots: int  # pixels between the dots of a coarse printer, 0 for none


def set_line(
    rng: np.random.Generator, line: LineText, typefaces: Sequence[Typeface], *, plain: bool = False
) -> tuple[Image.Image, float]:
    """The text in sharp ink, 255 on 0, with room on all sides for skew and blur.

    :param line: text and kind.
    :param typefaces: to choose from; at least one has all characters of the text.
    :param plain: upright, of one weight, letters and words at their usual distances.
    :returns: the sheet, and the factor by which its widths are to be multiplied.
    :raises FileError: a font is missing, unreadable or damaged, or draws nothing.
    """
    style = _style(rng, line, typefaces)
    style = _plain(style) if plain else style
    letters, x = [], 0.0
    for number, word in enumerate(line.text.split(" ")):
        font = style.emphasis if number in style.emphasised else style.font
        for piece, size in _pieces(rng, word, style):
            opened = load_font(font, size)
            letters.append((x, piece, opened))
            with font_errors(font):
                x += opened.getlength(piece) + style.tracking
        x += _gap(rng, word, style)
    rise, fall = (max(font.getmetrics()[side] for _, _, font in letters) for side in (0, 1))
    margin = style.size // 2
    base, rows = sheet_rows(rise, fall, style.size)
    sheet = Image.new("L", (math.ceil(x) + 2 * margin, rows), 0)
    draw = ImageDraw.Draw(sheet)
    for left, piece, font in letters:
        with font_errors(font.path):
            draw.text((margin + round(left), base), piece, fill=255, font=font, anchor="ls")
    if sheet.getextrema()[1] < _FAINTEST_INK:
        raise FileError(f"The font {style.font} draws nothing of {quoted(line.text)} at {style.size} pixels per em.")
    return _dotted(sheet, style.dots) if style.dots else sheet, style.typeface.width


def sheet_rows(rise: int, fall: int, size: int) -> tuple[int, int]:
    """The row of the baseline on a line's sheet, and the sheet's rows; what a letter has beyond them is cut off.

    :param rise: ascent of the line's fonts, pixels.
    :param fall: their descent, pixels below the baseline.
    :param size: pixels per em.
    """
    margin = size // 2
    base = min(rise, 2 * size) + margin // 2
    return base, base + min(fall, size) + margin // 2


def _style(rng: np.random.Generator, line: LineText, typefaces: Sequence[Typeface]) -> _Style:
    typewriter = rng.random() < TYPEWRITER_SHARE.get(line.kind, TYPEWRITER_SHARE_ELSE)
    typeface = _typeface(rng, line.text, typefaces, typewriter=typewriter)
    typewriter = typeface.typewriter
    bold = rng.random() < BOLD_SHARE.get(line.kind, BOLD_SHARE_ELSE)
    italic = rng.random() < ITALIC_SHARE
    font = (bold and italic and typeface.bold_italic) or (bold and typeface.bold) or (italic and typeface.italic)
    font = font or typeface.regular
    upright = typeface.bold if bold else typeface.regular
    emphasis = ((typeface.bold_italic if bold else typeface.italic) if font == upright else upright) or font
    if rng.random() < 0.1:
        emphasis = typeface.bold or emphasis
    first = int(rng.integers(0, 10))
    words = range(first, first + int(rng.integers(1, 5)))
    emphasised = words if rng.random() < (0.5 if line.kind in ("reference", "running") else 0.15) else range(0)
    size = int(rng.integers(30, 48))
    opened = load_font(font, size)
    with font_errors(font):
        advance = opened.getlength(" ")
    spacing = rng.random()
    tracking = int(rng.integers(1, 4)) if spacing < 0.25 else -1 if spacing > 0.93 else 0
    has_capitals = not typewriter and re.search("[A-Z]{3}", line.text) is not None
    coarse = typewriter and rng.random() < (0.3 if line.kind == "listing" else 0.1)
    return _Style(
        typeface=typeface,
        font=font,
        emphasis=emphasis,
        emphasised=emphasised,
        size=size,
        word_gap=advance if typewriter else size * rng.uniform(0.2, 0.55),
        sentence_gap=(1.0 if typewriter else rng.uniform(0.3, 1.2)) if rng.random() < 0.4 else 0.0,
        wide_gaps=rng.uniform(0.5, 1.0) if line.kind == "table" else 0.3 if rng.random() < 0.04 else 0.0,
        tracking=0 if typewriter and tracking < 0 else tracking,
        small_capitals=has_capitals and rng.random() < SMALL_CAPITALS_SHARE,
        ligatures=not typewriter and tracking <= 0 and rng.random() < 0.75,
        double_quotes=rng.random() < 0.6,
        dashes=rng.random() < 0.5,
        dots=int(rng.integers(*_DOTS)) if coarse else 0,
    )


def _plain(style: _Style) -> _Style:
    regular = style.typeface.regular
    return replace(
        style,
        **{"font": regular, "emphasis": regular, "word_gap": PLAIN_WORD_GAP * style.size},
        **{"sentence_gap": 0.0, "wide_gaps": 0.0, "tracking": 0, "dots": 0},
        **{"small_capitals": False, "ligatures": False},
    )


def _typeface(rng: np.random.Generator, text: str, typefaces: Sequence[Typeface], *, typewriter: bool) -> Typeface:
    able = [one for one in typefaces if not one.lacks & set(text)]
    able = [one for one in able if one.typewriter == typewriter] or able
    shares = np.cumsum([one.share for one in able])
    return able[int(np.searchsorted(shares, rng.random() * shares[-1], side="right"))]


def _gap(rng: np.random.Generator, word: str, style: _Style) -> float:
    """After a word, until the next."""
    gap = style.word_gap
    if word.endswith((".", ":")) and len(word) > 2:
        gap *= 1 + style.sentence_gap
    if style.wide_gaps and rng.random() < style.wide_gaps:
        gap += (
            style.word_gap * int(rng.integers(1, 7)) if style.typeface.typewriter else style.size * rng.uniform(0.3, 2)
        )
    return gap


def _pieces(rng: np.random.Generator, word: str, style: _Style) -> Iterator[tuple[str, int]]:
    """The parts of a word that are drawn at once, with their sizes."""
    parts = [(word, style.size)]
    if style.small_capitals and re.fullmatch("[^a-z0-9]*[A-Z]{2}[^a-z0-9]*", word):
        small = round(style.size * SMALL_CAPITAL)
        large = 0 if word in _SHORT_WORDS and rng.random() < 0.7 else re.search("[A-Z]", word).end()
        parts = [part for part in ((word[:large], style.size), (word[large:], small)) if part[0]]
    for text, size in parts:
        printed = _printed(text, style)
        yield from ((piece, size) for piece in (printed if style.tracking else (printed,)))


def _printed(word: str, style: _Style) -> str:
    """The characters that a printer sets for a text: curly quotes, dashes and ligatures, as far as the typeface has them."""
    signs, pairs = style.typeface.signs, []
    if style.double_quotes:
        pairs += [("``", "\u201c"), ("''", "\u201d")]
    pairs += [("`", "\u2018"), ("'", "\u2019")]
    if style.ligatures:
        pairs += [("ffi", "\ufb03"), ("ffl", "\ufb04"), ("ff", "\ufb00"), ("fi", "\ufb01"), ("fl", "\ufb02")]
    if style.dashes:
        word = re.sub(r"(?<=\d)-(?=\d)|^-$", "\u2013", word)
        word = re.sub("(?<=[A-Z]{2})-(?=[A-Z][a-z])", "\u2014", word)
    for text, sign in pairs:
        if sign in signs:
            word = word.replace(text, sign)
    return "".join(signs.get(c, "-" if c in "\u2013\u2014" else c) for c in word)


def _dotted(sheet: Image.Image, dots: int) -> Image.Image:
    """The ink as a printer with few dots per inch has it."""
    few = sheet.resize((max(1, sheet.width // dots), max(1, sheet.height // dots)), Image.Resampling.BOX)
    return few.point([255 * (grey >= 70) for grey in range(256)]).resize(sheet.size, Image.Resampling.NEAREST)

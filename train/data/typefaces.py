"""The typefaces of synthetic lines: those that come with the matplotlib package, so that nothing is downloaded.

They are the faces of journal pages such as UW3's: STIX (a Times), Computer Modern, DejaVu Serif, now and then a sans
serif, and typewriter faces. Faces of the user's own come from `train.data.font_folders`.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from PIL import ImageFont

from datapath.errors import FileError

SIGNS = "\u2018\u2019\u201c\u201d\u2013\u2014\ufb00\ufb01\ufb02\ufb03\ufb04"
"""Printed in place of other characters: curly quotes, dashes and ligatures."""

FONT_ERRORS = (OSError, ValueError, OverflowError, MemoryError)
"""What Pillow raises of a damaged font, also of one that it could open: FreeType reads a glyph when it is drawn."""


@dataclass(frozen=True, kw_only=True)
class Typeface:
    """A family of fonts, each named by its file: without the suffix if it is matplotlib's, else the absolute path.

    name        of the family
    share       chance of a line to be set in it, among the faces of its kind that have every character of the line
    typewriter  whether all characters have one width
    regular     upright font
    italic      None where the family has none, as `bold` and `bold_italic`
    lacks       characters that any of the fonts lacks, or draws as something else
    width       factor of the widths, for faces that are wider than those of journals
    signs       of `SIGNS`, those that every font has, each with the character that draws it
    """

    name: str
    share: float
    typewriter: bool = False
    regular: str
    italic: str | None = None
    bold: str | None = None
    bold_italic: str | None = None
    lacks: frozenset[str] = frozenset()
    width: float = 1.0
    signs: dict[str, str] = field(default_factory=dict)

    @property
    def fonts(self) -> tuple[str, ...]:
        """Those that the family has."""
        return tuple(filter(None, (self.regular, self.italic, self.bold, self.bold_italic)))


_UNICODE_SIGNS = {sign: sign for sign in SIGNS}
_OLD_TEX_SIGNS = dict(zip(SIGNS, "`'\\\"{|\xae\xaf\xb0\xb1\xb2", strict=True))
_OLD_TEX_LACKS = frozenset('<"')
"""These fonts have the encoding OT1 of TeX, with an inverted exclamation mark in the place of ``<``, a curly quote in that
of ``"``, and the dashes and ligatures in places of their own. Their single quotes are curled."""

TYPEFACES = (
    Typeface(
        name="STIX",
        share=0.52,
        regular="STIXGeneral",
        italic="STIXGeneralItalic",
        bold="STIXGeneralBol",
        bold_italic="STIXGeneralBolIta",
        signs=_UNICODE_SIGNS,
    ),
    Typeface(
        name="Computer Modern",
        share=0.23,
        regular="cmr10",
        italic="cmti10",
        bold="cmb10",
        lacks=_OLD_TEX_LACKS,
        signs=_OLD_TEX_SIGNS,
    ),
    Typeface(
        name="DejaVu Serif",
        share=0.1,
        width=0.88,
        regular="DejaVuSerif",
        italic="DejaVuSerif-Italic",
        bold="DejaVuSerif-Bold",
        bold_italic="DejaVuSerif-BoldItalic",
        signs=_UNICODE_SIGNS,
    ),
    Typeface(
        name="Computer Modern Sans",
        share=0.06,
        regular="cmss10",
        lacks=_OLD_TEX_LACKS,
        signs=_OLD_TEX_SIGNS,
    ),
    Typeface(
        name="DejaVu Sans",
        share=0.09,
        width=0.86,
        regular="DejaVuSans",
        italic="DejaVuSans-Oblique",
        bold="DejaVuSans-Bold",
        bold_italic="DejaVuSans-BoldOblique",
        signs=_UNICODE_SIGNS,
    ),
    Typeface(name="Computer Modern Typewriter", share=0.6, typewriter=True, regular="cmtt10"),
    Typeface(
        name="DejaVu Sans Mono",
        share=0.4,
        typewriter=True,
        regular="DejaVuSansMono",
        italic="DejaVuSansMono-Oblique",
        bold="DejaVuSansMono-Bold",
        bold_italic="DejaVuSansMono-BoldOblique",
    ),
)


@lru_cache(maxsize=1)
def font_folder() -> Path:
    """Folder of matplotlib's fonts; the package is found but not imported, which would take a second.

    :raises FileError: matplotlib is not installed, or without its fonts.
    """
    found = importlib.util.find_spec("matplotlib")
    folder = Path(found.origin).parent / "mpl-data" / "fonts" / "ttf" if found and found.origin else None
    if folder is None or not folder.is_dir():
        raise FileError("Synthetic lines need the fonts of matplotlib: pip install 'foldline[train]'.")
    return folder


@lru_cache(maxsize=2048)
def load_font(name: str, size: int) -> ImageFont.FreeTypeFont:
    """A font at `size` pixels per em; each is opened once.

    :param name: as in a `Typeface`.
    :raises FileError: the font is missing or unreadable.
    """
    return open_font(Path(name) if Path(name).is_absolute() else font_folder() / f"{name}.ttf", size)


def open_font(path: Path, size: int) -> ImageFont.FreeTypeFont:
    """A font with Pillow's own layout engine: it is everywhere, and its result the same.

    :param path: of the font.
    :param size: pixels per em.
    :raises FileError: the font is missing or unreadable.
    """
    with font_errors(
        path
    ):  # not `ImageFont.truetype`: for a file that is no font it takes one of the system of that name
        return ImageFont.FreeTypeFont(path, size, layout_engine=ImageFont.Layout.BASIC)


@contextmanager
def font_errors(path: object) -> Iterator[None]:
    """What Pillow raises of a font within a ``with``, as a FileError that names the font.

    :param path: of the font, for the message.
    """
    try:
        yield
    except FONT_ERRORS as error:
        raise FileError(f"Cannot read the font {path}: {str(error) or 'not enough memory'}.") from error

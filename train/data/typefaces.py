"""The typefaces of synthetic lines: those that come with the matplotlib package, so that nothing is downloaded.

They are the faces of journal pages such as UW3's: STIX (a Times), Computer Modern, DejaVu Serif, and now and then a
sans serif or a typewriter face.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from PIL import ImageFont

from datapath.errors import FileError

CURLY_QUOTES = {"`": "\u2018", "'": "\u2019"}
"""Journals print straight quotes curled; drawn instead of them by typefaces with straight ones."""


@dataclass(frozen=True)
class Typeface:
    """A family of fonts, named by their files without the suffix.

    `italic` and `bold` are None where the family has none. `lacks` holds the characters that any of the fonts draws
    as something else, although its character map claims to have them; `substitutes` what is drawn in place of a character.
    """

    share: float
    regular: str
    italic: str | None = None
    bold: str | None = None
    lacks: frozenset[str] = frozenset()
    substitutes: dict[str, str] = field(default_factory=dict)


_OLD_TEX_ENCODING = frozenset("<")
"""These fonts have the encoding OT1 of TeX, with an inverted exclamation mark in the place of ``<``. Their
quotes are curled already."""

TYPEFACES = (
    Typeface(0.52, "STIXGeneral", "STIXGeneralItalic", "STIXGeneralBol", substitutes=CURLY_QUOTES),
    Typeface(0.28, "cmr10", "cmti10", "cmb10", lacks=_OLD_TEX_ENCODING),
    Typeface(0.12, "DejaVuSerif", "DejaVuSerif-Italic", "DejaVuSerif-Bold", substitutes=CURLY_QUOTES),
    Typeface(0.03, "cmss10", lacks=_OLD_TEX_ENCODING),
    Typeface(0.03, "DejaVuSans", "DejaVuSans-Oblique", "DejaVuSans-Bold", substitutes=CURLY_QUOTES),
    Typeface(0.02, "cmtt10"),
)
"""`share` is the chance of a line to be set in it, as far as it has every character of the line."""


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


@lru_cache(maxsize=512)
def load_font(name: str, size: int) -> ImageFont.FreeTypeFont:
    """A font at `size` pixels per em, with Pillow's own layout engine: it is everywhere, and its result the same.

    :raises FileError: the font is missing or unreadable.
    """
    path = font_folder() / f"{name}.ttf"
    try:
        return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)
    except OSError as error:
        raise FileError(f"Cannot read the font {path}: {error}.") from error

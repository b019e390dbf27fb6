"""`read_fonts`: the typefaces in a folder of the user's fonts, for synthetic lines in the faces of the user's pages.

Families and their fonts are found by the names within the files, so that any folder does: one of a Debian package, or a
collection of one's own. The digest over the files is part of the lines' names, so that a run says which fonts it had.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import ImageFont

from datapath.errors import FileError
from datapath.files import file_errors, os_reason
from datapath.quoting import quoted
from datapath.reading import read_bytes
from train.data.prose import ALPHABET
from train.data.typefaces import FONT_ERRORS, SIGNS, Typeface, open_font
from train.data.typesetting import sheet_rows

SUFFIXES = (".otf", ".ttf", ".pfb")
MAX_FONTS = 1000
MAX_BYTES = 64 << 20
"""Of a font's file."""

_SIZE = 40
"""Pixels per em at which glyphs are measured and compared."""

_WIDEST, _LOWEST = 4 * _SIZE, _SIZE // 4
"""Pixels: advance of a character at most, and height of the tallest letter at least."""

_FAINTEST = 64
"""Grey value (255 is ink) of a glyph's darkest pixel, at least: the stroke of a fainter one is lost in a scan."""

_ABSENT = "\U000e0fff"
"""A character that no font has: what is drawn in its place stands for missing ones."""

_ITALIC, _BOLD = ("italic", "oblique", "slanted"), ("bold", "demi", "heavy", "black")


@dataclass(frozen=True, kw_only=True)
class Fonts:
    """The typefaces of a folder.

    typefaces   by the name of the family; shares are equal and add up to 1, as matplotlib's do, over the typewriter faces and
                over the others
    digest      of the files' names within their families and of their bytes, 12 digits in hex
    problems    messages: each font that was left out
    """

    typefaces: tuple[Typeface, ...]
    digest: str
    problems: tuple[str, ...]


def read_fonts(folder: Path) -> Fonts:
    """Find the families in a folder, at any depth.

    A font with the name of a family and style that another one has is left out, as one that cannot be read, and one that
    lacks letters or digits. A character counts as lacking where its glyph is damaged, too faint, or larger than a line has
    room for. A character that any font of a family lacks is never set in that family. A font that draws symbols in place of
    letters is not recognised as one.

    :param folder: of OpenType, TrueType or Type 1 fonts.
    :raises FileError: no such folder, no font that can be used, or more than `MAX_FONTS` files.
    """
    paths, problems = _font_files(folder)
    families: dict[str, dict[tuple[bool, bool], tuple[Path, str]]] = defaultdict(dict)
    for path in paths:
        reason, digest, family, style = _judged(path)
        if not reason and style in families[family]:
            reason = f"{families[family][style][0]} is of the same family and style"
        if reason:
            problems.append(f"{path} is left out: {reason}.")
        else:
            families[family][style] = (path, digest)
    found = [_typeface(family, families[family]) for family in sorted(families) if families[family]]
    kinds = Counter(one.typewriter for one in found)
    typefaces = tuple(replace(one, share=1 / kinds[one.typewriter]) for one in found)
    if not typefaces:
        files = "1 file" if len(paths) == 1 else f"{len(paths)} files"
        raise FileError(f"{folder} has no font that can be used: {files}. {' '.join(problems[:3])}".rstrip())
    used = [(family, style, digest) for family, fonts in families.items() for style, (_, digest) in fonts.items()]
    return Fonts(
        typefaces=typefaces,
        digest=hashlib.sha256(repr(sorted(used)).encode()).hexdigest()[:12],
        problems=tuple(problems),
    )


def _font_files(folder: Path) -> tuple[list[Path], list[str]]:
    """In the order of their paths, absolute; and messages on folders within it that cannot be read."""
    if not folder.is_dir():
        raise FileError(f"The folder of fonts {folder} does not exist or is not a folder.")
    found: list[Path] = []
    errors: list[OSError] = []
    with file_errors("read", folder):
        for parent, folders, names in os.walk(folder.resolve(), onerror=errors.append):
            folders.sort()
            found += [Path(parent, name) for name in sorted(names) if name.lower().endswith(SUFFIXES)]
            if len(found) > MAX_FONTS:
                raise FileError(f"{folder} has more than {MAX_FONTS} fonts; name a folder within it.")
    return found, [f"The fonts in {error.filename} are left out: {os_reason(error)}." for error in errors]


def _judged(path: Path) -> tuple[str, str, str, tuple[bool, bool]]:
    """Why a font is left out, or nothing; digest of its file, its family, and whether it is bold and italic."""
    try:
        digest = hashlib.sha256(read_bytes(path, limit=MAX_BYTES)).hexdigest()
        font = open_font(path, _SIZE)
        family, style = (name or "" for name in font.getname())
    except FileError as error:
        return str(error).rstrip("."), "", "", (False, False)
    except FONT_ERRORS as error:
        return f"its name cannot be read ({error})", "", "", (False, False)
    reason = "" if family else "it does not name its family"
    if lacking := sorted(_lacking(font, "".join(c for c in ALPHABET if c.isalnum() or c in " .,-"))):
        reason = f"it lacks {quoted(''.join(lacking))}, or they are damaged, too faint or too large"
    elif (tallest := max(_height(font, c) for c in ALPHABET if c.isalpha())) < _LOWEST:
        reason = (
            f"its letters are at most {tallest} pixels high at {_SIZE} pixels per em; at least {_LOWEST} are needed"
        )
    words = f"{style} {path.stem}".lower()  # Courier Prime calls all its styles "Light"
    kind = any(word in words for word in _BOLD), any(word in words for word in _ITALIC)
    return reason, digest, family, kind


def _typeface(family: str, fonts: dict[tuple[bool, bool], tuple[Path, str]]) -> Typeface:
    """The family; its upright font that is not bold is the regular one, or else the first that there is."""
    names = {style: str(path) for style, (path, _) in fonts.items()}
    regular = names.get((False, False)) or names[min(names)]
    lacks = frozenset().union(*(_lacking(open_font(path, _SIZE), ALPHABET + SIGNS) for path, _ in fonts.values()))
    advances = {round(open_font(Path(regular), _SIZE).getlength(character), 2) for character in "iWm.1"}
    return Typeface(
        name=family,
        share=1.0,
        typewriter=len(advances) == 1,
        regular=regular,
        italic=names.get((False, True)),
        bold=names.get((True, False)),
        bold_italic=names.get((True, True)),
        lacks=lacks & set(ALPHABET),
        signs={sign: sign for sign in SIGNS if sign not in lacks},
    )


def _lacking(font: ImageFont.FreeTypeFont, characters: str) -> set[str]:
    """Characters that a font cannot set: see `_ink`, and those for which it has the same as for one that no font has."""
    absent = _ink(font, _ABSENT)
    return {c for c in characters if (ink := _ink(font, c)) is None or (ink == absent and c != " ")}


def _ink(font: ImageFont.FreeTypeFont, character: str) -> bytes | None:
    """The glyph in black and white; None if it is blank, unless it is a space, damaged, too faint or too large."""
    base, rows = sheet_rows(*font.getmetrics(), _SIZE)
    try:
        left, top, right, bottom = font.getbbox(character, anchor="ls")
        advance, margin = font.getlength(character), _SIZE // 2
        fits = -base <= top and bottom <= rows - base and -margin <= left and right <= advance + margin
        if not fits or not 0 <= advance <= _WIDEST:
            return None
        grey, mask = (font.getmask(character, mode=mode) for mode in ("L", "1"))
    except FONT_ERRORS:
        return None
    blank = mask.getbbox() is None or grey.getbbox() is None or grey.getextrema()[1] < _FAINTEST
    return None if blank and character != " " else bytes(mask)


def _height(font: ImageFont.FreeTypeFont, character: str) -> int:
    _, top, _, bottom = font.getbbox(character)
    return bottom - top

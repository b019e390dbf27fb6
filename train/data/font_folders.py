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
from datapath.files import file_errors
from datapath.quoting import quoted
from datapath.reading import read_bytes
from train.data.prose import ALPHABET
from train.data.typefaces import SIGNS, Typeface

SUFFIXES = (".otf", ".ttf", ".pfb")
MAX_FONTS = 1000
MAX_BYTES = 64 << 20
"""Of a font's file."""

_SIZE = 40
"""Pixels per em at which glyphs are compared."""

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

    A font with the name of a family and style that another one has is left out, as one that Pillow cannot read, and one
    that lacks letters or digits. A character that any font of a family lacks is never set in that family. A font that draws
    symbols in place of letters is not recognised as one.

    :param folder: of OpenType, TrueType or Type 1 fonts.
    :raises FileError: no such folder, no font that can be used, more than `MAX_FONTS` files, or a file of more than
        `MAX_BYTES`.
    """
    paths = _font_files(folder)
    families: dict[str, dict[tuple[bool, bool], tuple[Path, str]]] = defaultdict(dict)
    problems = []
    for path in paths:
        digest = hashlib.sha256(read_bytes(path, limit=MAX_BYTES)).hexdigest()
        reason, family, style = _judged(path)
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
        raise FileError(f"{folder} has no font that can be used: {len(paths)} files. {' '.join(problems[:3])}".rstrip())
    used = [(family, style, digest) for family, fonts in families.items() for style, (_, digest) in fonts.items()]
    return Fonts(
        typefaces=typefaces,
        digest=hashlib.sha256(repr(sorted(used)).encode()).hexdigest()[:12],
        problems=tuple(problems),
    )


def _font_files(folder: Path) -> list[Path]:
    """In the order of their paths, absolute."""
    if not folder.is_dir():
        raise FileError(f"The folder of fonts {folder} does not exist or is not a folder.")
    found: list[Path] = []
    with file_errors("read", folder):
        for parent, folders, names in os.walk(folder.resolve()):
            folders.sort()
            found += [Path(parent, name) for name in sorted(names) if name.lower().endswith(SUFFIXES)]
            if len(found) > MAX_FONTS:
                raise FileError(f"{folder} has more than {MAX_FONTS} fonts; name a folder within it.")
    return found


def _judged(path: Path) -> tuple[str, str, tuple[bool, bool]]:
    """Why a font is left out, or nothing; its family, and whether it is bold and italic."""
    try:
        font = _opened(path)
        family, style = (name or "" for name in font.getname())
        lacking = sorted(_lacking(font, "".join(c for c in ALPHABET if c.isalnum() or c in ".,-")))
    except (OSError, ValueError) as error:
        return f"Pillow cannot read it ({error})", "", (False, False)
    if not family:
        return "it does not name its family", "", (False, False)
    words = f"{style} {path.stem}".lower()  # Courier Prime calls all its styles "Light"
    kind = any(word in words for word in _BOLD), any(word in words for word in _ITALIC)
    return (f"it lacks {quoted(''.join(lacking))}" if lacking else ""), family, kind


def _typeface(family: str, fonts: dict[tuple[bool, bool], tuple[Path, str]]) -> Typeface:
    """The family; its upright font that is not bold is the regular one, or else the first that there is."""
    names = {style: str(path) for style, (path, _) in fonts.items()}
    regular = names.get((False, False)) or names[min(names)]
    lacks = frozenset().union(*(_lacking(_opened(path), ALPHABET + SIGNS) for path, _ in fonts.values()))
    advances = {round(_opened(Path(regular)).getlength(character), 2) for character in "iWm.1"}
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
    """Characters for which a font has no ink, or the same as for one that no font has; a space needs none."""
    absent = _ink(font, _ABSENT)
    return {c for c in characters if c != " " and _ink(font, c) in (absent, None)}


def _ink(font: ImageFont.FreeTypeFont, character: str) -> bytes | None:
    mask = font.getmask(character, mode="1")
    return None if mask.getbbox() is None else bytes(mask)


def _opened(path: Path) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, _SIZE, layout_engine=ImageFont.Layout.BASIC)

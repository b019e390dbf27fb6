"""`read_source`: the lines of a source with their images, each image decoded once."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from datapath.errors import DataError, ImageError
from datapath.images import MAX_COLUMNS, even_width
from train.data.dataset import Line, Progress
from train.data.sources.folders import find_lines
from train.data.sources.found import Found, FoundLine, PageCut

HEIGHT = 32
"""Height in pixels at which widths are given and checked: that of the published networks' input."""


@dataclass(frozen=True)
class SourceLine:
    """A line that can be used.

    line        its name, text and image
    size        width and height of its image in pixels
    validation  whether the source's own lists make it a validation line; None where they do not say
    digest      of the size and the grey pixels: lines with the same one have the same picture
    """

    line: Line
    size: tuple[int, int]
    validation: bool | None
    digest: bytes

    @property
    def columns(self) -> int:
        """T at `HEIGHT`."""
        return even_width(*self.size, target_height=HEIGHT)


@dataclass(frozen=True)
class ReadSource:
    """What a source gave.

    lines     in its order
    kinds     number of lines by kind of file
    left_out  (kind, place, reason) of everything that was left out
    messages  on what was left out, in groups where it is much, and on what is doubtful
    """

    lines: tuple[SourceLine, ...]
    kinds: dict[str, int]
    left_out: tuple[tuple[str, str, str], ...]
    messages: tuple[str, ...]


Keep = Callable[[FoundLine, Image.Image], Path | Image.Image]
"""Stores a line's image (in greyscale) and returns where it is."""


def in_place(found: FoundLine, image: Image.Image) -> Path | Image.Image:
    """An image stays where it is; the part of a page is held in memory.

    :param found: the line.
    :param image: its image.
    """
    return image if isinstance(found.image, PageCut) else found.image


def read_source(
    source: str | os.PathLike,
    *,
    form: Callable[[str], str],
    keep: Keep = in_place,
    progress: Progress | None = None,
) -> ReadSource:
    """Read what people have: see `train.data.sources` for the forms.

    :param source: folder or file.
    :param form: of the texts: takes one as it stands and returns it normalised.
    :param keep: stores each image.
    :param progress: called with (lines read, lines in all).
    :raises FileError: the source is missing or cannot be read.
    :raises DataError: it holds no line that can be used; the first that was left out is named.
    """
    found = find_lines(Path(source), form)
    lines = []
    pages = _Pages()
    for number, one in enumerate(found.lines, start=1):
        line = _read(found, one, pages, keep)
        if line is not None:
            lines.append(line)
        if progress is not None:
            progress(number, len(found.lines))
    if not lines:
        first = next(iter(found.left_out.messages()), "it is empty.")
        raise DataError(f"{source} holds no line that can be used: {first}")
    messages = (*found.notes, *found.further_notes(), *found.left_out.messages())
    kinds = {kind: count for kind, count in found.kinds.items() if count}
    return ReadSource(tuple(lines), kinds, tuple(found.left_out.entries), messages)


class _Pages:
    """The image of the last page: its lines come one after the other."""

    def __init__(self) -> None:
        self._path: Path | None = None
        self._read: Image.Image | ImageError | None = None

    def image(self, path: Path) -> Image.Image:
        if path != self._path:
            self._path = path
            try:
                self._read = Line(str(path), "", path).image()
            except ImageError as error:
                self._read = error
        if isinstance(self._read, ImageError):
            raise self._read
        return self._read


def _read(found: Found, one: FoundLine, pages: _Pages, keep: Keep) -> SourceLine | None:
    """The line with its image; None if that cannot be used, with the reason among what is left out."""
    try:
        if isinstance(one.image, PageCut):
            image = one.image.cut(pages.image(one.image.page))
        else:
            image = Line(one.name, one.text, one.image).image()
    except ImageError as error:
        found.left_out.add("lines whose image cannot be read", one.where, str(error))
        return None
    except DataError as error:
        found.left_out.add("lines that are not on their page", one.where, str(error))
        return None
    width, height = image.size
    columns = even_width(width, height, target_height=HEIGHT)
    if not 2 <= columns <= MAX_COLUMNS:
        reason = f"its image of {width} x {height} pixels gives {columns} columns at height {HEIGHT}; allowed is 2 to {MAX_COLUMNS}."
        found.left_out.add("lines too narrow or too wide", one.where, reason)
        return None
    digest = hashlib.sha256(f"{width} {height}\n".encode() + image.tobytes()).digest()
    return SourceLine(Line(one.name, one.text, keep(one, image)), (width, height), one.validation, digest)

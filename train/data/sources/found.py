"""`Found`: the lines that a source describes, before any image is read; a name, a text and an image each."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from PIL import Image

from datapath.alphabet import UNTRAINED_CHARACTERS
from datapath.errors import DataError
from datapath.images import picture_name
from datapath.reading import BYTE_ORDER_MARK
from train.data.image_files import ImageFiles, without_image_suffix
from train.data.left_out import LeftOut

UNSAFE = re.compile('[,\\\\:"\x00-\x1f\x7f\ufeff\ud800-\udfff]')
"""What the name of a line must not hold: it stands before the comma of a list, and names a file on any system. Surrogates
are bytes of a file name that is not UTF-8."""

LONGEST_PART = 200
"""Bytes in UTF-8 of a folder or file in the name of a line; with a number and a suffix it is a file's name, of at most 255."""


@dataclass(frozen=True)
class PageCut:
    """A line on the image of a page.

    page    path of the page's image
    box     left, top, right, bottom, in the unit of the XML file; right and bottom are outside
    size    width and height of the page in that unit; None where the file does not say
    pixels  whether the unit is the pixel; if not, `size` gives the scale
    """

    page: Path
    box: tuple[float, float, float, float]
    size: tuple[float, float] | None
    pixels: bool

    def cut(self, page: Image.Image) -> Image.Image:
        """The line's part of its page.

        :param page: the image.
        :raises DataError: the image has not the size that the file says, or the box has no part within it.
        """
        across = down = 1.0
        if not self.pixels:
            across, down = page.width / self.size[0], page.height / self.size[1]
        elif self.size is not None and (round(self.size[0]), round(self.size[1])) != page.size:
            stated, found = (f"{round(width)} x {round(height)}" for width, height in (self.size, page.size))
            raise DataError(f"its page {self.page} has {found} pixels, but the XML file says {stated}.")
        left, top, right, bottom = self.box
        inside = (
            max(math.floor(left * across), 0),
            max(math.floor(top * down), 0),
            min(math.ceil(right * across), page.width),
            min(math.ceil(bottom * down), page.height),
        )
        if inside[0] >= inside[2] or inside[1] >= inside[3]:
            raise DataError(
                f"its box, {left:g} to {right:g} across and {top:g} to {bottom:g} down, has no part in its page."
            )
        return page.crop(inside)


@dataclass(frozen=True)
class FoundLine:
    """A line that a source describes.

    name        unique within the source; a relative path that a list can hold
    text        its reference text
    image       path of its image, or its place on a page
    where       file, and place in it, for messages
    validation  whether the source's own lists make it a validation line; None where they do not say
    """

    name: str
    text: str
    image: Path | PageCut
    where: str
    validation: bool | None = None


@dataclass
class Found:
    """Collects what a source describes.

    root       folder to which names are relative
    form       of the texts: takes one as it stands and returns it normalised
    lines      what can be used, as far as the texts go
    left_out   what cannot
    notes      messages on what is doubtful
    kinds      number of lines by kind of file
    pages      XML file of each image of a page
    links      links to folders, whose images lists may name
    repeated   places of lines that are described again with the same text, each with the first place
    used       images that belong to a line or are a page
    """

    root: Path
    form: Callable[[str], str] = str
    lines: list[FoundLine] = field(default_factory=list)
    left_out: LeftOut = field(default_factory=LeftOut)
    notes: list[str] = field(default_factory=list)
    kinds: dict[str, int] = field(default_factory=dict)
    pages: dict[Path, str] = field(default_factory=dict)
    links: list[Path] = field(default_factory=list)
    repeated: list[tuple[str, str]] = field(default_factory=list)
    used: set[Path] = field(default_factory=set)
    _first: dict[object, FoundLine] = field(default_factory=dict)
    _names: dict[str, int] = field(default_factory=dict)
    _image_files: dict[Path, ImageFiles] = field(default_factory=dict)

    def images_of(self, folder: Path) -> ImageFiles:
        """The images of a folder, which is listed once.

        :param folder: below which names are looked up.
        """
        return self._image_files.setdefault(folder, ImageFiles(folder))

    def further_notes(self) -> list[str]:
        """Messages on names with several images, spaces that no picture shows, and lines that are described again."""
        notes = [note for images in self._image_files.values() for note in images.notes()]
        spaced = [line.where for line in self.lines if line.text != line.text.strip()]
        if spaced:
            notes.append(
                f"Texts that begin or end with a space, which no picture shows: {len(spaced)}, the first is {spaced[0]}."
            )
        if self.repeated:
            again, first = self.repeated[0]
            notes.append(
                f"Lines that are described again with the same image and text: {len(self.repeated)}, the first is {again}, as "
                f"{first}."
            )
        return notes

    def add(
        self,
        name: PurePosixPath | str,
        text: str,
        image: Path | PageCut,
        *,
        where: str,
        kind: str,
        validation: bool | None = None,
    ) -> None:
        """Add a line, or leave it out with the reason.

        :param name: relative path; what a list cannot hold is replaced, and a number makes it unique.
        :param text: as it stands in its file.
        :param image: path, or place on a page.
        :param where: file, and place in it.
        :param kind: of the file, for the report: ".gt.txt".
        :param validation: what the source's own lists say.
        """
        whole = image.page if isinstance(image, PageCut) else image
        self.used |= {whole, Path(picture_name(str(whole))[0])}
        line, unusable = one_line(text), None
        if line is None:
            unusable = ("texts of several lines", f"its text has several lines: {text.strip()!r:.60}.")
        elif not line.strip():
            unusable = ("empty texts", "its text is empty.")
        elif "\0" in line:
            unusable = (
                "texts with U+0000",
                f"its text holds U+0000: {line!r:.60}. Is it UTF-16 without a byte order mark?",
            )
        elif all(character in UNTRAINED_CHARACTERS for character in line):
            unusable = ("texts without a trained character", f"its text {line!r} holds no character that is trained.")
        if unusable is not None:
            self.left_out.add(unusable[0], where, unusable[1])
            return
        key = (image.page, image.box) if isinstance(image, PageCut) else image
        text = self.form(line)
        first = self._first.get(key)
        if first is not None:
            if first.text == text:
                self.repeated.append((where, first.where))
            else:
                reason = f"{first.where} has its image too, with the text {first.text!r:.60}, which is taken."
                self.left_out.add("duplicates with another text", where, reason)
            return
        found = FoundLine(self._unique(name), text, image, where, validation)
        self._first[key] = found
        self.lines.append(found)
        self.kinds[kind] = self.kinds.get(kind, 0) + 1

    def _unique(self, name: PurePosixPath | str) -> str:
        safe = [UNSAFE.sub("_", unicodedata.normalize("NFC", part)) for part in PurePosixPath(name).parts]
        parts = [part.encode()[:LONGEST_PART].decode(errors="ignore") for part in safe]
        plain = unique = str(line_name("/".join("_" if part == ".." else part for part in parts)))
        number = self._names.get(plain, 0)
        while unique in self._names:  # from the last number that the name got, so that equal names take linear time
            number += 1
            unique = f"{plain}-{number}"
        self._names[plain] = max(number, 1)
        self._names.setdefault(unique, 1)
        return unique


def one_line(text: str) -> str | None:
    """The one line of a text, without byte order marks, line ends and the form feed that Tesseract writes at the end.

    >>> one_line("\\ufeffone two \\r\\n"), one_line("one\\ntwo"), one_line("\\n")
    ('one two ', None, '')

    :param text: content of a file or field.
    :returns: the line; "" if there is none; None if there are several.
    """
    rows = re.split(r"\r\n?|\n", text.lstrip(BYTE_ORDER_MARK).rstrip("\r\n\f"))
    lines = [row for row in rows if row.strip()]
    return None if len(lines) > 1 else (lines or [""])[0]


def line_name(path: PurePosixPath | str) -> PurePosixPath:
    """Name of a line by the path of its image; it never ends as that of an image.

    :param path: relative to the source.
    """
    name = str(path)
    while (shorter := without_image_suffix(name)) != name:
        name = shorter
    return PurePosixPath(name)

"""The lines that a command computes: image files and folders, lists of images, archives of raw pixels."""

from __future__ import annotations

import codecs
import heapq
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePath
from typing import BinaryIO

import numpy as np

from datapath.design import Design
from datapath.errors import DataError, FileError
from datapath.files import is_folder, os_reason
from datapath.images import IMAGE_SUFFIXES, image_columns, pictures_of
from datapath.npz import NpzReader
from datapath.reading import require_file

MAX_PIXEL_BYTES = 128 * 2**20
"""Limit of the raw pixels of a line: more than 100 000 columns of 1024 pixels in 8 bits."""

MAX_ROW_BYTES = 2**16
"""Limit of a row of a list; a path has at most 4096 bytes on Linux."""

MAX_DEPTH = 100
"""Folders within each other that are searched for images."""

SORTED_AT_ONCE = 50_000
"""Names of one folder in memory at a time; a larger folder is read once more for each further lot."""


@dataclass(frozen=True)
class LineInput:
    """One line to compute.

    name     of the line, in results and errors
    source   path of its image, its raw pixels [T, I], or a function that reads them
    """

    name: str
    source: Path | np.ndarray | Callable[[], np.ndarray]

    def columns(self, design: Design) -> np.ndarray:
        """Integers [T, I] for a network.

        :param design: decides the height of the image and the bits of a pixel.
        :raises ImageError: the image cannot be read or gives no columns.
        :raises FileError: the raw pixels cannot be read.
        """
        if isinstance(self.source, Path):
            return image_columns(self.source, target_height=design.inputs, bits=design.precision.activation)
        return self.source if isinstance(self.source, np.ndarray) else self.source()


@dataclass(frozen=True)
class Inputs:
    """Lines in a fixed order, which are found while they are iterated.

    lines    gives all lines, each time it is called (standard input only once)
    count    gives their number; None where it cannot be known beforehand
    pixels   digest of the raw pixels; empty for images, which are identified by their names alone
    """

    lines: Callable[[], Iterator[LineInput]]
    count: Callable[[], int | None]
    pixels: str = ""

    def __iter__(self) -> Iterator[LineInput]:
        return self.lines()


def image_inputs(paths: Sequence[Path]) -> Inputs:
    """Images, and the images in folders, at any depth, sorted by path; a file with several pictures is several lines.

    :param paths: of images, see `datapath.images.load_image`, and folders. Hidden files and links to folders are left out.
    :raises DataError: a folder without an image.
    """

    def lines() -> Iterator[LineInput]:
        for path in paths:
            if is_folder(path):
                yield from _images_in(path)
            else:
                yield from _pictures(path)

    for path in paths:
        if is_folder(path) and next(_images_in(path), None) is None:
            raise DataError(f"The folder {path} holds no image.")
    return Inputs(lines, lambda: sum(1 for _ in lines()))


def list_inputs(source: Path | BinaryIO, name: str | None = None) -> Inputs:
    """The images that a list names, one path per line; a file with several pictures is several.

    Empty lines are skipped, byte order marks and line ends are no part of a path.

    :param source: path of the list, or an open stream, which is read once.
    :param name: of the list in errors; None for its path.
    :raises FileError: it cannot be read.
    :raises DataError: while it is iterated: it names no image, or has a row of more than `MAX_ROW_BYTES`.
    """
    name = str(source) if name is None else name
    if isinstance(source, Path):
        require_file(source, pipes=True)

    def lines() -> Iterator[LineInput]:
        empty = True
        try:
            with source.open("rb") if isinstance(source, Path) else nullcontext(source) as handle:
                for path in _rows(handle, name):
                    empty = False
                    yield from _pictures(Path(os.fsdecode(path)), os.fsdecode(path))
        except OSError as error:
            raise FileError(f"Cannot read {name}: {os_reason(error)}.") from error
        if empty:
            raise DataError(f"{name} names no image.")

    again = isinstance(source, Path) and source.is_file()  # a pipe can be read only once
    return Inputs(lines, lambda: sum(1 for _ in lines()) if again else None)


def _rows(handle: BinaryIO, name: str) -> Iterator[bytes]:
    """The rows of a list that are not empty, without line ends; each is bounded before it is read."""
    while row := handle.readline(MAX_ROW_BYTES + 1):
        if len(row) > MAX_ROW_BYTES:
            raise DataError(f"{name} has a row of more than {MAX_ROW_BYTES} bytes, which is not the path of an image.")
        if path := row.removeprefix(codecs.BOM_UTF8).rstrip(b"\r\n"):
            yield path


def pixel_inputs(path: str | os.PathLike) -> Inputs:
    """The arrays `pixels_0`, `pixels_1`, ... of an ``.npz``, each integers [T, I]; other arrays are ignored.

    :param path: of the ``.npz``.
    :raises FileError: it cannot be read.
    :raises DataError: no `pixels_0`, or a number is missing.
    """
    reader = NpzReader(path)
    names = {name for name in reader.names if re.fullmatch(r"pixels_\d+", name)}
    for number in range(max(len(names), 1)):
        if f"pixels_{number}" not in names:
            raise DataError(f"{path} has {len(names)} pixel arrays but no pixels_{number}; they count from 0.")
    count = len(names)

    def lines() -> Iterator[LineInput]:
        for number in range(count):
            yield LineInput(f"pixels_{number}", partial(reader.read, f"pixels_{number}", limit=MAX_PIXEL_BYTES))

    return Inputs(lines, lambda: count, reader.digest(r"pixels_\d+"))


def _pictures(path: Path, name: str | None = None) -> Iterator[LineInput]:
    """A line for each picture of a file; `name` is of the file, None for its path."""
    pictures = pictures_of(path)
    for number, picture in enumerate(pictures):
        given = str(path) if name is None else name
        yield LineInput(given if len(pictures) == 1 else f"{given}[{number}]", picture)


def _images_in(folder: Path, depth: int = 1) -> Iterator[LineInput]:
    """Images, sorted by the parts of their paths; a folder that cannot be read, or lies too deep, is a line that fails."""
    if depth > MAX_DEPTH:
        error = FileError(f"{folder} is not read: more than {MAX_DEPTH} folders lie within each other.", about=folder)
        yield LineInput(str(folder), partial(_fail, error))
        return
    try:
        for name, is_folder in _sorted_entries(folder):
            if is_folder:
                yield from _images_in(folder / name, depth + 1)
            else:
                yield from _pictures(folder / name)
    except OSError as error:
        yield LineInput(
            str(folder), partial(_fail, FileError(f"Cannot read {folder}: {os_reason(error)}.", about=folder))
        )


def _sorted_entries(folder: Path) -> Iterator[tuple[str, bool]]:
    """Names of images and folders in one folder, sorted, and which are folders; `SORTED_AT_ONCE` at a time."""

    def after(last: str) -> Iterator[tuple[str, bool]]:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name <= last or entry.name.startswith("."):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    yield entry.name, True
                elif PurePath(entry.name).suffix.lower() in IMAGE_SUFFIXES and entry.is_file():
                    yield entry.name, False

    last = ""
    while True:
        found = heapq.nsmallest(SORTED_AT_ONCE, after(last))
        yield from found
        if len(found) < SORTED_AT_ONCE:
            return
        last = found[-1][0]


def _fail(error: FileError) -> np.ndarray:
    raise error

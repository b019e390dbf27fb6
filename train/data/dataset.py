"""Datasets of text lines in the layout of UW3-500: two list files and a folder of images.

    FOLDER/sortedTrain.txt     training lines, one `relative/name,ground truth` each
    FOLDER/valid.txt           validation lines, the same
    FOLDER/imgs/NAME.png       their images, or another suffix of `datapath.images.IMAGE_SUFFIXES`
    FOLDER/texts.json          the form of the texts, if they are not as people wrote them (see `train.data.forms`)

The ground truth of a line is its reference text, as it is in the file but for the line end and the quotes of CSV (see
`train.data.lists`). Characters that are not trained are those of `datapath.alphabet.UNTRAINED_CHARACTERS`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from datapath.alphabet import UNTRAINED_CHARACTERS, Alphabet
from datapath.design import Design
from datapath.errors import ConfigError, DataError, FileError, ImageError
from datapath.files import file_errors, new_mode, os_reason, write_text
from datapath.images import load_image, normalise_image, quantize_pixels
from datapath.quoting import message_text
from datapath.temporaries import growing_folder
from datapath.text_form import AS_WRITTEN, TextForm
from train.data.forms import read_form, write_form
from train.data.image_files import ImageFiles
from train.data.left_out import LeftOut
from train.data.lists import Row, is_inner_path, list_text, read_list, why_not_inner_path

TRAINING_LIST = "sortedTrain.txt"
VALIDATION_LIST = "valid.txt"
IMAGE_FOLDER = "imgs"
IMAGE_SUFFIX = ".png"

Progress = Callable[[int, int], None]
"""Called with (done, total)."""


@dataclass(frozen=True)
class Line:
    """One text line."""

    name: str  # within the dataset
    text: str  # reference (ground truth)
    source: Path | Image.Image  # image, or its path

    def image(self) -> Image.Image:
        """The picture in greyscale; raises ImageError as `datapath.images.load_image` does."""
        try:
            return load_image(self.source)
        except ImageError as error:
            raise error.within(self.name) if isinstance(self.source, Image.Image) else error from error.__cause__

    def pixels(self, target_height: int) -> np.ndarray:
        """Grey columns, not yet quantized.

        :param target_height: I, height of the network's input in pixels.
        :returns: uint8 [T, I], ink bright, left to right, top pixel first, T even.
        :raises ImageError: unreadable, or it gives too few or too many columns; the line is named.
        """
        image = self.image()
        try:
            return normalise_image(image, target_height)
        except ImageError as error:
            raise error.within(self.name) from error

    def columns(self, design: Design) -> np.ndarray:
        """What a design reads: `pixels` in its widths, int8 [T, I]; raises ImageError as `pixels` does."""
        return quantize_pixels(self.pixels(design.inputs), design.precision.activation)


@dataclass(frozen=True)
class Dataset:
    """Training lines and validation lines.

    training    base lines: they decide the alphabet
    validation  lines that error rates are measured on
    name        of the dataset
    problems    messages for the user: each line that was left out, and what makes results on the lines doubtful
    extra       training lines of other datasets; they add no character to the alphabet
    options     of the command line by which it was read, see `train.data.record.DataRecord`
    form        in which the texts are, see `train.data.forms.in_form`
    """

    training: tuple[Line, ...]
    validation: tuple[Line, ...]
    name: str
    problems: tuple[str, ...] = ()
    extra: tuple[Line, ...] = ()
    options: Mapping[str, str | int | bool] = field(default_factory=dict)
    form: TextForm = AS_WRITTEN

    def __post_init__(self) -> None:
        object.__setattr__(self, "problems", tuple(map(message_text, self.problems)))

    def alphabet(self) -> Alphabet:
        """Characters in order of first appearance over the training lines, narrowest image first.

        The width is that of the scan, before it is resized; equally wide lines have the order of the list. This gives
        the alphabet of the published LSTM-PYNQ networks from UW3-500; the width after resizing does not.

        :raises ImageError: an image cannot be read.
        :raises DesignError: the lines hold no character to train, or more than an alphabet takes.
        """
        by_width = sorted(self.training, key=lambda line: line.image().width)
        return Alphabet.of_texts(line.text for line in by_width)


def read_dataset(
    folder: str | os.PathLike | None,
    *,
    sorted_train: str | os.PathLike | None = None,
    valid: str | os.PathLike | None = None,
    imgs: str | os.PathLike | None = None,
    validation_only: bool = False,
) -> Dataset:
    """Read a dataset in the layout of UW3-500.

    Every image is decoded once, so that a damaged one is found here and not after hours of training.

    :param folder: holds the two lists and the images, and names the dataset; None if the others name all of them.
    :param sorted_train: the list of training lines, if it is not ``FOLDER/sortedTrain.txt``.
    :param valid: the list of validation lines, if it is not ``FOLDER/valid.txt``.
    :param imgs: the folder of images, if it is not ``FOLDER/imgs``.
    :param validation_only: the list of training lines may be missing; there are then none.
    :raises FileError: a folder or list is missing or unreadable.
    :raises DataError: none of the lines of a list can be used; file and line number of the first are named.
    :raises ConfigError: neither `folder` nor an argument names a list or the folder of images.
    """
    if folder is not None:
        folder = Path(folder)
        _require_folder(folder)
        with file_errors("read", folder):
            if not any(folder.iterdir()):
                raise DataError(f"The dataset folder {folder} is empty.")
    validation_list = _part("valid", valid, folder, VALIDATION_LIST)
    images = _part("imgs", imgs, folder, IMAGE_FOLDER)
    training, training_problems = (), ()
    if not validation_only or sorted_train is not None or (folder is not None and (folder / TRAINING_LIST).exists()):
        training_list = _part("sorted_train", sorted_train, folder, TRAINING_LIST)
        training, training_problems = read_lines(training_list, images, trained=True)
    validation, validation_problems = read_lines(validation_list, images)
    problems = (*training_problems, *validation_problems, *_shared_lines(training, validation, validation_list))
    name = validation_list.stem if folder is None else folder.resolve().name
    form = read_form(validation_list.parent if folder is None else folder)
    return Dataset(training, validation, name, tuple(dict.fromkeys(problems)), form=form)


def read_lines(
    list_file: str | os.PathLike, imgs: str | os.PathLike, *, trained: bool = False
) -> tuple[tuple[Line, ...], tuple[str, ...]]:
    """Read the lines of one list file, in its order; blank rows are passed over.

    An image is found by the name in the list, with or without a suffix (see `train.data.image_files.ImageFiles`).

    :param list_file: path of the list, UTF-8; see `train.data.lists` for quotes.
    :param imgs: the folder of images.
    :param trained: also leave out a line whose text holds no trained character (a lone ``$``).
    :returns: the lines, and messages on those that were left out and on what is doubtful.
    :raises FileError: the list or the folder of images is missing or unreadable.
    :raises DataError: no usable line; the first is named with the reason.
    """
    list_file, imgs = Path(list_file), Path(imgs)
    listed = read_list(list_file)
    _require_folder(imgs)
    lines, left_out, images = [], LeftOut(), ImageFiles(imgs)
    for number, reason in listed.malformed:
        left_out.add(f"rows of {list_file}", f"{list_file} line {number}", reason)
    first_seen: dict[str, int] = {}
    first_with: dict[Path, Row] = {}
    for row in listed.rows:
        line, unusable = None, why_not_inner_path(row.name)
        if row.name in first_seen:
            unusable = f"it repeats {row.name}, which is on line {first_seen[row.name]}."
        first_seen.setdefault(row.name, row.number)
        if unusable is None:
            try:
                line = Line(row.name, row.text, images.find(row.name))
            except (DataError, ImageError) as error:
                line, unusable = Line(row.name, row.text, imgs / row.name), str(error)
            else:
                if (first := first_with.get(line.source)) is not None:
                    unusable = f"its image is that of {first.name}, which is on line {first.number}."
            unusable = _why_unusable_text(line, trained) or unusable or _why_unusable_image(line)
        if unusable is None:
            lines.append(line)
            first_with[line.source] = row
        else:
            left_out.add(f"lines of {list_file}", f"{list_file} line {row.number} ({row.name})", unusable)
    problems = (*listed.notes, *left_out.messages(), *images.notes())
    if not lines:
        if not left_out:
            raise DataError(f"{list_file} lists no lines.")
        count = "Its only line" if len(left_out) == 1 else f"The first of its {len(left_out)} lines"
        _, where, reason = left_out.entries[0]
        raise DataError(f"{list_file} has no line that can be used. {count}: {where} is left out: {reason}")
    return tuple(lines), problems


def write_dataset(dataset: Dataset, folder: str | os.PathLike) -> Path:
    """Write a dataset in the layout that `read_dataset` reads, whole or not at all.

    As in UW3-500, the list of training lines runs from the widest (in proportion to its height) to the narrowest.

    :param folder: missing or empty.
    :returns: `folder`.
    :raises FileError: it holds something already, or cannot be written.
    :raises DataError: a name or text that the layout cannot hold.
    :raises ImageError: an image cannot be read.
    """
    for lines in (dataset.training, dataset.validation):
        _require_writable(lines)
    with fresh_folder(folder) as inside:
        for line in (*dataset.training, *dataset.validation):
            path = inside / IMAGE_FOLDER / f"{line.name}{IMAGE_SUFFIX}"
            path.parent.mkdir(parents=True, exist_ok=True)
            bilevel = isinstance(line.source, Image.Image) and line.source.mode == "1"
            (line.source if bilevel else line.image()).save(path, format="PNG")
        for name, lines in ((TRAINING_LIST, widest_first(dataset.training)), (VALIDATION_LIST, dataset.validation)):
            write_text(inside / name, list_text((line.name, line.text) for line in lines))
        write_form(dataset.form, inside)
    return Path(folder)


def widest_first(lines: Iterable[Line]) -> tuple[Line, ...]:
    """Lines in the order of UW3-500's list of training lines: by width over height, falling."""

    def proportion(line: Line) -> float:
        width, height = line.image().size
        return width / height

    return tuple(sorted(lines, key=proportion, reverse=True))


def require_free(folder: str | os.PathLike) -> None:
    """Make sure that `folder` is missing or empty, and could be made.

    :raises FileError: it is a file, lies below a file, holds something already, or its path cannot be followed.
    """
    folder = Path(folder)
    with file_errors("read", folder):
        nearest = next((parent for parent in folder.parents if parent.exists()), None)
        below_file = nearest is not None and not nearest.is_dir()
        taken = folder.exists() and (not folder.is_dir() or any(folder.iterdir()))
    if below_file:
        raise FileError(f"Cannot write {folder}: {nearest} is not a folder.")
    if taken:
        raise FileError(f"{folder} exists and is not an empty folder; nothing is overwritten.")


@contextmanager
def fresh_folder(folder: str | os.PathLike) -> Iterator[Path]:
    """Yield a temporary folder that becomes `folder` on a clean exit, and is removed on any other.

    :raises FileError: `folder` holds something already, or cannot be written.
    """
    require_free(folder)
    target = Path(folder).resolve()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with growing_folder(target) as temporary:
            yield temporary
            temporary.chmod(new_mode(0o777))  # a temporary is private
    except OSError as error:
        raise FileError(f"Cannot write {folder}: {os_reason(error)}.") from error


def _require_writable(lines: Sequence[Line]) -> None:
    """Refuse what `read_lines` could not give back."""
    names = set()
    for line in lines:
        if "," in line.name or "\n" in line.name or not is_inner_path(line.name):
            raise DataError(f"The name {line.name!r} cannot be written; it must be a relative path without a comma.")
        if line.name in names:
            raise DataError(f"Two lines are named {line.name}; names must differ within a list.")
        if not line.text or set(line.text) & set("\r\n"):
            raise DataError(f"The text {line.text!r} of {line.name} cannot be written; it must be one line, not empty.")
        names.add(line.name)


def _require_folder(folder: Path) -> None:
    with file_errors("read", folder):
        if not folder.is_dir():
            reason = "it is not a folder" if folder.exists() else "no such folder"
            raise FileError(f"Cannot read {folder}: {reason}.")


def _part(name: str, given: str | os.PathLike | None, folder: Path | None, usual: str) -> Path:
    """A list or folder that is named itself, else the usual one of the dataset's folder."""
    if given is not None:
        return Path(given)
    if folder is None:
        raise ConfigError(f"{name} is not given; without a dataset folder it must be, as no {usual} can be found.")
    return folder / usual


def _why_unusable_text(line: Line, trained: bool) -> str | None:
    if line.text == "":
        return "its ground truth is empty."
    if "\r" in line.text:
        return "its ground truth holds a carriage return."
    if trained and all(c in UNTRAINED_CHARACTERS for c in line.text):
        return f"its ground truth {line.text!r} holds no character that is trained."
    return None


def _why_unusable_image(line: Line) -> str | None:
    try:
        line.image()
    except ImageError as error:
        return str(error)
    return None


def _shared_lines(training: Iterable[Line], validation: Iterable[Line], validation_list: Path) -> list[str]:
    """A message if training lines are validation lines, too: it is allowed, but the error rates are then too low."""
    trained = {line.source for line in training}
    shared = [line.name for line in validation if line.source in trained]
    if not shared:
        return []
    return [f"{len(shared)} of the lines in {validation_list} are training lines too, the first {shared[0]}."]

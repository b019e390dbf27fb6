"""`import_lines`: lines in the forms in which people have them, written in the layout of UW3-500; `source_dataset`.

Which lines are validation lines is decided by a hash of seed and name: a line keeps its side when others are added, and
the same source gives the same dataset on every machine.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import statistics
from collections import Counter
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from pathlib import Path

from PIL import Image

from datapath.alphabet import UNTRAINED_CHARACTERS
from datapath.design import Limits
from datapath.errors import ConfigError, DataError
from datapath.files import write_text
from datapath.text_form import TextForm
from train.data.dataset import (
    IMAGE_FOLDER,
    IMAGE_SUFFIX,
    TRAINING_LIST,
    VALIDATION_LIST,
    Dataset,
    Progress,
    fresh_folder,
    require_free,
)
from train.data.forms import write_form
from train.data.lists import list_text
from train.data.sources.found import FoundLine
from train.data.sources.reading import ReadSource, SourceLine, read_source

NORMALISATION = "NFC"
"""Of texts, where nothing else is asked for: most networks take a letter with its accent as one character."""


@dataclass(frozen=True)
class Share:
    """How many lines are validation lines.

    >>> Share.of("10%").count(95), Share.of("200").count(1000)
    (10, 200)

    value    a share of the lines, 0 to 1, or their number
    percent  whether it is a share
    """

    value: Fraction
    percent: bool

    @classmethod
    def of(cls, text: str) -> Share:
        """What ``--validation`` says.

        :param text: "12.5%" or "200".
        :raises ConfigError: neither a share above 0 % and below 100 % nor a number above 0.
        """
        if match := re.fullmatch(r"([0-9]{1,3}(?:\.[0-9]{1,6})?) ?%", text.strip()):
            value = Fraction(match[1]) / 100
            if 0 < value < 1:
                return cls(value, True)
        elif re.fullmatch(r"[0-9]{1,9}", text.strip()) and int(text) > 0:
            return cls(Fraction(text.strip()), False)
        raise ConfigError(
            f"validation is {text!r}; it must be a share above 0% and below 100%, as 10%, or a number of lines."
        )

    def count(self, lines: int) -> int:
        """Validation lines of so many: a share is rounded, half up, and at least one line stays on either side.

        :param lines: in all.
        :raises DataError: the number leaves no training line, or there are fewer than two lines.
        """
        if lines < 2:
            raise DataError(f"There is {lines} line; training and validation need one each.")
        if not self.percent and self.value >= lines:
            raise DataError(f"{self.value} validation lines leave none of the {lines} lines for training.")
        wanted = int(self.value * lines + Fraction(1, 2)) if self.percent else int(self.value)
        return min(max(wanted, 1), lines - 1)

    def __str__(self) -> str:
        return f"{float(self.value * 100):g} %" if self.percent else f"{self.value} lines"


SHARE = Share(Fraction(1, 10), True)
SEED = 0


@dataclass(frozen=True, kw_only=True)
class Imported:
    """What `import_lines` wrote, in numbers.

    dataset      the lines, in the order of the lists; its problems are what was left out, and what is doubtful
    read         what the source gave
    own_split    whether the source's own lists decided which lines are validation lines
    columns      T of every line at the height of the published networks' input
    too_wide     lines that exceed the columns of the published overlay
    too_long     lines that exceed its labels
    over_limits  lines that exceed either
    characters   count of every character of the texts
    """

    dataset: Dataset
    read: ReadSource
    own_split: bool
    columns: tuple[int, ...]
    too_wide: int
    too_long: int
    over_limits: int
    characters: Counter[str]

    @property
    def median_columns(self) -> float:
        return statistics.median(self.columns)


def import_lines(
    source: str | os.PathLike,
    folder: str | os.PathLike,
    *,
    validation: Share | None = None,
    seed: int = SEED,
    form: TextForm | None = None,
    progress: Progress | None = None,
) -> Imported:
    """Write the lines of a source in the layout that `train.data.dataset.read_dataset` reads, whole or not at all.

    PNG files are copied; other images are written as grey PNG.

    :param source: folder or file, see `train.data.sources`.
    :param folder: missing or empty.
    :param validation: how many lines are validation lines; None takes the split of a source in the layout of UW3-500,
        else `SHARE`.
    :param seed: of the choice of validation lines.
    :param form: of the texts; None for NFC.
    :param progress: called with (lines read, lines in all).
    :raises FileError: `folder` is not empty or cannot be written; the source is missing or cannot be read.
    :raises DataError: the source holds no line that can be used, or only one; `folder` lies within it.
    """
    require_free(folder)
    if Path(folder).resolve().is_relative_to(Path(source).resolve()):
        raise DataError(f"{folder} lies within {source}, so that what is written would be read as lines again.")
    form = form or TextForm(normalisation=NORMALISATION)
    with fresh_folder(folder) as inside:
        read = read_source(source, form=form.written, keep=partial(_store, inside, Path(folder)), progress=progress)
        dataset, own_split = _split(read, Path(source), validation=validation, seed=seed)
        for name, lines in ((TRAINING_LIST, dataset.training), (VALIDATION_LIST, dataset.validation)):
            write_text(inside / name, list_text((line.name, line.text) for line in lines))
        write_form(form, inside)
    return _summary(replace(dataset, form=form), read, own_split)


def source_dataset(
    source: str | os.PathLike, *, form: TextForm | None = None, progress: Progress | None = None
) -> Dataset:
    """The dataset that `import_lines` would write with its default split, without writing it.

    :param source: folder or file, see `train.data.sources`. Lines of pages are held in memory.
    :param form: of the texts; None for NFC.
    :param progress: called with (lines read, lines in all).
    :raises FileError, DataError: see `import_lines`.
    """
    form = form or TextForm(normalisation=NORMALISATION)
    read = read_source(source, form=form.written, progress=progress)
    dataset, own_split = _split(read, Path(source), validation=None, seed=SEED)
    how = "as its lists say" if own_split else f"as `foldline data import` splits them ({SHARE}, seed {SEED})"
    counts = f"{len(dataset.training)} training and {len(dataset.validation)} validation lines"
    return replace(dataset, problems=(f"{source}: {counts}, {how}.", *dataset.problems), form=form)


def _store(inside: Path, folder: Path, found: FoundLine, image: Image.Image) -> Path:
    """Write an image into the temporary folder `inside`; its path will be in `folder`."""
    place = Path(IMAGE_FOLDER, f"{found.name}{IMAGE_SUFFIX}")
    (inside / place).parent.mkdir(parents=True, exist_ok=True)
    if isinstance(found.image, Path) and found.image.suffix.lower() == IMAGE_SUFFIX:
        shutil.copyfile(found.image, inside / place)
    else:
        image.save(inside / place, format="PNG")
    return folder / place


def _split(read: ReadSource, source: Path, *, validation: Share | None, seed: int) -> tuple[Dataset, bool]:
    """Training lines, widest first, and validation lines; whether the source's own lists decided."""
    lines = read.lines
    assigned = [one for one in lines if one.validation is not None] if validation is None else []
    open_lines = lines if not assigned else [one for one in lines if one.validation is None]
    held_out = {one.line.name for one in assigned if one.validation}
    if open_lines and (not assigned or len(open_lines) > 1):
        share = validation or SHARE
        ranked = sorted((one.line.name for one in open_lines), key=lambda name: _rank(seed, name))
        held_out |= set(ranked[: share.count(len(open_lines))])
    training = [one for one in lines if one.line.name not in held_out]
    chosen = [one for one in lines if one.line.name in held_out]
    for what, side in (("training", training), ("validation", chosen)):
        if not side:
            raise DataError(f"{source} has no {what} line that can be used; its lists say which lines they are.")
    if open_lines:  # the list of a source in the layout of UW3-500 keeps its order
        training.sort(key=_proportion, reverse=True)
    name = source.resolve().name if source.is_dir() else source.stem
    problems = (*read.messages, *_same_pictures(training, chosen))
    dataset = Dataset(tuple(one.line for one in training), tuple(one.line for one in chosen), name, problems)
    return dataset, bool(assigned)


def _same_pictures(training: list[SourceLine], validation: list[SourceLine]) -> tuple[str, ...]:
    """A message if validation lines have the picture of a training line: their error rates are then too low."""
    trained = {one.digest: one.line.name for one in training}
    same = [(one.line.name, trained[one.digest]) for one in validation if one.digest in trained]
    if not same:
        return ()
    return (
        f"{len(same)} validation lines have the picture of a training line, so that error rates will be too low; the first is "
        f"{same[0][0]}, as {same[0][1]}.",
    )


def _rank(seed: int, name: str) -> bytes:
    return hashlib.sha256(f"{seed}\n{name}".encode()).digest()


def _proportion(one: SourceLine) -> Fraction:
    width, height = one.size
    return Fraction(width, height)


def _summary(dataset: Dataset, read: ReadSource, own_split: bool) -> Imported:
    limits = Limits()
    wide = [one.columns > limits.columns for one in read.lines]
    long = [sum(c not in UNTRAINED_CHARACTERS for c in one.line.text) > limits.labels for one in read.lines]
    return Imported(
        dataset=dataset,
        read=read,
        own_split=own_split,
        columns=tuple(one.columns for one in read.lines),
        too_wide=sum(wide),
        too_long=sum(long),
        over_limits=sum(map(max, wide, long)),
        characters=Counter(character for one in read.lines for character in one.line.text),
    )

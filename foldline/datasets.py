"""`open_dataset`: the lines that `--data` names: a dataset folder, lines in another form, or the embedded generator's."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Protocol, TypeVar

from datapath import Alphabet
from datapath.alphabet import MAX_BYTES
from datapath.errors import CheckpointError, ConfigError, DesignError
from datapath.reading import read_text
from datapath.text_form import NONE, TextForm
from train.data.characters import text_notes, unreadable_note
from train.data.dataset import IMAGE_FOLDER, TRAINING_LIST, VALIDATION_LIST, Dataset, Progress, read_dataset
from train.data.forms import in_form
from train.data.synthetic_source import SYNTHETIC, SyntheticSource

SYNTHETIC_TRAINING, SYNTHETIC_VALIDATION = 2000, 200


class HasTexts(Protocol):
    """What `lines_for` needs of a network, which a `Design` and a `foldline.networks.Network` have."""

    @property
    def text_form(self) -> TextForm: ...

    @property
    def alphabet(self) -> Alphabet: ...

    def with_text_form(self, form: TextForm) -> HasTexts: ...


Measured = TypeVar("Measured", bound=HasTexts)


def open_dataset(
    data: str,
    *,
    seed: int,
    sortedtrain: Path | None = None,
    valid: Path | None = None,
    imgs: Path | None = None,
    normalisation: str | None = None,
    bidi: bool = False,
    validation_only: bool = False,
    progress: Progress | None = None,
) -> Dataset:
    """The dataset in the folder `data`, in the layout of UW3-500 or as `foldline data import` reads it; or the generator's.

    :param data: folder, a file that `foldline data import` takes, ``synthetic``, ``synthetic:LINES`` or
        ``synthetic:LINES:FONTS`` with a folder of fonts. If it is ``synthetic``, the lists and the folder of images may stand
        for a whole dataset.
    :param seed: of synthetic lines.
    :param sortedtrain: list of training lines; None takes the folder's.
    :param valid: list of validation lines; None takes the folder's.
    :param imgs: folder of images; None takes the folder's.
    :param normalisation: of the texts, one of `NORMALISATIONS`; None takes that of an import, and else leaves them as they are.
    :param bidi: put the texts in the order of the picture.
    :param validation_only: the caller uses no training lines: a list of them may be missing, and one is rendered.
    :param progress: called with (lines read or rendered, lines in all).
    :raises DataError, FileError: see `train.data.dataset.read_dataset` and `train.data.importing.source_dataset`.
    :raises FileError: a folder of fonts that cannot be used, see `train.data.font_folders.read_fonts`.
    :raises ConfigError: lists for a number of synthetic lines, or too few lists without a folder.
    """
    form = TextForm(normalisation=normalisation or NONE, in_picture_order=bidi)
    lists = {"sortedtrain": sortedtrain, "valid": valid, "imgs": imgs}
    given = [f"--{name}" for name, path in lists.items() if path is not None]
    synthetic = SyntheticSource.of(data)
    if synthetic is not None and not (given and data == SYNTHETIC):
        if given:
            raise ConfigError(f"Synthetic lines have no {', '.join(given)}; name a folder with --data.")
        lines = _synthetic(synthetic, seed=seed, validation_only=validation_only, progress=progress)
        return in_form(lines, form)
    if synthetic is not None:
        needed = [f"--{one}" for one in lists if not (validation_only and one == "sortedtrain")]
        if missing := [one for one in needed if one not in given]:
            raise ConfigError(f"{', '.join(given)} needs {' and '.join(missing)}, or a folder by --data.")
    folder = None if synthetic is not None else Path(data)
    if folder is None or given:
        parts = {"sorted_train": sortedtrain, "valid": valid, "imgs": imgs}
        return in_form(read_dataset(folder, **parts, validation_only=validation_only), form)
    from train.data.importing import NORMALISATION, source_dataset
    from train.data.sources.folders import beside_lists

    if not _has_layout(folder):
        form = replace(form, normalisation=normalisation or NORMALISATION)
        return source_dataset(folder, form=form, progress=progress)
    dataset = in_form(read_dataset(folder, validation_only=validation_only), form)
    notes = () if validation_only else beside_lists(folder)
    return replace(dataset, problems=(*dataset.problems, *notes))


def _has_layout(folder: Path) -> bool:
    """Whether a folder is in the layout of UW3-500, or has its validation lines alone.

    Images may also lie beside both lists, and a list of training lines alone is split: that is what an import reads.
    """
    training, validation = ((folder / name).is_file() for name in (TRAINING_LIST, VALIDATION_LIST))
    return validation and ((folder / IMAGE_FOLDER).is_dir() or not training)


def _synthetic(source: SyntheticSource, *, seed: int, validation_only: bool, progress: Progress | None) -> Dataset:
    from train.data.font_folders import read_fonts
    from train.data.synthetic import synthetic_dataset

    training = source.lines or (1 if validation_only else SYNTHETIC_TRAINING)
    fonts = None if source.fonts is None else read_fonts(source.fonts)
    return synthetic_dataset(
        seed=seed, training=training, validation=SYNTHETIC_VALIDATION, fonts=fonts, progress=progress
    )


def with_extra(dataset: Dataset, other: Dataset) -> Dataset:
    """`dataset` with the training lines of `other` as extra lines."""
    other = in_form(other, dataset.form)
    return replace(
        dataset,
        extra=(*dataset.extra, *other.training),
        name=f"{dataset.name} + {other.name}",
        problems=(*dataset.problems, *other.problems),
    )


def alphabet_source(file: Path | None = None, **dataset: object) -> Callable[[int], tuple[Alphabet, str]]:
    """Where a checkpoint that has no alphabet gets it (`train.original.load_checkpoint`).

    :param file: the alphabet; None takes the training lines of the dataset.
    :param dataset: arguments of `open_dataset` but for the seed; none for a command that reads no dataset. The generator's
        lines give no alphabet, since no other program trained on them.
    """

    def alphabet(classes: int) -> tuple[Alphabet, str]:
        if file is not None:
            return read_alphabet(file), str(file)
        missing = f"it has {classes} classes and no alphabet"
        if not dataset:
            raise CheckpointError(
                f"{missing}; `foldline export` with --alphabet FILE and -o DESIGN.npz makes a design of it."
            )
        lists = any(dataset.get(name) is not None for name in ("sortedtrain", "valid", "imgs"))
        generated = str(dataset["data"]).partition(":")[0] == SYNTHETIC and not lists
        lines = None if generated else open_dataset(**dataset, seed=0, validation_only=True)
        if lines is None or not lines.training:
            raise CheckpointError(
                f"{missing}; name the alphabet with --alphabet FILE, or with --data DIR the dataset that it was trained on, "
                f"whose training lines give it."
            )
        found, origin = lines.alphabet(), f"the training lines of {lines.name}"
        if len(found) != classes:
            raise CheckpointError(
                f"it has {classes} classes, the blank included, and {origin} give {len(found)}: it was trained on other lines; "
                f"name its alphabet with --alphabet FILE."
            )
        return found, origin

    return alphabet


def no_alphabet(classes: int) -> tuple[Alphabet, str]:
    """Refuses a checkpoint without an alphabet, for a run that is to be resumed; see `alphabet_source`.

    :param classes: of the checkpoint.
    """
    raise CheckpointError(
        f"Foldline did not write it, and only its weights are read, so its run cannot be resumed; --pretrained-policy RETRAIN "
        f"starts a new run from its weights of {classes} classes."
    )


def read_alphabet(path: str | os.PathLike) -> Alphabet:
    """Read an alphabet file, or a text of all characters in the order of their classes.

    :param path: class n on line n, so line 0, the blank, is empty; or the characters from class 1 on, line breaks left out.
    :raises FileError: it cannot be read.
    :raises DesignError: its characters are not an alphabet, one occurs twice for example; the path is named.
    """
    text = read_text(path, limit=MAX_BYTES, pipes=True)
    try:
        if text.startswith(("\n", "\r\n")):
            return Alphabet.of_lines(text)
        return Alphabet(("", *text.replace("\r", "").replace("\n", "")))
    except DesignError as error:
        raise error.within(path) from error


def lines_for(dataset: Dataset, network: Measured) -> tuple[Dataset, Measured, list[str]]:
    """A dataset to measure a network on: its texts in the form that the network was trained on.

    :param dataset: its validation lines are measured on; a form that it has goes before the network's.
    :param network: a network or its design.
    :returns: the dataset, the network with the form of the texts, and notes on the texts of the validation lines.
    """
    dataset = in_form(dataset, network.text_form)
    return dataset, network.with_text_form(dataset.form), validation_notes(dataset, network.alphabet)


def validation_notes(dataset: Dataset, alphabet: Alphabet) -> list[str]:
    """Notes on the texts of validation lines, and on what of them a network cannot output.

    :param dataset: with validation lines.
    :param alphabet: of the network.
    """
    texts = [line.text for line in dataset.validation]
    unreadable = unreadable_note(texts, alphabet, what="validation lines")
    return [*text_notes(texts, dataset.form), *([] if unreadable is None else [unreadable])]

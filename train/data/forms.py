"""The form of a dataset's texts (`datapath.text_form.TextForm`): how they are brought into it, and where it is written down."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from datapath.errors import DataError, FileError
from datapath.files import write_text
from datapath.json_text import parse_json
from datapath.reading import read_text
from datapath.text_form import AS_WRITTEN, NONE, TextForm

if TYPE_CHECKING:
    from train.data.dataset import Dataset, Line

MAX_BYTES = 2**16
"""Limit of `FORM_FILE`, which has some 100 bytes."""

FORM_FILE = "texts.json"
"""In the folder of a dataset whose texts were brought into a form, so that this is not done twice."""


def in_form(dataset: Dataset, form: TextForm) -> Dataset:
    """The dataset with its texts in a form, those of the extra lines as well.

    What the form leaves open (no normalisation, logical order) stays as it is.

    :param dataset: its own form is `Dataset.form`.
    :param form: wanted.
    """
    before = dataset.form
    after = TextForm(
        normalisation=before.normalisation if form.normalisation == NONE else form.normalisation,
        in_picture_order=before.in_picture_order or form.in_picture_order,
    )
    if after == before:
        return dataset

    def written(lines: Iterable[Line]) -> tuple[Line, ...]:
        return tuple(replace(line, text=after.written(before.shown(line.text))) for line in lines)

    return replace(
        dataset,
        training=written(dataset.training),
        validation=written(dataset.validation),
        extra=written(dataset.extra),
        form=after,
    )


def write_form(form: TextForm, folder: str | os.PathLike) -> None:
    """Write the form of a dataset's texts into its folder; nothing for texts as they are.

    :param form: of the texts in the lists.
    :param folder: of the dataset.
    :raises FileError: it cannot be written.
    """
    if form != AS_WRITTEN:
        write_text(Path(folder) / FORM_FILE, json.dumps(form.notes(), indent=2) + "\n")


def read_form(folder: str | os.PathLike) -> TextForm:
    """The form that `write_form` wrote; that of texts as they are where it wrote nothing.

    :param folder: of a dataset.
    :raises FileError: the file cannot be read.
    :raises DataError: it holds something else; the path is named.
    """
    path = Path(folder) / FORM_FILE
    if not path.is_file():
        return AS_WRITTEN
    try:
        notes = parse_json(read_text(path, limit=MAX_BYTES), name=path)
    except FileError as error:
        raise DataError(str(error), about=path) from error
    if not isinstance(notes, dict) or not all(isinstance(one, str) for one in notes.values()):
        raise DataError(f"{path} is not a table of texts by name.")
    try:
        return TextForm.of(notes)
    except DataError as error:
        raise error.within(path) from error

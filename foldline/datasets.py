"""`open_dataset`: the lines that `--data` names, of a folder or of the embedded generator."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from datapath.errors import ConfigError
from train.data.dataset import Dataset, Progress, read_dataset
from train.data.synthetic import MAX_LINES, synthetic_dataset

SYNTHETIC = "synthetic"
SYNTHETIC_TRAINING, SYNTHETIC_VALIDATION = 2000, 200


def open_dataset(
    data: str,
    *,
    seed: int,
    sortedtrain: Path | None = None,
    valid: Path | None = None,
    imgs: Path | None = None,
    training: int = SYNTHETIC_TRAINING,
    progress: Progress | None = None,
) -> Dataset:
    """The dataset in the folder `data`, or the generator's lines for ``synthetic`` or ``synthetic:LINES``.

    :param data: folder, ``synthetic`` or ``synthetic:LINES``.
    :param seed: of synthetic lines.
    :param sortedtrain: list of training lines; None takes the folder's.
    :param valid: list of validation lines; None takes the folder's.
    :param imgs: folder of images; None takes the folder's.
    :param training: number of synthetic training lines, unless `data` names it.
    :param progress: called with (lines rendered, lines in all).
    :raises DataError, FileError: see `train.data.dataset.read_dataset`.
    """
    name, _, count = data.partition(":")
    if name == SYNTHETIC:
        if count:
            if not (count.isascii() and count.isdigit() and 1 <= int(count) <= MAX_LINES):
                raise ConfigError(f"data is {data!r}; after synthetic: comes the number of lines, 1 to {MAX_LINES}.")
            training = int(count)
        return synthetic_dataset(seed=seed, training=training, validation=SYNTHETIC_VALIDATION, progress=progress)
    return read_dataset(data, sorted_train=sortedtrain, valid=valid, imgs=imgs)


def with_extra(dataset: Dataset, other: Dataset) -> Dataset:
    """`dataset` with the training lines of `other` as extra lines."""
    return replace(
        dataset,
        extra=(*dataset.extra, *other.training),
        name=f"{dataset.name} + {other.name}",
        problems=(*dataset.problems, *other.problems),
    )

"""How a worker begins the sweep in a folder, or joins it: its settings, and the lines of each fold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from filelock import FileLock

from datapath.errors import FileError
from datapath.files import write_text
from foldline.recipe import stages_of
from foldline.sweep.jobs import Jobs
from foldline.sweep.results import RESULTS, WORK, make_folder, read_results
from foldline.sweep.settings import (
    SETTINGS,
    SweepSettings,
    extended,
    lines_of,
    read_settings,
    together,
    write_settings,
)
from train.config import Hyperparameters
from train.data.dataset import Dataset
from train.data.folds import folded
from train.data.record import DataRecord
from train.data.usable import usable_lines


@dataclass(frozen=True, kw_only=True)
class SweepLines:
    """The lines of a sweep.

    datasets  by `foldline.sweep.jobs.Job.fold`
    facts     fields of `SweepSettings` that follow from the lines
    notes     messages on lines that cannot be used, and on the folds
    """

    datasets: Mapping[int, Dataset]
    facts: Mapping[str, object]
    notes: tuple[str, ...]


def settings_before(folder: Path) -> SweepSettings | None:
    """The settings of the sweep in a folder; None where none was begun.

    :raises FileError: they are damaged, or there are results without settings.
    """
    if (folder / SETTINGS).exists():
        return read_settings(folder)
    if any((folder / RESULTS).glob("*.json")):
        raise FileError(f"{folder} has {RESULTS}, and no {SETTINGS} that says what they are of.")
    return None


def lines_in_folds(dataset: Dataset, *, folds: int, target_height: int) -> SweepLines:
    """The lines of each fold.

    :param dataset: to divide.
    :param folds: see `foldline.sweep.jobs.Jobs`; 0 takes the dataset's own split.
    :param target_height: I, height of the networks' input in pixels: lines that cannot be validated are left out.
    :raises ConfigError, DataError, ImageError: see `train.data.folds.folded` and `train.data.usable.usable_lines`.
    """
    validation, notes = usable_lines(dataset.validation, target_height=target_height, what="validation lines")
    by, usable = "", replace(dataset, validation=validation)
    datasets = {0: usable}
    if folds:
        training, more = usable_lines(dataset.training, target_height=target_height, what="training lines")
        found = folded(replace(usable, training=training), folds)
        by, notes = found.by, (*notes, *more, found.note)
        datasets = dict(enumerate(found.datasets, start=1))
    first = next(iter(datasets.values()))
    facts = {
        "folds": folds,
        "folds_by": by,
        "dataset": dataset.name,
        "digest": DataRecord.of(first).digest,
        "text_form": dataset.form.notes(),
        "lines": tuple(lines_of(one.validation) for one in datasets.values()),
        "data": {name: value for name, value in dataset.options.items() if isinstance(value, str | bool)},
    }
    return SweepLines(datasets=datasets, facts=facts, notes=notes)


def require_trainable(jobs: Jobs, preset: Hyperparameters) -> None:
    """Refuse networks that have no recipe, before lines are read.

    :param jobs: the networks.
    :param preset: of all of them.
    :raises ConfigError: see `foldline.recipe.stages_of`.
    """
    for job in jobs:
        stages_of(job.hyperparameters(preset))


def settings_to_join(
    folder: Path, lines: SweepLines, asked: Mapping[str, object], *, preset: Hyperparameters, command: str
) -> SweepSettings:
    """The settings with which a worker begins the sweep in a folder, or joins it; `keep_settings` writes them.

    :param folder: of the sweep; results in it must fit.
    :param lines: that this worker has read.
    :param asked: precisions and seeds, if this worker asks for them.
    :param preset: of all networks.
    :param command: of this worker.
    :raises ConfigError: see `foldline.sweep.settings.extended`.
    :raises FileError: a file is damaged, or a result does not fit.
    """
    before = settings_before(folder)
    facts = {**lines.facts, "preset": preset.to_dict()}
    if before is None:
        settings = SweepSettings(**facts, **asked, command=command)
    else:
        settings = extended(before, facts | dict(asked), what=folder)
    read_results(folder, settings)
    return settings


def keep_settings(folder: Path, settings: SweepSettings) -> None:
    """Write the settings of a sweep into its folder; precisions and seeds that the folder has besides stay.

    :param folder: of the sweep.
    :param settings: that `foldline.sweep.worker.join_sweep` has accepted.
    :raises ConfigError: another worker has begun another sweep in the folder.
    :raises FileError: the settings in the folder are damaged, or cannot be written.
    """
    make_folder(folder / WORK)
    write_text(folder / WORK / ".gitignore", "*\n")
    with FileLock(folder / WORK / "settings.lock"):
        before = settings_before(folder)
        both = settings if before is None else together(before, settings, what=folder)
        if both != before:
            write_settings(both, folder)

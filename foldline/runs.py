"""Which file of a run's folder a command takes; `foldline train` and `foldline recipe` write these folders.

============================ ==================================== ===========================================
folder                       to resume                            to measure and to export
============================ ==================================== ===========================================
of a training run            last.pt                              best-cer.pt, or else last.pt
of a finished recipe         by `foldline recipe -i` alone        design.npz, and the checkpoint that gave it
of a recipe before its end   the same                             of its last stage, best-cer.pt or else last.pt
of a float network's recipe  the same                             of its last stage, that which `run_recipe` chooses
============================ ==================================== ===========================================
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from datapath.errors import ConfigError, FileError
from datapath.files import file_errors, is_folder
from train.config import Hyperparameters

# As `foldline.recipe` and `train.experiment` name them, which need torch.
DESIGN, RECIPE, HYPERPARAMETERS = "design.npz", "recipe.json", "hyperparameters.json"
BEST, LAST = "best-cer.pt", "last.pt"

LISTED = 3
"""Most runs that an error about another folder names."""


def is_recipe(folder: str | os.PathLike) -> bool:
    """Whether a folder is that of a recipe, finished or not."""
    return (Path(folder) / RECIPE).is_file()


def is_float_recipe(folder: str | os.PathLike) -> bool:
    """Whether a folder is that of a recipe that trains a float network, finished or not.

    :raises ConfigError: its hyperparameters are damaged.
    """
    path = Path(folder) / HYPERPARAMETERS
    return is_recipe(folder) and path.is_file() and Hyperparameters.from_json(path).neuron_type == "LSTM"


def stage_folders(recipe: Path) -> list[Path]:
    """A recipe's training runs, in the order of its stages.

    :param recipe: its folder.
    """
    return sorted({path.parent for name in (BEST, LAST) for path in recipe.glob(f"*/*/{name}")})


def find_checkpoint(path: str | os.PathLike, *, resume: bool = False) -> Path:
    """The checkpoint to take: `path` itself, unless it is a folder.

    :param path: of a checkpoint, or the folder of a run or a recipe.
    :param resume: whether the run is to be resumed.
    :raises FileError: the folder is not that of a run or a recipe, or it has no checkpoint.
    :raises ConfigError: a recipe is to be resumed as a training run.
    """
    path = Path(path)
    if not is_folder(path):
        return path
    with file_errors("read", path):
        if not is_recipe(path):
            return _in_run(path, (LAST, BEST) if resume else (BEST, LAST))
        if resume:
            raise ConfigError(f"{path} is the folder of a recipe; it is resumed by: foldline recipe -i {path}")
        stages = stage_folders(path)
        if not stages:
            raise FileError(f"{path} is the folder of a recipe that has no checkpoint yet.")
        return _in_run(stages[-1], _order_in_recipe(path))


def find_warm_up(path: str | os.PathLike) -> Path:
    """The checkpoint at the end of a float network's training: `path` itself, unless it is a folder.

    :param path: of a checkpoint, or the folder of a run, or of a recipe, whose first stage is taken.
    :raises FileError: the folder is not that of a run or a recipe, or it has no checkpoint.
    """
    path = Path(path)
    if is_folder(path) and is_recipe(path) and (stages := stage_folders(path)):
        return _in_run(stages[0], (LAST, BEST))
    return find_checkpoint(path, resume=not is_folder(path) or not is_recipe(path))


def _order_in_recipe(recipe: Path) -> tuple[str, ...]:
    """A recipe's network is that of the best epoch only if held-out lines chose it; see `run_recipe`."""
    finished = (recipe / DESIGN).is_file() and (recipe / HYPERPARAMETERS).is_file()
    if (finished or is_float_recipe(recipe)) and not Hyperparameters.from_json(
        recipe / HYPERPARAMETERS
    ).selection_lines:
        return LAST, BEST
    return BEST, LAST


def _in_run(folder: Path, order: tuple[str, ...]) -> Path:
    for name in order:
        if (folder / name).is_file():
            return folder / name
    looked_for = f"{RECIPE}, {order[0]} or {order[1]}"
    inside = [str(run) for run, _ in zip(_runs_below(folder), range(LISTED), strict=False)]
    hint = f" Runs in it: {', '.join(inside)}." if inside else ""
    raise FileError(f"{folder} is not the folder of a run or a recipe: it has no {looked_for}.{hint}")


def _runs_below(folder: Path) -> Iterator[Path]:
    for inner in sorted(folder.iterdir()):
        if inner.is_dir() and any((inner / name).is_file() for name in (RECIPE, BEST, LAST)):
            yield inner


def taken(path: str | os.PathLike, found: str | os.PathLike) -> tuple[str, ...]:
    """The message on which file of a folder is taken; none where the path is a file.

    :param path: that was given.
    :param found: the file that is taken.
    """
    if Path(path) == Path(found):
        return ()
    return (f"{path}: {Path(found).relative_to(path)} is taken.",)

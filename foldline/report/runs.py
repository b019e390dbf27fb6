"""Opens the runs of a report (recipes, training runs, checkpoints, designs), and computes their comparisons."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from datapath import Alphabet
from datapath.errors import ConfigError
from datapath.files import is_folder
from foldline.compare.agreement import BOARD, RTL
from foldline.compare.backends import backends_of_each, check_backends
from foldline.compare.comparison import Progress, compare
from foldline.datasets import lines_for
from foldline.networks import Network, open_network
from foldline.report.curves import read_curves
from foldline.report.inputs import CurveStage, ReportRun
from foldline.runs import is_recipe, stage_folders
from train.data.dataset import Dataset

if TYPE_CHECKING:
    from train.checkpoint import Checkpoint

TENSORBOARD = "tensorboard"  # as `train.experiment` names it, which needs torch


@dataclass(frozen=True, kw_only=True)
class OpenedRun:
    """A run: its name, unique in the report, its network, and the stages of its training in order."""

    name: str
    network: Network
    curves: tuple[CurveStage, ...]


def open_runs(
    paths: Sequence[Path], *, alphabet: Callable[[int], tuple[Alphabet, str]] | None = None
) -> list[OpenedRun]:
    """Open runs, with distinct names.

    :param paths: folders of recipes or training runs, checkpoints, designs.
    :param alphabet: of checkpoints that have none, see `foldline.networks.open_network`.
    :raises ConfigError: a path is given twice.
    :raises FileError: a path is not a run; see also `foldline.networks.open_network`.
    """
    real = [os.path.realpath(path) for path in paths]
    for number, path in enumerate(paths):
        if real[number] in real[:number]:
            raise ConfigError(f"{path} is given twice; the runs of a report must differ.")
    runs = [_open_run(path, alphabet) for path in paths]
    taken = Counter(run.name for run in runs)
    return [replace(run, name=str(path)) if taken[run.name] > 1 else run for run, path in zip(runs, paths, strict=True)]


def compare_run(
    run: OpenedRun,
    dataset: Dataset,
    *,
    backends: Sequence[str],
    csim_lines: int | None = None,
    ignore_limits: bool = False,
    threads: int | None = None,
    progress: Progress | None = None,
) -> ReportRun:
    """Compare a run's backends on a dataset's validation lines; the board is the virtual one.

    :param backends: that its network has, see `backends_of`.
    :param csim_lines: number of lines for the C simulation; None for all.
    :param ignore_limits: whether to compute lines that exceed the overlay's limits.
    :param threads: worker threads; None for one per processor.
    :param progress: shows the progress.
    :raises FoldlineError: see `foldline.compare.comparison.compare`.
    """
    dataset, network, text_notes = lines_for(dataset, run.network)
    design = network.design
    with ExitStack() as stack:
        drivers = {}
        for backend, device in ((RTL, "rtl"), (BOARD, "virtual")):
            if backend in backends:
                from foldline.hardware.board import open_driver

                drivers[backend] = stack.enter_context(open_driver(design, device=device))
        comparison = compare(
            design,
            dataset.validation,
            checkpoint=network.checkpoint,
            backends=backends,
            **drivers,
            csim_lines=csim_lines,
            ignore_limits=ignore_limits,
            threads=threads,
            progress=progress,
        )
    return ReportRun(
        name=run.name,
        design=design,
        comparison=comparison,
        dataset_name=dataset.name,
        curves=run.curves,
        notes=(*run.network.notes, *text_notes),
        **_float_facts(network.checkpoint) if design is None else {},
    )


def _float_facts(checkpoint: Checkpoint) -> dict[str, object]:
    """What a report says of a float network in place of a design's facts."""
    hyperparameters = checkpoint.hyperparameters
    network = (
        f"{hyperparameters.experiment_name()}, {hyperparameters.target_height} pixels, {hyperparameters.layer_size} hidden "
        f"units per direction, {len(checkpoint.alphabet.symbols)} classes"
    )
    facts = {"network": network} | {name.replace("_", " "): text for name, text in checkpoint.provenance.items()}
    return {"rows": hyperparameters.target_height, "origin": tuple(facts.items())}


def backends_of(
    runs: Sequence[OpenedRun], backends: Iterable[str] | None, *, ignore_limits: bool
) -> list[tuple[str, ...]]:
    """The backends to compute for each run: of the requested ones those that its network has.

    :param runs: of a report.
    :param backends: requested backends; None for the default ones of each network.
    :param ignore_limits: whether lines that exceed a limit are to be computed.
    :raises ConfigError: see `foldline.compare.backends.backends_of_each` and `check_backends`.
    """
    kinds = [run.network.kind for run in runs]
    of_each = backends_of_each(backends, kinds)
    return [check_backends(own, **kind, ignore_limits=ignore_limits) for own, kind in zip(of_each, kinds, strict=True)]


def _open_run(path: Path, alphabet: Callable[[int], tuple[Alphabet, str]] | None) -> OpenedRun:
    if not is_folder(path):
        in_run = path.suffix == ".pt" and (path.parent / TENSORBOARD).is_dir()
        name = f"{path.resolve().parent.name}/{path.name}" if in_run else path.stem
        network = open_network(path, alphabet=alphabet)
        return OpenedRun(name=name, network=network, curves=_with_epochs([_stage(path.parent)]) if in_run else ())
    network = open_network(path)
    stages, missing = _stages(path) if is_recipe(path) else ((_stage(path),), ())
    network = replace(network, notes=(*network.notes, *missing))
    return OpenedRun(name=path.resolve().name, network=network, curves=_with_epochs(stages))


def _stages(recipe: Path) -> tuple[list[CurveStage], tuple[str, ...]]:
    """The stages of a recipe, with the float stage that it took from elsewhere; and a note if that is no longer there."""
    from foldline.recipe import RecipeStart, stages_of, target_of

    stages, warm_up = [_stage(folder) for folder in stage_folders(recipe)], RecipeStart.read(recipe).warm_up
    if warm_up is None:
        return stages, ()
    first = read_curves(Path(warm_up).parent / TENSORBOARD, name=stages_of(target_of(recipe))[0].name)
    if first.epochs:
        return [first, *stages], ()
    return stages, (
        f"The curves of its stage {first.name} are not shown: there is no TensorBoard log beside {warm_up}.",
    )


def _stage(folder: Path) -> CurveStage:
    return read_curves(folder / TENSORBOARD, name=_stage_name(folder))


def _with_epochs(stages: Iterable[CurveStage]) -> tuple[CurveStage, ...]:
    return tuple(stage for stage in stages if stage.epochs)


def _stage_name(folder: Path) -> str:
    """In a recipe, the name of the folder above the run, else that of the run."""
    folder = folder.resolve()
    return folder.parent.name if is_recipe(folder.parent.parent) else folder.name

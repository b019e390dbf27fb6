"""Opens the runs of a report (recipes, training runs, checkpoints, designs), and computes their comparisons."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from datapath import Alphabet
from datapath.errors import ConfigError
from datapath.files import is_folder
from foldline import networks
from foldline.compare.agreement import BOARD, RTL
from foldline.compare.backends import TORCH, check_backends
from foldline.compare.comparison import Progress, compare
from foldline.datasets import lines_for
from foldline.networks import Network, open_network
from foldline.report.curves import read_curves
from foldline.report.inputs import CurveStage, ReportRun
from foldline.runs import is_recipe, stage_folders
from train.data.dataset import Dataset
from train.data.record import DataRecord

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


def shared_lines(runs: Sequence[OpenedRun]) -> DataRecord | None:
    """The lines that all runs were trained on; None where no run says it.

    :param runs: of a report.
    :raises ConfigError: two were trained on different lines.
    """
    return networks.shared_lines({run.name: run.network for run in runs})


def compare_run(
    run: OpenedRun,
    dataset: Dataset,
    *,
    backends: Iterable[str] | None,
    csim_lines: int | None = None,
    ignore_limits: bool = False,
    threads: int | None = None,
    progress: Progress | None = None,
) -> ReportRun:
    """Compare a run's backends on a dataset's validation lines; the board is the virtual one.

    :param backends: see `backends_of`.
    :param csim_lines: number of lines for the C simulation; None for all.
    :param ignore_limits: whether to compute lines that exceed the overlay's limits.
    :param threads: worker threads; None for one per processor.
    :param progress: shows the progress.
    :raises FoldlineError: see `foldline.compare.comparison.compare`.
    """
    dataset, design, text_notes = lines_for(dataset, run.network.design)
    checkpoint = run.network.checkpoint
    wanted = backends_of(run, backends, ignore_limits=ignore_limits)
    with ExitStack() as stack:
        drivers = {}
        for backend, device in ((RTL, "rtl"), (BOARD, "virtual")):
            if backend in wanted:
                from foldline.hardware.board import open_driver

                drivers[backend] = stack.enter_context(open_driver(design, device=device))
        comparison = compare(
            design,
            dataset.validation,
            checkpoint=checkpoint,
            backends=wanted,
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
    )


def backends_of(run: OpenedRun, backends: Iterable[str] | None, *, ignore_limits: bool) -> tuple[str, ...]:
    """The backends to compute for a run; PyTorch's are dropped if the run has no checkpoint.

    :param backends: requested backends; None for the default ones.
    :raises ConfigError: see `foldline.compare.comparison.check_backends`; also if no backend remains.
    """
    has_checkpoint = run.network.checkpoint is not None
    requested = None if backends is None else tuple(backends)
    if requested is not None and not has_checkpoint and not set(requested) <= set(TORCH):
        requested = tuple(backend for backend in requested if backend not in TORCH)
    return check_backends(requested, has_checkpoint=has_checkpoint, ignore_limits=ignore_limits)


def _open_run(path: Path, alphabet: Callable[[int], tuple[Alphabet, str]] | None) -> OpenedRun:
    if not is_folder(path):
        in_run = path.suffix == ".pt" and (path.parent / TENSORBOARD).is_dir()
        name = f"{path.resolve().parent.name}/{path.name}" if in_run else path.stem
        network = open_network(path, alphabet=alphabet)
        network.require_design()
        return OpenedRun(name=name, network=network, curves=_curves(path.parent) if in_run else ())
    network = open_network(path)
    network.require_design()
    curves = _curves(*stage_folders(path)) if is_recipe(path) else _curves(path)
    return OpenedRun(name=path.resolve().name, network=network, curves=curves)


def _curves(*folders: Path) -> tuple[CurveStage, ...]:
    found = (read_curves(folder / TENSORBOARD, name=_stage_name(folder)) for folder in folders)
    return tuple(stage for stage in found if stage.epochs)


def _stage_name(folder: Path) -> str:
    """In a recipe, the name of the folder above the run, else that of the run."""
    folder = folder.resolve()
    return folder.parent.name if is_recipe(folder.parent.parent) else folder.name

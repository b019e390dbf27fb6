"""How a network of a sweep is trained and measured: the recipe, from the float stage of its seed and fold."""

from __future__ import annotations

import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from datapath import Design
from datapath.design import MAX_LIMIT, Limits
from datapath.errors import DataError
from datapath.reading import read_text
from datapath.version import VERSION as FOLDLINE
from foldline.compare.agreement import SIMULATED
from foldline.compare.backends import CTC, OVERLAY
from foldline.compare.comparison import Comparison, compare
from foldline.recipe import RecipeResult, stages_of
from foldline.study.recipes import Recipes, RunningTrial, TrialReporter
from foldline.sweep.jobs import FLOAT, Job
from foldline.sweep.results import NetworkResult, read_result, result_path, write_result
from foldline.sweep.settings import SweepSettings, lines_of
from train.data.dataset import Dataset
from train.data.forms import in_form
from train.experiment import LOG

MAX_LOG_BYTES = 2**26
"""Limit of a run's log, which has some 150 bytes for an epoch."""

WIDEST = Limits(columns=MAX_LIMIT, labels=MAX_LIMIT)
"""The largest buffers that a kernel of ours has."""

_EPOCH = re.compile(r"^.{19}  epoch \d+: .* ([0-9.]+) s; ", re.MULTILINE)
"""A line of `train.experiment.Experiment.save_epoch`."""


@dataclass(frozen=True, kw_only=True)
class SweepTraining:
    """Trains and measures the networks of a sweep on this machine."""

    datasets: Mapping[int, Dataset]  # by `Job.fold`
    folder: Path  # of the sweep
    recipes: Recipes

    def __call__(self, job: Job, settings: SweepSettings, trial: RunningTrial) -> NetworkResult:
        """The result of a network, which is then in the folder of the sweep; trained only if it is not there.

        :param job: the network.
        :param settings: of the sweep.
        :param trial: that it is trained for.
        :raises TrialPruned: its training has diverged.
        :raises UpdateFinishedTrialError: another worker has failed the trial.
        :raises KeyboardInterrupt: the run was interrupted; another call continues.
        :raises FoldlineError: another error.
        """
        path = result_path(self.folder, job)
        if path.exists():
            return read_result(path, settings)
        dataset, hyperparameters = self.datasets[job.fold], job.hyperparameters(settings.hyperparameters)
        first = stages_of(hyperparameters)[0]
        warm_up = self.recipes.warm_up(job.warm_up, first, dataset, trial, what=job.warm_up)
        recipe = self.recipes.run(
            job.name,
            hyperparameters,
            dataset,
            warm_up=warm_up,
            reporter=TrialReporter(self.recipes.reporter, trial.require_running),
        )
        design, comparison = self._measured(recipe, dataset)
        result = NetworkResult(
            **{"precision": job.precision, "seed": job.seed, "fold": job.fold},
            lines=settings.digest,
            text_form=comparison.form.notes(),
            hyperparameters=hyperparameters.to_dict(),
            **_texts(comparison, job, settings, dataset),
            design=design and design.digest(folding=False),
            minutes=_minutes(*recipe.folder.glob(f"*/*/{LOG}")),
            warm_up_minutes=_minutes(warm_up.parent / LOG),
            threads=int(self.recipes.settings["threads"]),
            machine=f"{platform.machine()} {platform.system()}, {self.recipes.settings['device']}",
            versions={"foldline": FOLDLINE, "torch": str(torch.__version__)},
            command=str(self.recipes.settings["command"]),
        )
        trial.require_running()
        return read_result(write_result(result, self.folder, design), settings)

    def _measured(self, recipe: RecipeResult, dataset: Dataset) -> tuple[Design | None, Comparison]:
        """The design of a recipe, and what the network read of its fold.

        The overlay cuts a text after as many labels as its buffers hold. That would be an error of the buffers, not of the
        precision, so lines are read with the widest buffers. A float network has no design, and its texts are not cut.
        """
        if recipe.design is None:
            return None, recipe.comparison
        design = Design.load(recipe.design)
        wide = replace(design, limits=WIDEST)
        return design, compare(wide, in_form(dataset, design.text_form).validation)


def _texts(comparison: Comparison, job: Job, settings: SweepSettings, dataset: Dataset) -> dict[str, tuple[str, ...]]:
    """What the network read of all lines of its fold, by both rules.

    :raises DataError: not of all lines.
    """
    if lines_of(comparison.lines) != settings.validated(job.fold):
        unusable = (*comparison.unusable, *comparison.left_out, "the lines have changed")[0]
        raise DataError(f"{job.name} did not read all validation lines of {dataset.name}: {unusable}")
    backend = FLOAT if job.precision == FLOAT else SIMULATED
    texts = {one.decoding: one.texts for one in comparison.results if one.name == backend}
    return {"greedy": texts[CTC], "overlay": texts[OVERLAY]}


def _minutes(*logs: Path) -> float:
    """Minutes of all epochs in the logs of training runs, those that a killed worker had begun again included."""
    texts = [read_text(path, limit=MAX_LOG_BYTES) for path in logs if path.is_file()]
    return round(sum(float(seconds) for text in texts for seconds in _EPOCH.findall(text)) / 60, 2)

"""How a trial of a study gets its error rates: Foldline's recipe, then the simulator on all validation lines.

The folder of a study on one machine is that of `foldline.study.recipes`, with study.json: what the networks are trained on
and how; another study of the same name is refused.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from optuna import TrialPruned

from datapath.errors import FileError
from datapath.files import write_text
from datapath.reading import read_text
from foldline.compare.agreement import SIMULATED
from foldline.compare.backends import OVERLAY
from foldline.recipe import TrainingStage, stages_of
from foldline.study.recipes import Recipes, TrialReporter, lock_of
from foldline.study.result import TrialErrorRates, best_at
from foldline.study.settings import StudySettings
from foldline.study.worker import TrialRequest
from train.config import Hyperparameters
from train.data.dataset import Dataset
from train.reporting import EpochResult, Reporter, RunStart

MAX_STUDY_BYTES = 2**20
"""Limit of `STUDY`, which has some 3 KB."""

STUDY = "study.json"

PRUNE_FROM = 0.4
"""Share of the last stage's epochs from which on a network can be pruned: before, the error rates of all are high."""

CER_FLOOR = 1.0
"""Percent. Differences between lower error rates are chance: a network below the floor times the factor is not pruned."""


@dataclass(frozen=True, kw_only=True)
class Training:
    """Computes the trials of a study; see `foldline.study.worker.Compute`."""

    preset: Hyperparameters  # of all networks but what a `Choice` decides
    dataset: Dataset
    folder: Path  # of the study on this machine
    prune_factor: float  # see `StudySettings`
    reporter: Reporter
    settings: dict[str, object]  # of every run, see `train.trainer.train`: device, threads, command, author

    def __call__(self, request: TrialRequest) -> TrialErrorRates:
        """Train a network and measure its error rates.

        :raises TrialPruned: its CER is too high beside that of a cheaper network, or its training has diverged.
        :raises UpdateFinishedTrialError: another worker has failed the trial.
        :raises KeyboardInterrupt: the run was interrupted; a retry continues in its folder.
        :raises FoldlineError: an error that the network did not cause.
        """
        recipes = Recipes(folder=self.folder, reporter=self.reporter, settings=self.settings)
        choice, hyperparameters = request.choice, request.choice.hyperparameters(self.preset)
        first, *_, last = stages_of(hyperparameters)
        units = f"{choice.hidden} hidden units"
        warm_up = recipes.warm_up(f"H{choice.hidden}", first, self.dataset, request, what=units)
        result = recipes.run(
            choice.name,
            hyperparameters,
            self.dataset,
            warm_up=warm_up,
            reporter=_PruningReporter(self.reporter, request, last, self.prune_factor),
        )
        results = result.comparison.results
        rates = next(one.rates for one in results if (one.name, one.decoding) == (SIMULATED, OVERLAY))
        return TrialErrorRates(
            cer=rates.cer,
            wer=rates.wer,
            exact=rates.exact,
            lines=len(result.comparison.lines),
            folder=str(result.folder.resolve()),
            design=str(result.design.resolve()),
        )


def claim_folder(folder: Path, settings: StudySettings) -> None:
    """Write into a study's folder on this machine how its networks are trained, or make sure that it says the same.

    :raises FileError: it holds the networks of another study, or cannot be written to.
    """
    facts = {"dataset": settings.dataset, "lines": settings.lines, "preset": settings.preset}
    earlier = json.dumps(facts, indent=2, sort_keys=True) + "\n"  # of a version that kept no digest
    facts |= {"digest": settings.digest} if settings.digest else {}
    text, path = json.dumps(facts, indent=2, sort_keys=True) + "\n", folder / STUDY
    with lock_of(folder):
        if path.exists() and read_text(path, limit=MAX_STUDY_BYTES) not in (text, earlier):
            other = "the networks of another study, of other lines or another preset"
            raise FileError(f"{folder} has {other}: see {path}.")
        write_text(path, text)


class _PruningReporter(TrialReporter):
    """Also records the epochs of a stage, and prunes the trial where it must not continue."""

    def __init__(self, shown: Reporter, request: TrialRequest, last: TrainingStage, prune_factor: float) -> None:
        super().__init__(shown, request.require_running)
        self._request, self._last, self._factor = request, last, prune_factor
        self._in_last = False

    def started(self, run: RunStart) -> None:
        self._in_last = run.hyperparameters == self._last.hyperparameters
        super().started(run)

    def epoch_done(self, result: EpochResult) -> None:
        super().epoch_done(result)
        if not self._in_last:
            return
        epoch, cer, epochs = result.epoch, result.overlay.cer, self._last.hyperparameters.epochs
        self._request.record_epoch(epoch, cer)
        # After the last epoch nothing is saved.
        if PRUNE_FROM * epochs <= epoch < epochs:
            best = best_at(self._request.reference_curves(), epoch)
            if cer > self._factor * max(best, CER_FLOOR):
                raise TrialPruned(
                    f"After epoch {epoch} of {epochs} its CER is {cer:.2f} %; that of a network which takes no more of the "
                    f"board was {best:.2f} %."
                )

"""How a trial gets its error rates: Foldline's recipe with a shared float warm-up, then the simulator on all validation lines.

The folder of a study on one machine holds:

======================== ===================================================================================
warm-up/H128/            the float network of 128 hidden units, trained once for all workers
networks/NAME/           the recipe of one network; a retry continues in it from the last whole epoch
study.json               what the networks are trained on and how: another study of the same name is refused
======================== ===================================================================================

Beside each folder lies a lock file, NAME.lock; the operating system releases the lock when a worker ends, however it ends.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from filelock import FileLock, Timeout
from optuna import TrialPruned

from datapath.errors import FileError, TrainingError
from datapath.files import file_errors, write_text
from datapath.reading import read_text
from foldline.compare.agreement import SIMULATED
from foldline.compare.comparison import OVERLAY
from foldline.recipe import TrainingStage, run_recipe, stages_of
from foldline.study.result import TrialErrorRates, best_at
from foldline.study.settings import StudySettings
from foldline.study.worker import TrialRequest
from train.checkpoint import Checkpoint
from train.config import Hyperparameters
from train.data.dataset import Dataset
from train.experiment import HYPERPARAMETERS, LAST, require_unlocked
from train.reporting import BatchResult, EpochResult, Reporter, RunStart
from train.starting import Pretrained
from train.trainer import train

MAX_STUDY_BYTES = 2**20
"""Limit of `STUDY`, which has some 3 KB."""

WARM_UPS, NETWORKS, STUDY = "warm-up", "networks", "study.json"

PRUNE_FROM = 0.4
"""Share of the last stage's epochs from which on a network can be pruned: before, the error rates of all are high."""

CER_FLOOR = 1.0
"""Percent. Differences between lower error rates are chance: a network below the floor times the factor is not pruned."""

LOCK_SECONDS = 0.5
"""Between two looks at a lock that another worker holds."""


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
        hyperparameters = request.choice.hyperparameters(self.preset)
        warm_up = self._warm_up(stages_of(hyperparameters)[0], request)
        with self._free_folder(request.choice.name) as home:
            begun = sorted(home.glob(f"*/{HYPERPARAMETERS}"))
            try:
                result = run_recipe(
                    hyperparameters,
                    self.dataset,
                    experiments=home,
                    folder=begun[0].parent if begun else None,
                    warm_up=None if begun else warm_up,
                    log=self.reporter.note,
                    reporter=_TrialReporter(self.reporter, request, stages_of(hyperparameters)[-1], self.prune_factor),
                    **self.settings,
                )
            except TrainingError as error:
                raise TrialPruned(str(error)) from error
            if result.design is None:
                raise KeyboardInterrupt
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

    def _warm_up(self, stage: TrainingStage, request: TrialRequest) -> Path:
        """The float network of the job's hidden units; trained now, if no worker of this machine has."""
        home = self.folder / WARM_UPS / f"H{request.choice.hidden}"
        with self._locked(home, request):
            begun = sorted(home.glob(f"*/{LAST}"))
            if begun and Checkpoint.load(begun[0]).epoch >= stage.hyperparameters.epochs:
                require_unlocked(begun[0].parent)  # a worker that was killed at the end has left its lock
                return begun[0]
            request.log(f"Float warm-up of {request.choice.hidden} hidden units.")
            outcome = train(
                stage.hyperparameters,
                self.dataset,
                experiments=home,
                checkpoint=begun[0] if begun else None,
                policy=Pretrained.RESUME,
                reporter=_TrialReporter(self.reporter, request),
                **self.settings,
            )
            if outcome.interrupted:
                raise KeyboardInterrupt
            return outcome.resume_from

    @contextmanager
    def _locked(self, home: Path, request: TrialRequest) -> Iterator[None]:
        """Wait until no other worker of this machine uses the folder."""
        lock = _lock(home)
        for look in count():
            try:
                lock.acquire(timeout=0)
                break
            except Timeout:
                if look == 0:
                    request.log(f"Another worker uses {home}; waiting for it.")
                request.require_running()
                time.sleep(LOCK_SECONDS)
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def _free_folder(self, name: str) -> Iterator[Path]:
        """The folder of a network's training; another one while a worker whose trial was failed still holds that."""
        for number in count(1):
            home = self.folder / NETWORKS / (name if number == 1 else f"{name}.{number}")
            lock = _lock(home)
            with suppress(Timeout):
                lock.acquire(timeout=0)
                break
        try:
            yield home
        finally:
            lock.release()


def claim_folder(folder: Path, settings: StudySettings) -> None:
    """Write into a study's folder on this machine how its networks are trained, or make sure that it says the same.

    :raises FileError: it holds the networks of another study, or cannot be written to.
    """
    facts = {"dataset": settings.dataset, "lines": settings.lines, "preset": settings.preset}
    earlier = json.dumps(facts, indent=2, sort_keys=True) + "\n"  # of a version that kept no digest
    facts |= {"digest": settings.digest} if settings.digest else {}
    text, path = json.dumps(facts, indent=2, sort_keys=True) + "\n", folder / STUDY
    with _lock(folder):
        if path.exists() and read_text(path, limit=MAX_STUDY_BYTES) not in (text, earlier):
            other = "the networks of another study, of other lines or another preset"
            raise FileError(f"{folder} has {other}: see {path}.")
        write_text(path, text)


def _lock(home: Path) -> FileLock:
    """The lock beside a folder, which is made."""
    with file_errors("make the folder", home):
        home.mkdir(parents=True, exist_ok=True)
    return FileLock(home.with_name(f"{home.name}.lock"))


class _TrialReporter(Reporter):
    """Passes on what a run reports, and ends it where the trial must not continue.

    :param last: the stage whose epochs are recorded and compared; None compares nothing.
    """

    def __init__(
        self, shown: Reporter, request: TrialRequest, last: TrainingStage | None = None, prune_factor: float = 1.0
    ) -> None:
        self._shown, self._request, self._last, self._factor = shown, request, last, prune_factor
        self._in_last = False

    def started(self, run: RunStart) -> None:
        self._in_last = self._last is not None and run.hyperparameters == self._last.hyperparameters
        self._shown.started(run)

    def batch_done(self, result: BatchResult) -> None:
        self._shown.batch_done(result)

    def epoch_done(self, result: EpochResult) -> None:
        self._shown.epoch_done(result)
        self._request.require_running()
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

    def stopping(self) -> None:
        self._shown.stopping()

    def note(self, sentence: str) -> None:
        self._shown.note(sentence)

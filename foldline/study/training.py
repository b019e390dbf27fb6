"""How a trial gets its error rate: Foldline's recipe, warm-started, and the simulator's reading of all validation lines.

In the folder of the study on this machine:

======================== ===================================================================================
warm-up/H128/            the float network of that many hidden units, trained once for all workers
networks/NAME/           the recipe of one network; an attempt goes on where the one before it was stopped
======================== ===================================================================================

Beside each lies a lock, NAME.lock, which the system releases when a worker ends, however it ends. `study.json` says what
the networks are trained on and how, so that another study of the same name does not take them for its own.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from filelock import FileLock, Timeout

from datapath.errors import FileError, TrainingError
from datapath.files import os_reason, read_text, write_text
from foldline.compare.agreement import SIMULATED
from foldline.compare.comparison import OVERLAY, Comparison
from foldline.recipe import Stage, run_recipe, stages_of
from foldline.study.result import TrialErrorRates, best_at
from foldline.study.settings import StudySettings
from foldline.study.worker import Job, TrialPrunedError
from train.checkpoint import Checkpoint
from train.config import Hyperparameters
from train.data.dataset import Dataset
from train.experiment import HYPERPARAMETERS, LAST
from train.reporting import BatchResult, EpochResult, Reporter, RunStart
from train.starting import Pretrained
from train.trainer import train

WARM_UPS, NETWORKS, STUDY = "warm-up", "networks", "study.json"

PRUNE_FROM = 0.4
"""Share of the last stage's epochs after which a network can be given up: before, they all read badly."""

CER_FLOOR = 1.0
"""Percent: between error rates below it chance decides, so that nothing is given up for reading worse than a better one."""

LOCK_SECONDS = 0.2
"""Between two looks at a lock that another worker holds."""


@dataclass(frozen=True, kw_only=True)
class Training:
    """Computes the trials of a study; see `foldline.study.worker.Compute`.

    preset        hyperparameters of all networks but what a `Choice` decides
    folder        of the study on this machine
    prune_factor  see `StudySettings`
    settings      of every run, see `train.trainer.train`: device, threads, command, author
    """

    preset: Hyperparameters
    dataset: Dataset
    folder: Path
    prune_factor: float
    reporter: Reporter
    settings: dict[str, object]

    def __call__(self, job: Job) -> TrialErrorRates:
        """:raises TrialPrunedError: it reads worse than a cheaper network did, or its training has diverged.
        :raises TrialLostError: another worker has taken it over.
        :raises KeyboardInterrupt: the run was interrupted; its folder goes on.
        :raises FoldlineError: what is not the network's fault.
        """
        goal = job.choice.hyperparameters(self.preset)
        warm_up = self._warm_up(stages_of(goal)[0], job)
        with self._own_folder(job.choice.name) as home:
            begun = sorted(home.glob(f"*/{HYPERPARAMETERS}"))
            try:
                result = run_recipe(
                    goal,
                    self.dataset,
                    experiments=home,
                    folder=begun[0].parent if begun else None,
                    warm_up=None if begun else warm_up,
                    log=self.reporter.note,
                    reporter=_Watching(self.reporter, job, stages_of(goal)[-1], self.prune_factor),
                    **self.settings,
                )
            except TrainingError as error:
                raise TrialPrunedError(str(error)) from error
            if result.design is None:
                raise KeyboardInterrupt
            return _reading(result.comparison, folder=result.folder, design=result.design)

    def _warm_up(self, stage: Stage, job: Job) -> Path:
        """The float network of the job's hidden units; trained now, if no worker of this machine has."""
        home = self.folder / WARM_UPS / f"H{job.choice.hidden}"
        with self._locked(home, job):
            begun = sorted(home.glob(f"*/{LAST}"))
            if begun and Checkpoint.load(begun[0]).epoch >= stage.hyperparameters.epochs:
                return begun[0]
            job.say(f"Float warm-up of {job.choice.hidden} hidden units.")
            outcome = train(
                stage.hyperparameters,
                self.dataset,
                experiments=home,
                checkpoint=begun[0] if begun else None,
                policy=Pretrained.RESUME,
                reporter=_Watching(self.reporter, job),
                **self.settings,
            )
            if outcome.interrupted:
                raise KeyboardInterrupt
            return outcome.resume_from

    @contextmanager
    def _locked(self, home: Path, job: Job) -> Iterator[None]:
        """Wait until no other worker of this machine is at it."""
        lock, told = _lock(home), False
        while True:
            try:
                lock.acquire(timeout=0)
                break
            except Timeout:
                if not told:
                    job.say(f"Another worker is at {home}; waiting for it.")
                told = True
                job.check()
                time.sleep(LOCK_SECONDS)
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def _own_folder(self, name: str) -> Iterator[Path]:
        """The folder of a network's training. While a worker that was taken to be lost still has it, another one."""
        with ExitStack() as stack:
            for number in count(1):
                home = self.folder / NETWORKS / (name if number == 1 else f"{name}.{number}")
                lock = _lock(home)
                try:
                    lock.acquire(timeout=0)
                except Timeout:
                    continue
                stack.callback(lock.release)
                break
            yield home


def claim_folder(folder: Path, settings: StudySettings) -> None:
    """Write down in a study's folder on this machine how its networks are trained.

    :raises FileError: see `check_folder`; also where it cannot be written to.
    """
    with _lock(folder):
        check_folder(folder, settings)
        write_text(folder / STUDY, _trained_how(settings))


def check_folder(folder: Path, settings: StudySettings) -> None:
    """Make sure that a study's folder on this machine is free, or has networks that are trained as the study says.

    :raises FileError: it has those of another study.
    """
    path = folder / STUDY
    if path.exists() and read_text(path) != _trained_how(settings):
        raise FileError(f"{folder} has the networks of another study, of other lines or another preset: see {path}.")


def _trained_how(settings: StudySettings) -> str:
    facts = {"dataset": settings.dataset, "lines": settings.lines, "preset": settings.preset}
    return json.dumps(facts, indent=2, sort_keys=True) + "\n"


def _lock(home: Path) -> FileLock:
    """The lock beside a folder, which is made.

    :raises FileError: it cannot be.
    """
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"Cannot make the folder {home}: {os_reason(error)}.") from error
    return FileLock(home.with_name(f"{home.name}.lock"))


def _reading(comparison: Comparison, *, folder: Path, design: Path) -> TrialErrorRates:
    simulated = next(one for one in comparison.results if (one.name, one.decoding) == (SIMULATED, OVERLAY))
    rates = simulated.rates
    return TrialErrorRates(
        cer=rates.cer,
        wer=rates.wer,
        exact=rates.exact,
        lines=len(comparison.lines),
        folder=str(folder.resolve()),
        design=str(design.resolve()),
    )


class _Watching(Reporter):
    """Passes on what a run tells, and ends it where the trial must not go on.

    :param last: the stage whose epochs are kept and compared; None compares nothing.
    """

    def __init__(self, shown: Reporter, job: Job, last: Stage | None = None, prune_factor: float = 1.0) -> None:
        self._shown, self._job, self._last, self._factor = shown, job, last, prune_factor
        self._in_last = False

    def started(self, run: RunStart) -> None:
        self._in_last = self._last is not None and run.hyperparameters == self._last.hyperparameters
        self._shown.started(run)

    def batch_done(self, result: BatchResult) -> None:
        self._shown.batch_done(result)
        self._job.check()

    def epoch_done(self, result: EpochResult) -> None:
        self._shown.epoch_done(result)
        if not self._in_last:
            return
        epoch, cer, epochs = result.epoch, result.overlay.cer, self._last.hyperparameters.epochs
        self._job.keep_epoch(epoch, cer)
        # The last epoch decides nothing any more: the network has all its training behind it.
        if PRUNE_FROM * epochs <= epoch < epochs:
            best = best_at(self._job.references(), epoch)
            if cer > self._factor * max(best, CER_FLOOR):
                raise TrialPrunedError(
                    f"After epoch {epoch} of {epochs} its CER was {cer:.2f} %; a network that takes no more of the board "
                    f"had {best:.2f} %."
                )

    def note(self, sentence: str) -> None:
        self._shown.note(sentence)

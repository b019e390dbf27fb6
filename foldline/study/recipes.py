"""`Recipes`: networks trained by Foldline's recipe with shared float warm-ups, in folders that several workers use.

The folder of a study or a sweep on one machine holds:

======================== ===================================================================================
warm-up/NAME/            a float network, trained once for all workers
networks/NAME/           the recipe of one network; a retry continues in it from the last whole epoch
======================== ===================================================================================

Beside each folder lies a lock file, NAME.lock; the operating system releases the lock when a worker ends, however it ends.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Protocol

from filelock import FileLock, Timeout
from optuna import TrialPruned

from datapath.errors import ConfigError, TrainingError
from datapath.files import file_errors
from datapath.quoting import quoted
from foldline.recipe import RecipeResult, RecipeStart, TrainingStage, run_recipe, target_of
from train.checkpoint import Checkpoint
from train.config import Hyperparameters
from train.data.dataset import Dataset
from train.data.record import DataRecord
from train.experiment import HYPERPARAMETERS, LAST, require_unlocked
from train.reporting import BatchResult, EpochResult, Reporter, RunStart
from train.starting import Pretrained
from train.trainer import train

WARM_UPS, NETWORKS = "warm-up", "networks"

LOCK_SECONDS = 0.5
"""Between two looks at a lock that another worker holds."""


class RunningTrial(Protocol):
    """The trial that a network is trained for."""

    @property
    def require_running(self) -> Callable[[], None]:
        """Raises UpdateFinishedTrialError if another worker has failed the trial; called every epoch."""

    @property
    def log(self) -> Callable[[str], None]: ...


@dataclass(frozen=True, kw_only=True)
class Recipes:
    """Trains the networks of a study, or of a sweep, on this machine."""

    folder: Path  # of the study on this machine
    reporter: Reporter
    settings: dict[str, object]  # of every run, see `train.trainer.train`: device, threads, command, author

    def warm_up(self, name: str, stage: TrainingStage, dataset: Dataset, trial: RunningTrial, *, what: str) -> Path:
        """The checkpoint of a float network; trained now, if no worker of this machine has.

        :param name: of its folder.
        :param stage: the recipe's first.
        :param dataset: lines to train and validate on.
        :param trial: that needs it first.
        :param what: names it in the log: "8 hidden units".
        :raises KeyboardInterrupt: the run was interrupted; another call continues in its folder.
        :raises TrialPruned: its training has diverged.
        :raises ConfigError: the folder has one of other hyperparameters or lines.
        """
        home = self.folder / WARM_UPS / name
        with self._locked(home, trial), _diverging():
            begun = sorted(home.glob(f"*/{LAST}"))
            if begun:
                found = Checkpoint.load(begun[0])
                _require_same(begun[0].parent, found.hyperparameters, stage.hyperparameters, found.data, dataset)
                if found.epoch >= stage.hyperparameters.epochs:
                    require_unlocked(begun[0].parent)  # a worker that was killed at the end has left its lock
                    return begun[0]
            trial.log(f"Float warm-up of {what}.")
            outcome = train(
                stage.hyperparameters,
                dataset,
                experiments=home,
                checkpoint=begun[0] if begun else None,
                policy=Pretrained.RESUME,
                reporter=TrialReporter(self.reporter, trial.require_running),
                **self.settings,
            )
            if outcome.interrupted:
                raise KeyboardInterrupt
            return outcome.resume_from

    def run(
        self, name: str, hyperparameters: Hyperparameters, dataset: Dataset, *, warm_up: Path, reporter: Reporter
    ) -> RecipeResult:
        """Train a network from its warm-up, or continue.

        :param name: of its folder.
        :param hyperparameters: of the network.
        :param dataset: lines to train and validate on.
        :param warm_up: see `warm_up`.
        :param reporter: gets the progress, see `TrialReporter`.
        :raises KeyboardInterrupt: the run was interrupted; another call continues in its folder.
        :raises TrialPruned: its training has diverged, or `reporter` ends it.
        :raises ConfigError: the folder has a network of other hyperparameters or lines.
        """
        with self._free_folder(name) as home:
            begun = sorted(home.glob(f"*/{HYPERPARAMETERS}"))
            if begun:
                recipe = begun[0].parent
                _require_same(recipe, target_of(recipe), hyperparameters, RecipeStart.read(recipe).data, dataset)
            with _diverging():
                result = run_recipe(
                    hyperparameters,
                    dataset,
                    experiments=home,
                    folder=begun[0].parent if begun else None,
                    warm_up=None if begun else warm_up,
                    log=self.reporter.note,
                    reporter=reporter,
                    **self.settings,
                )
            if result.comparison is None:
                raise KeyboardInterrupt
            return result

    @contextmanager
    def _locked(self, home: Path, trial: RunningTrial) -> Iterator[None]:
        """Wait until no other worker of this machine uses the folder."""
        lock = lock_of(home)
        for look in count():
            try:
                lock.acquire(timeout=0)
                break
            except Timeout:
                if look == 0:
                    trial.log(f"Another worker uses {home}; waiting for it.")
                trial.require_running()
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
            lock = lock_of(home)
            with suppress(Timeout):
                lock.acquire(timeout=0)
                break
        try:
            yield home
        finally:
            lock.release()


def _require_same(
    folder: Path, before: Hyperparameters, now: Hyperparameters, lines: DataRecord | None, dataset: Dataset
) -> None:
    """Refuse to go on with the training in a folder where another one is wanted: an earlier study or sweep left it.

    :param folder: of the training.
    :param before: its hyperparameters.
    :param now: those wanted.
    :param lines: that it has; None in folders of a version that did not keep them.
    :param dataset: lines wanted.
    :raises ConfigError: names the folder, and both values or both lines.
    """
    advice = "Remove the folder to train its network again, or choose another folder."
    for name, value in before.to_dict().items():
        if value != (wanted := getattr(now, name)):
            raise ConfigError(f"{name} is {quoted(wanted)}, and {folder} was trained with {quoted(value)}. {advice}")
    given = DataRecord.of(dataset)
    if lines is not None and not lines.same_lines(given):
        how = ", of other names or texts" if lines.shown == given.shown else ""
        raise ConfigError(f"The lines are {given.shown}, and {folder} was trained on {lines.shown}{how}. {advice}")


@contextmanager
def _diverging() -> Iterator[None]:
    """Turn an error of a training that has diverged into Optuna's for a trial that is not tried again."""
    try:
        yield
    except TrainingError as error:
        raise TrialPruned(str(error)) from error


def lock_of(home: Path) -> FileLock:
    """The lock beside a folder, which is made."""
    with file_errors("make the folder", home):
        home.mkdir(parents=True, exist_ok=True)
    return FileLock(home.with_name(f"{home.name}.lock"))


class TrialReporter(Reporter):
    """Passes on what a run reports, and ends it after an epoch where another worker has failed its trial.

    :param shown: gets the reports.
    :param require_running: see `RunningTrial`.
    """

    def __init__(self, shown: Reporter, require_running: Callable[[], None]) -> None:
        self._shown, self._require_running = shown, require_running

    def started(self, run: RunStart) -> None:
        self._shown.started(run)

    def batch_done(self, result: BatchResult) -> None:
        self._shown.batch_done(result)

    def epoch_done(self, result: EpochResult) -> None:
        self._shown.epoch_done(result)
        self._require_running()

    def stopping(self) -> None:
        self._shown.stopping()

    def note(self, message: str) -> None:
        self._shown.note(message)

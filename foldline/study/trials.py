"""`TrialRunner`: runs trials of a study until all have finished, alone or with other workers on the same storage."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar

from datapath.errors import FoldlineError
from foldline.study.attributes import OUTCOME, WORKER, all_trials, reading
from foldline.study.queue import (
    ERROR,
    INTERRUPTED,
    PRUNED,
    SUPERFLUOUS,
    Network,
    QueueSettings,
    SuperfluousTrialError,
    TrialQueue,
    fail_lost_trials,
    record,
    worker_name,
)

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial, Trial

WAIT_SECONDS = 1.0
"""Between two looks at a study whose trials are all taken by other workers."""


class TrialRunner(ABC):
    """Runs trials of a study, one after the other; a subclass says what a trial computes.

    :param study: of Optuna, with two values to minimise (see `foldline.study.attributes.OBJECTIVES`).
    :param log: gets a line of text about each trial.
    """

    noun: ClassVar[str] = "trials"
    """What messages call several of them."""

    def __init__(self, study: Study, *, log: Callable[[str], None]) -> None:
        self._study, self._log = study, log
        self._ended: BaseException | tuple[float, float] | None = None  # error or values of the last objective

    @abstractmethod
    def settings(self) -> QueueSettings:
        """The settings of the study, read each time: another worker may have made it longer."""

    @abstractmethod
    def compute(self, trial: Trial, network: Network, settings: QueueSettings) -> tuple[float, float]:
        """The two values of a trial.

        :param trial: that this worker has taken.
        :param network: of the trial.
        :param settings: of the study.
        :raises TrialPruned: the network is not finished; no worker tries it again.
        :raises UpdateFinishedTrialError: another worker has failed the trial.
        :raises KeyboardInterrupt: the run was interrupted; the trial is tried again.
        :raises FoldlineError: an error that the network did not cause.
        """

    @abstractmethod
    def log_outcome(self, trial: FrozenTrial, ended: BaseException | tuple[float, float] | None) -> None:
        """Log how a trial has ended; the storage holds it.

        :param trial: as the storage has it.
        :param ended: its values, or what ended it.
        """

    def run(self) -> None:
        """Work until as many trials as are wanted have finished, whoever finishes them.

        :raises KeyboardInterrupt: the running trial will be tried again.
        :raises FoldlineError: the same, after an error that the network did not cause.
        """
        logged = False
        # A trial may wait when all have finished: two workers each added one for the last network.
        while (queue := self._queue()).finished < queue.reachable or queue.waiting:
            if not queue.waiting:
                trial = queue.next_trial(self._study)
                if trial is None:
                    if not logged:
                        left = queue.reachable - queue.finished
                        self._log(f"Waiting for {left} of {queue.reachable} {self.noun}, which other workers run.")
                    logged = True
                    time.sleep(WAIT_SECONDS)
                    fail_lost_trials(self._study)
                    continue
                with reading(self._study.study_name):  # another program's trials may have other values
                    self._study.add_trial(trial)
            logged = False
            self._run_trial()

    def _queue(self) -> TrialQueue:
        return TrialQueue(all_trials(self._study), self.settings())

    def _run_trial(self) -> None:
        """Take the first trial that waits, and run it."""
        from optuna.exceptions import UpdateFinishedTrialError

        self._ended = None
        try:
            self._study.optimize(self._objective, n_trials=1, catch=(SuperfluousTrialError,), callbacks=[self._log_end])
        except (ValueError, AssertionError, UpdateFinishedTrialError) as error:
            if self._ended is None:
                with reading(self._study.study_name):
                    raise
            # Optuna's error: another worker has failed the trial, before the objective ended or just after it.
            if isinstance(self._ended, KeyboardInterrupt | FoldlineError):
                raise self._ended from error
            self._log("The trial had no heartbeat for too long; another worker runs it.")

    def _objective(self, trial: Trial) -> tuple[float, float]:
        """What Optuna minimises."""
        from optuna import TrialPruned
        from optuna.exceptions import UpdateFinishedTrialError

        kinds = {TrialPruned: PRUNED, SuperfluousTrialError: SUPERFLUOUS, KeyboardInterrupt: INTERRUPTED}
        try:
            self._ended = self._compute_trial(trial)
            return self._ended
        except (*kinds, FoldlineError, UpdateFinishedTrialError) as error:
            self._ended = error
            with suppress(UpdateFinishedTrialError):
                record(trial, OUTCOME, kinds.get(type(error), ERROR), str(error) or "Interrupted.")
            raise

    def _compute_trial(self, trial: Trial) -> tuple[float, float]:
        record(trial, WORKER, worker_name())
        queue = self._queue()
        objection = queue.objection(trial.number)
        if objection is not None:
            raise SuperfluousTrialError(objection)
        return self.compute(trial, queue.settings.space.network_of(trial.params), queue.settings)

    def _log_end(self, study: Study, trial: FrozenTrial) -> None:
        self.log_outcome(trial, self._ended)

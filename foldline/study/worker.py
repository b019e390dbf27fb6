"""A worker of a study: runs trials until all have finished, alone or with other workers on the same storage."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from datapath.errors import ConfigError, DesignError, FoldlineError
from datapath.manifest import Kernel
from foldline.foldings.enumeration import FoldingPoint, folding_front, point_values, share_text
from foldline.study.attributes import (
    CURVE,
    OUTCOME,
    POINT,
    RESULT,
    WORKER,
    TrialErrorRates,
    all_trials,
    curve_of,
    error_rates_of,
    point_of,
    reading,
)
from foldline.study.queue import (
    ERROR,
    INTERRUPTED,
    PRUNED,
    SUPERFLUOUS,
    SuperfluousTrialError,
    TrialQueue,
    fail_lost_trials,
    record,
    worker_name,
)
from foldline.study.result import reference_curves, stored_settings
from foldline.study.settings import StudySettings
from foldline.study.space import Choice

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial, Trial

WAIT_SECONDS = 1.0
"""Between two looks at a study whose trials are all taken by other workers."""


@dataclass(frozen=True, kw_only=True)
class TrialRequest:
    """A trial, for the function that computes it."""

    number: int
    choice: Choice
    point: FoldingPoint
    record_epoch: Callable[[int, float], None]  # takes an epoch of the last stage and its CER in percent
    reference_curves: Callable[[], list[dict[int, float]]]  # of the complete trials that take no more of the board
    require_running: Callable[[], None]  # UpdateFinishedTrialError if another worker failed the trial; call every epoch
    log: Callable[[str], None]


Compute = Callable[[TrialRequest], TrialErrorRates]
"""Trains and measures a network. Raises optuna.TrialPruned, UpdateFinishedTrialError, KeyboardInterrupt, and any FoldlineError."""


def choose_point(settings: StudySettings, choice: Choice) -> FoldingPoint:
    """The cheapest folding of a network that reaches the study's rate on its board.

    :raises ConfigError: no folding reaches it.
    :raises DesignError: the network is too large for the datapath.
    """
    front = folding_front(
        choice.architecture(inputs=settings.hyperparameters.target_height, classes=settings.lines[2]),
        settings.on_board,
        Kernel(settings.kernel),
        clock_mhz=settings.clock_mhz,
        columns=settings.columns,
    )
    return front.cheapest(settings.min_columns_per_second)


class Worker:
    """Runs trials of a study (see `foldline.study.joining.join_study`), one after the other."""

    def __init__(self, study: Study, compute: Compute, *, log: Callable[[str], None]) -> None:
        self._study, self._compute, self._log = study, compute, log
        self._ended: BaseException | tuple[float, float] | None = None  # error or values of the last objective

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
                        self._log(f"Waiting for {left} of {queue.reachable} trials, which other workers run.")
                    logged = True
                    time.sleep(WAIT_SECONDS)
                    fail_lost_trials(self._study)
                    continue
                with reading(self._study.study_name):  # another program's trials may have other values
                    self._study.add_trial(trial)
            logged = False
            self._run_trial()

    def _queue(self) -> TrialQueue:
        # The settings are read each time: another worker may have made the study longer.
        return TrialQueue(all_trials(self._study), stored_settings(self._study))

    def _run_trial(self) -> None:
        """Take the first trial that waits, and run it."""
        from optuna.exceptions import UpdateFinishedTrialError

        self._ended = None
        try:
            self._study.optimize(
                self._objective, n_trials=1, catch=(SuperfluousTrialError,), callbacks=[self._log_outcome]
            )
        except (ValueError, AssertionError, UpdateFinishedTrialError) as error:
            if self._ended is None:
                with reading(self._study.study_name):
                    raise
            # Optuna's error: another worker has failed the trial, before the objective ended or just after it.
            if isinstance(self._ended, KeyboardInterrupt | FoldlineError):
                raise self._ended from error
            self._log("The trial had no heartbeat for too long; another worker runs it.")

    def _objective(self, trial: Trial) -> tuple[float, float]:
        """What Optuna minimises: CER in percent, and the share of the board."""
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
        from optuna import TrialPruned

        record(trial, WORKER, worker_name())
        queue = self._queue()
        objection = queue.objection(trial.number)
        if objection is not None:
            raise SuperfluousTrialError(objection)
        choice = Choice.of(trial.params)
        try:
            point = choose_point(queue.settings, choice)
        except (ConfigError, DesignError) as error:
            raise TrialPruned(str(error)) from error
        trial.set_user_attr(POINT, point_values(point))
        self._log(f"Trial {trial.number}: {choice.name}, {point.folding}.")
        rates = self._compute(self._request(trial, choice, point))
        trial.set_user_attr(RESULT, asdict(rates))
        return rates.cer, point.share

    def _log_outcome(self, study: Study, trial: FrozenTrial) -> None:
        """Log how a trial has ended; the storage holds it."""
        if trial.state.name == "COMPLETE":
            rates, point = error_rates_of(trial), point_of(trial)
            self._log(
                f"Trial {trial.number}, {Choice.of(trial.params).name}: CER {rates.cer:.2f} % (simulated), "
                f"{point.columns_per_second:.0f} columns/s (modelled), {share_text(point)} (estimated)."
            )
        elif trial.state.name == "PRUNED":
            self._log(f"Trial {trial.number} ends: {self._ended}")

    def _request(self, trial: Trial, choice: Choice, point: FoldingPoint) -> TrialRequest:
        curve = curve_of(trial)

        def record_epoch(epoch: int, cer: float) -> None:
            curve[epoch] = cer
            trial.set_user_attr(CURVE, curve)

        return TrialRequest(
            number=trial.number,
            choice=choice,
            point=point,
            record_epoch=record_epoch,
            reference_curves=lambda: reference_curves(self._study, share=point.share),
            require_running=lambda: record(trial, WORKER, worker_name()),
            log=self._log,
        )

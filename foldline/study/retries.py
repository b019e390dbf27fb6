"""Trials that are handed back, and lost workers.

Every worker writes a beat into its running trial, and looks at those of all others: whose beat has stood still for the
grace period, by this worker's own clock, is taken to be lost, and its trial waits for whoever comes next. That needs no
more of a storage than that it keeps attributes, which databases and journal files do alike, and no two clocks that agree.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from datapath.errors import ConfigError
from foldline.study.ledger import (
    ATTEMPT,
    DISCARDED,
    GIVEN_UP,
    MAX_STRIKES,
    REASON,
    ROOT,
    STRIKES,
    Ledger,
    attempt_of,
    choice_of,
    root_of,
)

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial, Trial

BEAT, WORKER = "beat", "worker"
"""Attributes of a trial: how often its worker has shown that it lives, and who that is."""

NOT_HANDED_ON = frozenset((BEAT, WORKER, REASON))
"""Attributes that an attempt does not take over from the one before it."""

INTERVAL_SECONDS, GRACE_SECONDS = 15.0, 120.0
"""Between two beats; and without one until a worker is taken to be lost."""


def check_beats(interval: float, grace: float) -> None:
    """:raises ConfigError: a worker would be taken to be lost between two of its beats."""
    if not 0 < interval <= grace / 2:
        raise ConfigError(
            f"heartbeat is {interval:g} s with a grace of {grace:g} s; it must be above 0 and at most half of it."
        )


def worker_name() -> str:
    """This process, for people: machine and process id."""
    return f"{socket.gethostname()}:{os.getpid()}"


def discard(study: Study, trial: FrozenTrial, reason: str) -> None:
    """Let a trial count for nothing."""
    _fail(study, trial, {DISCARDED: reason})


def hand_back(study: Study, trial: FrozenTrial, reason: str, *, lost: bool) -> None:
    """End an attempt without a result, and let the next one wait for a worker. Nothing happens to a trial that is
    finished, or that another worker has handed back.

    :param lost: whether its worker was lost over it, which may happen `MAX_STRIKES` times.
    """
    trial = study._storage.get_trial(trial._trial_id)
    strikes = trial.user_attrs.get(STRIKES, 0) + lost
    if choice_of(trial) is None:
        discard(study, trial, f"{reason} No network had been drawn.")
    elif strikes > MAX_STRIKES:
        _fail(study, trial, {REASON: reason, GIVEN_UP: f"{strikes} workers were lost over it."})
    elif _fail(study, trial, {REASON: reason}):
        retry(study, trial, strikes=strikes)


def retry(study: Study, trial: FrozenTrial, *, strikes: int) -> None:
    """Add the attempt that follows an attempt which has failed, with the same parameters."""
    from optuna.trial import TrialState, create_trial

    handed_on = {name: value for name, value in trial.user_attrs.items() if name not in NOT_HANDED_ON}
    study.add_trial(
        create_trial(
            state=TrialState.WAITING,
            params=trial.params,
            distributions=trial.distributions,
            user_attrs={**handed_on, ROOT: root_of(trial), ATTEMPT: attempt_of(trial) + 1, STRIKES: strikes},
        )
    )


def retry_forgotten(study: Study) -> None:
    """Add the attempts that a worker was about to add when it was lost itself."""
    for chain in Ledger(study.get_trials(deepcopy=False)).chains:
        if chain.needs_retry:
            retry(study, chain.last, strikes=chain.last.user_attrs.get(STRIKES, 0) + 1)


def _fail(study: Study, trial: FrozenTrial, told: dict[str, str]) -> bool:
    """Whether it was this worker that ended the trial."""
    from optuna.exceptions import UpdateFinishedTrialError
    from optuna.trial import TrialState

    storage = study._storage
    try:
        for name, value in told.items():
            storage.set_trial_user_attr(trial._trial_id, name, value)
        return storage.set_trial_state_values(trial._trial_id, state=TrialState.FAIL)
    except UpdateFinishedTrialError:
        return False


class Pulse(threading.Thread):
    """Beats for this worker's trial, and watches the others'. Use as a context."""

    def __init__(self, study: Study, *, interval: float, grace: float) -> None:
        super().__init__(name="foldline-pulse", daemon=True)
        self._study, self._interval, self._grace = study, interval, grace
        self._stopped, self._lock = threading.Event(), threading.Lock()
        self._own: int | None = None
        self._beats = 0
        self._seen: dict[int, tuple[int | None, float]] = {}
        self.lost = threading.Event()
        """Whether another worker has taken over the trial that is this one's."""

    def __enter__(self) -> Pulse:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stopped.set()
        self.join()

    def take(self, ask: Callable[[], Trial]) -> Trial:
        """Beat from now on for the trial that `ask` gives. Nothing is watched meanwhile: it would pass for a lost one."""
        with self._lock:
            trial = ask()
            self.lost.clear()
            self._own = trial._trial_id
            self._beat(trial._trial_id)
            return trial

    def leave(self) -> None:
        """Beat no more."""
        with self._lock:
            self._own = None

    def run(self) -> None:
        from optuna.exceptions import StorageInternalError
        from sqlalchemy.exc import SQLAlchemyError

        while not self._stopped.wait(self._interval):
            try:
                with self._lock:
                    if self._own is not None:
                        self._beat(self._own)
                    self._watch()
            except (StorageInternalError, SQLAlchemyError, OSError):
                continue  # a database that is away for a while; the worker itself meets the error if it stays away

    def _beat(self, trial_id: int) -> None:
        from optuna.exceptions import UpdateFinishedTrialError

        self._beats += 1
        try:
            self._study._storage.set_trial_user_attr(trial_id, BEAT, self._beats)
        except UpdateFinishedTrialError:
            self.lost.set()

    def _watch(self) -> None:
        from optuna.trial import TrialState

        running = self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        now = time.monotonic()
        before, self._seen = self._seen, {}
        for trial in running:
            if trial._trial_id == self._own:
                continue
            beat = trial.user_attrs.get(BEAT)
            seen = before.get(trial.number)
            since = seen[1] if seen is not None and seen[0] == beat else now
            self._seen[trial.number] = beat, since
            if now - since > self._grace:
                worker = trial.user_attrs.get(WORKER, "its worker")
                hand_back(self._study, trial, f"Nothing was heard of {worker} for {self._grace:g} s.", lost=True)
        retry_forgotten(self._study)

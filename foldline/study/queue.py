"""Which trials of a study count, and which network a worker trains next.

Optuna runs the trials (`Study.optimize`), records the heartbeats of their workers, and queues the trial of a lost worker
again (`RetryHeartbeatStaleTrialCallback`). Rules for the following are not part of Optuna, and are here:

- As many networks finish as are wanted. `MaxTrialsCallback` lets all trials finish that run when the last one ends.
- No network is trained twice. Samplers draw networks that the study has had, and two workers may draw the same one.
- A trial that ended with Ctrl-C or an error is tried again. Optuna retries stale trials only.

All rules follow from the trials in the database, whoever wrote them. A trial is added with its whole network in one
transaction, and the database numbers trials in the order in which they are added: a worker that has taken a trial knows
every trial with a lower number, and decides by these alone whether its trial counts.
"""

from __future__ import annotations

import os
import socket
import warnings
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from foldline.study.attributes import CURVE, OUTCOME, WORKER, all_trials, reading, recorded, require_values

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial, Trial

    from train.config import Hyperparameters

MAX_RETRIES = 3
"""A network that fails more often than this many retries allow is given up: it may be what stops its workers."""

FIRST_HEARTBEAT = timedelta(minutes=5)
"""A trial that has not begun for so long after a worker took it was lost before its first heartbeat."""

PRUNED, SUPERFLUOUS, INTERRUPTED, ERROR = "pruned", "superfluous", "interrupted", "error"
"""Kinds of outcomes. A superfluous trial is ignored; an interrupted one does not count as a failure."""


class Network(Protocol):
    """A network of a space: a frozen dataclass whose fields are the parameters of its trials."""

    @property
    def name(self) -> str: ...


class NetworkSpace(Protocol):
    """All networks that a study may have, see `foldline.study.space.Space`."""

    @property
    def parameters(self) -> dict[str, tuple[object, ...]]:
        """All values of each parameter of a trial; a study's never change."""

    def __len__(self) -> int: ...

    def network_of(self, parameters: Mapping[str, object]) -> Network | None:
        """The network of the space with the parameters of a trial, which another program may have written."""

    def draw(self, study: Study, networks: Sequence[Attempts], *, seed: int) -> Network:
        """A network that is not among `networks`, of which there are fewer than the space has."""


class QueueSettings(Protocol):
    """What a queue needs of the settings of a study, see `foldline.study.settings.StudySettings`."""

    @property
    def space(self) -> NetworkSpace: ...

    @property
    def trials(self) -> int:
        """Networks to finish, over all workers."""

    @property
    def hyperparameters(self) -> Hyperparameters: ...


class SuperfluousTrialError(Exception):
    """A trial must not run, for the reason in its text."""


def worker_name() -> str:
    """Machine and process id of this process."""
    return f"{socket.gethostname()}:{os.getpid()}"


def record(trial: Trial, name: str, *values: str) -> None:
    """Write an attribute of this attempt, with the trial's number: a retry copies all attributes.

    :param name: `WORKER` or `OUTCOME`.
    :raises UpdateFinishedTrialError: another worker has failed the trial.
    """
    trial.set_user_attr(name, [trial.number, *values])


@dataclass(frozen=True)
class Attempts:
    """All trials of one network that count, one or more, in the order of their numbers."""

    choice: Network
    trials: tuple[FrozenTrial, ...]

    @property
    def finished(self) -> bool:
        """Whether one attempt is complete or pruned."""
        return any(trial.state.name in ("COMPLETE", "PRUNED") for trial in self.trials)

    @property
    def failures(self) -> int:
        """Attempts that failed for another reason than Ctrl-C."""
        return sum(
            trial.state.name == "FAIL" and INTERRUPTED not in recorded(trial, OUTCOME)[:1] for trial in self.trials
        )

    @property
    def given_up(self) -> bool:
        return not self.finished and self.failures > MAX_RETRIES

    @property
    def stopped(self) -> bool:
        """Whether all attempts have failed."""
        return all(trial.state.name == "FAIL" for trial in self.trials)


class TrialQueue:
    """The state of a study, from all its trials in the order of their numbers.

    Trials of other programs, whose parameters are no network of the space, do not count.

    :raises FileError: a trial of ours is damaged.
    """

    def __init__(self, trials: Sequence[FrozenTrial], settings: QueueSettings) -> None:
        self._trials, self.settings = trials, settings
        attempts: dict[Network, list[FrozenTrial]] = {}
        for trial in trials:
            choice = settings.space.network_of(trial.params)
            if choice is None:
                continue
            require_values(trial)
            if SUPERFLUOUS not in recorded(trial, OUTCOME)[:1]:
                attempts.setdefault(choice, []).append(trial)
        self.networks = tuple(Attempts(choice, tuple(trials)) for choice, trials in attempts.items())
        """In the order of their first trials."""
        self._live = [network for network in self.networks if not network.given_up]

    @property
    def finished(self) -> int:
        """Networks that have a result, or were pruned."""
        return sum(network.finished for network in self.networks)

    @property
    def taken(self) -> int:
        """Networks that have finished or will."""
        return len(self._live)

    @property
    def waiting(self) -> bool:
        """Whether a trial waits for a worker."""
        return any(trial.state.name == "WAITING" for network in self.networks for trial in network.trials)

    @property
    def reachable(self) -> int:
        """Networks that will finish: those that are wanted, if the space holds so many."""
        given_up = len(self.networks) - len(self._live)
        return min(self.settings.trials, len(self.settings.space) - given_up)

    def objection(self, number: int) -> str | None:
        """Why a trial that a worker has taken must not run; None if it may."""
        network = next((one for one in self.networks if number in (trial.number for trial in one.trials)), None)
        if network is None:
            return "Another worker took the trial that was queued."
        if network.given_up:
            return f"{network.choice.name} was given up after {network.failures} failures."
        for trial in network.trials:
            if trial.state.name in ("COMPLETE", "PRUNED") or (trial.number < number and trial.state.name != "FAIL"):
                return f"Trial {trial.number} is the same network."
        if network not in self._live[: self.settings.trials]:
            return f"All {self.settings.trials} networks that are wanted have been taken."
        return None

    def next_trial(self, study: Study) -> FrozenTrial | None:
        """The trial to add: a retry if all attempts have failed, or a new network; None if all that are wanted are taken."""
        space = self.settings.space
        for network in self._live[: self.settings.trials]:
            if network.stopped:
                last = network.trials[-1]
                curve = {CURVE: last.user_attrs[CURVE]} if CURVE in last.user_attrs else {}
                return waiting_trial(network.choice, space, user_attrs=curve, system_attrs=last.system_attrs)
        if self.taken >= self.reachable:
            return None
        seed = self.settings.hyperparameters.random_seed + len(self._trials)
        if any(trial.state.name == "RUNNING" for trial in self._trials):  # several workers: each draws another network
            seed += zlib.crc32(worker_name().encode())
        return waiting_trial(space.draw(study, self.networks, seed=seed % 2**32), space)


def waiting_trial(choice: Network, space: NetworkSpace, **attributes: dict[str, object]) -> FrozenTrial:
    """A trial of a network, to be added to a study; for attributes see `optuna.create_trial`."""
    from optuna.trial import TrialState, create_trial

    from foldline.study.sampling import distributions_of

    distributions = distributions_of(space)
    return create_trial(state=TrialState.WAITING, params=asdict(choice), distributions=distributions, **attributes)


def fail_lost_trials(study: Study) -> None:
    """Fail running trials of lost workers, for a worker that waits: Optuna does so only when one takes a trial."""
    from optuna.exceptions import ExperimentalWarning
    from optuna.storages import fail_stale_trials
    from optuna.trial import TrialState

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        with reading(study.study_name):
            fail_stale_trials(study)
    # Without a first heartbeat a trial is never stale.
    for trial in all_trials(study):
        if trial.state is not TrialState.RUNNING:
            continue
        if not recorded(trial, WORKER) and datetime.now() - trial.datetime_start > FIRST_HEARTBEAT:
            study.tell(trial.number, state=TrialState.FAIL, skip_if_finished=True)

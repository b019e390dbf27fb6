"""A precision study as it stands in its storage, read into plain values. Nothing here needs torch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from datapath.errors import FileError
from datapath.quoting import quoted
from foldline.foldings.enumeration import FoldingPoint
from foldline.foldings.pareto import pareto_front
from foldline.study.attributes import (
    OUTCOME,
    POINT,
    WORKER,
    TrialErrorRates,
    all_trials,
    curve_of,
    error_rates_of,
    point_of,
    reading,
    recorded,
)
from foldline.study.queue import TrialQueue
from foldline.study.settings import StudySettings
from foldline.study.space import Choice
from foldline.study.storage import open_storage, reaching, shown_url

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

SETTINGS = "foldline"
"""Attribute of the study."""

STATES = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed", "RUNNING": "running", "WAITING": "waiting"}
"""States of trials as they are shown, by Optuna's names."""


@dataclass(frozen=True, kw_only=True)
class TrialResult:
    """One trial: one attempt at a network."""

    number: int  # counted from 0 in the order in which trials were made
    retries: int | None  # the number of the first attempt at the same network; None if this is the first
    state: str  # a value of `STATES`
    choice: Choice
    reason: str | None  # why it was pruned, or has failed
    point: FoldingPoint | None  # the cheapest folding that reaches the study's rate
    error_rates: TrialErrorRates | None  # of a complete trial
    curve: dict[int, float]  # overlay CER in percent by epoch of the last stage, as far as it went
    worker: str | None  # machine and process id
    seconds: float | None  # from its start to its end

    @property
    def finished(self) -> bool:
        return self.state in ("complete", "pruned")


@dataclass(frozen=True, kw_only=True)
class StudyResult:
    """A study."""

    name: str
    storage: str  # its URL, without a password
    settings: StudySettings
    trials: tuple[TrialResult, ...]  # in the order of their numbers, without superfluous ones

    @property
    def finished(self) -> tuple[TrialResult, ...]:
        """Complete and pruned trials."""
        return tuple(trial for trial in self.trials if trial.finished)

    @property
    def complete(self) -> tuple[TrialResult, ...]:
        return tuple(trial for trial in self.trials if trial.state == "complete")

    @property
    def front(self) -> tuple[TrialResult, ...]:
        """The Pareto front of complete trials in CER and share of the board, lowest CER first."""
        costs = np.array([(one.error_rates.cer, one.point.share) for one in self.complete]).reshape(-1, 2)
        best = [self.complete[index] for index in pareto_front(costs)]
        return tuple(sorted(best, key=lambda trial: (trial.error_rates.cer, trial.point.share)))

    def cheapest(self, max_cer: float) -> TrialResult | None:
        """The complete trial with the least share of the board among those with at most this CER in percent, if any."""
        good = [trial for trial in self.front if trial.error_rates.cer <= max_cer]
        return min(good, key=lambda trial: trial.point.share, default=None)


def read_study(name: str, storage: str) -> StudyResult:
    """Read a study.

    :param storage: see `foldline.study.storage.storage_url`.
    :raises FileError: the storage cannot be opened, holds no such study, or one that is not Foldline's or damaged.
    """
    import optuna

    opened, shown = open_storage(storage), shown_url(storage)
    with reaching(storage):
        with reading(name):
            names = optuna.get_all_study_names(opened)
            others = ", ".join(sorted(names)) or "no study"
        if name not in names:
            raise FileError(f"There is no study {quoted(name)} in {shown}; it has {others}.")
        with reading(name):
            study = optuna.load_study(study_name=name, storage=opened)
        settings = stored_settings(study)
        if settings is None:
            raise FileError(f"The study {quoted(name)} is not one of Foldline: it has no settings.")
        try:
            networks = TrialQueue(all_trials(study), settings).networks
            trials = [_trial(trial, first=network.trials[0].number) for network in networks for trial in network.trials]
        except FileError as error:
            raise error.within(f"Study {name}") from error
    in_order = tuple(sorted(trials, key=lambda trial: trial.number))
    return StudyResult(name=name, storage=shown, settings=settings, trials=in_order)


def stored_settings(study: Study) -> StudySettings | None:
    """The settings in a study's attributes; None where it has none. For errors see `StudySettings.from_text`."""
    with reading(study.study_name):
        text = study.user_attrs.get(SETTINGS)
    return None if text is None else StudySettings.from_text(text, study=study.study_name)


def _trial(trial: FrozenTrial, *, first: int) -> TrialResult:
    complete, failed = trial.state.name == "COMPLETE", trial.state.name == "FAIL"
    worker = next(iter(recorded(trial, WORKER)), None)
    _, reason = recorded(trial, OUTCOME) or (None, None)
    if failed and reason is None:
        reason = f"Its worker{'' if worker is None else f' {worker}'} ended without a result."
    started, ended = trial.datetime_start, trial.datetime_complete
    return TrialResult(
        number=trial.number,
        retries=None if trial.number == first else first,
        state=STATES[trial.state.name],
        choice=Choice.of(trial.params),
        reason=reason,
        point=point_of(trial) if complete or POINT in trial.user_attrs else None,
        error_rates=error_rates_of(trial) if complete else None,
        curve=curve_of(trial),
        worker=worker,
        seconds=(ended - started).total_seconds() if started and ended else None,
    )


def reference_curves(study: Study, *, share: float) -> list[dict[int, float]]:
    """The curves of the complete trials that take no more than a share (0 to 1) of the board's scarcest resource."""
    settings = stored_settings(study)
    ours = (trial for trial in all_trials(study) if Choice.of(trial.params) in settings.space)
    return [curve_of(trial) for trial in ours if trial.state.name == "COMPLETE" and point_of(trial).share <= share]


def best_at(curves: Sequence[dict[int, float]], epoch: int) -> float:
    """The least CER in percent of any curve at an epoch, counted from 1; infinite where none goes so far."""
    return min((curve[epoch] for curve in curves if epoch in curve), default=math.inf)

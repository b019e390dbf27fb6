"""A precision study as it stands in its storage, read into plain values. Nothing here needs torch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from datapath.errors import FileError
from foldline.foldings.enumeration import FoldingPoint, point_from
from foldline.foldings.pareto import pareto_front
from foldline.study.queue import CURVE, OUTCOME, WORKER, TrialQueue, recorded
from foldline.study.settings import StudySettings
from foldline.study.space import Choice
from foldline.study.storage import open_storage, reaching, shown_url

if TYPE_CHECKING:
    from optuna import Study
    from optuna.storages import RDBStorage
    from optuna.trial import FrozenTrial, Trial

SETTINGS = "foldline"
"""Attribute of the study."""

POINT, RESULT = "point", "result"
"""Attributes of a trial: its `FoldingPoint` and its `TrialErrorRates`."""

COMPLETE, PRUNED, FAILED, RUNNING, WAITING = "complete", "pruned", "failed", "running", "waiting"
_STATES = {"COMPLETE": COMPLETE, "PRUNED": PRUNED, "FAIL": FAILED, "RUNNING": RUNNING, "WAITING": WAITING}


@dataclass(frozen=True, kw_only=True)
class TrialErrorRates:
    """Error rates of a trained network: all validation lines, limits ignored, simulated, overlay labels.

    cer     character error rate in percent
    wer     word error rate in percent
    exact   lines read without an error
    lines   number of lines
    folder  of its training, on the machine of its worker
    design  the unfolded design's file, on the machine of its worker
    """

    cer: float
    wer: float
    exact: int
    lines: int
    folder: str
    design: str


@dataclass(frozen=True, kw_only=True)
class TrialResult:
    """One trial: one attempt at a network.

    number       counted from 0 in the order in which trials were made
    retries      the number of the first attempt at the same network; None if this is the first
    state        complete, pruned, failed, running or waiting
    choice       its network
    reason       why it was pruned, or has failed
    point        the cheapest folding that reaches the study's rate: modelled throughput, estimated resources
    error_rates  of a complete trial
    curve        overlay CER in percent by epoch of the last stage, as far as it went
    worker       machine and process id
    seconds      from its start to its end
    """

    number: int
    retries: int | None
    state: str
    choice: Choice
    reason: str | None
    point: FoldingPoint | None
    error_rates: TrialErrorRates | None
    curve: dict[int, float]
    worker: str | None
    seconds: float | None

    @property
    def finished(self) -> bool:
        return self.state in (COMPLETE, PRUNED)


@dataclass(frozen=True, kw_only=True)
class StudyResult:
    """A study.

    name      of the study
    storage   its URL, without a password
    settings  what all workers share
    trials    in the order of their numbers, without superfluous ones
    """

    name: str
    storage: str
    settings: StudySettings
    trials: tuple[TrialResult, ...]

    @property
    def finished(self) -> tuple[TrialResult, ...]:
        """Complete and pruned trials."""
        return tuple(trial for trial in self.trials if trial.finished)

    @property
    def complete(self) -> tuple[TrialResult, ...]:
        return tuple(trial for trial in self.trials if trial.state == COMPLETE)

    @property
    def front(self) -> tuple[TrialResult, ...]:
        """The Pareto front of complete trials in CER and share of the board, lowest CER first."""
        costs = np.array([(one.error_rates.cer, one.point.share) for one in self.complete]).reshape(-1, 2)
        best = [self.complete[index] for index in pareto_front(costs)]
        return tuple(sorted(best, key=lambda trial: (trial.error_rates.cer, trial.point.share)))

    def cheapest(self, max_cer: float) -> TrialResult | None:
        """The complete trial with the least share of the board among those that read well enough; None if none does.

        :param max_cer: percent, itself included.
        """
        good = [trial for trial in self.front if trial.error_rates.cer <= max_cer]
        return min(good, key=lambda trial: trial.point.share, default=None)


def read_study(name: str, storage: str) -> StudyResult:
    """Read a study.

    :param name: of the study.
    :param storage: see `foldline.study.storage.storage_url`.
    :raises FileError: the storage cannot be opened, holds no such study, or one that is not Foldline's or damaged.
    """
    opened = open_storage(storage)
    with reaching(storage):
        study = load_study(name, opened, where=storage)
        settings = stored_settings(study)
        if settings is None:
            raise FileError(f"The study {name!r} is not one of Foldline: it has no settings.")
        try:
            return result_of(study, settings, storage=storage)
        except (TypeError, ValueError, LookupError, AttributeError) as error:
            raise FileError(f"The study {name!r} is damaged: {type(error).__name__}: {error}.") from error


def load_study(name: str, storage: RDBStorage, *, where: str) -> Study:
    """Optuna's study.

    :param name: of the study.
    :param storage: to load it from.
    :param where: URL of the storage, for messages.
    :raises FileError: there is no study of this name; names those that there are.
    """
    import optuna

    try:
        return optuna.load_study(study_name=name, storage=storage)
    except KeyError as error:
        names = ", ".join(sorted(optuna.get_all_study_names(storage)))
        raise FileError(f"There is no study {name!r} in {shown_url(where)}; it has {names or 'no study'}.") from error


def stored_settings(study: Study) -> StudySettings | None:
    """The settings in a study's attributes; None where it has none.

    :param study: to read from.
    :raises FileError: they are of another version, or damaged.
    """
    text = study.user_attrs.get(SETTINGS)
    return None if text is None else StudySettings.from_text(text, study=study.study_name)


def result_of(study: Study, settings: StudySettings, *, storage: str) -> StudyResult:
    """All that a study holds now.

    :param study: to read from.
    :param settings: of the study.
    :param storage: its URL.
    """
    networks = TrialQueue(study.get_trials(deepcopy=False), settings).networks
    trials = [_trial(trial, first=network.trials[0].number) for network in networks for trial in network.trials]
    return StudyResult(
        name=study.study_name,
        storage=shown_url(storage),
        settings=settings,
        trials=tuple(sorted(trials, key=lambda trial: trial.number)),
    )


def point_of(trial: FrozenTrial) -> FoldingPoint:
    """The folding of a trial.

    :param trial: that has begun.
    """
    return point_from(trial.user_attrs[POINT])


def error_rates_of(trial: FrozenTrial) -> TrialErrorRates:
    """The error rates of a trial.

    :param trial: that is complete.
    """
    return TrialErrorRates(**trial.user_attrs[RESULT])


def curve_of(trial: FrozenTrial | Trial) -> dict[int, float]:
    """Overlay CER in percent by epoch of the last stage.

    :param trial: any trial.
    """
    return {int(epoch): cer for epoch, cer in trial.user_attrs.get(CURVE, {}).items()}


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
        state=_STATES[trial.state.name],
        choice=Choice.of(trial.params),
        reason=reason,
        point=point_of(trial) if complete or POINT in trial.user_attrs else None,
        error_rates=error_rates_of(trial) if complete else None,
        curve=curve_of(trial),
        worker=worker,
        seconds=(ended - started).total_seconds() if started and ended else None,
    )


def reference_curves(study: Study, *, share: float) -> list[dict[int, float]]:
    """The curves of the complete trials that take no more of the board.

    :param study: to read from.
    :param share: of the board's scarcest resource, 0 to 1.
    """
    trials = (trial for trial in study.get_trials(deepcopy=False) if trial.state.name == "COMPLETE")
    return [curve_of(trial) for trial in trials if point_of(trial).share <= share]


def best_at(curves: Sequence[dict[int, float]], epoch: int) -> float:
    """The least CER of any curve at an epoch; infinite where none goes so far.

    :param curves: CER in percent by epoch.
    :param epoch: counted from 1.
    """
    return min((curve[epoch] for curve in curves if epoch in curve), default=math.inf)

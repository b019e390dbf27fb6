"""A precision study as it stands in its storage, read into plain values. Nothing here needs torch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from datapath.errors import FileError
from foldline.foldings.enumeration import FoldingPoint, point_from
from foldline.foldings.pareto import pareto_front
from foldline.study.ledger import DISCARDED, GIVEN_UP, REASON, Ledger, attempt_of, choice_of, root_of
from foldline.study.retries import WORKER
from foldline.study.settings import StudySettings
from foldline.study.space import Choice
from foldline.study.storage import open_storage, reaching, shown_url

if TYPE_CHECKING:
    from optuna import Study
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

SETTINGS = "foldline"
"""Attribute of the study."""

POINT, RESULT, CURVE = "point", "result", "curve"
"""Attributes of a trial: its `FoldingPoint`, its `TrialErrorRates`, and the overlay CER after each epoch of its last stage."""

COMPLETE, PRUNED, FAILED, RUNNING, WAITING = "complete", "pruned", "failed", "running", "waiting"
_STATES = {"COMPLETE": COMPLETE, "PRUNED": PRUNED, "FAIL": FAILED, "RUNNING": RUNNING, "WAITING": WAITING}


@dataclass(frozen=True, kw_only=True)
class TrialErrorRates:
    """What a trained network reads on all validation lines, beyond the limits, simulated, by the overlay's labels.

    cer, wer       percent
    exact, lines   lines read exactly, and all of them
    folder         of its training, on the machine of its worker
    design         the file, likewise; unfolded
    """

    cer: float
    wer: float
    exact: int
    lines: int
    folder: str
    design: str


@dataclass(frozen=True, kw_only=True)
class TrialResult:
    """One trial.

    number    counted from 0 in the order in which trials were made
    retries   the number of the trial whose network it tries again, if it does
    state     complete, pruned, failed, running or waiting
    choice    its network; None as long as it is being drawn
    reason    why it was pruned, or has failed
    point     the cheapest folding that reaches the study's rate: modelled throughput, estimated resources
    reading   once it is complete
    curve     overlay CER in percent by epoch of the last stage, as far as it went
    worker    machine and process id
    seconds   from its start to its end
    """

    number: int
    retries: int | None
    state: str
    choice: Choice | None
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
    """A study: its settings, and its trials in the order of their numbers, without those that count for nothing.

    storage   its URL, without a password
    """

    name: str
    storage: str
    settings: StudySettings
    trials: tuple[TrialResult, ...]

    @property
    def finished(self) -> tuple[TrialResult, ...]:
        """Complete and pruned ones."""
        return tuple(trial for trial in self.trials if trial.finished)

    @property
    def complete(self) -> tuple[TrialResult, ...]:
        return tuple(trial for trial in self.trials if trial.state == COMPLETE)

    @property
    def front(self) -> tuple[TrialResult, ...]:
        """The complete trials that no other one beats in CER and in the share of the board, best CER first."""
        costs = np.array([(one.error_rates.cer, one.point.share) for one in self.complete]).reshape(-1, 2)
        best = [self.complete[index] for index in pareto_front(costs)]
        return tuple(sorted(best, key=lambda trial: (trial.error_rates.cer, trial.point.share)))

    def cheapest(self, max_cer: float) -> TrialResult | None:
        """The complete trial that takes the least share of the board and whose CER is at most this; None where there is
        none."""
        good = [trial for trial in self.front if trial.error_rates.cer <= max_cer]
        return min(good, key=lambda trial: trial.point.share, default=None)


def read_study(name: str, storage: str) -> StudyResult:
    """The study of this name.

    :param storage: see `foldline.study.storage.storage_url`.
    :raises FileError: the storage cannot be opened, holds no such study, or one that is not Foldline's or damaged.
    """
    opened = open_storage(storage, makes=False)
    with reaching(storage):
        study = load_study(name, opened, where=storage)
        settings = kept_settings(study)
        if settings is None:
            raise FileError(f"The study {name!r} is no study of Foldline's: it has no settings.")
        try:
            return result_of(study, settings, storage=storage)
        except (TypeError, ValueError, LookupError, AttributeError) as error:
            raise FileError(f"The study {name!r} is damaged: {type(error).__name__}: {error}.") from error


def load_study(name: str, storage: BaseStorage, *, where: str) -> Study:
    """:raises FileError: there is none of this name; names those that are there."""
    import optuna

    try:
        return optuna.load_study(study_name=name, storage=storage)
    except KeyError as error:
        names = ", ".join(sorted(optuna.get_all_study_names(storage)))
        raise FileError(
            f"There is no study {name!r} in {shown_url(where)}; it has {names or 'no study at all'}."
        ) from error


def kept_settings(study: Study) -> StudySettings | None:
    """None where there are none."""
    text = study.user_attrs.get(SETTINGS)
    return None if text is None else StudySettings.from_text(text, study=study.study_name)


def result_of(study: Study, settings: StudySettings, *, storage: str) -> StudyResult:
    """All that a study holds now."""
    trials = study.get_trials(deepcopy=False)
    counting = {trial.number for chain in Ledger(trials).chains for trial in chain.trials}
    return StudyResult(
        name=study.study_name,
        storage=shown_url(storage),
        settings=settings,
        trials=tuple(_trial(trial) for trial in trials if trial.number in counting),
    )


def _trial(trial: FrozenTrial) -> TrialResult:
    told, complete = trial.user_attrs, trial.state.name == "COMPLETE"
    started, ended = trial.datetime_start, trial.datetime_complete
    return TrialResult(
        number=trial.number,
        retries=root_of(trial) if attempt_of(trial) else None,
        state=_STATES[trial.state.name],
        choice=choice_of(trial),
        reason=told.get(GIVEN_UP) or told.get(DISCARDED) or told.get(REASON),
        point=point_from(told[POINT]) if complete or POINT in told else None,
        error_rates=TrialErrorRates(**told[RESULT]) if complete else None,
        curve={int(epoch): cer for epoch, cer in told.get(CURVE, {}).items()},
        worker=told.get(WORKER),
        seconds=(ended - started).total_seconds() if started and ended else None,
    )


def reference_curves(study: Study, *, share: float) -> list[dict[int, float]]:
    """The curves of the complete trials that take no more of the board than `share`."""
    results = (_trial(trial) for trial in study.get_trials(deepcopy=False) if trial.state.name == "COMPLETE")
    return [trial.curve for trial in results if trial.point is not None and trial.point.share <= share]


def best_at(curves: list[dict[int, float]], epoch: int) -> float:
    """The least CER that any curve has at an epoch; infinite where none goes so far."""
    return min((curve[epoch] for curve in curves if epoch in curve), default=math.inf)

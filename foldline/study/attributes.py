"""What Foldline writes into a study and its trials besides Optuna's own fields, and how it is read back.

Another program may have written to the same database, and a file may be damaged: nothing is taken for what it is not.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from datapath.errors import FileError
from datapath.quoting import quoted
from foldline.foldings.enumeration import FoldingPoint, point_from, point_values

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial, Trial

CURVE = "curve"
"""Attribute of a trial: overlay CER in percent by epoch of the last stage. A retry inherits it."""

WORKER, OUTCOME = "worker", "outcome"
"""Attributes of one attempt, see `foldline.study.queue.record`: machine and process id; kind and reason of an end without
a result."""

POINT, RESULT = "point", "result"
"""Attributes of a trial: its `FoldingPoint` and its `TrialErrorRates`."""

_VALUES = {WORKER: 1, OUTCOME: 2}
"""Texts of an attempt's attribute, besides the trial's number."""

OBJECTIVES = 2
"""What a study minimises: CER in percent, and the share of the board."""

UNREADABLE = (TypeError, ValueError, LookupError, AttributeError, OverflowError, AssertionError)
"""What Optuna raises while it turns the rows of a damaged database into a study and trials."""


@dataclass(frozen=True, kw_only=True)
class TrialErrorRates:
    """Error rates of a trained network: all validation lines, limits ignored, simulated, overlay labels."""

    cer: float  # character error rate in percent
    wer: float  # word error rate in percent
    exact: int  # lines read without an error
    lines: int  # number of lines
    folder: str  # of its training, on the machine of its worker
    design: str  # the unfolded design's file, on the machine of its worker


@contextmanager
def reading(study: str) -> Iterator[None]:
    """Turn what Optuna raises at a damaged study into one sentence.

    :param study: its name.
    :raises FileError: the study is damaged.
    """
    try:
        yield
    except UNREADABLE as error:
        reason = str(error).rstrip(".") or "no reason is given"
        raise FileError(f"The study {quoted(study)} is damaged: {type(error).__name__}: {reason}.") from error


def all_trials(study: Study) -> Sequence[FrozenTrial]:
    """All trials of a study, in the order of their numbers.

    :raises FileError: the study is damaged, or minimises something else than ours.
    """
    with reading(study.study_name):
        directions = [one.name for one in study.directions]
        trials = study.get_trials(deepcopy=False)
    if directions != ["MINIMIZE"] * OBJECTIVES:
        shown = " and ".join(one.lower() for one in directions) or "nothing"
        raise FileError(f"The study {quoted(study.study_name)} is not one of Foldline: it has to {shown}.")
    return trials


def require_values(trial: FrozenTrial) -> None:
    """Refuse a complete trial without its two values.

    :raises FileError: names the trial.
    """
    values = trial.values if trial.state.name == "COMPLETE" else [0.0] * OBJECTIVES
    if values is None or len(values) != OBJECTIVES or not all(map(_is_number, values)):
        raise FileError(f"Trial {trial.number} is damaged: its values are {quoted(values)}.")


def recorded(trial: FrozenTrial, name: str) -> list[str]:
    """What was recorded for this attempt; empty if nothing.

    :param name: `WORKER` or `OUTCOME`.
    :raises FileError: it is something else.
    """
    found = trial.user_attrs.get(name)
    if found is None:
        return []
    texts = found[1:] if isinstance(found, list) else []
    if len(texts) != _VALUES[name] or type(found[0]) is not int or not all(isinstance(one, str) for one in texts):
        raise _damaged(trial, name)
    return texts if found[0] == trial.number else []


def point_of(trial: FrozenTrial) -> FoldingPoint:
    """The folding of a trial that has begun.

    :raises FileError: it has none, or something else.
    """
    try:
        point = point_from(trial.user_attrs[POINT])
        values = point_values(point)
        scarcest, _ = values.pop("scarcest"), values.pop("folding")
        right = all(map(_is_number, values.values())) and scarcest in values
    except (*UNREADABLE, FileError):
        right = False
    if not right:
        raise _damaged(trial, POINT)
    return point


def error_rates_of(trial: FrozenTrial) -> TrialErrorRates:
    """The error rates of a complete trial.

    :raises FileError: it has none, or something else.
    """
    found = trial.user_attrs.get(RESULT)
    kinds = {"cer": _is_number, "wer": _is_number, "exact": _is_count, "lines": _is_count}
    kinds |= {"folder": _is_text, "design": _is_text}
    if (
        not isinstance(found, dict)
        or set(found) != set(kinds)
        or not all(right(found[name]) for name, right in kinds.items())
    ):
        raise _damaged(trial, RESULT)
    return TrialErrorRates(**found)


def curve_of(trial: FrozenTrial | Trial) -> dict[int, float]:
    """Overlay CER in percent by epoch of the last stage.

    :raises FileError: it is something else.
    """
    found = trial.user_attrs.get(CURVE, {})
    right = isinstance(found, dict) and all(map(_is_epoch, found)) and all(map(_is_number, found.values()))
    if not right:
        raise _damaged(trial, CURVE)
    return {int(epoch): cer for epoch, cer in found.items()}


def _damaged(trial: FrozenTrial | Trial, name: str) -> FileError:
    return FileError(f"Trial {trial.number} is damaged: its {name} is {quoted(trial.user_attrs.get(name))}.")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_epoch(key: str) -> bool:
    return key.isdecimal() and len(key) < 10


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_text(value: object) -> bool:
    return isinstance(value, str)

"""Studies of tiny networks whose trials take no time, for the tests of `foldline study`."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import optuna
from sqlalchemy import Engine, event

from foldline.study.joining import join_study
from foldline.study.queue import OUTCOME, WORKER
from foldline.study.result import StudyResult, TrialErrorRates, read_study
from foldline.study.settings import preset_of
from foldline.study.storage import Heartbeat
from foldline.study.worker import TrialRequest, Worker
from tests.train import tiny

PRESET = tiny.quantized(forward_arithmetic="HARDWARE", ctc="OVERLAY", select_by="OVERLAY", score_scale=4.0, epochs=6)
NAME = "tiny"
HEARTBEAT = Heartbeat(interval=1, grace=60)


def disable_fsync() -> None:
    """No test needs its files to survive a power cut, and databases wait for that at every write."""
    os.fsync = lambda descriptor: None
    event.listen(Engine, "connect", no_fsync)


def no_fsync(connection, record) -> None:
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA synchronous = OFF")


def given(**changes) -> dict[str, object]:
    """The settings that a worker asks for: a space of eight networks, all of which reach the rate."""
    settings = {
        "min_columns_per_second": 1000.0,
        "preset": preset_of(PRESET),
        "dataset": "tiny",
        "lines": (10, 3, 5),
        "weight": (2, 4),
        "activation": (2, 4),
        "bias": (8,),
        "fc_weight": (8,),
        "hidden": (4, 8),
        "trials": 4,
    }
    return {**settings, **changes}


def join(storage: Path | str, heartbeat: Heartbeat = HEARTBEAT, **changes) -> optuna.Study:
    return join_study(NAME, str(storage), given(**changes), heartbeat)[0]


def work(study: optuna.Study, compute, *, log: list[str] | None = None) -> None:
    """Run a worker until the study is finished; its messages go to `log`."""
    Worker(study, compute, log=[].append if log is None else log.append).run()


def read(storage: Path | str) -> StudyResult:
    return read_study(NAME, str(storage))


def error_rates(cer: float) -> TrialErrorRates:
    return TrialErrorRates(cer=cer, wer=2 * cer, exact=1, lines=3, folder="runs/it", design="runs/it/design.npz")


def at_once(request: TrialRequest) -> TrialErrorRates:
    """Error rates that fall with the size of the network."""
    return error_rates(100 / (request.choice.hidden * request.choice.weight * request.choice.activation))


def frozen(
    number: int,
    *,
    state: str = "RUNNING",
    hidden: int = 4,
    outcome: str | None = None,
    worker: str | None = "host:1",
    **attributes: object,
) -> optuna.trial.FrozenTrial:
    """A trial of the network with so many hidden units.

    :param outcome: kind of its outcome, if it has one.
    :param worker: None where it has not begun.
    """
    choice = {"weight": 2, "activation": 2, "bias": 8, "fc_weight": 8, "hidden": hidden}
    if outcome is not None:
        attributes[OUTCOME] = [number, outcome, "It ended."]
    if worker is not None:
        attributes[WORKER] = [number, worker]
    trial = optuna.trial.create_trial(
        state=optuna.trial.TrialState[state],
        values=(1.0, 1.0) if state == "COMPLETE" else None,
        params=choice,
        distributions={name: optuna.distributions.CategoricalDistribution((value,)) for name, value in choice.items()},
        user_attrs=attributes,
    )
    trial.number = number
    return trial

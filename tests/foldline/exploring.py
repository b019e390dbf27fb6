"""Studies of tiny networks, for the tests of `foldline explore --study`."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from foldline.study.result import StudyResult, read_study
from foldline.study.settings import preset_of
from foldline.study.worker import Worker, join_study
from tests.train import tiny

PRESET = tiny.quantized(forward_arithmetic="HARDWARE", ctc="OVERLAY", select_by="OVERLAY", score_scale=4.0, epochs=6)
NAME = "tiny"
INTERVAL, GRACE = 1.0, 60.0
"""Seconds. Nothing waits for the grace period to pass but what says so."""


@pytest.fixture
def no_waiting_for_the_disk(monkeypatch):
    """No test needs what it has written to survive a power cut, and databases wait for that at every write."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    event.listen(Engine, "connect", _never_wait)
    yield
    event.remove(Engine, "connect", _never_wait)


def wait_for_no_disk() -> None:
    """The same for all the rest of a process."""
    os.fsync = lambda descriptor: None
    event.listen(Engine, "connect", _never_wait)


def _never_wait(connection, record) -> None:
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA synchronous = OFF")


def given(**changes) -> dict[str, object]:
    """What a worker asks for: eight networks, all of which reach the rate."""
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


def join(storage: Path | str, **changes):
    return join_study(NAME, str(storage), given(**changes))


def work(study, compute, *, said: list[str] | None = None, interval: float = INTERVAL, grace: float = GRACE) -> None:
    said = [] if said is None else said
    Worker(study, compute, say=said.append, interval=interval, grace=grace).run()


def read(storage: Path | str) -> StudyResult:
    return read_study(NAME, str(storage))

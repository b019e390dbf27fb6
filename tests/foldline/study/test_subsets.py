"""Every subset of a space's dimensions may have one value only, and the others several: all of its networks are found.

Issue O, 12: a space whose first dimension had one value died with a KeyError, and left a trial running.
"""

import itertools
import threading

import optuna
import pytest

from foldline.study import trials, worker
from foldline.study.result import SETTINGS
from foldline.study.settings import first_settings
from foldline.study.space import Choice
from foldline.study.worker import choose_point
from tests.foldline.study.studies import at_once, given, work

pytestmark = pytest.mark.no_numpy2

SEVERAL = {"weight": (2, 4), "activation": (2, 4), "bias": (6, 8), "fc_weight": (4, 8), "hidden": (4, 8)}
SUBSETS = [subset for size in range(len(SEVERAL) + 1) for subset in itertools.combinations(SEVERAL, size)]
MOST = 4
"""Trials of a study at most."""


def study_of(varying: tuple[str, ...]) -> optuna.Study:
    """A study in memory, whose space has two values in some dimensions, and one in the others."""
    space = {name: values if name in varying else values[-1:] for name, values in SEVERAL.items()}
    study = optuna.create_study(directions=("minimize", "minimize"))
    study.set_user_attr(SETTINGS, first_settings(given(**space, trials=min(MOST, 2 ** len(varying)))).as_text())
    return study


def require_finished(study: optuna.Study, varying: tuple[str, ...]) -> None:
    states = [trial.state.name for trial in study.trials]
    networks = [Choice.of(trial.params) for trial in study.trials if trial.state.name == "COMPLETE"]
    assert len(networks) == len(set(networks)) == min(MOST, 2 ** len(varying))
    assert set(states) <= {"COMPLETE", "FAIL"}
    for network in networks:
        for name, values in SEVERAL.items():
            assert getattr(network, name) in (values if name in varying else values[-1:])


def test_there_are_all_subsets():
    assert len(SUBSETS) == 32


POINTS = {}


def point_once(settings, choice):
    """The point of a network, which is the same in all of these studies."""
    if choice not in POINTS:
        POINTS[choice] = choose_point(settings, choice)
    return POINTS[choice]


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("varying", SUBSETS, ids=lambda varying: "-".join(varying) or "none")
def test_as_many_networks_finish_as_are_wanted(varying, workers, monkeypatch):
    """Two workers take their steps in any order: which it is does not matter."""
    monkeypatch.setattr(trials, "WAIT_SECONDS", 1e-3)
    monkeypatch.setattr(worker, "choose_point", point_once)
    study = study_of(varying)
    threads = [threading.Thread(target=work, args=(study, at_once)) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    require_finished(study, varying)
    if workers == 1:
        assert all(trial.state.name == "COMPLETE" for trial in study.trials)

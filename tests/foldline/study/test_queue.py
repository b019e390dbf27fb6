"""Which trials count, and what a worker takes next, from the trials that a study holds."""

import random
from types import SimpleNamespace

import pytest

from foldline.study.queue import INTERRUPTED, MAX_RETRIES, SUPERFLUOUS, TrialQueue
from foldline.study.sampling import draw
from foldline.study.settings import first_settings
from foldline.study.space import Choice, Space
from tests.foldline.study.studies import frozen, given, join

pytestmark = pytest.mark.no_numpy2


def queue(*trials, wanted=5, hidden=(1, 2, 3, 4, 5, 6)):
    return TrialQueue(trials, first_settings(given(trials=wanted, hidden=tuple(hidden), weight=(2,), activation=(2,))))


def test_trials_of_one_network_are_attempts_at_it():
    found = queue(frozen(0, state="FAIL", hidden=1), frozen(1, hidden=2), frozen(2, state="COMPLETE", hidden=1))
    assert [[trial.number for trial in network.trials] for network in found.networks] == [[0, 2], [1]]
    assert [network.choice.hidden for network in found.networks] == [1, 2]
    assert (found.finished, found.taken) == (1, 2)


def test_of_networks_beyond_those_that_are_wanted_the_last_are_refused():
    trials = [frozen(number, hidden=number + 1) for number in range(3)]
    found = queue(*trials, wanted=2)
    assert [found.objection(number) for number in range(2)] == [None, None]
    assert "2 networks" in found.objection(2)


def test_a_retry_has_the_place_of_the_first_attempt():
    trials = [frozen(0, state="FAIL", hidden=1), frozen(1, hidden=2), frozen(2, hidden=1)]
    assert queue(*trials, wanted=1).objection(2) is None
    assert "1 network" in queue(*trials, wanted=1).objection(1)
    assert queue(*trials, wanted=2).objection(1) is None


@pytest.mark.parametrize("state", ["RUNNING", "WAITING"])
def test_of_two_trials_of_a_network_the_first_runs(state):
    found = queue(frozen(0, state=state), frozen(1))
    assert found.objection(0) is None
    assert found.objection(1) == "Trial 0 is the same network."


@pytest.mark.parametrize("state", ["COMPLETE", "PRUNED"])
def test_a_network_that_has_finished_does_not_run_again(state):
    assert queue(frozen(0), frozen(1, state=state)).objection(0) == "Trial 1 is the same network."


def test_a_trial_that_was_not_queued_does_not_run():
    empty = frozen(1)
    empty.distributions, empty.params = {}, {}
    found = queue(frozen(0), empty)
    assert found.objection(1) is not None
    assert found.taken == 1


def test_a_network_is_given_up_after_so_many_failures_and_takes_no_place():
    failed = [frozen(number, state="FAIL", hidden=1) for number in range(MAX_RETRIES + 1)]
    assert queue(*failed[:-1]).taken == 1
    found = queue(*failed, frozen(MAX_RETRIES + 1, hidden=1), frozen(MAX_RETRIES + 2, hidden=2), wanted=1)
    assert (found.taken, found.reachable) == (1, 1)
    assert f"{MAX_RETRIES + 1} failures" in found.objection(MAX_RETRIES + 1)
    assert found.objection(MAX_RETRIES + 2) is None
    assert queue(*failed, wanted=10).reachable == 5  # of six networks


def test_an_interruption_is_not_a_failure():
    interrupted = [frozen(number, state="FAIL", outcome=INTERRUPTED) for number in range(MAX_RETRIES + 5)]
    (network,) = queue(*interrupted).networks
    assert (network.failures, network.given_up, network.stopped) == (0, False, True)


def test_an_outcome_that_a_retry_has_copied_is_that_of_the_first_attempt():
    first = frozen(0, state="FAIL", outcome=INTERRUPTED)
    again = frozen(1, state="FAIL")
    again.user_attrs = dict(first.user_attrs)
    (network,) = queue(first, again).networks
    assert network.failures == 1


def test_a_network_beyond_those_that_are_wanted_is_not_retried(tmp_path):
    """Its worker was killed before it knew."""
    found = queue(frozen(0, hidden=1), frozen(1, state="FAIL", hidden=2), wanted=1)
    assert found.next_trial(join(tmp_path / "study.db")) is None


def test_superfluous_trials_do_not_count():
    found = queue(frozen(0, state="FAIL", hidden=1, outcome=SUPERFLUOUS), frozen(1, hidden=2), wanted=1)
    assert (found.taken, found.objection(1)) == (1, None)


def test_a_network_whose_attempts_have_all_failed_is_next_with_the_curve_so_far(tmp_path):
    study = join(tmp_path / "study.db")
    found = queue(frozen(0, hidden=1), frozen(1, state="FAIL", hidden=2, curve={"1": 50.0}), wanted=2)
    trial = found.next_trial(study)
    assert (trial.state.name, trial.params["hidden"], trial.user_attrs) == ("WAITING", 2, {"curve": {"1": 50.0}})
    assert queue(frozen(0, hidden=1), frozen(1, hidden=2), wanted=2).next_trial(study) is None


@pytest.mark.parametrize("seed", range(10))
def test_whatever_workers_do_at_the_same_time_exactly_those_networks_finish_that_are_wanted(seed):
    """Steps of several workers in any order: one decides what to add, one adds what it decided on some steps ago, one takes
    a trial and is killed or asks whether it may run, one ends a trial."""
    draws, study, wanted = random.Random(seed), SimpleNamespace(directions=("minimize", "minimize")), 3
    trials, decided, accepted = [], [], set()

    def take(number, hidden):
        trials[number] = frozen(number, hidden=hidden)
        if draws.random() < 0.2:
            trials[number] = frozen(number, state="FAIL", hidden=hidden)
        elif queue(*trials, wanted=wanted).objection(number) is None:
            accepted.add(number)
        else:
            trials[number] = frozen(number, state="FAIL", hidden=hidden, outcome=SUPERFLUOUS)

    for _ in range(1000):
        found = queue(*trials, wanted=wanted)
        by_state = {state: [one for one in trials if one.state.name == state] for state in ("WAITING", "RUNNING")}
        step = draws.choice(("decide", "add", "take", "end"))
        if step == "decide" and not by_state["WAITING"]:
            decided += [trial for trial in [found.next_trial(study)] if trial is not None]
        elif step == "add" and decided:
            hidden = decided.pop(draws.randrange(len(decided))).params["hidden"]
            trials.append(frozen(len(trials), state="WAITING", hidden=hidden))
        elif step == "take" and by_state["WAITING"]:
            take(by_state["WAITING"][0].number, by_state["WAITING"][0].params["hidden"])
        elif step == "end" and by_state["RUNNING"]:
            one = draws.choice(by_state["RUNNING"])
            state = draws.choice(("COMPLETE", "COMPLETE", "FAIL"))
            trials[one.number] = frozen(one.number, state=state, hidden=one.params["hidden"])
        # No network runs twice at the same time or after its result, and no more than are wanted run or have run.
        active = [one.params["hidden"] for one in trials if one.state.name == "RUNNING" or one.state.name == "COMPLETE"]
        assert len(active) == len(set(active)) <= wanted
        found = queue(*trials, wanted=wanted)
        if found.finished == found.reachable:
            break
    assert found.finished == found.reachable
    assert {one.number for one in trials if one.state.name == "COMPLETE"} <= accepted
    assert len(trials) < 60


def test_draws_follow_from_the_seed_and_avoid_networks_that_the_study_has_had(tmp_path):
    space = Space(weight=tuple(range(2, 9)), activation=tuple(range(2, 9)), hidden=tuple(range(1, 101)))
    study = join(tmp_path / "study.db")
    drawn = [draw(study, (), space, seed=seed) for seed in range(5)]
    assert len(set(drawn)) == 5
    assert draw(study, (), space, seed=0) == drawn[0]


def test_the_last_networks_of_a_space_are_drawn(tmp_path):
    study = join(tmp_path / "study.db")
    found = queue(
        *(frozen(number, state="COMPLETE", hidden=number + 1) for number in range(99)), wanted=99, hidden=range(1, 101)
    )
    space = Space(weight=(2,), activation=(2,), bias=(8,), fc_weight=(8,), hidden=tuple(range(1, 101)))
    left = Choice(weight=2, activation=2, bias=8, fc_weight=8, hidden=100)
    assert draw(study, found.networks, space, seed=1) == left

"""A worker alone: what it trains, prunes, retries and gives up. Nothing is trained here."""

import threading
import time
from datetime import datetime, timedelta

import optuna
import pytest
from optuna.storages import RDBStorage
from optuna.trial import TrialState

from datapath.errors import FileError
from datapath.manifest import Kernel
from foldline.foldings.enumeration import folding_front
from foldline.study import queue as queue_module
from foldline.study.queue import MAX_RETRIES, waiting_trial
from foldline.study.settings import first_settings
from foldline.study.space import PUBLISHED
from foldline.study.storage import Heartbeat
from foldline.study.table import study_report
from foldline.study.worker import choose_point
from tests.foldline.study.studies import at_once, given, join, read, work

FAIL = TrialState.FAIL

pytestmark = pytest.mark.no_numpy2


def test_as_many_trials_as_are_wanted_finish_each_with_another_network(storage):
    work(join(storage, trials=6), at_once)
    study = read(storage)
    assert [trial.state for trial in study.trials] == ["complete"] * 6
    assert len({trial.choice for trial in study.trials}) == 6
    for trial in study.trials:
        assert trial.point == choose_point(study.settings, trial.choice)
        assert trial.point.columns_per_second >= 1000
        assert trial.error_rates == at_once(trial)


def test_a_study_that_is_made_longer_continues(storage):
    work(join(storage, trials=2), at_once)
    before = read(storage).trials
    work(join(storage, trials=5), at_once)
    study = read(storage)
    assert study.trials[:2] == before
    assert len(study.finished) == study.settings.trials == 5


def test_a_trial_that_another_worker_added_beyond_the_wanted_ones_is_taken_and_ignored(storage):
    """Two workers may each add a trial for the last network; the one whose trial is taken first leaves the other's waiting."""
    study = join(storage, trials=2)
    work(study, at_once)
    before = read(storage).trials
    settings = read(storage).settings
    unused = next(choice for choice in settings.space if choice not in {trial.choice for trial in before})
    study.add_trial(waiting_trial(unused, settings.space))
    assert [trial.state for trial in read(storage).trials] == ["complete", "complete", "waiting"]
    work(study, lambda request: pytest.fail("the trial must not run"))
    assert read(storage).trials == before


def test_a_study_of_one_worker_is_the_same_each_time(tmp_path):
    for name in ("one.db", "two.db"):
        work(join(tmp_path / name, trials=6), at_once)
    one, two = (read(tmp_path / name) for name in ("one.db", "two.db"))
    assert [trial.choice for trial in one.trials] == [trial.choice for trial in two.trials]


def test_a_space_with_fewer_networks_than_trials_is_tried_whole_and_no_more(storage):
    work(join(storage, trials=50), at_once)
    study = read(storage)
    assert {trial.choice for trial in study.trials} == set(study.settings.space)
    assert len(study.finished) == 8


def test_the_published_networks_come_first(storage):
    space = {"weight": (2, 3, 4), "activation": (4, 8), "hidden": (64, 128)}
    work(join(storage, trials=4, **space), at_once)
    first = [trial.choice for trial in read(storage).trials[:3]]
    assert first == [choice for choice in PUBLISHED if choice.activation > 2]


def test_a_network_that_no_folding_makes_fast_enough_is_pruned_and_never_computed(storage):
    settings, computed = first_settings(given(hidden=(4, 64))), []

    def noted(request):
        computed.append(request.choice)
        return at_once(request)

    fastest = {
        choice: folding_front(
            choice.architecture(inputs=8, classes=5), settings.on_board, Kernel.RTL
        ).fastest.columns_per_second
        for choice in settings.space
    }
    rate = round(sum(fastest.values()) / len(fastest))
    work(join(storage, trials=8, hidden=(4, 64), min_columns_per_second=float(rate)), noted)
    study = read(storage)
    assert set(computed) == {choice for choice in fastest if fastest[choice] >= rate}
    assert 0 < len(computed) < 8
    for trial in study.trials:
        assert (trial.state == "complete") == (trial.choice in computed)
        if trial.state == "pruned":
            assert trial.error_rates is None
            assert trial.reason.startswith(
                f"min_columns_per_second is {rate}; the fastest folding of {trial.choice.name} that fits on TUL PYNQ-Z2 at "
                f"100 MHz reaches {fastest[trial.choice]:.0f}, as modelled: "
            )


def test_a_network_that_is_too_large_for_the_datapath_is_pruned(storage):
    work(join(storage, trials=1, weight=(2,), activation=(8,), hidden=(200,)), at_once)
    (trial,) = read(storage).trials
    assert (trial.state, trial.reason) == (
        "pruned",
        "hidden * activation bits is 200 * 8 = 1600; an ap_int holds at most 1024 bits.",
    )
    assert "QLSTM200_W2B8A8I8_FC_W8B8" in "\n".join(study_report(read(storage), max_cer=None, complete=True))


def test_a_pruned_network_counts_and_has_its_reason(storage):
    def pruned(request):
        raise optuna.TrialPruned("Its CER is high.")

    work(join(storage, trials=3), pruned)
    study = read(storage)
    assert [(trial.state, trial.reason) for trial in study.trials] == [("pruned", "Its CER is high.")] * 3
    assert study.front == ()


def test_a_network_is_compared_with_the_curves_of_cheaper_complete_trials(storage):
    seen = {}

    def curve(request):
        seen[request.choice] = (request.point.share, request.reference_curves())
        request.record_epoch(2, float(request.choice.hidden))
        return at_once(request)

    work(join(storage, trials=8), curve)
    order = [trial.choice for trial in read(storage).trials]
    for number, choice in enumerate(order):
        share, references = seen[choice]
        cheaper = [before for before in order[:number] if seen[before][0] <= share]
        assert references == [{2: float(before.hidden)} for before in cheaper]
    assert [trial.curve for trial in read(storage).trials] == [{2: float(choice.hidden)} for choice in order]


def test_a_study_begins_with_no_more_published_networks_than_it_has_trials(storage):
    space = {"weight": (2, 4), "activation": (2, 4, 8), "hidden": (128,)}
    assert [trial.state.name for trial in join(storage, trials=2, **space).trials] == ["WAITING"] * 2


# Interrupted, failed, lost -------------------------------------------------------------------------------------------


def test_an_interrupted_trial_is_retried_with_its_curve(storage):
    computed = []

    def interrupted(request):
        request.record_epoch(3, 42.0)
        raise KeyboardInterrupt

    def succeeds(request):
        computed.append(request.choice)
        request.record_epoch(4, 41.0)
        return at_once(request)

    with pytest.raises(KeyboardInterrupt):
        work(join(storage, trials=2), interrupted)
    first = read(storage).trials[0]
    assert (first.state, first.reason) == ("failed", "Interrupted.")
    work(join(storage, trials=2), succeeds)
    study = read(storage)
    assert computed[0] == first.choice
    assert [trial.curve for trial in study.trials] == [{3: 42.0}, {3: 42.0, 4: 41.0}, {4: 41.0}]
    assert [(trial.state, trial.retries) for trial in study.trials] == [
        *(("failed", None), ("complete", 0), ("complete", None))
    ]
    assert len(study.finished) == 2


def test_a_network_is_not_given_up_for_interruptions(storage):
    def interrupted(request):
        raise KeyboardInterrupt

    for _ in range(MAX_RETRIES + 2):
        with pytest.raises(KeyboardInterrupt):
            work(join(storage, trials=1), interrupted)
    work(join(storage, trials=1), at_once)
    study = read(storage)
    assert [trial.state for trial in study.trials] == ["failed"] * (MAX_RETRIES + 2) + ["complete"]
    assert {trial.choice for trial in study.trials} == {study.trials[0].choice}


def test_a_network_that_stops_every_worker_is_given_up_and_another_takes_its_place(storage):
    computed = []

    def fails(request):
        computed.append(request.choice)
        if request.choice == computed[0]:
            raise FileError("The disk is full.")
        return at_once(request)

    for _ in range(MAX_RETRIES + 1):
        with pytest.raises(FileError, match=r"^The disk is full\.$"):
            work(join(storage, trials=2), fails)
    work(join(storage, trials=2), fails)
    study = read(storage)
    assert computed.count(computed[0]) == MAX_RETRIES + 1
    assert [trial.reason for trial in study.trials[: MAX_RETRIES + 1]] == ["The disk is full."] * (MAX_RETRIES + 1)
    assert len(study.finished) == 2
    assert computed[0] not in {trial.choice for trial in study.finished}


def test_an_unexpected_error_stops_the_worker_and_the_trial_is_retried(storage):
    def fails(request):
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        work(join(storage, trials=1), fails)
    work(join(storage, trials=1), at_once)
    assert [(trial.state, trial.retries) for trial in read(storage).trials] == [("failed", None), ("complete", 0)]


@pytest.mark.parametrize("end", ["returns", "records an epoch", "checks", "is interrupted", "fails"])
def test_a_worker_whose_trial_another_one_has_failed_leaves_it(storage, end):
    """A worker that hung for longer than the grace period, and continues."""
    log, study = [], join(storage, trials=1)

    def hangs(request):
        if request.number > 0:
            return at_once(request)
        study.tell(request.number, state=optuna.trial.TrialState.FAIL)
        if end == "records an epoch":
            request.record_epoch(1, 50.0)
        if end == "checks":
            request.require_running()
        if end == "is interrupted":
            raise KeyboardInterrupt
        if end == "fails":
            raise FileError("The disk is full.")
        return at_once(request)

    error = {"is interrupted": KeyboardInterrupt, "fails": FileError}.get(end)
    if error is not None:
        with pytest.raises(error):
            work(study, hangs)
    work(study, hangs, log=log)
    assert [(trial.state, trial.retries) for trial in read(storage).trials] == [("failed", None), ("complete", 0)]
    assert error is not None or any("no heartbeat" in message for message in log)


@pytest.mark.parametrize("prunes", [False, True])
@pytest.mark.parametrize("inside", [False, True], ids=["before tell", "within tell"])
def test_a_worker_whose_trial_another_one_fails_as_it_ends_leaves_it(storage, monkeypatch, prunes, inside):
    """After the last attribute of the trial, before Optuna stores its result."""
    log, study, set_state, get = [], join(storage, trials=1), RDBStorage.set_trial_state_values, RDBStorage.get_trial
    ending = []

    def computed(request):
        if request.number == 0:
            ending.append(request.number)
            if prunes:
                raise optuna.TrialPruned("Its CER is high.")
        return at_once(request)

    def failed_first(self, trial_id, state, values=None):
        if ending and state.is_finished():
            ending.clear()
            set_state(self, trial_id, FAIL)
        return set_state(self, trial_id, state, values)

    def failed_before(self, trial_id):
        attributes = get(self, trial_id).user_attrs
        if ending and ("outcome" in attributes if prunes else "result" in attributes):
            ending.clear()
            set_state(self, trial_id, FAIL)
        return get(self, trial_id)

    monkeypatch.setattr(
        RDBStorage, *(("set_trial_state_values", failed_first) if inside else ("get_trial", failed_before))
    )
    work(study, computed, log=log)
    assert not ending
    assert [(trial.state, trial.retries) for trial in read(storage).trials] == [("failed", None), ("complete", 0)]
    assert any("no heartbeat" in message for message in log)


def test_a_worker_that_hangs_loses_its_trial_to_one_that_waits(storage):
    hangs, began, log = threading.Event(), threading.Event(), []

    def hanging(request):
        began.set()
        assert hangs.wait(60)
        return at_once(request)

    study = join(storage, trials=2, heartbeat=Heartbeat(interval=600, grace=1200))  # one heartbeat, at its beginning
    thread = threading.Thread(target=work, args=(study, hanging), kwargs={"log": log}, daemon=True)
    thread.start()
    assert began.wait(60)
    work(join(storage, trials=2, heartbeat=Heartbeat(interval=1, grace=2)), at_once)
    hangs.set()
    thread.join(60)
    found = read(storage)
    assert sorted(trial.state for trial in found.trials) == ["complete", "complete", "failed"]
    lost = found.trials[0]
    assert lost.reason == f"Its worker {lost.worker} ended without a result."
    assert [trial.choice for trial in found.trials if trial.retries == 0] == [lost.choice]
    assert "no heartbeat" in log[-1]


def test_a_worker_with_heartbeats_keeps_its_trial_however_long_it_takes(storage):
    began, release = threading.Event(), threading.Event()
    heartbeat = Heartbeat(interval=1, grace=3)

    def slow(request):
        if request.number == 0:
            began.set()
            assert release.wait(60)
        return at_once(request)

    first = threading.Thread(target=work, args=(join(storage, heartbeat, trials=2), slow))
    second = threading.Thread(target=work, args=(join(storage, heartbeat, trials=2), slow))
    first.start()
    assert began.wait(60)
    second.start()
    time.sleep(7)  # more than twice the grace period, while the second one waits
    release.set()
    first.join(60)
    second.join(60)
    assert [trial.state for trial in read(storage).trials] == ["complete", "complete"]


def test_a_trial_that_was_lost_before_its_first_heartbeat_is_retried(storage, monkeypatch):
    study = join(storage, trials=1)
    space = first_settings(given()).space
    trial = waiting_trial(next(iter(space)), space)
    trial.state, trial.datetime_start = optuna.trial.TrialState.RUNNING, datetime.now()
    study.add_trial(trial)
    monkeypatch.setattr(queue_module, "FIRST_HEARTBEAT", timedelta(seconds=-1))
    work(study, at_once)
    assert [(trial.state, trial.retries) for trial in read(storage).trials] == [("failed", None), ("complete", 0)]

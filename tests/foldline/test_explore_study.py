"""A study's bookkeeping: who counts, what is retried, and what a study says of itself. Nothing is trained here."""

import errno
import multiprocessing
import os
import sqlite3
import subprocess
import sys
import threading
import time

import optuna
import pytest
from optuna.storages.journal import JournalFileBackend

from datapath.errors import ConfigError, FileError
from datapath.manifest import Kernel
from foldline.foldings.enumeration import folding_front
from foldline.study.ledger import ATTEMPT, DISCARDED, GIVEN_UP, MAX_STRIKES, ROOT, Ledger
from foldline.study.result import TrialErrorRates, read_study, reference_curves
from foldline.study.retries import Pulse, hand_back
from foldline.study.sampling import UntriedSampler, distributions_of
from foldline.study.settings import check_study_name, first_settings
from foldline.study.space import PUBLISHED, Choice, Space
from foldline.study.storage import open_storage, reaching, storage_url
from foldline.study.table import study_json, study_report
from foldline.study.worker import TrialPrunedError, Worker, choose_point, settings_before
from tests.foldline import exploring, postgresql
from tests.foldline.exploring import NAME, given, join, no_waiting_for_the_disk, read, work  # noqa: F401
from tests.golden_data import REPOSITORY

pytestmark = [pytest.mark.no_numpy2, pytest.mark.usefixtures("no_waiting_for_the_disk")]

STORAGES = ("study.db", "study.journal")


def reading(cer: float) -> TrialErrorRates:
    return TrialErrorRates(cer=cer, wer=2 * cer, exact=1, lines=3, folder="runs/it", design="runs/it/design.npz")


def at_once(job) -> TrialErrorRates:
    """Reads as well as the network is large."""
    return reading(100 / (job.choice.hidden * job.choice.weight * job.choice.activation))


@pytest.fixture(params=STORAGES)
def storage(request, tmp_path):
    return tmp_path / request.param


@pytest.fixture
def journal(tmp_path):
    """Where nothing depends on the storage: opening a journal takes no time."""
    return tmp_path / "study.journal"


# The space and the settings ------------------------------------------------------------------------------------------


def test_the_default_space_holds_three_of_the_published_networks_and_w4a8():
    assert all(choice in Space() for choice in PUBLISHED)
    assert len(Space()) == len(list(Space())) == 3 * 3 * 1 * 2 * 3
    assert [choice.name for choice in PUBLISHED] == [
        f"QLSTM128_W{w}B8A{a}I8_FC_W8B8" for w, a in ((2, 2), (2, 4), (4, 4), (4, 8))
    ]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"weight": (1, 2)}, "weight has 1; allowed is 2 to 8."),
        ({"hidden": (0,)}, "hidden has 0; allowed is 1 to 1024."),
        ({"bias": ()}, "bias is []; it must be one or more numbers, each once."),
        ({"activation": (4, 4)}, "activation is [4, 4]; it must be one or more numbers, each once."),
    ],
)
def test_a_space_that_cannot_be_is_refused(fields, message):
    with pytest.raises(ConfigError) as caught:
        Space(**fields)
    assert str(caught.value) == message


def test_a_choice_decides_the_widths_and_leaves_the_rest_of_the_preset():
    choice = Choice(weight=3, activation=2, bias=7, fc_weight=5, hidden=4)
    found = choice.hyperparameters(exploring.PRESET)
    assert str(found.experiment_name()) == choice.name == "QLSTM4_W3B7A2I8_FC_W5B8"
    assert found.lr == exploring.PRESET.lr
    assert str(choice.architecture(inputs=8, classes=5).experiment) == choice.name


def test_settings_go_through_the_storage(storage):
    settings = first_settings(given())
    join(storage)
    assert settings_before(NAME, str(storage)) == settings
    assert settings.hyperparameters.lr == exploring.PRESET.lr
    assert settings.clock_mhz == 100  # the board's


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"board": "kv260"}, "board is 'kv260', and the study 'tiny' has 'pynq-z2'."),
        ({"clock_mhz": 50.0}, "clock_mhz is 50.0, and the study 'tiny' has 100."),
        ({"kernel": "published"}, "kernel is 'published', and the study 'tiny' has 'hls'."),
        (
            {"min_columns_per_second": 5.0},
            "min_columns_per_second is 5.0, and the study 'tiny' has 1000.0.",
        ),
        ({"weight": (2, 3)}, "weight is 2, 3, and the study 'tiny' has 2, 4."),
        ({"dataset": "other"}, "dataset is 'other', and the study 'tiny' has 'tiny'."),
        ({"lines": (11, 3, 5)}, "lines is 11, 3, 5, and the study 'tiny' has 10, 3, 5."),
        ({"trials": 3}, "trials is 3, and the study 'tiny' has 4; it can only be made longer."),
    ],
)
def test_a_worker_that_asks_for_something_else_is_refused_with_both_values(journal, changes, message):
    join(journal)
    with pytest.raises(ConfigError) as caught:
        join(journal, **changes)
    assert str(caught.value) == message


def test_a_worker_with_another_preset_is_told_which_hyperparameter_differs(journal):
    join(journal)
    with pytest.raises(ConfigError) as caught:
        join(journal, preset={**given()["preset"], "lr": 0.5})
    assert str(caught.value) == "lr is 0.5, and the study 'tiny' has 0.02."


def test_a_worker_that_asks_for_nothing_takes_what_the_study_has(journal):
    before = join(journal).user_attrs
    assert exploring.join_study(NAME, str(journal), {}).user_attrs == before


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        (
            "min_columns_per_second",
            "min_columns_per_second is missing: a new study needs --min-columns-per-second N.",
        ),
        ("preset", "preset is missing: a new study needs -p PRESET.json."),
    ],
)
def test_a_new_study_needs_a_rate_and_a_preset(journal, missing, message):
    asked = given()
    del asked[missing]
    with pytest.raises(ConfigError) as caught:
        exploring.join_study(NAME, str(journal), asked)
    assert str(caught.value) == message
    assert not journal.exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"board": "pynq-z3"}, "There is no board 'pynq-z3'; did you mean 'pynq-z2'?"),
        ({"min_columns_per_second": 0.0}, "min_columns_per_second is 0; it must be above 0 and below 1e12."),
        ({"prune_factor": 0.5}, "prune_factor is 0.5; it must be 1 to 1000."),
        ({"trials": 0}, "trials is 0; it must be 1 to 100000."),
        ({"columns": 0}, "columns is 0; it must be 1 to 732."),
        ({"clock_mhz": 1.0}, "clock_mhz is 1.0; it must be 10 to 250 MHz."),
    ],
)
def test_settings_outside_their_range_are_refused(changes, message):
    with pytest.raises(ConfigError) as caught:
        first_settings(given(**changes))
    assert str(caught.value) == message


# A worker alone ------------------------------------------------------------------------------------------------------


def test_as_many_trials_as_are_wanted_finish_each_with_a_network_of_its_own(storage):
    work(join(storage, trials=6), at_once)
    study = read(storage)
    assert [trial.state for trial in study.trials] == ["complete"] * 6
    assert len({trial.choice for trial in study.trials}) == 6
    for trial in study.trials:
        assert trial.point == choose_point(study.settings, trial.choice)
        assert trial.point.columns_per_second >= 1000
        assert trial.error_rates == at_once(trial)


def test_a_study_goes_on_where_it_ended_when_it_is_made_longer(storage):
    work(join(storage, trials=2), at_once)
    before = read(storage).trials
    work(join(storage, trials=5), at_once)
    study = read(storage)
    assert study.trials[:2] == before
    assert len(study.finished) == study.settings.trials == 5


def test_a_study_of_one_worker_is_the_same_each_time(tmp_path):
    for name in ("one.db", "two.journal"):
        work(join(tmp_path / name, trials=6), at_once)
    one, two = (read(tmp_path / name) for name in ("one.db", "two.journal"))
    assert [trial.choice for trial in one.trials] == [trial.choice for trial in two.trials]


def test_a_space_with_fewer_networks_than_trials_is_tried_whole_and_no_more(storage):
    work(join(storage, trials=50), at_once)
    study = read(storage)
    assert {trial.choice for trial in study.trials} == set(study.settings.space)
    assert len(study.finished) == 8


def test_the_published_networks_come_first(journal):
    space = {"weight": (2, 3, 4), "activation": (4, 8), "hidden": (64, 128)}
    work(join(journal, trials=4, **space), at_once)
    first = [trial.choice for trial in read(journal).trials[:3]]
    assert first == [choice for choice in PUBLISHED if choice.activation > 2]


def test_a_network_that_no_folding_makes_fast_enough_is_pruned_and_never_computed(journal):
    settings, computed = first_settings(given(hidden=(4, 64))), []

    def noted(job):
        computed.append(job.choice)
        return at_once(job)

    fastest = {
        choice: folding_front(
            choice.architecture(inputs=8, classes=5), settings.on_board, Kernel.HLS
        ).fastest.columns_per_second
        for choice in settings.space
    }
    rate = round(sum(fastest.values()) / len(fastest))
    work(join(journal, trials=8, hidden=(4, 64), min_columns_per_second=float(rate)), noted)
    study = read(journal)
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


def test_a_network_that_is_too_large_for_the_datapath_is_pruned(journal):
    work(join(journal, trials=1, weight=(2,), activation=(8,), hidden=(200,)), at_once)
    (trial,) = read(journal).trials
    assert (trial.state, trial.reason) == (
        "pruned",
        "hidden * activation bits is 200 * 8 = 1600; an ap_int holds at most 1024 bits.",
    )
    assert "QLSTM200_W2B8A8I8_FC_W8B8" in "\n".join(study_report(read(journal), max_cer=None, complete=True))


def test_a_network_that_is_given_up_counts_and_tells_why(storage):
    def bad(job):
        raise TrialPrunedError("It reads badly.")

    work(join(storage, trials=3), bad)
    study = read(storage)
    assert [(trial.state, trial.reason) for trial in study.trials] == [("pruned", "It reads badly.")] * 3
    assert study.front == ()


def test_curves_of_cheaper_complete_trials_are_what_a_network_is_compared_with(journal):
    seen = {}

    def curve(job):
        seen[job.choice] = (job.point.share, job.references())
        job.keep_epoch(2, float(job.choice.hidden))
        return at_once(job)

    work(join(journal, trials=8), curve)
    order = [trial.choice for trial in read(journal).trials]
    for number, choice in enumerate(order):
        share, references = seen[choice]
        cheaper = [before for before in order[:number] if seen[before][0] <= share]
        assert references == [{2: float(before.hidden)} for before in cheaper]
    assert [trial.curve for trial in read(journal).trials] == [{2: float(choice.hidden)} for choice in order]


# Interrupted, failed, lost -------------------------------------------------------------------------------------------


def test_an_interrupted_trial_is_handed_back_and_goes_on_with_what_it_has_kept(storage):
    computed = []

    def interrupted(job):
        job.keep_epoch(3, 42.0)
        raise KeyboardInterrupt

    def goes_on(job):
        computed.append(job.choice)
        job.keep_epoch(4, 41.0)
        return at_once(job)

    with pytest.raises(KeyboardInterrupt):
        work(join(storage, trials=2), interrupted)
    first = read(storage).trials[0]
    assert (first.state, first.reason) == ("failed", "Interrupted.")
    work(join(storage, trials=2), goes_on)
    study = read(storage)
    assert computed[0] == first.choice
    assert [trial.curve for trial in study.trials] == [{3: 42.0}, {3: 42.0, 4: 41.0}, {4: 41.0}]
    assert [(trial.state, trial.retries) for trial in study.trials] == [
        *(("failed", None), ("complete", 0), ("complete", None))
    ]
    assert len(study.finished) == 2


def test_interruptions_do_not_make_a_network_be_given_up(journal):
    def interrupted(job):
        raise KeyboardInterrupt

    for _ in range(MAX_STRIKES + 2):
        with pytest.raises(KeyboardInterrupt):
            work(join(journal, trials=1), interrupted)
    work(join(journal, trials=1), at_once)
    study = read(journal)
    assert [trial.state for trial in study.trials] == ["failed"] * (MAX_STRIKES + 2) + ["complete"]
    assert {trial.choice for trial in study.trials} == {study.trials[0].choice}


def test_a_network_that_breaks_every_worker_is_given_up_and_another_takes_its_place(journal):
    broken = []

    def breaks(job):
        broken.append(job.choice)
        if job.choice == broken[0]:
            raise FileError("The disk is full.")
        return at_once(job)

    for _ in range(MAX_STRIKES + 1):
        with pytest.raises(FileError, match=r"^The disk is full\.$"):
            work(join(journal, trials=2), breaks)
    work(join(journal, trials=2), breaks)
    study = read(journal)
    assert broken.count(broken[0]) == MAX_STRIKES + 1
    assert study.trials[MAX_STRIKES].reason == "4 workers were lost over it."
    assert len(study.finished) == 2
    assert broken[0] not in {trial.choice for trial in study.finished}


def test_a_worker_that_is_not_heard_of_loses_its_trial_and_nothing_of_it_counts_twice(storage):
    """A worker that hangs and comes back finds that its trial is another's."""
    hangs, told, said = threading.Event(), threading.Event(), []

    def hanging(job):
        told.set()
        assert hangs.wait(60)
        return at_once(job)

    study = join(storage, trials=2)
    slow = Worker(study, hanging, say=said.append, interval=0.05, grace=30)
    slow._pulse._beat = lambda trial_id: None  # it hangs whole, thread and all
    thread = threading.Thread(target=slow.run, daemon=True)
    thread.start()
    assert told.wait(60)
    work(join(storage, trials=2), at_once, interval=0.1, grace=0.3)
    hangs.set()
    thread.join(60)
    found = read(storage)
    assert sorted(trial.state for trial in found.trials) == ["complete", "complete", "failed"]
    lost = found.trials[0]
    assert lost.reason.startswith("Nothing was heard of ") and lost.reason.endswith(" for 0.3 s.")
    again = [trial for trial in found.trials if trial.retries == 0]
    assert [trial.choice for trial in again] == [lost.choice]
    assert said[-1] == "Trial 0 was taken over by another worker."


def test_a_worker_that_finds_its_trial_taken_over_when_it_tells_leaves_it(journal):
    said = []

    def taken_over(job):
        (running,) = [trial for trial in study.get_trials() if trial.state.name == "RUNNING"]
        if running.user_attrs.get(ATTEMPT, 0) == 0:
            hand_back(study, running, "Lost.", lost=True)
        return at_once(job)

    study = join(journal, trials=1)
    work(study, taken_over, said=said)
    assert [(trial.state, trial.retries, trial.error_rates is None) for trial in read(journal).trials] == [
        *(("failed", None, True), ("complete", 0, False))
    ]
    assert "Trial 0 was taken over by another worker." in said


def test_a_worker_that_beats_is_left_alone_however_long_it_takes(journal):
    began, release = threading.Event(), threading.Event()

    def slow(job):
        began.set()
        assert release.wait(60)
        return at_once(job)

    settings = {"interval": 0.1, "grace": 30}
    thread = threading.Thread(target=work, args=(join(journal, trials=2), slow), kwargs=settings)
    thread.start()
    assert began.wait(60)
    other = join(journal, trials=2)
    with Pulse(other, interval=0.1, grace=0.8):
        time.sleep(2)  # more than twice the grace period
    release.set()
    thread.join(60)
    assert [trial.state for trial in read(journal).trials] == ["complete", "complete"]


def test_a_retry_that_its_worker_did_not_live_to_add_is_added_by_the_next(journal):
    study = join(journal, trials=1)
    trial = study.ask(distributions_of(first_settings(given()).space))
    study.tell(trial, state=optuna.trial.TrialState.FAIL)  # killed between the two writes of `hand_back`
    work(join(journal, trials=1), at_once)
    found = read(journal)
    assert [(trial.state, trial.retries) for trial in found.trials] == [("failed", None), ("complete", 0)]
    assert found.trials[0].choice == found.trials[1].choice


def test_two_workers_that_hand_back_the_same_trial_make_one_retry(storage):
    study, other = join(storage, trials=1), join(storage, trials=1)
    asked = study.ask(distributions_of(first_settings(given()).space))
    frozen = study.get_trials()[asked.number]
    hand_back(study, frozen, "Lost.", lost=True)
    hand_back(other, frozen, "Lost.", lost=True)
    assert [trial.state.name for trial in study.get_trials()] == ["FAIL", "WAITING"]


def test_a_trial_that_is_lost_before_it_has_drawn_a_network_counts_for_nothing(journal):
    study = join(journal, trials=1)
    asked = study.ask()
    hand_back(study, study.get_trials()[asked.number], "Lost.", lost=True)
    work(join(journal, trials=1), at_once)
    assert [trial.state for trial in read(journal).trials] == ["complete"]
    assert study.get_trials()[0].user_attrs == {DISCARDED: "Lost. No network had been drawn."}


# The rules of the ledger ---------------------------------------------------------------------------------------------


def frozen(number, *, state="RUNNING", hidden=4, weight=2, **told):
    choice = {"weight": weight, "activation": 2, "bias": 8, "fc_weight": 8, "hidden": hidden}
    trial = optuna.trial.create_trial(
        state=optuna.trial.TrialState[state],
        values=(1.0, 1.0) if state == "COMPLETE" else None,
        params=choice if hidden else {},
        distributions={
            name: optuna.distributions.CategoricalDistribution((value,)) for name, value in choice.items() if hidden
        },
        user_attrs=told,
    )
    trial.number = number
    return trial


def test_of_trials_beyond_those_that_are_wanted_the_last_are_refused():
    trials = [frozen(number, hidden=number + 1) for number in range(3)]
    ledger = Ledger(trials)
    assert [ledger.refusal(trial, places=2) for trial in trials] == [None, None, "All trials (2) have been taken."]
    assert ledger.live == 3


def test_a_retry_keeps_the_place_of_the_trial_that_it_retries():
    trials = [
        frozen(0, state="FAIL", hidden=1),
        frozen(1, hidden=2),
        frozen(2, hidden=1, **{ROOT: 0, ATTEMPT: 1}),
        frozen(3, hidden=3),
    ]
    ledger = Ledger(trials)
    assert ledger.live == 3
    assert ledger.refusal(trials[2], places=1) is None
    assert ledger.refusal(trials[1], places=1) == "All trials (1) have been taken."
    assert ledger.refusal(trials[1], places=2) is None


def test_of_two_trials_of_the_same_network_the_first_stays():
    trials = [frozen(0), frozen(1)]
    assert [Ledger(trials).refusal(trial, places=5) for trial in trials] == [None, "Trial 0 is the same network."]


def test_of_two_retries_of_the_same_attempt_the_first_stays():
    again = {ROOT: 0, ATTEMPT: 1}
    trials = [frozen(0, state="FAIL"), frozen(1, **again), frozen(2, **again)]
    ledger = Ledger(trials)
    assert ledger.refusal(trials[1], places=1) is None
    assert ledger.refusal(trials[2], places=1) == "Attempt 1 at trial 0 is another trial's already."


def test_a_trial_waits_for_those_before_it_to_have_drawn_their_networks():
    trials = [frozen(0, hidden=0), frozen(1)]
    assert Ledger(trials).unfinished_draws(trials[1])
    assert not Ledger(trials).unfinished_draws(trials[0])
    assert not Ledger([frozen(0), frozen(1)]).unfinished_draws(trials[1])


def test_what_is_discarded_or_given_up_takes_no_place():
    trials = [
        frozen(0, state="FAIL", hidden=1, **{DISCARDED: "Surplus."}),
        frozen(1, state="FAIL", hidden=2, **{GIVEN_UP: "Lost."}),
        frozen(2, state="PRUNED", hidden=3),
        frozen(3, hidden=4),
    ]
    ledger = Ledger(trials)
    assert (ledger.live, ledger.finished) == (2, 1)
    assert ledger.refusal(trials[3], places=2) is None
    assert ledger.refusal(trials[3], places=1) == "All trials (1) have been taken."
    # What was discarded may be drawn again, what was given up may not.
    assert {choice.hidden for choice in ledger.tried} == {2, 3, 4}
    assert ledger.places(10, 8) == 7


# Many workers at the same time ---------------------------------------------------------------------------------------


@pytest.mark.slow
def test_workers_that_race_for_every_trial_finish_exactly_those_that_are_wanted(storage):
    _require_a_fair_race(str(storage))


@pytest.mark.slow
def test_workers_race_on_postgresql():
    with postgresql.server() as url:
        _require_a_fair_race(url)


def _require_a_fair_race(storage: str) -> None:
    """Three processes and a network that takes no time: they meet at every step, and for the last trial."""
    space = {"weight": (2, 3, 4), "activation": (2, 3, 4), "hidden": (2, 4)}
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_race, args=(storage, space)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
        assert worker.exitcode == 0
    study = read(storage)
    assert len(study.finished) == 14
    assert len({trial.choice for trial in study.finished}) == 14
    assert {trial.state for trial in study.trials} == {"complete"}
    assert len({trial.worker for trial in study.trials}) > 1


def _race(storage: str, space: dict[str, tuple[int, ...]]) -> None:
    exploring.wait_for_no_disk()
    work(join(storage, trials=14, **space), at_once, interval=1, grace=60)


# TrialErrorRates a study -----------------------------------------------------------------------------------------------------


def test_the_front_holds_what_no_other_beats_in_error_rate_and_share(journal):
    work(join(journal, trials=8), at_once)
    study = read(journal)
    pairs = {trial.number: (trial.error_rates.cer, trial.point.share) for trial in study.complete}
    for trial in study.complete:
        mine = pairs[trial.number]
        beaten = any(a <= mine[0] and b <= mine[1] and (a, b) != mine for a, b in pairs.values())
        if trial in study.front:
            assert not beaten
        else:
            assert beaten or mine in [pairs[one.number] for one in study.front]
    assert list(study.front) == sorted(study.front, key=lambda trial: trial.error_rates.cer)
    assert study.cheapest(0.01) is None
    cheapest = study.cheapest(5.0)
    assert cheapest.error_rates.cer <= 5.0
    assert cheapest.point.share == min(share for cer, share in pairs.values() if cer <= 5.0)


def test_the_report_names_the_cheapest_network_that_reads_well_enough_and_how_to_export_it(journal):
    work(join(journal, trials=8), at_once)
    study = read(journal)
    text = list(study_report(study, max_cer=5.0, complete=False))
    cheapest = study.cheapest(5.0)
    folding = cheapest.point.folding
    assert text[0] == "Study tiny: 1000 columns/s on TUL PYNQ-Z2 at 100 MHz, hls kernel, tiny."
    assert text[1] == (
        f"8 of 8 trials finished (8 complete); no other beats {len(study.front)} in CER and share of the board."
    )
    assert (
        "CER and WER are simulated (overlay labels, all validation lines), columns/s modelled, resources estimated."
        in text
    )
    assert text[-2].startswith(
        f"The cheapest with a CER of at most 5 %: trial {cheapest.number}, {cheapest.choice.name}, "
    )
    assert text[-1] == (
        "  foldline export runs/it/design.npz --project project --board pynq-z2 --clock-mhz 100 "
        f"--pe {folding.pe} --simd-input {folding.simd_input} --simd-recurrent {folding.simd_recurrent} "
        f"--pe-out {folding.pe_out}"
    )
    best = study.front[0]
    assert list(study_report(study, max_cer=0.1, complete=False))[-1] == (
        f"None has a CER of at most 0.1 %; the best is trial {best.number}, {best.choice.name}, with "
        f"{best.error_rates.cer:.2f} %."
    )


def test_a_study_as_json_has_every_trial(journal):
    work(join(journal, trials=3), at_once)
    study = read(journal)
    found = study_json(study, max_cer=0.01)
    assert found["finished"] == 3
    assert found["cheapest"] is None
    assert [trial["network"] for trial in found["trials"]] == [trial.choice.name for trial in study.trials]
    assert found["front"] == [trial.number for trial in study.front]
    for shown, trial in zip(found["trials"], study.trials, strict=True):
        assert shown["point"]["luts"] == trial.point.resources.luts
        assert shown["error_rates"]["cer"] == trial.error_rates.cer


READ = """
import sys
from foldline.study.result import read_study
study = read_study(sys.argv[1], sys.argv[2])
heavy = {"torch", "numba", "matplotlib", "click", "rich"} & set(sys.modules)
sys.exit(f"it imports {heavy}" if heavy else len(study.finished) - 2)
"""


def test_a_study_is_read_without_torch(journal):
    work(join(journal, trials=2), at_once)
    command = [sys.executable, "-W", "error", "-c", READ, NAME, str(journal)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


# Storages ------------------------------------------------------------------------------------------------------------


def test_a_path_is_told_apart_by_its_ending():
    assert storage_url("a/b.db") == "sqlite:///a/b.db"
    assert storage_url("/a/b.journal") == "journal:////a/b.journal"
    assert storage_url("postgresql://host/name") == "postgresql://host/name"
    with pytest.raises(ConfigError) as caught:
        storage_url("study.txt")
    assert str(caught.value) == (
        "storage is 'study.txt'; it must be a URL of a database such as postgresql://HOST/NAME, a file of SQLite "
        "(.db, .sqlite, .sqlite3) or a journal file (.log, .journal)."
    )


@pytest.mark.parametrize(
    ("url", "error", "message"),
    [
        ("nothing://x/y", ConfigError, "storage is 'nothing://x/y'; there is no such kind of database."),
        (
            "postgresql+psycopg2://user:secret@nowhere.invalid/x",
            FileError,
            "Cannot open the storage postgresql+psycopg2://user:***@nowhere.invalid/x: psycopg2 is not installed.",
        ),
    ],
)
def test_a_storage_that_cannot_be_opened_is_named_without_its_password(url, error, message):
    with pytest.raises(error) as caught:
        open_storage(url, makes=True)
    assert str(caught.value) == message


def test_a_driver_that_is_missing_is_named_with_what_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(FileError) as caught:
        open_storage("postgresql://nowhere.invalid/x", makes=True)
    assert str(caught.value) == (
        "Cannot open the storage postgresql://nowhere.invalid/x: psycopg is not installed: "
        "pip install 'foldline[postgresql]'."
    )


@pytest.mark.parametrize("name", STORAGES)
def test_a_file_that_is_no_storage_is_refused(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"this is nothing of the kind\n" * 100)
    with pytest.raises((FileError, ConfigError), match=f"{name}"):
        read(path)


def test_a_storage_that_is_not_there_is_not_made_to_be_read(storage):
    with pytest.raises(FileError) as caught:
        read(storage)
    assert str(caught.value) == f"Cannot read {storage}: no such file."
    assert not storage.exists()


def test_a_study_that_is_not_there_is_told_with_those_that_are(storage):
    join(storage)
    with pytest.raises(FileError) as caught:
        read_study("other", str(storage))
    assert str(caught.value) == f"There is no study 'other' in {storage}; it has tiny."


def test_a_study_of_someone_else_is_refused(journal):
    optuna.create_study(storage=open_storage(str(journal), makes=True), study_name=NAME)
    with pytest.raises(FileError) as caught:
        read(journal)
    assert str(caught.value) == "The study 'tiny' is no study of Foldline's: it has no settings."


def test_a_transaction_on_sqlite_keeps_others_out_from_its_beginning(tmp_path):
    """Otherwise two workers read that a trial waits before one of them writes that it runs, and both take it."""
    study, other = (join(tmp_path / "study.db", trials=1) for _ in range(2))
    study.add_trial(frozen(0, state="WAITING"))
    taken = []
    taker = threading.Thread(target=lambda: taken.append(other.ask().number))
    with study._storage._backend.engine.begin():
        taker.start()
        taker.join(0.5)
        assert taker.is_alive()
    taker.join(60)
    assert taken == [0]


def test_a_heartbeat_that_is_slower_than_the_grace_period_is_refused(journal):
    with pytest.raises(ConfigError) as caught:
        work(join(journal), at_once, interval=2.0, grace=3.0)
    assert str(caught.value) == "heartbeat is 2 s with a grace of 3 s; it must be above 0 and at most half of it."


@pytest.mark.parametrize("name", ["", ".", "../up", "a/b", "a\\b", "-x", "new\nline", "\udcff", "n" * 201])
def test_a_name_that_can_be_no_file_is_refused(name):
    with pytest.raises(ConfigError) as caught:
        check_study_name(name)
    assert str(caught.value) == (
        f"study is {name!r}; a name has 1 to 200 bytes, begins with a letter or a digit, and holds neither slashes nor what "
        "cannot be printed."
    )


def test_a_name_may_hold_spaces_and_letters_of_any_script():
    for name in ("n" * 200, "two words", "2nd_\u00e9\u00fc-\u4e8c", "a?b%41"):
        check_study_name(name)


@pytest.mark.parametrize("name", ["a?b.db", "p%41 {x}.db", "h#x.db"])
def test_a_file_of_sqlite_has_the_name_that_was_given(tmp_path, name):
    join(tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert read(tmp_path / name).storage == str(tmp_path / name)


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "sqlite:///", "sqlite+pysqlite:///x.db"])
def test_a_sqlite_that_is_no_file_is_refused(url):
    with pytest.raises(ConfigError) as caught:
        storage_url(url)
    assert str(caught.value) == f"storage is {url!r}; a file of SQLite is sqlite:///PATH."


@pytest.mark.parametrize("makes", [False, True])
def test_a_file_of_something_else_is_left_as_it_is(tmp_path, makes):
    database, text, folder = tmp_path / "other.db", tmp_path / "other.log", tmp_path / "folder.db"
    connection = sqlite3.connect(database)
    connection.execute("CREATE TABLE accounts (name TEXT)")
    connection.close()
    text.write_text("12:00 started\n")
    folder.mkdir()
    before = database.read_bytes()
    for path, message in (
        (database, f"{database} is a database of something else: it has no studies."),
        (text, f"{text} is no journal of studies."),
        (folder, f"Cannot read {folder}: it is a folder."),
    ):
        with pytest.raises(FileError) as caught:
            open_storage(str(path), makes=makes)
        assert str(caught.value) == message
    assert (database.read_bytes(), text.read_text()) == (before, "12:00 started\n")


def test_an_empty_file_is_not_written_to_when_it_is_shown(tmp_path):
    path = tmp_path / "empty.db"
    path.touch()
    assert settings_before(NAME, str(path)) is None
    with pytest.raises(FileError) as caught:
        read(path)
    assert str(caught.value) == f"Cannot read {path}: it is empty."
    assert path.read_bytes() == b""
    join(path)  # but a study can begin in it
    assert read(path).trials == ()


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{broken", "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        ("[1]", "list indices must be integers or slices, not str"),
    ],
)
def test_a_journal_that_is_damaged_is_said_to_be(journal, line, reason):
    join(journal)
    lines = journal.read_text().splitlines()
    journal.write_text("\n".join([lines[0], line, *lines[1:], ""]))
    with pytest.raises(FileError) as caught:
        read(journal)
    assert str(caught.value) == f"The journal {journal} is damaged: {reason}."


def test_half_a_line_at_the_end_of_a_journal_costs_no_more_than_itself(journal):
    work(join(journal, trials=1), at_once)
    whole = journal.read_bytes()
    journal.write_bytes(whole + b'{"op_code": 5, "wor')
    work(join(journal, trials=2), at_once)
    assert journal.read_bytes().startswith(whole)
    assert len(read(journal).complete) == 2


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("result", {}, "TypeError: TrialErrorRates.__init__() missing 6 required keyword-only arguments: 'cer', 'wer'"),
        ("point", {}, "KeyError: 'luts'"),
        ("curve", {"x": 1.0}, "ValueError: invalid literal for int() with base 10: 'x'"),
    ],
)
def test_a_trial_that_is_damaged_is_said_to_be(journal, key, value, reason):
    study = join(journal, trials=1)
    work(study, at_once)
    (trial,) = study.trials
    attributes = {**trial.user_attrs, key: value}
    study.add_trial(
        optuna.trial.create_trial(
            values=trial.values, params=trial.params, distributions=trial.distributions, user_attrs=attributes
        )
    )
    with pytest.raises(FileError) as caught:
        read(journal)
    assert str(caught.value).startswith(f"The study 'tiny' is damaged: {reason}")


def test_a_storage_that_holds_no_json_is_said_to_be_damaged(tmp_path):
    path = tmp_path / "study.db"
    join(path)
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE study_user_attributes SET value_json = '{broken'")
    connection.close()
    with pytest.raises(FileError) as caught:
        read(path)
    assert str(caught.value) == (
        f"The storage {path} is damaged: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)."
    )


def test_a_study_begins_with_no_more_published_networks_than_it_has_trials(journal):
    space = {"weight": (2, 4), "activation": (2, 4, 8), "hidden": (128,)}
    assert [trial.state.name for trial in join(journal, trials=2, **space).trials] == ["WAITING"] * 2


def test_a_network_is_compared_with_those_that_take_as_much_and_not_with_those_that_take_more(journal):
    study = join(journal, trials=1)
    work(study, at_once)
    share = read(journal).trials[0].point.share
    assert len(reference_curves(study, share=share)) == 1
    assert reference_curves(study, share=share - 1e-9) == []


def test_the_cheapest_may_read_exactly_as_badly_as_is_allowed(journal):
    work(join(journal, trials=1), at_once)
    study = read(journal)
    cer = study.trials[0].error_rates.cer
    assert study.cheapest(cer) is study.trials[0]
    assert study.cheapest(cer - 1e-9) is None


def test_a_worker_that_lost_a_trial_takes_the_next_one_as_its_own(journal):
    study = join(journal)
    pulse = Pulse(study, interval=1.0, grace=10.0)
    pulse.lost.set()
    pulse.take(lambda: study.ask(distributions_of(Space())))
    assert not pulse.lost.is_set()


def test_two_trials_that_know_the_same_draw_by_their_own_numbers(journal):
    space = Space(weight=tuple(range(2, 9)), activation=tuple(range(2, 9)), hidden=tuple(range(1, 101)))
    study, sampler = join(journal), UntriedSampler(space, seed=1)

    def drawn(number):
        trial = optuna.trial.FrozenTrial(
            number=number,
            state=optuna.trial.TrialState.RUNNING,
            value=None,
            datetime_start=None,
            datetime_complete=None,
            params={},
            distributions={},
            user_attrs={},
            system_attrs={},
            intermediate_values={},
            trial_id=number,
        )
        return tuple(sampler.sample_relative(study, trial, distributions_of(space)).values())

    assert len({drawn(number) for number in range(5)}) == 5
    assert drawn(0) == drawn(0)


def test_a_journal_that_cannot_be_written_to_is_named(journal, monkeypatch):
    study = join(journal)

    def full(*arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(JournalFileBackend, "append_logs", full)
    with pytest.raises(FileError) as caught, reaching(f"journal:///{journal}"):
        study.ask()
    assert str(caught.value) == f"The storage journal:///{journal} fails: No space left on device."

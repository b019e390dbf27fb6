"""Workers of one study as processes of their own, one of them killed in the middle of a trial."""

import json
import os
import re
import shlex
import signal
from contextlib import ExitStack
from dataclasses import replace

import pytest

from foldline.study.result import read_study
from tests.foldline import postgresql
from tests.foldline.exploring import NAME, PRESET, wait_for_no_disk
from tests.foldline.processes import forked
from tests.train import tiny
from train.data.dataset import write_dataset

pytestmark = pytest.mark.no_numpy2

TRIAL = re.compile(r"^Trial \d+: QLSTM", re.MULTILINE)
"""A worker begins a trial."""

STAGE_OF_TRIAL = re.compile(r"^Trial \d+: .*?^QLSTM8_W\dB8A\dI8_.*?^epoch +1 ", re.MULTILINE | re.DOTALL)
"""A trial has announced the first epoch of a stage of its own, after the warm-up."""

EPOCHS = 30
GRACE = 5
"""Seconds: a hundred beats, so that a busy machine loses nobody."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Lines, in `lines`, and `params.json`, with which a trial takes about a second."""
    folder = tmp_path_factory.mktemp("workers")
    write_dataset(tiny.dataset(), folder / "lines")
    replace(PRESET, epochs=EPOCHS).to_json(folder / "params.json")
    return folder


def worker(arguments, said):
    return forked(arguments, said, first=wait_for_no_disk)


def command(folder, experiments, storage, *, trials):
    """All that the first worker must say."""
    return [
        *("explore", "--study", NAME, "--storage", str(storage), "-e", str(experiments), "--trials", str(trials)),
        *("-p", str(folder / "params.json"), "--data", str(folder / "lines"), "--min-columns-per-second", "1000"),
        *("--weights", "2,3,4", "--activations", "2,4", "--fc-weights", "8", "--hidden", "8", "--prune-factor", "1000"),
        *("--heartbeat", "0.05", "--grace", str(GRACE), "--no-cuda"),
    ]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "workers", "trials"), [("study.db", 3, 5), ("study.journal", 2, 3)])
def test_the_trial_of_a_killed_worker_is_retried_and_none_is_lost_or_counted_twice(
    folder, tmp_path, name, workers, trials
):
    _require_a_retry(folder, tmp_path, str(tmp_path / name), workers, trials)


@pytest.mark.slow
def test_the_trial_of_a_killed_worker_is_retried_on_postgresql(folder, tmp_path):
    with postgresql.server() as url:
        _require_a_retry(folder, tmp_path, url, workers=2, trials=3)


def _require_a_retry(folder, tmp_path, storage, workers, trials):
    """Kill the first of the workers in a trial of its own."""
    experiments = tmp_path / "runs"
    arguments = command(folder, experiments, storage, trials=trials)
    with ExitStack() as stack:
        running = [stack.enter_context(worker(arguments, tmp_path / f"said-{number}")) for number in range(workers)]
        victim, *others = running
        victim.wait_until(lambda: STAGE_OF_TRIAL.search(victim.said) is not None)
        victim.kill()
        assert victim.end() == -signal.SIGKILL, victim.said
        # Whatever the others do meanwhile: the killed worker's trial was running, and nobody has finished it.
        killed = next(
            trial
            for trial in read_study(NAME, storage).trials
            if str(trial.worker).endswith(f":{victim.pid}") and not trial.finished
        )
        for other in others:
            assert other.end() == 0, other.said
    study = read_study(NAME, storage)

    assert len(study.finished) == study.settings.trials == trials
    assert len({trial.choice for trial in study.finished}) == trials
    by_number = {trial.number: trial for trial in study.trials}
    assert by_number[killed.number].state == "failed"
    assert by_number[killed.number].reason == f"Nothing was heard of {killed.worker} for {GRACE} s."
    again = [trial for trial in study.trials if trial.retries == killed.number]
    assert [(trial.state, trial.choice) for trial in again] == [("complete", killed.choice)]
    assert [trial.number for trial in study.trials if trial.choice == killed.choice and trial.finished] == [
        again[0].number
    ]
    assert len(study.trials) == trials + 1
    assert sum(len(TRIAL.findall(one.said)) for one in running) == trials + 1

    # The retry went on in the folder of the killed trial, from an epoch that this one had announced.
    home = experiments / NAME / "networks" / killed.choice.name
    (recipe,) = home.glob("*-recipe-*")
    sessions = [
        [json.loads(line)["epoch"] for line in told.read_text().splitlines()]
        for told in recipe.glob("*/*/arguments.jsonl")
    ]
    assert any(len(epochs) == 2 and epochs[1] >= 1 for epochs in sessions), sessions
    # All workers shared one warm-up.
    assert len(list((experiments / NAME / "warm-up" / "H8").iterdir())) == 1


@pytest.mark.slow
def test_an_interrupted_worker_hands_its_trial_back_and_names_the_command_that_goes_on(folder, tmp_path):
    storage, experiments = tmp_path / "study.db", tmp_path / "my runs"
    with worker(command(folder, experiments, storage, trials=2), tmp_path / "said") as running:
        running.wait_until(lambda: STAGE_OF_TRIAL.search(running.said) is not None)
        os.kill(running.pid, signal.SIGINT)
        assert running.end() == 1
        message, again = running.said.splitlines()[-1].split(" Go on with: ")
    assert message == "Error: Interrupted."
    assert [trial.state for trial in read_study(NAME, str(storage)).trials] == ["failed", "waiting"]
    program, *arguments = shlex.split(again)
    assert program == "foldline"
    with worker(arguments, tmp_path / "said again") as running:
        assert running.end() == 0, running.said
    study = read_study(NAME, str(storage))
    assert [(trial.state, trial.retries) for trial in study.trials] == [
        *(("failed", None), ("complete", 0), ("complete", None))
    ]
    assert study.trials[0].choice == study.trials[1].choice

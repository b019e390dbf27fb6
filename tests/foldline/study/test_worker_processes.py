"""Workers of one study in several processes, one of them killed in the middle of a trial."""

import json
import multiprocessing
import os
import re
import shlex
import signal
from contextlib import ExitStack
from dataclasses import replace

import pytest

from foldline.study.result import read_study
from tests.foldline import command_line
from tests.foldline.processes import forked
from tests.foldline.study import postgresql
from tests.foldline.study.studies import NAME, PRESET, at_once, disable_fsync, join, read, work
from tests.train import tiny
from train.data.dataset import write_dataset

pytestmark = pytest.mark.no_numpy2

TRIAL = re.compile(r"^Trial \d+: QLSTM", re.MULTILINE)
"""A worker begins a trial."""

EPOCH_OF_TRIAL = re.compile(r"^Trial \d+: .*?^QLSTM8_W\dB8A\dI8_.*?^epoch +1 ", re.MULTILINE | re.DOTALL)
"""A trial has trained the first epoch of a stage after the warm-up."""

EPOCHS = 30
GRACE = 6
"""Seconds: several heartbeats, so that a busy machine fails no trial by mistake."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Lines, in `lines`, and `params.json`, with which a trial takes about a second. All kernels that it needs are in the
    compilation cache: to compile them takes longer than these tests wait for a process."""
    folder = tmp_path_factory.mktemp("workers")
    write_dataset(tiny.dataset(), folder / "lines")
    replace(PRESET, epochs=EPOCHS).to_json(folder / "params.json")
    done = command_line.run(*command(folder, folder / "compiled", folder / "compiled.db", trials=1), "--epochs", "4")
    assert done.exit_code == 0, done.output
    return folder


def worker(arguments, output):
    return forked(arguments, output, first=disable_fsync)


def command(folder, experiments, storage, *, trials):
    """The command line of the first worker."""
    return [
        *("study", "run", NAME, "--storage", str(storage), "-e", str(experiments), "--trials", str(trials)),
        *("-p", str(folder / "params.json"), "--data", str(folder / "lines"), "--min-columns-per-second", "1000"),
        *("--weights", "2,3,4", "--activations", "2,4", "--fc-weights", "8", "--hidden", "8", "--prune-factor", "1000"),
        *("--heartbeat", "1", "--grace", str(GRACE), "--no-cuda"),
    ]


@pytest.fixture(params=["sqlite", "postgresql"])
def storage(request, tmp_path):
    """The URL of an empty database."""
    if request.param == "sqlite":
        yield str(tmp_path / "study.db")
        return
    with postgresql.server() as url:
        yield url


@pytest.mark.slow
@pytest.mark.parametrize("storage", ["sqlite", pytest.param("postgresql", marks=pytest.mark.exhaustive)], indirect=True)
def test_the_trial_of_a_killed_worker_is_retried_and_none_is_lost_or_counted_twice(folder, tmp_path, storage):
    workers, trials = 3, 5
    experiments = tmp_path / "runs"
    arguments = command(folder, experiments, storage, trials=trials)
    with ExitStack() as stack:
        running = [stack.enter_context(worker(arguments, tmp_path / f"output-{number}")) for number in range(workers)]
        victim, *others = running
        victim.wait_until(lambda: EPOCH_OF_TRIAL.search(victim.said) is not None)
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
    assert by_number[killed.number].reason == f"Its worker {killed.worker} ended without a result."
    again = [trial for trial in study.trials if trial.retries == killed.number]
    assert [(trial.state, trial.choice) for trial in again] == [("complete", killed.choice)]
    assert [trial.number for trial in study.trials if trial.choice == killed.choice and trial.finished] == [
        again[0].number
    ]
    assert len(study.trials) == trials + 1
    assert sum(len(TRIAL.findall(one.said)) for one in running) == trials + 1

    # The retry continued in the folder of the killed trial, from an epoch that this one had finished.
    home = experiments / NAME / "networks" / killed.choice.name
    (recipe,) = home.glob("*-recipe-*")
    sessions = [
        [json.loads(line)["epoch"] for line in path.read_text().splitlines()]
        for path in recipe.glob("*/*/arguments.jsonl")
    ]
    assert any(len(epochs) == 2 and epochs[1] >= 1 for epochs in sessions), sessions
    # All workers shared one warm-up.
    assert len(list((experiments / NAME / "warm-up" / "H8").iterdir())) == 1


@pytest.mark.slow
def test_an_interrupted_worker_names_the_command_that_continues_with_its_trial(folder, tmp_path):
    storage, experiments = tmp_path / "study.db", tmp_path / "my runs"
    with worker(command(folder, experiments, storage, trials=2), tmp_path / "output") as running:
        running.wait_until(lambda: EPOCH_OF_TRIAL.search(running.said) is not None)
        os.kill(running.pid, signal.SIGINT)
        assert running.end() == 130
        message, again = running.said.splitlines()[-1].split(" Continue with: ")
    assert message == "Stopped."
    assert [(trial.state, trial.reason) for trial in read(storage).trials] == [("failed", "Interrupted.")]
    program, *arguments = shlex.split(again)
    assert program == "foldline"
    with worker(arguments, tmp_path / "output again") as running:
        assert running.end() == 0, running.said
    study = read(storage)
    assert [(trial.state, trial.retries) for trial in study.trials] == [
        *(("failed", None), ("complete", 0), ("complete", None))
    ]
    assert study.trials[0].choice == study.trials[1].choice


@pytest.mark.slow
def test_workers_that_compete_for_every_trial_finish_exactly_those_that_are_wanted(storage):
    """Three processes and networks that take no time: they meet at every step, and for the last trial."""
    space = {"weight": (2, 3, 4), "activation": (2, 3, 4), "hidden": (2, 4)}
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_compete, args=(storage, space)) for _ in range(3)]
    for process in workers:
        process.start()
    for process in workers:
        process.join(120)
        assert process.exitcode == 0
    study = read(storage)
    assert len(study.finished) == 14
    assert len({trial.choice for trial in study.finished}) == 14
    assert {trial.state for trial in study.trials} == {"complete"}
    assert len({trial.worker for trial in study.trials}) > 1


def _compete(storage: str, space: dict[str, tuple[int, ...]]) -> None:
    disable_fsync()
    work(join(storage, trials=14, **space), at_once)

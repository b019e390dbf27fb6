"""A training process that is killed, at any moment and again and again, goes on and ends as if it never had been."""

import os
import random
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from itertools import chain, count
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.compat.proto.event_pb2 import SessionLog

from foldline.console.text import counted
from tests.foldline.processes import Running, forked, interpreter
from tests.golden_data import REPOSITORY
from tests.train import tiny
from tests.train.test_trainer import same_state
from train.checkpoint import Checkpoint
from train.config import Hyperparameters
from train.data.dataset import read_dataset, write_dataset
from train.trainer import train

pytestmark = pytest.mark.no_numpy2

EPOCHS = 10
CHECKPOINTS = ("last.pt", "best-cer.pt", "best-wer.pt", *(f"epoch-{epoch:04d}.pt" for epoch in range(2, 11, 2)))
KEPT = {*CHECKPOINTS, "hyperparameters.json", "arguments.jsonl", "train.log", "tensorboard"}

Start = Callable[[list[str], Path], AbstractContextManager[Running]]
"""Starts `foldline` with arguments, and a file for what it says."""

Moment = Callable[[Running, Path], None]
"""Waits, given a process and the folder of all runs, for the moment at which to kill the process."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Lines, in `lines`, and `params.json`: ten steps and two or more written checkpoints per epoch, the best of them
    in several epochs, and a state that has everything in it: batch norm, and a learning rate that falls."""
    folder = tmp_path_factory.mktemp("killed")
    write_dataset(tiny.dataset(), folder / "lines")
    tiny.quantized(
        **{"epochs": EPOCHS, "layer_size": 16, "batch_size": 1, "lr": 0.1, "random_seed": 2, "checkpoint_interval": 2},
        **{"lr_schedule": "STEP", "lr_step": 4, "prefused_bn_fc": False},
    ).to_json(folder / "params.json")
    return folder


@pytest.fixture(scope="module")
def whole(folder) -> tuple[Path, float]:
    """The folder of the run that is never interrupted, and how many seconds it took."""
    hyperparameters = Hyperparameters.from_json(folder / "params.json")
    began = time.monotonic()
    result = train(hyperparameters, read_dataset(folder / "lines"), experiments=folder / "whole")
    improved = [epoch.epoch for epoch in result.epochs if epoch.best_cer]
    assert len(improved) > 2
    return result.folder, time.monotonic() - began


def last_of(experiments: Path) -> Path | None:
    """The checkpoint to go on from, if a run has come so far as to have one."""
    found = list(experiments.glob("*/last.pt"))
    assert len(found) <= 1
    return found[0] if found else None


def command(folder: Path, experiments: Path) -> list[str]:
    last = last_of(experiments)
    how = ["-e", experiments, "-p", folder / "params.json"] if last is None else ["-i", last]
    return ["train", *map(str, how), "--data", str(folder / "lines"), "--no-cuda"]


def killed_run(start: Start, moments: Iterable[Moment], folder: Path, experiments: Path) -> int:
    """Start a run and resume it after each kill until it is done; the number of kills, each of which lost no more than
    the epoch that was running. When the moments are used up, it is left to end."""
    announced = kills = 0
    moments = iter(moments)
    while True:
        moment = next(moments, None)
        with start(command(folder, experiments), experiments.with_suffix(".said")) as process:
            if moment is not None:
                moment(process, experiments)
                process.kill()
            status = process.end()
            announced = max(announced, process.announced)
            assert status in (0, -signal.SIGKILL), process.said
        last = last_of(experiments)
        assert (Checkpoint.load(last).epoch if last else 0) >= announced
        if status == 0:
            return kills
        kills += 1


def epochs_traced(run: Path) -> dict[str, list[int]]:
    """The epochs of each curve as TensorBoard shows it: what a later session starts with drops what it will repeat."""
    sessions = [list(EventFileLoader(str(path)).Load()) for path in (run / "tensorboard").iterdir()]
    epochs: dict[str, list[int]] = {}
    for session in sorted((one for one in sessions if one), key=lambda events: events[0].wall_time):
        for event in session:
            if event.session_log.status == SessionLog.START:
                epochs = {name: [epoch for epoch in done if epoch < event.step] for name, done in epochs.items()}
            for value in event.summary.value:
                epochs.setdefault(value.tag, []).append(event.step)
    return epochs


def require_same(experiments: Path, whole: Path) -> Path:
    """The run's folder, once everything in it is what the uninterrupted run has."""
    run = last_of(experiments).parent
    assert {path.name for path in run.iterdir() if not path.name.startswith(".")} == KEPT
    assert Checkpoint.load(run / "last.pt").epoch == EPOCHS
    different = [name for name in CHECKPOINTS if not same_state(*(Checkpoint.load(one / name) for one in (run, whole)))]
    assert different == []
    traced = epochs_traced(run)
    assert traced["loss"] == list(range(1, EPOCHS + 1))
    assert traced == epochs_traced(whole)
    return run


def pause(seconds: float) -> Moment:
    """After some time of training."""

    def wait(process: Running, experiments: Path) -> None:
        process.wait_for_start()
        deadline = time.monotonic() + seconds
        process.wait_until(lambda: time.monotonic() > deadline)

    return wait


def asleep(seconds: float) -> Moment:
    """After some time of loading or training."""

    def wait(process: Running, experiments: Path) -> None:
        deadline = time.monotonic() + seconds
        process.wait_until(lambda: time.monotonic() > deadline)

    return wait


def appearance(pattern: str) -> Moment:
    """As soon as there is a new file of that name, which may be one that has taken the place of another."""

    def files(experiments: Path) -> set:
        return {entry.inode() for run in experiments.glob("*") for entry in os.scandir(run) if fits(entry.name)}

    def fits(name: str) -> bool:
        return Path(name).match(pattern)

    def wait(process: Running, experiments: Path) -> None:
        process.wait_for_start()
        before = files(experiments)
        process.wait_until(lambda: bool(files(experiments) - before), every=0.0005)

    return wait


def random_moments(seed: int, seconds: float, kills: int) -> Iterator[Moment]:
    """Moments spread over the `seconds` of a run, and those at which files are written and have just been written."""
    choose = random.Random(seed)
    for _ in range(kills):
        yield choose.choice(
            (
                pause(choose.uniform(0, seconds / 4)),
                asleep(choose.uniform(0, seconds / 4)),
                appearance(choose.choice((".last.pt.*", ".best-cer.pt.*", ".epoch-*.pt.*"))),
                appearance(choose.choice(("last.pt", "best-cer.pt", "epoch-*.pt"))),
            )
        )


def test_a_killed_run_ends_as_if_it_never_had_been(folder, whole, tmp_path):
    uninterrupted, seconds = whole
    moments = (pause(seconds / 3 * random.Random(0).random()), appearance("*last.pt*"), appearance("last.pt"))
    assert killed_run(interpreter, moments, folder, tmp_path / "runs") == 3
    require_same(tmp_path / "runs", uninterrupted)


@pytest.mark.slow
def test_runs_killed_at_random_moments_end_as_if_they_never_had_been(folder, whole, tmp_path):
    uninterrupted, seconds = whole
    kills = seed = 0
    while kills < 20:
        seed += 1
        experiments = tmp_path / f"runs {seed}"
        here = killed_run(forked, random_moments(seed, seconds, kills=8), folder, experiments)
        run = require_same(experiments, uninterrupted)
        assert len([path for path in run.iterdir() if path.name.startswith(".")]) <= here
        assert here > 0
        kills += here


@pytest.mark.slow
def test_a_run_killed_before_each_of_its_file_operations_ends_as_if_it_never_had_been(folder, whole, tmp_path):
    uninterrupted, _ = whole
    # Up to the first checkpoint, which a new run has after some ten; then again, in the runs that go on from there.
    operation = chain(range(1, 20), count(1))

    def start(arguments: list[str], said: Path) -> AbstractContextManager[Running]:
        return forked(arguments, said, dies_at=(tmp_path / "runs", next(operation)))

    assert killed_run(start, (), folder, tmp_path / "runs") > 30
    require_same(tmp_path / "runs", uninterrupted)


def test_an_interrupted_process_goes_on_with_the_command_it_names(folder, whole, tmp_path):
    uninterrupted, _ = whole
    experiments, said = tmp_path / "my runs", tmp_path / "said"
    with interpreter(command(folder, experiments), said) as process:
        process.wait_until(lambda: process.announced >= 1)
        os.kill(process.pid, signal.SIGINT)
        assert process.end() == 130
        message, again = process.said.splitlines()[-1].split(" Resume with: ")
    saved = Checkpoint.load(last_of(experiments))
    assert message == f"Stopped after {counted(saved.epoch, 'whole epoch')}."
    assert 1 <= saved.epoch < EPOCHS
    # The command as it stands, where `foldline` is the one under test.
    shell = f'foldline() {{ {shlex.quote(sys.executable)} -m foldline "$@"; }}; {again}'
    assert subprocess.run(["sh", "-c", shell], cwd=REPOSITORY, stdout=subprocess.DEVNULL, check=False).returncode == 0
    require_same(experiments, uninterrupted)

"""A training process that Ctrl-C ends goes on with the command that it names (kills: tests/faults)."""

import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from foldline.console.text import counted
from tests.faults.commands import epochs_traced
from tests.foldline.processes import interpreter
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
def whole(folder) -> Path:
    """The folder of the run that is never interrupted."""
    hyperparameters = Hyperparameters.from_json(folder / "params.json")
    result = train(hyperparameters, read_dataset(folder / "lines"), experiments=folder / "whole")
    improved = [epoch.epoch for epoch in result.epochs if epoch.best_cer]
    assert len(improved) > 2
    return result.folder


def last_of(experiments: Path) -> Path | None:
    """The checkpoint to go on from, if a run has come so far as to have one."""
    found = list(experiments.glob("*/last.pt"))
    assert len(found) <= 1
    return found[0] if found else None


def command(folder: Path, experiments: Path) -> list[str]:
    last = last_of(experiments)
    how = ["-e", experiments, "-p", folder / "params.json"] if last is None else ["-i", last]
    return ["train", *map(str, how), "--data", str(folder / "lines"), "--no-cuda"]


def require_same(experiments: Path, whole: Path) -> None:
    """Everything in the run's folder is what the uninterrupted run has."""
    run = last_of(experiments).parent
    assert {path.name for path in run.iterdir() if not path.name.startswith(".")} == KEPT
    assert Checkpoint.load(run / "last.pt").epoch == EPOCHS
    different = [name for name in CHECKPOINTS if not same_state(*(Checkpoint.load(one / name) for one in (run, whole)))]
    assert different == []
    traced = epochs_traced(run)
    assert traced["loss"] == list(range(1, EPOCHS + 1))
    assert traced == epochs_traced(whole)


def test_an_interrupted_process_goes_on_with_the_command_it_names(folder, whole, tmp_path):
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
    require_same(experiments, whole)

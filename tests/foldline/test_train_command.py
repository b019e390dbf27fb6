"""`foldline train` on the terminal: what it refuses, and what it says when there is nothing to do or it is stopped."""

import shlex
import signal
from dataclasses import fields

import pytest
from click.testing import CliRunner

from foldline.cli import main
from foldline.commands.training_options import HEADINGS
from foldline.console import training as training_progress
from tests.train import tiny
from train.config import Hyperparameters
from train.data.dataset import read_dataset, write_dataset
from train.trainer import train


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """In a folder whose name a shell would cut in two."""
    return write_dataset(tiny.dataset(), tmp_path_factory.mktemp("data") / "tiny lines")


@pytest.fixture
def last(data, tmp_path):
    return train(tiny.hyperparameters(epochs=1), read_dataset(data), experiments=tmp_path / "runs").resume_from


def run(*arguments):
    return CliRunner().invoke(main, ["train", *(str(argument) for argument in arguments)])


def says(sentence, *arguments, status):
    result = run(*arguments)
    assert result.stderr.splitlines()[-1] == f"Error: {sentence}"
    assert result.exit_code == status


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--pretrained-policy", "RESUME"], ["--pretrained-policy", "-i CHECKPOINT"]),
        (["--init-bn-fc-fusion"], ["--init-bn-fc-fusion", "RETRAIN"]),
        (["-i", "x.pt", "--init-bn-fc-fusion"], ["--init-bn-fc-fusion", "RETRAIN"]),
        (["--pe", 2], ["--pe", "foldline export"]),
        (["--warm-up", "x.pt"], ["--warm-up", "foldline recipe"]),
    ],
)
def test_options_that_would_have_no_effect_are_refused(arguments, named):
    result = run(*arguments)
    assert result.exit_code == 2
    assert all(text in result.stderr.splitlines()[-1] for text in named)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--data", "synthetic:9", "--valid", "v.txt", "--imgs", "imgs"], "--valid, --imgs; name a folder with --data"),
        (["--valid", "v.txt", "--imgs", "imgs"], "--valid, --imgs needs --sortedtrain, or a folder by --data"),
    ],
)
def test_lists_without_what_belongs_to_them_are_refused(arguments, named):
    result = run(*arguments)
    assert result.exit_code == 1
    assert named in result.stderr.splitlines()[-1]


def test_another_network_cannot_be_resumed(last, data):
    result = run("-i", last, "--data", data, "--layer-size", 4, "--epochs", 2)
    assert result.exit_code == 1
    assert all(text in result.stderr for text in (f"{last}: layer_size is 4", "8", "RETRAIN"))
    assert len(list(last.parent.parent.iterdir())) == 1


def test_a_run_with_all_epochs_done_says_so(last, data):
    result = run("-i", last, "--data", data)
    assert result.exit_code == 0
    assert result.stdout == f"Nothing is left to do: {last} has 1 of 1 epochs.\n"


def test_threads_that_cannot_be_leave_no_folder(data, tmp_path):
    says(
        "Invalid value for '--threads': 0 is not in the range x>=1.",
        *("--data", data, "-e", tmp_path / "runs", "--threads", 0),
        status=2,
    )
    assert not (tmp_path / "runs").exists()


def test_every_hyperparameter_has_one_heading():
    names = [name for group in HEADINGS.values() for name in group]
    assert sorted(names) == sorted(one.name for one in fields(Hyperparameters))


def test_help_states_the_ranges():
    text = " ".join(run("--help").stdout.split())
    assert "H, hidden units per direction; 1 to 4096 [default: 128]." in text
    assert "Learning rate; with ONE_CYCLE the largest one; more than 0 and at most 1000 [default: 0.0001]." in text


def test_an_interrupted_run_says_how_to_go_on_as_before(data, tmp_path, monkeypatch):
    monkeypatch.setattr(
        training_progress.ShownRun, "batch_done", lambda self, result: signal.raise_signal(signal.SIGINT)
    )
    params = tmp_path / "params.json"
    tiny.hyperparameters(epochs=2).to_json(params)
    valid = data / "valid.txt"
    result = run(
        *("-p", params, "-e", tmp_path / "my runs", "--data", data, "--valid", valid, "--no-cuda"),
        *("--threads", 1, "--author", "Ann B"),
    )
    assert result.exit_code == 130
    (checkpoint,) = (tmp_path / "my runs").glob("*/last.pt")
    message, command = result.stderr.splitlines()[-1].split(" Resume with: ")
    assert message == "Stopped after 0 whole epochs."
    assert shlex.split(command) == [
        *("foldline", "train", "-i", str(checkpoint)),
        *("--threads", "1", "--no-cuda", "--author", "Ann B"),
    ]
    monkeypatch.undo()
    assert run(*shlex.split(command)[2:]).exit_code == 0

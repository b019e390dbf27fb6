"""Commands that are killed: the next run ends as if nothing had been, loses no whole epoch or line, and leaves nothing.

A few moments each here; `python -m tests.faults` takes any number.
"""

import random
from pathlib import Path

import pytest

from tests.faults.commands import COMMANDS, announced, can_run
from tests.faults.killing import Ended

pytestmark = pytest.mark.no_numpy2


@pytest.mark.parametrize(
    ("name", "kind", "path", "last"),
    [
        ("train", "os.rename", "hyperparameters.json", False),  # no checkpoint yet
        ("train", "os.rename", "last.pt", True),  # the last epoch is written, and not yet there
        ("recipe", "open", "1-float", True),
        ("recipe", "os.remove", "3-hardware", True),  # the lock of a stage that is done
        ("simulate", "open", "out.jsonl.", True),  # all lines are in OUT.partial
        ("export --project, RTL", "os.rename", "project", True),
        ("data import", "open", "valid.txt", False),
        ("golden make", "os.rename", "vectors", True),
    ],
)
def test_a_command_killed_at_a_file_operation_ends_as_if_nothing_had_been(campaign, name, kind, path, last):
    result = campaign.kill(COMMANDS[name], campaign.at(COMMANDS[name], kind, path, last=last))
    assert result.killed == 1
    assert result.faults == []


@pytest.mark.exhaustive
@pytest.mark.parametrize("number", range(100))
def test_a_command_killed_at_a_random_moment_ends_as_if_nothing_had_been(campaign, number):
    command = list(COMMANDS.values())[number % len(COMMANDS)]
    if not can_run(command):
        pytest.skip(f"the tools of {command.name} are not here")
    choose = random.Random(number)
    result = campaign.kill(command, campaign.moment(command, choose))
    if not result.killed:  # it had ended
        result = campaign.kill(command, campaign.operation(command, choose))
    assert result.killed == 1
    assert result.faults == []


# The checks themselves


def ended(said: str = "", **changes: object) -> Ended:
    return Ended(**{"status": 0, "said": said, "seconds": 1.0} | changes)


def test_epochs_that_are_trained_again_are_lost():
    said = "Q: 9 parameters, 3 classes, 4 training and 2 validation lines, in runs/A-1\nepoch    2  loss\nepoch    3  loss\n"
    assert announced(said) == announced(said.replace("runs/", "/tmp/work-1/runs/")) == {"runs/A-1": [2, 3]}
    train = COMMANDS["train"]
    assert train.lost({"runs/A-1": 1}, ended(said), None) is None
    assert train.lost({"runs/A-1": 2}, ended(said), None) == (
        "epoch 2 of runs/A-1 was trained again, and last.pt had epoch 2"
    )


def test_an_announced_epoch_without_a_checkpoint_is_lost(tmp_path):
    said = "Q: 9 parameters, 3 classes, 4 training and 2 validation lines, in runs/A-1\nepoch    1  loss\n"
    with pytest.raises(AssertionError, match=r"runs/A-1/last\.pt lacks epoch 1"):
        COMMANDS["train"].done(tmp_path, ended(said), None)


def test_lines_that_are_computed_again_are_lost(campaign):
    images, simulate = campaign.inputs.images, COMMANDS["simulate"]
    assert simulate.lost(1, ended(read=frozenset(map(str, images[1:]))), campaign.inputs) is None
    assert simulate.lost(2, ended(read=frozenset(map(str, images[1:]))), campaign.inputs) is not None


def test_what_is_left_missing_or_different_is_named(campaign, tmp_path):
    command = COMMANDS["data import"]
    whole = campaign.undisturbed(command)
    (tmp_path / "tmp").mkdir()
    for name, content in whole.tree.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)

    def compared(again: Ended) -> list[str]:
        return list(campaign.compared(command, tmp_path, None, again))

    assert compared(ended()) == []
    assert compared(ended(status=None, said="it waits")) == ["stuck: it waits"]
    assert compared(ended(status=1, said="Error")) == ["the next run failed with 1: Error"]
    (tmp_path / "tmp" / ".left").touch()
    assert compared(ended()) == ["left: tmp/.left"]
    (tmp_path / "tmp" / ".left").unlink()
    listed = Path(tmp_path, "imported", "valid.txt")
    listed.write_text("other")
    assert compared(ended()) == ["the result differs from that of an undisturbed run"]
    listed.unlink()
    assert compared(ended()) == ["missing: imported/valid.txt"]

"""Full and read-only disks, and files that are removed while they are needed: one sentence that names a file or folder,
exit status 1, and the next run ends as if nothing had been."""

import random

import pytest

from tests.faults.campaign import Result, can_mount, wrong_end
from tests.faults.commands import COMMANDS, Command, can_run
from tests.faults.killing import Ended, Fault, Moment

pytestmark = pytest.mark.no_numpy2

on_a_disk = pytest.mark.skipif(not can_mount(), reason="only root on Linux can mount a small disk")


def require_failed(result: Result, *named: str) -> None:
    assert result.faults == []
    assert result.killed == 1
    assert all(name in result.said.splitlines()[-1] for name in named), result.said


@on_a_disk
@pytest.mark.parametrize(
    ("name", "kind", "path"),
    [
        ("train", "open", "tfevents"),
        ("train", "os.rename", "last.pt"),
        ("simulate", "open", "out.jsonl.partial"),
        ("data import", "open", "03.png"),
    ],
)
def test_a_full_disk_is_named_and_what_is_there_stays_usable(campaign, name, kind, path):
    moment = campaign.at(COMMANDS[name], kind, path)
    require_failed(campaign.fail(COMMANDS[name], Moment(operation=moment.operation, fault=Fault.FILL)), "No space left")


@on_a_disk
@pytest.mark.parametrize(
    ("name", "kind", "path"),
    [("train", "os.rename", "best-cer.pt"), ("simulate", "os.rename", "out.jsonl"), ("data import", "open", "03.png")],
)
def test_files_that_are_removed_meanwhile_are_named(campaign, name, kind, path):
    moment = campaign.at(COMMANDS[name], kind, path)
    require_failed(campaign.fail(COMMANDS[name], Moment(operation=moment.operation, fault=Fault.REMOVE)))


def tried(names: tuple[str, ...]) -> list[object]:
    """All commands; those without one of these names only with the exhaustive tests."""
    return [
        pytest.param(command, id=name, marks=[] if name in names else pytest.mark.exhaustive)
        for name, command in COMMANDS.items()
    ]


@on_a_disk
@pytest.mark.parametrize("command", tried(("train", "simulate", "data import")))
def test_a_read_only_disk_is_named(campaign, command):
    if not can_run(command):
        pytest.skip(f"the tools of {command.name} are not here")
    require_failed(campaign.read_only(command), "Read-only file system")


@on_a_disk
@pytest.mark.exhaustive
@pytest.mark.parametrize("fault", [Fault.FILL, Fault.REMOVE])
@pytest.mark.parametrize("command", tried(()))
def test_a_disk_that_fails_at_any_moment(campaign, command: Command, fault):
    if not can_run(command):
        pytest.skip(f"the tools of {command.name} are not here")
    choose = random.Random(f"{command.name} {fault.name}")
    for _ in range(3):
        moment = Moment(operation=campaign.operation(command, choose).operation, fault=fault)
        assert campaign.fail(command, moment).faults == []


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (None, "it waits"),
        (1, "Traceback (most recent call last):\nOSError: [Errno 28] No space left on device"),
        (1, "Error: It failed."),
        (2, "Error: Cannot write out.jsonl: No space left on device."),
        (-11, ""),
    ],
)
def test_another_end_than_one_sentence_with_a_name_is_a_fault(status, said):
    assert list(wrong_end(Ended(status=status, said=said, seconds=1.0)))


def test_one_sentence_with_a_name_is_the_right_end():
    said = "some lines\nError: Cannot write runs/A-1/last.pt: No space left on device.\n"
    assert not list(wrong_end(Ended(status=1, said=said, seconds=1.0)))

"""One run in several processes: the curve of one process, one folder, and an end for all of them at once."""

import json
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch

from datapath.errors import ConfigError, FoldlineError
from tests.golden_data import REPOSITORY
from tests.train import tiny
from tests.train.test_trainer import Recorder, same_state
from train.checkpoint import Checkpoint
from train.config import Hyperparameters
from train.data.batches import Sample
from train.data.dataset import Dataset, read_dataset, write_dataset
from train.distributed import Group, shard_batch, torchrun_group
from train.trainer import train

pytestmark = pytest.mark.no_numpy2

PATIENCE_SECONDS = 120
"""Longer than any of these groups takes on a busy machine: what lasts longer hangs."""

LOSS_TOLERANCE = 1e-5
"""Relative: the shares' float32 sums are added in another order than the lines of one batch."""

WEIGHT_TOLERANCE = 2e-5
"""A thousandth of a step: Adam divides a gradient by its size, so that the rounding of small ones shows."""


@dataclass(frozen=True)
class InterruptedGroup(Group):
    """Hears a SIGINT in one batch of the first epoch."""

    at: int = 0

    def draw_for(self, seed, epoch, batch):
        if (epoch, batch) == (0, self.at):
            signal.raise_signal(signal.SIGINT)
        super().draw_for(seed, epoch, batch)


@dataclass(frozen=True)
class DyingGroup(Group):
    """Dies in the second epoch."""

    def draw_for(self, seed, epoch, batch):
        if epoch == 1:
            os._exit(3)


@dataclass(frozen=True)
class Member:
    """How a process of a group ended: losses by epoch, or the text of its error."""

    losses: list[float]
    folder: str | None
    interrupted: bool
    last: Checkpoint | None
    error: str = ""


def together(groups: list[Group], calls: list[tuple], home: Path, **options) -> list[Member]:
    """Call `train` in as many processes as there are groups, each with its own hyperparameters and dataset."""
    home.mkdir()
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.foldline.warm"])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    processes = [
        context.Process(target=_member, args=(group, port, home / str(group.rank), call, options))
        for group, call in zip(groups, calls, strict=True)
    ]
    for process in processes:
        process.start()
    deadline = time.monotonic() + PATIENCE_SECONDS
    try:
        for process in processes:
            process.join(max(deadline - time.monotonic(), 0))
        assert all(process.exitcode is not None for process in processes), "the group hangs"
    finally:
        for process in processes:
            process.kill()
            process.join()
    return [_told(home / str(group.rank)) for group in groups]


def _member(group: Group, port: int, home: Path, call: tuple, options: dict) -> None:
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    torch.set_num_threads(1)
    try:
        result = train(*call, group=group, **options)
    except FoldlineError as error:
        told = {"losses": [], "folder": None, "interrupted": False, "error": str(error)}
    else:
        result.last.save(home.with_suffix(".pt"))
        told = {
            "losses": [epoch.loss for epoch in result.epochs],
            "folder": result.folder and str(result.folder),
            "interrupted": result.interrupted,
        }
    home.with_suffix(".json").write_text(json.dumps(told))


def _told(home: Path) -> Member:
    told = json.loads(home.with_suffix(".json").read_text()) if home.with_suffix(".json").exists() else None
    if told is None:
        return Member(losses=[], folder=None, interrupted=False, last=None, error="it has died")
    saved = home.with_suffix(".pt")
    return Member(**told, last=Checkpoint.load(saved) if saved.exists() else None)


def both(hp: Hyperparameters | None, home: Path, *, size: int = 2, **options) -> list[Member]:
    """A group whose processes start alike."""
    groups = [Group(rank=rank, size=size) for rank in range(size)]
    return together(groups, [(hp, tiny.dataset())] * size, home, **{"experiments": None, **options})


def require_near(checkpoint: Checkpoint, expected: Checkpoint) -> None:
    assert (checkpoint.epoch, checkpoint.batch) == (expected.epoch, expected.batch)
    assert checkpoint.model.keys() == expected.model.keys()
    for name, value in expected.model.items():
        torch.testing.assert_close(checkpoint.model[name], value, rtol=0, atol=WEIGHT_TOLERANCE, msg=name)


@pytest.mark.parametrize(
    ("size", "hp"),
    [
        pytest.param(2, tiny.hyperparameters(epochs=3), id="batch norm"),
        pytest.param(3, tiny.hyperparameters(epochs=2, batch_size=2), id="fewer lines than processes"),
        pytest.param(2, tiny.hyperparameters(epochs=2, batch_size=3, mask_padded=False), id="padding counts"),
        pytest.param(2, tiny.quantized(epochs=2, batch_size=1, max_norm=5.0), id="one line per batch, clipped"),
        pytest.param(
            2,
            tiny.quantized(epochs=2, batch_size=3, max_norm=5.0, forward_arithmetic="HARDWARE", ctc="OVERLAY"),
            id="overlay arithmetic, clipped",
        ),
    ],
)
def test_a_group_trains_as_one_process_does(tmp_path, size, hp):
    alone = train(hp, tiny.dataset(), experiments=None)
    members = both(hp, tmp_path / "group", size=size)
    for member in members:
        assert member.losses == pytest.approx([epoch.loss for epoch in alone.epochs], rel=LOSS_TOLERANCE)
        require_near(member.last, alone.last)
        assert same_state(replace(member.last, rng=members[0].last.rng), members[0].last)


def test_only_the_first_process_writes(tmp_path):
    first, second = both(tiny.hyperparameters(), tmp_path / "group", experiments=tmp_path / "runs")
    (folder,) = (tmp_path / "runs").iterdir()
    assert (first.folder, second.folder) == (str(folder), None)
    log = (folder / "train.log").read_text().splitlines()
    assert log[1].endswith("2 processes split every batch")
    assert [line.split("  ")[1].split(":")[0] for line in log[2:]] == ["epoch 1", "epoch 2"]
    assert Checkpoint.load(folder / "last.pt").provenance["processes"] == "2"


def test_an_interrupt_of_one_process_stops_all_and_the_group_resumes_exactly(tmp_path):
    """With dropout, whose random numbers go on as well."""
    hp = tiny.hyperparameters(epochs=2, dropout=0.3)
    whole = both(hp, tmp_path / "whole")
    groups = [Group(rank=0, size=2), InterruptedGroup(rank=1, size=2, at=1)]
    runs = tmp_path / "runs"
    stopped = together(groups, [(hp, tiny.dataset())] * 2, tmp_path / "stopped", experiments=runs)
    assert [(member.interrupted, member.last.epoch, member.last.batch) for member in stopped] == [(True, 0, 2)] * 2
    last = Path(stopped[0].folder) / "last.pt"
    assert same_state(Checkpoint.load(last), stopped[0].last)
    rest = both(None, tmp_path / "rest", experiments=runs, checkpoint=last)
    assert rest[0].folder == stopped[0].folder
    assert [member.losses for member in rest] == [member.losses for member in whole]
    for member, uninterrupted in zip(rest, whole, strict=True):
        assert same_state(member.last, uninterrupted.last)
    # Two shares with the same random numbers would drop the same places.
    assert not torch.equal(whole[0].last.rng, whole[1].last.rng)


def test_a_run_goes_from_one_process_to_two_and_back(tmp_path):
    hp = tiny.hyperparameters(epochs=3)
    whole = train(hp, tiny.dataset(), experiments=None)
    stopped = train(hp, tiny.dataset(), experiments=tmp_path / "runs", reporter=Recorder(interrupt_at=1))
    more = both(
        replace(hp, epochs=2), tmp_path / "group", experiments=tmp_path / "runs", checkpoint=stopped.resume_from
    )
    rest = train(hp, tiny.dataset(), experiments=None, checkpoint=Path(more[0].folder) / "last.pt")
    losses = [*more[0].losses, *(epoch.loss for epoch in rest.epochs)]
    assert losses == pytest.approx([epoch.loss for epoch in whole.epochs], rel=LOSS_TOLERANCE)
    require_near(rest.last, whole.last)
    done = both(replace(hp, epochs=2), tmp_path / "done", checkpoint=Path(more[0].folder) / "last.pt")
    assert [member.losses for member in done] == [[], []]


def test_processes_that_do_not_start_alike_are_refused(tmp_path):
    hp, data = tiny.hyperparameters(), tiny.dataset()
    fewer = Dataset(data.training[1:], data.validation, "fewer")
    calls = [(hp, data), (replace(hp, lr=0.1), fewer)]
    groups = [Group(rank=0, size=2), Group(rank=1, size=2)]
    members = together(groups, calls, tmp_path / "group", experiments=tmp_path / "runs")
    sentence = (
        "The 2 processes differ in their hyperparameters and training lines; "
        "start all of them with the same options and the same files."
    )
    assert [member.error for member in members] == [sentence] * 2
    assert not (tmp_path / "runs").exists()


def test_a_loss_that_is_no_number_stops_all_and_names_the_lines_of_the_whole_batch(tmp_path):
    hp = tiny.hyperparameters(batch_size=3)
    start = train(replace(hp, epochs=0), tiny.dataset(), experiments=None).last
    start.model["recurrent.bias_ih_l0"][:] = float("nan")
    start.save(tmp_path / "broken.pt")
    sentence = (
        "The loss is nan in epoch 1, batch 1 of 4, with the lines training/b, training/ab, training/bc; "
        "lower lr or max_norm, and resume from the last checkpoint."
    )
    members = both(hp, tmp_path / "group", checkpoint=tmp_path / "broken.pt")
    assert [member.error for member in members] == [sentence] * 2


def test_a_process_that_dies_is_missed(tmp_path):
    groups = [Group(rank=0, size=2), DyingGroup(rank=1, size=2)]
    runs = tmp_path / "runs"
    first, _ = together(groups, [(tiny.hyperparameters(), tiny.dataset())] * 2, tmp_path / "group", experiments=runs)
    assert first.error == "Process 0 of 2 has lost the others; resume from the last checkpoint."
    (folder,) = runs.iterdir()
    assert first.error in (folder / "train.log").read_text()
    assert Checkpoint.load(folder / "last.pt").epoch == 1


def test_lines_are_dealt_out_in_turn():
    shares = [Group(rank=rank, size=3).shard([5, 6, 7, 8]) for rank in range(3)]
    assert shares == [[5, 8], [6], [7]]
    assert Group(rank=2, size=3).shard([5, 6]) == []
    assert shard_batch([], Group(), mask_padded=True) is None


def test_without_mask_padded_a_share_is_as_wide_as_the_whole_batch(monkeypatch):
    monkeypatch.setattr(Group, "maximum", lambda self, value: max(value, 9))
    line = tiny.line("line", "a")
    sample = Sample(line=line, pixels=torch.ones(4, tiny.HEIGHT, dtype=torch.uint8), labels=torch.tensor([1]))
    batch = shard_batch([sample], Group(size=2), mask_padded=False)
    assert batch.grey.shape == (9, 1, tiny.HEIGHT)
    assert batch.grey[:, 0, 0].tolist() == [1] * 4 + [0] * 5
    assert batch.lengths.tolist() == [9]


def test_every_process_takes_a_gpu_of_its_own():
    assert Group(rank=5, size=8, local_rank=1).on("cuda").device == "cuda:1"
    assert Group(rank=5, size=8, local_rank=1).on("cpu").device == "cpu"
    assert Group().on("cuda").device == "cuda"


def test_the_group_is_what_torchrun_says(monkeypatch):
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    assert torchrun_group() == Group()
    for name, value in (("RANK", "5"), ("WORLD_SIZE", "8"), ("LOCAL_RANK", "1")):
        monkeypatch.setenv(name, value)
    assert torchrun_group() == Group(rank=5, size=8, local_rank=1)
    monkeypatch.setenv("RANK", "8")
    with pytest.raises(ConfigError) as caught:
        torchrun_group()
    assert str(caught.value) == "The environment variable RANK is '8'; it must be 0 to 7, as torchrun sets it."
    monkeypatch.setenv("RANK", "9" * 5000)
    with pytest.raises(ConfigError, match="The environment variable RANK is '999"):
        torchrun_group()
    monkeypatch.setenv("RANK", "0")
    monkeypatch.delenv("LOCAL_RANK")
    with pytest.raises(ConfigError) as caught:
        torchrun_group()
    assert str(caught.value) == "The environment variable LOCAL_RANK is ''; it must be 0 to 65535, as torchrun sets it."


def test_a_group_that_cannot_meet_says_so(monkeypatch):
    monkeypatch.delenv("MASTER_ADDR", raising=False)
    with pytest.raises(ConfigError) as caught:
        train(tiny.hyperparameters(), tiny.dataset(), experiments=None, group=Group(rank=0, size=2))
    assert str(caught.value).startswith("Process 0 of 2 cannot reach the others: ")
    assert "MASTER_ADDR" in str(caught.value)


# As a user starts it ------------------------------------------------------------------------------------------------


class Launched:
    """`torchrun --nproc-per-node 2 -m foldline train ARGUMENTS`, in a session of its own, so that nothing outlives it."""

    def __init__(self, said: Path, *arguments: object) -> None:
        torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "foldline"]
        command = [sys.executable, *torchrun, "train", "--no-cuda", *map(str, arguments)]
        self.said = said
        with said.open("wb") as output:
            self.process = subprocess.Popen(command, cwd=REPOSITORY, stdout=output, stderr=subprocess.STDOUT)

    def __enter__(self) -> "Launched":
        return self

    def __exit__(self, *exception: object) -> None:
        # torchrun ends its processes itself on SIGTERM; SIGKILL would leave them behind.
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(timeout=PATIENCE_SECONDS)

    def wait_for(self, text: str) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while text not in self.said.read_text() and self.process.poll() is None:
            assert time.monotonic() < deadline, self.said.read_text()
            time.sleep(0.02)


@pytest.mark.slow
def test_torchrun_trains_as_one_process_does_and_an_interrupt_is_resumed(tmp_path):
    write_dataset(tiny.dataset(), tmp_path / "lines")
    # So many steps that the first group cannot have taken them all before it is interrupted.
    hp = tiny.hyperparameters(epochs=100, lr=1e-4)
    hp.to_json(tmp_path / "params.json")
    data = ("--data", tmp_path / "lines")
    with Launched(tmp_path / "first", "-p", tmp_path / "params.json", "-e", tmp_path / "runs", *data) as group:
        group.wait_for("epoch    2 ")
        group.process.send_signal(signal.SIGINT)
        assert group.process.wait(timeout=PATIENCE_SECONDS) != 0
    (folder,) = (tmp_path / "runs").iterdir()
    said = (tmp_path / "first").read_text()
    assert f"Resume under torchrun with: -m foldline train -i {folder / 'last.pt'}" in said
    assert said.count("Stopped after ") == 1
    stopped = Checkpoint.load(folder / "last.pt")
    epochs = stopped.epoch + 2
    assert epochs < 100
    with Launched(tmp_path / "second", "-i", folder / "last.pt", "--epochs", epochs, *data) as group:
        assert group.process.wait(timeout=PATIENCE_SECONDS) == 0, (tmp_path / "second").read_text()
    assert (tmp_path / "second").read_text().count(" parameters, ") == 1
    assert list((tmp_path / "runs").iterdir()) == [folder]
    log = (folder / "train.log").read_text().splitlines()
    done = [line.split("  ")[1] for line in log if "  epoch " in line]
    assert [one.split(":")[0] for one in done] == [f"epoch {number}" for number in range(1, epochs + 1)]
    alone = train(replace(hp, epochs=epochs), read_dataset(tmp_path / "lines"), experiments=None)
    losses = [float(one.split("loss ")[1].split(",")[0]) for one in done]
    assert losses == pytest.approx([epoch.loss for epoch in alone.epochs], rel=LOSS_TOLERANCE, abs=1e-4)
    require_near(Checkpoint.load(folder / "last.pt"), alone.last)

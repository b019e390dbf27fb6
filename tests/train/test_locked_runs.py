"""A run's folder is trained in by one process at a time, and a later state is never overwritten."""

import errno
import fcntl
import os
import socket
from contextlib import ExitStack

import pytest

from datapath.errors import CheckpointError, FileError
from datapath.locks import locked
from tests.train import tiny
from train.checkpoint import Checkpoint
from train.experiment import LOCK, new_folder, require_unlocked
from train.reporting import Reporter
from train.starting import Pretrained
from train.trainer import train

HP = tiny.hyperparameters(epochs=2)
LONGER = tiny.hyperparameters(epochs=3)


class Meanwhile(Reporter):
    """Calls a function with the folder of the run, while that is trained in."""

    def __init__(self, call):
        self._call, self.called = call, 0

    def started(self, run):
        self._folder = run.folder

    def batch_done(self, result):
        self.called += 1
        self._call(self._folder)


def in_use(folder, checkpoint):
    with pytest.raises(FileError, match=rf"^{folder} is in use: process \d+ on .* trains in it\.$"):
        train(LONGER, tiny.dataset(), experiments=folder.parent, checkpoint=checkpoint)
    with pytest.raises(FileError, match="is in use"):
        require_unlocked(folder)


def test_a_second_run_in_the_same_folder_is_refused(tmp_path):
    new = Meanwhile(lambda folder: in_use(folder, folder / "last.pt"))
    run = train(HP, tiny.dataset(), experiments=tmp_path, reporter=new)
    resumed = Meanwhile(lambda folder: in_use(folder, folder / "best-cer.pt"))
    train(LONGER, tiny.dataset(), experiments=tmp_path, checkpoint=run.resume_from, reporter=resumed)
    assert (new.called, resumed.called) == (6, 3)
    assert not (run.folder / LOCK).exists()
    require_unlocked(run.folder)


def test_its_weights_can_be_taken_meanwhile(tmp_path):
    def others(folder):
        dry = train(LONGER, tiny.dataset(), experiments=None, checkpoint=folder / "last.pt")
        new = {"checkpoint": folder / "last.pt", "policy": Pretrained.RETRAIN}
        assert dry.last.epoch == 3
        assert train(HP, tiny.dataset(), experiments=tmp_path, **new).folder != folder

    train(
        tiny.hyperparameters(epochs=1, batch_size=10), tiny.dataset(), experiments=tmp_path, reporter=Meanwhile(others)
    )


def test_a_run_that_another_process_has_trained_since_it_was_read_is_refused(tmp_path):
    run = train(HP, tiny.dataset(), experiments=tmp_path)
    read = Checkpoint.load(run.resume_from)
    train(LONGER, tiny.dataset(), experiments=tmp_path, checkpoint=run.resume_from)
    later = run.resume_from.read_bytes()
    with pytest.raises(CheckpointError, match=r"last\.pt: another process has trained in its folder"):
        train(tiny.hyperparameters(epochs=4), tiny.dataset(), experiments=tmp_path, checkpoint=read)
    assert run.resume_from.read_bytes() == later


def test_a_finished_run_needs_no_lock(tmp_path):
    run = train(HP, tiny.dataset(), experiments=tmp_path)
    with locked(run.folder / LOCK):
        assert train(None, tiny.dataset(), experiments=tmp_path, checkpoint=run.resume_from).folder is None


@pytest.mark.parametrize("lock", [True, False])
def test_a_run_that_was_killed_before_its_first_checkpoint_leaves_its_folder_to_the_next(tmp_path, lock):
    begun = train(HP, tiny.dataset(), experiments=tmp_path).folder
    for path in begun.iterdir():
        if path.name not in ("hyperparameters.json", "train.log", "tensorboard"):
            path.unlink()
    for left in (".tensorboard.hyperparameters", ".last.pt.0a1b2c-12345678.foldline-tmp"):
        (begun / left).write_text("cut")
    if lock:
        (begun / LOCK).write_text(f"process 4711 on {socket.gethostname()}")
    assert train(HP, tiny.dataset(), experiments=tmp_path).folder == begun
    assert train(HP, tiny.dataset(), experiments=tmp_path).folder == tmp_path / begun.name.replace("-1", "-2")
    assert not (begun / ".lock").exists()


def begin(experiments):
    """The folder of a run in another process that has just begun, before its first checkpoint."""
    folder = experiments / f"{HP.experiment_name()}-1"
    folder.mkdir()
    (folder / "hyperparameters.json").touch()
    return folder


@pytest.mark.parametrize("holder", ["process 1 on another-machine", ""])
def test_a_folder_that_another_machine_has_begun_is_not_taken(tmp_path, holder):
    """Its lock may not be seen here."""
    other = begin(tmp_path)
    (other / LOCK).write_text(holder)
    assert train(HP, tiny.dataset(), experiments=tmp_path).folder == tmp_path / other.name.replace("-1", "-2")
    assert (other / LOCK).read_text() == holder


def test_without_locks_a_folder_that_another_process_has_begun_is_not_taken(tmp_path, monkeypatch):
    def refused(handle, operation):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refused)
    with ExitStack() as held:
        folders = [held.enter_context(new_folder(tmp_path, "run")) for _ in range(3)]
    assert [folder.name for folder in folders] == ["run-1", "run-2", "run-3"]


@pytest.mark.parametrize("kept", ["arguments.jsonl", "last.pt", "notes.txt"])
def test_a_folder_with_anything_else_is_not_taken(tmp_path, kept):
    run = train(HP, tiny.dataset(), experiments=tmp_path).folder
    for path in run.iterdir():
        if path.is_file() and path.name != kept:
            path.unlink()
    (run / kept).touch()
    assert train(HP, tiny.dataset(), experiments=tmp_path).folder != run


def test_a_folder_that_is_just_begun_is_not_taken(tmp_path):
    class Begun(Reporter):
        def started(self, run):
            assert not (run.folder / "last.pt").exists()
            self.others = train(HP, tiny.dataset(), experiments=tmp_path).folder

    begun = Begun()
    assert train(HP, tiny.dataset(), experiments=tmp_path, reporter=begun).folder != begun.others

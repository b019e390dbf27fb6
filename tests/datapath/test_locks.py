"""Locks: one process at a time, whoever ends how, on any file system."""

import errno
import fcntl
import os
import signal
import subprocess
import sys

import pytest

from datapath.locks import holder, is_at, locked
from tests.golden_data import REPOSITORY

HOLDS = """
import sys
from datapath.locks import locked
with locked(sys.argv[1]) as mine:
    print(mine, flush=True)
    sys.stdin.read()
"""


def test_a_lock_is_held_by_one_and_leaves_nothing(tmp_path):
    path = tmp_path / ".lock"
    with locked(path) as first, locked(path) as second:
        assert (first, second) == (True, False)
        assert holder(path).startswith(f"process {os.getpid()} on ")
    with locked(path) as again:
        assert again
    assert not list(tmp_path.iterdir())


def test_a_lock_goes_with_its_process_also_one_that_is_killed(tmp_path):
    path = tmp_path / ".lock"
    command = [sys.executable, "-c", HOLDS, path]
    with subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"True\n"
        with locked(path) as mine:
            assert not mine
            assert holder(path).startswith(f"process {process.pid} on ")
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert path.exists()
    with locked(path) as mine:
        assert mine
    assert not path.exists()


def test_waiting_goes_on_when_the_holder_has_ended_and_removed_its_file(tmp_path, monkeypatch):
    path, flock = tmp_path / "lock", fcntl.flock
    path.touch()

    def ended_meanwhile(handle, operation):
        flock(handle, operation)
        monkeypatch.setattr(fcntl, "flock", flock)
        path.unlink()

    monkeypatch.setattr(fcntl, "flock", ended_meanwhile)
    with locked(path, wait=True) as mine, locked(path) as other:
        assert (mine, other) == (True, False)


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL, errno.EBADF])
def test_a_file_system_without_locks_lets_everybody_in(tmp_path, monkeypatch, number):
    def refused(handle, operation):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refused)
    for wait in (False, True):
        with locked(tmp_path / "lock", wait=wait) as first, locked(tmp_path / "lock", wait=wait) as second:
            assert (first, second) == (True, True)


def test_a_file_that_has_been_removed_or_replaced_is_not_at_its_path(tmp_path):
    path = tmp_path / "file"
    path.write_text("")
    with path.open("rb") as handle:
        assert is_at(handle.fileno(), path)
        path.unlink()
        assert not is_at(handle.fileno(), path)
        path.write_text("")
        assert not is_at(handle.fileno(), path)


@pytest.mark.parametrize("content", [b"", b"\x1b[31m", b"process \x1b[31m", b"\xff", b"other text"])
def test_a_holder_that_is_not_known_is_another_process(tmp_path, content):
    (tmp_path / "lock").write_bytes(content)
    assert holder(tmp_path / "lock") == holder(tmp_path / "missing") == "another process"

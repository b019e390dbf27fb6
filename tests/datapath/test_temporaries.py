"""Temporaries that a killed process has left are removed by the next one; those of a live process never."""

import os
import shutil
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from datapath import files, locks, temporaries
from datapath.errors import FileError
from datapath.files import atomic_write, npz_writer, write_text
from datapath.temporaries import SUFFIX, scratch_folder, temporary_folder
from tests.golden_data import REPOSITORY
from train.data.dataset import fresh_folder


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def leftovers(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.name.endswith(SUFFIX)]


KILLED = """
import os, signal, sys
import numpy as np
from pathlib import Path
from datapath.files import atomic_write, npz_writer
from datapath.temporaries import temporary_folder
folder = Path(sys.argv[1])
with atomic_write(folder / "file") as one, npz_writer(folder / "a.npz") as write, temporary_folder(folder / "made") as made:
    one.write(b"half")
    write("array", np.zeros(9))
    (made / "below").mkdir()
    (made / "below" / "more").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_has_left_is_removed_by_the_next_that_writes_the_same(tmp_path):
    done = subprocess.run([sys.executable, "-c", KILLED, tmp_path], cwd=REPOSITORY, check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(leftovers(tmp_path)) == len(names_in(tmp_path)) == 3
    write_text(tmp_path / "file", "whole")
    assert len(leftovers(tmp_path)) == 2
    with npz_writer(tmp_path / "a.npz") as write:
        write("array", np.zeros(9))
    with fresh_folder(tmp_path / "made") as made:
        (made / "whole").touch()
    assert names_in(tmp_path) == ["a.npz", "file", "made"]


def leave(folder: Path, *, of: str = "file", machine: str | None = None) -> Path:
    """A temporary without a process."""
    path = folder / f".{of}.{machine or temporaries._machine()}-abcd_123{SUFFIX}"
    path.write_text("half")
    return path


def test_a_temporary_that_is_being_written_is_not_removed(tmp_path):
    """Of this process, which another open of the file does not share its lock with."""
    with ExitStack() as stack:
        handle = stack.enter_context(atomic_write(tmp_path / "file"))
        made = stack.enter_context(temporary_folder(tmp_path / "file"))
        handle.write(b"first")
        write_text(tmp_path / "file", "second")
        assert made.is_dir()
        assert len(leftovers(tmp_path)) == 2
    assert (tmp_path / "file").read_text() == "first"
    assert names_in(tmp_path) == ["file"]


@pytest.mark.parametrize(
    "name",
    [
        ".file.settings",
        ".file.k3j_x9ab",
        "file.0a1b2c-abcd_123.foldline-tmp",
        ".file.more.0a1b2c-abcd_123.foldline-tmp",
        ".file.0a1b2c-abcd_123.foldline-tmp.bak",
    ],
)
def test_other_names_stay(tmp_path, name):
    (tmp_path / name).write_text("mine")
    os.utime(tmp_path / name, (0, 0))
    write_text(tmp_path / "file", "text")
    assert names_in(tmp_path) == sorted(["file", name])


def test_a_link_and_a_pipe_under_such_a_name_stay(tmp_path):
    leave(tmp_path).rename(tmp_path / "target")
    link = leave(tmp_path)
    link.unlink()
    link.symlink_to("target")
    os.mkfifo(tmp_path / f".file.{temporaries._machine()}-pipepipe{SUFFIX}")
    write_text(tmp_path / "file", "text")
    assert len(leftovers(tmp_path)) == 2
    assert (tmp_path / "target").read_text() == "half"


def test_a_temporary_of_another_machine_is_removed_after_a_day(tmp_path):
    young, old = leave(tmp_path, machine="000000"), leave(tmp_path, machine="111111")
    os.utime(old, (0, 0))
    write_text(tmp_path / "file", "text")
    assert (young.exists(), old.exists()) == (True, False)


def test_a_folder_of_another_machine_is_as_old_as_the_newest_in_it(tmp_path):
    folder = tmp_path / f".file.000000-abcd_123{SUFFIX}"
    (folder / "below").mkdir(parents=True)
    (folder / "below" / "new").touch()
    for path in (folder / "below", folder):
        os.utime(path, (0, 0))
    write_text(tmp_path / "file", "text")
    assert folder.exists()
    os.utime(folder / "below" / "new", (0, 0))
    write_text(tmp_path / "file", "text")
    assert not folder.exists()


def test_where_there_are_no_locks_nothing_is_removed(tmp_path, monkeypatch):
    def refuse(*_args):
        raise OSError(38, "Function not implemented")

    left = leave(tmp_path)
    monkeypatch.setattr(locks.fcntl, "flock", refuse)
    write_text(tmp_path / "file", "text")
    assert left.exists()
    assert (tmp_path / "file").read_text() == "text"
    monkeypatch.setattr(locks, "fcntl", None)
    write_text(tmp_path / "file", "again")
    assert left.exists()
    assert (tmp_path / "file").read_text() == "again"


@pytest.mark.parametrize("locked", [False, True])
@pytest.mark.parametrize("kind", ["file", "folder"])
def test_one_that_another_process_removes_before_it_is_locked_is_made_again(tmp_path, monkeypatch, kind, locked):
    """`locked`: the other process still holds the lock."""
    make = getattr(temporaries.tempfile, "mkstemp" if kind == "file" else "mkdtemp")
    flock, made, held = locks.fcntl.flock, [], []

    def make_and_lose(**names):
        found = make(**names)
        path = found[1] if kind == "file" else found
        if not made:
            if locked:
                held.append(os.open(path, os.O_RDONLY))
                flock(held[0], locks.fcntl.LOCK_EX)
            else:
                (os.unlink if kind == "file" else os.rmdir)(path)
        made.append(path)
        return found

    monkeypatch.setattr(temporaries.tempfile, make.__name__, make_and_lose)
    if kind == "file":
        write_text(tmp_path / "file", "text")
        assert (tmp_path / "file").read_text() == "text"
    else:
        with temporary_folder(tmp_path / "file") as folder:
            assert str(folder) == made[1]
    assert len(made) == 2
    for descriptor in held:
        os.close(descriptor)


@pytest.mark.parametrize("name", ["n" * 255, "ä" * 127, "漢" * 85, "n"])
def test_a_name_may_be_as_long_as_the_file_system_takes(tmp_path, name):
    write_text(tmp_path / name, "text")
    left = leave(tmp_path, of=temporaries._cut(name)[1:])
    write_text(tmp_path / name, "again")
    assert (tmp_path / name).read_text() == "again"
    assert not left.exists()
    assert names_in(tmp_path) == [name]


def test_a_name_that_is_not_unicode(tmp_path):
    path = tmp_path / os.fsdecode(b"\xff" * 250)
    write_text(path, "text")
    assert path.read_text() == "text"


def test_the_buffer_of_a_stream_has_no_name(tmp_path, monkeypatch):
    """A kill leaves nothing."""
    monkeypatch.setattr(files, "SPOOLED_BYTES", 10)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with atomic_write("/dev/null") as handle:
        handle.write(b"more than ten bytes")
        assert names_in(tmp_path) == []


def test_a_scratch_folder_that_was_left_is_removed_by_the_next_of_its_kind(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with scratch_folder("csim") as one, scratch_folder("csim") as two:
        assert one.exists() and two != one
    assert names_in(tmp_path) == []
    abandoned = tmp_path / f".foldline-csim.{temporaries._machine()}-abcd_123{SUFFIX}"
    abandoned.mkdir()
    with scratch_folder("rtl"):
        assert abandoned.exists()
    with scratch_folder("csim"):
        assert not abandoned.exists()


def test_a_folder_that_is_removed_while_it_is_written_does_not_appear_with_the_rest(tmp_path):
    message = r"^Cannot write .*made: it was removed while it was written\.$"
    with pytest.raises(FileError, match=message), fresh_folder(tmp_path / "made") as made:
        (made / "first").touch()
        shutil.rmtree(made)
        made.mkdir()
        (made / "second").touch()
    assert names_in(tmp_path) == []

"""Streams are written to and never replaced; files that are replaced keep their rights."""

import io
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from datapath.errors import FileError
from datapath.files import atomic_write, npz_writer, require_different, write_npz, write_text
from datapath.streams import is_standard_output, is_stream

FD = Path("/dev/fd")
needs_descriptors = pytest.mark.skipif(not FD.exists(), reason="this system has no /dev/fd")


@pytest.fixture
def opened(tmp_path):
    """A file that others write to, as after `> file`, and the number of its descriptor."""
    path = tmp_path / "log"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o640)
    os.write(descriptor, b"first\n")
    yield path, descriptor
    os.close(descriptor)


@needs_descriptors
@pytest.mark.parametrize("name", ["/dev/fd/{}", "/proc/self/fd/{}", "link"])
def test_a_descriptor_is_written_to_where_it_stands(opened, tmp_path, name):
    """Three writers in turn: all their lines are in the file, in their order."""
    path, descriptor = opened
    target = Path(name.format(descriptor))
    if name == "link":
        target = tmp_path / "link"
        target.symlink_to(f"/dev/fd/{descriptor}")
    inode = path.stat().st_ino
    write_text(target, "second\n")
    os.write(descriptor, b"third\n")
    write_text(target, "fourth\n")
    assert path.read_text() == "first\nsecond\nthird\nfourth\n"
    assert (path.stat().st_ino, stat.S_IMODE(path.stat().st_mode)) == (inode, 0o640)
    assert is_stream(target) and not is_standard_output(target) and not is_stream(path)


@needs_descriptors
def test_a_descriptor_that_is_closed_or_read_only(tmp_path):
    (tmp_path / "file").write_text("old")
    with (tmp_path / "file").open("rb") as handle, pytest.raises(FileError) as caught:
        write_text(f"/dev/fd/{handle.fileno()}", "new")
    assert str(caught.value).endswith(": Bad file descriptor.")
    with pytest.raises(FileError) as caught:
        write_text("/dev/fd/1234567", "new")
    assert str(caught.value) == "Cannot write /dev/fd/1234567: Bad file descriptor."
    with pytest.raises(FileError, match=r"^Cannot write /dev/fd/99999999999: "):  # no integer of C
        write_text("/dev/fd/99999999999", "new")
    assert (tmp_path / "file").read_text() == "old"


WRITES = """
import sys
from datapath.files import write_text
print("printed before")
write_text(sys.argv[1], "written\\n")
print("printed after")
"""


@needs_descriptors
@pytest.mark.parametrize("name", ["-", "/dev/stdout", "/dev/fd/1"])
def test_standard_output_keeps_the_order_and_the_file(tmp_path, name):
    out = tmp_path / "out"
    out.write_text("of another program\n")
    with out.open("ab") as handle:
        subprocess.run([sys.executable, "-c", WRITES, name], stdout=handle, check=True)
    assert out.read_text() == "of another program\nprinted before\nwritten\nprinted after\n"
    assert is_standard_output(name) and is_stream(name)


def test_nothing_comes_out_of_a_stream_where_writing_fails(tmp_path, capsysbinary):
    with pytest.raises(ValueError, match="broken"), atomic_write("-") as handle:
        handle.write(b"half")
        raise ValueError("broken")
    with pytest.raises(FileError), npz_writer("-") as write:
        write("a", np.zeros(3))
        raise FileError("broken")
    assert capsysbinary.readouterr().out == b""


def test_an_archive_has_the_same_bytes_on_standard_output(tmp_path, capsysbinary):
    arrays = {"a": np.arange(1000), "b": np.array("grün")}
    write_npz(tmp_path / "file.npz", arrays)
    write_npz("-", arrays)
    assert capsysbinary.readouterr().out == (tmp_path / "file.npz").read_bytes()


def test_standard_output_that_takes_text_only(monkeypatch):
    monkeypatch.setattr("sys.stdout", io.StringIO())
    with pytest.raises(FileError) as caught:
        write_text("-", "text")
    assert str(caught.value) == "Cannot write standard output: standard output is closed, or takes text only."


def test_a_pipe_is_written_to(tmp_path):
    pipe, found = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: found.append(pipe.read_bytes()))
    reader.start()
    write_text(pipe, "text")
    reader.join()
    assert found == [b"text"] and stat.S_ISFIFO(pipe.stat().st_mode)


def test_two_names_of_standard_output_are_one_file():
    require_different(output="-", alphabet="other")
    with pytest.raises(FileError, match="output and alphabet are the same file"):
        require_different(output="-", alphabet="/dev/stdout")


# Files --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444, 0o664])
@pytest.mark.parametrize("linked", [False, True])
def test_a_file_that_is_replaced_keeps_its_mode(tmp_path, mode, linked):
    target, path = tmp_path / "file", tmp_path / "file"
    target.write_text("old")
    target.chmod(mode)
    if linked:
        path = tmp_path / "link"
        path.symlink_to(target)
    write_text(path, "new")
    assert target.read_text() == "new" and not target.is_symlink()
    assert stat.S_IMODE(target.stat().st_mode) == mode
    assert path.is_symlink() == linked


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root may give a file to another user")
def test_a_file_that_is_replaced_keeps_owner_and_group(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    os.chown(path, 1234, 5678)
    path.chmod(0o640)
    write_text(path, "new")
    found = path.stat()
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (1234, 5678, 0o640)


def test_a_group_that_cannot_be_kept_gets_no_rights(tmp_path, monkeypatch):
    """Of 0664, the group's read and write become the read that everybody has; of 0660, nothing."""
    path = tmp_path / "file"
    for before, after in ((0o664, 0o644), (0o660, 0o600)):
        path.write_text("old")
        path.chmod(before)

        def refuse(*_arguments):
            raise PermissionError(1, "Operation not permitted")

        stat_of, real = Path.stat, path.stat()
        other = os.stat_result([*real[:5], real.st_gid + 1, *real[6:10]])
        with monkeypatch.context() as patched:
            patched.setattr("os.chown", refuse)
            patched.setattr(Path, "stat", lambda self, **k: other if self == path else stat_of(self, **k))  # noqa: B023
            write_text(path, "new")
        assert stat.S_IMODE(path.stat().st_mode) == after and path.read_text() == "new"

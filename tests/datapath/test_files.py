"""Files appear whole or not at all, and every failure is one sentence."""

import os
import resource
import signal
import stat
import zipfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from datapath.errors import FileError
from datapath.files import atomic_write, write_npz, write_text
from datapath.npz import read_npz
from datapath.reading import read_bytes, read_text

ARRAYS = {
    "words": np.arange(300, dtype=np.uint64),
    "signed": np.array([[-128, 127], [0, 1]], dtype=np.int8),
    "text": np.array("grün"),
    "none": np.zeros((0, 3), dtype=np.int16),
}


@contextmanager
def disk_of(size: int):
    """A disk on which no file grows beyond `size` bytes: the write past it fails with an OSError."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_text_is_written_as_it_is(tmp_path):
    path = tmp_path / "text.txt"
    write_text(path, "a\r\nü\n")
    assert path.read_bytes() == b"a\r\n\xc3\xbc\n"
    assert read_text(path, limit=1000) == "a\r\nü\n"
    assert read_bytes(path, limit=1000) == b"a\r\n\xc3\xbc\n"


def test_a_written_file_has_the_rights_of_a_plain_one(tmp_path):
    (tmp_path / "plain").touch()
    write_text(tmp_path / "ours", "")
    assert stat.S_IMODE((tmp_path / "ours").stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)


@pytest.mark.parametrize("failure", [ValueError("broken"), KeyboardInterrupt()])
def test_a_failure_while_writing_leaves_the_old_file_and_nothing_else(tmp_path, failure):
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(type(failure)), atomic_write(path) as handle:
        handle.write(b"half")
        raise failure
    assert path.read_text() == "old"
    assert names_in(tmp_path) == ["file"]


def test_an_old_file_is_replaced_as_a_whole(tmp_path):
    path = tmp_path / "file"
    path.write_text("a long old text")
    with path.open() as reader:
        write_text(path, "new")
        assert reader.read() == "a long old text"
    assert path.read_text() == "new"
    assert names_in(tmp_path) == ["file"]


def test_a_link_stays_and_the_file_behind_it_is_replaced(tmp_path):
    target, link = tmp_path / "folder" / "target", tmp_path / "link"
    target.parent.mkdir()
    target.write_text("old")
    link.symlink_to(target)
    write_text(link, "new")
    assert link.is_symlink()
    assert target.read_text() == "new"


def test_a_disk_that_is_full_at_any_point_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "file.npz"
    write_npz(path, ARRAYS)
    size = path.stat().st_size
    path.write_text("old")
    for capacity in [0, 1, *range(7, size, 61), size - 1]:
        with disk_of(capacity), pytest.raises(FileError) as caught:
            write_npz(path, ARRAYS)
        assert str(caught.value) == f"Cannot write {path}: File too large."
        assert path.read_text() == "old"
        assert names_in(tmp_path) == ["file.npz"]
    with disk_of(size):
        write_npz(path, ARRAYS)
    assert set(read_npz(path, limit=1 << 30)) == set(ARRAYS)


FULL_DISK = Path("/dev/full")


@pytest.mark.skipif(not FULL_DISK.is_char_device(), reason="this system has no /dev/full")
def test_a_device_is_written_to_and_never_replaced():
    with pytest.raises(FileError) as caught:
        write_npz(FULL_DISK, ARRAYS)
    assert str(caught.value) == "Cannot write /dev/full: No space left on device."
    write_text("/dev/null", "gone")
    assert FULL_DISK.is_char_device()
    assert Path("/dev/null").is_char_device()


@pytest.mark.parametrize(
    ("place", "reason"),
    [("none/file", "No such file or directory"), ("plain/file", "Not a directory"), ("", "Is a directory")],
)
def test_places_where_nothing_can_be_written(tmp_path, place, reason):
    (tmp_path / "plain").touch()
    path = tmp_path / place
    with pytest.raises(FileError) as caught:
        write_text(path, "text")
    assert str(caught.value) == f"Cannot write {path}: {reason}."
    assert names_in(tmp_path) == ["plain"]


def test_a_folder_without_permission(tmp_path, monkeypatch):
    """Mocked, because the tests may run as root, to whom nothing is forbidden."""

    def refuse(*_args, **_kwargs):
        raise PermissionError(13, os.strerror(13), str(tmp_path))

    monkeypatch.setattr("tempfile.mkstemp", refuse)
    with pytest.raises(FileError) as caught:
        write_text(tmp_path / "file", "text")
    assert str(caught.value) == f"Cannot write {tmp_path / 'file'}: Permission denied."


# .npz ---------------------------------------------------------------------------------------------------------------


def test_arrays_survive_the_round_trip_with_their_types(tmp_path):
    write_npz(tmp_path / "a.npz", ARRAYS)
    read = read_npz(tmp_path / "a.npz", limit=1 << 30)
    assert list(read) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert read[name].dtype == array.dtype
        assert np.array_equal(read[name], array)


def test_what_is_written_is_a_plain_npz(tmp_path):
    write_npz(tmp_path / "a.npz", ARRAYS)
    with np.load(tmp_path / "a.npz", allow_pickle=False) as archive:
        assert archive.files == list(ARRAYS)


def test_the_same_arrays_give_the_same_bytes_whenever_they_are_written(tmp_path, monkeypatch):
    write_npz(tmp_path / "a.npz", ARRAYS)
    monkeypatch.setattr("time.time", lambda: 2_000_000_000.0)
    write_npz(tmp_path / "b.npz", {name: array.copy() for name, array in ARRAYS.items()})
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_python_objects_are_neither_written_nor_read(tmp_path):
    objects = np.array([{"a": 1}], dtype=object)
    with pytest.raises(ValueError, match=r"^Object arrays cannot be saved when allow_pickle=False$"):
        write_npz(tmp_path / "a.npz", {"objects": objects})
    assert names_in(tmp_path) == []
    path = tmp_path / "b.npz"
    np.savez(path, objects=objects)
    with pytest.raises(FileError) as caught:
        read_npz(path, limit=1 << 30)
    assert str(caught.value) == (f"{path} is damaged or holds more than plain arrays: objects holds Python objects.")


def test_a_truncated_npz_is_refused_at_every_length(tmp_path):
    whole, cut = tmp_path / "whole.npz", tmp_path / "cut.npz"
    write_npz(whole, ARRAYS)
    content = whole.read_bytes()
    for length in range(0, len(content), 9):
        cut.write_bytes(content[:length])
        with pytest.raises(FileError) as caught:
            read_npz(cut, limit=1 << 30)
        assert str(caught.value) == f"{cut} is not an .npz file, or it is cut off."


def test_a_damaged_npz_gives_a_file_error_or_the_arrays(tmp_path):
    """Bytes changed at random: never another exception, and never arrays whose checksum does not hold."""
    path = tmp_path / "damaged.npz"
    write_npz(path, ARRAYS)
    content = path.read_bytes()
    random = np.random.default_rng(5)
    refused = 0
    for _ in range(500):
        damaged = bytearray(content)
        damaged[random.integers(len(damaged))] ^= 1 << random.integers(8)
        path.write_bytes(bytes(damaged))
        try:
            arrays = read_npz(path, limit=1 << 30)
        except FileError as error:
            assert str(path) in str(error)
            refused += 1
            continue
        for name, array in arrays.items():
            if name in ARRAYS:
                assert np.array_equal(array, ARRAYS[name])
    assert refused > 250


def test_an_encrypted_npz(tmp_path):
    path = tmp_path / "locked.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.npy", b"")
    content = bytearray(path.read_bytes())
    directory = content.index(b"PK\x01\x02")
    content[6] |= 1
    content[directory + 8] |= 1
    path.write_bytes(bytes(content))
    with pytest.raises(FileError) as caught:
        read_npz(path, limit=1 << 30)
    assert str(caught.value) == (
        f"{path} is damaged or holds more than plain arrays: "
        "File 'a.npy' is encrypted, password required for extraction."
    )

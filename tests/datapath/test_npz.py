"""Arrays are read one at a time, and what a header states is checked before memory is taken for it."""

import io
import zipfile

import numpy as np
import pytest

from datapath.errors import FileError
from datapath.files import write_npz
from datapath.npz import MAX_HEADER_BYTES, NpzReader, read_npz


def npy(shape: str, *, descr: str = "'|u1'", content: bytes = b"", version: int = 1, padding: int = 0) -> bytes:
    header = f"{{'descr':{descr},'fortran_order':False,'shape':{shape},}}".encode() + b" " * padding
    length = len(header).to_bytes(2 if version == 1 else 4, "little")
    return b"\x93NUMPY" + bytes([version, 0]) + length + header + content


def archive_of(path, members: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


@pytest.fixture
def path(tmp_path):
    return tmp_path / "arrays.npz"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (npy("(1099511627776,)"), "1099511627776 bytes; at most 100 are read of it"),
        (npy("(1099511627776,)", descr="'<U0'"), "at most 100 are read of it"),
        (npy("(11,)", descr="'<f8'", content=bytes(88 + 13)), "a has 101 bytes, and its header states 88"),
        (npy("(9,)", content=bytes(8)), "a has 8 bytes, and its header states 9"),
        (npy("(-1,)"), r"a has shape \(-1,\)"),
        (npy("(True,)", content=b"a"), r"a has shape \(True,\)"),
        (npy("(1,)", descr="'|O'", content=bytes(8)), "a holds Python objects"),
        (npy("(1,)", descr="'<U1'", content=b"\0\0\x11\0"), "a is text with a code point above U.10FFFF"),
        (npy("(1,)", descr="'>U1'", content=b"\0\x11\0\0"), "a is text with a code point above U.10FFFF"),
        (npy("(1,)", content=b"a", version=3), "a has a header of version 3.0, which is not read"),
        (npy("(1,)", content=b"a", version=2, padding=MAX_HEADER_BYTES), "EOF: reading array header"),
        (b"", "EOF: reading magic string"),
        (b"no array at all", "the magic string is not correct"),
        (npy("(" * 5000), "."),
    ],
    ids=range(14),
)
def test_an_array_that_is_refused(path, content, reason):
    with pytest.raises(FileError, match=reason) as caught:
        NpzReader(archive_of(path, {"a.npy": content})).read("a", limit=100)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("version", [1, 2])
def test_headers_of_both_versions(path, version):
    archive_of(path, {"a.npy": npy("(2,2)", content=b"abcd", version=version)})
    assert NpzReader(path).read("a", limit=4).tobytes() == b"abcd"


@pytest.mark.parametrize(
    "array",
    [
        np.asfortranarray(np.arange(6, dtype=">i2").reshape(2, 3)),
        np.zeros((0, 3), np.int16),
        np.array("grün \U0001f600"),
        np.array(["", "a"]).astype(">U1"),
        np.array(7),
        np.ones((2, 2), bool),
    ],
    ids=range(6),
)
def test_arrays_come_back_with_their_types_and_can_be_written_to(path, array):
    write_npz(path, {"a": array})
    found = NpzReader(path).read("a", limit=1000)
    assert found.dtype == array.dtype and found.shape == array.shape and np.array_equal(found, array)
    assert found.flags.writeable


def test_the_arrays_of_a_file_are_bounded_together(path):
    write_npz(path, {"a": np.zeros(60, np.uint8), "b": np.zeros(60, np.uint8)})
    assert len(read_npz(path, limit=120)) == 2
    with pytest.raises(FileError, match=r"its array b has shape \[60\] and type uint8, 60 bytes; at most 59"):
        read_npz(path, limit=119)


def test_members_that_numpy_does_not_write(path):
    archive_of(path, {"a.npy": npy("(1,)", content=b"a"), "notes": b"text"}, zipfile.ZIP_LZMA)
    reader = NpzReader(path)
    with pytest.raises(FileError, match="holds a, which is packed in a way that numpy does not write"):
        reader.read("a", limit=100)
    with pytest.raises(FileError, match="holds 'notes', which is not an array"):
        reader.read("notes", limit=100)
    with pytest.raises(FileError, match="'b'"):
        reader.read("b", limit=100)


def test_two_arrays_of_one_name(path):
    archive_of(path, {"a.npy": npy("(1,)", content=b"a"), "a": b""})
    with pytest.raises(FileError, match="it holds 'a' twice"):
        NpzReader(path)


def test_a_wrong_checksum(path):
    buffer = io.BytesIO()
    np.save(buffer, np.arange(1000))
    archive_of(path, {"a.npy": buffer.getvalue()}, zipfile.ZIP_STORED)
    content = bytearray(path.read_bytes())
    content[2000] ^= 1
    path.write_bytes(content)
    with pytest.raises(FileError, match="Bad CRC-32"):
        NpzReader(path).read("a", limit=10_000)

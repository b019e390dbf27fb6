"""What kind of file it is, and how large, is checked before a file is read."""

import hashlib
import os
import socket
import threading
import zipfile
from pathlib import Path

import pytest

from datapath.errors import FileError
from datapath.quoting import escaped
from datapath.reading import (
    file_digest,
    first_line,
    open_file,
    open_zip,
    read_bytes,
    read_start,
    read_text,
    require_file,
)

READERS = [
    lambda path: read_bytes(path, limit=1000),
    lambda path: read_text(path, limit=1000),
    lambda path: read_text(path, limit=1000, pipes=True),
    lambda path: read_start(path, limit=1000),
    first_line,
    file_digest,
    require_file,
]


@pytest.mark.parametrize("read", READERS)
def test_what_is_no_file_is_refused_unread(tmp_path, read):
    (tmp_path / "plain").touch()
    (tmp_path / "link").symlink_to("none")
    os.mkfifo(tmp_path / "pipe")  # opening it would wait for ever
    places = [
        (tmp_path, "it is a folder"),
        (tmp_path / "none", "no such file"),
        (tmp_path / "link", "no such file"),
        (tmp_path / "plain" / "below", "no such file"),
        (tmp_path / ("n" * 300), "File name too long"),
        ("a\0b", "embedded null byte"),
        (tmp_path / "pipe", "it is a (named )?pipe"),
        *((path, "it is a character device") for path in ("/dev/zero", "/dev/null") if Path(path).is_char_device()),
    ]
    for path, reason in places:
        with pytest.raises(FileError, match=reason) as caught:
            read(path)
        assert escaped(str(path)) in str(caught.value)


def test_a_socket_is_no_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the name of a socket is short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        with pytest.raises(FileError, match="it is a socket"):
            read_bytes("socket", limit=1)


def test_a_file_has_at_most_the_bytes_that_its_reader_names(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"abcdef")
    assert read_bytes(path, limit=6) == b"abcdef"
    assert read_start(path, limit=2) == b"ab"
    with pytest.raises(FileError) as caught:
        read_text(path, limit=5)
    assert str(caught.value) == f"{path} has 6 bytes; at most 5 bytes are read of such a file."


def test_a_large_file_is_refused_by_its_size_alone(tmp_path):
    path = tmp_path / "file"
    with path.open("wb") as handle:
        handle.truncate(1 << 40)  # takes no place on the disk, and would not fit into memory
    with pytest.raises(FileError, match="has 1099511627776 bytes; at most 1000 bytes"):
        read_bytes(path, limit=1000)
    assert first_line(path) == "\0" * 4096


@pytest.mark.skipif(not Path("/dev/fd").exists(), reason="this system does not name its descriptors")
def test_a_pipe_that_is_open_already_is_read_where_that_is_allowed():
    read, write = os.pipe()
    with os.fdopen(write, "wb") as end:
        end.write(b"one")
    assert read_text(f"/dev/fd/{read}", limit=3, pipes=True) == "one"
    os.close(read)
    read, write = os.pipe()
    writer = threading.Thread(target=lambda: os.write(write, b"much"))
    writer.start()
    with pytest.raises(FileError, match="has more; at most 3 bytes"):
        read_text(f"/dev/fd/{read}", limit=3, pipes=True)
    writer.join()
    with pytest.raises(FileError, match="it is a pipe; this kind of file is read from a disk only"):
        read_text(f"/dev/fd/{read}", limit=3)
    os.close(read)
    os.close(write)


def test_an_error_while_reading_is_one_sentence(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(FileError, match=r"Cannot read .*file: Input/output error"), open_file(tmp_path / "file"):
        raise OSError(5, "Input/output error")


@pytest.mark.parametrize(
    ("content", "text"),
    [(b"\xef\xbb\xbfa\r\n", "a\r\n"), ("\ufeffgrün".encode("utf-16-le"), "grün"), (b"", ""), (b"a\0b", "a\0b")],
)
def test_texts_of_both_encodings(tmp_path, content, text):
    (tmp_path / "file").write_bytes(content)
    assert read_text(tmp_path / "file", limit=100) == text


def test_a_file_that_is_not_utf8(tmp_path):
    path = tmp_path / "latin1.txt"
    path.write_bytes(b"gr\xfcn")
    with pytest.raises(FileError) as caught:
        read_text(path, limit=1000)
    assert str(caught.value) == f"{path} is not a UTF-8 text file (byte 2)."
    assert first_line(path) == "gr\ufffdn"


def test_the_digest_is_sha256(tmp_path):
    (tmp_path / "file").write_bytes(b"abc" * 1_000_000)
    assert file_digest(tmp_path / "file") == hashlib.sha256(b"abc" * 1_000_000).hexdigest()


def test_the_list_of_an_archive_is_bounded_before_it_is_read(tmp_path):
    with zipfile.ZipFile(tmp_path / "many.zip", "w") as archive:
        for number in range(100):
            archive.writestr(f"{number:04}", b"text")
    with (tmp_path / "many.zip").open("rb") as file:
        assert len(open_zip(file, name="many", limit=5000).namelist()) == 100
        assert open_zip(file, name="many", limit=5000).read("0007") == b"text"
        with pytest.raises(FileError, match="The list of members of many has more than 4999 bytes"):
            open_zip(file, name="many", limit=4999)

"""Read files that people bring: what kind of file it is and how large is checked before its content is read.

Every reader names the most bytes that it takes. A folder, a device, a socket and a named pipe are refused, so that nothing
endless is read and nothing waits for a program that does not come.
"""

from __future__ import annotations

import codecs
import hashlib
import os
import stat
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from datapath.errors import FileError
from datapath.files import file_errors, os_reason
from datapath.streams import is_descriptor

BYTE_ORDER_MARK = "\ufeff"

_AT_ONCE = 1 << 20
"""Bytes of a file whose digest is computed that are in memory at a time."""

_LINE_BYTES = 4096

_REFUSED = (
    (stat.S_ISDIR, "it is a folder"),
    (stat.S_ISCHR, "it is a character device, not a file"),
    (stat.S_ISBLK, "it is a block device, not a file"),
    (stat.S_ISSOCK, "it is a socket, not a file"),
)


def require_file(path: str | os.PathLike, *, pipes: bool = False) -> None:
    """Raise FileError unless `path` is a file that exists, and no folder, device, socket or pipe.

    :param path: of the file.
    :param pipes: allow a pipe that is open already: ``/dev/stdin``, or ``<(...)`` of a shell. It can be read once.
    """
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 - a path may be a name that Path changes
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileError(f"Cannot read {path}: no such file.") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise FileError(f"Cannot read {path}: {os_reason(error)}.") from error
    for is_kind, reason in _REFUSED:
        if is_kind(mode):
            raise FileError(f"Cannot read {path}: {reason}.")
    if stat.S_ISFIFO(mode) and not pipes:
        raise FileError(f"Cannot read {path}: it is a pipe; this kind of file is read from a disk only.")
    if stat.S_ISFIFO(mode) and not is_descriptor(path):
        raise FileError(f"Cannot read {path}: it is a named pipe; give it as <(cat {path}).")


@contextmanager
def open_file(path: str | os.PathLike, *, pipes: bool = False) -> Iterator[BinaryIO]:
    """Open a file for binary reading; an OSError of the body is one sentence, too.

    :param path: of the file.
    :param pipes: see `require_file`.
    :raises FileError: it is not a file, see `require_file`, or cannot be read.
    """
    require_file(path, pipes=pipes)
    with file_errors("read", path), Path(path).open("rb") as handle:
        yield handle


def read_bytes(path: str | os.PathLike, *, limit: int, pipes: bool = False) -> bytes:
    """Read a whole file.

    :param path: of the file.
    :param limit: most bytes that it may have.
    :param pipes: see `require_file`.
    :raises FileError: it is not a file, see `require_file`, cannot be read, or is larger.
    """
    with open_file(path, pipes=pipes) as handle:
        size = os.fstat(handle.fileno()).st_size
        content = b"" if size > limit else handle.read(limit + 1)
    if max(size, len(content)) > limit:
        has = f"has {size} bytes" if size > limit else "has more"
        raise FileError(f"{path} {has}; at most {limit} bytes are read of such a file.", about=path)
    return content


def read_start(path: str | os.PathLike, *, limit: int) -> bytes:
    """The first bytes of a file.

    :param path: of the file.
    :param limit: how many; fewer of a smaller file.
    :raises FileError: it is not a file, see `require_file`, or cannot be read.
    """
    with open_file(path) as handle:
        return handle.read(limit)


def first_line(path: str | os.PathLike) -> str:
    """The first line of a text file, or its first 4096 bytes; what is not UTF-8 is replaced.

    :param path: of the file.
    :raises FileError: it is not a file, see `require_file`, or cannot be read.
    """
    return read_start(path, limit=_LINE_BYTES).decode("utf-8", "replace").partition("\n")[0]


def read_text(path: str | os.PathLike, *, limit: int, pipes: bool = False) -> str:
    """Read a whole text file, line ends as they are: UTF-8, or UTF-16 with a byte order mark.

    :param path: of the file.
    :param limit: most bytes that it may have.
    :param pipes: see `require_file`.
    :returns: the text without byte order marks in front.
    :raises FileError: see `read_bytes`, or it is in another encoding.
    """
    content = read_bytes(path, limit=limit, pipes=pipes)
    wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return content.decode("utf-16" if wide else "utf-8").lstrip(BYTE_ORDER_MARK)
    except UnicodeDecodeError as error:
        encoding = "UTF-16" if wide else "UTF-8"
        raise FileError(f"{path} is not a {encoding} text file (byte {error.start}).", about=path) from error


def open_zip(file: BinaryIO, *, name: object, limit: int) -> zipfile.ZipFile:
    """Open a zip archive; the list of its members, which `zipfile` reads whole, is bounded.

    :param file: the open file, which must stay open.
    :param name: of the file, for messages.
    :param limit: most bytes of the list; a member takes 46 and its name there, and some 600 in memory.
    :raises FileError: the list is larger.
    """
    bounded = _BoundedReads(file, name, limit)
    archive = zipfile.ZipFile(bounded)
    bounded.limit = None
    return archive


class _BoundedReads:
    """A file of which no more bytes are read at a time.

    limit   in bytes; None for no limit
    """

    def __init__(self, file: BinaryIO, name: object, limit: int | None) -> None:
        self._file, self._name, self.limit = file, name, limit
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1) -> bytes:
        if self.limit is None:
            return self._file.read(size)
        content = b"" if size > self.limit else self._file.read(size if size >= 0 else self.limit + 1)
        if max(size, len(content)) > self.limit:
            raise FileError(f"The list of members of {self._name} has more than {self.limit} bytes.", about=self._name)
        return content


def file_digest(path: str | os.PathLike) -> str:
    """SHA-256 of a file of any size, in hex: how provenance names a source.

    :param path: of the file.
    :raises FileError: it is not a file, see `require_file`, or cannot be read.
    """
    digest = hashlib.sha256()
    with open_file(path) as handle:
        while block := handle.read(_AT_ONCE):
            digest.update(block)
    return digest.hexdigest()

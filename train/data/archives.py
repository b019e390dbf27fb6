"""`plain_files`: what a tar or zip archive holds. It is not trusted: what its headers state is checked before it is read."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import PurePosixPath
from typing import BinaryIO

from datapath.errors import FileError
from datapath.files import os_reason
from datapath.quoting import quoted
from datapath.reading import open_file, open_zip
from train.data.lists import is_inner_path

MAX_EXPANDED_BYTES = 256 * 2**20
"""All members together; UW3-500 has 3 MB."""

MAX_MEMBERS = 20_000
"""UW3-500 has some 1 000, with its folders."""

MAX_PARTS, MAX_NAME_BYTES = 32, 1024
"""Of the path of a member."""

MAX_HEADERS_BYTES = 64 * 2**20
"""Headers of a tar archive together: 1.5 KB for each member."""

MAX_LIST_BYTES = 8 * 2**20
"""List of the members of a zip archive."""

READ_AT_ONCE = 2**20
"""Bytes that are read at a time; a header of a tar archive with a longer name or table is refused."""

PACKED = ((b"\x1f\x8b", gzip.open), (b"BZh", bz2.open), (b"\xfd7zXZ", lzma.open))
"""First bytes of packed tar archives, and what unpacks them."""

_ZIPPED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)

DAMAGE = (
    *(tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, lzma.LZMAError, EOFError),
    *(ValueError, ArithmeticError, LookupError, TypeError, MemoryError),  # numbers and texts in the headers of tar
)
"""What the modules that read archives raise on a damaged or hostile one, besides `OSError`."""


@contextmanager
def reading(source: str) -> Iterator[None]:
    """Turn the errors of reading an archive into a FileError.

    :param source: what to call the archive.
    """
    try:
        yield
    except DAMAGE as error:
        raise FileError(f"{source} is not a tar.gz or zip archive, or it is damaged.") from error
    except RuntimeError as error:  # a password, or a compression that Python does not know
        raise FileError(f"{source} cannot be unpacked: {error}.") from error
    except OSError as error:
        raise FileError(f"Cannot read {source}: {os_reason(error)}.") from error


@dataclass(frozen=True)
class Member:
    """One entry of an archive: a plain file (`kind` S_IFREG of a Unix file mode), a folder (S_IFDIR), or another."""

    name: str
    size: int
    kind: int
    open: Callable[[], BinaryIO]

    @property
    def path(self) -> PurePosixPath:
        """Its path in the archive."""
        return PurePosixPath(self.name)

    def read(self) -> bytes:
        """Its content."""
        with self.open() as packed:
            return packed.read()


@contextmanager
def plain_files(archive: str | os.PathLike, source: str) -> Iterator[list[Member]]:
    """The plain files of a tar or zip archive, which stays open meanwhile.

    :param archive: path.
    :param source: what to call it.
    :raises FileError: it cannot be read, or it holds what no dataset needs: links, devices, paths that lead outside or
        are too long, too many members or too many bytes.
    """
    files, total = [], 0
    with ExitStack() as stack:
        file = stack.enter_context(open_file(archive))
        with reading(source):
            for number, member in enumerate(_members(file, stack, source), start=1):  # header by header
                total += member.size
                _require_plain(member, source)
                if number > MAX_MEMBERS:
                    raise FileError(f"{source} holds more than {MAX_MEMBERS} members; nothing was extracted.")
                if total > MAX_EXPANDED_BYTES:
                    raise FileError(f"{source} expands beyond {MAX_EXPANDED_BYTES} bytes; nothing was extracted.")
                if member.kind == stat.S_IFREG:
                    files.append(member)
        yield files


def _require_plain(member: Member, source: str) -> None:
    if member.size < 0:
        raise FileError(f"{source} is damaged: {quoted(member.name)} has {member.size} bytes; nothing was extracted.")
    if member.path.parts and not is_inner_path(member.name):
        raise FileError(f"{source} holds {quoted(member.name)}, a path that could lead outside; nothing was extracted.")
    parts, size = len(member.path.parts), len(os.fsencode(member.name))
    if parts > MAX_PARTS or size > MAX_NAME_BYTES:
        raise FileError(
            f"{source} holds a path of {parts} parts and {size} bytes, {quoted(member.name, 80)}; allowed are {MAX_PARTS} "
            f"parts and {MAX_NAME_BYTES} bytes; nothing was extracted."
        )
    if member.kind not in (stat.S_IFREG, stat.S_IFDIR):
        raise FileError(f"{source} holds {quoted(member.name)}, a link or device; only plain files are taken.")


def _members(file: BinaryIO, stack: ExitStack, source: str) -> Iterator[Member]:
    if zipfile.is_zipfile(file):
        return _zip_members(stack.enter_context(open_zip(file, name=source, limit=MAX_LIST_BYTES)))
    file.seek(0)
    start = file.read(max(len(magic) for magic, _ in PACKED))
    file.seek(0)
    unpack = next((opener for magic, opener in PACKED if start.startswith(magic)), None)
    stream = _TarStream(file if unpack is None else stack.enter_context(unpack(file)), source)
    return _tar_members(stack.enter_context(tarfile.TarFile(fileobj=stream)), stream)


class _TarStream:
    """The unpacked archive as `tarfile` reads it, which reads each header whole, of whatever size.

    headers   whether the headers are read; later only the contents of members are, whose sizes are known
    """

    def __init__(self, stream: BinaryIO, source: str) -> None:
        self._stream, self._source, self._left = stream, source, MAX_HEADERS_BYTES
        self.seek, self.tell = stream.seek, stream.tell
        self.headers = True

    def read(self, size: int) -> bytes:
        if self.headers:
            self._left -= size
            if not 0 <= size <= READ_AT_ONCE:
                raise FileError(
                    f"{self._source} has a header of {size} bytes; allowed are {READ_AT_ONCE}; nothing was extracted."
                )
            if self._left < 0:
                raise FileError(
                    f"{self._source} has headers of more than {MAX_HEADERS_BYTES} bytes; nothing was extracted."
                )
        return self._stream.read(size)


def _tar_members(opened: tarfile.TarFile, stream: _TarStream) -> Iterator[Member]:
    for info in opened:
        kind = stat.S_IFREG if info.isfile() else stat.S_IFDIR if info.isdir() else stat.S_IFLNK
        yield Member(info.name, info.size, kind, partial(opened.extractfile, info))
    stream.headers = False
    stream.seek(opened.offset)
    # tarfile takes a damaged header for the end. At the true end there are zeros only, and then the checksum of gzip.
    while rest := stream.read(READ_AT_ONCE):
        if any(rest):
            raise tarfile.ReadError("content behind the end of the archive")
        yield Member("", len(rest), stat.S_IFDIR, BytesIO)  # nothing to extract, but it counts against the limit


def _zip_members(opened: zipfile.ZipFile) -> Iterator[Member]:
    for info in opened.infolist():
        if info.compress_type not in _ZIPPED:
            raise RuntimeError(f"{quoted(info.filename)} is packed in a way that is not read")
        # The upper half of the attributes is the Unix file mode, 0 if the archive was made on another system.
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind in (0, stat.S_IFREG, stat.S_IFDIR):
            kind = stat.S_IFDIR if info.filename.endswith("/") else stat.S_IFREG  # is_dir fails for an empty name
        yield Member(info.filename, info.file_size, kind, partial(opened.open, info))

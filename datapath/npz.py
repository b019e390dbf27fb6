"""`NpzReader`: arrays of an ``.npz``. The size that an array states is checked before memory is taken for it."""

from __future__ import annotations

import hashlib
import math
import os
import re
import struct
import tokenize
import weakref
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import BinaryIO

import numpy as np

from datapath.errors import FileError
from datapath.files import file_errors
from datapath.quoting import quoted
from datapath.reading import open_zip, require_file

MAX_HEADER_BYTES = 10_000
"""Limit of the text in front of an array that names its type and shape; numpy has the same limit."""

MAX_DIRECTORY_BYTES = 128 * 2**20
"""Limit of the list of arrays; a million takes about half."""

MAX_CODE_POINT = 0x10FFFF
"""Largest one of Unicode."""

_AT_ONCE = 1 << 20
_PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # what numpy writes
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}

DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, EOFError, OSError, struct.error),  # the archive; OSError: a seek outside the file
    *(RuntimeError, NotImplementedError, KeyError),  # an encrypted entry, an unknown compression, a missing entry
    *(ValueError, TypeError, SyntaxError, tokenize.TokenError, RecursionError),  # an array's header, which is text
    *(MemoryError, OverflowError),  # a size that no file of this length can have
)
"""What reading a damaged or hostile ``.npz`` raises."""


class NpzReader:
    """The arrays of an ``.npz``, each read when it is asked for, from any thread; nothing is ever unpickled.

    :param path: of the file.
    :param directory: most bytes of the list of arrays, some 60 for each.
    :raises FileError: missing, cut off, not an ``.npz``; its list is larger, or holds two arrays of one name.
    """

    def __init__(self, path: str | os.PathLike, *, directory: int = MAX_DIRECTORY_BYTES) -> None:
        self._path, self._lock = path, Lock()
        require_file(path)
        with file_errors("read", path):
            handle = Path(path).open("rb")  # noqa: SIM115 - closed when the reader goes
        weakref.finalize(self, handle.close)
        with self._reading():
            if not zipfile.is_zipfile(handle):
                raise FileError(f"{path} is not an .npz file, or it is cut off.")
            self._archive = open_zip(handle, name=path, limit=directory)
        self._entries: dict[str, zipfile.ZipInfo] = {}
        for entry in self._archive.infolist():
            name = entry.filename.removesuffix(".npy")
            if self._entries.setdefault(name, entry) is not entry:
                raise FileError(f"{path} is damaged: it holds {quoted(name)} twice.")

    @property
    def names(self) -> list[str]:
        """The names of the arrays, in the order of the file."""
        return list(self._entries)

    def read(self, name: str, *, limit: int) -> np.ndarray:
        """Read one array.

        :param name: of the array.
        :param limit: most bytes that it may have.
        :raises FileError: it is missing, larger, damaged, no array, or an array of Python objects.
        """
        with self._lock, self._reading():
            entry = self._entries[name]
            if not entry.filename.endswith(".npy"):
                raise FileError(f"{self._path} holds {quoted(name)}, which is not an array.", about=name)
            if entry.compress_type not in _PACKED:
                raise FileError(f"{self._path} holds {name}, which is packed in a way that numpy does not write.")
            with self._archive.open(entry.filename) as member:
                return self._array(member, name, entry.file_size, limit)

    def digest(self, pattern: str) -> str:
        """SHA-256, in hex, of the file's checksums of the arrays whose names match; no array is read.

        :param pattern: regular expression of whole names.
        """
        digest = hashlib.sha256()
        for name, entry in self._entries.items():
            if re.fullmatch(pattern, name):
                digest.update(f"{entry.filename} {entry.CRC:08x} {entry.file_size}\n".encode())
        return digest.hexdigest()

    def _array(self, member: BinaryIO, name: str, stated: int, limit: int) -> np.ndarray:
        """Read the header of an array, check the size in it, then read the array."""
        start = BytesIO(member.read(MAX_HEADER_BYTES))
        version = np.lib.format.read_magic(start)
        if version not in _HEADERS:
            raise ValueError(f"{name} has a header of version {version[0]}.{version[1]}, which is not read")
        shape, by_columns, dtype = _HEADERS[version](start)
        if dtype.hasobject:
            raise ValueError(f"{name} holds Python objects")
        if any(isinstance(one, bool) or one < 0 for one in shape):
            raise ValueError(f"{name} has shape {shape}")
        size = math.prod(shape) * dtype.itemsize
        if max(size, math.prod(shape)) > limit:
            raise FileError(
                f"{self._path}: its array {name} has shape {list(shape)} and type {dtype}, {size} bytes; at most {limit} "
                "are read of it."
            )
        if stated != start.tell() + size:
            raise ValueError(f"{name} has {stated - start.tell()} bytes, and its header states {size}")
        content = bytearray(size)
        place, block = 0, start.read()
        while block:
            content[place : place + len(block)] = block
            place += len(block)
            block = member.read(_AT_ONCE)  # the last one, which is empty, checks the checksum
        if place != size:
            raise ValueError(f"{name} has {place} bytes, and its header states {size}")
        array = np.ndarray(shape, dtype, content, order="F" if by_columns else "C")
        if dtype.kind == "U" and size and np.frombuffer(content, f"{dtype.byteorder}u4").max() > MAX_CODE_POINT:
            raise ValueError(f"{name} is text with a code point above U+{MAX_CODE_POINT:X}")
        return array

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except DAMAGE as error:
            reason = str(error).rstrip(".") or type(error).__name__
            raise FileError(f"{self._path} is damaged or holds more than plain arrays: {reason}.") from error


def read_npz(path: str | os.PathLike, *, limit: int) -> dict[str, np.ndarray]:
    """Read every array of an ``.npz``.

    :param path: of the file.
    :param limit: most bytes that all arrays together may have.
    :raises FileError: see `NpzReader` and its `read`.
    """
    reader, arrays, left = NpzReader(path), {}, limit
    for name in reader.names:
        arrays[name] = reader.read(name, limit=left)
        left -= arrays[name].nbytes
    return arrays

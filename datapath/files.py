"""Reading and writing files so that a failure is one clear sentence and never half a file."""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np

from datapath.errors import FileError


def os_reason(error: OSError) -> str:
    """The operating system's reason in words, without the path and the number."""
    return error.strerror or str(error) or type(error).__name__


@contextmanager
def atomic_write(path: str | os.PathLike) -> Iterator[BinaryIO]:
    """Open `path` for binary writing; the file appears whole on a clean exit, and not at all otherwise.

    A link stays, and the file it points to is replaced. A device or pipe is never replaced but written to.

    :raises FileError: the file cannot be written (missing folder, no permission, full disk).
    """
    temporary = None
    try:
        target = Path(path).resolve()
        if target.exists() and not target.is_file() and not target.is_dir():
            with target.open("wb") as handle:
                yield handle
            return
        descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        temporary = Path(name)
        with os.fdopen(descriptor, "wb") as handle:
            yield handle
            handle.flush()
            os.fsync(handle.fileno())
        # mkstemp makes the file private; give it the rights that a plain open would have given.
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        temporary.replace(target)
        temporary = None
    except OSError as error:
        raise FileError(f"Cannot write {path}: {os_reason(error)}.") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def write_text(path: str | os.PathLike, text: str) -> None:
    """Write `text` as UTF-8 with its line ends as they are, whole or not at all."""
    with atomic_write(path) as handle:
        handle.write(text.encode("utf-8"))


def read_bytes(path: str | os.PathLike) -> bytes:
    """Read a whole file.

    :raises FileError: it is missing or unreadable.
    """
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise FileError(f"Cannot read {path}: {os_reason(error)}.") from error


def read_text(path: str | os.PathLike) -> str:
    """Read a whole UTF-8 text file, line ends as they are.

    :raises FileError: it is missing, unreadable or not UTF-8.
    """
    try:
        return read_bytes(path).decode("utf-8")
    except UnicodeDecodeError as error:
        raise FileError(f"{path} is not a UTF-8 text file (byte {error.start}).") from error


def file_digest(path: str | os.PathLike) -> str:
    """SHA-256 of a file, in hex: how provenance names a source."""
    return hashlib.sha256(read_bytes(path)).hexdigest()


def write_npz(path: str | os.PathLike, arrays: Mapping[str, np.ndarray]) -> None:
    """Write a compressed ``.npz``; the same arrays give the same bytes.

    Not by `numpy.savez_compressed`: older releases take its `allow_pickle` for one more array.

    :raises FileError: the file cannot be written.
    """
    with atomic_write(path) as handle, zipfile.ZipFile(handle, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, np.asarray(array), allow_pickle=False)


def read_npz(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Read every array of an ``.npz``; nothing in it is ever unpickled.

    :raises FileError: it is missing, truncated, not an ``.npz``, or holds Python objects.
    """
    if not Path(path).is_file():
        raise FileError(f"Cannot read {path}: {'it is a folder' if Path(path).is_dir() else 'no such file'}.")
    content = io.BytesIO(read_bytes(path))
    if not zipfile.is_zipfile(content):
        raise FileError(f"{path} is not an .npz file, or it is cut off.")
    content.seek(0)
    try:
        with np.load(content, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    # RuntimeError: an encrypted entry, or a compression that is not known; OSError: a seek outside the file.
    except (zipfile.BadZipFile, zlib.error, ValueError, EOFError, RuntimeError, OSError) as error:
        raise FileError(f"{path} is damaged or holds more than plain arrays: {str(error).rstrip('.')}.") from error

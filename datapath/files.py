"""Write files: a failure is one clear sentence, and never leaves half a file. `datapath.reading` reads them."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np

from datapath.errors import FileError
from datapath.streams import STANDARD_OUTPUT, is_standard_output, is_stream, open_stream
from datapath.temporaries import temporary_file

SPOOLED_BYTES = 1 << 24
"""Output for a stream up to this size is held in memory, and beyond it in a temporary file."""


def os_reason(error: Exception) -> str:
    """The operating system's reason in words, without the path and the number."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


@contextmanager
def file_errors(action: str, path: str | os.PathLike) -> Iterator[None]:
    """Turn an `OSError` into the `FileError` "Cannot ACTION PATH: reason".

    :param action: what is tried: "read", "write", "make the folder".
    :param path: of the file or folder.
    """
    try:
        yield
    except OSError as error:
        raise FileError(f"Cannot {action} {path}: {os_reason(error)}.") from error


@contextmanager
def atomic_write(path: str | os.PathLike) -> Iterator[BinaryIO]:
    """Open `path` for binary writing; the file appears whole on a clean exit, and not at all otherwise.

    A file that is replaced keeps its mode and, where this is allowed, its owner and group. A link stays, and the file it
    points to is replaced. A stream (``-`` for standard output, ``/dev/stdout``, ``/dev/fd/3``, a pipe or a device) is
    never replaced: all bytes are written to it on a clean exit, and none otherwise.

    :param path: of the file, or of a stream; see `datapath.streams`.
    :raises FileError: the file cannot be written (missing folder, no permission, full disk).
    :raises BrokenPipeError: the reader of standard output has closed it.
    """
    try:
        with _spooled(path) if is_stream(path) else _replacing(Path(path).resolve()) as handle:
            yield handle
    except OSError as error:
        if isinstance(error, BrokenPipeError) and is_standard_output(path):
            raise
        name = "standard output" if os.fspath(path) == STANDARD_OUTPUT else path
        raise FileError(f"Cannot write {name}: {os_reason(error)}.") from error


@contextmanager
def _spooled(path: str | os.PathLike) -> Iterator[BinaryIO]:
    with tempfile.SpooledTemporaryFile(SPOOLED_BYTES) as spool:
        yield spool
        spool.seek(0)
        with open_stream(path) as stream:
            shutil.copyfileobj(spool, stream)


@contextmanager
def _replacing(target: Path) -> Iterator[BinaryIO]:
    with temporary_file(target) as (handle, temporary):
        yield handle
        handle.flush()
        os.fsync(handle.fileno())
        _give_rights(temporary, target)
        temporary.replace(target)


def new_mode(mode: int) -> int:
    """The mode that a new file or folder gets from this process: without the bits of its umask.

    :param mode: that is asked for, such as 0o666.
    """
    umask = os.umask(0)
    os.umask(umask)
    return mode & ~umask


def _give_rights(temporary: Path, target: Path) -> None:
    """Mode, owner and group of the file that is replaced; of a new file the mode that a plain open would give."""
    try:
        old = target.stat()
    except FileNotFoundError:
        temporary.chmod(new_mode(0o666))
        return
    mode, group_kept = old.st_mode & 0o777, True
    mine = temporary.stat()
    if hasattr(os, "chown") and (mine.st_uid, mine.st_gid) != (old.st_uid, old.st_gid):
        try:
            os.chown(temporary, old.st_uid, old.st_gid)
        except PermissionError:
            try:
                os.chown(temporary, -1, old.st_gid)
            except PermissionError:
                group_kept = mine.st_gid == old.st_gid
    if not group_kept:  # another group gets no more than everybody
        mode = mode & ~0o070 | (mode & 0o007) << 3
    temporary.chmod(mode)


def write_text(path: str | os.PathLike, text: str) -> None:
    """Write `text` as UTF-8 with its line ends as they are, whole or not at all."""
    with atomic_write(path) as handle:
        handle.write(text.encode("utf-8"))


def is_folder(path: str | os.PathLike) -> bool:
    """Whether `path` is a folder; FileError where the system cannot say (a name too long, no permission)."""
    try:
        return stat.S_ISDIR(os.stat(path).st_mode)  # noqa: PTH116 - Path.is_dir hides some errors and not others
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise FileError(f"Cannot read {path}: {os_reason(error)}.") from error


def require_different(**paths: str | os.PathLike | None) -> None:
    """Raise FileError if two of the named files are the same, so that none is written over another."""
    seen: dict[Path, str] = {}
    for name, path in paths.items():
        if path is None:
            continue
        place = Path(STANDARD_OUTPUT if is_standard_output(path) else os.path.realpath(path))
        other = seen.setdefault(place, name)
        if other != name:
            raise FileError(f"{other} and {name} are the same file, {path}; one would be written over the other.")


class _PassingError(Exception):
    """Carries an error that has nothing to do with a file past what would name that file."""


@contextmanager
def npz_writer(path: str | os.PathLike) -> Iterator[Callable[[str, np.ndarray], None]]:
    """Write a compressed ``.npz`` one array at a time; it appears whole on a clean exit, and not at all otherwise.

    The same arrays in the same order give the same bytes. Memory holds one array, and about 0.5 KB of the archive's
    index per array. Not by `numpy.savez_compressed`: older releases take its `allow_pickle` for one more array.

    :raises FileError: the file cannot be written; an error of the body stays what it is.
    """
    try:
        with atomic_write(path) as handle, zipfile.ZipFile(handle, "w", zipfile.ZIP_DEFLATED) as archive:

            def write(name: str, array: np.ndarray) -> None:
                with file_errors("write", path), archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                    np.lib.format.write_array(entry, np.asarray(array), allow_pickle=False)

            try:
                yield write
            except OSError as error:
                raise _PassingError from error
    except _PassingError as passing:
        raise passing.__cause__ from None


def write_npz(path: str | os.PathLike, arrays: Mapping[str, np.ndarray]) -> None:
    """Write all of `arrays` as `npz_writer` does."""
    with npz_writer(path) as write:
        for name, array in arrays.items():
            write(name, array)

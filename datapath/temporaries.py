"""Temporary files and folders; those that a killed process has left are removed by the next one that makes the like.

A temporary lies beside what it becomes, under a name that nothing else has, and its process holds a lock on it. One whose
lock can be taken was left by a process that is gone. Where a file system has no locks nothing is removed, and what another
machine has made, whose locks may not be seen here, only once it has not changed for a day.
"""

from __future__ import annotations

import errno
import hashlib
import os
import platform
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from datapath.errors import FileError
from datapath.locks import is_at, try_lock

SUFFIX = ".foldline-tmp"
STALE_SECONDS = 24 * 3600
"""Age at which a temporary of another machine is removed."""

_FULL = {errno.ENOSPC, errno.EDQUOT}

_NAME_BYTES = 100
"""So many bytes of the target's name are in that of its temporary, which is then short enough for all file systems."""


@contextmanager
def temporary_file(target: Path) -> Iterator[tuple[BinaryIO, Path]]:
    """A new file beside `target`, open for binary writing, and its path; on exit it is removed where it still is.

    :param target: path of the file that it becomes by a rename, before the exit; links in it are followed before.
    :raises OSError: it cannot be made.
    """
    clear_abandoned(target)
    made = False
    while not made:
        descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=_prefix(target), suffix=SUFFIX)
        made = _hold(descriptor, name)
    try:
        with os.fdopen(descriptor, "wb") as handle:
            yield handle, Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


@contextmanager
def temporary_folder(target: Path) -> Iterator[Path]:
    """A new folder beside `target`; on exit it is removed with all that is in it, where it still is.

    :param target: path of the folder that it becomes by a rename, before the exit; or only a name for it.
    :raises OSError: it cannot be made.
    """
    clear_abandoned(target)
    made = False
    while not made:
        name = tempfile.mkdtemp(dir=target.parent, prefix=_prefix(target), suffix=SUFFIX)
        with suppress(FileNotFoundError):  # another process has removed it before it was locked
            descriptor = os.open(name, os.O_RDONLY)
            made = _hold(descriptor, name)
    try:
        yield Path(name)
    finally:
        shutil.rmtree(name, ignore_errors=True)
        os.close(descriptor)


@contextmanager
def growing_folder(target: Path) -> Iterator[Path]:
    """A new folder beside `target` that becomes `target`, which is missing or empty, on a clean exit.

    :param target: path of the folder; links in it are followed before.
    :raises OSError: it cannot be made, or has been removed meanwhile, with what was in it.
    """
    with temporary_folder(target) as folder:
        made = folder.stat()
        yield folder
        if not os.path.samestat(made, folder.stat()):  # what was written last has made it again
            raise FileNotFoundError(errno.ENOENT, "it was removed while it was written")
        folder.replace(target)


@contextmanager
def scratch_folder(kind: str) -> Iterator[Path]:
    """A new folder among the system's temporary ones; it is removed on exit.

    :param kind: what it is for, a part of its name.
    :raises FileError: it cannot be made.
    :raises OSError: its disk is full when it is written to; the error names it.
    """
    place = tempfile.gettempdir()
    with ExitStack() as stack:
        try:
            folder = stack.enter_context(temporary_folder(Path(place, f"foldline-{kind}")))
        except OSError as error:
            reason = error.strerror or error
            raise FileError(f"Cannot make a temporary folder: {reason}; set TMPDIR to another folder.") from error
        try:
            yield folder
        except OSError as error:
            if error.filename is not None or error.errno not in _FULL:
                raise
            raise OSError(error.errno, error.strerror, place) from error  # a write does not know its file's name


def clear_abandoned(target: Path) -> None:
    """Remove the temporaries of `target` that killed processes have left; one that cannot be removed stays.

    :param target: path of a file or a folder, which need not exist.
    """
    pattern = re.compile(re.escape(_cut(target.name)) + r"\.([0-9a-f]{6})-[a-z0-9_]{8}" + re.escape(SUFFIX))
    found = []
    with suppress(OSError), os.scandir(target.parent) as entries:
        found = [(entry.path, match[1]) for entry in entries if (match := pattern.fullmatch(entry.name))]
    for path, machine in found:
        with suppress(OSError):
            _remove_abandoned(path, here=machine == _machine())


def _cut(name: str) -> str:
    """The start of a temporary's name: that of its target, without what is too long."""
    while len(os.fsencode(name)) > _NAME_BYTES:
        name = name[:-1]
    return f".{name}"


def _prefix(target: Path) -> str:
    return f"{_cut(target.name)}.{_machine()}-"


def _machine() -> str:
    return hashlib.sha256(platform.node().encode()).hexdigest()[:6]


def _hold(descriptor: int, path: str) -> bool:
    """Lock a temporary that was just made; False, and closed, where another process removes it or has done so."""
    if try_lock(descriptor) is not False and is_at(descriptor, path):
        return True
    os.close(descriptor)
    return False


def _remove_abandoned(path: str, *, here: bool) -> None:
    """Remove a temporary unless its process may be alive; `here`: it was made on this machine."""
    kind = os.stat(path, follow_symlinks=False).st_mode  # noqa: PTH116
    if not (stat.S_ISREG(kind) or stat.S_ISDIR(kind)):
        return
    folder = stat.S_ISDIR(kind)
    # Over NFS a lock needs a file that is open for writing.
    descriptor = os.open(path, (os.O_RDONLY if folder else os.O_RDWR) | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        if not try_lock(descriptor) or not is_at(descriptor, path):
            return
        if not here and time.time() - _last_change(path) < STALE_SECONDS:
            return
        if folder:
            shutil.rmtree(path, ignore_errors=True)
        else:
            os.unlink(path)  # noqa: PTH108
    finally:
        os.close(descriptor)


def _last_change(path: str) -> float:
    """Time of the newest change of a file, or of a folder and all below it."""
    paths = [Path(path), *Path(path).rglob("*")]
    return max(one.lstat().st_mtime for one in paths)

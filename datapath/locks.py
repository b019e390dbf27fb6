"""Locks between processes, of the operating system: a lock ends with its process, also one that is killed.

A file system without such locks lets everybody in: there it is the user who must not start two runs.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # a system without file locks
    fcntl = None

_MOST_BYTES = 200  # of the text in a lock file


def try_lock(descriptor: int, *, wait: bool = False) -> bool | None:
    """Lock an open file or folder until it is closed, or its process ends; None where there are no locks.

    :param descriptor: of the file or folder.
    :param wait: wait for another process that holds the lock.
    :returns: whether it is locked now; False: another process holds the lock.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except (OSError, AttributeError):  # AttributeError: no fcntl
        return None
    return True


def is_at(descriptor: int, path: str | os.PathLike) -> bool:
    """Whether an open file is the one that lies at a path.

    :param descriptor: of the file.
    :param path: of which a last link is not followed.
    """
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path, follow_symlinks=False))  # noqa: PTH116
    except FileNotFoundError:
        return False


@contextmanager
def locked(path: str | os.PathLike, *, wait: bool = False) -> Iterator[bool]:
    """Hold a lock within a ``with``, by a file that is there only meanwhile, or after a kill; yields whether it is held.

    :param path: of the lock file, which names its process (see `holder`); its folder exists.
    :param wait: wait for another process that holds the lock; else this yields False.
    :raises OSError: the file cannot be made.
    """
    path = Path(path)
    while True:
        with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666), "r+b", buffering=0) as handle:
            mine = try_lock(handle.fileno(), wait=wait) is not False
            if not is_at(handle.fileno(), path):  # its holder has just ended, and removed it
                continue
            if mine:
                with suppress(OSError):  # a full disk: the lock holds without a name
                    handle.truncate(0)
                    handle.write(f"process {os.getpid()}{_place()}".encode())
            try:
                yield mine
            finally:
                if mine:
                    with suppress(OSError):
                        path.unlink(missing_ok=True)
            return


def claim(path: str | os.PathLike) -> bool:
    """Make a lock file that is not there, or find that the process which it names, of this machine, was killed.

    Of several processes one makes the file, also where a file system has no locks, or machines do not see each other's.
    `locked` takes the lock afterwards.

    :param path: of the lock file; its folder exists.
    :returns: False: a process that may be alive has made the file.
    :raises OSError: the file cannot be made.
    """
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
        return True
    except FileExistsError:
        if not holder(path).endswith(_place()):
            return False
    with suppress(OSError), Path(path).open("r+b") as handle:
        return try_lock(handle.fileno()) is True
    return False


def _place() -> str:
    return f" on {socket.gethostname()}"


def holder(path: str | os.PathLike) -> str:
    """Who holds a lock, for messages: "process 4711 on HOST", or "another process" where that is not known.

    :param path: of the lock file.
    """
    try:
        with Path(path).open("rb") as handle:
            text = handle.read(_MOST_BYTES).decode()
    except (OSError, ValueError):
        text = ""
    return text if text.startswith("process ") and text.isprintable() else "another process"

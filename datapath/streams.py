"""Outputs that are streams: standard output, open descriptors under /dev, pipes and devices.

They are written to and never replaced: the file behind a descriptor keeps what others have written to it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

STANDARD_OUTPUT = "-"
"""The name of standard output as the output of a command."""

_MOST_LINKS = 40  # as the system
_MOST_DIGITS = 9  # of a descriptor; the system's are far below


def is_stream(path: str | os.PathLike) -> bool:
    """Whether `path` names a stream: ``-``, a descriptor (``/dev/stdout``, ``/dev/fd/3``), a pipe or a device."""
    if os.fspath(path) == STANDARD_OUTPUT or _descriptor(path) is not None:
        return True
    target = Path(path)
    return target.exists() and not target.is_file() and not target.is_dir()


def is_descriptor(path: str | os.PathLike) -> bool:
    """Whether `path` names an open descriptor: ``/dev/stdin``, ``/dev/fd/3``, or ``<(...)`` of a shell.

    :param path: of a file.
    """
    return _descriptor(path) is not None


def is_standard_output(path: str | os.PathLike | None) -> bool:
    """Whether `path` names standard output, so that nothing else may be printed there."""
    return path is not None and (os.fspath(path) == STANDARD_OUTPUT or _descriptor(path) == 1)


@contextmanager
def open_stream(path: str | os.PathLike) -> Iterator[BinaryIO]:
    """Open a stream for binary writing, after what this process has printed; standard output stays open.

    :param path: of which `is_stream` is true.
    :raises OSError: it is closed, or cannot be written.
    """
    for printed in (sys.stdout, sys.stderr):
        if printed is not None:
            printed.flush()
    descriptor = _descriptor(path)
    if os.fspath(path) == STANDARD_OUTPUT:
        stream = getattr(sys.stdout, "buffer", None)
        if stream is None:
            raise OSError("standard output is closed, or takes text only")
        yield stream
        stream.flush()
    else:
        with Path(path).open("wb") if descriptor is None else os.fdopen(os.dup(descriptor), "wb") as stream:
            yield stream


def _descriptor(path: str | os.PathLike) -> int | None:
    """The number of the open descriptor that a path under /dev/fd or /proc/self/fd names, also behind links."""
    folders = {os.path.realpath(folder) for folder in ("/dev/fd", "/proc/self/fd")}
    place = os.path.abspath(path)  # noqa: PTH100 - Path.resolve would follow the descriptor to its file
    for _ in range(_MOST_LINKS):
        folder, name = os.path.split(place)
        if name.isdecimal() and len(name) <= _MOST_DIGITS and os.path.realpath(folder) in folders:
            return int(name)
        if not os.path.islink(place):  # noqa: PTH114 - Path.is_symlink fails for a name that is too long
            return None
        place = os.path.normpath(os.path.join(folder, os.readlink(place)))  # noqa: PTH115, PTH118 - as above
    return None

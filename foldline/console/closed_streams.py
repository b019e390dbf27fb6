"""Standard streams that are closed when a command starts, as by ``>&-`` in a shell."""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import NoReturn


class _ClosedOutput(io.RawIOBase):
    """What standard output is where it is closed: an error for each write."""

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> NoReturn:
        raise OSError(errno.EBADF, "standard output is closed")


def hold_closed_streams() -> None:
    """Occupy the descriptors 0 to 2 that are closed, so that no file of the command gets one of them.

    What a library writes to standard error would go into that file. A closed standard output is an output that cannot be
    written to, so that no result is lost without an error.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            # The lowest that is free is this one. It can be neither read nor written, as before.
            os.open(os.devnull, os.O_WRONLY if descriptor == 0 else os.O_RDONLY)
    if sys.stdout is None:
        sys.stdout = io.TextIOWrapper(_ClosedOutput(), encoding="utf-8", write_through=True)

"""Errors that libtiff reports while Pillow decodes a TIFF.

libtiff prints them to standard error, and Pillow accepts the picture in many of the cases: with rows that a damaged code
has shifted, or with none. The functions that libtiff calls instead are set by ctypes in the library that Pillow has loaded.
Where they cannot be found (a Pillow that hides them), libtiff prints as before.
"""

from __future__ import annotations

import ctypes
import functools
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image


class _Reports(threading.local):
    """Where the errors of this thread's decoder go; None outside of `libtiff_errors`."""

    functions: list[str] | None = None


_reports = _Reports()


@ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p)
def _report(function: bytes | None, _message: bytes | None, _arguments: int | None) -> None:
    """Called by libtiff in the thread that decodes; the message is a format of C whose arguments are not read."""
    if _reports.functions == []:
        _reports.functions.append((function or b"libtiff").decode(errors="replace"))


@functools.cache
def _report_here() -> bool:
    """Have libtiff call `_report` for errors, and nothing for warnings; whether that was possible."""
    try:
        library = ctypes.CDLL(Image.core.__file__)
        handlers = (library.TIFFSetErrorHandler, library.TIFFSetWarningHandler)
    except (AttributeError, OSError):
        return False
    for set_handler, handler in zip(handlers, (_report, None), strict=True):
        set_handler.restype, set_handler.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
        set_handler(handler if handler is None else ctypes.cast(handler, ctypes.c_void_p))
    return True


@contextmanager
def libtiff_errors() -> Iterator[list[str]]:
    """Within a ``with``, libtiff prints nothing for this thread; the list gets the function of its first error.

    The handlers are those of the whole process: other threads, too, print nothing from then on.
    """
    _report_here()
    before, _reports.functions = _reports.functions, []
    try:
        yield _reports.functions
    finally:
        _reports.functions = before

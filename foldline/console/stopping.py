"""How a stopped command ends: "Stopped" on stderr, and the status that a shell gives for the signal."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import click

from datapath.errors import FoldlineError

AFTER_SIGINT, AFTER_SIGTERM = 128 + signal.SIGINT, 128 + signal.SIGTERM
"""Exit statuses: 130 after Ctrl-C, 143 after SIGTERM."""


class Stopped(click.ClickException):
    """A command was stopped by Ctrl-C or SIGTERM.

    :param message: the whole text, which begins with "Stopped" and says how to continue, if that is possible.
    """

    exit_code = AFTER_SIGINT

    def __init__(self, message: str = "Stopped.") -> None:
        super().__init__(message)

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the message; on a terminal below the ^C that it has echoed."""
        file = file or sys.stderr
        if file is not None:
            click.echo(("\n" if file.isatty() else "") + self.format_message(), file=file)


@contextmanager
def stopping() -> Iterator[None]:
    """Within a ``with``, SIGTERM does what Ctrl-C does, and a KeyboardInterrupt becomes `Stopped`.

    The text of the KeyboardInterrupt, if it has one, follows "Stopped."; so does that of an error that arose from it, where
    what was interrupted is tidied up.

    :raises Stopped: the command was stopped.
    """
    with _sigterm_as_sigint() as terminated:
        try:
            yield
        except (KeyboardInterrupt, FoldlineError) as error:
            if not _interrupted(error):
                raise
            stopped = Stopped(f"Stopped. {error}".rstrip())
            stopped.exit_code = AFTER_SIGTERM if terminated.is_set() else AFTER_SIGINT
            raise stopped from error
        except Stopped as stopped:
            stopped.exit_code = AFTER_SIGTERM if terminated.is_set() else AFTER_SIGINT
            raise


def _interrupted(error: BaseException | None) -> bool:
    """Whether an exception is a KeyboardInterrupt, or was raised while one was handled."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__context__
    return error is not None


@contextmanager
def _sigterm_as_sigint() -> Iterator[threading.Event]:
    """Call the handler of SIGINT on SIGTERM; the event says that a SIGTERM has come."""
    event = threading.Event()
    if threading.current_thread() is not threading.main_thread():  # which alone gets signals
        yield event
        return

    def interrupt(number: int, frame: object) -> None:
        event.set()
        handler = signal.getsignal(signal.SIGINT)
        if not callable(handler):  # a shell starts a command in the background with SIGINT ignored
            raise KeyboardInterrupt
        handler(signal.SIGINT, frame)

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield event
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL if before is None else before)

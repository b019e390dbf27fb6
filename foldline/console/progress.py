"""Progress bars on a terminal; nothing, or plain text, if the output is not a terminal."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from datetime import timedelta
from threading import Thread

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from datapath.errors import FoldlineError
from foldline.console.plain_console import PlainConsole


def bars_on(console: Console, last: ProgressColumn | None = None) -> Progress:
    """Bars that vanish when they end; nothing if the console is not a terminal. The last column is the time left."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), last or TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


@contextmanager
def counting(what: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on stderr with a text, driven by calls with (done, total); nothing if stderr is not a terminal."""
    with bars_on(PlainConsole(stderr=True)) as bars:
        task = bars.add_task(what, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)


@contextmanager
def waiting(what: str) -> Iterator[None]:
    """A spinner on stderr with a text; nothing if stderr is not a terminal."""
    console = PlainConsole(stderr=True)
    with console.status(what) if console.is_terminal else nullcontext():
        yield


@contextmanager
def waiting_for_steps(what: str) -> Iterator[Callable[[str], None]]:
    """A spinner on stderr with the time since its start and a text, which calls replace; nothing if stderr is not a
    terminal.

    :param what: the first text.
    """
    with Progress(
        SpinnerColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}", markup=False),
        console=(console := PlainConsole(stderr=True)),
        transient=True,
        disable=not console.is_terminal,
    ) as bars:
        task = bars.add_task(what, total=None)
        yield lambda now: bars.update(task, description=now)


class LinesComputed:
    """Progress of a job: lines done, and the rates of this process."""

    def __init__(self, console: Console, bars: Progress) -> None:
        self._console, self._bars = console, bars
        self._task = bars.add_task("lines", total=None, rates="")
        self._lines = self._columns = 0
        self._began = time.monotonic()
        self.total: int | None = None

    def line_done(self, done: int, columns: int) -> None:
        """Count a line of some columns; `done` is the number of lines in the output file, with those of earlier runs."""
        self._lines += 1
        self._columns += columns
        if not self._bars.disable:
            left = None if self.total is None else self.total - done
            rates = rates_text(self._lines, self._columns, time.monotonic() - self._began, left)
            self._bars.update(self._task, completed=done, total=self.total, rates=rates)

    def log(self, message: str) -> None:
        """Print a message on stderr, above the bar if there is one."""
        self._console.print(message, highlight=False, markup=False, emoji=False, soft_wrap=True)


def rates_text(lines: int, columns: int, seconds: float, left: int | None) -> str:
    """Rates of this process, and the time for the lines that are left (None: unknown), as text.

    >>> rates_text(300, 150_000, 2.0, 600)
    '150 lines/s, 75,000 columns/s, 0:00:04 left'
    """
    seconds = max(seconds, 1e-9)
    ahead = "" if left is None else f", {timedelta(seconds=round(left * seconds / max(lines, 1)))} left"
    return f"{lines / seconds:.0f} lines/s, {columns / seconds:,.0f} columns/s{ahead}"


@contextmanager
def computing_lines(count: Callable[[], int | None]) -> Iterator[LinesComputed]:
    """A progress bar on stderr for a job; only messages if stderr is not a terminal.

    :param count: returns the job's lines, or None; it runs in a thread, as counting millions of files takes long.
    """
    console = PlainConsole(stderr=True)
    with bars_on(console, TextColumn("{task.fields[rates]}")) as bars:
        shown = LinesComputed(console, bars)

        def set_total() -> None:
            with suppress(FoldlineError):  # the job raises the same error
                shown.total = count()

        if not bars.disable:
            Thread(target=set_total, daemon=True).start()
        yield shown

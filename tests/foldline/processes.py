"""`foldline train` in processes of its own, to be watched and killed."""

from __future__ import annotations

import multiprocessing
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from foldline.cli import main
from tests.golden_data import REPOSITORY

PATIENCE_SECONDS = 120
"""Longer than any of these processes takes on a busy machine: what lasts longer hangs."""

EPOCH = re.compile(r"^epoch +(\d+) ", re.MULTILINE)
STARTED = re.compile(r"^\w+: \d+ parameters, ", re.MULTILINE)


class Running:
    """A process that trains: `said` is the file of what it says."""

    def __init__(self, said: Path, *, status: Callable[[], int | None], kill: Callable[[], None], pid: int) -> None:
        self._said, self._status, self.kill, self.pid = said, status, kill, pid

    @property
    def said(self) -> str:
        return self._said.read_text()

    @property
    def announced(self) -> int:
        """The last epoch that it has announced as done, 0 before the first."""
        return max(map(int, EPOCH.findall(self.said)), default=0)

    def wait_until(self, condition: Callable[[], bool], *, every: float = 0.01) -> None:
        """Look `every` so many seconds, and return when the condition holds or the process has ended."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self._status() is None and not condition():
            assert time.monotonic() < deadline, f"the process hangs; it said: {self.said}"
            time.sleep(every)

    def wait_for_start(self) -> None:
        self.wait_until(lambda: STARTED.search(self.said) is not None)

    def end(self) -> int:
        """Its exit status, once it has ended; minus the number of the signal that killed it."""
        self.wait_until(lambda: False)
        return self._status()


@contextmanager
def interpreter(arguments: list[str], said: Path) -> Iterator[Running]:
    """`python -m foldline ARGUMENTS`, as a user starts it."""
    with said.open("wb") as output:
        command = [sys.executable, "-m", "foldline", *arguments]
        process = subprocess.Popen(command, cwd=REPOSITORY, stdout=output, stderr=subprocess.STDOUT)
    try:
        yield Running(said, status=process.poll, kill=process.kill, pid=process.pid)
    finally:
        process.kill()
        process.wait()


@contextmanager
def forked(
    arguments: list[str],
    said: Path,
    *,
    first: Callable[[], None] | None = None,
) -> Iterator[Running]:
    """The same in a process that was forked when torch was loaded already (tests/foldline/warm.py).

    :param first: called there before anything else; a function of a module.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.foldline.warm"])
    process = context.Process(target=_train, args=(arguments, said, first))
    said.touch()
    process.start()
    try:
        yield Running(said, status=lambda: process.exitcode, kill=process.kill, pid=process.pid)
    finally:
        process.kill()
        process.join()


def _train(arguments: list[str], said: Path, first: Callable[[], None] | None) -> None:
    with said.open("wb") as output:
        os.dup2(output.fileno(), sys.stdout.fileno())
        os.dup2(output.fileno(), sys.stderr.fileno())
    if first is not None:
        first()
    sys.argv = ["foldline", *arguments]
    main(prog_name="foldline")

"""`foldline` in a forked process that is killed at a file operation or after some time."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from foldline.cli import main
from hls_gen.csim import CSimProgram
from tests.builds import QUICK

PATIENCE_SECONDS = 300
"""Longer than any of these commands takes on a busy machine: what lasts longer hangs."""

CHANGES = frozenset(
    ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.chmod", "os.truncate", "os.link", "os.symlink")
)
"""Audit events of Python that say what is about to be done to a file or folder; ``open`` for writing is another."""

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


FILLER = "filler"
"""Name of the file that fills a disk, in the working folder."""


class Fault(Enum):
    """What happens to a command at a moment."""

    KILL = "the process is killed"
    FILL = "the disk is full from now on"
    REMOVE = "what the command has written is removed"


@dataclass(frozen=True, kw_only=True)
class Moment:
    """When it happens: before file operation number `operation`, from 1, or, to kill, after `seconds`."""

    operation: int | None = None
    seconds: float | None = None
    fault: Fault = Fault.KILL

    def __str__(self) -> str:
        return f"after {self.seconds:.3f} s" if self.operation is None else f"before file operation {self.operation}"


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a command ended.

    status      exit status, or minus the number of the signal that killed it; None: it hung, and was ended
    said        what it printed
    seconds     that it took
    operations  file operations of a command that was not killed: kind and path
    read        paths that it opened to read
    """

    status: int | None
    said: str
    seconds: float
    operations: tuple[tuple[str, str], ...] = ()
    read: frozenset[str] = frozenset()

    @property
    def killed(self) -> bool:
        return self.status == -signal.SIGKILL


def run(arguments: Sequence[str], work: Path, cache: Path, *, moment: Moment | None = None) -> Ended:
    """Run a command in a folder, to its end, however that comes.

    :param arguments: of `foldline`.
    :param work: the current folder of the command, in which ``tmp`` takes its temporary files.
    :param cache: folder of compiled programs.
    :param moment: at which it is disturbed; None for none.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.foldline.warm"])
    said, journal = work.with_suffix(".said"), work.with_suffix(".journal")
    said.write_bytes(b"")
    journal.unlink(missing_ok=True)
    process = context.Process(target=_command, args=(list(arguments), work, cache, said, journal, moment))
    process.start()
    began = time.monotonic()
    if moment is not None and moment.seconds is not None:
        process.join(moment.seconds)
        process.kill()
    process.join(PATIENCE_SECONDS)
    status = process.exitcode
    if status is None:
        process.kill()
        process.join()
    noted = json.loads(journal.read_text()) if journal.exists() else {"operations": [], "read": []}
    return Ended(
        status=status,
        said=said.read_text(errors="replace"),
        seconds=time.monotonic() - began,
        operations=tuple((kind, path) for kind, path in noted["operations"]),
        read=frozenset(noted["read"]),
    )


def _command(arguments: list[str], work: Path, cache: Path, said: Path, journal: Path, moment: Moment | None) -> None:
    with said.open("wb") as output:
        os.dup2(output.fileno(), sys.stdout.fileno())
        os.dup2(output.fileno(), sys.stderr.fileno())
    os.chdir(work)
    tempfile.tempdir = str(work / "tmp")
    os.environ |= {"TMPDIR": tempfile.tempdir, "XDG_CACHE_HOME": str(cache), "PYTHONHASHSEED": "0"}
    CSimProgram.__init__.__kwdefaults__["flags"] = QUICK
    noted = _watch_files(work, cache, moment or Moment())
    sys.argv = ["foldline", *arguments]
    try:
        main(prog_name="foldline")
    finally:
        journal.write_text(json.dumps({"operations": noted.operations, "read": noted.read}))


class _Journal:
    """File operations so far, each with its path, and the paths that were opened to read."""

    def __init__(self) -> None:
        self.operations: list[tuple[str, str]] = []
        self.read: list[str] = []


def _disturb(fault: Fault, work: Path) -> None:
    """Let it happen to this process."""
    if fault is Fault.KILL:
        os.kill(os.getpid(), signal.SIGKILL)
    elif fault is Fault.FILL:
        with suppress(OSError), (work / FILLER).open("wb", buffering=0) as filler:
            while True:
                filler.write(bytes(4096))
    else:
        for path in work.iterdir():
            if path.name != "tmp":
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def _watch_files(work: Path, cache: Path, moment: Moment) -> _Journal:
    """Write down what the process does to files in its folders, and disturb it at the moment."""
    journal, pid, disturbing = _Journal(), os.getpid(), False

    def note(kind: str, path: object) -> None:
        nonlocal disturbing
        if os.getpid() != pid or disturbing:
            return
        journal.operations.append((kind, str(path)))
        if len(journal.operations) == moment.operation:
            disturbing = True
            _disturb(moment.fault, work)
            disturbing = False

    def inside(path: object) -> bool:
        if isinstance(path, int):  # a file that is open already, and has been made, but not yet written to
            return True
        text = os.path.abspath(os.fsdecode(path))  # noqa: PTH100 - works where the current folder is gone, too
        return any(text.startswith(f"{folder}/") for folder in (work, cache))

    def watch(event: str, arguments: tuple) -> None:
        if event == "open":
            path, mode, flags = arguments
            writes = (flags or 0) & WRITING or (isinstance(mode, str) and set(mode) & set("wax+"))
            if not isinstance(path, int) and not writes:
                journal.read.append(os.fsdecode(path))
            elif writes and inside(path):
                note("open", path)
        elif event in CHANGES and isinstance(arguments[0], str | bytes | os.PathLike) and inside(arguments[0]):
            note(event, arguments[0])

    def counted(name: str, function: Callable) -> Callable:
        def call(*given: object) -> object:
            note(name, given[0])
            return function(*given)

        return call

    os.fsync = counted("os.fsync", os.fsync)  # which has no audit event: what is written, and not yet renamed
    sys.addaudithook(watch)
    return journal

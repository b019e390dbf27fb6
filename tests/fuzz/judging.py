"""One input is read, and every fault is named: `Judge`. Used in a process of its own, whose hooks cannot be taken off."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from datapath.errors import FoldlineError
from datapath.quoting import MAX_MESSAGE
from tests.fuzz.formats import Format, OtherMeaningError, RefusedQuietly

SECONDS = 10.0
"""Limit of one input, of the processor's time: other processes of a busy machine do not count."""

WAITING = 6
"""Times that limit which may pass while an input waits for something."""

MEMORY = 2 << 30
"""Limit of the whole process, in bytes."""

MORE_MEMORY = 4 << 30
"""Address space that a process may get, besides what it begins with: the machine is kept alive."""

MESSAGE = MAX_MESSAGE + 100
"""Most characters of a message: the limit, and what says how much is left out."""

PROGRAMS = {
    "subprocess.Popen",
    "os.exec",
    "os.posix_spawn",
    "os.spawn",
    "os.system",
    "os.fork",
    "os.forkpty",
    "pty.spawn",
}
NETWORK = {"socket.connect", "socket.bind", "socket.getaddrinfo", "urllib.Request"}
CHANGES = {
    *("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod", "os.chown"),
    "shutil.rmtree",
}
UNPICKLING = "pickle.find_class"


class HangError(BaseException):
    """The time of an input is over."""


@dataclass(frozen=True)
class Fault:
    """What is wrong with an input.

    kind    traceback, hang, memory, message, meaning, program, network, file, pickle or crash
    place   what faults of one cause have in common: an exception and where it arose, or the kind of message
    detail  for people
    """

    kind: str
    place: str
    detail: str


ACCEPTED, REFUSED = "accepted", "refused"


def max_rss() -> int:
    """The most memory that this process has had, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak << 10


class Judge:
    """Reads inputs in a scratch folder of its own.

    :param scratch: an empty folder; everything that is written lies below it.
    :param seconds: limit of one input.
    :param memory: limit of the process, in bytes.
    """

    def __init__(self, scratch: Path, *, seconds: float = SECONDS, memory: int = MEMORY) -> None:
        self._scratch, self._seconds, self._memory = scratch.resolve(), seconds, memory
        self._watching = False
        self._seen: list[Fault] = []
        tempfile.tempdir = str(self._scratch)
        signal.signal(signal.SIGALRM, self._hang)
        signal.signal(signal.SIGPROF, self._hang)
        limit_address_space()
        sys.addaudithook(self._audit)

    def verdict(self, format: Format, data: bytes) -> tuple[str, object, list[Fault]]:
        """Read an input: accepted or refused, what `Format.read` returned, and the faults.

        :param format: of the input.
        :param data: the input.
        """
        folder = self._scratch / "input"
        folder.mkdir(exist_ok=True)
        self._seen = []
        outcome, found = REFUSED, None
        try:
            with self._watched():
                found = format.read(data, folder)
            outcome = ACCEPTED
        except RefusedQuietly:
            pass
        except FoldlineError as error:
            self._seen += [*self._memory_faults(error), *message_faults(str(error))]
        except OtherMeaningError as error:
            outcome = ACCEPTED
            self._seen.append(Fault("meaning", str(error).partition(":")[0][:80], str(error)[:2000]))
        except HangError as error:
            self._seen.append(Fault("hang", _place(error), f"more than {self._seconds} s\n{_trace(error)}"))
        except Exception as error:
            self._seen.append(Fault("traceback", f"{type(error).__name__} in {_place(error)}", _trace(error)))
        if max_rss() > self._memory:
            self._seen.append(Fault("memory", outcome, f"{max_rss() >> 20} MB; this process reads nothing more"))
        _empty(folder)
        return outcome, found, self._seen

    @property
    def is_full(self) -> bool:
        """Whether this process has had more memory than allowed, so that another one must go on."""
        return max_rss() > self._memory

    @contextmanager
    def _watched(self) -> Iterator[None]:
        signal.setitimer(signal.ITIMER_PROF, self._seconds)
        signal.setitimer(signal.ITIMER_REAL, WAITING * self._seconds)
        self._watching = True
        try:
            yield
        finally:
            self._watching = False
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.setitimer(signal.ITIMER_REAL, 0)

    def _hang(self, *_: object) -> None:
        if self._watching:
            raise HangError

    def _memory_faults(self, error: BaseException) -> list[Fault]:
        """Refused because memory was not there: what a file declares was asked for before it was checked."""
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, MemoryError):
                return [Fault("memory", f"MemoryError in {_place(cause)}", _trace(error))]
            cause = cause.__cause__ or cause.__context__
        return []

    def _audit(self, event: str, arguments: tuple) -> None:
        if not self._watching:
            return
        if event in PROGRAMS:
            self._seen.append(Fault("program", event, repr(arguments)[:1000]))
            raise PermissionError(f"the fuzzer lets no program start: {event}")
        if event in NETWORK:
            self._seen.append(Fault("network", event, repr(arguments)[:1000]))
        elif event == UNPICKLING:
            self._seen.append(Fault("pickle", f"{arguments[0]}.{arguments[1]}", repr(arguments)[:1000]))
        elif event == "open" and self._writes(*arguments) and not self._inside(arguments[0]):
            self._seen.append(Fault("file", f"open {arguments[1]}", repr(arguments)[:1000]))
        elif event in CHANGES and not all(self._inside(one) for one in arguments[:2] if isinstance(one, str | bytes)):
            self._seen.append(Fault("file", event, repr(arguments)[:1000]))

    @staticmethod
    def _writes(path: object, mode: object, flags: object) -> bool:
        if isinstance(mode, str):
            return any(letter in mode for letter in "wax+")
        return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC))

    def _inside(self, path: object) -> bool:
        if not isinstance(path, str | bytes | os.PathLike):
            return True  # a descriptor
        text = os.path.normpath(os.path.join(self._scratch, os.fsdecode(path)))  # noqa: PTH118 - no file is asked
        return (
            text in ("/dev/null", "/dev/tty")
            or text.startswith(f"{self._scratch}{os.sep}")
            or text == str(self._scratch)
        )


def _empty(folder: Path) -> None:
    with os.scandir(folder) as entries:
        for entry in list(entries):
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path, ignore_errors=True)
            else:
                os.unlink(entry.path)  # noqa: PTH108


def message_faults(text: str) -> list[Fault]:
    """What is wrong with a message that a user gets to see.

    :param text: the message.
    """
    found = []
    if len(text) > MESSAGE:
        found.append(
            Fault("message", f"long: {text.rpartition('/input/')[2][:40]}", f"{len(text)} characters: {text[:500]}")
        )
    wrong = sorted({one for one in text if unicodedata.category(one) == "Cc" and one != "\n"})
    if wrong:
        place = text.partition(wrong[0])[0][-30:]
        found.append(Fault("message", f"control characters after {place!r}", f"{wrong}: {text[:500]!r}"))
    return found


def limit_address_space() -> None:
    """Let this process have `MORE_MEMORY` more than it has; where the system cannot say, no limit is set."""
    with suppress(OSError, ValueError):
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        limit = pages * resource.getpagesize() + MORE_MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (limit, resource.getrlimit(resource.RLIMIT_AS)[1]))


def _frames(error: BaseException) -> list[traceback.FrameSummary]:
    with suppress(MemoryError, RecursionError):
        return traceback.extract_tb(error.__traceback__)
    return []


def _place(error: BaseException) -> str:
    """The innermost function of ours, and the innermost of all."""
    frames = _frames(error)
    ours = [one for one in frames if "/site-packages/" not in one.filename and "/lib/python" not in one.filename]
    ours = [one for one in ours if "/tests/" not in one.filename] or ours
    names = [f"{Path(one.filename).stem}.{one.name}:{one.lineno}" for one in (*ours[-1:], *frames[-1:])]
    return " > ".join(dict.fromkeys(names))


def _trace(error: BaseException) -> str:
    with suppress(Exception):
        return "".join(traceback.format_exception(error))[-6000:]
    return repr(type(error))


def now() -> float:
    """Seconds, for durations."""
    return time.perf_counter()


def used() -> float:
    """Seconds of the processor that this process has had."""
    return time.process_time()

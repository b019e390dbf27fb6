"""Programs outside Foldline: the search for a C++ compiler, and runs whose failure is one clear sentence."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from datapath.errors import ToolError

COMPILERS = ("g++", "clang++", "c++")

_SUMMARY = re.compile(
    r"collect2: error: ld returned|clang.*: error: linker command failed|%Error: Exiting due to|"
    r"\S+: all warnings being treated as errors|make(\[\d+\])?: \*\*\* |compilation terminated"
)
"""Lines that only say that another one was an error."""

_ERRORS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"(^|[\s:%])(fatal |internal compiler )?error\b\S*[:(]",
        r"undefined reference|undefined symbol|multiple definition|final link failed|no space left on device|cannot find ",
        r"^(\S*/)?(ld|ld64|gold|mold|lld)(\.\w+)?: ",
        r"error",
    )
)
"""Lines that say what went wrong, the most telling kind first: an error of a compiler, then one of a linker."""


def find_compiler() -> tuple[str, ...]:
    """The command of a C++ compiler, its program first: $CXX, or else the first of `COMPILERS`.

    $CXX is a program, or as in a shell a program with arguments: ``ccache g++ -m64``.

    :raises ToolError: there is none; the message says what to install.
    """
    if chosen := os.environ.get("CXX"):
        words = [chosen] if shutil.which(chosen) else _words(chosen)
        if words and (found := shutil.which(words[0])):
            return (found, *words[1:])
        raise ToolError(f"$CXX is {chosen}, which is not a program here; unset it, or name a C++ compiler.")
    for name in COMPILERS:
        if found := shutil.which(name):
            return (found,)
    raise ToolError(f"There is no C++ compiler ({', '.join(COMPILERS)}); install g++, e.g. apt install g++.")


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:  # a quote that is not closed
        return []


def run(command: Sequence[str], *, variables: Mapping[str, str] | None = None) -> str:
    """Standard output of a program, which runs with English messages.

    :param command: the program and its arguments.
    :param variables: added to its environment.
    :raises ToolError: it cannot be started, or fails; the message has its first error, see `first_error`.
    """
    try:
        environment = os.environ | {"LC_ALL": "C"} | dict(variables or {})  # an "error" in every language
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", env=environment, check=False)
    except OSError as error:
        raise ToolError(f"Cannot run {command[0]}: {error.strerror}.") from error
    if done.returncode:
        first = first_error(done.stderr) or f"status {done.returncode}"
        raise ToolError(f"{Path(command[0]).name} failed: {first}")
    return done.stdout


def first_error(text: str) -> str:
    """The line that says why a compiler, a linker or another program has failed; else the first line; "" of no text.

    :param text: what the program wrote.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if not _SUMMARY.match(line)]
    for pattern in _ERRORS:
        for line in telling:
            if pattern.search(line):
                return line
    return next(iter([*telling, *lines]), "")

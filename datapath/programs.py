"""Programs outside Foldline: the search for a C++ compiler, and runs whose failure is one clear sentence."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from datapath.errors import ToolError

COMPILERS = ("g++", "clang++", "c++")


def find_compiler() -> str:
    """Path of a C++ compiler: $CXX, or else the first of `COMPILERS`.

    :raises ToolError: there is none; the message says what to install.
    """
    if chosen := os.environ.get("CXX"):
        if found := shutil.which(chosen):
            return found
        raise ToolError(f"$CXX is {chosen}, which is not a program here; unset it, or name a C++ compiler.")
    for name in COMPILERS:
        if found := shutil.which(name):
            return found
    raise ToolError(f"There is no C++ compiler ({', '.join(COMPILERS)}); install g++, e.g. apt install g++.")


def run(command: Sequence[str], *, variables: Mapping[str, str] | None = None) -> str:
    """Standard output of a program, which runs with English messages.

    :param command: the program and its arguments.
    :param variables: added to its environment.
    :raises ToolError: it cannot be started, or fails; the message has its first error.
    """
    try:
        environment = os.environ | {"LC_ALL": "C"} | dict(variables or {})  # an "error" in every language
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", env=environment, check=False)
    except OSError as error:
        raise ToolError(f"Cannot run {command[0]}: {error.strerror}.") from error
    if done.returncode:
        complaints = [line for line in done.stderr.splitlines() if "error" in line.lower()] or done.stderr.splitlines()
        first = complaints[0].strip() if complaints else f"status {done.returncode}"
        raise ToolError(f"{Path(command[0]).name} failed: {first}")
    return done.stdout

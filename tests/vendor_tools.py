"""Scripts for the vendor's tools, run by tclsh with stubs of the tools' commands (``vendor_stubs.tcl``)."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

TCLSH = shutil.which("tclsh")
STUBS = Path(__file__).with_name("vendor_stubs.tcl")
REPORTS = Path(__file__).parent / "datapath" / "vivado" / "reports"
"""Reports in the format of Vivado, written by hand: a folder for each family."""

needs_tclsh = pytest.mark.skipif(TCLSH is None, reason="tclsh is not installed (Debian: apt install tcl)")

REGISTER_HEADER = """\
//        bit 1  - ap_done (Read/COR)
#define XTOP_CONTROL_ADDR_AP_CTRL            0x00
#define XTOP_CONTROL_ADDR_COLUMNS_DATA       0x10
#define XTOP_CONTROL_BITS_COLUMNS_DATA       32
#define XTOP_CONTROL_ADDR_COLUMNS_TWICE_DATA 0x18
#define XTOP_CONTROL_ADDR_BYTES_R_DATA       0x20
#define XTOP_CONTROL_ADDR_INPUT_R_DATA       0x28
#define XTOP_CONTROL_BITS_INPUT_R_DATA       64
#define XTOP_CONTROL_ADDR_OUTPUT_R_DATA      0x34
"""


@dataclass(frozen=True)
class Run:
    """How a script ended, and the vendor's commands that it gave, as words."""

    status: int
    output: str
    errors: str
    commands: list[list[str]]

    def named(self, name: str) -> list[list[str]]:
        """The words after each command of this name."""
        return [words[1:] for words in self.commands if words[0] == name]

    def names(self) -> set[str]:
        """The commands that were given."""
        return {words[0] for words in self.commands}


def environment(**changes: str) -> dict[str, str]:
    """This process's environment without other settings of stubs and scripts, with the usual ones of the stubs.

    :param changes: ``STUB_...`` for the stubs, ``FOLDLINE_...`` for the script.
    """
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("STUB_", "FOLDLINE_"))}
    return clean | {"STUB_HEADER": REGISTER_HEADER, "STUB_REPORTS": str(REPORTS / "zynq7000")} | changes


def write_stand_ins(folder: Path, log: Path) -> None:
    """Programs with the names of the vendor's tools, which run the script that is their last argument with stubs.

    :param folder: to put first in ``PATH``.
    :param log: gets the commands of the last script.
    """
    folder.mkdir()
    for tool in ("vivado", "vitis_hls", "vivado_hls", "vitis-run"):
        program = folder / tool
        program.write_text(
            f'#!/bin/sh\nfor last; do :; done\nexec {TCLSH} {STUBS} {tool} "$PWD/$last" {log}\n', encoding="utf-8"
        )
        program.chmod(0o755)


def run_script(folder: Path, script: str, *, tool: str, arguments: tuple[str, ...] = (), **changes: str) -> Run:
    """Run a script of the project with stubs of `tool`, from another folder.

    :param changes: see `environment`.
    """
    elsewhere, log = folder.parent / "elsewhere", folder.parent / "commands.log"
    elsewhere.mkdir(exist_ok=True)
    done = subprocess.run(
        [TCLSH, STUBS, tool, folder / script, log, *arguments],
        cwd=elsewhere,
        env=environment(**changes),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    commands = [line.split("\t") for line in log.read_text(encoding="utf-8").splitlines()]
    return Run(done.returncode, done.stdout, done.stderr, commands)

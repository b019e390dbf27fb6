"""Values of a small project, its files with dummies for the C++, and a run of its scripts with stubs of the vendor's tools."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from datapath import Folding, Precision
from datapath.architecture import Architecture
from datapath.boards import load_board
from hls_gen.project_scripts import ProjectFacts, render_scripts
from hls_gen.resources.fit import check_fits
from hls_gen.resources.kernel_memories import Memory

BOARDS = ("kv260", "pynq-z1", "pynq-z2", "ultra96-v2", "zcu104")
NAME = "QLSTM128_W2B8A4I8_FC_W8B8"
CORE = "hls/solution1/impl/ip"
TCLSH = shutil.which("tclsh")
STUBS = Path(__file__).parent / "vendor_stubs.tcl"

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


def example_memory(name: str, parallel: int, depth: int, width: int) -> Memory:
    """A memory that is only its shape."""
    return Memory(name=name, parallel=parallel, depth=depth, limb_widths=(width,))


def example_facts(board: str = "pynq-z1", **changes: object) -> ProjectFacts:
    """A project of three headers on a board, with its default clock."""
    loaded = load_board(board)
    facts = ProjectFacts(
        name=NAME,
        digest="0123456789abcdef",
        tool="foldline 0.1.0",
        board=loaded,
        clock_mhz=loaded.clock_mhz,
        architecture=Architecture(
            inputs=32,
            hidden=128,
            classes=82,
            precision=Precision(weight=2, bias=8, activation=4, fc_weight=8, fc_bias=8),
            folding=Folding(pe=2, simd_input=16, simd_recurrent=64, pe_out=3),
        ),
        sources=("src/top.cpp",),
        headers=("src/config.hpp", "src/top.hpp", "src/weights.hpp"),
        testbench=("tb/test_bench.cpp",),
        vectors="tb/vectors.txt",
        pipelines=(("src/top.hpp", "WORDS"), ("src/top.hpp", "PASS")),
        fit=check_fits([example_memory("input_weights", 2, 512, 64), example_memory("class_biases", 1, 56, 8)], loaded),
    )
    return replace(facts, **changes)


def write_project(folder: Path, facts: ProjectFacts, *, core: bool = False) -> Path:
    """The rendered scripts, and empty files where the C++ and the manifest will be.

    With `core`, also where the exported core will be.
    """
    for path in (*facts.sources, *facts.headers, *facts.testbench, facts.vectors, facts.manifest):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).touch()
    for path, text in render_scripts(facts).items():
        (folder / path).write_text(text, encoding="utf-8")
    if core:
        (folder / CORE).mkdir(parents=True)
        (folder / CORE / "component.xml").touch()
    return folder


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


def run_script(folder: Path, script: str, *, tool: str, arguments: tuple[str, ...] = (), **environment: str) -> Run:
    """Run a script of the project with stubs of `tool`, from another folder.

    :param environment: ``STUB_...`` for the stubs, ``FOLDLINE_...`` for the script.
    """
    elsewhere, log = folder.parent / "elsewhere", folder.parent / "commands.log"
    elsewhere.mkdir(exist_ok=True)
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("STUB_", "FOLDLINE_"))}
    done = subprocess.run(
        [TCLSH, STUBS, tool, folder / script, log, *arguments],
        cwd=elsewhere,
        env=clean | {"STUB_HEADER": REGISTER_HEADER} | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    commands = [line.split("\t") for line in log.read_text(encoding="utf-8").splitlines()]
    return Run(done.returncode, done.stdout, done.stderr, commands)

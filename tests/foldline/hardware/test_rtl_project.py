"""`foldline export --project --kernel rtl`: exactly the files of a project, simulated by Verilator and read by yosys."""

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from datapath import Design
from datapath.manifest import Kernel, Manifest
from datapath.registers import TOP
from fixedpoint_sim import simulate
from foldline.hardware.projects import export_project
from rtl_gen import model, verilator
from tests.builds import random_columns
from tests.golden_data import REPOSITORY
from tests.hls_gen.tiny_project import tiny_design
from tests.rtl_gen.test_reading import path_tool

pytestmark = pytest.mark.no_numpy2

SMALL = REPOSITORY / "golden_vectors" / "designs" / "stress_w2a2_fold.npz"
"""A network of 12 units that finds labels in random pixels."""

WRAPPER = "shipped_top"


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    export_project(Design.load(SMALL), folder, kernel=Kernel.RTL, board="pynq-z2")
    return folder


def wrapper(top: str) -> str:
    """A module around the project's top with the same ports, and ports for the top's signals that the harness observes."""
    ports = re.findall(r"^ +(input|output) wire (\[\d+:0\] )?(\w+),?$", top, re.MULTILINE)
    observed = re.findall(r"^ +wire (\[\d+:0\] )?(observe_\w+);$", top, re.MULTILINE)
    assert len(ports) == 50
    assert len(observed) == 8
    declared = [f"{direction} wire {width}{name}" for direction, width, name in ports]
    declared += [f"output wire {width}{name}" for width, name in observed]
    connected = ", ".join(f".{name}({name})" for _, _, name in ports)
    assigned = "\n".join(f"assign {name} = shipped.{name};" for _, name in observed)
    return f"module {WRAPPER} ({', '.join(declared)});\n{TOP} shipped ({connected});\n{assigned}\nendmodule\n"


@pytest.fixture
def shipped(project, rtl_builds, monkeypatch) -> None:
    """RTL simulations are those of the files in the project's folder `rtl`, and of no others."""
    files = {path.name: path.read_text(encoding="utf-8") for path in (project / "rtl").iterdir()}
    roms = {name: text for name, text in files.items() if name.endswith(".mem")}
    sources = {name: text for name, text in files.items() if name.endswith((".sv", ".v"))}
    sources[f"{WRAPPER}.v"] = wrapper(files[f"{TOP}.v"])
    options = tuple(WRAPPER if word == TOP else word for word in verilator.VERILATE)
    monkeypatch.setattr(verilator, "VERILATE", options)
    values = model.parameters(Design.load(SMALL))
    sizes = {name: values[name] for name in model.HARNESS_SIZES}
    monkeypatch.setattr(
        model, "built_rtl", lambda _, *, trace: (verilator.built_program(sources, sizes=sizes, trace=trace), roms)
    )


@pytest.mark.pynq
def test_the_driver_reads_the_known_answer_lines_on_the_files_of_the_project(project, shipped):
    """On the virtual board: registers by AXI4-Lite, columns and labels in bursts, with the project's manifest and design,
    and a .hwh as Vivado writes it for a module reference."""
    from foldline.hardware.board import open_driver
    from tests.overlay_driver.bit_files import write_bit_file
    from tests.overlay_driver.handoff import MODULE_REFERENCE, write_handoff

    (path,) = project.glob("*.npz")
    design, bitstream = Design.load(path), write_bit_file(path.with_suffix(".bit"))
    write_handoff(bitstream, type=MODULE_REFERENCE)
    with open_driver(design, device="rtl:3", bitstream=bitstream) as driver:  # computes the known answers
        assert driver.board.device.downloads == [str(bitstream)]
        assert any(len(answer.labels) for answer in driver.manifest.answers)
        assert driver.manifest.kernel is Kernel.RTL
        lines = [random_columns(design, length, seed=length) for length in (1, 8, 33)]
        for line, result in zip(lines, driver.read_lines(lines), strict=True):
            np.testing.assert_array_equal(result.labels, simulate(design, line, ignore_limits=True).labels)
        assert driver.board.device.memory.stray == []


@pytest.mark.pynq
def test_another_weight_in_a_memory_file_is_noticed(project, shipped, monkeypatch):
    from datapath.errors import BoardError
    from foldline.hardware.board import open_driver

    build = model.built_rtl

    def damaged(design, *, trace):
        program, roms = build(design, trace=trace)
        words = roms["class_biases.mem"].splitlines()
        return program, roms | {"class_biases.mem": "".join(f"{'7' * len(word)}\n" for word in words)}

    monkeypatch.setattr(model, "built_rtl", damaged)
    (path,) = project.glob("*.npz")
    with (
        pytest.raises(BoardError, match=r"^This bitstream does not hold this design: "),
        open_driver(Design.load(path), device="rtl", manifest=path.with_suffix(".json")),
    ):
        pass


def synthesise(folder: Path) -> subprocess.CompletedProcess:
    """yosys on the files that `build.tcl` of a project names, for a chip as on the PYNQ boards."""
    build = (folder / "build.tcl").read_text(encoding="utf-8")
    named = [Path(name).name for name in re.findall(r"^    (rtl/\S+)$", build, re.MULTILINE)]
    assert all(name.endswith((".sv", ".v", ".mem")) for name in named)
    script = "; ".join([
        *(f"read_verilog -sv -defer {name}" for name in named if name.endswith(".sv")),
        *(f"read_verilog {name}" for name in named if name.endswith(".v")),
        f"hierarchy -check -top {TOP}",  # no module is missing
        f"synth_xilinx -family xc7 -run begin:map_memory -top {TOP}",  # products in DSP slices
        "check -assert",
        "stat",
    ])  # fmt: skip
    command = [path_tool("yosys"), "-p", script]
    return subprocess.run(command, cwd=folder / "rtl", capture_output=True, text=True, timeout=300, check=False)


def test_yosys_synthesises_the_files_of_the_project_for_a_xilinx_chip(tmp_path):
    """Verilog as Verilog, SystemVerilog as SystemVerilog, and each memory file is found."""
    export_project(tiny_design(), tmp_path, kernel=Kernel.RTL)
    shipped = {path.name for path in (tmp_path / "rtl").iterdir()}
    assert shipped - {"bounds.json"} == set(
        re.findall(r"^    rtl/(\S+)$", (tmp_path / "build.tcl").read_text(), re.MULTILINE)
    )
    done = synthesise(tmp_path)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    assert int(re.findall(r"^ +DSP48E1 +(\d+)$", done.stdout, re.MULTILINE)[-1]) > 0
    (tmp_path / "rtl" / "tanh.mem").unlink()
    lacking = synthesise(tmp_path)
    assert lacking.returncode != 0
    assert "tanh.mem" in lacking.stderr


def test_the_manifest_is_of_the_rtl_kernel_and_holds_the_design(project):
    (path,) = project.glob("*.npz")
    manifest = Manifest.read(path.with_suffix(".json"))
    assert manifest.kernel is Kernel.RTL
    manifest.require(Design.load(path), "the project")

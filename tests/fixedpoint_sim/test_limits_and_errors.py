"""Lines that exceed a limit of the overlay, and input that is not a line."""

import re
import subprocess
import sys

import numpy as np
import pytest

from datapath import Limits, fold
from datapath.errors import ConfigError, DataError, DesignError, LimitError
from fixedpoint_sim import simulate, simulate_folded, simulate_lines, trace_writer
from tests.designs import random_design
from tests.golden_data import REPOSITORY
from tests.reference import reference_labels


@pytest.fixture(scope="module")
def design():
    """I 4, H 4, C 3, with limits that short lines pass."""
    return random_design(1, folding=(2, 2, 4), limits=Limits(columns=40, labels=5))


def _line(length, inputs=4):
    return np.random.default_rng(length).integers(-8, 8, size=(length, inputs)).astype(np.int8)


def _message(error):
    return re.escape(error) + "$"


def _busy_line(design):
    """A line within the columns whose labels exceed the limit, found by search."""
    for seed in range(2000):
        line = np.random.default_rng(seed).choice([-8, 7], size=(40, 4)).astype(np.int8)
        trace = simulate(design, line, ignore_limits=True)
        if trace.exceeded:
            return line, trace
    raise LookupError("no line of 2000 emits more than 5 labels")


@pytest.mark.parametrize(
    ("length", "message"),
    [
        (42, "The line exceeds the overlay: 42 columns, allowed at most 40."),
        (7, "The line exceeds the overlay: 7 columns, allowed an even number."),
        (43, "The line exceeds the overlay: 43 columns, allowed at most 40; 43 columns, allowed an even number."),
    ],
)
def test_a_line_that_exceeds_a_limit_is_refused_by_both_simulators(design, length, message):
    for run in (simulate, lambda d, c: simulate_folded(fold(d), d, c)):
        with pytest.raises(LimitError, match=_message(message)):
            run(design, _line(length))


def test_with_ignored_limits_such_a_line_is_computed_and_the_trace_names_them(design):
    trace = simulate(design, _line(43), ignore_limits=True)
    assert trace.scores.shape == (43, 3)
    assert [str(limit) for limit in trace.exceeded] == [
        "43 columns, allowed at most 40",
        "43 columns, allowed an even number",
    ]
    assert simulate(design, _line(40)).exceeded == ()


def test_too_many_labels_are_refused_or_cut(design):
    line, trace = _busy_line(design)
    every_label = reference_labels(trace.scores.tolist(), limit=1000)
    assert len(every_label) > 5
    assert trace.labels.tolist() == every_label[:5]
    message = f"The line exceeds the overlay: {len(every_label)} labels, allowed at most 5."
    with pytest.raises(LimitError, match=_message(message)):
        simulate(design, line)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (np.zeros((4, 5), dtype=np.int8), "The columns have shape [4, 5]; the design takes [T, 4], T >= 1."),
        (np.zeros((0, 4), dtype=np.int8), "The columns have shape [0, 4]; the design takes [T, 4], T >= 1."),
        (np.zeros(4, dtype=np.int8), "The columns have shape [4]; the design takes [T, 4], T >= 1."),
        (np.zeros((2, 4)), "The columns have type float64; they must be raw integers."),
        (np.zeros((2, 4), dtype="m8[s]"), "The columns have type timedelta64[s]; they must be raw integers."),
        (np.array([[0, 0, 0, 0], [0, 0, 8, 0]]), "Pixel 2 of column 1 is 8; 4 bits allow -8 to 7."),
        (np.array([[0, -9, 0, 0]] * 2), "Pixel 1 of column 0 is -9; 4 bits allow -8 to 7."),
    ],
)
def test_what_is_no_line_is_refused(design, columns, message):
    with pytest.raises(DataError, match=_message(message)):
        simulate(design, columns)


def test_a_line_that_fails_is_raised_in_its_turn(design):
    traces = simulate_lines(design, [_line(4), _line(5), _line(6)], threads=2)
    assert next(traces).scores.shape == (4, 3)
    with pytest.raises(LimitError, match="5 columns, allowed an even number"):
        next(traces)


def test_fewer_than_one_thread_is_refused(design):
    with pytest.raises(ConfigError, match=_message("threads is 0; it must be 1 or more.")):
        simulate_lines(design, [], threads=0)


def test_arrays_with_other_peepholes_are_refused(design):
    other = fold(random_design(1, folding=(2, 2, 4), limits=design.limits, peepholes=(8, 1)))
    message = "The folded arrays have peephole_format PeepholeFormat(bits=8, integer=1), the design has None."
    with pytest.raises(DesignError, match=_message(message)):
        simulate_folded(other, design, _line(4))


def test_another_networks_arrays_are_refused(design):
    other = fold(random_design(2, classes=2, limits=design.limits))
    with pytest.raises(DesignError, match=_message("The folded arrays have classes 2, the design has 3.")):
        simulate_folded(other, design, _line(4))


def test_saved_traces_hold_every_stage_in_order(design, tmp_path):
    traces = [simulate(design, _line(length)) for length in (4, 8)]
    with trace_writer(tmp_path / "trace.npz", design.alphabet) as write:
        for trace in traces:
            write(trace)
    with np.load(tmp_path / "trace.npz", allow_pickle=False) as saved:
        assert sorted(saved.files) == sorted(
            ["alphabet", *(f"{stage}_{i}" for i in range(2) for stage in ("hidden", "scores", "labels"))]
        )
        assert saved["alphabet"].tolist() == ["", "a", "b"]
        for i, trace in enumerate(traces):
            for stage, dtype in (("hidden", np.int8), ("scores", np.int16), ("labels", np.uint8)):
                assert saved[f"{stage}_{i}"].dtype == dtype
                assert np.array_equal(saved[f"{stage}_{i}"], getattr(trace, stage))


def test_without_a_place_for_its_cache_the_simulator_still_runs():
    code = """
import numba.core.caching as caching

def nowhere(self):
    raise OSError(30, "Read-only file system")

for name in dir(caching):
    if name.endswith("CacheLocator"):
        getattr(caching, name).ensure_cache_path = nowhere
import numpy as np
from fixedpoint_sim import simulate_folded_lines
import fixedpoint_sim.kernels
values, rows = np.zeros(8, dtype=np.int16), np.zeros(8, dtype=np.int64)
print(fixedpoint_sim.kernels.fill_pass(values, rows, 1))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=REPOSITORY)
    assert (done.returncode, done.stdout) == (0, "4\n"), done.stderr

"""The simulators against the plain-integer reference, against the real hardware's vectors, and against each other."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datapath import Folding, Limits, PeepholeFormat, Peepholes, Precision, fold
from fixedpoint_sim import inspect_line, simulate, simulate_folded, simulate_folded_lines, simulate_lines
from tests import golden_data
from tests.designs import random_design
from tests.reference import reference, reference_labels, reference_scores
from tests.strategies import designs, foldings, raw_values

STAGES = ("hidden", "scores", "labels")


def _assert_equal(trace, expected, place):
    for stage in STAGES:
        got, wanted = getattr(trace, stage), getattr(expected, stage)
        assert got.dtype == wanted.dtype
        assert np.array_equal(got, wanted), f"{place}: {np.count_nonzero(got != wanted)} of {got.size} {stage} differ"


@st.composite
def designs_and_lines(draw, **options):
    design = draw(designs(**options))
    length = draw(st.integers(1, 24))
    return design, draw(raw_values((length, design.inputs), design.precision.activation))


@settings(max_examples=150, deadline=None)
@given(designs_and_lines())
def test_both_simulators_compute_what_the_specification_states(drawn):
    design, columns = drawn
    hidden, scores, labels = reference(design, columns)
    for trace in (
        simulate(design, columns, ignore_limits=True),
        simulate_folded(fold(design), design, columns, ignore_limits=True),
    ):
        assert trace.hidden.tolist() == hidden
        assert trace.scores.tolist() == scores
        assert trace.labels.tolist() == labels
        assert trace.text == design.alphabet.text(labels)


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_sums_that_wrap_compute_what_the_specification_states(data):
    # 128 inputs at full scale: sums pass the accumulator's 16 bits.
    design, columns = data.draw(
        designs_and_lines(
            inputs=128,
            hidden=st.integers(1, 4),
            precision=Precision(weight=8, bias=8, activation=8, fc_weight=8, fc_bias=8),
        )
    )
    hidden, scores, labels = reference(design, columns)
    trace = simulate(design, columns, ignore_limits=True)
    assert (trace.hidden.tolist(), trace.scores.tolist(), trace.labels.tolist()) == (hidden, scores, labels)
    _assert_equal(simulate_folded(fold(design), design, columns, ignore_limits=True), trace, "folded-order simulator")


@pytest.mark.parametrize("name", golden_data.PUBLISHED)
def test_published_networks_compute_what_the_hardware_source_computes(shared_data, name):
    design = golden_data.published_network(shared_data, name)
    vectors = list(golden_data.lines(shared_data / "golden" / f"published_{name}.npz"))
    assert len(vectors) == 6
    lines = [line.pixels for line in vectors]
    fast = list(simulate_lines(design, lines))
    folded = list(simulate_folded_lines(fold(design), design, lines))
    for number, expected in enumerate(vectors):
        _assert_equal(fast[number], expected, f"{name}, line {number}, vectorised simulator")
        _assert_equal(folded[number], expected, f"{name}, line {number}, folded-order simulator")


@pytest.mark.parametrize("name", golden_data.STRESS)
def test_stress_networks_compute_what_the_hardware_source_computes(shared_data, name):
    design = golden_data.stress_network(shared_data, name)
    vectors = list(golden_data.lines(shared_data / "golden" / f"stress_{name}.npz"))
    assert len(vectors) >= 2
    for number, expected in enumerate(vectors):
        trace = simulate(design, expected.pixels, ignore_limits=True)
        _assert_equal(trace, expected, f"{name}, line {number}, vectorised simulator")
        folded = simulate_folded(fold(design), design, expected.pixels, ignore_limits=True)
        _assert_equal(folded, expected, f"{name}, line {number}, folded-order simulator")


@pytest.mark.parametrize("name", golden_data.PEEPHOLE)
def test_networks_with_peepholes_compute_what_the_hardware_source_computes(shared_data, name):
    design = golden_data.peephole_network(shared_data, name)
    vectors = list(golden_data.lines(shared_data / "golden" / f"peephole_{name}.npz"))
    assert len(vectors) == 2
    for number, expected in enumerate(vectors):
        traces = (
            simulate(design, expected.pixels, ignore_limits=True),
            simulate_folded(fold(design), design, expected.pixels, ignore_limits=True),
            inspect_line(design, expected.pixels, ignore_limits=True).trace,
        )
        # Of scores and labels there are no vectors.
        scores = reference_scores(design, expected.hidden)
        labels = reference_labels(scores, design.limits.labels)
        for simulator, trace in zip(
            ("vectorised simulator", "folded-order simulator", "profiling simulator"), traces, strict=True
        ):
            wrong = np.count_nonzero(trace.hidden != expected.hidden)
            assert np.array_equal(trace.hidden, expected.hidden), (
                f"line {number}, {simulator}: {wrong} hidden words differ"
            )
            assert trace.scores.tolist() == scores, f"line {number}, {simulator}"
            assert trace.labels.tolist() == labels, f"line {number}, {simulator}"


@pytest.mark.parametrize("gate", range(3))
def test_every_peephole_acts(shared_data, gate):
    design = golden_data.peephole_network(shared_data, "w5a5")
    line = next(golden_data.lines(shared_data / "golden" / "peephole_w5a5.npz"))
    weights = design.peepholes.weights.copy()
    weights[:, gate] = 0
    without = dataclasses.replace(design, peepholes=dataclasses.replace(design.peepholes, weights=weights))
    hidden = simulate(without, line.pixels).hidden
    assert np.array_equal(hidden[0], line.hidden[0])  # none acts at the first column
    assert not np.array_equal(hidden, line.hidden)


@pytest.mark.parametrize("bits", range(1, 17))
def test_peepholes_at_both_ends_of_every_range(bits):
    random = np.random.default_rng(bits)
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    for integer in {1, (bits + 1) // 2, bits}:
        for ends in ((low, low), (high, high), (low, high)):
            design = random_design(bits, bits=(8, 8, 8, 8, 8), inputs=5, hidden=4, folding=(2, 5, 1), pe_out=2)
            peepholes = Peepholes(
                format=PeepholeFormat(bits=bits, integer=integer), weights=random.choice(ends, size=(2, 3, 4))
            )
            design = dataclasses.replace(design, peepholes=peepholes)
            columns = random.choice((-128, 127), size=(8, 5)).astype(np.int8)
            expected = reference(design, columns)
            for trace in (simulate(design, columns), simulate_folded(fold(design), design, columns)):
                assert (trace.hidden.tolist(), trace.scores.tolist(), trace.labels.tolist()) == expected


def test_peepholes_of_zero_change_nothing():
    plain = random_design(4, bits=(4, 8, 8, 8, 8), inputs=6, hidden=5, classes=4)
    zeros = Peepholes(format=PeepholeFormat(bits=8, integer=1), weights=np.zeros((2, 3, 5), dtype=np.int8))
    idle = dataclasses.replace(plain, peepholes=zeros)
    columns = np.random.default_rng(5).integers(-128, 128, size=(20, 6)).astype(np.int8)
    expected = simulate(plain, columns)
    _assert_equal(simulate(idle, columns), expected, "vectorised simulator")
    _assert_equal(simulate_folded(fold(idle), idle, columns), expected, "folded-order simulator")


def test_no_folding_changes_a_bit_of_a_published_network(shared_data):
    random = np.random.default_rng(0)
    choices = [2**n for n in range(8)]
    for case in range(25):
        name = golden_data.PUBLISHED[case % len(golden_data.PUBLISHED)]
        design = golden_data.published_network(shared_data, name)
        folding = Folding(
            pe=int(random.choice(choices)),
            simd_input=int(random.choice(choices[:6])),
            simd_recurrent=int(random.choice(choices)),
        )
        refolded = design.refolded(folding)
        line = next(golden_data.lines(shared_data / "golden" / f"published_{name}.npz"))
        _assert_equal(simulate_folded(fold(refolded), refolded, line.pixels), line, f"{name} at {folding}")


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_folding_changes_a_bit(data):
    design, columns = data.draw(designs_and_lines(inputs=12, hidden=8))
    expected = simulate(design, columns, ignore_limits=True)
    folding = data.draw(foldings(12, 8, design.classes))
    refolded = design.refolded(folding)
    _assert_equal(simulate_folded(fold(refolded), refolded, columns, ignore_limits=True), expected, str(folding))


def test_a_wrongly_folded_header_gives_other_bits(shared_data):
    design = golden_data.published_network(shared_data, "W2A4")
    line = next(golden_data.lines(shared_data / "golden" / "published_W2A4.npz"))
    network = fold(design.refolded(Folding(pe=2, simd_input=8, simd_recurrent=32)))
    swapped = dataclasses.replace(network, weights_input=network.weights_input[:, :, :, ::-1].copy())
    folded = simulate_folded(swapped, design, line.pixels)
    assert not np.array_equal(folded.hidden, line.hidden)


@pytest.mark.parametrize("threads", [1, 2, 7])
def test_threads_change_neither_bits_nor_order(threads):
    design = random_design(5, bits=(4, 8, 8, 8, 8), inputs=12, hidden=8, classes=5)
    random = np.random.default_rng(6)
    lines = [random.integers(-128, 128, size=(2 * n, design.inputs)).astype(np.int8) for n in range(1, 60)]
    alone = [simulate(design, line) for line in lines]
    together = list(simulate_lines(design, iter(lines), threads=threads))
    assert len(together) == len(lines)
    for number, (got, expected) in enumerate(zip(together, alone, strict=True)):
        _assert_equal(got, expected, f"line {number}")


@pytest.mark.parametrize("bits", [(2, 8, 2, 8, 8), (4, 8, 8, 8, 8)])
def test_any_number_of_lines_of_mixed_lengths(bits):
    design = random_design(8, bits=bits, inputs=5, hidden=3, classes=4)
    random = np.random.default_rng(9)
    half = 1 << (bits[2] - 1)
    lengths = [2, 2000, *(2 * random.integers(1, 60, size=68))]
    lines = [random.integers(-half, half, size=(length, 5)).astype(np.int8) for length in lengths]
    alone = [simulate_folded(fold(design), design, line, ignore_limits=True) for line in lines]
    for count in range(1, len(lines) + 1):
        together = list(simulate_lines(design, lines[:count], ignore_limits=True, threads=1 + count % 5))
        assert len(together) == count
        for number, (got, expected) in enumerate(zip(together, alone, strict=False)):
            _assert_equal(got, expected, f"line {number} of {count}")


@pytest.mark.parametrize("weight", range(1, 9))
@pytest.mark.parametrize("activation", range(1, 9))
def test_every_pair_of_widths_at_both_ends_of_every_range(weight, activation):
    design = random_design(weight, bits=(weight, 8, activation, weight, 8), inputs=5, hidden=3, classes=4)
    low, high = -(1 << (weight - 1)), (1 << (weight - 1)) - 1
    half = 1 << (activation - 1)
    random = np.random.default_rng(10 * weight + activation)
    for ends in ((low, low), (high, high), (low, high)):
        extreme = dataclasses.replace(
            design,
            weights_input=random.choice(ends, size=design.weights_input.shape),
            weights_recurrent=random.choice(ends, size=design.weights_recurrent.shape),
            fc_weights=random.choice(ends, size=design.fc_weights.shape),
        )
        for pixels in ((-half, -half), (half - 1, half - 1), (-half, half - 1)):
            columns = random.choice(pixels, size=(8, 5)).astype(np.int8)
            hidden, scores, labels = reference(extreme, columns)
            trace = simulate(extreme, columns)
            assert (trace.hidden.tolist(), trace.scores.tolist(), trace.labels.tolist()) == (hidden, scores, labels)


def test_labels_are_cut_at_the_limit_and_the_trace_names_it(shared_data):
    design = golden_data.stress_network(shared_data, "w3a5_long")
    assert design.limits == Limits(columns=732, labels=95)
    line = next(golden_data.lines(shared_data / "golden" / "stress_w3a5_long.npz"))
    trace = simulate(design, line.pixels, ignore_limits=True)
    every_label = reference_labels(line.scores.tolist(), limit=1000)
    assert trace.labels.tolist() == every_label[:95]
    assert [str(limit) for limit in trace.exceeded] == [f"{len(every_label)} labels, allowed at most 95"]

"""The RTL against all reference vectors, in many foldings, and random designs over all widths: hidden words, scores, labels,
their count, and the cycles of every line.

Three of the small networks that Foldline includes run in `make test`, the rest takes minutes.
"""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datapath import Design, Limits
from datapath.npz import read_npz
from foldline.hardware.rtl import RtlSimulator
from golden_vectors import FOLDER
from tests import strategies
from tests.builds import random_columns
from tests.golden_data import PEEPHOLE, PUBLISHED, STRESS, lines
from tests.matrix import (
    FOLDINGS,
    MORE_FOLDINGS,
    WIDTHS,
    any_design,
    assert_peephole_vectors,
    assert_random_lines,
    assert_vectors,
    folds,
    network,
)

BOTH = {"one": FOLDINGS, "another": MORE_FOLDINGS}
"""Two foldings of every reference network."""

each_folding = pytest.mark.parametrize("folding", BOTH)


def test_at_least_24_foldings_have_pe_and_simd_above_1(shared_data):
    designs = {
        (name, design.folding)
        for name in FOLDINGS
        for design in (network(shared_data, name, foldings) for foldings in BOTH.values())
        if design.folding.pe > 1 and min(folds(design)) > 1
    }
    assert FOLDINGS.keys() == MORE_FOLDINGS.keys() == {*PUBLISHED, *STRESS, *PEEPHOLE}
    assert len(designs) >= 24


STRESSED = sorted((FOLDER / "designs").glob("stress_*.npz"))
IN_EVERY_RUN = {"stress_w1a1_narrow", "stress_w3a5_odd", "stress_w8a8_wrap"}
"""Each takes a build of twenty seconds."""


@pytest.mark.parametrize(
    "path",
    [pytest.param(path, marks=() if path.stem in IN_EVERY_RUN else pytest.mark.exhaustive) for path in STRESSED],
    ids=lambda path: path.stem,
)
def test_included_stress_networks(path, rtl_builds):
    simulator, vectors = RtlSimulator(Design.load(path)), read_npz(FOLDER / "vectors" / path.name, limit=1 << 30)
    count = sum(entry.startswith("pixels_") for entry in vectors)
    assert count
    for number in range(count):
        trace = simulator.run(vectors[f"pixels_{number}"], ignore_limits=True)
        assert trace.mismatch == ""
        assert np.array_equal(trace.labels, vectors[f"labels_{number}"])


@pytest.mark.exhaustive
@pytest.mark.parametrize("path", sorted((FOLDER / "designs").glob("QLSTM*.npz")), ids=lambda path: path.stem)
def test_shipped_networks(path, rtl_builds):
    simulator = RtlSimulator(Design.load(path))
    vectors = list(lines(FOLDER / "vectors" / path.name))
    assert vectors
    assert_vectors(simulator, vectors)


@pytest.mark.exhaustive
@each_folding
@pytest.mark.parametrize("name", PUBLISHED)
def test_published_networks(name, folding, shared_data, rtl_builds):
    vectors = list(lines(shared_data / "golden" / f"published_{name}.npz"))
    assert_vectors(RtlSimulator(network(shared_data, name, BOTH[folding])), vectors)


@pytest.mark.exhaustive
@each_folding
@pytest.mark.parametrize("name", STRESS)
def test_stress_networks(name, folding, shared_data, rtl_builds):
    vectors = list(lines(shared_data / "golden" / f"stress_{name}.npz"))
    assert len(vectors) >= 2
    assert_vectors(RtlSimulator(network(shared_data, name, BOTH[folding])), vectors)


@pytest.mark.exhaustive
@each_folding
@pytest.mark.parametrize("name", PEEPHOLE)
def test_peepholes(name, folding, shared_data, rtl_builds):
    vectors = list(lines(shared_data / "golden" / f"peephole_{name}.npz"))
    assert_peephole_vectors(RtlSimulator(network(shared_data, name, BOTH[folding])), vectors)


@pytest.mark.parametrize(
    ("seed", "widths"),
    [pytest.param(*pair, marks=() if pair[0] < 3 else pytest.mark.exhaustive) for pair in enumerate(WIDTHS)],
    ids=str,
)
def test_random_designs_of_all_widths(seed, widths, rtl_builds):
    assert_random_lines(RtlSimulator(any_design(seed, *widths)))


@pytest.mark.exhaustive
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    design=strategies.designs(limits=st.builds(Limits, columns=st.integers(1, 40), labels=st.integers(1, 9))),
    length=st.integers(1, 40),
    seed=st.integers(0, 2**16),
)
def test_any_design(design, length, seed, rtl_builds):
    columns = random_columns(design, min(length, design.limits.columns), seed=seed)
    assert RtlSimulator(design).run(columns, ignore_limits=True).mismatch == ""

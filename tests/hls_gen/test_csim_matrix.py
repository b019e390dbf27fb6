"""The C simulation against all reference vectors, in many foldings, and random designs over all widths.

Compiled as users compile it. Together these take minutes: `make test-all` runs them.
"""

from dataclasses import replace

import numpy as np
import pytest

from datapath import Limits
from foldline.hardware.csim import CSimulator
from tests.builds import random_columns
from tests.golden_data import PEEPHOLE, PUBLISHED, STRESS, lines
from tests.matrix import FOLDINGS, WIDTHS, any_design, folds, network
from tests.reference import reference, reference_labels, reference_scores

pytestmark = pytest.mark.exhaustive

SHORT = 216
"""Columns of the longest line of a published network that is simulated: three of its six."""


def test_at_least_15_foldings_have_pe_and_simd_above_1(shared_data):
    """Issue 5, "Done when" 1: no fewer than 12 with PE > 1 and SIMD folding together."""
    assert FOLDINGS.keys() == {*PUBLISHED, *STRESS, *PEEPHOLE}
    designs = [network(shared_data, name) for name in FOLDINGS]
    both = [design for design in designs if design.folding.pe > 1 and min(folds(design)) > 1]
    assert len(both) == len({(design.folding, design.inputs, design.hidden) for design in both}) == 15
    unequal = [folds(design) for design in both if folds(design)[0] != folds(design)[1]]
    assert len(unequal) >= 10
    assert any(one > other for one, other in unequal)
    assert any(one < other for one, other in unequal)
    assert sum(design.folding.pe_out > 1 for design in both) >= 10
    assert sum(design.classes % design.folding.pe_out > 0 for design in both) >= 6


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_networks_on_their_short_lines(name, shared_data, full_csim):
    simulator = CSimulator(network(shared_data, name))
    vectors = [line for line in lines(shared_data / "golden" / f"published_{name}.npz") if len(line.pixels) <= SHORT]
    assert len(vectors) == 3
    assert_vectors(simulator, vectors)


@pytest.mark.parametrize("name", STRESS)
def test_stress_networks_on_all_lines(name, shared_data, full_csim):
    simulator = CSimulator(network(shared_data, name))
    vectors = list(lines(shared_data / "golden" / f"stress_{name}.npz"))
    assert len(vectors) >= 2
    assert_vectors(simulator, vectors)


def assert_vectors(simulator: CSimulator, vectors) -> None:
    """Equal to the simulator and to the published C++'s results."""
    for number, line in enumerate(vectors):
        trace = simulator.run(line.pixels, ignore_limits=True)
        for stage in ("hidden", "scores", "labels"):
            assert np.array_equal(getattr(trace, stage), getattr(line, stage)), (number, stage)
        assert trace.mismatch == ""


@pytest.mark.parametrize("name", PEEPHOLE)
def test_peepholes_on_all_lines(name, shared_data, full_csim):
    """Their vectors are hidden words; scores and labels come from the reference in plain integers."""
    design = network(shared_data, name)
    simulator = CSimulator(design)
    vectors = list(lines(shared_data / "golden" / f"peephole_{name}.npz"))
    assert len(vectors) == 2
    for line in vectors:
        trace = simulator.run(line.pixels, ignore_limits=True)
        assert trace.mismatch == ""
        assert np.array_equal(trace.hidden, line.hidden)
        scores = reference_scores(design, line.hidden.tolist())
        assert trace.scores.tolist() == scores
        assert trace.labels.tolist() == reference_labels(scores, design.limits.labels)


# Random designs -----------------------------------------------------------------------------------------------------


def test_all_widths_of_weights_and_of_activations_are_tested():
    assert {weight for weight, _ in WIDTHS} == {activation for _, activation in WIDTHS} == set(range(1, 9))
    designs = [any_design(seed, *widths) for seed, widths in enumerate(WIDTHS)]
    assert len({folds(design) for design in designs}) >= 8
    assert sum(design.folding.pe > 1 for design in designs) >= 8
    assert sum(design.classes % design.folding.pe_out > 0 for design in designs) >= 4


@pytest.mark.parametrize(("seed", "widths"), list(enumerate(WIDTHS)), ids=str)
def test_random_designs(seed, widths, full_csim):
    design = any_design(seed, *widths)
    simulator = CSimulator(design)
    for length in (1, 2, 3, 29, 2 * design.limits.columns + 1):
        columns = random_columns(design, length, seed=length)
        trace = simulator.run(columns, ignore_limits=True)
        assert trace.mismatch == ""
        hidden, scores, labels = reference(replace(design, limits=Limits()), columns)
        assert (trace.hidden.tolist(), trace.scores.tolist()) == (hidden, scores)
        assert (trace.labels.tolist(), trace.found) == (labels[: design.limits.labels], len(labels))

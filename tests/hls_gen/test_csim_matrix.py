"""The C simulation against all reference vectors, in many foldings, and random designs over all widths.

Compiled as users compile it. Together these take minutes: `make test-all` runs them.
"""

import pytest

from foldline.hardware.csim import CSimulator
from tests.golden_data import PEEPHOLE, PUBLISHED, STRESS, lines
from tests.matrix import (
    FOLDINGS,
    WIDTHS,
    any_design,
    assert_peephole_vectors,
    assert_random_lines,
    assert_vectors,
    folds,
    network,
)

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


@pytest.mark.parametrize("name", PEEPHOLE)
def test_peepholes_on_all_lines(name, shared_data, full_csim):
    vectors = list(lines(shared_data / "golden" / f"peephole_{name}.npz"))
    assert_peephole_vectors(CSimulator(network(shared_data, name)), vectors)


# Random designs -----------------------------------------------------------------------------------------------------


def test_all_widths_of_weights_and_of_activations_are_tested():
    assert {weight for weight, _ in WIDTHS} == {activation for _, activation in WIDTHS} == set(range(1, 9))
    designs = [any_design(seed, *widths) for seed, widths in enumerate(WIDTHS)]
    assert len({folds(design) for design in designs}) >= 8
    assert sum(design.folding.pe > 1 for design in designs) >= 8
    assert sum(design.classes % design.folding.pe_out > 0 for design in designs) >= 4


@pytest.mark.parametrize(("seed", "widths"), list(enumerate(WIDTHS)), ids=str)
def test_random_designs(seed, widths, full_csim):
    assert_random_lines(CSimulator(any_design(seed, *widths)))

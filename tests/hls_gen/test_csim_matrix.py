"""The C simulation against all reference vectors, in many foldings, and random designs over all widths.

Compiled as users compile it. Together these take minutes: `make test-all` runs them.
"""

from dataclasses import replace

import numpy as np
import pytest

from datapath import Design, Folding, Limits
from foldline.hardware.csim import CSimulator
from tests.builds import random_columns
from tests.designs import random_design
from tests.golden_data import (
    PEEPHOLE,
    PUBLISHED,
    STRESS,
    lines,
    peephole_network,
    published_network,
    stress_network,
)
from tests.reference import reference, reference_labels, reference_scores

pytestmark = pytest.mark.exhaustive

# PE, SIMD_INPUT, SIMD_RECURRENT, PE_OUT of the reference networks, PE > 1 and SIMD folding on both sides throughout.
FOLDINGS = {
    "W2A2": (2, 8, 16, 1),  # published: 32 inputs, 128 hidden units, 82 classes
    "W2A4": (4, 16, 8, 2),
    "W4A4": (8, 4, 32, 3),
    "W4A8": (2, 2, 64, 5),
    "W8A8": (16, 1, 4, 8),
    "w2a2_fold": (4, 2, 8, 3),  # 8 inputs, 16 hidden, 11 classes
    "w3a5_long": (2, 5, 10, 1),  # 10, 20, 13
    "w3a5_odd": (5, 2, 4, 4),
    "w4a4_extreme": (8, 8, 2, 11),  # 16, 32, 11
    "w4a8_round": (6, 4, 12, 7),  # 12, 24, 30
    "w8a8_overflow": (4, 16, 64, 2),  # 32, 128, 12
    "w8a8_saturate": (8, 1, 4, 1),  # 4, 8, 6
    "w8a8_wrap": (2, 4, 16, 6),  # 32, 128, 20
    "w5a5": (10, 5, 4, 3),  # peepholes of fixed<8, 1>: 10, 20, 11
    "w5a5_wide": (3, 5, 2, 2),  # and of fixed<8, 4>: 25, 12, 11
}
SHORT = 216
"""Columns of the longest line of a published network that is simulated: three of its six."""


def network(data, name: str) -> Design:
    read = published_network if name in PUBLISHED else peephole_network if name in PEEPHOLE else stress_network
    pe, simd_input, simd_recurrent, pe_out = FOLDINGS[name]
    folding = Folding(pe=pe, simd_input=simd_input, simd_recurrent=simd_recurrent, pe_out=pe_out)
    return read(data, name).refolded(folding)


def folds(design: Design) -> tuple[int, int]:
    return design.inputs // design.folding.simd_input, design.hidden // design.folding.simd_recurrent


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

# W and A of two designs for each width: every value of each, narrow with narrow, narrow with wide, wide with wide.
WIDTHS = [*((n, n) for n in range(1, 9)), *((n, 9 - n) for n in range(1, 9))]


def divisor(random: np.random.Generator, number: int) -> int:
    return int(random.choice([n for n in range(1, number + 1) if number % n == 0]))


def any_design(seed: int, weight: int, activation: int) -> Design:
    """Dimensions, other widths, folding, limits, and peepholes in every second one, from a seed."""
    random = np.random.default_rng(seed)
    inputs, hidden, classes = (int(size) for size in random.integers((1, 2, 2), (25, 17, 20)))
    bias, fc_weight, fc_bias = (int(bits) for bits in random.integers(1, 9, size=3))
    bits = int(random.integers(1, 17))
    return random_design(
        seed,
        bits=(weight, bias, activation, fc_weight, fc_bias),
        inputs=inputs,
        hidden=hidden,
        classes=classes,
        folding=(divisor(random, hidden), divisor(random, inputs), divisor(random, hidden)),
        pe_out=int(random.integers(1, classes + 1)),
        limits=Limits(columns=int(random.integers(30, 50)), labels=int(random.integers(1, 8))),
        peepholes=(bits, int(random.integers(1, bits + 1))) if seed % 2 else None,
    )


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

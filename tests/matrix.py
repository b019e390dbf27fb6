"""Networks and foldings in which the C simulation and the RTL are compared with the reference vectors and the simulator."""

from dataclasses import replace

import numpy as np

from datapath import Design, Folding, Limits
from foldline.hardware.hardware_simulator import HardwareSimulator
from tests.builds import random_columns
from tests.designs import random_design
from tests.golden_data import PEEPHOLE, PUBLISHED, peephole_network, published_network, stress_network
from tests.reference import reference, reference_labels, reference_scores

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

MORE_FOLDINGS = {
    "W2A2": (8, 4, 64, 2),
    "W2A4": (2, 8, 32, 3),
    "W4A4": (4, 2, 16, 1),
    "W4A8": (4, 16, 32, 4),
    "W8A8": (2, 4, 8, 2),
    "w2a2_fold": (8, 1, 2, 1),
    "w3a5_long": (4, 2, 5, 13),
    "w3a5_odd": (10, 5, 2, 1),
    "w4a4_extreme": (2, 4, 16, 3),
    "w4a8_round": (3, 2, 8, 1),
    "w8a8_overflow": (16, 8, 2, 5),
    "w8a8_saturate": (4, 2, 2, 6),
    "w8a8_wrap": (8, 1, 64, 3),
    "w5a5": (4, 2, 10, 1),
    "w5a5_wide": (2, 1, 6, 4),
}
"""Other foldings of the same networks, for the RTL."""


def network(data, name: str, foldings: dict[str, tuple[int, int, int, int]] = FOLDINGS) -> Design:
    """A reference network in its folding of a table."""
    read = published_network if name in PUBLISHED else peephole_network if name in PEEPHOLE else stress_network
    pe, simd_input, simd_recurrent, pe_out = foldings[name]
    folding = Folding(pe=pe, simd_input=simd_input, simd_recurrent=simd_recurrent, pe_out=pe_out)
    return read(data, name).refolded(folding)


def folds(design: Design) -> tuple[int, int]:
    return design.inputs // design.folding.simd_input, design.hidden // design.folding.simd_recurrent


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


def assert_vectors(simulator: HardwareSimulator, vectors) -> None:
    """Equal to the simulator, and to the published C++'s results."""
    for number, line in enumerate(vectors):
        trace = simulator.run(line.pixels, ignore_limits=True)
        for stage in ("hidden", "scores", "labels"):
            assert np.array_equal(getattr(trace, stage), getattr(line, stage)), (number, stage)
        assert trace.mismatch == "", number


def assert_peephole_vectors(simulator: HardwareSimulator, vectors) -> None:
    """Their vectors are hidden words; scores and labels come from the reference in plain integers."""
    assert len(vectors) == 2
    for line in vectors:
        trace = simulator.run(line.pixels, ignore_limits=True)
        assert trace.mismatch == ""
        assert np.array_equal(trace.hidden, line.hidden)
        scores = reference_scores(simulator.design, line.hidden.tolist())
        assert trace.scores.tolist() == scores
        assert trace.labels.tolist() == reference_labels(scores, simulator.design.limits.labels)


def assert_random_lines(simulator: HardwareSimulator) -> None:
    """Equal to the simulator and to the reference on lines of few and of more columns than the limit."""
    limits = simulator.design.limits
    for length in (1, 2, 3, 29, 2 * limits.columns + 1):
        columns = random_columns(simulator.design, length, seed=length)
        trace = simulator.run(columns, ignore_limits=True)
        assert trace.mismatch == ""
        hidden, scores, labels = reference(replace(simulator.design, limits=Limits()), columns)
        assert (trace.hidden.tolist(), trace.scores.tolist()) == (hidden, scores)
        assert (trace.labels.tolist(), trace.found) == (labels[: limits.labels], len(labels))

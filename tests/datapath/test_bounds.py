"""Bounds of sums: equal to the lowest and highest sum of all inputs of tiny networks, and to a naive reference."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings

from datapath import Design
from datapath.bounds import Bounds, SumBounds, SumWidths, sum_bounds
from datapath.errors import DesignError
from golden_vectors import FOLDER
from tests import strategies
from tests.designs import random_design
from tests.reference import round_to_even_on_tie, round_to_zero_on_tie

GOLDEN = FOLDER / "designs"


def values_of(bits: int) -> range:
    return range(-(1 << (bits - 1)), 1 << (bits - 1))


def gate_sum(design: Design, place: tuple[int, int, int], pixels, hidden) -> int:
    """A gate sum without wrapping, in units of 2^-8, by the naive reference's rounding."""
    bits = design.precision
    total = (int(design.biases_input[place]) + int(design.biases_recurrent[place])) * 2 ** (9 - bits.bias)
    weights = [*design.weights_input[place].tolist(), *design.weights_recurrent[place].tolist()]
    shift = bits.activation - 1 + bits.weight - 1 - 8
    return total + sum(
        round_to_zero_on_tie(value * weight, shift) for value, weight in zip((*pixels, *hidden), weights, strict=True)
    )


def half_score(design: Design, place: tuple[int, int], hidden) -> int:
    """A half score, likewise."""
    bits = design.precision
    shift = bits.activation - 1 + bits.fc_weight - 1 - 8
    return int(design.fc_biases[place]) * 2 ** (9 - bits.fc_bias) + sum(
        round_to_even_on_tie(value * weight, shift)
        for value, weight in zip(hidden, design.fc_weights[place].tolist(), strict=True)
    )


@pytest.mark.parametrize(
    ("bits", "inputs", "hidden"),
    [((2, 8, 2, 3, 4), 2, 2), ((3, 2, 3, 2, 8), 1, 2), ((1, 1, 1, 1, 1), 3, 2), ((6, 5, 6, 8, 7), 1, 1)],
    ids=["two of each", "three bits", "one bit", "products are rounded"],
)
@pytest.mark.parametrize("seed", [1, 2])
def test_they_are_the_ends_of_all_inputs_sums(bits, inputs, hidden, seed):
    design = random_design(seed, bits=bits, inputs=inputs, hidden=hidden, classes=2)
    bounds, values = sum_bounds(design), values_of(design.precision.activation)
    words = list(product(values, repeat=hidden))
    for place in np.ndindex(2, 4, hidden):
        sums = {gate_sum(design, place, pixels, word) for pixels in product(values, repeat=inputs) for word in words}
        assert (bounds.gates.low[place], bounds.gates.high[place]) == (min(sums), max(sums)), place
    for number in range(2):
        halves = [{half_score(design, (direction, number), word) for word in words} for direction in range(2)]
        for direction, sums in enumerate(halves):
            found = bounds.half_scores
            assert (found.low[direction, number], found.high[direction, number]) == (min(sums), max(sums))
        scores = {one + other for one, other in product(*halves)}
        assert (bounds.scores.low[number], bounds.scores.high[number]) == (min(scores), max(scores))


@settings(max_examples=60)
@given(design=strategies.designs())
def test_they_equal_a_naive_reference(design):
    """The ends of a product of a value and a weight are among the products of the ends of the value."""
    bounds, ends = (
        sum_bounds(design),
        (values_of(design.precision.activation)[0], values_of(design.precision.activation)[-1]),
    )
    for place in np.ndindex(2, 4, design.hidden):
        weights = [*design.weights_input[place].tolist(), *design.weights_recurrent[place].tolist()]
        for found, chosen in (
            (bounds.gates.low, [ends[weight < 0] for weight in weights]),
            (bounds.gates.high, [ends[weight > 0] for weight in weights]),
        ):
            pixels, hidden = chosen[: design.inputs], chosen[design.inputs :]
            assert found[place] == gate_sum(design, place, pixels, hidden)
    for place in np.ndindex(2, design.classes):
        weights = design.fc_weights[place].tolist()
        low = half_score(design, place, [ends[weight < 0] for weight in weights])
        high = half_score(design, place, [ends[weight > 0] for weight in weights])
        assert (bounds.half_scores.low[place], bounds.half_scores.high[place]) == (low, high)


@pytest.mark.parametrize(
    ("low", "high", "bits"),
    [
        *[(0, 0, 1), (-1, 0, 1), (0, 1, 2), (-2, 1, 2), (-3, 1, 3), (-2, 2, 3), (-256, 255, 9), (-256, 256, 10)],
        *[(-32768, 32767, 16), (-32769, 0, 17), (0, 32768, 17), (5, 9, 5), (-9, -5, 5), (-(1 << 20), 0, 21)],
    ],
)
def test_bits_of_a_sum(low, high, bits):
    bounds = Bounds(low=np.array([low]), high=np.array([high]))
    assert bounds.bits.tolist() == [bits]
    assert bounds.can_wrap.tolist() == [bits > 16]
    assert bounds.width == min(max(bits, 10), 16)


def test_a_half_score_is_not_wider_than_the_scores():
    """Halves around 1 and -1 whose sums are around 0: only the bits of the sum are added."""
    halves = Bounds(low=np.array([[4000], [-4100]]), high=np.array([[4100], [-4000]]))
    scores = Bounds(low=halves.low.sum(axis=0), high=halves.high.sum(axis=0))
    widths = SumBounds(gates=scores, half_scores=halves, scores=scores).widths
    assert widths == SumWidths(gate=10, half_score=10, score=10)


@pytest.mark.parametrize(
    ("name", "widths", "wrapping"),
    [
        ("stress_w8a8_wrap", SumWidths(gate=16, half_score=12, score=13), 64),
        ("stress_w1a1_narrow", SumWidths(gate=13, half_score=12, score=13), 0),
        ("QLSTM128_W2B8A2I8_FC_W8B8", SumWidths(gate=15, half_score=14, score=15), 0),
        ("QLSTM128_W2B8A4I8_FC_W8B8", SumWidths(gate=15, half_score=15, score=16), 0),
        ("QLSTM128_W4B8A4I8_FC_W8B8", SumWidths(gate=16, half_score=15, score=16), 0),
        ("QLSTM128_W4B8A8I8_FC_W8B8", SumWidths(gate=16, half_score=15, score=16), 0),
    ],
)
def test_widths_of_included_designs(name, widths, wrapping):
    design = Design.load(GOLDEN / f"{name}.npz")
    assert SumWidths.of(design) == widths
    assert sum_bounds(design).gates.can_wrap.sum() == wrapping


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"gate": 9}, r"gate sums is 9 bits; allowed is 10 to 16"),
        ({"score": 17}, r"score sums is 17 bits; allowed is 10 to 16"),
        ({"half_score": 13, "score": 12}, r"half_score sums is 13 bits; it must be at most the 12 of score"),
    ],
)
def test_other_widths_are_refused(change, message):
    with pytest.raises(DesignError, match=message):
        SumWidths(**change)

"""The naive reference agrees with what the real HLS C++ computes, so that simulators can be compared with it."""

from collections.abc import Iterator
from fractions import Fraction
from itertools import islice

import numpy as np
import pytest

from tests.golden_data import (
    PEEPHOLE,
    PUBLISHED,
    STRESS,
    Line,
    lines,
    peephole_network,
    published_network,
    stress_network,
)
from tests.reference import (
    arrival_order,
    reference,
    reference_hidden,
    reference_labels,
    reference_scores,
    round_to_even_on_tie,
    round_to_zero_on_tie,
    saturate,
    wrap,
)

PRODUCT_BUDGET = 500_000
"""Products computed per line: longer lines are checked at their ends, each direction from where it starts."""

FILES = [*(f"stress_{name}" for name in STRESS), *(f"published_{name}" for name in PUBLISHED)]
PEEPHOLE_FILES = [f"peephole_{name}" for name in PEEPHOLE]
"""They hold hidden words only."""


def golden_lines(shared_data, file: str) -> Iterator[Line]:
    return lines(shared_data / "golden" / f"{file}.npz")


def network_of(shared_data, file: str):
    kind, name = file.split("_", maxsplit=1)
    readers = {"stress": stress_network, "published": published_network, "peephole": peephole_network}
    return readers[kind](shared_data, name)


def affordable_columns(network, length: int) -> int:
    products = 2 * 4 * network.hidden * (network.inputs + network.hidden)
    return min(length, PRODUCT_BUDGET // products)


@pytest.mark.parametrize("file", [*FILES, *PEEPHOLE_FILES])
def test_hidden_words_from_where_each_direction_starts(shared_data, file):
    network = network_of(shared_data, file)
    for number, line in enumerate(islice(golden_lines(shared_data, file), 2)):
        count = affordable_columns(network, len(line.pixels))
        forward = np.array(reference_hidden(network, line.pixels[:count]))[:, 0]
        backward = np.array(reference_hidden(network, line.pixels[-count:]))[:, 1]
        assert np.array_equal(forward, line.hidden[:count, 0]), f"forward half of line {number}"
        assert np.array_equal(backward, line.hidden[:count, 1]), f"backward half of line {number}"


@pytest.mark.parametrize("file", FILES)
def test_scores_of_the_outer_columns(shared_data, file):
    network = network_of(shared_data, file)
    for number, line in enumerate(golden_lines(shared_data, file)):
        # Column t pairs forward step t with backward step T-1-t, so the outer columns need the outer steps only.
        outer = [*range(min(5, len(line.scores) // 2))]
        outer += [len(line.scores) - 1 - t for t in reversed(outer)]
        assert reference_scores(network, line.hidden[outer]) == line.scores[outer].tolist(), f"line {number}"


@pytest.mark.parametrize("file", FILES)
def test_labels_of_every_golden_line(shared_data, file):
    limit = network_of(shared_data, file).limits.labels
    for number, line in enumerate(golden_lines(shared_data, file)):
        assert reference_labels(line.scores.tolist(), limit) == line.labels.tolist(), f"line {number}"


def test_golden_lines_reach_the_label_limit(shared_data):
    line = next(golden_lines(shared_data, "stress_w3a5_long"))
    assert len(reference_labels(line.scores.tolist(), 95)) == 95
    assert len(reference_labels(line.scores.tolist(), 10_000)) > 95


@pytest.mark.parametrize(
    ("file", "number"),
    [("stress_w2a2_fold", 1), ("stress_w3a5_odd", 0), ("stress_w4a4_extreme", 0), ("stress_w8a8_wrap", 0)],
)
def test_a_whole_line_from_pixels_to_labels(shared_data, file, number):
    line = list(golden_lines(shared_data, file))[number]
    hidden, scores, labels = reference(network_of(shared_data, file), line.pixels)
    assert hidden == line.hidden.tolist()
    assert scores == line.scores.tolist()
    assert labels == line.labels.tolist()


@pytest.mark.parametrize("file", PEEPHOLE_FILES)
def test_every_hidden_word_of_the_networks_with_peepholes(shared_data, file):
    network = network_of(shared_data, file)
    for number, line in enumerate(golden_lines(shared_data, file)):
        assert reference_hidden(network, line.pixels) == line.hidden.tolist(), f"line {number}"


# The reference's own arithmetic against exact fractions -------------------------------------------------------------


@pytest.mark.parametrize("shift", range(-2, 7))
def test_rounding_is_to_nearest_with_the_named_tie(shift):
    for raw in range(-300, 301):
        exact = Fraction(raw) / Fraction(2) ** shift
        to_zero, to_even = round_to_zero_on_tie(raw, shift), round_to_even_on_tie(raw, shift)
        neighbours = sorted(range(int(exact) - 1, int(exact) + 2), key=lambda n: abs(n - exact))
        nearest = [n for n in neighbours if abs(n - exact) == abs(neighbours[0] - exact)]
        assert to_zero == min(nearest, key=abs)
        assert to_even == (nearest[0] if len(nearest) == 1 else next(n for n in nearest if n % 2 == 0))


def test_wrap_and_saturate_at_the_range_ends():
    assert [wrap(x) for x in (32767, 32768, -32768, -32769, 65536, 65537)] == [32767, -32768, -32768, 32767, 0, 1]
    assert [saturate(x) for x in (32767, 32768, -32768, -32769)] == [32767, 32767, -32768, -32768]
    assert [saturate(x, 2) for x in (-3, -2, 1, 2)] == [-2, -2, 1, 1]


# From scores to labels, by hand ------------------------------------------------------------------------------------

A, B = 1, 2  # two letters; class 0 is the blank


def columns_of(*best: tuple[int, int]) -> list[list[int]]:
    """Scores [T][3] in which each column has one positive score: (class, score)."""
    return [[score if k == label else -100 for k in range(3)] for label, score in best]


def test_columns_arrive_from_the_centre_outwards():
    assert arrival_order(2) == [1, 0]
    assert arrival_order(6) == [3, 2, 4, 1, 5, 0]


def test_an_odd_line_begins_with_its_centre_column():
    assert arrival_order(1) == [0]
    assert arrival_order(5) == [2, 3, 1, 4, 0]


def test_a_run_gives_the_label_of_its_highest_score():
    scores = columns_of((A, 5), (B, 9), (A, 7), (0, 4))
    assert reference_labels(scores, 95) == [B]


def test_a_run_that_reaches_the_last_column_gives_nothing():
    scores = columns_of((A, 5), (0, 5), (B, 9), (B, 9))
    assert reference_labels(scores, 95) == [A]


def test_a_tie_goes_to_the_lower_class():
    scores = [[-1, 7, 7], [9, 0, 0]]
    assert reference_labels(scores, 95) == [A]


def test_a_column_without_a_positive_score_keeps_the_label_that_arrived_before_it():
    nothing = [-1, 0, -1]
    # Arrival 2, 1, 3, 0: column 1 is B by its own score, column 3 keeps that B, so only column 0 could end the run.
    scores = [[9, 0, 0], [0, 0, 5], [0, 4, 0], nothing]
    assert reference_labels(scores, 95) == []
    # With column 1 blank, column 3 keeps the blank and ends the run of column 2.
    scores = [[9, 0, 0], [5, 0, 0], [0, 4, 0], nothing]
    assert reference_labels(scores, 95) == [A]


def test_a_column_that_arrives_first_without_a_positive_score_is_blank():
    scores = [[0, 6, 0], [0, 0, 0]]
    assert reference_labels(scores, 95) == [A]


def test_labels_are_cut_at_the_limit():
    scores = columns_of(*[(A, 5), (0, 5), (B, 5), (0, 5)] * 4)
    assert reference_labels(scores, 95) == [A, B] * 4
    assert reference_labels(scores, 3) == [A, B, A]

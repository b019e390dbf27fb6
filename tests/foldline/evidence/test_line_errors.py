"""Errors of every line, and confusions, against the error rates of `datapath.error_rates`."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datapath.error_rates import error_rates
from datapath.errors import DataError
from foldline.evidence import Confusion, LineErrors, confusions, merged_confusions

TEXTS = st.lists(st.tuples(st.text("ab .", max_size=8), st.text("ab .", max_size=8)), min_size=1, max_size=6)


@settings(max_examples=30)
@given(TEXTS)
def test_errors_of_lines_add_up_to_the_rates_and_to_the_confusions(pairs):
    references, texts = zip(("a b", "a"), *pairs, strict=True)
    rates, of_characters = error_rates(references, texts), LineErrors.characters(references, texts)
    assert of_characters.rate == pytest.approx(rates.cer)
    assert LineErrors.words(references, texts).rate == pytest.approx(rates.wer)
    assert sum(one.count for one in confusions(references, texts)) == of_characters.distances.sum()


def test_lines_of_folds_are_joined():
    folds = [LineErrors(distances=[1, 0], lengths=[5, 6]), LineErrors(distances=[2], lengths=[9])]
    assert LineErrors.joined(folds).distances.tolist() == [1, 0, 2]
    assert LineErrors.joined(folds).lengths.tolist() == [5, 6, 9]
    assert len(LineErrors.joined(folds)) == 3


def test_the_worst_lines_hold_a_share_of_the_errors():
    found = LineErrors(distances=[1, 0, 6, 3], lengths=[10] * 4)
    assert [found.share_of_worst(lines) for lines in (0, 1, 2, 4, 9)] == [0, 60, 90, 100, 100]
    assert LineErrors(distances=[0, 0], lengths=[10] * 2).share_of_worst(1) == 0


def test_errors_cannot_be_changed():
    given = np.array([1, 2])
    found = LineErrors(distances=given, lengths=[5, 5])
    given[0] = 5
    assert found.distances.tolist() == [1, 2]
    with pytest.raises(ValueError, match="read-only"):
        found.distances[0] = 3


@pytest.mark.parametrize(
    ("distances", "lengths", "message"),
    [
        ([], [], "lengths has a total of 0"),
        ([1, 2], [0, 0], "lengths has a total of 0"),
        ([1, 2], [3], "2 distances and 1 lengths"),
        ([1, -2], [3, 3], "distances has -2; it must be 0 or more"),
        ([1.5, 2], [3, 3], "distances is float64"),
        ([1, 2], [[3], [3]], "lengths is int64"),
    ],
)
def test_errors_that_give_no_rate_are_refused(distances, lengths, message):
    with pytest.raises(DataError, match=message):
        LineErrors(distances=distances, lengths=lengths)


def test_texts_must_be_as_many_as_references():
    for count in (LineErrors.characters, LineErrors.words, confusions):
        with pytest.raises(DataError, match="2 references and 1 texts"):
            count(["a", "b"], ["a"])


def test_parts_must_not_be_empty():
    with pytest.raises(DataError, match="parts is empty"):
        LineErrors.joined([])


def test_confusions_are_sorted_by_count_then_by_characters():
    found = confusions(["a.b", "a.b", "O-0"], ["ab", "ab ", "0-O"])
    assert [(one.expected, one.read, one.count) for one in found] == [
        (".", "", 2),
        ("", " ", 1),
        ("0", "O", 1),
        ("O", "0", 1),
    ]


def test_combining_characters_count_alone():
    assert confusions(["e\u0301"], ["e"]) == [Confusion(expected="\u0301", read="", count=1)]


def test_confusions_of_several_networks_are_added():
    one, other = confusions(["a.b", "c"], ["a,b", ""]), confusions(["a.", ".."], ["a,", ",."])
    assert [(each.expected, each.read, each.count) for each in merged_confusions([one, other])] == [
        (".", ",", 3),
        ("c", "", 1),
    ]
    assert merged_confusions([]) == []

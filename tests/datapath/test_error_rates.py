"""Error rates: distances against python-Levenshtein, the two definitions by hand."""

import Levenshtein
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datapath import ErrorRates, edit_distance, error_rates
from datapath.error_rates import align
from datapath.errors import DataError

texts = st.text("ab c", max_size=25)
words = st.lists(st.sampled_from(["the", "cat", "sat", "mat"]), max_size=8)


@given(a=texts | st.text(max_size=15), b=texts | st.text(max_size=15))
def test_distance_of_texts_equals_the_oracle(a, b):
    assert edit_distance(a, b) == Levenshtein.distance(a, b)


@given(a=words, b=words)
def test_distance_of_words_equals_the_oracle(a, b):
    assert edit_distance(a, b) == Levenshtein.distance(a, b)


@pytest.mark.parametrize(("a", "b", "distance"), [("", "", 0), ("", "abc", 3), ("abc", "", 3), ("abc", "axc", 1)])
def test_distances_by_hand(a, b, distance):
    assert edit_distance(a, b) == distance


def test_both_definitions_by_hand():
    # Line 1: 1 of 4 characters, 1 of 1 word. Line 2: 2 characters too many, 1 word too many (length 4 read, 2 true).
    rates = error_rates(["abcd", "ab"], ["abxd", "ab c"])
    assert rates == ErrorRates(
        cer=100 * 3 / 6,
        wer=100 * 2 / 2,
        cer_per_line=100 * (1 / 4 + 2 / 4) / 2,
        wer_per_line=100 * (1 / 1 + 1 / 2) / 2,
        exact=0,
        lines=2,
    )


def test_lines_that_are_read_without_an_error():
    rates = error_rates(["a b", "c"], ["a b", "c"])
    assert rates == ErrorRates(cer=0, wer=0, cer_per_line=0, wer_per_line=0, exact=2, lines=2)


def test_an_empty_line_counts_as_a_line():
    rates = error_rates(["", "abcd", ""], ["", "abcd", "xy"])
    assert rates == ErrorRates(
        cer=100 * 2 / 4, wer=100 * 1 / 1, cer_per_line=100 / 3, wer_per_line=100 / 3, exact=2, lines=3
    )


def test_words_are_split_at_any_white_space():
    rates = error_rates(["a  b\tc"], ["a b c"])
    assert (rates.wer, rates.exact) == (0, 0)


@given(pairs=st.lists(st.tuples(texts, texts), min_size=1, max_size=6))
def test_rates_equal_their_definitions(pairs):
    references, hypotheses = zip(("the", "cat"), *pairs, strict=True)
    rates = error_rates(references, hypotheses)
    for unit, total, per_line in ((list, rates.cer, rates.cer_per_line), (str.split, rates.wer, rates.wer_per_line)):
        cut = [(unit(r), unit(h)) for r, h in zip(references, hypotheses, strict=True)]
        distances = [Levenshtein.distance(r, h) for r, h in cut]
        assert total == pytest.approx(100 * sum(distances) / sum(len(r) for r, _ in cut))
        shares = [d / max(len(r), len(h)) if r or h else 0 for d, (r, h) in zip(distances, cut, strict=True)]
        assert per_line == pytest.approx(100 * sum(shares) / len(cut))


def test_lists_that_do_not_pair_up():
    with pytest.raises(DataError) as caught:
        error_rates(["a", "b"], ["a"])
    assert str(caught.value) == "There are 2 references and 1 hypotheses; they must be equally many."


@pytest.mark.parametrize("references", [[], [""], ["", " \t"]])
def test_nothing_to_divide_by(references):
    with pytest.raises(DataError) as caught:
        error_rates(references, ["x"] * len(references))
    assert str(caught.value) == "The references hold no word; an error rate needs 1 or more."


@given(st.text("abc ", max_size=12), st.text("abcd ", max_size=12))
def test_an_alignment_has_as_many_errors_as_the_edit_distance(reference, reading):
    extras, read = align(reference, reading)
    assert "".join(extra + kept for extra, kept in zip(extras, [*read, ""], strict=True)) == reading
    errors = sum(map(len, extras)) + sum(kept != wanted for kept, wanted in zip(read, reference, strict=True))
    assert errors == edit_distance(reference, reading)


def test_what_is_too_much_stands_behind_what_is_right():
    assert align("cat", "catcat") == (["", "", "", "cat"], ["c", "a", "t"])

"""Folds: every line is validated once, pages stay together, and the names alone decide."""

import random
from dataclasses import replace

import pytest
from PIL import Image

from datapath.errors import ConfigError, DataError
from train.data.dataset import Dataset, Line
from train.data.folds import BY_LINE, BY_PAGE, folded

pytestmark = pytest.mark.no_numpy2


def line(name, text="a", width=8):
    return Line(name, text, Image.new("L", (width, 4), 255))


def pages(*sizes):
    """Lines of pages of so many lines."""
    return [line(f"{page:04d}/{number}", width=4 + page) for page, size in enumerate(sizes) for number in range(size)]


def dataset(lines, validated=2, **changes):
    return Dataset(tuple(lines[validated:]), tuple(lines[:validated]), "it", **changes)


def names(lines):
    return [one.name for one in lines]


def test_every_line_is_validated_exactly_once_and_pages_stay_together():
    lines = pages(*[1, 2, 3] * 10)
    found = folded(dataset(lines), 4)
    assert found.by == BY_PAGE
    assert sorted(name for one in found.datasets for name in names(one.validation)) == sorted(names(lines))
    for one in found.datasets:
        assert set(names(one.training)) == set(names(lines)) - set(names(one.validation))
        assert {name[:4] for name in names(one.training)}.isdisjoint(name[:4] for name in names(one.validation))
    assert {len(one.validation) for one in found.datasets} == {15}
    assert found.note == "60 lines in 4 folds of 15, those of one page (the folder of their names) in one fold."


def test_the_order_of_files_and_the_split_have_no_influence():
    lines = pages(*[1, 2, 3] * 4)
    first = folded(dataset(lines), 3)
    shuffled = lines[:]
    random.Random(1).shuffle(shuffled)
    again = folded(dataset(shuffled, validated=9), 3)
    for one, other in zip(first.datasets, again.datasets, strict=True):
        assert names(one.training) == names(other.training)
        assert names(one.validation) == names(other.validation)


def test_training_lines_come_widest_first():
    for one in folded(dataset(pages(*[2] * 6)), 2).datasets:
        widths = [line.source.width for line in one.training]
        assert widths == sorted(widths, reverse=True)


@pytest.mark.parametrize("sizes", [(5, 5), (20, 2, 2, 2)], ids=["too few", "too large"])
def test_where_pages_do_not_divide_lines_are_divided_one_by_one(sizes):
    lines = pages(*sizes)
    found = folded(dataset(lines), 4)
    assert found.by == BY_LINE
    counts = [len(one.validation) for one in found.datasets]
    assert sum(counts) == len(lines) and max(counts) - min(counts) <= 1
    assert f"{len(lines)} lines in 4 folds of " in found.note and "line by line" in found.note


def test_extra_lines_are_trained_in_every_fold_and_never_validated():
    extra = (line("extra/1"), line("extra/2"))
    found = folded(dataset(pages(*[1] * 8), extra=extra, options={"data": "lines"}), 2)
    assert all(one.extra == extra and one.options == {} for one in found.datasets)
    assert [one.name for one in found.datasets] == ["it, fold 1 of 2", "it, fold 2 of 2"]


def test_a_line_in_both_lists_is_taken_once():
    lines = pages(*[1] * 4)
    found = folded(replace(dataset(lines), training=tuple(lines)), 2)
    assert sum(len(one.validation) for one in found.datasets) == 4


@pytest.mark.parametrize(
    ("lines", "count", "error", "message"),
    [
        (pages(1, 1, 1), 1, ConfigError, "folds is 1; it must be 2 to 100."),
        (pages(1, 1, 1), 4, DataError, "it has 3 lines; 4 folds need at least 4."),
        ([line("a", "x"), line("b"), line("a", "y")], 2, DataError, "Two lines are named a, with different texts"),
    ],
)
def test_folds_that_cannot_be_are_refused(lines, count, error, message):
    with pytest.raises(error) as caught:
        folded(dataset(lines), count)
    assert message in str(caught.value)


def test_a_line_that_is_validated_is_not_trained_on_as_an_extra_line():
    lines = pages(*[1] * 10)
    other = line("0003/0", text="b")  # another line of the same name
    found = folded(dataset(lines, extra=(*lines[:4], other, line("synthetic/1"))), 5)
    for one in found.datasets:
        assert names(one.extra) == ["0003/0", "synthetic/1"]
        assert one.extra[0].text == "b"
    assert found.note.endswith(" 4 extra lines are lines of the dataset and are left out.")
    assert "extra" not in folded(dataset(lines), 5).note

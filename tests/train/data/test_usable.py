"""One line that cannot be used is one note: in training, validation, selection and extra lines, and in comparisons."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from datapath import Alphabet
from datapath.errors import DataError
from tests.golden_data import REPOSITORY
from tests.train import tiny
from train.data.dataset import Line, read_dataset
from train.data.training_data import prepare
from train.data.usable import usable_lines

CASES = REPOSITORY / "tests" / "cases" / "lines"
HEIGHT = 32


def blank(width: int, height: int) -> Image.Image:
    """A page with one dark pixel, so that it is not without ink."""
    page = Image.new("L", (width, height), 255)
    page.putpixel((0, 0), 0)
    return page


# Columns are ceil(width * 32.1 / height), rounded down to an even number; allowed are 2 to 100 000.
UNUSABLE = [
    pytest.param(blank(1, 44), "1 x 44 pixels gives 0 columns", id="ceil(0.73) = 1, rounded down to 0"),
    pytest.param(blank(30, 3000), "30 x 3000 pixels gives 0 columns", id="ceil(0.32) = 1, rounded down to 0"),
    pytest.param(blank(60_000, 10), "60000 x 10 pixels gives 192600 columns", id="60000 * 3.21"),
    pytest.param(Image.new("L", (50, 32), 255), "its image has no ink", id="white"),
    pytest.param(Image.new("L", (50, 32), 0), "its image has no ink", id="black all over"),
]


def hyperparameters(**changes):
    return tiny.hyperparameters(target_height=HEIGHT, **changes)


def good(count: int, name: str = "good") -> tuple[Line, ...]:
    return tuple(Line(f"{name}/{number}", "ab", tiny.draw("abcab").resize((152, HEIGHT))) for number in range(count))


@pytest.mark.parametrize(("image", "reason"), UNUSABLE)
@pytest.mark.parametrize("part", ["training", "validation", "extra"])
def test_a_line_in_any_part_of_a_dataset_is_one_note(part, image, reason):
    bad = Line("bad", "ab", image)
    dataset = replace(tiny.dataset(), training=good(3), validation=good(2), extra=good(2, "extra"))
    dataset = replace(dataset, **{part: (bad, *getattr(dataset, part))})
    prepared = prepare(dataset, Alphabet(("", "a", "b")), hyperparameters(extra_lines=2))
    (note,) = prepared.notes
    assert note.startswith("bad is left out: ") and reason in note
    assert [sample.line.name for sample in prepared.samples] == [*("good/0", "good/1", "good/2", "extra/0", "extra/1")]
    assert [line.name for line in prepared.validation] == ["good/0", "good/1"]
    assert len(prepared.validation_pixels) == 2


def test_a_held_out_line_is_one_note():
    dataset = replace(tiny.dataset(), training=(*good(3), Line("bad", "ab", blank(1, 44))), validation=())
    for seed in range(8):  # with some seeds the line is held out, with others it is trained
        prepared = prepare(dataset, Alphabet(("", "a", "b")), hyperparameters(selection_lines=2, random_seed=seed))
        assert [note for note in prepared.notes if "left out" in note and note.startswith("bad ")]
        assert len(prepared.samples) + len(prepared.validation) == 3


@pytest.mark.parametrize(
    ("case", "size"), [("e_narrow", "1 x 44"), ("e_tall", "30 x 3000")], ids=["e_narrow", "e_tall"]
)
def test_the_cases_that_people_brought(case, size):
    dataset = read_dataset(CASES / case)
    prepared = prepare(dataset, dataset.alphabet(), hyperparameters())
    (note,) = prepared.notes
    assert note.startswith("train/0000 is left out: ") and size in note
    assert len(prepared.samples) == 9 and len(prepared.validation) == 4


def test_many_of_one_kind_are_one_note_with_their_number():
    bad = tuple(Line(f"bad/{number}", "ab", blank(1, 44)) for number in range(40))
    white = Line("white", "ab", Image.new("L", (50, 32), 255))
    usable, messages = usable_lines((*bad, white, *good(2)), target_height=HEIGHT, what="validation lines")
    assert [line.name for line in usable] == ["good/0", "good/1"]
    first, second = messages
    assert first.startswith("40 validation lines without a usable image are left out. The first is bad/0: ")
    assert second.startswith("white is left out: its image has no ink")


def test_the_same_lines_are_usable_with_threads():
    lines = (*good(4), Line("bad", "ab", blank(1, 44)), *good(3, "more"))
    alone = usable_lines(lines, target_height=HEIGHT, what="lines")
    assert usable_lines(lines, target_height=HEIGHT, what="lines", workers=3) == alone
    assert len(alone[0]) == 7


def test_lines_of_which_none_is_usable_are_refused():
    with pytest.raises(
        DataError, match=r"^None of the 2 lines can be used\. The first is a: An image of 1 x 44 pixels"
    ):
        usable_lines([Line(name, "ab", blank(1, 44)) for name in "ab"], target_height=HEIGHT, what="lines")
    assert usable_lines([], target_height=HEIGHT, what="lines") == ((), ())


def test_an_image_file_that_vanished_is_one_note(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(np.eye(HEIGHT, dtype=np.uint8) * 255).save(path)
    lines = [Line("gone", "ab", tmp_path / "none.png"), Line("there", "ab", path)]
    usable, (message,) = usable_lines(lines, target_height=HEIGHT, what="lines")
    assert [line.name for line in usable] == ["there"] and "none.png: no such file" in message

"""Pictures of recognised lines: which lines, what stands under what, and what is marked."""

import numpy as np
import pytest
import torch
from PIL import Image, ImageColor

from datapath import error_rates
from tests.train import tiny
from train.evaluation import Evaluation
from train.line_pictures import (
    LINE_HEIGHT,
    MAX_CELLS,
    MAX_LINE_WIDTH,
    SAMPLES,
    WRONG,
    RecognisedLine,
    draw_line,
    enlarged,
    recognised_lines,
)


def sample(greedy: str, overlay: str, reference: str = "abc", columns: int = 24) -> RecognisedLine:
    pixels = torch.zeros(columns, 32, dtype=torch.uint8)
    pixels[:, :4] = 255
    return RecognisedLine(name="one", pixels=pixels, reference=reference, greedy=greedy, overlay=overlay)


def evaluation(texts: tuple[str, ...]) -> Evaluation:
    rates = error_rates(texts, texts)
    return Evaluation(rates=rates, texts=texts, overlay_rates=rates, overlay_texts=tuple(text + "!" for text in texts))


def marked(picture: Image.Image) -> int:
    """Pixels of the colour of errors."""
    return int((np.asarray(picture) == ImageColor.getrgb(WRONG)).all(axis=2).sum())


def test_names_alone_decide_which_lines_are_drawn():
    lines = [tiny.line(f"page/{number}", "abc"[number % 3] * (number + 1)) for number in range(20)]
    pixels = [torch.full((2, 8), number, dtype=torch.uint8) for number in range(20)]
    texts = tuple(f"read {number}" for number in range(20))
    drawn = recognised_lines(lines, pixels, evaluation(texts))
    assert len(drawn) == SAMPLES
    for one in drawn:
        number = int(one.name.split("/")[1])
        assert (one.reference, one.greedy, one.overlay) == (lines[number].text, f"read {number}", f"read {number}!")
        assert one.pixels is pixels[number]
    order = np.random.default_rng(0).permutation(20)
    other = recognised_lines([lines[i] for i in order], [pixels[i] for i in order], evaluation(texts))
    assert [one.name for one in other] == [one.name for one in drawn] == sorted(one.name for one in drawn)


def test_of_lines_of_one_name_the_first_is_drawn():
    lines = [tiny.line("twin", "a"), tiny.line("twin", "b"), tiny.line("other", "c")]
    drawn = recognised_lines(lines, [torch.zeros(2, 8, dtype=torch.uint8)] * 3, evaluation(("x", "y", "z")))
    assert [(one.name, one.reference, one.greedy) for one in drawn] == [("other", "c", "z"), ("twin", "a", "x")]


def test_a_line_read_rightly_has_no_mark_and_each_error_has_one():
    right = draw_line(sample("abc", "abc"))
    assert marked(right) == 0
    one, two = (marked(draw_line(sample(greedy, "abc"))) for greedy in ("ab", "a"))
    assert 0 < one < two == 2 * one  # missing characters are underlined gaps
    assert marked(draw_line(sample("xbc", "abc"))) > one  # a wrong one is coloured, too
    assert marked(draw_line(sample("abc", "abcd"))) > one


def test_the_line_stands_as_ink_on_paper_above_its_texts():
    picture = np.asarray(draw_line(sample("abc", "abc", columns=200)))
    assert (picture[0] == 255).all()
    ink = (picture < 128).all(axis=2)
    assert ink[: LINE_HEIGHT // 2].any(axis=0).sum() == 400  # its rows at twice their size
    assert ink[LINE_HEIGHT + 20 :].any()


@pytest.mark.parametrize(("rows", "columns"), [(8, 30), (32, 200), (100, 50), (32, 5000)])
def test_a_line_is_enlarged_where_that_fits(rows, columns):
    line = enlarged(np.zeros((columns, rows), dtype=np.uint8))
    assert line.width <= MAX_LINE_WIDTH
    assert line.height >= LINE_HEIGHT or line.width == MAX_LINE_WIDTH
    assert line.width / line.height == pytest.approx(columns / rows, rel=0.05)


def test_anything_that_can_be_read_can_be_drawn():
    widest = draw_line(sample("a" * MAX_CELLS, "")).width
    assert draw_line(sample("a" * 1000, "b" * 999)).width == widest
    for text in ("", "\t\n", "Straße µ \u0301 漢 \ud7ff", "$$"):
        draw_line(sample(text, "", reference=text))


def test_a_picture_keeps_its_height_whatever_is_read():
    assert len({draw_line(sample(text, "")).height for text in ("", "abc", "abcabcabc", "x" * 500)}) == 1


def test_the_same_sample_gives_the_same_picture():
    assert draw_line(sample("abd", "ab")).tobytes() == draw_line(sample("abd", "ab")).tobytes()

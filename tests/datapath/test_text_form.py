"""The order of the picture and the order of reading, worked out by hand from UAX #9."""

import random

import pytest

from datapath.errors import DataError
from datapath.text_form import TextForm, has_right_to_left, logical_order, picture_order

pytest.importorskip("bidi", reason="python-bidi is not installed")

ALEF, BET, GIMEL, DALET = "\u05d0", "\u05d1", "\u05d2", "\u05d3"
BEH, TEH = "\u0628", "\u062a"

ORDERS = [
    # logical, picture
    pytest.param("abc 12 (d)", "abc 12 (d)", id="no letter from right to left: as it is"),
    pytest.param(ALEF + BET + GIMEL, GIMEL + BET + ALEF, id="one word: reversed"),
    # Numbers keep their order; the number stands at the left, since it comes last.
    pytest.param(f"{ALEF}{BET} 12,34", f"12,34 {BET}{ALEF}", id="number"),
    # Brackets are mirrored: the one that opens is drawn at the right, as a closing one.
    pytest.param(f"({ALEF}{BET}) {GIMEL}", f"{GIMEL} ({BET}{ALEF})", id="brackets as drawn"),
    # Most letters decide the direction of the line, not the first one: three from right to left, two from left to right.
    pytest.param(f"ab {ALEF}{BET}{GIMEL}", f"{GIMEL}{BET}{ALEF} ab", id="Latin word in a Hebrew line"),
    pytest.param(f"abcd {ALEF}{BET} e", f"abcd {BET}{ALEF} e", id="Hebrew word in a Latin line"),
    # W2: behind an Arabic letter digits are Arabic numbers, W4 joins no two of these by a minus, so the parts change places.
    pytest.param(f"{BEH}{TEH} 12-34", f"34-12 {TEH}{BEH}", id="minus behind Arabic letters"),
    # Before any Arabic letter they are European numbers, which a minus joins.
    pytest.param(f"12-34 {BEH}{TEH}", f"{TEH}{BEH} 12-34", id="minus before Arabic letters"),
    # A point is a common separator, which joins Arabic numbers as well; the percent sign behind them is neutral.
    pytest.param(f"{BEH}{TEH} 3.5%", f"%3.5 {TEH}{BEH}", id="percent behind Arabic letters"),
]


@pytest.mark.parametrize(("logical", "picture"), ORDERS)
def test_order_of_the_picture_and_back(logical, picture):
    assert picture_order(logical) == picture
    assert logical_order(picture) == logical


def test_directional_marks_order_the_text_and_are_not_in_the_picture():
    # Without the mark the full stop at the end of the Latin words stands at the right; RLM on both sides brings it to the left.
    assert picture_order(f"{ALEF}{BET}{GIMEL} ab.") == f".ab {GIMEL}{BET}{ALEF}"
    assert picture_order(f"{ALEF}{BET}{GIMEL} ab.\u200e") == f"ab. {GIMEL}{BET}{ALEF}"
    assert picture_order("ab\u200e") == "ab"


def test_random_lines_of_words_numbers_and_brackets_have_the_same_picture_again():
    draw = random.Random(17)
    made = (
        lambda: "".join(draw.choices(ALEF + BET + GIMEL + DALET, k=draw.randint(1, 5))),
        lambda: "".join(draw.choices("abc", k=draw.randint(1, 3))),
        lambda: str(draw.randint(0, 2000)),
        lambda: f"({draw.choice(ALEF + BET)})",
        lambda: f"{draw.choice(GIMEL + DALET)},",
    )
    for _ in range(300):
        text = " ".join(draw.choice(made)() for _ in range(draw.randint(1, 7)))
        assert picture_order(logical_order(picture_order(text))) == picture_order(text), ascii(text)


def test_forms_of_a_provenance():
    assert TextForm().notes() == {}
    form = TextForm(normalisation="NFC", in_picture_order=True)
    assert TextForm.of({"author": "A", **form.notes()}) == form
    assert TextForm.of({"author": "A"}) == TextForm()
    with pytest.raises(DataError, match="text_order is 'upside'"):
        TextForm.of({"text_order": "upside"})
    with pytest.raises(DataError, match=r"'NFX'.*none, NFC, NFKC"):
        TextForm(normalisation="NFX")


def test_a_text_is_normalised_before_it_is_reordered():
    # Shin and shin dot, U+05E9 U+05C1: NFC does not join them; e and its accent become one.
    form = TextForm(normalisation="NFC", in_picture_order=True)
    assert form.written("e\u0301" + ALEF + BET) == BET + ALEF + "\u00e9"
    assert form.shown(BET + ALEF) == ALEF + BET
    assert TextForm().shown(BET + ALEF) == BET + ALEF


def test_which_texts_have_letters_from_right_to_left():
    assert [has_right_to_left(text) for text in ("ab 12", ALEF, f"ab{BEH}", "\u0662", "\u20ac")] == [
        *(False, True, True, True, False)
    ]

"""A dataset's texts in a form: brought into it once, written down, and undone for people."""

from dataclasses import replace

import pytest
from PIL import Image

from datapath.errors import DataError
from datapath.text_form import AS_WRITTEN, TextForm
from train.data.dataset import Dataset, Line, read_dataset, write_dataset
from train.data.forms import FORM_FILE, in_form, read_form

pytest.importorskip("bidi", reason="python-bidi is not installed")

ALEF, BET, GIMEL = "\u05d0", "\u05d1", "\u05d2"
PICTURE = TextForm(in_picture_order=True)


def line(name, text):
    page = Image.new("L", (40, 32), 255)
    page.putpixel((3, 3), 0)
    return Line(name, text, page)


def dataset(text=f"{ALEF}{BET}{GIMEL} 12"):
    return Dataset((line("t", text),), (line("v", text),), "d", extra=(line("e", text),))


def texts(found):
    return [one.text for one in (*found.training, *found.validation, *found.extra)]


def test_all_parts_are_brought_into_the_order_of_the_picture_once():
    shown = in_form(dataset(), PICTURE)
    assert texts(shown) == [f"12 {GIMEL}{BET}{ALEF}"] * 3 and shown.form == PICTURE
    assert in_form(shown, PICTURE) is shown
    assert in_form(shown, AS_WRITTEN) is shown
    assert in_form(dataset(), AS_WRITTEN) == dataset()


def test_a_normalisation_that_is_asked_for_later_is_applied_to_the_logical_order():
    shown = in_form(dataset("e\u0301" + ALEF + BET), PICTURE)
    assert texts(shown)[0] != texts(in_form(shown, TextForm(normalisation="NFC")))[0]
    both = in_form(shown, TextForm(normalisation="NFC"))
    assert texts(both) == [f"{BET}{ALEF}\u00e9"] * 3
    assert both.form == TextForm(normalisation="NFC", in_picture_order=True)


def test_the_form_is_written_into_the_folder_and_read_again(tmp_path):
    shown = replace(in_form(dataset(), PICTURE), extra=())
    folder = write_dataset(shown, tmp_path / "lines")
    back = read_dataset(folder)
    assert back.form == PICTURE and texts(back) == texts(shown)
    assert texts(in_form(back, PICTURE)) == texts(shown)  # not twice
    plain = write_dataset(replace(dataset(), extra=()), tmp_path / "plain")
    assert not (plain / FORM_FILE).exists() and read_dataset(plain).form == AS_WRITTEN


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("{", "not JSON"),
        ("[]", "table"),
        ('{"text_order": 1}', "table"),
        ('{"text_order": "left"}', "text_order is 'left'"),
    ],
)
def test_a_damaged_form_is_refused_with_its_path(tmp_path, content, named):
    (tmp_path / FORM_FILE).write_text(content)
    with pytest.raises(DataError, match=named) as error:
        read_form(tmp_path)
    assert str(tmp_path / FORM_FILE) in str(error.value)

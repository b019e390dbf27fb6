"""Folders of images with a .gt.txt each, lists, and folders that mix; what is left out is named with its reason."""

import os
from pathlib import Path

import pytest

from datapath.errors import DataError, FileError
from tests.golden_data import REPOSITORY
from tests.train.data.sources.places import image, lines, read, reasons, text
from train.data.sources import folders
from train.data.sources.found import Found, PageCut

CASES = REPOSITORY / "tests" / "cases" / "lines"


def test_a_folder_as_ocropy_writes_it():
    # Ten images 0001/00000N.bin.png, each with 0001/00000N.gt.txt that ends with a newline.
    found = read(CASES / "d_gt")
    assert [one.line.text for one in found.lines] == [
        *("one two", "bad apple", "cold deed", "fine gin", "hat jet", "kilo lamp", "moon nap", "quiz rose", "sun vex"),
        "yak zoo",
    ]
    assert [one.line.name for one in found.lines] == [f"0001/00000{number}.bin" for number in range(10)]
    assert (found.kinds, found.left_out, found.messages) == ({".gt.txt": 10}, (), ())


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("a.png", "a"),
        ("a.bin.png", "a.bin"),
        ("a.nrm.png", "a.nrm"),
        ("a.TIF", "a"),
        ("a.jpeg", "a"),
        ("deep/er/a.png", "deep/er/a"),
    ],
)
def test_an_image_of_any_suffix_beside_its_text(tmp_path, file, name):
    image(tmp_path / file)
    text((tmp_path / file).parent / "a.gt.txt", "word\n")
    assert lines(tmp_path) == [(name, "word")]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("word\n", "word"),
        ("word\r\n", "word"),
        ("word\r", "word"),
        ("word", "word"),
        ("\n word \n\n", " word "),  # spaces are part of the text
        (b"\xef\xbb\xbfword\n", "word"),
        ("word\n".encode("utf-16"), "word"),
        ("word\n\f", "word"),  # Tesseract ends a page so
        ('"a, b"\n', '"a, b"'),  # no CSV
    ],
)
def test_line_ends_and_byte_order_marks_are_no_part_of_the_text(tmp_path, content, expected):
    image(tmp_path / "a.png")
    text(tmp_path / "a.gt.txt", content)
    assert lines(tmp_path) == [("a", expected)]


def test_everything_that_is_left_out_is_named_with_its_reason(tmp_path):
    for name in ("good", "lone", "several", "empty", "nul", "latin", "dollar"):
        image(tmp_path / f"{name}.png")
    for name, content in {
        "good": "word",
        "orphan": "word",
        "several": "one\ntwo\n",
        "empty": " \n",
        "nul": "a\0b",
        "latin": b"\xe9",
        "dollar": "$",
        "narrow": "x",
        "damaged": "x",
    }.items():
        text(tmp_path / f"{name}.gt.txt", content)
    image(tmp_path / "narrow.png", width=1, height=44, ink=0)
    text(tmp_path / "damaged.png", "no image")
    text(tmp_path / "README.md", "x")
    found = read(tmp_path)
    assert [one.line.name for one in found.lines] == ["good"]
    why = reasons(found)
    for place, part in {
        "lone.png": "no text for it",
        "orphan.gt.txt": "there is no image orphan.png",
        "several.gt.txt": "several lines",
        "empty.gt.txt": "its text is empty",
        "nul.gt.txt": "U+0000",
        "latin.gt.txt": "not a UTF-8 text file (byte 0)",
        "dollar.gt.txt": "'$' holds no character that is trained",
        "narrow.gt.txt": "1 x 44 pixels gives 0 columns at height 32",  # ceil(1 * 32.1 / 44) = 1, even: 0
        "damaged.gt.txt": "damaged.png",
    }.items():
        assert part in why.pop(place)
    assert why == {}
    assert any("README.md" in message for message in found.messages)


def test_much_of_one_kind_is_one_message(tmp_path):
    image(tmp_path / "a.png")
    text(tmp_path / "a.gt.txt", "x")
    for number in range(9):
        image(tmp_path / f"lone{number}.png")
    (message,) = read(tmp_path).messages
    assert message.startswith(f"9 images without a text are left out. The first is {tmp_path}/lone0.png: ")


def test_the_plain_image_comes_before_the_binarised_one(tmp_path):
    for name in ("a.png", "a.bin.png", "a.nrm.png"):
        image(tmp_path / name)
    text(tmp_path / "a.gt.txt", "x")
    found = read(tmp_path)
    assert [one.line.source.name for one in found.lines] == ["a.png"]
    assert set(reasons(found)) == {"a.bin.png", "a.nrm.png"}


def test_images_of_several_formats_are_ambiguous_unless_one_is_png(tmp_path):
    for name in ("a.jpg", "a.tif", "b.jpg", "b.png"):
        image(tmp_path / name)
    for name in "ab":
        text(tmp_path / f"{name}.gt.txt", name)
    found = read(tmp_path)
    assert [one.line.source.name for one in found.lines] == ["b.png"]
    assert "several images: a.jpg, a.tif" in reasons(found)["a.gt.txt"]
    assert any("b.jpg, b.png" in message for message in found.messages)


def test_a_folder_that_mixes_sources(tmp_path):
    image(tmp_path / "x" / "a.png")
    text(tmp_path / "x" / "a.gt.txt", "of a text\n")
    image(tmp_path / "y" / "b.png")
    text(tmp_path / "y" / "table.csv", 'image,text\nb.png,"of a, table"\n')
    image(tmp_path / "z" / "imgs" / "c.png")
    text(tmp_path / "z" / "lines.txt", "c,of a list, too\n")
    found = read(tmp_path)
    assert [(one.line.name, one.line.text) for one in found.lines] == [
        ("x/a", "of a text"),
        ("y/b", "of a, table"),
        ("z/c", "of a list, too"),
    ]
    assert found.kinds == {".gt.txt": 1, ".csv": 1, "list": 1}
    assert (found.left_out, found.messages) == ((), ())


def test_a_list_that_is_itself_the_source_is_split(tmp_path):
    """Beside the other list, too: only a folder with both says which lines are validation lines."""
    image(tmp_path / "imgs" / "a.png")
    image(tmp_path / "imgs" / "b.png")
    text(tmp_path / "sortedTrain.txt", "a,one\n")
    text(tmp_path / "valid.txt", "b,two\n")
    assert [one.validation for one in read(tmp_path).lines] == [False, True]
    assert [one.validation for one in read(tmp_path / "sortedTrain.txt").lines] == [None]
    assert [one.validation for one in read(tmp_path / "valid.txt").lines] == [None]


def test_an_image_with_two_texts_keeps_the_first(tmp_path):
    image(tmp_path / "a.png")
    image(tmp_path / "b.png")
    text(tmp_path / "a.gt.txt", "one")
    text(tmp_path / "b.gt.txt", "two")
    text(tmp_path / "table.csv", "a.png,one\nb.png,other\n")
    found = read(tmp_path)
    assert [one.line.text for one in found.lines] == ["one", "two"]
    assert "'two', which is taken" in reasons(found)["table.csv line 2 (b.png)"]
    assert any("described again with the same image and text: 1" in message for message in found.messages)


def test_names_that_a_list_cannot_hold_are_changed_and_stay_unique(tmp_path):
    for name in ("a,b", "a:b", "c.png"):
        image(tmp_path / f"{name}.png")
        text(tmp_path / f"{name}.gt.txt", "x")
    image(tmp_path / "c.tif")
    text(tmp_path / "c.gt.txt", "x")
    assert {name for name, _ in lines(tmp_path)} == {"a_b", "a_b-2", "c", "c-2"}


def test_a_file_name_that_is_not_utf_8_becomes_the_name_of_a_line(tmp_path):
    """The byte E9, an accented e in Latin-1, is not UTF-8; a list could not hold it."""
    name = os.fsdecode(b"l\xe9")
    image(tmp_path / f"{name}.png")
    text(tmp_path / f"{name}.gt.txt", "x")
    assert lines(tmp_path) == [("l_", "x")]


def test_hidden_files_and_links_to_folders_are_not_read(tmp_path):
    image(tmp_path / "in" / "a.png")
    text(tmp_path / "in" / "a.gt.txt", "x")
    image(tmp_path / "in" / ".b.png")
    (tmp_path / "in" / "loop").symlink_to(tmp_path)
    found = read(tmp_path / "in")
    assert len(found.lines) == 1
    assert set(reasons(found)) == {"loop"}
    text(tmp_path / "in" / "list.txt", "loop/in/a.png,x\n")  # a list may name what lies behind a link
    assert read(tmp_path / "in").left_out == ()


def test_spaces_at_the_ends_of_texts_are_kept_and_pointed_out(tmp_path):
    for name, content in (("a", "x "), ("b", "x")):
        image(tmp_path / f"{name}.png")
        text(tmp_path / f"{name}.gt.txt", content)
    found = read(tmp_path)
    assert [one.line.text for one in found.lines] == ["x ", "x"]
    (note,) = found.messages
    assert "1, the first is" in note
    assert "a.gt.txt" in note


def test_sources_that_are_refused(tmp_path):
    image(tmp_path / "empty" / "a.png")
    with pytest.raises(DataError, match="no text for it"):
        read(tmp_path / "empty")
    with pytest.raises(FileError, match=r"gone: no such file"):
        read(tmp_path / "gone")
    with pytest.raises(DataError, match=r"a\.png is an image"):
        read(tmp_path / "empty" / "a.png")
    (tmp_path / "nothing").mkdir()
    with pytest.raises(DataError, match="holds no image"):
        read(tmp_path / "nothing")


# Bounds


class CountingNames(dict):
    """Counts how often a name is looked for."""

    looked_for = 0

    def __contains__(self, name) -> bool:
        self.looked_for += 1
        return super().__contains__(name)


def test_equal_names_take_time_that_grows_with_their_number():
    names, count = CountingNames(), 300
    found = Found(Path(), _names=names)
    for number in range(count):
        found.add("line", "text", PageCut(Path("page.png"), (0, 0, 1, number + 1), None, True), where="", kind="")
    assert [line.name for line in found.lines[:3]] == ["line", "line-2", "line-3"]
    assert len({line.name for line in found.lines}) == count
    assert 0 < names.looked_for <= 3 * count


def test_folders_within_each_other_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(folders, "MAX_DEPTH", 1)
    image(tmp_path / "a" / "x.png")
    text(tmp_path / "a" / "x.gt.txt", "one")
    image(tmp_path / "a" / "b" / "y.png")
    found = read(tmp_path)
    assert [one.line.name for one in found.lines] == ["a/x"]
    assert reasons(found)["b"] == "more than 1 folders lie within each other."

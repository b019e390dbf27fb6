"""CSV and TSV: columns, quotes, delimiters; a row that cannot be read is left out."""

import csv

import pytest
from PIL import Image

from datapath.errors import DataError
from tests.train.data.sources.places import image, lines, read, reasons, text


@pytest.fixture
def table(tmp_path):
    """Writes a table beside the images 1.png, 2.png and 3.png."""
    for name in "123":
        image(tmp_path / f"{name}.png")
    return lambda content, name="lines.csv": text(tmp_path / name, content)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("1.png,one\n2.png,two\n", ["one", "two"]),
        ("file_name,text\n1.png,one\n", ["one"]),
        ("id,Transcription,Image Path,split\n7,one,1.png,train\n", ["one"]),
        ("1.png,one,train\n2.png,two,test\n", ["one", "two"]),  # the first two columns
        ('1,"Hello, world"\n2,"say ""hi"""\n', ["Hello, world", 'say "hi"']),
        ('"1.png","one"\r\n"2.png","two"\r\n', ["one", "two"]),
        ("1.png;one, two\n2.png;three\n", ["one, two", "three"]),
        ("image;text\n1.png;one, two\n", ["one, two"]),
        ("1.png\tone, two\n", ["one, two"]),
        (b"\xef\xbb\xbfimage,text\n1.png,one\n", ["one"]),
        ("image,text\n1.png,one\n".encode("utf-16"), ["one"]),
        ("1.png,one\r2.png,two\r", ["one", "two"]),
        ("1.png,one\n\n,\n2.png,two", ["one", "two"]),
        ('1.png,a "quoted" word\n', ['a "quoted" word']),
        (".\\1.png,one\n", ["one"]),
    ],
)
def test_the_texts_of_a_table(table, content, expected):
    found = read(table(content))
    assert [one.line.text for one in found.lines] == expected
    assert found.messages == ()


def test_a_tsv_is_split_at_tabs(table):
    assert lines(table("image\ttext\n1.png\tone, two\n", "lines.tsv")) == [("1", "one, two")]


def test_commas_without_quotes_belong_to_the_text_and_are_pointed_out(table):
    # Two columns are the least of any row, so the first row's text goes on behind its second comma.
    found = read(table("1.png,one, two\n2.png,two\n"))
    assert [one.line.text for one in found.lines] == ["one, two", "two"]
    (note,) = found.messages
    assert "end of the row: 1, the first" in note
    assert "line 1" in note


def test_rows_that_cannot_be_read_are_left_out_with_their_line(table):
    path = table(
        'image,text\n1.png,one\n2.png\n3.png,"open\n9.png,gone\n../1.png,out\n/etc/1.png,out\n1.png,"a\nb"\n2.png,two\n.,dot\n'
    )
    found = read(path)
    assert [(one.line.name, one.line.text) for one in found.lines] == [("1", "one"), ("2", "two")]
    why = reasons(found)
    assert "'.' is not a path" in why["lines.csv line 11 (.)"]
    assert "1 columns in place of 2" in why["lines.csv line 3"]
    assert "quotes" in why["lines.csv line 4"]
    assert "9.png: no such file" in why["lines.csv line 5 (9.png)"]
    assert {"1.png)", "lines.csv line 8 (1.png)"} <= set(why)


def test_a_row_with_wrong_quotes_does_not_make_the_rest_of_the_table_be_read_again(table, monkeypatch):
    taken, reader = [], csv.reader
    monkeypatch.setattr(
        csv, "reader", lambda lines, **form: reader((taken.append(1) or line for line in lines), **form)
    )
    found = read(table("1.png,one\n" + '2.png,"x"y\n' * 1000))
    (message,) = [one for one in found.messages if "rows of" in one]
    assert message.startswith("1000 rows")
    assert len(taken) == 1 + 1001  # the first row decides the form, then each is read once


def test_images_in_a_folder_beside_the_table(tmp_path):
    image(tmp_path / "images" / "a.png")
    image(tmp_path / "imgs" / "b.png")
    image(tmp_path / "far" / "c.png")
    text(tmp_path / "tables" / "t.csv", "../far/c.png,three\n")
    text(tmp_path / "t.csv", "a.png,one\nb.png,two\n")
    assert lines(tmp_path) == [("a", "one"), ("b", "two"), ("far/c", "three")]


def test_each_picture_of_a_file_is_a_line(tmp_path):
    one, two = (Image.new("L", (width, 20), 255) for width in (40, 60))
    one.save(tmp_path / "multi.tif", save_all=True, append_images=[two])
    text(tmp_path / "t.csv", "multi.tif[0],one\nmulti.tif[1],two\n")
    found = read(tmp_path)
    assert [(one.line.text, one.size) for one in found.lines] == [("one", (40, 20)), ("two", (60, 20))]
    assert found.left_out == ()
    text(tmp_path / "t.csv", "multi.tif,both\n")  # an image of two pictures is no line
    with pytest.raises(DataError, match=r"multi\.tif.*2"):
        read(tmp_path)

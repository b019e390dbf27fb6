"""List files: quotes, byte order marks, line ends; what is written reads back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datapath.errors import FileError
from tests.golden_data import REPOSITORY
from train.data import lists
from train.data.dataset import read_dataset
from train.data.lists import list_text, parse_list, read_list

LINES = REPOSITORY / "tests" / "cases" / "lines"

OPEN_QUOTES = (
    '0041/010028.bin,"An opening quote that never\n0041/010029.bin,closes, as its end is on another line."\n'
    '0042/010027.bin,"A second one\n'
)
"""As in UW3-500's list of training lines: two rows begin with a quote that never closes."""


def texts(content: str) -> list[str]:
    return [row.text for row in parse_list(content, name="list").rows]


# Quotes


def test_the_quotes_of_a_csv_list_are_syntax():
    # RFC 4180: the outer quotes are syntax, a doubled quote is one quote, a comma within quotes is text.
    dataset = read_dataset(LINES / "d_csv")
    assert [line.text for line in dataset.training[:3]] == ["Hello, world", 'say "hi"', "one two"]
    assert [line.text for line in dataset.validation] == ["one, two", "two"]
    assert dataset.problems == ()


def test_quotes_that_never_close_are_characters():
    listed = parse_list(OPEN_QUOTES, name="list")
    assert [row.text for row in listed.rows] == [
        '"An opening quote that never',
        'closes, as its end is on another line."',
        '"A second one',
    ]
    assert (listed.malformed, listed.notes) == ((), ())


def test_one_quote_that_does_not_close_makes_all_quotes_characters_and_says_so():
    listed = parse_list('a,"x, y"\nb,plain\nc,"open\n', name="list")
    assert [row.text for row in listed.rows] == ['"x, y"', "plain", '"open']
    (note,) = listed.notes
    assert all(part in note for part in ("list", "line 3", "characters: 1,", "line 1"))


@pytest.mark.parametrize("text", ['"Hello," she said', '"a" and "b"', '"a", "b"', ' "a"', 'a "b"', '"', '""" '])
def test_a_text_with_quotes_that_are_not_around_all_of_it_stays(text):
    assert texts(f"a,{text}\nb,x\n") == [text, "x"]


def test_quotes_that_csv_would_not_need_are_pointed_out():
    (note,) = parse_list('a,"Yes"\nb,no, not\n', name="list").notes
    assert all(part in note for part in ("1 of 2 rows", "line 1", "CSV"))
    assert texts('a,"Yes"\nb,no, not\n') == ["Yes", "no, not"]


@pytest.mark.parametrize("content", ['"a","x"\n"b","y, z"\n', 'a,"x"\nb,"y"\n', 'a,"x ""y"""\nb,z\n'])
def test_lists_that_only_csv_explains_have_no_note(content):
    assert parse_list(content, name="list").notes == ()
    assert {row.name for row in parse_list(content, name="list").rows} == {"a", "b"}


def test_uw3_500_reads_as_its_rows_stand(shared_data):
    for name, opening in (("sortedTrain.txt", 2), ("valid.txt", 0)):
        path = shared_data / "uw3-500" / name
        raw = path.read_bytes().decode().removesuffix("\n").split("\n")
        listed = read_list(path)
        assert [f"{row.name},{row.text}" for row in listed.rows] == raw
        assert sum(row.text.startswith('"') for row in listed.rows) == opening
        assert (listed.malformed, listed.notes) == ((), ())
        assert list_text((row.name, row.text) for row in listed.rows).encode() == path.read_bytes()


# Byte order marks and line ends


@pytest.mark.parametrize(
    "content", ["a,x\nb,é\n", "a,x\r\nb,é\r\n", "a,x\rb,é\r", "a,x\r\n\r\nb,é", "\ufeffa,x\n\ufeffb,é\n"]
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_byte_order_marks_and_line_ends_are_no_part_of_a_text(tmp_path, content, encoding):
    (tmp_path / "list.txt").write_bytes(content.encode(encoding))
    listed = read_list(tmp_path / "list.txt")
    assert [(row.name, row.text) for row in listed.rows] == [("a", "x"), ("b", "é")]


@pytest.mark.parametrize(
    ("content", "named"), [(b"a,\xe9\n", ("UTF-8", "byte 2")), (b"\xff\xfea\x00\x00\xd8", ("UTF-16", "byte 4"))]
)
def test_another_encoding_is_refused_with_the_place(tmp_path, content, named):
    (tmp_path / "list.txt").write_bytes(content)
    with pytest.raises(FileError) as refused:
        read_list(tmp_path / "list.txt")
    assert all(part in str(refused.value) for part in (str(tmp_path / "list.txt"), *named))


# Writing


@given(
    st.lists(
        st.text(
            st.sampled_from('"", ab\t') | st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]),
            min_size=1,
        ),
        min_size=1,
        max_size=5,
    )
)
def test_what_is_written_reads_back_without_a_note(texts):
    rows = [(f"folder/{number}", text) for number, text in enumerate(texts)]
    listed = parse_list(list_text(rows), name="list")
    assert [(row.name, row.text) for row in listed.rows] == rows
    assert listed.notes == ()


def test_a_list_without_need_of_quotes_has_none():
    assert list_text([("a", 'say "hi", he said'), ("b", '"open')]) == 'a,say "hi", he said\nb,"open\n'
    assert list_text([("a", '"hi"'), ("b", "x, y")]) == 'a,"""hi"""\nb,"x, y"\n'


# Bounds


def test_half_a_million_lines_in_cyrillic_are_within_the_bound():
    row = f"volume-0041/page-00123/010028.bin.png,{'Фельдмаршал князь Кутузов донёс государю о сражении под городом и о потерях'}\n"
    assert 500_000 * len(row.encode()) <= lists.MAX_BYTES


def test_a_list_has_a_bounded_number_of_rows(tmp_path, monkeypatch):
    monkeypatch.setattr(lists, "MAX_ROWS", 2)
    (tmp_path / "list.txt").write_bytes(b"a,x\r\nb,y\r\n")
    assert len(read_list(tmp_path / "list.txt").rows) == 2
    (tmp_path / "list.txt").write_text("a,x\nb,y\nc,z")
    with pytest.raises(FileError) as caught:
        read_list(tmp_path / "list.txt")
    assert str(caught.value) == f"{tmp_path / 'list.txt'} has 3 rows; at most 2 are read of a list."


def test_a_row_of_any_length_is_one_note():
    listed = parse_list(f"a,{'x' * lists.MAX_ROW}\nb,y\n", name="list")
    assert [row.name for row in listed.rows] == ["b"]
    assert listed.malformed == ((1, f"it has {lists.MAX_ROW + 2} characters; allowed are {lists.MAX_ROW}."),)

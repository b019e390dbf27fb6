"""Labels to text and back, alphabet files, greedy decoding."""

from itertools import groupby

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from datapath import Alphabet, greedy_labels
from datapath.errors import DataError, DesignError, FileError

ABC = Alphabet(("", "a", "b", " "))

symbols = st.text(st.characters(codec="utf-8", exclude_characters="\n\r\0"), min_size=1, max_size=2)
alphabets = st.lists(symbols, min_size=1, max_size=20, unique=True).map(lambda found: Alphabet(("", *found)))


@given(alphabet=alphabets)
def test_a_file_gives_back_the_alphabet(alphabet, tmp_path_factory):
    path = tmp_path_factory.mktemp("alphabet") / "alphabet.txt"
    alphabet.write(path)
    assert Alphabet.read(path) == alphabet


@pytest.mark.parametrize("content", ["\na\nb\n \n", "\r\na\r\nb\r\n \r\n", "\na\nb\n "])
def test_unix_and_windows_line_ends_and_a_missing_last_one(tmp_path, content):
    path = tmp_path / "alphabet.txt"
    path.write_bytes(content.encode())
    assert Alphabet.read(path) == ABC


def test_the_published_alphabet(shared_data):
    alphabet = Alphabet.read(shared_data / "lstm-pynq" / "alphabet.txt")
    assert len(alphabet) == 82
    assert "e" in alphabet.symbols


def test_the_published_alphabet_is_that_of_its_training_lines_by_width_of_the_scan(shared_data):
    folder = shared_data / "uw3-500"
    rows = [row.split(",", maxsplit=1) for row in (folder / "sortedTrain.txt").read_text("utf-8").splitlines()]
    assert len(rows) == 400

    def scan_width(row: list[str]) -> int:
        with Image.open(folder / "imgs" / f"{row[0]}.png") as scan:
            return scan.width

    published = Alphabet.read(shared_data / "lstm-pynq" / "alphabet.txt")
    assert Alphabet.of_texts(text for _, text in sorted(rows, key=scan_width)) == published


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "The alphabet has 1 classes; allowed is 2 to 256."),
        ("\n", "The alphabet has 1 classes; allowed is 2 to 256."),
        ("a\nb\n", "Class 0 of the alphabet is 'a'; it must be the blank, an empty line."),
        ("\na\nb\na\n", "Classes 1 and 3 of the alphabet are both 'a'."),
        ("\na\n\nb\n", "Class 2 of the alphabet is ''; it must be text within one line."),
        ("\na\rb\nc\n", "Class 1 of the alphabet is 'a\\rb'; it must be text within one line."),
        (
            "\n" + "".join(f"{chr(0x4E00 + n)}\n" for n in range(256)),
            "The alphabet has 257 classes; allowed is 2 to 256.",
        ),
    ],
)
def test_files_that_are_no_alphabet(tmp_path, content, sentence):
    path = tmp_path / "alphabet.txt"
    path.write_bytes(content.encode())
    with pytest.raises(DesignError) as caught:
        Alphabet.read(path)
    assert str(caught.value) == f"{path}: {sentence}"


def test_the_largest_alphabet_has_256_classes():
    alphabet = Alphabet(("", *(chr(0x4E00 + n) for n in range(255))))
    assert alphabet.labels(alphabet.symbols[255]).tolist() == [255]


def test_a_missing_and_a_binary_alphabet_file(tmp_path):
    path = tmp_path / "alphabet.txt"
    with pytest.raises(FileError) as caught:
        Alphabet.read(path)
    assert str(caught.value) == f"Cannot read {path}: no such file."
    path.write_bytes(b"\na\n\xff\n")
    with pytest.raises(FileError) as caught:
        Alphabet.read(path)
    assert str(caught.value) == f"{path} is not a UTF-8 text file (byte 3)."


def test_characters_are_numbered_by_first_appearance_without_newline_tab_and_dollar():
    assert Alphabet.of_texts(["ba\n", "a$c\tb"]).symbols == ("", "b", "a", "c")


def test_texts_without_a_character_give_no_alphabet():
    with pytest.raises(DesignError) as caught:
        Alphabet.of_texts(["", "$"])
    assert str(caught.value) == "The alphabet has 1 classes; allowed is 2 to 256."


@given(text=st.text("ab ", max_size=30))
def test_labels_of_a_text_give_the_text(text):
    labels = ABC.labels(text)
    assert labels.dtype == np.uint8
    assert ABC.text(labels) == text
    assert ABC.text(labels.tolist()) == text


def test_newline_tab_and_dollar_are_left_out_of_a_text_unless_they_have_a_class():
    assert ABC.labels("a$b\t\n").tolist() == [1, 2]
    assert Alphabet(("", "$")).labels("$\n").tolist() == [1]


def test_a_character_without_a_class():
    with pytest.raises(DataError) as caught:
        ABC.labels("axbyx")
    assert str(caught.value) == "The alphabet of 4 classes has no 'x', 'y' (in 'axbyx')."


@pytest.mark.parametrize("label", [4, -1, 255])
def test_a_label_without_a_class(label):
    with pytest.raises(DataError) as caught:
        ABC.text([1, label])
    assert str(caught.value) == f"Label {label} is not a class of this alphabet; allowed is 0 to 3."


def test_greedy_decoding_by_hand():
    best = [0, 1, 1, 0, 1, 2, 2, 3, 0, 0, 3]
    scores = np.full((len(best), 4), -5)
    scores[np.arange(len(best)), best] = 7
    assert greedy_labels(scores).tolist() == [1, 1, 2, 3, 3]


def test_greedy_decoding_takes_the_lower_class_on_a_tie_and_needs_no_positive_score():
    assert greedy_labels(np.array([[-9, -2, -2], [-3, -3, -3], [-9, -7, -2]])).tolist() == [1, 2]


@given(scores=hnp.arrays(np.int16, st.tuples(st.integers(0, 12), st.integers(1, 4)), elements=st.integers(-3, 3)))
def test_greedy_decoding_equals_its_definition(scores):
    best = [max(range(len(column)), key=lambda k, column=column: (column[k], -k)) for column in scores.tolist()]
    expected = [label for label, _ in groupby(best) if label != 0]
    labels = greedy_labels(scores)
    assert labels.dtype == np.uint8
    assert labels.tolist() == expected


@pytest.mark.parametrize("symbol", ["a\0", "\ud800"])
def test_a_symbol_that_no_file_can_hold_is_refused(symbol):
    with pytest.raises(DesignError) as caught:
        Alphabet(("", symbol))
    assert str(caught.value) == f"Class 1 of the alphabet is {symbol!r}; it must be text within one line."


@pytest.mark.parametrize("symbols", [["", "a"], ("", 1)])
def test_what_is_no_tuple_of_texts_is_refused(symbols):
    with pytest.raises(DesignError) as caught:
        Alphabet(symbols)
    assert str(caught.value) == f"The alphabet is {symbols!r}; it must be a tuple of texts."

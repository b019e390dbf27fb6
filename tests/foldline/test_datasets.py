"""The alphabet of a checkpoint that has none: from a file, or from the lines that it was trained on."""

import pytest

from datapath import Alphabet
from datapath.errors import CheckpointError, ConfigError, DesignError, FileError
from foldline.datasets import alphabet_source, open_dataset, read_alphabet
from tests.train import tiny
from train.data.dataset import write_dataset


@pytest.mark.parametrize(
    ("text", "symbols"),
    [
        ("\na\nbc\n \n", ("", "a", "bc", " ")),
        ("\r\na\r\nb\r\n", ("", "a", "b")),
        ("ab c\n", ("", "a", "b", " ", "c")),
        ("a\nb\nc", ("", "a", "b", "c")),
    ],
)
def test_an_alphabet_is_a_file_of_classes_or_its_characters(tmp_path, text, symbols):
    (tmp_path / "letters.txt").write_bytes(text.encode())
    assert read_alphabet(tmp_path / "letters.txt").symbols == symbols


def test_an_alphabet_with_a_repeated_character_is_refused_by_its_file(tmp_path):
    path = tmp_path / "letters.txt"
    path.write_text("hello")
    with pytest.raises(DesignError, match=r"letters.txt.*'l'"):
        read_alphabet(path)
    with pytest.raises(FileError, match="none"):
        read_alphabet(tmp_path / "none")


def test_the_file_comes_before_the_training_lines(tmp_path):
    """Narrowest first: "b", then of two letters "ab" and "bc", so b, a, c; the space comes with the three of "c a"."""
    write_dataset(tiny.dataset(), tmp_path / "lines")
    (tmp_path / "letters.txt").write_text("xyz")
    lines = {"data": str(tmp_path / "lines")}
    assert alphabet_source(tmp_path / "letters.txt", **lines)(4) == (
        Alphabet(("", *"xyz")),
        str(tmp_path / "letters.txt"),
    )
    assert alphabet_source(**lines)(5) == (Alphabet(("", *"bac ")), "the training lines of lines")
    with pytest.raises(CheckpointError, match=r"7 classes.* give 5: .*--alphabet"):
        alphabet_source(**lines)(7)


@pytest.mark.parametrize("dataset", [{}, {"data": "synthetic"}, {"data": "synthetic:40"}])
def test_without_a_file_and_without_lines_the_checkpoint_is_refused_with_what_to_do(dataset):
    with pytest.raises(CheckpointError, match=r"12 classes and no alphabet.*--alphabet FILE"):
        alphabet_source(**dataset)(12)


def test_a_number_of_lines_with_thousands_of_digits_is_one_short_sentence():
    """Python refuses to read so long a number."""
    with pytest.raises(ConfigError, match="after synthetic: comes the number of lines, 1 to 1000000") as caught:
        open_dataset(f"synthetic:{'9' * 5000}", seed=0)
    assert len(str(caught.value)) < 400

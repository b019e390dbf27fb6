"""Reading and writing datasets in the layout of UW3-500."""

import re
import stat

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from datapath.alphabet import Alphabet
from datapath.errors import DataError, DesignError, FileError, ImageError
from train.data.batches import read_pixels
from train.data.dataset import Dataset, Line, read_dataset, read_lines, require_free, write_dataset


def scan(width=20, height=16, ink=(3, 5)):
    image = Image.new("1", (width, height), 1)
    image.putpixel(ink, 0)
    return image


@pytest.fixture
def folder(tmp_path):
    """Three training lines and one to validate."""
    root = tmp_path / "lines"
    (root / "imgs" / "a").mkdir(parents=True)
    for name, width in (("a/1", 60), ("a/2", 40), ("a/3", 20), ("b", 30)):
        scan(width).save(root / "imgs" / f"{name}.png")
    (root / "sortedTrain.txt").write_text("a/1,xyz, $1\na/2,bab\na/3,ca\n")
    (root / "valid.txt").write_text("b,abc\n")
    return root


def rewrite(folder, content):
    path = folder / "sortedTrain.txt"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


# What is read


def test_lines_in_the_order_of_the_lists_with_the_truth_as_it_stands(folder):
    dataset = read_dataset(folder)
    assert dataset.name == "lines"
    assert dataset.problems == ()
    assert [(line.name, line.text) for line in dataset.training] == [("a/1", "xyz, $1"), ("a/2", "bab"), ("a/3", "ca")]
    assert [(line.name, line.text) for line in dataset.validation] == [("b", "abc")]
    assert dataset.training[0].source == folder / "imgs" / "a" / "1.png"


def test_the_alphabet_starts_with_the_narrowest_line_and_drops_the_dollar(folder):
    assert read_dataset(folder).alphabet().symbols == ("", *"cabxyz, 1")


def test_pixels_are_columns_with_bright_ink():
    pixels = Line("x", "x", scan(width=17, height=32, ink=(3, 5))).pixels(32)
    assert pixels.shape == (18, 32)
    assert pixels.dtype == np.uint8
    assert np.unravel_index(pixels.argmax(), pixels.shape) == (3, 5)
    assert np.count_nonzero(pixels) < 10


def test_windows_line_ends_a_byte_order_mark_and_blank_rows(folder):
    rewrite(folder, b"\xef\xbb\xbfa/1,x y \r\n\r\na/2,\xc3\xa9\r\n")
    assert [line.text for line in read_dataset(folder).training] == ["x y ", "é"]


def test_other_lists_and_images(folder, tmp_path):
    (folder / "imgs").rename(tmp_path / "pictures")
    (tmp_path / "few.txt").write_text("b,q\n")
    dataset = read_dataset(
        folder, sorted_train=tmp_path / "few.txt", valid=folder / "sortedTrain.txt", imgs=tmp_path / "pictures"
    )
    assert [line.text for line in dataset.training] == ["q"]
    assert len(dataset.validation) == 3


def test_every_line_gives_its_columns(folder):
    pixels = read_pixels(read_dataset(folder).training, target_height=32)
    assert [len(columns) for columns in pixels] == [120, 80, 40]


# What is left out, and said so


def test_every_line_left_out_is_listed_with_its_reason(folder):
    (folder / "imgs" / "a" / "1.png").unlink()
    (folder / "imgs" / "a" / "2.png").write_text("no image")
    path = rewrite(folder, "a/1,one\na/2,two\nb,\na/3,ca\n")
    dataset = read_dataset(folder)
    assert [line.name for line in dataset.training] == ["a/3"]
    assert dataset.problems == (
        f"{path} line 1 (a/1) is left out: Cannot read {folder}/imgs/a/1.png: no such file.",
        f"{path} line 2 (a/2) is left out: {folder}/imgs/a/2.png is not an image of kind PNG, TIFF, JPEG, GIF, WebP, BMP or PNM, or its header is damaged.",
        f"{path} line 3 (b) is left out: its ground truth is empty.",
    )


def test_a_truth_that_cannot_be_trained_is_left_out_of_training_only(folder):
    path = rewrite(folder, "a/1,$\na/2,\rx\na/3,ca\n")
    (folder / "valid.txt").write_text("b,$\n")
    dataset = read_dataset(folder)
    assert len(dataset.validation) == 1
    assert dataset.problems == (
        f"{path} line 1 (a/1) is left out: its ground truth '$' holds no character that is trained.",
        f"{path} line 2 (a/2) is left out: its ground truth holds a carriage return.",
    )


def test_malformed_rows_are_left_out_and_the_others_read(folder):
    path = rewrite(folder, "a/1,x\na/2 y\na/1,z\n../b,q\na/3,ca\n")
    dataset = read_dataset(folder)
    assert [(line.name, line.text) for line in dataset.training] == [("a/1", "x"), ("a/3", "ca")]
    assert dataset.problems == (
        f"{path} line 2 is left out: it has no comma; it must be `relative/name,ground truth`.",
        f"{path} line 3 (a/1) is left out: it repeats a/1, which is on line 1.",
        f"{path} line 4 (../b) is left out: '../b' is not a relative path within the folder of images.",
    )


def test_one_image_under_two_names_is_one_line(folder):
    path = rewrite(folder, "a/1,$\na/1.png,x\n./a/1,y\na/3,ca\n")
    dataset = read_dataset(folder)
    assert [(line.name, line.text) for line in dataset.training] == [("a/1.png", "x"), ("a/3", "ca")]
    assert f"{path} line 3 (./a/1) is left out: its image is that of a/1.png, which is on line 2." in dataset.problems


def test_many_lines_left_out_are_one_message(folder):
    path = rewrite(folder, "a/1,x\n" + "".join(f"gone/{number},x\n" for number in range(7)))
    # Six or more of one list are grouped: lines 2 to 8 name images that do not exist.
    assert read_dataset(folder).problems == (
        f"7 lines of {path} are left out. The first is {path} line 2 (gone/0): "
        f"Cannot read {folder}/imgs/gone/0.png: no such file.",
    )


def test_training_lines_that_are_validation_lines_are_pointed_out(folder):
    (folder / "valid.txt").write_text("b,abc\na/2,bab\na/3,ca\n")
    dataset = read_dataset(folder)
    assert len(dataset.validation) == 3
    assert dataset.problems == (f"2 of the lines in {folder}/valid.txt are training lines too, the first a/2.",)


# What is refused


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("a/2 y\n", ["line 1", "comma"]),
        ("../a/1,x\n", ["line 1", "'../a/1'"]),
        ("a/../../b,x\n", ["line 1", "'a/../../b'"]),
        ("/etc/b,x\n", ["line 1", "'/etc/b'"]),
        ("a\\..\\b,x\n", ["line 1", r"'a\\..\\b'"]),
        ("a\0b,x\n", ["line 1", r"'a\x00b'"]),
        (",x\n", ["line 1", "''"]),
        ("", ["no lines"]),
        ("\n\n", ["no lines"]),
        ("a/1,\na/2,\n", ["of its 2 lines", "line 1 (a/1)", "ground truth is empty"]),
        ("a/1,\n", ["Its only line", "line 1 (a/1)", "ground truth is empty"]),
    ],
)
def test_a_malformed_list(folder, content, named):
    path = rewrite(folder, content)
    with pytest.raises(DataError, match=re.escape(str(path))) as refused:
        read_dataset(folder)
    assert all(text in str(refused.value) for text in named)


def test_a_list_that_is_not_utf_8(folder):
    path = rewrite(folder, b"a/1,\xff\n")
    with pytest.raises(FileError) as refused:
        read_dataset(folder)
    assert str(refused.value) == f"{path} is not a UTF-8 text file (byte 4)."


@pytest.mark.parametrize("missing", ["", "sortedTrain.txt", "valid.txt", "imgs"])
def test_a_missing_part(folder, tmp_path, missing):
    (folder / missing).rename(tmp_path / "elsewhere")
    reason = "no such file" if missing.endswith(".txt") else "no such folder"
    with pytest.raises(FileError) as refused:
        read_dataset(folder)
    assert str(refused.value) == f"Cannot read {folder / missing}: {reason}."


def test_a_file_or_an_empty_folder_for_a_dataset(folder, tmp_path):
    with pytest.raises(FileError, match=re.escape(f"{folder}/valid.txt")):
        read_dataset(folder / "valid.txt")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError) as refused:
        read_dataset(tmp_path / "empty")
    assert str(refused.value) == f"The dataset folder {tmp_path}/empty is empty."


def test_a_path_that_the_system_refuses_is_named(folder, tmp_path):
    long = tmp_path / ("a" * 300)
    for call in (
        lambda: read_dataset(long),
        lambda: read_dataset(folder, imgs=long),
        lambda: read_dataset(folder, valid=long),
        lambda: require_free(long),
    ):
        with pytest.raises(FileError) as refused:
            call()
        assert str(refused.value) == f"Cannot read {long}: File name too long."


def test_an_image_too_narrow_is_named_by_line_or_by_file(tmp_path):
    narrow = Image.new("L", (1, 64), 255)
    narrow.save(tmp_path / "n.png")
    sentence = "An image of 1 x 64 pixels gives 0 columns at height 32; allowed is 2 to 100000."
    with pytest.raises(ImageError) as refused:
        read_pixels([Line("a/1", "x", narrow)], target_height=32)
    assert str(refused.value) == f"a/1: {sentence}"
    with pytest.raises(ImageError) as refused:
        Line("n", "x", tmp_path / "n.png").pixels(32)
    assert str(refused.value) == f"n: {sentence}"


def test_no_lines_give_no_alphabet():
    with pytest.raises(DesignError) as refused:
        Dataset((), (), "none").alphabet()
    assert str(refused.value) == "The alphabet has 1 classes; allowed is 2 to 256."


# Writing


@given(
    texts=st.lists(
        st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), min_size=1), min_size=2, max_size=4
    ),
    widths=st.lists(st.integers(2, 40), min_size=4, max_size=4),
)
def test_what_is_written_is_read_back(texts, widths, tmp_path_factory):
    texts = [f"x{text}" for text in texts]  # always something to train
    lines = [Line(f"p/{i}", text, scan(widths[i], ink=(1, i))) for i, text in enumerate(texts)]
    folder = write_dataset(Dataset(tuple(lines[1:]), (lines[0],), "made"), tmp_path_factory.mktemp("d"))
    back = read_dataset(folder)
    assert back.problems == ()
    widest_first = sorted(lines[1:], key=lambda line: -line.source.width)
    for read, made in zip((*back.training, *back.validation), (*widest_first, lines[0]), strict=True):
        assert (read.name, read.text) == (made.name, made.text)
        assert np.array_equal(read.pixels(16), made.pixels(16))


def test_a_written_folder_has_the_rights_of_any_other(folder, tmp_path):
    (tmp_path / "plain").mkdir()
    written = write_dataset(read_dataset(folder), tmp_path / "new" / "one")
    assert stat.S_IMODE(written.stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)
    assert [path.name for path in written.parent.iterdir()] == ["one"]


def test_nothing_is_overwritten(folder):
    dataset = read_dataset(folder)
    for target in (folder, folder / "valid.txt"):
        with pytest.raises(FileError) as refused:
            write_dataset(dataset, target)
        assert str(refused.value) == f"{target} exists and is not an empty folder; nothing is overwritten."


def test_an_interrupted_writing_leaves_nothing(folder, tmp_path):
    dataset = read_dataset(folder)
    dataset.training[1].source.unlink()
    with pytest.raises(ImageError):
        write_dataset(dataset, tmp_path / "out" / "set")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_folder_that_cannot_be_made(folder):
    dataset = read_dataset(folder)
    with pytest.raises(FileError) as refused:
        write_dataset(dataset, folder / "valid.txt" / "set")
    assert str(refused.value).startswith(f"Cannot write {folder}/valid.txt/set: {folder}/valid.txt ")


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("a,b", "x", "The name 'a,b' cannot be written; it must be a relative path without a comma."),
        ("../a", "x", "The name '../a' cannot be written; it must be a relative path without a comma."),
        ("a", "x\ny", "The text 'x\\ny' of a cannot be written; it must be one line, not empty."),
        ("a", "", "The text '' of a cannot be written; it must be one line, not empty."),
    ],
)
def test_lines_that_the_layout_cannot_hold(tmp_path, name, text, sentence):
    line = Line(name, text, scan())
    with pytest.raises(DataError) as refused:
        write_dataset(Dataset((line,), (), "made"), tmp_path / "d")
    assert str(refused.value) == sentence


def test_two_lines_of_one_name(tmp_path):
    lines = (Line("a", "x", scan()), Line("a", "y", scan()))
    with pytest.raises(DataError) as refused:
        write_dataset(Dataset(lines, (), "made"), tmp_path / "d")
    assert str(refused.value) == "Two lines are named a; names must differ within a list."


# The real lines


def test_uw3_500_gives_the_published_alphabet(shared_data):
    dataset = read_dataset(shared_data / "uw3-500")
    assert dataset.alphabet() == Alphabet.read(shared_data / "lstm-pynq" / "alphabet.txt")
    assert dataset.problems == ()
    assert (len(dataset.training), len(dataset.validation)) == (400, 100)


def test_uw3_500_keeps_its_dollars(shared_data):
    folder = shared_data / "uw3-500"
    lines, problems = read_lines(folder / "valid.txt", folder / "imgs")
    assert problems == ()
    assert "$50,000 and $80,000" in {line.name: line.text for line in lines}["1180/010028.bin"]


def test_uw3_500_gives_the_columns_of_the_specification(shared_data):
    dataset = read_dataset(shared_data / "uw3-500")
    widths = [len(columns) for columns in read_pixels(dataset.training, target_height=32)]
    assert (sum(widths), max(widths), sum(width > 732 for width in widths)) == (252_624, 1884, 98)
    widths = [len(columns) for columns in read_pixels(dataset.validation, target_height=32)]
    assert (sum(widths), max(widths), sum(width > 732 for width in widths)) == (62_348, 1394, 25)

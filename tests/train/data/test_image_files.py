"""Images by the names that lists give them: suffixes, NFC and NFD, ambiguous names."""

import pytest

from datapath.errors import DataError, ImageError
from tests.golden_data import REPOSITORY
from train.data.dataset import read_dataset
from train.data.image_files import ImageFiles

LINES = REPOSITORY / "tests" / "cases" / "lines"
NFC, NFD = "caf\u00e9", "cafe\u0301"


def make(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"")
    return ImageFiles(root)


def test_a_list_without_suffixes_finds_jpeg_images():
    # The list names 0000 and so on in two folders, whose files are 0000.jpg and so on.
    dataset = read_dataset(LINES / "d_jpg")
    assert dataset.problems == ()
    assert (len(dataset.training), len(dataset.validation)) == (10, 4)
    assert dataset.training[0].source.name == "0000.jpg"
    assert dataset.training[0].text == "one two"


@pytest.mark.parametrize(
    ("files", "name", "found"),
    [
        (("a/1.png",), "a/1", "a/1.png"),
        (("a/1.PNG",), "a/1", "a/1.PNG"),
        (("a/1.Tif",), "a/1", "a/1.Tif"),
        (("a/1.bin.png",), "a/1.bin", "a/1.bin.png"),  # .bin is not a suffix of an image
        (("1.jpg",), "1.jpg", "1.jpg"),
        (("1.jpg", "1.png"), "1.jpg", "1.jpg"),  # as it stands comes first
        (("1.jpg.png", "1.png"), "1.jpg", "1.jpg.png"),  # then with a suffix added, as UW3-500 has it
        (("1.tif",), "1.png", "1.tif"),  # then another suffix in its place
        (("1", "1.png"), "1", "1.png"),  # a file without a suffix comes last
        (("1", "2.png"), "1", "1"),
        (("1.tif",), "1.tif[1]", "1.tif[1]"),  # the second picture of a file
        (("1.tif",), "1[0]", "1.tif[0]"),
        (("1[0].png", "1.tif"), "1[0]", "1[0].png"),
    ],
)
def test_the_image_of_a_name(tmp_path, files, name, found):
    assert make(tmp_path, *files).find(name) == tmp_path / found


@pytest.mark.parametrize(("on_disk", "in_list"), [(NFD, NFC), (NFC, NFD)])
def test_names_are_compared_in_nfc(tmp_path, on_disk, in_list):
    images = make(tmp_path, f"{on_disk}/{on_disk}.png")
    assert images.find(f"{in_list}/{in_list}") == tmp_path / on_disk / f"{on_disk}.png"


def test_two_files_whose_names_differ_in_form_only_keep_their_names(tmp_path):
    images = make(tmp_path, f"{NFD}.png", f"{NFC}.png")
    assert images.find(NFD).name == f"{NFD}.png"
    assert images.find(NFC).name == f"{NFC}.png"
    assert images.notes() == ()


def test_several_formats_of_one_name_are_named(tmp_path):
    images = make(tmp_path, "1.jpg", "1.tif", "2.jpg", "2.png")
    with pytest.raises(DataError, match=r"several images: 1\.jpg, 1\.tif"):
        images.find("1")
    assert images.find("2").name == "2.png"  # the layout's own suffix
    (note,) = images.notes()
    assert "2.jpg, 2.png" in note


@pytest.mark.parametrize("name", ["3", "b/1", "a", "1/2"])
def test_an_image_that_is_not_there_is_named(tmp_path, name):
    with pytest.raises(ImageError, match=f"{name}.png: no such file"):
        make(tmp_path, "a/1.png", "1.png").find(name)

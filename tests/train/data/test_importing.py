"""`import_lines`: the split, the lists and images that are written, and that they are what `--data SOURCE` trains on."""

import hashlib
import shutil
import signal
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from datapath.errors import ConfigError, DataError, FileError
from datapath.text_form import TextForm
from foldline.datasets import open_dataset
from tests.golden_data import REPOSITORY
from tests.train.data.sources.places import image, text
from tests.train.data.sources.test_pages import page_line, page_xml
from train.data.dataset import read_dataset
from train.data.importing import Share, import_lines, source_dataset

CASES = REPOSITORY / "tests" / "cases" / "lines"


@pytest.fixture
def mixed(tmp_path):
    """Thirteen lines of three kinds of source, one of them as JPEG, some with quotes, commas, and letters in NFD."""
    source = tmp_path / "scans"
    shutil.copytree(CASES / "d_gt", source)
    image(source / "a.jpg", width=70)
    text(source / "t.csv", 'a.jpg,"""Caf\u00e9"", cafe\u0301"\n')
    page = np.tile(np.arange(100, dtype=np.uint8), (80, 1))
    Image.fromarray(page).save(source / "scan.png")
    two = page_line("0,0 50,20", "line one", identifier="1"), page_line("0,20 90,40", "line, two", identifier="2")
    text(source / "scan.xml", page_xml(*two))
    return source


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def same_lines(one, other):
    for ours, theirs in ((one.training, other.training), (one.validation, other.validation)):
        assert [(line.name, line.text) for line in ours] == [(line.name, line.text) for line in theirs]
        assert all(np.array_equal(a.pixels(32), b.pixels(32)) for a, b in zip(ours, theirs, strict=True))


def test_what_is_imported_is_what_the_source_trains_directly(mixed, tmp_path):
    imported = import_lines(mixed, tmp_path / "lines")
    direct = open_dataset(str(mixed), seed=5)
    written = read_dataset(tmp_path / "lines")
    assert written.problems == ()
    assert (len(written.training), len(written.validation)) == (12, 1)  # 10 % of 13 lines is 1.3
    same_lines(written, direct)
    same_lines(imported.dataset, direct)
    assert written.alphabet() == direct.alphabet()
    assert "12 training and 1 validation lines" in direct.problems[0]
    texts = {line.name: line.text for line in (*written.training, *written.validation)}
    assert texts["a"] == '"Caf\u00e9", caf\u00e9'  # in NFC, both


def test_the_same_source_and_seed_give_the_same_bytes(mixed, tmp_path):
    first, second, other = (tmp_path / name for name in ("first", "second", "other"))
    import_lines(mixed, first)
    import_lines(mixed, second)
    import_lines(mixed, other, seed=1)
    assert content(first) == content(second)
    assert content(first)["valid.txt"] != content(other)["valid.txt"]


def test_validation_lines_are_those_of_the_lowest_hashes(tmp_path):
    # The rule, once more: the SHA-256 of seed, newline and name; 30 % of ten lines are three.
    names = [f"0001/00000{number}.bin" for number in range(10)]
    lowest = sorted(names, key=lambda name: hashlib.sha256(f"7\n{name}".encode()).digest())[:3]
    imported = import_lines(CASES / "d_gt", tmp_path / "lines", validation=Share.of("30%"), seed=7)
    assert {line.name for line in imported.dataset.validation} == set(lowest)


def test_training_lines_run_from_the_widest_to_the_narrowest(tmp_path):
    training = import_lines(CASES / "d_gt", tmp_path / "lines").dataset.training
    shapes = [line.image().size for line in training]
    assert [w / h for w, h in shapes] == sorted((w / h for w, h in shapes), reverse=True)


def test_png_files_are_copied_and_others_become_grey_png(mixed, tmp_path):
    import_lines(mixed, tmp_path / "lines")
    written = content(tmp_path / "lines")
    assert written["imgs/0001/000000.bin.png"] == (mixed / "0001" / "000000.bin.png").read_bytes()
    with Image.open(tmp_path / "lines" / "imgs" / "a.png") as grey, Image.open(mixed / "a.jpg") as jpeg:
        assert (grey.format, grey.mode) == ("PNG", "L")
        assert np.array_equal(np.asarray(grey), np.asarray(jpeg.convert("L")))
    assert set(written) == {
        *("sortedTrain.txt", "valid.txt", "texts.json", "imgs/a.png", "imgs/scan/1.png", "imgs/scan/2.png"),
        *(f"imgs/0001/00000{number}.bin.png" for number in range(10)),
    }


def test_uw3_500_imports_to_the_same_lists_and_images(shared_data, tmp_path):
    source = shared_data / "uw3-500"
    imported = import_lines(source, tmp_path / "lines", form=TextForm())
    assert (imported.own_split, imported.read.left_out) == (True, ())
    assert (imported.too_wide, imported.over_limits) == (123, 123)  # 98 + 25, see the test of columns of the dataset
    given = content(source)
    assert content(tmp_path / "lines") == {
        name: given[name] for name in given if name.startswith(("imgs", "sor", "val"))
    }


def test_the_split_of_a_source_s_own_lists_is_kept_unless_a_share_is_given(tmp_path):
    kept = import_lines(CASES / "d_csv", tmp_path / "kept")
    assert [line.name for line in kept.dataset.validation] == ["valid/0000", "valid/0001"]
    assert [line.text for line in kept.dataset.training[:2]] == ["Hello, world", 'say "hi"']
    anew = import_lines(CASES / "d_csv", tmp_path / "anew", validation=Share.of("5"))
    assert (len(anew.dataset.training), len(anew.dataset.validation)) == (9, 5)


def test_lists_without_a_folder_of_images_train_as_they_import(tmp_path):
    source = tmp_path / "in"
    shutil.copytree(CASES / "d_csv", source)
    for folder in ("train", "valid"):
        (source / "imgs" / folder).rename(source / folder)
    (source / "imgs").rmdir()
    direct = open_dataset(str(source), seed=0)
    import_lines(source, tmp_path / "out")
    same_lines(read_dataset(tmp_path / "out"), direct)
    assert [line.name for line in direct.validation] == ["valid/0000", "valid/0001"]
    (source / "valid.txt").unlink()  # the other list alone is split: 10 % of its 12 lines is one
    assert len(open_dataset(str(source), seed=0).validation) == 1


def test_lines_beside_the_lists_of_a_dataset_are_pointed_out(tmp_path):
    shutil.copytree(CASES / "d_csv", tmp_path / "in")
    assert open_dataset(str(tmp_path / "in"), seed=0).problems == ()
    text(tmp_path / "in" / "imgs" / "more.gt.txt", "x")
    (problem,) = open_dataset(str(tmp_path / "in"), seed=0).problems
    assert "1 files" in problem
    assert "imgs/more.gt.txt" in problem


@pytest.mark.parametrize(
    ("normalisation", "expected"),
    [
        # e + U+0301 is U+00E9 in NFC; the ligature U+FB01 is f and i in NFKC alone.
        ("NFC", "caf\u00e9 \ufb01"),
        ("NFKC", "caf\u00e9 fi"),
        ("none", "cafe\u0301 \ufb01"),
    ],
)
def test_texts_are_normalised(tmp_path, normalisation, expected):
    for name in "ab":
        image(tmp_path / "in" / f"{name}.png", width=40 + ord(name))
        text(tmp_path / "in" / f"{name}.gt.txt", "cafe\u0301 \ufb01\n")
    written = import_lines(tmp_path / "in", tmp_path / "out", form=TextForm(normalisation=normalisation))
    assert {line.text for line in written.dataset.training} == {expected}


def test_one_letter_in_two_forms_becomes_one(tmp_path):
    # The lists spell caf\u00e9 as e + U+0301 and as U+00E9, and cr\u00e8me with e + U+0300: in NFC no combining sign is left.
    dataset = import_lines(CASES / "d_nfd2", tmp_path / "out").dataset
    assert [line.text for line in dataset.training[:3]] == ["caf\u00e9 cr\u00e8me", "caf\u00e9", "\u00fcber"]
    assert dataset.validation[0].text == "caf\u00e9 \u00fcber"


def test_names_in_nfd_are_the_names_of_a_list_in_nfc(tmp_path):
    # A list written on Linux names caf\u00e9/0000; the folder, from macOS, has its NFD form.
    folder = tmp_path / unicodedata.normalize("NFD", "caf\u00e9")
    image(tmp_path / "imgs" / folder.name / "0000.png")
    text(tmp_path / "valid.txt", "caf\u00e9/0000,x\n")
    assert len(read_dataset(tmp_path, validation_only=True).validation) == 1


@pytest.mark.parametrize(
    ("share", "lines", "expected"),
    [
        *(("10%", 10, 1), ("10%", 14, 1), ("10%", 15, 2), ("12.5%", 8, 1), ("1%", 20, 1), ("99 %", 3, 2)),
        *(("3", 10, 3), ("9", 10, 9)),
    ],
)
def test_the_number_of_validation_lines(share, lines, expected):
    assert Share.of(share).count(lines) == expected


@pytest.mark.parametrize("share", ["0%", "100%", "0", "-1", "0.1", "ten", "", "1e1%", "%"])
def test_a_share_that_cannot_be(share):
    with pytest.raises(ConfigError, match="above 0% and below 100%") as refused:
        Share.of(share)
    assert repr(share) in str(refused.value)


def test_too_few_lines_to_split(tmp_path):
    image(tmp_path / "in" / "a.png")
    text(tmp_path / "in" / "a.gt.txt", "x")
    with pytest.raises(DataError, match="There is 1 line"):
        import_lines(tmp_path / "in", tmp_path / "out")
    with pytest.raises(DataError, match="10 validation lines leave none of the 10"):
        import_lines(CASES / "d_gt", tmp_path / "out", validation=Share.of("10"))
    assert not (tmp_path / "out").exists()


def test_a_folder_within_the_source_is_refused(tmp_path):
    shutil.copytree(CASES / "d_gt", tmp_path / "in")
    with pytest.raises(DataError, match="in/out lies within"):
        import_lines(tmp_path / "in", tmp_path / "in" / "out")
    assert not (tmp_path / "in" / "out").exists()


def test_validation_lines_with_the_picture_of_a_training_line_are_pointed_out(tmp_path):
    image(tmp_path / "in" / "a.png", width=30)
    image(tmp_path / "in" / "b.tif", width=30)  # the same pixels
    for name in "ab":
        text(tmp_path / "in" / f"{name}.gt.txt", name)
    (problem,) = import_lines(tmp_path / "in", tmp_path / "out").dataset.problems
    assert "1 validation lines have the picture of a training line" in problem
    image(tmp_path / "in" / "b.tif", width=31)
    assert import_lines(tmp_path / "in", tmp_path / "other").dataset.problems == ()


def test_an_interrupted_import_leaves_nothing_and_a_folder_with_content_is_kept(tmp_path):
    def stop(done, total):
        if done == 3:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        import_lines(CASES / "d_gt", tmp_path / "out", progress=stop)
    assert list(tmp_path.iterdir()) == []
    text(tmp_path / "out" / "mine.txt", "x")
    with pytest.raises(FileError, match="nothing is overwritten"):
        import_lines(CASES / "d_gt", tmp_path / "out")
    assert content(tmp_path / "out") == {"mine.txt": b"x"}


def test_every_image_is_decoded_once(mixed, tmp_path, monkeypatch):
    """Ten .bin.png, a JPEG and one page with two lines: twelve files."""
    opened = []
    plain_open = Image.open
    monkeypatch.setattr(Image, "open", lambda *given, **named: opened.append(given[0]) or plain_open(*given, **named))
    import_lines(mixed, tmp_path / "lines")
    assert len(opened) == len(set(map(str, opened))) == 12


def test_right_to_left_texts_in_the_order_of_the_picture(tmp_path):
    pytest.importorskip("bidi")
    for name in "ab":
        image(tmp_path / "in" / f"{name}.png")
        text(tmp_path / "in" / f"{name}.gt.txt", "\u05d0\u05d1\u05d2 12\n")
    # Alef, bet, gimel, space, 12 are drawn from the right; the number stands leftmost, its digits as they are.
    written = import_lines(tmp_path / "in", tmp_path / "out", form=TextForm(normalisation="NFC", in_picture_order=True))
    assert {line.text for line in written.dataset.training} == {"12 \u05d2\u05d1\u05d0"}


@pytest.mark.parametrize("source", ["out", "out/lines.txt", "."])
def test_texts_of_an_import_are_brought_into_its_form_once(tmp_path, source):
    """The folder's texts.json counts for its lists, however they are named; as in the picture: 12, then gimel, bet, alef."""
    pytest.importorskip("bidi")
    for name in "abcd":
        image(tmp_path / "in" / f"{name}.png", ink=ord(name) - 90)
        text(tmp_path / "in" / f"{name}.gt.txt", "\u05d0\u05d1\u05d2 12\n")
    form = TextForm(normalisation="NFC", in_picture_order=True)
    import_lines(tmp_path / "in", tmp_path / "out", form=form)
    both = [(tmp_path / "out" / name).read_text(encoding="utf-8") for name in ("sortedTrain.txt", "valid.txt")]
    text(tmp_path / "out/lines.txt", "".join(both))
    shutil.rmtree(tmp_path / "in")
    again = source_dataset(tmp_path / source, form=form)
    assert {line.text for line in (*again.training, *again.validation)} == {"12 \u05d2\u05d1\u05d0"}
    lists = {"sorted_train": tmp_path / "out/sortedTrain.txt", "valid": tmp_path / "out/valid.txt"}
    assert read_dataset(None, **lists, imgs=tmp_path / "out/imgs").form == form


def test_a_source_dataset_keeps_images_where_they_are():
    dataset = source_dataset(CASES / "d_gt")
    assert all(line.source.is_relative_to(CASES) for line in dataset.training)
    assert dataset.name == "d_gt"

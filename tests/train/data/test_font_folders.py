"""Fonts of a folder: which families are found, what is left out, and how lines name them."""

import shutil

import numpy as np
import pytest

from datapath.errors import ConfigError, FileError
from foldline.datasets import open_dataset
from train.data.font_folders import read_fonts
from train.data.record import DataRecord, recorded_options
from train.data.synthetic import synthetic_line
from train.data.synthetic_source import SyntheticSource
from train.data.typefaces import SIGNS, font_folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A serif with a bold font, a typewriter face, a font of symbols, a copy, and a file that is no font."""
    folder = tmp_path_factory.mktemp("fonts")
    (folder / "more").mkdir()
    for name, place in (
        ("STIXGeneral", "stix.ttf"),
        ("STIXGeneralBol", "more/second.TTF"),
        ("STIXGeneral", "more/third.ttf"),
        ("DejaVuSansMono", "mono.ttf"),
        ("STIXSizFiveSymReg", "symbols.ttf"),
    ):
        shutil.copy(font_folder() / f"{name}.ttf", folder / place)
    (folder / "broken.otf").write_bytes(b"OTTO no font")
    (folder / "LICENCE.txt").write_text("not a font")
    return folder


@pytest.fixture(scope="module")
def fonts(folder):
    return read_fonts(folder)


def test_families_are_found_by_the_names_within_the_fonts(fonts, folder):
    mono, serif = fonts.typefaces
    assert (mono.name, mono.typewriter, mono.bold) == ("DejaVu Sans Mono", True, None)
    assert (serif.name, serif.typewriter) == ("STIXGeneral", False)
    assert serif.fonts == (str(folder / "stix.ttf"), str(folder / "more" / "second.TTF"))
    assert serif.lacks == frozenset() and set(serif.signs) == set(SIGNS)


def test_every_font_that_is_left_out_is_named_with_its_reason(fonts, folder):
    broken, copy, symbols = sorted(fonts.problems)
    assert f"{folder / 'broken.otf'} is left out: Pillow cannot read it" in broken
    assert (
        f"{folder / 'more' / 'third.ttf'} is left out: {folder / 'stix.ttf'} is of the same family and style." == copy
    )
    assert f"{folder / 'symbols.ttf'} is left out: it lacks " in symbols


def test_another_font_gives_another_digest_and_other_names(fonts, folder, tmp_path):
    shutil.copy(folder / "stix.ttf", tmp_path / "renamed.ttf")
    alone = read_fonts(tmp_path)
    shutil.copy(folder / "mono.ttf", tmp_path)
    shutil.copy(folder / "more" / "second.TTF", tmp_path)
    assert alone.digest != fonts.digest == read_fonts(tmp_path).digest
    line = synthetic_line(seed=1, split="training", index=5, fonts=fonts)
    assert line.name == f"fonts-{fonts.digest}/training/000005"
    assert np.array_equal(
        line.source, synthetic_line(seed=1, split="training", index=5, fonts=read_fonts(folder)).source
    )


def test_a_source_with_fonts_is_opened_and_recorded(fonts, folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    source = f"synthetic:3:{folder.name}"
    dataset = open_dataset(source, seed=2, validation_only=True)
    assert dataset.name == f"synthetic-2-fonts-{fonts.digest}"
    assert len(dataset.training) == 3 and dataset.problems == fonts.problems
    assert recorded_options({"extra": source}) == {"extra": f"synthetic:3:{folder}"}
    plain = open_dataset("synthetic:3", seed=2, validation_only=True)
    assert not DataRecord.of(dataset).same_training(DataRecord.of(plain))


@pytest.mark.parametrize("text", ["synthetic", "synthetic:7", "synthetic:7:/a:b"])
def test_a_source_is_read_as_it_is_written(text):
    assert str(SyntheticSource.of(text)) == text


@pytest.mark.parametrize("text", ["synthetic:", "synthetic:0", "synthetic::fonts", "synthetic:7:", "synthetic:1000001"])
def test_a_source_of_another_form(text):
    with pytest.raises(
        ConfigError, match=f"data is '{text}'; after synthetic: comes the number of lines, 1 to 1000000"
    ):
        SyntheticSource.of(text)


def test_folders_without_fonts(tmp_path):
    with pytest.raises(FileError, match=f"The folder of fonts {tmp_path / 'none'} does not exist"):
        read_fonts(tmp_path / "none")
    with pytest.raises(FileError, match=f"{tmp_path} has no font that can be used: 0 files"):
        read_fonts(tmp_path)

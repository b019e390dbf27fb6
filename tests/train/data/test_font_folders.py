"""Fonts of a folder: which families are found, what is left out, and how lines name them."""

import os
import shutil
import struct

import numpy as np
import pytest
from PIL import Image

from datapath.errors import ConfigError, FileError
from foldline.datasets import open_dataset
from train.data.font_folders import read_fonts
from train.data.record import DataRecord, recorded_options
from train.data.scanning import scanned
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
    path = folder / "broken.otf"
    assert broken.startswith(f"{path} is left out: Cannot read the font {path}: ")
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


# Damaged fonts ------------------------------------------------------------------------------------------------------


def table(content, tag):
    """Where a table of a TrueType font begins."""
    (tables,) = struct.unpack_from(">H", content, 4)
    return next(
        struct.unpack_from(">I", content, entry + 8)[0]
        for entry in range(12, 12 + 16 * tables, 16)
        if content[entry : entry + 4] == tag
    )


def changed(tag, offset, *values):
    """STIXGeneral with other 16-bit integers in a table."""
    content = bytearray((font_folder() / "STIXGeneral.ttf").read_bytes())
    struct.pack_into(f">{len(values)}h", content, table(content, tag) + offset, *values)
    return bytes(content)


UNITS_PER_EM, ASCENT = (b"head", 18), (b"hhea", 4)

DAMAGED = {
    "cut off": (lambda: changed(*ASCENT)[:90_000], "Cannot read the font|it lacks"),
    "glyphs": (lambda: changed(b"glyf", 0, *[0x7F7F] * 60_000), "it lacks"),
    "huge": (lambda: changed(*UNITS_PER_EM, 16), "it lacks .*too large"),
    "tiny": (lambda: changed(*UNITS_PER_EM, 4000), "letters are at most [0-9] pixels high at 40 pixels per em"),
    "ascent": (lambda: changed(*ASCENT, -20_000), "it lacks .*too large"),
    "name": (lambda: changed(b"name", 2, 0), "it does not name its family"),
}


@pytest.mark.parametrize(("content", "reason"), DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_font_is_one_note_and_an_error_where_there_is_no_other(content, reason, tmp_path):
    (tmp_path / "a.ttf").write_bytes(content())
    with pytest.raises(FileError, match=rf"has no font that can be used: 1 file\. .*/a\.ttf is left out: .*({reason})"):
        read_fonts(tmp_path)
    shutil.copy(font_folder() / "DejaVuSansMono.ttf", tmp_path)
    fonts = read_fonts(tmp_path)
    assert [one.name for one in fonts.typefaces] == ["DejaVu Sans Mono"]
    (note,) = fonts.problems
    assert note.startswith(f"{tmp_path / 'a.ttf'} is left out: ")


def test_a_sign_whose_glyph_is_damaged_is_not_set(tmp_path):
    tt_font = pytest.importorskip("fontTools.ttLib").TTFont(font_folder() / "STIXGeneral.ttf")
    glyph = tt_font.getGlyphID(tt_font.getBestCmap()[ord("\ufb01")])
    (tmp_path / "a.ttf").write_bytes(changed(b"glyf", tt_font["loca"][glyph], 0x7FFF))
    (typeface,) = read_fonts(tmp_path).typefaces
    assert set(SIGNS) - set(typeface.signs) == {"\ufb01"}


def test_bits_that_flip_anywhere_end_as_notes_or_errors(tmp_path):
    rng = np.random.default_rng(1)
    content = np.frombuffer((font_folder() / "DejaVuSansMono-Bold.ttf").read_bytes(), np.uint8)
    for number in range(12):
        folder = tmp_path / str(number)
        folder.mkdir()
        flipped = content[: rng.integers(len(content)) if number % 3 == 0 else None].copy()
        flipped[rng.integers(len(flipped), size=40)] ^= np.uint8(1 << rng.integers(8))
        (folder / "a.ttf").write_bytes(flipped.tobytes())
        shutil.copy(font_folder() / "cmtt10.ttf", folder)
        fonts = read_fonts(folder)
        assert len(fonts.typefaces) + len(fonts.problems) == 2
        for index in range(3):
            synthetic_line(seed=number, split="training", index=index, fonts=fonts)


def test_what_is_not_a_file_that_can_be_read_is_one_note(tmp_path):
    shutil.copy(font_folder() / "cmtt10.ttf", tmp_path)
    os.mkfifo(tmp_path / "pipe.ttf")
    (tmp_path / "nowhere.ttf").symlink_to(tmp_path / "missing")
    with (tmp_path / "vast.ttf").open("wb") as file:
        file.truncate((64 << 20) + 1)
    notes = read_fonts(tmp_path).problems
    assert [note.partition(" is left out: ")[0] for note in notes] == [
        str(tmp_path / name) for name in ("nowhere.ttf", "pipe.ttf", "vast.ttf")
    ]
    assert "no such file" in notes[0] and "it is a pipe" in notes[1] and "at most 67108864 bytes" in notes[2]


def test_no_font_of_the_system_takes_the_place_of_one_that_is_damaged(tmp_path, monkeypatch):
    """Pillow looks there for the name of a file that it cannot read."""
    system, folder = tmp_path / "system" / "fonts", tmp_path / "folder"
    system.mkdir(parents=True)
    folder.mkdir()
    shutil.copy(font_folder() / "cmtt10.ttf", system / "a.ttf")
    (folder / "a.ttf").write_bytes(b"no font")
    monkeypatch.setenv("XDG_DATA_HOME", str(system.parent))
    with pytest.raises(FileError, match="no font that can be used"):
        read_fonts(folder)


def test_a_font_that_is_damaged_later_is_named(tmp_path):
    shutil.copy(font_folder() / "STIXGeneral.ttf", tmp_path / "a.ttf")
    fonts = read_fonts(tmp_path)
    (tmp_path / "a.ttf").write_bytes(b"no font")
    with pytest.raises(FileError, match=f"^Cannot read the font {tmp_path / 'a.ttf'}: "):
        for index in range(40):
            synthetic_line(seed=1, split="training", index=index, fonts=fonts)


def test_the_faintest_stroke_leaves_ink():
    sheet = Image.new("L", (60, 40))
    sheet.putpixel((30, 20), 8)
    for seed in range(20):
        ink = ~np.asarray(scanned(np.random.default_rng(seed), sheet, width=0.86))
        assert ink.any() and not ink.all()

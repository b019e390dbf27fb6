"""Pictures as inputs of commands: each frame is a line, and one that cannot be read is that line's error."""

import io
import json
import logging
import shutil
import struct
import warnings
import zlib
from pathlib import Path

import pytest
from PIL import Image

from datapath import Design, image_columns
from datapath.errors import ImageError
from fixedpoint_sim import simulate
from foldline.batch.inputs import image_inputs, list_inputs
from foldline.demo import EMBEDDED
from foldline.hardware.board import open_driver
from foldline.inspect.line import picture_path
from tests.foldline.command_line import draw_line, fails, run
from train.data.dataset import Line, read_dataset

CASES = Path(__file__).parents[2] / "cases/pictures"


@pytest.fixture(scope="module")
def saved() -> Path:
    """A trained network, which finds characters in every line."""
    return EMBEDDED


@pytest.fixture(scope="module")
def design(saved) -> Design:
    return Design.load(saved)


def text_of(design, source) -> str:
    columns = image_columns(source, target_height=32, bits=design.precision.activation)
    return simulate(design, columns, ignore_limits=True).text


def test_sixteen_bits_have_the_text_of_eight(design, saved):
    eight, sixteen = CASES / "grey8.png", CASES / "grey16.png"
    result = run("simulate", saved, eight, sixteen, "--ignore-limits", "--json")
    texts = [json.loads(line)["text"] for line in result.stdout.splitlines()]
    assert texts == [text_of(design, eight)] * 2 and texts[0]


@pytest.mark.parametrize("how", ["image", "folder", "list"])
def test_each_frame_is_a_line(design, saved, tmp_path, how):
    """multi.tif has two frames of different text: each line is computed from its own."""
    folder = tmp_path / "scans"
    folder.mkdir()
    path = Path(shutil.copy(CASES / "multi.tif", folder))
    (tmp_path / "list.txt").write_text(f"{path}\n{path}[1]\n")
    given = {"image": [path], "folder": [folder], "list": ["--list", tmp_path / "list.txt"]}[how]
    result = run("simulate", saved, *given, "--ignore-limits", "--json", "-o", tmp_path / "results.jsonl")
    assert result.exit_code == 0, result.stderr
    found = [json.loads(line) for line in (tmp_path / "results.jsonl").read_text().splitlines()]
    numbers = [0, 1, 1] if how == "list" else [0, 1]
    assert [line["name"] for line in found] == [f"{path}[{number}]" for number in numbers]
    assert [line["text"] for line in found] == [text_of(design, f"{path}[{number}]") for number in numbers]
    assert found[0]["columns"] != found[1]["columns"]


def test_frames_are_counted_beforehand(tmp_path):
    path = Path(shutil.copy(CASES / "multi.tif", tmp_path))
    draw_line(tmp_path / "a.png", width=60)
    found = image_inputs([tmp_path])
    assert [line.name for line in found] == [str(tmp_path / "a.png"), f"{path}[0]", f"{path}[1]"]
    assert found.count() == 3
    (tmp_path / "list").write_text(f"{path}[1]\n{tmp_path}/none.tif\n")
    assert [line.name for line in list_inputs(tmp_path / "list")] == [f"{path}[1]", f"{tmp_path}/none.tif"]


def test_decoders_that_fail_do_not_end_the_command(design, saved, tmp_path):
    good = draw_line(tmp_path / "good.png", width=80)
    large, missing = tmp_path / "large.png", tmp_path / "none.txt"
    header = struct.pack(">4sIIBBBBB", b"IHDR", 10_000, 10_000, 8, 0, 0, 0, 0)
    large.write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\r" + header + struct.pack(">I", zlib.crc32(header)) + b"\0\0\0\0IDAT")
    bad = [CASES / name for name in ("avif_inside.png", "decoder_error_3.png", "decoder_error_6.png", "eps_inside.png")]
    result = run("simulate", saved, *bad, CASES / "lab.tif", large, missing, good)
    assert result.stdout == f"{good}\t{text_of(design, good)}\n"
    for path, line in zip(bad[:2], result.stderr.splitlines()[:2], strict=True):
        assert line.startswith(f"Error: {path} is not an image of kind PNG, ")
    assert f"Error: 4 lines fail alike. The first: {bad[0]} is not an image of kind PNG, " in result.stderr
    assert f"Error: {CASES / 'lab.tif'} has pixel mode LAB" in result.stderr
    assert [line for line in result.stderr.splitlines() if "alike" not in line][-4:] == [
        f"Error: {large} has 10000 x 10000 pixels; allowed are 80000000 in all.",  # and no warning of Pillow
        f"Error: Cannot read {missing}: no such file.",
        "-o FILE or --json names each line.",
        "Error: 7 of 8 lines failed.",
    ]
    assert len(result.stderr.splitlines()) == 8


@pytest.mark.pynq
def test_the_board_reads_what_the_simulator_reads(design):
    """Path and Pillow image, transparent or of 16 bits; a file with two pictures is refused with their number."""
    with open_driver(design, device="virtual", bitstream=None, manifest=None) as driver:
        for name in ("la_black.png", "grey16.png"):
            small = load_small(CASES / name)
            assert driver.read_text(small).text == text_of(design, small)
        with pytest.raises(ImageError, match="holds 2 pictures"):
            driver.read_text(CASES / "multi.tif")
        with pytest.raises(ImageError, match="The image has pixel mode F;"):
            driver.read_text(Image.new("F", (40, 32)))


def load_small(path: Path) -> Image.Image:
    """Its first 150 columns of pixels in its own mode, within the limits of the design."""
    with Image.open(path) as image:
        return image.crop((0, 0, 150, image.height))


def test_a_line_of_a_dataset_is_one_picture(tmp_path):
    images = tmp_path / "imgs"
    images.mkdir()
    shutil.copy(CASES / "multi.tif", images)
    (tmp_path / "sortedTrain.txt").write_text("multi.tif,both\nmulti.tif[1],second\n")
    (tmp_path / "valid.txt").write_text("multi.tif[0],first\n")
    dataset = read_dataset(tmp_path)
    assert [(line.name, line.image().size) for line in dataset.training] == [("multi.tif[1]", (649, 51))]
    assert dataset.validation[0].image().size == (696, 43)
    (problem, *_others) = dataset.problems
    assert f"{images / 'multi.tif'} holds 2 pictures; name one, {images / 'multi.tif'}[0] to" in problem


def test_an_image_of_a_line_is_read_as_its_file_is():
    for name in ("la_black.png", "grey16.png", "exif3.jpg"):
        with Image.open(CASES / name) as image:
            assert Line(name, "text", image).image().tobytes() == Line(name, "text", CASES / name).image().tobytes()
    with pytest.raises(ImageError) as caught:
        Line("page 1", "text", Image.new("F", (8, 8))).image()
    assert str(caught.value).startswith("page 1: The image has pixel mode F;")


def test_pictures_of_one_file_are_inspected_into_files_of_their_own():
    """An explicit name is not needed for the second to stay beside the first."""
    names = {"multi.tif[0]": "multi-0", "multi.tif[1]": "multi-1", "scans/line.png": "line"}
    for image, stem in names.items():
        assert picture_path(None, image=Path(image), pixels=None, number=0) == Path(f"{stem}.inspect.png")
    assert picture_path(None, image=None, pixels=Path("p.npz"), number=3) == Path("p-3.inspect.png")


def test_inspect_takes_one_picture(saved, tmp_path):
    path = CASES / "multi.tif"
    fails((f"{path} holds 2 pictures",), "inspect", saved, path, "-o", tmp_path / "out.png")


@pytest.mark.parametrize("how", ["image", "list"])
def test_a_test_image_of_lstm_pynq_is_read_among_images(design, saved, tmp_path, how):
    """tests/cases/files/test_image.txt has the first 40 columns of the first frame of multi.tif."""
    path = CASES.parent / "files/test_image.txt"
    columns = image_columns(CASES / "multi.tif[0]", target_height=32, bits=4)[:40]
    expected = simulate(design, columns).text
    (tmp_path / "list").write_text(f"{path}\n")
    given = {"image": [path], "list": ["--list", tmp_path / "list"]}[how]
    assert run("simulate", saved, *given).stdout == f"{path}\t{expected}\n" and expected


@pytest.mark.pynq
def test_the_board_takes_a_test_image_and_a_frame(design, saved):
    """The frame has 520 columns."""
    path = CASES.parent / "files/test_image.txt"
    frame = f"{CASES / 'multi.tif'}[0]"
    first, second = run("run", saved, path, frame).stdout.splitlines()
    assert first.startswith(f"{path}\t{text_of(design, path)}\t40 columns, ")
    assert second.startswith(f"{frame}\t{text_of(design, frame)}\t520 columns, ")


def tiff_with_tag(path: Path, tag: int, *, instead_of: int, count: int = 1, value: int = 0) -> Path:
    """A white uncompressed TIFF with one other tag, of 16-bit integers."""
    Image.new("RGB", (60, 32), "white").save(path)
    content = bytearray(path.read_bytes())
    place = next(at for at in range(8, len(content)) if content[at : at + 3] == struct.pack("<HB", instead_of, 3))
    content[place : place + 12] = struct.pack("<HHII", tag, 3, count, value)
    path.write_bytes(content)
    return path


def test_a_tag_that_pillow_skips_is_an_error_where_it_decides_pixels(saved, tmp_path, recwarn):
    """Pillow warns of it, on stderr, and reads the picture with another value."""
    warnings.simplefilter("always")
    path = tiff_with_tag(tmp_path / "a.tif", 262, instead_of=262, count=10**6)
    fails(f"{path} is a damaged image: Tag data larger than file. Skipping tag 262.", "simulate", saved, path)
    assert list(recwarn) == []


def test_what_pillow_warns_of_without_a_meaning_for_pixels_is_not_printed(saved, tmp_path, recwarn):
    warnings.simplefilter("always")
    path = tiff_with_tag(tmp_path / "a.tif", 285, instead_of=284, count=10**6)
    result = run("simulate", saved, path, "--ignore-limits")
    assert (result.exit_code, result.stderr) == (0, "")
    assert list(recwarn) == []


def test_what_pillow_logs_is_not_printed(saved, tmp_path, monkeypatch):
    """It logs that there are too many samples per pixel, and raises an error, too."""
    monkeypatch.setattr(logging.getLogger("PIL"), "handlers", [])
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # those of pytest: Python prints what nobody handles
    monkeypatch.setattr(logging, "lastResort", logging.StreamHandler(written := io.StringIO()))
    path = tiff_with_tag(tmp_path / "a.tif", 277, instead_of=277, value=60_000)
    fails((path, "its header is damaged"), "simulate", saved, path)
    assert written.getvalue() == ""

"""What a picture means: orientation, several pictures in a file, transparency, 16 bits, and what is refused.

The inputs in tests/cases/pictures are what people brought. Other files are written here byte by byte, so that a pixel of the
file and what it must become stand side by side.
"""

import struct
import subprocess
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile

from datapath import image_columns
from datapath.errors import ImageError
from datapath.images import DECODER_ERRORS, KINDS, MAX_PIXELS, load_image, pictures_of

CASES = Path(__file__).parents[1] / "cases/pictures"
WIDTH, HEIGHT = 696, 43
JPEG_STEPS = 40
"""What JPEG may change a grey value by at the edges of letters."""


def grey(source) -> np.ndarray:
    return np.asarray(load_image(source)).astype(int)


def pixels_after(name: str, offset: int, *, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """Grey values of an uncompressed TIFF, from its tag 273 (offset of the strip), as they lie in the file."""
    content = (CASES / name).read_bytes()
    return np.frombuffer(content, np.uint8, width * height, offset).reshape(height, width).astype(int)


def png(depth: int, colour: int, rows: list[bytes], *, width: int, extra: bytes = b"", key: bytes = b"") -> bytes:
    """A PNG of these packed rows; `key` is its tRNS chunk."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, len(rows), depth, colour, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + row for row in rows))
    keyed = chunk(b"tRNS", key) if key else b""
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + keyed + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def tiff(
    *strips: bytes,
    width: int,
    bits: int,
    order: str = "<",
    photometric: int = 1,
    signed: bool = False,
    kinds=(0, 0, 0, 0),
) -> bytes:
    """A TIFF of uncompressed pages, each one row high; `kinds` are their NewSubfileTypes (tag 254)."""
    content = {"<": b"II", ">": b"MM"}[order] + struct.pack(order + "HI", 42, 8)
    for number, (strip, kind) in enumerate(zip(strips, kinds[: len(strips)], strict=True), start=1):
        tags = {254: kind, 256: width, 257: 1, 258: bits, 259: 1, 262: photometric, 277: 1, 278: 1}
        tags |= {279: len(strip), 339: 2 if signed else 1}
        place = len(content) + 2 + 12 * (len(tags) + 1) + 4
        entries = [
            struct.pack(order + "HHIHH", tag, 3, 1, value, 0) for tag, value in sorted((tags | {273: place}).items())
        ]
        following = place + len(strip) if number < len(strips) else 0
        content += (
            struct.pack(order + "H", len(entries)) + b"".join(entries) + struct.pack(order + "I", following) + strip
        )
    return content


@pytest.fixture
def write(tmp_path):
    def written(content: bytes, name: str = "picture.png") -> Path:
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return written


# What people brought ------------------------------------------------------------------------------------------------


def test_sixteen_bits_give_the_columns_of_eight():
    """Each value of grey16.png is 257 times that of grey8.png: 30 * 257 = 7710 is its darkest, 208 * 257 = 53456 its brightest."""
    eight, sixteen = CASES / "grey8.png", CASES / "grey16.png"
    with Image.open(eight) as image:
        raw = np.asarray(image)
    assert (raw.min(), raw.max(), raw.shape) == (30, 208, (HEIGHT, WIDTH))
    expected = image_columns(eight, target_height=32, bits=8)
    assert np.array_equal(image_columns(sixteen, target_height=32, bits=8), expected)
    for path in (eight, sixteen):
        with Image.open(path) as image:
            assert np.array_equal(image_columns(image, target_height=32, bits=8), expected)
    assert np.array_equal(grey(sixteen), raw)


def test_orientation_3_is_turned_by_half():
    """Of exif3.tif the pixels begin at byte 134; the picture is the file's last pixel first."""
    upright = pixels_after("exif3.tif", 134)[::-1, ::-1]
    assert upright.min() == 0 and upright.max() == 255
    assert np.array_equal(grey(CASES / "exif3.tif"), upright)
    assert np.abs(grey(CASES / "exif3.jpg") - upright).max() <= JPEG_STEPS
    assert np.abs(grey(CASES / "exif3.jpg")[::-1, ::-1] - upright).max() > 200  # not symmetric, so it can fail
    for name in ("exif3.tif", "exif3.jpg"):
        with Image.open(CASES / name) as image:
            assert np.array_equal(grey(image), grey(CASES / name))
            assert np.array_equal(grey(image), grey(CASES / name))  # once more: the image is not changed


def test_each_frame_of_a_file_is_a_picture():
    """multi.tif: 696 x 43 pixels from byte 122, and 649 x 51."""
    path = CASES / "multi.tif"
    assert pictures_of(path) == [Path(f"{path}[0]"), Path(f"{path}[1]")]
    assert np.array_equal(grey(f"{path}[0]"), pixels_after("multi.tif", 122))
    assert grey(f"{path}[1]").shape == (51, 649)
    with Image.open(path) as image:  # an image stands at one frame, and that is read
        assert grey(image).shape == (HEIGHT, WIDTH)
        image.seek(1)
        assert np.array_equal(grey(image), grey(f"{path}[1]"))
    with pytest.raises(ImageError) as caught:
        load_image(path)
    assert str(caught.value) == f"{path} holds 2 pictures; name one, {path}[0] to {path}[1]."
    with pytest.raises(ImageError) as caught:
        load_image(f"{path}[2]")
    assert str(caught.value) == f"Cannot read {path}[2]: the file holds 2 pictures, [0] to [1]."


def test_black_ink_in_the_alpha_channel_alone():
    """Every pixel of la_black.png is black; where its opacity is a, white shows through: 255 - a."""
    with Image.open(CASES / "la_black.png") as image:
        black, opacity = (np.asarray(band).astype(int) for band in image.split())
    assert black.max() == 0 and (opacity.min(), opacity.max()) == (0, 255)
    assert np.array_equal(grey(CASES / "la_black.png"), 255 - opacity)
    with Image.open(CASES / "la_black.png") as image:
        assert np.array_equal(grey(image), 255 - opacity)


def test_lab_is_refused_as_such():
    path = CASES / "lab.tif"
    with Image.open(path) as image:
        sources = {path: path, "The image": image}
        for name, source in sources.items():
            with pytest.raises(ImageError) as caught:
                load_image(source)
            assert (
                str(caught.value) == f"{name} has pixel mode LAB; save it with 8 bits per channel, or in grey with 16."
            )


@pytest.mark.parametrize("name", ["avif_inside.png", "decoder_error_3.png", "decoder_error_6.png", "eps_inside.png"])
def test_other_kinds_of_images_are_refused_and_no_program_is_started(name, monkeypatch):
    """Whatever the suffix: AVIF, DDS, BLP, and PostScript, for which Pillow would run Ghostscript."""

    def start(*arguments, **_options):
        raise AssertionError(f"{arguments} was started")

    monkeypatch.setattr(subprocess, "Popen", start)
    with pytest.raises(ImageError) as caught:
        load_image(CASES / name)
    assert str(caught.value) == f"{CASES / name} is not an image of kind {KINDS}, or its header is damaged."
    with Image.open(CASES / "grey8.png") as image:
        image.format = "EPS"  # as an image that Image.open found to be one
        with pytest.raises(ImageError) as caught:
            load_image(image)
    assert str(caught.value) == f"The image is of kind EPS; allowed is {KINDS}."


# Decoders -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error",
    [*DECODER_ERRORS, NotImplementedError, IndexError, KeyError, RecursionError],
)
def test_whatever_a_decoder_raises_is_the_error_of_that_picture(error, monkeypatch):
    def fail(_image):
        raise error("colour planes")

    monkeypatch.setattr(ImageFile.ImageFile, "load", fail)
    with pytest.raises(ImageError) as caught:
        load_image(CASES / "grey8.png")
    assert str(CASES / "grey8.png") in str(caught.value)
    assert "is a damaged image" in str(caught.value) and "colour planes" in str(caught.value)


def test_the_declared_pixels_are_checked_before_they_are_decoded(write, monkeypatch):
    path = write(png(8, 0, [b"\0"], width=1).replace(struct.pack(">II", 1, 1), struct.pack(">II", 10_000, 8_001)))
    content = bytearray(path.read_bytes())
    content[29:33] = struct.pack(">I", zlib.crc32(bytes(content[12:29])))
    path.write_bytes(content)
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda _image: pytest.fail("decoded"))
    with pytest.raises(ImageError) as caught:
        load_image(path)
    assert MAX_PIXELS == 80_000_000
    assert str(caught.value) == f"{path} has 10000 x 8001 pixels; allowed are 80000000 in all."
    with Image.open(path) as image, pytest.raises(ImageError) as caught:
        load_image(image)
    assert str(caught.value) == "The image has 10000 x 8001 pixels; allowed are 80000000 in all."


# Orientation --------------------------------------------------------------------------------------------------------

ROWS = np.array([[0, 255, 0, 0, 255], [255, 255, 0, 255, 0], [0, 0, 0, 255, 255]])
STORED = {
    1: lambda rows: rows,
    2: lambda rows: rows[:, ::-1],
    3: lambda rows: rows[::-1, ::-1],
    4: lambda rows: rows[::-1],
    5: lambda rows: rows.T,
    6: lambda rows: np.rot90(rows, 1),
    7: lambda rows: rows[::-1, ::-1].T,
    8: lambda rows: np.rot90(rows, -1),
}
"""Orientation -> the rows of a file from the picture. EXIF: 6 says that row 0 of the file is the picture's right side."""
KINDS_WITH_ORIENTATION = {
    "PNG": {},
    "JPEG": {"quality": 100},
    "WEBP": {"lossless": True},
    "TIFF": {},
    "TIFF compressed": {"compression": "tiff_lzw"},
    "TIFF 16 bits": {},
}


@pytest.mark.parametrize("kind", KINDS_WITH_ORIENTATION)
@pytest.mark.parametrize("orientation", STORED)
def test_every_orientation_is_undone(tmp_path, kind, orientation):
    rows = np.kron(ROWS, np.ones((8, 8), int))
    stored, path = np.ascontiguousarray(STORED[orientation](rows)), tmp_path / "picture"
    image = Image.fromarray(stored.astype(np.uint8) if "16" not in kind else (257 * stored).astype(np.uint16))
    exif = Image.Exif()
    exif[274] = orientation
    tag = {"tiffinfo": {274: orientation}} if kind.startswith("TIFF") else {"exif": exif.tobytes()}
    image.save(path, format=kind.split()[0], **tag, **KINDS_WITH_ORIENTATION[kind])
    assert np.abs(grey(path) - rows).max() <= (JPEG_STEPS if kind == "JPEG" else 0)
    with Image.open(path) as image:
        assert np.array_equal(grey(image), grey(path))


# Several pictures in a file -----------------------------------------------------------------------------------------


@pytest.fixture
def first() -> Image.Image:
    return Image.new("L", (40, 32), 255)


@pytest.fixture
def second() -> Image.Image:
    return Image.new("L", (40, 32), 0)


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".tif", ".png"])
def test_the_frames_of_an_animation_are_pictures(tmp_path, first, second, suffix):
    path = tmp_path / f"line{suffix}"
    first.convert("RGB").save(path, save_all=True, append_images=[second.convert("RGB")])
    assert grey(f"{path}[0]").min() == 255 and grey(f"{path}[1]").max() == 0
    with pytest.raises(ImageError, match="holds 2 pictures"):
        load_image(path)
    names = [path] if suffix == ".png" else [Path(f"{path}[0]"), Path(f"{path}[1]")]  # of a PNG, reading it says so
    assert pictures_of(path) == names


def test_reduced_copies_and_masks_of_a_tiff_are_not_pictures(write):
    """Tag 254 (NewSubfileType): bit 0 marks a reduced copy, bit 2 a mask."""
    path = write(tiff(b"\1", b"\2", b"\3", b"\4", width=1, bits=8, kinds=(0, 1, 2, 4)), "line.tif")
    assert pictures_of(path) == [Path(f"{path}[0]"), Path(f"{path}[1]")]
    assert [grey(f"{path}[{number}]").item() for number in range(2)] == [1, 3]
    with pytest.raises(ImageError, match="holds 2 pictures"):
        load_image(f"{path}[2]")


def test_the_first_picture_of_a_jpeg_is_read(tmp_path, first, second):
    """MPO: a JPEG with a preview or a second eye after it."""
    path = tmp_path / "line.jpg"
    first.save(path, format="MPO", save_all=True, append_images=[second])
    with Image.open(path) as image:
        assert (image.format, image.n_frames) == ("MPO", 2)
    assert grey(path).min() == 255


def test_a_name_that_is_a_file_comes_before_a_picture_of_a_file(tmp_path, first, second):
    first.save(tmp_path / "line.tif", save_all=True, append_images=[second])
    second.save(tmp_path / "second.png")
    (tmp_path / "second.png").rename(tmp_path / "line.tif[0]")
    assert grey(tmp_path / "line.tif[0]").max() == 0
    assert pictures_of(tmp_path / "line.tif[0]") == [tmp_path / "line.tif[0]"]


def test_a_picture_of_a_missing_file(tmp_path):
    with pytest.raises(ImageError) as caught:
        load_image(tmp_path / "none.tif[1]")
    assert str(caught.value) == f"Cannot read {tmp_path / 'none.tif'}: no such file."
    assert pictures_of(tmp_path / "none.tif") == [tmp_path / "none.tif"]


# Transparency -------------------------------------------------------------------------------------------------------

FADED = [0, 51, 128, 255]
"""Opacities; black ink must become 255 - a, and grey 100 must become 255 - a * 155 / 255: 255, 224, 177.2, 100."""


@pytest.mark.parametrize("mode", ["LA", "RGBA", "La", "RGBa"])
def test_pixels_fade_into_white(mode):
    image = Image.new("LA" if mode[0] == "L" else "RGBA", (4, 1))
    for x, opacity in enumerate(FADED):
        image.putpixel((x, 0), (*[100] * (len(image.getbands()) - 1), opacity))
    found = grey(image.convert(mode))[0].tolist()
    steps = 2 if mode[-1] == "a" else 0  # premultiplied values of low opacity have few steps
    assert np.abs(np.array(found) - [255, 224, 177, 100]).max() <= steps


def test_an_opaque_picture_is_as_without_its_alpha(write):
    values = bytes(v for x in range(256) for v in (x, 255))
    assert grey(write(png(8, 4, [values], width=256)))[0].tolist() == list(range(256))


@pytest.mark.parametrize(
    ("depth", "row", "key", "expected"),
    [
        (1, b"\x40", 1, [0, 255, 0, 0]),  # 0 1 0 0: the white of the file, transparent, stays white
        (1, b"\x40", 0, [255, 255, 255, 255]),
        (2, b"\x1b", 2, [0, 85, 255, 255]),  # 0 1 2 3 are 0 85 170 255; 2 is transparent
        (4, b"\x05\xaf", 5, [0, 255, 170, 255]),  # 0 5 10 15 are 0 85 170 255
        (8, b"\x00\x55\xaa\xff", 0, [255, 85, 170, 255]),
        (16, b"\x00\x00\x55\x55\x55\x56\xff\xff", 0x5555, [0, 255, 85, 255]),  # only the exact value of 16 bits
    ],
)
def test_the_transparent_grey_of_a_png_is_white(write, depth, row, key, expected):
    path = write(png(depth, 0, [row], width=4, key=struct.pack(">H", key)))
    assert grey(path)[0].tolist() == expected
    with Image.open(path) as image:
        assert grey(image)[0].tolist() == expected


def test_the_transparent_colour_of_a_png_is_white(write):
    row, key = bytes([9, 9, 9, 0, 0, 0, 0, 0, 1]), struct.pack(">HHH", 0, 0, 0)
    assert grey(write(png(8, 2, [row], width=3, key=key)))[0].tolist() == [9, 255, 0]
    with pytest.raises(ImageError, match="colours of 16 bits, one of them transparent; save it with 8 bits"):
        load_image(write(png(16, 2, [row * 2], width=3, key=key)))


def test_transparent_colours_of_a_palette_are_white(write):
    """Palette: black, grey 100, black; of opacity 255, 0 and 51. Black at 51 of 255 is 255 - 51."""
    palette = bytes([0, 0, 0, 100, 100, 100, 0, 0, 0])
    chunk = struct.pack(">I", 9) + b"PLTE" + palette + struct.pack(">I", zlib.crc32(b"PLTE" + palette))
    path = write(png(8, 3, [b"\0\1\2"], width=3, extra=chunk, key=b"\xff\x00\x33"))
    assert grey(path)[0].tolist() == [0, 255, 204]


def test_the_transparent_index_of_a_gif_is_white(tmp_path):
    path = tmp_path / "line.gif"
    image = Image.new("P", (3, 1))
    image.putpalette([0, 0, 0, 200, 10, 10, 10, 10, 200])
    image.frombytes(b"\0\1\2")
    image.save(path, transparency=0)
    assert grey(path)[0, 0] == 255 and grey(path)[0, 1:].max() < 100


# Sixteen bits and other modes ---------------------------------------------------------------------------------------

DEEP = [0, 128, 129, 257, 32896, 65407, 65535]
ROUNDED = [0, 0, 1, 1, 128, 255, 255]
"""x / 257 to the nearest: 0, 0.498, 0.502, 1, 128, 254.502, 255."""


def test_sixteen_bits_are_scaled_to_the_nearest_of_eight(write):
    big, little = (struct.pack(f"{order}{len(DEEP)}H", *DEEP) for order in "><")
    assert grey(write(png(16, 0, [big], width=len(DEEP))))[0].tolist() == ROUNDED
    for order, data in ((">", big), ("<", little)):
        path = write(tiff(data, width=len(DEEP), bits=16, order=order), "line.tif")
        assert grey(path)[0].tolist() == ROUNDED
        with Image.open(path) as image:
            assert grey(image)[0].tolist() == ROUNDED
    assert grey(write(b"P5 7 1 65535\n" + big, "line.pgm"))[0].tolist() == ROUNDED
    assert grey(Image.fromarray(np.array([DEEP], np.uint16)))[0].tolist() == ROUNDED


def test_a_tiff_whose_zero_is_white(write):
    """PhotometricInterpretation 0: the value 0 is white. Pillow inverts 8 bits, and leaves 16 as they are."""
    little = struct.pack("<3H", 0, 257, 65535)
    assert grey(write(tiff(little, width=3, bits=16, photometric=0), "line.tif"))[0].tolist() == [255, 254, 0]
    assert grey(write(tiff(b"\x00\x01\xff", width=3, bits=8, photometric=0), "line.tif"))[0].tolist() == [255, 254, 0]


def test_a_tiff_of_twelve_bits(write):
    """0, 4095, 8, 9 in 12 bits each; 255 / 4095 of them: 0, 255, 0.498, 0.560."""
    path = write(tiff(bytes.fromhex("000fff008009"), width=4, bits=12), "line.tif")
    assert grey(path)[0].tolist() == [0, 255, 0, 1]


def test_sixteen_bit_colours_lose_their_low_byte(write):
    """Pillow takes the high byte of each channel: at most one grey value darker than the nearest."""
    row = struct.pack(">6H", 0x80FF, 0x80FF, 0x80FF, 65535, 65535, 65535)
    assert grey(write(png(16, 2, [row], width=2)))[0].tolist() == [0x80, 255]


@pytest.mark.parametrize("mode", ["F", "I"])
def test_modes_without_a_range_of_grey_are_refused(tmp_path, mode):
    path = tmp_path / "line.tif"
    Image.new(mode, (40, 32), 100).save(path)
    for source, name in ((path, path), (Image.new(mode, (40, 32), 100), "The image")):
        with pytest.raises(ImageError) as caught:
            image_columns(source, target_height=32, bits=4)
        assert (
            str(caught.value) == f"{name} has pixel mode {mode}; save it with 8 bits per channel, or in grey with 16."
        )


def test_signed_values_of_sixteen_bits_are_refused(write):
    with pytest.raises(ImageError, match="has pixel mode I; save it"):
        load_image(write(tiff(struct.pack("<2h", -5, 5), width=2, bits=16, signed=True), "line.tif"))


def test_the_brightest_value_of_a_pgm_is_white(write):
    """maxval 100: 50 is 127.5 of 255. Pillow before 9.2 would take it for 50 of 255, so it is refused there."""
    path = write(b"P5 # made by hand\n3 1\n100\n" + bytes([0, 50, 100]), "line.pgm")
    try:
        found = grey(path)[0].tolist()
    except ImageError as error:
        assert "100 as its brightest value; with this version of Pillow allowed are 255 and 65535" in str(error)
    else:
        assert found in ([0, 127, 255], [0, 128, 255])


def test_an_image_that_is_given_is_not_changed():
    image = Image.new("P", (8, 8))
    image.info["transparency"] = 0
    before = image.tobytes()
    assert grey(image).min() == 255
    assert (image.mode, image.info, image.tobytes()) == ("P", {"transparency": 0}, before)

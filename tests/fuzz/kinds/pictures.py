"""Images of every kind, and test images of LSTM-PYNQ, against Pillow's own decoding and against decimal numbers."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from datapath.errors import ImageError
from datapath.images import FORMATS as KINDS
from datapath.images import image_columns, load_image, pictures_of
from datapath.pixel_text import read_pixel_text
from tests.fuzz.archives import in_png
from tests.fuzz.formats import Format, OtherMeaningError
from tests.fuzz.kinds.checks import require, require_equal, written
from tests.fuzz.mutations import BYTES, TEXT, Mutator

HEIGHT, BITS = 8, 4


def _picture(mode: str, seed: int = 1) -> Image.Image:
    random = np.random.default_rng(seed)
    grey = np.full((9, 20), 255, np.uint8)
    grey[3:6, 2:17:3] = random.integers(0, 200, (3, 5))
    image = Image.fromarray(grey)
    if mode == "I;16":
        return Image.fromarray(grey.astype(np.uint16) * 257)
    if mode in ("LA", "RGBA"):
        image = image.convert(mode)
        image.putalpha(Image.fromarray(random.integers(0, 256, grey.shape).astype(np.uint8)))
        return image
    return image.convert(mode)


def _saved(kind: str, mode: str = "L", **options: object) -> bytes:
    buffer = io.BytesIO()
    _picture(mode).save(buffer, kind, **options)
    return buffer.getvalue()


def _oriented(kind: str, orientation: int) -> bytes:
    exif = Image.Exif()
    exif[274] = orientation
    return _saved(kind, exif=exif)


def _pngs() -> Sequence[bytes]:
    modes = ("L", "1", "P", "RGB", "RGBA", "LA", "I;16")
    return [
        *(_saved("PNG", mode) for mode in modes),
        _saved("PNG", "L", transparency=255),
        _saved("PNG", "RGB", transparency=(255, 255, 255)),
    ]


def _jpegs() -> Sequence[bytes]:
    return [
        _saved("JPEG"),
        _saved("JPEG", "RGB", quality=80),
        _saved("JPEG", "CMYK"),
        _oriented("JPEG", 3),
        _oriented("JPEG", 6),
        _saved("JPEG", progressive=True),
    ]


def _tiffs() -> Sequence[bytes]:
    modes = ("L", "1", "P", "RGB", "RGBA", "I;16")
    compressed = [_saved("TIFF", compression=one) for one in ("tiff_lzw", "tiff_deflate", "packbits")]
    return [
        *(_saved("TIFF", mode) for mode in modes),
        *compressed,
        _saved("TIFF", "1", compression="group4"),
        _oriented("TIFF", 6),
    ]


def _others(kind: str, modes: Sequence[str], **options: object) -> list[bytes]:
    return [_saved(kind, mode, **options) for mode in modes]


def _pnms() -> Sequence[bytes]:
    plain = b"P2\n# x\n4 3\n15\n" + b" ".join(b"%d" % n for n in range(12)) + b"\n"
    return [
        _saved("PPM"),
        _saved("PPM", "1"),
        _saved("PPM", "RGB"),
        plain,
        b"P1\n4 2\n0 1 0 1\n1 0 1 0\n",
        b"P5 4 2 65535\n" + bytes(16),
    ]


def _expected(data: bytes) -> np.ndarray | None:
    """Grey values by Pillow's own conversions; None for a kind of image to which they are not made."""
    with Image.open(io.BytesIO(data), formats=KINDS) as image:
        if getattr(image, "n_frames", 1) > 1 and image.format == "TIFF":
            return None  # which of them is meant is our rule
        try:
            image.load()
        except ValueError:  # Pillow reads a stream in another way than a file, and refuses a strip without rows there
            return None
        if image.mode in ("I;16", "I;16L", "I;16B", "I;16N", "I"):
            return None if getattr(image, "tag_v2", {}).get(262) == 0 else _sixteen(image)
        upright = image if image.format == "TIFF" else ImageOps.exif_transpose(image)
        if upright.mode in ("La", "RGBa"):
            upright = upright.convert({"La": "LA", "RGBa": "RGBA"}[upright.mode])
        if upright.mode in ("LA", "PA", "RGBA") or "transparency" in upright.info:
            if upright.mode in ("1", "L", "RGB"):
                return None  # Pillow compares the colour after it has changed it
            composed = upright.convert("RGBA")
            grey = upright.convert("L") if upright.mode != "P" else composed.convert("RGB").convert("L")
            return np.asarray(Image.composite(grey, Image.new("L", grey.size, 255), composed.getchannel("A")))
        return np.asarray(upright.convert("L"))


def _sixteen(image: Image.Image) -> np.ndarray | None:
    bits = getattr(image, "tag_v2", {}).get(258, (16,))
    if (bits if isinstance(bits, int) else bits[0]) != 16 or image.info.get("transparency") is not None:
        return None
    values = np.rint(np.asarray(image).astype(np.float64) / 257).clip(0, 255).astype(np.uint8)
    orientation = None if image.format == "TIFF" else image.getexif().get(274)
    return values if orientation in (None, 1) else None


def _read_picture(data: bytes, folder: Path, *, suffix: str) -> object:
    path = written(folder, f"line.{suffix}", data)
    pictures = pictures_of(path)
    if len(pictures) > 1:
        require(len(pictures) <= 100_000, "pictures in a file", len(pictures))
        load_image(pictures[-1])
        load_image(pictures[0])
        return None
    found = load_image(path)
    require_equal("mode", found.mode, "L")
    expected = _expected(data)
    if expected is not None and not _close(np.asarray(found), expected):
        raise OtherMeaningError(f"pixels of a {suffix}: {np.asarray(found)[:3].tolist()} but {expected[:3].tolist()}")
    require_equal("by Pillow's image", np.asarray(load_image(Image.open(path, formats=KINDS))), np.asarray(found))
    try:
        columns = image_columns(path, target_height=HEIGHT, bits=BITS)
    except ImageError:  # too narrow or too wide a picture
        return None
    require(columns.dtype == np.int8 and columns.shape[1] == HEIGHT and len(columns) % 2 == 0, "columns", columns.shape)
    return None


def _close(found: np.ndarray, expected: np.ndarray) -> bool:
    """Whether grey values are equal, but for rounding where colours are composed."""
    return found.shape == expected.shape and bool((np.abs(found.astype(int) - expected.astype(int)) <= 1).all())


# Test images -------------------------------------------------------------------------------------------------------


def _test_images() -> Sequence[bytes]:
    random = np.random.default_rng(5)
    values = [f"{int(one) / 8:.6g}" for one in random.integers(-8, 8, 4 * HEIGHT)]
    return [
        "\n".join(values).encode() + b"\n",
        " ".join(values).encode(),
        ("\r\n".join(f"{float(one):.7f}" for one in values)).encode(),
    ]


def _read_test_image(data: bytes, folder: Path) -> object:
    columns = read_pixel_text(written(folder, "test_image.txt", data), inputs=HEIGHT, bits=BITS, most_columns=1000)
    expected = [Decimal(one.decode()) * (1 << (BITS - 1)) for one in data.split()]
    require_equal("number of pixels", columns.size, len(expected))
    for one, value in zip(columns.reshape(-1).tolist(), expected, strict=True):
        require(one == value, "pixel", one, value)
    return None


def _format(
    kind: str, untouched: Callable[[], Sequence[bytes]], mutators: Sequence[Mutator] = BYTES, weight: int = 3
) -> Format:
    return Format(
        name=kind, untouched=untouched, read=partial(_read_picture, suffix=kind), mutators=mutators, weight=weight
    )


FORMATS = (
    _format("png", _pngs, (*([in_png] * 10), *BYTES), 2),
    _format("jpg", _jpegs),
    _format("tif", _tiffs),
    _format(
        "gif",
        lambda: [*_others("GIF", ("L", "P", "RGB")), _saved("GIF", save_all=True, append_images=[_picture("L", 2)])],
    ),
    _format("bmp", lambda: _others("BMP", ("L", "1", "P", "RGB", "RGBA"))),
    _format("pnm", _pnms, (*BYTES, *TEXT)),
    _format("webp", lambda: [*_others("WEBP", ("RGB", "RGBA"), lossless=True), _saved("WEBP", "RGB", quality=50)]),
    Format(name="test-image", untouched=_test_images, read=_read_test_image, mutators=TEXT, weight=40),
)

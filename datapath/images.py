"""From a picture to columns of pixels: `load_image` reads every picture, `image_columns` gives the columns of a line.

Height, width, resampling and quantization are those of the board's host code: on the images that the published networks'
golden vectors were computed from, every pixel is equal. What a picture means (which modes, how transparency, orientation,
16 bits and several pictures in a file are read) is our own rule, in docs/pictures.md.
"""

from __future__ import annotations

import math
import os
import re
import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from datapath.errors import FileError, ImageError
from datapath.files import os_reason
from datapath.formats import unit_format
from datapath.libtiff_errors import libtiff_errors
from datapath.pixel_text import TEST_IMAGE_SUFFIX, read_pixel_text
from datapath.reading import require_file

FORMATS = ("PNG", "TIFF", "JPEG", "GIF", "WEBP", "BMP", "PPM")
"""Pillow's decoders that are used; no other one, and no program that another one would start."""

KINDS = "PNG, TIFF, JPEG, GIF, WebP, BMP or PNM"
"""`FORMATS` in a message."""

DECODER_ERRORS = (
    *(ArithmeticError, AssertionError, AttributeError, BufferError, EOFError, ImportError, LookupError, MemoryError),
    *(NameError, RuntimeError, StopIteration, SyntaxError, SystemError, TypeError, ValueError, Warning),
    *(struct.error, zlib.error),
)
"""What decoders raise on a damaged or hostile file, besides `OSError`: any error of Python's, as experience shows."""

EIGHT_BIT_MODES = ("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "HSV")
SIXTEEN_BIT_MODES = ("I;16", "I;16L", "I;16B", "I;16N")

ONE_PICTURE_SUFFIXES = frozenset((".bmp", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".pnm", ".ppm"))
IMAGE_SUFFIXES = ONE_PICTURE_SUFFIXES | {".gif", ".tif", ".tiff", ".webp"}
"""Suffixes, in lower case, by which a file of a folder counts as an image."""

MAX_PIXELS = 80_000_000
"""More are refused before they are decoded; Pillow has a limit of its own, 89 million, that it only warns of."""

MAX_PICTURES = 1000
"""Pictures in a file."""

MAX_COLUMNS = 100_000
"""Longer lines are refused as a mistake: 50 times the widest line of UW3-500."""

MAX_GREY = 255
"""Brightest value of an 8-bit pixel."""

_AT_ONCE = 1 << 20
"""Pixels of 16 bits that are converted at a time, in whole rows."""

_HEIGHT_MARGIN = 0.1
"""The host code widens by (height + 0.1) / height before rounding up."""

_PICTURE_NAME = re.compile(r"(.+)\[(\d{1,9})\]", re.DOTALL)
_ORIENTATION, _BITS, _PHOTOMETRIC, _SUBFILE_TYPE = 274, 258, 262, 254  # tags of TIFF; the first one of EXIF, too
_UPRIGHT = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}
"""Orientation -> what `Image.transpose` undoes it with (the members of `Image.Transpose`, which Pillow 9.0 lacks)."""

_WHITE_IS_ZERO = 0
_REDUCED_OR_MASK = 0b101


def even_width(width: int, height: int, *, target_height: int) -> int:
    """Columns of an image of `width` x `height` pixels at `target_height`, rounded down to an even number.

    The scale is rounded to a float before it is multiplied, as in the original: where the exact product is a whole
    number (910 x 39 pixels at 32: 749), that decides the width. UW3-500 has two such lines.
    """
    scale = (target_height + _HEIGHT_MARGIN) / height
    columns = math.ceil(width * scale)
    return columns - columns % 2


def load_image(source: Image.Image | str | os.PathLike) -> Image.Image:
    """A picture, decoded whole, upright, and in greyscale with white behind its transparent parts.

    :param source: path of an image file, or FILE[N] for picture N, from 0 on, of a file that holds several (a name that
        is itself a file comes first); or a Pillow image, of which the frame that it stands at is read. It is not changed.
    :returns: a new image of mode L.
    :raises ImageError: missing, of another kind than `KINDS`, damaged, of another pixel mode, of more than `MAX_PIXELS`
        pixels, or a file with several pictures of which none is named.
    """
    if isinstance(source, Image.Image):
        with _decoding("The image"):
            if source.format not in (None, "MPO", *FORMATS):
                raise ImageError(f"The image is of kind {source.format}; allowed is {KINDS}.")
            return _grey(source, "The image")
    with _decoding(source):
        image, number = _open(source)
        with image:
            _seek(image, number, source)
            return _grey(image, source)


def pictures_of(path: Path) -> list[Path]:
    """What `load_image` takes for each picture of a file: the path itself, or FILE[0], FILE[1], ... if it holds several.

    A file that cannot be read counts as one picture, so that reading it gives the error. A suffix of a kind with one
    picture is believed, so that a folder of a million PNGs is not opened for this.

    :param path: of an image file.
    """
    if path.suffix.lower() in ONE_PICTURE_SUFFIXES | {TEST_IMAGE_SUFFIX}:
        return [path]
    try:
        with _decoding(path):
            require_file(path)
            with Image.open(path, formats=FORMATS) as image:
                count = len(_pictures(image, path))
    except ImageError:
        return [path]
    return [path] if count == 1 else [Path(f"{path}[{number}]") for number in range(count)]


def picture_name(name: str) -> tuple[str, int | None]:
    """The file and the number of a picture in it, None without one.

    >>> picture_name("multi.tif[1]"), picture_name("line.png")
    (('multi.tif', 1), ('line.png', None))

    :param name: of a picture, as `load_image` takes it.
    """
    named = _PICTURE_NAME.fullmatch(name)
    return (name, None) if named is None else (named[1], int(named[2]))


@contextmanager
def _decoding(name: object) -> Iterator[None]:
    """Turn whatever a decoder raises into an ImageError that names the picture."""
    try:
        yield
    except ImageError:
        raise
    except FileError as error:
        raise ImageError(str(error), about=name) from error
    except Image.UnidentifiedImageError as error:
        raise ImageError(f"{name} is not an image of kind {KINDS}, or its header is damaged.", about=name) from error
    except Image.DecompressionBombError as error:
        raise ImageError(f"{name} is too large: {str(error).rstrip('.')}.", about=name) from error
    except OSError as error:
        raise ImageError(f"Cannot read {name}: {os_reason(error)}.", about=name) from error
    except DECODER_ERRORS as error:
        reason = str(error).rstrip(".") or type(error).__name__
        raise ImageError(f"{name} is a damaged image: {reason}.", about=name) from error


def _open(path: str | os.PathLike) -> tuple[Image.Image, int | None]:
    """The file, not yet decoded, and the number of the picture that `path` names."""
    file, number = picture_name(os.fspath(path))
    if number is None or os.path.lexists(path):  # a name that is itself a file comes first
        file, number = path, None
    require_file(file)
    return Image.open(file, formats=FORMATS), number


def _pictures(image: Image.Image, name: object) -> Sequence[int]:
    """Pillow's numbers of the frames that are pictures: not the reduced copies and masks of a TIFF.

    Of a JPEG that holds several (MPO), the others are previews, depth maps and second eyes. An animation is decoded from its
    first frame on, so all its frames are bounded together.
    """
    if image.format == "TIFF":
        return _pictures_of_tiff(image, name)
    frames = range(1 if image.format == "MPO" else getattr(image, "n_frames", 1))
    _require_few(len(frames), name)
    pixels = math.prod(image.size) * len(frames)
    if len(frames) > 1 and pixels > MAX_PIXELS:
        raise ImageError(
            f"{name} has {len(frames)} pictures of {image.width} x {image.height} pixels; allowed are {MAX_PIXELS} in all.",
            about=name,
        )
    return frames


def _pictures_of_tiff(image: Image.Image, name: object) -> Sequence[int]:
    """Frame by frame: Pillow takes time that grows with the square of their number to count them."""
    pictures, frame = [], 0
    while True:
        try:
            image.seek(frame)
        except EOFError:
            return pictures or range(frame)
        if not image.tag_v2.get(_SUBFILE_TYPE, 0) & _REDUCED_OR_MASK:
            pictures.append(frame)
        frame += 1
        _require_few(frame, name)


def _require_few(count: int, name: object) -> None:
    if count > MAX_PICTURES:
        raise ImageError(f"{name} holds more than {MAX_PICTURES} pictures.", about=name)


def _seek(image: Image.Image, number: int | None, name: object) -> None:
    """Go to the picture that is meant."""
    pictures = _pictures(image, name)
    count = len(pictures)
    if number is None and count > 1:
        raise ImageError(f"{name} holds {count} pictures; name one, {name}[0] to {name}[{count - 1}].", about=name)
    if (number or 0) >= count:
        held = "one picture, [0]" if count == 1 else f"{count} pictures, [0] to [{count - 1}]"
        raise ImageError(f"Cannot read {name}: the file holds {held}.", about=name)
    if image.tell() != pictures[number or 0]:
        image.seek(pictures[number or 0])


def _grey(image: Image.Image, name: object) -> Image.Image:
    """The current frame in greyscale; only now are its pixels decoded."""
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise ImageError(f"{name} has {width} x {height} pixels; allowed are {MAX_PIXELS} in all.", about=name)
    deep = image.mode in SIXTEEN_BIT_MODES or (image.mode == "I" and image.format in ("PNG", "PPM"))
    if not deep and image.mode not in EIGHT_BIT_MODES:
        raise ImageError(
            f"{name} has pixel mode {image.mode}; save it with 8 bits per channel, or in grey with 16.", about=name
        )
    rawmode = _rawmode(image)
    if image.format == "PPM" and image.tile:
        _require_full_range(image, name)
    _load(image)
    transparent = image.info.get("transparency")
    upright = hasattr(image, "tag_v2")  # a TIFF is, once Pillow has loaded it
    orientation = None if upright else _UPRIGHT.get(image.getexif().get(_ORIENTATION))
    if image.mode in ("La", "RGBa"):  # colours multiplied by their opacity
        image = image.convert({"La": "LA", "RGBa": "RGBA"}[image.mode])
    alpha = _alpha(image, transparent, rawmode, name)
    if transparent is not None:  # Pillow warns of an alpha that greyscale cannot keep
        image = image.copy()
        image.info.pop("transparency", None)
    grey = _eight_bits(image) if deep else image.convert("L")
    if alpha is not None and alpha.getextrema() != (MAX_GREY, MAX_GREY):
        grey = Image.composite(grey, Image.new("L", grey.size, MAX_GREY), alpha)
    return grey if orientation is None else grey.transpose(orientation)


def _load(image: Image.Image) -> None:
    """Decode the pixels, and not by a memory map: Pillow 11 to 13 exchange the sides of one where a TIFF lies on its side.

    :raises ValueError: libtiff reports an error, also where Pillow accepts what it gives.
    """
    mapped = getattr(image, "tag_v2", {}).get(_ORIENTATION, 1) < 5
    filename = getattr(image, "filename", "")
    with libtiff_errors() as errors:
        try:
            if not mapped:
                image.filename = ""
            image.load()
        except OSError:
            if not errors:
                raise
        finally:
            if not mapped:
                image.filename = filename
    if errors:
        raise ValueError(f"libtiff reports an error in {errors[0]}")


def _rawmode(image: Image.Image) -> str:
    """How the pixels lie in the file, in Pillow's words; empty where they are decoded already."""
    arguments = image.tile[0][3] if getattr(image, "tile", None) else ""
    return arguments if isinstance(arguments, str) else str(arguments[0]) if arguments else ""


def _require_full_range(image: Image.Image, name: object) -> None:
    """Refuse a PNM whose brightest value is neither 255 nor 65535 where this Pillow would not scale it (before 9.2)."""
    decoder, _box, offset = image.tile[0][:3]
    if decoder != "raw" or image.mode == "1":
        return
    image.fp.seek(0)
    brightest = int(image.fp.read(offset).split()[-1])
    if brightest not in (255, 65535):
        raise ImageError(
            f"{name} has {brightest} as its brightest value; with this version of Pillow allowed are 255 and 65535.",
            about=name,
        )


def _eight_bits(image: Image.Image) -> Image.Image:
    """Grey of 16 bits (of 12 where a TIFF says so) in 8: 255 x / 65535 to the nearest, which never is a tie."""
    tags = getattr(image, "tag_v2", {})
    bits = tags.get(_BITS, (16,))
    brightest = (1 << (bits[0] if isinstance(bits, tuple) else bits)) - 1
    values = np.asarray(image)
    grey = np.empty(values.shape, np.uint8)
    at_once = max(_AT_ONCE // max(values.shape[1], 1), 1)
    for first in range(0, len(grey), at_once):  # the products have 64 bits
        rows = slice(first, first + at_once)
        products = 2 * MAX_GREY * values[rows].astype(np.int64) + brightest
        grey[rows] = (products // (2 * brightest)).clip(0, MAX_GREY)
    if tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO:  # Pillow inverts it for up to 8 bits
        grey = MAX_GREY - grey
    return Image.fromarray(grey)


def _alpha(image: Image.Image, transparent: object, rawmode: str, name: object) -> Image.Image | None:
    """Opacity of each pixel, an image of mode L; None where all are opaque."""
    if image.mode in ("LA", "PA", "RGBA"):
        return image.getchannel("A")
    if image.mode == "P":
        if transparent is None and getattr(image.palette, "mode", "") != "RGBA":
            return None
        return image.convert("RGBA").getchannel("A")
    if transparent is None:
        return None
    if rawmode.startswith("RGB;16"):
        raise ImageError(f"{name} has colours of 16 bits, one of them transparent; save it with 8 bits.", about=name)
    values = np.asarray(image)
    if image.mode == "1":
        same = values == bool(transparent)  # Pillow gives 1 or, from 13 on, 255
    elif image.mode == "RGB":
        same = (values == np.array(transparent)).all(axis=-1)
    else:
        steps = {"L;2": 85, "L;4": 17}  # the file's grey value, which Pillow spreads over 0..255
        same = values == transparent * steps.get(rawmode, 1)
    return Image.fromarray(np.where(same, 0, MAX_GREY).astype(np.uint8))


def normalise_image(image: Image.Image, target_height: int) -> np.ndarray:
    """Invert a greyscale image and bring it to `target_height` rows and an even number of columns (bilinear).

    :param image: of mode L and any size, as `load_image` gives it.
    :param target_height: I, rows of the network's input.
    :returns: uint8 [T, target_height], ink bright, left to right, top pixel first.
    :raises ImageError: the image is empty, or too narrow to give two columns, or too wide.
    """
    width, height = image.size
    columns = even_width(width, height, target_height=target_height) if width and height else 0
    if not 2 <= columns <= MAX_COLUMNS:
        raise ImageError(
            f"An image of {width} x {height} pixels gives {columns} columns at height {target_height}; "
            f"allowed is 2 to {MAX_COLUMNS}."
        )
    resized = ImageOps.invert(image).resize((columns, target_height), Image.BILINEAR)
    return np.ascontiguousarray(np.asarray(resized).T)


def quantize_pixels(pixels: np.ndarray, bits: int) -> np.ndarray:
    """Bring grey values 0..255 to ``fixed<bits, 1>``: 2x/255 - 1, clipped to the range, to the nearest step.

    No grey value lies halfway between two steps ((2x - 255) * 2**bits is even, an odd multiple of 255 is not), so
    integers decide exactly what floating point does.

    :param pixels: uint8, any shape.
    :param bits: A, width of a pixel.
    :returns: int8 of the same shape, raw values.
    """
    grey = np.arange(MAX_GREY + 1)
    rounded = (((2 * grey - MAX_GREY) << bits) + MAX_GREY) // (2 * MAX_GREY)
    table = np.minimum(rounded, unit_format(bits).max).astype(np.int8)
    return table[pixels]


def image_columns(image: Image.Image | str | os.PathLike, *, target_height: int, bits: int) -> np.ndarray:
    """Columns of one line as the accelerator receives them.

    :param image: a Pillow image, or the path of one, or of a test image of LSTM-PYNQ, which has the suffix .txt.
    :param target_height: I, rows of the network's input.
    :param bits: A, width of a pixel.
    :returns: int8 [T, I], raw values of ``fixed<bits, 1>``, T even.
    :raises ImageError: see `load_image`, `normalise_image` and `datapath.pixel_text.read_pixel_text`.
    """
    if not isinstance(image, Image.Image) and Path(image).suffix.lower() == TEST_IMAGE_SUFFIX:
        return read_pixel_text(image, inputs=target_height, bits=bits, most_columns=MAX_COLUMNS)
    grey = load_image(image)
    try:
        return quantize_pixels(normalise_image(grey, target_height), bits)
    except ImageError as error:
        raise error if isinstance(image, Image.Image) else error.within(image) from error

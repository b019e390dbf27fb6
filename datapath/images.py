"""`image_columns`: scanned line to columns of pixels, as the board's host code computes them.

Checked against the columns that the published networks' golden vectors were computed from: every pixel is equal.
"""

from __future__ import annotations

import math
import os

import numpy as np
from PIL import Image, ImageOps

from datapath.errors import ImageError
from datapath.files import os_reason
from datapath.formats import unit_format

EIGHT_BIT_MODES = ("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "HSV", "LAB")

IMAGE_SUFFIXES = frozenset(
    (".bmp", ".gif", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp")
)
"""Suffixes, in lower case, by which a file of a folder counts as an image."""

MAX_COLUMNS = 100_000
"""Longer lines are refused as a mistake: 50 times the widest line of UW3-500."""

MAX_GREY = 255
"""Brightest value of an 8-bit pixel."""

_HEIGHT_MARGIN = 0.1
"""The host code widens by (height + 0.1) / height before rounding up."""


def even_width(width: int, height: int, *, target_height: int) -> int:
    """Columns of an image of `width` x `height` pixels at `target_height`, rounded down to an even number.

    The scale is rounded to a float before it is multiplied, as in the original: where the exact product is a whole
    number (910 x 39 pixels at 32: 749), that decides the width. UW3-500 has two such lines.
    """
    scale = (target_height + _HEIGHT_MARGIN) / height
    columns = math.ceil(width * scale)
    return columns - columns % 2


def load_image(path: str | os.PathLike) -> Image.Image:
    """Read an image file whole, in greyscale; transparency is ignored, as on the board.

    :raises ImageError: missing, no image, damaged, or of more than 8 bits per channel.
    """
    try:
        with Image.open(path) as image:
            if image.mode not in EIGHT_BIT_MODES:
                raise ImageError(f"{path} has pixel mode {image.mode}; save it with 8 bits per channel.", about=path)
            image.load()
            image.info.pop("transparency", None)  # Pillow warns of an alpha that greyscale cannot keep
            return image.convert("L")
    except FileNotFoundError as error:
        raise ImageError(f"Cannot read {path}: no such file.", about=path) from error
    except Image.UnidentifiedImageError as error:
        raise ImageError(f"{path} is not an image that Pillow can read.", about=path) from error
    except (ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        raise ImageError(f"{path} is a damaged image: {str(error).rstrip('.')}.", about=path) from error
    except OSError as error:
        raise ImageError(f"Cannot read {path}: {os_reason(error)}.", about=path) from error


def normalise_image(image: Image.Image, target_height: int) -> np.ndarray:
    """Invert a greyscale image and bring it to `target_height` rows and an even number of columns (bilinear).

    :param image: any size.
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
    inverted = ImageOps.invert(image.convert("L"))
    resized = inverted.resize((columns, target_height), Image.BILINEAR)
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

    :param image: a Pillow image or the path of one.
    :param target_height: I, rows of the network's input.
    :param bits: A, width of a pixel.
    :returns: int8 [T, I], raw values of ``fixed<bits, 1>``, T even.
    :raises ImageError: see `load_image` and `normalise_image`.
    """
    if isinstance(image, Image.Image):
        return quantize_pixels(normalise_image(image, target_height), bits)
    try:
        return quantize_pixels(normalise_image(load_image(image), target_height), bits)
    except ImageError as error:
        raise error.within(image) from error

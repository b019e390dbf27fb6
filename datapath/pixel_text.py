"""LSTM-PYNQ's test image: the pixels of one line as text, one decimal per line, column by column, the top pixel first.

Its test bench reads ``test_image.txt`` and is given ``test_image_gt.txt``, the text that the network must read.
"""

from __future__ import annotations

import os
import re
from array import array
from collections.abc import Callable
from fractions import Fraction
from functools import partial

import numpy as np

from datapath.errors import FileError, ImageError
from datapath.formats import unit_format
from datapath.reading import read_start

TEST_IMAGE_SUFFIX = ".txt"
"""Of a test image among pictures."""

_MOST_BYTES = 32
"""Of a decimal and its line end."""

_WORD = re.compile(rb"\S+")
_DECIMAL = re.compile(rb"[+-]?(?:\d{1,20}(?:\.\d{0,20})?|\.\d{1,20})(?:[eE][+-]?\d{1,2})?")


def pixel_text(columns: np.ndarray, *, bits: int) -> str:
    """The text of a test image; ten digits are exact for pixels of up to 8 bits.

    :param columns: integers [T, I], raw values of ``fixed<bits, 1>``.
    :param bits: A, width of a pixel.
    """
    scale = 1 << (bits - 1)
    return "".join(f"{value / scale:.10f}\n" for value in columns.ravel().tolist())


def read_pixel_text(path: str | os.PathLike, *, inputs: int, bits: int, most_columns: int) -> np.ndarray:
    """Read a test image; its size is checked before it is read.

    :param path: of the file; numbers may stand in one line, as LSTM-PYNQ's test bench allows.
    :param inputs: I, pixels of a column.
    :param bits: A, width of a pixel.
    :param most_columns: of a line; bounds the size of the file.
    :returns: int8 [T, I], raw values of ``fixed<bits, 1>``.
    :raises ImageError: it cannot be read, is too large, has another number of values than a multiple of `inputs`, or a
        value that is not a decimal, not in the range, or not a multiple of 2^(1-A); the line is named.
    """
    content = _read(path, limit := most_columns * inputs * _MOST_BYTES)
    if len(content) > limit:
        raise ImageError(
            f"{path} has more than {limit} bytes; {most_columns} columns of a test image fit in them.", about=path
        )
    raw: dict[bytes, int] = {}
    values = array("b")
    for word in _WORD.finditer(content):
        token = word[0]
        if token not in raw:
            raw[token] = _raw(token, bits, path, partial(content.count, b"\n", 0, word.start()))
        values.append(raw[token])
        if len(values) > most_columns * inputs:
            raise ImageError(
                f"{path} has more than {most_columns * inputs} values; allowed are {most_columns} columns of {inputs}.",
                about=path,
            )
    if not values or len(values) % inputs:
        raise ImageError(
            f"{path} has {len(values)} values; it must be a multiple of {inputs}, the pixels of a column, and not 0.",
            about=path,
        )
    return np.array(values, dtype=np.int8).reshape(-1, inputs)


def _read(path: str | os.PathLike, limit: int) -> bytes:
    """The content, or its first `limit` + 1 bytes, so that a file of any size takes bounded memory."""
    try:
        return read_start(path, limit=limit + 1)
    except FileError as error:
        raise ImageError(str(error), about=path) from error


def _raw(token: bytes, bits: int, path: str | os.PathLike, breaks_before: Callable[[], int]) -> int:
    """The raw value that a decimal means; `breaks_before` counts the line breaks before it, for errors."""
    shown = token[:40].decode("ascii", "backslashreplace")
    if _DECIMAL.fullmatch(token) is None:
        raise ImageError(
            f"{path} line {breaks_before() + 1}: {shown!r} is not a decimal; a .txt among images is a test image of LSTM-PYNQ, one decimal per line. "
            "For a list of images there is --list.",
            about=path,
        )
    format, scaled = unit_format(bits), Fraction(token.decode()) * (1 << (bits - 1))
    if not format.min <= scaled <= format.max or scaled.denominator != 1:
        step = Fraction(1, 1 << (bits - 1))
        raise ImageError(
            f"{path} line {breaks_before() + 1}: {shown} is not a pixel of {bits} bits; allowed are multiples of {float(step)} from -1 to "
            f"{float(1 - step)}.",
            about=path,
        )
    return int(scaled)

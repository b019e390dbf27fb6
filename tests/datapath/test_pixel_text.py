"""LSTM-PYNQ's test image: read and written exactly, and refused where it is not one."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datapath import image_columns
from datapath.errors import ImageError
from datapath.images import pictures_of
from datapath.pixel_text import pixel_text, read_pixel_text

CASES = Path(__file__).parents[1] / "cases"
BROUGHT = CASES / "files/test_image.txt"


@pytest.fixture
def read(tmp_path):
    def reading(text: str | bytes, *, inputs: int = 2, bits: int = 4) -> np.ndarray:
        path = tmp_path / "test_image.txt"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_pixel_text(path, inputs=inputs, bits=bits, most_columns=100)

    return reading


def test_what_was_brought_is_the_beginning_of_a_line():
    """1280 decimals are 40 columns of 32 pixels: those of the first frame of multi.tif, quantized to 4 bits."""
    columns = image_columns(BROUGHT, target_height=32, bits=4)
    rows = BROUGHT.read_text().split()
    assert (len(rows), columns.shape, columns.dtype) == (1280, (40, 32), np.int8)
    assert columns.ravel().tolist() == [int(float(row) * 8) for row in rows]  # a pixel of 4 bits is in eighths
    line = image_columns(CASES / "pictures/multi.tif[0]", target_height=32, bits=4)
    assert np.array_equal(columns, line[:40]) and len(line) == 520


def test_decimals_go_column_by_column(read):
    """-1, 7/8 | 0, 1/8: two columns of two pixels, the top one first."""
    assert read("-1.0000000000\n0.8750000000\n0.0000000000\n0.125\n").tolist() == [[-8, 7], [0, 1]]
    assert read(b"-1 +.875\r\n\r\n-0 1.25e-1").tolist() == [[-8, 7], [0, 1]]  # as a stream of C++ reads it


@given(values=st.lists(st.integers(-128, 127), min_size=2, max_size=40), bits=st.integers(1, 8))
def test_what_is_written_is_read(values, bits, tmp_path_factory):
    columns = (np.array(values[: len(values) // 2 * 2]) >> (8 - bits)).astype(np.int8).reshape(-1, 2)
    path = tmp_path_factory.getbasetemp() / "written.txt"
    path.write_text(pixel_text(columns, bits=bits))
    assert np.array_equal(read_pixel_text(path, inputs=2, bits=bits, most_columns=100), columns)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("0.125\n0.1\n", ("line 2: 0.1 is not a pixel of 4 bits", "multiples of 0.125 from -1 to 0.875")),
        ("0\n1\n", ("line 2: 1 is not a pixel of 4 bits", "0.875")),
        ("-1.125\n0\n", ("line 1: -1.125 is not a pixel",)),
        ("0.12500000000000000001\n0\n", ("line 1: 0.125", "not a pixel")),  # a float would take it for 0.125
        ("0\nnan\n", ("line 2: 'nan' is not a decimal",)),
        ("0\n0x1\n", ("'0x1' is not a decimal",)),
        ("1_0\n0\n", ("'1_0' is not a decimal",)),
        ("0,5\n0\n", ("'0,5' is not a decimal",)),
        ("1e999\n0\n", ("'1e999' is not a decimal",)),
        ("imgs/0001.png\n", ("line 1: 'imgs/0001.png' is not a decimal", "--list")),
        ("\u0660\n0\n", ("is not a decimal",)),  # a digit of Arabic
        ("0\n0\n0\n", ("has 3 values; it must be a multiple of 2, the pixels of a column",)),
        ("", ("has 0 values",)),
        ("0.0000000000\n" * 600, ("has more than 6400 bytes; 100 columns",)),
        ("0\n" * 202, ("has more than 200 values; allowed are 100 columns of 2",)),
        ("0 " * 202, ("has more than 200 values",)),
    ],
)
def test_what_is_not_a_test_image_is_refused(read, tmp_path, text, named):
    with pytest.raises(ImageError) as caught:
        read(text)
    assert str(caught.value).startswith(str(tmp_path / "test_image.txt"))
    assert all(part in str(caught.value) for part in named), caught.value


def test_a_file_of_any_size_takes_bounded_memory(tmp_path):
    path = tmp_path / "huge.txt"
    with path.open("wb") as handle:
        handle.truncate(1 << 40)  # a terabyte of zeros, which takes no space
    with pytest.raises(ImageError, match="has more than 6400 bytes"):
        read_pixel_text(path, inputs=2, bits=4, most_columns=100)


def test_a_missing_one_is_an_error_and_one_picture(tmp_path):
    with pytest.raises(ImageError) as caught:
        image_columns(tmp_path / "none.txt", target_height=2, bits=4)
    assert str(caught.value) == f"Cannot read {tmp_path / 'none.txt'}: no such file."
    assert pictures_of(tmp_path / "none.txt") == [tmp_path / "none.txt"]

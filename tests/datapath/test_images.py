"""Scans to columns: equal to what the published vectors were computed from, and what is not a line is refused."""

import math
import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from datapath import image_columns
from datapath.errors import ImageError
from datapath.images import KINDS, MAX_COLUMNS, even_width, load_image, quantize_pixels
from tests.golden_data import PUBLISHED, image_paths, lines, published_network


def line_image(width: int = 60, height: int = 20, mode: str = "L") -> Image.Image:
    """A made-up scan: dark strokes on white."""
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    grey = np.where((x * 7 + y * 3) % 11 < 4, 20, 250).astype(np.uint8)
    return Image.fromarray(grey).convert(mode)


@pytest.mark.parametrize("name", PUBLISHED)
def test_columns_of_real_lines_equal_the_published_ones(shared_data, name):
    network = published_network(shared_data, name)
    golden = shared_data / "golden" / f"published_{name}.npz"
    scans = image_paths(golden, shared_data)
    assert len(scans) == 6
    for scan, line in zip(scans, lines(golden), strict=True):
        columns = image_columns(scan, target_height=network.inputs, bits=network.precision.activation)
        assert columns.dtype == np.int8
        assert np.array_equal(columns, line.pixels), scan


# Grey values to raw pixels ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bits", range(1, 9))
def test_grey_values_are_quantized_as_floating_point_does(bits):
    """docs/spec/training.md: x / 255 mapped to [-1, 1], clip to [-1, 1 - 2^(1-A)], times 2^(A-1), round half to even."""
    grey = np.arange(256, dtype=np.uint8)
    mapped = np.clip(2 * (grey / 255) - 1, -1, 1 - 2.0 ** (1 - bits))
    assert quantize_pixels(grey, bits).tolist() == np.rint(mapped * 2 ** (bits - 1)).astype(int).tolist()


@pytest.mark.parametrize("bits", [1, 4, 8])
def test_black_ink_gives_the_highest_value_and_white_background_the_lowest(bits):
    black, white = Image.new("L", (40, 40), 0), Image.new("L", (40, 40), 255)
    assert np.unique(image_columns(black, target_height=32, bits=bits)).tolist() == [2 ** (bits - 1) - 1]
    assert np.unique(image_columns(white, target_height=32, bits=bits)).tolist() == [-(2 ** (bits - 1))]


def test_columns_go_left_to_right_and_the_top_pixel_comes_first():
    image = Image.new("L", (32, 32), 255)
    image.putpixel((3, 30), 0)
    columns = image_columns(image, target_height=32, bits=8)
    column, row = np.unravel_index(np.argmax(columns), columns.shape)
    assert (column, row) == (3, 30)


# Width --------------------------------------------------------------------------------------------------------------


@given(width=st.integers(1, 5000), height=st.integers(1, 500), target=st.integers(1, 64))
def test_the_width_is_the_hosts_brought_down_to_an_even_number(width, height, target):
    columns = even_width(width, height, target_height=target)
    assert columns % 2 == 0
    assert columns <= math.ceil(width * (target + 0.1) / height) <= columns + 1


@pytest.mark.parametrize(("width", "columns"), [(32, 32), (33, 34), (34, 34), (35, 36)])
def test_the_number_of_columns_is_even(width, columns):
    # At height 32 the host's rule gives width + 1 here: 33, 34, 35, 36.
    assert image_columns(line_image(width, 32), target_height=32, bits=4).shape == (columns, 32)


@pytest.mark.parametrize(
    ("size", "columns"),
    [((1, 1000), 0), ((1, 33), 0), ((0, 20), 0), ((20, 0), 0)],
)
def test_an_image_too_narrow_for_two_columns(size, columns):
    with pytest.raises(ImageError) as caught:
        image_columns(Image.new("L", size), target_height=32, bits=4)
    assert str(caught.value) == (
        f"An image of {size[0]} x {size[1]} pixels gives {columns} columns at height 32; allowed is 2 to {MAX_COLUMNS}."
    )


def test_the_narrowest_image_gives_two_columns():
    assert image_columns(Image.new("L", (1, 32)), target_height=32, bits=4).shape == (2, 32)


def test_an_image_that_gives_too_many_columns_is_refused_before_it_is_resized(tmp_path):
    path = tmp_path / "wide.png"
    Image.new("L", (4000, 1)).save(path)
    with pytest.raises(ImageError) as caught:
        image_columns(path, target_height=32, bits=4)
    assert str(caught.value) == (
        f"{path}: An image of 4000 x 1 pixels gives 128400 columns at height 32; allowed is 2 to {MAX_COLUMNS}."
    )


def test_a_narrow_file_is_named(tmp_path):
    path = tmp_path / "1x1000.png"
    Image.new("L", (1, 1000)).save(path)
    with pytest.raises(ImageError) as caught:
        image_columns(path, target_height=32, bits=4)
    assert str(caught.value) == (
        f"{path}: An image of 1 x 1000 pixels gives 0 columns at height 32; allowed is 2 to {MAX_COLUMNS}."
    )


# Pixel modes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_every_eight_bit_mode_gives_the_columns_of_its_greyscale(tmp_path, mode):
    image = line_image().convert("1").convert(mode)
    path = tmp_path / "line.png"
    image.save(path)
    expected = image_columns(image.convert("L"), target_height=32, bits=4)
    assert len(np.unique(expected)) > 2
    assert np.array_equal(image_columns(path, target_height=32, bits=4), expected)


# Files that are no line ---------------------------------------------------------------------------------------------


def test_a_missing_file(tmp_path):
    with pytest.raises(ImageError) as caught:
        load_image(tmp_path / "none.png")
    assert str(caught.value) == f"Cannot read {tmp_path / 'none.png'}: no such file."


def test_a_folder(tmp_path):
    with pytest.raises(ImageError) as caught:
        load_image(tmp_path)
    assert str(caught.value) == f"Cannot read {tmp_path}: it is a folder."


@pytest.mark.parametrize("content", [b"", b"a line of text\n", bytes(range(256))])
def test_a_file_that_is_no_image_but_called_png(tmp_path, content):
    path = tmp_path / "text.png"
    path.write_bytes(content)
    with pytest.raises(ImageError) as caught:
        load_image(path)
    assert str(caught.value) == f"{path} is not an image of kind {KINDS}, or its header is damaged."


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "gif"])
def test_an_image_cut_off_anywhere_is_refused_by_name(tmp_path, suffix):
    whole, cut = tmp_path / f"whole.{suffix}", tmp_path / f"cut.{suffix}"
    line_image().save(whole)
    content = whole.read_bytes()
    for length in range(0, len(content) - 30, 11):
        cut.write_bytes(content[:length])
        with pytest.raises(ImageError) as caught:
            load_image(cut)
        assert str(cut) in str(caught.value)
        assert str(caught.value).endswith(".")


def test_an_image_of_a_monstrous_size_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "bomb.png"
    line_image(60, 20).save(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 500)
    with pytest.raises(ImageError) as caught:
        load_image(path)
    assert str(caught.value) == (
        f"{path} is too large: Image size (1200 pixels) exceeds limit of 1000 pixels, "
        "could be decompression bomb DOS attack."
    )


def test_an_unreadable_file(tmp_path, monkeypatch):
    path = tmp_path / "line.png"
    line_image().save(path)

    def refuse(*_args, **_kwargs):
        raise PermissionError(13, os.strerror(13), str(path))

    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(ImageError) as caught:
        load_image(path)
    assert str(caught.value) == f"Cannot read {path}: Permission denied."

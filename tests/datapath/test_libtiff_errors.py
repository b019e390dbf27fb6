"""Damage that libtiff finds is the picture's error, in the thread that reads it, and nothing is printed."""

import io
import random
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image, features

from datapath.errors import ImageError
from datapath.images import load_image

pytestmark = pytest.mark.skipif(not features.check("libtiff"), reason="Pillow has no libtiff")

STRIP = 8  # Pillow writes the strip behind the header


def fax(tmp_path, name="fax.tif"):
    """A picture in the code of fax machines, whose decoder goes on after a wrong code."""
    picture = Image.fromarray(np.random.default_rng(0).random((40, 90)) < 0.5)
    picture.save(tmp_path / name, compression="group4")
    return tmp_path / name


def damaged(path, place):
    content = bytearray(path.read_bytes())
    content[STRIP + place] ^= 0xFF
    other = path.with_name(f"damaged{place}.tif")
    other.write_bytes(content)
    return other


def test_a_wrong_code_is_an_error_and_prints_nothing(tmp_path, capfd):
    path = fax(tmp_path)
    refused = 0
    for place in range(0, 300, 10):
        try:
            load_image(damaged(path, place))
        except ImageError as error:
            refused += "is a damaged image: libtiff reports an error in Fax4Decode." in str(error)
            assert f"damaged{place}.tif" in str(error)
    assert refused > 20
    assert load_image(path).size == (90, 40)
    assert capfd.readouterr().err == ""


def test_each_thread_has_the_errors_of_its_own_picture(tmp_path, capfd):
    good = fax(tmp_path)
    bad = damaged(good, 200)
    expected = np.asarray(load_image(good))

    def right(path):
        try:
            return np.array_equal(np.asarray(load_image(path)), expected) and path is good
        except ImageError:
            return path is bad

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(right, [good, bad, bad] * 100))
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_deflate", "packbits", "jpeg", "group3"])
def test_no_damaged_tiff_prints_anything(tmp_path, capfd, compression):
    numbers, written = random.Random(compression), io.BytesIO()
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, size=(40, 90), dtype=np.uint8))
    picture.convert("1" if compression == "group3" else "L").save(written, "TIFF", compression=compression)
    refused = 0
    for _ in range(60):
        content = bytearray(written.getvalue())
        for _ in range(3):
            content[numbers.randrange(len(content))] = numbers.randrange(256)
        (tmp_path / "line.tif").write_bytes(content[: numbers.choice([None, numbers.randrange(len(content))])])
        try:
            load_image(tmp_path / "line.tif")
        except (ImageError, UserWarning):  # the latter where warnings are errors
            refused += 1
    assert refused
    assert capfd.readouterr().err == ""

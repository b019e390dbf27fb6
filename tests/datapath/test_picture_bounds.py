"""Pictures are bounded in number and in pixels, and what is not a file is not opened."""

import os
import struct
from pathlib import Path

import pytest

from datapath.errors import ImageError
from datapath.images import MAX_PICTURES, image_columns, load_image, pictures_of
from tests.datapath.test_pictures import tiff


def gif(frames: int, *, width: int, height: int) -> bytes:
    """An animation whose frames are one pixel on a large canvas."""
    frame = b"," + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
    palette = b"\0\0\0\xff\xff\xff"
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + palette + frame * frames + b";"


def refusal(path) -> str:
    with pytest.raises(ImageError) as caught:
        load_image(path)
    assert pictures_of(Path(path)) == [Path(path)]
    return str(caught.value)


@pytest.mark.parametrize("name", ["pipe.tif", "pipe.png", "pipe.txt"])
def test_a_pipe_is_not_waited_for(tmp_path, name):
    os.mkfifo(tmp_path / name)
    with pytest.raises(ImageError, match="it is a pipe") as caught:
        image_columns(tmp_path / name, target_height=16, bits=4)
    assert str(tmp_path / name) in str(caught.value)
    assert pictures_of(tmp_path / name) == [tmp_path / name]


@pytest.mark.skipif(not Path("/dev/zero").is_char_device(), reason="this system has no /dev/zero")
def test_a_device_is_not_read(tmp_path):
    (tmp_path / "line.tif").symlink_to("/dev/zero")
    assert "it is a character device" in refusal(tmp_path / "line.tif")


def test_the_frames_of_a_tiff_are_bounded(tmp_path):
    one = tiff(*[b"\0"] * 2, width=1, bits=8)
    head, page = one[:8], one[8:]
    size = len(page) // 2
    pages = [page[:size]] * (MAX_PICTURES + 50)
    content = bytearray(head)
    for number, each in enumerate(pages):
        start = len(content)
        content += each
        struct.pack_into("<I", content, start + size - 5, len(content) if number < len(pages) - 1 else 0)
    path = tmp_path / "many.tif"
    path.write_bytes(content)
    assert refusal(path) == f"{path} holds more than {MAX_PICTURES} pictures."


def test_the_frames_of_an_animation_are_bounded(tmp_path):
    path = tmp_path / "many.gif"
    path.write_bytes(gif(MAX_PICTURES + 1, width=1, height=1))
    assert refusal(path) == f"{path} holds more than {MAX_PICTURES} pictures."
    path.write_bytes(gif(MAX_PICTURES, width=1, height=1))
    assert len(pictures_of(path)) == MAX_PICTURES


def test_the_pixels_of_an_animation_are_bounded_together(tmp_path):
    path = tmp_path / "large.gif"
    path.write_bytes(gif(100, width=1000, height=801))
    assert refusal(path) == f"{path} has 100 pictures of 1000 x 801 pixels; allowed are 80000000 in all."

"""Lists, folders and archives of pixels that state or hold too much are one sentence."""

import os
import zipfile
from pathlib import Path

import pytest

from datapath.errors import DataError, FileError
from foldline.batch import inputs
from foldline.batch.inputs import MAX_PIXEL_BYTES, MAX_ROW_BYTES, image_inputs, list_inputs, pixel_inputs


def test_a_row_of_a_list_is_bounded_before_it_is_read(tmp_path):
    (tmp_path / "list").write_bytes(b"a.png\n" + b"x" * (MAX_ROW_BYTES + 1))
    with pytest.raises(DataError) as caught:
        list(list_inputs(tmp_path / "list"))
    assert str(caught.value) == (
        f"{tmp_path / 'list'} has a row of more than {MAX_ROW_BYTES} bytes, which is not the path of an image."
    )


def test_a_list_is_no_device_and_no_named_pipe(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FileError, match="it is a named pipe; give it as <"):
        list_inputs(tmp_path / "pipe")
    if Path("/dev/zero").is_char_device():
        with pytest.raises(FileError, match="it is a character device"):
            list_inputs(Path("/dev/zero"))


@pytest.mark.skipif(not Path("/dev/fd").exists(), reason="this system does not name its descriptors")
def test_a_list_from_a_pipe_of_the_shell():
    read, write = os.pipe()
    with os.fdopen(write, "wb") as end:
        end.write(b"\xef\xbb\xbfa.png\r\n\nb.png")
    assert [line.name for line in list_inputs(Path(f"/dev/fd/{read}"))] == ["a.png", "b.png"]
    os.close(read)


def test_folders_within_each_other_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(inputs, "MAX_DEPTH", 2)
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    (tmp_path / "a" / "x.png").touch()
    failed, good = image_inputs([tmp_path])
    assert (failed.name, good.name) == (str(deep), str(tmp_path / "a" / "x.png"))
    with pytest.raises(FileError, match="more than 2 folders lie within each other"):
        failed.source()


def test_the_pixels_of_a_line_are_bounded(tmp_path):
    header = b"{'descr':'|i1','fortran_order':False,'shape':(6000000000,),}"
    with zipfile.ZipFile(tmp_path / "p.npz", "w") as archive:
        archive.writestr("pixels_0.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    (line,) = pixel_inputs(tmp_path / "p.npz")
    with pytest.raises(FileError, match=f"pixels_0 has shape .* at most {MAX_PIXEL_BYTES} are read of it"):
        line.source()

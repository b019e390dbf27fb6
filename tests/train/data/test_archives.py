"""Archives that state sizes, names and tables beyond all measure are refused before any of it is read."""

import gzip
import io
import lzma
import tarfile
import zipfile

import pytest

from datapath.errors import FileError
from tests.golden_data import REPOSITORY
from train.data import archives
from train.data.archives import plain_files

CASE = REPOSITORY / "tests" / "cases" / "files" / "tar_sizes.tar"


def header(name: str = "file", *, size: int = 0, kind: bytes = tarfile.REGTYPE, raw_size: bytes = b"") -> bytes:
    """A header of a tar archive; `raw_size` replaces what stands in its field of the size."""
    info = tarfile.TarInfo(name)
    info.size, info.type = size, kind
    block = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    if raw_size:
        block[124:136] = raw_size
        block[148:156] = b" " * 8
        block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def refusal(tmp_path, content: bytes) -> str:
    path = tmp_path / "a.tar"
    path.write_bytes(content)
    with pytest.raises(FileError) as caught, plain_files(path, "archive"):
        pass
    return str(caught.value)


def test_the_case():
    with (
        pytest.raises(FileError, match=r"^archive has a header of 18446744073709551616 bytes"),
        plain_files(CASE, "archive"),
    ):
        pass


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE])
@pytest.mark.parametrize("pack", [bytes, gzip.compress, lzma.compress])
def test_a_long_name_or_table_is_refused_by_its_header(tmp_path, kind, pack):
    content = pack(header(size=3_000_000_000, kind=kind) + bytes(4096))
    assert "has a header of 3000000000 bytes; allowed are 1048576" in refusal(tmp_path, content)


def test_many_headers_are_bounded_together(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MAX_HEADERS_BYTES", 20_000)
    long = header(size=4096, kind=tarfile.XHDTYPE) + bytes(4096) + header()
    assert "has headers of more than 20000 bytes" in refusal(tmp_path, long * 5)


@pytest.mark.parametrize(
    "raw_size",
    [
        b"\x80" + b"\xff" * 11,
        b"\xff" + b"\x00" * 11,
        b"\xff" * 11 + b"\x01",
        b"77777777777\0",
        b"-0000000001\0",
        b"zzzzz\0\0\0\0\0\0\0",
    ],
)
def test_a_size_that_no_file_has(tmp_path, raw_size):
    for content in (header(raw_size=raw_size), header() + header("b", raw_size=raw_size)):
        assert refusal(tmp_path, content + bytes(4096)).startswith("archive ")


def test_a_path_of_many_parts(tmp_path):
    with tarfile.open(tmp_path / "long.tar", "w") as packed:
        packed.addfile(tarfile.TarInfo("a/" * 2000 + "imgs/b"))
    message = refusal(tmp_path, (tmp_path / "long.tar").read_bytes())
    assert "holds a path of 2002 parts and 4006 bytes" in message
    assert "allowed are 32 parts and 1024 bytes" in message and len(message) < 300
    with zipfile.ZipFile(tmp_path / "long.zip", "w") as packed:
        packed.writestr("n" * 5000, b"")
    assert "a path of 1 parts and 5000 bytes" in refusal(tmp_path, (tmp_path / "long.zip").read_bytes())


def test_a_member_of_a_zip_archive_in_another_compression(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_LZMA) as packed:
        packed.writestr("file", b"text")
    assert "'file' is packed in a way that is not read" in refusal(tmp_path, (tmp_path / "x.zip").read_bytes())


def test_a_table_of_numbers_that_are_none(tmp_path):
    table = b"".join(b"%d %s\n" % (len(one) + 4, one) for one in (b"GNU.sparse.major=1", b"GNU.sparse.minor=0"))
    content = header(size=len(table), kind=tarfile.XHDTYPE) + table.ljust(512, b"\0")
    content += header(size=512) + (b"9" * 5000)[:511] + b"\n"
    assert refusal(tmp_path, content + bytes(1024)).startswith("archive ")


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_every_kind_of_tar_archive_is_read(tmp_path, mode):
    with tarfile.open(tmp_path / "a", mode) as packed:
        for name in ("x/a", "x/" + "b" * 200):
            info = tarfile.TarInfo(name)
            info.size = 3
            packed.addfile(info, io.BytesIO(b"abc"))
    with plain_files(tmp_path / "a", "archive") as members:
        assert [(one.name, one.read()) for one in members] == [("x/a", b"abc"), ("x/" + "b" * 200, b"abc")]

"""Fetching a dataset: from a local archive, and from a server on this machine; never from further away."""

import gzip
import hashlib
import http.server
import io
import tarfile
import threading
import zipfile
from functools import partial

import numpy as np
import pytest

from datapath.errors import DataError, FileError
from train.data import archives
from train.data.dataset import read_dataset, write_dataset
from train.data.fetch import UW3_500_COMMIT, UW3_500_URL, fetch_uw3_500
from train.data.synthetic import synthetic_dataset

LAYOUT = "sortedTrain.txt, valid.txt and imgs/"


@pytest.fixture(scope="module")
def dataset():
    return synthetic_dataset(seed=1, training=4, validation=2, max_characters=12)


@pytest.fixture(scope="module")
def content(dataset, tmp_path_factory):
    """{path within the dataset: bytes}"""
    root = write_dataset(dataset, tmp_path_factory.mktemp("made") / "set")
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def pack(path, files, roots=("repo-1/db_files/",), links=()):
    """Write an archive whose kind follows from the name of `path`."""
    members = [(f"{root}{name}", data) for root in roots for name, data in files.items()]
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as packed:
            for name, data in (*members, ("repo-1/README.md", b"other")):
                packed.writestr(name, data)
            for name in links:
                info = zipfile.ZipInfo(name)
                info.external_attr = 0o120777 << 16
                packed.writestr(info, "/etc/passwd")
    else:
        with tarfile.open(path, "w:gz" if path.suffix == ".gz" else "w") as packed:
            for name, data in (*members, ("repo-1/README.md", b"other")):
                info = tarfile.TarInfo(name)
                info.size = len(data)
                packed.addfile(info, io.BytesIO(data))
            for name in links:
                info = tarfile.TarInfo(name)
                info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
                packed.addfile(info)
    return path


def refusal(error, tmp_path, archive, **options):
    """The message of a fetch that fails, after which nothing is left."""
    with pytest.raises(error) as refused:
        fetch_uw3_500(tmp_path / "out" / "set", archive=archive, **options)
    assert not (tmp_path / "out").exists() or list((tmp_path / "out").iterdir()) == []
    return str(refused.value)


@pytest.mark.parametrize("root", ["", "db_files/", "repo-1/data/db_files/"])
@pytest.mark.parametrize("name", ["a.tar.gz", "a.tar", "a.zip"])
def test_the_dataset_is_found_at_any_depth(tmp_path, dataset, content, name, root):
    archive = pack(tmp_path / name, content, roots=(root,))
    folder = fetch_uw3_500(tmp_path / "out" / "set", archive=archive)
    assert folder == tmp_path / "out" / "set"
    assert sorted(path.name for path in folder.iterdir()) == ["imgs", "sortedTrain.txt", "valid.txt"]
    for read, made in zip(read_dataset(folder).training, dataset.training, strict=True):
        assert read.text == made.text
        assert np.array_equal(read.pixels(32), made.pixels(32))


def test_a_digest_is_checked(tmp_path, content):
    archive = pack(tmp_path / "a.tar.gz", content)
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    assert refusal(FileError, tmp_path, archive, sha256="00" * 32) == (
        f"{archive} has the SHA-256 digest {digest}, but {'00' * 32} was expected."
    )
    fetch_uw3_500(tmp_path / "set", archive=archive, sha256=digest.upper())


@pytest.mark.parametrize("name", ["a.tar.gz", "a.zip"])
@pytest.mark.parametrize("path", ["../evil.txt", "/tmp/evil.txt", "repo-1/db_files/imgs/../../../evil", "c:\\evil"])
def test_paths_that_lead_outside(tmp_path, content, name, path):
    archive = pack(tmp_path / name, content | {path: b"evil"}, roots=("",))
    assert refusal(FileError, tmp_path, archive) == (
        f"{archive} holds {path!r}, a path that could lead outside; nothing was extracted."
    )


@pytest.mark.parametrize("name", ["a.tar.gz", "a.zip"])
def test_links(tmp_path, content, name):
    archive = pack(tmp_path / name, content, links=["repo-1/db_files/imgs/link.png"])
    assert refusal(FileError, tmp_path, archive) == (
        f"{archive} holds 'repo-1/db_files/imgs/link.png', a link or device; only plain files are taken."
    )


@pytest.mark.parametrize("name", ["a.tar.gz", "a.zip"])
def test_an_archive_that_expands_too_far(tmp_path, content, name, monkeypatch):
    archive = pack(tmp_path / name, content | {"bomb": bytes(100_000)})
    monkeypatch.setattr(archives, "MAX_EXPANDED_BYTES", 99_999)
    assert refusal(FileError, tmp_path, archive) == f"{archive} expands beyond 99999 bytes; nothing was extracted."
    monkeypatch.setattr(archives, "MAX_MEMBERS", 3)
    assert refusal(FileError, tmp_path, archive) == f"{archive} holds more than 3 members; nothing was extracted."


def test_no_dataset_and_two(tmp_path, content):
    archive = pack(tmp_path / "none.zip", {"valid.txt": content["valid.txt"]})
    assert refusal(DataError, tmp_path, archive) == f"{archive} holds no folder with {LAYOUT}."
    archive = pack(tmp_path / "two.zip", content, roots=("a/", "b/"))
    assert refusal(DataError, tmp_path, archive) == f"{archive} holds 2 folders with {LAYOUT}: a, b."


def test_an_incomplete_dataset(tmp_path, content):
    lacking = {name: data for name, data in content.items() if name != "imgs/validation/000001.png"}
    archive = pack(tmp_path / "a.tar.gz", lacking)
    assert refusal(DataError, tmp_path, archive) == (
        f"{archive} holds an incomplete dataset: repo-1/db_files/valid.txt line 2 (validation/000001) is left out: "
        "Cannot read repo-1/db_files/imgs/validation/000001.png: no such file."
    )
    archive = pack(tmp_path / "b.tar.gz", content | {"valid.txt": b"no comma"})
    assert refusal(DataError, tmp_path, archive) == (
        f"{archive} holds no usable dataset: repo-1/db_files/valid.txt has no line that can be used. Its only line: "
        "repo-1/db_files/valid.txt line 1 is left out: it has no comma; it must be `relative/name,ground truth`."
    )


def test_a_member_that_comes_twice(tmp_path, content):
    archive = pack(tmp_path / "a.tar.gz", content, roots=("d/", "d/./"))
    assert refusal(FileError, tmp_path, archive).startswith(f"{archive} holds 'd/imgs/training/00000")


def test_damaged_archives(tmp_path, content):
    whole = pack(tmp_path / "a.tar.gz", content).read_bytes()
    damaged = tmp_path / "b.tar.gz"
    for data in (b"", b"text", whole[: len(whole) // 2], whole[:200] + bytes(20) + whole[220:]):
        damaged.write_bytes(data)
        assert refusal(FileError, tmp_path, damaged).startswith(f"{damaged} ")
    data = bytearray(pack(tmp_path / "a.zip", content).read_bytes())
    data[data.index(b"PNG") + 20] ^= 255  # the checksum of one stored image no longer fits
    damaged.write_bytes(data)
    assert refusal(FileError, tmp_path, damaged).startswith(f"{damaged} ")


def test_a_damaged_header_is_not_taken_for_the_end(tmp_path, content):
    tar = bytearray(gzip.decompress(pack(tmp_path / "a.tar.gz", content).read_bytes()))
    headers = [place for place in range(0, len(tar), 512) if tar[place + 257 : place + 262] == b"ustar"]
    tar[headers[len(headers) // 2]] ^= 255  # a name that its header's checksum does not fit
    damaged = tmp_path / "b.tar.gz"
    damaged.write_bytes(gzip.compress(bytes(tar)))
    assert refusal(FileError, tmp_path, damaged).startswith(f"{damaged} ")


def test_a_missing_archive(tmp_path):
    assert refusal(FileError, tmp_path, tmp_path / "a.zip") == (f"Cannot read {tmp_path}/a.zip: no such file.")


def test_a_folder_in_use_is_refused_before_anything_is_downloaded(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(FileError) as refused:
        fetch_uw3_500(tmp_path, url="http://127.0.0.1:9/never-asked")
    assert str(refused.value) == f"{tmp_path} exists and is not an empty folder; nothing is overwritten."


def test_the_address_is_pinned():
    assert f"https://codeload.github.com/Xilinx/pytorch-ocr/tar.gz/{UW3_500_COMMIT}" == UW3_500_URL


# The download itself, from this machine


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def server(tmp_path, monkeypatch):
    """(address, folder) of a server of files."""
    pytest.importorskip("pooch", reason="pooch comes with foldline[train]")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    served = tmp_path / "served"
    served.mkdir()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=served)) as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{listening.server_port}", served
        listening.shutdown()
        thread.join()


def test_a_download_with_progress_and_without_a_word(tmp_path, content, server, capfd):
    address, served = server
    size = pack(served / "a.tar.gz", content).stat().st_size
    calls = []
    folder = fetch_uw3_500(
        tmp_path / "set", url=f"{address}/a.tar.gz", progress=lambda done, total: calls.append((done, total))
    )
    assert len(read_dataset(folder).training) == 4
    assert calls[-1] == (size, size)
    assert capfd.readouterr() == ("", "")


def test_downloads_that_fail(tmp_path, server):
    address, _ = server
    for url, sentence in (
        (f"{address}/gone.zip", f"404 Client Error: File not found for url: {address}/gone.zip."),
        ("http://127.0.0.1:1/a.zip", "Connection refused."),
        ("file:///etc/passwd", "it is not an http, https or ftp address."),
    ):
        with pytest.raises(FileError) as refused:
            fetch_uw3_500(tmp_path / "set", url=url)
        assert str(refused.value) == f"Cannot download {url}: {sentence}"
        assert not (tmp_path / "set").exists()

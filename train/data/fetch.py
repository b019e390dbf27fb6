"""`fetch_uw3_500`: download the scanned lines of UW3-500 into a folder that `train.data.dataset.read_dataset` reads.

The set lies in the repository of the original trainer, https://github.com/Xilinx/pytorch-ocr, folder
``db_files_uw3-500``; GitHub serves the whole repository as one archive. The archive is not trusted: only plain
files of the dataset's own folder are written, below a limit, and the folder appears whole or not at all.
"""

from __future__ import annotations

import gzip
import lzma
import os
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from datapath.errors import DataError, FileError, FoldlineError
from datapath.files import file_digest, os_reason
from train.data.dataset import (
    IMAGE_FOLDER,
    TRAINING_LIST,
    VALIDATION_LIST,
    Progress,
    fresh_folder,
    read_dataset,
    require_free,
)

UW3_500_COMMIT = "480ec662149ba4ab1d4358dc6623d8b250a6c56a"
UW3_500_URL = f"https://codeload.github.com/Xilinx/pytorch-ocr/tar.gz/{UW3_500_COMMIT}"
"""Pinned to a commit. GitHub does not promise the same bytes for ever, so no digest of the archive is pinned."""

MAX_EXPANDED_BYTES = 256 * 2**20
"""All members together; UW3-500 has 3 MB."""

READ_AT_ONCE = 2**20
"""Bytes of an archive that are looked at at a time."""

MAX_MEMBERS = 20_000
"""UW3-500 has some 1 000, with its folders."""

DOWNLOAD_TIMEOUT = 60
"""Seconds without an answer before a download is given up."""

_CHUNK = 2**20

_EXTRACTED = (TRAINING_LIST, VALIDATION_LIST, IMAGE_FOLDER, "README.md")
"""What is extracted of the dataset's folder; the README names the authors of the data."""


@dataclass(frozen=True)
class _Member:
    """One plain file within an archive."""

    path: PurePosixPath
    open: Callable[[], BinaryIO]


def fetch_uw3_500(
    folder: str | os.PathLike,
    *,
    url: str = UW3_500_URL,
    sha256: str | None = None,
    archive: str | os.PathLike | None = None,
    progress: Progress | None = None,
) -> Path:
    """Bring a dataset in the layout of UW3-500 into `folder`; an interrupted fetch leaves nothing and can be repeated.

    :param folder: missing or empty.
    :param url: http, https or ftp address of a ``.tar.gz`` or ``.zip`` that holds the dataset at any depth.
    :param sha256: expected digest of the archive, in hex; None to trust the address.
    :param archive: a local archive, instead of a download.
    :param progress: called during the download with (bytes done, bytes in all; 0 if the server does not send it).
    :returns: `folder`.
    :raises FileError: `folder` is not empty or cannot be written; the archive cannot be had, read or trusted.
    :raises DataError: the archive holds no dataset, more than one, or an incomplete one.
    """
    require_free(folder)
    if archive is not None:
        _require_digest(Path(archive), sha256)
        return _unpack(Path(archive), Path(folder), str(archive))
    with tempfile.TemporaryDirectory(prefix="foldline-fetch-") as temporary:
        downloaded = _download(url, Path(temporary), progress)
        _require_digest(downloaded, sha256, called=url)
        return _unpack(downloaded, Path(folder), url)


class _ProgressBar:
    """The part of tqdm's face that pooch calls."""

    def __init__(self, progress: Progress) -> None:
        self.total = 0
        self._done = 0
        self._progress = progress

    def update(self, count: int) -> None:
        self._done += count
        self._progress(self._done, int(self.total or 0))

    def reset(self) -> None:
        self._done = 0

    def close(self) -> None:
        pass


def _download(url: str, folder: Path, progress: Progress | None) -> Path:
    import pooch

    logger = pooch.get_logger()
    level = logger.level
    logger.setLevel("ERROR")  # pooch reports every download on stderr; here the caller does
    try:
        downloader = pooch.HTTPDownloader(
            progressbar=_ProgressBar(progress) if progress is not None else False, timeout=DOWNLOAD_TIMEOUT
        )
        is_http = url.lower().startswith(("http://", "https://"))
        return Path(
            pooch.retrieve(
                url, known_hash=None, fname="archive", path=folder, downloader=downloader if is_http else None
            )
        )
    except OSError as error:  # every exception of requests is one
        raise FileError(f"Cannot download {url}: {_innermost(error)}.") from error
    except ValueError as error:
        raise FileError(f"Cannot download {url}: it is not an http, https or ftp address.") from error
    finally:
        logger.setLevel(level)


def _innermost(error: BaseException) -> str:
    """The reason of a failed connection: requests and urllib3 wrap it several times over."""
    while (cause := getattr(error, "reason", None) or error.__cause__ or error.__context__) and isinstance(
        cause, BaseException
    ):
        error = cause
    return (os_reason(error) if isinstance(error, OSError) else str(error)).strip().rstrip(".")


def _require_digest(path: Path, sha256: str | None, called: str | None = None) -> None:
    if sha256 is None:
        return
    found = file_digest(path)
    if found != sha256.lower():
        raise FileError(f"{called or path} has the SHA-256 digest {found}, but {sha256.lower()} was expected.")


def _unpack(archive: Path, folder: Path, source: str) -> Path:
    """Extract the one dataset in `archive`, read it whole, and only then let `folder` appear."""
    with _members(archive, source) as members, fresh_folder(folder) as inside:
        root = _dataset_root(members, source)
        for member in members:
            parts = member.path.relative_to(root).parts if member.path.is_relative_to(root) else ("",)
            if parts[0] in _EXTRACTED:
                _extract(member, inside.joinpath(*parts), source)
        try:
            problems = read_dataset(inside).problems
        except FoldlineError as error:
            raise DataError(f"{source} holds no usable dataset: {_renamed(error, inside, root)}") from error
        if problems:
            raise DataError(f"{source} holds an incomplete dataset: {_renamed(problems[0], inside, root)}")
    return folder


def _renamed(message: object, inside: Path, root: PurePosixPath) -> str:
    """A message about the temporary folder, with the name of the folder in the archive."""
    return str(message).replace(str(inside), str(root))


@contextmanager
def _reading(source: str) -> Iterator[None]:
    """Turn the errors of reading an archive into a FileError with its name."""
    try:
        yield
    except (tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, lzma.LZMAError, EOFError) as error:
        raise FileError(f"{source} is not a tar.gz or zip archive, or it is damaged.") from error
    except RuntimeError as error:  # a password, or a compression that Python does not know
        raise FileError(f"{source} cannot be unpacked: {error}.") from error
    except OSError as error:
        raise FileError(f"Cannot read {source}: {os_reason(error)}.") from error


@contextmanager
def _members(archive: Path, source: str) -> Iterator[list[_Member]]:
    """The plain files of a tar or zip archive, which stays open meanwhile.

    :raises FileError: it cannot be read, or it holds what no dataset needs: links, devices, paths that lead outside,
        too many members or too many bytes.
    """
    with ExitStack() as stack:
        with _reading(source):
            if zipfile.is_zipfile(archive):
                members = _zip_members(stack.enter_context(zipfile.ZipFile(archive)), source)
            else:
                members = _tar_members(stack.enter_context(tarfile.open(archive)), source)
        yield members


def _tar_members(opened: tarfile.TarFile, source: str) -> list[_Member]:
    members, tally = [], _Tally(source)
    for info in opened:  # header by header: the limit stops a bomb before it is read
        tally.add(info.name, info.size)
        if not (info.isfile() or info.isdir()):
            raise FileError(f"{source} holds {info.name!r}, a link or device; only plain files are taken.")
        if info.isfile():
            members.append(_Member(PurePosixPath(info.name), lambda info=info: opened.extractfile(info)))
    # tarfile takes a damaged header for the end. Behind the true end there are zeros only, and then the checksum of gzip.
    while rest := opened.fileobj.read(READ_AT_ONCE):
        tally.add("", len(rest))
        if any(rest):
            raise tarfile.ReadError("content behind the end of the archive")
    return members


def _zip_members(opened: zipfile.ZipFile, source: str) -> list[_Member]:
    members, tally = [], _Tally(source)
    for info in opened.infolist():
        tally.add(info.filename, info.file_size)
        kind = info.external_attr >> 16 & _FILE_TYPE
        if kind not in (0, _PLAIN_FILE, _FOLDER):
            raise FileError(f"{source} holds {info.filename!r}, a link or device; only plain files are taken.")
        if not info.is_dir():
            members.append(_Member(PurePosixPath(info.filename), lambda info=info: opened.open(info)))
    return members


_FILE_TYPE, _PLAIN_FILE, _FOLDER = 0o170000, 0o100000, 0o040000
"""Bits of a Unix file mode, which zip has in the upper half of a member's external attributes."""


class _Tally:
    """Counts members and bytes against the limits, and refuses names that lead out of the archive."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._members = 0
        self._bytes = 0

    def add(self, name: str, size: int) -> None:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or set(name) & set("\\:\0"):
            raise FileError(f"{self._source} holds {name!r}, a path that could lead outside; nothing was extracted.")
        self._members += 1
        self._bytes += size
        if self._members > MAX_MEMBERS:
            raise FileError(f"{self._source} holds more than {MAX_MEMBERS} members; nothing was extracted.")
        if self._bytes > MAX_EXPANDED_BYTES:
            raise FileError(f"{self._source} expands beyond {MAX_EXPANDED_BYTES} bytes; nothing was extracted.")


def _dataset_root(members: list[_Member], source: str) -> PurePosixPath:
    """The one folder in the archive that holds both lists and a folder of images."""
    files = {member.path for member in members}
    with_images = {
        PurePosixPath(*path.parts[:depth])
        for path in files
        for depth, part in enumerate(path.parts[:-1])
        if part == IMAGE_FOLDER
    }
    roots = sorted(root for root in with_images if root / TRAINING_LIST in files and root / VALIDATION_LIST in files)
    layout = f"{TRAINING_LIST}, {VALIDATION_LIST} and {IMAGE_FOLDER}/"
    if not roots:
        raise DataError(f"{source} holds no folder with {layout}.")
    if len(roots) > 1:
        raise DataError(f"{source} holds {len(roots)} folders with {layout}: {', '.join(map(str, roots))}.")
    return roots[0]


def _extract(member: _Member, target: Path, source: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        raise FileError(f"{source} holds {str(member.path)!r} twice.")
    with ExitStack() as stack:
        with _reading(source):
            packed = stack.enter_context(member.open())
        handle = stack.enter_context(target.open("xb"))
        while True:
            with _reading(source):
                chunk = packed.read(_CHUNK)
            if not chunk:
                return
            handle.write(chunk)

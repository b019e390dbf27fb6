"""`fetch_uw3_500`: download the scanned lines of UW3-500 into a folder that `train.data.dataset.read_dataset` reads.

The set lies in the repository of the original trainer, https://github.com/Xilinx/pytorch-ocr, folder
``db_files_uw3-500``; GitHub serves the whole repository as one archive. The archive is not trusted: only plain
files of the dataset's own folder are written, below a limit, and the folder appears whole or not at all.
"""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

from datapath.errors import DataError, FileError, FoldlineError
from datapath.files import os_reason
from datapath.reading import file_digest
from datapath.temporaries import scratch_folder
from train.data.archives import Member, plain_files, reading
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

DOWNLOAD_TIMEOUT = 60
"""Seconds without an answer before a download is given up."""

_EXTRACTED = (TRAINING_LIST, VALIDATION_LIST, IMAGE_FOLDER, "README.md")
"""What is extracted of the dataset's folder; the README names the authors of the data."""


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
    with scratch_folder("fetch") as temporary:
        packed = _download(url, temporary, progress) if archive is None else Path(archive)
        source = url if archive is None else str(archive)
        found = None if sha256 is None else file_digest(packed)
        if sha256 is not None and found != sha256.lower():
            raise FileError(f"{source} has the SHA-256 digest {found}, but {sha256.lower()} was expected.")
        return _unpack(packed, Path(folder), source)


class _ProgressBar:
    """The part of tqdm's interface that pooch calls."""

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
    downloader = None
    if url.lower().startswith(("http://", "https://")):
        bar = False if progress is None else _ProgressBar(progress)
        downloader = pooch.HTTPDownloader(progressbar=bar, timeout=DOWNLOAD_TIMEOUT)
    try:
        return Path(pooch.retrieve(url, known_hash=None, fname="archive", path=folder, downloader=downloader))
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


def _unpack(archive: Path, folder: Path, source: str) -> Path:
    """Extract the one dataset in `archive`, read it whole, and only then let `folder` appear."""
    with plain_files(archive, source) as members, fresh_folder(folder) as inside:
        root = _dataset_root({member.path for member in members}, source)
        for member in members:
            parts = member.path.relative_to(root).parts if member.path.is_relative_to(root) else ("",)
            if parts[:1] and parts[0] in _EXTRACTED:
                _extract(member, inside.joinpath(*parts), source)
        try:
            problems = read_dataset(inside).problems
        except FoldlineError as error:
            message = str(error).replace(str(inside), str(root))
            raise DataError(f"{source} holds no usable dataset: {message}") from error
        if problems:
            message = problems[0].replace(str(inside), str(root))
            raise DataError(f"{source} holds an incomplete dataset: {message}")
    return folder


def _dataset_root(files: set[PurePosixPath], source: str) -> PurePosixPath:
    """The one folder in the archive that holds both lists and a folder of images."""
    with_images = {folder.parent for path in files for folder in path.parents if folder.name == IMAGE_FOLDER}
    roots = sorted(root for root in with_images if root / TRAINING_LIST in files and root / VALIDATION_LIST in files)
    layout = f"{TRAINING_LIST}, {VALIDATION_LIST} and {IMAGE_FOLDER}/"
    if not roots:
        raise DataError(f"{source} holds no folder with {layout}.")
    if len(roots) > 1:
        raise DataError(f"{source} holds {len(roots)} folders with {layout}: {', '.join(map(str, roots))}.")
    return roots[0]


def _extract(member: Member, target: Path, source: str) -> None:
    if target.exists():
        raise FileError(f"{source} holds {str(member.path)!r} twice.")
    with reading(source):
        content = member.read()
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)

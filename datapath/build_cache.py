"""A cache of compiled programs, verified before they are used: a folder for each build, named by the digest of its key.

A finished build is moved into the cache by a rename, whole or not at all. With it lies a list of its files with their
SHA-256; an entry that differs from its list is built again. The cache belongs to one user, and no other can write to it.
"""

from __future__ import annotations

import errno
import hashlib
import os
import platform
import shutil
import stat
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from datapath.errors import FileError
from datapath.files import os_reason
from datapath.locks import locked

BUILDING, LOCK = "building-", "lock"
STALE_SECONDS = 24 * 3600
"""Age at which an unfinished build is removed: its process was killed."""

DIGESTS = "files.sha256"
"""The list of an entry's files."""

OCCUPIED = {errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR}
"""Reasons that a rename fails where the entry is there already."""


def cache_folder(kind: str) -> Path:
    """Folder of compiled programs: ``$XDG_CACHE_HOME/foldline/KIND``, by default ``~/.cache/foldline/KIND``.

    :param kind: of programs: "csim", "rtl".
    """
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "foldline" / kind


def cached_build(cache: Path, key: str, build: Callable[[Path], None]) -> Path:
    """The folder of a build, from the cache or built now; many processes may ask for the same one at the same time.

    :param cache: a folder for builds alone, such as `cache_folder`; it is made where it is missing, for this user alone.
    :param key: digest of all that decides the build; the machine's architecture and C library are added here.
    :param build: makes the files in the folder that it is given, which is new and empty, and moved afterwards.
    :raises FileError: the cache cannot be written, or it belongs to another user.
    """
    machine = f"{key}\n{platform.machine()}\n{platform.libc_ver()}\n"
    entry = cache / hashlib.sha256(machine.encode()).hexdigest()[:32]
    try:
        _make_private(cache)
        if _is_intact(entry):
            return entry
        _remove_stale(cache)
        with tempfile.TemporaryDirectory(dir=cache, prefix=BUILDING) as work:
            folder = Path(work) / "build"
            folder.mkdir(mode=0o700)
            build(folder)
            (folder / DIGESTS).write_text(_contents(folder, entry.name), encoding="utf-8")
            for path in (*folder.rglob("*"), folder):
                _sync(path)
            _publish(folder, entry)
    except OSError as error:
        raise FileError(
            f"Cannot write a build to {cache}: {os_reason(error)}; set XDG_CACHE_HOME to another folder."
        ) from error
    return entry


def _make_private(cache: Path) -> None:
    """Make the folder where it is missing; in either case no other user can write to it."""
    _make_folder(cache)
    _require_own(cache)
    if cache.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        cache.chmod(0o700)


def _make_folder(path: Path) -> None:
    """Make a folder and those above it for this user alone (`Path.mkdir` makes those above with other rights)."""
    try:
        path.mkdir(mode=0o700, exist_ok=True)
    except FileNotFoundError:
        _make_folder(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)


def _require_own(path: Path) -> None:
    """Refuse what another user made, who may have put any program there."""
    owner = path.stat().st_uid
    if owner != os.geteuid():
        raise FileError(
            f"{path} belongs to user {owner}, and this is user {os.geteuid()}; no program is run from there. "
            f"Set XDG_CACHE_HOME to another folder."
        )


def _contents(folder: Path, name: str) -> str:
    """The name of an entry, and of each of its files the SHA-256, whether it can be executed, and the path."""
    lines = [f"build {name}\n"]
    for path in sorted(folder.rglob("*")):
        if path.is_dir() or path == folder / DIGESTS:
            continue
        executable = "x" if path.stat().st_mode & stat.S_IXUSR else "-"
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        lines.append(f"{digest} {executable} {path.relative_to(folder).as_posix()}\n")
    return "".join(lines)


def _is_intact(entry: Path) -> bool:
    """Whether an entry is there and has exactly the files of its list.

    :raises FileError: it belongs to another user.
    """
    try:
        _require_own(entry)
        return (entry / DIGESTS).read_bytes() == _contents(entry, entry.name).encode()
    except OSError:  # missing or unreadable
        return False


def _remove_stale(cache: Path) -> None:
    for folder in cache.glob(f"{BUILDING}*"):
        with suppress(FileNotFoundError):  # its process may have finished meanwhile
            if time.time() - folder.stat().st_mtime > STALE_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)


def _sync(path: Path) -> None:
    """Have a file or folder on the disk before the rename is."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _publish(folder: Path, entry: Path) -> None:
    """Move a finished build into the cache, in place of a damaged one; another process may have moved the same before."""
    while True:
        try:
            folder.rename(entry)
            return
        except OSError as error:
            if error.errno not in OCCUPIED:
                raise
        if _is_intact(entry):
            return
        # No other process moves the entry away between this one's check of it and its move.
        with locked(entry.parent / LOCK, wait=True), suppress(FileNotFoundError):
            if not _is_intact(entry):
                entry.rename(Path(tempfile.mkdtemp(dir=folder.parent)) / "damaged")

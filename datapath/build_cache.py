"""A cache of compiled programs, verified before they are used: a folder for each build, named by the digest of its key.

A finished build is moved into the cache by a rename, whole or not at all. With it lies a list of its files with their
SHA-256; an entry that differs from its list is built again. The cache belongs to one user, and no other can write to it.
"""

from __future__ import annotations

import errno
import hashlib
import os
import platform
import signal
import stat
import subprocess
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from datapath.errors import FileError, ToolError
from datapath.files import os_reason
from datapath.locks import locked
from datapath.temporaries import clear_abandoned, temporary_folder

BUILDING, LOCK = "building", "lock"
"""Names of the folder in which a build is made, see `datapath.temporaries`, and of the lock file."""

DIGESTS = "files.sha256"
"""The list of an entry's files."""

START_SECONDS = 60
"""A program that has run for so long has started."""

OCCUPIED = {errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR}
"""Reasons that a rename fails where the entry is there already."""


def cache_folder(kind: str) -> Path:
    """Folder of compiled programs: ``$XDG_CACHE_HOME/foldline/KIND``, by default ``~/.cache/foldline/KIND``.

    :param kind: of programs: "csim", "rtl".
    """
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "foldline" / kind


def cached_build(cache: Path, key: str, build: Callable[[Path], None], *, program: str | None = None) -> Path:
    """The folder of a build, from the cache or built now; many processes may ask for the same one at the same time.

    :param cache: a folder for builds alone, such as `cache_folder`; it is made where it is missing, for this user alone.
    :param key: digest of all that decides the build; the machine's architecture and C library are added here.
    :param build: makes the files in the folder that it is given, which is new and empty, and moved afterwards.
    :param program: name of a program in the build, which is started without arguments and input to see that it can be; a
        build in the cache whose program cannot start here is made again.
    :raises FileError: the cache cannot be written, it belongs to another user, or no program can be run from it.
    :raises ToolError: the program of a new build cannot start.
    """
    machine = f"{key}\n{platform.machine()}\n{platform.libc_ver()}\n"
    entry = cache / hashlib.sha256(machine.encode()).hexdigest()[:32]
    try:
        _make_private(cache)
        if program is not None:
            _require_execution(cache)
        clear_abandoned(
            cache / BUILDING
        )  # also where nothing is left to build: the process was killed just before its end
        if _is_usable(entry, program):
            return entry
        with temporary_folder(cache / BUILDING) as work:
            folder = work / "build"
            folder.mkdir(mode=0o700)
            build(folder)
            if program is not None and (reason := _why_not_started(folder / program)):
                raise ToolError(f"The program that was built cannot start: {reason}.")
            (folder / DIGESTS).write_text(_contents(folder, entry.name), encoding="utf-8")
            for path in (*folder.rglob("*"), folder):
                _sync(path)
            _publish(folder, entry, program)
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


def _is_usable(entry: Path, program: str | None) -> bool:
    """Whether an entry is there, intact, and its program can start.

    :raises FileError: it belongs to another user.
    """
    return _is_intact(entry) and (program is None or _why_not_started(entry / program) is None)


def _require_execution(cache: Path) -> None:
    if os.statvfs(cache).f_flag & getattr(os, "ST_NOEXEC", 0):
        raise FileError(
            f"No program can be run from {cache}, whose file system is mounted with noexec; set XDG_CACHE_HOME to a folder on "
            "another one, e.g. XDG_CACHE_HOME=/var/tmp/cache."
        )


def _why_not_started(program: Path) -> str | None:
    """Why a program cannot start: not for this machine, a library that is missing. None where it started, whatever it did."""
    try:
        options = {"stdin": subprocess.DEVNULL, "capture_output": True, "cwd": tempfile.gettempdir()}
        done = subprocess.run([program], **options, timeout=START_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return None
    except OSError as error:
        return os_reason(error)
    if done.returncode == -signal.SIGILL:
        return "it has an instruction that this processor has not"
    if done.returncode in (126, 127):  # as a shell and the dynamic loader say it
        said = done.stderr.decode(errors="replace").strip().splitlines()
        return said[-1] if said else f"status {done.returncode}"
    return None


def _sync(path: Path) -> None:
    """Have a file or folder on the disk before the rename is."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _publish(folder: Path, entry: Path, program: str | None) -> None:
    """Move a finished build into the cache, in place of a damaged one; another process may have moved the same before."""
    while True:
        try:
            folder.rename(entry)
            return
        except OSError as error:
            if error.errno not in OCCUPIED:
                raise
        if _is_usable(entry, program):
            return
        # No other process moves the entry away between this one's check of it and its move.
        with locked(entry.parent / LOCK, wait=True), suppress(FileNotFoundError):
            if not _is_usable(entry, program):
                entry.rename(Path(tempfile.mkdtemp(dir=folder.parent)) / "damaged")

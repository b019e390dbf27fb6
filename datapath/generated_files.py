"""A folder of generated files and their list, in which files of others may lie: written whole, and updated so that a run
that was killed, or whose disk was full, is repeated by the same command.

The list, `LIST`, has the SHA-256 of every generated file, as ``sha256sum -c`` reads it. A new folder is written beside its
place and renamed. In one that exists, the list first gets the digests of the old and of the new files, so that each is known
as generated whenever the update ends; what changes is then removed before anything new is there, so that old and new files
are never built together. A generated file that is neither was edited.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from datapath.errors import FileError
from datapath.files import file_errors, new_mode
from datapath.reading import file_digest, read_text
from datapath.temporaries import SUFFIX, clear_abandoned, growing_folder, temporary_folder, try_lock

LIST = "foldline-files.sha256"
"""The list of the generated files, as a path in their folder; it is not in the list itself."""

LIST_BYTES = 1 << 20
"""Most bytes of a list."""

_LINE = re.compile(r"([0-9a-f]{64})  ((?:[A-Za-z0-9_][A-Za-z0-9_.-]*/)*[A-Za-z0-9_][A-Za-z0-9_.-]*)")
_NOT_A_FILE = "not a file"
_NAMED = 3
"""So many edited files are named in a message."""


def write_generated(
    folder: Path,
    files: Mapping[str, str | bytes],
    *,
    without_list: Callable[[list[str]], Iterable[str]],
    force: bool = False,
) -> int:
    """Write generated files and their list; those of an earlier call are replaced, or removed if they are no longer generated.

    :param folder: a missing or empty folder, or one with generated files, in which other files stay.
    :param files: text or content by path in the folder.
    :param without_list: gets the sorted names in a folder that is not empty and has no list; returns the paths of the
        files in it that an earlier Foldline generated, or raises FileError where it is another folder.
    :param force: replace files that were edited.
    :returns: the number of generated files, with the list.
    :raises FileError: files were edited; it is another folder; another process writes it; it cannot be written.
    """
    target = Path(os.path.realpath(folder))
    contents = {path: text.encode() if isinstance(text, str) else text for path, text in sorted(files.items())}
    with file_errors("write", folder):
        for place in (target, target / LIST):
            clear_abandoned(place)
        if not target.exists():
            _write_new(target, contents)
        else:
            with _locked(target, folder):
                _update(target, contents, folder=folder, without_list=without_list, force=force)
    return len(contents) + 1


def listed_files(folder: Path) -> dict[str, set[str]] | None:
    """The generated files of a folder by its list: digests by path, several after an update that has not ended.

    :param folder: need not exist.
    :returns: None where it has no list.
    :raises FileError: the list cannot be read, or is damaged.
    """
    path = folder / LIST
    if not path.is_file():
        return None
    found: dict[str, set[str]] = {}
    for number, line in enumerate(read_text(path, limit=LIST_BYTES).splitlines(), 1):
        match = _LINE.fullmatch(line)
        if match is None:
            raise FileError(
                f"{path}, line {number}, is not a SHA-256 digest, two blanks and a path; without this file, every generated "
                "file that differs counts as edited."
            )
        found.setdefault(match[2], set()).add(match[1])
    return found


def _write_new(target: Path, contents: Mapping[str, bytes]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with growing_folder(target) as new:
        for path, content in (contents | {LIST: _list(_digests(contents))}).items():
            _write(new / path, content)
        new.chmod(new_mode(0o777))


def _update(
    target: Path,
    contents: Mapping[str, bytes],
    *,
    folder: Path,
    without_list: Callable[[list[str]], Iterable[str]],
    force: bool,
) -> None:
    recorded, wanted = listed_files(target), _digests(contents)
    known = recorded if recorded is not None else {path: set() for path in _generated_before(target, without_list)}
    every = sorted({*known, *wanted})
    found = {path: digest for path in every if (digest := _digest_of(target / path)) is not None}
    edited = [path for path, digest in found.items() if digest not in known.get(path, set()) | wanted.get(path, set())]
    if edited and not force:
        raise FileError(_refusal(folder, edited, listed=recorded is not None))
    changed = [path for path in contents if found.get(path) not in wanted[path]]
    stale = [path for path in found if path not in wanted]
    if recorded == wanted and not changed:
        return
    with temporary_folder(target / LIST) as staged:
        for path in changed:
            _write(staged / "files" / path, contents[path])
        lists = {name: staged / f"{name}.sha256" for name in ("both", "new")}
        _write(lists["both"], _list({path: known.get(path, set()) | wanted.get(path, set()) for path in every}))
        _write(lists["new"], _list(wanted))
        lists["both"].replace(target / LIST)
        for path in [*stale, *changed]:
            (target / path).unlink(missing_ok=True)
        for path in changed:
            (target / path).parent.mkdir(parents=True, exist_ok=True)
            (staged / "files" / path).rename(target / path)
        for parent in sorted({parent for path in every for parent in Path(path).parents[:-1]}, reverse=True):
            with suppress(OSError):  # files are in it
                (target / parent).rmdir()
        lists["new"].replace(target / LIST)


def _generated_before(target: Path, without_list: Callable[[list[str]], Iterable[str]]) -> Iterable[str]:
    present = sorted(entry.name for entry in target.iterdir() if not entry.name.endswith(SUFFIX))
    return without_list(present) if present else ()


def _refusal(folder: Path, edited: list[str], *, listed: bool) -> str:
    names = ", ".join(edited[:_NAMED]) + (f" and {len(edited) - _NAMED} more" if len(edited) > _NAMED else "")
    are, them = ("is", "it") if len(edited) == 1 else ("are", "them")
    if listed:
        return f"{names} in {folder} {are} not as Foldline wrote {them}; name another folder, or replace {them} with --force."
    return (
        f"{folder} has no {LIST}, by which an edited file is known, and {names} {are} not as Foldline writes {them} now; name "
        f"another folder, or replace {them} with --force."
    )


def _digests(contents: Mapping[str, bytes]) -> dict[str, set[str]]:
    return {path: {hashlib.sha256(content).hexdigest()} for path, content in contents.items()}


def _list(digests: Mapping[str, set[str]]) -> bytes:
    lines = (f"{digest}  {path}" for path, several in sorted(digests.items()) for digest in sorted(several))
    return "".join(f"{line}\n" for line in lines).encode()


def _write(path: Path, content: bytes) -> None:
    """Write a new file, which is then on the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as handle:
        handle.write(content)
        handle.flush()
        os.fsync(handle.fileno())


def _digest_of(path: Path) -> str | None:
    """SHA-256 of a file; None where there is nothing, `_NOT_A_FILE` of anything else."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return _NOT_A_FILE
    except (FileNotFoundError, NotADirectoryError):
        return _NOT_A_FILE if path.is_symlink() else None
    return file_digest(path)


@contextmanager
def _locked(target: Path, folder: Path) -> Iterator[None]:
    """Keep another process from the same folder until the end."""
    descriptor = os.open(target, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if try_lock(descriptor) is False:
            raise FileError(f"Cannot write {folder}: another process writes it now.")
        yield
    finally:
        os.close(descriptor)

"""Folders of generated files: whole, updated so that any interruption is repaired by the next run, and edits kept."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from datapath import generated_files
from datapath.errors import FileError
from datapath.generated_files import LIST, listed_files, write_generated

OLD = {"README.md": "old\n", "src/top.cpp": "top\n", "src/gone.hpp": "gone\n", "below/only.txt": "gone\n"}
NEW = {"README.md": "new\n", "src/top.cpp": "top\n", "src/more.hpp": "more\n", "design.npz": b"\x00\xff"}
OTHER = {"README.md": "other\n", "src/more.hpp": "other\n"}


def refuse(present: list[str]) -> list[str]:
    raise FileError(f"another folder, with {present[0]}")


def write(folder: Path, files: dict, **options: object) -> int:
    return write_generated(folder, files, **({"without_list": refuse} | options))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def require(folder: Path, files: dict, *, others: dict | None = None) -> None:
    """The folder has these files, the list that ``sha256sum -c`` takes, and nothing temporary in it or beside it."""
    found = contents(folder)
    listed = found.pop(LIST).decode()
    assert found == {
        path: text.encode() if isinstance(text, str) else text for path, text in (files | (others or {})).items()
    }
    assert [line[66:] for line in listed.splitlines()] == sorted(files)
    assert {path.name for path in folder.parent.iterdir() if path.name.startswith(".")} == set()
    folders = {path.name for path in folder.rglob("*") if path.is_dir()}
    assert folders == {parent.name for path in files | (others or {}) for parent in Path(path).parents[:-1]}


@pytest.fixture
def folder(tmp_path) -> Path:
    return tmp_path / "made" / "project"


@pytest.mark.parametrize("empty", [False, True])
def test_a_folder_is_written_with_a_list_that_sha256sum_checks(folder, empty):
    if empty:
        folder.mkdir(parents=True)
    assert write(folder, NEW) == 5
    require(folder, NEW)
    if shutil.which("sha256sum"):
        subprocess.run(["sha256sum", "--quiet", "--strict", "-c", LIST], cwd=folder, check=True)


def test_a_new_folder_has_the_rights_of_a_plain_one(folder, tmp_path):
    write(folder, NEW)
    (tmp_path / "plain").mkdir()
    assert folder.stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_an_update_replaces_what_differs_removes_what_is_gone_and_leaves_the_rest(folder):
    write(folder, OLD)
    others = {"vivado/log.txt": "of Vivado\n", "src/mine.hpp": "mine\n", "notes": "mine\n"}
    for path, text in others.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(text)
    same = (folder / "src" / "top.cpp").stat()
    write(folder, NEW)
    require(folder, NEW, others=others)
    assert (folder / "src" / "top.cpp").stat() == same  # so that make does not build it again
    assert not (folder / "below").exists()
    before = {path: path.stat() for path in folder.rglob("*")}
    write(folder, NEW)
    assert {path: path.stat() for path in folder.rglob("*")} == before


def test_a_link_to_the_folder_stays(folder, tmp_path):
    write(folder, OLD)
    (tmp_path / "link").symlink_to(folder)
    write(tmp_path / "link", NEW)
    assert (tmp_path / "link").is_symlink()
    require(folder, NEW)


# Edits --------------------------------------------------------------------------------------------------------------


EDITS: dict[str, Callable[[Path], object]] = {
    "README.md": lambda folder: (folder / "README.md").write_text("mine\n"),
    "src/gone.hpp": lambda folder: (folder / "src" / "gone.hpp").write_text("mine\n"),
    "src/top.cpp": lambda folder: (folder / "src" / "top.cpp").write_bytes(b""),
    "src/more.hpp": lambda folder: (folder / "src" / "more.hpp").write_text("there before\n"),
}


@pytest.mark.parametrize("path", EDITS)
def test_an_edited_file_is_replaced_by_force_alone(folder, path):
    write(folder, OLD)
    EDITS[path](folder)
    before = contents(folder)
    with pytest.raises(FileError) as caught:
        write(folder, NEW)
    assert str(caught.value) == (
        f"{path} in {folder} is not as Foldline wrote it; name another folder, or replace it with --force."
    )
    assert contents(folder) == before
    write(folder, NEW, force=True)
    require(folder, NEW)


def test_many_edited_files_are_counted(folder):
    files = {f"{number}.txt": "old\n" for number in range(9)}
    write(folder, files)
    for path in files:
        (folder / path).write_text("mine\n")
    with pytest.raises(FileError, match=r"^0.txt, 1.txt, 2.txt and 6 more in .* are not as Foldline wrote them; "):
        write(folder, files)


def test_an_edit_that_equals_what_is_written_and_a_removed_file_are_no_edits(folder):
    write(folder, OLD)
    (folder / "README.md").write_text("new\n")
    (folder / "src" / "top.cpp").unlink()
    write(folder, NEW)
    require(folder, NEW)


def test_a_folder_without_a_list_is_for_its_owner_to_judge(folder):
    """What differs may be an edit."""
    folder.mkdir(parents=True)
    (folder / "README.md").write_text("old\n")
    (folder / "stale").write_text("old\n")
    with pytest.raises(FileError, match="another folder, with README"):
        write(folder, NEW, force=True)
    with pytest.raises(FileError) as caught:
        write(folder, NEW, without_list=lambda present: present)
    assert str(caught.value) == (
        f"{folder} has no {LIST}, by which an edited file is known, and README.md, stale are not as Foldline writes them now; "
        "name another folder, or replace them with --force."
    )
    write(folder, NEW, without_list=lambda present: present, force=True)
    require(folder, NEW)


def test_files_without_a_list_that_are_as_they_would_be_written_get_one(folder):
    write(folder, OLD)
    (folder / LIST).unlink()
    write(folder, OLD, without_list=lambda present: [])
    require(folder, OLD)


@pytest.mark.parametrize(
    "line", ["README.md", f"{'0' * 64}  ../outside", f"{'0' * 64}  /etc/passwd", f"{'0' * 63}g  a", ""]
)
def test_a_damaged_list_is_named_and_nothing_is_touched(folder, line):
    write(folder, OLD)
    (folder / LIST).write_text(f"{(folder / LIST).read_text()}{line}\n")
    before = contents(folder)
    with pytest.raises(FileError, match=f"{LIST}, line 5, is not a SHA-256 digest, two blanks and a path"):
        write(folder, NEW, force=True)
    assert contents(folder) == before


# Interruptions ------------------------------------------------------------------------------------------------------


FILE_OPERATIONS = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod")


def killed_at(event: int, write: Callable[[], object]) -> bool:
    """Whether a process that calls `write` still lives to its `event`-th file operation, at which it ends without cleaning up."""
    child = os.fork()
    if child == 0:
        seen = 0

        def hook(name: str, _arguments: object) -> None:
            nonlocal seen
            seen += name in FILE_OPERATIONS
            if seen > event:
                os._exit(9)

        try:
            sys.addaudithook(hook)
            write()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


@pytest.mark.parametrize("start", ["missing", "empty", "project"])
def test_a_run_that_is_killed_anywhere_is_finished_by_the_next(tmp_path, start):
    """Killed at each file operation, and followed by the same export or by another one.

    Old and new files are never there together, but for one that is the same in both.
    """
    for event in range(1000):
        folder, following = tmp_path / str(event) / "project", (NEW, OTHER)[event % 2]
        if start == "empty":
            folder.mkdir(parents=True)
        if start == "project":
            write(folder, OLD)
        killed = killed_at(event, lambda folder=folder: write(folder, NEW))
        if start == "missing":
            assert not folder.exists() or set(contents(folder)) == {*NEW, LIST}
        else:
            found = {
                path: text for path, text in contents(folder).items() if path in OLD | NEW and path != "src/top.cpp"
            }
            old = {path for path, text in found.items() if OLD.get(path, "").encode() == text}
            assert not old or old == set(found)
        write(folder, following)
        require(folder, following)
        if not killed:
            break
    assert 10 < event < 999


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
@pytest.mark.parametrize("start", ["missing", "project"])
def test_a_full_disk_leaves_what_was_there_and_the_next_run_writes_it(tmp_path, start):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        folder, before = disk / "project", {}
        if start == "project":
            write(folder, OLD)
            before = contents(folder)
        with pytest.raises(FileError) as caught:
            write(folder, NEW | {"weights.hpp": b"w" * 100_000})
        assert str(caught.value) == f"Cannot write {folder}: No space left on device."
        assert contents(disk) == {f"project/{path}": content for path, content in before.items()}
        write(folder, NEW)
        require(folder, NEW)
    finally:
        subprocess.run(["umount", disk], check=True)


def test_two_runs_do_not_write_one_folder_at_the_same_time(folder, monkeypatch):
    write(folder, OLD)
    update = generated_files._update

    def meanwhile(*arguments: object, **options: object) -> None:
        with pytest.raises(FileError) as caught:
            write(folder, OTHER)
        assert str(caught.value) == f"Cannot write {folder}: another process writes it now."
        update(*arguments, **options)

    monkeypatch.setattr(generated_files, "_update", meanwhile)
    write(folder, NEW)
    require(folder, NEW)


def test_the_list_of_a_folder(folder):
    assert listed_files(folder) is None
    write(folder, OLD)
    assert {path: len(digests) for path, digests in listed_files(folder).items()} == dict.fromkeys(OLD, 1)

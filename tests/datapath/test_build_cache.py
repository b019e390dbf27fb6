"""The cache of builds: verified before use, private, published once and whole by any number of processes."""

import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from datapath import build_cache
from datapath.build_cache import BUILDING, DIGESTS, cache_folder, cached_build
from datapath.errors import FileError, ToolError
from datapath.temporaries import temporary_folder
from tests.golden_data import REPOSITORY

CONTENTS = {"program": b"#!/bin/sh\necho right\n", "src/top.hpp": b"// text\n" * 100}


@pytest.fixture
def cache(tmp_path) -> Path:
    return tmp_path / "home" / "foldline" / "csim"


class Builder:
    """Builds the files of `CONTENTS`, and counts how often."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self, folder: Path) -> None:
        assert list(folder.iterdir()) == []
        self.times += 1
        for name, content in CONTENTS.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(content)
        (folder / "program").chmod(0o755)


def require_whole(entry: Path) -> None:
    """The entry has all files with their contents, and its program runs."""
    found = {path.relative_to(entry).as_posix(): path.read_bytes() for path in entry.rglob("*") if path.is_file()}
    del found[DIGESTS]
    assert found == CONTENTS
    assert subprocess.run([entry / "program"], capture_output=True, check=True).stdout == b"right\n"


def test_a_build_is_made_once_for_each_key(cache):
    build = Builder()
    entry = cached_build(cache, "one", build)
    require_whole(entry)
    assert cached_build(cache, "one", build) == entry
    assert build.times == 1
    assert cached_build(cache, "two", build) != entry
    assert build.times == 2
    assert len(list(cache.iterdir())) == 2


@pytest.mark.parametrize("what", ["machine", "libc_ver"])
def test_another_machine_or_c_library_is_another_build(cache, monkeypatch, what):
    here = cached_build(cache, "one", Builder())
    monkeypatch.setattr(build_cache.platform, what, lambda: "another")
    assert cached_build(cache, "one", Builder()) != here


def test_the_folder_of_a_kind_is_in_the_variables_folder_or_in_the_home(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder("rtl") == tmp_path / "xdg" / "foldline" / "rtl"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder("csim") == tmp_path / ".cache" / "foldline" / "csim"


def test_what_a_process_left_that_was_killed_after_its_build_is_removed(cache):
    """Its build is in the cache, so that nothing is left to build."""
    cached_build(cache, "one", Builder())
    with temporary_folder(cache / BUILDING) as held:
        left = held.with_name(held.name[: -len("12345678.foldline-tmp")] + "abcdefgh.foldline-tmp")
        (left / "build").mkdir(parents=True)
        cached_build(cache, "one", Builder())
        assert held.exists()
        assert not left.exists()


# Damage -------------------------------------------------------------------------------------------------------------


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-2] ^= 1
    path.write_bytes(content)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "a byte of the program": lambda entry: flip_a_bit(entry / "program"),
    "a byte of a source": lambda entry: flip_a_bit(entry / "src" / "top.hpp"),
    "a cut program": lambda entry: os.truncate(entry / "program", 5),
    "an empty program": lambda entry: os.truncate(entry / "program", 0),
    "no x bit": lambda entry: (entry / "program").chmod(0o644),
    "an x bit more": lambda entry: (entry / "src" / "top.hpp").chmod(0o755),
    "a missing file": lambda entry: (entry / "program").unlink(),
    "a file more": lambda entry: (entry / "src" / "more.hpp").touch(),
    "a file under another name": lambda entry: (entry / "program").rename(entry / "moved"),
    "a folder in place of the program": lambda entry: ((entry / "program").unlink(), (entry / "program").mkdir()),
    "a link that leads nowhere": lambda entry: (entry / "src" / "link").symlink_to("nowhere"),
    "no list": lambda entry: (entry / DIGESTS).unlink(),
    "an empty list": lambda entry: os.truncate(entry / DIGESTS, 0),
    "a list that is not text": lambda entry: (entry / DIGESTS).write_bytes(b"\xff\xfe"),
    "a list that cannot be read": lambda entry: ((entry / DIGESTS).unlink(), (entry / DIGESTS).mkdir()),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_entry_is_built_again(cache, damage):
    build = Builder()
    entry = cached_build(cache, "one", build)
    DAMAGES[damage](entry)
    assert cached_build(cache, "one", build) == entry
    require_whole(entry)
    assert cached_build(cache, "one", build) == entry
    assert build.times == 2
    assert {path.name for path in cache.iterdir()} == {entry.name}


def test_the_entry_of_another_key_is_not_taken_for_this_one(cache):
    build = Builder()
    one, two = cached_build(cache, "one", build), cached_build(cache, "two", build)
    (one / "program").write_bytes(b"one")
    one.rename(cache / "moved")
    two.rename(one)  # intact, but of another key
    assert cached_build(cache, "one", build) == one
    assert build.times == 3


def test_a_file_in_place_of_an_entry_is_replaced(cache):
    entry = cached_build(cache, "one", Builder())
    entry.rename(cache / "away")
    entry.write_text("not a folder")
    assert cached_build(cache, "one", Builder()) == entry
    require_whole(entry)


# Programs that cannot start ------------------------------------------------------------------------------------------

STARTS = {  # what the program of a build is, instead of that of `CONTENTS`
    "not a program": b"no program\n",
    "of another machine": b"\x7fELF" + bytes(60),
    "without its interpreter": b"#!/no/such/interpreter\n",
    "an instruction that the processor has not": b"#!/bin/sh\nkill -ILL $$\n",
    "a library that is missing": b"#!/bin/sh\necho 'libgone.so: cannot open shared object file' >&2\nexit 127\n",
    "status 126": b"#!/bin/sh\nexit 126\n",
}


def builds(program: bytes) -> Callable[[Path], None]:
    def build(folder: Path) -> None:
        (folder / "program").write_bytes(program)
        (folder / "program").chmod(0o755)

    return build


@pytest.mark.parametrize("kind", STARTS)
def test_an_entry_whose_program_cannot_start_here_is_built_again_once(cache, kind):
    entry = cached_build(cache, "one", builds(STARTS[kind]))  # of another machine that shares the cache
    build = Builder()
    for _ in range(2):
        assert cached_build(cache, "one", build, program="program") == entry
        require_whole(entry)
    assert build.times == 1
    with pytest.raises(ToolError, match=r"^The program that was built cannot start: .+\.$"):
        cached_build(cache, "two", builds(STARTS[kind]), program="program")
    assert {path.name for path in cache.iterdir()} == {entry.name}


@pytest.mark.parametrize("end", ["exit 2", "kill -SEGV $$", "cat", "read line"])
def test_a_program_that_ends_otherwise_has_started(cache, end):
    for _ in range(2):
        cached_build(cache, "one", builds(f"#!/bin/sh\n{end}\n".encode()), program="program")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
def test_a_folder_of_which_nothing_can_be_run_is_named_before_anything_is_built(cache):
    cache.mkdir(parents=True, mode=0o700)
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m,noexec,mode=700", "tmpfs", cache]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        build = Builder()
        with pytest.raises(FileError) as error:
            cached_build(cache, "one", build, program="program")
        assert str(error.value) == (
            f"No program can be run from {cache}, whose file system is mounted with noexec; set XDG_CACHE_HOME to a folder on "
            "another one, e.g. XDG_CACHE_HOME=/var/tmp/cache."
        )
        assert build.times == 0
        cached_build(cache, "one", build)  # what has no program
    finally:
        subprocess.run(["umount", cache], check=True)


# Who may write ------------------------------------------------------------------------------------------------------


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_new_folders_are_for_this_user_alone(cache):
    before = os.umask(0)
    try:
        entry = cached_build(cache, "one", Builder())
    finally:
        os.umask(before)
    assert [mode(path) for path in (cache.parent.parent, cache.parent, cache, entry)] == [0o700] * 4


@pytest.mark.parametrize(("given", "left"), [(0o777, 0o700), (0o775, 0o700), (0o755, 0o755), (0o700, 0o700)])
def test_a_folder_that_others_can_write_to_is_closed(cache, given, left):
    cache.mkdir(parents=True)
    cache.chmod(given)
    cached_build(cache, "one", Builder())
    assert mode(cache) == left


def test_a_cache_of_another_user_is_refused(cache, monkeypatch):
    entry = cached_build(cache, "one", Builder())
    me = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: me + 1)
    build = Builder()
    with pytest.raises(FileError) as error:
        cached_build(cache, "one", build)
    assert str(error.value) == (
        f"{cache} belongs to user {me}, and this is user {me + 1}; no program is run from there. "
        "Set XDG_CACHE_HOME to another folder."
    )
    assert build.times == 0
    require_whole(entry)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_an_entry_of_another_user_is_refused(cache):
    entry = cached_build(cache, "one", Builder())
    os.chown(entry, 65534, 65534)
    with pytest.raises(FileError, match=f"{entry.name} belongs to user 65534, and this is user 0; no program is run"):
        cached_build(cache, "one", Builder())


# Publication --------------------------------------------------------------------------------------------------------


def test_files_are_on_the_disk_before_the_rename(cache, monkeypatch):
    events = []
    fsync, rename = os.fsync, Path.rename

    def recorded_fsync(descriptor):
        events.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        fsync(descriptor)

    def recorded_rename(self, target):
        events.append("rename")
        return rename(self, target)

    monkeypatch.setattr(os, "fsync", recorded_fsync)
    monkeypatch.setattr(Path, "rename", recorded_rename)
    cached_build(cache, "one", Builder())
    assert sorted(events[:-1]) == sorted(["build", "src", "program", "top.hpp", DIGESTS])
    assert events[-1] == "rename"


def test_a_build_that_fails_leaves_nothing(cache):
    def build(folder: Path) -> None:
        Builder()(folder)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        cached_build(cache, "one", build)
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize("damaged", [False, True])
def test_what_another_process_has_published_meanwhile_is_taken(cache, damaged):
    """The other build ends while this one is being made; where an entry was damaged, the other has replaced it."""
    entry = cached_build(cache, "one", Builder())
    other = Builder()
    if damaged:
        flip_a_bit(entry / "program")
    else:
        entry.rename(cache / "away")

    def build(folder: Path) -> None:
        assert cached_build(cache, "one", other) == entry
        Builder()(folder)

    assert cached_build(cache, "one", build) == entry
    assert other.times == 1
    inode = entry.stat().st_ino
    require_whole(entry)
    assert cached_build(cache, "one", other).stat().st_ino == inode
    assert other.times == 1


PROCESS = """
import sys
from pathlib import Path
from datapath.build_cache import cached_build
from tests.datapath.test_build_cache import Builder, require_whole
cache, count = Path(sys.argv[1]), int(sys.argv[2])
for number in range(count):
    sys.stdin.readline()
    entry = cached_build(cache, "one", Builder())
    require_whole(entry)
    print(entry, flush=True)
"""


def test_processes_that_find_one_entry_damaged_all_have_it_whole(cache):
    """Four processes at once, 20 times, after each of which the entry is damaged."""
    build, rounds = Builder(), 20
    entry = cached_build(cache, "one", build)
    command = [sys.executable, "-c", PROCESS, str(cache), str(rounds)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "cwd": REPOSITORY}
    processes = [subprocess.Popen(command, **pipes) for _ in range(4)]
    for _ in range(rounds):
        flip_a_bit(entry / "program")
        for process in processes:
            process.stdin.write("\n")
            process.stdin.flush()
        assert {process.stdout.readline() for process in processes} == {f"{entry}\n"}
    for process in processes:
        process.communicate()
        assert process.returncode == 0
    assert {path.name for path in cache.iterdir()} == {entry.name}

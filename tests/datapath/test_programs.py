"""Programs outside Foldline: the search for a compiler, and what a failing program's error says."""

from pathlib import Path

import pytest

from datapath.errors import ToolError
from datapath.programs import find_compiler, first_error, run


@pytest.fixture(autouse=True)
def _no_compiler(monkeypatch, tmp_path):
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))


def place(folder: Path, name: str, body: str = "") -> Path:
    """Write a shell script."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def error_of(call, *arguments) -> str:
    with pytest.raises(ToolError) as error:
        call(*arguments)
    return str(error.value)


def test_the_chosen_compiler_comes_before_the_first_one_on_the_path(monkeypatch, tmp_path):
    for name in ("c++", "clang++", "g++"):
        place(tmp_path, name)
        assert find_compiler() == (str(tmp_path / name),)
    place(tmp_path, "mine")
    monkeypatch.setenv("CXX", "mine")
    assert find_compiler() == (str(tmp_path / "mine"),)


def test_without_a_compiler_the_message_says_what_to_install():
    message = "There is no C++ compiler (g++, clang++, c++); install g++, e.g. apt install g++."
    assert error_of(find_compiler) == message


def test_a_chosen_compiler_that_is_none_is_named(monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    message = "$CXX is no-such-compiler, which is not a program here; unset it, or name a C++ compiler."
    assert error_of(find_compiler) == message


@pytest.mark.parametrize(
    ("chosen", "command"),
    [
        ("ccache g++ -m64", ("ccache", "g++", "-m64")),
        ("g++ '-I/a folder'", ("g++", "-I/a folder")),
        ("{folder}/a folder/g++", ("a folder/g++",)),
        ("'{folder}/a folder/g++' -O1", ("a folder/g++", "-O1")),
    ],
)
def test_a_chosen_compiler_may_have_arguments_and_a_path_with_blanks(monkeypatch, tmp_path, chosen, command):
    (tmp_path / "a folder").mkdir()
    for name in ("ccache", "g++", "a folder/g++"):
        place(tmp_path, name)
    monkeypatch.setenv("CXX", chosen.format(folder=tmp_path))
    assert find_compiler() == (str(tmp_path / command[0]), *command[1:])


@pytest.mark.parametrize("chosen", ["g++ 'open", " ", "none g++"])
def test_a_chosen_command_that_is_none_is_named(monkeypatch, tmp_path, chosen):
    place(tmp_path, "g++")
    monkeypatch.setenv("CXX", chosen)
    assert (
        error_of(find_compiler) == f"$CXX is {chosen}, which is not a program here; unset it, or name a C++ compiler."
    )


def test_a_program_gives_its_output_and_speaks_english(monkeypatch, tmp_path):
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    assert run([str(place(tmp_path, "tool", 'echo "$1 in $LC_ALL"; echo warning >&2')), "text"]) == "text in C\n"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            "echo 'In file included from a.cpp:1:' >&2; echo '  b.hpp:3:7: error: no' >&2; echo 'b.hpp:4:7: error' >&2; exit 1",
            "tool failed: b.hpp:3:7: error: no",
        ),
        ("echo '%Warning: W' >&2; echo '%Error: a.sv:1: no' >&2; exit 1", "tool failed: %Error: a.sv:1: no"),
        ("echo 'out of memory' >&2; exit 1", "tool failed: out of memory"),
        ("exit 3", "tool failed: status 3"),
        ("kill -9 $$", "tool failed: status -9"),
    ],
)
def test_a_failing_program_is_quoted_with_its_first_error(tmp_path, body, message):
    assert error_of(run, [str(place(tmp_path, "tool", body))]) == message


@pytest.mark.parametrize(
    ("said", "line"),
    [
        (
            "/usr/bin/ld: final link failed: No space left on device\ncollect2: error: ld returned 1 exit status\n",
            "/usr/bin/ld: final link failed: No space left on device",
        ),
        (
            "/usr/bin/ld: /tmp/a.o: in function `main':\na.cpp:(.text+0x5): undefined reference to `f()'\n"
            "collect2: error: ld returned 1 exit status\n",
            "a.cpp:(.text+0x5): undefined reference to `f()'",
        ),
        (
            "/usr/bin/ld: cannot find -latomic: No such file or directory\ncollect2: error: ld returned 1 exit status\n",
            "/usr/bin/ld: cannot find -latomic: No such file or directory",
        ),
        (
            "ld.lld: error: failed to open program: No space left on device\n"
            "clang++: error: linker command failed with exit code 1 (use -v to see invocation)\n",
            "ld.lld: error: failed to open program: No space left on device",
        ),
        (
            "ld: library 'atomic' not found\nclang: error: linker command failed with exit code 1\n",
            "ld: library 'atomic' not found",
        ),
        (
            "collect2: fatal error: ld terminated with signal 7 [Bus error], core dumped\ncompilation terminated.\n",
            "collect2: fatal error: ld terminated with signal 7 [Bus error], core dumped",
        ),
        (
            "/tmp/cc.s: Assembler messages:\n/tmp/cc.s: Fatal error: can't write 24 bytes to a.o: No space left on device\n",
            "/tmp/cc.s: Fatal error: can't write 24 bytes to a.o: No space left on device",
        ),
        (
            "/errors/a.cpp:1:2: warning: unused\n/errors/a.cpp:9:2: error: no\ncc1plus: all warnings being treated as errors\n",
            "/errors/a.cpp:9:2: error: no",
        ),
        (
            "%Warning-WIDTH: a.sv:1: narrow\n%Error-NEEDTIMINGOPT: a.sv:2: no\n%Error: Exiting due to 1 error(s)\n",
            "%Error-NEEDTIMINGOPT: a.sv:2: no",
        ),
        ("collect2: error: ld returned 1 exit status\n", "collect2: error: ld returned 1 exit status"),
        ("terminate called\nIO error\n", "IO error"),
        ("\n  \nkilled\n", "killed"),
        ("", ""),
    ],
)
def test_the_telling_line_is_that_of_the_program_that_failed(said, line):
    assert first_error(said) == line


def test_a_program_that_cannot_be_started_is_named(tmp_path):
    broken = tmp_path / "broken"
    broken.write_text("no program\n")
    broken.chmod(0o755)
    assert error_of(run, [str(broken)]) == f"Cannot run {broken}: Exec format error."
    assert error_of(run, [str(tmp_path / "none")]) == f"Cannot run {tmp_path}/none: No such file or directory."


def test_a_program_gets_the_variables_that_are_added_to_its_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("KEPT", "kept")
    tool = place(tmp_path, "tool", 'echo "$KEPT $ADDED $LC_ALL"')
    assert run([str(tool)], variables={"ADDED": "added"}) == "kept added C\n"

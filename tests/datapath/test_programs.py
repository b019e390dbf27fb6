"""Programs outside Foldline: the search for a compiler, and what a failing program's error says."""

from pathlib import Path

import pytest

from datapath.errors import ToolError
from datapath.programs import find_compiler, run


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
        assert find_compiler() == str(tmp_path / name)
    place(tmp_path, "mine")
    monkeypatch.setenv("CXX", "mine")
    assert find_compiler() == str(tmp_path / "mine")


def test_without_a_compiler_the_message_says_what_to_install():
    message = "There is no C++ compiler (g++, clang++, c++); install g++, e.g. apt install g++."
    assert error_of(find_compiler) == message


def test_a_chosen_compiler_that_is_none_is_named(monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    message = "$CXX is no-such-compiler, which is not a program here; unset it, or name a C++ compiler."
    assert error_of(find_compiler) == message


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

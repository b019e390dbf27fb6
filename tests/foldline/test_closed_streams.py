"""Standard streams that are closed or full: one sentence, and nothing is lost or written into a file of the user."""

import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from foldline.cli import main
from tests.designs import random_design
from tests.foldline.command_line import draw_line
from tests.golden_data import REPOSITORY

pytestmark = pytest.mark.no_numpy2


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("design") / "d.npz"
    random_design(5, inputs=32, hidden=8, classes=5).save(path)
    return path


@pytest.fixture
def image(tmp_path):
    return draw_line(tmp_path / "a.png", 60)


def ended(capsys, *arguments) -> tuple[int, str]:
    """Status and standard error of a command, which writes to this process's streams."""
    with pytest.raises(SystemExit) as caught:
        main([str(one) for one in arguments], prog_name="foldline")
    return caught.value.code, capsys.readouterr().err


OUTPUTS = [["--help"], ["--version"], ["simulate", "--help"], ["study", "--help"], ["simulate", "DESIGN", "IMAGE"], ["simulate", "DESIGN", "IMAGE", "--json"],
           ["simulate", "DESIGN", "IMAGE", "-o", "-"], ["estimate", "DESIGN"], ["inspect", "DESIGN", "--bounds"], ["run", "DESIGN", "IMAGE"]]  # fmt: skip


@pytest.mark.parametrize("arguments", OUTPUTS, ids=" ".join)
def test_an_output_that_is_full_is_one_sentence(arguments, saved, image, monkeypatch, capsys):
    arguments = [{"DESIGN": saved, "IMAGE": image}.get(one, one) for one in arguments]
    with Path("/dev/full").open("w", encoding="utf-8", buffering=1) as full:
        monkeypatch.setattr("sys.stdout", full)
        status, errors = ended(capsys, *arguments)
        monkeypatch.undo()
        with suppress(OSError):  # what it could not write
            full.close()
    assert (status, errors.count("\n")) == (1, 1), errors
    assert errors.startswith("Error: Cannot write") and "No space left on device" in errors


@pytest.mark.parametrize("arguments", OUTPUTS, ids=" ".join)
def test_an_output_that_is_closed_is_one_sentence(arguments, saved, image, monkeypatch, capsys):
    arguments = [{"DESIGN": saved, "IMAGE": image}.get(one, one) for one in arguments]
    monkeypatch.setattr("sys.stdout", None)  # as Python has it where the descriptor is closed
    assert ended(capsys, *arguments) == (1, "Error: Cannot write the output: standard output is closed.\n")


def test_a_command_that_writes_a_file_needs_no_output(saved, image, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("sys.stdout", None)
    monkeypatch.setattr("sys.stdin", None)
    assert ended(capsys, "simulate", saved, image, "-o", tmp_path / "o.jsonl") == (0, "")
    assert (tmp_path / "o.jsonl").read_text().count("\n") == 1


def test_a_closed_input_is_one_sentence(saved, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", None)
    message = "Error: Cannot read standard input: it is closed.\n"
    assert ended(capsys, "simulate", saved, "--list", "-") == (1, message)


def test_a_group_without_a_command_prints_its_help_on_lines(capsys):
    _, errors = ended(capsys, "golden")
    assert "\n  check" in errors + capsys.readouterr().out


def test_no_file_of_the_command_takes_the_place_of_a_closed_stream(tmp_path):
    """What a library writes to standard error would go into the file."""
    script = """
import os, sys
for descriptor in range(3):
    os.close(descriptor)
from foldline.console.closed_streams import hold_closed_streams
hold_closed_streams()
hold_closed_streams()
descriptor = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT)
try:
    os.write(2, b"of a library")
except OSError as error:
    os.write(descriptor, b"%d %d" % (descriptor, error.errno))
"""
    subprocess.run([sys.executable, "-c", script, tmp_path / "file"], cwd=REPOSITORY, check=False)
    assert (tmp_path / "file").read_text() == "3 9"

"""The command line as a whole: help, spelling of options, and one sentence for every error."""

import dataclasses
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from datapath import Alphabet, Design
from foldline.cli import COMMANDS
from tests.foldline.command_line import fails, run
from train.data.dataset import Dataset, Line, write_dataset


def test_help_names_every_command():
    result = run("--help")
    assert result.exit_code == 0
    for name in COMMANDS:
        assert f"  {name} " in result.output
        assert run(name, "--help").exit_code == 0


def test_underscores_are_accepted_wherever_dashes_are(saved, image, tmp_path):
    dashed = run("simulate", saved, image, "--ignore-limits")
    assert run("simulate", saved, image, "--ignore_limits").output == dashed.output
    header = tmp_path / "h.hpp"
    assert run("export", saved, "-o", header, "--simd_input", "8").exit_code == 0
    alphabet = tmp_path / "alphabet.txt"
    Design.load(saved).alphabet.write(alphabet)
    assert run("import_header", header, "--alphabet", alphabet, "-o", tmp_path / "again.npz").exit_code == 0


def test_a_full_disk_and_a_missing_folder_are_one_sentence(saved, image):
    fails("Cannot write /dev/full: No space left on device.", "simulate", saved, image, "--trace", "/dev/full")
    missing = image.parent / "nowhere" / "trace.npz"
    fails(f"Cannot write {missing}: No such file or directory.", "simulate", saved, image, "--trace", missing)
    fails("Cannot write /dev/full: No space left on device.", "export", saved, "-o", "/dev/full")
    with open("/dev/full", "w") as full:  # noqa: PTH123
        process = subprocess.run(
            [sys.executable, "-m", "foldline", "simulate", saved, image], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert process.returncode == 1
    assert process.stderr.splitlines()[0] == "Error: Cannot write the output: No space left on device."
    assert "Traceback" not in process.stderr


def test_an_empty_folder_is_not_a_dataset(saved, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    for command in (("train", "--data", empty, "--dry-run"), ("compare", saved, "--data", empty)):
        result = run(*command)
        assert result.exit_code == 1
        assert str(empty) in result.stderr
        assert len(result.stderr.splitlines()) == 1


def test_choices_keep_their_spelling():
    assert "[FP|SIGNED_FIXED_UNIT|UNSIGNED_FIXED_UNIT]" in run("train", "--help").output
    assert "'SIGNED_FIXED_UNIT'" in run("train", "--fc_bias_quantization", "signed").stderr


def test_text_that_the_terminal_cannot_show_is_escaped(design, image, tmp_path):
    beyond_ascii = dataclasses.replace(design, alphabet=Alphabet(("", "\u4e00", "\u4e01", "\u4e02", "\u4e03")))
    beyond_ascii.save(tmp_path / "design.npz")
    line = Line("a", "\u4e00", Image.open(image))
    write_dataset(Dataset((line,), (line,), "one"), tmp_path / "data")
    command = [sys.executable, "-m", "foldline", "compare", tmp_path / "design.npz", "--data", tmp_path / "data"]
    done = subprocess.run(
        [*map(str, command), "--per-line"],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
    )
    assert done.returncode == 0, done.stderr
    assert "\\u4e00" in done.stdout


def test_a_name_too_long_cannot_be_read(saved):
    name = "a" * 300 + ".png"
    fails(f"Cannot read {name}: File name too long.", "simulate", saved, name)
    fails(f"Cannot read {name}: File name too long.", "simulate", name, saved)
    fails(f"Cannot read {name}: File name too long.", "export", name, "-o", "x.hpp")
    fails(f"Cannot read {name}: File name too long.", "simulate", saved, "--pixels", name)


def test_damaged_files_are_one_sentence(saved, image, tmp_path):
    whole = saved.read_bytes()
    random = np.random.default_rng(1)
    damaged = tmp_path / "damaged.npz"
    refused = 0
    for _ in range(120):
        content = bytearray(whole)
        for place in random.integers(0, len(whole), size=3):
            content[place] = random.integers(0, 256)
        damaged.write_bytes(content)
        for arguments in (("simulate", damaged, image), ("export", damaged, "-o", tmp_path / "h.hpp")):
            result = run(*arguments)
            assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
            refused += result.exit_code != 0
    assert refused > 120


def test_nothing_is_written_over_what_was_read(saved, image, tmp_path):
    before = saved.read_bytes()
    message = f"DESIGN and trace are the same file, {saved}; one would be written over the other."
    fails(message, "simulate", saved, image, "--trace", saved)
    message = f"SOURCE and output are the same file, {saved}; one would be written over the other."
    fails(message, "export", saved, "-o", saved)
    header = tmp_path / "h.hpp"
    message = f"output and alphabet are the same file, {header}; one would be written over the other."
    fails(message, "export", saved, "-o", header, "--alphabet", header)
    assert saved.read_bytes() == before
    assert not header.exists()


@pytest.mark.parametrize(
    ("typed", "suggested"),
    [
        (("trian",), "train"),
        (("eval",), "evaluate"),  # a beginning
        (("Import_Hedaer",), "import-header"),
        (("data", "fecth"), "fetch"),
        (("study", "shwo"), "show"),
    ],
)
def test_a_mistyped_command_gets_a_suggestion(typed, suggested):
    fails(f"No such command {typed[-1]!r}. Did you mean {suggested!r}?", *typed, status=2)


def test_a_command_like_no_other_gets_none():
    fails("No such command 'xyzzy'.", "xyzzy", status=2)


@pytest.mark.parametrize(("sent", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_any_command_that_is_stopped_says_so_with_the_status_of_the_signal(sent, status, saved, image, monkeypatch):
    """By the convention of shells the status is 128 + the signal's number: 2 for Ctrl-C, 15 for SIGTERM."""
    monkeypatch.setattr(Design, "load", lambda path: signal.raise_signal(sent))
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    for command in (("simulate", saved, image), ("estimate", saved), ("compare", saved)):
        result = run(*command)
        assert (result.exit_code, result.stderr) == (status, "Stopped.\n"), command
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_sigterm_stops_a_command_that_a_shell_has_started_in_the_background(saved, image, monkeypatch):
    """A shell without job control starts it with SIGINT ignored."""
    monkeypatch.setattr(Design, "load", lambda path: signal.raise_signal(signal.SIGTERM))
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        result = run("simulate", saved, image)
    finally:
        signal.signal(signal.SIGINT, before)
    assert (result.exit_code, result.stderr) == (143, "Stopped.\n")

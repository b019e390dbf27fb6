"""`-o -` and `-o /dev/stdout`: one stream comes out, and what the command has to say is on stderr."""

import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from datapath import Design
from datapath.files import atomic_write
from tests.foldline.command_line import draw_line, fails, run

needs_descriptors = pytest.mark.skipif(not Path("/dev/stdout").exists(), reason="this system has no /dev/stdout")


@pytest.fixture
def alphabet(design, tmp_path) -> Path:
    design.alphabet.write(tmp_path / "alphabet.txt")
    return tmp_path / "alphabet.txt"


@pytest.fixture
def header(saved, tmp_path) -> Path:
    assert run("export", saved, "-o", tmp_path / "net.hpp").exit_code == 0
    return tmp_path / "net.hpp"


def same(*command: object, output: Path) -> str:
    """Run with `-o FILE` and with `-o -`: the same bytes; returns what the second one said on stderr."""
    first, second = run(*command, "-o", output), run(*command, "-o", "-")
    assert (first.exit_code, second.exit_code) == (0, 0), second.stderr
    assert second.stdout_bytes == output.read_bytes()
    assert not Path("-").exists()
    return second.stderr


def test_export(saved, design, header, tmp_path):
    assert same("export", saved, output=tmp_path / "again.hpp") == f"-: {design.experiment}, {design.folding}\n"
    alphabet = run("export", saved, "-o", tmp_path / "net.hpp", "--alphabet", "-")
    assert alphabet.stdout == "".join(f"{symbol}\n" for symbol in design.alphabet.symbols)
    fails(("output", "alphabet", "same file"), "export", saved, "-o", "-", "--alphabet", "-")


def test_import_header(header, alphabet, design, tmp_path):
    command = ("import-header", header, "--alphabet", alphabet)
    assert "classes" in same(*command, output=tmp_path / "again.npz")
    (tmp_path / "piped.npz").write_bytes(run(*command, "-o", "-").stdout_bytes)
    assert Design.load(tmp_path / "piped.npz").same_network(design)


def test_manifest(saved, tmp_path):
    assert "known answers" in same("manifest", saved, output=tmp_path / "net.json")


@pytest.mark.slow
def test_inspect(saved, image, tmp_path):
    said = same("inspect", saved, image, output=tmp_path / "picture.png")
    assert "Picture: -" in said and "Text: " in said
    with Image.open(tmp_path / "picture.png") as picture:
        assert picture.format == "PNG"
    fails(("--json", "--output"), "inspect", saved, image, "-o", "-", "--json", status=2)


def test_results(saved, image, tmp_path):
    other, missing = draw_line(tmp_path / "b.png", width=70), tmp_path / "none.png"
    result = run("simulate", saved, image, missing, other, "-o", "-")
    run("simulate", saved, image, missing, other, "-o", tmp_path / "results.jsonl")
    assert result.stdout_bytes == (tmp_path / "results.jsonl").read_bytes()
    assert [json.loads(line)["name"] for line in result.stdout.splitlines()] == [str(image), str(missing), str(other)]
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (1, "Error: 1 of 3 lines failed.")
    assert f"Error: Cannot read {missing}: no such file." in result.stderr


def test_a_trace_goes_to_standard_output_where_no_results_do(saved, image, tmp_path):
    run("simulate", saved, image, "-o", tmp_path / "r.jsonl", "--trace", tmp_path / "t.npz")
    result = run("simulate", saved, image, "-o", tmp_path / "r.jsonl", "--trace", "-")
    assert result.stdout_bytes == (tmp_path / "t.npz").read_bytes()
    for command in ("simulate", "run"):
        fails(("standard output", "--trace"), command, saved, image, "--trace", "-", status=2)


def test_a_waveform_needs_a_file(saved, image):
    fails(("--vcd", "not a stream"), "rtlsim", saved, image, "--vcd", "-", status=2)


def foldline(*arguments: object, stdout) -> None:
    subprocess.run([sys.executable, "-m", "foldline", *map(str, arguments)], stdout=stdout, check=True)


@needs_descriptors
@pytest.mark.slow
def test_the_file_behind_dev_stdout_keeps_its_other_lines(saved, header, image, tmp_path):
    """As `{ echo first; foldline ... -o /dev/stdout; echo last; } > out`."""
    out = tmp_path / "out"
    with out.open("wb") as handle:
        for word in (b"first\n", b"second\n"):
            handle.write(word)
            handle.flush()
            foldline("export", saved, "-o", "/dev/stdout", stdout=handle)
        foldline("simulate", saved, image, "-o", "/dev/fd/1", stdout=handle)
        handle.write(b"last\n")
    expected = header.read_bytes()
    start = b"first\n" + expected + b"second\n" + expected
    content = out.read_bytes()
    assert content.startswith(start) and content.endswith(b"last\n")
    assert json.loads(content[len(start) : -len(b"last\n")])["name"] == str(image)


def test_a_results_file_and_its_partial_file_have_the_mode_of_the_file_before(saved, image, tmp_path, monkeypatch):
    path, partial, seen = tmp_path / "results.jsonl", tmp_path / "results.jsonl.partial", []
    path.touch()
    path.chmod(0o600)

    def written(output):
        seen.append(stat.S_IMODE(partial.stat().st_mode))
        return atomic_write(output)

    monkeypatch.setattr("foldline.batch.results_file.atomic_write", written)
    assert run("simulate", saved, image, "-o", path).exit_code == 0
    assert seen == [0o600] and stat.S_IMODE(path.stat().st_mode) == 0o600

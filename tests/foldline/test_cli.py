"""The command line as a user meets it: what it prints, where, and with which status."""

import dataclasses
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image, ImageDraw

from datapath import Alphabet, Design, Folding, Limits, fold, image_columns
from datapath.files import write_npz
from fixedpoint_sim import simulate
from foldline.cli import COMMANDS
from hls_gen import write_header
from tests.designs import random_design
from tests.foldline.command_line import fails, run
from train.data.dataset import Dataset, Line, write_dataset


@pytest.fixture(scope="module")
def design():
    return random_design(3, inputs=32, hidden=8, classes=5, folding=(2, 16, 4), limits=Limits(columns=200, labels=95))


@pytest.fixture
def saved(design, tmp_path):
    path = tmp_path / "design.npz"
    design.save(path)
    return path


@pytest.fixture
def image(tmp_path):
    return _image(tmp_path / "line.png", width=120)


def _image(path, width):
    picture = Image.new("L", (width, 32), 255)
    draw = ImageDraw.Draw(picture)
    for x in range(4, width - 8, 11):
        draw.rectangle((x, 6 + x % 7, x + 5, 26), fill=0)
    picture.save(path)
    return path


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


def test_simulate_prints_name_and_text(design, saved, image):
    trace = simulate(design, image_columns(image, target_height=32, bits=4))
    result = run("simulate", saved, image)
    assert (result.exit_code, result.stdout) == (0, f"{image}\t{trace.text}\n")


def test_simulate_json_has_one_object_per_line(design, saved, image):
    trace = simulate(design, image_columns(image, target_height=32, bits=4))
    (line,) = run("simulate", saved, image, "--json").stdout.splitlines()
    assert json.loads(line) == {
        "name": str(image),
        "text": trace.text,
        "labels": trace.labels.tolist(),
        "columns": len(trace.scores),
        "exceeded": [],
    }


def test_simulate_writes_the_trace(design, saved, tmp_path):
    random = np.random.default_rng(0)
    lines = [random.integers(-8, 8, size=(length, 32)).astype(np.int8) for length in (2, 50)]
    write_npz(tmp_path / "pixels.npz", {f"pixels_{i}": line for i, line in enumerate(lines)})
    trace_path = tmp_path / "trace.npz"
    result = run("simulate", saved, "--pixels", tmp_path / "pixels.npz", "--trace", trace_path, "--threads", 2)
    assert [line.split("\t")[0] for line in result.stdout.splitlines()] == ["pixels_0", "pixels_1"]
    with np.load(trace_path, allow_pickle=False) as written:
        assert written["alphabet"].tolist() == list(design.alphabet.symbols)
        for i, line in enumerate(lines):
            trace = simulate(design, line)
            for stage in ("hidden", "scores", "labels"):
                assert np.array_equal(written[f"{stage}_{i}"], getattr(trace, stage))


def test_simulate_takes_a_folder(saved, tmp_path):
    folder = tmp_path / "scans" / "deep"
    folder.mkdir(parents=True)
    names = [str(_image(folder / f"{n}.png", width=60 + n)) for n in range(3)]
    (folder / "notes.txt").write_text("no image")
    result = run("simulate", saved, tmp_path / "scans")
    assert [line.split("\t")[0] for line in result.stdout.splitlines()] == names


def test_a_line_past_a_limit_is_an_error_and_the_rest_is_computed(saved, image, tmp_path):
    wide = _image(tmp_path / "wide.png", width=300)
    result = fails(
        f"1 of 2 lines failed. No trace was written to {tmp_path / 't.npz'}.",
        *("simulate", saved, wide, image, "--trace", tmp_path / "t.npz"),
    )
    assert result.stderr.splitlines()[0] == (
        f"Error: {wide}: The line exceeds the overlay: 300 columns, allowed at most 200. "
        "With --ignore-limits it is computed all the same."
    )
    assert result.stdout.startswith(f"{image}\t")
    assert not (tmp_path / "t.npz").exists()


def test_beyond_limits_says_so_on_the_line(design, saved, tmp_path):
    wide = _image(tmp_path / "wide.png", width=300)
    trace = simulate(design, image_columns(wide, target_height=32, bits=4), ignore_limits=True)
    result = run("simulate", saved, wide, "--ignore-limits")
    assert result.exit_code == 0
    assert result.stdout == f"{wide}\t{trace.text}\texceeds the overlay: 300 columns, allowed at most 200\n"


def test_an_odd_line_is_an_error(saved, tmp_path):
    write_npz(tmp_path / "odd.npz", {"pixels_0": np.zeros((3, 32), dtype=np.int8)})
    fails(
        "pixels_0: The line exceeds the overlay: 3 columns, allowed an even number. "
        "With --ignore-limits it is computed all the same.",
        *("simulate", saved, "--pixels", tmp_path / "odd.npz"),
    )


def test_what_a_user_gets_wrong_with_files(saved, tmp_path):
    missing, text, empty = tmp_path / "missing.png", tmp_path / "text.png", tmp_path / "empty"
    text.write_text("This is no image.")
    empty.mkdir()
    fails(f"Cannot read {missing}: no such file.", "simulate", saved, missing)
    fails(f"{text} is not an image that Pillow can read.", "simulate", saved, text)
    both = fails("2 of 2 lines failed.", "simulate", saved, missing, text)
    assert len(both.stderr.splitlines()) == 3
    fails(f"The folder {empty} holds no image.", "simulate", saved, empty)
    fails(f"Cannot read {tmp_path / 'no.npz'}: no such file.", "simulate", tmp_path / "no.npz", text)
    fails(f"Cannot read {empty}: it is a folder.", "simulate", empty, text)
    fails(f"{text} is not an .npz file, or it is cut off.", "simulate", text, text)
    fails("Give images, --list FILE or --pixels FILE.npz, and only one of them.", "simulate", saved, status=2)


def test_a_truncated_design_is_one_sentence(saved, image, tmp_path):
    whole = saved.read_bytes()
    cut = tmp_path / "cut.npz"
    for length in range(0, len(whole), 97):
        cut.write_bytes(whole[:length])
        fails(f"{cut} is not an .npz file, or it is cut off.", "simulate", cut, image)


def test_pixels_that_do_not_count_from_zero_are_refused(saved, tmp_path):
    path = tmp_path / "pixels.npz"
    write_npz(path, {"pixels_1": np.zeros((2, 32), dtype=np.int8)})
    fails(f"{path} has 1 pixel arrays but no pixels_0; they count from 0.", "simulate", saved, "--pixels", path)
    write_npz(path, {"other": np.zeros(3)})
    fails(f"{path} has 0 pixel arrays but no pixels_0; they count from 0.", "simulate", saved, "--pixels", path)


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


def test_export_import_verify_at_another_folding(design, saved, tmp_path):
    header, alphabet, again = tmp_path / "h.hpp", tmp_path / "alphabet.txt", tmp_path / "again.npz"
    result = run(
        *("export", saved, "-o", header, "--pe", 4, "--simd-input", 8, "--simd-recurrent", 2),
        *("--alphabet", alphabet),
    )
    assert result.stdout == f"{header}: {design.experiment}, PE 4, SIMD 8 and 2, PE_OUT 1\n"
    assert run("import-header", header, "--alphabet", alphabet, "-o", again).exit_code == 0
    imported = Design.load(again)
    assert imported.same_network(design)
    assert imported.folding == Folding(pe=4, simd_input=8, simd_recurrent=2)
    verified = run("verify", saved, header)
    assert verified.exit_code == 0
    assert verified.stdout.startswith(f"{header} holds {design.experiment}: ")
    assert "Folded-order simulator verified on 5 lines (170 columns): " in verified.stdout


def test_simd_factor_stands_for_both_sides(design, saved, tmp_path):
    header = tmp_path / "h.hpp"
    result = run("export", saved, "-o", header, "--simd-factor", 4)
    assert result.stdout == f"{header}: {design.experiment}, PE 2, SIMD 8 and 2, PE_OUT 1\n"
    fails(
        "--simd-factor stands for --simd-input and --simd-recurrent; give it or them, not both.",
        *("export", saved, "-o", header, "--simd-factor", 4, "--simd-input", 8),
    )


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--pe", 3, "pe is 3; it must divide the 8 hidden units."),
        ("--pe", 0, "pe is 0; it must divide the 8 hidden units."),
        ("--simd-input", 5, "simd_input is 5; it must divide the 32 input rows."),
        ("--simd-recurrent", 16, "simd_recurrent is 16; it must divide the 8 hidden units."),
        ("--simd-factor", 16, "simd_factor is 16; it must divide the 8 hidden units."),
    ],
)
def test_a_folding_that_does_not_divide_is_refused(saved, tmp_path, option, value, message):
    fails(message, "export", saved, "-o", tmp_path / "h.hpp", option, value)
    assert not (tmp_path / "h.hpp").exists()


def test_verify_refuses_another_network(design, saved, tmp_path):
    other = random_design(4, inputs=32, hidden=8, classes=5, folding=(2, 16, 4), limits=Limits(columns=200, labels=95))
    header = tmp_path / "other.hpp"
    write_header(header, fold(other))
    result = run("verify", saved, header)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: {header} does not hold this design: weights_input differs in ")
    smaller = tmp_path / "smaller.hpp"
    write_header(smaller, fold(random_design(4, inputs=32, hidden=4, classes=5, limits=design.limits)))
    fails(f"{smaller} does not hold this design: its hidden is 4, the design's 8.", "verify", saved, smaller)


def test_import_refuses_an_alphabet_of_another_size(design, saved, tmp_path):
    header, alphabet = tmp_path / "h.hpp", tmp_path / "alphabet.txt"
    run("export", saved, "-o", header)
    alphabet.write_text("\na\nb\n")
    result = run("import-header", header, "--alphabet", alphabet, "-o", tmp_path / "d.npz")
    assert result.exit_code == 1
    assert result.stderr == (
        f"Error: {header} with {alphabet}: fc_weights has shape [2, 5, 8]; "
        "with H 8, I 32 and C 3 it must be [2, 3, 8].\n"
    )
    assert not (tmp_path / "d.npz").exists()


def test_a_file_that_is_neither_design_nor_checkpoint(image, tmp_path):
    fails(f"{image} is neither a design nor a checkpoint, or it is cut off.", "export", image, "-o", tmp_path / "h.hpp")
    fails(f"Cannot read {tmp_path}: it is a folder.", "export", tmp_path, "-o", tmp_path / "h.hpp")


def test_compare_of_a_design_shows_the_simulated_level_only(saved, tmp_path):
    data = tmp_path / "data"
    made = run("data", "synth", "-o", data, "--training", 81, "--validation", 6, "--max-characters", 10)
    assert made.exit_code == 0, made.output
    result = run("compare", saved, "--data", data, "--json", "--per-line", "--ignore-limits")
    assert result.exit_code == 0, result.output
    comparison = json.loads(result.stdout)
    assert [(level["level"], level["labels"]) for level in comparison["levels"]] == [
        ("simulated", "greedy CTC"),
        ("simulated", "overlay labels"),
    ]
    assert len(comparison["lines"]) == comparison["levels"][0]["lines"] == 6


def test_compare_leaves_out_and_names_lines_past_the_limits(saved, tmp_path):
    data = tmp_path / "data"
    run("data", "synth", "-o", data, "--training", 81, "--validation", 12, "--max-characters", 20)
    result = json.loads(run("compare", saved, "--data", data, "--json").stdout)
    assert 0 < len(result["left_out"]) < 12
    assert result["levels"][0]["lines"] == 12 - len(result["left_out"])
    assert all("columns, allowed at most 200" in sentence for sentence in result["left_out"])


def test_an_empty_folder_is_no_dataset(saved, tmp_path):
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


def test_text_that_the_terminal_lacks_is_no_failure(design, image, tmp_path):
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

"""`foldline export --test-image`: one line with its answer, for `foldline simulate` and for a C compiler."""

import json
import re
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

from datapath.errors import DesignError
from datapath.npz import read_npz
from foldline.cli import main
from foldline.networks import open_network
from hls_gen.bench_line import BenchLine, render_bench_line
from tests.train import tiny
from train.checkpoint import Checkpoint
from train.data.dataset import Dataset, write_dataset
from train.evaluation import evaluate_checkpoint
from train.trainer import train

pytestmark = pytest.mark.no_numpy2


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """`lines`, and `hardware.pt`, which computes as the board does and reads most of them."""
    folder = tmp_path_factory.mktemp("bench line")
    write_dataset(tiny.dataset(), folder / "lines")
    hp = tiny.quantized(epochs=40, lr=0.03, forward_arithmetic="HARDWARE", weight=8, activation=8)
    train(hp, tiny.dataset(), experiments=None).last.save(folder / "hardware.pt")
    return folder


@pytest.fixture
def checkpoint(folder, tmp_path):
    return shutil.copy(folder / "hardware.pt", tmp_path / "c.pt")


def foldline(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def export(folder, checkpoint, *arguments):
    data = () if "--data" in arguments else ("--data", folder / "lines")
    output = () if arguments and not str(arguments[0]).startswith("--") else (checkpoint.parent / "test_image",)
    return foldline("export", checkpoint, *data, "--test-image", *output, *arguments)


def refuses(message, result, status=1):
    assert result.stderr.splitlines()[-1] == f"Error: {message}"
    assert result.exit_code == status


def numbers(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"-?\d+", text)]


def parsed(header: str) -> dict[str, object]:
    """What a header of a test image says."""
    header = re.sub(r"^//.*", "", header, flags=re.MULTILINE)
    found: dict[str, object] = {name: int(value) for name, value in re.findall(r"#define (\w+) (\d+)", header)}
    for name, body in re.findall(r"(\w+)\[[\w\]\[]*\] = (\{.*?\}|\"[^\n]*\");", header, flags=re.DOTALL):
        if body[0] == "{":
            found[name] = numbers(body)
        else:
            octal = re.sub(rb"\\(\d{3})", lambda match: bytes([int(match[1], 8)]), body[1:-1].encode())
            found[name] = re.sub(rb"\\(.)", rb"\1", octal).decode()
    return found


@pytest.mark.parametrize("name", ["bca", "ac b", "cb"])
def test_simulate_reads_on_the_exported_pixels_what_the_file_states(folder, checkpoint, tmp_path, name):
    line = f"validation/{name}"
    result = export(folder, checkpoint, "--test-image-line", line)
    assert result.exit_code == 0
    arrays = read_npz(tmp_path / "test_image.npz", limit=1 << 30)
    text = str(arrays["text_0"])
    files = ", ".join(str(tmp_path / f"test_image{ending}") for ending in (".npz", ".hpp", ".txt", "_gt.txt"))
    assert result.stdout.splitlines()[-1] == f"{files}: {line}, {len(arrays['pixels_0'])} columns, {text}"
    assert foldline("export", checkpoint, "-o", tmp_path / "d.npz").exit_code == 0
    simulated = foldline("simulate", tmp_path / "d.npz", "--pixels", tmp_path / "test_image.npz", "--json")
    shown = json.loads(simulated.stdout)
    assert shown["text"] == text
    # The checkpoint computes as the board does, so it reads the same.
    lines = [one for one in tiny.dataset().validation if one.name == line]
    read = evaluate_checkpoint(Checkpoint.load(checkpoint), lines)
    assert (read.overlay_texts, read.texts) == ((text,), (str(arrays["greedy_text_0"]),))
    assert "The board computes otherwise" not in result.stderr
    assert (str(arrays["truth_0"]), str(arrays["name_0"])) == (name, line)
    assert arrays["pixels_0"].dtype == np.int8
    assert set(text) <= set("abc ")


def test_the_header_holds_the_same_numbers(folder, checkpoint, tmp_path):
    export(folder, checkpoint)
    arrays, header = (
        read_npz(tmp_path / "test_image.npz", limit=1 << 30),
        parsed((tmp_path / "test_image.hpp").read_text()),
    )
    design = open_network(checkpoint).design
    assert arrays["pixels_0"].shape == (header["TEST_IMAGE_COLUMNS"], header["TEST_IMAGE_ROWS"])
    assert header["TEST_IMAGE_PIXELWIDTH"] == design.precision.activation
    assert header["TEST_IMAGE_LABELS"] == len(arrays["labels_0"]) > 0
    assert header["TEST_IMAGE_GREEDY_LABELS"] == len(arrays["greedy_labels_0"]) > 0
    assert header["test_image_pixels"] == arrays["pixels_0"].ravel().tolist()
    assert header["test_image_labels"] == arrays["labels_0"].tolist()
    assert header["test_image_greedy_labels"] == arrays["greedy_labels_0"].tolist()
    for name in ("text", "greedy_text", "truth"):
        assert header[f"test_image_{name}"] == str(arrays[f"{name}_0"])
    assert design.alphabet.text(arrays["labels_0"]) == header["test_image_text"]


def test_the_files_of_lstm_pynq_hold_the_same_line(folder, checkpoint, tmp_path):
    """Its test bench divides the decimals by 2^(1-A) to raw pixels, column by column, and expects the text."""
    export(folder, checkpoint)
    arrays = read_npz(tmp_path / "test_image.npz", limit=1 << 30)
    step = 2.0 ** (1 - open_network(checkpoint).design.precision.activation)
    rows = (tmp_path / "test_image.txt").read_text().splitlines()
    assert [float(row) / step for row in rows] == arrays["pixels_0"].ravel().tolist()
    assert (tmp_path / "test_image_gt.txt").read_text() == str(arrays["text_0"]) + "\n"
    assert foldline("export", checkpoint, "-o", tmp_path / "d.npz").exit_code == 0
    results = [
        json.loads(foldline("simulate", tmp_path / "d.npz", *given, "--json").stdout)
        for given in ([tmp_path / "test_image.txt"], ["--pixels", tmp_path / "test_image.npz"])
    ]
    assert results[0]["labels"] == results[1]["labels"] == arrays["labels_0"].tolist()


def test_a_test_image_is_not_written_over_another_output(folder, checkpoint, tmp_path):
    result = foldline(
        *("export", checkpoint, "--data", folder, "--test-image", tmp_path / "net", "-o", tmp_path / "net.hpp"),
    )
    assert result.exit_code == 1 and "output and header are the same file" in result.stderr


def test_the_same_line_gives_the_same_bytes(folder, checkpoint, tmp_path):
    for name in ("one.npz", "two.hpp", "three.txt"):  # any suffix names all files
        assert export(folder, checkpoint, tmp_path / name).exit_code == 0
    for ending in (".npz", ".hpp", ".txt", "_gt.txt"):
        one, two, three = ((tmp_path / f"{name}{ending}").read_bytes() for name in ("one", "two", "three"))
        assert one == two == three
    assert not list(tmp_path.glob("test_image*"))


def test_a_name_with_a_dot_is_kept(folder, checkpoint, tmp_path):
    assert export(folder, checkpoint, tmp_path / "line.bin").exit_code == 0
    assert (tmp_path / "line.bin.npz").exists()
    assert (tmp_path / "line.bin.hpp").exists()


def test_a_checkpoint_that_computes_otherwise_is_told_of(folder, tmp_path):
    # Far from trained, the two arithmetics and the two roundings read different things on some line.
    state = train(tiny.quantized(epochs=3), tiny.dataset(), experiments=None).last
    state.save(tmp_path / "o.pt")
    for line in tiny.dataset().validation:
        result = export(folder, tmp_path / "o.pt", "--test-image-line", line.name)
        assert result.exit_code == 0
        (read,) = evaluate_checkpoint(state, [line]).overlay_texts
        differs = read != str(read_npz(tmp_path / "test_image.npz", limit=1 << 30)["text_0"])
        told = f"The board computes otherwise than the checkpoint, which reads: {read}" in result.stderr.splitlines()
        assert told == differs


def test_the_first_line_that_fits_the_overlay_is_taken(folder, checkpoint, tmp_path):
    # 1 x 44 pixels at height 8: ceil(8.1 / 44) = 1 column, rounded down to none.
    narrow = replace(tiny.line("narrow", "a"), source=tiny.draw("a").resize((1, 44)))
    lines = (tiny.line("wide", "abc" * 50), narrow, tiny.line("fits", "abc"))
    data = write_dataset(Dataset(lines, lines, "wide"), tmp_path / "data")
    assert export(folder, checkpoint, "--data", data).exit_code == 0
    assert str(read_npz(tmp_path / "test_image.npz", limit=1 << 30)["name_0"]) == "fits"
    refuses(
        "wide: The line exceeds the overlay: 1066 columns, allowed at most 732.",
        export(folder, checkpoint, "--data", data, "--test-image-line", "wide"),
    )
    data = write_dataset(Dataset(lines, lines[:1], "wider"), tmp_path / "more")
    refuses(
        "None of the 1 validation lines of more has a usable image within the limits of 732 columns and 95 labels.",
        export(folder, checkpoint, "--data", data),
    )


def test_invalid_test_images_are_refused(folder, checkpoint, tmp_path):
    refuses(
        "No validation line of lines is called x; the first of 3 is validation/bca.",
        export(folder, checkpoint, "--test-image-line", "x"),
    )
    refuses(
        "--test-image-line, --data needs --test-image FILE, or a checkpoint without an alphabet of its own.",
        foldline("export", checkpoint, "-o", "x.hpp", "--test-image-line", "x", "--data", "d"),
        status=2,
    )
    floating = train(tiny.hyperparameters(epochs=0), tiny.dataset(), experiments=None).last
    floating.save(tmp_path / "f.pt")
    refuses(
        f"{tmp_path / 'f.pt'} is a float network (QLSTM8_W32B32A32I32_FC_W32B32): its weights and activations are in floating "
        "point, and the hardware takes fixed point. `foldline compare`, `report` and `evaluate` measure it; "
        f"`foldline recipe --warm-up {tmp_path / 'f.pt'}` trains a network for the hardware from its weights.",
        export(folder, tmp_path / "f.pt"),
    )
    kept = shutil.copy(checkpoint, tmp_path / "kept.npz")
    before = kept.read_bytes()
    refuses(
        f"CHECKPOINT and pixels are the same file, {kept}; one would be written over the other.",
        export(folder, kept, kept),
    )
    assert kept.read_bytes() == before
    assert not list(tmp_path.glob("*.hpp"))


# The header alone ---------------------------------------------------------------------------------------------------

AWKWARD = 'a"b\\c??/ µ漢1%s\n*/ //'


def bench_line(**changes) -> BenchLine:
    values = {
        **{
            "name": "1180/010028\\",
            "network": "QLSTM8",
            "bits": 4,
            "reference": AWKWARD,
            "text": "",
            "greedy_text": "é1",
        },
        "columns": np.arange(-8, 8).reshape(4, 4),
        "labels": np.zeros(0, dtype=np.uint8),
        "greedy_labels": np.array([1, 255], dtype=np.uint8),
    }
    return BenchLine(**{**values, **changes})


PROGRAM = r"""
#include "test_image.hpp"
#include <stdio.h>
static void bytes(const char *text) { for (; *text; text++) printf(" %d", (unsigned char)*text); printf("\n"); }
int main(void) {
  int i;
  const signed char *pixels = &test_image_pixels[0][0];
  for (i = 0; i < TEST_IMAGE_COLUMNS * TEST_IMAGE_ROWS; i++) printf(" %d", pixels[i]);
  printf("\n");
  for (i = 0; i < TEST_IMAGE_LABELS; i++) printf(" %d", test_image_labels[i]);
  printf("\n");
  for (i = 0; i < TEST_IMAGE_GREEDY_LABELS; i++) printf(" %d", test_image_greedy_labels[i]);
  printf("\n");
  bytes(test_image_text); bytes(test_image_greedy_text); bytes(test_image_truth);
  return 0;
}
"""


@pytest.mark.parametrize("compiler", [("g++", "-std=c++98", "-x", "c++"), ("g++", "-std=c++17"), ("gcc", "-std=c99")])
def test_compilers_read_the_same_numbers(compiler, tmp_path):
    if shutil.which(compiler[0]) is None:
        pytest.skip(f"{compiler[0]} is not installed")
    line = bench_line()
    (tmp_path / "test_image.hpp").write_text(render_bench_line(line), encoding="utf-8")
    program = tmp_path / ("bench.c" if compiler[0] == "gcc" else "bench.cpp")
    program.write_text(PROGRAM)
    strict = ("-Wall", "-Wextra", "-pedantic", "-Werror")
    subprocess.run([*compiler, *strict, program, "-o", tmp_path / "bench"], check=True)
    said = subprocess.run([tmp_path / "bench"], capture_output=True, text=True, check=True).stdout.split("\n")
    texts = [list(text.encode()) for text in (line.text, line.greedy_text, line.reference)]
    assert [numbers(row) for row in said[:-1]] == [line.columns.ravel().tolist(), [], [1, 255], *texts]


def test_awkward_text_is_read_back(tmp_path):
    header = render_bench_line(bench_line())
    assert header.isascii()
    assert header.splitlines()[1] == "// Line 1180/010028_ of network QLSTM8."
    found = parsed(header)
    assert (found["test_image_truth"], found["test_image_text"]) == (AWKWARD, "")
    assert (found["TEST_IMAGE_LABELS"], found["test_image_labels"]) == (0, [0])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"bits": 3}, "The columns have values -8 to 7; 3 bits allow -4 to 3."),
        (
            {"columns": np.zeros((0, 4), dtype=np.int8)},
            "The columns have shape [0, 4]; it must be [T, I], both at least 1.",
        ),
    ],
)
def test_columns_that_no_header_can_hold_are_refused(changes, message):
    with pytest.raises(DesignError) as caught:
        render_bench_line(bench_line(**changes))
    assert str(caught.value) == message

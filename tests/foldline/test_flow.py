"""From training to comparison, on a language of four letters: train, export, import, verify, simulate, compare."""

import io
import json

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from rich.console import Console

from datapath import Design, Folding, greedy_labels, image_columns
from fixedpoint_sim import simulate
from foldline.cli import main
from foldline.compare.comparison import compare
from foldline.console.terminal import braille, show_comparison, show_line
from foldline.networks import open_network
from hls_gen import read_header
from tests.train import tiny
from train.checkpoint import Checkpoint
from train.data.dataset import read_dataset, write_dataset
from train.experiment import BEST_CER

FOLDING = Folding(pe=2, simd_input=4, simd_recurrent=2)


def run(*arguments):
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_dataset(tiny.dataset(), tmp_path_factory.mktemp("data") / "tiny")


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    """A checkpoint trained from the command line, with what was printed."""
    folder = tmp_path_factory.mktemp("experiments")
    params = folder / "params.json"
    tiny.quantized(epochs=1, prefused_bn_fc=True).to_json(params)
    result = run("train", "-p", params, "-e", folder, "--data", data, "--epochs", 30, "--no-cuda", "--author", "tests")
    (experiment,) = (path for path in folder.iterdir() if path.is_dir())
    return experiment / BEST_CER, result.stdout


def test_training_prints_each_epoch_and_where_the_best_is(trained):
    checkpoint, printed = trained
    lines = printed.splitlines()
    assert lines[0].startswith("QLSTM8_W4B8A4I8_FC_W8B8: ")
    assert sum(line.startswith("epoch ") for line in lines) == 30
    assert lines[-1].startswith("Best by greedy CTC: CER ") and lines[-1].endswith(str(checkpoint))


def test_evaluate_reads_the_validation_lines(trained, data):
    printed = run("evaluate", trained[0], "--data", data).stdout
    best = Checkpoint.load(trained[0]).best_cer
    assert printed.splitlines()[0] == f"3 validation lines of {data.name}:"
    assert printed.splitlines()[1].startswith(f"    greedy CTC: CER {best:.2f} %")
    assert printed.splitlines()[2].startswith("overlay labels: CER ")


def test_export_import_verify_compare(trained, data, tmp_path):
    header, design_path, alphabet, again = (tmp_path / n for n in ("h.hpp", "d.npz", "a.txt", "again.npz"))
    run(
        *("export", trained[0], "-o", header, "--design", design_path, "--alphabet", alphabet),
        *("--pe", 2, "--simd-input", 4, "--simd-recurrent", 2),
    )
    design = Design.load(design_path)
    assert design.folding == FOLDING == read_header(header).folding
    assert design.provenance.author == "tests"
    run("import-header", header, "--alphabet", alphabet, "-o", again)
    assert Design.load(again).same_network(design)
    assert "equal" in run("verify", again, header, data / "imgs").stdout

    result = json.loads(run("compare", trained[0], "--data", data, "--json", "--per-line").stdout)
    assert [(level["level"], level["labels"]) for level in result["levels"]] == [
        ("float-activations", "greedy CTC"),
        ("quantized", "greedy CTC"),
        ("simulated", "greedy CTC"),
        ("quantized", "overlay labels"),
        ("simulated", "overlay labels"),
    ]
    # What is printed was computed: the simulated texts again, one by one.
    for line, shown in zip(read_dataset(data).validation, result["lines"], strict=True):
        trace = simulate(design, image_columns(line.source, target_height=design.inputs, bits=4))
        assert shown["truth"] == line.text
        assert shown["texts"][3:] == [design.alphabet.text(greedy_labels(trace.scores)), trace.text]


def test_the_table_shows_every_backend(trained, data):
    printed = run("compare", trained[0], "--data", data, "--per-line").stdout
    for name in (
        "float activations",
        "quantized",
        "simulated",
        "overlay labels",
        "greedy CTC",
        "reference",
        "validation lines of",
    ):
        assert name in printed


def test_lines_and_table_on_a_narrow_terminal(trained, data):
    design_lines = read_dataset(data).validation
    checkpoint = Checkpoint.load(trained[0])
    comparison = compare(open_network(trained[0]).design, design_lines, checkpoint=checkpoint)
    shown = io.StringIO()
    console = Console(width=60, file=shown)
    show_line(console, comparison, 0, scan=True)
    show_comparison(console, comparison, title="three lines")
    text = shown.getvalue()
    assert comparison.lines[0].text in text
    assert "overlay labels" in text


def test_braille_keeps_the_whole_line():
    page = np.full((32, 400), 255, dtype=np.uint8)
    page[:, -8:] = 0
    drawn = braille(Image.fromarray(page), width=50)
    rows = drawn.split("\n")
    assert all(len(row) <= 50 for row in rows)
    assert rows[0][-1] == "\u28ff"  # all eight dots: the ink at the right end
    assert rows[0][0] == "\u2800"

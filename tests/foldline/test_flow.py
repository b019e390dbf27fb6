"""The whole way, on a language of four letters: train, export, import, verify, simulate, compare; and the demo."""

import io
import json
import shutil

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from rich.console import Console

from datapath import Design, Folding, greedy_labels, image_columns
from fixedpoint_sim import simulate
from foldline import demo
from foldline.cli import main
from foldline.comparison import compare
from foldline.demo import run_demo
from foldline.networks import open_network
from foldline.terminal import braille, show_comparison, show_line
from hls_gen import read_header
from tests.designs import random_design
from tests.train import tiny
from train.checkpoint import Checkpoint
from train.data import read_dataset, write_dataset
from train.experiment import BEST_CER
from train.reporting import Reporter

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
    assert lines[-1].startswith("Best: CER ") and lines[-1].endswith(str(checkpoint))


def test_eval_reads_the_validation_lines(trained, data):
    printed = run("train", "-i", trained[0], "--eval", "--data", data).stdout
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
        ("float", "greedy CTC"),
        ("quantized", "greedy CTC"),
        ("quantized", "overlay labels"),
        ("simulated", "greedy CTC"),
        ("simulated", "overlay labels"),
    ]
    # What is printed was computed: the simulated texts again, one by one.
    for line, shown in zip(read_dataset(data).validation, result["lines"], strict=True):
        trace = simulate(design, image_columns(line.source, target_height=design.inputs, bits=4))
        assert shown["truth"] == line.text
        assert shown["texts"][3:] == [design.alphabet.text(greedy_labels(trace.scores)), trace.text]


def test_the_table_shows_every_level(trained, data):
    printed = run("compare", trained[0], "--data", data, "--per-line").stdout
    for name in ("float", "quantized", "simulated", "overlay labels", "greedy CTC", "truth", "validation lines of"):
        assert name in printed


def test_the_demo_runs_through(trained, tmp_path):
    said = []
    embedded = tmp_path / "embedded.npz"
    open_network(trained[0]).design.save(embedded)
    result = run_demo(
        tmp_path,
        tiny.dataset(),
        hyperparameters=tiny.quantized(epochs=12, prefused_bn_fc=True, forward_arithmetic="HARDWARE"),
        folding=FOLDING,
        embedded=embedded,
        reporter=Reporter(),
        say=said.append,
    )
    assert [sentence[0] for sentence in said] == ["1", "2", " ", "3", " ", "4", " ", " "]
    if shutil.which("g++"):
        assert said[-1].startswith("   C simulation and simulator agree on 3 lines (")
    assert (result.project / "src" / "weights.hpp").is_file()
    kept = (
        result.checkpoint,
        *(path for one in (result.trained, result.embedded) for path in (one.header, one.design)),
    )
    assert {path.name for path in kept} <= {path.name for path in result.folder.iterdir()}
    levels = result.trained.comparison.levels
    assert [level.name for level in levels] == ["float", "quantized", "quantized", "simulated", "simulated"]
    # In the overlay's arithmetic PyTorch and the simulator read the same, decoding by decoding.
    assert [level.texts for level in levels[1:3]] == [level.texts for level in levels[3:]]
    assert [level.name for level in result.embedded.comparison.levels] == ["simulated", "simulated"]
    assert result.trained.proof.lines == result.embedded.proof.lines == 3


def test_without_a_compiler_the_demo_says_so_and_goes_on(tmp_path, monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    said = []
    demo.simulate_hardware(random_design(1, inputs=8), tmp_path / "project", tiny.dataset().validation, say=said.append)
    assert said == [
        "   project/ for Digilent PYNQ-Z1: weights and buffers take 3 of its 140 BRAM36.",
        "   The C simulation is left out. $CXX is no-such-compiler, which is no program here; unset it, or name a C++ "
        "compiler.",
    ]
    assert (tmp_path / "project" / "run_hls.tcl").is_file()


def test_lines_and_table_on_a_narrow_terminal(trained, data):
    design_lines = read_dataset(data).validation
    checkpoint = Checkpoint.load(trained[0])
    comparison = compare(open_network(trained[0]).design, design_lines, checkpoint=checkpoint)
    shown = io.StringIO()
    console = Console(width=60, file=shown)
    show_line(console, comparison.lines[0], comparison.levels, 0, scan=True)
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

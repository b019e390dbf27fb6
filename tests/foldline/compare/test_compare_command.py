"""`foldline compare`: output, exit status, and what the backend `board` needs."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest

from datapath import Limits
from datapath.errors import BoardError
from datapath.manifest import Kernel
from foldline.compare.backends import BACKENDS
from foldline.compare.comparison import compare
from foldline.compare.paired import rated_results
from foldline.compare.tables import HEADINGS, TEXT_COLUMNS, as_json, plain_report, table_row
from foldline.console.text import plain_table
from foldline.hardware import board as board_module
from overlay_driver.virtual import Computed
from tests.designs import random_design
from tests.foldline import command_line
from tests.foldline.stand_in_board import StandInBoard
from tests.golden_data import REPOSITORY
from tests.train import tiny
from train.data.dataset import write_dataset

run = partial(command_line.run, "compare")


RATES = (
    "CER, WER: total distance / total length. Per line: the original trainer's, averaged over lines. 95 %: bootstrap interval "
    "of the CER over lines."
)

UNREADABLE = (
    "1 of 3 validation lines hold characters that the network has no class for: U+0020 SPACE once. At best the CER on the "
    "validation lines is 11.11 % (1 of 9 characters).\n"
)
"""The space of "ac b": the design of these tests has none."""

VIRTUAL = "The virtual board computes with the simulator: it tests the driver and its buffers."


@pytest.fixture(scope="module")
def design():
    """Its texts on the three lines are baabb, bbb and bb."""
    return random_design(26, bits=(8, 8, 4, 8, 8), inputs=8, hidden=4, classes=5)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_dataset(tiny.dataset(), tmp_path_factory.mktemp("data") / "tiny")


@pytest.fixture
def saved(design, tmp_path):
    design.save(tmp_path / "design.npz")
    return tmp_path / "design.npz"


@pytest.fixture
def opened(monkeypatch):
    """How the board was opened; its `board` is what is opened, the simulator unless a test sets another."""
    seen = SimpleNamespace(board=None, options=None)

    def open_driver(design, **options):
        seen.options = options
        return seen.board or StandInBoard(design)

    monkeypatch.setattr(board_module, "open_driver", open_driver)
    return seen


# Options ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--backends", "board,fpga"), ("--backends", "'fpga'", ", ".join(BACKENDS))),
        (("--backends", ""), ("--backends", "''", ", ".join(BACKENDS))),
        (("--device", "virtual"), ("--device", "--backends")),
        (
            ("--backends", "simulated,csim", "--manifest", "a.json", "--bitstream", "a.bit"),
            ("--bitstream, --manifest", "--backends"),
        ),
        (("--backends", "board", "--ignore-limits"), ("--ignore-limits", "board")),
    ],
)
def test_options_that_have_no_effect_or_contradict_are_refused(saved, data, opened, options, named):
    result = run(saved, "--data", data, *options)
    assert result.exit_code == 2
    assert all(name in result.stderr.splitlines()[-1] for name in named)
    assert opened.options is None


def test_a_design_has_no_pytorch_backends_and_no_board_is_opened_for_them(saved, data, opened):
    result = run(saved, "--data", data, "--backends", "board,float-activations")
    assert result.exit_code == 1
    assert re.fullmatch("Error: backends has float-activations, .* checkpoint.*\n", result.stderr)
    assert opened.options is None


def test_the_board_is_opened_as_the_options_say(saved, data, opened, tmp_path):
    result = run(saved, "--data", data, "--backends", "board")
    assert result.exit_code == 0, result.output
    assert opened.options == {"device": "virtual", "bitstream": None, "manifest": None, "kernel": None}
    bit, manifest = tmp_path / "a.bit", tmp_path / "b.json"
    options = ("--device", "remote:pynq:7967", "--bitstream", bit, "--manifest", manifest, "--kernel", "hls")
    assert run(saved, "--data", data, "--backends", "board", *options).exit_code == 0
    assert opened.options == {
        "device": "remote:pynq:7967",
        "bitstream": bit,
        "manifest": manifest,
        "kernel": Kernel.HLS,
    }


# What is printed ----------------------------------------------------------------------------------------------------


def test_backends_in_their_order_and_that_they_agree(saved, data, opened):
    result = run(saved, "--data", data, "--backends", " board, simulated")
    assert (result.exit_code, result.stderr) == (0, UNREADABLE)
    lines = result.stdout.splitlines()
    assert [line.split("│")[1].strip() for line in lines if line.startswith("│")] == [
        *("simulated hardware", "simulated hardware", "virtual board (modelled)")
    ]
    assert " ".join(lines[-6:-4]) == RATES
    assert lines[-4:] == [
        "Virtual board: 3 lines, 74 columns in 18.500 ms, modelled from the cycle count at 100 MHz: 0.4 GOPS.",
        "A line takes 6.167 ms on average (modelled).",
        "simulated and board agree on all 3 lines (10 labels).",
        VIRTUAL,
    ]


def test_a_line_that_differs_is_printed_and_the_status_is_1(design, saved, data, opened):
    opened.board = StandInBoard(design, lambda number, labels: labels[::-1] if number == 0 else labels)
    result = run(saved, "--data", data, "--backends", "simulated,board")
    assert (result.exit_code, result.stderr) == (
        1,
        f"{UNREADABLE}Error: Backends that must agree differ on 1 line of 3.\n",
    )
    assert result.stdout.splitlines()[-5:] == [
        "simulated and board must agree, and differ on 1 of 3 lines:",
        "  validation/bca: simulated and board differ from label 1 on (the first is label 0); they have 5 and 5 labels.",
        "    simulated  'baabb' = 2 1 1 2 2",
        "    board      'bbaab' = 2 2 1 1 2",
        VIRTUAL,
    ]
    entries = run(saved, "--data", data, "--backends", "simulated,board", "--json")
    assert entries.exit_code == 1
    assert json.loads(entries.stdout)["disagreements"] == [
        {
            "line": "validation/bca",
            "levels": ["simulated", "board"],
            "labels": [[2, 1, 1, 2, 2], [2, 2, 1, 1, 2]],
            "texts": ["baabb", "bbaab"],
            "first": 1,
            "apart": "",
        }
    ]


def test_a_line_that_fails_on_the_board_is_status_1(design, saved, data, opened):
    failing = BoardError("The accelerator did not finish.")
    opened.board = StandInBoard(design, lambda number, labels: failing if number == 2 else labels)
    result = run(saved, "--data", data, "--backends", "board", "--json")
    assert (result.exit_code, result.stderr) == (1, f"{UNREADABLE}Error: 1 line failed on the board.\n")
    found = json.loads(result.stdout)
    assert found["failed"] == ["validation/cb: The accelerator did not finish."]
    assert found["levels"][0]["lines"] == 2


def test_json_has_times_marks_them_as_modelled(design):
    lines = tiny.dataset().validation
    comparison = compare(design, lines, backends=("simulated", "board"), board=StandInBoard(design))
    found = as_json(comparison, experiment="e", data="d", per_line=True)
    assert json.loads(json.dumps(found)) == found
    assert found["board"] == {
        "kind": "virtual board",
        "modelled": True,
        "at_most": False,
        "clock_mhz": 100.0,
        "lines": 3,
        "columns": 74,
        "milliseconds": 18.5,
        "milliseconds_per_line": pytest.approx(18.5 / 3),
        "gops": pytest.approx(0.4),
    }
    assert found["compared"] == ["simulated", "board"]
    assert found["disagreements"] == found["failed"] == []
    assert [line["board"] for line in found["lines"]] == [
        {"columns": columns, "milliseconds": columns / 4, "modelled": True, "at_most": False}
        for columns in (24, 32, 18)
    ]


def test_the_c_simulation_of_fewer_lines_leaves_the_others_open(csim_builds, csim_design):
    lines = tiny.dataset().validation
    comparison = compare(csim_design, lines, backends=BACKENDS[3:5], csim_lines=1)
    found = as_json(comparison, experiment="e", data="d", per_line=True)
    # 24 columns: 2 directions of 4 units, and 5 classes.
    assert found["csim"] == {"lines": 1, "columns": 24, "hidden_words": 192, "scores": 120, "labels": 2}
    assert [line["texts"][2] for line in found["lines"]] == ["cc", None, None]
    report = list(plain_report(comparison, title="t", per_line=True))
    assert sum(row.startswith("C simulation (first line), overlay labels ") for row in report) == 1
    assert table_row(rated_results([comparison])[2])[-1] == "0 of 1"


def test_a_plain_table_is_aligned():
    row = ("board", "overlay labels", "0.08", "0.00 to 0.20", "10.4", "0.1", "0.2", "97 of 99")
    assert list(plain_table([HEADINGS, row], text_columns=TEXT_COLUMNS)) == [
        "backend  labels by       CER %          95 %  WER %  CER % per line  WER % per line     exact",
        "-------  --------------  -----  ------------  -----  --------------  --------------  --------",
        "board    overlay labels   0.08  0.00 to 0.20   10.4             0.1             0.2  97 of 99",
    ]


# Lines -------------------------------------------------------------------------------------------------------------


def test_a_design_alone_has_the_simulated_backend(tmp_path):
    data, saved = tmp_path / "data", tmp_path / "design.npz"
    random_design(3, inputs=32, hidden=8, classes=5, limits=Limits(columns=200, labels=95)).save(saved)
    made = command_line.run("data", "synth", "-o", data, "--training", 81, "--validation", 6, "--max-characters", 10)
    assert made.exit_code == 0, made.output
    result = run(saved, "--data", data, "--json", "--per-line", "--ignore-limits")
    assert result.exit_code == 0, result.output
    comparison = json.loads(result.stdout)
    assert [(level["level"], level["labels"]) for level in comparison["levels"]] == [
        ("simulated", "greedy CTC"),
        ("simulated", "overlay labels"),
    ]
    assert len(comparison["lines"]) == comparison["levels"][0]["lines"] == 6


def test_lines_that_exceed_a_limit_are_left_out_and_named(tmp_path):
    data, saved = tmp_path / "data", tmp_path / "design.npz"
    random_design(3, inputs=32, hidden=8, classes=5, limits=Limits(columns=200, labels=95)).save(saved)
    command_line.run("data", "synth", "-o", data, "--training", 81, "--validation", 12, "--max-characters", 20)
    result = json.loads(run(saved, "--data", data, "--json").stdout)
    assert 0 < len(result["left_out"]) < 12
    assert result["levels"][0]["lines"] == 12 - len(result["left_out"])
    assert all("columns, allowed at most 200" in sentence for sentence in result["left_out"])


# On a board ---------------------------------------------------------------------------------------------------------

ON_A_BOARD = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "numba", "rich", "jinja2", "matplotlib", "Levenshtein", "pynq"}:
            raise ModuleNotFoundError(f"{name} is blocked", name=name)

sys.meta_path.insert(0, Blocker())

import numpy as np
import foldline.hardware.board
from foldline.cli import main
from overlay_driver import BoardResult

LABELS = [[2, 1, 1, 2, 2], [2, 2, 2], [2]]

class Board:
    def __init__(self, design):
        self.design = design
        self.kind, self.clock_mhz, self.measured, self.notes = "board", 100.0, "at 100 MHz", ()
    def __enter__(self):
        return self
    def __exit__(self, *error):
        pass
    def read_lines(self, lines):
        for columns, labels in zip(lines, LABELS):
            yield BoardResult(
                text=self.design.alphabet.text(labels), labels=np.array(labels, dtype=np.uint8), columns=len(columns),
                milliseconds=len(columns) / 8, at_most=False, modelled=False, operations=1000 * len(columns),
            )

foldline.hardware.board.open_driver = lambda design, **options: Board(design)
main(sys.argv[1:], prog_name="foldline")
"""


def test_on_a_board_that_has_neither_torch_nor_numba_nor_rich(saved, data):
    command = [sys.executable, "-W", "error", "-c", ON_A_BOARD, "compare", saved, "--data", data, "--per-line"]
    command += ["--backends", "board", "--device", "board", "--bitstream", "a.bit"]
    result = subprocess.run(
        [*map(str, command)], cwd=REPOSITORY, capture_output=True, text=True, timeout=120, check=False
    )
    assert (result.returncode, result.stderr) == (0, UNREADABLE)
    assert result.stdout.splitlines() == [
        "validation/bca",
        "reference              bca",
        "board, overlay labels  baabb  (differs)",
        "validation/ac b",
        "reference              ac b",
        "board, overlay labels  bbb  (differs)",
        "validation/cb",
        "reference              cb",
        "board, overlay labels  b  (differs)",
        "QLSTM4_W8B8A4I8_FC_W8B8 on 3 validation lines of tiny",
        "backend  labels by       CER %             95 %  WER %  CER % per line  WER % per line   exact",
        "-------  --------------  -----  ---------------  -----  --------------  --------------  ------",
        "board    overlay labels  77.78  50.00 to 100.00  100.0           61.67           100.0  0 of 3",
        RATES,
        "Board: 3 lines, 74 columns in 9.250 ms, measured at 100 MHz: 0.0 GOPS.",
        "A line takes 3.083 ms on average.",
    ]
    blocked = [*map(str, [*command[:-6], "--backends", "simulated"])]
    result = subprocess.run(blocked, cwd=REPOSITORY, capture_output=True, text=True, timeout=120, check=False)
    assert (result.returncode, result.stderr) == (
        *(1, f"{UNREADABLE}Error: This command needs numba, which is not installed: pip install 'foldline[sim]'.\n"),
    )


@pytest.mark.pynq
def test_simulator_and_virtual_board_agree(design, data, tmp_path):
    """The real one, with its own limits."""
    path = tmp_path / "design.npz"
    replace(design, limits=Limits(columns=30, labels=95)).save(path)
    result = run(path, "--data", data, "--backends", "board,simulated", "--json", "--per-line")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["left_out"] == ["validation/ac b: 32 columns, allowed at most 30"]
    assert (found["compared"], found["disagreements"]) == (["simulated", "board"], [])
    assert (found["board"]["kind"], found["board"]["modelled"]) == ("virtual board", True)
    assert [line["texts"][1:] for line in found["lines"]] == [["baabb"] * 2, ["bb"] * 2]
    alone = run(path, "--data", data, "--backends", "board", "--json")
    assert alone.exit_code == 0, alone.output
    found = json.loads(alone.stdout)
    assert found["left_out"] == ["validation/ac b: The line has 32 columns; the accelerator takes 1 to 30."]
    assert found["levels"][0]["lines"] == 2
    assert np.isfinite(found["board"]["gops"])


@pytest.mark.pynq
def test_no_rate_of_a_board_that_goes_wrong_is_printed(design, data, tmp_path, monkeypatch):
    """Its output is stuck from the first line of the dataset on: none of its texts counts."""
    path = tmp_path / "design.npz"
    held = replace(design, limits=Limits(columns=60, labels=95))
    held.save(path)
    core_of, computed = board_module.simulated_core, []

    def stuck(design, kernel):
        core = core_of(design, kernel)
        compute = core._compute

        def changed(columns):
            computed.append(columns)
            return compute(columns) if len(computed) <= known else Computed(np.array([1], np.uint8), 1)

        core._compute = changed
        return core

    known = len(board_module.known_answers(held))
    monkeypatch.setattr(board_module, "simulated_core", stuck)
    result = run(path, "--data", data, "--backends", "board,simulated", "--json")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "None of 3 lines could be computed on the board; the first: " in result.stderr
    assert "The result is not reliable: 3 lines were computed after the last check that passed. " in result.stderr


# Several networks ---------------------------------------------------------------------------------------------------


def test_networks_are_compared_on_the_lines_that_all_can_compute(design, saved, data, tmp_path):
    """The second design, of other weights, takes at most 30 columns: not the line of 32."""
    other = tmp_path / "other.npz"
    replace(random_design(3, inputs=8, hidden=4, classes=5), limits=Limits(columns=30, labels=95)).save(other)
    result = run(saved, other, "--data", data, "--json", "--confusions", 2)
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)["networks"]
    assert [one["source"] for one in found] == [str(saved), str(other)]
    first, second = (one["levels"] for one in found)
    assert [level["lines"] for level in (*first, *second)] == [2] * 4
    assert found[1]["left_out"] == ["validation/ac b: 32 columns, allowed at most 30"]
    assert not any("difference" in level for level in first)
    for one, level in zip(first, second, strict=True):
        assert (level["difference"]["network"], level["difference"]["level"]) == (0, "simulated")
        assert level["difference"]["points"] == pytest.approx(level["cer"] - one["cer"])
        assert level["difference"]["interval"][0] <= level["difference"]["points"] <= level["difference"]["interval"][1]
        assert level["cer_interval"][0] <= level["cer"] <= level["cer_interval"][1]
    errors = [sum(one["count"] for one in network["confusions"]) for network in found]
    assert all(len(network["confusions"]) == 2 for network in found) and min(errors) >= 2
    printed = run(saved, other, "--data", data, "--confusions", 2).stdout
    assert "2 networks on 2 validation lines of tiny" in printed
    assert "  validation/ac b: 32 columns, allowed at most 30" in printed.splitlines()
    assert f"{other}: " in printed


def test_a_bitstream_of_several_networks_is_refused(saved, data):
    result = run(saved, saved, "--data", data, "--backends", "board", "--bitstream", "a.bit")
    assert result.exit_code == 2 and "--bitstream" in result.stderr.splitlines()[-1]

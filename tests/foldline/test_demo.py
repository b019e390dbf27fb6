"""The demo with a network of four letters: its steps, its table of all backends, and backends that are missing."""

import re

import numpy as np
import pytest

from datapath import Design, Folding
from datapath.errors import MismatchError, ToolError
from foldline import demo
from foldline.demo import CSIM_LINES, compare_all, run_demo
from tests.designs import random_design
from tests.foldline.stand_in_board import StandInBoard
from tests.train import tiny
from train.checkpoint import Checkpoint
from train.reporting import Reporter

pytestmark = pytest.mark.no_numpy2

FOLDING = Folding(pe=2, simd_input=4, simd_recurrent=2)
LINES = tiny.dataset().validation


NO_VERILATOR = "There is no Verilator."


def stand_in(design, *, device):
    """A substitute for the virtual board, without the RTL."""
    if device == "rtl":
        raise ToolError(NO_VERILATOR)
    return StandInBoard(design)


def without_pynq(design, *, device):
    raise ModuleNotFoundError("No module named 'pynq'", name="pynq")


def without_compiler(monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")


NO_COMPILER = "   C simulation skipped: $CXX is no-such-compiler"


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """Result and messages of the demo without a compiler and with a substitute for the board."""
    folder = tmp_path_factory.mktemp("demo")
    messages = []
    random_design(3, inputs=8, hidden=4, classes=5).save(folder / "embedded.npz")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo, "open_driver", stand_in)
        without_compiler(patch)
        result = run_demo(
            folder,
            tiny.dataset(),
            hyperparameters=tiny.quantized(epochs=30, prefused_bn_fc=True, forward_arithmetic="HARDWARE"),
            folding=FOLDING,
            embedded=folder / "embedded.npz",
            reporter=Reporter(),
            log=messages.append,
        )
    return result, messages


@pytest.fixture
def network(ran):
    """Design and checkpoint that the demo trained."""
    result, _ = ran
    return Design.load(result.trained.design), Checkpoint.load(result.checkpoint)


def names(comparison):
    return [result.name for result in comparison.results]


def test_the_demo_logs_its_steps_and_keeps_its_files(ran):
    result, messages = ran
    assert [message[0] for message in messages] == ["1", "2", " ", "3", " ", "4", " ", "5", " ", " ", "6"]
    assert re.search(r"PYNQ-Z2: weights need \d[\d.]* of 140 BRAM36", messages[-5])
    assert messages[-3].startswith(NO_COMPILER)
    assert messages[-2] == f"   RTL simulation skipped: {NO_VERILATOR}"
    assert (result.project / "rtl" / "input_weights.mem").is_file()
    assert (result.project / "build.tcl").is_file()
    kept = (
        result.checkpoint,
        *(path for one in (result.trained, result.embedded) for path in (one.header, one.design)),
    )
    assert {path.name for path in kept} <= {path.name for path in result.folder.iterdir()}
    assert result.trained.verified.lines == result.embedded.verified.lines == 3


def test_it_ends_with_a_report_of_both_networks_and_the_training(ran):
    result, messages = ran
    assert "report" in messages[-1]
    assert result.report == result.folder / "report.html"
    text = result.report.read_text(encoding="utf-8")
    assert "trained by the demo" in text
    assert "included with Foldline" in text
    assert "Loss: mean CTC loss of the training lines" in text
    for line in result.comparison.lines:
        assert line.name in text


def test_its_table_has_every_backend_of_the_trained_network(ran):
    comparison = ran[0].comparison
    assert names(comparison) == ["float-activations", "quantized", "quantized", "simulated", "simulated", "board"]
    # In the overlay's arithmetic, PyTorch, the simulator and the board give equal texts for each decoding.
    texts = [result.texts for result in comparison.results]
    assert texts[1] == texts[3]
    assert texts[2] == texts[4] == texts[5]
    assert any(texts[2])
    assert comparison.results[-1].title == "virtual board (modelled)"
    assert comparison.agreement.message.startswith("simulated and board agree on all 3 lines (")
    assert names(ran[0].embedded_comparison) == ["simulated", "simulated"]


def test_the_c_simulation_computes_few_lines(network, csim_builds, monkeypatch):
    monkeypatch.setattr(demo, "open_driver", stand_in)
    monkeypatch.setattr(demo, "CSIM_LINES", 2)
    design, checkpoint = network
    messages = []
    comparison = compare_all(design, LINES, checkpoint=checkpoint, log=messages.append)
    assert messages == [f"   RTL simulation skipped: {NO_VERILATOR}"]
    assert names(comparison)[-2:] == ["csim", "board"]
    assert [result.rates.lines for result in comparison.results] == [3, 3, 3, 3, 3, 2, 3]
    assert comparison.agreement.message.endswith("and csim on the first 2 lines.")
    assert CSIM_LINES == 3


def test_without_pynq_the_board_is_skipped_with_the_reason(network, monkeypatch):
    without_compiler(monkeypatch)
    design, checkpoint = network
    messages = []
    monkeypatch.setattr(demo, "open_driver", without_pynq)
    comparison = compare_all(design, LINES, checkpoint=checkpoint, log=messages.append)
    assert messages[0].startswith(NO_COMPILER)
    missing = "skipped: pynq is not installed: pip install 'foldline[board]'."
    assert messages[1:] == [f"   RTL simulation {missing}", f"   Board {missing}"]
    assert names(comparison) == ["float-activations", "quantized", "quantized", "simulated", "simulated"]

    def broken(design, *, device):
        raise ImportError("numpy.core.multiarray failed to import.\nand more")

    monkeypatch.setattr(demo, "open_driver", broken)
    compare_all(design, LINES, checkpoint=checkpoint, log=messages.append)
    assert messages[-1] == "   Board skipped: pynq cannot be imported: numpy.core.multiarray failed to import."


def test_a_backend_that_differs_ends_the_demo(network, monkeypatch):
    without_compiler(monkeypatch)
    design, checkpoint = network

    def wrong(design, *, device):
        if device == "rtl":
            raise ToolError(NO_VERILATOR)
        return StandInBoard(design, lambda number, labels: np.append(labels, 1) if number == 1 else labels)

    monkeypatch.setattr(demo, "open_driver", wrong)
    with pytest.raises(MismatchError) as error:
        compare_all(design, LINES, checkpoint=checkpoint, log=lambda message: None)
    summary, agreement, line, *texts = str(error.value).splitlines()
    assert "1 line of 3" in summary
    assert re.search("simulated and board .* 1 of 3 lines", agreement)
    assert line.startswith(f"  {LINES[1].name}: simulated and board differ from label ")
    assert len(texts) == 2


@pytest.mark.pynq
def test_the_demo_s_board_is_the_virtual_one_and_its_first_lines_are_simulated_on_the_rtl(
    network, csim_builds, rtl_builds, monkeypatch
):
    monkeypatch.setattr(demo, "RTL_LINES", 2)
    design, checkpoint = network
    comparison = compare_all(design, LINES, checkpoint=checkpoint, log=lambda message: None)
    assert comparison.results[-1].title == "virtual board (modelled)"
    assert comparison.agreement.backends == ("simulated", "csim", "rtl", "board")
    assert comparison.board.total.lines == 3
    assert comparison.rtl.total.lines == 2
    assert comparison.rtl.kind == "virtual board with the RTL"

"""`foldline synth`: what it prints is what was counted, and every refusal is one sentence."""

import json
import sys
from functools import partial

import pytest

from datapath import Limits
from datapath.boards import load_board
from tests.designs import random_design
from tests.foldline import command_line
from tests.rtl_gen.synthesis.stand_ins import report_json, small_netlist

pytestmark = pytest.mark.no_numpy2

run = partial(command_line.run, "synth")


def fails(message, *arguments, status=1):
    command_line.fails(message, "synth", *arguments, status=status)


@pytest.fixture
def design_file(tmp_path):
    design = random_design(5, bits=(2, 2, 2, 2, 2), inputs=2, hidden=4, classes=3, limits=Limits(columns=8, labels=2))
    design.save(tmp_path / "design.npz")
    return tmp_path / "design.npz"


def test_the_table_has_every_stage_the_sum_and_the_part(design_file, synthesis_tools):
    synthesis_tools.yosys(small_netlist("xc7"))
    board = load_board("pynq-z1")
    result = run(design_file, "--pe", 2)
    assert result.exit_code == 0, result.output
    first, _, *table = result.stdout.splitlines()
    assert first.endswith("PE 2, SIMD 1 and 1, PE_OUT 1, for XC7Z020 of a PYNQ-Z1 by yosys 9.9.")
    rows = {line[:18].strip(): line[18:].split() for line in table[2:10]}
    assert rows == {
        "hidden layer": ["2", "1", "0", "0"],
        "dot products": ["1", "0", "0", "0"],
        "the rest": ["1", "1", "0", "0"],
        "registers, control": ["1", "1", "0", "0"],
        "all": ["3", "2", "0", "0"],
        "the part has": [str(n) for n in (board.luts, board.ffs, board.bram36, board.dsps)],
        "share": ["0", "%"] * 4,
        "": [],
    }
    name = "accelerator_i.recognise_i.hidden_layer.fold"
    assert f"Logic depth: 2 levels, from {name} to {name}." in table


def test_json_has_the_figures_of_the_table_and_after_routing_the_clock(design_file, synthesis_tools):
    synthesis_tools.yosys(small_netlist("ecp5"))
    synthesis_tools.nextpnr(report_json())
    routed = run(design_file, "--target", "ecp5", "--place", "--seed", 4, "--pe-out", 3, "--json")
    assert routed.exit_code == 0, routed.output
    found = json.loads(routed.stdout)
    assert found["target"] == "ecp5"
    assert found["folding"] == {"pe": 1, "simd_input": 1, "simd_recurrent": 1, "pe_out": 3}
    assert found["tools"] == {"yosys": "9.9", "nextpnr-ecp5": "8.8"}
    assert found["resources"] == {"luts": 3, "ffs": 2, "bram36": 0.0, "dsps": 0}
    hidden, control = found["stages"]
    assert (hidden["stage"], hidden["luts"], control["stage"], control["luts"]) == ("hidden", 2, "control", 1)
    assert [part["part"] for part in hidden["parts"]] == ["products", "rest"]
    assert control["parts"] == []
    assert found["logic_levels"] == 2
    assert (found["fmax_mhz"], found["seed"]) == (80.0, 4)
    assert (found["worst_path"]["start"], found["worst_path"]["routing"]) == (found["deepest_path"]["start"], 11.5)
    assert found["used"] == {"TRELLIS_COMB": 3}
    counted = json.loads(run(design_file, "--target", "ecp5", "--pe-out", 3, "--json").stdout)
    assert counted == {name: found[name] for name in counted} | {"tools": {"yosys": "9.9"}}
    text = run(design_file, "--target", "ecp5", "--place", "--seed", 4, "--pe-out", 3).stdout
    assert "Routed with seed 4: 80.0 MHz. Worst path 12.50 ns, 1.00 logic and 11.50 routing," in text


def test_what_cannot_be_placed_is_refused_before_anything_is_synthesised(design_file, synthesis_tools):
    synthesis_tools.yosys(small_netlist("xc7"))
    fails("target is 'xc7'; only 'ecp5' can be placed and routed here.", design_file, "--place")
    fails("seed is 0; it must be 1 to 2147483647.", design_file, "--target", "ecp5", "--place", "--seed", "0")
    fails("--seed needs --place: synthesis has no seed.", design_file, "--seed", 2, status=2)
    assert synthesis_tools.runs("yosys") == []


def test_absent_tools_are_one_sentence(design_file, synthesis_tools, monkeypatch, tmp_path):
    synthesis_tools.yosys(small_netlist("ecp5"))
    monkeypatch.delenv("NEXTPNR_ECP5", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    fails(("no nextpnr-ecp5", "pip install 'foldline[synth]'"), design_file, "--target", "ecp5", "--place")
    monkeypatch.delenv("YOSYS")
    fails(("no yosys", "pip install 'foldline[synth]'"), design_file)

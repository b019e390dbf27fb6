"""A tiny design with yosys and nextpnr themselves: the figures agree with what the tools say of the same netlist."""

import re

import pytest

from datapath import Limits
from datapath.errors import ToolError
from rtl_gen.synthesis.counting import STAGES
from rtl_gen.synthesis.flow import place, read_netlist, synthesise
from rtl_gen.synthesis.tools import find_nextpnr, find_yosys
from tests.designs import random_design
from tests.rtl_gen.test_reading import path_tool, yosys_of_package

pytestmark = [pytest.mark.no_numpy2, pytest.mark.slow]

DESIGN = random_design(
    1, bits=(2, 2, 2, 2, 2), inputs=2, hidden=2, classes=3, folding=(1, 2, 1), limits=Limits(columns=8, labels=2)
)
DSPS = 3
"""Products of the cell: i * g, f * c, tanh(c) * o."""
BUSES = {"dma_in", "dma_out"}


def test_a_routed_design_has_the_cells_that_were_counted_and_its_worst_path_is_its_clock(tmp_path):
    try:
        find_yosys(), find_nextpnr()
    except ToolError as error:
        pytest.skip(str(error))
    said = []
    synthesis = synthesise(DESIGN, "ecp5", progress=said.append, cache=tmp_path)
    assert {stage for stage, _ in synthesis.stages} == {*STAGES, "control"} - BUSES
    netlist = read_netlist(synthesis.entry, synthesis.target.top)
    assert any("hidden_layer" in cell.path and "multiply" in cell.path for cell in netlist.cells.values())

    routed = place(synthesis, progress=said.append, cache=tmp_path)
    used, total = {kind: used for kind, (used, _) in routed.used.items()}, synthesis.total
    assert (used["TRELLIS_FF"], used["DP16KD"], used["MULT18X18D"]) == (total.ffs, 2 * total.bram36, total.dsps)
    assert total.luts <= used["TRELLIS_COMB"] <= 1.2 * total.luts  # with those that constants and carry chains need
    path = routed.worst_path
    assert path.nanoseconds == pytest.approx(1000 / routed.fmax_mhz, abs=0.01)
    assert path.logic + path.routing == pytest.approx(path.nanoseconds, abs=0.01)
    for name in (path.start, path.end, *path.through, synthesis.depth.start, synthesis.depth.end):
        assert re.fullmatch(r"serial_accelerator_i(\.[a-z0-9_]+(\[\d+\])*)+", name), name
    assert {"yosys: SYNTH_ECP5 pass", "counting", "nextpnr: Routing"} <= set(said)


@pytest.mark.parametrize(
    "find",
    [
        pytest.param(lambda: path_tool("yosys"), id="yosys"),
        pytest.param(yosys_of_package, id="yosys of PyPI", marks=pytest.mark.exhaustive),
    ],
)
def test_two_versions_of_yosys_make_the_same_stages(find, monkeypatch, tmp_path):
    monkeypatch.setenv("YOSYS", find())
    found = synthesise(DESIGN, "xc7", cache=tmp_path)
    assert {stage for stage, _ in found.stages} == {*STAGES, "control"} - {"link"}
    assert found.stages[("hidden", "cells")].dsps == found.total.dsps == DSPS
    assert found.total.bram36 == 0
    for counts in found.stages.values():
        assert counts.luts + counts.ffs > 0
    assert 2 <= found.depth.levels <= 10

"""The files of a design: parameters, top and memory files; their words read back as the weights."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from datapath import Limits
from datapath.boards import board_names, load_board
from datapath.bounds import sum_bounds
from datapath.errors import FileError, FoldlineError
from datapath.generated_files import LIST
from datapath.registers import CONTROL_BYTES
from datapath.roms import design_roms
from datapath.tables import SIGMOID, TANH
from rtl_gen.sources import library_files, memory_words, parameters, render_rtl, write_rtl
from tests.designs import random_design


def design(**changes):
    wide = {"bits": (3, 6, 5, 7, 5), "inputs": 6, "hidden": 6, "classes": 5, "folding": (2, 3, 2), "pe_out": 2}
    return random_design(1, **(wide | changes))


def elements_of(text: str, *, bits: int, count: int) -> np.ndarray:
    """Signed elements [words, count] of a memory file, read digit by digit."""
    words = [int(line, 16) for line in text.splitlines()]
    unsigned = np.array([[word >> (k * bits) & ((1 << bits) - 1) for k in range(count)] for word in words])
    return unsigned - ((unsigned >> (bits - 1)) << bits)


def test_memory_files_hold_the_weights_of_all_processing_elements():
    files = render_rtl(design(peepholes=(9, 3)))
    for rom in design_roms(design(peepholes=(9, 3))):
        parallel, depth, count = rom.elements.shape
        found = elements_of(files[f"{rom.name}.mem"], bits=rom.bits, count=parallel * count)
        assert np.array_equal(found.reshape(depth, parallel, count).swapaxes(0, 1), rom.elements), rom.name


def test_tables_are_those_of_the_datapath():
    files = render_rtl(design())
    assert [int(line, 16) for line in files["sigmoid.mem"].splitlines()] == SIGMOID.entries.tolist()
    assert elements_of(files["tanh.mem"], bits=8, count=1).ravel().tolist() == TANH.entries.tolist()


def test_a_word_has_as_many_digits_as_its_bits_need():
    assert memory_words(np.array([[1, -1], [-2, 0]]), 2) == "d\n2\n"
    assert memory_words(np.array([[-1, 0, -1]]), 3) == "1c7\n"


def test_peepholes_have_a_file_only_where_there_are_any():
    assert "peepholes.mem" not in render_rtl(design())


def test_weights_decide_the_widths_of_the_sums_and_no_other_parameter():
    other = parameters(random_design(2, **{
        "bits": (3, 6, 5, 7, 5), "inputs": 6, "hidden": 6, "classes": 5, "folding": (2, 3, 2), "pe_out": 2
    }))  # fmt: skip
    different = {name for name, value in parameters(design()).items() if value != other[name]}
    assert different == {"HALF_SCORE_BITS", "SCORE_BITS"}
    halved = replace(
        design(), weights_input=design().weights_input // 2, weights_recurrent=design().weights_recurrent // 2
    )
    assert parameters(halved)["GATE_SUM_BITS"] == parameters(design())["GATE_SUM_BITS"] - 1
    top = render_rtl(design())["topLevel_BLSTM_CTC.v"]
    for name, value in parameters(design()).items():
        assert f".{name}({value})" in top


def test_every_port_of_the_top_belongs_to_an_interface_of_the_block_design():
    top = render_rtl(design())["topLevel_BLSTM_CTC.v"]
    ports = re.findall(r"^    (?:input|output) wire (?:\[\d+:0\] )?(\w+),?$", top, re.MULTILINE)
    interfaces = re.findall(r'X_INTERFACE_INFO = "xilinx.com:\w+:(\w+):1.0 (\w+) (\w+)"', top)
    assert len(ports) == len(interfaces) == 50
    for port, (kind, interface, signal) in zip(ports, interfaces, strict=True):
        prefix = {"s_axi_control": "s_axi_control_", "m_axi_gmem": "m_axi_(?:read|write)_"}.get(interface)
        assert kind == ("aximm" if prefix else {"ap_clk": "clock", "ap_rst_n": "reset"}[interface])
        assert port == interface if prefix is None else re.fullmatch(prefix + signal.lower(), port)
    # Both masters are one interface with all five channels.
    gmem = {signal for _, interface, signal in interfaces if interface == "m_axi_gmem"}
    assert {f"{channel}VALID" for channel in ("AR", "R", "AW", "W", "B")} <= gmem
    named = re.findall(r'X_INTERFACE_PARAMETER = "XIL_INTERFACENAME (\w+), ([^"]*)"', top)
    assert dict(named)["ap_clk"] == "ASSOCIATED_BUSIF s_axi_control:m_axi_gmem, ASSOCIATED_RESET ap_rst_n"
    assert [name for name, _ in named] == ["ap_clk", "ap_rst_n", "s_axi_control", "m_axi_gmem"]


def test_the_registers_window_has_as_many_address_bits_as_a_board_maps():
    top = render_rtl(design())["topLevel_BLSTM_CTC.v"]
    assert "PROTOCOL AXI4LITE, DATA_WIDTH 32, ADDR_WIDTH 16" in top
    for channel in ("aw", "ar"):
        assert f"input wire [15:0] s_axi_control_{channel}addr," in top
        assert f".s_axi_control_{channel}addr(s_axi_control_{channel}addr[6:0])," in top
    assert CONTROL_BYTES == 1 << 16
    assert {load_board(name).control_bytes for name in board_names()} == {CONTROL_BYTES}


def test_the_bounds_of_the_sums_are_beside_the_sources():
    found, bounds = json.loads(render_rtl(design())["bounds.json"]), sum_bounds(design())
    assert found == bounds.values()
    assert found["widths"] == {"gate": 13, "half_score": 11, "score": 12}
    assert np.shape(found["gates"]["low"]) == (2, 4, 6) and np.shape(found["scores"]["high"]) == (5,)
    assert "bounds.json" not in render_rtl(design(), observed=True)


def test_files_are_the_same_each_time():
    assert render_rtl(design()) == render_rtl(design())
    assert library_files().items() <= render_rtl(design()).items()


def test_a_limit_that_the_counters_do_not_hold_is_refused():
    with pytest.raises(FoldlineError, match="limit of columns is 40000"):
        render_rtl(design(limits=Limits(columns=40000)))


def test_files_are_written_over_earlier_ones_and_over_nothing_else(tmp_path):
    folder = tmp_path / "rtl"
    write_rtl(folder, render_rtl(design(peepholes=(9, 3))))
    assert (folder / "peepholes.mem").is_file()
    write_rtl(folder, render_rtl(design()))
    assert {path.name for path in folder.iterdir()} == {*render_rtl(design()), LIST}
    (folder / LIST).unlink()
    (folder / "thesis.tex").touch()
    with pytest.raises(FileError, match=r"thesis\.tex"):
        write_rtl(folder, render_rtl(design()))


def test_of_files_without_a_list_those_that_differ_need_force(tmp_path):
    folder = tmp_path / "rtl"
    write_rtl(folder, render_rtl(design(peepholes=(9, 3))))
    (folder / LIST).unlink()
    with pytest.raises(
        FileError, match=r"and peepholes\.mem, topLevel_BLSTM_CTC\.v are not as Foldline writes them now; "
    ):
        write_rtl(folder, render_rtl(design()))
    write_rtl(folder, render_rtl(design()), force=True)
    assert {path.name for path in folder.iterdir()} == {*render_rtl(design()), LIST}


def test_the_sources_of_another_project_are_not_replaced(tmp_path):
    (tmp_path / "rom.sv").write_text("module rom; endmodule\n")
    with pytest.raises(FileError, match=r"rom\.sv"):
        write_rtl(tmp_path, render_rtl(design()))
    assert [path.name for path in tmp_path.iterdir()] == ["rom.sv"]

"""Counts and logic depth of netlists written by hand, whose figures are known."""

import pytest

from datapath.errors import ToolError
from rtl_gen.synthesis.counting import CONTROL, REST, STAGES, Counts, count_by_stage
from rtl_gen.synthesis.levels import Depth, logic_depth
from rtl_gen.synthesis.netlist import Netlist, path_of
from tests.designs import random_design
from tests.rtl_gen.synthesis.netlists import cell, netlist_json


def netlist(cells, **parts) -> Netlist:
    return Netlist.parse(netlist_json(cells, **parts), "top")


# Counts ---------------------------------------------------------------------------------------------------------------

HIDDEN, OUTPUT = "accelerator_i.recognise_i.hidden_layer", "accelerator_i.recognise_i.output_layer"

PLACED_CELLS = {
    f"$flatten\\accelerator_i.\\recognise_i.hidden_layer.\\unit[0].gate_sum[1].multiply.$abc$1$lut${n}": "LUT6"
    for n in range(5)
} | {
    f"$flatten\\{HIDDEN}.\\unit[1].cell_of_unit.$auto$ff.cc:337:slice$7": "FDRE",
    f"{HIDDEN}.unit[1].cell_of_unit.kept_exact": "DSP48E1",
    f"{HIDDEN}.input_rom.blocks.words.0.0": "RAMB36E1",
    f"{HIDDEN}.input_rom.blocks.words.0.1": "RAMB18E1",
    f"{OUTPUT}.queue.luts.words.0.0": "RAM32M",
    f"$flatten\\{OUTPUT}.$auto$alumacc$5.slice[0].carry4": "CARRY4",
    f"{OUTPUT}.taken_FDSE_Q": "FDSE",
    "$abc$581050$lut$aiger$o15": "LUT2",
    "accelerator_i.rst": "FDRE",
    "accelerator_i.not_a_stage.hidden_layers": "INV",
    "accelerator_i.recognise_i": "$scopeinfo",
    "accelerator_i.write_output_i.shift": "SRL16E",
    "serial_accelerator_i.uart_receiver.bits_TRELLIS_FF_Q": "TRELLIS_FF",
}


def test_each_primitive_counts_in_the_stage_of_its_instance():
    found = count_by_stage(netlist({name: cell(kind) for name, kind in PLACED_CELLS.items()}))
    assert found == {
        ("hidden", "products"): Counts(luts=5),
        ("hidden", "cells"): Counts(ffs=1, dsps=1),
        ("hidden", REST): Counts(bram36=1.5),
        ("output", REST): Counts(luts=4, ffs=1),
        ("dma_out", REST): Counts(luts=1),
        ("link", REST): Counts(ffs=1),
        (CONTROL, REST): Counts(luts=2, ffs=1),
    }
    assert list(found) == sorted(found, key=lambda place: [*STAGES, CONTROL].index(place[0]))  # the order of the stages
    assert Counts.sum(found.values()) == Counts(luts=12, ffs=4, bram36=1.5, dsps=1)


@pytest.mark.parametrize(
    ("kind", "counts"),
    [
        *((kind, Counts(luts=1)) for kind in ("LUT1", "LUT4", "LUT6", "INV", "SRLC32E")),
        *((kind, Counts(luts=2)) for kind in ("RAM64X1D", "CCU2C")),
        *((kind, Counts(luts=4)) for kind in ("RAM64M",)),
        ("TRELLIS_DPR16X4", Counts(luts=6)),
        *((kind, Counts(ffs=1)) for kind in ("FDCE", "FDPE", "FDRE_1", "TRELLIS_FF")),
        ("DP16KD", Counts(bram36=0.5)),
        ("MULT18X18D", Counts(dsps=1)),
        *((kind, Counts()) for kind in ("MUXF7", "MUXF8", "PFUMX", "L6MUX21", "BUFG")),
    ],
)
def test_what_a_primitive_counts(kind, counts):
    assert Counts.of(kind) == counts


def test_an_unknown_primitive_is_named():
    with pytest.raises(ToolError, match="primitive ALU54B"):
        count_by_stage(netlist({"a": cell("LUT4"), "b": cell("ALU54B")}))


def test_stages_are_those_of_the_cycles_of_the_kernel():
    from datapath.architecture import Architecture
    from datapath.rtl_cycles import rtl_cycles

    stages = rtl_cycles(Architecture.of(random_design(1))).stages
    titles = {key: title for key, (title, _) in STAGES.items()}
    assert {stage.key: stage.title for stage in stages} | {"link": "serial link"} == titles


# Names ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("a_i.fold_TRELLIS_FF_Q_12", "a_i.fold"),
        ("a_i.unit[2].sum_LUT4_D_Z_PFUMX_ALUT_Z", "a_i.unit[2].sum"),
        ("a_i.node[5].multiply.product_TRELLIS_FF_Q_DI_MULT18X18D_P0", "a_i.node[5].multiply.product"),
        ("a_i.next_CCU2C_S0_3", "a_i.next"),
        ("$flatten\\a_i.\\b.$flatten\\c.$procdff$12", "a_i.b.c"),
        ("a_i.words.0.1", "a_i.words.0.1"),
        ("a_i.words.0.1_DOB0[1]", "a_i.words.0.1"),
        ("a_i.read_DO", "a_i.read_DO"),
        ("$auto$ff.cc:337:slice$1", ""),
    ],
)
def test_a_path_has_no_names_that_yosys_invents(name, path):
    assert ".".join(path_of(name)) == path


def test_a_register_has_the_name_of_the_module_that_it_is_in():
    """Ports of other modules and submodules have names of the same wire."""
    cells = {"$flatten\\a_i.\\dot.$auto$ff.cc:1:slice$3": cell("FDRE", D=1, Q=2)}
    names = {"sum": [7, 2], "a_i.products": [2], "a_i.dot.sum": [1, 2, 3], "a_i.dot.level[5].node[0].total": [2]}
    assert netlist(cells, names=names).name_of_cell("$flatten\\a_i.\\dot.$auto$ff.cc:1:slice$3") == "a_i.dot.sum[1]"


# Depth ----------------------------------------------------------------------------------------------------------------

START = {"start_i.from": cell("FDRE", C=1, D="0", Q=10)}
NAMES = {"start_i.from": [10], "end_i.to": [99]}


def depth_of(cells: dict, *, at: int = 99) -> Depth:
    """Of logic from wire 10 to wire `at`, both between registers."""
    end = {"end_i.to": cell("FDRE", C=1, D=at, Q=98)}
    return logic_depth(netlist(START | cells | end, names=NAMES | {"end_i.to": [98]}))


def test_two_look_up_tables_are_two_levels_and_the_path_is_named():
    luts = {"a": cell("LUT2", I0=10, I1="1", O=11), "b": cell("LUT6", I0=11, I5=10, O=99)}
    assert depth_of(luts) == Depth(levels=2, start="start_i.from", end="end_i.to")


def test_a_carry_chain_is_one_level_however_long_it_is():
    chain = {
        f"carry{n}": cell(
            "CARRY4",
            CI=20 + 10 * (n - 1) + 3 if n else "0",
            CYINIT="0",
            S=[10, "0", "0", "0"],
            DI=["0"] * 4,
            O=[200 + 10 * n + k for k in range(4)],
            CO=[20 + 10 * n + k for k in range(4)],
        )
        for n in range(4)
    }
    assert depth_of(chain, at=230).levels == 1
    assert depth_of(chain | {"lut": cell("LUT1", I0=230, O=99)}).levels == 2
    before = chain | {"carry0": cell("CARRY4", CI="0", S=[15] * 4, O=[200], CO=[20, 21, 22, 23])}
    assert depth_of(before | {"lut": cell("LUT1", I0=10, O=15)}, at=230).levels == 2


def test_a_carry_chain_has_no_path_downwards():
    """Bit 0 of the sum may decide bit 3 of an operand."""
    carry = cell("CARRY4", CI="0", S=[10, "0", "0", 15], DI=["0"] * 4, O=[20, 21, 22, 99], CO=[30, 31, 32, 33])
    assert depth_of({"carry": carry, "lut": cell("LUT1", I0=20, O=15)}).levels == 3
    ecp5 = cell("CCU2C", CIN="0", A0=10, A1=15, S0=20, S1=99, COUT=40)
    assert depth_of({"carry": ecp5, "lut": cell("LUT4", A=20, Z=15)}).levels == 3


def test_wide_multiplexers_are_of_the_level_of_their_look_up_tables():
    xilinx = {
        "a": cell("LUT6", I0=10, O=11),
        "b": cell("LUT6", I0=10, O=12),
        "f7": cell("MUXF7", I0=11, I1=12, S="0", O=13),
        "f8": cell("MUXF8", I0=13, I1="0", S=10, O=99),
    }
    lattice = {
        "a": cell("LUT4", A=10, Z=11),
        "f5": cell("PFUMX", ALUT=11, BLUT="0", C0=10, Z=12),
        "f6": cell("L6MUX21", D0=12, D1="0", SD=10, Z=99),
    }
    assert depth_of(xilinx).levels == depth_of(lattice).levels == 1
    assert depth_of(xilinx | {"f8": cell("MUXF8", I0="0", I1="0", S=13, O=99)}).levels == 2


def test_memories_and_multipliers_end_paths_and_a_read_of_distributed_ram_is_a_level():
    lut = {"a": cell("LUT1", I0=10, O=11)}
    ends = lut | {"rom_i.words": cell("RAMB18E1", ADDR=[11, "0"], DOADO=[12])}
    assert depth_of(ends) == Depth(levels=1, start="start_i.from", end="rom_i.words")
    assert depth_of(lut | {"product": cell("DSP48E1", A=[11], P=[99])}).levels == 1
    ram = {"ram": cell("RAM32M", ADDRA=[11], ADDRB=[10], DIA=["0"], DOA=[99], DOB=[15], WE="0")}
    assert depth_of(lut | ram).levels == 2
    assert depth_of(lut | ram, at=15).levels == 1
    written = {"ram_i.words": cell("TRELLIS_DPR16X4", RAD=["0"], WAD=[11], DI=["0"], DO=[99])}
    assert depth_of(lut | written) == Depth(levels=1, start="start_i.from", end="ram_i.words")


def test_ports_begin_and_end_paths():
    through = netlist({"a": cell("LUT2", I0=5, I1=6, O=7)}, inputs={"in": [5, 6]}, outputs={"out": [7]})
    assert logic_depth(through) == Depth(levels=1, start="port in", end="port out")
    assert logic_depth(netlist(START)) == Depth(levels=0, start="", end="")


def test_a_combinational_loop_is_an_error_that_names_a_place():
    loop = {"x_i.a": cell("LUT2", I0=11, I1=10, O=12), "x_i.b": cell("LUT1", I0=12, O=11)}
    with pytest.raises(ToolError, match=r"combinational loop through x_i\.[ab]"):
        depth_of(loop)


def test_a_netlist_of_another_form_is_an_error():
    for text in ("", "[]", '{"modules": {}}', '{"modules": {"top": {"cells": {"a": 1}, "ports": {}, "netnames": {}}}}'):
        with pytest.raises(ToolError, match="netlist of top is not what yosys writes"):
            Netlist.parse(text, "top")

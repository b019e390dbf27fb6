"""Memories as yosys maps them: the rule against measured shapes."""

import json

import pytest

from benchmarks.rtl_memories import SHAPES, measured
from datapath.errors import ToolError
from rtl_gen.resources.memories import DISTRIBUTED_LUTS, Mapped, ram, rom, rom_luts
from rtl_gen.synthesis.tools import find_yosys

COMMITTED = json.loads(SHAPES.read_text(encoding="utf-8"))
CELLS = {(kind, width, depth): cells for kind, width, depth, cells in COMMITTED["shapes"]}


def modelled(shape: tuple[str, int, int]) -> Mapped:
    kind, width, depth = shape
    return (rom if kind == "rom" else ram)(width=width, depth=depth)


def kind_of(cells: dict[str, int]) -> str:
    if not cells:
        return "logic"
    return "block" if all(kind.startswith("RAMB") for kind in cells) else "distributed"


def bram36(cells: dict[str, int]) -> float:
    return cells.get("RAMB36E1", 0) + cells.get("RAMB18E1", 0) / 2


def test_every_measured_shape_has_the_kind_of_cells_and_the_block_ram_of_the_rule():
    assert len(CELLS) == 495
    wrong = {
        shape: cells
        for shape, cells in CELLS.items()
        if (modelled(shape).kind, modelled(shape).resources.bram36) != (kind_of(cells), bram36(cells))
    }
    assert wrong == {}
    assert {kind_of(cells) for cells in CELLS.values()} == {"logic", "block", "distributed"}


def test_look_up_tables_of_distributed_ram_are_at_least_those_of_its_cells():
    for shape, cells in CELLS.items():
        if kind_of(cells) == "distributed":
            held = DISTRIBUTED_LUTS * sum(cells.values())
            assert held <= modelled(shape).resources.luts <= 2 * held, shape


def test_a_rom_in_block_ram_has_a_flip_flop_for_each_further_register():
    two, three = (rom(width=32, depth=4096, latency=latency).resources for latency in (2, 3))
    assert (three.ffs - two.ffs, three.luts, three.bram36) == (32, two.luts, two.bram36)


def test_three_registers_behind_logic_are_a_shift_register():
    for memory in (rom, ram):
        two, three = (memory(width=32, depth=16, latency=latency).resources for latency in (2, 3))
        assert (two.ffs, three.ffs, three.luts - two.luts) == (64, 0, 32)
    assert rom(width=32, depth=1).resources.luts == 0


@pytest.mark.parametrize(
    ("depth", "tables"), [(2, 0), (3, 1), (64, 1), (65, 2), (128, 2), (164, 4), (256, 4), (512, 9)]
)
def test_tables_of_a_rom_in_logic(depth, tables):
    assert rom_luts(depth) == tables


def test_a_few_shapes_synthesised_again():
    try:
        tool = find_yosys()
    except ToolError as error:
        pytest.skip(str(error))
    if f"{tool.name} {tool.version}" != COMMITTED["tool"]:
        pytest.skip(f"the shapes are of {COMMITTED['tool']}, and this is {tool.version}")
    chosen = [("rom", 36, 256), ("rom", 32, 256), ("ram", 24, 95), ("ram", 24, 128), ("ram", 20, 732)]
    assert measured(chosen) == {shape: CELLS[shape] for shape in chosen}

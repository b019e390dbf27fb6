"""Memories of both kernels: shapes against the generated ROMs, packing against examples by hand."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given

from datapath import Design, Folding, PeepholeFormat, Precision
from datapath.architecture import Architecture
from datapath.manifest import Kernel
from datapath.published import PUBLISHED
from datapath.roms import design_roms
from golden_vectors import FOLDER
from hls_gen.resources import estimate_resources
from hls_gen.resources.kernel_memories import kernel_memories
from hls_gen.resources.packing import Packed, memory_of_one_row, small_memory, stream
from hls_gen.roms import limb_widths
from tests.strategies import designs


def require_the_roms_of(design: Design) -> None:
    """Its ROMs, and behind them two buffers that the kernel writes."""
    roms = [
        (rom.name, *rom.elements.shape[:2], limb_widths(bits=rom.bits, count=rom.elements.shape[2]))
        for rom in design_roms(design)
        if rom.read
    ]
    *found, waiting, line = kernel_memories(Architecture.of(design))
    assert [(memory.name, memory.parallel, memory.depth, memory.limb_widths) for memory in found] == roms
    assert [waiting.name, line.name] == ["waiting", "line"]


@given(design=designs())
def test_memories_have_the_shapes_of_the_generated_roms(design):
    require_the_roms_of(design)


@pytest.mark.parametrize("path", sorted((FOLDER / "designs").glob("*.npz")), ids=lambda path: path.stem)
def test_memories_have_the_shapes_of_the_roms_of_committed_designs(path: Path):
    design = Design.load(path)
    for folding in (design.folding, Folding(pe=design.hidden, simd_input=1, simd_recurrent=1, pe_out=design.classes)):
        require_the_roms_of(design.refolded(folding))


def test_the_buffers_of_a_line_and_of_the_half_that_waits():
    """W2A4 with 3 classes at a time: of 732 columns, half wait, with 82 classes in 28 blocks, as the C++ declares them."""
    design = Design.load(FOLDER / "designs" / "QLSTM128_W2B8A4I8_FC_W8B8.npz")
    folded = design.refolded(replace(design.folding, pe_out=3))
    *_, waiting, line = kernel_memories(Architecture.of(folded))
    assert (waiting.parallel, waiting.depth, waiting.limb_widths) == (2, 366 * 28, (48,))
    assert (line.parallel, line.depth, line.limb_widths) == (1, 732, (24,))


@pytest.mark.parametrize(
    ("depth", "width", "ports", "bram36"),
    [
        (256, 128, 2, 4),  # W2A4: recurrent weights of a gate, 36 + 36 + 36 + 20
        (256, 32, 2, 1),
        (256, 256, 2, 8),  # W4A4: 7 * 36 + 4, in whole RAMB36
        (128, 512, 1, 8),  # 7 * 72 + 8
        (128, 512, 2, 15),  # 14 * 36 + 8
        (2048, 64, 2, 4),  # W4A8: words of 18 bits, 2048 deep
        (164, 1024, 1, 15),  # class weights: 14 * 72 + 16
        (60024, 16, 1, 32),  # halves of scores: 16 times 32 K by 1, twice behind each other
        (512, 36, 1, 0.5),
        (512, 37, 1, 1),
    ],
)
def test_a_memory_of_the_published_kernel_is_one_row_of_block_rams(depth, width, ports, bram36):
    assert memory_of_one_row(depth=depth, width=width, ports=ports) == Packed(ramb18=int(2 * bram36))


def test_a_small_memory_is_look_up_tables():
    assert memory_of_one_row(depth=64, width=16) == Packed(luts=16)
    assert memory_of_one_row(depth=64, width=16, ports=2) == Packed(luts=32)
    assert memory_of_one_row(depth=65, width=16) == Packed(ramb18=1)
    assert small_memory(depth=128, width=8) == Packed(luts=16)
    assert small_memory(depth=129, width=8) == Packed(ramb18=1)


def test_a_stream_is_shift_registers_until_it_is_block_ram():
    assert stream(depth=2, width=512) == Packed(luts=512)
    assert stream(depth=2, width=1024) == Packed(ramb18=29)  # 28 * 36 + 16 bits
    assert stream(depth=4, width=512) == Packed(ramb18=15)


def test_packed_memories_add_up():
    one = Packed(luts=1, ffs=2, ramb18=3)
    assert one + one == one.times(2) == Packed(luts=2, ffs=4, ramb18=6)


def test_the_block_ram_of_w4a4_by_hand():
    """Weights 4 * (8 + 2), biases 8 / 2, tables 2 / 2, states 1 / 2, stream of 512 bits back 7.5; class weights 15 and
    biases 1 / 2; halves 32; a line's best classes 1; AXI master 2."""
    w4a4 = PUBLISHED[2].architecture
    blocks = {block.name: block.resources.bram36 for block in estimate_resources(w4a4, Kernel.PUBLISHED).blocks}
    assert {name: bram36 for name, bram36 in blocks.items() if bram36} == {
        "hidden": 40 + 4 + 1 + 0.5 + 7.5,
        "output": 15 + 0.5,
        "concatenate": 32,
        "label": 1,
        "dma_out": 2,
    }


@pytest.mark.parametrize("kernel", [Kernel.PUBLISHED, Kernel.HLS])
def test_peepholes_cost_memory_and_arithmetic(kernel):
    plain = Architecture(
        inputs=25,
        hidden=100,
        classes=110,
        precision=Precision(weight=5, bias=5, activation=5, fc_weight=5, fc_bias=5),
        folding=Folding(pe=1, simd_input=5, simd_recurrent=20),
    )
    formats = (None, PeepholeFormat(bits=8, integer=1), PeepholeFormat(bits=16, integer=1))
    totals = [estimate_resources(replace(plain, peephole_format=found), kernel).total for found in formats]
    assert totals[0].luts < totals[1].luts < totals[2].luts
    assert totals[0].bram36 < totals[1].bram36 <= totals[2].bram36

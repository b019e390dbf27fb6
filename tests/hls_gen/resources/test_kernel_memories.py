"""Memories of both kernels: shapes against the generated ROMs, packing against examples by hand."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datapath import Design, Folding, PeepholeFormat, Precision
from datapath.architecture import Architecture
from datapath.boards import Family, load_board
from datapath.manifest import Kernel
from datapath.published import PUBLISHED
from datapath.roms import design_roms
from golden_vectors import FOLDER
from hls_gen.resources import estimate_resources
from hls_gen.resources.fit import check_fits, fit_memory, ramb18
from hls_gen.resources.kernel_memories import PAGE, Memory, kernel_memories
from hls_gen.resources.packing import Packed, memory_of_one_row, small_memory, stream
from hls_gen.roms import limb_widths
from tests.strategies import designs


def require_the_roms_of(design: Design) -> None:
    """Its ROMs, and behind them the buffers that the kernel writes."""
    roms = [
        (rom.name, *rom.elements.shape[:2], limb_widths(bits=rom.bits, count=rom.elements.shape[2]))
        for rom in design_roms(design)
        if rom.read
    ]
    memories = kernel_memories(Architecture.of(design))
    found = memories[: len(roms)]
    assert [(memory.name, memory.parallel, memory.depth, memory.limb_widths) for memory in found] == roms
    assert [memory.name for memory in memories[len(roms) :]] in (
        ["waiting", "waiting_rest", "line"],
        ["waiting", "line"],
    )


@given(design=designs())
def test_memories_have_the_shapes_of_the_generated_roms(design):
    require_the_roms_of(design)


@pytest.mark.parametrize("path", sorted((FOLDER / "designs").glob("*.npz")), ids=lambda path: path.stem)
def test_memories_have_the_shapes_of_the_roms_of_committed_designs(path: Path):
    design = Design.load(path)
    for folding in (design.folding, Folding(pe=design.hidden, simd_input=1, simd_recurrent=1, pe_out=design.classes)):
        require_the_roms_of(design.refolded(folding))


def w2a4(*, columns: int, pe_out: int) -> Architecture:
    design = Design.load(FOLDER / "designs" / "QLSTM128_W2B8A4I8_FC_W8B8.npz")
    folded = design.refolded(replace(design.folding, pe_out=pe_out))
    return Architecture.of(replace(folded, limits=replace(folded.limits, columns=columns)))


def test_the_buffers_of_a_line_and_of_the_half_that_waits():
    """W2A4 with 3 classes at a time: of 2 * 732 half columns as many as 732 wait, with 82 classes in 28 blocks."""
    *_, waiting, rest, line = kernel_memories(w2a4(columns=732, pe_out=3))
    assert (waiting.parallel, waiting.depth, waiting.limb_widths) == (5, 4096, (48,))
    assert (rest.parallel, rest.depth, rest.limb_widths) == (1, 732 * 28 - 5 * 4096, (48,))
    assert (line.parallel, line.depth, line.limb_widths) == (1, 732, (24,))


@pytest.mark.parametrize(
    ("columns", "pe_out", "buffers"),
    [
        (1024, 3, ["waiting", "line"]),  # 28672 words: 7 pages
        (49, 1, ["waiting", "line"]),  # 4018 words, one page
        (50, 1, ["waiting", "waiting_rest", "line"]),
    ],
)
def test_a_memory_without_words_is_not_listed(columns, pe_out, buffers):
    memories = kernel_memories(w2a4(columns=columns, pe_out=pe_out))
    assert [memory.name for memory in memories][5:] == buffers


def test_a_long_line_fits_a_7_series_part_since_its_half_scores_are_in_pages():
    """Issue 19, point 6: 2000 columns, PE_OUT 5, on a PYNQ-Z2. Needed are 34000 words of 80 bits. In one array for each
    direction, as they were, they would be 144 of the part's 140 BRAM36; in 8 pages and 1232 words they are 8 * 9 (80 bits
    in nine times 4 K by 9) and 4.5 (nine times 2 K by 9, RAMB18)."""
    before = Memory(name="waiting", parallel=2, depth=17000, limb_widths=(80,))
    assert [fit_memory(before, family).bram36 for family in (Family.ZYNQMP, Family.ZYNQ7000)] == [77, 144]
    report = check_fits(kernel_memories(w2a4(columns=2000, pe_out=5)), load_board("pynq-z2"))
    assert {rom.name: rom.bram36 for rom in report.roms if rom.name.startswith("waiting")} == {
        "waiting": 72,
        "waiting_rest": 4.5,
    }
    assert report.bram36 == 99  # with weights, 21, and the best classes of a line, 1.5


@given(columns=st.integers(1, 3000), blocks=st.integers(1, 255), lanes=st.integers(1, 8))
def test_pages_waste_less_than_half_a_page(columns, blocks, lanes):
    """On the 7 series, against the same words on a part that has memories of any depth."""
    architecture = replace(w2a4(columns=columns, pe_out=1), classes=max(2, blocks * lanes))
    architecture = architecture.refolded(replace(architecture.folding, pe_out=min(lanes, architecture.classes)))
    built, needed = (
        sum(
            fit_memory(memory, family).ramb18
            for memory in kernel_memories(architecture)
            if memory.name.startswith("waiting")
        )
        for family in (Family.ZYNQ7000, Family.ZYNQMP)
    )
    most = ramb18(depth=PAGE, width=16 * architecture.folding.pe_out)
    assert needed <= built <= needed + most / 2


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


@pytest.mark.parametrize(
    ("depth", "width", "bram36"),
    [
        (40 * 1024, 36, 72),  # AMD UG906: two of 32 K by 1 for each bit
        (16 * 1024, 64, 32),  # Vivado 2015.4, xc7z020: clash-compiler issue 127
        (32 * 1024, 24, 24),  # Vivado 2020.1, xc7z010: 24 of 32 K by 1 in a netlist
        (1146880, 3, 192),  # AMD answer record 61995
    ],
)
def test_memories_that_others_built_on_the_7_series_are_one_row_too(depth, width, bram36):
    """The rule was made from the published overlays; none of these is one of them."""
    assert memory_of_one_row(depth=depth, width=width) == Packed(ramb18=2 * bram36)


def test_other_families_do_not_extend_the_depth():
    assert memory_of_one_row(depth=1146880, width=3, family=Family.ZYNQMP) == Packed(ramb18=2 * 35 * 3)
    assert small_memory(depth=1025, width=36) == Packed(ramb18=4)
    assert small_memory(depth=1025, width=36, family=Family.ZYNQMP) == Packed(ramb18=3)


def test_a_buffer_of_few_wide_words_is_block_ram_in_the_estimate():
    """It is, above 1024 bits; a ROM would be look-up tables up to 64 words."""

    def bram36(block: str, columns: int) -> float:
        blocks = estimate_resources(w2a4(columns=columns, pe_out=3), Kernel.HLS).blocks
        return next(one.resources.bram36 for one in blocks if one.name == block)

    assert [bram36("label", columns) for columns in (42, 43)] == [0, 0.5]  # of 24 bits: 1008 and 1032
    # 586 columns of 28 words of 48 bits: 4 pages of five times 4 K by 9 and half of 4 K by 8; 24 words, 2 RAMB18.
    assert bram36("concatenate", 586) == 4 * 5.5 + 1


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

"""Whether weights fit: block RAMs counted against tilings by hand and by search, and what is refused."""

import math
from dataclasses import replace

import pytest

from datapath.boards import load_board
from datapath.errors import DesignError
from hls_gen.resources.fit import RAMB18_SHAPES, check_fits
from tests.hls_gen.project import example_memory

BOARD = load_board("zcu104")


def _one(*, depth: int, width: int, parallel: int = 1):
    return check_fits([example_memory("rom", parallel, depth, width)], BOARD).roms[0]


@pytest.mark.parametrize(("words", "bits"), RAMB18_SHAPES)
def test_one_small_block_ram_holds_each_of_its_shapes_and_no_more(words, bits):
    assert _one(depth=words, width=bits).ramb18 == 1
    assert _one(depth=words + 1, width=bits).ramb18 == 2
    assert _one(depth=words, width=bits + 1).ramb18 == 2


@pytest.mark.parametrize(
    ("depth", "width", "bram36"),
    [
        (65, 1, 0.5),  # a block RAM for a few bits
        (512, 72, 1),  # 36 + 36
        (1024, 36, 1),  # 18 + 18
        (1024, 19, 1),  # 18 + 1
        (2048, 27, 1.5),  # 9 + 9 + 9
        (4096, 13, 1.5),  # 9 in two behind each other, and 4 in one
        (4096, 512, 57),  # 56 strips of 9 in two, and 8 bits as 4 + 4
        (16384, 3, 1.5),
        (20000, 1, 1),
        (520, 256, 7.5),  # 14 strips of 18 are cheaper than 8 of 36 twice; 4 bits in one
    ],
)
def test_the_cheapest_tiling_is_counted(depth, width, bram36):
    assert _one(depth=depth, width=width).bram36 == bram36


def test_no_choice_of_strips_is_cheaper():
    """Against a search through all multisets of shapes, for a few sizes."""

    def search(width: int, depth: int, shapes: tuple[tuple[int, int], ...]) -> int:
        if width <= 0:
            return 0
        if not shapes:
            return 10**9
        (words, bits), *others = shapes
        each = math.ceil(depth / words)
        return min(
            count * each + search(width - count * bits, depth, tuple(others)) for count in range(-(-width // bits) + 1)
        )

    for depth in (100, 700, 1500, 3000, 9000):
        for width in (1, 7, 20, 45):
            assert _one(depth=depth, width=width).ramb18 == search(width, depth, RAMB18_SHAPES), (depth, width)


def test_contents_never_exceed_the_block_rams():
    for depth in (65, 600, 5000):
        for width in (1, 31, 130):
            assert _one(depth=depth, width=width).ramb18 * 18432 >= depth * width


@pytest.mark.parametrize(
    ("depth", "width", "luts"), [(64, 8, 8), (33, 8, 8), (32, 8, 4), (32, 7, 4), (2, 1, 1), (1, 100, 0)]
)
def test_a_shallow_rom_is_look_up_tables(depth, width, luts):
    rom = _one(depth=depth, width=width)
    assert (rom.luts, rom.ramb18) == (luts, 0)


def test_a_rom_of_65_words_is_block_ram():
    rom = _one(depth=65, width=8)
    assert (rom.luts, rom.ramb18) == (0, 1)


def test_each_processing_element_has_separate_memories():
    assert _one(depth=600, width=36, parallel=5).ramb18 == 5 * 2
    assert _one(depth=64, width=10, parallel=5).luts == 50


def test_the_report_adds_up():
    report = check_fits(
        [example_memory("a", 2, 512, 36), example_memory("b", 1, 512, 36), example_memory("c", 4, 20, 9)], BOARD
    )
    assert [(rom.name, rom.bram36, rom.luts) for rom in report.roms] == [("a", 1, 0), ("b", 0.5, 0), ("c", 0, 20)]
    assert (report.board, report.bram36, report.luts) == (BOARD, 1.5, 20)


def test_block_ram_up_to_the_last_half_fits_and_the_next_half_does_not():
    board = load_board("pynq-z1")
    full = example_memory("input_weights", 200, 512, 36)
    rest = example_memory("recurrent_weights", 80, 1024, 18)
    assert check_fits([full, rest], board).bram36 == board.bram36
    with pytest.raises(DesignError) as caught:
        check_fits([full, rest, example_memory("class_weights", 1, 65, 1)], board)
    assert str(caught.value) == (
        "Weights and buffers need 140.5 BRAM36, most of them input_weights with 100, and Digilent PYNQ-Z1 "
        "(xc7z020clg400-1) has 140; fewer bits per weight, a smaller network, less parallel computation or a larger "
        "board helps."
    )


def test_look_up_tables_up_to_the_last_fit_and_the_next_does_not():
    board = replace(load_board("pynq-z1"), luts=1000)
    assert check_fits([example_memory("input_weights", 10, 64, 100)], board).luts == 1000
    with pytest.raises(DesignError) as caught:
        check_fits([example_memory("input_weights", 10, 64, 100), example_memory("class_biases", 1, 33, 1)], board)
    assert str(caught.value) == (
        "Memories of up to 64 words need 1001 LUTs, most of them input_weights with 1000, and "
        "Digilent PYNQ-Z1 (xc7z020clg400-1) has 1000; fewer bits per weight, a smaller network, less parallel "
        "computation or a larger board helps."
    )


def test_ultraram_does_not_count():
    """It cannot start with contents: a ROM for 96 UltraRAMs and no block RAM is refused."""
    with pytest.raises(DesignError):
        check_fits([example_memory("recurrent_weights", 320, 4096, 36)], BOARD)

"""Whether weights fit: block RAMs counted against tilings by hand and by search, and what is refused."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datapath.boards import Family, TargetBoard, load_board
from datapath.errors import DesignError
from hls_gen.resources.fit import RAMB18_SHAPES, RomFit, built_depth, check_fits
from tests.hls_gen.project import example_memory

BOARD = load_board("zcu104")  # where memories have the depth that the source gives them
SEVEN_SERIES = load_board("pynq-z2")


def _one(*, depth: int, width: int, parallel: int = 1, board: TargetBoard = BOARD) -> RomFit:
    return check_fits([example_memory("rom", parallel, depth, width)], board).roms[0]


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


@pytest.mark.parametrize(
    ("depth", "width", "needed", "built"),
    [
        (1146880, 3, 105, 192),  # the example of AMD's answer record 61995: 70 and 128 RAMB18 of 16 K by 1 for each bit
        (17000, 80, 38.5, 72),
        (4097, 9, 1.5, 2),
        (1025, 36, 1.5, 2),  # 3 and 4 of 512 by 36
        (1025, 18, 1, 1),  # 2 of 2 K by 9, or of 1 K by 18: as many
        (520, 256, 7.5, 7.5),  # up to 1024 words there is no difference
        (65, 8, 0.5, 0.5),
    ],
)
def test_a_7_series_memory_is_as_deep_as_the_next_power_of_two(depth, width, needed, built):
    """Tilings by hand, but for the first."""
    assert _one(depth=depth, width=width, board=replace(BOARD, bram36=1000)).bram36 == needed
    assert _one(depth=depth, width=width, board=replace(SEVEN_SERIES, bram36=1000)).bram36 == built


@given(depth=st.integers(1, 1 << 20))
def test_the_built_depth_is_the_smallest_power_of_two_that_is_enough(depth):
    built = built_depth(depth, Family.ZYNQ7000)
    assert built.bit_count() == 1 and built // 2 < depth <= built
    assert built_depth(depth, Family.ZYNQMP) == depth


def test_a_board_that_is_full_by_need_is_too_small_as_built():
    """The half scores in two arrays, one for each direction: 77 BRAM36 are enough for their bits, and 144 are built."""
    halves = example_memory("waiting", 2, 17000, 80)
    assert check_fits([halves], replace(BOARD, bram36=77)).bram36 == 77
    with pytest.raises(DesignError, match=r"^Weights and buffers need 144 BRAM36, .* \(xc7z020clg400-1\) has 140; "):
        check_fits([halves], SEVEN_SERIES)


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

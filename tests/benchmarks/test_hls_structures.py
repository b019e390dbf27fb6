"""Counts of the HLS library's structures by yosys, which is not the HLS tool: what the comparison is about holds."""

import shutil

import pytest

from benchmarks.hls_structures import Structure, counter, hidden_outputs, measured, run_of_labels, running_maximum

pytestmark = [
    pytest.mark.no_numpy2,
    pytest.mark.skipif(shutil.which("yosys") is None, reason="yosys is not installed (Debian: apt install yosys)"),
]


@pytest.fixture(scope="module")
def found():
    """Figures of small structures, before and after, by title, from one run of yosys."""
    chosen = (counter(20), hidden_outputs(8, 2, 3), running_maximum(), run_of_labels())
    return {one.title: pair for one, pair in zip(chosen, measured(chosen), strict=True)}


def test_a_counter_has_a_shorter_chain_and_less_of_carry(found):
    before, after = found["counter of 20 values"]
    assert before.carry_bits == 32
    assert after.carry_bits <= 8  # 5 bits in cells of four
    assert after.levels < before.levels
    assert after.luts < before.luts


def test_a_shift_register_has_no_look_up_table_and_as_many_registers(found):
    before, after = found["outputs of 2 x 8 units, 2 at a time, 3 bits"]
    assert (before.ffs, after.ffs) == (48, 48)  # 2 directions of 8 outputs of 3 bits
    assert before.luts >= 8  # a write enable for each of 8 blocks
    assert (after.luts, after.levels) == (0, 0)


@pytest.mark.parametrize("title", ["running maximum", "run of labels"])
def test_a_comparison_with_one_more_bit_is_no_longer_and_smaller(found, title):
    before, after = found[title]
    assert after.levels <= before.levels
    assert after.luts < before.luts


def test_figures_are_of_one_form_each():
    both = ("input a, b, c, output y", "assign y = a & b & c;")
    (pair,) = measured([Structure(title="the same twice", before=both, after=both)])
    assert pair[0] == pair[1]
    assert (pair[0].luts, pair[0].ffs, pair[0].carry_bits, pair[0].levels) == (1, 0, 0, 1)

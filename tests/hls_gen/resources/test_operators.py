"""The table of operations: what it holds, what is made of it, and a few of its entries synthesised again."""

import json
import shutil
from importlib.resources import files

import pytest

from benchmarks.operators import FLOW, RUNS, as_text, look_up_tables, measured, operators, yosys_version
from hls_gen.resources import costs

pytestmark = pytest.mark.no_numpy2

TABLE = json.loads(files("hls_gen").joinpath("resources/operators.json").read_text(encoding="utf-8"))
ENTRIES = TABLE["operators"]
RESYNTHESISED = ("product 2x2", "product 4x2", "product 4x4", "adder 16", "tree 16x8", "choice 8", "maximum")


def test_the_table_holds_every_operation_of_its_script():
    assert list(ENTRIES) == [one.key for one in operators()]
    assert TABLE["flow"] == FLOW
    assert as_text(TABLE) == files("hls_gen").joinpath("resources/operators.json").read_text(encoding="utf-8")


def test_an_entry_is_the_median_of_its_runs():
    for key, entry in ENTRIES.items():
        luts = entry["luts"]
        assert len(luts) == RUNS and luts == sorted(luts), key
        assert look_up_tables(entry["cells"]) == luts[RUNS // 2] == costs.operator(key), key


@pytest.mark.skipif(shutil.which("yosys") is None, reason="yosys is not installed (Debian: apt install yosys)")
def test_entries_on_which_all_runs_agree_come_out_again():
    if yosys_version() != TABLE["tool"]:
        pytest.skip(f"the table is of {TABLE['tool']}, here is {yosys_version()}")
    chosen = [one for one in operators() if one.key in RESYNTHESISED]
    assert len(chosen) == len(RESYNTHESISED)
    again = measured(chosen)
    for key in RESYNTHESISED:
        assert len(set(ENTRIES[key]["luts"])) == 1, key
        assert look_up_tables(again[key]) == ENTRIES[key]["luts"][0], key


def test_a_tree_costs_what_its_adders_cost():
    for bits in (4, 8):
        adders = sum(8 // 2**level * costs.adder(bits + level) for level in range(4))
        assert costs.operator(f"tree 16x{bits}") == adders


def test_a_dot_product_costs_what_its_products_and_adders_cost():
    for a, w in ((4, 2), (4, 4)):
        tree = sum(4 // 2**level * costs.adder(a + w + level) for level in range(3))
        assert costs.operator(f"dot 8 of {a}x{w}") == 8 * costs.operator(f"product {a}x{w}") + tree


def test_an_adder_costs_a_look_up_table_per_bit():
    assert [costs.adder(bits) for bits in range(1, 17)] == [2, *range(2, 17)]


@pytest.mark.parametrize("rounding", ["rnd_zero", "rnd_conv"])
def test_a_wider_product_never_costs_less(rounding):
    for a in range(1, 9):
        for w in range(1, 8):
            assert costs.product(a, w, rounding) <= costs.product(a, w + 1, rounding)
            assert costs.product(a, w, rounding) == costs.product(w, a, rounding)
    assert costs.product(8, 8, rounding) > costs.product(1, 1, rounding) == 1


@pytest.mark.parametrize(
    ("left", "right", "product", "sum_"),
    [(2, 2, 4, 10), (4, 2, 6, 12), (4, 4, 8, 14), (8, 4, 10, 16), (8, 8, 10, 16), (1, 1, 2, 8)],
)
def test_widths_of_products_and_sums(left, right, product, sum_):
    """Two integer bits and at most 8 of fraction; sums in 16 bits without the fraction bits that are always 0."""
    assert costs.product_bits(left, right) == product
    assert costs.adder_bits(left, right) == sum_


def test_choices():
    costs_of = [costs.choice(count) for count in range(1, 70)]
    assert costs_of[:4] == [0, 1, 1, 1]  # one LUT6 chooses among four
    assert costs_of == sorted(costs_of)
    assert costs.choice(512) == 32 * costs.choice(16) + costs.choice(32)

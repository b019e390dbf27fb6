"""docs/estimates.md has the figures that the benchmarks print."""

import pytest

from benchmarks import cycles, rtl_resources, utilisation
from tests.golden_data import REPOSITORY

pytestmark = pytest.mark.no_numpy2

PAGE = (REPOSITORY / "docs" / "estimates.md").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("benchmark", [cycles, utilisation, rtl_resources])
def test_the_table_stands_in_the_page(benchmark, capsys):
    benchmark.main([]) if benchmark is rtl_resources else benchmark.main()
    printed = capsys.readouterr().out.splitlines()
    table = [line for line in printed if line.startswith(("| W", "| H"))]
    assert (
        len(table) == {cycles: 4, utilisation: 16, rtl_resources: len(rtl_resources.committed()["designs"])}[benchmark]
    )
    first = PAGE.index(table[0])
    assert PAGE[first : first + len(table)] == table


def test_the_fitted_numbers_stand_in_the_page():
    page = " ".join(PAGE)
    depths, scales = cycles.DEPTHS, utilisation.SCALES
    assert (
        f"hidden layer {depths.hidden:g} + {depths.hidden_per_step:g} * steps, output layer {depths.output:g} cycles"
        in page
    )
    assert f"{scales.luts_per_table:g} LUTs of Vivado for one of yosys' tables, {scales.fixed_luts:g} LUTs" in page
    assert f"{scales.ffs_per_bit:g} flip-flops for each bit" in page
    rtl = rtl_resources.SCALES
    assert f"{rtl.products:g} times the look-up tables of dot products, {rtl.datapath:g} times those" in page
    assert f"{rtl.control:g} times those of control, {rtl.ffs:g} times the flip-flops" in page
    assert f"fitted to {len(rtl_resources.committed()['designs'])} designs" in page

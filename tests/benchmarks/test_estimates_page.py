"""docs/estimates.md and the README have the figures that the benchmarks print."""

import pytest

from benchmarks import cycles, utilisation
from foldline.hardware.estimate import RESOURCE_TITLES
from tests.golden_data import REPOSITORY

pytestmark = pytest.mark.no_numpy2

PAGE = (REPOSITORY / "docs" / "estimates.md").read_text(encoding="utf-8").splitlines()
README = (REPOSITORY / "README.md").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("benchmark", [cycles, utilisation])
def test_the_table_stands_in_the_page(benchmark, capsys):
    benchmark.main()
    printed = capsys.readouterr().out.splitlines()
    table = [line for line in printed if line.startswith("| W")]
    assert len(table) == {cycles: 4, utilisation: 16}[benchmark]
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


def in_readme(title: str, rows: list) -> str:
    """A row of its table: how far off the estimate is, and in brackets the prediction without the overlay's own figures."""

    def off(percent: float) -> str:
        return f"{round(percent, 1) + 0.0:+.1f}"

    return f"| {title} | {' | '.join(f'{off(one)} ({off(left_out)})' for one, left_out in rows)} |"


def test_the_table_of_the_readme():
    assert (
        in_readme("cycles per column", [(r.error(r.modelled), r.error(r.predicted)) for r in cycles.rows()]) in README
    )
    for resource in ("luts", "bram36"):
        found = [row for row in utilisation.rows() if row.resource == resource]
        offs = [(row.error(row.estimate), row.error(row.predicted)) for row in found]
        assert in_readme(RESOURCE_TITLES[resource], offs) in README

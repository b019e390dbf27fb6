"""All foldings of a network, their rates and resources, and the complete Pareto front."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datapath import Design, Folding, Limits, Precision
from datapath.architecture import Architecture
from datapath.boards import load_board
from datapath.cycles import cycles_of
from datapath.errors import ConfigError, DesignError
from datapath.manifest import Kernel
from datapath.published import PUBLISHED
from foldline.foldings.enumeration import (
    enumerate_foldings,
    folding_front,
    folding_point,
    point_from,
    point_values,
    published_point,
)
from foldline.foldings.pareto import pareto_front
from foldline.hardware.estimate import estimate, resources_of
from tests.golden_data import REPOSITORY

BOARD = load_board("pynq-z2")
SMALL = Architecture(
    inputs=8,
    hidden=16,
    classes=11,
    precision=Precision(weight=4, bias=8, activation=4, fc_weight=8, fc_bias=8),
    folding=Folding(pe=1, simd_input=8, simd_recurrent=16),
)
DESIGNS = {
    "W2A2": "QLSTM128_W2B8A2I8_FC_W8B8",
    "W2A4": "QLSTM128_W2B8A4I8_FC_W8B8",
    "W4A4": "QLSTM128_W4B8A4I8_FC_W8B8",
    "W4A8": "QLSTM128_W4B8A8I8_FC_W8B8",
}


def of_part(**sizes):
    """The board with other resources."""
    return replace(BOARD, **sizes)


def dominates(one, other):
    """By the definition."""
    return all(a <= b for a, b in zip(one, other, strict=True)) and one != other


def all_points(architecture, kernel, board=BOARD):
    """Each folding with its columns/s, sign changed, and LUT, FF, BRAM36, DSP, computed without `folding_front`."""
    for folding in enumerate_foldings(architecture, kernel):
        folded = architecture.refolded(folding)
        total = resources_of(folded, kernel).total
        speed = cycles_of(folded, kernel).columns_per_second(520, board.clock_mhz)
        yield folding, (-speed, total.luts, total.ffs, total.bram36, total.dsps)


def fits(costs, board=BOARD):
    has = (board.luts, board.ffs, board.bram36, board.dsps)
    return all(need <= there for need, there in zip(costs[1:], has, strict=True))


@given(st.lists(st.tuples(*[st.integers(0, 4)] * 3), max_size=40))
def test_a_front_has_the_rows_that_no_other_dominates_and_the_first_of_equal_ones(rows):
    wanted = [
        index
        for index, row in enumerate(rows)
        if row not in rows[:index] and not any(dominates(other, row) for other in rows)
    ]
    assert pareto_front(np.array(rows).reshape(-1, 3)).tolist() == wanted


def test_every_divisor_is_enumerated_with_the_smallest_pe_out_of_each_number_of_blocks():
    found = list(enumerate_foldings(SMALL, Kernel.HLS))
    assert {one.pe for one in found} == {one.simd_recurrent for one in found} == {1, 2, 4, 8, 16}
    assert {one.simd_input for one in found} == {1, 2, 4, 8}
    # 11 classes in 11, 6, 4, 3, 2 and 1 blocks: 5 or 6 to 10 at a time leave as many blocks as 4 (3) and 6 (2).
    assert {one.pe_out for one in found} == {1, 2, 3, 4, 6, 11}
    assert len(found) == len(set(found)) == 5 * 4 * 5 * 6
    for folding in found:
        SMALL.refolded(folding)


def test_the_published_kernel_computes_one_class_at_a_time():
    found = list(enumerate_foldings(SMALL, Kernel.PUBLISHED))
    assert {one.pe_out for one in found} == {1}
    assert len(found) == 5 * 4 * 5


@pytest.mark.parametrize("kernel", Kernel)
@pytest.mark.parametrize("luts", [53200, 9000])
def test_the_front_is_that_of_all_pairs_compared(kernel, luts):
    board = of_part(luts=luts)
    points = [(folding, costs) for folding, costs in all_points(SMALL, kernel) if fits(costs, board)]
    best = {costs for _, costs in points if not any(dominates(other, costs) for _, other in points)}
    front = folding_front(SMALL, board, kernel)
    assert {point.costs for point in front.points} == best
    # Of equal foldings, the first one is there.
    assert len(front.points) == len(best)
    for point in front.points:
        assert point.folding == next(folding for folding, costs in points if costs == point.costs)
    assert [point.columns_per_second for point in front.points] == sorted(
        (point.columns_per_second for point in front.points), reverse=True
    )
    assert front.enumerated == len(list(enumerate_foldings(SMALL, kernel)))
    assert front.enumerated - sum(front.too_large.values()) == len(points)


def test_foldings_that_do_not_fit_are_counted_by_the_resource_that_they_exceed_most():
    front = folding_front(SMALL, of_part(luts=1, dsps=1, ffs=10**8, bram36=10**6), Kernel.HLS)
    assert front.points == ()
    assert front.too_large == {"luts": front.enumerated}
    assert front.fastest is None
    with pytest.raises(ConfigError) as caught:
        front.cheapest(5)
    assert str(caught.value) == (
        "min_columns_per_second is 5; no folding of QLSTM16_W4B8A4I8_FC_W8B8 fits on TUL PYNQ-Z2 at 100 MHz, as "
        "estimated."
    )


def test_the_cheapest_folding_that_reaches_a_rate_is_the_cheapest_of_all_that_do():
    front = folding_front(SMALL, BOARD, Kernel.HLS)
    has = (BOARD.luts, BOARD.ffs, BOARD.bram36, BOARD.dsps)
    points = [costs for _, costs in all_points(SMALL, Kernel.HLS) if fits(costs)]
    for rate in np.geomspace(1e4, front.fastest.columns_per_second, 9) * (1 - 1e-9):
        least = min(max(n / h for n, h in zip(costs[1:], has, strict=True)) for costs in points if -costs[0] >= rate)
        found = front.cheapest(rate)
        assert found.share == least
        assert found.columns_per_second >= rate


def test_a_rate_that_no_folding_reaches_names_the_highest_that_one_does():
    front = folding_front(SMALL, BOARD, Kernel.HLS)
    fastest = front.fastest
    with pytest.raises(ConfigError) as caught:
        front.cheapest(5e7)
    assert str(caught.value) == (
        "min_columns_per_second is 50000000; the fastest folding of QLSTM16_W4B8A4I8_FC_W8B8 that fits on TUL PYNQ-Z2 at "
        f"100 MHz reaches {fastest.columns_per_second:.0f}, as modelled: PE {fastest.folding.pe}, SIMD "
        f"{fastest.folding.simd_input} and {fastest.folding.simd_recurrent}, PE_OUT {fastest.folding.pe_out}."
    )


def test_the_compact_front_is_that_of_rate_and_share():
    front = folding_front(SMALL, BOARD, Kernel.HLS)
    pairs = [(-point.columns_per_second, point.share) for point in front.points]
    for point, pair in zip(front.points, pairs, strict=True):
        beaten = any(dominates(other, pair) for other in pairs)
        first = pairs.index(pair) == front.points.index(point)
        assert (point in front.compact) == (not beaten and first)
    assert 1 < len(front.compact) < len(front.points)


def test_the_rate_depends_on_the_clock_and_the_length_of_lines():
    slow, fast = (folding_front(SMALL, BOARD, Kernel.HLS, clock_mhz=clock) for clock in (100, 200))
    assert fast.fastest.columns_per_second == 2 * slow.fastest.columns_per_second
    long = folding_front(SMALL, BOARD, Kernel.HLS, columns=732)
    assert long.fastest.cycles_per_column < slow.fastest.cycles_per_column


@pytest.mark.parametrize(("limit", "columns"), [(100, 100), (519, 519), (520, 520), (732, 520)])
def test_the_line_that_is_modelled_is_one_that_the_design_takes(limit, columns):
    short = replace(SMALL, limits=Limits(columns=limit))
    assert folding_front(short, BOARD, Kernel.HLS).columns == columns
    assert estimate(short, kernel=Kernel.PUBLISHED).columns == columns


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"clock_mhz": 5}, "clock_mhz is 5; it must be 10 to 250 MHz."),
        ({"columns": 0}, "columns is 0; the design's lines have 1 to 732."),
        ({"columns": 733}, "columns is 733; the design's lines have 1 to 732."),
    ],
)
def test_a_clock_or_a_line_outside_its_range_is_refused(settings, message):
    with pytest.raises(ConfigError) as caught:
        folding_front(SMALL, BOARD, Kernel.HLS, **settings)
    assert str(caught.value) == message


def test_a_folding_that_does_not_divide_is_refused():
    with pytest.raises(DesignError, match=r"^pe is 3; it must divide the 16 hidden units\.$"):
        folding_front(SMALL, BOARD, Kernel.HLS).point(Folding(pe=3, simd_input=8, simd_recurrent=16))


def test_a_point_is_read_from_its_json():
    point = folding_point(SMALL, BOARD, Kernel.HLS, clock_mhz=100)
    assert point_from(point_values(point)) == point
    assert point.share == max(
        point.resources.luts / 53200,
        point.resources.ffs / 106400,
        point.resources.bram36 / 140,
        point.resources.dsps / 220,
    )


@pytest.mark.parametrize(("name", "kernel"), list(itertools.product(DESIGNS, Kernel)))
def test_the_front_of_a_published_network_has_its_published_folding(name, kernel):
    design = Design.load(REPOSITORY / "golden_vectors" / "designs" / f"{DESIGNS[name]}.npz")
    front = folding_front(Architecture.of(design), BOARD, kernel)
    published = published_point(front)
    overlay = next(one for one in PUBLISHED if one.name == name)
    assert (published.name, published.point.folding) == (name, overlay.architecture.folding)
    assert published.better in front.points
    assert published.better.matches(published.point)
    # All four are on the front, with every kernel.
    assert published.on_front
    assert published.better == published.point


def test_a_network_that_was_never_published_has_no_published_folding():
    assert published_point(folding_front(SMALL, BOARD, Kernel.HLS)) is None


def test_the_cheapest_may_have_exactly_the_rate_and_is_the_fastest_of_equal_shares():
    front = folding_front(SMALL, BOARD, Kernel.HLS)
    slow, fast = front.points[1], front.points[0]
    assert front.cheapest(fast.columns_per_second) == fast
    alike = replace(front, points=(slow, replace(fast, share=slow.share)))
    assert alike.cheapest(1).folding == fast.folding


def test_a_network_that_takes_all_of_a_resource_fits():
    point = folding_point(SMALL, BOARD, Kernel.HLS, clock_mhz=100)
    full = of_part(luts=point.resources.luts)
    assert folding_point(SMALL, full, Kernel.HLS, clock_mhz=100).share == 1
    assert folding_point(SMALL, full, Kernel.HLS, clock_mhz=100).fits
    assert not folding_point(SMALL, of_part(luts=full.luts - 1), Kernel.HLS, clock_mhz=100).fits

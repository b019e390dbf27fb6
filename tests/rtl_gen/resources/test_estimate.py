"""Estimated resources of the SystemVerilog: against what yosys counted, monotonic in what is parallel, possible everywhere."""

from dataclasses import replace

import pytest
from hypothesis import given

from benchmarks.rtl_points import points
from benchmarks.rtl_resources import COUNTS, committed, counted_points, fit, key_of, rows
from datapath import Folding, PeepholeFormat, Precision
from datapath.architecture import Architecture
from datapath.errors import ToolError
from datapath.resources import Resources
from foldline.hardware.estimate import RESOURCE_TITLES
from rtl_gen.resources import estimate_resources
from rtl_gen.resources.estimate import SCALES
from rtl_gen.resources.parts import cell, choice_luts, dot
from rtl_gen.synthesis.flow import synthesise
from rtl_gen.synthesis.tools import find_yosys
from tests.strategies import designs

pytestmark = pytest.mark.no_numpy2

PERCENT = 10
"""Most by which look-up tables and flip-flops of a design may be off, predicted from the other designs."""

STAGES = ["dma_in", "hidden", "output", "concatenate", "maximum", "label", "dma_out", "control"]


@pytest.fixture(scope="module")
def measured():
    return counted_points()


@pytest.fixture
def architecture() -> Architecture:
    return Architecture(
        inputs=32,
        hidden=128,
        classes=82,
        precision=Precision(weight=2, bias=8, activation=4, fc_weight=8, fc_bias=8),
        folding=Folding(pe=1, simd_input=16, simd_recurrent=64),
    )


def total(architecture: Architecture) -> Resources:
    return estimate_resources(architecture).total


def test_the_designs_differ_in_size_width_and_folding(measured):
    assert len(measured) == len(committed()["designs"]) == len(points()) >= 24
    assert sum(point.architecture.hidden == 128 for point in measured) == len(measured) / 2
    assert len({point.architecture.precision for point in measured}) >= 10
    assert len({point.architecture.folding for point in measured}) >= 14


def test_every_design_is_predicted_from_the_others(measured):
    for row in rows(measured):
        for found in (row.modelled, row.predicted):
            errors = row.errors(found)
            assert max(abs(errors["luts"]), abs(errors["ffs"])) <= PERCENT, row.point.title
            assert (found.bram36, found.dsps) == (row.point.counted.bram36, row.point.counted.dsps), row.point.title


def test_the_scales_are_the_fit(measured):
    assert fit(measured) == SCALES


def test_the_smallest_design_synthesised_again():
    try:
        tool = find_yosys()
    except ToolError as error:
        pytest.skip(str(error))
    if f"{tool.name} {tool.version}" != committed()["tool"]:
        pytest.skip(f"{COUNTS.name} is of {committed()['tool']}, and this is {tool.version}")
    name, design = points()[0]
    found, before = synthesise(design, "xc7").total, committed()["designs"][key_of(name, design)]
    assert {title: getattr(found, title) for title in RESOURCE_TITLES} == {
        title: before[title] for title in RESOURCE_TITLES
    }


def test_blocks_follow_the_stages_and_say_whose_counts_they_are(architecture):
    estimate = estimate_resources(architecture)
    assert [block.name for block in estimate.blocks] == STAGES
    assert all(block.title and block.made_of.endswith(".") for block in estimate.blocks)
    assert estimate.counted_by == f"{committed()['tool']}, modelled"
    assert estimate.total == sum((block.resources for block in estimate.blocks), Resources())


@pytest.mark.parametrize("grown", ["pe", "simd_input", "simd_recurrent", "pe_out"])
def test_more_in_parallel_takes_more(grown, architecture):
    narrow = Folding(pe=2, simd_input=2, simd_recurrent=8, pe_out=3)
    smaller = total(architecture.refolded(narrow))
    larger = total(architecture.refolded(replace(narrow, **{grown: 2 * getattr(narrow, grown)})))
    assert larger.luts > smaller.luts
    assert larger.ffs > smaller.ffs
    assert larger.dsps == smaller.dsps + (3 * 2 if grown == "pe" else 0)


@given(design=designs())
def test_nothing_small_fails_and_block_ram_comes_in_halves(design):
    found = total(Architecture.of(design))
    assert found.luts > 0
    assert found.ffs > 0
    assert found.bram36 * 2 == int(found.bram36 * 2)
    assert found.dsps >= 3 * design.folding.pe


@pytest.mark.parametrize(
    ("dimensions", "bits", "folding"),
    [
        ((1, 1, 2), 1, (1, 1, 1, 1)),
        ((1, 1, 2), 8, (1, 1, 1, 2)),
        ((2, 512, 255), 2, (512, 2, 512, 255)),
        ((2, 512, 255), 2, (1, 1, 1, 1)),
        ((128, 128, 2), 8, (1, 1, 128, 1)),
    ],
)
def test_the_ends_of_all_ranges(dimensions, bits, folding):
    inputs, hidden, classes = dimensions
    pe, simd_input, simd_recurrent, pe_out = folding
    widths = dict.fromkeys(("weight", "bias", "activation", "fc_weight", "fc_bias"), bits)
    plain = Architecture(
        inputs=inputs,
        hidden=hidden,
        classes=classes,
        precision=Precision(**widths),
        folding=Folding(pe=pe, simd_input=simd_input, simd_recurrent=simd_recurrent, pe_out=pe_out),
    )
    dsps = total(plain).dsps
    assert dsps >= 3 * pe
    for peephole, added in ((1, 0), (2, 3), (7, 3), (16, 3)):
        with_them = replace(plain, peephole_format=PeepholeFormat(bits=peephole, integer=1))
        assert total(with_them).dsps == dsps + added * pe


def test_equal_products_of_the_registers_share_a_dsp_slice(architecture):
    """Columns of 32 pixels of 6 bits: 24 bytes, 3 words, so that both limits of the bytes to read are 48 per column."""
    slices = {}
    for activation in (4, 5, 6):
        found = estimate_resources(
            replace(architecture, precision=replace(architecture.precision, activation=activation))
        )
        slices[activation] = {block.name: block.resources.dsps for block in found.blocks}
    assert [(slices[bits]["control"], slices[bits]["dma_in"]) for bits in (4, 5, 6)] == [(0, 0), (2, 1), (1, 1)]


def test_narrower_sums_take_less():
    wide, narrow = (dot(lanes=64, value=4, weight=4, sum_bits=bits) for bits in (16, 10))
    assert (narrow.luts < wide.luts, narrow.ffs < wide.ffs) == (True, True)
    assert cell(activation=4, sum_bits=10, peephole=None).luts < cell(activation=4, sum_bits=16, peephole=None).luts


def test_a_selection_between_measured_ones_is_between_them():
    measured_ones = [choice_luts(count, enabled=False) for count in (64, 100, 128, 256)]
    assert measured_ones == sorted(measured_ones)
    assert measured_ones[0] < choice_luts(80, enabled=False) < measured_ones[1]
    assert choice_luts(512, enabled=False) == 2 * measured_ones[-1]

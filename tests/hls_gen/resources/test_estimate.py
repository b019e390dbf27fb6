"""Estimated resources: against the published utilisations, monotonic in what is parallel, and possible everywhere."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.utilisation import fit, rows
from datapath import Folding, Precision
from datapath.architecture import Architecture
from datapath.boards import load_board
from datapath.errors import ConfigError
from datapath.manifest import Kernel
from datapath.published import PUBLISHED
from datapath.resources import Block, ResourceEstimate, Resources
from hls_gen.resources import costs, estimate_resources
from hls_gen.resources.estimate import SCALES
from hls_gen.resources.fit import check_fits
from hls_gen.resources.kernel_memories import kernel_memories
from tests.strategies import designs, precisions

# Percent off the published figure, and off it where the scales are fitted to the other three builds, as
# `python -m benchmarks.utilisation` prints them and docs/estimates.md quotes them.
ERRORS = {
    ("W2A2", "luts"): (-3.4, -7.7),
    ("W2A2", "ffs"): (-11.3, -14.2),
    ("W2A2", "bram36"): (12.1, 12.1),
    ("W2A2", "dsps"): (-3.3, -3.3),
    ("W2A4", "luts"): (4.9, 8.6),
    ("W2A4", "ffs"): (6.0, 8.4),
    ("W2A4", "bram36"): (0.0, 0.0),
    ("W2A4", "dsps"): (0.0, 0.0),
    ("W4A4", "luts"): (-4.0, -6.0),
    ("W4A4", "ffs"): (13.3, 19.7),
    ("W4A4", "bram36"): (0.0, 0.0),
    ("W4A4", "dsps"): (0.0, 0.0),
    ("W4A8", "luts"): (2.0, 6.0),
    ("W4A8", "ffs"): (-13.0, -16.1),
    ("W4A8", "bram36"): (0.0, 0.0),
    ("W4A8", "dsps"): (0.0, 0.0),
}
BLOCKS = ["dma_in", "hidden", "output", "concatenate", "maximum", "label", "dma_out", "rest"]
IN_CPP = (Kernel.PUBLISHED, Kernel.HLS)
kernels = pytest.mark.parametrize("kernel", IN_CPP)


@pytest.fixture
def architecture() -> Architecture:
    return Architecture(
        inputs=32,
        hidden=128,
        classes=82,
        precision=Precision(weight=2, bias=8, activation=4, fc_weight=8, fc_bias=8),
        folding=Folding(pe=1, simd_input=16, simd_recurrent=64),
    )


def total(architecture: Architecture, kernel: Kernel = Kernel.HLS) -> Resources:
    return estimate_resources(architecture, kernel).total


def test_the_published_utilisations_and_those_left_out():
    found = {
        (row.name, resource): (round(row.error(row.modelled), 1), round(row.error(row.predicted), 1))
        for resource, row in rows()
    }
    assert found == ERRORS


def test_the_scales_are_the_fit():
    assert fit(PUBLISHED) == SCALES


@kernels
def test_blocks_follow_the_stages_and_add_up(architecture, kernel):
    estimate = estimate_resources(architecture, kernel)
    assert [block.name for block in estimate.blocks] == BLOCKS
    for resource in ("luts", "ffs", "bram36", "dsps"):
        blocks = sum(getattr(block.resources, resource) for block in estimate.blocks)
        assert getattr(estimate.total, resource) == blocks > 0
    assert all(block.title and block.made_of.endswith(".") for block in estimate.blocks)


def test_resources_add_up():
    one = Resources(luts=1, ffs=20, bram36=0.5, dsps=3)
    assert one + Resources(luts=100, ffs=5, bram36=2.0) == Resources(luts=101, ffs=25, bram36=2.5, dsps=3)
    block = Block(name="hidden", title="hidden layer", resources=one, made_of="Parts.")
    assert ResourceEstimate(blocks=(block, block), counted_by="a tool").total == one + one == one * 2
    assert ResourceEstimate(blocks=(), counted_by="a tool").total == Resources()


def test_the_kernel_in_systemverilog_has_another_model(architecture):
    with pytest.raises(ConfigError, match=r"^kernel is 'rtl'; .* published and hls\.$"):
        estimate_resources(architecture, Kernel.RTL)


@kernels
def test_a_block_lists_its_multipliers(architecture, kernel):
    hidden = next(block for block in estimate_resources(architecture, kernel).blocks if block.name == "hidden")
    # In two steps the published kernel has all 4 * (32 + 128) products of a unit in parallel; the HLS kernel half of them.
    assert hidden.made_of.startswith("640 multipliers" if kernel is Kernel.PUBLISHED else "320 multipliers")


def test_the_hls_kernel_costs_no_more_than_the_published_one_where_it_shares_multipliers():
    for overlay in PUBLISHED:
        if overlay.architecture.steps > 1:
            assert total(overlay.architecture).luts < total(overlay.architecture, Kernel.PUBLISHED).luts


@st.composite
def architectures(draw: st.DrawFn) -> Architecture:
    """Dimensions that are powers of two, so that every folding can be doubled."""
    inputs, hidden = (draw(st.sampled_from([1, 2, 8, 32, 64])) for _ in range(2))
    classes = draw(st.integers(2, 255))
    powers = {size: [1 << k for k in range(size.bit_length())] for size in (inputs, hidden)}
    return Architecture(
        inputs=inputs,
        hidden=hidden,
        classes=classes,
        precision=draw(precisions()),
        folding=Folding(
            pe=draw(st.sampled_from(powers[hidden])),
            simd_input=draw(st.sampled_from(powers[inputs])),
            simd_recurrent=draw(st.sampled_from(powers[hidden])),
            pe_out=draw(st.integers(1, classes)),
        ),
    )


@pytest.mark.parametrize("grown", ["pe", "simd_input", "simd_recurrent", "pe_out"])
@given(architecture=architectures())
def test_more_in_parallel_takes_more(grown, architecture):
    sizes = {"simd_input": architecture.inputs, "pe_out": architecture.classes}
    most = sizes.get(grown, architecture.hidden)
    value = getattr(architecture.folding, grown)
    if 2 * value > most:
        return
    larger = total(architecture.refolded(replace(architecture.folding, **{grown: 2 * value})))
    smaller = total(architecture)
    assert larger.luts > smaller.luts
    assert larger.ffs > smaller.ffs
    assert larger.dsps >= smaller.dsps


@pytest.mark.parametrize("width", ["weight", "activation", "fc_weight"])
@given(architecture=architectures())
def test_wider_numbers_take_more(width, architecture):
    bits = getattr(architecture.precision, width)
    if bits == 8:
        return
    wider = total(replace(architecture, precision=replace(architecture.precision, **{width: bits + 1})))
    narrower = total(architecture)
    assert wider.luts >= narrower.luts or wider.bram36 > narrower.bram36  # a stream moved into block RAM
    assert wider.ffs >= narrower.ffs
    assert wider.bram36 >= narrower.bram36


@given(design=designs())
def test_nothing_small_fails_and_block_ram_comes_in_halves(design):
    for kernel in IN_CPP:
        found = total(Architecture.of(design), kernel)
        assert found.luts > SCALES.fixed_luts
        assert found.ffs > 0
        assert found.bram36 * 2 == int(found.bram36 * 2)
        assert found.dsps >= 7 * design.folding.pe


@kernels
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
def test_the_ends_of_all_ranges(kernel, dimensions, bits, folding):
    inputs, hidden, classes = dimensions
    pe, simd_input, simd_recurrent, pe_out = folding
    widths = dict.fromkeys(("weight", "bias", "activation", "fc_weight", "fc_bias"), bits)
    found = total(
        Architecture(
            inputs=inputs,
            hidden=hidden,
            classes=classes,
            precision=Precision(**widths),
            folding=Folding(pe=pe, simd_input=simd_input, simd_recurrent=simd_recurrent, pe_out=pe_out),
        ),
        kernel,
    )
    assert found.luts > SCALES.fixed_luts
    assert found.dsps >= 7 * pe


@given(design=designs())
def test_a_design_takes_at_least_the_block_ram_of_its_weights(design):
    weights = check_fits(kernel_memories(Architecture.of(design)), load_board("zcu104")).bram36
    assert total(Architecture.of(design)).bram36 >= weights


def test_dsp_slices_of_the_published_kernel():
    """Products that need no rounding go there, up to the source's limit of 160, besides seven of each cell."""
    w2a2, w2a4 = PUBLISHED[0].architecture, PUBLISHED[1].architecture
    assert [block.resources.dsps for block in estimate_resources(w2a2, Kernel.PUBLISHED).blocks] == [
        0,
        7 * 2 + 32,  # what 128 products of the output layer leave of the limit
        128,
        0,
        0,
        0,
        0,
        0,
    ]
    assert total(w2a4, Kernel.PUBLISHED).dsps == 7
    # Rounded products of the output layer (4 and 8 bits) stay in look-up tables, and in two steps all of the hidden layer.
    in_one_step = w2a4.refolded(Folding.by_factor(1, inputs=32, hidden=128))
    assert total(in_one_step, Kernel.PUBLISHED).dsps == 7 + 160


@pytest.mark.parametrize("bits", [4, 8])
def test_a_cell_has_three_peepholes(bits):
    one = (
        costs.operator(f"peephole {bits}")
        + costs.operator(f"narrow peephole {bits}")
        + costs.operator("saturating sum")
    )
    assert costs.cell(4, bits) == costs.cell(4, None) + 3 * one

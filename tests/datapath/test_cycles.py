"""The cycle model against what was measured, and counted, for the published networks; and its structure by hand."""

from dataclasses import replace

import pytest

from benchmarks.cycles import fit, fraktur, rows
from datapath import Folding
from datapath.architecture import Architecture
from datapath.cycles import (
    COLUMN_OVERHEAD,
    DEPTHS,
    JOIN_DEPTH,
    MAXIMUM_DEPTH,
    OUR_JOIN_DEPTH,
    cycles_of,
    operations_per_column,
)
from datapath.manifest import Kernel
from datapath.precision import Precision
from datapath.published import CLOCK_MHZ, FRAKTUR_COLUMNS, FRAKTUR_MILLISECONDS, PUBLISHED, published_overlay
from tests.designs import random_design

FITTED, LEFT_OUT = 3, 5
"""Percent that the model may be off a measurement: fitted to it, and predicting it from the other three (issue)."""


def plain(pe: int = 1, steps: int = 1, *, pe_out: int = 1, activation: int = 2) -> Architecture:
    return Architecture(
        inputs=32,
        hidden=128,
        classes=82,
        precision=Precision(weight=2, bias=8, activation=activation, fc_weight=8, fc_bias=8),
        folding=Folding.by_factor(steps, inputs=32, hidden=128, pe=pe, pe_out=pe_out),
    )


def stages(architecture: Architecture, kernel: Kernel) -> dict[str, float]:
    return {stage.key: stage.cycles_per_column for stage in cycles_of(architecture, kernel).stages}


def test_the_published_times():
    for row in rows():
        assert abs(row.error(row.modelled)) < FITTED, row
        assert abs(row.error(row.predicted)) < LEFT_OUT, row
    assert [row.name for row in rows()] == ["W2A2", "W2A4", "W4A4", "W4A8"]


def test_the_depths_follow_from_the_published_times():
    fitted = fit(PUBLISHED)
    assert fitted.hidden == pytest.approx(DEPTHS.hidden, abs=0.1)
    assert fitted.hidden_per_step == pytest.approx(DEPTHS.hidden_per_step, abs=0.01)
    assert fitted.output == pytest.approx(DEPTHS.output, abs=0.1)


def test_without_an_overlay_its_pipeline_is_as_deep_as_the_others():
    without = {name: fit([one for one in PUBLISHED if one.name != name]) for name in ("W2A2", "W4A8")}
    assert without["W4A8"].hidden_per_step == 0
    two, eight = without["W2A2"].of_hidden(2), without["W2A2"].of_hidden(8)
    assert without["W2A2"].output == pytest.approx((two + eight) / 2)


def test_a_folding_explains_the_time_of_fraktur():
    measured = FRAKTUR_MILLISECONDS * CLOCK_MHZ * 1000 / FRAKTUR_COLUMNS
    folding, modelled = min(fraktur(), key=lambda one: abs(one[1] - measured))
    assert (folding.simd_input, folding.simd_recurrent) == (25, 50)
    assert abs(modelled / measured - 1) < 0.03


def test_each_loop_of_the_published_kernel_drains_behind_one_direction_of_a_column():
    expected = {
        "dma_in": 2 * 1,  # 32 pixels of 2 bits are one word
        "hidden": 2 * (63 * 2 + 23.5 + 3.25 * 2),
        "output": 2 * (81 + 42.6),
        "concatenate": 2 * (81 + JOIN_DEPTH),
        "maximum": 81 + MAXIMUM_DEPTH,
        "label": 2,
        "dma_out": 0,
    }
    assert stages(plain(2, 2), Kernel.PUBLISHED) == expected


def test_only_the_hidden_layer_of_ours_drains_in_each_column():
    assert stages(plain(2, 2), Kernel.HLS) == {
        "dma_in": 2,
        "hidden": 2 * 64 * 2 - 1 + 23.5 + 3.25 + COLUMN_OVERHEAD,
        "output": 2 * 82,
        "concatenate": 2 * 82,
        "maximum": 82,
        "label": 2,
        "dma_out": 0,
    }


@pytest.mark.parametrize("kernel", (Kernel.PUBLISHED, Kernel.HLS))
def test_a_last_block_of_classes_that_is_not_full_takes_a_cycle_too(kernel):
    full, more = plain(pe_out=41), plain(pe_out=40)
    assert (full.class_blocks, more.class_blocks) == (2, 3)
    assert stages(more, kernel)["maximum"] == stages(full, kernel)["maximum"] + 1
    assert stages(more, kernel)["output"] == stages(full, kernel)["output"] + 2


@pytest.mark.parametrize("kernel", (Kernel.PUBLISHED, Kernel.HLS))
def test_the_side_with_more_steps_sets_the_pace_of_the_hidden_layer(kernel):
    one, other = (
        replace(plain(2), folding=Folding(pe=2, simd_input=32 // inputs, simd_recurrent=128 // recurrent))
        for inputs, recurrent in ((1, 4), (4, 1))
    )
    assert one.steps == other.steps == 4
    assert stages(one, kernel) == stages(other, kernel) == stages(plain(2, 4), kernel)


def test_the_slowest_stage_sets_the_pace():
    assert cycles_of(plain(2, 1), Kernel.PUBLISHED).bottleneck.key == "output"
    assert cycles_of(plain(2, 1, pe_out=4), Kernel.PUBLISHED).bottleneck.key == "hidden"
    assert cycles_of(plain(2, 1), Kernel.HLS).bottleneck.key == "output"
    assert cycles_of(plain(2, 1, pe_out=2), Kernel.HLS).bottleneck.key == "hidden"


@pytest.mark.parametrize("kernel", (Kernel.PUBLISHED, Kernel.HLS))
def test_a_line_takes_the_slowest_stage_the_latency_of_the_others_and_a_cycle_per_column_for_the_labels(kernel):
    cycles = cycles_of(plain(2, 2), kernel)
    one, two = cycles.line(1), cycles.line(2)
    assert two - one == pytest.approx(cycles.bottleneck.cycles_per_column + 1)
    waits = sum(stage.latency for stage in cycles.stages if stage is not cycles.bottleneck)
    assert one == pytest.approx(cycles.bottleneck.cycles_per_column + waits + 1)
    assert cycles.per_column(520) == cycles.line(520) / 520


def test_what_a_stage_takes_in_a_line():
    by_key = {stage.key: stage for stage in cycles_of(plain(), Kernel.PUBLISHED).stages}
    assert by_key["dma_in"].in_line(100) == 200
    assert by_key["dma_out"].in_line(100) == 96  # the number of labels and at most 95 of them
    assert by_key["label"].in_line(100) == 200


def test_time_is_cycles_by_clock():
    cycles = cycles_of(plain(1, 2), Kernel.PUBLISHED)
    assert cycles.milliseconds(520, 100) == pytest.approx(cycles.line(520) / 100_000)
    assert cycles.milliseconds(520, 50) == pytest.approx(2 * cycles.milliseconds(520, 100))
    assert cycles.columns_per_second(520, 100) == pytest.approx(520 / cycles.milliseconds(520, 100) * 1000)


def test_wider_pixels_take_more_words_of_the_bus():
    assert [stages(plain(activation=bits), Kernel.PUBLISHED)["dma_in"] for bits in (2, 4, 8)] == [2, 4, 8]


def test_operations_are_counted_as_the_original_counts_them():
    assert operations_per_column(plain()) == 351_488
    design = random_design(0, bits=(2, 8, 2, 8, 8), inputs=32, hidden=128, classes=82)
    assert operations_per_column(design) == 351_488


def test_a_published_overlay_is_found_by_its_network():
    assert published_overlay(plain(4, 4)).name == "W2A2"
    assert published_overlay(replace(plain(), classes=81)) is None
    narrow = replace(plain(), inputs=8, folding=Folding(pe=1, simd_input=8, simd_recurrent=128))
    assert published_overlay(narrow) is None  # whose 8 rows no published folding divides
    assert published_overlay(replace(plain(), precision=replace(plain().precision, weight=3))) is None


def test_a_line_of_our_kernel_by_hand():
    """H 128, C 82, PE 1, one step. Hidden layer: 2 * 128 - 1 issues, 23.5 + 3.25 deep, 4 of overhead; 10 columns of it and
    of the labels; latencies: DMA in 1 word, output 82 - 1 + 42.6, sums of halves 5 and 5, maximum 82 - 1 + 3, DMA out 1."""
    found = cycles_of(plain(), Kernel.HLS)
    assert found.bottleneck.key == "hidden"
    assert OUR_JOIN_DEPTH == 5
    assert found.line(10) == pytest.approx(10 * 285.75 + 10 + 1 + 123.6 + 10 + 84 + 1)

"""An architecture is a design without its weights, and refuses what a design refuses."""

import re
from dataclasses import replace

import pytest

from datapath import Design, Folding
from datapath.architecture import Architecture
from datapath.bounds import SumWidths
from datapath.errors import DesignError
from datapath.precision import Precision
from datapath.published import published_overlay
from golden_vectors import FOLDER

FILE = FOLDER / "designs" / "QLSTM128_W2B8A4I8_FC_W8B8.npz"


@pytest.fixture(scope="module")
def architecture() -> Architecture:
    return Architecture(
        inputs=32,
        hidden=128,
        classes=82,
        precision=Precision(weight=2, bias=8, activation=4, fc_weight=8, fc_bias=8),
        folding=Folding(pe=2, simd_input=16, simd_recurrent=32, pe_out=3),
    )


def test_that_of_a_design():
    design = Design.load(FILE)
    one = Architecture.of(design)
    assert (one.inputs, one.hidden, one.classes) == (design.inputs, design.hidden, design.classes)
    assert (one.precision, one.folding, one.limits) == (design.precision, design.folding, design.limits)
    assert one.experiment == design.experiment
    assert one.refolded(Folding(pe=1, simd_input=1, simd_recurrent=1)) == Architecture.of(
        design.refolded(Folding(pe=1, simd_input=1, simd_recurrent=1))
    )


def test_weights_decide_the_widths_of_the_sums_alone():
    one, none = Architecture.of(Design.load(FILE)), SumWidths()
    assert one.sum_widths == SumWidths(gate=15, half_score=15, score=16)
    known = {"inputs": 32, "hidden": 128, "classes": 82, "precision": one.precision, "folding": one.folding}
    assert Architecture(**known).sum_widths == none
    assert replace(one, sum_widths=none) == Architecture(**known)
    assert published_overlay(one).name == "W2A4"


def test_what_folding_makes_of_it(architecture):
    assert (architecture.input_steps, architecture.recurrent_steps, architecture.steps) == (2, 4, 4)
    assert (architecture.unit_blocks, architecture.class_blocks) == (64, 28)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"hidden": 0}, "hidden is 0; it must be an integer of 1 or more."),
        ({"inputs": True}, "inputs is True; it must be an integer of 1 or more."),
        ({"classes": 1.5}, "classes is 1.5; it must be an integer of 1 or more."),
        ({"hidden": 96, "folding": Folding(pe=5, simd_input=32, simd_recurrent=96)}, "pe is 5; it must divide the 96 "),
        ({"classes": 2}, "pe_out is 3; it must be 1 to the 2 classes."),
        ({"hidden": 512}, "hidden * activation bits is 512 * 4 = 2048; an ap_int holds at most 1024 bits."),
    ],
)
def test_what_no_accelerator_is_built_for_is_refused(architecture, change, sentence):
    with pytest.raises(DesignError, match="^" + re.escape(sentence)):
        replace(architecture, **change)

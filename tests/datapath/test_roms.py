"""Weights in ROMs: each element is the weight that plain indexing of the design gives."""

import numpy as np
from hypothesis import given, settings

from datapath import Design
from datapath.roms import design_roms
from tests.designs import random_design
from tests.strategies import designs


def gate_words(weights: np.ndarray, *, pe: int, simd: int) -> list:
    """[PE][direction, block, fold][gate, lane] of weights [2, 4, H, rows]: unit block * PE + p, row fold * SIMD + lane."""
    directions, gates, hidden, rows = weights.shape
    return [
        [
            [int(weights[d, g, block * pe + p, fold * simd + lane]) for g in range(gates) for lane in range(simd)]
            for d in range(directions)
            for block in range(hidden // pe)
            for fold in range(rows // simd)
        ]
        for p in range(pe)
    ]


def class_words(values: np.ndarray, *, pe_out: int) -> list:
    """[PE_OUT][direction, block][n] of values [2, C, n]: class block * PE_OUT + p, zeros beyond the last class."""
    directions, classes, count = values.shape
    blocks = -(-classes // pe_out)
    return [
        [
            values[d, block * pe_out + p].tolist() if block * pe_out + p < classes else [0] * count
            for d in range(directions)
            for block in range(blocks)
        ]
        for p in range(pe_out)
    ]


def expected_elements(design: Design) -> dict[str, tuple[int, list]]:
    """Width, and elements [parallel][depth][n], of every ROM that holds weights."""
    bits, folding = design.precision, design.folding
    pe, pe_out = folding.pe, folding.pe_out
    biases = design.biases_input.astype(int) + design.biases_recurrent
    roms = {
        "input_weights": (bits.weight, gate_words(design.weights_input, pe=pe, simd=folding.simd_input)),
        "recurrent_weights": (bits.weight, gate_words(design.weights_recurrent, pe=pe, simd=folding.simd_recurrent)),
        "gate_biases": (bits.bias + 1, gate_words(biases[..., None], pe=pe, simd=1)),
        "class_weights": (bits.fc_weight, class_words(design.fc_weights, pe_out=pe_out)),
        "class_biases": (bits.fc_bias, class_words(design.fc_biases[..., None], pe_out=pe_out)),
    }
    if design.peepholes is not None:
        words = gate_words(design.peepholes.weights[..., None], pe=pe, simd=1)
        roms["peepholes"] = design.peepholes.format.bits, words
    return roms


@settings(max_examples=50, deadline=None)
@given(designs())
def test_the_elements_of_all_roms_are_the_weights_of_the_design(design):
    expected = expected_elements(design)
    roms = {rom.name: (rom.bits, rom.elements.tolist()) for rom in design_roms(design) if rom.read}
    assert roms == expected


def test_a_network_without_peepholes_has_a_rom_of_zeros_that_nothing_reads():
    (placeholder,) = [rom for rom in design_roms(random_design(1, hidden=6, folding=(3, 1, 1))) if not rom.read]
    assert (placeholder.name, placeholder.bits, placeholder.elements.shape) == ("peepholes", 1, (3, 4, 1))
    assert not np.any(placeholder.elements)

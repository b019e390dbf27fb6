"""Folded arrays: every element where docs/spec/header.md puts it, and back again."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given

from datapath import Alphabet, Gate, fold, unfold
from datapath.errors import DesignError
from tests.designs import random_design
from tests.golden_data import (
    PEEPHOLE,
    PEEPHOLE_ARRAYS,
    PUBLISHED,
    STRESS,
    peephole_network,
    published_network,
    stress_network,
)
from tests.strategies import designs


@given(design=designs())
def test_unfolding_gives_back_the_design(design):
    assert unfold(fold(design), alphabet=design.alphabet, provenance=design.provenance) == design


@given(design=designs())
def test_every_element_lies_where_the_header_page_puts_it(design):
    folded = fold(design)
    H, I, C = design.hidden, design.inputs, design.classes  # noqa: E741
    pe, simd_input, simd_recurrent = design.folding.pe, design.folding.simd_input, design.folding.simd_recurrent
    assert folded.weights_input.shape == (4, simd_input, I // simd_input, pe, 2 * H // pe)
    assert folded.weights_recurrent.shape == (4, simd_recurrent, H // simd_recurrent, pe, 2 * H // pe)
    assert folded.biases_input.shape == folded.biases_recurrent.shape == (4, pe, 2 * H // pe)
    assert (folded.peepholes is None) == (design.peepholes is None)
    assert folded.peephole_format == design.peephole_format
    if folded.peepholes is not None:
        assert folded.peepholes.weights.shape == (3, pe, 2 * H // pe)
    assert folded.fc_weights.shape == (H, 2 * C)
    assert folded.fc_biases.shape == (1, 2 * C)

    for p in range(pe):
        for q in range(2 * H // pe):
            direction, unit = divmod(q * pe + p, H)
            for number in range(3 if design.peepholes is not None else 0):
                peephole = design.peepholes.weights[direction, number, unit]
                assert folded.peepholes.weights[number, p, q] == peephole
            for gate in Gate:
                assert folded.biases_input[gate, p, q] == design.biases_input[direction, gate, unit]
                assert folded.biases_recurrent[gate, p, q] == design.biases_recurrent[direction, gate, unit]
                for a in range(simd_input):
                    for b in range(I // simd_input):
                        row = b * simd_input + a
                        assert (
                            folded.weights_input[gate, a, b, p, q] == design.weights_input[direction, gate, unit, row]
                        )
                for a in range(simd_recurrent):
                    for b in range(H // simd_recurrent):
                        row = b * simd_recurrent + a
                        recurrent = design.weights_recurrent[direction, gate, unit, row]
                        assert folded.weights_recurrent[gate, a, b, p, q] == recurrent
    for d in range(2):
        for k in range(C):
            assert folded.fc_biases[0, d * C + k] == design.fc_biases[d, k]
            for j in range(H):
                assert folded.fc_weights[j, d * C + k] == design.fc_weights[d, k, j]


@given(design=designs())
def test_a_folded_network_knows_its_dimensions(design):
    folded = fold(design)
    assert (folded.inputs, folded.hidden, folded.classes) == (design.inputs, design.hidden, design.classes)
    for name in ("weights_input", "weights_recurrent", "biases_input", "biases_recurrent", "fc_weights", "fc_biases"):
        array = getattr(folded, name)
        assert array.dtype == np.int8
        assert array.flags.c_contiguous
    if folded.peepholes is not None:
        assert folded.peepholes.weights.dtype == np.int16
        assert folded.peepholes.weights.flags.c_contiguous


@pytest.mark.parametrize("pe", [1, 2, 4])
def test_peepholes_fold_with_their_units(pe):
    design = random_design(1, hidden=4, folding=(pe, 1, 1), peepholes=(7, 3))
    folded = fold(design)
    for direction, gate, unit in np.ndindex(2, 3, 4):
        q, p = divmod(direction * 4 + unit, pe)
        assert folded.peepholes.weights[gate, p, q] == design.peepholes.weights[direction, gate, unit]
    assert unfold(folded, alphabet=design.alphabet, provenance=design.provenance) == design


@pytest.mark.parametrize("name", PEEPHOLE)
def test_peepholes_of_a_network_with_reference_vectors_lie_as_in_its_header(shared_data, name):
    folded = fold(peephole_network(shared_data, name))
    with np.load(shared_data / "golden" / f"peephole_{name}.npz") as header:
        for number, gate in enumerate(PEEPHOLE_ARRAYS):
            assert np.array_equal(folded.peepholes.weights[number], header[gate])


@pytest.mark.parametrize("name", [*PUBLISHED, *STRESS])
def test_folding_a_real_network_gives_back_its_header_arrays(shared_data, name):
    if name in PUBLISHED:
        design, file = published_network(shared_data, name), shared_data / "lstm-pynq" / f"{name}.npz"
    else:
        design, file = stress_network(shared_data, name), shared_data / "golden" / f"stress_{name}.npz"
    folded = fold(design)
    with np.load(file) as header:
        assert np.array_equal(folded.fc_weights, header["wfc"])
        assert np.array_equal(folded.fc_biases, header["bfc"])
        for gate in Gate:
            assert np.array_equal(folded.weights_input[gate], header[f"w{gate.header_name}_ih"])
            assert np.array_equal(folded.weights_recurrent[gate], header[f"w{gate.header_name}_hh"])
            assert np.array_equal(folded.biases_input[gate], header[f"b{gate.header_name}_ih"])
            assert np.array_equal(folded.biases_recurrent[gate], header[f"b{gate.header_name}_hh"])


@given(design=designs(classes=3))
def test_an_alphabet_of_another_size_is_refused(design):
    with pytest.raises(DesignError) as caught:
        unfold(fold(design), alphabet=Alphabet(("", "a")), provenance=design.provenance)
    H = design.hidden
    assert str(caught.value) == (
        f"fc_weights has shape [2, 3, {H}]; with H {H}, I {design.inputs} and C 2 it must be [2, 2, {H}]."
    )


@given(design=designs(hidden=4))
def test_a_folding_that_contradicts_the_dimensions_is_refused(design):
    network = replace(fold(design), folding=replace(design.folding, pe=3))
    with pytest.raises(DesignError) as caught:
        unfold(network, alphabet=design.alphabet, provenance=design.provenance)
    assert str(caught.value) == "pe is 3; it must divide the 4 hidden units."

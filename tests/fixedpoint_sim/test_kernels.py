"""The kernels' arithmetic, exhaustively, against the plain-integer reference."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from fixedpoint_sim import kernels
from fixedpoint_sim.simulator import SIGMOID_OF, TANH_OF, emitted_columns
from tests.reference import (
    reference_labels,
    round_to_even_on_tie,
    round_to_zero_on_tie,
    saturate,
    sigmoid,
    tanh,
    wrap,
)

WIDTHS = range(1, 9)
ACCUMULATORS = range(-32768, 32768)


def _all_values(bits: int) -> np.ndarray:
    return np.arange(-(1 << (bits - 1)), 1 << (bits - 1), dtype=np.int16)


def _terms(vector: np.ndarray, offset: int = 0):
    """(values, rows, count) of a vector, as the kernels list them."""
    room = len(vector) + kernels.ROWS_PER_PASS
    values, rows = np.full(room, 99, dtype=np.int16), np.full(room, 99, dtype=np.int64)
    count = kernels.gather_terms(values, rows, 0, vector, offset, 0)
    return values, rows, kernels.fill_pass(values, rows, count)


@given(st.lists(st.integers(-128, 127), max_size=40), st.sampled_from([0, -128, -8, -2]))
def test_terms_are_the_values_that_differ_from_the_offset(vector, offset):
    values, rows, count = _terms(np.array(vector, dtype=np.int8), offset)
    listed = [(value - offset, row) for row, value in enumerate(vector) if value != offset]
    padding = -len(listed) % kernels.ROWS_PER_PASS
    assert list(zip(values[:count].tolist(), rows[:count].tolist(), strict=True)) == listed + padding * [(0, 0)]


ROUNDINGS = {False: round_to_zero_on_tie, True: round_to_even_on_tie}
"""By what a tie goes to: whether the even neighbour."""


@pytest.mark.parametrize("to_even", ROUNDINGS)
def test_every_product_of_every_width(to_even):
    known = {}
    for activation_bits in WIDTHS:
        for weight_bits in WIDTHS:
            # 0 stands for exact products, whose weights come shifted up already.
            shift = max(activation_bits + weight_bits - 10, 0)
            weights = _all_values(weight_bits)
            for x in _all_values(activation_bits):
                acc = np.zeros(len(weights), dtype=np.int16)
                kernels.adder(shift, to_even=to_even)(acc, *_terms(np.array([x])), weights[None])
                expected = []
                for w in weights:
                    key = (int(x) * int(w), shift)
                    if key not in known:
                        known[key] = ROUNDINGS[to_even](*key)
                    expected.append(known[key])
                assert acc.tolist() == expected


@given(rows=st.integers(1, 9), lanes=st.integers(1, 40), seed=st.integers(0, 2**32 - 1), shift=st.integers(0, 6))
def test_sums_of_any_number_of_rows_wrap_at_16_bits(rows, lanes, seed, shift):
    random = np.random.default_rng(seed)
    vector = random.integers(-128, 128, size=rows).astype(np.int16)
    weights = random.integers(-128, 128, size=(rows, lanes)).astype(np.int16)
    start = random.integers(-32768, 32768, size=lanes).astype(np.int16)
    for to_even, rounding in ROUNDINGS.items():
        acc = start.copy()
        kernels.adder(shift, to_even=to_even)(acc, *_terms(vector), weights)
        expected = [
            wrap(int(start[lane]) + sum(rounding(int(vector[r]) * int(weights[r, lane]), shift) for r in range(rows)))
            for lane in range(lanes)
        ]
        assert acc.tolist() == expected


def test_every_accumulator_through_both_tables():
    assert SIGMOID_OF.tolist() == [sigmoid(acc) for acc in ACCUMULATORS]
    assert TANH_OF.tolist() == [tanh(acc) for acc in ACCUMULATORS]


accumulator = st.sampled_from([-32768, -1281, -1280, -769, -768, -1, 0, 1, 767, 768, 1279, 1280, 32767]) | st.integers(
    -32768, 32767
)


@given(
    accs=st.tuples(accumulator, accumulator, accumulator, accumulator),
    cell=accumulator,
    bits=st.sampled_from(list(WIDTHS)),
)
def test_one_unit(accs, cell, bits):
    got = kernels.update_unit(*accs, cell, bits, SIGMOID_OF, TANH_OF)
    i, f, g, o = sigmoid(accs[0]), sigmoid(accs[1]), tanh(accs[2]), sigmoid(accs[3])
    ig = saturate(round_to_even_on_tie(i * g, 4))
    state = saturate(ig + saturate(round_to_even_on_tie(f * cell, 6)))
    assert got == (state, saturate(round_to_even_on_tie(tanh(state) * o, 13 - bits), bits))
    # At time step 0, where the hardware does not read the state, it is 0 here.
    assert kernels.update_unit(*accs, 0, bits, SIGMOID_OF, TANH_OF)[0] == ig


@given(
    accs=st.tuples(accumulator, accumulator, accumulator, accumulator),
    cell=accumulator,
    peepholes=st.tuples(accumulator, accumulator, accumulator),
    fraction=st.integers(0, 15),
    bits=st.sampled_from(list(WIDTHS)),
)
def test_one_unit_with_peepholes(accs, cell, peepholes, fraction, bits):
    def with_peephole(acc, gate, state):
        return saturate(acc + saturate(round_to_even_on_tie(peepholes[gate] * state, fraction)))

    def unit(first, before):
        hidden, state = np.zeros(1, dtype=np.int8), np.array([before])
        accumulators, weights = np.array(accs, dtype=np.int16), np.array(peepholes, dtype=np.int16)[:, None]
        kernels.update_peephole_units(hidden, state, accumulators, first, weights, fraction, bits, SIGMOID_OF, TANH_OF)
        assert accumulators.tolist() == list(accs)
        return state[0], hidden[0]

    i, f = (sigmoid(with_peephole(accs[gate], gate, cell)) for gate in (0, 1))
    ig = saturate(round_to_even_on_tie(i * tanh(accs[2]), 4))
    state = saturate(ig + saturate(round_to_even_on_tie(f * cell, 6)))
    o = sigmoid(with_peephole(accs[3], 2, state))
    assert unit(False, cell) == (state, saturate(round_to_even_on_tie(tanh(state) * o, 13 - bits), bits))
    # At time step 0 no peephole acts, though the new state is there for the output gate's to see.
    ig = saturate(round_to_even_on_tie(sigmoid(accs[0]) * tanh(accs[2]), 4))
    assert unit(True, 0) == (ig, saturate(round_to_even_on_tie(tanh(ig) * sigmoid(accs[3]), 13 - bits), bits))


def test_saturations_that_are_left_out_cannot_act():
    gates, tanhs = sorted(set(SIGMOID_OF.tolist())), sorted(set(TANH_OF.tolist()))
    products = [round_to_even_on_tie(i * g, 4) for i in gates for g in tanhs]
    assert all(saturate(product) == product for product in products)
    for f in gates:
        for cell in (-32768, 32767):
            product = round_to_even_on_tie(f * cell, 6)
            assert saturate(product) == product


# Few distinct scores, so that ties, columns without a positive score and equal neighbours are common.
score_columns = st_numpy.arrays(
    np.int16,
    st.tuples(st.integers(1, 40), st.integers(2, 5)),
    elements=st.sampled_from([-32768, -3, -1, 0, 1, 2, 3, 32767]),
)


@given(score_columns)
def test_labels(scores):
    best, emitted = emitted_columns(scores)
    assert best[emitted].tolist() == reference_labels(scores.tolist(), limit=1000)

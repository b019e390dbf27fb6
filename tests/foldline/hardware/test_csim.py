"""The comparison of C simulation and simulator: what it finds, and the place that it names."""

from dataclasses import replace

import numpy as np
import pytest

from datapath import Design, Gate, Limits
from datapath.errors import DataError, DesignError, LimitError
from datapath.kernel_result import KernelResult
from fixedpoint_sim import simulate
from foldline.hardware.csim import BACKEND, CSimulator
from foldline.hardware.mismatch import first_mismatch, gate_accumulators
from tests import reference
from tests.builds import FakeCompiler, altered, as_result, patch_sources, random_columns
from tests.designs import random_design

T = 6  # columns of the line in which differences are made up


@pytest.fixture
def columns(csim_design):
    return random_columns(csim_design, T)


@pytest.fixture
def right(csim_design, columns) -> KernelResult:
    """What the C simulation must give; its gate accumulators by plain integers."""
    trace = simulate(csim_design, columns)
    gates = np.array(
        [
            [
                [plain_accumulators(csim_design, columns, trace.hidden, step, d, unit) for unit in range(4)]
                for d in range(2)
            ]
            for step in range(T)
        ]
    )
    return as_result(trace, gates=gates.astype(np.int16))


def plain_accumulators(design: Design, columns, hidden, step: int, direction: int, unit: int) -> list[int]:
    """From docs/spec/datapath.md: biases, and products that are rounded before they are added; sums wrap."""
    bits = design.precision
    x = columns[len(columns) - 1 - step if direction else step].tolist()
    h = hidden[step - 1, direction].tolist() if step else [0] * design.hidden
    shift = (bits.activation - 1) + (bits.weight - 1) - 8
    gates = []
    for gate in range(4):
        biases = int(design.biases_input[direction, gate, unit]) + int(design.biases_recurrent[direction, gate, unit])
        total = biases * 2 ** (8 - (bits.bias - 1))
        for values, weights in ((x, design.weights_input), (h, design.weights_recurrent)):
            for value, weight in zip(values, weights[direction, gate, unit].tolist(), strict=True):
                total += reference.round_to_zero_on_tie(value * weight, shift)
        gates.append(reference.wrap(total))
    return gates


def difference(design: Design, columns: np.ndarray, got: KernelResult, *, backend: str = BACKEND) -> str:
    return first_mismatch(design, columns, simulate(design, columns, ignore_limits=True), got, backend=backend)


# Sentences ----------------------------------------------------------------------------------------------------------


def test_equal_results_have_no_mismatch_and_the_accumulators_are_those_of_the_specification(
    csim_design, columns, right
):
    assert difference(csim_design, columns, right) == ""
    for step, direction, unit in np.ndindex(T, 2, 4):
        place = {"step": step, "direction": direction, "unit": unit}
        computed = gate_accumulators(csim_design, columns, right.hidden, **place)
        assert np.array_equal(computed, right.gates[step, direction, unit]), place


@pytest.mark.parametrize("gate", Gate)
@pytest.mark.parametrize(
    ("place", "where"),
    [
        ((0, 0, 0), "column 0 (forward, step 0), unit 0"),
        ((2, 0, 3), "column 2 (forward, step 2), unit 3"),
        ((0, 1, 1), "column 5 (backward, step 0), unit 1"),  # backward step t reads column T-1-t
        ((4, 1, 2), "column 1 (backward, step 4), unit 2"),
    ],
)
def test_a_hidden_word_is_named_with_its_place_and_the_gate_that_differs(
    csim_design, columns, right, place, where, gate
):
    expected, accumulator = int(right.hidden[place]), int(right.gates[(*place, gate)])
    wrong = altered(altered(right, "hidden", place, expected ^ 1), "gates", (*place, gate), accumulator ^ 4)
    assert difference(csim_design, columns, wrong) == (
        f"The C simulation differs in 1 of 48 hidden words, first in {where}: expected {expected}, got {expected ^ 1}; "
        f"gate {gate.name}: expected accumulator {accumulator}, got {accumulator ^ 4}."
    )


def test_with_equal_accumulators_the_difference_comes_after_them(csim_design, columns, right):
    wrong = altered(right, "hidden", (3, 0, 1), int(right.hidden[3, 0, 1]) ^ 1)
    wrong = altered(wrong, "hidden", (5, 1, 0), int(right.hidden[5, 1, 0]) ^ 1)
    expected = int(right.hidden[3, 0, 1])
    assert difference(csim_design, columns, wrong) == (
        "The C simulation differs in 2 of 48 hidden words, first in column 3 (forward, step 3), unit 1: "
        f"expected {expected}, got {expected ^ 1}; its four gate accumulators are equal, so the difference comes after "
        "them."
    )


def test_scores_labels_and_their_number(csim_design, columns, right):
    score = int(right.scores[2, 4])
    assert difference(csim_design, columns, altered(right, "scores", (2, 4), score - 1)) == (
        f"The C simulation differs in 1 of 30 scores, first in column 2, class 4: expected {score}, got {score - 1}."
    )
    labels = right.labels.tolist()
    more = replace(right, labels=np.array([*labels, 1], dtype=np.uint8), found=len(labels) + 1)
    assert difference(csim_design, columns, more) == (
        f"The C simulation differs in the labels: expected {labels}, got {[*labels, 1]}."
    )
    assert difference(csim_design, columns, replace(right, found=96)) == (
        f"The C simulation counts 96 labels; expected {len(labels)}."
    )


def test_the_sentence_begins_with_the_backend(csim_design, columns, right):
    wrong = (
        altered(right, "hidden", (3, 0, 1), int(right.hidden[3, 0, 1]) ^ 1),
        altered(right, "scores", (2, 4), int(right.scores[2, 4]) - 1),
        replace(right, labels=right.labels[:0]),
        replace(right, found=96),
    )
    for got in wrong:
        sentence = difference(csim_design, columns, got, backend="The RTL simulation")
        assert sentence == difference(csim_design, columns, got).replace(BACKEND, "The RTL simulation", 1)
        assert sentence.startswith("The RTL simulation ")


# Faults in what is compiled -----------------------------------------------------------------------------------------


def sentence_of(design: Design, columns: np.ndarray, hidden: np.ndarray, end: str) -> str:
    """The message on hidden words that differ first in the first word of all, forward."""
    expected = simulate(design, columns).hidden
    places = np.argwhere(expected != hidden)
    assert places[0].tolist() == [0, 0, 0]
    return (
        f"The C simulation differs in {len(places)} of {expected.size} hidden words, first in column 0 (forward, step 0), "
        f"unit 0: expected {expected[0, 0, 0]}, got {hidden[0, 0, 0]}; {end}"
    )


def test_a_flipped_weight_bit_is_found_and_its_gate_named(csim_builds, csim_design, monkeypatch):
    """The sign of the first weight of gate G: words hold gates i, f, g, o of 2 weights of 8 bits, so bit 39 of 64."""
    columns = random_columns(csim_design, 20, seed=11)
    weights = csim_design.weights_input.copy()
    weights[0, Gate.G, 0, 0] ^= -128
    hidden = np.array(reference.reference_hidden(replace(csim_design, weights_input=weights), columns))
    expected, got = (
        plain_accumulators(design, columns, hidden, 0, 0, 0)[Gate.G]
        for design in (csim_design, replace(csim_design, weights_input=weights))
    )
    patch_sources(monkeypatch, "src/weights.hpp", flip_bit_39_of_the_first_word)
    mismatch = CSimulator(csim_design).run(columns).mismatch
    blame = f"gate G: expected accumulator {expected}, got {got}."
    assert mismatch == sentence_of(csim_design, columns, hidden, blame)


def flip_bit_39_of_the_first_word(text: str) -> str:
    head, middle, rest = text.partition("input_weights[2][16][1] = {\n{{0x")
    word = rest[: rest.index("}")]
    assert len(word) in (15, 16)  # a word of 64 bits
    return f"{head}{middle}{int(word, 16) ^ (1 << 39):x}{rest[len(word) :]}"


def test_a_changed_table_entry_differs_after_the_accumulators(csim_builds, csim_design, monkeypatch):
    """The entry of tanh that gate G of the first unit reads at the first step, with its sign changed."""
    columns = random_columns(csim_design, 20, seed=11)
    accumulator = plain_accumulators(csim_design, columns, None, 0, 0, 0)[Gate.G]
    index = (accumulator + 768) * 85 >> 9  # docs/spec/datapath.md, "Tables"
    assert 0 < index < 255
    entries = reference.TANH_TABLE
    patch_sources(monkeypatch, "src/tables.hpp", lambda text: with_tanh_entry(text, index, -entries[index]))
    changed = [*entries[:index], -entries[index], *entries[index + 1 :]]
    monkeypatch.setattr(reference, "TANH_TABLE", changed)
    hidden = np.array(reference.reference_hidden(csim_design, columns))
    mismatch = CSimulator(csim_design).run(columns).mismatch
    end = "its four gate accumulators are equal, so the difference comes after them."
    assert mismatch == sentence_of(csim_design, columns, hidden, end)


def with_tanh_entry(text: str, index: int, value: int) -> str:
    head, middle, rest = text.partition("tanh_table[256] = {")
    numbers, end, tail = rest.partition("}")
    entries = numbers.split(",")
    entries[index] = str(value)
    return head + middle + ",".join(entries) + end + tail


# Limits -------------------------------------------------------------------------------------------------------------


def test_a_line_that_exceeds_the_columns_is_refused_or_computed_with_larger_buffers(csim_builds, csim_design):
    simulator = CSimulator(csim_design)
    columns = random_columns(csim_design, 81)
    with pytest.raises(LimitError) as error:
        simulator.run(columns)
    assert str(error.value) == (
        "The line exceeds the overlay: 81 columns, allowed at most 40; 81 columns, allowed an even number."
    )
    trace = simulator.run(columns, ignore_limits=True)  # twice the columns are too few, four times are enough
    expected = simulate(csim_design, columns, ignore_limits=True)
    for stage in ("hidden", "scores", "labels"):
        assert np.array_equal(getattr(trace, stage), getattr(expected, stage))
    assert (trace.text, trace.exceeded, trace.mismatch) == (expected.text, expected.exceeded, "")


def test_larger_buffers_are_built_once_for_each_doubling(csim_builds, csim_design, monkeypatch, tmp_path):
    built = []
    monkeypatch.setattr(
        "foldline.hardware.csim.CSimProgram", lambda design: built.append(design.limits.columns) or Stub
    )
    simulator = CSimulator(csim_design)
    for length in (2, 40, 41, 80, 82, 160, 42, 20_481, 32_767):
        with pytest.raises(ZeroDivisionError):
            simulator.run(random_columns(csim_design, length), ignore_limits=True)
    assert built == [40, 80, 160, 32_767]  # 40 * 2^10 = 40 960 is beyond the counters, which take 32 767
    with pytest.raises(LimitError) as error:
        simulator.run(random_columns(csim_design, 32_768), ignore_limits=True)
    assert str(error.value) == "The line has 32768 columns; a simulation of the hardware takes 1 to 32767."


class Stub:
    """A build that is only asked for."""

    @staticmethod
    def run(columns):
        raise ZeroDivisionError


def test_a_line_is_checked_before_it_reaches_the_program(csim_builds, csim_design, monkeypatch, tmp_path):
    monkeypatch.setenv("CXX", str(FakeCompiler(tmp_path, program="exit 9").path))
    simulator = CSimulator(csim_design)
    with pytest.raises(DataError) as error:
        simulator.run(np.full((2, 8), 127, dtype=np.int8))
    assert str(error.value) == "Pixel 0 of column 0 is 127; 4 bits allow -8 to 7."
    with pytest.raises(DesignError) as error:
        CSimulator(random_design(1, limits=Limits(columns=40_000)))
    assert str(error.value).startswith("The limit of columns is 40000; the kernel takes 1 to 32767: ")

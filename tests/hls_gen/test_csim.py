"""The hardware library, compiled, computes what the simulator computes: every bit, in any folding."""

from dataclasses import replace

import numpy as np
import pytest

from datapath import Design, Folding, Gate, Limits
from datapath.errors import DataError, ToolError
from datapath.kernel_result import KernelResult
from fixedpoint_sim import simulate
from foldline.golden import DEFAULT_FOLDER
from foldline.hardware.csim import BACKEND
from foldline.hardware.mismatch import first_mismatch, gate_accumulators
from hls_gen.csim import CSimProgram
from tests.builds import random_columns
from tests.designs import random_design
from tests.golden_data import lines
from tests.reference import reference

# The committed stress designs and their foldings: PE, SIMD_INPUT, SIMD_RECURRENT, PE_OUT.
FOLDINGS = {
    "stress_w1a1_narrow": (4, 3, 8, 2),  # 6 inputs, 8 hidden, 5 classes: 2 and 1 folds; the last block holds 1 class
    "stress_w2a2_fold": (3, 4, 2, 1),  # 8 inputs, 12 hidden: 2 and 6 folds
    "stress_w3a5_odd": (5, 5, 3, 4),  # 10 inputs, 15 hidden, 13 classes: 2 and 5 folds; 3 of 4 lanes stay empty
    "stress_w4a8_round": (2, 3, 4, 7),  # 12 inputs, 8 hidden, 9 classes
    "stress_w8a8_saturate": (2, 2, 2, 6),  # all 6 classes at a time
    "stress_w8a8_wrap": (2, 32, 8, 1),  # 128 inputs: a column takes 16 words of the bus
}
ODD_AND_SHORT = (1, 2, 3, 7)


def golden_design(name: str) -> Design:
    pe, simd_input, simd_recurrent, pe_out = FOLDINGS[name]
    folding = Folding(pe=pe, simd_input=simd_input, simd_recurrent=simd_recurrent, pe_out=pe_out)
    return Design.load(DEFAULT_FOLDER / "designs" / f"{name}.npz").refolded(folding)


def assert_gates_equal(design: Design, columns: np.ndarray, result: KernelResult, *, seed: int) -> None:
    """The accumulators that the compiled code shows, at twenty places and the corners."""
    random = np.random.default_rng(seed)
    shape = (len(columns), 2, design.hidden)
    places = [tuple(int(random.integers(size)) for size in shape) for _ in range(20)]
    for step, direction, unit in (*places, (0, 0, 0), (len(columns) - 1, 1, design.hidden - 1)):
        expected = gate_accumulators(design, columns, result.hidden, step=step, direction=direction, unit=unit)
        assert np.array_equal(result.gates[step, direction, unit], expected), (step, direction, unit)


def assert_equals_simulator(design: Design, program: CSimProgram, columns: np.ndarray) -> KernelResult:
    result = program.run(columns)
    expected = simulate(design, columns, ignore_limits=True)
    assert first_mismatch(design, columns, expected, result, backend=BACKEND) == ""
    assert_gates_equal(design, columns, result, seed=len(columns))
    return result


IN_EVERY_RUN = {"stress_w2a2_fold", "stress_w3a5_odd", "stress_w8a8_wrap"}
"""Each takes a build of ten seconds; the first two are those of other tests."""


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in IN_EVERY_RUN else pytest.mark.exhaustive) for name in FOLDINGS]
)
def test_golden_vectors_and_odd_lines_are_equal(csim_builds, name):
    design = golden_design(name)
    program = CSimProgram(design)
    vectors = list(lines(DEFAULT_FOLDER / "vectors" / f"{name}.npz"))
    assert vectors
    for line in vectors:
        result = assert_equals_simulator(design, program, line.pixels)
        for stage in ("hidden", "scores", "labels"):
            assert np.array_equal(getattr(result, stage), getattr(line, stage)), stage
    for length in ODD_AND_SHORT:
        assert_equals_simulator(design, program, random_columns(design, length, seed=length))


def test_labels_that_exceed_the_limit_are_counted_and_not_stored(csim_builds):
    design = golden_design("stress_w3a5_odd")
    line = max(lines(DEFAULT_FOLDER / "vectors" / "stress_w3a5_odd.npz"), key=lambda line: len(line.pixels))
    result = CSimProgram(design).run(line.pixels)
    _, _, all_labels = reference(replace(design, limits=Limits()), line.pixels)
    assert design.limits.labels == 3
    assert result.found == len(all_labels) > 3
    assert result.labels.tolist() == all_labels[:3]


@pytest.fixture
def peepholes() -> Design:
    """Peepholes of 16 bits, 9 of them before the point: their products go through the whole range and saturate.

    Classes 1, 2 and 4 have the same weights, so that they tie: 1 and 2 in one block of the output layer, 4 in the next.
    All have so low a bias that in some columns no score is positive; with this seed that decides labels.
    """
    design = random_design(
        11,
        bits=(5, 8, 6, 8, 8),
        inputs=6,
        hidden=6,
        classes=5,
        folding=(2, 2, 3),
        pe_out=3,
        peepholes=(16, 9),
        limits=Limits(columns=64, labels=95),
    )
    fc_weights, fc_biases = design.fc_weights.copy(), np.full_like(design.fc_biases, -20)
    fc_weights[:, [2, 4]] = fc_weights[:, [1]]
    return replace(design, fc_weights=fc_weights, fc_biases=fc_biases)


def test_peepholes_of_the_widest_format_and_ties_of_classes(csim_builds, peepholes):
    program = CSimProgram(peepholes)
    seen, without_a_winner = set(), 0
    for length in (1, 2, 31, 64):
        columns = random_columns(peepholes, length, seed=length)
        result = assert_equals_simulator(peepholes, program, columns)
        hidden, scores, labels = reference(peepholes, columns)
        assert (result.hidden.tolist(), result.scores.tolist(), result.labels.tolist()) == (hidden, scores, labels)
        seen |= set(labels)
        without_a_winner += int((result.scores <= 0).all(axis=1).sum())
    assert seen == {1, 3}  # of equal classes the lower one
    assert without_a_winner > 10  # columns that keep the label of the one that arrived before


def test_scores_wrap_and_do_not_saturate(csim_builds):
    """Every hidden output is -1, so that 300 weights of -1 give 300 in either half; a score is below 128."""
    plain = random_design(1, bits=(1, 8, 1, 8, 8), inputs=2, hidden=300, classes=3, folding=(50, 1, 100), pe_out=2)
    biases = np.full_like(plain.biases_input, 127)
    biases[:, Gate.G] = -128
    fc_weights = np.full_like(plain.fc_weights, -128)
    fc_weights[:, 2, ::3] = 127
    design = replace(
        plain,
        weights_input=np.zeros_like(plain.weights_input),
        weights_recurrent=np.zeros_like(plain.weights_recurrent),
        biases_input=biases,
        biases_recurrent=biases,
        fc_weights=fc_weights,
        fc_biases=np.zeros_like(plain.fc_biases),
    )
    result = assert_equals_simulator(design, CSimProgram(design), random_columns(design, 4))
    assert np.all(result.hidden == -1)
    wrapped = (2 * 300 * 256 + 32768) % 65536 - 32768  # docs/spec/datapath.md: WRAP keeps the low 16 bits
    assert np.all(result.scores[:, :2] == wrapped)
    assert wrapped > 0  # so that it decides labels


def test_a_line_that_exceeds_the_buffers_is_refused_by_the_accelerator(csim_builds, peepholes):
    with pytest.raises(DataError) as error:
        CSimProgram(peepholes).run(random_columns(peepholes, 65))
    assert str(error.value) == "The accelerator refused a line of 65 columns; it takes 1 to 64."


def test_a_program_that_fails_is_quoted(csim_builds, peepholes):
    program = CSimProgram(peepholes)
    with pytest.raises(ToolError) as error:
        program.run(np.zeros((4, peepholes.inputs + 60), dtype=np.int8))  # columns of another size
    assert str(error.value) == (
        "The C simulation failed: A line has another number of pixel words than its columns take."
    )


def test_gates_are_in_the_order_of_the_enum(csim_builds):
    """Each gate has another bias and no other weight, so that its accumulator identifies it."""
    design = golden_design("stress_w2a2_fold")
    result = CSimProgram(design).run(np.zeros((1, design.inputs), dtype=np.int8))
    biases = (design.biases_input.astype(int) + design.biases_recurrent) << 1  # from 7 fraction bits to 8
    assert np.array_equal(result.gates[0], np.moveaxis(biases, 1, -1))
    assert [gate.name for gate in Gate] == ["I", "F", "G", "O"]

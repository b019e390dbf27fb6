"""The first place where a simulation of the hardware (C or RTL) differs from the simulator, as a sentence."""

from __future__ import annotations

import numpy as np

from datapath.design import BACKWARD, Design, Gate
from datapath.formats import bring_into_range, remove_bits
from datapath.kernel_result import KernelResult
from datapath.quantities import ACCUMULATOR
from fixedpoint_sim import Trace

DIRECTION_NAMES = ("forward", "backward")


def first_mismatch(design: Design, columns: np.ndarray, expected: Trace, got: KernelResult, *, backend: str) -> str:
    """Where a simulation of the hardware differs first; empty if hidden words, scores, labels and their count are equal.

    Where a hidden word differs, its gate accumulators are compared, too.

    :param design: what was simulated.
    :param columns: the line, integers [T, I].
    :param expected: what the simulator computes.
    :param got: what the simulation of the hardware computed, with its gate accumulators.
    :param backend: begins the sentence: "The C simulation".
    """
    if not np.array_equal(expected.hidden, got.hidden):
        return _hidden_mismatch(design, columns, expected, got, backend)
    if not np.array_equal(expected.scores, got.scores):
        places = np.argwhere(expected.scores != got.scores)
        column, k = places[0]
        return (
            f"{backend} differs in {len(places)} of {expected.scores.size} scores, first in column {column}, "
            f"class {k}: expected {expected.scores[column, k]}, got {got.scores[column, k]}."
        )
    if not np.array_equal(expected.labels, got.labels):
        return f"{backend} differs in the labels: expected {expected.labels.tolist()}, got {got.labels.tolist()}."
    if expected.found != got.found:
        return f"{backend} counts {got.found} labels; expected {expected.found}."
    return ""


def _hidden_mismatch(design: Design, columns: np.ndarray, expected: Trace, got: KernelResult, backend: str) -> str:
    places = np.argwhere(expected.hidden != got.hidden)
    step, direction, unit = (int(n) for n in places[0])
    column = len(columns) - 1 - step if direction == BACKWARD else step
    message = (
        f"{backend} differs in {len(places)} of {expected.hidden.size} hidden words, first in column {column} "
        f"({DIRECTION_NAMES[direction]}, step {step}), unit {unit}: expected {expected.hidden[step, direction, unit]}, "
        f"got {got.hidden[step, direction, unit]}"
    )
    accumulators = gate_accumulators(design, columns, expected.hidden, step=step, direction=direction, unit=unit)
    computed = got.gates[step, direction, unit]
    for gate in Gate:
        if accumulators[gate] != computed[gate]:
            return f"{message}; gate {gate.name}: expected accumulator {accumulators[gate]}, got {computed[gate]}."
    return f"{message}; its four gate accumulators are equal, so the difference comes after them."


def gate_accumulators(
    design: Design, columns: np.ndarray, hidden: np.ndarray, *, step: int, direction: int, unit: int
) -> np.ndarray:
    """The four gate accumulators of one unit at one step, before any peephole; int64 [4] in `Gate` order.

    The columns [T, I] are the line's. `step`, `direction` and `unit` index `hidden` [T, 2, H]; the step before is read.
    """
    bits = design.precision
    x = columns[len(columns) - 1 - step if direction == BACKWARD else step].astype(np.int64)
    before = hidden[step - 1, direction].astype(np.int64) if step else np.zeros(design.hidden, dtype=np.int64)
    total = (
        design.biases_input[direction, :, unit].astype(np.int64) + design.biases_recurrent[direction, :, unit]
    ) << bits.bias_left_shift
    for values, weights in ((x, design.weights_input), (before, design.weights_recurrent)):
        products = weights[direction, :, unit].astype(np.int64) * values
        total = total + remove_bits(products, bits.excess_fraction_bits, ACCUMULATOR.rounding).sum(axis=1)
    return bring_into_range(total, ACCUMULATOR)

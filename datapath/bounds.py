"""The exact lowest and highest value of every sum of a design, over all inputs in range, and the bits that it needs.

A gate sum adds a product for each pixel and each hidden output, and a class score one for each hidden output. Every pixel
and every hidden output takes any value of A bits, independently of the others, so the lowest value of a sum is its biases
and the lowest value of each rounded product, added. What the sum would be without wrapping is bounded here; where a bound
does not fit 16 bits the sum can wrap, and keeps 16 bits.

Modulo 2^n a sum of n bits does not depend on the values between, so the SystemVerilog's adder trees and accumulators are
only as wide as the sums that they compute (`SumWidths`).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from functools import cache

import numpy as np

from datapath.design import Design
from datapath.errors import DesignError
from datapath.formats import Format, remove_bits, unit_format
from datapath.quantities import ACCUMULATOR, SCORE
from datapath.quoting import quoted

SUM_WIDTHS = range(ACCUMULATOR.fraction + 2, ACCUMULATOR.bits + 1)
"""Bits of a sum in the SystemVerilog: from those of one product, -1 to 1, to those in which a sum wraps."""


@dataclass(frozen=True, kw_only=True)
class SumWidths:
    """Bits of the sums in the SystemVerilog, 10 to 16 each, 8 of them fraction bits; two's complement.

    :raises DesignError: a width outside that range, or a half score that is wider than a score.
    """

    gate: int = ACCUMULATOR.bits
    """Of every gate sum before its peephole."""
    half_score: int = SCORE.bits
    """Of the score of each direction."""
    score: int = SCORE.bits
    """Of every class score."""

    def __post_init__(self) -> None:
        for one in fields(self):
            bits = getattr(self, one.name)
            if bits not in SUM_WIDTHS:
                allowed = f"{SUM_WIDTHS[0]} to {SUM_WIDTHS[-1]}"
                raise DesignError(f"The width of {one.name} sums is {quoted(bits)} bits; allowed is {allowed}.")
        if self.half_score > self.score:
            raise DesignError(
                f"The width of half_score sums is {self.half_score} bits; it must be at most the {self.score} of score sums."
            )

    @classmethod
    def of(cls, design: Design) -> SumWidths:
        """The widths that the weights of a design need.

        :param design: whose weights and biases count; its folding does not.
        """
        return sum_bounds(design).widths


@dataclass(frozen=True, eq=False, kw_only=True)
class Bounds:
    """Lowest and highest values of sums, int64 arrays of one shape, in units of 2^-8, before any wrap."""

    low: np.ndarray
    high: np.ndarray

    @property
    def bits(self) -> np.ndarray:
        """Bits in two's complement that hold both bounds of each sum."""
        # -2^(n-1) needs n bits, as 2^(n-1) - 1 does: ~low is the non-negative number with low's bits.
        largest = np.maximum(np.maximum(self.high, ~self.low), 0)
        return np.frexp(largest.astype(np.float64))[1] + 1  # exact: a sum has far fewer than 53 bits

    @property
    def can_wrap(self) -> np.ndarray:
        """Whether a bound of each sum does not fit 16 bits."""
        return self.bits > ACCUMULATOR.bits

    def values(self) -> dict[str, object]:
        """The bounds and the bits of each sum as lists, for JSON."""
        return {"low": self.low.tolist(), "high": self.high.tolist(), "bits": self.bits.tolist()}

    @property
    def width(self) -> int:
        """Bits of all of them in the SystemVerilog: what the widest needs, within `SUM_WIDTHS`."""
        return min(max(int(self.bits.max()), SUM_WIDTHS[0]), SUM_WIDTHS[-1])


@dataclass(frozen=True, eq=False, kw_only=True)
class SumBounds:
    """Bounds of all sums of a design.

    gates        [2, 4, H]: direction, gate, unit; before the peephole
    half_scores  [2, C]: direction, class
    scores       [C]
    """

    gates: Bounds
    half_scores: Bounds
    scores: Bounds

    @property
    def widths(self) -> SumWidths:
        """Widths of the sums in the SystemVerilog. Of a half score only the bits that a score has are added."""
        score = self.scores.width
        return SumWidths(gate=self.gates.width, half_score=min(self.half_scores.width, score), score=score)

    def values(self) -> dict[str, object]:
        """Widths, and the bounds of all sums in units of 2^-8, for JSON."""
        arrays = {one.name: getattr(self, one.name).values() for one in fields(self)}
        return {"fraction_bits": ACCUMULATOR.fraction, "widths": asdict(self.widths), **arrays}


def sum_bounds(design: Design) -> SumBounds:
    """Exact bounds of all sums of a design: each is reached by some pixels and hidden outputs.

    :param design: whose weights and biases count; its folding does not.
    """
    bits = design.precision
    gates = _gate_bounds(design, np.concatenate([design.weights_input, design.weights_recurrent], axis=-1))
    fc_biases = design.fc_biases.astype(np.int64) << bits.fc_bias_left_shift
    halves = _bounds(design.fc_weights, fc_biases, bits.activation, bits.fc_weight, SCORE)
    scores = Bounds(low=halves.low.sum(axis=0), high=halves.high.sum(axis=0))
    return SumBounds(gates=gates, half_scores=halves, scores=scores)


def first_step_bounds(design: Design) -> Bounds:
    """Exact bounds of the gate sums at the first step of a line, [2, 4, H]: all hidden outputs are 0.

    :param design: as in `sum_bounds`.
    """
    return _gate_bounds(design, design.weights_input)


def _gate_bounds(design: Design, weights: np.ndarray) -> Bounds:
    """Bounds of the biases of all gates plus their products with some weights [2, 4, H, n]."""
    bits = design.precision
    biases = design.biases_input.astype(np.int64) + design.biases_recurrent
    return _bounds(weights, biases << bits.bias_left_shift, bits.activation, bits.weight, ACCUMULATOR)


def _bounds(weights: np.ndarray, biases: np.ndarray, value_bits: int, weight_bits: int, format: Format) -> Bounds:
    """Bounds of biases [...] plus the products of any values with weights [..., n], each rounded to a format."""
    low, high = _product_bounds(value_bits, weight_bits, format)
    index = weights.astype(np.int64) - unit_format(weight_bits).min
    return Bounds(low=biases + low[index].sum(axis=-1), high=biases + high[index].sum(axis=-1))


@cache
def _product_bounds(value_bits: int, weight_bits: int, format: Format) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest rounded product of each weight, from the lowest weight on, with any value."""
    values, weights = (np.arange(f.min, f.max + 1) for f in map(unit_format, (value_bits, weight_bits)))
    excess = (value_bits - 1) + (weight_bits - 1) - format.fraction
    products = remove_bits(weights[:, None] * values, excess, format.rounding)
    return products.min(axis=1), products.max(axis=1)

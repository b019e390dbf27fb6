"""Look-up tables of single operations, as yosys maps them (``python -m benchmarks.operators``).

The counts are medians of several runs of yosys. `hls_gen.resources.estimate` scales them to Vivado's counts.
"""

from __future__ import annotations

import json
import statistics
from functools import cache
from importlib.resources import files

from datapath.precision import HARDWARE_BITS
from datapath.quantities import ACCUMULATOR

FRACTION = ACCUMULATOR.fraction
"""Fraction bits of sums; products with more are rounded to these."""

SUM_BITS = ACCUMULATOR.bits
"""Bits of an accumulator and of a score."""

MOST_BITS = HARDWARE_BITS[-1]

MEASURED_CHOICES, TREE_OF_CHOICES = 32, 16
"""Inputs of the largest measured multiplexer, and of those that a larger one is built of."""

CELL_PRODUCTS_IN_LUTS = 1
"""Multiplications of a cell in look-up tables; the published builds have DSP slices for the other seven."""


@cache
def _table() -> dict[str, int]:
    text = files("hls_gen").joinpath("resources/operators.json").read_text(encoding="utf-8")
    return {key: statistics.median_low(entry["luts"]) for key, entry in json.loads(text)["operators"].items()}


def operator(key: str) -> int:
    """Look-up tables of a measured operation, by its name in ``operators.json``."""
    return _table()[key]


@cache
def product(left: int, right: int, rounding: str) -> int:
    """Look-up tables of a signed product of `left` by `right` bits, rounded to 8 fraction bits where it has more.

    The cheapest measured product of as many bits or more, in both orders: a wider multiplier gives the same value for
    operands padded with zeros. `rounding` is "rnd_zero" or "rnd_conv".
    """
    wider = [(a, b) for a in range(left, MOST_BITS + 1) for b in range(right, MOST_BITS + 1)]
    return min(
        operator(f"product {a}x{b}" + ("" if is_exact(a, b) else f" {rounding}"))
        for pair in wider
        for a, b in (pair, pair[::-1])
    )


def is_exact(left: int, right: int) -> bool:
    """A product of ``fixed<left, 1>`` and ``fixed<right, 1>`` has at most 8 fraction bits, so that none is dropped."""
    return left + right - 2 <= FRACTION


def product_bits(left: int, right: int) -> int:
    """Bits of a rounded product: 2 integer bits and at most 8 fraction bits."""
    return 2 + min(left + right - 2, FRACTION)


def adder_bits(left: int, right: int) -> int:
    """Bits of an adder of products: 16 without the lowest bits that are always 0."""
    return SUM_BITS - (FRACTION - min(left + right - 2, FRACTION))


@cache
def adder(bits: int) -> int:
    """Look-up tables of an adder."""
    return operator(f"adder {bits}")


@cache
def choice(count: int) -> int:
    """Look-up tables of a multiplexer of `count` bits: the cheapest measured one of as many or more, else a tree."""
    if count <= 1:
        return 0
    if count <= MEASURED_CHOICES:
        return min(operator(f"choice {more}") for more in range(count, MEASURED_CHOICES + 1))
    groups = -(-count // TREE_OF_CHOICES)
    return groups * choice(TREE_OF_CHOICES) + choice(groups)


@cache
def cell(activation: int, peephole: int | None) -> int:
    """Look-up tables of one LSTM cell without its sigmoid and tanh tables, and without products in DSP slices; from the
    bits of a hidden output and of a peephole weight, None without peepholes.
    """
    indexes = 3 * operator("clip sigmoid") + 2 * operator("clip tanh")
    narrowed = sum(operator(f"narrow {name}") for name in ("input", "forget", f"output {activation}"))
    plain = indexes + narrowed + operator("saturating sum") + CELL_PRODUCTS_IN_LUTS * operator("product 8x7 unsigned")
    if peephole is None:
        return plain
    seen = operator(f"peephole {peephole}") + operator(f"narrow peephole {peephole}") + operator("saturating sum")
    return plain + 3 * seen


@cache
def cell_tables() -> int:
    """Look-up tables of the sigmoid and tanh tables of one cell, where these are not in block RAM."""
    return 3 * operator("table sigmoid") + 2 * operator("table tanh")

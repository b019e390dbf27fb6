"""Parts of the SystemVerilog: what one of each takes, as yosys counts it for the 7 series.

Flip-flops follow from the parameters. Look-up tables of products, cells and selections are measured
(``python -m benchmarks.rtl_operators``); those of adders follow from the carry chain, which needs one for each bit.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from dataclasses import replace
from functools import cache
from importlib.resources import files

from datapath.quantities import ACCUMULATOR
from datapath.resources import Resources
from rtl_gen.resources.memories import SHORTEST_SHIFT_REGISTER, ram, selection_luts

GROUP = 4
"""Terms that are added between two registers of an adder tree."""

BANK_WORDS = 16384
"""Words of a bank of `deep_ram`."""

SLICE_BITS = {14: 1, 13: 2, 12: 4, 11: 9, 10: 18}
"""Bits of a slice of a bank of `deep_ram`, by the address bits of the bank; with fewer ones 36."""


@cache
def _table() -> dict[str, object]:
    return json.loads(files("rtl_gen").joinpath("resources/operators.json").read_text(encoding="utf-8"))


def tool() -> str:
    """The program that counted the parts, with its version."""
    return _table()["tool"]


@cache
def _measured(key: str) -> Resources:
    return Resources(**_table()["parts"][key])


def address_bits(count: int) -> int:
    """Bits of a counter that counts so many, 1 or more.

    :param count: 0 to ``count - 1``.
    """
    return max(1, (count - 1).bit_length())


def absent_bits(value: int, weight: int) -> int:
    """The lowest of the 8 fraction bits of a sum that no product has.

    :param value: bits of a value with one integer bit.
    :param weight: bits of a weight with one integer bit.
    """
    return max(0, ACCUMULATOR.fraction + 2 - value - weight)


def dot_latency(*, lanes: int, value: int, weight: int) -> int:
    """Clocks from the operands to their sum, of module `dot`.

    :param lanes: products.
    :param value: bits of a value.
    :param weight: bits of a weight.
    """
    rounded = value + weight > ACCUMULATOR.fraction + 2
    return 1 + rounded + ((lanes - 1).bit_length() + 1) // 2


@cache
def dot(*, lanes: int, value: int, weight: int, sum_bits: int) -> Resources:
    """Products and their sum, module `dot`.

    :param lanes: products.
    :param value: bits of a value.
    :param weight: bits of a weight.
    :param sum_bits: of the sum, 8 of them fraction bits.
    """
    few, many = sorted((value, weight))
    products = _measured(f"product {few}x{many}") * lanes
    bits = min(value + weight, ACCUMULATOR.fraction + 2)
    return products + _tree(terms=lanes, bits=bits, most=sum_bits - absent_bits(value, weight))


@cache
def _tree(*, terms: int, bits: int, most: int) -> Resources:
    """Adders in pairs of levels, a register behind each pair. `bits` of a term grow with each level up to `most`."""
    nodes, levels = [min(bits, most)] * terms, (terms - 1).bit_length()
    luts = ffs = 0
    alone = 1  # registers of the last node since it was added to another one
    for level in range(0, levels, 2):
        size = GROUP if level + 2 <= levels else GROUP // 2
        groups = [nodes[first : first + size] for first in range(0, len(nodes), size)]
        single = len(groups[-1]) == 1
        if not single and alone >= SHORTEST_SHIFT_REGISTER:
            luts, ffs = luts + groups[-1][-1], ffs - alone * groups[-1][-1]
        alone = alone + 1 if single else 1
        luts += sum(_group_luts(len(group), group[0]) for group in groups)
        nodes = [min(most, group[0] + (len(group) - 1).bit_length()) for group in groups]
        ffs += sum(nodes)
    return Resources(luts=luts, ffs=ffs)


def _group_luts(terms: int, bits: int) -> int:
    """An addition takes a look-up table for each bit of its terms; of four terms, the second level has one bit more."""
    return (terms - 1) * bits + (terms == GROUP)


@cache
def cell(*, activation: int, sum_bits: int, peephole: int | None) -> Resources:
    """One LSTM cell, module `cell_state`.

    :param activation: bits of a hidden output.
    :param sum_bits: of a gate sum.
    :param peephole: bits of a peephole weight; None without peepholes.
    """
    measured_activation, measured_sum = 4, ACCUMULATOR.bits
    if peephole is None:
        found = _measured(f"cell {sum_bits}")
    else:
        # Two of the three peepholes hold their sum in flip-flops for 2 clocks, the third one in shift registers.
        key = f"cell {measured_sum} peephole {{}}"
        measured = _measured_numbers(key)
        found = _measured(key.format(measured[bisect_left(measured, peephole)]))
        found = replace(found, luts=round(_luts_between(peephole, key)), ffs=found.ffs + 4 * (sum_bits - measured_sum))
    return found + Resources(ffs=activation - measured_activation)


@cache
def choice_luts(inputs: int, *, enabled: bool) -> float:
    """Look-up tables of a bit of the operands, chosen of `inputs` ones.

    :param inputs: of it.
    :param enabled: the operand is 0 at times.
    """
    return _luts_between(inputs, "choice {} enabled" if enabled else "choice {}") / _table()["lane_bits"]


@cache
def _measured_numbers(key: str) -> tuple[int, ...]:
    """Numbers in the place of "{}" for which a part was measured, in ascending order."""
    pattern = re.compile(re.escape(key).replace(r"\{\}", r"(\d+)"))
    found = (pattern.fullmatch(part) for part in _table()["parts"])
    return tuple(sorted(int(match[1]) for match in found if match))


def _luts_between(number: int, key: str) -> float:
    """Look-up tables of a part, between measured numbers by a straight line; above the largest one in proportion."""
    numbers = _measured_numbers(key)
    at = bisect_left(numbers, number)
    if at == len(numbers):
        return _measured(key.format(numbers[-1])).luts * number / numbers[-1]
    above = _measured(key.format(numbers[at])).luts
    if numbers[at] == number:
        return above
    below = _measured(key.format(numbers[at - 1])).luts
    return below + (above - below) * (number - numbers[at - 1]) / (numbers[at] - numbers[at - 1])


@cache
def waiting_memories(*, width: int, depth: int) -> Resources:
    """The two memories of half scores, modules `deep_ram`: their inputs are the same, so the registers of these are one.

    :param width: bits of a word.
    :param depth: words of each.
    """
    depths = [min(BANK_WORDS, depth - first) for first in range(0, depth, BANK_WORDS)]
    banks = sum((_bank(width=width, depth=words) for words in depths), Resources())
    inputs = Resources(ffs=2 * (address_bits(min(depth, BANK_WORDS)) + width))
    each = banks + Resources(luts=selection_luts(len(depths)) * width, ffs=width)
    if len(depths) == 1:
        return inputs + (each + Resources(ffs=2)) * 2
    selected = address_bits(len(depths))
    inputs += Resources(luts=selected, ffs=selected)  # of the bank that is read, and of that to write
    return inputs + (each + Resources(luts=len(depths), ffs=1 + len(depths))) * 2


def _bank(*, width: int, depth: int) -> Resources:
    size = SLICE_BITS.get(address_bits(depth), 36)
    whole, rest = divmod(width, size)
    found = ram(width=size, depth=depth).resources * whole
    return found + ram(width=rest, depth=depth).resources if rest else found

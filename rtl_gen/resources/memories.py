"""Block RAM and look-up tables of a memory, as yosys 0.23 maps it for the 7 series (pass ``memory_libmap``).

yosys weighs every primitive that a memory could be mapped to: how many of them, and the multiplexers and decoders around
them where the memory is deeper than one. The costs below are those of its libraries ``xilinx/lutrams_xc5v.txt`` and
``xilinx/brams_xc4v.txt``. A word may straddle primitives, so 4096 words of 128 bits take 29 RAMB18 of 2048 words of 9 bits.
`benchmarks.rtl_memories` compares the rule with what yosys maps, over a grid of shapes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import chain

from datapath.resources import Resources

BLOCK_WIDTHS = (1, 2, 4, 9, 18, 36, 72)
BLOCKS = ((0.5, 129, 14, 6), (1.0, 257, 15, 7))
"""RAMB18 and RAMB36: BRAM36, cost, address bits at 1 bit of width, and how many of `BLOCK_WIDTHS` it has."""

BYTE = 9
"""Bits of a block RAM's word that are written together."""

DISTRIBUTED = ((1, 7, 5, 6), (1, 7, 6, 3), (0, 8, 7, 1))
"""RAM32M, RAM64M, RAM128X1D: cost, cost in proportion to the used bits, address bits, bits of a word."""

DISTRIBUTED_LUTS = 4
"""Look-up tables of each of them (AMD UG474, table 2-3)."""

MULTIPLEXER_COST, PORT_COST = 0.5, 2
"""Cost of a bit of a 2:1 multiplexer or of a decoded write enable, and of a read port that is not the write port."""

ROM_BITS_PER_COST = 64
"""A ROM becomes look-up tables unless block RAM costs less than its bits by this number: one table of six inputs each."""

FEWEST_RAM_BITS = 4
"""RAM of as many bits or fewer becomes flip-flops."""

TABLE_INPUTS = 6

SHORTEST_SHIFT_REGISTER = 3
"""Flip-flops without reset, one behind the other, that become a shift register in a look-up table."""


@dataclass(frozen=True)
class Mapped:
    """A memory with its output register as yosys maps it.

    :param kind: "block", "distributed", or "logic" for look-up tables and flip-flops.
    :param resources: what it takes.
    """

    kind: str
    resources: Resources


@dataclass(frozen=True)
class _Choice:
    cost: float
    count: int  # of the primitive
    rows: int  # of primitives, one behind the other
    bram36: float = 0.0  # of one


def _around(*, width: int, rows: int, written: bool) -> int:
    """Bits of multiplexers and of decoded write enables."""
    return (rows - 1) * width + (rows if written and rows > 1 else 0)


def _blocks(*, width: int, depth: int, written: bool) -> Iterator[_Choice]:
    """The cheapest arrangement of RAMB18, and that of RAMB36."""
    for bram36, cost, address_bits, widths in BLOCKS:
        best, least = None, 0
        for narrowing, unit in enumerate(BLOCK_WIDTHS[:widths]):
            rows = -(-depth // (1 << (address_bits - narrowing)))
            together = min(BYTE, unit) if written else 1
            count = -(-rows * -(-width // together) * together // unit)
            around = _around(width=width, rows=rows, written=written)
            found = cost * count + MULTIPLEXER_COST * around + PORT_COST
            if best is None or found < least:
                best, least = _Choice(found, count, rows, bram36), int(found)  # yosys remembers an integer
        yield best


def _distributed(*, width: int, depth: int) -> Iterator[_Choice]:
    for fixed, scaled, address_bits, unit in DISTRIBUTED:
        rows = -(-depth // (1 << address_bits))
        count = rows * -(-width // unit)
        around = _around(width=width, rows=rows, written=True)
        cost = fixed * count + scaled * rows * width / unit + MULTIPLEXER_COST * around + PORT_COST
        yield _Choice(cost, count, rows)


@cache
def rom(*, width: int, depth: int, latency: int = 2) -> Mapped:
    """A memory that is only read, module `rom`.

    Look-up tables of a ROM in logic depend on what it holds; those of random words are meant.

    :param width: bits of a word.
    :param depth: words.
    :param latency: clocks, 2 or more.
    """
    block = min(_blocks(width=width, depth=depth, written=False), key=lambda choice: choice.cost)
    if block.cost < width * depth / ROM_BITS_PER_COST:
        found = _in_blocks(block, width=width, written=False)
        return Mapped(found.kind, found.resources + delay(bits=width, clocks=latency - 2))
    if depth == 1:
        return Mapped("logic", Resources())
    return Mapped("logic", Resources(luts=rom_luts(depth) * width) + delay(bits=width, clocks=latency))


@cache
def ram(*, width: int, depth: int, in_luts: bool = False, latency: int = 2) -> Mapped:
    """A memory that is written and read, module `ram`.

    :param width: bits of a word.
    :param depth: words.
    :param in_luts: block RAM is ruled out.
    :param latency: clocks, with registers behind the memory where it is more than 2.
    """
    if width * depth <= FEWEST_RAM_BITS:
        return Mapped("logic", Resources(luts=width * (depth + 1), ffs=width * (depth + 2)))
    small = _distributed(width=width, depth=depth)
    large = () if in_luts else _blocks(width=width, depth=depth, written=True)
    best = min(chain(large, small), key=lambda choice: choice.cost)
    if best.bram36:
        return _in_blocks(best, width=width, written=True)
    luts = DISTRIBUTED_LUTS * best.count + _selection(best.rows, width=width, written=True)
    return Mapped("distributed", Resources(luts=luts) + delay(bits=width, clocks=latency))


def delay(*, bits: int, clocks: int) -> Resources:
    """Registers without reset, one behind the other: flip-flops, or a shift register in look-up tables.

    :param bits: of a word.
    :param clocks: of the delay.
    """
    if clocks >= SHORTEST_SHIFT_REGISTER:
        return Resources(luts=bits)
    return Resources(ffs=bits * clocks)


def _in_blocks(choice: _Choice, *, width: int, written: bool) -> Mapped:
    """The block RAM has a register itself; the one behind it is of flip-flops, as is that of the row that is read."""
    luts = _selection(choice.rows, width=width, written=written)
    ffs = width + (choice.rows - 1).bit_length()
    return Mapped("block", Resources(luts=luts, ffs=ffs, bram36=choice.bram36 * choice.count))


def _selection(rows: int, *, width: int, written: bool) -> int:
    return selection_luts(rows) * width + (rows if written and rows > 1 else 0)


def selection_luts(inputs: int) -> int:
    """Look-up tables of one bit of a multiplexer.

    :param inputs: of it; 1 needs none.
    """
    return -(-(inputs - 1) // 3)


def rom_luts(depth: int) -> int:
    """Look-up tables of one bit of a ROM in logic. Up to four of six inputs are joined by MUXF7 and MUXF8.

    :param depth: words; 1 or 2 need none.
    """
    if depth <= 2:
        return 0
    tables = 1 << max(0, (depth - 1).bit_length() - TABLE_INPUTS)
    return tables + selection_luts(-(-tables // 4))

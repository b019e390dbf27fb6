"""Block RAMs and look-up tables that a memory or a stream takes, from its words, bits and ports."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from datapath.boards import Family
from hls_gen.resources.fit import built_depth, ramb18

LUTRAM_BITS = 1024
"""Bits of the largest memory or stream that HLS puts into look-up tables; larger ones become block RAM. (Hypothesis.)"""

RAMB36_SHAPE, RAMB36_SHAPE_OF_TWO_PORTS = (512, 72), (1024, 36)
"""Words and bits of a RAMB36 with the widest words, with one port and with two (UG473)."""

RAMB36_MOST_WORDS = 32768
"""Most words of a RAMB36, 1 bit each."""

LUT_WORDS, SRL_WORDS = 64, 16
"""Words of one bit that a LUT holds as a memory, and as a shift register (UG474)."""


@dataclass(frozen=True)
class Packed:
    """Look-up tables, flip-flops and RAMB18 of a memory."""

    luts: int = 0
    ffs: int = 0
    ramb18: int = 0

    def __add__(self, other: Packed) -> Packed:
        return Packed(self.luts + other.luts, self.ffs + other.ffs, self.ramb18 + other.ramb18)

    def times(self, count: int) -> Packed:
        return Packed(self.luts * count, self.ffs * count, self.ramb18 * count)


@cache
def small_memory(*, depth: int, width: int, family: Family = Family.ZYNQ7000) -> Packed:
    """A memory in one array: in look-up tables up to `LUTRAM_BITS`, else in block RAM.

    :param depth: words.
    :param width: bits of a word.
    :param family: of the part; it makes no difference up to 1024 words.
    """
    if depth * width <= LUTRAM_BITS:
        return Packed(luts=width * -(-depth // LUT_WORDS))
    return Packed(ramb18=ramb18(depth=built_depth(depth, family), width=width))


@cache
def stream(*, depth: int, width: int) -> Packed:
    """A stream of `depth` words of `width` bits: in shift registers up to `LUTRAM_BITS`, else in block RAM."""
    if depth * width <= LUTRAM_BITS:
        return Packed(luts=width * -(-depth // SRL_WORDS))
    return Packed(ramb18=ramb18(depth=depth, width=width))


@cache
def memory_of_one_row(*, depth: int, width: int, ports: int = 1, family: Family = Family.ZYNQ7000) -> Packed:
    """A memory as Vivado 2017.4 placed those of the published kernel: RAMB36 that are deep enough for all words, side by
    side; above 32 K words in rows of 32 K by 1.

    :param depth: words.
    :param width: bits of a word.
    :param ports: that are read, 1 or 2.
    :param family: of the part; it makes no difference up to 64 K words.
    """
    if depth * width <= LUTRAM_BITS:
        return Packed(luts=width * -(-depth // LUT_WORDS) * ports)
    words, bits = RAMB36_SHAPE if ports == 1 else RAMB36_SHAPE_OF_TWO_PORTS
    while words < min(depth, RAMB36_MOST_WORDS):
        words, bits = words * 2, max(1, bits // 2)
    if 2 * width <= bits:
        return Packed(ramb18=1)
    return Packed(ramb18=2 * -(-width // bits) * -(-built_depth(depth, family) // words))

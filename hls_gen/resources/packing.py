"""Block RAMs and look-up tables that a memory or a stream takes, from its words, bits and ports."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from hls_gen.resources.fit import ramb18

LUTRAM_BITS = 1024
"""Bits up to which HLS keeps a memory or a stream in look-up tables; what is larger becomes block RAM. (Hypothesis.)"""

RAMB36_SHAPE, RAMB36_SHAPE_OF_TWO_PORTS = (512, 72), (1024, 36)
"""Words and bits of a RAMB36 at its widest, with one port and with two (UG473)."""

RAMB36_MOST_WORDS = 32768
"""Words of a RAMB36 at its deepest, 1 bit wide."""

LUT_WORDS, SRL_WORDS = 64, 16
"""Words of a bit that a LUT holds as memory, and as shift register with what Vivado makes of it (UG474)."""


@dataclass(frozen=True)
class Packed:
    """What a memory takes: look-up tables, flip-flops, RAMB18."""

    luts: int = 0
    ffs: int = 0
    ramb18: int = 0

    def __add__(self, other: Packed) -> Packed:
        return Packed(self.luts + other.luts, self.ffs + other.ffs, self.ramb18 + other.ramb18)

    def times(self, count: int) -> Packed:
        """`count` of them."""
        return Packed(self.luts * count, self.ffs * count, self.ramb18 * count)


@cache
def small_memory(*, depth: int, width: int) -> Packed:
    """A memory of one array, in look-up tables (64 words of a bit each) up to `LUTRAM_BITS`, else in block RAM."""
    if depth * width <= LUTRAM_BITS:
        return Packed(luts=width * -(-depth // LUT_WORDS))
    return Packed(ramb18=ramb18(depth=depth, width=width))


@cache
def stream(*, depth: int, width: int) -> Packed:
    """A stream between stages: shift registers, a look-up table per bit, up to `LUTRAM_BITS`, else block RAM."""
    if depth * width <= LUTRAM_BITS:
        return Packed(luts=width * -(-depth // SRL_WORDS))
    return Packed(ramb18=ramb18(depth=depth, width=width))


@cache
def memory_of_one_row(*, depth: int, width: int, ports: int = 1) -> Packed:
    """A memory as Vivado 2017.4 placed those of the published kernel: whole RAMB36 deep enough for all its words, side by
    side; beyond 32 K words in rows of 32 K by 1.
    """
    if depth * width <= LUTRAM_BITS:
        return Packed(luts=width * -(-depth // LUT_WORDS) * ports)
    words, bits = RAMB36_SHAPE if ports == 1 else RAMB36_SHAPE_OF_TWO_PORTS
    while words < min(depth, RAMB36_MOST_WORDS):
        words, bits = words * 2, max(1, bits // 2)
    if 2 * width <= bits:
        return Packed(ramb18=1)
    return Packed(ramb18=2 * -(-width // bits) * -(-depth // words))

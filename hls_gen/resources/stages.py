"""Parts of the stages that both kernels have."""

from __future__ import annotations

from functools import cache

from datapath.design import Gate
from datapath.packing import WORD_BITS
from hls_gen.resources import costs
from hls_gen.resources.costs import SUM_BITS
from hls_gen.resources.packing import Packed, stream
from hls_gen.resources.parts import Part

GATES = len(Gate)
COUNTERS = 2 * 32
"""Bits of the counters of a transfer: its address and its length."""

DSPS_PER_CELL = 7
"""DSP slices of a cell in the published builds with PE 1, for all widths: seven of its eight multiplications."""


@cache
def sums_of_products(
    *,
    products: int,
    left: int,
    right: int,
    rounding: str,
    multipliers: int | None = None,
    sums: int | None = None,
    in_dsps: int = 0,
) -> Packed:
    """Look-up tables of multipliers (`in_dsps` of them in DSP slices) and of adders, by default one of each for each
    product, and the bits of all results. The products, of `left` by `right` bits, are stored until they are added.
    """
    multipliers = products if multipliers is None else multipliers
    sums = products if sums is None else sums
    bits = costs.adder_bits(left, right)
    luts = (multipliers - in_dsps) * costs.product(left, right, rounding) + sums * costs.adder(bits)
    return Packed(luts=luts, ffs=products * costs.product_bits(left, right) + sums * bits)


@cache
def dma_in(*, words: int, streams: tuple[Packed, ...]) -> Part:
    """Reads the input buffer: from words of the bus to columns."""
    part = Part(
        name="dma_in",
        title="DMA in",
        luts=COUNTERS,
        bits=COUNTERS + words * WORD_BITS,
        made_of="Counters, the register that collects a column, and the streams of words and columns.",
    )
    return part.holding(*streams)


@cache
def concatenate(*, lanes: int, memories: Packed, depth: int) -> Part:
    """Adds the halves of a score: an adder per lane, addresses, and the memory of the halves that wait."""
    addresses = 2 * 3 * 16  # to write and to read: column, class, and their word
    part = Part(
        name="concatenate",
        title="concatenate",
        luts=lanes * costs.adder(SUM_BITS) + addresses,
        bits=lanes * SUM_BITS * 2 + addresses,
        made_of="The memory of the half scores that wait for the other direction, an adder per class lane, addresses.",
    )
    return part.holding(memories, stream(depth=depth, width=lanes * SUM_BITS))


@cache
def maximum(*, lanes: int, label_bits: int, depth: int) -> Part:
    """Best class of a column."""
    part = Part(
        name="maximum",
        title="maximum",
        luts=lanes * costs.operator("maximum") + 2 * SUM_BITS,
        bits=lanes * (SUM_BITS + label_bits) + 2 * SUM_BITS,
        made_of="A comparator and a multiplexer of score and label per class lane, counters.",
    )
    return part.holding(stream(depth=depth, width=SUM_BITS + label_bits))


@cache
def label(*, label_bits: int, memories: Packed) -> Part:
    """Labels from the best classes."""
    part = Part(
        name="label",
        title="label",
        luts=2 * costs.operator("maximum") + 5 * SUM_BITS,
        bits=2 * (SUM_BITS + label_bits) + 5 * SUM_BITS,
        made_of="The memory of a line's best classes, two comparisons, counters in image order.",
    )
    return part.holding(memories)


AXI_RAMB18 = 4
"""HLS' AXI master with 64-bit data: FIFOs of 256 words for reads (66 bits) and writes (72 bits), two RAMB18 each."""


def dma_out() -> Part:
    """Writes the output buffer; holds the AXI master that reads and writes share."""
    return Part(
        name="dma_out",
        title="DMA out, AXI master",
        luts=COUNTERS,
        bits=COUNTERS + WORD_BITS,
        ramb18=AXI_RAMB18,
        made_of="Counters, and the AXI master's FIFOs for reads and writes.",
    )

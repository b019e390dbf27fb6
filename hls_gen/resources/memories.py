"""Memories and how they are packed: words, bits, ports, and the block RAMs or look-up tables that hold them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from datapath.architecture import Architecture
from datapath.cycles import DIRECTIONS
from datapath.design import Gate
from hls_gen.fit import RomFit, fit_memory, ramb18
from hls_gen.roms import limb_widths

LUTRAM_BITS = 1024
"""Bits up to which HLS keeps a memory or a stream in look-up tables; what is larger becomes block RAM. (Hypothesis.)"""

RAMB36_SHAPE, RAMB36_SHAPE_OF_TWO_PORTS = (512, 72), (1024, 36)
"""Words and bits of a RAMB36 at its widest, with one port and with two (UG473)."""

RAMB36_MOST_WORDS = 32768
"""Words of a RAMB36 at its deepest, 1 bit wide."""

LUT_WORDS, SRL_WORDS = 64, 16
"""Words of a bit that a LUT holds as memory, and as shift register with what Vivado makes of it (UG474)."""


@dataclass(frozen=True, kw_only=True)
class Memory:
    """Memories of one shape: the `parallel`, `depth` and `limb_widths` that `hls_gen.roms.Rom` and `Buffer` have."""

    name: str
    parallel: int
    depth: int
    limb_widths: tuple[int, ...]


@cache
def fitted(memory: Memory) -> RomFit:
    """What it takes, each limb by the cheapest tiling."""
    return fit_memory(memory)


def our_memories(architecture: Architecture) -> tuple[Memory, ...]:
    """Those of our kernel, as `hls_gen.roms.design_memories` gives them for a design of this architecture."""
    folding, bits = architecture.folding, architecture.precision
    columns, blocks = architecture.limits.columns, architecture.class_blocks
    peepholes = architecture.peephole_format
    units = DIRECTIONS * architecture.unit_blocks
    return (
        _rom(
            "input_weights", folding.pe, units * architecture.input_steps, bits.weight, len(Gate) * folding.simd_input
        ),
        _rom(
            "recurrent_weights",
            folding.pe,
            units * architecture.recurrent_steps,
            bits.weight,
            len(Gate) * folding.simd_recurrent,
        ),
        _rom("gate_biases", folding.pe, units, bits.bias + 1, len(Gate)),
        *([_rom("peepholes", folding.pe, units, peepholes.bits, 3)] if peepholes else []),
        _rom("class_weights", folding.pe_out, DIRECTIONS * blocks, bits.fc_weight, architecture.hidden),
        _rom("class_biases", folding.pe_out, DIRECTIONS * blocks, bits.fc_bias, 1),
        Memory(name="waiting", parallel=2, depth=(columns + 1) // 2 * blocks, limb_widths=(16 * folding.pe_out,)),
        Memory(name="line", parallel=1, depth=columns, limb_widths=(16 + 8,)),
    )


@cache
def _rom(name: str, parallel: int, depth: int, bits: int, count: int) -> Memory:
    return Memory(name=name, parallel=parallel, depth=depth, limb_widths=limb_widths(bits=bits, count=count))


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

"""Memories of the HLS kernel, by shape."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from datapath.architecture import Architecture
from datapath.cycles import DIRECTIONS
from datapath.design import Gate
from hls_gen.roms import limb_widths

PAGE = 4096
"""Most words of a page of the half scores that wait, see ``hls_gen/library/join_directions.hpp``."""

BUFFERS = ("waiting", "waiting_rest", "line")
"""Memories that the kernel writes; all others are ROMs."""


@dataclass(frozen=True, kw_only=True)
class Memory:
    """Memories of one shape."""

    name: str  # in C++
    parallel: int  # memories: one per processing element, or the pages of a large buffer
    depth: int  # words of each
    limb_widths: tuple[int, ...]  # bits of each limb of a word; every limb is a separate memory


def kernel_memories(architecture: Architecture) -> tuple[Memory, ...]:
    """The large memories of the HLS kernel: ROMs, half scores that wait for the other half, best classes of a line.

    The half scores are in pages, and those behind the last page in `waiting_rest`; fewer than `PAGE` words are one page.

    :param architecture: dimensions, widths, folding and limits.
    """
    folding, bits = architecture.folding, architecture.precision
    columns, blocks = architecture.limits.columns, architecture.class_blocks
    peepholes, gates = architecture.peephole_format, len(Gate)
    units = DIRECTIONS * architecture.unit_blocks
    input_rows, recurrent_rows = units * architecture.input_steps, units * architecture.recurrent_steps
    words = columns * blocks
    page = min(words, PAGE)
    pages, rest = divmod(words, page)
    half_widths = (16 * folding.pe_out,)
    return (
        _rom("input_weights", folding.pe, input_rows, bits.weight, gates * folding.simd_input),
        _rom("recurrent_weights", folding.pe, recurrent_rows, bits.weight, gates * folding.simd_recurrent),
        _rom("gate_biases", folding.pe, units, bits.bias + 1, gates),
        *([_rom("peepholes", folding.pe, units, peepholes.bits, 3)] if peepholes else []),
        _rom("class_weights", folding.pe_out, DIRECTIONS * blocks, bits.fc_weight, architecture.hidden),
        _rom("class_biases", folding.pe_out, DIRECTIONS * blocks, bits.fc_bias, 1),
        Memory(name="waiting", parallel=pages, depth=page, limb_widths=half_widths),
        *([Memory(name="waiting_rest", parallel=1, depth=rest, limb_widths=half_widths)] if rest else []),
        Memory(name="line", parallel=1, depth=columns, limb_widths=(16 + 8,)),
    )


@cache
def _rom(name: str, parallel: int, depth: int, bits: int, count: int) -> Memory:
    return Memory(name=name, parallel=parallel, depth=depth, limb_widths=limb_widths(bits=bits, count=count))

"""Operations and memories of the HLS kernel, as in the C++ of ``hls_gen/library`` and its pragmas.

In each cycle PE units add SIMD_INPUT + SIMD_RECURRENT products to each of their gates, and PE_OUT classes add H products
each; there are as many multipliers and adders.
"""

from __future__ import annotations

from functools import cache

from datapath.architecture import Architecture
from datapath.boards import Family
from datapath.cycles import DIRECTIONS
from datapath.packing import WORD_BITS, column_words
from hls_gen.resources import costs, stages
from hls_gen.resources.fit import fit_memory
from hls_gen.resources.kernel_memories import BUFFERS, PAGE, Memory, kernel_memories
from hls_gen.resources.packing import Packed, small_memory, stream
from hls_gen.resources.parts import Part
from hls_gen.resources.stages import DSPS_PER_CELL, GATES, sums_of_products

STREAM_DEPTH = 4
LABEL_BITS = 8


def parts(architecture: Architecture, family: Family) -> tuple[Part, ...]:
    """Its stages in the order of the dataflow.

    :param architecture: dimensions, widths, folding and limits.
    :param family: of the part; it decides how large a memory becomes.
    """
    bits, folding, limits = architecture.precision, architecture.folding, architecture.limits
    memories = {memory.name: _held(memory, family) for memory in kernel_memories(architecture)}
    waiting = memories.pop("waiting") + memories.pop("waiting_rest", Packed())
    line, *classes = (memories.pop(name) for name in ("line", "class_weights", "class_biases"))
    pages = -(-limits.columns * architecture.class_blocks // PAGE)
    words = column_words(architecture.inputs, bits.activation)
    hidden = _hidden_layer(
        inputs=architecture.inputs,
        hidden=architecture.hidden,
        pe=folding.pe,
        simd_input=folding.simd_input,
        simd_recurrent=folding.simd_recurrent,
        weight=bits.weight,
        activation=bits.activation,
        peephole=architecture.peephole_format.bits if architecture.peephole_format else None,
    )
    output = _output_layer(
        hidden=architecture.hidden, pe_out=folding.pe_out, activation=bits.activation, weight=bits.fc_weight
    )
    return (
        stages.dma_in(words=words, streams=(stream(depth=STREAM_DEPTH, width=words * WORD_BITS),)),
        hidden.holding(*memories.values()),
        output.holding(*classes),
        stages.concatenate(
            lanes=folding.pe_out, memories=waiting + _selected(pages, folding.pe_out), depth=STREAM_DEPTH
        ),
        stages.maximum(lanes=folding.pe_out, label_bits=LABEL_BITS, depth=STREAM_DEPTH),
        stages.label(
            label_bits=LABEL_BITS,
            memories=line + small_memory(depth=limits.labels + 1, width=LABEL_BITS, family=family),
        ),
        stages.dma_out(),
    )


@cache
def _held(memory: Memory, family: Family) -> Packed:
    """A ROM as `fit` counts it; a buffer that the kernel writes becomes block RAM with fewer words than a ROM."""
    if memory.name in BUFFERS:
        (width,) = memory.limb_widths
        return small_memory(depth=memory.depth, width=width, family=family).times(memory.parallel)
    fit = fit_memory(memory, family)
    return Packed(luts=fit.luts, ramb18=fit.ramb18)


@cache
def _selected(pages: int, lanes: int) -> Packed:
    """The choice of the page that is read, behind a register of each, and the enable of the one that is written."""
    if pages == 1:
        return Packed()
    bits = lanes * costs.SUM_BITS
    return Packed(luts=bits * costs.choice(pages) + pages, ffs=bits * pages)


@cache
def _hidden_layer(
    *,
    inputs: int,
    hidden: int,
    pe: int,
    simd_input: int,
    simd_recurrent: int,
    weight: int,
    activation: int,
    peephole: int | None,
) -> Part:
    blocks, lanes = hidden // pe, simd_input + simd_recurrent
    chosen = simd_input * costs.choice(DIRECTIONS * (inputs // simd_input)) + simd_recurrent * costs.choice(
        DIRECTIONS * (hidden // simd_recurrent)
    )
    sum_choices = GATES * pe * costs.SUM_BITS * costs.choice(2)
    cells = pe * (costs.cell(activation, peephole) + costs.cell_tables())
    vectors = DIRECTIONS * (inputs + 2 * hidden) * activation
    part = Part(
        name="hidden",
        title="hidden layer",
        luts=chosen * activation + sum_choices + cells,
        bits=vectors + GATES * pe * costs.SUM_BITS + lanes * activation,
        dsps=DSPS_PER_CELL * pe,
        made_of=(
            f"{GATES * pe * lanes} multipliers and adders, {pe} LSTM cells with their tables, ROMs of weights and biases, "
            f"{vectors} bits of pixels and hidden outputs in registers."
        ),
    )
    return part.holding(
        sums_of_products(products=GATES * pe * lanes, left=activation, right=weight, rounding="rnd_zero"),
        small_memory(depth=DIRECTIONS * blocks, width=costs.SUM_BITS).times(pe),
        stream(depth=STREAM_DEPTH, width=hidden * activation),
    )


@cache
def _output_layer(*, hidden: int, pe_out: int, activation: int, weight: int) -> Part:
    part = Part(
        name="output",
        title="output layer",
        luts=0,
        bits=hidden * activation,
        made_of=f"{pe_out * hidden} products and as many sums, ROMs of class weights and biases.",
    )
    return part.holding(
        sums_of_products(products=pe_out * hidden, left=activation, right=weight, rounding="rnd_conv"),
        stream(depth=STREAM_DEPTH, width=costs.SUM_BITS * pe_out),
    )

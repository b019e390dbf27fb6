"""Operations and memories of LSTM-PYNQ's kernel, from its public source and the utilisation of its four builds.

PE units are one iteration of a pipeline of I / SIMD_INPUT cycles, with all their products and sums unrolled. What HLS
2017.4 made of that is not published. These are hypotheses that agree with the builds:

- A memory has two ports, so up to `PORTS` products of a lane begin in the same cycle, each on a separate multiplier;
  with more steps, multipliers are shared. Adders are never shared. (From W2A4 to W4A4 each of 640 products costs 18.9
  LUT more, so none is shared in two steps; in eight, 640 multipliers alone would exceed W4A8.)
- A gate's weights are one ROM of words for all lanes and units, read through both ports wherever an iteration reads
  more than one word. So W4A4 has 20 BRAM36 more than W2A4. In W2A2 both of its units would read the same word, and
  this gives 14.5 too many (one port: 21.5 too few).
- A stream or memory of more than `LUTRAM_BITS` is block RAM: of the two streams of hidden outputs one in W2A4 and W4A4,
  both in W4A8, none in W2A2.
- Products that need no rounding are in DSP slices, up to the `DSP_LIMIT` of the source, those of the output layer
  first: in W2A2 only. In two or more steps those of the hidden layer are in LUTs. Sums always are.
"""

from __future__ import annotations

from functools import cache

from datapath.architecture import Architecture
from datapath.boards import Family
from datapath.cycles import DIRECTIONS
from datapath.packing import WORD_BITS, column_words
from datapath.tables import TABLE_SIZE
from hls_gen.resources import costs, stages
from hls_gen.resources.packing import Packed, memory_of_one_row, small_memory, stream
from hls_gen.resources.parts import Part
from hls_gen.resources.stages import DSPS_PER_CELL, GATES, sums_of_products

PORTS = 2
"""Words that a block RAM reads per cycle, hence products of a lane that begin in the same cycle."""

DSP_LIMIT = 160
"""DSP slices to which a pragma of the source limits its dataflow region."""

STREAM_DEPTH, RECURRENT_DEPTH = 2, 4
"""Words of the streams between stages, and of the stream of hidden outputs back into the hidden layer."""

BIASES = 2 * GATES
"""Bias ROMs: of the input side and of the recurrent side of each gate."""

TABLE_BITS = 8
SIGMOIDS, TANHS = 3, 2
"""Lookups of a cell."""


def parts(architecture: Architecture, family: Family) -> tuple[Part, ...]:
    """Its stages in the order of the dataflow.

    :param architecture: dimensions, widths, folding and limits.
    :param family: of the part; it decides how large a memory becomes.
    """
    bits, folding, limits = architecture.precision, architecture.folding, architecture.limits
    unit_dsps, class_dsps = _in_dsps(architecture)
    words, pixel_bits = column_words(architecture.inputs, bits.activation), architecture.inputs * bits.activation
    label_bits = (architecture.classes - 1).bit_length()
    half_words = limits.columns * architecture.class_blocks
    return (
        stages.dma_in(
            words=words,
            streams=tuple(
                stream(depth=STREAM_DEPTH, width=width) for width in (WORD_BITS, WORD_BITS * words, pixel_bits)
            ),
        ),
        _hidden_layer(
            inputs=architecture.inputs,
            hidden=architecture.hidden,
            pe=folding.pe,
            simd_input=folding.simd_input,
            simd_recurrent=folding.simd_recurrent,
            weight=bits.weight,
            bias=bits.bias,
            activation=bits.activation,
            peephole=architecture.peephole_format.bits if architecture.peephole_format else None,
            fused=unit_dsps,
        ),
        _output_layer(
            hidden=architecture.hidden,
            rows=DIRECTIONS * architecture.class_blocks,
            pe_out=folding.pe_out,
            activation=bits.activation,
            weight=bits.fc_weight,
            bias=bits.fc_bias,
            fused=class_dsps,
        ),
        stages.concatenate(
            lanes=folding.pe_out,
            memories=memory_of_one_row(depth=half_words, width=costs.SUM_BITS * folding.pe_out, family=family),
            depth=STREAM_DEPTH,
        ),
        stages.maximum(lanes=folding.pe_out, label_bits=label_bits, depth=STREAM_DEPTH),
        stages.label(
            label_bits=label_bits,
            memories=small_memory(depth=limits.columns, width=costs.SUM_BITS + label_bits, family=family)
            + stream(depth=STREAM_DEPTH, width=label_bits),
        ),
        stages.dma_out(),
    )


def _in_dsps(architecture: Architecture) -> tuple[int, int]:
    """Products in DSP slices, of the hidden layer and of the output layer."""
    bits, folding = architecture.precision, architecture.folding
    units = classes = 0
    if costs.is_exact(bits.activation, bits.fc_weight):
        classes = min(architecture.hidden * folding.pe_out, DSP_LIMIT)
    if costs.is_exact(bits.activation, bits.weight) and architecture.steps == 1:
        units = min(GATES * folding.pe * (architecture.inputs + architecture.hidden), DSP_LIMIT - classes)
    return units, classes


@cache
def _hidden_layer(
    *,
    inputs: int,
    hidden: int,
    pe: int,
    simd_input: int,
    simd_recurrent: int,
    weight: int,
    bias: int,
    activation: int,
    peephole: int | None,
    fused: int,
) -> Part:
    input_steps, recurrent_steps = inputs // simd_input, hidden // simd_recurrent
    steps = max(input_steps, recurrent_steps)
    units = DIRECTIONS * hidden // pe
    lanes = simd_input * min(input_steps, PORTS) + simd_recurrent * min(recurrent_steps, PORTS)
    chosen = _chosen(simd_input, input_steps) + _chosen(simd_recurrent, recurrent_steps)
    terms = inputs + hidden
    arithmetic = sums_of_products(
        products=GATES * pe * terms,
        multipliers=GATES * pe * lanes,
        sums=GATES * pe * (terms + 1),
        left=activation,
        right=weight,
        rounding="rnd_zero",
        in_dsps=fused,
    )
    vector = hidden * activation
    part = Part(
        name="hidden",
        title="hidden layer",
        luts=chosen * activation + pe * costs.cell(activation, peephole) + vector,
        bits=0,
        dsps=DSPS_PER_CELL * pe + fused,
        made_of=(
            f"{GATES * pe * lanes} multipliers, {GATES * pe * (terms + 1)} adders, {pe} LSTM cells, ROMs of weights, "
            f"biases and tables, streams of {vector} hidden bits."
        ),
    )
    return part.holding(
        arithmetic,
        _gate_roms(units * input_steps, pe * simd_input * weight, pe * input_steps),
        _gate_roms(units * recurrent_steps, pe * simd_recurrent * weight, pe * recurrent_steps),
        small_memory(depth=units, width=pe * bias).times(BIASES),
        small_memory(depth=units, width=pe * peephole).times(3) if peephole else Packed(),
        small_memory(depth=units, width=costs.SUM_BITS).times(pe),
        _tables(SIGMOIDS * pe, steps),
        _tables(TANHS * pe, steps),
        stream(depth=RECURRENT_DEPTH, width=vector),
        stream(depth=STREAM_DEPTH, width=vector),
        stream(depth=STREAM_DEPTH, width=pe * activation),
        Packed(ffs=vector + inputs * activation),
    )


def _chosen(simd: int, steps: int) -> int:
    """Look-up tables, per activation bit, of the multiplexers before the multipliers of a side."""
    ports = min(steps, PORTS)
    return simd * ports * costs.choice(-(-steps // ports))


def _gate_roms(depth: int, width: int, reads: int) -> Packed:
    """One ROM of each gate, read `reads` times in an iteration."""
    return memory_of_one_row(depth=depth, width=width, ports=min(reads, PORTS)).times(GATES)


def _tables(lookups: int, steps: int) -> Packed:
    """Copies of a table for `lookups` lookups in `steps` cycles, two in each cycle."""
    copies = -(-lookups // (PORTS * steps))
    return small_memory(depth=TABLE_SIZE, width=TABLE_BITS).times(copies)


@cache
def _output_layer(*, hidden: int, rows: int, pe_out: int, activation: int, weight: int, bias: int, fused: int) -> Part:
    part = Part(
        name="output",
        title="output layer",
        luts=0,
        bits=0,
        dsps=fused,
        made_of=(
            f"{pe_out * hidden} products, {fused} of them in DSP slices, as many sums, the ROMs of class weights and biases."
        ),
    )
    return part.holding(
        sums_of_products(products=pe_out * hidden, left=activation, right=weight, rounding="rnd_conv", in_dsps=fused),
        memory_of_one_row(depth=rows, width=hidden * weight, ports=1).times(pe_out),
        small_memory(depth=rows, width=bias).times(pe_out),
        stream(depth=STREAM_DEPTH, width=costs.SUM_BITS * pe_out),
        Packed(ffs=hidden * activation),
    )

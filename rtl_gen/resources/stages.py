"""The stages of the SystemVerilog: `Stage`, its parts added up as the modules of ``rtl_gen/library`` have them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from datapath.architecture import Architecture
from datapath.design import Gate
from datapath.packing import WORD_BITS, column_words
from datapath.resources import Resources
from rtl_gen.resources.memories import DISTRIBUTED_LUTS, Mapped, delay, ram, rom
from rtl_gen.resources.parts import (
    absent_bits,
    address_bits,
    cell,
    choice_luts,
    dot,
    dot_latency,
    waiting_memories,
)

GATES, DIRECTIONS = len(Gate), 2
NOTHING = Resources()
LABEL_BITS, COUNT_BITS = 8, 16
QUEUE_WORDS = 16
"""Hidden words that wait for the output layer."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A stage of the accelerator, its look-up tables by kind.

    :param name: key of the stage, as in `rtl_gen.synthesis.counting`.
    :param title: in tables.
    :param made_of: a sentence.
    :param products: dot products.
    :param datapath: cells, operands, memories, adders.
    :param control: counters, addresses, handshakes.
    """

    name: str
    title: str
    made_of: str
    products: Resources = NOTHING
    datapath: Resources = NOTHING
    control: Resources = NOTHING


def stages(architecture: Architecture) -> tuple[Stage, ...]:
    """All stages in the order of the dataflow; the last one is the rest.

    :param architecture: dimensions, widths, folding and limits.
    """
    bits, folding, limits = architecture.precision, architecture.folding, architecture.limits
    sums, peephole = architecture.sum_widths, architecture.peephole_format
    absent = min(absent_bits(bits.activation, bits.fc_weight), 9 - bits.fc_bias)
    half, score = sums.half_score - absent, sums.score - absent
    return (
        _read_columns(column_bits=architecture.inputs * bits.activation, activation=bits.activation),
        _hidden_layer(
            inputs=architecture.inputs,
            hidden=architecture.hidden,
            pe=folding.pe,
            simd_input=folding.simd_input,
            simd_recurrent=folding.simd_recurrent,
            activation=bits.activation,
            weight=bits.weight,
            bias=bits.bias,
            sum_bits=sums.gate,
            peephole=peephole and peephole.bits,
            columns=limits.columns,
        ),
        _output_layer(
            hidden=architecture.hidden,
            classes=architecture.classes,
            pe_out=folding.pe_out,
            activation=bits.activation,
            weight=bits.fc_weight,
            bias=bits.fc_bias,
            sum_bits=sums.half_score,
            half=half,
        ),
        _join_directions(
            blocks=architecture.class_blocks, pe_out=folding.pe_out, columns=limits.columns, half=half, score=score
        ),
        _best_classes(blocks=architecture.class_blocks, pe_out=folding.pe_out, score=score),
        _write_labels(columns=limits.columns, labels=limits.labels, score=score),
        _write_output(labels=limits.labels),
        _control(column_bits=architecture.inputs * bits.activation),
    )


def _memory(*found: Mapped) -> Resources:
    return sum((one.resources for one in found), NOTHING)


def _multipliers(*factors: int) -> int:
    """DSP slices of the products of one value with constants: none for a power of 2, one for equal ones."""
    return len({factor for factor in factors if factor & (factor - 1)})


@cache
def _read_columns(*, column_bits: int, activation: int) -> Stage:
    words = column_words(column_bits // activation, activation)
    used = column_bits if words == 1 else WORD_BITS
    count = (2 * 65535 * words).bit_length()
    position = address_bits(words) if words > 1 else 0
    column = column_bits if words == 1 else words * WORD_BITS
    return Stage(
        name="dma_in",
        title="DMA in",
        made_of=f"The queue of words, a register of {column} bits for a column, addresses and counters.",
        datapath=Resources(luts=DISTRIBUTED_LUTS * -(-used // 3), ffs=used + column),
        control=Resources(luts=147 + count + 2 * position, ffs=162 + count + position, dsps=_multipliers(2 * words)),
    )


@cache
def _hidden_layer(
    *,
    inputs: int,
    hidden: int,
    pe: int,
    simd_input: int,
    simd_recurrent: int,
    activation: int,
    weight: int,
    bias: int,
    sum_bits: int,
    peephole: int | None,
    columns: int,
) -> Stage:
    lanes, gates = simd_input + simd_recurrent, GATES * pe
    products = dot(lanes=lanes, value=activation, weight=weight, sum_bits=sum_bits) * gates
    parts = (
        _hidden_memories(
            input_rows=DIRECTIONS * hidden // pe * (inputs // simd_input),
            recurrent_rows=DIRECTIONS * hidden // pe * (hidden // simd_recurrent),
            rows=DIRECTIONS * hidden // pe,
            input_bits=gates * simd_input * weight,
            recurrent_bits=gates * simd_recurrent * weight,
            bias_bits=gates * (bias + 1),
            peephole_bits=peephole and pe * 3 * peephole,
            state_bits=pe * 16,
        ),
        _operands(
            inputs=inputs, hidden=hidden, simd_input=simd_input, simd_recurrent=simd_recurrent, activation=activation
        ),
        _gate_sum(activation=activation, weight=weight, bias=bias, sum_bits=sum_bits) * gates,
        cell(activation=activation, sum_bits=sum_bits, peephole=peephole) * pe,
        Resources(ffs=(inputs + 2 * hidden + hidden - pe) * activation),  # pixels, previous outputs, collected blocks
    )
    return Stage(
        name="hidden",
        title="hidden layer",
        made_of=f"{gates * lanes} products, {pe} LSTM cells with their tables, ROMs of weights, biases and peepholes.",
        products=products,
        datapath=sum(parts, NOTHING),
        control=_hidden_control(
            blocks=hidden // pe,
            input_folds=inputs // simd_input,
            recurrent_folds=hidden // simd_recurrent,
            latency=dot_latency(lanes=lanes, value=activation, weight=weight),
            has_peepholes=peephole is not None,
            columns=columns,
        ),
    )


@cache
def _hidden_memories(
    *,
    input_rows: int,
    recurrent_rows: int,
    rows: int,
    input_bits: int,
    recurrent_bits: int,
    bias_bits: int,
    peephole_bits: int | None,
    state_bits: int,
) -> Resources:
    found = _memory(
        rom(width=input_bits, depth=input_rows, latency=3),
        rom(width=recurrent_bits, depth=recurrent_rows, latency=3),
        rom(width=bias_bits, depth=rows),
        ram(width=state_bits, depth=rows),
    )
    return found if peephole_bits is None else found + rom(width=peephole_bits, depth=rows).resources


@cache
def _operands(*, inputs: int, hidden: int, simd_input: int, simd_recurrent: int, activation: int) -> Resources:
    """A side with fewer folds rests in the last ones; the recurrent side chooses the direction, too."""
    input_folds, recurrent_folds = inputs // simd_input, hidden // simd_recurrent
    pixels = choice_luts(input_folds, enabled=input_folds < recurrent_folds) if input_folds > 1 else 0
    outputs = choice_luts(DIRECTIONS * recurrent_folds, enabled=recurrent_folds < input_folds)
    luts = round(activation * (simd_input * pixels + simd_recurrent * outputs))
    return Resources(luts=luts, ffs=2 * activation * (simd_input + simd_recurrent))


@cache
def _gate_sum(*, activation: int, weight: int, bias: int, sum_bits: int) -> Resources:
    """The bias or the sum so far, and the products of a fold. Where products have fewer fraction bits than biases, the
    selection is beside the carry chain."""
    products = absent_bits(activation, weight)
    absent = min(products, 9 - bias)
    total = sum_bits - absent
    added = total - (products - absent)
    return Resources(luts=total if added == total else 2 * added + total - added, ffs=total)


@cache
def _hidden_control(
    *, blocks: int, input_folds: int, recurrent_folds: int, latency: int, has_peepholes: bool, columns: int
) -> Resources:
    folds, rows = max(input_folds, recurrent_folds), DIRECTIONS * blocks
    sums = 3 + latency + 1
    out = sums + (17 if has_peepholes else 11)
    counters = (
        (2 * columns).bit_length(),  # passes
        address_bits(blocks),
        address_bits(folds),
        address_bits(rows * input_folds),
        address_bits(rows * recurrent_folds),
        2 * address_bits(rows),  # of biases and of written states
    )
    flags = 2 * out + (sums - 1) + sums  # ends of blocks and passes, their first folds, first steps
    later = address_bits(rows) + (address_bits(folds) if folds > 1 else 0) + 2
    return Resources(luts=30 + round(1.5 * sum(counters)), ffs=sum(counters) + flags + later + 16)


@cache
def _output_layer(
    *, hidden: int, classes: int, pe_out: int, activation: int, weight: int, bias: int, sum_bits: int, half: int
) -> Stage:
    rows = DIRECTIONS * -(-classes // pe_out)
    word, row_bits = hidden * activation, address_bits(rows)
    latency = dot_latency(lanes=hidden, value=activation, weight=weight)
    memories = _memory(
        ram(width=word, depth=QUEUE_WORDS, in_luts=True, latency=3),
        rom(width=pe_out * hidden * weight, depth=rows, latency=3),
        rom(width=pe_out * bias, depth=rows),
    )
    sums = Resources(luts=pe_out * half, ffs=pe_out * half)
    datapath = memories + delay(bits=row_bits, clocks=latency + 1) + sums
    control = Resources(luts=20 + 3 * row_bits, ffs=13 + 2 * row_bits - 1 + latency + 4)
    return Stage(
        name="output",
        title="output layer",
        made_of=f"{pe_out * hidden} products, ROMs of class weights and biases, the queue of hidden words.",
        products=dot(lanes=hidden, value=activation, weight=weight, sum_bits=sum_bits) * pe_out,
        datapath=datapath,
        control=control,
    )


@cache
def _join_directions(*, blocks: int, pe_out: int, columns: int, half: int, score: int) -> Stage:
    depth = (columns + 1) // 2 * blocks
    address = address_bits(depth)
    sums = Resources(luts=pe_out * (half + score), ffs=pe_out * (half + score))
    block_bits = address_bits(blocks) if blocks > 1 else 0
    return Stage(
        name="concatenate",
        title="concatenate",
        made_of="The memories of the half scores that wait for the other direction, an adder for each class lane.",
        datapath=waiting_memories(width=pe_out * half, depth=depth) + delay(bits=pe_out * half, clocks=6) + sums,
        control=Resources(luts=30 + 5 * address, ffs=COUNT_BITS + 1 + block_bits + 2 * address + 7 + 5),
    )


@cache
def _best_classes(*, blocks: int, pe_out: int, score: int) -> Stage:
    """A comparison and a selection for each pair of lanes, and for the running maximum."""
    levels = (pe_out - 1).bit_length()
    luts = ffs = 0
    for level in range(1, levels + 1):
        nodes, pairs = -(-pe_out >> level), (-(-pe_out >> (level - 1))) // 2
        nodes = -(-pe_out // (1 << level))
        pairs = -(-pe_out // (1 << (level - 1))) // 2
        luts += pairs * (2 * score + level)
        ffs += nodes * (score + level) + 1
    block_bits = address_bits(blocks) if blocks > 1 else 0
    return Stage(
        name="maximum",
        title="maximum",
        made_of="A comparison and a selection for each class lane, and the highest score so far.",
        datapath=Resources(luts=luts + 2 * score, ffs=ffs + score),
        control=Resources(luts=45, ffs=2 + block_bits + 2 * LABEL_BITS),
    )


@cache
def _write_labels(*, columns: int, labels: int, score: int) -> Stage:
    column_bits = address_bits(columns)
    memories = _memory(ram(width=score + LABEL_BITS, depth=columns), ram(width=LABEL_BITS, depth=labels))
    run = score + LABEL_BITS
    return Stage(
        name="label",
        title="label",
        made_of="The memories of a line's best classes and of its labels, the comparison of a run, counters.",
        datapath=memories + Resources(luts=2 * score, ffs=run),
        control=Resources(luts=86 + 2 * column_bits, ffs=2 * COUNT_BITS + 3 * column_bits + 8),
    )


@cache
def _write_output(*, labels: int) -> Stage:
    return Stage(
        name="dma_out",
        title="DMA out",
        made_of="Addresses and counters of the result, a queue of four labels.",
        control=Resources(luts=260, ffs=227 + address_bits(labels)),
    )


@cache
def _control(*, column_bits: int) -> Stage:
    record, words = -(-column_bits // 8), -(-column_bits // WORD_BITS)
    return Stage(
        name="control",
        title="registers, control",
        made_of="Registers of the bus, the check of what they hold, the state of the line.",
        control=Resources(luts=484, ffs=332, dsps=_multipliers(2 * record, 16 * words)),
    )

"""Cycles of the RTL kernel: not a model but a count, equal to the simulation of the SystemVerilog in every cycle.

Counted from the clock that accepts ap_start to the one that sets ap_done, with a memory without wait states: a read's
first data comes `MEMORY_LATENCY` clocks after its address, then a word per clock; a write's response comes as many clocks
after its last word. Buffers begin at a multiple of 128 bytes, as allocated ones do (pages).

Every stage but the hidden layer passes on what it gets without waiting. The hidden layer computes passes: pass k is step
k // 2 of direction k % 2, and issues blocks * folds clocks. In the clock g(k) it is decided that pass k begins:

    g(k) = max( arrival of its column, g(k - 1) + max(pass, 2), g(k - 2) + pass + latency )

since a column takes two clocks, and two passes of one direction depend on each other. The output layer takes blocks of
classes for each pass:

    q(k) = max( g(k) + pass + depth, q(k - 1) + class blocks )

Both are longest paths in a regular graph, for which `RtlCycles.line` has a closed form. The queue between hidden and
output layer (15 words) and the one of the words that are read (64) are large enough never to decide the end of a line.
"""

from __future__ import annotations

from dataclasses import dataclass

from datapath.architecture import Architecture
from datapath.cycles import Cycles, Stage
from datapath.folded import DIRECTIONS
from datapath.packing import column_words

MEMORY_LATENCY = 16
"""Clocks from a read's address to its first data, and from a write's last data to its response."""

# Clocks of the pipelines in rtl_gen/library; each module's header states its own.
READ_ADDRESS, RECORD = 5, 3  # accelerator: start to the first address; read_columns: a record's last word to the record
SPACING = 2  # hidden_layer: least clocks between two passes, as a column takes two clocks
OPERANDS = 3  # hidden_layer, output_layer: issue to the operands of the products
GATE_SUM = 1  # hidden_layer: sum of products to gate sum
CELL, CELL_WITH_PEEPHOLES = 11, 17  # cell_state: gate sums to hidden output
CLASS_SUM = 1  # output_layer: sum of products to half score
JOIN = 7  # join_directions
MAXIMUM = 1  # best_classes, after the comparison within a block
LABELS = 3  # write_labels: besides a clock per column
WRITE = 4  # write_output: besides a clock per word and the memory's latency


def dot_clocks(lanes: int, value_bits: int, weight_bits: int) -> int:
    """Latency of `dot`: the products, their rounding where they have more than 8 fraction bits, two levels of the adder
    tree in each clock.

    :param lanes: products that are added.
    :param value_bits: width of a value.
    :param weight_bits: width of a weight.
    """
    rounded = (value_bits - 1) + (weight_bits - 1) > 8
    return 1 + rounded + -(-_levels(lanes) // 2)


def _levels(leaves: int) -> int:
    """Levels of a binary tree, ceil(log2 leaves)."""
    return (leaves - 1).bit_length()


@dataclass(frozen=True, kw_only=True)
class RtlCycles(Cycles):
    """The stages, and the exact cycles of a line.

    words         of a column record
    issued        clocks in which a pass issues
    latency       clocks more until the next pass of the same direction may begin
    class_blocks  clocks of the output layer for each pass
    depth         clocks from the last issue of a pass to the first one of its output layer
    behind        clocks from the first issue of the last pass's output layer to the last column's best class
    label_limit   labels that the output buffer holds
    """

    words: int
    issued: int
    latency: int
    class_blocks: int
    depth: int
    behind: int
    label_limit: int

    def line(self, columns: int, labels: int | None = None) -> int:
        """Cycles of a line from ap_start to ap_done.

        :param columns: T of the line.
        :param labels: that it has, None for as many as fit; those that do not fit take no time.
        """
        stored = self._stored(labels)
        last = DIRECTIONS * columns - 1
        # The longest path to the last pass of the output layer leaves the hidden layer at one end of the line: at a pass
        # between, one of the two layers is faster on both sides. Passes are in pairs, so an end is two passes.
        classes = max(
            self._hidden(k) + self.issued + self.depth + (last - k) * self.class_blocks for k in {0, 1, last - 1, last}
        )
        return classes + self.behind + columns + LABELS + WRITE + stored + 1 + MEMORY_LATENCY

    def stage_in_line(self, stage: Stage, columns: int, labels: int | None = None) -> float:
        """As `Cycles.stage_in_line`; only the stored labels are written.

        :param stage: one of `stages`.
        :param columns: T of the line.
        :param labels: as in `line`.
        """
        if stage.key == "dma_out":
            return self._stored(labels) + 1
        return stage.in_line(columns)

    def _stored(self, labels: int | None) -> int:
        return self.label_limit if labels is None else min(labels, self.label_limit)

    def _hidden(self, pass_number: int) -> int:
        """The clock in which it is decided that a pass begins."""
        first = READ_ADDRESS + MEMORY_LATENCY + self.words - 1 + RECORD
        spacing = max(self.issued, SPACING)
        waited = max(0, self.issued + self.latency - DIRECTIONS * spacing)
        ends = {0, 1, pass_number - 1, pass_number}
        return first + max(
            self.words * k + (pass_number - k) * spacing + (pass_number - k) // DIRECTIONS * waited
            for k in ends
            if 0 <= k <= pass_number
        )


def rtl_cycles(architecture: Architecture) -> RtlCycles:
    """The cycles of an architecture on the RTL kernel.

    :param architecture: dimensions, widths, folding and limits.
    """
    bits, folding = architecture.precision, architecture.folding
    words = column_words(architecture.inputs, bits.activation)
    blocks, class_blocks = architecture.unit_blocks, architecture.class_blocks
    issued = blocks * architecture.steps
    cell = CELL if architecture.peephole_format is None else CELL_WITH_PEEPHOLES
    gates = OPERANDS + dot_clocks(folding.simd_input + folding.simd_recurrent, bits.activation, bits.weight) + GATE_SUM
    latency = gates + cell - 1
    classes = OPERANDS + dot_clocks(architecture.hidden, bits.activation, bits.fc_weight) + CLASS_SUM
    compared = _levels(folding.pe_out)
    hidden = max(DIRECTIONS * issued, DIRECTIONS * SPACING, issued + latency)
    return RtlCycles(
        stages=(
            Stage(key="dma_in", title="DMA in", cycles_per_column=DIRECTIONS * words, latency=words),
            Stage(key="hidden", title="hidden layer", cycles_per_column=hidden, latency=issued + latency + 1),
            Stage(key="output", title="output layer", cycles_per_column=DIRECTIONS * class_blocks, latency=classes),
            Stage(key="concatenate", title="concatenate", cycles_per_column=DIRECTIONS * class_blocks, latency=JOIN),
            Stage(key="maximum", title="maximum", cycles_per_column=class_blocks, latency=compared + MAXIMUM),
            Stage(key="label", title="label", cycles_per_column=2, latency=LABELS),
            Stage(
                key="dma_out",
                title="DMA out",
                cycles_per_column=0,
                latency=WRITE + MEMORY_LATENCY,
                cycles_once=architecture.limits.labels + 1,
            ),
        ),
        words=words,
        issued=issued,
        latency=latency,
        class_blocks=class_blocks,
        depth=latency + 2,
        behind=class_blocks + classes + JOIN + compared + MAXIMUM,
        label_limit=architecture.limits.labels,
    )

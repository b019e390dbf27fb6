"""Cycles and operations of the accelerator per column of a line.

The structure of the published overlay, and what its pipelines take to fill, from the times measured on the PYNQ-Z1.
"""

from __future__ import annotations

from datapath.design import Design

HIDDEN_FILL, HIDDEN_FILL_PER_STEP = 24, 2.25
"""Cycles until the hidden layer's pipeline is full, and more for each step of the input side's products."""

OUTPUT_FILL = 42
"""Cycles until the output layer's pipeline is full."""


def cycles_per_column(design: Design) -> float:
    """Clock cycles per column of a long line.

    For each direction the hidden layer issues H / PE units, one per I / SIMD_INPUT cycles, and the output layer C
    classes, PE_OUT of them per cycle. Both drain their pipelines after each column and work at the same time, so the
    slower one sets the pace. The fills are chosen to agree with the four published measurements of the plain network:

    W2A2 248.8 (here 248), W2A4 570.5 (569), W4A4 568.8 (569), W4A8 2132.7 (2132).
    """
    steps = max(design.inputs // design.folding.simd_input, design.hidden // design.folding.simd_recurrent)
    hidden = design.hidden // design.folding.pe * steps + HIDDEN_FILL + HIDDEN_FILL_PER_STEP * steps
    output = -(-design.classes // design.folding.pe_out) + OUTPUT_FILL
    return 2 * max(hidden, output)


def line_milliseconds(design: Design, columns: int, clock_mhz: float) -> float:
    """Modelled time of a line on the board, ms."""
    return cycles_per_column(design) * columns / clock_mhz / 1000


def operations_per_column(design: Design) -> int:
    """Operations per column as the original counts them: 351 488 for the plain network (H 128, I 32, C 82).

    Per direction a multiplication and an addition for each weight of the four gates and 11 operations per unit for the
    rest of the cell; the output layer of one direction only. Peepholes are not counted.
    """
    per_unit = 2 * 4 * (design.inputs + design.hidden) + 11
    return 2 * design.hidden * per_unit + 2 * design.hidden * design.classes

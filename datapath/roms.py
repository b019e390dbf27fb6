"""Weights in ROMs: for each processing element a memory, whose word holds the elements of one cycle."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from datapath.design import Design
from datapath.folded import fold


@dataclass(frozen=True, eq=False, kw_only=True)
class Rom:
    """One ROM for each processing element."""

    name: str  # in the generated sources
    contents: str  # of a word, for its comment
    bits: int  # width of an element
    elements: np.ndarray  # signed integers [parallel, depth, elements per word]
    read: bool = True  # the kernel reads it; without peepholes theirs is a placeholder, and no hardware


def design_roms(design: Design) -> tuple[Rom, ...]:
    """All ROMs of a design in its folding, in the order in which the stages read them."""
    network = fold(design)
    bits = design.precision
    pe_out = design.folding.pe_out
    biases = network.biases_input.astype(np.int64) + network.biases_recurrent
    if peepholes := network.peepholes:
        peephole_rom = Rom(
            name="peepholes",
            contents="Peepholes of gates i, f, o. Row (direction, unit block).",
            bits=peepholes.format.bits,
            elements=np.moveaxis(peepholes.weights, 0, -1),
        )
    else:
        nothing = np.zeros((*biases.shape[1:], 1), dtype=np.int64)
        peephole_rom = Rom(name="peepholes", contents="No peepholes: never read.", bits=1, elements=nothing, read=False)
    return (
        Rom(
            name="input_weights",
            contents="Input side: gates i, f, g, o, of each simd_input weights. Row (direction, unit block, fold).",
            bits=bits.weight,
            elements=_gate_words(network.weights_input),
        ),
        Rom(
            name="recurrent_weights",
            contents="Recurrent side: gates i, f, g, o, of each simd_recurrent weights. Row (direction, unit block, fold).",
            bits=bits.weight,
            elements=_gate_words(network.weights_recurrent),
        ),
        Rom(
            name="gate_biases",
            contents="Both biases of gates i, f, g, o, added. Row (direction, unit block).",
            bits=bits.bias + 1,
            elements=np.moveaxis(biases, 0, -1),
        ),
        peephole_rom,
        Rom(
            name="class_weights",
            contents="Output layer: the weights of all hidden units. Row (direction, class block).",
            bits=bits.fc_weight,
            elements=_class_words(design.fc_weights, pe_out),
        ),
        Rom(
            name="class_biases",
            contents="Output layer: the bias. Row (direction, class block).",
            bits=bits.fc_bias,
            elements=_class_words(design.fc_biases[:, :, None], pe_out),
        ),
    )


def _gate_words(folded: np.ndarray) -> np.ndarray:
    """[gate, SIMD, folds, PE, blocks] -> [PE, blocks * folds, gate * SIMD]."""
    gates, simd, folds, pe, blocks = folded.shape
    return folded.transpose(3, 4, 2, 0, 1).reshape(pe, blocks * folds, gates * simd)


def _class_words(values: np.ndarray, pe_out: int) -> np.ndarray:
    """[direction, class, n] -> [PE_OUT, direction * class blocks, n]; class k is lane k % PE_OUT of block k // PE_OUT."""
    directions, classes, count = values.shape
    blocks = -(-classes // pe_out)
    filled = np.zeros((directions, blocks * pe_out, count), dtype=np.int64)
    filled[:, :classes] = values
    return filled.reshape(directions * blocks, pe_out, count).swapaxes(0, 1)

"""Weights of the HLS library: ROMs of packed words, one word per processing element and cycle.

A word is a few limbs, unsigned integers of up to 64 bits, for which C++ runs no constructor. Element k lies in limb
k // n at bit (k % n) * bits, with n elements per limb; no element lies in two limbs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from datapath.design import Design
from datapath.folded import fold

LIMB_BITS = (8, 16, 32, 64)


def limb_bits(width: int) -> int:
    """Bits of a limb: those of the narrowest C++ integer that holds a word of `width` bits; 64 for a wider word."""
    return next((bits for bits in LIMB_BITS if bits >= width), LIMB_BITS[-1])


def limb_widths(*, bits: int, count: int) -> tuple[int, ...]:
    """Bits of each limb of a word that hold weights, `count` elements of `bits` bits."""
    per_limb = limb_bits(bits * count) // bits
    return tuple(min(per_limb, count - first) * bits for first in range(0, count, per_limb))


@dataclass(frozen=True, eq=False, kw_only=True)
class Rom:
    """One ROM for each processing element."""

    name: str  # in C++
    contents: str  # of a word, for its comment
    bits: int  # width of an element
    elements: np.ndarray  # signed integers [parallel, depth, elements per word]
    read: bool = True  # the kernel reads it; without peepholes theirs is a placeholder, and no hardware

    @property
    def limb_bits(self) -> int:
        return limb_bits(self.elements.shape[2] * self.bits)

    @property
    def words(self) -> np.ndarray:
        """The packed words, uint64 [parallel, depth, limbs]."""
        parallel, depth, count = self.elements.shape
        per_limb = self.limb_bits // self.bits
        limbs = -(-count // per_limb)
        filled = np.zeros((parallel, depth, limbs * per_limb), dtype=np.uint64)
        mask = np.uint64((1 << self.bits) - 1)
        filled[:, :, :count] = self.elements.astype(np.int64).astype(np.uint64) & mask
        shifts = (np.arange(per_limb) * self.bits).astype(np.uint64)
        return np.bitwise_or.reduce(filled.reshape(parallel, depth, limbs, per_limb) << shifts, axis=-1)


def design_roms(design: Design) -> tuple[Rom, ...]:
    """All ROMs of a design in its folding, in the order of the kernel's arguments."""
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

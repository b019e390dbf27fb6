"""Weights of the HLS library: ROMs of packed words, one word per processing element and cycle.

A word is a few limbs, unsigned integers of up to 64 bits, for which C++ runs no constructor. Element k lies in limb
k // n at bit (k % n) * bits, with n elements per limb; no element lies in two limbs.
"""

from __future__ import annotations

import numpy as np

from datapath.roms import Rom

LIMB_BITS = (8, 16, 32, 64)


def limb_bits(width: int) -> int:
    """Bits of a limb: those of the narrowest C++ integer that holds a word of `width` bits; 64 for a wider word."""
    return next((bits for bits in LIMB_BITS if bits >= width), LIMB_BITS[-1])


def limb_widths(*, bits: int, count: int) -> tuple[int, ...]:
    """Bits of each limb of a word that hold weights, `count` elements of `bits` bits."""
    per_limb = limb_bits(bits * count) // bits
    return tuple(min(per_limb, count - first) * bits for first in range(0, count, per_limb))


def rom_limb_bits(rom: Rom) -> int:
    """Bits of a limb of a ROM's words."""
    return limb_bits(rom.elements.shape[2] * rom.bits)


def packed_words(rom: Rom) -> np.ndarray:
    """The packed words of a ROM, uint64 [parallel, depth, limbs]."""
    parallel, depth, count = rom.elements.shape
    per_limb = rom_limb_bits(rom) // rom.bits
    limbs = -(-count // per_limb)
    filled = np.zeros((parallel, depth, limbs * per_limb), dtype=np.uint64)
    mask = np.uint64((1 << rom.bits) - 1)
    filled[:, :, :count] = rom.elements.astype(np.int64).astype(np.uint64) & mask
    shifts = (np.arange(per_limb) * rom.bits).astype(np.uint64)
    return np.bitwise_or.reduce(filled.reshape(parallel, depth, limbs, per_limb) << shifts, axis=-1)

"""Columns -> words of the input buffer, words of the output buffer -> labels (little-endian, 64 bits).

The input buffer holds 2T records, forward column t then backward column T-1-t, for t = 0..T-1. In a record pixel r
has bits [r*A, (r+1)*A) in two's complement; the record is padded with zero bits to whole words.
"""

from __future__ import annotations

import numpy as np

from datapath.alphabet import MAX_LABEL
from datapath.errors import DataError
from datapath.formats import unit_format

WORD_BITS = 64
WORD_DTYPE = np.dtype("<u8")

REFUSED = (1 << WORD_BITS) - 1
"""What the HLS kernel writes as the count of a line that it refuses."""


def packed_width(inputs: int, bits: int) -> int:
    """Bits of one column record: inputs * bits rounded up to whole words (PACKEDWIDTH in a header)."""
    return -(-inputs * bits // WORD_BITS) * WORD_BITS


def column_words(inputs: int, bits: int) -> int:
    """Words of one column record."""
    return packed_width(inputs, bits) // WORD_BITS


def pack_columns(columns: np.ndarray, bits: int) -> np.ndarray:
    """Words of the input buffer for one line.

    :param columns: integers [T, I], raw values of ``fixed<bits, 1>``.
    :param bits: A, width of a pixel.
    :returns: uint64 (little-endian) [2 * T * packed_width(I, bits) / 64].
    :raises DataError: not integers [T, I], or a value outside the range.
    """
    if columns.ndim != 2 or columns.dtype.kind not in "iu":
        raise DataError(
            f"The pixels have shape {list(columns.shape)} and type {columns.dtype}; it must be integers [T, I]."
        )
    low, high = unit_format(bits).min, unit_format(bits).max
    if columns.size and not (low <= columns.min() and columns.max() <= high):
        raise DataError(f"A pixel of {columns.min()}..{columns.max()} does not fit {bits} bits ({low}..{high}).")
    length, inputs = columns.shape
    twos_complement = columns.astype(np.int64)[:, :, None] >> np.arange(bits) & 1
    record = np.zeros((length, packed_width(inputs, bits)), dtype=np.uint8)
    record[:, : inputs * bits] = twos_complement.reshape(length, inputs * bits)
    interleaved = np.stack([record, record[::-1]], axis=1)
    return np.packbits(interleaved.reshape(-1), bitorder="little").view(WORD_DTYPE)


def unpack_columns(words: np.ndarray, *, inputs: int, bits: int) -> np.ndarray:
    """The columns that `pack_columns` packed.

    :param words: uint64 [n].
    :param inputs: I, pixels of a column.
    :param bits: A, width of a pixel.
    :returns: int8 [T, inputs].
    :raises DataError: not whole column pairs, a bit behind the pixels of a record that is not zero, or a backward record that
        is not the forward one's mirror.
    """
    records = unpack_records(words, inputs=inputs, bits=bits)
    forward, backward = records[:, 0], records[::-1, 1]
    if not np.array_equal(forward, backward):
        raise DataError("The backward records are not the forward records in reverse.")
    if not np.array_equal(pack_columns(forward, bits), words):
        raise DataError(f"A record has bits behind its {inputs} pixels of {bits} bits; they must be zero.")
    return forward


def unpack_records(words: np.ndarray, *, inputs: int, bits: int) -> np.ndarray:
    """The records of an input buffer; whether the two directions agree is not checked.

    :param words: uint64 [n].
    :param inputs: I, pixels of a column.
    :param bits: A, width of a pixel.
    :returns: int8 [T, 2, inputs]: forward column t, backward column T-1-t.
    :raises DataError: not whole column pairs.
    """
    pair = 2 * column_words(inputs, bits)
    if len(words) % pair:
        raise DataError(f"{len(words)} words are not whole column pairs; it must be a multiple of {pair}.")
    as_bytes = np.ascontiguousarray(words, dtype=WORD_DTYPE).view(np.uint8)
    records = np.unpackbits(as_bytes, bitorder="little").reshape(-1, 2, packed_width(inputs, bits))
    pixels = records[:, :, : inputs * bits].reshape(-1, 2, inputs, bits).astype(np.int64)
    unsigned = (pixels << np.arange(bits)).sum(axis=-1)
    return (unsigned - ((unsigned >> (bits - 1)) << bits)).astype(np.int8)


def unpack_labels(words: np.ndarray) -> np.ndarray:
    """Labels in an output buffer: word 0 is their number.

    :returns: uint8 [n].
    :raises DataError: a count beyond the buffer, or a label beyond 8 bits.
    """
    count = int(words[0])
    if count > len(words) - 1:
        raise DataError(f"The output buffer counts {count} labels but has room for {len(words) - 1}.")
    labels = words[1 : count + 1]
    if count and labels.max() > MAX_LABEL:
        raise DataError(f"The output buffer holds label {labels.max()}; allowed is 0 to {MAX_LABEL}.")
    return labels.astype(np.uint8)

"""DMA words, checked against words computed by hand from docs/spec/overlay.md and against Python's big integers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datapath.errors import DataError
from datapath.packing import pack_columns, packed_width, unpack_columns, unpack_labels


@st.composite
def lines(draw):
    """(columns int8 [T, I], bits) with T even or odd; what is packed need not be a legal line."""
    bits = draw(st.integers(1, 8))
    length, inputs = draw(st.integers(0, 6)), draw(st.integers(1, 70))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    columns = random.integers(-(2 ** (bits - 1)), 2 ** (bits - 1), size=(length, inputs))
    return columns.astype(np.int8), bits


@pytest.mark.parametrize(("bits", "width"), [(2, 64), (4, 128), (8, 256), (5, 192), (1, 64)])
def test_a_record_of_32_pixels_takes_whole_words(bits, width):
    assert packed_width(32, bits) == width


def test_words_by_hand():
    # Three 4-bit pixels: 1, -1 (0xf), -8 (0x8) in the first column; 7, 2, 0 in the second.
    columns = np.array([[1, -1, -8], [7, 2, 0]], dtype=np.int8)
    words = pack_columns(columns, 4)
    assert words.dtype == np.dtype("<u8")
    # forward 0, backward 1, forward 1, backward 0
    assert [hex(word) for word in words.tolist()] == ["0x8f1", "0x27", "0x27", "0x8f1"]


def test_a_pixel_may_straddle_two_words():
    # 13 pixels of 5 bits: pixel 12 has bits 60..64, its sign bit in the second word.
    columns = np.array([[0] * 12 + [-16]] * 2, dtype=np.int8)
    assert pack_columns(columns, 5).tolist() == [0, 1] * 4
    assert pack_columns(columns + 16 - 1, 5)[:2].tolist() == [
        sum(15 << 5 * r for r in range(12)) + (31 << 60) & 2**64 - 1,
        1,
    ]


@given(line=lines())
def test_words_equal_records_put_together_with_big_integers(line):
    columns, bits = line
    length, inputs = columns.shape
    expected = []
    for t in range(length):
        for column in (columns[t], columns[length - 1 - t]):
            record = sum((int(pixel) % 2**bits) << (r * bits) for r, pixel in enumerate(column))
            expected += [(record >> shift) % 2**64 for shift in range(0, packed_width(inputs, bits), 64)]
    assert pack_columns(columns, bits).tolist() == expected


@given(line=lines())
def test_columns_survive_the_round_trip(line):
    columns, bits = line
    unpacked = unpack_columns(pack_columns(columns, bits), inputs=columns.shape[1], bits=bits)
    assert unpacked.dtype == np.int8
    assert np.array_equal(unpacked, columns)


@pytest.mark.parametrize(("bad", "sentence"), [(8, "A pixel of 0..8"), (-9, "A pixel of -9..0")])
def test_a_pixel_wider_than_its_bits(bad, sentence):
    with pytest.raises(DataError) as caught:
        pack_columns(np.array([[0, bad], [0, 0]]), 4)
    assert str(caught.value) == f"{sentence} does not fit 4 bits (-8..7)."


def test_words_that_are_no_whole_number_of_column_pairs():
    with pytest.raises(DataError) as caught:
        unpack_columns(np.zeros(6, dtype="<u8"), inputs=32, bits=4)
    assert str(caught.value) == "6 words are not whole column pairs; it must be a multiple of 4."


def test_a_backward_half_that_is_not_the_mirror():
    words = pack_columns(np.array([[1, 2], [3, -4]]), 4)
    words[1] ^= np.uint64(1)
    with pytest.raises(DataError) as caught:
        unpack_columns(words, inputs=2, bits=4)
    assert str(caught.value) == "The backward records are not the forward records in reverse."


def test_label_words_by_hand():
    labels = unpack_labels(np.array([3, 81, 0, 255, 0, 0, 0, 0], dtype="<u8"))
    assert labels.dtype == np.uint8
    assert labels.tolist() == [81, 0, 255]


@given(labels=st.lists(st.integers(0, 255), max_size=127), room=st.integers(0, 3))
def test_labels_after_their_count(labels, room):
    words = np.array([len(labels), *labels, *[256] * room], dtype="<u8")
    assert unpack_labels(words).tolist() == labels


def test_a_count_beyond_the_buffer():
    with pytest.raises(DataError) as caught:
        unpack_labels(np.array([4, 1, 2, 3], dtype="<u8"))
    assert str(caught.value) == "The output buffer counts 4 labels but has room for 3."


def test_a_label_that_is_no_byte_is_not_unpacked():
    with pytest.raises(DataError) as caught:
        unpack_labels(np.array([2, 1, 256, 0], dtype="<u8"))
    assert str(caught.value) == "The output buffer holds label 256; allowed is 0 to 255."


def test_what_lies_beyond_the_count_is_not_read():
    assert unpack_labels(np.array([1, 7, 2**63], dtype="<u8")).tolist() == [7]

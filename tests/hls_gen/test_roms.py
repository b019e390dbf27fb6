"""Weights as packed ROM words: unpacked by another implementation, the generated C++ holds the design."""

import re

import numpy as np
from hypothesis import given, settings

from datapath import Design
from datapath.roms import design_roms
from hls_gen.roms import packed_words, rom_limb_bits
from hls_gen.sources import render_sources
from tests.datapath.test_roms import expected_elements
from tests.designs import random_design
from tests.strategies import designs

# Bits of the C++ types, on every compiler that knows ap_fixed.
LIMB_BITS = {"unsigned char": 8, "unsigned short": 16, "unsigned int": 32, "unsigned long long": 64}
ROM = re.compile(r"static const (unsigned [a-z ]+?) (\w+)\[(\d+)\]\[(\d+)\]\[(\d+)\] = ([^;]*);")


def rendered_roms(design: Design) -> dict[str, tuple[int, np.ndarray]]:
    """Bits of a limb, and the limbs [parallel, depth, limbs], by name, as weights.hpp has them."""
    found = {}
    for limb_type, name, *shape, body in ROM.findall(render_sources(design)["src/weights.hpp"]):
        words = [int(number, 16) for number in re.findall(r"0x([0-9a-f]+)", body)]
        assert all(word < 1 << LIMB_BITS[limb_type] for word in words)
        found[name] = LIMB_BITS[limb_type], np.array(words, dtype=object).reshape([int(size) for size in shape])
    return found


def elements(limb_bits: int, word: np.ndarray, bits: int, count: int) -> list[int]:
    """The signed elements of a word, as the docstring of `hls_gen.roms` places them; no other bit may be set."""
    per_limb = limb_bits // bits
    assert len(word) == -(-count // per_limb)
    values, left = [], list(word)
    for k in range(count):
        shift = k % per_limb * bits
        value = word[k // per_limb] >> shift & ((1 << bits) - 1)
        left[k // per_limb] -= value << shift
        values.append(value - (1 << bits) * (value >> (bits - 1)))
    assert not any(left)
    return values


@settings(max_examples=100, deadline=None)
@given(designs())
def test_the_words_of_the_generated_file_are_the_design(design):
    found = rendered_roms(design)
    assert found.keys() == {rom.name for rom in design_roms(design)}
    for name, (bits, expected) in expected_elements(design).items():
        limb_bits, words = found[name]
        count = len(expected[0][0])
        assert [[elements(limb_bits, word, bits, count) for word in memory] for memory in words] == expected, name
        # The narrowest integer that holds a whole word: 8 for up to 8 bits, ..., 64 beyond 32.
        assert limb_bits == min((size for size in (8, 16, 32) if size >= count * bits), default=64), name


@settings(max_examples=30, deadline=None)
@given(designs())
def test_roms_describe_the_words_that_are_rendered(design):
    for rom in design_roms(design):
        limb_bits, words = rendered_roms(design)[rom.name]
        assert (rom_limb_bits(rom), *rom.elements.shape[:2]) == (limb_bits, *words.shape[:2])
        assert np.array_equal(packed_words(rom), words)


def test_the_ends_of_every_width_survive():
    for bits in range(1, 9):
        design = random_design(bits, bits=(bits,) * 5, inputs=9, hidden=6, classes=7, folding=(3, 9, 2), pe_out=4)
        found = rendered_roms(design)
        lowest = highest = 0
        for name, (width, expected) in expected_elements(design).items():
            limb_bits, words = found[name]
            read = [[elements(limb_bits, w, width, len(expected[0][0])) for w in memory] for memory in words]
            assert read == expected
            flat = [value for memory in read for word in memory for value in word]
            lowest, highest = min(lowest, *flat), max(highest, *flat)
        # Uniform over the range; two biases of -2^(bits-1) give the -2^bits of a width one larger.
        assert lowest < -(1 << (bits - 1)) or bits == 1
        assert highest >= (1 << (bits - 1)) - 1


def test_a_network_without_peepholes_has_a_rom_of_zeros_that_nothing_reads():
    design = random_design(1, hidden=6, folding=(3, 1, 1))
    limb_bits, words = rendered_roms(design)["peepholes"]
    assert (limb_bits, words.shape) == (8, (3, 4, 1))  # 3 processing elements, 2 directions of 2 unit blocks
    assert not words.any()
    assert [rom.name for rom in design_roms(design) if not rom.read] == ["peepholes"]
    with_peepholes = random_design(1, hidden=6, folding=(3, 1, 1), peepholes=(16, 4))
    assert all(rom.read for rom in design_roms(with_peepholes))

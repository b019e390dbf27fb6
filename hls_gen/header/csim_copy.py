"""Copies of arrays for C simulation, in a header: they must equal the arrays that synthesis reads."""

from __future__ import annotations

import math

import numpy as np

from hls_gen.header.elements import read_elements
from hls_gen.header.layout import brackets
from hls_gen.header.syntax import ArrayText, CsimCopy
from hls_gen.header.tokenizer import Source


def check_copy(source: Source, copy: CsimCopy, array: ArrayText, values: list[int]) -> None:
    """Refuse a copy that differs from its array, whose elements in memory order are `values`.

    :raises HeaderError: type, shape, number of elements or an element differs; of elements it names the first place,
        both values, and how many differ.
    """
    if (copy.bits, copy.shape) != (array.bits, array.shape):
        raise source.error(
            f"{copy.name} is ap_uint<{copy.bits}> {brackets(copy.shape)} in C simulation "
            f"and ap_uint<{array.bits}> {brackets(array.shape)} in synthesis; the two must be equal.",
            copy.offset,
        )
    elements = copy.elements
    if elements.shape != (math.prod(array.shape),):
        raise source.error(
            f"{elements.name} has shape {brackets(elements.shape)}; "
            f"{brackets(array.shape)} of {array.name} makes it [{math.prod(array.shape)}].",
            elements.offset,
        )
    copied, offsets = read_elements(source, elements)
    if copied != values:
        places = [n for n, (value, other) in enumerate(zip(values, copied, strict=True)) if value != other]
        first = places[0]
        index = brackets([int(i) for i in np.unravel_index(first, copy.shape)])
        raise source.error(
            f"{elements.name}[{first}] is {copied[first]:#x} in C simulation and {copy.name}{index} is "
            f"{values[first]:#x} in synthesis; the two must be equal ({len(places)} of {len(values)} values differ).",
            offsets[first],
        )

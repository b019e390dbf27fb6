"""Writing a weight header. Same network, same bytes: nothing of the day, the machine or the version goes in."""

from __future__ import annotations

import numpy as np

from datapath import FoldedNetwork, Gate, ap_fixed_type
from datapath.errors import DesignError
from datapath.formats import unit_format
from datapath.packing import WORD_BITS, packed_width
from datapath.quantities import SCORE
from hls_gen.expressions import INT_MAX
from hls_gen.header_layout import (
    ARRAYS,
    COUNTED_DEFINES,
    TYPEDEFS,
    TYPEWIDTH,
    WIDTH_DEFINES,
    HeaderArray,
    array_shapes,
    brackets,
    element_format,
)
from hls_gen.rendering import render_template

TEMPLATE = "r_model_fw_bw.hpp.j2"

_HEX = [f"0x{byte:x}" for byte in range(256)]


def render_header(network: FoldedNetwork) -> str:
    """The text of ``r_model_fw_bw.hpp`` for a network: defines, typedefs and arrays in the order of spec/header.md.

    Pure and byte-deterministic; `parse_header` reads it back to the same arrays.

    :raises DesignError: the network's arrays contradict its folding, dimensions or widths (not after `fold`), or
        a limit goes beyond an int.
    """
    _check(network)
    return render_template(
        TEMPLATE,
        defines=_defines(network),
        typedefs=[
            {"name": array.typedef, "type": ap_fixed_type(element_format(_bits(network, array)))} for array in TYPEDEFS
        ],
        arrays=[_array(network, array) for array in ARRAYS],
    )


def _defines(network: FoldedNetwork) -> dict[str, str]:
    """Every define and its text, in file order."""
    widths, folding, limits = network.precision, network.folding, network.limits
    defines: dict[str, int | str] = {
        "PE": folding.pe,
        "SIMD_INPUT": folding.simd_input,
        "SIMD_RECURRENT": folding.simd_recurrent,
    }
    counted = (network.hidden, network.inputs, network.classes, limits.columns)
    for name, number in zip(COUNTED_DEFINES, counted, strict=True):
        defines[name] = number
        defines[name + TYPEWIDTH] = f"{number.bit_length()}+1"
    defines |= {
        "SIZE_OF_OUTPUT_BUFFER": limits.labels + 1,  # the count of labels stands before them
        "PACKEDWIDTH": packed_width(network.inputs, widths.activation),
        "DATAWIDTH": WORD_BITS,
        **{define: getattr(widths, field) for field, define in WIDTH_DEFINES.items()},
        "OUTPUTACTIVATIONHIDDENLAYERWIDTH": widths.activation,
        "OUTPUTACTIVATIONOUTPUTLAYERWIDTH": SCORE.bits,
    }
    return {name: str(value) for name, value in defines.items()}


def _bits(network: FoldedNetwork, array: HeaderArray) -> int:
    return getattr(network.precision, array.width)


def _array(network: FoldedNetwork, array: HeaderArray) -> dict[str, object]:
    values, bits = getattr(network, array.member), _bits(network, array)
    if array.gate is not None:
        values = values[array.gate]
    patterns = values.astype(np.int64) & ((1 << bits) - 1)
    return {"name": array.name, "bits": bits, "shape": brackets(values.shape), "body": _braces(patterns)}


def _braces(patterns: np.ndarray) -> str:
    """Nested braces, one row of the last dimension on a line."""
    if patterns.ndim == 1:
        return "{" + ", ".join([_HEX[pattern] for pattern in patterns.tolist()]) + "}"
    return "{\n" + ",\n".join(map(_braces, patterns)) + "\n}"


def _check(network: FoldedNetwork) -> None:
    """Refuse what a header would hide: a value cut to its width, a shape that its defines do not state."""
    if network.weights_input.ndim != 5 or network.fc_weights.ndim != 2:
        raise DesignError(
            f"weights_input has {network.weights_input.ndim} dimensions and fc_weights {network.fc_weights.ndim}; "
            "a folded network has 5 and 2."
        )
    network.folding.check(inputs=network.inputs, hidden=network.hidden)
    shapes = array_shapes(
        inputs=network.inputs, hidden=network.hidden, classes=network.classes, folding=network.folding
    )
    for array in ARRAYS:
        values, format = getattr(network, array.member), unit_format(_bits(network, array))
        expected = shapes[array.member] if array.gate is None else (len(Gate), *shapes[array.member])
        if values.shape != expected:
            raise DesignError(f"{array.member} has shape {list(values.shape)}; the folding makes it {list(expected)}.")
        if values.min() < format.min or values.max() > format.max:
            raise DesignError(
                f"{array.member} has values {values.min()} to {values.max()}; "
                f"{format.bits} bits allow {format.min} to {format.max}."
            )
    for name, limit in (("columns", network.limits.columns), ("labels", network.limits.labels)):
        if limit >= INT_MAX:
            raise DesignError(f"The limit of {name} is {limit}; a header takes 1 to {INT_MAX - 1}.")

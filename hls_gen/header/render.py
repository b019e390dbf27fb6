"""`render_header`: a `FoldedNetwork` to the text of a weight header; no date, machine or version goes in."""

from __future__ import annotations

import numpy as np

from datapath import FoldedNetwork, Format, Gate, ap_fixed_type
from datapath.errors import DesignError
from datapath.packing import WORD_BITS, packed_width
from datapath.quantities import SCORE
from datapath.templates import render_template
from hls_gen.header.expressions import INT_MAX
from hls_gen.header.layout import (
    ARRAYS,
    BYTES,
    COUNTED_DEFINES,
    PE_OUT,
    PEEPHOLE_ARRAYS,
    PEEPHOLE_DEFINES,
    PEEPHOLES,
    SYNTHESIS,
    TYPEDEFS,
    TYPEWIDTH,
    WIDTH_DEFINES,
    HeaderArray,
    array_shapes,
    brackets,
    storage,
)

TEMPLATE = "r_model_fw_bw.hpp.j2"


def render_header(network: FoldedNetwork, *, csim_bytes: bool = False) -> str:
    """The text of ``r_model_fw_bw.hpp`` for a network: defines, typedefs and arrays in the order of docs/spec/header.md.

    Deterministic; `parse_header` gives the same arrays. Two extensions of the published format are written only for a
    network that has them: a `PE_OUT` other than 1, and peepholes.

    :param network: weights in the header's folding.
    :param csim_bytes: write each array a second time, as plain bytes that C simulation reads through the same types
        (docs/decisions/0005): g++ needs minutes and gigabytes to construct the ``ap_uint`` of a large network, and a
        second for its bytes. HLS synthesis reads the arrays.
    :raises DesignError: the network's arrays contradict its folding, dimensions or widths (not after `fold`), or
        a limit exceeds C's int.
    """
    _check(network)
    peepholes = () if network.peepholes is None else PEEPHOLE_ARRAYS
    return render_template(
        "hls_gen",
        TEMPLATE,
        defines=_defines(network),
        typedefs=[
            {"name": array.typedef, "type": ap_fixed_type(_format(network, array))} for array in (*TYPEDEFS, *peepholes)
        ],
        arrays=[_array(network, array, csim_bytes=csim_bytes) for array in (*ARRAYS, *peepholes)],
        csim_bytes=csim_bytes,
        synthesis=SYNTHESIS,
    )


def _defines(network: FoldedNetwork) -> dict[str, str]:
    """Every define and its text, in file order."""
    widths, folding, limits = network.precision, network.folding, network.limits
    defines: dict[str, int | str] = {
        "PE": folding.pe,
        "SIMD_INPUT": folding.simd_input,
        "SIMD_RECURRENT": folding.simd_recurrent,
    }
    if folding.pe_out != 1:
        defines[PE_OUT] = folding.pe_out
    counted = (network.hidden, network.inputs, network.classes, limits.columns)
    for name, number in zip(COUNTED_DEFINES, counted, strict=True):
        defines[name] = number
        defines[name + TYPEWIDTH] = f"{number.bit_length()}+1"
    defines |= {
        "SIZE_OF_OUTPUT_BUFFER": limits.labels + 1,  # one word for the count of labels
        "PACKEDWIDTH": packed_width(network.inputs, widths.activation),
        "DATAWIDTH": WORD_BITS,
        **{define: getattr(widths, field) for field, define in WIDTH_DEFINES.items()},
        "OUTPUTACTIVATIONHIDDENLAYERWIDTH": widths.activation,
        "OUTPUTACTIVATIONOUTPUTLAYERWIDTH": SCORE.bits,
    }
    if network.peepholes is not None:
        defines |= {define: getattr(network.peephole_format, field) for field, define in PEEPHOLE_DEFINES.items()}
    return {name: str(value) for name, value in defines.items()}


def _format(network: FoldedNetwork, array: HeaderArray) -> Format:
    return array.format(network.precision, network.peephole_format)


def _member(network: FoldedNetwork, array: HeaderArray) -> np.ndarray:
    """The network's field that an array is part of."""
    return network.peepholes.weights if array.member == PEEPHOLES else getattr(network, array.member)


def _array(network: FoldedNetwork, array: HeaderArray, *, csim_bytes: bool) -> dict[str, object]:
    values, bits = _member(network, array), _format(network, array).bits
    if array.part is not None:
        values = values[array.part]
    patterns = values.astype(np.int64) & ((1 << bits) - 1)
    return {
        "name": array.name,
        "bits": bits,
        "shape": brackets(values.shape),
        "body": _braces(patterns),
        "bytes": _bytes(array, bits, patterns) if csim_bytes else None,
    }


def _bytes(array: HeaderArray, bits: int, patterns: np.ndarray) -> dict[str, object]:
    """An array's copy for C simulation."""
    element, size = storage(bits)
    return {
        "name": array.name + BYTES,
        "type": element,
        "element_size": size,
        "count": patterns.size,
        "body": "{\n" + ",\n".join(map(_row, patterns.reshape(-1, patterns.shape[-1]))) + "\n}",
    }


def _braces(patterns: np.ndarray) -> str:
    """Nested braces, one row of the last dimension on a line."""
    if patterns.ndim == 1:
        return "{" + _row(patterns) + "}"
    return "{\n" + ",\n".join(map(_braces, patterns)) + "\n}"


def _row(patterns: np.ndarray) -> str:
    return ", ".join(map(hex, patterns.tolist()))


def _check(network: FoldedNetwork) -> None:
    """Refuse a value that exceeds its width, and a shape that differs from the defines."""
    if network.weights_input.ndim != 5 or network.fc_weights.ndim != 2:
        raise DesignError(
            f"weights_input has {network.weights_input.ndim} dimensions and fc_weights {network.fc_weights.ndim}; "
            "a folded network has 5 and 2."
        )
    network.folding.check(inputs=network.inputs, hidden=network.hidden, classes=network.classes)
    shapes = array_shapes(
        inputs=network.inputs, hidden=network.hidden, classes=network.classes, folding=network.folding
    )
    for array in ARRAYS if network.peepholes is None else (*ARRAYS, *PEEPHOLE_ARRAYS):
        values, format = _member(network, array), _format(network, array)
        parts = len(PEEPHOLE_ARRAYS if array.member == PEEPHOLES else Gate)
        expected = shapes[array.member] if array.part is None else (parts, *shapes[array.member])
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

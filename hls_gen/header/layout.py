"""Names and order of the defines, typedefs and arrays of a weight header, see docs/spec/header.md."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from datapath import Format, Gate, Overflow, PeepholeFormat, Precision, Rounding
from datapath.design import Folding
from datapath.folded import DIRECTIONS
from datapath.packing import WORD_BITS
from datapath.quantities import SCORE

WIDTH_DEFINES = {
    "activation": "PIXELWIDTH",
    "weight": "WEIGHTWIDTH",
    "bias": "BIASWIDTH",
    "fc_weight": "FCWEIGHTWIDTH",
    "fc_bias": "FCBIASWIDTH",
}
"""Field of `Precision` -> the define that holds it, in file order."""

COUNTED_DEFINES = ("NUMBER_OF_NEURONS", "HEIGHT_IN_PIX", "NUMBER_OF_CLASSES", "MAX_NUMBER_COLUMNS_TEST_SET")
"""Bounds of loops; the define of that name with the suffix `TYPEWIDTH` is the width of the loop's counter."""

TYPEWIDTH = "_TYPEWIDTH"

OPTIONAL_DEFINES = ("NUMBER_OF_CLASSES", *(name + TYPEWIDTH for name in COUNTED_DEFINES), "PACKEDWIDTH", "DATAWIDTH")
"""Defines that follow from the rest of a header: they may be absent, and are checked where they are present.

The original exporter omits the number of classes (pytorch-ocr issue 4), which the shape of wfc gives; widths of counters
and DMA words follow from the dimensions.
"""

REQUIRED_DEFINES = (
    "PE",
    "SIMD_INPUT",
    "SIMD_RECURRENT",
    "NUMBER_OF_NEURONS",
    "HEIGHT_IN_PIX",
    "MAX_NUMBER_COLUMNS_TEST_SET",
    "SIZE_OF_OUTPUT_BUFFER",
    *WIDTH_DEFINES.values(),
    "OUTPUTACTIVATIONHIDDENLAYERWIDTH",
    "OUTPUTACTIVATIONOUTPUTLAYERWIDTH",
)

FIXED_DEFINES = {"DATAWIDTH": WORD_BITS, "OUTPUTACTIVATIONOUTPUTLAYERWIDTH": SCORE.bits}
"""Defines with one value in every header: the widths of a DMA word and of a class score."""

PE_OUT = "PE_OUT"
"""Classes in parallel, Foldline's extension: written only where it is not 1, the published library's value."""

PEEPHOLE_DEFINES = {"bits": "PEEPHOLE_BITS", "integer": "PEEPHOLE_INT_BITS"}
"""Field of `PeepholeFormat` -> the define that holds it; Foldline's extension, only in a network with peepholes."""

PEEPHOLE_PREFIX = "PEEPHOLE"
"""Prefix of the defines of peepholes; an unknown one is refused, because it may change what the network computes."""

PEEPHOLES = "peepholes"
"""Field of a `FoldedNetwork` that holds peepholes or None."""


@dataclass(frozen=True, kw_only=True)
class HeaderArray:
    """One array of a header, and where its values are in a `FoldedNetwork`."""

    name: str  # in the header
    member: str  # field of the network
    part: int | None  # index into the field, mostly a `Gate`; None: all of it
    width: str  # field of `Precision` with the bits of an element; of `PeepholeFormat` for peepholes

    @property
    def typedef(self) -> str:
        """Name of the fixed-point type that the hardware source casts its elements to."""
        return f"t_fixed_{self.name}"

    @property
    def format_defines(self) -> tuple[str, ...]:
        """The defines that its format follows from: first its width, then, for peepholes, its integer bits."""
        return tuple(PEEPHOLE_DEFINES.values()) if self.member == PEEPHOLES else (WIDTH_DEFINES[self.width],)

    def format(self, precision: Precision, peepholes: PeepholeFormat | None) -> Format:
        """The format of its typedef. Its rounding and overflow have no effect: elements are exact in it."""
        stated = peepholes if self.member == PEEPHOLES else precision
        return Format(
            bits=getattr(stated, self.width),
            integer=peepholes.integer if self.member == PEEPHOLES else 1,
            signed=True,
            rounding=Rounding.RND_ZERO,
            overflow=Overflow.WRAP,
        )


HEADER_GATES = (Gate.I, Gate.F, Gate.O, Gate.G)
"""Gate order in the file; it differs from that of stacked arrays."""


def _per_gate(letter: str, side: str, *, member: str, width: str) -> tuple[HeaderArray, ...]:
    return tuple(
        HeaderArray(name=f"{letter}{gate.header_name}_{side}", member=member, part=gate, width=width)
        for gate in HEADER_GATES
    )


_WEIGHTS = (
    *_per_gate("w", "ih", member="weights_input", width="weight"),
    *_per_gate("w", "hh", member="weights_recurrent", width="weight"),
)
_BIASES = (
    *_per_gate("b", "ih", member="biases_input", width="bias"),
    *_per_gate("b", "hh", member="biases_recurrent", width="bias"),
)
_FC_WEIGHTS = HeaderArray(name="wfc", member="fc_weights", part=None, width="fc_weight")
_FC_BIASES = HeaderArray(name="bfc", member="fc_biases", part=None, width="fc_bias")

ARRAYS = (_FC_WEIGHTS, *_WEIGHTS, _FC_BIASES, *_BIASES)
"""The arrays in file order."""

TYPEDEFS = (*_WEIGHTS, *_BIASES, _FC_WEIGHTS, _FC_BIASES)
"""The arrays in the order of their typedefs."""

PEEPHOLE_ARRAYS = tuple(
    HeaderArray(name=f"p{gate}p", member=PEEPHOLES, part=part, width="bits") for part, gate in enumerate("ifo")
)
"""After the other arrays in both orders, in a network with peepholes: input, forget and output gate."""

BYTES = "_bytes"
"""Suffix of an array's name in the name of its copy for C simulation."""

SYNTHESIS = "__SYNTHESIS__"
"""The macro that HLS tools define in synthesis and not in C simulation."""


def storage(bits: int) -> tuple[str, int]:
    """C type and size in bytes of an element of an array's copy for C simulation; as large as an ``ap_uint<bits>``."""
    return ("unsigned char", 1) if bits <= 8 else ("unsigned short", 2)


DIMENSIONS = {
    "weights_input": "[SIMD_INPUT][HEIGHT_IN_PIX/SIMD_INPUT][PE][2*NUMBER_OF_NEURONS/PE]",
    "weights_recurrent": "[SIMD_RECURRENT][NUMBER_OF_NEURONS/SIMD_RECURRENT][PE][2*NUMBER_OF_NEURONS/PE]",
    "biases_input": "[PE][2*NUMBER_OF_NEURONS/PE]",
    "biases_recurrent": "[PE][2*NUMBER_OF_NEURONS/PE]",
    "fc_weights": "[NUMBER_OF_NEURONS][2*NUMBER_OF_CLASSES]",
    "fc_biases": "[1][2*NUMBER_OF_CLASSES]",
    PEEPHOLES: "[PE][2*NUMBER_OF_NEURONS/PE]",
}
"""The shapes in the names of the header, for error messages."""


def array_shapes(*, inputs: int, hidden: int, classes: int, folding: Folding) -> dict[str, tuple[int, ...]]:
    """Shape of one array of the header for each field of a `FoldedNetwork`; the folding divides the dimensions."""
    units = (folding.pe, DIRECTIONS * hidden // folding.pe)
    return {
        "weights_input": (folding.simd_input, inputs // folding.simd_input, *units),
        "weights_recurrent": (folding.simd_recurrent, hidden // folding.simd_recurrent, *units),
        "biases_input": units,
        "biases_recurrent": units,
        "fc_weights": (hidden, DIRECTIONS * classes),
        "fc_biases": (1, DIRECTIONS * classes),
        PEEPHOLES: units,
    }


def brackets(shape: Sequence[int]) -> str:
    """A shape, or an index, as C++ writes it.

    >>> brackets((16, 2))
    '[16][2]'
    """
    return "".join(f"[{n}]" for n in shape)

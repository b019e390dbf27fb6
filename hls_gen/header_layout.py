"""What stands in a weight header and in which order (spec/header.md): the one place that knows its names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from datapath import Format, Gate, Overflow, Rounding
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
"""Numbers that loops count to; the width of each one's counter is the define of that name with `TYPEWIDTH` behind."""

TYPEWIDTH = "_TYPEWIDTH"

OPTIONAL_DEFINES = (
    "NUMBER_OF_CLASSES",
    *(name + TYPEWIDTH for name in COUNTED_DEFINES),
    "PACKEDWIDTH",
    "DATAWIDTH",
)
"""What the rest of a header decides: it is checked where it stands and may be absent.

The original exporter forgot the number of classes (pytorch-ocr issue 4), which the shape of wfc gives; counters and DMA
words carry no weights and follow from the dimensions.
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
"""Defines with one value in every header: the DMA word, and the class score."""


@dataclass(frozen=True, kw_only=True)
class HeaderArray:
    """One array of a header: its name there, and where it lies in a `FoldedNetwork`.

    `member` is the network's field, `gate` the index into it (None: the whole field), `width` the field of
    `Precision` that its elements have.
    """

    name: str
    member: str
    gate: Gate | None
    width: str

    @property
    def typedef(self) -> str:
        """Name of the fixed-point type that the hardware source casts its elements to."""
        return f"t_fixed_{self.name}"

    @property
    def width_define(self) -> str:
        """The define that holds its element width."""
        return WIDTH_DEFINES[self.width]


HEADER_GATES = (Gate.I, Gate.F, Gate.O, Gate.G)
"""Gate order in the file, which is not the order of stacked arrays."""


def _per_gate(letter: str, side: str, *, member: str, width: str) -> tuple[HeaderArray, ...]:
    return tuple(
        HeaderArray(name=f"{letter}{gate.header_name}_{side}", member=member, gate=gate, width=width)
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
_FC_WEIGHTS = HeaderArray(name="wfc", member="fc_weights", gate=None, width="fc_weight")
_FC_BIASES = HeaderArray(name="bfc", member="fc_biases", gate=None, width="fc_bias")

ARRAYS = (_FC_WEIGHTS, *_WEIGHTS, _FC_BIASES, *_BIASES)
"""The arrays in file order."""

TYPEDEFS = (*_WEIGHTS, *_BIASES, _FC_WEIGHTS, _FC_BIASES)
"""The arrays in the order of their typedefs."""

DIMENSIONS = {
    "weights_input": "[SIMD_INPUT][HEIGHT_IN_PIX/SIMD_INPUT][PE][2*NUMBER_OF_NEURONS/PE]",
    "weights_recurrent": "[SIMD_RECURRENT][NUMBER_OF_NEURONS/SIMD_RECURRENT][PE][2*NUMBER_OF_NEURONS/PE]",
    "biases_input": "[PE][2*NUMBER_OF_NEURONS/PE]",
    "biases_recurrent": "[PE][2*NUMBER_OF_NEURONS/PE]",
    "fc_weights": "[NUMBER_OF_NEURONS][2*NUMBER_OF_CLASSES]",
    "fc_biases": "[1][2*NUMBER_OF_CLASSES]",
}
"""The shapes in the header's own names, for error messages."""


def array_shapes(*, inputs: int, hidden: int, classes: int, folding: Folding) -> dict[str, tuple[int, ...]]:
    """Shape of one header array of each field of a `FoldedNetwork`, for a folding that divides."""
    units = (folding.pe, DIRECTIONS * hidden // folding.pe)
    return {
        "weights_input": (folding.simd_input, inputs // folding.simd_input, *units),
        "weights_recurrent": (folding.simd_recurrent, hidden // folding.simd_recurrent, *units),
        "biases_input": units,
        "biases_recurrent": units,
        "fc_weights": (hidden, DIRECTIONS * classes),
        "fc_biases": (1, DIRECTIONS * classes),
    }


def brackets(shape: Sequence[int]) -> str:
    """A shape, or an index, as C++ writes it.

    >>> brackets((16, 2))
    '[16][2]'
    """
    return "".join(f"[{n}]" for n in shape)


def element_format(bits: int) -> Format:
    """The format that a typedef states. Elements are exact in it, so its rounding and overflow never act."""
    return Format(bits=bits, integer=1, signed=True, rounding=Rounding.RND_ZERO, overflow=Overflow.WRAP)

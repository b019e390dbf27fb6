"""`parse_header`: a weight header to a `FoldedNetwork`.

The rules are those of docs/spec/header.md. A declaration that contradicts another one or the hardware is refused.
"""

from __future__ import annotations

import numpy as np

from datapath import FoldedNetwork, Folding, Format, Limits, PeepholeFormat, Peepholes, Precision, ap_fixed_type
from datapath.alphabet import MAX_CLASSES
from datapath.errors import HeaderError
from datapath.folded import DIRECTIONS
from datapath.packing import WORD_BITS, packed_width
from datapath.peepholes import PEEPHOLE_BITS
from datapath.precision import HARDWARE_BITS
from datapath.quantities import MAX_VECTOR_BITS
from hls_gen.header.csim_copy import check_copy
from hls_gen.header.elements import read_elements
from hls_gen.header.expressions import define_value
from hls_gen.header.layout import (
    ARRAYS,
    COUNTED_DEFINES,
    DIMENSIONS,
    FIXED_DEFINES,
    OPTIONAL_DEFINES,
    PE_OUT,
    PEEPHOLE_ARRAYS,
    PEEPHOLE_DEFINES,
    PEEPHOLE_PREFIX,
    PEEPHOLES,
    REQUIRED_DEFINES,
    TYPEWIDTH,
    WIDTH_DEFINES,
    HeaderArray,
    array_shapes,
    brackets,
)
from hls_gen.header.syntax import ArrayText, Declarations, Typedef, read_declarations
from hls_gen.header.tokenizer import Source


def parse_header(text: str, *, name: str) -> FoldedNetwork:
    """The network that a weight header holds.

    Defines may be integer expressions. Without NUMBER_OF_CLASSES (the original exporter omits it) the classes are counted
    in wfc. The ``_TYPEWIDTH`` defines, PACKEDWIDTH, DATAWIDTH and all typedefs together may be absent, too. Foldline's
    extensions are PE_OUT, peepholes, and copies for C simulation, which must equal their arrays.

    :param text: of the header.
    :param name: what errors call the text, usually its path.
    :returns: arrays of signed int8 (peepholes int16); `Limits` from MAX_NUMBER_COLUMNS_TEST_SET and
        SIZE_OF_OUTPUT_BUFFER, whose first word is the count of labels.
    :raises HeaderError: the text is not such a header, or its parts contradict each other or the hardware; the message
        begins with ``name:line:column:`` where the error has a place.
    """
    source = Source(name, text)
    return _Header(source, read_declarations(source)).network()


class _Header:
    """The declarations of one header, checked and converted."""

    def __init__(self, source: Source, found: Declarations) -> None:
        self._source = source
        self._found = found
        self._numbers = self._define_values()

    def network(self) -> FoldedNetwork:
        precision, peepholes = self._precision(), self._peephole_format()
        inputs, hidden, folding = self._dimensions()
        self._check_words(precision, inputs=inputs, hidden=hidden)
        limits = self._limits()
        arrays = ARRAYS if peepholes is None else (*ARRAYS, *PEEPHOLE_ARRAYS)
        formats = {array: array.format(precision, peepholes) for array in arrays}
        self._check_typedefs(formats)
        self._check_names("array", self._found.arrays, {array.name: array for array in arrays})
        classes = self._classes()
        self._check_counters(classes)
        if not 1 <= folding.pe_out <= classes:
            raise self._refuse(PE_OUT, f"allowed is 1 to {classes}, the number of classes")
        shapes = array_shapes(inputs=inputs, hidden=hidden, classes=classes, folding=folding)
        parts: dict[str, dict] = {array.member: {} for array in arrays}
        for array, format in formats.items():
            parts[array.member][array.part] = self._read_array(array, format.bits, shapes[array.member])
        members = {member: _stacked(by_part) for member, by_part in parts.items()}
        if peepholes is not None:
            members[PEEPHOLES] = Peepholes(format=peepholes, weights=members[PEEPHOLES])
        return FoldedNetwork(precision=precision, folding=folding, limits=limits, **members)

    def _define_values(self) -> dict[str, int]:
        """Values of the known defines.

        Other defines (guards, dates, clock periods) are allowed, and evaluated only where a known one or a dimension
        uses them. Of a misspelled required define the error says that it is missing; a misspelled optional one is not
        checked. An unknown define with the prefix of peepholes is refused: it may change what the network computes.
        """
        defines = self._found.defines
        known = tuple(PEEPHOLE_DEFINES.values())
        if unknown := next((n for n in defines if n.startswith(PEEPHOLE_PREFIX) and n not in known), None):
            raise self._source.error(
                f"{unknown} is defined; the defines of peepholes are {', '.join(known)}.", defines[unknown].offset
            )
        if missing := [name for name in REQUIRED_DEFINES if name not in defines]:
            raise self._source.error(f"The header has no #define of {', '.join(missing)}.")
        present = [name for name in (*REQUIRED_DEFINES, *OPTIONAL_DEFINES, PE_OUT, *known) if name in defines]
        return {name: define_value(self._source, defines[name], defines) for name in present}

    def _refuse(self, name: str, allowed: str) -> HeaderError:
        """The error about a define's value; `allowed` ends the message."""
        return self._source.error(f"{name} is {self._numbers[name]}; {allowed}.", self._found.defines[name].offset)

    def _precision(self) -> Precision:
        low, high = HARDWARE_BITS.start, HARDWARE_BITS.stop - 1
        for name in WIDTH_DEFINES.values():
            if self._numbers[name] not in HARDWARE_BITS:
                raise self._refuse(name, f"allowed is {low} to {high} bits")
        pixel, hidden = WIDTH_DEFINES["activation"], "OUTPUTACTIVATIONHIDDENLAYERWIDTH"
        if self._numbers[hidden] != self._numbers[pixel]:
            raise self._refuse(
                hidden,
                f"it must be {self._numbers[pixel]} as {pixel} is, for pixels and hidden outputs share one width",
            )
        return Precision(**{field: self._numbers[name] for field, name in WIDTH_DEFINES.items()})

    def _peephole_format(self) -> PeepholeFormat | None:
        """Format of the peepholes; None without their defines."""
        present = [name for name in PEEPHOLE_DEFINES.values() if name in self._numbers]
        if not present:
            return None
        bits, integer = PEEPHOLE_DEFINES["bits"], PEEPHOLE_DEFINES["integer"]
        if len(present) == 1:
            (other,) = {bits, integer} - set(present)
            raise self._source.error(
                f"{present[0]} is defined and {other} is not; a network with peepholes has both.",
                self._found.defines[present[0]].offset,
            )
        if self._numbers[bits] not in PEEPHOLE_BITS:
            raise self._refuse(bits, f"allowed is {PEEPHOLE_BITS.start} to {PEEPHOLE_BITS.stop - 1} bits")
        if not 1 <= self._numbers[integer] <= self._numbers[bits]:
            raise self._refuse(integer, f"with {bits} {self._numbers[bits]} allowed is 1 to {self._numbers[bits]}")
        return PeepholeFormat(bits=self._numbers[bits], integer=self._numbers[integer])

    def _dimensions(self) -> tuple[int, int, Folding]:
        for name in ("NUMBER_OF_NEURONS", "HEIGHT_IN_PIX"):
            if self._numbers[name] < 1:
                raise self._refuse(name, "it must be 1 or more")
        for name, dimension, what in (
            ("PE", "NUMBER_OF_NEURONS", "hidden units"),
            ("SIMD_INPUT", "HEIGHT_IN_PIX", "input rows"),
            ("SIMD_RECURRENT", "NUMBER_OF_NEURONS", "hidden units"),
        ):
            size = self._numbers[dimension]
            if self._numbers[name] < 1 or size % self._numbers[name]:
                raise self._refuse(name, f"it must divide the {size} {what} of {dimension}")
        folding = Folding(
            pe=self._numbers["PE"],
            simd_input=self._numbers["SIMD_INPUT"],
            simd_recurrent=self._numbers["SIMD_RECURRENT"],
            pe_out=self._numbers.get(PE_OUT, 1),
        )
        return self._numbers["HEIGHT_IN_PIX"], self._numbers["NUMBER_OF_NEURONS"], folding

    def _check_words(self, precision: Precision, *, inputs: int, hidden: int) -> None:
        """Check the DMA words, and that a column and a hidden vector fit the HLS types."""
        for name, value in FIXED_DEFINES.items():
            if self._numbers.get(name, value) != value:
                raise self._refuse(name, f"the hardware has {value} bits")
        bits = precision.activation
        for name, size in (("HEIGHT_IN_PIX", inputs), ("NUMBER_OF_NEURONS", hidden)):
            if size * bits > MAX_VECTOR_BITS:
                raise self._refuse(
                    name,
                    f"times PIXELWIDTH {bits} that is {size * bits} bits, and an ap_int holds at most {MAX_VECTOR_BITS}",
                )
        packed = packed_width(inputs, bits)
        if self._numbers.get("PACKEDWIDTH", packed) != packed:
            raise self._refuse(
                "PACKEDWIDTH",
                f"it must be {packed}, HEIGHT_IN_PIX {inputs} * PIXELWIDTH {bits} "
                f"rounded up to a multiple of DATAWIDTH {WORD_BITS}",
            )

    def _limits(self) -> Limits:
        columns, buffer = "MAX_NUMBER_COLUMNS_TEST_SET", "SIZE_OF_OUTPUT_BUFFER"
        if self._numbers[columns] < 1:
            raise self._refuse(columns, "it must be 1 or more")
        if self._numbers[buffer] < 2:
            raise self._refuse(buffer, "it must be 2 or more, one word for the count and one for a label")
        return Limits(columns=self._numbers[columns], labels=self._numbers[buffer] - 1)

    def _check_typedefs(self, formats: dict[HeaderArray, Format]) -> None:
        by_name = {array.typedef: array for array in formats}
        if not self._found.typedefs:  # they repeat the width defines
            return
        self._check_names("typedef", self._found.typedefs, by_name)
        for name, typedef in self._found.typedefs.items():
            array = by_name[name]
            wanted = ap_fixed_type(formats[array])
            if typedef.type != wanted:
                defined = " and ".join(f"{define} is {self._numbers[define]}" for define in array.format_defines)
                raise self._source.error(
                    f"{name} is {typedef.type}; {defined}, so it must be {wanted}.", typedef.offset
                )

    def _check_names(
        self, what: str, found: dict[str, Typedef] | dict[str, ArrayText], known: dict[str, HeaderArray]
    ) -> None:
        peepholes = {name for array in PEEPHOLE_ARRAYS for name in (array.name, array.typedef)}
        for name, declared in found.items():
            if name not in known and name in peepholes:
                raise self._source.error(
                    f"The {what} {name} is of peepholes, and {' and '.join(PEEPHOLE_DEFINES.values())} "
                    "are not defined; a network with peepholes has both.",
                    declared.offset,
                )
            if name not in known:
                raise self._source.error(
                    f"A weight header has no {what} {name}; its {what}s are {', '.join(known)}.", declared.offset
                )
        if missing := [name for name in known if name not in found]:
            raise self._source.error(f"The header has no {what} {', '.join(missing)}.")

    def _classes(self) -> int:
        name = "NUMBER_OF_CLASSES"
        allowed = f"allowed is 2 to {MAX_CLASSES} classes"
        if name in self._numbers:
            if not 2 <= self._numbers[name] <= MAX_CLASSES:
                raise self._refuse(name, allowed)
            return self._numbers[name]
        array = self._found.arrays["wfc"]
        columns = array.shape[-1]
        if columns % DIRECTIONS or not 2 <= columns // DIRECTIONS <= MAX_CLASSES:
            raise self._source.error(
                f"wfc has shape {brackets(array.shape)}; without {name} its last dimension gives the classes of both "
                f"directions, so it must be even, and {allowed}.",
                array.offset,
            )
        return columns // DIRECTIONS

    def _check_counters(self, classes: int) -> None:
        """Check that every counter reaches its bound: a narrower one would wrap, and its loop would not end."""
        for counted in COUNTED_DEFINES:
            width = counted + TYPEWIDTH
            if width not in self._numbers:
                continue
            number = classes if counted == "NUMBER_OF_CLASSES" else self._numbers[counted]
            if self._numbers[width] < number.bit_length():
                raise self._refuse(width, f"counting to {counted} {number} takes {number.bit_length()} bits or more")

    def _read_array(self, array: HeaderArray, bits: int, shape: tuple[int, ...]) -> np.ndarray:
        text = self._found.arrays[array.name]
        if text.bits != bits:
            define = array.format_defines[0]
            raise self._source.error(
                f"{array.name} is of ap_uint<{text.bits}>; {define} is {bits}, so it must be ap_uint<{bits}>.",
                text.offset,
            )
        if text.shape != shape:
            raise self._source.error(
                f"{array.name} has shape {brackets(text.shape)}; "
                f"{DIMENSIONS[array.member]} makes it {brackets(shape)}.",
                text.offset,
            )
        values, offsets = read_elements(self._source, text)
        highest = (1 << bits) - 1
        if max(values) > highest:
            place = next(n for n, value in enumerate(values) if value > highest)
            index = brackets([int(i) for i in np.unravel_index(place, shape)])
            raise self._source.error(
                f"{array.name}{index} is {values[place]:#x}; ap_uint<{bits}> holds 0x0 to {highest:#x}.", offsets[place]
            )
        if array.name in self._found.copies:
            check_copy(self._source, self._found.copies[array.name], text, values)
        return _signed(np.array(values, dtype=np.int32), bits).reshape(shape)


def _signed(patterns: np.ndarray, bits: int) -> np.ndarray:
    """Values of two's-complement bit patterns, int8 for up to 8 bits, else int16."""
    return (patterns - ((patterns >> (bits - 1)) << bits)).astype(np.int8 if bits <= 8 else np.int16)


def _stacked(by_part: dict) -> np.ndarray:
    """One array per gate -> one array in the order of `HeaderArray.part`; a field without parts as it is."""
    return by_part[None] if None in by_part else np.stack([by_part[part] for part in sorted(by_part)])

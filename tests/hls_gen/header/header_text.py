"""A second writer of weight headers, straight from docs/spec/header.md and sharing no code with `hls_gen`."""

import numpy as np

GATES = ("gi", "gf", "go", "ci")
ARRAY_ORDER = (
    "wfc",
    *(f"w{gate}_ih" for gate in GATES),
    *(f"w{gate}_hh" for gate in GATES),
    "bfc",
    *(f"b{gate}_ih" for gate in GATES),
    *(f"b{gate}_hh" for gate in GATES),
)
TYPEDEF_ORDER = (*ARRAY_ORDER[1:9], *ARRAY_ORDER[10:], "wfc", "bfc")
PEEPHOLES = ("pip", "pfp", "pop")
"""Behind the others in both orders, where a network has them."""

WIDTHS = {"wfc": "FCWEIGHTWIDTH", "bfc": "FCBIASWIDTH", **dict.fromkeys(PEEPHOLES, "PEEPHOLE_BITS")}


def _element_width(array: str, defines: dict[str, str]) -> int:
    return int(defines[WIDTHS.get(array, "WEIGHTWIDTH" if array[0] == "w" else "BIASWIDTH")])


def _braces(values: np.ndarray, bits: int) -> str:
    if values.ndim == 0:
        return hex(int(values) % 2**bits)
    return "{ " + ", \n".join(_braces(part, bits) for part in values) + "\n}\n"


def _numbers(values: np.ndarray) -> str:
    return "".join(f"[{size}]" for size in values.shape)


def _array_texts(defines: dict[str, str], arrays: dict[str, np.ndarray]) -> list[str]:
    return [
        f"const ap_uint<{bits}> {name} {_numbers(arrays[name])} = {_braces(arrays[name], bits)};"
        for name in _order(ARRAY_ORDER, arrays)
        for bits in [_element_width(name, defines)]
    ]


def _order(names: tuple[str, ...], arrays: dict[str, np.ndarray]) -> list[str]:
    return [*names, *(name for name in PEEPHOLES if name in arrays)]


def _beginning(defines: dict[str, str], arrays: dict[str, np.ndarray]) -> list[str]:
    lines = ["#pragma once", *(f"#define {name} {value}" for name, value in defines.items()), ""]
    for name in _order(TYPEDEF_ORDER, arrays):
        integer = defines["PEEPHOLE_INT_BITS"] if name in PEEPHOLES else 1
        bits = _element_width(name, defines)
        lines.append(f"typedef ap_fixed<{bits} , {integer}, AP_RND_ZERO, AP_WRAP> t_fixed_{name};")
    return lines


def header_text(defines: dict[str, str], arrays: dict[str, np.ndarray]) -> str:
    """A header with these defines as they are spelled, white space as in the published files."""
    return "\n".join([*_beginning(defines, arrays), *_array_texts(defines, arrays)]) + "\n"


def csim_text(defines: dict[str, str], arrays: dict[str, np.ndarray]) -> str:
    """The same header with copies of its arrays for C simulation."""
    lines = [*_beginning(defines, arrays), "#ifndef __SYNTHESIS__"]
    for name in _order(ARRAY_ORDER, arrays):
        values, bits = arrays[name], _element_width(name, defines)
        type, size, shape = f"ap_uint<{bits}>", 1 if bits <= 8 else 2, _numbers(values)
        element = f"unsigned {('char', 'short')[size - 1]}"
        lines += [
            f"static const {element} {name}_bytes [{values.size}] = {_braces(values.reshape(-1), bits)};",
            f'static_assert(sizeof({type}) == {size}, "{type} is not one {element}");',
            f"static const {type} (&{name}) {shape} = reinterpret_cast<const {type} (&) {shape}>({name}_bytes);",
        ]
    return "\n".join([*lines, "#else", *_array_texts(defines, arrays), "#endif"]) + "\n"


SMALL_DEFINES = {
    "PE": "2",
    "SIMD_INPUT": "3",
    "SIMD_RECURRENT": "2",
    "NUMBER_OF_NEURONS": "4",
    "NUMBER_OF_NEURONS_TYPEWIDTH": "3+1",
    "HEIGHT_IN_PIX": "6",
    "HEIGHT_IN_PIX_TYPEWIDTH": "3+1",
    "NUMBER_OF_CLASSES": "3",
    "NUMBER_OF_CLASSES_TYPEWIDTH": "2+1",
    "MAX_NUMBER_COLUMNS_TEST_SET": "732",
    "MAX_NUMBER_COLUMNS_TEST_SET_TYPEWIDTH": "10+1",
    "SIZE_OF_OUTPUT_BUFFER": "96",
    "PACKEDWIDTH": "64",
    "DATAWIDTH": "64",
    "PIXELWIDTH": "4",
    "WEIGHTWIDTH": "2",
    "BIASWIDTH": "3",
    "FCWEIGHTWIDTH": "5",
    "FCBIASWIDTH": "8",
    "OUTPUTACTIVATIONHIDDENLAYERWIDTH": "4",
    "OUTPUTACTIVATIONOUTPUTLAYERWIDTH": "16",
}
"""I 6, H 4, C 3; every element width another."""

PEEPHOLE_DEFINES = SMALL_DEFINES | {"PEEPHOLE_BITS": "11", "PEEPHOLE_INT_BITS": "3"}
"""The same with peepholes."""


def small_arrays(defines: dict[str, str] = SMALL_DEFINES) -> dict[str, np.ndarray]:
    """Arrays of the small header: counting through each width's values, both ends included."""
    shapes = {"wfc": (4, 6), "bfc": (1, 6)}
    for gate in GATES:
        shapes |= {
            f"w{gate}_ih": (3, 2, 2, 4),
            f"w{gate}_hh": (2, 2, 2, 4),
            f"b{gate}_ih": (2, 4),
            f"b{gate}_hh": (2, 4),
        }
    if "PEEPHOLE_BITS" in defines:
        shapes |= dict.fromkeys(PEEPHOLES, (2, 4))
    arrays = {}
    for number, name in enumerate(_order(ARRAY_ORDER, shapes)):
        bits = _element_width(name, defines)
        step = 7 if bits <= 8 else 211
        ramp = (np.arange(np.prod(shapes[name])) * step + number) % 2**bits - 2 ** (bits - 1)
        arrays[name] = ramp.reshape(shapes[name]).astype(np.int16 if name in PEEPHOLES else np.int8)
    return arrays


def small_header() -> str:
    """The small header's text."""
    return header_text(SMALL_DEFINES, small_arrays())


def peephole_header() -> str:
    """The small header's text with peepholes."""
    return header_text(PEEPHOLE_DEFINES, small_arrays(PEEPHOLE_DEFINES))


def csim_header() -> str:
    """The small header's text with peepholes, and with copies for C simulation."""
    return csim_text(PEEPHOLE_DEFINES, small_arrays(PEEPHOLE_DEFINES))


def header_arrays(network) -> dict[str, np.ndarray]:
    """The arrays of a `FoldedNetwork` under their names in a header; gates are stacked i, f, g (ci), o."""
    arrays = {"wfc": network.fc_weights, "bfc": network.fc_biases}
    for index, gate in enumerate(("gi", "gf", "ci", "go")):
        arrays[f"w{gate}_ih"] = network.weights_input[index]
        arrays[f"w{gate}_hh"] = network.weights_recurrent[index]
        arrays[f"b{gate}_ih"] = network.biases_input[index]
        arrays[f"b{gate}_hh"] = network.biases_recurrent[index]
    if network.peepholes is not None:
        arrays |= dict(zip(PEEPHOLES, network.peepholes.weights, strict=True))
    return arrays


def place(text: str, needle: str, occurrence: int = 0) -> str:
    """``line:column`` of a needle's first character, both from 1."""
    found = [
        f"{number}:{column + 1}"
        for number, line in enumerate(text.split("\n"), start=1)
        for column in range(len(line))
        if line.startswith(needle, column)
    ]
    return found[occurrence]

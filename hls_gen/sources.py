"""The C++ of a project: the HLS library, and the constants, tables and weights of one design."""

from __future__ import annotations

from importlib import resources

import numpy as np

from datapath.design import Design
from datapath.packing import column_words, packed_width
from datapath.roms import Rom, design_roms
from datapath.tables import SIGMOID, TANH
from datapath.templates import render_template
from datapath.vivado.project import banner, design_digest
from hls_gen.roms import packed_words, rom_limb_bits

SOURCE_FOLDER, BENCH_FOLDER = "src", "tb"
TEST_BENCH = "test_bench.cpp"
VECTORS = "vectors.txt"

_LIMB_TYPES = {8: "unsigned char", 16: "unsigned short", 32: "unsigned int", 64: "unsigned long long"}


def library_files() -> dict[str, str]:
    """Files of the HLS library, text by path in a project; they are the same in every project."""
    folder = resources.files("hls_gen") / "library"
    found = {file.name: file.read_text(encoding="utf-8") for file in folder.iterdir() if file.name.endswith("pp")}
    return {
        f"{BENCH_FOLDER if name == TEST_BENCH else SOURCE_FOLDER}/{name}": text for name, text in sorted(found.items())
    }


def render_sources(design: Design) -> dict[str, str]:
    """The C++ of a design in its folding, text by path: library, constants, tables, packed weights, top function, test
    bench. Deterministic.

    :raises DesignError: a limit exceeds the kernel's counters.
    """
    design.limits.require_countable()
    roms = design_roms(design)
    first = banner(str(design.experiment), design_digest(design))
    words = column_words(design.inputs, design.precision.activation)
    values = {
        "config.hpp": {
            "max_integer_bits": _max_integer_bits(design),
            "has_peepholes": design.peephole_format is not None,
            "constants": _constants(design),
        },
        "tables.hpp": {"tables": [("sigmoid_table", SIGMOID.entries.tolist()), ("tanh_table", TANH.entries.tolist())]},
        "top.cpp": {
            "input_words": 2 * design.limits.columns * words,
            "output_words": design.limits.labels + 1,
        },
        "weights.hpp": {"roms": [_rom_text(rom) for rom in roms]},
    }
    return library_files() | {
        f"{SOURCE_FOLDER}/{name}": render_template("hls_gen", f"project/{name}.j2", banner=first, **of_file)
        for name, of_file in values.items()
    }


def _constants(design: Design) -> list[tuple[str, int, str]]:
    """Name, value and meaning of every constant of ``Network``."""
    bits, folding, limits = design.precision, design.folding, design.limits
    peepholes = design.peephole_format
    words = column_words(design.inputs, bits.activation)
    return [
        ("inputs", design.inputs, "I: pixels of a column"),
        ("hidden", design.hidden, "H: hidden units per direction"),
        ("classes", design.classes, "C: with the blank, which is class 0"),
        ("activation_bits", bits.activation, "A: pixels and hidden outputs"),
        ("weight_bits", bits.weight, "W: hidden layer"),
        ("bias_bits", bits.bias, "B: hidden layer"),
        ("fc_weight_bits", bits.fc_weight, "output layer"),
        ("fc_bias_bits", bits.fc_bias, "output layer"),
        ("has_peepholes", int(peepholes is not None), "whether gates see the cell state"),
        ("peephole_bits", peepholes.bits if peepholes else 1, "width of a peephole"),
        ("peephole_integer_bits", peepholes.integer if peepholes else 1, "of them before the point"),
        ("pe", folding.pe, "hidden units at a time"),
        ("simd_input", folding.simd_input, "products per gate at a time, input side"),
        ("simd_recurrent", folding.simd_recurrent, "products per gate at a time, recurrent side"),
        ("pe_out", folding.pe_out, "classes at a time"),
        ("max_columns", limits.columns, "columns that the buffers hold"),
        ("max_labels", limits.labels, "labels that the output buffer holds"),
        ("bus_words_per_column", words, "64-bit words of a column in the input buffer"),
    ]


def _max_integer_bits(design: Design) -> int:
    """Bits of the widest word on a stream (hidden outputs, a padded column, a block of scores), in multiples of 1024."""
    activation = design.precision.activation
    widest = max(design.hidden * activation, packed_width(design.inputs, activation), 16 * design.folding.pe_out)
    return -(-widest // 1024) * 1024


def _rom_text(rom: Rom) -> dict[str, object]:
    words = packed_words(rom)
    return {
        "name": rom.name,
        "contents": rom.contents,
        "limb_type": _LIMB_TYPES[rom_limb_bits(rom)],
        "shape": "".join(f"[{size}]" for size in words.shape),
        "body": _braces(words),
    }


def _braces(words: np.ndarray) -> str:
    """Nested braces; as many words of the last dimension on a line as fit."""
    if words.ndim == 1:
        return "{" + ", ".join(f"0x{word:x}" for word in words.tolist()) + "}"
    rows = map(_braces, words)
    if words.ndim == 2:
        return "{" + _wrapped(rows) + "}"
    return "{\n" + ",\n".join(rows) + "}"


def _wrapped(rows) -> str:
    lines: list[list[str]] = [[]]
    length = 0
    for row in rows:
        if lines[-1] and length + len(row) > 110:
            lines.append([])
            length = 0
        lines[-1].append(row)
        length += len(row) + 2
    return ",\n".join(", ".join(line) for line in lines)

"""Reads the reference vectors of ``$FOLDLINE_DATA`` (else ``../shared/data``): networks, and what they compute."""

import ast
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from datapath import (
    Alphabet,
    Design,
    FoldedNetwork,
    Folding,
    Gate,
    Limits,
    PeepholeFormat,
    Peepholes,
    Precision,
    Provenance,
    unfold,
)

REPOSITORY = Path(__file__).parent.parent
PUBLISHED = ("W2A2", "W2A4", "W4A4", "W4A8", "W8A8")
STRESS = (
    "w2a2_fold",
    "w3a5_long",
    "w3a5_odd",
    "w4a4_extreme",
    "w4a8_round",
    "w8a8_overflow",
    "w8a8_saturate",
    "w8a8_wrap",
)
PEEPHOLE = ("w5a5", "w5a5_wide")
PEEPHOLE_ARRAYS = ("pip", "pfp", "pop")


class Line(NamedTuple):
    """One line's vectors: raw pixels, hidden words at time steps, scores in image order, labels.

    The networks with peepholes have neither scores nor labels.
    """

    pixels: np.ndarray  # int8 [T, I]
    hidden: np.ndarray  # int8 [T, 2, H]
    scores: np.ndarray | None  # int16 [T, C]
    labels: np.ndarray | None  # uint8 [n]


def data_folder() -> Path:
    """Where the reference data would lie; it need not exist."""
    return Path(os.environ.get("FOLDLINE_DATA") or REPOSITORY.parent / "shared" / "data")


def evaluate(expression: str | int) -> int:
    """A define's value: an integer or a sum of integers such as ``8+1``."""

    def value(node: ast.expr) -> int:
        match node:
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return value(left) + value(right)
            case ast.Constant(value=int() as number):
                return number
        raise ValueError(f"{expression!r} is no sum of integers")

    return value(ast.parse(str(expression), mode="eval").body)


def network_from_npz(path: str | os.PathLike) -> Design:
    """The network in a published (``lstm-pynq/NET.npz``) or made-up (``golden/stress_NAME.npz``, or peephole) file.

    Published networks have the real alphabet, the others made-up characters.
    """
    path = Path(path)
    with np.load(path, allow_pickle=False) as archive:
        wanted = ("defines", *PEEPHOLE_ARRAYS)
        arrays = {name: archive[name] for name in archive.files if name in wanted or name[0] in "wb"}
    defines = {name: evaluate(value) for name, value in json.loads(str(arrays["defines"])).items()}

    def gates(pattern: str) -> np.ndarray:
        return np.stack([arrays[pattern.format(gate.header_name)] for gate in Gate])

    classes = defines["NUMBER_OF_CLASSES"]
    alphabet_file = path.with_name("alphabet.txt")
    made_up = Alphabet(("", *(chr(0x4E00 + n) for n in range(1, classes))))
    return unfold(
        FoldedNetwork(
            precision=Precision(
                weight=defines["WEIGHTWIDTH"],
                bias=defines["BIASWIDTH"],
                activation=defines["PIXELWIDTH"],
                fc_weight=defines["FCWEIGHTWIDTH"],
                fc_bias=defines["FCBIASWIDTH"],
            ),
            folding=Folding(
                pe=defines["PE"], simd_input=defines["SIMD_INPUT"], simd_recurrent=defines["SIMD_RECURRENT"]
            ),
            limits=Limits(columns=defines["MAX_NUMBER_COLUMNS_TEST_SET"], labels=defines["SIZE_OF_OUTPUT_BUFFER"] - 1),
            weights_input=gates("w{}_ih"),
            weights_recurrent=gates("w{}_hh"),
            biases_input=gates("b{}_ih"),
            biases_recurrent=gates("b{}_hh"),
            fc_weights=arrays["wfc"],
            fc_biases=arrays["bfc"],
            peepholes=_peepholes(defines, arrays),
        ),
        alphabet=Alphabet.read(alphabet_file) if alphabet_file.is_file() else made_up,
        provenance=Provenance(author="reference vectors", source=path.name, tool="tests/golden_data.py"),
    )


def _peepholes(defines: dict[str, int], arrays: dict[str, np.ndarray]) -> Peepholes | None:
    """Peepholes of a file that has any, [3, PE, 2H/PE]."""
    if "PEEPHOLE_BITS" not in defines:
        return None
    return Peepholes(
        format=PeepholeFormat(bits=defines["PEEPHOLE_BITS"], integer=defines["PEEPHOLE_INT_BITS"]),
        weights=np.stack([arrays[name] for name in PEEPHOLE_ARRAYS]),
    )


def published_network(data: Path, name: str) -> Design:
    """One of the five published networks, e.g. ``W4A8``."""
    return network_from_npz(data / "lstm-pynq" / f"{name}.npz")


def stress_network(data: Path, name: str) -> Design:
    """One of the eight stress networks, e.g. ``w4a8_round``."""
    return network_from_npz(data / "golden" / f"stress_{name}.npz")


def peephole_network(data: Path, name: str) -> Design:
    """One of the two networks with peepholes, e.g. ``w5a5_wide``."""
    return network_from_npz(data / "golden" / f"peephole_{name}.npz")


def lines(path: str | os.PathLike) -> Iterator[Line]:
    """The vectors of every line in a golden file, in order."""
    with np.load(path, allow_pickle=False) as archive:
        number = 0
        while f"pixels_{number}" in archive.files:
            names = [f"{part}_{number}" for part in Line._fields]
            yield Line(*(archive[name] if name in archive.files else None for name in names))
            number += 1


def image_paths(path: str | os.PathLike, data: Path) -> list[Path]:
    """The scans that the lines of a ``published_NET.npz`` come from, in order."""
    with np.load(path, allow_pickle=False) as archive:
        names = json.loads(str(archive["images"]))
    return [data / "uw3-500" / "imgs" / f"{name}.png" for name in names]

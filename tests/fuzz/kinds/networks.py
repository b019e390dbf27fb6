"""Networks: weight headers, designs, raw pixels, golden vectors, alphabets."""

from __future__ import annotations

import io
import json
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path

import numpy as np

from datapath import Alphabet, Design, Limits
from datapath.folded import fold
from fixedpoint_sim import simulate
from foldline import golden
from foldline.batch.inputs import pixel_inputs
from foldline.datasets import read_alphabet
from foldline.networks import open_network
from hls_gen.header import read_header, render_header
from tests.designs import random_design
from tests.fuzz.archives import NPZ, in_npy, in_zip
from tests.fuzz.formats import Format
from tests.fuzz.kinds.checks import decoded, require, require_equal, require_same_design, written
from tests.fuzz.kinds.compiled_headers import check_headers
from tests.fuzz.mutations import BYTES, TEXT, change_number, change_word


@cache
def designs() -> tuple[Design, ...]:
    """Small designs of every kind."""
    small = {"inputs": 2, "hidden": 2, "classes": 3}
    return (
        random_design(1, **small),
        random_design(2, **small, pe_out=2, peepholes=(8, 3), limits=Limits(columns=40, labels=3)),
        random_design(3, inputs=4, hidden=4, classes=4, folding=(2, 2, 2), bits=(2, 3, 4, 5, 8)),
    )


def saved(design: Design) -> bytes:
    """The bytes of a design's file."""
    with tempfile.TemporaryDirectory() as folder:
        design.save(Path(folder) / "design.npz")
        return (Path(folder) / "design.npz").read_bytes()


def npz(**arrays: np.ndarray) -> bytes:
    """The bytes of an .npz."""
    written = io.BytesIO()
    np.savez_compressed(written, **arrays)
    return written.getvalue()


# Headers -----------------------------------------------------------------------------------------------------------


def _headers() -> Sequence[bytes]:
    texts = [render_header(fold(design)) for design in designs()]
    texts.append(render_header(fold(designs()[0]), csim_bytes=True))
    return [text.encode() for text in texts]


def _read_header(data: bytes, folder: Path) -> object:
    network = read_header(written(folder, "weights.hpp", data))
    return data, render_header(network)


# Designs -----------------------------------------------------------------------------------------------------------


class IndependentArrays:
    """The arrays of an .npz, each by numpy alone when it is asked for."""

    def __init__(self, data: bytes) -> None:
        self._archive = zipfile.ZipFile(io.BytesIO(data))
        self.names = {name.removesuffix(".npy") for name in self._archive.namelist()}

    def __getitem__(self, name: str) -> np.ndarray:
        held = self._archive.namelist()
        return np.load(
            io.BytesIO(self._archive.read(f"{name}.npy" if f"{name}.npy" in held else name)), allow_pickle=False
        )


def _read_design(data: bytes, folder: Path) -> object:
    path = written(folder, "design.npz", data)
    design = Design.load(path)
    require_same_design(open_network(path).design, design)
    arrays = IndependentArrays(data)
    described = json.loads(str(arrays["design"]))
    for name in ("precision", "folding", "limits", "provenance"):
        found, expected = asdict(getattr(design, name)), described[name]
        require_equal(name, found, {**found, **expected} if name == "folding" else expected)
    require_equal("alphabet", list(design.alphabet.symbols), described["alphabet"])
    for name, values in design.arrays.items():
        require_equal(name, values, arrays[name])
    peepholes = described.get("peepholes")
    require((design.peepholes is not None) == (peepholes is not None), "peepholes", design.peepholes, peepholes)
    require((design.peepholes is not None) == ("peepholes" in arrays.names), "peephole array", arrays.names)
    if peepholes is not None:
        require_equal("peepholes", asdict(design.peepholes.format), peepholes)
    design.save(folder / "again.npz")
    require_same_design(Design.load(folder / "again.npz"), design)
    return None


# Pixels ------------------------------------------------------------------------------------------------------------


def _pixels() -> Sequence[bytes]:
    random = np.random.default_rng(1)
    lines = {f"pixels_{i}": random.integers(-8, 8, (length, 2)).astype(np.int8) for i, length in enumerate((2, 10))}
    return [npz(**lines), npz(**lines, words_0=np.zeros(3)), npz(pixels_0=lines["pixels_1"].astype(np.int64))]


def _read_pixels(data: bytes, folder: Path) -> object:
    design = designs()[0]
    inputs = pixel_inputs(written(folder, "pixels.npz", data))
    results = [(line.name, simulate(design, line.columns(design), ignore_limits=True)) for line in inputs]
    arrays = IndependentArrays(data)
    require_equal("count", inputs.count(), len(results))
    for name, trace in results:
        columns = arrays[name]
        require(
            columns.dtype.kind in "iu" and columns.shape[1:] == (2,), "type of pixels", columns.dtype, columns.shape
        )
        again = simulate(design, np.array(columns.tolist(), dtype=np.int64), ignore_limits=True)
        require_equal(f"labels of {name}", trace.labels, again.labels)
    return None


# Golden vectors ----------------------------------------------------------------------------------------------------


@cache
def _golden() -> tuple[bytes, bytes]:
    """A design and its vectors."""
    design, random = designs()[0], np.random.default_rng(2)
    lines = [golden.line_vectors(design, random.integers(-8, 8, (length, 2)).astype(np.int8)) for length in (2, 6)]
    return saved(design), npz(**{f"{name}_{i}": value for i, line in enumerate(lines) for name, value in line.items()})


def _read_golden(data: bytes, folder: Path) -> object:
    design, _ = _golden()
    written(folder, "designs/net.npz", design)
    written(folder, "vectors/net.npz", data)
    (checked,) = golden.check(folder)
    if not checked.differences:
        found = IndependentArrays(data)
        left = set(found.names)
        for number in range(checked.lines):
            again = golden.line_vectors(designs()[0], np.array(found[f"pixels_{number}"].tolist(), dtype=np.int8))
            for name, values in again.items():
                require_equal(name, found[f"{name}_{number}"], values)
                left.remove(f"{name}_{number}")
        require(not left, "arrays that nothing computes", left)
    return None


# Alphabets ---------------------------------------------------------------------------------------------------------


def _alphabets() -> Sequence[bytes]:
    return [b"\na\nb\n \n.\n", "\nä\nfi\n'\n".encode(), b"\r\na\r\nb\r\n", b"abc \n,."]


def _read_alphabet(data: bytes, folder: Path) -> object:
    path = written(folder, "alphabet.txt", data)
    alphabet = read_alphabet(path)
    text = decoded(data)
    if text.startswith(("\n", "\r\n")):
        lines = text.replace("\r\n", "\n").split("\n")
        require_equal("symbols", list(alphabet.symbols), lines[:-1] if lines[-1] == "" else lines)
    else:
        require_equal("symbols", list(alphabet.symbols), ["", *text.replace("\r", "").replace("\n", "")])
    alphabet.write(folder / "again.txt")
    require_equal("again", Alphabet.read(folder / "again.txt"), alphabet)
    return None


FORMATS = (
    Format(
        name="header",
        untouched=_headers,
        read=_read_header,
        mutators=(change_number, change_number, change_number, change_word, *TEXT),
        weight=2,
        finish=check_headers,
    ),
    Format(
        name="design", untouched=lambda: [saved(one) for one in designs()], read=_read_design, mutators=NPZ, weight=2
    ),
    Format(name="pixels", untouched=_pixels, read=_read_pixels, mutators=NPZ, weight=3),
    Format(
        name="golden",
        untouched=lambda: [_golden()[1]],
        read=_read_golden,
        mutators=(*([in_zip(lambda name: (in_npy(TEXT),))] * 8), *BYTES[:2]),
        weight=1,
    ),
    Format(name="alphabet", untouched=_alphabets, read=_read_alphabet, mutators=TEXT, weight=15),
)

"""Boards: files of boards, manifests, bitstreams and their handoff files, bytes from a serial port."""

from __future__ import annotations

import json
import struct
import tempfile
import zlib
from collections.abc import Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from random import Random

import numpy as np

from datapath.boards import FIRST_RELEASE, board_names, load_board
from datapath.manifest import Kernel, KnownAnswer, Manifest
from datapath.packing import pack_columns
from datapath.serial_frames import ANSWER_START
from fixedpoint_sim import simulate
from overlay_driver.bitstream import read_bit_file
from overlay_driver.serial_port import SerialDriver, SerialLink
from tests.fuzz.archives import with_crc32
from tests.fuzz.formats import Format
from tests.fuzz.kinds.checks import decoded, plain, require, require_equal, written
from tests.fuzz.kinds.networks import designs
from tests.fuzz.mutations import BYTES, JSON, TEXT
from tests.overlay_driver.bit_files import bit_file
from tests.overlay_driver.handoff import write_handoff


@cache
def _answers() -> tuple[KnownAnswer, ...]:
    """Two lines of the first design."""
    random, found = np.random.default_rng(3), []
    for length in (4, 12):
        columns = random.integers(-8, 8, (length, designs()[0].inputs)).astype(np.int8)
        found.append(KnownAnswer(columns, simulate(designs()[0], columns).labels))
    return tuple(found)


# Files of boards ---------------------------------------------------------------------------------------------------


def _boards() -> Sequence[bytes]:
    texts = []
    for name in board_names():
        values = load_board(name).to_dict() | {"name": f"my-{name}"}
        texts.append(json.dumps(values, indent=1).encode())
    return texts


def _read_board(data: bytes, folder: Path) -> object:
    board = load_board(written(folder, "board.json", data))
    entries = {"first_release": FIRST_RELEASE} | json.loads(decoded(data))
    for name, value in board.to_dict().items():
        expected = entries[name]
        if name.endswith(("_base", "_bytes")):
            value, expected = int(value, 16), int(expected, 16) if isinstance(expected, str) else expected
        require_equal(name, plain(value), plain(expected))
    return None


# Manifests ---------------------------------------------------------------------------------------------------------


def _manifests() -> Sequence[bytes]:
    first = Manifest.of(designs()[0], answers=_answers())
    return [
        first.as_text().encode(),
        Manifest.of(designs()[1], answers=(), kernel=Kernel.HLS, clock_mhz=142.857).as_text().encode(),
        Manifest.of(designs()[0], answers=_answers()[:1], kernel=Kernel.PUBLISHED).as_text().encode(),
    ]


def _read_manifest(data: bytes, folder: Path) -> object:
    manifest = Manifest.read(written(folder, "net.json", data))
    entries = json.loads(decoded(data))
    for name in ("network", "inputs", "hidden", "classes", "peepholes", "part"):
        require_equal(name, getattr(manifest, name), entries[name])
    require_equal("clock_mhz", float(manifest.clock_mhz), float(entries["clock_mhz"]))
    require_equal("control_base", manifest.control_base, int(entries["control_base"], 16))
    require_equal("kernel", manifest.kernel, Kernel(entries["kernel"]))
    for name in ("precision", "limits"):
        require_equal(
            name, plain(asdict(getattr(manifest, name))), plain({**asdict(getattr(manifest, name)), **entries[name]})
        )
    for answer, entry in zip(manifest.answers, entries["answers"], strict=True):
        require_equal("labels", answer.labels.tolist(), entry["labels"])
        words = pack_columns(answer.columns, manifest.precision.activation)
        require_equal("words", words.tobytes(), bytes.fromhex(entry["words"]))
    manifest.write(folder / "again.json")
    require(Manifest.read(folder / "again.json") == manifest, "again", manifest)
    return None


# Bitstreams --------------------------------------------------------------------------------------------------------


def _bits() -> Sequence[bytes]:
    return [bit_file(), bit_file(part="xc7z020clg400", design="a;PARTIAL=FALSE", data=bytes(range(256)))]


def _read_bit(data: bytes, folder: Path) -> object:
    found = read_bit_file(written(folder, "net.bit", data))
    (length,) = struct.unpack_from(">H", data)
    place, texts = 4 + length, {}
    for _ in range(20):
        key = data[place : place + 1]
        if key == b"e":
            break
        (size,) = struct.unpack_from(">H", data, place + 1)
        texts[key] = data[place + 3 : place + 3 + size].rstrip(b"\0").decode("latin-1")
        place += 3 + size
    named = {b"a": found.design, b"b": found.part, b"c": found.date, b"d": found.time}
    require_equal("header", named, texts)
    require_equal("length", len(data) - place - 5, struct.unpack_from(">I", data, place + 1)[0])
    require("PARTIAL=TRUE" not in found.design, "a partial bitstream is accepted", found.design)
    return None


# Handoff files -----------------------------------------------------------------------------------------------------


def _handoffs() -> Sequence[bytes]:
    texts = []
    with tempfile.TemporaryDirectory() as folder:
        for number, options in enumerate(({}, {"dividers": (10, 1)})):
            texts.append(write_handoff(Path(folder) / f"{number}.bit", **options).read_bytes())
    return texts


def _read_handoff(data: bytes, folder: Path) -> object:
    from foldline.hardware.board import simulated_core
    from overlay_driver.virtual.device import VirtualBoard

    bit = written(folder, "net.bit", bit_file())
    written(folder, "net.hwh", data)
    manifest = Manifest.of(designs()[0], answers=(), kernel=Kernel.PUBLISHED)
    board = VirtualBoard(simulated_core(designs()[0], Kernel.PUBLISHED), manifest)
    base = board.load(read_bit_file(bit))
    if base is not None:
        text = data.replace(b"\0", b"").decode("utf-8", "replace").lower().replace("_", "")  # UTF-16 is XML, too
        require(f"{base:x}" in text or str(base) in text, "address of the registers", hex(base))
    return None


# Bytes from a serial port ------------------------------------------------------------------------------------------


class _Port:
    """A port that gives bytes, and takes any."""

    def __init__(self, data: bytes) -> None:
        self.timeout: float | None = None
        self._data = data
        self.given = 0

    def write(self, data: bytes) -> int:
        return len(data)

    def flush(self) -> None:
        """Nothing to wait for."""

    def read(self, size: int) -> bytes:
        piece = self._data[self.given : self.given + size]
        self.given += len(piece)
        return piece

    def reset_input_buffer(self) -> None:
        """What comes is the answer."""

    def close(self) -> None:
        """Nothing to close."""


def _frame(tag: int, found: int, payload: bytes, status: int = 0) -> bytes:
    body = struct.pack("<BBBHH", ANSWER_START, tag, status, found, len(payload)) + payload
    return body + struct.pack("<I", zlib.crc32(body))


def _answer_frames() -> Sequence[bytes]:
    labels = bytes(_answers()[1].labels.tolist())
    return [
        _frame(1, len(labels), labels),
        _frame(7, 0, b"") + _frame(1, len(labels), labels),
        _frame(1, 2, b"\1\2"),
    ]


def _read_answer(data: bytes, folder: Path) -> object:
    driver = SerialDriver(designs()[0], SerialLink(_Port(data), name="PORT"), answers=())
    result = driver.read_columns(_answers()[1].columns)
    place, frames = 0, []
    while len(data) - place >= 11:
        _, tag, status, found, size = struct.unpack_from("<BBBHH", data, place)
        frame = data[place : place + 11 + size]
        if len(frame) < 11 + size or struct.unpack_from("<I", frame, 7 + size)[0] != zlib.crc32(frame[:-4]):
            break
        if tag == 1 and status == 0:
            frames.append((found, list(frame[7:-4])))
        place += 11 + size
    require(bool(frames), "labels without a frame", result.labels)
    require_equal("labels", (len(result.labels), result.labels.tolist()), frames[0])
    return None


def _with_size(data: bytes, random: Random, other: bytes) -> bytes:
    """The frame's own size and count become those of its payload."""
    payload = (
        random.randbytes(random.randrange(12))
        if random.random() < 0.5
        else bytes(random.choices((1, 2), k=random.randrange(12)))
    )
    return _frame(
        random.choice((1, 1, 1, 0, 2)),
        random.choice((len(payload), len(payload), 65535, 95, 3)),
        payload,
        random.choice((0, 0, 0, 1, 9, 255)),
    )


FORMATS = (
    Format(name="board", untouched=_boards, read=_read_board, mutators=JSON, weight=15),
    Format(name="manifest", untouched=_manifests, read=_read_manifest, mutators=JSON, weight=8),
    Format(name="bit", untouched=_bits, read=_read_bit, mutators=BYTES, weight=40),
    Format(name="hwh", untouched=_handoffs, read=_read_handoff, mutators=TEXT, weight=1),
    Format(
        name="serial-answer",
        untouched=_answer_frames,
        read=_read_answer,
        mutators=(*BYTES, *([with_crc32(BYTES)] * 8), *([_with_size] * 4)),
        weight=40,
    ),
)

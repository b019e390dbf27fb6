"""What the tools around the RTL give: netlists of yosys, reports of nextpnr, bytes of the simulation's process."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from unittest.mock import patch

import numpy as np

from datapath.architecture import Architecture
from datapath.registers import line_registers
from rtl_gen import model
from rtl_gen.program import INPUT_ADDRESS, OUTPUT_ADDRESS, RtlProgram
from rtl_gen.synthesis.counting import Counts, count_by_stage
from rtl_gen.synthesis.levels import logic_depth
from rtl_gen.synthesis.netlist import Netlist
from rtl_gen.synthesis.placement import parse_report
from rtl_gen.synthesis.targets import target_of
from tests.fuzz.formats import Format
from tests.fuzz.kinds.checks import plain, require, require_equal
from tests.fuzz.kinds.networks import designs
from tests.fuzz.mutations import BYTES, JSON
from tests.rtl_gen.synthesis.stand_ins import report_json, small_netlist

COLUMNS = 4


def _read_netlist(data: bytes, folder: Path, *, target: str) -> object:
    top = target_of(target).top
    netlist = Netlist.parse(data, top)
    stages, depth = count_by_stage(netlist), logic_depth(netlist)
    cells = json.loads(data)["modules"][top]["cells"]
    require_equal(
        "cells",
        {name: cell.kind for name, cell in netlist.cells.items()},
        {name: cell["type"] for name, cell in cells.items()},
    )
    luts = sum(str(cell["type"]).startswith("LUT") or cell["type"] == "INV" for cell in cells.values())
    require(Counts.sum(stages.values()).luts >= luts, "look-up tables", stages, luts)
    require(0 <= depth.levels <= len(cells), "levels", depth)
    return None


@cache
def _netlist() -> Netlist:
    return Netlist.parse(small_netlist("ecp5"), target_of("ecp5").top)


def _read_report(data: bytes, folder: Path) -> object:
    found = parse_report(data, _netlist())
    held = json.loads(data)
    clocks = [float(clock["achieved"]) for clock in held["fmax"].values()]
    require_equal("clock", found["fmax_mhz"], min(clocks))
    require(0 < found["fmax_mhz"] < float("inf"), "clock that is none", found["fmax_mhz"])
    used = {kind: (cells["used"], cells["available"]) for kind, cells in held["utilization"].items()}
    require_equal(
        "used",
        plain({kind: list(pair) for kind, pair in found["used"].items()}),
        plain({k: list(v) for k, v in used.items()}),
    )
    return None


# The process that simulates the RTL --------------------------------------------------------------------------------


class _Process:
    """In place of the process: gives bytes, and takes any."""

    def __init__(self, data: bytes) -> None:
        self.stdin, self.stdout = _Sink(), io.BytesIO(data)
        self.returncode = 1

    def wait(self, timeout: float | None = None) -> int:
        return 1

    def kill(self) -> None:
        """It has ended."""


class _Sink(io.RawIOBase):
    def write(self, data: bytes) -> int:
        return len(data)


def _frame(kind: int, payload: bytes = b"") -> bytes:
    return struct.pack("<II", kind, len(payload)) + payload


@cache
def _session() -> bytes:
    """What the process answers to a reset, and to a line of `COLUMNS` columns with two labels."""
    design, random = designs()[0], np.random.default_rng(7)
    architecture = Architecture.of(design)
    registers = line_registers(
        columns=COLUMNS, input_bytes=8, input_address=INPUT_ADDRESS, output_address=OUTPUT_ADDRESS
    )
    words = struct.pack("<QQQ", 2, 1, 2)
    write = struct.pack("<Q", OUTPUT_ADDRESS) + words + b"\xff" * 3
    parts = [struct.pack("<Q", 100)]
    for count, lanes in (
        (COLUMNS * 2 * architecture.unit_blocks, design.folding.pe * 4),
        (COLUMNS * 2, design.hidden),
        (COLUMNS * architecture.class_blocks, design.folding.pe_out),
    ):
        values = random.integers(-100, 100, count * lanes).astype("<i2").tobytes()
        clocks = np.arange(count, dtype="<u4").tobytes()
        parts += [struct.pack("<I", len(one)) + one for one in (values, clocks)]
    frames = [_frame(model.Kind.DONE)] * (2 + len(registers))  # two resets
    frames += [
        _frame(model.Kind.READ_MEMORY, struct.pack("<QI", INPUT_ADDRESS, 64)),
        _frame(model.Kind.WRITE_MEMORY, write),
    ]
    frames += [_frame(model.Kind.DONE, struct.pack("<QI", 100, 1)), _frame(model.Kind.DONE, b"".join(parts))]
    return b"".join(frames)


def _read_session(data: bytes, folder: Path) -> object:
    columns = np.zeros((COLUMNS, 2), dtype=np.int8)
    with (
        patch.object(model, "built_rtl", lambda design, trace: (folder / "harness", {})),
        patch.object(model.subprocess, "Popen", lambda *_, **__: _Process(data)),
    ):
        program = RtlProgram(designs()[0])
        try:
            found = program.line(columns)
        finally:
            program.close()
    require(found.result.found == len(found.result.labels), "labels", found.result.found, found.result.labels)
    require((found.result.labels < designs()[0].classes).all(), "label", found.result.labels)
    return None


def _netlists(target: str) -> Sequence[bytes]:
    return [small_netlist(target).encode()]


FORMATS = (
    *(
        Format(
            name=f"netlist-{target}",
            untouched=lambda target=target: _netlists(target),
            read=lambda data, folder, target=target: _read_netlist(data, folder, target=target),
            mutators=JSON,
            weight=8,
        )
        for target in ("xc7", "ecp5")
    ),
    Format(
        name="nextpnr-report", untouched=lambda: [report_json().encode()], read=_read_report, mutators=JSON, weight=8
    ),
    Format(name="rtl-session", untouched=lambda: [_session()], read=_read_session, mutators=BYTES, weight=3),
)

"""Lines through `recognise` in Icarus, which has unknown values: the library itself, or a netlist of it.

Verilator, which has no unknown values, gives registers random ones instead; here an unknown value in a result is an error.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from datapath import Design
from datapath.architecture import Architecture
from datapath.kernel_result import KernelResult
from datapath.labels import arrival_order
from datapath.packing import pack_columns
from datapath.rtl_cycles import MEMORY_LATENCY, READ_ADDRESS, RECORD, WRITE, rtl_cycles
from rtl_gen.sources import memory_files, parameters
from tests.rtl_gen.sources import HERE
from tests.rtl_gen.test_reading import path_tool

BENCH = HERE / "netlist" / "bench.sv"
PAUSED = 64
"""Times that a line takes longer with pauses, at most."""


class SimulationError(ValueError):
    """A simulation that gives no results: a line does not end, or a value is unknown or missing."""


def run_icarus(
    design: Design,
    lines: Sequence[np.ndarray],
    sources: Sequence[Path],
    folder: Path,
    *,
    netlist: bool = False,
    pauses: bool = False,
    abandoned: int = 0,
) -> list[tuple[KernelResult, int]]:
    """What `recognise` computes of each line, and its clocks from `start` to `found_valid`.

    Without Icarus the test is skipped.

    :param lines: columns [T, I] of each, which are computed one after the other.
    :param sources: files with `recognise` and all that it consists of.
    :param folder: for the compiled simulation and the files that it reads.
    :param netlist: whether `recognise` has no parameters.
    :param pauses: whether columns come late, at random.
    :param abandoned: clocks of the first line after which a reset of one clock ends it; then all lines are computed. 0 for
        no such reset.
    :raises SimulationError: there is no result.
    """
    bits = design.precision.activation
    records = [record for columns in lines for record in pack_columns(columns, bits).reshape(2 * len(columns), -1)]
    files = {
        "lengths.mem": "".join(f"{len(columns):x}\n" for columns in lines),
        "columns.mem": "".join("".join(f"{word:016x}" for word in record[::-1]) + "\n" for record in records),
    }
    for name, text in (files | memory_files(design)).items():
        (folder / name).write_text(text)
    most = 2 * rtl_cycles(Architecture.of(design)).line(max(map(len, lines))) * (PAUSED if pauses else 1)
    sizes = {"LINES": len(lines), "RECORDS": len(records), "PAUSES": int(pauses), "ABANDONED": abandoned}
    sizes["MOST_CLOCKS"] = most
    program = folder / "bench.vvp"
    command = [path_tool("iverilog"), "-g2012", "-s", "bench", "-o", str(program)]
    command += [f"-Pbench.{name}={value}" for name, value in (parameters(design) | sizes).items()]
    command += [
        f"-I{place}" for place in sorted({source.parent for source in sources})
    ]  # models of cells include others
    command += ["-DNETLIST", "-DNO_INCLUDES"] if netlist else []  # yosys's models include cells of older chips, twice
    _run([*command, str(BENCH), *map(str, sources)], folder)
    output = _run([path_tool("vvp"), "-n", str(program)], folder)
    return [_result(design, columns, printed) for columns, printed in zip(lines, _by_line(output), strict=True)]


def clocks_between_buffers(design: Design, length: int) -> int:
    """Clocks of `recognise` for a line whose columns are all there from the start.

    It is a line without labels, less the clocks of the buses, where reading takes no time.
    """
    cycles = replace(rtl_cycles(Architecture.of(design)), words=0)
    reading = READ_ADDRESS + MEMORY_LATENCY - 1 + RECORD
    return cycles.line(length, 0) - reading - (WRITE + 1 + MEMORY_LATENCY)


def _run(command: list[str], folder: Path) -> str:
    """Standard output of a program that prints no error."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0 and not done.stderr, done.stderr[-2000:]
    return done.stdout


def _by_line(output: str) -> Iterator[dict[str, list[int]]]:
    """The values that the bench printed of each line, by name.

    :raises SimulationError: one is unknown, or the line has not ended.
    """
    names = ("gates", "hidden", "scores", "clocks", "found", "label")
    printed = {name: [] for name in names}
    for row in output.splitlines():
        name, value = row.split()
        if "x" in value or "z" in value:
            raise SimulationError(f"{name} is unknown: {value}")
        if name != "end":
            printed[name].append(int(value, 16))
        elif int(value, 16) == 0:
            raise SimulationError(f"a line did not end within {printed['clocks'][0]} clocks")
        else:
            yield printed
            printed = {name: [] for name in names}


def _result(design: Design, columns: np.ndarray, printed: dict[str, list[int]]) -> tuple[KernelResult, int]:
    """The values of a line in the order of arrays, and its clocks."""
    bits, folding, length = design.precision.activation, design.folding, len(columns)
    architecture = Architecture.of(design)
    gates = _signed("gates", printed, (length * 2 * architecture.unit_blocks, folding.pe * 4), 16)
    hidden = _signed("hidden", printed, (length * 2, design.hidden), bits)
    arrived = _signed("scores", printed, (length * architecture.class_blocks, folding.pe_out), 16)
    scores = np.empty((length, design.classes), dtype=np.int16)
    scores[arrival_order(length)] = arrived.reshape(length, -1)[:, : design.classes]
    result = KernelResult(
        found=printed["found"][0],
        labels=np.array(printed["label"], dtype=np.uint8),
        hidden=hidden.reshape(length, 2, design.hidden).astype(np.int8),
        scores=scores,
        gates=gates.reshape(length, 2, design.hidden, 4).astype(np.int16),
    )
    return result, printed["clocks"][0]


def _signed(name: str, printed: dict[str, list[int]], shape: tuple[int, int], bits: int) -> np.ndarray:
    """Elements of words; the first element of a word is in its lowest bits."""
    words, (expected, count) = printed[name], shape
    if len(words) != expected:
        raise SimulationError(f"there are {len(words)} {name}; expected {expected}")
    unsigned = np.array([[word >> (bits * n) & ((1 << bits) - 1) for n in range(count)] for word in words])
    return unsigned - ((unsigned >> (bits - 1)) << bits)

"""`RtlModel`: a process that simulates the accelerator's RTL clock by clock, driven through its AXI ports.

The program is harness/harness.cpp with the Verilated design. This is the other end of harness/protocol.hpp.
"""

from __future__ import annotations

import struct
import subprocess
import weakref
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

import numpy as np

from datapath.design import Design
from datapath.errors import ToolError
from datapath.files import file_errors, os_reason
from datapath.rtl_cycles import MEMORY_LATENCY
from datapath.temporaries import scratch_folder
from rtl_gen.memory import Memory
from rtl_gen.sources import TOP_FILE, parameters, render_rtl
from rtl_gen.verilator import built_program

HARNESS_SIZES = ("ACTIVATION_BITS", "HIDDEN", "PE", "PE_OUT")
"""Parameters that the harness needs, for the widths of the observed values."""

INITIAL_VALUES = ("+verilator+rand+reset+2", "+verilator+seed+1")
"""Registers that no reset sets, and memories, begin with random values."""


class Kind(IntEnum):
    """Kinds of frames, as in protocol.hpp."""

    RESET = 1
    WRITE_REGISTER = 2
    READ_REGISTER = 3
    RUN = 4
    WAVEFORM = 5
    OBSERVED = 6
    MEMORY = 7
    DONE = 32
    FAILED = 33
    READ_MEMORY = 34
    WRITE_MEMORY = 35


MAX_BURST = 4096
"""Most bytes of a burst: it ends at a boundary of 4 KB (AMBA AXI)."""

END_SECONDS = 60
"""In which a process writes the rest of a waveform and ends."""

_HEAD = struct.Struct("<II")


@dataclass(frozen=True, eq=False)
class ObservedValues:
    """Values that the design showed, in the order in which it showed them.

    values   int16 [n, lanes]
    clocks   int64 [n], the clocks in which they were shown, counted from the line's start
    """

    values: np.ndarray
    clocks: np.ndarray


@dataclass(frozen=True, eq=False)
class Observed:
    """What the design showed of the latest line.

    cycles   clocks from the one that accepted ap_start to the one that set ap_done; 0 if it has not ended
    gates    a block of units each, in `Gate` order: lanes are PE * 4
    hidden   a direction's hidden outputs each: lanes are H
    scores   a block of classes each: lanes are PE_OUT
    """

    cycles: int
    gates: ObservedValues
    hidden: ObservedValues
    scores: ObservedValues


class RtlModel:
    """A running simulation of the accelerator; a context manager. One thread at a time may use it.

    The first use of a design's folding builds it, which takes some seconds; builds are cached.

    :param design: what is simulated, in its folding.
    :param memory: answers the bursts of the accelerator.
    :param trace: whether `write_waveform` may be called; such a build is slower.
    :raises ToolError: Verilator or a compiler is missing, or one fails.
    :raises FileError: the build cannot be written to the cache.
    """

    def __init__(self, design: Design, memory: Memory, *, trace: bool = False) -> None:
        self.memory = memory
        self._design = design
        program, roms = built_rtl(design, trace=trace)
        self._held = ExitStack()
        folder = self._held.enter_context(scratch_folder("rtl"))
        with file_errors("write", folder):
            for name, text in roms.items():
                (folder / name).write_text(text, encoding="ascii")
        self._errors = folder / "errors.txt"
        with self._errors.open("wb") as errors:
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": errors}
            try:
                self._process = subprocess.Popen([str(program), *INITIAL_VALUES], **pipes, cwd=folder)
            except OSError as error:
                raise ToolError(f"Cannot run {program}: {os_reason(error)}.") from error
        self.close = weakref.finalize(self, _end, self._process, self._held)
        """End the process; nothing else may be called afterwards."""
        self.reset()

    def __enter__(self) -> RtlModel:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def reset(self, *, seed: int | None = None, latency: int = MEMORY_LATENCY, observe: bool = True) -> None:
        """Reset the design by its reset port for some clocks; accesses to memory that were on their way are gone.

        :param seed: of random stalls on all channels of all ports, from 1 on; None for no stalls.
        :param latency: of memory, as `datapath.rtl_cycles.MEMORY_LATENCY`; 1 or more.
        :param observe: whether `observed` has values from now on; without them the simulation is faster.
        """
        self._command(Kind.RESET, struct.pack("<QII", seed or 0, latency, observe))
        if text := self._error_text():
            raise ToolError(f"The RTL simulation printed a warning: {text}")

    def write_register(self, offset: int, value: int) -> None:
        """Write 32 bits to the register at a byte offset, by an AXI4-Lite transaction."""
        self._command(Kind.WRITE_REGISTER, struct.pack("<II", offset, value))

    def read_register(self, offset: int) -> int:
        """Read the 32 bits of the register at a byte offset, by an AXI4-Lite transaction."""
        with _protocol():
            (value,) = struct.unpack("<I", self._command(Kind.READ_REGISTER, struct.pack("<I", offset)))
        return value

    def run(self, clocks: int) -> tuple[int, bool]:
        """Simulate until the line has ended, but for so many clocks at most.

        :returns: the clocks that passed, and whether the line has ended, in these or before.
        """
        with _protocol():
            passed, ended = struct.unpack("<QI", self._command(Kind.RUN, struct.pack("<Q", clocks)))
        return passed, bool(ended)

    def write_waveform(self, path: Path, *, first: int, last: int) -> None:
        """Write a waveform (VCD) from now on, which is complete when the model is closed.

        :param path: the file.
        :param first: first clock, counted from a line's start; all clocks before a line are clock -1.
        :param last: last clock.
        """
        self._command(Kind.WAVEFORM, struct.pack("<qq", first, last) + str(path.absolute()).encode())

    def observed(self) -> Observed:
        """What the design showed of the latest line."""
        payload = self._command(Kind.OBSERVED, b"")
        lanes = {
            "gates": self._design.folding.pe * 4,
            "hidden": self._design.hidden,
            "scores": self._design.folding.pe_out,
        }
        with _protocol():
            (cycles,), taken, found = struct.unpack_from("<Q", payload), 8, {}
            for name, count in lanes.items():
                arrays = []
                for dtype in ("<i2", "<u4"):
                    (size,) = struct.unpack_from("<I", payload, taken)
                    taken += 4 + size
                    arrays.append(np.frombuffer(payload[taken - size : taken], dtype=dtype))
                values, clocks = arrays
                found[name] = ObservedValues(values.reshape(len(clocks), count), clocks.astype(np.int64))
            if taken != len(payload):
                raise ValueError(f"{len(payload)} bytes of observed values, of which {taken} are read")
        return Observed(cycles, **found)

    def _command(self, kind: Kind, payload: bytes) -> bytes:
        """Send a command, answer requests for memory, and return what the command gives."""
        try:
            self._send(kind, payload)
            while True:
                kind, payload = self._receive()
                if kind == Kind.DONE:
                    return payload
                if kind == Kind.FAILED:
                    raise ToolError(f"The RTL simulation failed: {payload.decode(errors='replace')}")
                with _protocol():
                    answer = self._memory_answer(kind, payload)
                self._send(Kind.MEMORY, answer)
        except (BrokenPipeError, EOFError) as error:
            status = self._process.wait()
            raise ToolError(f"The RTL simulation ended: {self._error_text() or f'status {status}'}") from error

    def _memory_answer(self, kind: int, payload: bytes) -> bytes:
        (address,) = struct.unpack_from("<Q", payload)
        if kind == Kind.READ_MEMORY:
            (length,) = struct.unpack_from("<I", payload, 8)
            if length > MAX_BURST:
                raise ValueError(f"a burst of {length} bytes; the longest has {MAX_BURST}")
            data, response = self.memory.read(address, length)
            return struct.pack("<I", response) + data
        words, rest = divmod(len(payload) - 8, 9)
        if kind != Kind.WRITE_MEMORY or rest:
            raise ValueError(f"a frame of kind {kind} and {len(payload)} bytes")
        data, strobes = payload[8 : 8 + 8 * words], np.frombuffer(payload[8 + 8 * words :], dtype=np.uint8)
        written = np.unpackbits(strobes, bitorder="little").astype(bool)
        return struct.pack("<I", self.memory.write(address, data, written))

    def _send(self, kind: Kind, payload: bytes) -> None:
        self._process.stdin.write(_HEAD.pack(kind, len(payload)) + payload)
        self._process.stdin.flush()

    def _receive(self) -> tuple[int, bytes]:
        kind, length = _HEAD.unpack(self._read(_HEAD.size))
        return kind, self._read(length)

    def _read(self, size: int) -> bytes:
        data = self._process.stdout.read(size)
        if len(data) < size:
            raise EOFError
        return data

    def _error_text(self) -> str:
        """The first line that the process wrote to standard error."""
        lines = self._errors.read_text(encoding="utf-8", errors="replace").splitlines()
        return lines[0].strip() if lines else ""


@contextmanager
def _protocol() -> Iterator[None]:
    """Turn what is not of the protocol into a ToolError: the program in the cache is then another one, or it is damaged."""
    try:
        yield
    except (struct.error, ValueError) as error:
        raise ToolError(f"The RTL simulation answers in another way than its protocol says: {error}.") from error


def _end(process: subprocess.Popen, held: ExitStack) -> None:
    """End a harness by the end of its input, so that it closes its files, and remove its folder, which is held."""
    with suppress(BrokenPipeError):
        process.stdin.close()
    process.stdout.close()
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:  # it was left within a long run
        process.kill()
        process.wait()
    held.close()


def built_rtl(design: Design, *, trace: bool) -> tuple[Path, dict[str, str]]:
    """The program that simulates a design, which depends on its parameters alone, and its ROM files, text by name."""
    files = render_rtl(design, observed=True)
    roms = {name: text for name, text in files.items() if name.endswith(".mem")}
    sources = {name: text for name, text in files.items() if name not in roms}
    sources[TOP_FILE] = sources[TOP_FILE].partition("\n")[2]  # the first line names the design
    sizes = {name: value for name, value in parameters(design).items() if name in HARNESS_SIZES}
    return built_program(sources, sizes=sizes, trace=trace), roms

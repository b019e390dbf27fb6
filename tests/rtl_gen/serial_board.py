"""An exported project of the ULX3S in Verilator, as a serial port whose time is counted in clocks."""

from __future__ import annotations

import hashlib
import shutil
import struct
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from datapath.build_cache import cached_build
from datapath.errors import ToolError
from datapath.programs import run
from rtl_gen.serial import SERIAL_TOP, SerialSettings
from rtl_gen.verilator import Verilator
from tests.rtl_gen.sources import HERE
from tests.rtl_gen.verilated import COMPILE, NO_WARNINGS, VERILATE

MODEL = HERE / "serial"

OPTIONS = (*VERILATE, "--x-initial", "unique")
"""The program gives registers random initial values, except where the source has one."""


def built_board(cache: Path, files: Mapping[str, str]) -> Path:
    """The program of a project's Verilog, from a folder of builds or built now; without Verilator the test skips.

    :param cache: folder of builds, which processes may share.
    :param files: of the project, text by name.
    """
    try:
        tools = Verilator.find()
    except ToolError as error:
        pytest.skip(str(error))
    sources = {name: text for name, text in files.items() if name.endswith((".sv", ".v"))}
    sources["ehxplll.v"] = (MODEL / "ehxplll.v").read_text(encoding="utf-8")
    program = MODEL / "board.cpp"
    key = repr((sorted(sources.items()), program.read_text(encoding="utf-8"), tools.digest(), OPTIONS, COMPILE))

    def build(folder: Path) -> None:
        work = folder / "work"
        work.mkdir()
        for name, text in sources.items():
            (work / name).write_text(text, encoding="utf-8")
        names = [str(work / name) for name in sources]
        options = ("--Mdir", str(work), "--top-module", SERIAL_TOP)
        run([tools.program, *OPTIONS, *NO_WARNINGS, *options, *names], variables=tools.variables)
        runtime = [tools.include / f"{name}.cpp" for name in ("verilated", "verilated_threads")]
        whole = work / "whole.cc"
        whole.write_text("".join(f'#include "{path}"\n' for path in (*sorted(work.glob("*.cpp")), *runtime, program)))
        includes = [f"-I{path}" for path in (work, tools.include, tools.include / "vltstd")]
        run([*tools.compiler, *includes, *COMPILE, str(whole), "-o", str(folder / SERIAL_TOP)])
        shutil.rmtree(work)

    return cached_build(cache, hashlib.sha256(key.encode()).hexdigest(), build) / SERIAL_TOP


class SimulatedPort:
    """The serial port of a simulated board, with the methods of pyserial's that the driver uses. Times are seconds of the
    board's clock.

    :param program: of `built_board`.
    :param folder: with the memory files of the project.
    :param settings: of the project; the host has the same rate.
    """

    def __init__(self, program: Path, folder: Path, settings: SerialSettings) -> None:
        self.timeout = 0.0
        self._hertz = 1e6 * settings.clock_mhz
        self._process = subprocess.Popen(
            [program], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self.set_baud(settings.baud)

    def set_baud(self, baud: float) -> None:
        """Another rate of the host, bit/s."""
        self._command(b"P" + struct.pack("<d", self._hertz / baud))

    def write(self, data: bytes) -> int:
        self._command(b"W" + struct.pack("<I", len(data)) + data)
        return len(data)

    def flush(self) -> None:
        """All bytes have been sent when `write` ends."""

    def read(self, size: int) -> bytes:
        self._command(b"R" + struct.pack("<IQ", size, round(self._hertz * self.timeout)))
        (count,) = struct.unpack("<I", self._process.stdout.read(4))
        return self._process.stdout.read(count)

    def reset_input_buffer(self) -> None:
        timeout, self.timeout = self.timeout, 0
        while self.read(1 << 16):
            pass
        self.timeout = timeout

    def idle(self, clocks: int) -> None:
        """Let time pass."""
        self._command(b"T" + struct.pack("<Q", clocks))

    def hold_low(self, clocks: int) -> None:
        """A low level on the line: a glitch, or a break."""
        self._command(b"B" + struct.pack("<Q", clocks))

    def press_button(self, clocks: int) -> None:
        """Press the reset button."""
        self._command(b"S" + struct.pack("<Q", clocks))

    def leds(self) -> int:
        """LED n at bit n."""
        self._command(b"L")
        return struct.unpack("<BQ", self._process.stdout.read(9))[0]

    def close(self) -> None:
        with suppress(BrokenPipeError):  # it has ended with an error, which a command has shown
            self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(60)
        self._process.stderr.close()

    def _command(self, command: bytes) -> None:
        self._process.stdin.write(command)
        self._process.stdin.flush()

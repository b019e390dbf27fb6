"""C simulation: the C++ of a design, compiled by the system's compiler with ``ap_fixed`` types.

Library, weights and constants are those of synthesis. Programs are cached by digest, so that a design is compiled once.
"""

from __future__ import annotations

import errno
import hashlib
import subprocess
from pathlib import Path

import numpy as np

from datapath.build_cache import cache_folder, cached_build
from datapath.design import Design
from datapath.errors import ToolError
from datapath.files import file_errors, os_reason
from datapath.kernel_result import KernelResult
from datapath.temporaries import scratch_folder
from hls_gen.sources import BENCH_FOLDER, SOURCE_FOLDER, TEST_BENCH, render_sources
from hls_gen.toolchain import Toolchain
from hls_gen.vectors import parse_results, render_line

FLAGS = ("-O2", "-DFOLDLINE_OBSERVE")
PROGRAM = "test_bench"


class CSimProgram:
    """The compiled test bench of a design; `run` may be called from many threads.

    :param design: what is compiled, in its folding.
    :param flags: of the compiler.
    :param cache: folder of compiled programs; None for `datapath.build_cache.cache_folder`.
    :raises ToolError: no compiler, no types, or the compiler fails.
    :raises DesignError: a limit of the design exceeds the kernel's counters.
    :raises FileError: the program cannot be written to the cache, or the cache belongs to another user.
    """

    def __init__(self, design: Design, *, flags: tuple[str, ...] = FLAGS, cache: Path | None = None) -> None:
        self.design = design
        self.program = _built(render_sources(design), Toolchain.find(), flags, cache or cache_folder("csim"))

    def run(self, columns: np.ndarray) -> KernelResult:
        """Compute one line.

        :param columns: integers [T, I], raw values of ``fixed<A, 1>``.
        :raises DataError: a pixel outside the range, or more columns than the design's limit.
        :raises ToolError: the program fails.
        :raises OSError: the temporary folder cannot be written to.
        """
        with scratch_folder("csim") as folder:
            vectors, results = folder / "vectors.txt", folder / "results.txt"
            with file_errors("write", vectors):
                vectors.write_text(render_line(columns, bits=self.design.precision.activation), encoding="ascii")
            command = [str(self.program), str(vectors), str(results)]
            try:
                done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
            except OSError as error:
                raise ToolError(f"Cannot run {self.program}: {os_reason(error)}.") from error
            if done.returncode:
                first, *others = done.stderr.strip().splitlines() or [f"status {done.returncode}"]
                if first == f"Cannot write {results}.":  # no fault of the line
                    raise OSError(errno.EIO, "the C simulation cannot write its results there", str(folder.parent))
                raise ToolError(f"The C simulation failed: {first}", details=others)
            for line in done.stdout.splitlines():
                if "WARNING" in line:  # a stream that was read while empty, or in which something was left
                    raise ToolError(f"The C simulation printed a warning: {line.strip()}")
            return parse_results(results.read_text(encoding="ascii"), self.design)[0]


def _built(sources: dict[str, str], toolchain: Toolchain, flags: tuple[str, ...], cache: Path) -> Path:
    """The program of these sources, from the cache or compiled now."""
    digest = hashlib.sha256(f"{toolchain.digest()}\n{flags}\n".encode())
    for path, text in sorted(sources.items()):
        digest.update(f"{path}\n{text}\n".encode())

    def build(folder: Path) -> None:
        units = write_sources(folder, sources)
        toolchain.compile(units, folder / PROGRAM, include=folder / SOURCE_FOLDER, flags=flags)

    return cached_build(cache, digest.hexdigest(), build, program=PROGRAM) / PROGRAM


def write_sources(folder: Path, sources: dict[str, str]) -> list[Path]:
    """Write the files of `render_sources` into a folder, made where it is missing; returns the files to compile."""
    for path, text in sources.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    return [folder / SOURCE_FOLDER / "top.cpp", folder / BENCH_FOLDER / TEST_BENCH]

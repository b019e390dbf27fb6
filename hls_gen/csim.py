"""C simulation: the C++ of a design, compiled by the system's compiler with ``ap_fixed`` types.

Library, weights and constants are those of synthesis. Programs are cached by digest, so that a design is compiled once.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import numpy as np

from datapath.design import Design
from datapath.errors import FileError, ToolError
from datapath.files import os_reason
from datapath.kernel_result import KernelResult
from hls_gen.sources import BENCH_FOLDER, SOURCE_FOLDER, TEST_BENCH, render_sources
from hls_gen.toolchain import Toolchain
from hls_gen.vectors import parse_results, render_line

FLAGS = ("-O2", "-DFOLDLINE_OBSERVE")
PROGRAM = "test_bench"
BUILDING = "building-"
STALE_SECONDS = 24 * 3600
"""Age at which an unfinished build is removed: its process was killed."""


class CSimProgram:
    """The compiled test bench of a design; `run` may be called from many threads.

    :param design: what is compiled, in its folding.
    :param flags: of the compiler.
    :param cache: folder of compiled programs; None for `cache_folder`.
    :raises ToolError: no compiler, no types, or the compiler fails.
    :raises DesignError: a limit of the design exceeds the kernel's counters.
    :raises FileError: the program cannot be written to the cache.
    """

    def __init__(self, design: Design, *, flags: tuple[str, ...] = FLAGS, cache: Path | None = None) -> None:
        self.design = design
        self.program = _built(render_sources(design), Toolchain.find(), flags, cache or cache_folder())

    def run(self, columns: np.ndarray) -> KernelResult:
        """Compute one line.

        :param columns: integers [T, I], raw values of ``fixed<A, 1>``.
        :raises DataError: a pixel outside the range, or more columns than the design's limit.
        :raises ToolError: the program fails.
        """
        with tempfile.TemporaryDirectory(prefix="foldline-csim-") as folder:
            vectors, results = Path(folder) / "vectors.txt", Path(folder) / "results.txt"
            vectors.write_text(render_line(columns, bits=self.design.precision.activation), encoding="ascii")
            command = [str(self.program), str(vectors), str(results)]
            done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
            if done.returncode:
                raise ToolError(f"The C simulation failed: {done.stderr.strip() or f'status {done.returncode}'}")
            for line in done.stdout.splitlines():
                if "WARNING" in line:  # a stream that was read while empty, or in which something was left
                    raise ToolError(f"The C simulation printed a warning: {line.strip()}")
            return parse_results(results.read_text(encoding="ascii"), self.design)[0]


def cache_folder() -> Path:
    """Folder of compiled programs: ``$XDG_CACHE_HOME/foldline/csim``, by default ``~/.cache/foldline/csim``."""
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "foldline" / "csim"


def _built(sources: dict[str, str], toolchain: Toolchain, flags: tuple[str, ...], cache: Path) -> Path:
    """The program of these sources, from the cache or compiled now."""
    digest = hashlib.sha256(f"{toolchain.digest()}\n{flags}\n".encode())
    for path, text in sorted(sources.items()):
        digest.update(f"{path}\n{text}\n".encode())
    cached = cache / digest.hexdigest()[:32]
    if (cached / PROGRAM).is_file():
        return cached / PROGRAM
    try:
        cache.mkdir(parents=True, exist_ok=True)
        _remove_stale(cache)
        with tempfile.TemporaryDirectory(dir=cache, prefix=BUILDING) as work:
            folder = Path(work) / "build"
            units = write_sources(folder, sources)
            toolchain.compile(units, folder / PROGRAM, include=folder / SOURCE_FOLDER, flags=flags)
            _publish(folder, cached)
    except OSError as error:
        raise FileError(
            f"Cannot write a build to {cache}: {os_reason(error)}; set XDG_CACHE_HOME to another folder."
        ) from error
    return cached / PROGRAM


def write_sources(folder: Path, sources: dict[str, str]) -> list[Path]:
    """Write the files of `render_sources` into a folder, made where it is missing; returns the files to compile."""
    for path, text in sources.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    return [folder / SOURCE_FOLDER / "top.cpp", folder / BENCH_FOLDER / TEST_BENCH]


def _remove_stale(cache: Path) -> None:
    for folder in cache.glob(f"{BUILDING}*"):
        with suppress(FileNotFoundError):  # its process may have finished meanwhile
            if time.time() - folder.stat().st_mtime > STALE_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)


def _publish(folder: Path, cached: Path) -> None:
    """Move a finished build into the cache; another process may have moved the same one before."""
    try:
        folder.rename(cached)
    except OSError:
        if not (cached / PROGRAM).is_file():
            raise

"""Compile time, memory and speed of C simulations: the published form of the header and Foldline's, in one run.

    python -m benchmarks.csim [--json] [--without-published]

The network is the committed W2A4 one. Compiled with -O2, each in a separate process: a file that only includes the weight
header in its published form (each ``ap_uint`` is constructed; minutes and gigabytes), the same with the header of
``export --fast-csim``, and Foldline's accelerator with its test bench. Then a line of 312 columns by that C simulation
and by the simulator, one thread each, the best of `RUNS`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.measuring import interleaved, options, show_table
from datapath import Design, Folding, fold
from fixedpoint_sim import Simulator
from foldline.golden import DEFAULT_FOLDER
from hls_gen import render_header
from hls_gen.csim import FLAGS, CSimProgram, write_sources
from hls_gen.sources import SOURCE_FOLDER, render_sources
from hls_gen.toolchain import Toolchain

NAME = "QLSTM128_W2B8A4I8_FC_W8B8"
LINE = "pixels_1"
RUNS = 5

FOLDING = Folding(pe=1, simd_input=16, simd_recurrent=64)
"""The published W2A4 network's."""

USE_OF_HEADER = """\
#include <ap_fixed.h>
#include <ap_int.h>
#include "weights_under_test.hpp"
int main() { return wfc[0][0] == wgo_hh[0][0][0][0]; }
"""


def compiled(what: str, toolchain: Toolchain, sources: list[Path], folder: Path) -> dict[str, str | float]:
    """Compile in a separate process: seconds, and the peak resident size in bytes.

    :raises SystemExit: the compiler fails.
    """
    command = toolchain.command(sources, folder / "program", include=folder, flags=FLAGS)
    began = time.perf_counter()
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{what}: the compiler failed.")
    return {"what": what, "seconds": seconds, "peak_bytes": usage.ru_maxrss * 1024}


def header_build(what: str, toolchain: Toolchain, header: str) -> dict[str, str | float]:
    """Compile a file that includes a weight header."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "weights_under_test.hpp").write_text(header)
        (folder / "use.cpp").write_text(USE_OF_HEADER)
        return compiled(what, toolchain, [folder / "use.cpp"], folder)


def measure(*, published: bool) -> dict:
    """All figures of one run."""
    design = Design.load(DEFAULT_FOLDER / "designs" / f"{NAME}.npz").refolded(FOLDING)
    toolchain = Toolchain.find()
    with tempfile.TemporaryDirectory() as name:
        units, includes = write_sources(Path(name), render_sources(design)), Path(name) / SOURCE_FOLDER
        builds = [compiled("accelerator and test bench", toolchain, units, includes)]
    network = fold(design)
    builds.append(header_build("header, --fast-csim", toolchain, render_header(network, csim_bytes=True)))
    if published:
        builds.append(header_build("header, published form", toolchain, render_header(network)))
    with np.load(DEFAULT_FOLDER / "vectors" / f"{NAME}.npz", allow_pickle=False) as vectors:
        columns = vectors[LINE]
    csim, simulator = CSimProgram(design), Simulator(design)
    if not np.array_equal(csim.run(columns).scores, simulator.run(columns).scores):
        sys.exit("The C simulation and the simulator differ.")
    seconds = {
        name: min(interleaved({"": lambda program=program: program.run(columns)}, RUNS)[""])
        for name, program in {"csim": csim, "simulator": simulator}.items()
    }
    rates = {name: len(columns) / least for name, least in seconds.items()}
    return {"compiler": " ".join(toolchain.compiler), "builds": builds, "columns_per_second": rates}


def show(measured: dict) -> None:
    first, rates = measured["builds"][0], measured["columns_per_second"]
    show_table(
        f"Compilation of {NAME} by {measured['compiler']} -O2",
        ("", "s", "/ first", "GB", "/ first"),
        (
            (
                build["what"],
                *(f"{build['seconds']:.1f}", f"{build['seconds'] / first['seconds']:.2f}"),
                *(f"{build['peak_bytes'] / 1e9:.2f}", f"{build['peak_bytes'] / first['peak_bytes']:.2f}"),
            )
            for build in measured["builds"]
        ),
    )
    print(
        f"C simulation {rates['csim']:.0f} columns/s, simulator {rates['simulator']:,.0f} columns/s, one thread each: "
        f"1 : {rates['simulator'] / rates['csim']:.0f}."
    )


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--without-published", action="store_true", help="leave out the published form (minutes, 7 GB)")
    arguments = parser.parse_args()
    measured = measure(published=not arguments.without_published)
    if arguments.json:
        print(json.dumps(measured))
    else:
        show(measured)


if __name__ == "__main__":
    main()

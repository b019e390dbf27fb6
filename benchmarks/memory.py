"""How much memory a large simulation takes: peak resident size of a process, for streams of different lengths.

    python -m benchmarks.memory [--json] [--lines N] [--threads N]

Each measurement is a process of its own, which simulates generated lines as wide as the overlay takes (732 columns of a
network with the shape of the published ones, W2A4) and writes a results file, once with every trace. The bound is 1.5
times the inputs and outputs in flight (the lines that the pool holds ahead of the reader, and the one with the reader)
plus 200 MB for Python, numpy, numba and the tables.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from benchmarks.measuring import options, show_table
from datapath import Design
from fixedpoint_sim import trace_writer
from fixedpoint_sim.simulator import LINES_AHEAD_PER_THREAD
from foldline.batch.inputs import LineInput
from foldline.batch.results import Header, SimulatedLine
from foldline.batch.results_file import ResultsFile
from foldline.batch.simulation import Simulation
from tests.designs import random_design

FACTOR, FIXED = 1.5, 200e6
COLUMNS = 732


def shape() -> Design:
    """Random weights in the shape of the published W2A4 network."""
    return random_design(0, bits=(2, 8, 4, 8, 8), inputs=32, hidden=128, classes=82, folding=(1, 4, 16))


def generated(lines: int) -> Iterator[LineInput]:
    """Lines that are made when they are asked for."""
    random = np.random.default_rng(1)
    for number in range(lines):
        yield LineInput(f"line {number}", random.integers(-8, 8, size=(COLUMNS, 32), dtype=np.int8))


def in_flight(design: Design, threads: int) -> int:
    """Bytes of all inputs and outputs that exist at one time."""
    output = COLUMNS * (2 * design.hidden + 2 * design.classes) + design.limits.labels
    return (LINES_AHEAD_PER_THREAD * threads + 2) * (COLUMNS * design.inputs + output)


def simulate_stream(lines: int, threads: int, *, traced: bool) -> int:
    """Simulate in this process; its peak resident size in bytes."""
    design = shape()
    simulate = Simulation(design=design, summaries=not traced).start(threads=threads)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        results_file = ResultsFile(Path(folder) / "out.jsonl", Header.of(design, ignore_limits=False, pixels=""))
        if traced:
            write = stack.enter_context(trace_writer(Path(folder) / "trace.npz", design.alphabet))

        def compute(inputs: Iterable[LineInput]) -> Iterator[tuple[str, SimulatedLine]]:
            for name, result in simulate(inputs):
                if traced:
                    write(result)
                yield name, SimulatedLine.of(result) if traced else result

        for _ in results_file.run(generated(lines), compute):
            pass
        if (results_file.lines, results_file.failed) != (lines, 0):
            sys.exit(f"{results_file.lines} of {lines} lines were computed, {results_file.failed} failed")
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def measure(lines: int, threads: int, *, traced: bool = False) -> dict[str, float | bool]:
    """The same in a process of its own, next to the bound."""
    arguments = ["--stream", str(lines), "--threads", str(threads), *(["--traced"] if traced else [])]
    process = subprocess.run(
        [sys.executable, "-m", "benchmarks.memory", *arguments], stdout=subprocess.PIPE, text=True, check=True
    )
    peak, flight = int(process.stdout), in_flight(shape(), threads)
    bound = FACTOR * flight + FIXED
    measured = {"peak": peak, "in_flight": flight, "bound": bound, "ratio_to_bound": peak / bound}
    return {"lines": lines, "traced": traced, **measured}


def main() -> None:
    """Print the table, or with --json one object as the last line; status 1 where a peak is above its bound."""
    parser = options(__doc__, lines=3000, threads=os.cpu_count())
    parser.add_argument("--stream", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--traced", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.stream is not None:
        print(simulate_stream(arguments.stream, arguments.threads, traced=arguments.traced))
        return
    few = max(arguments.lines // 30, 1)
    measure(1, arguments.threads)  # compiles, where nothing is cached yet
    short = measure(few, arguments.threads)
    results = [short, measure(arguments.lines, arguments.threads), measure(few, arguments.threads, traced=True)]
    for result in results:
        result["ratio_to_short"] = result["peak"] / short["peak"]
    if arguments.json:
        print(json.dumps({"threads": arguments.threads, "streams": results}))
    else:
        show(results, arguments.threads)
    sys.exit(any(result["ratio_to_bound"] > 1 for result in results))


def show(results: list[dict], threads: int) -> None:
    """Print the measurements of one run as a table."""
    show_table(
        f"Peak memory, {COLUMNS} columns per line, {threads} threads",
        ("lines", "traces", "peak MB", "in flight MB", "bound MB", "peak / bound", "peak / short run"),
        (
            (
                str(result["lines"]),
                "written" if result["traced"] else "-",
                *(f"{result[name] / 1e6:.1f}" for name in ("peak", "in_flight", "bound")),
                *(f"{result[name]:.2f}" for name in ("ratio_to_bound", "ratio_to_short")),
            )
            for result in results
        ),
    )


if __name__ == "__main__":
    main()

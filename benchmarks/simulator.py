"""How fast the simulator is: columns per second of the five published network shapes, in one run.

    python -m benchmarks.simulator [--json] [--threads N]

The plain loop is the folded-order simulator, one scalar product after the other. The board's rates are the published measurements
of a PYNQ-Z1 (one line of 520 columns). With the reference data the published weights read the UW3-500 validation lines;
without it, random weights of the same shape read random lines.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from datapath import Design, fold, image_columns
from fixedpoint_sim import simulate_folded_lines, simulate_lines
from tests.designs import random_design
from tests.golden_data import PUBLISHED, data_folder, published_network
from train.data.dataset import read_dataset

BOARD = {"W2A2": 520 / 1.29355e-3, "W2A4": 520 / 2.96678e-3, "W4A4": 520 / 2.95800e-3, "W4A8": 520 / 11.08989e-3}
"""Columns per second on a PYNQ-Z1, from the published notebooks; W8A8 was not measured."""

FLOOR = 20_000
"""Columns per second that one core must reach."""

ROUNDS = 5
SLOW_LINES = 3


def _network(name: str) -> tuple[Design, list[np.ndarray]]:
    data = data_folder()
    if data.is_dir():
        design = published_network(data, name)
        lines = read_dataset(data / "uw3-500").validation
        bits = design.precision.activation
        return design, [image_columns(line.image(), target_height=32, bits=bits) for line in lines]
    weight, activation = int(name[1]), int(name[3])
    bits = (weight, 8, activation, 8, 8)
    design = random_design(0, bits=bits, inputs=32, hidden=128, classes=82, folding=(1, 4, 16))
    random = np.random.default_rng(1)
    half = 1 << (activation - 1)
    return design, [
        random.integers(-half, half, size=(2 * length, 32)).astype(np.int8) for length in random.integers(50, 500, 100)
    ]


def _rate(run: Callable[[], object], lines: Sequence[np.ndarray], rounds: int) -> float:
    """Median columns per second over `rounds`, after one round that compiles."""
    run()
    columns = sum(map(len, lines))
    seconds = []
    for _ in range(rounds):
        began = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - began)
    return columns / statistics.median(seconds)


def measure(name: str, threads: int) -> dict[str, float | None]:
    """Rates of one network: one core, `threads` cores, and the plain loop."""
    design, lines = _network(name)
    network, few = fold(design), lines[:SLOW_LINES]

    def fast(workers: int) -> Callable[[], object]:
        return lambda: list(simulate_lines(design, lines, ignore_limits=True, threads=workers))

    plain = _rate(lambda: list(simulate_folded_lines(network, design, few, ignore_limits=True, threads=1)), few, 3)
    one, many = _rate(fast(1), lines, ROUNDS), _rate(fast(threads), lines, ROUNDS)
    board = BOARD.get(name)
    return {
        "one_core": one,
        "all_threads": many,
        "plain_loop": plain,
        "ratio_to_floor": one / FLOOR,
        "ratio_to_plain_loop": one / plain,
        "board": board,
        "ratio_to_board": many / board if board else None,
    }


def cpu_name() -> str:
    """What the system calls its processor."""
    try:
        names = re.findall(r"^model name\s*:\s*(.*)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()


def main() -> None:
    """Print the table, or with --json one object as the last line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    options = parser.parse_args()
    results = {name: measure(name, options.threads) for name in PUBLISHED}
    if options.json:
        figures = {
            "columns_per_second": {name: result["all_threads"] for name, result in results.items()},
            "ratio_to_board": {name: result["ratio_to_board"] for name, result in results.items()},
            "threads": options.threads,
            "cpu": cpu_name(),
            "networks": results,
        }
        print(json.dumps(figures))
        return
    table = Table(title=f"Columns per second, bit-exact, on {cpu_name()}")
    headings = ("network", "1 core", f"{options.threads} threads", "plain loop", "PYNQ-Z1")
    for heading in (*headings, "/ 20 000", "/ plain loop", "/ PYNQ-Z1"):
        table.add_column(heading, justify="right")
    for name, result in results.items():
        board, ratio = result["board"], result["ratio_to_board"]
        table.add_row(
            name,
            f"{result['one_core']:,.0f}",
            f"{result['all_threads']:,.0f}",
            f"{result['plain_loop']:,.0f}",
            "-" if board is None else f"{board:,.0f}",
            f"{result['ratio_to_floor']:.2f}",
            f"{result['ratio_to_plain_loop']:.1f}",
            "-" if ratio is None else f"{ratio:.2f}",
        )
    Console(width=100).print(table)


if __name__ == "__main__":
    main()

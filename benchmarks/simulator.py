"""How fast the simulator is: columns per second of the five published network shapes, in one run.

    python -m benchmarks.simulator [--json] [--threads N]

The plain loop is the folded-order simulator, one scalar product after the other. The board's rates are the published
measurements of a PYNQ-Z1 (one line of 520 columns). With the reference data the published weights read the UW3-500
validation lines; without it, random weights of the same shape read random lines.
"""

from __future__ import annotations

import json
import os
import statistics
from collections.abc import Callable, Sequence

import numpy as np

from benchmarks.measuring import cpu_name, interleaved, options, show_table
from datapath import Design, fold, image_columns, published
from fixedpoint_sim import simulate_folded_lines, simulate_lines
from tests.designs import random_design
from tests.golden_data import PUBLISHED, data_folder, published_network
from train.data.dataset import read_dataset

BOARD = {overlay.name: overlay.columns_per_second for overlay in published.PUBLISHED}
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
    random, half = np.random.default_rng(1), 1 << (activation - 1)
    lengths = 2 * random.integers(50, 500, 100)
    return design, [random.integers(-half, half, size=(length, 32)).astype(np.int8) for length in lengths]


def _rate(run: Callable[[], object], lines: Sequence[np.ndarray], rounds: int) -> float:
    """Median columns per second over `rounds`."""
    return sum(map(len, lines)) / statistics.median(interleaved({"": run}, rounds)[""])


def measure(name: str, threads: int) -> dict[str, float | None]:
    """Rates of one network: one core, `threads` cores, and the plain loop."""
    design, lines = _network(name)
    network, few = fold(design), lines[:SLOW_LINES]

    def vectorised(workers: int) -> Callable[[], object]:
        return lambda: list(simulate_lines(design, lines, ignore_limits=True, threads=workers))

    plain = _rate(lambda: list(simulate_folded_lines(network, design, few, ignore_limits=True, threads=1)), few, 3)
    one, many = _rate(vectorised(1), lines, ROUNDS), _rate(vectorised(threads), lines, ROUNDS)
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


def main() -> None:
    """Print the table, or with --json one object as the last line."""
    arguments = options(__doc__, threads=os.cpu_count()).parse_args()
    results = {name: measure(name, arguments.threads) for name in PUBLISHED}
    if arguments.json:
        per_network = ("all_threads", "columns_per_second"), ("ratio_to_board", "ratio_to_board")
        figures = {title: {name: one[key] for name, one in results.items()} for key, title in per_network}
        print(json.dumps({**figures, "threads": arguments.threads, "cpu": cpu_name(), "networks": results}))
        return
    rates = ("one_core", "all_threads", "plain_loop", "board")
    ratios = {"ratio_to_floor": 2, "ratio_to_plain_loop": 1, "ratio_to_board": 2}
    show_table(
        f"Columns per second, bit-exact, on {cpu_name()}",
        (
            "",
            "1 core",
            f"{arguments.threads} threads",
            "plain loop",
            "PYNQ-Z1",
            "/ 20 000",
            "/ plain loop",
            "/ PYNQ-Z1",
        ),
        (
            (
                name,
                *("-" if result[key] is None else f"{result[key]:,.0f}" for key in rates),
                *("-" if result[key] is None else f"{result[key]:.{digits}f}" for key, digits in ratios.items()),
            )
            for name, result in results.items()
        ),
    )


if __name__ == "__main__":
    main()

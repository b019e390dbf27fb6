"""How long the exact search over foldings takes: every folding of the full-size network, modelled, estimated, compared.

    python -m benchmarks.exploration [--json] [--runs 5]

For each kernel and each published network: the number of foldings, those that fit a PYNQ-Z2, those on the front, and the
seconds of `folding_front`, best of some runs in this process, one thread. Beside it the seconds that the comparison alone
takes, and how many times longer the same comparison takes as a plain loop over all pairs.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np

from datapath.manifest import Kernel
from datapath.published import PUBLISHED, PublishedOverlay
from foldline.console.text import plain_table
from foldline.foldings.enumeration import enumerate_foldings, folding_front, folding_point
from foldline.foldings.pareto import pareto_front
from hls_gen.boards import load_board

BOARD = load_board("pynq-z2")


@dataclass(frozen=True, kw_only=True)
class Search:
    """One network on one kernel. `seconds` is all of it, `front_seconds` the comparison, of those that fit."""

    network: str
    kernel: str
    foldings: int
    fitting: int
    front: int
    seconds: float
    front_seconds: float
    plain_over_front: float

    @property
    def cells(self) -> tuple[str, ...]:
        return (
            f"{self.network}, {self.kernel}",
            *(str(number) for number in (self.foldings, self.fitting, self.front)),
            f"{self.seconds:.2f}",
            f"{1e6 * self.seconds / self.foldings:.0f}",
            f"{1000 * self.front_seconds:.1f}",
            f"{self.plain_over_front:.0f}",
        )


def best_of(runs: int, what: Callable[[], object]) -> float:
    """Seconds of the fastest run."""
    times = []
    for _ in range(runs):
        began = time.perf_counter()
        what()
        times.append(time.perf_counter() - began)
    return min(times)


def plain_front(rows: list[tuple[float, ...]]) -> list[int]:
    """What `pareto_front` gives, by its definition."""
    kept = []
    for number, row in enumerate(rows):
        dominated = any(other != row and all(a <= b for a, b in zip(other, row, strict=True)) for other in rows)
        if not dominated and row not in rows[:number]:
            kept.append(number)
    return kept


def search(overlay: PublishedOverlay, kernel: Kernel, runs: int) -> Search:
    architecture = overlay.architecture
    front = folding_front(architecture, BOARD, kernel)
    points = (
        folding_point(architecture.refolded(folding), BOARD, kernel, clock_mhz=BOARD.clock_mhz)
        for folding in enumerate_foldings(architecture, kernel)
    )
    rows = [point.costs for point in points if point.fits]
    costs = np.array(rows)
    if plain_front(rows) != pareto_front(costs).tolist():
        raise SystemExit(f"{overlay.name}, {kernel.value}: the front is not that of the plain loop.")
    front_seconds = best_of(runs, lambda: pareto_front(costs))
    return Search(
        network=overlay.name,
        kernel=kernel.value,
        foldings=front.enumerated,
        fitting=len(rows),
        front=len(front.points),
        seconds=best_of(runs, lambda: folding_front(architecture, BOARD, kernel)),
        front_seconds=front_seconds,
        plain_over_front=best_of(1, lambda: plain_front(rows)) / front_seconds,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the table")
    parser.add_argument("--runs", type=int, default=5, help="take the fastest of so many")
    arguments = parser.parse_args()
    found = [search(overlay, kernel, arguments.runs) for kernel in Kernel for overlay in PUBLISHED]
    if arguments.json:
        print(
            json.dumps(
                {"machine": platform.machine(), "runs": arguments.runs, "searches": [asdict(one) for one in found]}
            )
        )
        return
    headings = ("network, kernel", "foldings", "fit", "front", "s", "µs each", "front ms", "plain loop / front")
    for line in plain_table([headings, *(one.cells for one in found)], text_columns=1):
        print(line)


if __name__ == "__main__":
    main()

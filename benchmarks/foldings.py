"""How long the exact search over foldings takes: every folding of the full-size network, modelled, estimated, compared.

    python -m benchmarks.foldings [--json] [--runs 5]

For each kernel and each published network: the number of foldings, those that fit a PYNQ-Z2, those on the front, and the
seconds of `folding_front`, best of some runs in this process, one thread. Beside it the seconds that the comparison alone
takes, and how many times longer the same comparison takes as a plain loop over all pairs.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

import numpy as np

from benchmarks.measuring import cpu_name, interleaved, options, seconds_of, show_table
from datapath.manifest import Kernel
from datapath.published import PUBLISHED, PublishedOverlay
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
    searches = {"all": lambda: folding_front(architecture, BOARD, kernel), "front": lambda: pareto_front(costs)}
    seconds = {name: min(times) for name, times in interleaved(searches, runs).items()}
    return Search(
        network=overlay.name,
        kernel=kernel.value,
        foldings=front.enumerated,
        fitting=len(rows),
        front=len(front.points),
        seconds=seconds["all"],
        front_seconds=seconds["front"],
        plain_over_front=seconds_of(lambda: plain_front(rows)) / seconds["front"],
    )


def main() -> None:
    """Print the table, or with --json one object."""
    arguments = options(__doc__, runs=5).parse_args()
    found = [search(overlay, kernel, arguments.runs) for kernel in Kernel for overlay in PUBLISHED]
    if arguments.json:
        print(json.dumps({"cpu": cpu_name(), "runs": arguments.runs, "searches": [asdict(one) for one in found]}))
        return
    headings = ("", "foldings", "fit", "front", "s", "µs each", "front ms", "plain loop / front")
    show_table("Exact search over all foldings, one thread", headings, (one.cells for one in found))


if __name__ == "__main__":
    main()

"""How long the exact search over foldings takes: every folding of the full-size network, modelled, estimated, compared.

    python -m benchmarks.foldings [--json] [--runs 5]

For each kernel and each published network: the number of foldings, those that fit a PYNQ-Z2, those on the front, and the
seconds of `folding_front`, best of some runs in this process, one thread. Beside it the seconds that the comparison alone
takes, and how many times longer the same comparison takes as a plain loop over all pairs.
"""

from __future__ import annotations

import json

import numpy as np

from benchmarks.measuring import cpu_name, interleaved, options, seconds_of, show_table
from datapath.boards import load_board
from datapath.manifest import Kernel
from datapath.published import PUBLISHED, PublishedOverlay
from foldline.foldings.enumeration import enumerate_foldings, folding_front, folding_point
from foldline.foldings.pareto import pareto_front

BOARD = load_board("pynq-z2")


def plain_front(rows: list[tuple[float, ...]]) -> list[int]:
    """What `pareto_front` gives, by its definition."""
    kept = []
    for number, row in enumerate(rows):
        dominated = any(other != row and all(a <= b for a, b in zip(other, row, strict=True)) for other in rows)
        if not dominated and row not in rows[:number]:
            kept.append(number)
    return kept


def search(overlay: PublishedOverlay, kernel: Kernel, runs: int) -> dict[str, str | float]:
    """One network on one kernel: `seconds` is all of it, `front_seconds` the comparison, of those that fit."""
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
    return {
        "network": overlay.name,
        "kernel": kernel.value,
        "foldings": front.enumerated,
        "fitting": len(rows),
        "front": len(front.points),
        "seconds": seconds["all"],
        "front_seconds": seconds["front"],
        "plain_over_front": seconds_of(lambda: plain_front(rows)) / seconds["front"],
    }


def main() -> None:
    """Print the table, or with --json one object."""
    arguments = options(__doc__, runs=5).parse_args()
    found = [search(overlay, kernel, arguments.runs) for kernel in Kernel for overlay in PUBLISHED]
    if arguments.json:
        print(json.dumps({"cpu": cpu_name(), "runs": arguments.runs, "searches": found}))
        return
    headings = ("", "foldings", "fit", "front", "s", "µs each", "front ms", "plain loop / front")
    rows = (
        (
            f"{one['network']}, {one['kernel']}",
            *(str(one[count]) for count in ("foldings", "fitting", "front")),
            f"{one['seconds']:.2f}",
            f"{1e6 * one['seconds'] / one['foldings']:.0f}",
            f"{1000 * one['front_seconds']:.1f}",
            f"{one['plain_over_front']:.0f}",
        )
        for one in found
    )
    show_table("Exact search over all foldings, one thread", headings, rows)


if __name__ == "__main__":
    main()

"""The clock that open tools reach: the four trained networks in two foldings, placed and routed on an ECP5.

    python -m benchmarks.routing [--json] [--seeds N] [NETWORK ...]

Each design is the project that ``foldline export --target ecp5`` writes: the accelerator behind its serial port, on an
LFE5U-85F of speed grade 6, for 100 MHz. Seeds are tried from 1 on until one reaches that, and all are printed. A run takes
5 to 20 minutes of one core; results are cached as those of ``foldline synth --place`` are, so an interrupted benchmark goes
on where it was.

No figure is of a Zynq or of a vendor's tool.
"""

from __future__ import annotations

import json
import sys

from benchmarks.measuring import options, show_table, synthesised
from datapath import Design
from datapath.design import Folding
from foldline.hardware.synthesis import Gates, gates_of

NETWORKS = ("W2B8A2", "W2B8A4", "W4B8A4", "W4B8A8")
FOLDINGS = (
    Folding(pe=1, simd_input=8, simd_recurrent=32, pe_out=1),
    Folding(pe=2, simd_input=16, simd_recurrent=64, pe_out=1),
)
WANTED_MHZ = 100


def routed(design: Design, seeds: int) -> list[Gates]:
    """The design placed with seeds 1, 2, ... until one reaches `WANTED_MHZ`, `seeds` of them at most."""
    found: list[Gates] = []
    for seed in range(1, seeds + 1):
        found.append(gates_of(design, target="ecp5", placed=True, seed=seed, progress=note))
        if found[-1].placement.fmax_mhz >= WANTED_MHZ:
            break
    return found


def note(what: str) -> None:
    """Show what runs now, if stderr is a terminal."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{what}", end="", file=sys.stderr, flush=True)


def row(network: str, found: list[Gates]) -> dict[str, object]:
    """One design: its gates, the clock with each seed, and the worst path with the best one."""
    best = max(found, key=lambda gates: gates.placement.fmax_mhz)
    path, used = best.placement.worst_path, best.placement.used
    return {
        "network": network,
        "folding": str(best.design.folding),
        "luts": used["TRELLIS_COMB"][0],
        "ffs": used["TRELLIS_FF"][0],
        "blocks": used["DP16KD"][0],
        "multipliers": used["MULT18X18D"][0],
        "fmax_mhz": {gates.placement.seed: round(gates.placement.fmax_mhz, 2) for gates in found},
        "best_mhz": round(best.placement.fmax_mhz, 2),
        "reached": best.placement.fmax_mhz >= WANTED_MHZ,
        "worst_path": {"from": path.start, "to": path.end, "ns": path.nanoseconds, "routing_ns": path.routing},
        "tools": {tool.name: tool.version for tool in (best.synthesis.yosys, best.placement.nextpnr)},
    }


def main() -> None:
    """Route all designs and print them."""
    parser = options(__doc__, seeds=3)
    parser.add_argument("networks", nargs="*", metavar="NETWORK", help=f"of {', '.join(NETWORKS)} [default: all]")
    asked = parser.parse_args()
    rows = []
    for folding in FOLDINGS:
        for name in asked.networks or NETWORKS:
            rows.append(row(name, routed(synthesised(f"{name}I8", folding), asked.seeds)))
            print(f"{name} {folding}: {rows[-1]['fmax_mhz']} MHz by seed", file=sys.stderr, flush=True)
    if asked.json:
        print(json.dumps({"rows": rows}))
        return
    headings = ("", "PE, SIMD, PE_OUT", "LUT4", "FF", "DP16KD", "MULT18", "MHz by seed", "ns", "from", "to")
    show_table("Routed on an LFE5U-85F-6: open flow, not Zynq", headings, map(cells, rows), width=160)


def cells(one: dict[str, object]) -> tuple[str, ...]:
    """A design as a row of the table."""
    path, clocks = one["worst_path"], ", ".join(f"{seed}: {mhz}" for seed, mhz in one["fmax_mhz"].items())
    figures = (str(one[name]) for name in ("luts", "ffs", "blocks", "multipliers"))
    return (one["network"], one["folding"], *figures, clocks, f"{path['ns']}", path["from"], path["to"])


if __name__ == "__main__":
    main()

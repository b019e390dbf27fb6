"""Cycles of the RTL in simulation against the folding's limit, the HLS kernel's model and the published times, in one run;
and how fast the RTL is simulated.

    python -m benchmarks.rtl [--json]

Each included trained network reads one line of random pixels, as wide as the published measurements', at its published
folding and at a faster one, of `FASTER`. Every hidden word, score, label and cycle is compared
with the simulator and the count of cycles. Steady are the clocks between the hidden outputs of one column and the next, in
the second half of the line.
"""

from __future__ import annotations

import json
import sys
from dataclasses import astuple

import numpy as np

from benchmarks.measuring import cpu_name, interleaved, options, show_table
from datapath import Design
from datapath.architecture import Architecture
from datapath.cycles import cycles_of
from datapath.design import Folding
from datapath.formats import unit_format
from datapath.manifest import Kernel
from datapath.published import COLUMNS, published_overlay
from fixedpoint_sim import Simulator
from foldline.golden import DEFAULT_FOLDER
from foldline.hardware.rtl import RtlSimulator
from hls_gen.csim import CSimProgram
from rtl_gen.program import RtlProgram

FASTER = {
    "W2B8A2I8": Folding(pe=4, simd_input=32, simd_recurrent=128, pe_out=2),
    "W2B8A4I8": Folding(pe=8, simd_input=8, simd_recurrent=32, pe_out=2),
    "W4B8A4I8": Folding(pe=16, simd_input=2, simd_recurrent=8, pe_out=2),
    "W4B8A8I8": Folding(pe=8, simd_input=2, simd_recurrent=8, pe_out=1),
}
"""A folding of each network that is faster than the published one, and fits a PYNQ-Z2 by the estimates of the kernels
`hls` and `rtl`."""
RUNS = 3


def random_line(design: Design) -> np.ndarray:
    """Random pixels, int8 [COLUMNS, I], over the whole range."""
    pixel = unit_format(design.precision.activation)
    return np.random.default_rng(0).integers(pixel.min, pixel.max, (COLUMNS, design.inputs), np.int8, endpoint=True)


def limit(architecture: Architecture) -> int:
    """Clocks per column that the folding allows: 2 (H / PE) folds, 2 ceil(C / PE_OUT), or the words of a column."""
    stages = {stage.key: stage.cycles_per_column for stage in cycles_of(architecture, Kernel.RTL).stages}
    return max(2 * architecture.unit_blocks * architecture.steps, 2 * architecture.class_blocks, stages["dma_in"])


def measure(design: Design, which: str) -> dict[str, object]:
    """One network at one folding: clocks per column, simulated and modelled, and rates of the simulations.

    :raises SystemExit: the RTL differs from the simulator, or from the count of cycles.
    """
    columns, architecture = random_line(design), Architecture.of(design)
    trace = RtlSimulator(design).run(columns, ignore_limits=True)
    if trace.mismatch:
        sys.exit(trace.mismatch)
    rtl, csim, simulator = RtlProgram(design), CSimProgram(design), Simulator(design)
    clocks = rtl.line(columns).hidden_clocks[COLUMNS // 2 :, 0]
    few = columns[: COLUMNS // 8]
    seconds = {
        "rtl": interleaved({"": lambda: rtl.run(columns)}, RUNS)[""],
        "csim": interleaved({"": lambda: csim.run(few)}, RUNS)[""],
        "simulator": interleaved({"": lambda: simulator.run(columns, ignore_limits=True)}, RUNS)[""],
    }
    lengths = {"rtl": len(columns), "csim": len(few), "simulator": len(columns)}
    overlay = published_overlay(architecture)
    same = overlay is not None and overlay.architecture.folding == design.folding
    return {
        "network": f"W{design.precision.weight}A{design.precision.activation}",
        "which": which,
        "folding": ", ".join(str(one) for one in astuple(design.folding)),
        "limit": limit(architecture),
        "steady": float(clocks[-1] - clocks[0]) / (len(clocks) - 1),
        "line": trace.cycles.line / COLUMNS,
        "hls": cycles_of(architecture, Kernel.HLS).per_column(COLUMNS),
        "published": overlay.cycles_per_column if same else None,
        "columns_per_second": {name: lengths[name] / min(times) for name, times in seconds.items()},
    }


def foldings(design: Design) -> dict[str, Folding]:
    """The published folding of a network of these dimensions, and a faster one.

    :param design: one of `FASTER`.
    """
    overlay = published_overlay(Architecture.of(design))
    if overlay is None:
        sys.exit(f"{design.experiment} has no published overlay.")
    (faster,) = (folding for name, folding in FASTER.items() if name in str(design.experiment))
    return {"published": overlay.architecture.folding, "faster": faster}


def rows() -> list[dict[str, object]]:
    """All networks at both foldings."""
    found = []
    for name in FASTER:
        design = Design.load(DEFAULT_FOLDER / "designs" / f"QLSTM128_{name}_FC_W8B8.npz")
        found += [measure(design.refolded(folding), which) for which, folding in foldings(design).items()]
    return found


def show(found: list[dict[str, object]]) -> None:
    show_table(
        f"Clocks per column, a line of {COLUMNS} columns",
        (
            "network",
            "PE, SIMDs, PE_OUT",
            "limit",
            "steady",
            "/ limit",
            "line",
            "HLS model",
            "/ line",
            "published",
            "/ line",
        ),
        (
            (
                *(row["network"], row["folding"]),
                *(f"{row['limit']}", f"{row['steady']:.3f}", f"{row['steady'] / row['limit']:.3f}"),
                *(f"{row['line']:.1f}", f"{row['hls']:.1f}", f"{row['hls'] / row['line']:.2f}"),
                *(("", "") if row["published"] is None else _published(row)),
            )
            for row in found
        ),
    )
    show_table(
        f"Simulated columns/s of one line, one process each, best of {RUNS}, {cpu_name()}",
        ("network", "folding", "RTL", "C simulation", "RTL / C", "simulator", "simulator / RTL"),
        (
            (
                *(row["network"], row["which"], f"{rates['rtl']:,.0f}", f"{rates['csim']:,.0f}"),
                *(f"{rates['rtl'] / rates['csim']:.1f}", f"{rates['simulator']:,.0f}"),
                f"{rates['simulator'] / rates['rtl']:.0f}",
            )
            for row in found
            for rates in (row["columns_per_second"],)
        ),
    )


def _published(row: dict[str, object]) -> tuple[str, str]:
    return f"{row['published']:.1f}", f"{row['published'] / row['line']:.2f}"


def main() -> None:
    arguments = options(__doc__).parse_args()
    found = rows()
    if arguments.json:
        print(json.dumps(found))
    else:
        show(found)


if __name__ == "__main__":
    main()

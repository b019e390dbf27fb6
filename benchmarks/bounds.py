"""What narrow sums save: look-up tables, flip-flops and block RAM with sums of 16 bits, and with those that a design needs.

    python -m benchmarks.bounds [--target xc7|ecp5] [--json]

Each network of `benchmarks/designs` is synthesised with yosys twice at PE 2, SIMD 16 and 64, PE_OUT 1: as it is, and with
the most negative weights in one gate of one unit and in one class. Their sums can wrap, so all sums have 16 bits. Nothing
else differs. 8 syntheses of some 30 seconds each; finished ones are cached.
"""

from __future__ import annotations

import json
from dataclasses import asdict, replace

from benchmarks.measuring import options, show_table, synthesised
from datapath import Design
from datapath.bounds import SumWidths
from datapath.design import Folding
from datapath.formats import unit_format
from rtl_gen.synthesis.counting import Counts
from rtl_gen.synthesis.flow import synthesise

NETWORKS = ("W2B8A2I8", "W2B8A4I8", "W4B8A4I8", "W4B8A8I8")
FOLDING = Folding(pe=2, simd_input=16, simd_recurrent=64, pe_out=1)
COUNTED = {"luts": "LUT", "ffs": "FF", "bram36": "BRAM36"}


def widest(design: Design) -> Design:
    """The design with the most negative weights in one gate of one unit and in one class: its sums need 16 bits.

    :param design: with at least 128 hidden outputs, so that sums of weights of -1 exceed 16 bits.
    :raises SystemExit: its sums still need fewer.
    """
    arrays = {name: getattr(design, name).copy() for name in ("weights_input", "weights_recurrent", "fc_weights")}
    for name in ("weights_input", "weights_recurrent"):
        arrays[name][0, 0, 0] = unit_format(design.precision.weight).min
    arrays["fc_weights"][:, 1] = unit_format(design.precision.fc_weight).min
    changed = replace(design, **arrays)
    if SumWidths.of(changed) != SumWidths():
        raise SystemExit(f"Sums of {design.experiment} do not reach 16 bits.")
    return changed


def measure(name: str, target: str) -> dict[str, object]:
    """Widths of the sums of a network, and counts with all sums of 16 bits and with these.

    :param name: of `NETWORKS`.
    :param target: as in `rtl_gen.synthesis.flow.synthesise`.
    """
    design = synthesised(name, FOLDING)
    counts: dict[str, Counts] = {
        "16 bits": synthesise(widest(design), target).total,
        "as needed": synthesise(design, target).total,
    }
    return {
        "network": name,
        "widths": asdict(SumWidths.of(design)),
        **{which: {key: getattr(found, key) for key in COUNTED} for which, found in counts.items()},
    }


def cells(result: dict) -> tuple[str, ...]:
    """A row of the table: of each count both values and the difference.

    :param result: of `measure`.
    """
    before, after = result["16 bits"], result["as needed"]
    pairs = (f"{before[key]:.10g} {after[key]:.10g} {100 * (after[key] / before[key] - 1):+.1f} %" for key in COUNTED)
    return (result["network"], *map(str, result["widths"].values()), *pairs)


def main() -> None:
    """Synthesise all designs and print what differs."""
    parser = options(__doc__)
    parser.add_argument("--target", choices=["xc7", "ecp5"], default="xc7")
    arguments = parser.parse_args()
    results = [measure(name, arguments.target) for name in NETWORKS]
    if arguments.json:
        print(json.dumps({"target": arguments.target, "folding": asdict(FOLDING), "networks": results}))
        return
    headings = ("", "gate sums, bits", "half scores", "scores", *COUNTED.values())
    title = f"{arguments.target}, {FOLDING}: with sums of 16 bits, as needed, difference"
    show_table(title, headings, map(cells, results), width=120)


if __name__ == "__main__":
    main()

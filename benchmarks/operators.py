"""Look-up tables of single operations on a 7-series part: small Verilog modules, synthesised by yosys.

    python -m benchmarks.operators [--output hls_gen/resources/operators.json]

Each operation of the datapath is a separate module, synthesised by ``synth_xilinx -family xc7 -nodsp`` with the hierarchy
preserved, so that one run of yosys measures many: products of all widths, exact and rounded, one adder of a pipelined
tree, multiplexers, and the parts of the LSTM cell. `hls_gen.resources` estimates designs from these counts. Takes some
minutes; needs yosys (Debian package ``yosys``).

The count of a large product varies by some percent with the other modules of a run. So each operation is measured in
`RUNS` runs, shuffled by fixed seeds; the table has the counts of all runs, and the cells of the median.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.progress import track

from datapath.files import write_text
from datapath.tables import SIGMOID, TANH

FLOW = "synth_xilinx -family xc7 -noiopad -noclkbuf -nodsp -top top"
OUTPUT = Path(__file__).parents[1] / "hls_gen" / "resources" / "operators.json"
RUNS, GROUP = 5, 42
"""Runs in which each operation is measured, and modules of one run of yosys."""

WIDTHS, PEEPHOLE_WIDTHS = range(1, 9), range(1, 17)
ADDER_BITS = range(1, 17)
CHOICES = range(2, 33)
DECLARATIONS = re.compile(r"(input|output)(?: reg)?(?: signed)?( \[\d+:\d+\])? ([\w, ]+?)(?=, input|, output|$)")
"""Ports of a module: direction, range, names."""

FRACTION = 8
"""Fraction bits of every 16-bit value of the datapath."""


@dataclass(frozen=True, kw_only=True)
class Operator:
    """One operation: the key of its entry in the table, its ports and its body in Verilog."""

    key: str
    ports: str
    body: str

    @property
    def module(self) -> str:
        """Its name in Verilog."""
        return re.sub(r"\W", "_", self.key)

    @property
    def verilog(self) -> str:
        return f"module {self.module}({self.ports});\n{self.body}\nendmodule\n"


def products() -> Iterator[Operator]:
    """Signed products of all widths, exact and, where they have more than 8 fraction bits, rounded to those."""
    for a in WIDTHS:
        for w in WIDTHS:
            ports = f"input signed [{a - 1}:0] a, input signed [{w - 1}:0] w"
            bits, dropped = a + w, a + w - 2 - FRACTION
            yield Operator(
                key=f"product {a}x{w}", ports=f"{ports}, output signed [{bits - 1}:0] y", body="assign y = a * w;"
            )
            if dropped > 0:
                for mode in ("rnd_zero", "rnd_conv"):
                    yield Operator(
                        key=f"product {a}x{w} {mode}",
                        ports=f"{ports}, output signed [{bits - dropped - 1}:0] y",
                        body=f"wire signed [{bits - 1}:0] p = a * w;\n" + rounding("p", dropped, mode),
                    )


def rounding(name: str, dropped: int, mode: str) -> str:
    """Verilog that drops low bits: to nearest, ties toward zero or to even; y takes the result and cannot overflow."""
    half = f"{name}[{dropped - 1}]"
    below = f"|{name}[{dropped - 2}:0]" if dropped > 1 else "1'b0"
    tie = f"($signed({name}) < 0)" if mode == "rnd_zero" else f"{name}[{dropped}]"
    return f"assign y = ({name} >>> {dropped}) + $signed({{1'b0, {half} & ({below} | {tie})}});"


def adders() -> Iterator[Operator]:
    """An adder of a pipelined tree, its result in a register; trees and dot products to compare sums of parts with."""
    for bits in ADDER_BITS:
        yield Operator(
            key=f"adder {bits}",
            ports=f"input c, input signed [{bits - 1}:0] a, b, output reg signed [{bits}:0] y",
            body="always @(posedge c) y <= a + b;",
        )
    for bits in (4, 8):
        yield tree(terms=16, bits=bits)
    for a, w in ((4, 2), (4, 4)):
        yield dot(terms=8, a=a, w=w)


def dot(*, terms: int, a: int, w: int) -> Operator:
    """Products with a register behind each, and the tree that adds them."""
    summed = tree(terms=terms, bits=a + w)
    left, right = (", ".join(f"{letter}{n}" for n in range(terms)) for letter in "aw")
    lines = [f"always @(posedge c) x[{n * (a + w)} +: {a + w}] <= a{n} * w{n};" for n in range(terms)]
    result = summed.ports[summed.ports.index("output") :]
    return Operator(
        key=f"dot {terms} of {a}x{w}",
        ports=f"input c, input signed [{a - 1}:0] {left}, input signed [{w - 1}:0] {right}, {result}",
        body="\n".join([f"reg [{terms * (a + w) - 1}:0] x;", *lines, summed.body]),
    )


def tree(*, terms: int, bits: int) -> Operator:
    """A pipelined tree of adders, each one bit wider than its operands, a register after each."""
    lines = [f"wire signed [{bits - 1}:0] s0_{n} = x[{n * bits} +: {bits}];" for n in range(terms)]
    level, count = 0, terms
    while count > 1:
        level, count = level + 1, count // 2
        for n in range(count):
            lines.append(
                f"reg signed [{bits + level - 1}:0] s{level}_{n}; "
                f"always @(posedge c) s{level}_{n} <= s{level - 1}_{2 * n} + s{level - 1}_{2 * n + 1};"
            )
    lines.append(f"assign y = s{level}_0;")
    return Operator(
        key=f"tree {terms}x{bits}",
        ports=f"input c, input [{terms * bits - 1}:0] x, output signed [{bits + level - 1}:0] y",
        body="\n".join(lines),
    )


def selections() -> Iterator[Operator]:
    """Multiplexers of n bits."""
    for count in CHOICES:
        yield Operator(
            key=f"choice {count}",
            ports=f"input [{count - 1}:0] x, input [{(count - 1).bit_length() - 1}:0] n, output y",
            body="assign y = x[n];",
        )


def cell() -> Iterator[Operator]:
    """Parts of the LSTM cell: tables, clipping of their indexes, narrowing of products, saturating sums."""
    for name, table, bits in (("sigmoid", SIGMOID, 7), ("tanh", TANH, 8)):
        yield Operator(
            key=f"clip {name}",
            ports="input signed [15:0] a, input [7:0] scaled, output [11:0] o, output reg [7:0] y",
            body=f"""\
wire [11:0] offset = a + {table.bound};
assign o = offset;
always @* if (a <= -{table.bound}) y = 0; else if (a >= {table.bound}) y = 255; else y = scaled;""",
        )
        cases = " ".join(f"{n}: y = {int(entry) & (1 << bits) - 1};" for n, entry in enumerate(table.entries))
        yield Operator(
            key=f"table {name}",
            ports=f"input [7:0] n, output reg [{bits - 1}:0] y",
            body=f"always @* case (n) {cases} endcase",
        )
    for name, bits, shift in (("input", 16, 4), ("forget", 24, 6)):
        yield narrowing(f"narrow {name}", bits=bits, shift=shift, kept=16)
    for width in WIDTHS:
        yield narrowing(f"narrow output {width}", bits=16, shift=13 - width, kept=width)
    for width in PEEPHOLE_WIDTHS:
        yield Operator(
            key=f"peephole {width}",
            ports=f"input signed [15:0] a, input signed [{width - 1}:0] w, output signed [{15 + width}:0] y",
            body="assign y = a * w;",
        )
        yield narrowing(f"narrow peephole {width}", bits=16 + width, shift=width - 1, kept=16)
    yield Operator(
        key="product 8x7 unsigned",
        ports="input signed [7:0] a, input [6:0] w, output signed [14:0] y",
        body="assign y = a * $signed({1'b0, w});",
    )
    yield Operator(
        key="saturating sum",
        ports="input signed [15:0] a, b, output signed [15:0] y",
        body="wire signed [16:0] p = a + b;\n" + saturation("p", 17, 16),
    )
    yield Operator(
        key="maximum",
        ports="input signed [15:0] a, b, input [7:0] i, j, output signed [15:0] y, output [7:0] k",
        body="wire more = a > b;\nassign y = more ? a : b;\nassign k = more ? i : j;",
    )


def narrowing(key: str, *, bits: int, shift: int, kept: int) -> Operator:
    """Narrowing of a product of `bits` bits: rounding to even by `shift` bits, saturation to `kept` bits."""
    rounded = f"wire signed [{bits - shift}:0] r;\n" + rounding("p", shift, "rnd_conv").replace("assign y", "assign r")
    return Operator(
        key=key,
        ports=f"input signed [{bits - 1}:0] p, output signed [{kept - 1}:0] y",
        body=(rounded if shift else f"wire signed [{bits}:0] r = p;") + "\n" + saturation("r", bits - shift + 1, kept),
    )


def saturation(name: str, width: int, kept: int) -> str:
    """Verilog that clamps a signed value to `kept` bits."""
    top = f"{name}[{width - 1}:{kept - 1}]"
    clamped = f"{{{name}[{width - 1}], {{{kept - 1}{{~{name}[{width - 1}]}}}}}}" if kept > 1 else f"{name}[{width - 1}]"
    return f"assign y = (&{top} | ~|{top}) ? {name}[{kept - 1}:0] : {clamped};"


def operators() -> tuple[Operator, ...]:
    """All operations, in the order of the table."""
    return (*products(), *adders(), *selections(), *cell())


def groups() -> Iterator[tuple[Operator, ...]]:
    """Operations of each run of yosys; every operation is in `RUNS` of them."""
    for seed in range(RUNS):
        every = list(operators())
        random.Random(seed).shuffle(every)
        for first in range(0, len(every), GROUP):
            yield tuple(every[first : first + GROUP])


def look_up_tables(cells: Mapping[str, int]) -> int:
    """LUT1 to LUT6, each counted once."""
    return sum(count for cell, count in cells.items() if cell.startswith("LUT"))


def measured(chosen: Sequence[Operator]) -> dict[str, dict[str, int]]:
    """Cells by type of each operator, in one run of yosys.

    :raises SystemExit: yosys fails.
    """
    instances, ports = [], []
    for number, one in enumerate(chosen):
        connections = []
        for direction, span, listed in DECLARATIONS.findall(one.ports):
            for name in listed.split(", "):
                ports.append(f"{direction}{span} p{number}_{name}")
                connections.append(f".{name}(p{number}_{name})")
        instances.append(f"{one.module} u{number}({', '.join(connections)});")
    top = f"module top({', '.join(ports)});\n" + "\n".join(instances) + "\nendmodule\n"
    with tempfile.TemporaryDirectory() as name:
        source, result = Path(name) / "operators.v", Path(name) / "stat.json"
        source.write_text("".join(one.verilog for one in chosen) + top)
        script = f"read_verilog {source}; {FLOW}; tee -q -o {result} stat -json"
        done = subprocess.run(["yosys", "-q", "-p", script], capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"yosys failed: {done.stderr.strip()}")
        modules = json.loads(result.read_text())["modules"]
    return {one.key: dict(sorted(modules[f"\\{one.module}"]["num_cells_by_type"].items())) for one in chosen}


def yosys_version() -> str:
    """Version of yosys, as it prints it."""
    return subprocess.run(["yosys", "-V"], capture_output=True, text=True, check=True).stdout.strip()


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=OUTPUT, help="where to write the table")
    options = parser.parse_args(arguments)
    if shutil.which("yosys") is None:
        sys.exit("yosys is not installed; it is the Debian package yosys.")
    found: dict[str, list[dict[str, int]]] = {one.key: [] for one in operators()}
    for group in track(list(groups()), description="Synthesising"):
        for key, cells in measured(group).items():
            found[key].append(cells)
    entries = {}
    for key, runs in found.items():
        runs.sort(key=look_up_tables)
        entries[key] = {"luts": [look_up_tables(cells) for cells in runs], "cells": runs[RUNS // 2]}
    table = {"tool": yosys_version(), "flow": FLOW, "made_by": "python -m benchmarks.operators", "operators": entries}
    write_text(options.output, as_text(table))
    print(f"{len(entries)} operations -> {options.output}")


def as_text(table: Mapping[str, object]) -> str:
    """The table as JSON, an operation per line."""
    lines = [f"{json.dumps(key)}: {json.dumps(entry)}" for key, entry in table["operators"].items()]
    head = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in table.items() if key != "operators"]
    return "{\n" + ",\n".join(head) + ',\n"operators": {\n' + ",\n".join(lines) + "\n}\n}\n"


if __name__ == "__main__":
    main()

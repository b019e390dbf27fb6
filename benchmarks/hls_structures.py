"""Structures of the HLS library beside those that they replaced: small Verilog modules, synthesised by yosys.

    python -m benchmarks.hls_structures

**yosys is not the HLS tool.** Vivado HLS and Vitis HLS write Verilog of their own from the C++ and schedule it by their
own table of delays; here the Verilog is written by hand, after what the C++ says. The counts show how much logic a form
needs, and how long its chain from one cycle to the next is, for the same part of the 7 series and in one run. They are
neither LUTs nor nanoseconds of a build.

- Counter: an ``int`` that is incremented, compared and set to 0, against ``advance`` of types.hpp, which compares the old
  value of a counter of the needed width.
- Hidden outputs: registers that are written at the index of a block, against a shift register that a block enters.
- Running maximum and run of labels (labels.hpp): the selection that was before the comparison, or the operations behind
  it, against one comparison with one more bit.

Takes about a minute; needs yosys.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from datapath.errors import ToolError
from datapath.files import write_text
from rtl_gen.synthesis.counting import Counts
from rtl_gen.synthesis.levels import logic_depth
from rtl_gen.synthesis.netlist import Netlist
from rtl_gen.synthesis.tools import find_yosys, run_tool

FLOW = "synth_xilinx -family xc7 -noiopad -noclkbuf -nodsp -nowidelut -top top"


@dataclass(frozen=True, kw_only=True)
class Structure:
    """One thing in two forms.

    :param title: of the table's row.
    :param before: Verilog of ports and body, in the form that was replaced.
    :param after: as the library has it now.
    """

    title: str
    before: tuple[str, str]
    after: tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Counts of one form.

    :param luts: look-up tables.
    :param ffs: flip-flops.
    :param carry_bits: of all carry chains, four for each CARRY4.
    :param levels: look-up tables and carry chains on the longest path, a chain as one.
    """

    luts: int
    ffs: int
    carry_bits: int
    levels: int


def counter(values: int) -> Structure:
    """A counter from 0 to `values` - 1; the ports are its value in this cycle and in the next.

    :param values: 2 or more.
    """
    bits = (values - 1).bit_length()
    return Structure(
        title=f"counter of {values} values",
        before=(
            "input [31:0] n, output [31:0] y",
            f"wire [31:0] more = n + 1;\nassign y = more == {values} ? 0 : more;",
        ),
        after=(
            f"input [{bits - 1}:0] n, output [{bits - 1}:0] y",
            f"wire last = n == {values - 1};\nassign y = last ? 0 : n + 1;",
        ),
    )


def hidden_outputs(hidden: int, pe: int, activation: int) -> Structure:
    """Outputs of two directions, of which a block of units is written at a time.

    :param hidden: units of a direction.
    :param pe: units of a block.
    :param activation: bits of an output.
    """
    rows, width = 2 * hidden // pe, pe * activation
    total = rows * width
    index = (rows - 1).bit_length()
    written = "\n".join(
        f"always @(posedge c) if (finished && row == {row}) y[{row * width} +: {width}] <= block;"
        for row in range(rows)
    )
    data = f"input [{width - 1}:0] block, output reg [{total - 1}:0] y"
    return Structure(
        title=f"outputs of 2 x {hidden} units, {pe} at a time, {activation} bits",
        before=(f"input c, input finished, input [{index - 1}:0] row, {data}", written),
        after=(
            f"input c, input finished, {data}",
            f"always @(posedge c) if (finished) y <= {{block, y[{total - 1}:{width}]}};",
        ),
    )


def running_maximum() -> Structure:
    """The maximum of a column's scores, `first` with its first block. Of the new form, `value` is not negative: it is
    made of the block's highest score before the path.
    """
    ports = "input first, input signed [15:0] {}, output signed [15:0] y"
    return Structure(
        title="running maximum",
        before=(
            ports.format("maximum, value"),
            "wire signed [15:0] old = first ? 16'sd0 : maximum;\nassign y = value > old ? value : old;",
        ),
        after=(
            "input first, input [14:0] maximum, value, output [14:0] y",
            "assign y = {first, value} > {1'b0, maximum} ? value : maximum;",
        ),
    )


def run_of_labels() -> Structure:
    """The highest value and label of a run of columns, which a blank one ends."""
    return Structure(
        title="run of labels",
        before=(
            "input signed [15:0] old, value, input [7:0] old_label, label, output signed [15:0] y, output [7:0] l",
            "wire higher = value > old;\nwire ends = !higher && old_label != 0 && label == 0;\n"
            "assign y = higher || ends ? value : old;\nassign l = higher || ends ? label : old_label;",
        ),
        after=(
            "input [14:0] old, value, input blank, input [7:0] old_label, label, output [14:0] y, output [7:0] l",
            "wire replaces = {blank, value} > {1'b0, old};\n"
            "assign y = replaces ? value : old;\nassign l = replaces ? label : old_label;",
        ),
    )


def structures() -> tuple[Structure, ...]:
    """All of them, with the sizes of a network of 128 units, and of more units in parallel."""
    return (
        *(counter(values) for values in (2, 16, 128, 100)),
        hidden_outputs(128, 1, 4),
        hidden_outputs(128, 2, 8),
        hidden_outputs(128, 8, 4),
        running_maximum(),
        run_of_labels(),
    )


def measured(chosen: Iterable[Structure]) -> list[tuple[Figures, Figures]]:
    """Figures of each structure before and after, from one run of yosys.

    :param chosen: structures.
    :raises ToolError: yosys is missing or fails.
    """
    forms = [form for one in chosen for form in (one.before, one.after)]
    modules = [f"module form_{number}({ports});\n{body}\nendmodule\n" for number, (ports, body) in enumerate(forms)]
    # Without connections: the hierarchy is preserved, so that a module's logic does not depend on what is around it.
    instances = "\n".join(f"(* keep *) form_{number} i{number}();" for number in range(len(forms)))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_text(folder / "forms.v", f"{''.join(modules)}module top;\n{instances}\nendmodule\n")
        write_text(folder / "run.ys", f"read_verilog forms.v\n{FLOW}\nwrite_json netlist.json\n")
        run_tool(find_yosys(), ["-q", "-s", "run.ys"], folder=folder, report=lambda _line: None)
        text = (folder / "netlist.json").read_text(encoding="utf-8")
    figures = [_figures(text, f"form_{number}") for number in range(len(forms))]
    return list(zip(figures[::2], figures[1::2], strict=True))


def _figures(text: str, module: str) -> Figures:
    netlist = Netlist.parse(text, module)
    kinds = [cell.kind for cell in netlist.cells.values()]
    counts = Counts.sum(Counts.of(kind) for kind in kinds)
    return Figures(
        luts=counts.luts, ffs=counts.ffs, carry_bits=4 * kinds.count("CARRY4"), levels=logic_depth(netlist).levels
    )


def main() -> None:
    chosen = structures()
    try:
        print(f"yosys {find_yosys().version}, `{FLOW}`; yosys is not the HLS tool.\n")
        found = measured(chosen)
    except ToolError as error:
        sys.exit(str(error))
    print("| structure | LUT | | ratio | FF | | carry bits | | levels | |")
    print("| --- " * 10 + "|")
    for one, (before, after) in zip(chosen, found, strict=True):
        ratio = f"{after.luts / before.luts:.2f}" if before.luts else "-"
        print(
            f"| {one.title} | {before.luts} | {after.luts} | {ratio} | {before.ffs} | {after.ffs} "
            f"| {before.carry_bits} | {after.carry_bits} | {before.levels} | {after.levels} |"
        )


if __name__ == "__main__":
    main()

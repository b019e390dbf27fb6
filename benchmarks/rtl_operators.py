"""Look-up tables and flip-flops of parts of the SystemVerilog on a 7-series chip: modules of the library with their
parameters, synthesised by yosys.

    python -m benchmarks.rtl_operators [--output rtl_gen/resources/operators.json]

Each part is a module that keeps its boundary, so that one run of yosys counts all: a product with its rounding (`dot` with
one lane), the LSTM cell by the bits of its sums and of its peepholes, and the selection of the operands of a fold.
`rtl_gen.resources` estimates designs from these counts. Takes some minutes; needs yosys.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from datapath import Design
from datapath.bounds import SUM_WIDTHS
from datapath.files import write_text
from datapath.precision import HARDWARE_BITS
from golden_vectors import FOLDER
from rtl_gen.sources import library_files, memory_files
from rtl_gen.synthesis.counting import Counts
from rtl_gen.synthesis.tools import find_yosys, run_tool

FLOW = "synth_xilinx -family xc7 -flatten -noiopad -noclkbuf -top top"
SCRIPT = "templates/synthesise.ys.j2"
"""Of rtl_gen: its setting of ABC is used here, too."""

OUTPUT = Path(__file__).parents[1] / "rtl_gen" / "resources" / "operators.json"

CHOICES = (*range(1, 11), 12, 14, 16, 20, 24, 25, 32, 40, 50, 64, 100, 128, 256)
"""Inputs of the measured multiplexers, of `LANE_BITS` bits each."""
LANE_BITS = 4
PEEPHOLES = (1, 2, 4, 6, 8, 12, 16)
"""Bits of a peephole weight of the measured cells."""
ACTIVATION_BITS = 4
"""Of the measured cells; their look-up tables do not depend on it."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """A module with its parameters.

    :param key: of its entry in the table.
    :param module: of the library.
    :param parameters: values by name.
    :param ports: direction, bits and name of each port but the clock.
    :param fixed: value of each port that is not a port of the part.
    """

    key: str
    module: str
    parameters: dict[str, int]
    ports: tuple[tuple[str, int, str], ...]
    fixed: tuple[tuple[str, str], ...] = ()

    def verilog(self, name: str) -> str:
        """A module of this name with the part in it.

        :param name: of the module.
        """
        ports = ", ".join(f"{direction} logic [{bits - 1}:0] {port}" for direction, bits, port in self.ports)
        values = ", ".join(f".{parameter}({value})" for parameter, value in self.parameters.items())
        connections = [f".{port}({port})" for _, _, port in self.ports] + [f".{p}({value})" for p, value in self.fixed]
        return (
            f"(* keep_hierarchy *) module {name}(input logic clk, {ports});\n"
            f"  {self.module} #({values}) part(.clk(clk), {', '.join(connections)});\nendmodule\n"
        )


def products() -> Iterator[Part]:
    """Products of all widths, rounded where they have more than 8 fraction bits, with their registers."""
    for few in HARDWARE_BITS:
        for many in range(few, HARDWARE_BITS[-1] + 1):
            parameters = {"LANES": 1, "VALUE_BITS": many, "WEIGHT_BITS": few}
            total = 16 - max(0, 10 - few - many)
            ports = (("input", many, "values"), ("input", few, "weights"), ("output", total, "sum"))
            yield Part(key=f"product {few}x{many}", module="dot", parameters=parameters, ports=ports)


def cells() -> Iterator[Part]:
    """LSTM cells: without peepholes by the bits of the gate sums, with peepholes by their bits."""
    widths = [(sum_bits, None) for sum_bits in SUM_WIDTHS] + [(SUM_WIDTHS[-1], bits) for bits in PEEPHOLES]
    for sum_bits, peephole in widths:
        yield Part(
            key=f"cell {sum_bits}" if peephole is None else f"cell {sum_bits} peephole {peephole}",
            module="cell_state",
            parameters={
                "ACTIVATION_BITS": ACTIVATION_BITS,
                "SUM_BITS": sum_bits,
                "HAS_PEEPHOLES": int(peephole is not None),
                "PEEPHOLE_BITS": peephole or 1,
            },
            ports=(
                ("input", 1, "first"),
                *(("input", sum_bits, f"sum_{gate}") for gate in "ifgo"),
                ("input", 16, "state_before"),
                ("input", 3 * (peephole or 1), "peepholes"),
                ("output", 16, "state"),
                ("output", ACTIVATION_BITS, "hidden"),
            ),
        )


def choices() -> Iterator[Part]:
    """The operands of a fold, always or where they are enabled."""
    for count in CHOICES:
        for enabled in (False, True):
            index = max(1, (count - 1).bit_length())
            ports = (
                ("input", count * LANE_BITS, "values"),
                ("input", index, "fold"),
                ("output", LANE_BITS, "lanes"),
            )
            enable = (("input", 1, "enable"),) if enabled else ()
            yield Part(
                key=f"choice {count}" + (" enabled" if enabled else ""),
                module="operands",
                parameters={"BITS": LANE_BITS, "FOLDS": count, "INDEX_BITS": index},
                ports=(*enable, *ports),
                fixed=() if enabled else (("enable", "1'b1"),),
            )


def measured(parts: Sequence[Part]) -> dict[str, Counts]:
    """Counts of each part, by key, in one run of yosys.

    :param parts: to synthesise.
    :raises ToolError: yosys is missing or fails.
    """
    ports, instances, modules = [], [], []
    for number, part in enumerate(parts):
        modules.append(part.verilog(f"part_{number}"))
        ports += [f"{direction} logic [{bits - 1}:0] p{number}_{port}" for direction, bits, port in part.ports]
        connections = ", ".join(f".{port}(p{number}_{port})" for _, _, port in part.ports)
        instances.append(f"part_{number} i{number}(.clk(clk), {connections});")
    top = f"module top(input logic clk, {', '.join(ports)});\n" + "\n".join(instances) + "\nendmodule\n"
    tables = memory_files(Design.load(FOLDER / "designs" / "stress_w1a1_narrow.npz"))
    sources = library_files() | {name: tables[name] for name in ("sigmoid.mem", "tanh.mem")}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, text in {**sources, "parts.sv": "".join(modules) + top}.items():
            write_text(folder / file, text)
        read = " ".join(sorted([*(file for file in sources if file.endswith(".sv")), "parts.sv"]))
        abc = next(line for line in _script().splitlines() if line.startswith("scratchpad"))
        script = f"{abc}\nread_verilog -sv -defer {read}\nhierarchy -top top\n{FLOW}\ntee -q -o stat.json stat -json\n"
        write_text(folder / "run.ys", script)
        run_tool(find_yosys(), ["-q", "-s", "run.ys"], folder=folder, report=lambda _line: None)
        found = json.loads((folder / "stat.json").read_text(encoding="utf-8"))["modules"]
    return {
        part.key: Counts.sum(
            counts
            for kind, count in found[f"\\part_{number}"]["num_cells_by_type"].items()
            for counts in [Counts.of(kind)] * count
        )
        for number, part in enumerate(parts)
    }


def _script() -> str:
    return files("rtl_gen").joinpath(SCRIPT).read_text(encoding="utf-8")


def table() -> dict[str, object]:
    """What the file holds."""
    entries = {}
    for group in (products(), cells(), choices()):
        for key, counts in measured(tuple(group)).items():
            entries[key] = {"luts": counts.luts, "ffs": counts.ffs, "dsps": counts.dsps}
    tool = find_yosys()
    head = {"tool": f"{tool.name} {tool.version}", "flow": FLOW, "made_by": "python -m benchmarks.rtl_operators"}
    return head | {"lane_bits": LANE_BITS, "parts": entries}


def as_text(values: dict[str, object]) -> str:
    """The table as JSON, a part per line.

    :param values: of the table.
    """
    lines = [f"{json.dumps(key)}: {json.dumps(entry)}" for key, entry in values["parts"].items()]
    head = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in values.items() if key != "parts"]
    return "{\n" + ",\n".join(head) + ',\n"parts": {\n' + ",\n".join(lines) + "\n}\n}\n"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=OUTPUT, help="where to write the table")
    options = parser.parse_args(arguments)
    values = table()
    write_text(options.output, as_text(values))
    print(f"{len(values['parts'])} parts -> {options.output}")


if __name__ == "__main__":
    main()

"""Memories of the SystemVerilog as yosys maps them to a 7-series chip, over a grid of shapes.

    python -m benchmarks.rtl_memories

writes `SHAPES`: for each shape of module `rom` (with random words) and `ram` the cells that yosys makes of it before it maps
logic, none where the memory becomes logic. `rtl_gen.resources.memories` is the rule; a test compares both. Takes some
minutes; needs yosys.
"""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from datapath.files import write_text
from rtl_gen.sources import library_files
from rtl_gen.synthesis.tools import find_yosys, run_tool

SHAPES = Path(__file__).with_name("rtl_memories.json")
FLOW = "synth_xilinx -family xc7 -flatten -noiopad -noclkbuf -top top -run :map_ffram"

ROM_WIDTHS = (1, 2, 3, 4, 6, 8, 9, 12, 16, 18, 20, 32, 36, 40, 64, 72, 80, 128, 200, 256)
ROM_DEPTHS = (2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096)
RAM_WIDTHS = (1, 2, 4, 8, 9, 13, 16, 18, 20, 24, 32, 36, 37, 48, 64, 72, 128)
RAM_DEPTHS = (2, 4, 8, 16, 32, 64, 95, 128, 200, 256, 512, 732, 1024, 2048, 4096)
Shape = tuple[str, int, int]
"""Module, bits of a word, words."""


def shapes() -> Iterator[Shape]:
    """The grid."""
    for kind, depths, widths in (("rom", ROM_DEPTHS, ROM_WIDTHS), ("ram", RAM_DEPTHS, RAM_WIDTHS)):
        yield from ((kind, width, depth) for depth in depths for width in widths)


def ports_of(shape: Shape) -> tuple[tuple[str, int, str], ...]:
    """Direction, bits and name of each port of a memory but its clock.

    :param shape: of the memory.
    """
    kind, width, depth = shape
    address = max(1, (depth - 1).bit_length())
    if kind == "rom":
        return ("input", address, "address"), ("output", width, "word")
    return (
        *(("input", 1, "write"), ("input", address, "write_address"), ("input", width, "write_word")),
        *(("input", address, "read_address"), ("output", width, "read_word")),
    )


def measured(chosen: Sequence[Shape]) -> dict[Shape, dict[str, int]]:
    """Cells that are memories, by kind, for each shape.

    :param chosen: the shapes.
    :raises ToolError: yosys is missing or fails.
    """
    words, modules, ports, instances = random.Random(0), [], [], []
    files = {name: text for name, text in library_files().items() if name in ("rom.sv", "ram.sv")}
    for number, shape in enumerate(chosen):
        kind, width, depth = shape
        values = {"WIDTH": width, "DEPTH": depth}
        if kind == "rom":
            files[f"{number}.mem"] = "".join(f"{words.getrandbits(width):x}\n" for _ in range(depth))
            values["FILE"] = f'"{number}.mem"'
        own = ", ".join(f"{direction} logic [{bits - 1}:0] {port}" for direction, bits, port in ports_of(shape))
        parameters = ", ".join(f".{name}({value})" for name, value in values.items())
        connections = ", ".join(f".{port}({port})" for _, _, port in ports_of(shape))
        modules.append(
            f"(* keep_hierarchy *) module memory_{number}(input logic clk, {own});\n"
            f"  {kind} #({parameters}) part(.clk(clk), {connections});\nendmodule\n"
        )
        ports += [f"{direction} logic [{bits - 1}:0] p{number}_{port}" for direction, bits, port in ports_of(shape)]
        outside = ", ".join(f".{port}(p{number}_{port})" for _, _, port in ports_of(shape))
        instances.append(f"memory_{number} i{number}(.clk(clk), {outside});")
    top = f"module top(input logic clk, {', '.join(ports)});\n" + "\n".join(instances) + "\nendmodule\n"
    files["memories.sv"] = "".join(modules) + top
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, text in files.items():
            write_text(folder / file, text)
        script = f"read_verilog -sv -defer rom.sv ram.sv\nread_verilog -sv memories.sv\n{FLOW}\ntee -q -o stat.json stat -json\n"
        write_text(folder / "run.ys", script)
        run_tool(find_yosys(), ["-q", "-s", "run.ys"], folder=folder, report=lambda _line: None)
        found = json.loads((folder / "stat.json").read_text(encoding="utf-8"))["modules"]
    return {
        shape: {
            kind: count
            for kind, count in sorted(found[f"\\memory_{number}"]["num_cells_by_type"].items())
            if kind.startswith("RAM")
        }
        for number, shape in enumerate(chosen)
    }


def as_text(tool: str, found: dict[Shape, dict[str, int]]) -> str:
    """The cells as JSON, a shape per line.

    :param tool: that made them.
    :param found: cells of each shape.
    """
    lines = [json.dumps([*shape, cells]) for shape, cells in found.items()]
    head = {"tool": tool, "flow": FLOW, "made_by": "python -m benchmarks.rtl_memories"}
    texts = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in head.items()]
    return "{\n" + ",\n".join(texts) + ',\n"shapes": [\n' + ",\n".join(lines) + "\n]\n}\n"


def main() -> None:
    tool = find_yosys()
    write_text(SHAPES, as_text(f"{tool.name} {tool.version}", measured(tuple(shapes()))))
    print(SHAPES)


if __name__ == "__main__":
    main()

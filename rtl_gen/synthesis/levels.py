"""The logic depth of a netlist: the longest path of look-up tables between registers, memories, multipliers and ports.

A look-up table is one level, with the wide multiplexer behind it (MUXF7, MUXF8; PFUMX, L6MUX21). A carry chain is one
level, however long it is, and so is the asynchronous read of distributed RAM. Block RAM, shift registers and multipliers
begin and end paths, multipliers also where they have no register.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from datapath.errors import ToolError
from rtl_gen.synthesis.netlist import Cell, Netlist, wires

MULTIPLEXERS = {"MUXF7": ("I0", "I1"), "MUXF8": ("I0", "I1"), "PFUMX": ("ALUT", "BLUT"), "L6MUX21": ("D0", "D1")}
"""Ports of a wide multiplexer that come from its look-up tables; the other one selects, and is an input as theirs are."""

CARRY_CHAINS = {"CARRY4": ("CI", "CYINIT"), "CCU2C": ("CIN",)}
"""Ports of a carry chain's cell that continue the chain."""

READS = {
    **{kind: {f"DO{port}": (f"ADDR{port}",) for port in "ABCD"} for kind in ("RAM32M", "RAM64M")},
    "TRELLIS_DPR16X4": {"DO": ("RAD",)},
    **{kind: {"SPO": ("A",), "DPO": ("DPRA",)} for kind in ("RAM32X1D", "RAM64X1D", "RAM128X1D")},
    **{kind: {"O": ("A",)} for kind in ("RAM32X1S", "RAM64X1S", "RAM128X1S", "RAM256X1S")},
}
"""Addresses of each output of a distributed RAM: ports of these names, or of these names and a number."""


@dataclass(frozen=True, kw_only=True)
class Depth:
    """The longest path.

    :param levels: look-up tables and carry chains on it.
    :param start: where it begins, in the words of our modules; empty where no path has a level.
    :param end: where it ends.
    """

    levels: int
    start: str
    end: str


@dataclass(frozen=True)
class _Arc:
    """A wire that another one depends on, with the levels between them."""

    before: int
    levels: int


def logic_depth(netlist: Netlist) -> Depth:
    """The longest combinational path of a netlist.

    :param netlist: flat.
    :raises ToolError: it has a combinational loop.
    """
    arcs = {bit: list(before) for cell in netlist.cells.values() for bit, before in _arcs(netlist, cell)}
    longest = _longest(netlist, arcs)
    most, last, end = 0, 0, ""
    for bit, name in _ends(netlist):
        if bit in longest and longest[bit].levels > most:
            most, last, end = longest[bit].levels, bit, name
    if not most:
        return Depth(levels=0, start="", end="")
    while last in longest:
        last = longest[last].before
    return Depth(levels=most, start=netlist.name_of_start(last), end=end)


def _longest(netlist: Netlist, arcs: dict[int, list[_Arc]]) -> dict[int, _Arc]:
    """Of each wire behind logic the most levels to it, and the wire before it on that path."""
    longest: dict[int, _Arc] = {}
    within: set[int] = set()
    for root in arcs:
        waiting = [root]
        while waiting:
            bit = waiting[-1]
            if bit in longest:
                waiting.pop()
                continue
            missing = [arc.before for arc in arcs[bit] if arc.before in arcs and arc.before not in longest]
            if missing and bit in within:
                name = netlist.name_of_cell(netlist.driver[bit][0].name)
                raise ToolError(f"The netlist has a combinational loop through {name}.")
            if missing:
                within.add(bit)
                waiting += missing
                continue
            within.discard(bit)
            longest[bit] = max(
                (_Arc(arc.before, arc.levels + _levels_at(longest, arc.before)) for arc in arcs[bit]),
                key=lambda arc: arc.levels,
            )
    return longest


def _levels_at(longest: dict[int, _Arc], bit: int) -> int:
    return longest[bit].levels if bit in longest else 0


def _ends(netlist: Netlist) -> Iterator[tuple[int, str]]:
    """Each wire that ends at a register, a memory, a multiplier or a port, with the name of that."""
    for name, (direction, bits) in netlist.ports.items():
        if direction == "output":
            yield from ((bit, f"port {name}") for bit in wires(bits))
    for cell in netlist.cells.values():
        read = _read_ports(cell)
        if _is_logic(cell.kind) and not read:
            continue
        addresses = {port for ports in read.values() for port in ports}
        ends = [bit for port, bits in cell.inputs.items() if port not in addresses for bit in wires(bits)]
        if ends:
            name = netlist.name_of_cell(cell.name)
            yield from ((bit, name) for bit in ends)


def _is_logic(kind: str) -> bool:
    return kind in {*MULTIPLEXERS, *CARRY_CHAINS, *READS, "INV"} or re.fullmatch(r"LUT[1-6]", kind) is not None


def _arcs(netlist: Netlist, cell: Cell) -> Iterator[tuple[int, Iterator[_Arc]]]:
    """Each wire that a cell of logic drives, with what it depends on."""
    if not _is_logic(cell.kind):
        return
    read = _read_ports(cell)
    for port, bits in cell.outputs.items():
        for index, bit in enumerate(bits):
            if isinstance(bit, int):
                ports = read.get(port, ()) if read else tuple(cell.inputs)
                arcs = [
                    _Arc(before, _levels_of(netlist, cell, name, before))
                    for name in ports
                    for before in _needed(cell, name, port, index)
                ]
                if arcs:
                    yield bit, iter(arcs)


def _needed(cell: Cell, name: str, output: str, index: int) -> list[int]:
    """The wires of an input port that one bit of an output depends on: carry chains go upwards only."""
    bits = cell.inputs[name]
    if cell.kind == "CARRY4" and name in {"S", "DI"}:
        return wires(bits[: index + 1])
    if cell.kind == "CCU2C" and output == "S0" and name.endswith("1"):
        return []
    return wires(bits)


def _levels_of(netlist: Netlist, cell: Cell, name: str, before: int) -> int:
    """Levels from an input to the outputs of a cell."""
    if name in MULTIPLEXERS.get(cell.kind, ()):
        return 0
    if name in CARRY_CHAINS.get(cell.kind, ()):
        return 0 if before in netlist.driver and netlist.driver[before][0].kind == cell.kind else 1
    return 1


def _read_ports(cell: Cell) -> dict[str, tuple[str, ...]]:
    """Input ports with the address of each output, of a distributed RAM."""
    return {
        output: tuple(name for name in cell.inputs if name in stems or re.sub(r"\d+$", "", name) in stems)
        for output, stems in READS.get(cell.kind, {}).items()
    }

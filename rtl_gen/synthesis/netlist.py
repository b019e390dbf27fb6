"""A flat netlist as yosys writes it in JSON: cells, the bits that connect them, and names in the words of our modules.

A cell keeps the path of its instance in its name, as ``accelerator_i.recognise_i.hidden_layer.fold_TRELLIS_FF_Q`` or
``$flatten\\accelerator_i.\\recognise_i.hidden_layer.$auto$ff.cc:337:slice$20087``.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from datapath.errors import ToolError
from datapath.quoting import MAX_QUOTED, quoted

_GENERATED = re.compile(
    r"_(?:TRELLIS_\w+?|LUT[1-6]|CCU2C|PFUMX|L6MUX21|MULT18X18D|P?DPW?16KD|INV|CARRY4|MUXF[78]|FD[RSCP]E|SRL\w+?|RAM\w+?)"
    r"_(?:[A-Z]+\d*(?:_|$|\[)).*"
    r"|_DO[ABP]+\d*(?:\[\d+\])?$"
)
"""What yosys adds to the name of a signal for a cell that it makes."""


@dataclass(frozen=True)
class Cell:
    """A cell of the netlist.

    :param name: in the netlist.
    :param kind: the primitive, such as "LUT4".
    :param inputs: bits of each input port; an int is a wire, a text a constant.
    :param outputs: bits of each output port.
    """

    name: str
    kind: str
    inputs: Mapping[str, tuple[int | str, ...]]
    outputs: Mapping[str, tuple[int | str, ...]]

    @property
    def path(self) -> tuple[str, ...]:
        """Names of the instances and of the signal or memory that the cell belongs to, outermost first.

        >>> Cell("$flatten\\\\a_i.\\\\unit[1].x.$auto$ff.cc:337:slice$2", "FDRE", {}, {}).path
        ('a_i', 'unit[1]', 'x')
        """
        return path_of(self.name)

    @property
    def module(self) -> tuple[str, ...]:
        """Names of the instances that the cell is in; yosys names a cell after a signal, or invents a name."""
        return self.path if "$" in self.name.replace("$flatten", "") else self.path[:-1]


def path_of(name: str) -> tuple[str, ...]:
    r"""The parts of a cell's name without those that yosys invents.

    >>> path_of("a_i.unit[1].fold_TRELLIS_FF_Q_2_DI_LUT4_Z"), path_of("$abc$12$lut$aiger$o15")
    (('a_i', 'unit[1]', 'fold'), ())

    :param name: in the netlist.
    """
    plain = name.replace("$flatten", "").replace("\\", "")
    parts = plain[: plain.find("$")].split(".") if "$" in plain else plain.split(".")
    cut = [_GENERATED.sub("", part) for part in parts]
    return tuple(part for part in cut if part)


@dataclass(frozen=True)
class Netlist:
    """A flat netlist.

    :param cells: by name.
    :param ports: of the top: direction and bits by name.
    :param names: the bits of each signal with a name of our source, by that name.
    """

    cells: Mapping[str, Cell]
    ports: Mapping[str, tuple[str, tuple[int | str, ...]]]
    names: Mapping[str, tuple[int | str, ...]]

    @classmethod
    def parse(cls, text: str | bytes, top: str) -> Netlist:
        """The netlist of a module.

        :param text: what yosys's ``write_json`` wrote.
        :param top: name of the module.
        :raises ToolError: it is something else.
        """
        try:
            module = json.loads(text)["modules"][top]
            return cls(
                cells={name: _cell(name, cell) for name, cell in module["cells"].items()},
                ports={name: (port["direction"], _bits(port["bits"])) for name, port in module["ports"].items()},
                names={name: _bits(net["bits"]) for name, net in module["netnames"].items() if not net["hide_name"]},
            )
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            reason = f"{type(error).__name__}: {error}"[:MAX_QUOTED]
            raise ToolError(f"The netlist of {top} is not what yosys writes: {reason}.") from error

    @cached_property
    def driver(self) -> dict[int, tuple[Cell, str]]:
        """Cell and port that drive a bit."""
        cells = self.cells.values()
        return {bit: (cell, port) for cell in cells for port, bits in cell.outputs.items() for bit in wires(bits)}

    @cached_property
    def _names_of_bits(self) -> dict[int, list[str]]:
        found = defaultdict(list)
        for name, bits in self.names.items():
            for index, bit in enumerate(bits):
                if isinstance(bit, int):
                    found[bit].append(f"{name}[{index}]" if len(bits) > 1 else name)
        return found

    def name_of_bit(self, bit: int) -> str | None:
        """The name of a wire in the module that drives it, in the words of our source; None where it has none.

        :param bit: of the netlist.
        """
        names = [name for name in self._names_of_bits.get(bit, ()) if "$" not in name and not _GENERATED.search(name)]
        if not names:
            return None
        module = self.driver[bit][0].module if bit in self.driver else ()
        within = [name for name in names if tuple(name.split(".")[: len(module)]) == module]
        return min(within or names, key=lambda name: (name.count("."), len(name), name))

    def name_of_start(self, bit: int) -> str:
        """What drives a wire in the words of our source: its name, else that of the cell or port.

        :param bit: of the netlist.
        """
        for name, (direction, bits) in self.ports.items():
            if direction == "input" and bit in bits:
                return f"port {name}"
        found = self.name_of_bit(bit)
        return found or (
            self.name_of_cell(self.driver[bit][0].name) if bit in self.driver else "a wire without a driver"
        )

    def name_of_cell(self, name: str) -> str:
        """What a cell holds in the words of our source: the signal of a register, else the path of the instance.

        :param name: of the cell; a placer may have made one that the netlist does not have.
        """
        cell = self.cells.get(name)
        if cell is not None and is_flip_flop(cell.kind):
            for bit in wires(cell.outputs.get("Q", ())):
                if found := self.name_of_bit(bit):
                    return found
        return ".".join(path_of(name)) or (cell.kind if cell else name.partition("$")[0] or "an unnamed cell")


def is_flip_flop(kind: str) -> bool:
    """Whether a primitive is a flip-flop of either family.

    :param kind: the primitive.
    """
    return kind == "TRELLIS_FF" or re.fullmatch(r"FD[RSCP]E(_1)?", kind) is not None


def wires(bits: Iterable[int | str]) -> list[int]:
    """The bits that are wires and not constants.

    :param bits: of a port.
    """
    return [bit for bit in bits if isinstance(bit, int)]


def _cell(name: str, cell: dict) -> Cell:
    directions, kind = cell.get("port_directions", {}), cell["type"]
    if not isinstance(kind, str):
        raise ValueError(f"the type of {name} is not a text")
    ports = {port: _bits(bits) for port, bits in cell["connections"].items()}
    inputs = {port: bits for port, bits in ports.items() if directions.get(port) == "input"}
    outputs = {port: bits for port, bits in ports.items() if directions.get(port) == "output"}
    return Cell(name, kind, inputs, outputs)


def _bits(bits: list) -> tuple[int | str, ...]:
    """The bits of a port or signal: numbers of wires, and constants."""
    if not isinstance(bits, list) or not all(type(bit) in (int, str) for bit in bits):
        raise ValueError(f"bits are {quoted(bits)}")
    return tuple(bits)

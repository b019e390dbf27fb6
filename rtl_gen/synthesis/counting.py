"""What a netlist takes of a chip, by stage of the accelerator: look-up tables, flip-flops, block RAM, multipliers.

Each primitive of the netlist counts for itself. No two functions share a look-up table (Vivado may put two small ones
into one), and look-up tables that only lead a register through to a carry chain are not counted, as the netlist has none.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields

from datapath.errors import ToolError
from rtl_gen.synthesis.netlist import Cell, Netlist, is_flip_flop

LUTS = {
    **dict.fromkeys(("LUT1", "LUT2", "LUT3", "LUT4", "LUT5", "LUT6"), 1),
    "INV": 1,
    **dict.fromkeys(("SRL16E", "SRLC32E", "RAM32X1S", "RAM64X1S"), 1),
    **dict.fromkeys(("RAM32X1D", "RAM64X1D", "RAM128X1S"), 2),
    **dict.fromkeys(("RAM32M", "RAM64M", "RAM128X1D", "RAM256X1S"), 4),
    "CCU2C": 2,
    "TRELLIS_DPR16X4": 6,
}
"""Look-up tables of a primitive.

INV is 1, a LUT1: the inverters that are left stand before a flip-flop or a carry chain, which have none of their own.
Shift registers and distributed RAM count the look-up tables that hold them (AMD UG474, table 2-3). In ECP5 two bits of a
carry chain (CCU2C) take both look-up tables of a slice; 16 words of 4 bits (TRELLIS_DPR16X4) take four, and their write
port two more. nextpnr's "Total LUT4s" counts the same way.
"""

BRAM36 = {"RAMB36E1": 1.0, "RAMB18E1": 0.5, "DP16KD": 0.5, "PDPW16KD": 0.5}
"""Block RAM in units of 36 Kbit. A block of ECP5 (DP16KD) has 18 Kbit, so it counts one half."""

DSPS = {"DSP48E1": 1, "MULT18X18D": 1}
"""Multipliers: a slice with 25 x 18 bits (DSP48E1), or one of 18 x 18 bits (MULT18X18D)."""

FREE = {
    *("CARRY4", "MUXF7", "MUXF8", "PFUMX", "L6MUX21"),
    *("BUFG", "IBUF", "OBUF", "TRELLIS_IO", "EHXPLLL", "GND", "VCC", "$scopeinfo"),
}
"""Primitives that are beside the look-up tables of a slice, or are no logic."""

STAGES = {
    "dma_in": ("DMA in", ("read_columns_i",)),
    "hidden": ("hidden layer", ("hidden_layer",)),
    "output": ("output layer", ("output_layer",)),
    "concatenate": ("concatenate", ("join_directions",)),
    "maximum": ("maximum", ("best_classes",)),
    "label": ("label", ("write_labels",)),
    "dma_out": ("DMA out", ("write_output_i",)),
    "link": ("serial link", ("serial_link", "uart_receiver", "uart_transmitter")),
}
"""Title of each stage, and names of its instances. Keys and titles are those of `datapath.rtl_cycles`; the serial link is
in place of the two DMA stages where the accelerator has a serial port."""

CONTROL = "control"
"""Registers, the check of the registers, and what connects the stages."""

PARTS = {
    "products": ("dot products", "multiply"),
    "cells": ("cell states", "cell_of_unit"),
}
"""Title and name of the instance of what a stage's figures name separately; the rest of a stage is `REST`."""

REST = "rest"


@dataclass(frozen=True, kw_only=True)
class Counts:
    """What a part of the accelerator takes of a chip; see `LUTS`, `BRAM36`, `DSPS`.

    :param luts: look-up tables.
    :param ffs: flip-flops.
    :param bram36: block RAM, in 36 Kbit.
    :param dsps: multipliers.
    """

    luts: int = 0
    ffs: int = 0
    bram36: float = 0.0
    dsps: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(**{field.name: getattr(self, field.name) + getattr(other, field.name) for field in fields(self)})

    @classmethod
    def of(cls, kind: str) -> Counts:
        """Those of one primitive.

        :param kind: the primitive.
        :raises ToolError: an unknown one.
        """
        if not (is_flip_flop(kind) or kind in {*LUTS, *BRAM36, *DSPS, *FREE}):
            raise ToolError(f"The netlist has the primitive {kind}, and it is not known what it takes of the chip.")
        return cls(
            luts=LUTS.get(kind, 0), ffs=int(is_flip_flop(kind)), bram36=BRAM36.get(kind, 0.0), dsps=DSPS.get(kind, 0)
        )

    @classmethod
    def sum(cls, counts: Iterable[Counts]) -> Counts:
        """All of several parts.

        :param counts: of the parts.
        """
        return sum(counts, cls())


def count_by_stage(netlist: Netlist) -> dict[tuple[str, str], Counts]:
    """The counts of each stage and part that takes anything, by the keys of `STAGES` or `CONTROL`, and of `PARTS` or `REST`.

    :param netlist: flat.
    :raises ToolError: a primitive that is not known.
    """
    found: dict[tuple[str, str], Counts] = {}
    known: dict[str, Counts] = {}
    for cell in netlist.cells.values():
        counts = known.get(cell.kind) or known.setdefault(cell.kind, Counts.of(cell.kind))
        if counts != Counts():
            place = place_of(cell)
            found[place] = found.get(place, Counts()) + counts
    order = [(stage, part) for stage in (*STAGES, CONTROL) for part in (*PARTS, REST)]
    return {place: found[place] for place in order if place in found}


def place_of(cell: Cell) -> tuple[str, str]:
    """Stage and part of a cell.

    :param cell: of the netlist.
    """
    path = cell.path
    stage = next((key for key, (_, instances) in STAGES.items() if not set(path).isdisjoint(instances)), CONTROL)
    part = next((key for key, (_, instance) in PARTS.items() if instance in path), REST) if stage != CONTROL else REST
    return stage, part

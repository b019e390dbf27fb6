"""The chips that a design is synthesised for: the top module, its sources, and what the chip has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from datapath.boards import load_board
from datapath.design import Design
from datapath.errors import ConfigError, suggestion
from datapath.registers import TOP
from datapath.templates import render_template
from rtl_gen.sources import library_files, memory_files, parameters, render_rtl
from rtl_gen.synthesis.counting import Counts

CHIP = "chip"
"""The top of the ECP5."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """A chip and the top module for it.

    :param name: as in a command.
    :param title: of the part.
    :param top: name of the top module.
    :param part: what the part has.
    :param sources: renders the files of a design, text by name.
    """

    name: str
    title: str
    top: str
    part: Counts
    sources: Callable[[Design], Mapping[str, str]]


def _xc7_part() -> Counts:
    board = load_board("pynq-z1")
    return Counts(luts=board.luts, ffs=board.ffs, bram36=float(board.bram36), dsps=board.dsps)


def _chip_sources(design: Design) -> dict[str, str]:
    top = render_template("rtl_gen", "shift_chip.sv.j2", top=CHIP, parameters=parameters(design))
    return library_files() | memory_files(design) | {f"{CHIP}.sv": top}


def targets() -> dict[str, Target]:
    """The targets by name.

    ``xc7`` is the whole accelerator with its buses, for a part of the 7 series, and ``ecp5`` the datapath with a host
    link of few pins for an LFE5U-85F (Lattice FPGA-DS-02012: 208 blocks of 18 Kbit).
    """
    xc7 = Target(name="xc7", title="XC7Z020 of a PYNQ-Z1", top=TOP, part=_xc7_part(), sources=render_rtl)
    part = Counts(luts=83_640, ffs=83_640, bram36=104.0, dsps=156)
    ecp5 = Target(name="ecp5", title="LFE5U-85F", top=CHIP, part=part, sources=_chip_sources)
    return {target.name: target for target in (xc7, ecp5)}


def target_of(name: str) -> Target:
    """A target.

    :param name: of the target.
    :raises ConfigError: there is none of this name.
    """
    known = targets()
    if name not in known:
        raise ConfigError(f"target is {name!r}{suggestion(name, list(known))}")
    return known[name]

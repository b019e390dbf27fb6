"""The chips that a design is synthesised for: the top module, its sources, and what the chip has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from datapath.boards import DEFAULT_BOARD, load_board
from datapath.design import Design
from datapath.errors import ConfigError, suggestion
from datapath.quoting import quoted
from datapath.registers import TOP
from datapath.templates import render_template
from rtl_gen.serial import PART, SERIAL_TOP, SerialSettings, render_serial, require_pace
from rtl_gen.sources import render_rtl
from rtl_gen.synthesis.counting import Counts
from rtl_gen.synthesis.kept import KEPT

SCRIPT, PINS = "synthesise.ys", "pins.lpf"

CLOCK_MHZ = 100.0
"""Clock of the ECP5's PLL, MHz: what placement and routing aim at."""
TRIED_BAUDS = (1_000_000, 115_200, 9_600)
"""Rates of the ECP5's serial line, bit/s; the fastest one that the folding keeps up with is taken."""


@dataclass(frozen=True, kw_only=True)
class Project:
    """What yosys reads of a design.

    :param files: text by name, with the script `SCRIPT`, and for a chip that can be placed `PINS`.
    :param netlist: name of the file that the script writes.
    """

    files: Mapping[str, str]
    netlist: str


@dataclass(frozen=True, kw_only=True)
class Target:
    """A chip and the top module for it.

    :param name: as in a command.
    :param title: of the part.
    :param top: name of the top module.
    :param part: what the part has.
    :param project: renders the files of a design.
    """

    name: str
    title: str
    top: str
    part: Counts
    project: Callable[[Design], Project]


def _xc7_part() -> Counts:
    board = load_board(DEFAULT_BOARD)
    return Counts(luts=board.luts, ffs=board.ffs, bram36=float(board.bram36), dsps=board.dsps)


def _xc7_project(design: Design) -> Project:
    files = render_rtl(design)
    modules = sorted(name for name in files if name.endswith((".sv", ".v")))
    kept = [name for name in KEPT if f"{name}.sv" in files]
    script = render_template("rtl_gen", f"{SCRIPT}.j2", sources=modules, top=TOP, kept=kept, netlist="netlist.json")
    return Project(files=files | {SCRIPT: script}, netlist="netlist.json")


def _ecp5_project(design: Design) -> Project:
    files = render_serial(design, _settings(design))
    read = {name: text for name, text in files.items() if name.endswith((".sv", ".v", ".mem"))}
    made = {SCRIPT: files["synth.ys"], PINS: files[f"{SERIAL_TOP}.lpf"]}
    return Project(files=read | made, netlist=f"{design.experiment}.json")


def _settings(design: Design) -> SerialSettings:
    """Those of the fastest line of `TRIED_BAUDS` that the design keeps up with; of the slowest one if there is none."""
    for baud in TRIED_BAUDS:
        settings = SerialSettings(clock_mhz=CLOCK_MHZ, baud=baud)
        with suppress(ConfigError):
            require_pace(design, settings)
            return settings
    return settings


def targets() -> dict[str, Target]:
    """The targets by name.

    ``xc7`` is the accelerator with its buses, for a part of the 7 series. ``ecp5`` is the project of `rtl_gen.serial` for
    an LFE5U-85F (Lattice FPGA-DS-02012: 208 blocks of 18 Kbit), at 100 MHz: the accelerator with a serial port, its PLL
    and the pins of a board, by the project's own script.
    """
    xc7 = Target(name="xc7", title="XC7Z020 of a PYNQ-Z1", top=TOP, part=_xc7_part(), project=_xc7_project)
    part = Counts(luts=83_640, ffs=83_640, bram36=104.0, dsps=156)
    ecp5 = Target(name="ecp5", title=PART, top=SERIAL_TOP, part=part, project=_ecp5_project)
    return {target.name: target for target in (xc7, ecp5)}


def target_of(name: str) -> Target:
    """A target.

    :param name: of the target.
    :raises ConfigError: there is none of this name.
    """
    known = targets()
    if name not in known:
        raise ConfigError(f"target is {quoted(name)}{suggestion(name, list(known))}")
    return known[name]

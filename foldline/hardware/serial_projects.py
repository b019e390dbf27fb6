"""A design as a project on disk for an ECP5 board with a serial port, whose tools are all open."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from datapath.design import Design
from datapath.vivado.project import write_project
from rtl_gen.serial import SerialSettings, clocks_per_column, render_serial


@dataclass(frozen=True, kw_only=True)
class ExportedSerialProject:
    """What was written.

    files       number of files
    settings    clock and rate of the line
    come        clocks in which a column comes on the line
    taken       clocks in which the accelerator takes one
    """

    files: int
    settings: SerialSettings
    come: int
    taken: float


def export_serial_project(
    design: Design,
    folder: Path,
    *,
    clock_mhz: float | None = None,
    baud: int | None = None,
    name: str | None = None,
    force: bool = False,
) -> ExportedSerialProject:
    """Write a project, and the design beside it.

    :param design: the network in its folding.
    :param folder: a new or empty folder, or one with a project of the same kind.
    :param clock_mhz: of the accelerator, MHz; None takes the default.
    :param baud: rate of the serial line, bit/s; None takes the default.
    :param name: of the bitstream and the design, see `project_name`.
    :param force: replace generated files that were edited.
    :raises ConfigError: a clock, a rate or a name that is not possible, or a folding that is slower than the line.
    :raises DesignError: a limit of the design exceeds the counters.
    :raises FileError: the folder holds other files or edited ones, or cannot be written.
    """
    given = {"clock_mhz": clock_mhz, "baud": baud}
    settings = SerialSettings(**{field: value for field, value in given.items() if value is not None})
    files = render_serial(design, settings, name=name)
    written = write_project(folder, files, design, name=name, force=force)
    come, taken = clocks_per_column(design, settings)
    return ExportedSerialProject(files=written, settings=settings, come=come, taken=taken)

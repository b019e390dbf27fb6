"""A design as a hardware project on disk, with lines that the simulator has computed for its test bench."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from datapath.design import Design
from datapath.formats import unit_format
from fixedpoint_sim import simulate
from hls_gen.boards import load_board
from hls_gen.fit import FitReport, check_fits
from hls_gen.project import render, write_project
from hls_gen.roms import design_memories
from hls_gen.vectors import LineResult

DEFAULT_BOARD = "pynq-z1"
LINE_LENGTHS = (2, 7, 40)
"""Columns of the lines that a project's test bench runs: the shortest of interest, an odd one, and one with labels."""


@dataclass(frozen=True, kw_only=True)
class ExportedProject:
    """How many files were written, and what its memories take of the board's part."""

    files: int
    fit: FitReport


def export_project(
    design: Design, folder: Path, *, board: str | None = None, clock_mhz: float | None = None
) -> ExportedProject:
    """Write a project for a board, `DEFAULT_BOARD` if it is None.

    :raises ConfigError: an unknown board, or a clock out of range.
    :raises DesignError: the weights do not fit the board's part.
    :raises FileError: the folder holds something else, or cannot be written.
    """
    chosen = load_board(board or DEFAULT_BOARD)
    files = render(design, chosen, lines=project_lines(design), clock_mhz=clock_mhz)
    write_project(folder, files)
    return ExportedProject(files=len(files), fit=check_fits(design_memories(design), chosen))


def project_lines(design: Design, lengths: tuple[int, ...] = LINE_LENGTHS) -> list[tuple[np.ndarray, LineResult]]:
    """Lines of random pixels (seed 0), and what the simulator says that they must give."""
    random = np.random.default_rng(0)
    format = unit_format(design.precision.activation)
    lines = []
    for length in lengths:
        pixels = random.integers(format.min, format.max, size=(length, design.inputs), endpoint=True)
        trace = simulate(design, pixels, beyond_limits=True)
        expected = LineResult(found=trace.found, labels=trace.labels, hidden=trace.hidden, scores=trace.scores)
        lines.append((pixels.astype(np.int8), expected))
    return lines

"""A design as a hardware project on disk; the simulator computes the expected results of its test bench."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from datapath.architecture import Architecture
from datapath.boards import load_board
from datapath.design import Design
from datapath.errors import LimitError
from datapath.kernel_result import KernelResult
from datapath.manifest import Kernel, Manifest
from fixedpoint_sim import simulate
from foldline.batch.inputs import image_inputs
from foldline.hardware.board import known_answers
from foldline.hardware.known_answer_lines import random_lines, synthetic_lines
from hls_gen.project import board_manifest, render, write_project
from hls_gen.resources.fit import FitReport, check_fits
from hls_gen.resources.kernel_memories import kernel_memories

DEFAULT_BOARD = "pynq-z1"


@dataclass(frozen=True, kw_only=True)
class ExportedProject:
    """Numbers of files, test bench lines and labels expected on these, and memory that weights and buffers take."""

    files: int
    lines: int
    labels: int
    fit: FitReport


def export_project(
    design: Design,
    folder: Path,
    *,
    board: str | None = None,
    clock_mhz: float | None = None,
    images: Sequence[Path] = (),
) -> ExportedProject:
    """Write a project for a board.

    :param design: the network in its folding.
    :param folder: a new or empty folder, or one with a project.
    :param board: name, see `load_board`; None takes `DEFAULT_BOARD`.
    :param clock_mhz: of the accelerator; None takes the board's.
    :param images: images and folders of images that the test bench computes, after random and synthetic lines.
    :raises ConfigError: an unknown board, or a clock out of range.
    :raises DesignError: the weights do not fit the board's part.
    :raises FileError, ImageError, DataError: an image cannot be read; the folder holds other files, or cannot be written.
    :raises LimitError: an image exceeds the limit of columns.
    """
    chosen = load_board(board or DEFAULT_BOARD)
    fit = check_fits(kernel_memories(Architecture.of(design)), chosen)
    lines = expected_lines(design, [*random_lines(design), *synthetic_lines(design), *_image_lines(design, images)])
    files = render(design, chosen, lines=lines, clock_mhz=clock_mhz)
    write_project(folder, files)
    labels = sum(expected.found for _, expected in lines)
    return ExportedProject(files=len(files), lines=len(lines), labels=labels, fit=fit)


def manifest_on(board: str, design: Design, *, kernel: str, clock_mhz: float | None = None) -> Manifest:
    """The manifest of a bitstream from elsewhere, such as a published one.

    :param board: name, see `load_board`.
    :param design: what the bitstream holds.
    :param kernel: value of a `Kernel`.
    :param clock_mhz: of the accelerator; None takes the board's.
    :raises ConfigError: an unknown board, or a clock out of range.
    """
    chosen = load_board(board)
    return board_manifest(design, chosen, answers=known_answers(design), kernel=Kernel(kernel), clock_mhz=clock_mhz)


def _image_lines(design: Design, images: Sequence[Path]) -> Iterable[np.ndarray]:
    for line in image_inputs(images):
        columns = line.columns(design)
        if len(columns) > design.limits.columns:
            raise LimitError(
                f"{line.name} has {len(columns)} columns; the accelerator takes 1 to {design.limits.columns}."
            )
        yield columns


def expected_lines(design: Design, lines: Iterable[np.ndarray]) -> list[tuple[np.ndarray, KernelResult]]:
    """Lines of raw columns, integers [T, I], with the results of the simulator, whatever their limits."""
    expected = []
    for columns in lines:
        trace = simulate(design, columns, ignore_limits=True)
        result = KernelResult(found=trace.found, labels=trace.labels, hidden=trace.hidden, scores=trace.scores)
        expected.append((columns, result))
    return expected

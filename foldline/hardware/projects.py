"""A design as a project on disk, for one of our kernels; the simulator computes the labels of its known-answer lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from datapath.architecture import Architecture
from datapath.boards import DEFAULT_BOARD, load_board
from datapath.design import Design
from datapath.errors import ConfigError, LimitError
from datapath.kernel_result import KernelResult
from datapath.manifest import DEFAULT_KERNEL, Kernel, Manifest
from datapath.roms import Rom, design_roms
from datapath.vivado.project import board_manifest, write_project
from datapath.vivado.project import known_answers as answers_of
from fixedpoint_sim import simulate
from foldline.batch.inputs import image_inputs
from foldline.hardware.board import known_answers
from foldline.hardware.known_answer_lines import random_lines, synthetic_lines
from hls_gen.project import render
from hls_gen.resources.fit import FitReport, check_fits
from hls_gen.resources.kernel_memories import Memory, kernel_memories
from rtl_gen.project import render_project


@dataclass(frozen=True, kw_only=True)
class ExportedProject:
    """What was written.

    kernel  whose project it is
    files   their number
    lines   of the test bench; of the RTL kernel the known-answer lines of the manifest
    labels  expected on these lines
    fit     memory of the part that the weights take, of the HLS kernel also that of the buffers
    """

    kernel: Kernel
    files: int
    lines: int
    labels: int
    fit: FitReport


def export_project(
    design: Design,
    folder: Path,
    *,
    kernel: Kernel = DEFAULT_KERNEL,
    board: str | None = None,
    clock_mhz: float | None = None,
    hls_period: float | None = None,
    images: Sequence[Path] = (),
    name: str | None = None,
    force: bool = False,
) -> ExportedProject:
    """Write a project for a board.

    :param design: the network in its folding.
    :param folder: a new or empty folder, or one with a project of the same kind.
    :param kernel: `Kernel.RTL`, which Vivado alone makes a bitstream of, or `Kernel.HLS`.
    :param board: name or file, see `load_board`; None takes `DEFAULT_BOARD`.
    :param clock_mhz: of the accelerator; None takes the board's.
    :param hls_period: period that HLS schedules for, ns, of the HLS kernel; None takes half of the clock's.
    :param images: images and folders of images. The HLS kernel's test bench computes them after random and synthetic
        lines; of the RTL kernel they are the first that may become known-answer lines.
    :param name: of the bitstream and of what belongs to it, see `project_name`.
    :param force: replace generated files that were edited.
    :raises ConfigError: an unknown board, a clock that it does not make, a period for HLS that is not positive, longer
        than the clock's or not for the HLS kernel, another name than a script takes, or the published kernel.
    :raises DesignError: the weights do not fit the board's part.
    :raises FileError, ImageError, DataError: an image cannot be read; the folder holds other files or edited ones, or cannot be
        written.
    :raises LimitError: an image exceeds the limit of columns.
    """
    if kernel is Kernel.PUBLISHED:
        raise ConfigError(
            f"kernel is {kernel.value!r}; it must be 'rtl' or 'hls': LSTM-PYNQ's sources are its own project."
        )
    if hls_period is not None and kernel is not Kernel.HLS:
        raise ConfigError(
            f"hls_period is {hls_period:g}, and kernel is {kernel.value!r}; only 'hls' has such a period."
        )
    chosen, rtl = load_board(board or DEFAULT_BOARD), kernel is Kernel.RTL
    fit = check_fits(rtl_memories(design) if rtl else kernel_memories(Architecture.of(design)), chosen)
    given, made = [*_image_lines(design, images)], [*random_lines(design), *synthetic_lines(design)]
    lines = expected_lines(design, [*given, *made] if rtl else [*made, *given])
    place = {"lines": lines, "clock_mhz": clock_mhz, "name": name}
    files = render_project(design, chosen, **place) if rtl else render(design, chosen, **place, hls_period=hls_period)
    written = write_project(folder, files, design, name=name, force=force)
    if rtl:
        answers = answers_of(lines)
        count, labels = len(answers), sum(len(answer.labels) for answer in answers)
    else:
        count, labels = len(lines), sum(expected.found for _, expected in lines)
    return ExportedProject(kernel=kernel, files=written, lines=count, labels=labels, fit=fit)


def rtl_memories(design: Design) -> list[Memory]:
    """The ROMs of the RTL kernel: of each kind one, whose word has the elements of all processing elements.

    :param design: in its folding.
    """
    return [_rtl_memory(rom) for rom in design_roms(design) if rom.read]


def _rtl_memory(rom: Rom) -> Memory:
    parallel, depth, count = rom.elements.shape
    return Memory(name=rom.name, parallel=1, depth=depth, limb_widths=(parallel * count * rom.bits,))


def manifest_on(board: str, design: Design, *, kernel: str, clock_mhz: float | None = None) -> Manifest:
    """The manifest of a bitstream from elsewhere, such as a published one.

    :param board: name or file, see `load_board`.
    :param design: what the bitstream holds.
    :param kernel: value of a `Kernel`.
    :param clock_mhz: of the accelerator; None takes the board's.
    :raises ConfigError: an unknown board, or a clock that it does not make.
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

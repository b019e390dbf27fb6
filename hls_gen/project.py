"""A hardware project: the C++ of a design, lines for its test bench, and scripts for the vendor's tools."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

import numpy as np

from datapath.architecture import Architecture
from datapath.boards import TargetBoard
from datapath.design import Design
from datapath.errors import ConfigError
from datapath.kernel_result import KernelResult
from datapath.manifest import Kernel
from datapath.version import TOOL
from datapath.vivado.project import board_manifest, design_digest, known_answers, project_name
from hls_gen.project_scripts import ProjectFacts, render_scripts
from hls_gen.resources.fit import check_fits
from hls_gen.resources.kernel_memories import kernel_memories
from hls_gen.sources import BENCH_FOLDER, VECTORS, render_sources
from hls_gen.vectors import render_line

_PIPELINED_LOOP = re.compile(
    r"^ *(?P<label>[A-Z_]+):\n *for .*\{\n(?:#pragma HLS loop_tripcount.*\n)?#pragma HLS pipeline II = 1$", re.MULTILINE
)
"""A labelled loop of the library that must reach an initiation interval of 1."""


def render(
    design: Design,
    board: TargetBoard,
    *,
    lines: Sequence[tuple[np.ndarray, KernelResult]],
    clock_mhz: float | None = None,
    hls_period: float | None = None,
    name: str | None = None,
) -> dict[str, str]:
    """All files of a project but the design, text by path; deterministic.

    :param design: the network in its folding.
    :param board: decides the part, addresses and clock.
    :param lines: lines of the test bench: raw columns [T, I], and the expected result. `known_answers` chooses some of
        them for the manifest.
    :param clock_mhz: clock of the accelerator, MHz; None takes the board's.
    :param hls_period: period that HLS schedules for, ns; None takes half of the clock's.
    :param name: of the bitstream and of what belongs to it, see `project_name`.
    :raises DesignError: the weights do not fit the board's part, or a limit exceeds the kernel's counters.
    :raises ConfigError: a clock that the board does not make, a period for HLS that is not positive or longer than the
        clock's, another name than a script takes, or no line.
    """
    if not lines:
        raise ConfigError("lines is empty; the test bench needs one line or more.")
    files = render_sources(design)
    vectors = f"{BENCH_FOLDER}/{VECTORS}"
    files[vectors] = "".join(
        render_line(columns, bits=design.precision.activation, expected=expected) for columns, expected in lines
    )
    architecture = Architecture.of(design)
    facts = ProjectFacts(
        name=project_name(name, design),
        digest=design_digest(design),
        tool=TOOL,
        board=board,
        clock_mhz=board.clock(clock_mhz),
        architecture=architecture,
        sources=_named(files, "src/*.cpp"),
        headers=_named(files, "src/*.hpp"),
        testbench=_named(files, "tb/*.cpp"),
        vectors=vectors,
        pipelines=pipelined_loops(files),
        fit=check_fits(kernel_memories(architecture), board),
        hls_period=hls_period,
    )
    manifest = board_manifest(design, board, answers=known_answers(lines), kernel=Kernel.HLS, clock_mhz=clock_mhz)
    files[facts.manifest] = manifest.as_text()
    return dict(sorted((files | render_scripts(facts)).items()))


def pipelined_loops(files: dict[str, str]) -> tuple[tuple[str, str], ...]:
    """File and label of every loop that must reach an initiation interval of 1."""
    return tuple(
        (path, loop["label"]) for path in _named(files, "src/*.hpp") for loop in _PIPELINED_LOOP.finditer(files[path])
    )


def _named(files: dict[str, str], pattern: str) -> tuple[str, ...]:
    return tuple(sorted(path for path in files if PurePosixPath(path).match(pattern)))

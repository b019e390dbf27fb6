"""A project for Vivado: the SystemVerilog of a design, its block design by module reference, and a README."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from datapath.architecture import Architecture
from datapath.boards import TargetBoard
from datapath.design import Design
from datapath.errors import ConfigError
from datapath.kernel_result import KernelResult
from datapath.manifest import Kernel
from datapath.registers import TOP
from datapath.templates import render_template
from datapath.version import TOOL
from datapath.vivado.project import (
    RTL_FOLDER,
    BoardProject,
    board_manifest,
    design_digest,
    known_answers,
    project_name,
    require_paths,
)
from datapath.vivado.scripts import CONTROL_INTERFACE, MEMORY_INTERFACE, readme_parts, render_build
from rtl_gen.sources import TOP_FILE, render_rtl

README, MAKEFILE, BUILD = "README.md", "Makefile", "build.tcl"
"""Files of `render_project` besides sources and manifest, as paths in the project."""


@dataclass(frozen=True, kw_only=True)
class RtlMemory:
    """A memory file: contents of one ROM."""

    path: str  # in the project
    words: int
    bits: int  # of a word, as many as its digits have


def render_project(
    design: Design,
    board: TargetBoard,
    *,
    lines: Sequence[tuple[np.ndarray, KernelResult]],
    clock_mhz: float | None = None,
    name: str | None = None,
) -> dict[str, str]:
    """All files of a project but the design, text by path; deterministic.

    :param design: the network in its folding.
    :param board: decides the part, addresses and clock.
    :param lines: raw columns [T, I], and the expected result; `known_answers` chooses some of them for the manifest.
    :param clock_mhz: clock of the accelerator, MHz; None takes the board's.
    :param name: of the bitstream and of what belongs to it, see `project_name`.
    :raises DesignError: a limit exceeds the kernel's counters.
    :raises ConfigError: a clock that the board does not make, another name than a script takes, or no line.
    """
    if not lines:
        raise ConfigError("lines is empty; the manifest needs one known-answer line or more.")
    project = BoardProject(
        name=project_name(name, design),
        digest=design_digest(design),
        tool=TOOL,
        board=board,
        clock_mhz=board.clock(clock_mhz),
        architecture=Architecture.of(design),
        kernel=Kernel.RTL,
    )
    manifest = board_manifest(design, board, answers=known_answers(lines), kernel=Kernel.RTL, clock_mhz=clock_mhz)
    files = {f"{RTL_FOLDER}/{name}": text for name, text in render_rtl(design).items()}
    files[project.manifest] = manifest.as_text()
    return dict(sorted((files | _render_scripts(project, files)).items()))


def _render_scripts(project: BoardProject, files: dict[str, str]) -> dict[str, str]:
    """README, Makefile and `build.tcl`, text by path."""
    memories = [_memory(path, text) for path, text in sorted(files.items()) if path.endswith(".mem")]
    sources = sorted(path for path in files if path.endswith((".sv", ".v")))
    require_paths([*sources, *(memory.path for memory in memories)])
    values = {
        "banner": project.banner,
        "project": project,
        "board": project.board,
        "top": TOP,
        "top_file": f"{RTL_FOLDER}/{TOP_FILE}",
        "sources": sources,
        "parts": readme_parts(project),
    }
    kernel = render_template(
        "rtl_gen",
        "project/kernel.tcl.j2",
        sources=sources,
        memories=[memory.path for memory in memories],
        banner=project.banner,
        top_file=values["top_file"],
        control_interface=CONTROL_INTERFACE,
        memory_interface=MEMORY_INTERFACE,
    )
    return {
        README: render_template("rtl_gen", f"project/{README}.j2", memories=memories, **values),
        MAKEFILE: render_template("rtl_gen", f"project/{MAKEFILE}.j2", memories=memories, **values),
        BUILD: render_build(project, origin=f"the SystemVerilog in {RTL_FOLDER}", kernel=kernel),
    }


def _memory(path: str, text: str) -> RtlMemory:
    rows = text.splitlines()
    return RtlMemory(path=path, words=len(rows), bits=4 * len(rows[0]))

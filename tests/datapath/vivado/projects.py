"""A small project of each kernel, as `build.tcl` needs it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from datapath.boards import load_board
from datapath.kernel_result import KernelResult
from datapath.vivado.project import design_digest, write_project
from rtl_gen.project import render_project
from tests.hls_gen import project as hls
from tests.hls_gen.tiny_project import tiny_design

KERNELS = ("hls", "rtl")
BOARDS = hls.BOARDS


@dataclass(frozen=True)
class Project:
    """A project on disk.

    name     of its files
    digest   of its design
    registers, space   names of the registers' segment and of the accelerator's address space in its cell
    """

    folder: Path
    name: str
    digest: str
    registers: str
    space: str


def make_project(kernel: str, folder: Path, board: str = "pynq-z1", *, clock_mhz: float | None = None) -> Project:
    """Write the project of a kernel; that of the HLS kernel with empty files for sources and core."""
    if kernel == "hls":
        facts = hls.example_facts(board, **({} if clock_mhz is None else {"clock_mhz": clock_mhz}))
        hls.write_project(folder, facts, core=True)
        return Project(folder, hls.NAME, facts.digest, "Reg", "Data_m_axi_gmem")
    design = tiny_design()
    write_project(folder, _rtl_files(board, clock_mhz), design)
    return Project(folder, str(design.experiment), design_digest(design), "reg0", "m_axi_gmem")


@cache
def _rtl_files(board: str, clock_mhz: float | None) -> dict[str, str]:
    design, nothing = tiny_design(), np.zeros(0)
    line = np.zeros((2, design.inputs), dtype=np.int8)
    result = KernelResult(found=0, labels=np.zeros(0, dtype=np.uint8), hidden=nothing, scores=nothing)
    return render_project(design, load_board(board), lines=[(line, result)], clock_mhz=clock_mhz)

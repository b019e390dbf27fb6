"""Scripts for the vendor's tools, Makefile and README of a hardware project, from ``templates/project/``."""

from __future__ import annotations

import re
from dataclasses import dataclass

from datapath.architecture import Architecture
from datapath.boards import TargetBoard, check_clock
from datapath.errors import ConfigError
from datapath.packing import column_words
from datapath.registers import TOP, Register
from datapath.templates import render_template
from hls_gen.resources.fit import LUT_ROM_DEPTH, FitReport
from hls_gen.sources import banner

CONTROL_BUNDLE, MEMORY_BUNDLE = "control", "gmem"
"""Bundles of the interface pragmas of the top function: the core's ports are s_axi_control and m_axi_gmem."""

SCRIPTS = ("README.md", "Makefile", "run_hls.tcl", "build.tcl")
"""Files of `render_scripts`, as paths in the project."""

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_PATH = re.compile(rf"(?:{_NAME.pattern}/)*{_NAME.pattern}")


@dataclass(frozen=True, kw_only=True)
class ProjectFacts:
    """Values in the scripts and the README of a project.

    :raises ConfigError: a name or path with other characters than a script takes, or a clock out of range.
    """

    name: str  # of the design, and of the .bit, .hwh and .json files
    digest: str  # of the design
    tool: str  # Foldline with its version
    board: TargetBoard
    clock_mhz: float  # of the accelerator
    architecture: Architecture
    sources: tuple[str, ...]  # C++ files of the core; all files are paths in the project
    headers: tuple[str, ...]  # of the core and the test bench
    testbench: tuple[str, ...]  # C++ files of the test bench
    vectors: str  # lines of the test bench with their expected labels
    pipelines: tuple[tuple[str, str], ...]  # loops that must reach an initiation interval of 1, file and label
    fit: FitReport  # memory of the board's part that weights and buffers take

    def __post_init__(self) -> None:
        check_clock(self.clock_mhz)
        if not _NAME.fullmatch(self.name):
            raise ConfigError(f"name is {self.name!r}; it must be letters, digits, '_', '.' and '-'.")
        for field in ("sources", "headers", "testbench"):
            if not getattr(self, field):
                raise ConfigError(f"{field} is empty; it must be one file or more.")
        for path in (*self.sources, *self.headers, *self.testbench, self.vectors):
            if not _PATH.fullmatch(path):
                raise ConfigError(f"the path {path!r} must be relative, of letters, digits, '_', '.', '-' and '/'.")
        for field in ("digest", "tool"):
            text = getattr(self, field)
            if not text or not text.isprintable():
                raise ConfigError(f"{field} is {text!r}; it must be one line of text that is not empty.")

    @property
    def banner(self) -> str:
        return banner(self.name, self.digest, self.tool)

    @property
    def manifest(self) -> str:
        """The manifest of the bitstream, for the driver, as a path in the project."""
        return f"{self.name}.json"

    @property
    def period_ns(self) -> str:
        """Clock period in ns with three decimals, rounded down."""
        return f"{int(1_000_000 / self.clock_mhz) / 1000:.3f}"


def render_scripts(facts: ProjectFacts) -> dict[str, str]:
    """README, Makefile and the scripts for HLS and Vivado, text by path; deterministic."""
    board, architecture = facts.board, facts.architecture
    addresses = ("control_base", "control_bytes", "memory_base", "memory_bytes", "memory_last")
    values = {
        **{name: getattr(facts, name) for name in ("banner", "name", "board", "architecture", "period_ns", "manifest")},
        **{name: getattr(facts, name) for name in ("sources", "headers", "testbench", "vectors", "pipelines", "fit")},
        "facts": facts,
        "bits": architecture.precision.activation,
        "column_words": column_words(architecture.inputs, architecture.precision.activation),
        "output_words": 1 + architecture.limits.labels,  # the count and the labels
        "addresses": {name: f"0x{getattr(board, name):08X}" for name in addresses},
        "clock": f"{facts.clock_mhz:g}",
        "top": TOP,
        "control_bundle": CONTROL_BUNDLE,
        "memory_bundle": MEMORY_BUNDLE,
        "registers": [(f"0x{register:02X}", register.meaning) for register in Register],
        "argument_offsets": [f"0x{register:02X}" for register in Register if register is not Register.CONTROL],
        "lut_rom_depth": LUT_ROM_DEPTH,
    }
    return {path: render_template("hls_gen", f"project/{path}.j2", **values) for path in SCRIPTS}

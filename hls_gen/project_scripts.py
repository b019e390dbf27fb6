"""Scripts for the vendor's tools, Makefile and README of a hardware project, from ``templates/project/``."""

from __future__ import annotations

from dataclasses import dataclass

from datapath.boards.clocks import clock_text
from datapath.errors import ConfigError
from datapath.manifest import Kernel
from datapath.registers import TOP, Register
from datapath.templates import render_template
from datapath.vivado.project import BoardProject, require_paths
from datapath.vivado.results import HLS_RESULTS, LEAST_HLS_PERIOD
from datapath.vivado.scripts import (
    CONTROL_INTERFACE,
    MEMORY_INTERFACE,
    first_release,
    readme_parts,
    render_build,
    render_procedures,
)
from hls_gen.resources.fit import LUT_ROM_DEPTH, FitReport

CONTROL_BUNDLE, MEMORY_BUNDLE = (name.partition("_axi_")[2] for name in (CONTROL_INTERFACE, MEMORY_INTERFACE))
"""Bundles of the interface pragmas of the top function: the core's ports are s_axi_control and m_axi_gmem."""

HLS_SHARE = 0.5
"""Period that HLS schedules for, as a share of that of the accelerator's clock, where none is asked for."""

NAME_LENGTH = 80
"""Most characters of a function's name in the core, for files' names that Windows takes."""

LONGEST_PATH = len(f"hls/solution1/impl/ip/hdl/verilog/{TOP}__recurrent_weights_127_ROM_AUTO_1R.dat") + NAME_LENGTH
"""Characters of the longest path that HLS makes below a project: the memory of an array within a function. Names as in public
projects of Vitis HLS 2021.2 to 2024.1; the files of the tool itself, ``hls/solution1/.autopilot/db/NAME.verbose.sched.rpt.xml``,
are shorter."""

SCRIPTS = ("README.md", "Makefile", "run_hls.tcl", "build.tcl")
"""Files of `render_scripts`, as paths in the project."""


@dataclass(frozen=True, kw_only=True)
class ProjectFacts(BoardProject):
    """Values in the scripts and the README of a project.

    :raises ConfigError: a name or path with other characters than a script takes, a clock that the board does not make, or a
        period for HLS that is not positive or longer than the clock's.
    """

    kernel: Kernel = Kernel.HLS
    sources: tuple[str, ...]  # C++ files of the core; all files are paths in the project
    headers: tuple[str, ...]  # of the core and the test bench
    testbench: tuple[str, ...]  # C++ files of the test bench
    vectors: str  # lines of the test bench with their expected labels
    pipelines: tuple[tuple[str, str], ...]  # loops that must reach an initiation interval of 1, file and label
    fit: FitReport  # memory of the board's part that weights and buffers take
    hls_period: float | None = None  # ns, for which HLS schedules; None is `HLS_SHARE` of the accelerator's clock

    def __post_init__(self) -> None:
        super().__post_init__()
        for field in ("sources", "headers", "testbench"):
            if not getattr(self, field):
                raise ConfigError(f"{field} is empty; it must be one file or more.")
        require_paths((*self.sources, *self.headers, *self.testbench, self.vectors))
        require_hls_period(self.hls_period, self.clock_mhz)

    @property
    def hls_period_ns(self) -> str:
        """Period that HLS schedules for, in ns with three decimals, rounded down."""
        return _decimals(HLS_SHARE * 1000 / self.clock_mhz if self.hls_period is None else self.hls_period)


def _decimals(period: float) -> str:
    return f"{int(1000 * period + 1e-6) / 1000:.3f}"


def require_hls_period(period: float | None, clock_mhz: float) -> None:
    """Refuse a period that HLS cannot schedule for.

    :param period: ns; None is the default.
    :param clock_mhz: of the accelerator.
    :raises ConfigError: not a number of `LEAST_HLS_PERIOD` or more, or longer than the period of the clock.
    """
    longest = _decimals(1000 / clock_mhz)
    if period is not None and not LEAST_HLS_PERIOD <= period <= float(longest):
        raise ConfigError(
            f"hls_period is {period:.10g}; it must be {LEAST_HLS_PERIOD:g} to {longest} ns, the period of the accelerator's clock of "
            f"{clock_text(clock_mhz)} MHz."
        )


def render_scripts(facts: ProjectFacts) -> dict[str, str]:
    """README, Makefile and the scripts for HLS and Vivado, text by path; deterministic.

    :param facts: of the project.
    """
    values = {
        **{
            name: getattr(facts, name)
            for name in ("banner", "name", "board", "architecture", "period_ns", "hls_period_ns", "manifest")
        },
        **{name: getattr(facts, name) for name in ("sources", "headers", "testbench", "vectors", "pipelines", "fit")},
        "facts": facts,
        "bits": facts.architecture.precision.activation,
        "clock": f"{facts.clock_mhz:g}",
        "top": TOP,
        "argument_offsets": [f"0x{register:02X}" for register in Register if register is not Register.CONTROL],
        "lut_rom_depth": LUT_ROM_DEPTH,
        "parts": readme_parts(facts),
        "procedures": render_procedures(facts.board),
        "longest_path": LONGEST_PATH,
        "name_length": NAME_LENGTH,
        "first_release": first_release(facts.board),
        "hls_results": HLS_RESULTS,
    }
    kernel = render_template("hls_gen", "project/kernel.tcl.j2", files=(*facts.sources, *facts.headers))
    build = render_build(facts, origin="the IP core of run_hls.tcl", kernel=kernel)
    return {
        path: build if path == "build.tcl" else render_template("hls_gen", f"project/{path}.j2", **values)
        for path in SCRIPTS
    }

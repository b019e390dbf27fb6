"""A design behind a serial port on an ECP5 board, the ULX3S: SystemVerilog, top, pins, and the Makefile of the open tools."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from datapath.architecture import Architecture
from datapath.design import Design
from datapath.errors import ConfigError
from datapath.folded import DIRECTIONS
from datapath.rtl_cycles import rtl_cycles
from datapath.serial_frames import BAUD, BAUDS, BITS_PER_BYTE, record_bytes
from datapath.templates import render_template
from datapath.version import TOOL
from datapath.vivado.project import project_name
from rtl_gen.sources import BOUNDS_FILE, bounds_text, memory_files, parameters, serial_library_files
from rtl_gen.synthesis.kept import KEPT

SERIAL_TOP = "ulx3s"
"""Module and file of the top."""

PART, PACKAGE, SPEED = "LFE5U-85F", "CABGA381", 6
"""The board's part, as Lattice spells it, its package and its speed grade."""

OSCILLATOR_MHZ = 25
CLOCKS_MHZ = (10, 200)
"""Slowest and fastest clock of a project, MHz."""
CLOCK_MHZ = 50.0
"""Default clock of a project, MHz."""

REFERENCE_DIVIDERS, FEEDBACK_DIVIDERS, OUTPUT_DIVIDERS = range(1, 9), range(1, 81), range(1, 129)
"""Dividers of the PLL that are used: the phase detector runs at 3.125 MHz or more."""
OSCILLATOR_RANGE_MHZ = (400, 800)
"""Of the PLL's own oscillator, MHz (Lattice FPGA-DS-02012, sysCLOCK PLL timing)."""

LEAST_CLOCKS_PER_BIT = 8
BAUD_TOLERANCE = 0.01
"""Largest relative deviation of the rate that the clock can be divided to."""

GAP_SECONDS = 0.1
"""A line that is idle for so long ends a request that is not complete."""

PACE_MARGIN = 0.05
"""Records may come so much faster than the nominal rate, relative, and are still taken in time."""


@dataclass(frozen=True, kw_only=True)
class Pll:
    """Dividers of an EHXPLLL whose feedback is its output: 25 MHz * feedback / reference."""

    reference: int
    feedback: int
    output: int

    @property
    def mhz(self) -> float:
        """Clock at the output, MHz."""
        return OSCILLATOR_MHZ * self.feedback / self.reference

    @property
    def phase(self) -> int:
        """CLKOP_CPHASE: half of the output's period, as `ecppll` has it."""
        return (self.output - 1) // 2

    @classmethod
    def at(cls, clock_mhz: float) -> Pll:
        """The dividers for a clock, with the smallest reference divider.

        :param clock_mhz: at the output, MHz.
        :raises ConfigError: outside `CLOCKS_MHZ`, or between two clocks that the PLL makes; both are named.
        """
        least, most = CLOCKS_MHZ
        if not least <= clock_mhz <= most:
            raise ConfigError(f"clock_mhz is {clock_mhz:g}; it must be {least} to {most} MHz.")
        found = _possible_clocks()
        near = min(found, key=lambda clock: abs(float(clock) - clock_mhz))
        if abs(float(near) - clock_mhz) > 1e-6 * clock_mhz:
            below = max((float(clock) for clock in found if clock < clock_mhz), default=least)
            above = min((float(clock) for clock in found if clock > clock_mhz), default=most)
            raise ConfigError(
                f"clock_mhz is {clock_mhz:g}; it must be {OSCILLATOR_MHZ} * n / m, m 1 to {REFERENCE_DIVIDERS[-1]}, from "
                f"{least} to {most} MHz. The nearest clocks are {below:.6g} and {above:.6g} MHz."
            )
        reference, feedback = found[near]
        low, high = OSCILLATOR_RANGE_MHZ
        output = min(OUTPUT_DIVIDERS, key=lambda divider: abs(float(near) * divider - (low + high) / 2))
        return cls(reference=reference, feedback=feedback, output=output)


def _possible_clocks() -> dict[Fraction, tuple[int, int]]:
    """Reference and feedback divider of each clock within `CLOCKS_MHZ`, in MHz."""
    least, most = CLOCKS_MHZ
    found: dict[Fraction, tuple[int, int]] = {}
    for reference in REFERENCE_DIVIDERS:
        for feedback in FEEDBACK_DIVIDERS:
            clock = Fraction(OSCILLATOR_MHZ * feedback, reference)
            if least <= clock <= most:
                found.setdefault(clock, (reference, feedback))
    return found


@dataclass(frozen=True, kw_only=True)
class SerialSettings:
    """How the board runs a design.

    :raises ConfigError: a value outside its range, or a rate that the clock is not divided to.
    """

    clock_mhz: float = CLOCK_MHZ
    """Clock of the accelerator, MHz, one that `Pll.at` takes."""
    baud: int = BAUD
    """Rate of the line, bit/s."""
    gap_seconds: float = GAP_SECONDS
    """See `GAP_SECONDS`."""

    def __post_init__(self) -> None:
        pll = Pll.at(self.clock_mhz)
        least, most = BAUDS
        if not least <= self.baud <= most:
            raise ConfigError(f"baud is {self.baud}; it must be {least} to {most} bit/s.")
        deviation = abs(1e6 * pll.mhz / self.clocks_per_bit / self.baud - 1)
        if self.clocks_per_bit < LEAST_CLOCKS_PER_BIT or deviation > BAUD_TOLERANCE:
            raise ConfigError(
                f"baud is {self.baud}; at {self.clock_mhz:g} MHz it must be {1e6 * pll.mhz:.0f} / n bit/s within "
                f"{BAUD_TOLERANCE:.0%}, n {LEAST_CLOCKS_PER_BIT} or more."
            )
        if not 0 < self.gap_seconds <= 1:
            raise ConfigError(f"gap_seconds is {self.gap_seconds:g}; it must be above 0 s and at most 1 s.")

    @property
    def clocks_per_bit(self) -> int:
        """Clocks of a bit on the line."""
        return round(1e6 * self.clock_mhz / self.baud)

    @property
    def gap_clocks(self) -> int:
        """Clocks of `gap_seconds`."""
        return round(1e6 * self.clock_mhz * self.gap_seconds)


def clocks_per_column(design: Design, settings: SerialSettings) -> tuple[int, float]:
    """Clocks in which the two records of a column come on the line, and in which the accelerator takes them.

    :param design: sets the size of a record, and in its folding the pace of the accelerator.
    :param settings: set the clocks of a bit.
    """
    come = DIRECTIONS * record_bytes(design) * BITS_PER_BYTE * settings.clocks_per_bit
    return come, rtl_cycles(Architecture.of(design)).steady


def require_pace(design: Design, settings: SerialSettings) -> None:
    """Refuse a line on which records come faster than the accelerator takes them.

    :param design: in its folding, which decides the clocks of a column.
    :param settings: clock and rate.
    :raises ConfigError: names both numbers of clocks.
    """
    come, taken = clocks_per_column(design, settings)
    if taken > (1 - PACE_MARGIN) * come:
        clocks_per_bit = math.ceil(taken / (1 - PACE_MARGIN) / (come / settings.clocks_per_bit))
        raise ConfigError(
            f"baud is {settings.baud}; a column then comes every {come} clocks, and the accelerator takes one every "
            f"{taken:g}. In this folding baud must be at most {int(1e6 * settings.clock_mhz / clocks_per_bit)} bit/s."
        )


def render_serial(design: Design, settings: SerialSettings | None = None, *, name: str | None = None) -> dict[str, str]:
    """All files of a project for the board, text by name: library, top, memory files, pins, Makefile, README. Deterministic.

    :param design: what the accelerator computes, in its folding.
    :param settings: clock and rate; None takes the defaults.
    :param name: of the bitstream, see `project_name`.
    :raises DesignError: a limit exceeds the counters.
    :raises ConfigError: records come faster than the accelerator takes them, or another name than a file may have.
    """
    settings = settings or SerialSettings()
    design.limits.require_countable()
    require_pace(design, settings)
    sources = serial_library_files() | memory_files(design) | {BOUNDS_FILE: bounds_text(design)}
    come, taken = clocks_per_column(design, settings)
    digest = bytes.fromhex(design.digest(folding=False))
    values = {
        "name": project_name(name, design),
        "title": f"{design.experiment}, design {design.digest(folding=True)[:16]}, generated by {TOOL}",
        "top": SERIAL_TOP,
        "design": design,
        "settings": settings,
        "default_baud": BAUD,
        "pll": Pll.at(settings.clock_mhz),
        "part": PART,
        "package": PACKAGE,
        "speed": SPEED,
        "record": record_bytes(design),
        "come": come,
        "taken": taken,
        "parameters": parameters(design)
        | {"CLOCKS_PER_BIT": settings.clocks_per_bit, "GAP_CLOCKS": settings.gap_clocks}
        | {"DIGEST": f"256'h{int.from_bytes(digest, 'little'):064x}"},
        "library": [name for name in sources if name.endswith(".sv")],
        "memories": [name for name in sources if name.endswith(".mem")],
        "kept": [name for name in KEPT if f"{name}.sv" in sources],
    }
    rendered = {
        name: render_template("rtl_gen", f"serial/{template}.j2", **values)
        for name, template in {
            f"{SERIAL_TOP}.v": "top.v",
            "pll.v": "pll.v",
            f"{SERIAL_TOP}.lpf": "pins.lpf",
            "synth.ys": "synth.ys",
            "Makefile": "Makefile",
            "README.md": "README.md",
        }.items()
    }
    return dict(sorted((sources | rendered).items()))

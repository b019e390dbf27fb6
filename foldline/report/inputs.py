"""What a report is made of."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from datapath.architecture import Architecture
from datapath.design import Design
from datapath.errors import ConfigError
from datapath.manifest import Kernel
from datapath.published import COLUMNS
from foldline.compare.agreement import BOARD, SIMULATED
from foldline.compare.comparison import OVERLAY, BackendResult, Comparison
from foldline.hardware.estimate import Estimate, estimate

if TYPE_CHECKING:
    from foldline.study.result import StudyResult

LINES, INSPECTED_LINES = 200, 3
"""Defaults: lines that are put in, and lines of which every number is looked at."""


@dataclass(frozen=True, kw_only=True)
class CurveStage:
    """What one training run traced per epoch: epochs from 1, mean loss in nats per line, CER in percent by both label
    rules."""

    name: str
    epochs: tuple[int, ...]
    loss: tuple[float, ...]
    greedy_cer: tuple[float, ...]
    overlay_cer: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class ReportRun:
    """One network of a report: its design, what its levels read on the lines of `dataset_name`, and how it was trained.

    curves      stages in the order of the training; empty for a design alone
    notes       what its reader should know
    """

    name: str
    design: Design
    comparison: Comparison
    dataset_name: str
    curves: tuple[CurveStage, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def judged(self) -> BackendResult | None:
        """The level whose error rate stands for the network, by the overlay's labels: the simulator's, else the board's."""
        found = {level.name: level for level in self.comparison.results if level.decoding == OVERLAY}
        return found.get(SIMULATED) or found.get(BOARD)


@dataclass(frozen=True, kw_only=True)
class Target:
    """What cycles and resources are told for, see `foldline.hardware.estimate.estimate`; `kernel` None for the one that
    `Kernel.of` takes a design to run on."""

    board: str = "pynq-z1"
    clock_mhz: float | None = None
    columns: int = COLUMNS
    kernel: Kernel | None = None

    def estimate_of(self, design: Design) -> Estimate:
        """What a design would do and take there.

        :raises ConfigError: a board, clock or number of columns that cannot be.
        """
        return estimate(
            Architecture.of(design),
            kernel=self.kernel or Kernel.of(design),
            board=self.board,
            clock_mhz=self.clock_mhz,
            columns=self.columns,
        )


@dataclass(frozen=True, kw_only=True)
class ReportInputs:
    """Everything that decides the report's bytes.

    made                when, as it stands in the head
    lines               how many are put in, worst first
    inspected_lines     of how many lines of each run every number is looked at, evenly through the ranking
    study               trials to stand in the plots, too

    :raises ConfigError: no run, two of one name, or a number outside its range.
    """

    runs: tuple[ReportRun, ...]
    title: str
    made: str
    target: Target = Target()
    lines: int = LINES
    inspected_lines: int = INSPECTED_LINES
    study: StudyResult | None = None

    def __post_init__(self) -> None:
        if not self.runs:
            raise ConfigError("runs is empty; a report needs at least one run.")
        name, count = Counter(run.name for run in self.runs).most_common(1)[0]
        if count > 1:
            raise ConfigError(f"runs has {name!r} {count} times; each run of a report needs a name of its own.")
        for field in ("lines", "inspected_lines"):
            if (value := getattr(self, field)) < 0:
                raise ConfigError(f"{field} is {value}; it must be 0 or more.")


def short_name(run: ReportRun, number: int) -> str:
    """What a run is called where there is little room: its number in the report, from 1, and its widths."""
    bits = run.design.precision
    return f"{number} W{bits.weight}A{bits.activation}"

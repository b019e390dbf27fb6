"""The inputs of a report."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from datapath.architecture import Architecture
from datapath.boards import DEFAULT_BOARD
from datapath.design import Design
from datapath.errors import ConfigError
from datapath.manifest import DEFAULT_KERNEL, Kernel
from datapath.published import COLUMNS
from datapath.quoting import quoted
from datapath.vivado.built_project import BuiltProject
from foldline.compare.agreement import BOARD, SIMULATED
from foldline.compare.backends import OVERLAY
from foldline.compare.comparison import BackendResult, Comparison
from foldline.hardware.estimate import Estimate, estimate

if TYPE_CHECKING:
    from foldline.study.result import StudyResult


@dataclass(frozen=True, kw_only=True)
class CurveStage:
    """Curves of a training run by epoch, from 1: mean loss, nats per line, and CER by both labels, percent."""

    name: str
    epochs: tuple[int, ...]
    loss: tuple[float, ...]
    greedy_cer: tuple[float, ...]
    overlay_cer: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class ReportRun:
    """One network of a report.

    name            unique in the report
    comparison      results of its backends on validation lines
    dataset_name    dataset of these lines
    curves          stages of its training, in order; empty without training data
    notes           for the reader
    """

    name: str
    design: Design
    comparison: Comparison
    dataset_name: str
    curves: tuple[CurveStage, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def main_result(self) -> BackendResult | None:
        """The result whose error rate represents the network: overlay labels of the simulator, or else of the board."""
        results = {result.name: result for result in self.comparison.results if result.decoding == OVERLAY}
        return results.get(SIMULATED) or results.get(BOARD)


@dataclass(frozen=True, kw_only=True)
class Target:
    """The board for which cycles and resources are estimated; see `foldline.hardware.estimate.estimate`.

    clock_mhz   clock; None for the board's
    columns     columns of a line
    kernel      whose accelerator
    """

    board: str = DEFAULT_BOARD
    clock_mhz: float | None = None
    columns: int = COLUMNS
    kernel: Kernel = DEFAULT_KERNEL

    def estimate_of(self, design: Design) -> Estimate:
        """Estimate cycles and resources of a design.

        :raises ConfigError: an unknown board, a clock that it does not make, or a number of columns outside its range.
        """
        return estimate(
            Architecture.of(design),
            kernel=self.kernel,
            board=self.board,
            clock_mhz=self.clock_mhz,
            columns=self.columns,
        )


@dataclass(frozen=True, kw_only=True)
class ReportInputs:
    """Everything on which the report's bytes depend.

    made                date and time, as text
    lines               number of lines in the report, those with most errors first
    inspected_lines     lines of each run whose value ranges are computed, evenly spaced from worst to best
    study               a study whose trials are added to the plots
    built               projects that Vivado has built of the runs' designs

    :raises ConfigError: no run, two of one name, or a number outside its range.
    """

    runs: tuple[ReportRun, ...]
    title: str
    made: str
    target: Target = Target()
    lines: int = 200
    inspected_lines: int = 3
    study: StudyResult | None = None
    built: tuple[BuiltProject, ...] = ()

    @property
    def designs(self) -> dict[str, Design]:
        """Of the runs, by name."""
        return {run.name: run.design for run in self.runs}

    def __post_init__(self) -> None:
        if not self.runs:
            raise ConfigError("runs is empty; a report needs at least one run.")
        name, count = Counter(run.name for run in self.runs).most_common(1)[0]
        if count > 1:
            raise ConfigError(f"runs has {quoted(name)} {count} times; the names of a report's runs must differ.")
        for field in ("lines", "inspected_lines"):
            if (value := getattr(self, field)) < 0:
                raise ConfigError(f"{field} is {value}; it must be 0 or more.")


def short_name(run: ReportRun, number: int) -> str:
    """Short name of a run: its number in the report, from 1, and its weight and activation bits."""
    bits = run.design.precision
    return f"{number} W{bits.weight}A{bits.activation}"

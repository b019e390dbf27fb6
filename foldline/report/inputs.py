"""The inputs of a report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from datapath.architecture import Architecture
from datapath.boards import DEFAULT_BOARD, TargetBoard, load_board
from datapath.design import Design
from datapath.errors import ConfigError
from datapath.manifest import DEFAULT_KERNEL, Kernel
from datapath.published import COLUMNS
from datapath.quoting import quoted
from datapath.vivado.built_project import BuiltProject
from foldline.compare.backends import OVERLAY
from foldline.compare.comparison import BackendResult, Comparison
from foldline.compare.paired import STANDS_FOR_HARDWARE, errors_of, standing_result
from foldline.evidence import Interval, rate_interval
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
class Rate:
    """An error rate in percent, with its 95 % interval over lines; None where the lines are not known, or too few."""

    value: float
    interval: Interval | None = None

    @property
    def text(self) -> str:
        """
        >>> Rate(value=1.6389, interval=Interval(low=0.554, high=3.1)).text
        '1.64 (0.55 to 3.10)'
        """
        return f"{self.value:.2f}" + (f" ({self.interval.text()})" if self.interval else "")

    @property
    def highest(self) -> float:
        """The upper end of its interval, or else itself."""
        return self.value if self.interval is None else max(self.value, self.interval.high)

    @property
    def distances(self) -> tuple[float, float]:
        """From the value down and up to the ends of its interval; 0 without one."""
        if self.interval is None:
            return 0.0, 0.0
        return max(0.0, self.value - self.interval.low), max(0.0, self.interval.high - self.value)


@dataclass(frozen=True, kw_only=True)
class ReportRun:
    """One network of a report.

    name            unique in the report
    design          None for a float network
    comparison      results of its backends on validation lines
    dataset_name    dataset of these lines
    curves          stages of its training, in order; empty without training data
    notes           for the reader
    rows            height of the input of a float network in pixels; without meaning for a design
    origin          facts on a float network by their titles; a design has its own
    """

    name: str
    design: Design | None
    comparison: Comparison
    dataset_name: str
    curves: tuple[CurveStage, ...] = ()
    notes: tuple[str, ...] = ()
    rows: int = 32
    origin: tuple[tuple[str, str], ...] = ()

    @property
    def precision(self) -> str:
        """``float``, or its weight and activation bits, as ``W2A4``."""
        if self.design is None:
            return "float"
        return f"W{self.design.precision.weight}A{self.design.precision.activation}"

    @property
    def pixel_rows(self) -> int:
        """Height of its input in pixels."""
        return self.rows if self.design is None else self.design.inputs

    @property
    def main_result(self) -> BackendResult | None:
        """The result whose error rate represents the network: overlay labels of the simulator, or else of the board; of a float
        network those of PyTorch."""
        return self.result(OVERLAY)

    def result(self, decoding: str) -> BackendResult | None:
        """The result by a decoding that represents the network: of the simulator, or else the board; of a float network that of
        PyTorch.

        :param decoding: of `foldline.compare.backends`.
        """
        return standing_result(self.comparison, decoding, backends=STANDS_FOR_HARDWARE)

    def rate(self, decoding: str = OVERLAY) -> Rate | None:
        """The CER of `result`, with its interval.

        :param decoding: of `foldline.compare.backends`.
        """
        result = self.result(decoding)
        return None if result is None else Rate(value=result.rates.cer, interval=self.interval_of(result))

    def interval_of(self, result: BackendResult) -> Interval | None:
        """The interval of a result's CER over the lines that it has read.

        :param result: of the comparison.
        """
        read = self.comparison.lines[: len(result.texts)]
        return rate_interval(errors_of(self.comparison, result)) if any(line.text for line in read) else None


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

    def load_board(self) -> TargetBoard:
        """The board; a ConfigError for an unknown one."""
        return load_board(self.board)

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
    published           whether the published overlays are in the plots of error against speed and cost

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
    published: bool = True

    @property
    def designs(self) -> dict[str, Design]:
        """Of the runs that have one, by name."""
        return {run.name: run.design for run in self.runs if run.design is not None}

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
    """Short name of a run: its number in the report, from 1, and its precision."""
    return f"{number} {run.precision}"


def figure_labels(runs: Sequence[ReportRun]) -> list[str]:
    """Labels of the runs in figures: the precision, or the short name of those that share one."""
    counts = Counter(run.precision for run in runs)
    return [
        run.precision if counts[run.precision] == 1 else short_name(run, number) for number, run in enumerate(runs, 1)
    ]

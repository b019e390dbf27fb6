"""What a board, or the RTL as the accelerator of a virtual board, computed for a comparison."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from datapath.errors import FoldlineError
from foldline.batch.board_runs import Throughput, read_inputs
from foldline.batch.inputs import LineInput
from foldline.compare.agreement import LineResult
from foldline.console.text import capitalised
from train.data.dataset import Line

if TYPE_CHECKING:
    from overlay_driver import BoardResult, Driver, SerialDriver


@dataclass(frozen=True, kw_only=True)
class BoardRun:
    """Times and results of a board.

    kind        "board", "remote board", "serial board" or "virtual board"
    clock_mhz   clock of the accelerator, in MHz; None where it is not known, of a serial board
    measured    what the times are measured at, e.g. "at 100 MHz"
    total       of all lines
    """

    kind: str
    clock_mhz: float | None
    measured: str
    total: Throughput
    results: tuple[BoardResult, ...]

    @property
    def title(self) -> str:
        return f"{self.kind} (modelled)" if self.total.modelled else self.kind

    @property
    def line_results(self) -> tuple[LineResult, ...]:
        """What it computed, as the other backends give it."""
        return tuple(LineResult(labels=tuple(one.labels.tolist()), text=one.text) for one in self.results)

    @property
    def messages(self) -> tuple[str, str]:
        """Lines, columns, milliseconds and throughput of all lines; and the mean time of a line."""
        whole = self.total.summary(capitalised(self.kind), self.measured)
        most = "at most " if self.total.at_most else ""
        modelled = " (modelled)" if self.total.modelled else ""
        return whole, f"A line takes {most}{self.total.milliseconds / self.total.lines:.3f} ms on average{modelled}."


def all_on_board(
    board: Driver | SerialDriver, lines: Sequence[Line], shown: AbstractContextManager[Callable[[int, int], None]]
) -> tuple[BoardResult, ...]:
    """The results of lines that are within the limits.

    :param board: the open driver.
    :param lines: what it computes.
    :param shown: a context whose value is called with (lines done, lines in all).
    :raises FoldlineError: a line fails.
    """
    found = []
    inputs = (LineInput(line.name, partial(line.columns, board.design)) for line in lines)
    with shown as done:
        for number, (_, result) in enumerate(read_inputs(board, inputs), start=1):
            if isinstance(result, FoldlineError):
                raise result
            done(number, len(lines))
            found.append(result)
    return tuple(found)


def board_run(board: Driver | SerialDriver, results: tuple[BoardResult, ...]) -> BoardRun:
    """The run of an open driver that gave these results."""
    total = Throughput()
    for result in results:
        total.add(result)
    return BoardRun(kind=board.kind, clock_mhz=board.clock_mhz, measured=board.measured, total=total, results=results)

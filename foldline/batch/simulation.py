"""Simulate named inputs on this machine or on a cluster; the error of a line is that line's result."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol

import numpy as np

from datapath.design import Design
from datapath.errors import FileError, FoldlineError, LimitError
from fixedpoint_sim import Simulator, Trace
from fixedpoint_sim.simulator import run_in_order
from foldline.batch.inputs import LineInput
from foldline.batch.results import SimulatedLine

if TYPE_CHECKING:
    from foldline.batch.cluster import Cluster

Result = Trace | SimulatedLine | FoldlineError


class LineSimulator(Protocol):
    """What computes the lines of one design: `fixedpoint_sim.Simulator`, `foldline.hardware.csim.CSimulator`,
    `foldline.hardware.rtl.RtlSimulator`."""

    def run(self, columns: np.ndarray, *, ignore_limits: bool = False) -> Trace: ...


_Line = tuple[str, np.ndarray | FoldlineError]
"""A line's name, and its columns or why it has none."""


@dataclass(frozen=True, kw_only=True)
class Simulation:
    """What is computed of every line, on this machine or on others.

    simulator      makes the simulator of a design: a class, or a function of a module
    ignore_limits  compute lines that exceed a limit of the overlay, too
    summaries      return a `SimulatedLine` of each line instead of its whole trace
    batch          lines that a worker of a cluster computes at a time
    """

    design: Design
    simulator: Callable[[Design], LineSimulator] = Simulator
    ignore_limits: bool = False
    summaries: bool = False
    batch: int = 64

    def start(
        self, *, threads: int | None = None, cluster: Cluster | None = None
    ) -> Callable[[Iterable[LineInput]], Iterator[tuple[str, Result]]]:
        """Make the simulator, and return a function: inputs to name and result of each, in the order of the inputs.

        The error of a line is its result. This machine reads the inputs when they are needed, a bounded number ahead of
        the results that are taken, so that memory is bounded, and the workers of a cluster need no files.

        :param threads: threads of this machine, 1 or more; None for one per processor.
        :param cluster: connection to the workers that compute the lines; None for this machine's threads.
        :raises ConfigError: fewer than 1 thread.
        :raises ToolError: the simulator needs a program that is missing; of the function: the cluster fails.
        """
        if cluster is None:
            compute = self._prepare()
            return lambda inputs: run_in_order(lambda line: compute(self._read(line)), inputs, threads=threads)
        return lambda inputs: cluster.run_in_order(
            self._prepare, run_in_order(self._read, inputs, threads=threads), batch=self.batch
        )

    def _read(self, line: LineInput) -> _Line:
        try:
            return line.name, line.columns(self.design)
        except FoldlineError as error:
            return line.name, error.within(line.name)

    def _prepare(self) -> Callable[[_Line], tuple[str, Result]]:
        return partial(self._compute, self.simulator(self.design))

    def _compute(self, simulator: LineSimulator, line: _Line) -> tuple[str, Result]:
        name, columns = line
        if isinstance(columns, FoldlineError):
            return name, columns
        try:
            trace = simulator.run(columns, ignore_limits=self.ignore_limits)
            return name, SimulatedLine.of(trace) if self.summaries else trace
        except LimitError as error:
            return name, LimitError(f"{error} --ignore-limits computes it nevertheless.").within(name)
        except FileError:  # of this machine, such as a full disk, and not of the line
            raise
        except FoldlineError as error:
            return name, error.within(name)

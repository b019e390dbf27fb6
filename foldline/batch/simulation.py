"""Simulate named inputs; a line that fails is a result like any other, so that it does not stop the rest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

import numpy as np

from datapath.design import Design
from datapath.errors import FoldlineError, LimitError, MismatchError
from fixedpoint_sim import Simulator, Trace
from fixedpoint_sim.simulator import run_in_order
from foldline.batch.inputs import LineInput


class Walk(Protocol):
    """What computes lines of one design: `fixedpoint_sim.Simulator`, or the C simulation."""

    design: Design

    def run(self, columns: np.ndarray, *, ignore_limits: bool = False) -> Trace: ...


def as_walk(walk: Walk | Design) -> Walk:
    """A walk as it is; a design stands for its simulator."""
    return Simulator(walk) if isinstance(walk, Design) else walk


def simulate_inputs(
    walk: Walk | Design, inputs: Iterable[LineInput], *, ignore_limits: bool = False, threads: int | None = None
) -> Iterator[tuple[str, Trace | FoldlineError]]:
    """Name and result of each input, in order: its trace, or the error that names it.

    Inputs are taken as they are needed, a bounded number ahead of the reader, and none is kept.

    :param walk: what computes them; a design stands for its simulator.
    """
    walk = as_walk(walk)

    def result(line: LineInput) -> tuple[str, Trace | FoldlineError]:
        try:
            trace = walk.run(line.columns(walk.design), ignore_limits=ignore_limits)
            if trace.mismatch:
                raise MismatchError(trace.mismatch)
            return line.name, trace
        except LimitError as error:
            return line.name, LimitError(f"{error} With --ignore-limits it is computed all the same.").within(line.name)
        except FoldlineError as error:
            return line.name, error.within(line.name)

    return run_in_order(result, inputs, threads=threads)

"""Simulate named inputs; a line that fails is a result like any other, so that it does not stop the rest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from datapath.design import Design
from datapath.errors import FoldlineError, LimitError
from fixedpoint_sim import Simulator, Trace
from fixedpoint_sim.simulator import run_in_order
from foldline.inputs import LineInput


def simulate_inputs(
    design: Design, inputs: Sequence[LineInput], *, beyond_limits: bool = False, threads: int | None = None
) -> Iterator[Trace | FoldlineError]:
    """One result per input, in order: its trace, or the error that names it."""
    simulator = Simulator(design)

    def result(line: LineInput) -> Trace | FoldlineError:
        try:
            return simulator.run(line.columns(design), beyond_limits=beyond_limits)
        except LimitError as error:
            return LimitError(f"{line.name}: {error} With --beyond-limits it is computed all the same.")
        except FoldlineError as error:
            return error if line.name in str(error) else type(error)(f"{line.name}: {error}")

    return run_in_order(result, inputs, threads=threads)

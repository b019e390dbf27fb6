"""Lines of a comparison by the simulator or the C simulation, on this machine or on a cluster."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from datapath.alphabet import greedy_labels
from datapath.design import Design
from datapath.errors import FoldlineError
from foldline.batch.inputs import LineInput
from foldline.compare.agreement import LineResult
from train.data.dataset import Line

if TYPE_CHECKING:
    from fixedpoint_sim.trace import ExceededLimit, Trace
    from foldline.batch.cluster import Cluster
    from foldline.compare.comparison import Progress


@dataclass(frozen=True)
class ComparedLine:
    """What a comparison needs of a line's trace.

    result     labels by the overlay's rule, and the first difference of a C simulation from the simulator
    greedy     labels by greedy CTC
    columns    columns of the line
    exceeded   limits of the overlay that the line exceeds
    """

    result: LineResult
    greedy: tuple[int, ...]
    columns: int
    exceeded: tuple[ExceededLimit, ...]

    @classmethod
    def of(cls, trace: Trace) -> ComparedLine:
        """The summary of a trace."""
        result = LineResult(labels=tuple(trace.labels.tolist()), text=trace.text, mismatch=trace.mismatch)
        return cls(result, tuple(greedy_labels(trace.scores).tolist()), len(trace.scores), trace.exceeded)


def simulated_lines(
    design: Design,
    lines: Sequence[Line],
    *,
    title: str,
    csim: bool = False,
    threads: int | None,
    cluster: Cluster | None,
    progress: Progress,
) -> Iterator[ComparedLine]:
    """Simulate lines, also those that exceed a limit of the overlay; results in the order of the lines.

    :param design: the network.
    :param lines: any number.
    :param title: what the progress is called.
    :param csim: by the C simulation, which is compiled first, instead of the simulator.
    :param threads: threads of this machine, 1 or more; None for one per processor.
    :param cluster: connection to the workers that compute the lines; None for this machine's threads.
    :param progress: shows the progress.
    :raises FoldlineError: a line cannot be read.
    :raises ToolError: the C simulation cannot be compiled or fails, or the cluster fails.
    """
    from foldline.batch.simulation import Simulation

    simulation = Simulation(design=design, ignore_limits=True, summarise=ComparedLine.of)
    if csim:
        from foldline.hardware.csim import CSimulator

        simulation = replace(simulation, simulator=CSimulator, batch=1)
    with progress("compiling the C simulation") if csim else nullcontext():
        compute = simulation.start(threads=threads, cluster=cluster)
    inputs = (LineInput(line.name, partial(line.columns, design)) for line in lines)
    with progress(title) as done:
        for number, (_, result) in enumerate(compute(inputs), start=1):
            if isinstance(result, FoldlineError):
                raise result
            done(number, len(lines))
            yield result

"""Cycles of the accelerator, stage by stage, from its structure.

Seven stages work at the same time, each on what the one before has delivered, so the slowest sets the pace. A loop that
issues `n` times, every `interval` cycles, and whose pipeline is `depth` cycles deep takes ``(n - 1) * interval + depth``;
the loops and what they issue are those of the kernel's C++. What no source tells is how deep the scheduler makes a
pipeline: those few numbers are `Depths`, fitted to what the published overlays took on a PYNQ-Z1 (`datapath.published`,
``python -m benchmarks.cycles``).

The kernels differ in what drains when. The published one computes a direction of a column at a time and drains the
pipelines of the hidden and of the output layer behind each. Our HLS kernel drains the hidden layer's once per column,
behind both directions, and all others once per line. No board has run it: its depths are taken to be the
published ones. The RTL kernel drains neither within a line; its cycles are no model but a count (`datapath.rtl_cycles`).
"""

from __future__ import annotations

from dataclasses import dataclass

from datapath.architecture import Architecture
from datapath.design import Design
from datapath.folded import DIRECTIONS
from datapath.manifest import Kernel
from datapath.packing import column_words

JOIN_DEPTH, MAXIMUM_DEPTH = 4, 3
"""Of the loops that add two halves of a score (read, read, add, write) and compare scores (read, compare, write): their
operations, a cycle each. They are never the slowest, so that nothing published depends on them."""

OUR_JOIN_DEPTH = 5
"""Of each of our two loops that join the halves: the published one's operations, and the selection of a page of the memory."""

COLUMN_OVERHEAD = 4
"""Cycles in which our hidden layer reads a column of each direction and writes the outputs of each."""

LABEL_CYCLES = 1
"""Cycles per column in which labels are taken from the best classes; this begins when the last column has come."""


@dataclass(frozen=True, kw_only=True)
class Depths:
    """Cycles from what a pipeline reads to what it writes, with the entry and exit of its loop.

    The hidden layer's is ``hidden + hidden_per_step * steps``, where a unit takes `steps` cycles.
    """

    hidden: float
    hidden_per_step: float
    output: float

    def of_hidden(self, steps: int) -> float:
        """Depth of the hidden layer's pipeline."""
        return self.hidden + self.hidden_per_step * steps


DEPTHS = Depths(hidden=23.5, hidden_per_step=3.25, output=42.6)
"""What `benchmarks.cycles` fits to the four published times of the plain network, rounded."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One stage of the accelerator; `key` is its short name, as in JSON, `title` what a table calls it."""

    key: str
    title: str
    cycles_per_column: float
    latency: float
    """Cycles from its last input to its last output."""
    cycles_once: float = 0.0
    """In every line, whatever its width."""

    def in_line(self, columns: int) -> float:
        """Cycles in which it works on a line of `columns` columns."""
        return self.cycles_per_column * columns + self.cycles_once


@dataclass(frozen=True, kw_only=True)
class Cycles:
    """All stages in the order of the data's way."""

    stages: tuple[Stage, ...]

    @property
    def bottleneck(self) -> Stage:
        """The slowest stage, the first of them where several are."""
        return max(self.stages, key=lambda stage: stage.cycles_per_column)

    @property
    def steady(self) -> float:
        """Cycles per column within a line, without what its start and its end take: those of the slowest stage."""
        return self.bottleneck.cycles_per_column

    def line(self, columns: int, labels: int | None = None) -> float:
        """Cycles from the start to the last label of a line: the slowest stage's, the latency of each of the others, and
        the cycle per column in which the labels are taken at its end.

        :param columns: T of the line.
        :param labels: that it has, None for as many as fit; only the cycles of the RTL kernel depend on it.
        """
        slowest = self.bottleneck
        waits = sum(stage.latency for stage in self.stages if stage is not slowest)
        return slowest.cycles_per_column * columns + waits + LABEL_CYCLES * columns

    def stage_in_line(self, stage: Stage, columns: int, labels: int | None = None) -> float:
        """Cycles in which one of the stages works on a line.

        :param stage: one of `stages`.
        :param columns: T of the line.
        :param labels: as in `line`.
        """
        return stage.in_line(columns)

    def per_column(self, columns: int, labels: int | None = None) -> float:
        """Cycles of a line, see `line`, divided by its columns: what the published measurements give."""
        return self.line(columns, labels) / columns

    def milliseconds(self, columns: int, clock_mhz: float, labels: int | None = None) -> float:
        """Time of a line, ms; `columns` and `labels` as in `line`, the clock in MHz."""
        return self.line(columns, labels) / clock_mhz / 1000

    def columns_per_second(self, columns: int, clock_mhz: float, labels: int | None = None) -> float:
        """Columns per second over lines as in `line`, one after the other."""
        return clock_mhz * 1e6 / self.per_column(columns, labels)


def cycles_of(architecture: Architecture, kernel: Kernel, depths: Depths = DEPTHS) -> Cycles:
    """The stages of an architecture on a kernel.

    The published kernel has no PE_OUT; with one above 1 this is what its loops would take over blocks of classes.

    :param architecture: dimensions, widths, folding and limits.
    :param kernel: whose loops.
    :param depths: of the pipelines, fitted to the published times by default; the RTL kernel's are known.
    """
    if kernel is Kernel.RTL:
        from datapath.rtl_cycles import rtl_cycles

        return rtl_cycles(architecture)
    words = column_words(architecture.inputs, architecture.precision.activation)
    labels = architecture.limits.labels
    middle = _published_stages if kernel is Kernel.PUBLISHED else _our_stages
    titles = {"hidden": "hidden layer", "output": "output layer"}
    return Cycles(
        stages=(
            Stage(key="dma_in", title="DMA in", cycles_per_column=DIRECTIONS * words, latency=words),
            *(
                Stage(key=key, title=titles.get(key, key), cycles_per_column=cycles, latency=latency)
                for key, (cycles, latency) in middle(architecture, depths).items()
            ),
            Stage(key="label", title="label", cycles_per_column=1 + LABEL_CYCLES, latency=0),
            Stage(key="dma_out", title="DMA out", cycles_per_column=0, latency=1, cycles_once=labels + 1),
        )
    )


def _published_stages(architecture: Architecture, depths: Depths) -> dict[str, tuple[float, float]]:
    """(Cycles per column, latency) of the middle stages: each loop drains behind one direction of a column."""
    steps, issued = architecture.steps, architecture.class_blocks - 1
    hidden = (architecture.unit_blocks - 1) * steps + depths.of_hidden(steps)
    output, join = issued + depths.output, issued + JOIN_DEPTH
    return {
        "hidden": (DIRECTIONS * hidden, hidden),
        "output": (DIRECTIONS * output, output),
        "concatenate": (DIRECTIONS * join, join),
        "maximum": (issued + MAXIMUM_DEPTH, issued + MAXIMUM_DEPTH),
    }


def _our_stages(architecture: Architecture, depths: Depths) -> dict[str, tuple[float, float]]:
    """The hidden layer drains once per column. Of the other stages each word that comes is one issue; they drain once per
    line, the sums of halves twice: half of a line is stored before the first sum.
    """
    blocks = architecture.class_blocks
    hidden = DIRECTIONS * architecture.unit_blocks * architecture.steps - 1 + depths.of_hidden(1) + COLUMN_OVERHEAD
    return {
        "hidden": (hidden, hidden),
        "output": (DIRECTIONS * blocks, blocks - 1 + depths.output),
        "concatenate": (DIRECTIONS * blocks, 2 * OUR_JOIN_DEPTH),
        "maximum": (blocks, blocks - 1 + MAXIMUM_DEPTH),
    }


def operations_per_column(network: Architecture | Design) -> int:
    """Operations per column as the original counts them: 351 488 for the plain network (H 128, I 32, C 82).

    Per direction a multiplication and an addition for each weight of the four gates and 11 operations per unit for the
    rest of the cell; the output layer of one direction only. Peepholes are not counted.
    """
    per_unit = 2 * 4 * (network.inputs + network.hidden) + 11
    return DIRECTIONS * network.hidden * per_unit + 2 * network.hidden * network.classes

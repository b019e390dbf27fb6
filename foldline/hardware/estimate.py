"""Estimate of a design on a board: modelled cycles, estimated resources.

No figure is a measurement, except those of a published overlay, where network and folding are the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace

from datapath.architecture import Architecture
from datapath.boards import DEFAULT_BOARD, TargetBoard, load_board
from datapath.cycles import DEPTHS, Cycles, cycles_of, operations_per_column
from datapath.errors import ConfigError
from datapath.manifest import DEFAULT_KERNEL, Kernel
from datapath.published import COLUMNS, PublishedOverlay, published_overlay
from datapath.resources import ResourceEstimate, Resources
from foldline.console.text import plain_table
from foldline.hardware.refit import Refit
from foldline.hardware.refit_report import refit_json, refit_lines
from foldline.hardware.resource_models import RESOURCE_TITLES, resources_of


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """An architecture on a kernel, a board and a clock, for lines of `columns` columns.

    `labels` is the number of labels of a line, None for as many as fit; only the cycles of the RTL kernel depend on it.
    `refit` has the models that were refitted to built projects; None for the models as they are.
    """

    architecture: Architecture
    kernel: Kernel
    board: TargetBoard
    clock_mhz: float
    columns: int
    labels: int | None
    cycles: Cycles
    resources: ResourceEstimate
    refit: Refit | None = None

    @property
    def unfitted(self) -> Estimate:
        """By the models as they are."""
        return replace(
            self,
            cycles=cycles_of(self.architecture, self.kernel),
            resources=resources_of(self.architecture, self.kernel, self.board.family),
            refit=None,
        )

    @property
    def cycles_per_column(self) -> float:
        """Of a whole line, divided by its columns."""
        return self.cycles.per_column(self.columns, self.labels)

    @property
    def cycles_per_line(self) -> float:
        """Of a line from its start to its last label; an int for the RTL kernel, whose cycles are exact."""
        return self.cycles.line(self.columns, self.labels)

    @property
    def milliseconds(self) -> float:
        """Of a line."""
        return self.cycles.milliseconds(self.columns, self.clock_mhz, self.labels)

    @property
    def columns_per_second(self) -> float:
        """Lines one after the other."""
        return self.cycles.columns_per_second(self.columns, self.clock_mhz, self.labels)

    @property
    def lines_per_second(self) -> float:
        """Lines one after the other."""
        return self.columns_per_second / self.columns

    @property
    def gops(self) -> float:
        """Operations per second as the original counts them, in 10**9."""
        return operations_per_column(self.architecture) * self.columns_per_second / 1e9

    @property
    def exceeded(self) -> tuple[str, ...]:
        """Names of the resources that exceed the board's part."""
        total = self.resources.total
        return tuple(name for name in RESOURCE_TITLES if getattr(total, name) > getattr(self.board, name))

    @property
    def published(self) -> PublishedOverlay | None:
        """The published overlay of this network in this folding, whose figures are measured; None without one."""
        overlay = published_overlay(self.architecture)
        same = overlay is not None and overlay.architecture.folding == self.architecture.folding
        return overlay if same and self.kernel is Kernel.PUBLISHED else None


def line_columns(asked: int | None, architecture: Architecture) -> int:
    """Columns of the modelled line.

    :param asked: None takes those of the published notebooks, or the limit of the architecture where it is lower.
    :param architecture: its limits.
    :raises ConfigError: more columns than the limit, or fewer than 1.
    """
    most = architecture.limits.columns
    columns = min(COLUMNS, most) if asked is None else asked
    if not 1 <= columns <= most:
        raise ConfigError(f"columns is {columns}; the design's lines have 1 to {most}.")
    return columns


def estimate(
    architecture: Architecture,
    *,
    kernel: Kernel = DEFAULT_KERNEL,
    board: str | TargetBoard = DEFAULT_BOARD,
    clock_mhz: float | None = None,
    columns: int | None = None,
    labels: int | None = None,
    refit: Refit | None = None,
) -> Estimate:
    """Estimate an architecture.

    :param architecture: of the design.
    :param kernel: decides cycles and resources.
    :param board: name or file, see `load_board`, or a board.
    :param clock_mhz: of the accelerator; None takes the board's.
    :param columns: of a line, see `line_columns`.
    :param labels: of a line; None for as many as the output buffer holds. Only the cycles of the RTL kernel depend on it.
    :param refit: models that were refitted to built projects, see `foldline.hardware.refit`; None takes the models as they are.
    :raises ConfigError: no such board, a clock that it does not make, a line that exceeds the limits, a folding that the kernel
        does not have, or a refit of another kernel.
    """
    on = board if isinstance(board, TargetBoard) else load_board(board)
    most = architecture.limits.labels
    if labels is not None and not 0 <= labels <= most:
        raise ConfigError(f"labels is {labels}; the design's lines have 0 to {most}.")
    if kernel is Kernel.PUBLISHED and architecture.folding.pe_out > 1:
        raise ConfigError(
            f"pe_out is {architecture.folding.pe_out}; it must be 1 in the published kernel, which computes one class at a "
            "time."
        )
    if refit is not None:
        refit.require_kernel(kernel)
    resources = resources_of(architecture, kernel, on.family)
    return Estimate(
        architecture=architecture,
        kernel=kernel,
        board=on,
        clock_mhz=on.clock(clock_mhz),
        columns=line_columns(columns, architecture),
        labels=labels,
        cycles=cycles_of(architecture, kernel, refit.depths if refit else DEPTHS),
        resources=refit.resources(resources) if refit else resources,
        refit=refit,
    )


def report(found: Estimate) -> Iterator[str]:
    """The estimate in lines of text."""
    yield (
        f"{found.architecture.experiment}, {found.architecture.folding}, in the {found.kernel.value} kernel on "
        f"{found.board.title} at {found.clock_mhz:g} MHz."
    )
    yield ""
    yield from plain_table(list(_stage_rows(found)), text_columns=1)
    yield ""
    yield (
        f"Modelled: {found.columns_per_second:.0f} columns/s, {found.lines_per_second:.1f} lines/s, {found.gops:.1f} "
        f"GOPS; a line of {found.columns} columns takes {found.milliseconds:.3f} ms."
    )
    if found.refit and found.refit.pipelines:
        yield f"By the model before its refit: a line of {found.columns} columns takes {found.unfitted.milliseconds:.3f} ms."
    overlay = found.published
    if overlay is not None:
        yield (
            f"Published, measured on a PYNQ-Z1 at 100 MHz: {overlay.cycles_per_column:.1f} cycles per column, a line of "
            f"{COLUMNS} columns in {overlay.milliseconds:.3f} ms."
        )
    if found.kernel is Kernel.PUBLISHED:
        yield _on_default_kernel(found)
    if found.kernel is Kernel.RTL:
        labels = found.architecture.limits.labels if found.labels is None else found.labels
        yield (
            f"The cycles of a line are exact, with {labels} labels: the simulation of the RTL takes as many (docs/rtl.md). "
            + (
                f"Look-up tables and flip-flops are refitted to the counts of {found.refit.tools}."
                if found.refit
                else f"Resources are what yosys would count for a 7-series part ({found.resources.counted_by}); Vivado counts "
                "others."
            )
        )
    yield ""
    yield from plain_table(list(_resource_rows(found)), text_columns=1)
    yield ""
    yield too_large(found) or "It fits, by this estimate."
    if overlay is not None:
        yield (
            f"Published, counted by Vivado 2017.4: {overlay.luts} LUT, {overlay.ffs} FF, {overlay.bram36:g} BRAM36, "
            f"{overlay.dsps} DSP."
        )
    if found.refit:
        resources = {"estimated": found.unfitted.resources.total, "refitted": found.resources.total}
        yield ""
        yield from refit_lines(found.refit, found.board, found.clock_mhz, **resources)


def too_large(found: Estimate) -> str | None:
    """A sentence with the exceeded resources; None where it fits."""
    if not found.exceeded:
        return None
    total, part = found.resources.total, found.board
    over = (f"{getattr(total, n):.10g} {RESOURCE_TITLES[n]} of {getattr(part, n)}" for n in found.exceeded)
    return f"It does not fit, by this estimate: {'; '.join(over)}."


def _on_default_kernel(found: Estimate) -> str:
    other = estimate(
        found.architecture, kernel=DEFAULT_KERNEL, board=found.board, clock_mhz=found.clock_mhz, columns=found.columns
    )
    luts, _, bram36, _ = _figures(other.resources.total)
    return (
        f"In Foldline's {DEFAULT_KERNEL.value} kernel, which `export --project` writes and no board has run: "
        f"{other.columns_per_second:.0f} columns/s, {luts} LUT, {bram36} BRAM36, modelled and estimated."
    )


def _stage_rows(found: Estimate) -> Iterator[tuple[str, ...]]:
    exact = found.kernel is Kernel.RTL
    yield ("cycles, counted" if exact else "cycles, modelled", "per column", f"per line of {found.columns}", "")
    for stage in found.cycles.stages:
        per_line = found.cycles.stage_in_line(stage, found.columns, found.labels)
        mark = "slowest" if stage is found.cycles.bottleneck else ""
        yield (stage.title, f"{per_line / found.columns:.1f}", f"{per_line:.0f}", mark)
    yield ("all, overlapped", f"{found.cycles_per_column:.1f}", f"{found.cycles_per_line:.0f}", "")


def _resource_rows(found: Estimate) -> Iterator[tuple[str, ...]]:
    total = found.resources.total
    yield ("refitted" if found.refit else "estimated", *RESOURCE_TITLES.values())
    for block in found.resources.blocks:
        yield (block.title, *_figures(block.resources))
    yield ("all", *_figures(total))
    yield ("the part has", *(f"{getattr(found.board, name)}" for name in RESOURCE_TITLES))
    yield ("share", *(f"{100 * getattr(total, name) / getattr(found.board, name):.0f} %" for name in RESOURCE_TITLES))


def _figures(resources: Resources) -> tuple[str, ...]:
    return tuple(f"{getattr(resources, name):.10g}" for name in RESOURCE_TITLES)


def as_json(found: Estimate) -> dict:
    """The estimate for JSON; figures are modelled or estimated, those under "published" measured."""
    overlay = found.published
    measured = ("name", "milliseconds", "cycles_per_column", *RESOURCE_TITLES)
    rates = ("milliseconds", "columns_per_second", "lines_per_second")
    return {
        "experiment": str(found.architecture.experiment),
        "folding": asdict(found.architecture.folding),
        "kernel": found.kernel.value,
        "board": found.board.name,
        "clock_mhz": found.clock_mhz,
        "columns": found.columns,
        "stages": [
            {
                "stage": stage.key,
                "cycles_per_column": cycles / found.columns,
                "cycles_per_line": cycles,
            }
            for stage in found.cycles.stages
            for cycles in (found.cycles.stage_in_line(stage, found.columns, found.labels),)
        ],
        "bottleneck": found.cycles.bottleneck.key,
        "cycles_per_column": found.cycles_per_column,
        "cycles_per_line": found.cycles_per_line,
        **{name: getattr(found, name) for name in rates},
        "operations_per_column": operations_per_column(found.architecture),
        "gops": found.gops,
        "resources": asdict(found.resources.total),
        "resources_from": found.resources.counted_by,
        "blocks": [{"block": block.name, **asdict(block.resources)} for block in found.resources.blocks],
        "part": {name: getattr(found.board, name) for name in RESOURCE_TITLES},
        "fits": not found.exceeded,
        "exceeded": list(found.exceeded),
        "published": overlay and {name: getattr(overlay, name) for name in measured},
        "refit": found.refit
        and refit_json(found.refit, found.board, found.clock_mhz, estimated=found.unfitted.resources.total),
    }

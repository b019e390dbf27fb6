"""What Vivado and HLS reported of built projects, beside the estimates of a report's networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from datapath.cycles import DEPTHS, cycles_of
from datapath.design import Design
from datapath.errors import ConfigError
from datapath.manifest import Kernel
from datapath.resources import Resources
from datapath.vivado.built_project import BuiltProject, read_projects
from datapath.vivado.project import design_digest
from foldline.hardware.refit import (
    HIDDEN_LOOP,
    LOOP_CYCLES,
    OUTPUT_LOOP,
    estimate_of,
    measured_of,
    resource_differences,
)

MODELLED_DEPTHS = {HIDDEN_LOOP: DEPTHS.of_hidden(1) - LOOP_CYCLES, OUTPUT_LOOP: DEPTHS.output - LOOP_CYCLES}
"""Depths of the loops by the model of the cycles, without the entry and exit of the loop, as HLS reports them."""


@dataclass(frozen=True, kw_only=True)
class LoopRow:
    """A loop of the core.

    :param label: in the C++.
    :param ii: initiation interval as HLS reported it, cycles.
    :param depth: latency of an iteration, cycles; None where it is not known.
    :param modelled: depth in the model of the cycles; None for a loop whose depth it does not have.
    """

    label: str
    ii: int
    depth: int | None
    modelled: float | None


@dataclass(frozen=True, kw_only=True)
class MeasuredView:
    """A built project beside its estimate.

    :param number: of the report's run with the project's design, from 0.
    :param project: as it was read.
    :param estimated: resources by the model.
    :param errors: of the estimate in percent, by resource; None where it has no ratio.
    :param against_core: whether the errors are those against the core, else against the whole design.
    :param columns: of the line whose time is modelled.
    :param milliseconds: of this line at the project's clock.
    :param loops: what HLS reported; none without its report.
    """

    number: int
    project: BuiltProject
    estimated: Resources
    errors: Mapping[str, float | None]
    against_core: bool
    columns: int
    milliseconds: float
    loops: tuple[LoopRow, ...]

    @property
    def millijoules(self) -> float:
        """Energy of a line: the power that Vivado estimates, times the modelled time."""
        return self.project.vivado.power_w * self.milliseconds

    @property
    def is_counted(self) -> bool:
        """Whether the cycles of the line are exact, else modelled."""
        return self.project.kernel is Kernel.RTL

    @property
    def slow_loops(self) -> tuple[str, ...]:
        """Labels of the loops that do not start an iteration in each cycle, as the modelled time takes them to."""
        return tuple(row.label for row in self.loops if row.ii > 1)

    @property
    def clock_margin(self) -> float:
        """By how many percent the reachable clock is above the project's."""
        return 100 * (self.project.vivado.reachable_mhz / self.project.vivado.clock_mhz - 1)


def run_of(project: BuiltProject, designs: Mapping[str, Design]) -> int:
    """Which of a report's networks a project was built of, from 0.

    :param project: that was built.
    :param designs: of the report's runs by name, in their order.
    :raises ConfigError: none of them; the digests are named.
    """
    digests = {name: design_digest(design) for name, design in designs.items()}
    for number, digest in enumerate(digests.values()):
        if digest == project.vivado.design:
            return number
    there = ", ".join(f"{name} is {digest}" for name, digest in digests.items())
    same = any(design.same_network(project.design) for design in designs.values())
    why = f" It is the same network in the folding {project.design.folding}." if same else ""
    raise ConfigError(
        f"{project.folder} was built of the design {project.vivado.design}, which is not in the report: {there}.{why} "
        f"{project.design_file} is the design that was built."
    )


def read_built(folders: Sequence[Path], designs: Mapping[str, Design]) -> tuple[BuiltProject, ...]:
    """Read the built projects of a report.

    :param folders: of the projects.
    :param designs: of the report's runs by name, in their order.
    :raises ConfigError: a folder is given twice, or its project is of another design, see `run_of`.
    :raises FileError: see `datapath.vivado.built_project.read_project`.
    """
    projects = read_projects(folders)
    for project in projects:
        run_of(project, designs)
    return projects


def measured_views(
    projects: Sequence[BuiltProject], designs: Mapping[str, Design], *, columns: int
) -> tuple[MeasuredView, ...]:
    """Built projects beside their estimates, in the order of the projects.

    :param projects: each of a design of the report.
    :param designs: of the report's runs by name, in their order.
    :param columns: of the line whose time is modelled.
    :raises ConfigError: see `run_of`.
    """
    return tuple(_view(project, run_of(project, designs), columns) for project in projects)


def _view(project: BuiltProject, number: int, columns: int) -> MeasuredView:
    found, architecture = project.vivado, project.architecture
    estimated = estimate_of(project).total
    measured = measured_of(project)
    loops = project.hls.loops if project.hls else {}
    return MeasuredView(
        number=number,
        project=project,
        estimated=estimated,
        errors=resource_differences(measured, estimated),
        against_core=measured is found.core,
        columns=columns,
        milliseconds=cycles_of(architecture, project.kernel).milliseconds(columns, found.clock_mhz),
        loops=tuple(
            LoopRow(label=label, ii=loop.ii, depth=loop.depth, modelled=MODELLED_DEPTHS.get(label))
            for label, loop in loops.items()
        ),
    )

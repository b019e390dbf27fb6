"""The models of resources and cycles, refitted to projects that were built: `refit`.

A build of one project determines one number for the look-up tables and one for the flip-flops: by how much Vivado's count
differs from the model's. Where Vivado also counted the core alone, this number is that of the core, and what is around the
core, the interconnect and the reset, is a constant as it was counted. Block RAM and DSP slices follow from shapes; they are
compared and not fitted. What HLS reported gives the depths of the two pipelines of which the model of the cycles has
`Depths`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from statistics import fmean

from datapath.boards import Family, TargetBoard
from datapath.cycles import DEPTHS, Depths
from datapath.errors import ConfigError
from datapath.manifest import Kernel
from datapath.resources import Block, ResourceEstimate, Resources
from datapath.vivado.built_project import BuiltProject, read_projects
from foldline.hardware.resource_models import RESOURCE_TITLES, resources_of

FITTED = ("luts", "ffs")
"""Resources that are fitted; Vivado counts the others as the model does, or the model lacks a rule."""

HIDDEN_LOOP, OUTPUT_LOOP = "PASS", "CLASSES"
"""Pipelines of the HLS kernel whose depths the model of the cycles has."""

LOOP_CYCLES = 2
"""Cycles in which a loop is entered and left (UG902, on loops): a depth of the model has them, that of HLS's report not."""

REST, AROUND = "rest", "around"
"""Blocks of an estimate: what every design has besides its stages, and what is around the core where it was measured."""


@dataclass(frozen=True, kw_only=True)
class Scale:
    """A resource as fitted: ``scale * (estimated - replaced) + constant``.

    :param scale: measured ones for each estimated one.
    :param constant: measured around the core; 0 where the core was not counted separately.
    :param replaced: those of the estimate that `constant` replaces.
    """

    scale: float
    constant: int
    replaced: int

    def __call__(self, estimated: int) -> int:
        """The fitted number.

        :param estimated: by the model.
        """
        return round(self.scale * (estimated - self.replaced)) + self.constant

    def blocks(self, estimated: Mapping[str, int]) -> dict[str, int]:
        """The fitted numbers of the blocks of an estimate, with that of what is around the core; their sum is that of the whole.

        :param estimated: by block.
        """
        fitted, total, before = {}, 0, 0
        for name, count in estimated.items():
            total += count - (self.replaced if name == REST else 0)
            end = round(self.scale * total)
            fitted[name], before = end - before, end
        return fitted | {AROUND: self.constant}


@dataclass(frozen=True, kw_only=True)
class Refit:
    """Models that were refitted.

    :param projects: what they were refitted to, of one kernel.
    :param luts: of look-up tables.
    :param ffs: of flip-flops.
    :param pipelines: measured depth by loop, of `HIDDEN_LOOP` and `OUTPUT_LOOP` those that are known.
    """

    projects: tuple[BuiltProject, ...]
    luts: Scale
    ffs: Scale
    pipelines: dict[str, float]

    @property
    def kernel(self) -> Kernel:
        """Of the projects."""
        return self.projects[0].kernel

    @property
    def has_core(self) -> bool:
        """Whether it was fitted to the cores, and what is around them is a constant."""
        return _have_cores(self.projects)

    @cached_property
    def depths(self) -> Depths:
        """Depths of the pipelines: a loop's as HLS reported it, where that is known, else the model's."""
        hidden, output = (self.pipelines.get(loop) for loop in (HIDDEN_LOOP, OUTPUT_LOOP))
        depths = DEPTHS
        if hidden is not None:
            depths = replace(depths, hidden=hidden + LOOP_CYCLES, hidden_per_step=0.0)
        return depths if output is None else replace(depths, output=output + LOOP_CYCLES)

    @property
    def counted_by(self) -> str:
        """Whose counts the refitted ones are."""
        return f"{self.tools}, refitted"

    @property
    def tools(self) -> str:
        """What counted in the projects, with its versions."""
        return f"Vivado {' and '.join(sorted({project.vivado.vivado for project in self.projects}))}"

    def require_kernel(self, kernel: Kernel) -> None:
        """Refuse an estimate for another kernel.

        :param kernel: that is asked for.
        :raises ConfigError: it is not that of the projects.
        """
        if kernel is not self.kernel:
            raise ConfigError(
                f"kernel is {kernel.value!r}; {self.projects[0].folder} was built with the kernel {self.kernel.value!r}, and a "
                "refit holds for its own kernel only."
            )

    def resources(self, estimated: ResourceEstimate) -> ResourceEstimate:
        """An estimate with the fitted look-up tables and flip-flops.

        :param estimated: by the model, of any design on the kernel.
        """
        fitted = {
            name: getattr(self, name).blocks({block.name: getattr(block.resources, name) for block in estimated.blocks})
            for name in FITTED
        }
        around = Block(
            name=AROUND, title="around the core", resources=Resources(), made_of="Interconnect and reset, as measured."
        )
        blocks = (
            replace(block, resources=replace(block.resources, **{name: fitted[name][block.name] for name in FITTED}))
            for block in (*estimated.blocks, *([around] if self.has_core else []))
        )
        return ResourceEstimate(blocks=tuple(blocks), counted_by=self.counted_by)

    def notes(self, board: TargetBoard, clock_mhz: float) -> Iterator[str]:
        """What the reader should know of a refit that is used for a board and a clock.

        :param board: of the estimate.
        :param clock_mhz: of the estimate.
        """
        for project in self.projects:
            if part_family(project.vivado.part) is not board.family:
                yield (
                    f"{project.folder} was built for {project.vivado.part}, of another family than {board.title}, on "
                    "which the figures may differ."
                )
            built_mhz = f"{project.vivado.clock_mhz:g}"
            if self.kernel is Kernel.HLS and built_mhz != f"{clock_mhz:g}":
                yield (
                    f"{project.folder} was built for {built_mhz} MHz, and the estimate is for {clock_mhz:g} MHz: HLS makes "
                    "deeper pipelines, with more flip-flops, for a faster clock."
                )
            if not project.vivado.is_met:
                yield f"{project.folder} does not meet its clock."
        if self.kernel is Kernel.HLS:
            for loop in (HIDDEN_LOOP, OUTPUT_LOOP):
                if loop not in self.pipelines:
                    yield f"The depth of the loop {loop} is the model's: no project has a measured one."
        elif not self.has_core:
            yield (
                "The model has no interconnect and reset, and the projects have no separate counts of the core: the scales "
                "contain them."
            )


def refit(projects: Sequence[BuiltProject]) -> Refit:
    """Refit the models to built projects.

    One project is reproduced exactly; of several, the sum of the squared relative errors is least, and a depth is the mean.

    :param projects: one or more, of one kernel.
    :raises ConfigError: no project, projects of different kernels, or a loop whose initiation interval is not 1.
    """
    if not projects:
        raise ConfigError("measured is empty; a refit needs one project or more.")
    first = projects[0]
    for other in projects[1:]:
        if other.kernel is not first.kernel:
            raise ConfigError(
                f"{first.folder} was built with the kernel {first.kernel.value!r}, and {other.folder} with "
                f"{other.kernel.value!r}; a refit is of one kernel."
            )
    scales = {name: _scale(projects, name) for name in FITTED}
    return Refit(projects=tuple(projects), **scales, pipelines=_pipelines(projects))


def refit_of(folders: Sequence[Path]) -> Refit | None:
    """Refit the models to built projects by their folders.

    :param folders: of the projects; None is returned where there are none.
    :raises ConfigError: a folder is given twice; see also `refit`.
    :raises FileError: see `datapath.vivado.built_project.read_project`.
    """
    return refit(read_projects(folders)) if folders else None


def part_family(part: str) -> Family:
    """The family of a part.

    :param part: number as Vivado spells it.
    """
    return Family.ZYNQ7000 if part.startswith("xc7") else Family.ZYNQMP


def estimate_of(project: BuiltProject) -> ResourceEstimate:
    """What the model gives for the design of a built project, not refitted.

    :param project: gives design and kernel.
    """
    return resources_of(project.architecture, project.kernel, part_family(project.vivado.part))


def measured_of(project: BuiltProject) -> Resources:
    """What the estimate of a project's kernel is an estimate of: the core of the RTL kernel, where it was counted, else the
    whole design.

    :param project: that was built.
    """
    return (project.kernel is Kernel.RTL and project.vivado.core) or project.vivado.resources


def _have_cores(projects: Sequence[BuiltProject]) -> bool:
    return all(project.vivado.core is not None for project in projects)


def _scale(projects: Sequence[BuiltProject], name: str) -> Scale:
    estimates = [estimate_of(project) for project in projects]
    measured = [getattr(project.vivado.resources, name) for project in projects]
    constant = replaced = 0
    if _have_cores(projects):
        cores = [getattr(project.vivado.core, name) for project in projects]
        constant = round(fmean(whole - core for whole, core in zip(measured, cores, strict=True)))
        rest = [getattr(block.resources, name) for block in estimates[0].blocks if block.name == REST]
        replaced, measured = min(sum(rest), constant), cores
    ratios = [(getattr(found.total, name) - replaced) / count for found, count in zip(estimates, measured, strict=True)]
    return Scale(scale=sum(ratios) / sum(ratio**2 for ratio in ratios), constant=constant, replaced=replaced)


def _pipelines(projects: Sequence[BuiltProject]) -> dict[str, float]:
    found: dict[str, list[int]] = {}
    for project in projects:
        for loop in (HIDDEN_LOOP, OUTPUT_LOOP) if project.hls else ():
            measured = project.hls.loops.get(loop)
            if measured is None:
                continue
            if measured.ii != 1:
                raise ConfigError(
                    f"{project.folder}: the loop {loop} has an initiation interval of {measured.ii}; the model of the "
                    "cycles needs 1."
                )
            if measured.depth is not None:
                found.setdefault(loop, []).append(measured.depth)
    return {loop: fmean(depths) for loop, depths in found.items()}


def resource_differences(measured: Resources, estimated: Resources) -> dict[str, float | None]:
    """By how many percent an estimate is above what was measured, by resource; None where the one is 0 and the other not.

    :param measured: by Vivado.
    :param estimated: by the model.
    """
    found: dict[str, float | None] = {}
    for name in RESOURCE_TITLES:
        real, modelled = getattr(measured, name), getattr(estimated, name)
        found[name] = 100 * (modelled / real - 1) if real else (None if modelled else 0.0)
    return found

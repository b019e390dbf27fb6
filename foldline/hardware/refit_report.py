"""A refit of the models as text and as JSON: what it was fitted to, and how far it changes an estimate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from datapath.boards import TargetBoard
from datapath.cycles import DEPTHS
from datapath.manifest import Kernel
from datapath.resources import Resources
from datapath.vivado.built_project import BuiltProject
from foldline.console.text import counted, plain_table
from foldline.hardware.refit import FITTED, Refit, Scale, estimate_of, measured_of, resource_differences
from foldline.hardware.resource_models import RESOURCE_TITLES


def refit_lines(
    refit: Refit, board: TargetBoard, clock_mhz: float, *, estimated: Resources, refitted: Resources
) -> Iterator[str]:
    """What was refitted, from what, and the figures side by side.

    :param refit: that an estimate uses.
    :param board: of the estimate.
    :param clock_mhz: of the estimate.
    :param estimated: resources by the model as it is.
    :param refitted: those by the refitted model.
    """
    yield f"Refitted to {counted(len(refit.projects), 'built project')} of the kernel {refit.kernel.value}:"
    for project in refit.projects:
        yield f"  {project.folder}: {_built(project)}."
    yield "; ".join(f"{RESOURCE_TITLES[name]} {_formula(getattr(refit, name))}" for name in FITTED) + (
        ". BRAM36 and DSP are compared and not fitted."
    )
    if refit.pipelines:
        after = refit.depths
        yield (
            f"Depths of the pipelines: hidden layer {after.of_hidden(1):g} cycles (before: {DEPTHS.of_hidden(1):g}), output "
            f"layer {after.output:g} (before: {DEPTHS.output:g}). Those of another folding may differ."
        )
    yield from refit.notes(board, clock_mhz)
    yield ""
    yield from plain_table(list(_rows(refit, estimated, refitted)), text_columns=1)


def _built(project: BuiltProject) -> str:
    found = project.vivado
    return (
        f"{project.design.experiment}, {project.design.folding}, on {found.part} at {found.clock_mhz:g} MHz, by Vivado "
        f"{found.vivado}, design {found.design}"
    )


def _formula(scale: Scale) -> str:
    if not scale.constant:
        return f"{scale.scale:.4f} * model"
    model = f"(model - {scale.replaced})" if scale.replaced else "model"
    return f"{scale.scale:.4f} * {model} + {scale.constant} around the core"


def _rows(refit: Refit, estimated: Resources, refitted: Resources) -> Iterator[tuple[str, ...]]:
    yield ("", *RESOURCE_TITLES.values())
    yield ("this design, estimated", *_figures(estimated))
    yield ("this design, refitted", *_figures(refitted))
    for project in refit.projects:
        model = estimate_of(project)
        yield (f"{project.folder}, estimated", *_figures(model.total))
        yield (f"{project.folder}, refitted", *_figures(refit.resources(model).total))
        yield (f"{project.folder}, measured", *_figures(project.vivado.resources))
        if project.vivado.core is not None:
            yield (f"{project.folder}, measured core", *_figures(project.vivado.core))
        errors = resource_differences(measured_of(project), model.total).values()
        against = "core" if measured_of(project) is project.vivado.core else "whole"
        yield (f"  estimate against the {against}", *("-" if error is None else f"{error:+.1f} %" for error in errors))


def _figures(resources: Resources) -> tuple[str, ...]:
    return tuple(f"{getattr(resources, name):.10g}" for name in RESOURCE_TITLES)


def refit_json(refit: Refit, board: TargetBoard, clock_mhz: float, *, estimated: Resources) -> dict[str, object]:
    """A refit for JSON.

    :param refit: that an estimate uses.
    :param board: of the estimate.
    :param clock_mhz: of the estimate.
    :param estimated: resources by the model as it is.
    """
    return {
        "projects": [_project_json(refit, project) for project in refit.projects],
        **{name: asdict(getattr(refit, name)) for name in FITTED},
        "depths": asdict(refit.depths) if refit.kernel is Kernel.HLS else None,
        "loop_depths": dict(refit.pipelines),
        "estimated": asdict(estimated),
        "notes": list(refit.notes(board, clock_mhz)),
    }


def _project_json(refit: Refit, project: BuiltProject) -> dict[str, object]:
    found, model = project.vivado, estimate_of(project)
    return {
        "project": str(project.folder),
        "experiment": str(project.design.experiment),
        "folding": asdict(project.design.folding),
        **{name: getattr(found, name) for name in ("design", "board", "part", "vivado", "clock_mhz")},
        **{name: getattr(found, name) for name in ("wns", "whs", "reachable_mhz", "power_w")},
        "estimated": asdict(model.total),
        "refitted": asdict(refit.resources(model).total),
        "measured": asdict(found.resources),
        "core": found.core and asdict(found.core),
    }

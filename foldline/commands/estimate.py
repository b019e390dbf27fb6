"""`foldline estimate`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from datapath.quoting import json_line
from foldline.commands.options import (
    DESIGN,
    FILE,
    GroupedCommand,
    folding_options,
    limit_options,
    measured_option,
    opened_design,
    option_group,
    target_options,
)
from foldline.console.echo import echo


@click.command("estimate", cls=GroupedCommand)
@click.argument("source", metavar=DESIGN, type=FILE)
@folding_options
@target_options()
@limit_options
@option_group("Target")(
    "--labels", type=int, help="Labels of a line, for the rtl kernel [default: the design's limit]."
)
@measured_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of the tables.")
def command(
    source: Path,
    folding: dict[str, int | None],
    board: str,
    clock_mhz: float | None,
    columns: int | None,
    kernel: str,
    labels: int | None,
    limits: dict[str, int | None],
    projects: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Estimate cycles and resources of a design in a folding, without synthesis.

    A folding option that is not given keeps the design's value. LSTM-PYNQ's kernel has no PE_OUT: its is 1.
    docs/estimates.md compares estimates with measurements.

    --measured may be given several times. The projects may be of other foldings and networks; look-up tables and flip-flops
    are scaled to theirs, and the depths of the pipelines are those that HLS reported.
    """
    from datapath.architecture import Architecture
    from datapath.manifest import Kernel
    from foldline.hardware.estimate import as_json as json_of
    from foldline.hardware.estimate import estimate, report
    from foldline.hardware.refit import refit_of
    from foldline.networks import chosen_folding, chosen_limits

    if labels is not None and kernel != Kernel.RTL.value:
        raise click.UsageError("--labels needs --kernel rtl: the cycles of the other kernels do not depend on it.")
    design = opened_design(source)
    design = design.refolded(chosen_folding(design=design, **folding))
    architecture = Architecture.of(design)
    found = estimate(
        replace(architecture, limits=chosen_limits(architecture.limits, **limits, kernel=Kernel(kernel))),
        kernel=Kernel(kernel),
        board=board,
        clock_mhz=clock_mhz,
        columns=columns,
        labels=labels,
        refit=refit_of(projects),
    )
    if as_json:
        echo(json_line(json_of(found)))
        return
    for line in report(found):
        echo(line)

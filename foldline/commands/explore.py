"""`foldline explore`."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

import click

from datapath.manifest import Kernel
from datapath.quoting import json_line
from foldline.commands.options import (
    DESIGN,
    FILE,
    GroupedCommand,
    limit_options,
    measured_option,
    opened_design,
    target_options,
)
from foldline.console.echo import echo


class _ExploreCommand(GroupedCommand):
    """Names the command that does what ``explore --study`` did in version 0.1."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        flags = [argument.partition("=")[0] for argument in args]
        if "--study" not in flags:
            return super().parse_args(ctx, args)
        at = flags.index("--study")
        _, equals, name = args[at].partition("=")
        name, rest = (name, args[at + 1 :]) if equals else ("".join(args[at + 1 : at + 2]), args[at + 2 :])
        verb = "show" if "--show" in flags else "run"
        before = args[next((i for i, one in enumerate(args[:at]) if one.startswith("-")), at) : at]  # without sources
        rest = [argument for argument in before + rest if argument != "--show"]
        current = shlex.join(["foldline", "study", verb, name or "NAME", *rest])
        raise click.UsageError(f"Studies have their own command: {current}", ctx)


@click.command("explore", cls=_ExploreCommand)
@click.argument("sources", metavar=f"{DESIGN}...", nargs=-1, required=True, type=FILE)
@click.option("--min-columns-per-second", type=float, metavar="N", help="Name the cheapest folding with this rate.")
@click.option("--all", "complete", is_flag=True, help="Show the complete front.")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object, which holds the complete fronts.")
@target_options()
@limit_options
@measured_option
def command(
    sources: tuple[Path, ...],
    min_columns_per_second: float | None,
    complete: bool,
    as_json: bool,
    board: str,
    clock_mhz: float | None,
    columns: int | None,
    kernel: str,
    limits: dict[str, int | None],
    projects: tuple[Path, ...],
) -> None:
    """Compare all foldings of a design on a board.

    Every folding is enumerated. The table shows the Pareto front of columns/s, which are modelled, and LUT, FF, BRAM36 and
    DSP, which are estimated; with --measured by models that were refitted to built projects.
    """
    from datapath.architecture import Architecture
    from datapath.boards import load_board
    from foldline.foldings.enumeration import check_rate, folding_front
    from foldline.foldings.table import folding_json, folding_report
    from foldline.hardware.refit import refit_of
    from foldline.networks import chosen_limits

    rate, target = min_columns_per_second, load_board(board)
    if rate is not None:
        check_rate(rate)
    models = refit_of(projects)
    networks = [Architecture.of(opened_design(source)) for source in sources]
    networks = [replace(one, limits=chosen_limits(one.limits, **limits, kernel=Kernel(kernel))) for one in networks]
    asked = {f"--{name.replace('_', '-')}": number for name, number in limits.items() if number is not None}
    found = []
    for source, network in zip(sources, networks, strict=True):
        front = folding_front(network, target, Kernel(kernel), clock_mhz=clock_mhz, columns=columns, refit=models)
        if not as_json:
            if found:
                echo()
            for line in folding_report(front, source=str(source), rate=rate, complete=complete, options=asked):
                echo(line)
        found.append(folding_json(front, source=str(source), rate=rate))
    if as_json:
        echo(json_line({"designs": found}))
    unreachable = [one["unreachable"] for one in found if one.get("unreachable")]
    if unreachable:
        raise click.ClickException(unreachable[-1])

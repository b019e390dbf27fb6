"""`foldline synth`."""

from __future__ import annotations

from pathlib import Path

import click

from datapath.quoting import json_line
from foldline.commands.options import DESIGN, FILE, GroupedCommand, folding_options, opened_design, option_group
from foldline.console.echo import echo

_target = option_group("Target")


@click.command("synth", cls=GroupedCommand)
@click.argument("source", metavar=DESIGN, type=FILE)
@folding_options
@_target(
    "--target",
    type=click.Choice(["xc7", "ecp5"]),
    default="xc7",
    show_default=True,
    help="The accelerator with its buses in a Xilinx part of the 7 series, or with a serial port in a Lattice LFE5U-85F.",
)
@_target("--place", "placed", is_flag=True, help="Place and route, too, for its clock; needs --target ecp5.")
@_target("--seed", type=int, help="Seed of the placement [default: 1].")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of the table.")
def command(
    source: Path, folding: dict[str, int | None], target: str, placed: bool, seed: int | None, as_json: bool
) -> None:
    """Count the gates of a design in a folding, synthesised with yosys; with --place also route it, for its clock.

    Look-up tables, flip-flops, block RAM and multipliers are counted by stage in the netlist that yosys makes of the
    SystemVerilog, and the levels of logic between two registers. With --place, nextpnr-ecp5 (speed grade 6) places and
    routes the netlist; the output has the highest clock, and the path that limits it.

    A network of the published size takes a minute or two, its placement some minutes. Results are cached in
    ~/.cache/foldline, each step when it is done: an interrupted call goes on from there.

    A folding option that is not given keeps the design's value. $YOSYS and $NEXTPNR_ECP5 choose other programs than those
    of the PATH.
    """
    from foldline.console.progress import waiting_for_steps
    from foldline.hardware.synthesis import as_json as json_of
    from foldline.hardware.synthesis import gates_of, report
    from foldline.networks import chosen_folding

    if seed is not None and not placed:
        raise click.UsageError("--seed needs --place: synthesis has no seed.")
    design = opened_design(source)
    design = design.refolded(chosen_folding(design=design, **folding))
    with waiting_for_steps("starting") as progress:
        found = gates_of(design, target=target, placed=placed, seed=1 if seed is None else seed, progress=progress)
    if as_json:
        echo(json_line(json_of(found)))
        return
    for line in report(found):
        echo(line)

"""`foldline csim`."""

from __future__ import annotations

from pathlib import Path

import click

from foldline.commands.lines import Hardware, LineOptions, line_options, verify_lines
from foldline.commands.options import DESIGN, FILE, GroupedCommand, folding_options
from foldline.console.echo import echo


def _print_include(context: click.Context, option: click.Parameter, value: bool) -> None:
    if value and not context.resilient_parsing:
        from hls_gen.toolchain import find_types

        echo(str(find_types()))
        context.exit()


@click.command("csim", cls=GroupedCommand)
@click.argument("design_path", metavar=DESIGN, type=FILE)
@line_options
@folding_options
@click.option(
    "--print-include",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_include,
    help="Print the folder with ap_int.h, ap_fixed.h and hls_stream.h, and exit: make csim AP_TYPES=$(foldline csim --print-include).",
)
def command(design_path: Path, folding: dict[str, int | None], **options) -> None:
    """Compute text lines with the HLS library as compiled C++, and verify them against the simulator.

    The C++ is what `foldline export --project --kernel hls` writes for synthesis, with ap_fixed types. Every hidden word,
    class score and label is compared with that of `foldline simulate`; a line that differs fails, and the message names the
    place. Output is the same as that of `foldline simulate`.

    The first run of a design and folding compiles it, which takes some seconds; builds are cached in ~/.cache/foldline.

    With --scheduler, every worker of the Dask cluster compiles it and computes one line at a time.
    """
    from foldline.batch.simulation import Simulation
    from foldline.differences import Verified
    from foldline.hardware.csim import CSimulator
    from foldline.networks import chosen_folding

    def simulation_of(design):
        folded = design.refolded(chosen_folding(design=design, **folding))
        return Simulation(design=folded, simulator=CSimulator, batch=1)

    hardware = Hardware(command="csim", title="C simulation", verified=Verified())
    verify_lines(design_path, LineOptions(**options), simulation_of, hardware)

"""`foldline csim`."""

from __future__ import annotations

from pathlib import Path

import click

from foldline.commands.lines import LineOptions, compute_lines, line_options
from foldline.commands.options import FILE, folding_options


@click.command("csim")
@click.argument("design_path", metavar="DESIGN.npz", type=FILE)
@line_options
@folding_options
def command(
    design_path: Path,
    folding: dict[str, int | None],
    **options,
) -> None:
    """Compute lines with the HLS library as compiled C++, and verify them against the simulator.

    The C++ is what `export --project` writes for synthesis, with ap_fixed types. Every hidden word, class score and label
    is compared with that of `simulate`; a line that differs fails, and the message names the place. Output is the same
    as that of `simulate`.

    The first run of a design and folding compiles it, which takes some seconds; builds are cached in ~/.cache/foldline.
    """
    simulators = []

    def c_simulator(design):
        from foldline.console.progress import waiting
        from foldline.hardware.csim import CSimulator
        from foldline.networks import chosen_folding

        chosen = chosen_folding(design=design, **folding)
        with waiting("compiling the C simulation"):
            simulators.append(CSimulator(design.refolded(chosen)))
        return simulators[0]

    try:
        compute_lines(design_path, LineOptions(**options), c_simulator)
    finally:
        if simulators and simulators[0].verified.lines:
            click.echo(f"C simulation {simulators[0].verified}.", err=True)

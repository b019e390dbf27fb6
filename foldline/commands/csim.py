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
    """Compute lines with the hardware library as compiled C++, and prove them equal to the simulator.

    What runs is the source that `export --project` writes for synthesis, with real ap_fixed types. Every hidden word,
    class score and label is compared with what `simulate` computes; a line that differs fails, and the place is named.
    Prints and writes what `simulate` does.

    The first run of a design and folding compiles it, which takes some seconds; builds are kept in ~/.cache/foldline.
    """
    walks = []

    def walk(design):
        from foldline.console.progress import waiting
        from foldline.hardware.csim import CSimulator
        from foldline.networks import chosen_folding

        chosen = chosen_folding(design=design, **folding)
        with waiting("compiling the C simulation"):
            walks.append(CSimulator(design.refolded(chosen)))
        return walks[0]

    try:
        compute_lines(design_path, LineOptions(**options), walk)
    finally:
        if walks and walks[0].compared.lines:
            click.echo(f"C simulation and simulator agree on {walks[0].compared}.", err=True)

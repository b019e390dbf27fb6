"""`foldline simulate`."""

from __future__ import annotations

from pathlib import Path

import click

from foldline.commands.lines import LineOptions, compute_lines, line_options
from foldline.commands.options import FILE


@click.command("simulate")
@click.argument("design_path", metavar="DESIGN.npz", type=FILE)
@line_options
def command(design_path: Path, **options) -> None:
    """Compute lines on the fixed-point datapath of DESIGN, bit for bit as the board does.

    Prints one line per IMAGE: name, text, and any limit of the overlay that it exceeds. An IMAGE may be a folder. A
    line that fails is reported on stderr, the others are still computed, and the exit status is 1.

    With -o OUT, results so far stay in OUT.partial where a run is stopped, and the same command goes on from there.
    """

    def walk(design):
        from fixedpoint_sim import Simulator

        return Simulator(design)

    compute_lines(design_path, LineOptions(**options), walk)

"""`foldline simulate`."""

from __future__ import annotations

from pathlib import Path

import click

from foldline.commands.lines import LineOptions, compute_lines, line_options
from foldline.commands.options import DESIGN, FILE, GroupedCommand


@click.command("simulate", cls=GroupedCommand)
@click.argument("design_path", metavar=DESIGN, type=FILE)
@line_options
def command(design_path: Path, **options) -> None:
    """Compute text lines with the fixed-point simulator of DESIGN: the bits that the board computes.

    Prints one line per IMAGE: name, text, and every limit of the overlay that it exceeds. The error
    of a line is printed on stderr, the other lines are computed, and the exit status is 1.

    An IMAGE may be a folder. A TIFF, GIF or WebP with several pictures is a line for each: multi.tif[0], multi.tif[1], ...;
    such a name is an IMAGE, too. A .txt is a test image of LSTM-PYNQ: its pixels as decimals. See docs/pictures.md.

    With -o OUT, the results of a stopped command are in OUT.partial, and the same command continues after them.

    With --scheduler, this machine reads the lines and the workers of a Dask cluster compute them; every worker needs
    this version of Foldline, and no files. The output is the same.
    """
    from foldline.batch.simulation import Simulation

    compute_lines(design_path, LineOptions(**options), lambda design: Simulation(design=design))

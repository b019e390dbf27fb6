"""`foldline verify`."""

from __future__ import annotations

from pathlib import Path

import click

from foldline.commands.options import DESIGN, FILE, opened_design
from foldline.console.echo import echo


@click.command("verify")
@click.argument("design_path", metavar=DESIGN, type=FILE)
@click.argument("header", metavar="HEADER.hpp", type=FILE)
@click.argument("images", metavar="[IMAGE...]", nargs=-1, type=FILE)
@click.option("--pixels", type=FILE, help="Raw pixels instead of images: .npz with pixels_0, ... [T, I].")
@click.option("--csim", is_flag=True, help="Compare a C simulation of the header, too.")
@click.option("--threads", type=click.IntRange(min=1), help="Worker threads [default: one per processor].")
def command(
    design_path: Path, header: Path, images: tuple[Path, ...], pixels: Path | None, csim: bool, threads: int | None
) -> None:
    """Check that HEADER holds DESIGN, and that simulating HEADER in the hardware's order gives the same bits.

    Compares all weights; then, on the IMAGEs, on --pixels, or else on five probe lines, the vectorised simulator of DESIGN
    with the folded-order simulator of HEADER, and with --csim also with a C simulation of HEADER. The first difference
    ends the command.
    """
    from foldline.batch.inputs import image_inputs, pixel_inputs
    from foldline.hardware.headers import verify_header

    if images and pixels is not None:
        raise click.UsageError("Give images, or --pixels FILE.npz, and not both.")
    if design_path.suffix == ".hpp" and header.suffix != ".hpp":
        raise click.UsageError(f"The design comes before the header: foldline verify {header} {design_path}")
    design = opened_design(design_path)
    lines = None
    if images or pixels is not None:
        inputs = image_inputs(images) if pixels is None else pixel_inputs(pixels)
        lines = [line.columns(design) for line in inputs]
    verified = verify_header(design, header, lines, threads=threads, csim=csim)
    weights = sum(array.size for array in design.arrays.values())
    echo(f"{header} holds {design.experiment}: {weights} weights equal.")
    echo(f"Folded-order simulator{' and C simulation' if csim else ''} {verified}.")

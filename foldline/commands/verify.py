"""`foldline verify`."""

from __future__ import annotations

from pathlib import Path

import click

from foldline.commands.options import FILE


@click.command("verify")
@click.argument("design_path", metavar="DESIGN.npz", type=FILE)
@click.argument("header", metavar="HEADER.hpp", type=FILE)
@click.argument("images", metavar="[IMAGE...]", nargs=-1, type=FILE)
@click.option("--pixels", type=FILE, help="Raw pixels to walk: .npz with pixels_0, ... [T, I].")
@click.option(
    "--csim", is_flag=True, help="Compile the hardware library with the header's weights, and compare it, too."
)
@click.option("--threads", type=click.IntRange(min=1), help="Worker threads; default: one per processor.")
def command(
    design_path: Path, header: Path, images: tuple[Path, ...], pixels: Path | None, csim: bool, threads: int | None
) -> None:
    """Prove that HEADER holds DESIGN, and that reading it as the hardware does gives the same bits.

    Both walks run over the IMAGEs, over --pixels, or else over a few probe lines. The first difference ends it.

    --csim adds a third voice: design == header == folded walk == C simulation == simulator, the C++ built from what the
    header holds, in its folding.
    """
    from datapath.design import Design
    from foldline.batch.inputs import image_inputs, pixel_inputs
    from foldline.hardware.headers import verify_header

    if images and pixels is not None:
        raise click.UsageError("Give images, or --pixels FILE.npz, and not both.")
    design = Design.load(design_path)
    lines = None
    if images or pixels is not None:
        inputs = image_inputs(images) if pixels is None else pixel_inputs(pixels)
        lines = [line.columns(design) for line in inputs]
    proof = verify_header(design, header, lines, threads=threads, csim=csim)
    click.echo(f"{header} holds {design.experiment}: {proof.weights} weights equal.")
    click.echo(
        f"Folded walk{', C simulation' if proof.csim else ''} and fast path agree on {proof.lines} lines ({proof.columns} columns): "
        f"{proof.hidden_words} hidden words, {proof.scores} scores, {proof.labels} labels equal."
    )

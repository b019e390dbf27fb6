"""`foldline inspect`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from foldline.commands.options import FILE


@click.command("inspect")
@click.argument("design_path", metavar="DESIGN.npz", type=FILE)
@click.argument("image", metavar="[IMAGE]", required=False, type=FILE)
@click.option("-o", "--output", type=FILE, help="The picture; default: NAME.inspect.png in the current folder.")
@click.option("--pixels", type=FILE, help="Raw pixels instead: .npz with pixels_0, ... [T, I].")
@click.option("--line", "number", type=click.IntRange(min=0), help="Which of the --pixels; default: pixels_0.")
@click.option("--ignore-limits", is_flag=True, help="Compute a line that the overlay cannot take, and say so.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of the table.")
def command(
    design_path: Path,
    image: Path | None,
    output: Path | None,
    pixels: Path | None,
    number: int | None,
    ignore_limits: bool,
    as_json: bool,
) -> None:
    """Show where a line's numbers live: how far each quantity of the datapath goes in its type, and what is lost.

    Writes a picture: the line with the best class of each column, a histogram of each quantity over the range of its
    type, and how often it wraps, saturates, is rounded or clips a table. Prints the table of the same.
    """
    if (image is None) == (pixels is None):
        raise click.UsageError("Give an image, or --pixels FILE.npz, and not both.")
    if number is not None and pixels is None:
        raise click.UsageError("--line goes with --pixels FILE.npz.")

    from rich.console import Console

    from datapath.design import Design
    from datapath.files import require_different
    from foldline.batch.inputs import LineInput
    from foldline.inspect.line import inspect_input, picture_path, pixel_input
    from foldline.inspect.picture import write_picture
    from foldline.inspect.report import inspection_json, show_inspection

    output = picture_path(output, image=image, pixels=pixels, number=number or 0)
    require_different(DESIGN=design_path, output=output)
    require_different(IMAGE=image, pixels=pixels, output=output)
    design = Design.load(design_path)
    line = LineInput(str(image), image) if image else pixel_input(pixels, number or 0)
    title = image.name if image else f"{pixels.name} {line.name}"
    inspection = inspect_input(design, line, ignore_limits=ignore_limits)
    write_picture(output, inspection, design, title=title)
    if as_json:
        found = inspection_json(inspection, design, name=line.name, picture=str(output))
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    console = Console(width=None if Console().is_terminal else 120)
    show_inspection(console, inspection, title=f"{title}: {design.experiment}, {len(inspection.columns)} columns")
    for limit in inspection.trace.exceeded:
        click.echo(f"Beyond the overlay: {limit}.")
    click.echo(f"Text: {inspection.trace.text}")
    click.echo(f"Picture: {output}")

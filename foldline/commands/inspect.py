"""`foldline inspect`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from foldline.commands.options import FILE


@click.command("inspect")
@click.argument("design_path", metavar="DESIGN.npz", type=FILE)
@click.argument("image", metavar="[IMAGE]", required=False, type=FILE)
@click.option("--output", "-o", type=FILE, help="The picture; default: NAME.inspect.png in the current folder.")
@click.option("--pixels", type=FILE, help="Raw pixels instead: .npz with pixels_0, ... [T, I].")
@click.option("--line", type=click.IntRange(min=0), help="Which of the pixels: pixels_LINE; default: 0.")
@click.option("--beyond-limits", is_flag=True, help="Compute a line that the overlay cannot take, and say so.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of the table.")
def command(
    design_path: Path,
    image: Path | None,
    output: Path | None,
    pixels: Path | None,
    line: int | None,
    beyond_limits: bool,
    as_json: bool,
) -> None:
    """Show where a line's numbers live: how far each quantity of the datapath goes in its type, and what is lost.

    Writes a picture: the line with the best class of each column, a histogram of each quantity over the range of its
    type, and how often it wraps, saturates, is rounded or clips a table. Prints the table of the same.
    """
    from rich.console import Console

    from datapath.design import Design
    from fixedpoint_sim import inspect_line
    from foldline.inspection_picture import write_picture
    from foldline.inspection_report import as_json as in_json
    from foldline.inspection_report import show_inspection

    if (image is None) == (pixels is None):
        raise click.UsageError("Give an image, or --pixels FILE.npz, and not both.")
    if line is not None and pixels is None:
        raise click.UsageError("--line goes with --pixels FILE.npz.")
    design = Design.load(design_path)
    name, columns = _line_of(design, image, pixels, line or 0)
    output = _picture_path(output, name)
    inspection = inspect_line(design, columns, beyond_limits=beyond_limits)
    write_picture(output, inspection, design, title=name)
    if as_json:
        click.echo(json.dumps(in_json(inspection, design, name=name, picture=str(output)), ensure_ascii=False))
        return
    console = Console(width=None if Console().is_terminal else 120)
    show_inspection(console, inspection, title=f"{name}, {len(columns)} columns, {design.experiment}")
    for limit in inspection.trace.exceeded:
        click.echo(f"Beyond the overlay: {limit}.")
    click.echo(f"Reads: {inspection.trace.text}")
    click.echo(f"Picture: {output}")


def _line_of(design, image: Path | None, pixels: Path | None, line: int):
    """Name and columns of the one line."""
    from datapath.errors import DataError
    from datapath.files import read_npz
    from datapath.images import image_columns

    if image is not None:
        return image.name, image_columns(image, target_height=design.inputs, bits=design.precision.activation)
    arrays = read_npz(pixels)
    if f"pixels_{line}" not in arrays:
        count = sum(name.startswith("pixels_") for name in arrays)
        raise DataError(f"{pixels} has {count} pixel arrays but no pixels_{line}; they count from 0.")
    return f"{pixels.name} line {line}", arrays[f"pixels_{line}"]


def _picture_path(output: Path | None, name: str) -> Path:
    from datapath.errors import ConfigError

    if output is None:
        stem, _, line = name.partition(" line ")
        return Path(f"{Path(stem).stem}{f'-{line}' if line else ''}.inspect.png")
    if output.suffix.lower() != ".png":
        raise ConfigError(f"--output is {output}; the picture is a PNG, so the name must end in .png.")
    return output

"""`foldline inspect`."""

from __future__ import annotations

from pathlib import Path

import click

from datapath.quoting import json_line
from foldline.commands.options import DESIGN, FILE, opened_design, print_note
from foldline.console.echo import echo


@click.command("inspect")
@click.argument("design_path", metavar=DESIGN, type=FILE)
@click.argument("image", metavar="[IMAGE]", required=False, type=FILE)
@click.option(
    "-o",
    "--output",
    type=FILE,
    help="PNG file to write, or - for standard output [default: NAME.inspect.png in the current folder].",
)
@click.option(
    "--pixels", type=FILE, help="Raw pixels instead of an image: an .npz with arrays pixels_0, pixels_1, ... [T, I]."
)
@click.option(
    "--line", "number", type=click.IntRange(min=0), help="Number of the line in the --pixels file [default: 0]."
)
@click.option(
    "--ignore-limits", is_flag=True, help="Compute a line that exceeds the overlay's limits, and report the limits."
)
@click.option(
    "--bounds", is_flag=True, help="Show the lowest and the highest value of every sum over all inputs; takes no line."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of the table.")
def command(
    design_path: Path,
    image: Path | None,
    output: Path | None,
    pixels: Path | None,
    number: int | None,
    ignore_limits: bool,
    bounds: bool,
    as_json: bool,
) -> None:
    """Show the value range of each datapath quantity for one line, or with --bounds of the sums for every line.

    Writes a picture with the line, the best class of each column, and a histogram of each quantity over the range of
    its type. Prints a table with how often each quantity wraps, saturates, is rounded, or is clipped by a table.

    --bounds prints the lowest and the highest value that each gate sum and each class score can have over all pixels and
    hidden outputs, the bits that they need, and inputs with which a sum wraps, if one can.
    """
    if bounds:
        given = {"IMAGE": image, "--pixels": pixels, "--line": number, "--output": output}
        if unused := [name for name, value in given.items() if value is not None] + ["--ignore-limits"] * ignore_limits:
            raise click.UsageError(f"--bounds is of every line; it takes no {unused[0]}.")
        _show_bounds(design_path, as_json)
        return
    if (image is None) == (pixels is None):
        raise click.UsageError("Give either an image or --pixels FILE.npz.")
    if number is not None and pixels is None:
        raise click.UsageError("--line needs --pixels FILE.npz.")

    from datapath.files import require_different
    from datapath.streams import is_standard_output
    from foldline.batch.inputs import LineInput
    from foldline.console.terminal import table_console
    from foldline.inspect.line import inspect_input, picture_path, pixel_input
    from foldline.inspect.picture import write_picture
    from foldline.inspect.report import inspection_json, show_inspection

    if as_json and is_standard_output(output):
        raise click.UsageError("--json prints to standard output; give another file as --output.")
    output = picture_path(output, image=image, pixels=pixels, number=number or 0)
    require_different(DESIGN=design_path, output=output)
    require_different(IMAGE=image, pixels=pixels, output=output)
    design = opened_design(design_path)
    line = LineInput(str(image), image) if image else pixel_input(pixels, number or 0)
    title = image.name if image else f"{pixels.name} {line.name}"
    inspection = inspect_input(design, line, ignore_limits=ignore_limits)
    write_picture(output, inspection, design, title=title)
    if as_json:
        found = inspection_json(inspection, design, name=line.name, picture=str(output))
        echo(json_line(found))
        return
    console = table_console(stderr=is_standard_output(output))
    show_inspection(console, inspection, title=f"{title}: {design.experiment}, {len(inspection.columns)} columns")
    for limit in inspection.trace.exceeded:
        print_note(f"Exceeds the overlay: {limit}.")
    print_note(f"Text: {design.text_form.shown(inspection.trace.text)}")
    print_note(f"Picture: {output}")


def _show_bounds(design_path: Path, as_json: bool) -> None:
    from foldline.inspect.bounds import bounds_json, report

    design = opened_design(design_path)
    if as_json:
        echo(json_line(bounds_json(design)))
        return
    for line in report(design):
        echo(line)

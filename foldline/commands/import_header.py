"""`foldline import-header`."""

from __future__ import annotations

from pathlib import Path

import click

from foldline.commands.options import FILE, print_note


@click.command("import-header")
@click.argument("header", metavar="HEADER.hpp", type=FILE)
@click.option(
    "--alphabet",
    required=True,
    type=FILE,
    help="Alphabet: class n on line n, counted from 0; line 0, the blank, is empty.",
)
@click.option("-o", "--output", required=True, type=FILE, help="Design to write, .npz; - is standard output.")
@click.option(
    "--bidi", is_flag=True, help="The network was trained in the order of the picture: show texts in that of reading."
)
def command(header: Path, alphabet: Path, output: Path, bidi: bool) -> None:
    """Write the design that an LSTM-PYNQ weight header and an alphabet hold."""
    from datapath.files import require_different
    from datapath.text_form import TextForm
    from foldline.hardware.headers import import_design

    require_different(HEADER=header, alphabet=alphabet, output=output)
    design = import_design(header, alphabet).with_text_form(TextForm(in_picture_order=bidi))
    design.save(output)
    print_note(f"{output}: {design.experiment}, {design.classes} classes, {design.folding}")

"""`foldline golden`."""

from __future__ import annotations

from pathlib import Path

import click

from foldline.commands.options import FILE
from foldline.console.echo import echo


@click.group("golden")
def command() -> None:
    """The committed golden vectors: every stage's result for a few designs and lines."""


FOLDER = click.option("--dir", "folder", type=FILE, help="Folder of the vectors; default: those of the package.")


@command.command("make")
@FOLDER
@click.option("--add", type=FILE, metavar="DESIGN.npz", help="A trained design to add, with the vectors of the IMAGEs.")
@click.argument("images", metavar="[IMAGE...]", nargs=-1, type=FILE)
def make_command(folder: Path | None, add: Path | None, images: tuple[Path, ...]) -> None:
    """Compute the vectors again and list what changed; with --add, add a trained design with the IMAGEs' vectors."""
    from foldline import golden

    folder = folder or golden.DEFAULT_FOLDER
    if images and add is None:
        raise click.UsageError("IMAGEs go with --add DESIGN.npz.")
    for change in [golden.add(add, images, folder)] if add else golden.make(folder):
        echo(change)


@command.command("check")
@FOLDER
def check_command(folder: Path | None) -> None:
    """Compute every vector again, by the vectorised and by the folded-order simulator, and compare all of it."""
    from datapath.errors import MismatchError
    from foldline import golden

    differences = 0
    for checked in golden.check(folder or golden.DEFAULT_FOLDER):
        differences += len(checked.differences)
        for difference in checked.differences:
            echo(difference, err=True)
        if not checked.differences:
            echo(f"{checked.name}: {checked.lines} lines, {checked.values} values equal")
    if differences:
        raise MismatchError(f"The golden vectors have {differences} differences from what is computed.")

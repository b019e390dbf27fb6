"""`foldline data`."""

from __future__ import annotations

from pathlib import Path

import click

from foldline.commands.options import FILE
from foldline.console.groups import SuggestingGroup


@click.group("data", cls=SuggestingGroup)
def command() -> None:
    """Render synthetic text lines, or download the scanned lines of UW3-500."""


@command.command("synth")
@click.option("-o", "--output", required=True, type=FILE, help="Folder to write; must not exist or be empty.")
@click.option(
    "--training", type=click.IntRange(min=1), default=2000, show_default=True, help="Training lines to render."
)
@click.option(
    "--validation", type=click.IntRange(min=1), default=200, show_default=True, help="Validation lines to render."
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the lines.")
@click.option("--min-characters", type=int, default=8, show_default=True, help="Characters of the shortest line.")
@click.option("--max-characters", type=int, default=48, show_default=True, help="Characters of the longest line.")
def synth_command(
    output: Path, training: int, validation: int, seed: int, min_characters: int, max_characters: int
) -> None:
    """Render text lines as scans of journal pages, in the layout of UW3-500."""
    from foldline.console.progress import counting
    from train.data.dataset import write_dataset
    from train.data.synthetic import synthetic_dataset

    with counting("rendering lines") as progress:
        dataset = synthetic_dataset(
            seed=seed,
            training=training,
            validation=validation,
            min_characters=min_characters,
            max_characters=max_characters,
            progress=progress,
        )
    write_dataset(dataset, output)
    click.echo(f"{output}: {training} training and {validation} validation lines, {len(dataset.alphabet())} classes")


@command.command("fetch")
@click.argument("name", metavar="NAME", type=click.Choice(["uw3-500"]))
@click.option("-o", "--output", required=True, type=FILE, help="Folder to write; must not exist or be empty.")
@click.option("--archive", type=FILE, help="Archive to unpack instead of a download, .tar.gz or .zip.")
@click.option("--url", help="Address of the archive [default: GitHub].")
@click.option("--sha256", help="SHA-256 digest that the archive must have, in hex.")
def fetch_command(name: str, output: Path, archive: Path | None, url: str | None, sha256: str | None) -> None:
    """Download or unpack UW3-500, the lines that the published networks were trained on."""
    from train.data.dataset import read_dataset
    from train.data.fetch import fetch_uw3_500

    options = {"url": url} if url else {}
    folder = fetch_uw3_500(output, archive=archive, sha256=sha256, **options)
    dataset = read_dataset(folder)
    for problem in dataset.problems:
        click.echo(problem, err=True)
    click.echo(f"{folder}: {len(dataset.training)} training and {len(dataset.validation)} validation lines")

"""`foldline data`."""

from __future__ import annotations

from pathlib import Path

import click

from foldline.commands.options import FILE


@click.group("data")
def command() -> None:
    """Get text lines to train on: printed ones from the embedded generator, or the real UW3-500 set."""


@command.command("synth")
@click.option("-o", "--output", required=True, type=FILE, help="Folder to make.")
@click.option("--training", type=click.IntRange(min=1), default=2000, show_default=True, help="Lines to train on.")
@click.option("--validation", type=click.IntRange(min=1), default=200, show_default=True, help="Lines to judge by.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--min-characters", type=int, default=8, show_default=True, help="Shortest line.")
@click.option("--max-characters", type=int, default=48, show_default=True, help="Longest line.")
def synth_command(
    output: Path, training: int, validation: int, seed: int, min_characters: int, max_characters: int
) -> None:
    """Print text lines as a scanner sees journal pages, in the layout of UW3-500."""
    from foldline.console.progress import counting
    from train.data.dataset import write_dataset
    from train.data.synthetic import synthetic_dataset

    with counting("printing lines") as progress:
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
@click.argument("name", type=click.Choice(["uw3-500"]))
@click.option("-o", "--output", required=True, type=FILE, help="Folder to make.")
@click.option("--archive", type=FILE, help="A .tar.gz or .zip that is already here.")
@click.option("--url", help="Another address of the archive.")
@click.option("--sha256", help="Refuse an archive with another digest.")
def fetch_command(name: str, output: Path, archive: Path | None, url: str | None, sha256: str | None) -> None:
    """Download (or unpack) the UW3-500 lines that the published networks were trained on."""
    from train.data.dataset import read_dataset
    from train.data.fetch import fetch_uw3_500

    options = {"url": url} if url else {}
    folder = fetch_uw3_500(output, archive=archive, sha256=sha256, **options)
    dataset = read_dataset(folder)
    for sentence in dataset.problems:
        click.echo(sentence, err=True)
    click.echo(f"{folder}: {len(dataset.training)} training and {len(dataset.validation)} validation lines")

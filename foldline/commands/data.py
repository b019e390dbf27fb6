"""`foldline data`."""

from __future__ import annotations

from pathlib import Path

import click

from datapath.text_form import NORMALISATIONS
from foldline.commands.options import FILE, NEW_FOLDER, AnyCaseChoice
from foldline.console.echo import echo
from foldline.console.groups import SuggestingGroup


@click.group("data", cls=SuggestingGroup)
def command() -> None:
    """Import lines of your own, render synthetic ones, or download the scanned lines of UW3-500."""


@command.command("synth")
@click.option("-o", "--output", required=True, type=NEW_FOLDER, help="Folder to write; must not exist or be empty.")
@click.option(
    "--training", type=click.IntRange(min=1), default=2000, show_default=True, help="Training lines to render."
)
@click.option(
    "--validation", type=click.IntRange(min=1), default=200, show_default=True, help="Validation lines to render."
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the lines.")
@click.option("--min-characters", type=int, default=1, show_default=True, help="Characters of the shortest line.")
@click.option("--max-characters", type=int, default=52, show_default=True, help="Characters of the longest line.")
@click.option("--fonts", type=FILE, help="Folder of fonts, in which half of the lines are set.")
def synth_command(
    output: Path,
    training: int,
    validation: int,
    seed: int,
    min_characters: int,
    max_characters: int,
    fonts: Path | None,
) -> None:
    """Render text lines as scans of journal pages, in the layout of UW3-500."""
    from foldline.console.progress import counting
    from train.data.dataset import write_dataset
    from train.data.font_folders import read_fonts
    from train.data.synthetic import synthetic_dataset

    with counting("rendering lines") as progress:
        dataset = synthetic_dataset(
            seed=seed,
            training=training,
            validation=validation,
            min_characters=min_characters,
            max_characters=max_characters,
            fonts=None if fonts is None else read_fonts(fonts),
            progress=progress,
        )
    for problem in dataset.problems:
        echo(problem, err=True)
    write_dataset(dataset, output)
    echo(f"{output}: {training} training and {validation} validation lines, {len(dataset.alphabet())} classes")


@command.command("import")
@click.argument("source", metavar="SOURCE", type=FILE)
@click.option("-o", "--output", required=True, type=NEW_FOLDER, help="Folder to write; must not exist or be empty.")
@click.option(
    "--validation",
    metavar="SHARE|LINES",
    help="Validation lines: a share of the lines, as 10%, or their number [default: 10%; of a source with sortedTrain.txt "
    "and valid.txt, those of valid.txt].",
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the choice of validation lines."
)
@click.option(
    "--normalisation",
    type=AnyCaseChoice(NORMALISATIONS),
    default="NFC",
    show_default=True,
    help="Unicode normalisation of the texts.",
)
@click.option("--bidi", is_flag=True, help="Write right-to-left texts in the order of the picture, left to right.")
def import_command(
    source: Path, output: Path, validation: str | None, seed: int, normalisation: str, bidi: bool
) -> None:
    """Bring lines of your own into the layout of UW3-500: images, training list, validation list.

    SOURCE is a folder, at any depth, or a file: line.png with line.gt.txt (also line.bin.png and line.nrm.png), CSV or
    TSV with an image and a text per row, PAGE XML or ALTO beside the image of the page, or a list as UW3-500 has it.
    Every line that is left out is reported with the reason. --data of the other commands takes the same sources.
    """
    from datapath.text_form import TextForm
    from foldline.console.importing import import_report
    from foldline.console.progress import counting
    from train.data.importing import SHARE, Share, import_lines

    share = None if validation is None else Share.of(validation)
    form = TextForm(normalisation=normalisation, in_picture_order=bidi)
    with counting("reading lines") as progress:
        imported = import_lines(source, output, validation=share, seed=seed, form=form, progress=progress)
    echo(f"{output}:")
    for line in import_report(imported, split=f"{share or SHARE} by seed {seed}"):
        echo(f"  {line}")


@command.command("fetch")
@click.argument("name", metavar="NAME", type=click.Choice(["uw3-500"]))
@click.option("-o", "--output", required=True, type=NEW_FOLDER, help="Folder to write; must not exist or be empty.")
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
        echo(problem, err=True)
    echo(f"{folder}: {len(dataset.training)} training and {len(dataset.validation)} validation lines")

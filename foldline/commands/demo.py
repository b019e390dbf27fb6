"""`foldline demo`."""

from __future__ import annotations

from pathlib import Path

import click

from foldline.commands.options import FILE

SHOWN_LINES = 4


@click.command("demo")
@click.option("-o", "--output", type=FILE, default="demo-run", show_default=True)
def command(output: Path) -> None:
    """Train a small network on printed lines, export it, prove the header, and compare all levels (minutes)."""
    from rich.console import Console

    from foldline.demo import PARAMS, demo_dataset, run_demo
    from foldline.progress import counting
    from foldline.terminal import show_comparison, show_line
    from foldline.training_progress import showing
    from train.config import Hyperparameters

    with counting("printing lines") as progress:
        dataset = demo_dataset(progress)
    with showing() as reporter:
        result = run_demo(
            output,
            dataset,
            hyperparameters=Hyperparameters.from_json(PARAMS),
            reporter=reporter,
            say=click.echo,
        )
    console = Console(width=None if Console().is_terminal else 120)
    comparison = result.comparison
    for index in range(min(SHOWN_LINES, len(comparison.lines))):
        console.print()
        show_line(console, comparison.lines[index], comparison.levels, index, scan=True)
    console.print()
    show_comparison(console, comparison, title=f"{len(comparison.lines)} validation lines")
    console.print(f"\nKept in {result.folder}: {result.checkpoint.name}, {result.design.name}, {result.header.name}")

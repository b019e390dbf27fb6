"""`foldline demo`."""

from __future__ import annotations

from pathlib import Path

import click

from foldline.commands.options import FILE

SHOWN_LINES = 2


@click.command("demo")
@click.option("-o", "--output", type=FILE, default="demo-run", show_default=True)
def command(output: Path) -> None:
    """Train a small network on printed lines, export it, and prove the header (minutes); do the same with the network that
    Foldline carries; write a hardware project; compare what all levels read: PyTorch, the simulator, the project's C++,
    and the virtual board; and write a report of both networks."""
    from rich.console import Console

    from foldline.console.progress import counting
    from foldline.console.terminal import show_comparison, show_line
    from foldline.console.training import showing
    from foldline.demo import PARAMS, demo_dataset, run_demo
    from train.config import Hyperparameters

    with counting("printing lines") as progress:
        dataset = demo_dataset(progress)
    with showing() as reporter:
        result = run_demo(
            output,
            dataset,
            hyperparameters=Hyperparameters.from_json(PARAMS),
            reporter=reporter,
            log=click.echo,
            progress=counting,
        )
    console = Console(width=None if Console().is_terminal else 120)
    for title, comparison in (
        ("the embedded network", result.embedded_comparison),
        ("the demo's own network", result.comparison),
    ):
        for index in range(min(SHOWN_LINES, len(comparison.lines))):
            console.print()
            show_line(console, comparison.lines[index], comparison.results, index, scan=True)
        console.print()
        show_comparison(console, comparison, title=f"{len(comparison.lines)} validation lines, {title}")
    kept = ", ".join(
        path.name for path in (result.checkpoint, result.trained.design, result.trained.header, result.project)
    )
    console.print(f"\nKept in {result.folder}: {kept}")
    console.print(f"Report: {result.report}", soft_wrap=True)

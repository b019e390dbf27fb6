"""`foldline demo`."""

from __future__ import annotations

from pathlib import Path

import click

from foldline.commands.options import NEW_FOLDER
from foldline.console.echo import echo

SHOWN_LINES = 2


@click.command("demo")
@click.option(
    "-o",
    "--output",
    type=NEW_FOLDER,
    default="demo-run",
    show_default=True,
    help="Folder in which the run's folder is made.",
)
def command(output: Path) -> None:
    """Train, export, verify and compare a small network, in a few minutes and without downloads.

    The demo trains on synthetic lines, exports the network as an LSTM-PYNQ header, and verifies the header on lines.
    It does the same with a network that is included with Foldline. It writes a hardware project, compares PyTorch,
    the simulator, the project's C++, the RTL and the virtual board, and writes a report of both networks.
    """
    from foldline.console.progress import counting
    from foldline.console.terminal import show_comparison, show_line, table_console
    from foldline.console.training import showing
    from foldline.demo import PARAMS, SYNTHETIC, run_demo
    from train.config import Hyperparameters
    from train.data.synthetic import synthetic_dataset

    with counting("rendering lines") as progress:
        dataset = synthetic_dataset(**SYNTHETIC, progress=progress)
    hyperparameters = Hyperparameters.from_json(PARAMS)
    with showing() as shown:
        result = run_demo(output, dataset, hyperparameters=hyperparameters, reporter=shown, log=echo, progress=counting)
    console = table_console()
    for title, comparison in (
        ("The included network", result.embedded_comparison),
        ("The network trained by the demo", result.comparison),
    ):
        for index in range(min(SHOWN_LINES, len(comparison.lines))):
            console.print()
            show_line(console, comparison, index, scan=True)
        console.print()
        show_comparison(console, comparison, title=f"{title} on {len(comparison.lines)} validation lines")
    files = (result.checkpoint, result.trained.design, result.trained.header, result.project)
    console.print(f"\nFiles in {result.folder}: {', '.join(path.name for path in files)}")
    console.print(f"Report: {result.report}", soft_wrap=True)

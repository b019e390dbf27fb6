"""`foldline compare`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from foldline.commands.options import FILE, dataset_options


@click.command("compare")
@click.argument("source", metavar="CHECKPOINT|DESIGN.npz", type=FILE)
@dataset_options
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the synthetic lines.")
@click.option("--per-line", is_flag=True, help="Also print every line: truth, and what each level read.")
@click.option("--beyond-limits", is_flag=True, help="Compute lines that the overlay cannot take, and say so.")
@click.option("--threads", type=click.IntRange(min=1), help="Worker threads; default: one per processor.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of the table.")
def command(
    source: Path,
    data: str,
    sortedtrain: Path | None,
    valid: Path | None,
    imgs: Path | None,
    seed: int,
    per_line: bool,
    beyond_limits: bool,
    threads: int | None,
    as_json: bool,
) -> None:
    """Compare error rates on the validation lines: float and quantized PyTorch, and the simulated hardware.

    A DESIGN has no PyTorch levels; only the simulated one is shown.
    """
    from rich.console import Console

    from foldline.comparison import compare
    from foldline.datasets import open_dataset
    from foldline.networks import open_network
    from foldline.terminal import show_comparison, show_line

    network = open_network(source)
    # The comparison reads validation lines only, so the generator need not print the many to train on.
    dataset = open_dataset(data, seed=seed, sorted_train=sortedtrain, valid=valid, imgs=imgs, training=1)
    for sentence in (*dataset.problems, *network.notes):
        click.echo(sentence, err=True)
    comparison = compare(
        network.design,
        dataset.validation,
        checkpoint=network.checkpoint,
        beyond_limits=beyond_limits,
        threads=threads,
    )
    if as_json:
        click.echo(json.dumps(_as_json(network.design, dataset.name, comparison, per_line), ensure_ascii=False))
        return
    console = Console(width=None if Console().is_terminal else 120)
    if per_line:
        for index, line in enumerate(comparison.lines):
            show_line(console, line, comparison.levels, index, scan=False)
    show_comparison(
        console,
        comparison,
        title=f"{network.design.experiment} on {len(comparison.lines)} validation lines of {dataset.name}",
    )


def _as_json(design, dataset_name: str, comparison, per_line: bool) -> dict:
    result = {
        "experiment": str(design.experiment),
        "data": dataset_name,
        "beyond_limits": comparison.beyond,
        "left_out": list(comparison.left_out),
        "levels": [
            {"level": level.name, "labels": level.decoding, **asdict(level.rates)} for level in comparison.levels
        ],
    }
    if per_line:
        result["lines"] = [
            {
                "name": line.name,
                "truth": line.text,
                "texts": [level.texts[index] for level in comparison.levels],
            }
            for index, line in enumerate(comparison.lines)
        ]
    return result

"""`foldline evaluate`: error rates of a checkpoint on the validation lines."""

from __future__ import annotations

from pathlib import Path

import click

from foldline.commands.options import FILE, GroupedCommand, dataset_options
from foldline.commands.training_options import computation_options, device_of, opened_checkpoint, read_dataset


@click.command("evaluate", cls=GroupedCommand)
@click.argument("checkpoint", metavar="RUN|CHECKPOINT", type=FILE)
@dataset_options
@computation_options
def command(checkpoint: Path, dataset_source: dict[str, object], no_cuda: bool, threads: int) -> None:
    """Print the error rates of a checkpoint on the validation lines, as PyTorch computes them.

    They are given for greedy CTC and for the overlay's label rule. `foldline compare` adds those of the bit-exact
    simulator and of a board.
    """
    from train.evaluation import evaluate_checkpoint

    loaded = opened_checkpoint(checkpoint)
    seed = loaded.hyperparameters.random_seed
    dataset = read_dataset(**dataset_source, seed=seed, only_validation=True)
    evaluation = evaluate_checkpoint(loaded, dataset.validation, device=device_of(no_cuda), threads=threads)
    click.echo(f"{evaluation.rates.lines} validation lines of {dataset.name}:")
    for decoding, rates in (("greedy CTC", evaluation.rates), ("overlay labels", evaluation.overlay_rates)):
        click.echo(
            f"{decoding:>14}: CER {rates.cer:.2f} %, WER {rates.wer:.2f} %, {rates.exact} exact "
            f"(per line: CER {rates.cer_per_line:.2f} %, WER {rates.wer_per_line:.2f} %)"
        )

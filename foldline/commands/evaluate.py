"""`foldline evaluate`: error rates of a checkpoint on the validation lines."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from foldline.commands.options import FILE, GroupedCommand, alphabet_option, dataset_options
from foldline.commands.training_options import (
    chosen_lines,
    computation_options,
    device_of,
    note_changed_lines,
    opened_checkpoint,
    read_dataset,
)
from foldline.console.echo import echo


@click.command("evaluate", cls=GroupedCommand)
@click.argument("checkpoint", metavar="RUN|CHECKPOINT", type=FILE)
@dataset_options
@alphabet_option
@computation_options
@click.pass_context
def command(
    context: click.Context,
    checkpoint: Path,
    dataset_source: dict[str, object],
    alphabet: Path | None,
    no_cuda: bool,
    threads: int,
) -> None:
    """Print the error rates of a checkpoint on the validation lines, as PyTorch computes them.

    The lines are those that the checkpoint was trained and validated on, unless --data names others.

    They are given for greedy CTC and for the overlay's label rule. `foldline compare` adds those of the bit-exact
    simulator and of a board.
    """
    from datapath.text_form import TextForm
    from foldline.datasets import validation_notes
    from train.data.usable import usable_lines
    from train.evaluation import evaluate_checkpoint

    loaded = opened_checkpoint(checkpoint, alphabet=alphabet, dataset=dataset_source)
    seed = loaded.hyperparameters.random_seed
    source = chosen_lines(context, dataset_source, loaded.data, of=loaded.name, seed=seed)
    dataset = read_dataset(**source, only_validation=True, form=TextForm.of(loaded.provenance))
    note_changed_lines(loaded.data, dataset)
    height = loaded.hyperparameters.target_height
    lines, unusable = usable_lines(dataset.validation, target_height=height, what="validation lines")
    for message in (*unusable, *validation_notes(replace(dataset, validation=lines), loaded.alphabet)):
        echo(message, err=True)
    evaluation = evaluate_checkpoint(loaded, lines, device=device_of(no_cuda), threads=threads)
    count = len(dataset.validation)
    measured = f"{count} validation lines" if len(lines) == count else f"{len(lines)} of {count} validation lines"
    echo(f"{measured} of {dataset.name}:")
    for decoding, rates in (("greedy CTC", evaluation.rates), ("overlay labels", evaluation.overlay_rates)):
        echo(
            f"{decoding:>14}: CER {rates.cer:.2f} %, WER {rates.wer:.2f} %, {rates.exact} exact "
            f"(per line: CER {rates.cer_per_line:.2f} %, WER {rates.wer_per_line:.2f} %)"
        )

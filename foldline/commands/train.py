"""`foldline train`."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import click

from foldline.commands.options import FILE, dataset_options
from train.config import Hyperparameters


def hyperparameter_options(command: Callable) -> Callable:
    """One option per hyperparameter, read from the dataclass; not given means not overridden."""
    for one in reversed(fields(Hyperparameters)):
        choices = one.metadata["choices"]
        kind = click.Choice(choices) if choices else type(one.default)
        flag = {"is_flag": False, "flag_value": "true"} if kind is bool else {}
        name = one.name.replace("_", "-")
        text = f"{one.metadata['help']} [default: {str(one.default).lower() if kind is bool else one.default}]"
        command = click.option(f"--{name}", one.name, type=kind, default=None, help=text, **flag)(command)
    return command


@click.command("train")
@click.option("-p", "--params", type=FILE, help="Hyperparameters, JSON; options override it.")
@click.option("-e", "--experiments", type=FILE, default="experiments", show_default=True, help="Folder of all runs.")
@click.option("-i", "--input", "checkpoint", type=FILE, help="A checkpoint to start from.")
@click.option(
    "--pretrained-policy",
    type=click.Choice(["RESUME", "RETRAIN"]),
    default="RESUME",
    show_default=True,
    help="With -i: go on where it stopped, or take only its weights.",
)
@click.option("--init-bn-fc-fusion", is_flag=True, help="With RETRAIN: fuse its batch norm into the FC layer first.")
@dataset_options
@click.option("--eval", "evaluate_only", is_flag=True, help="With -i: only read the validation lines.")
@click.option("--dry-run", is_flag=True, help="Keep nothing on disk.")
@click.option("--no-cuda", is_flag=True, help="Compute on the CPU even where a GPU is at hand.")
@click.option(
    "--threads", type=click.IntRange(min=1), default=1, show_default=True, help="Of torch; more than 1 rarely pays."
)
@click.option("--author", default="", help="Who trains; kept in the provenance.")
@hyperparameter_options
def command(
    params: Path | None,
    experiments: Path,
    checkpoint: Path | None,
    pretrained_policy: str,
    init_bn_fc_fusion: bool,
    data: str,
    sortedtrain: Path | None,
    valid: Path | None,
    imgs: Path | None,
    evaluate_only: bool,
    dry_run: bool,
    no_cuda: bool,
    threads: int,
    author: str,
    **overrides: object,
) -> None:
    """Train a recogniser with CTC; every epoch is kept, and SIGINT (Ctrl-C) stops it so that it can be resumed.

    The best checkpoint by validation CER is best-cer.pt in the run's folder; `foldline export` takes it from there.
    """
    import torch

    from foldline.datasets import open_dataset
    from foldline.progress import counting
    from foldline.training_progress import showing
    from train.starting import Pretrained
    from train.trainer import train

    if evaluate_only and checkpoint is None:
        raise click.UsageError("--eval needs -i CHECKPOINT.")
    hyperparameters = _hyperparameters(params, checkpoint, overrides)
    seed = hyperparameters.random_seed
    with counting("reading lines") as progress:
        dataset = open_dataset(data, seed=seed, sorted_train=sortedtrain, valid=valid, imgs=imgs, progress=progress)
    for sentence in dataset.problems:
        click.echo(sentence, err=True)
    if evaluate_only:
        _evaluate(checkpoint, dataset, threads)
        return
    with showing() as reporter:
        result = train(
            hyperparameters,
            dataset,
            experiments=None if dry_run else experiments,
            checkpoint=checkpoint,
            policy=Pretrained[pretrained_policy],
            init_bn_fc_fusion=init_bn_fc_fusion,
            device="cuda" if torch.cuda.is_available() and not no_cuda else "cpu",
            threads=threads,
            command=shlex.join(["foldline", *sys.argv[1:]]),
            author=author,
            reporter=reporter,
        )
    if result.interrupted:
        again = (
            f" Go on with: foldline train --data {shlex.quote(data)} -i {result.resume_from}" if result.folder else ""
        )
        raise click.ClickException(f"Interrupted after {result.last.epoch} whole epochs.{again}")
    if result.folder is not None and result.best is not None:
        click.echo(
            f"Best: CER {result.best.best_cer:.2f} % after epoch {result.best.epoch}, {result.folder}/best-cer.pt"
        )


def _hyperparameters(params: Path | None, checkpoint: Path | None, overrides: dict[str, object]) -> Hyperparameters:
    """The file's, or the checkpoint's, or the defaults; then the overrides."""
    if params is not None:
        base = Hyperparameters.from_json(params)
    elif checkpoint is not None:
        from train.checkpoint import Checkpoint

        base = Checkpoint.load(checkpoint).hyperparameters
    else:
        base = Hyperparameters()
    return replace(base, **{name: value for name, value in overrides.items() if value is not None})


def _evaluate(checkpoint: Path, dataset, threads: int) -> None:
    from train.checkpoint import Checkpoint
    from train.evaluation import evaluate_checkpoint

    rates = evaluate_checkpoint(Checkpoint.load(checkpoint), dataset.validation, threads=threads).rates
    click.echo(
        f"{rates.lines} validation lines of {dataset.name}: CER {rates.cer:.2f} %, WER {rates.wer:.2f} %, "
        f"{rates.exact} exact (per line: CER {rates.cer_per_line:.2f} %, WER {rates.wer_per_line:.2f} %)"
    )

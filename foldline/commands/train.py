"""`foldline train`."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from datapath.errors import TrainingError
from foldline.commands.options import FILE, dataset_options
from train.config import Hyperparameters, range_text
from train.data.dataset import Dataset

if TYPE_CHECKING:
    from train.distributed import Group
    from train.trainer import TrainingResult

WITH_EVAL_ONLY = ("export_test_image", "test_image_line")

READ_BY_EVAL = frozenset(
    ("checkpoint", "data", "sortedtrain", "valid", "imgs", "evaluate_only", "no_cuda", "threads", *WITH_EVAL_ONLY)
)
"""Parameters that mean something together with --eval."""

BESIDE = ""
"""Value of --export-test-image without one: beside the checkpoint."""

UNUSED_BY_RECIPE = ("pretrained_policy", "init_bn_fc_fusion", "evaluate_only", "dry_run")

KEPT_ON_RESUME = ("data", "extra", "sortedtrain", "valid", "imgs", "threads", "no_cuda", "author")
"""Parameters that a checkpoint does not hold: to go on as before, they have to be given again."""


def hyperparameter_options(command: Callable) -> Callable:
    """One option per hyperparameter, read from the dataclass; not given means not overridden."""
    for one in reversed(fields(Hyperparameters)):
        choices = one.metadata["choices"]
        kind = click.Choice(choices) if choices else type(one.default)
        flag = {"is_flag": False, "flag_value": "true"} if kind is bool else {}
        name = one.name.replace("_", "-")
        limits = f", {range_text(one)}" if range_text(one) else ""
        text = f"{one.metadata['help']}{limits} [default: {str(one.default).lower() if kind is bool else one.default}]"
        command = click.option(f"--{name}", one.name, type=kind, default=None, help=text, **flag)(command)
    return command


@click.command("train")
@click.option("-p", "--params", type=FILE, help="Hyperparameters, JSON; options override it.")
@click.option(
    "-e",
    "--experiments",
    type=FILE,
    default="experiments",
    show_default=True,
    help="Folder of all runs; a resumed run stays in its own.",
)
@click.option("-i", "--input", "checkpoint", type=FILE, help="A checkpoint to start from; a folder, with --recipe.")
@click.option(
    "--recipe",
    type=click.Choice(["hardware"]),
    help="All stages from float to the board's arithmetic, and the design; -i FOLDER goes on with one.",
)
@click.option("--warm-up", type=FILE, help="With --recipe: a checkpoint that stands for its float stage.")
@click.option(
    "--pretrained-policy",
    type=click.Choice(["RESUME", "RETRAIN"]),
    default="RESUME",
    show_default=True,
    help="With -i: go on where it stopped, or take only its weights.",
)
@click.option("--init-bn-fc-fusion", is_flag=True, help="With RETRAIN: fuse its batch norm into the FC layer first.")
@dataset_options
@click.option(
    "--extra",
    metavar="DIR|synthetic[:LINES]",
    help="Training lines of another dataset, of which every epoch draws --extra-lines; printed ones for `synthetic`.",
)
@click.option("--eval", "evaluate_only", is_flag=True, help="With -i: only read the validation lines.")
@click.option(
    "--export-test-image",
    metavar="[FILE]",
    is_flag=False,
    flag_value=BESIDE,
    help="With --eval: write a validation line for a C simulation, FILE.npz and FILE.hpp "
    "[default: test_image beside the checkpoint].",
)
@click.option(
    "--test-image-line", metavar="NAME", help="Of the test image; default: the first that fits the overlay's limits."
)
@click.option("--dry-run", is_flag=True, help="Keep nothing on disk.")
@click.option("--no-cuda", is_flag=True, help="Compute on the CPU even where a GPU is at hand.")
@click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True, help="To compute with on the CPU.")
@click.option("--author", default="", help="Who trains; kept in the provenance.")
@hyperparameter_options
@click.pass_context
def command(
    context: click.Context,
    params: Path | None,
    experiments: Path,
    checkpoint: Path | None,
    recipe: str | None,
    warm_up: Path | None,
    pretrained_policy: str,
    init_bn_fc_fusion: bool,
    data: str,
    sortedtrain: Path | None,
    valid: Path | None,
    imgs: Path | None,
    extra: str | None,
    evaluate_only: bool,
    export_test_image: str | None,
    test_image_line: str | None,
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

    from foldline.console.progress import counting
    from foldline.datasets import open_dataset, with_extra
    from train.distributed import torchrun_group
    from train.starting import Pretrained

    given = _given(context)
    _require_used(given, data)
    group = torchrun_group()
    if recipe is not None and group.size > 1:
        raise click.UsageError("--recipe trains in one process; under torchrun, run its stages one by one.")
    device = "cuda" if torch.cuda.is_available() and not no_cuda else "cpu"
    hyperparameters = _hyperparameters(params, checkpoint, overrides, recipe=recipe is not None)
    seed = hyperparameters.random_seed
    with counting("reading lines") as progress:
        dataset = open_dataset(data, seed=seed, sorted_train=sortedtrain, valid=valid, imgs=imgs, progress=progress)
        if extra is not None:
            dataset = with_extra(dataset, open_dataset(extra, seed=seed, progress=progress))
    for sentence in dataset.problems if group.is_rank_zero else ():
        click.echo(sentence, err=True)
    if evaluate_only:
        if group.is_rank_zero:
            _evaluate(checkpoint, dataset, given, device=device, threads=threads)
        return
    command_line = shlex.join(["foldline", *sys.argv[1:]])
    settings = {"device": device, "threads": threads, "command": command_line, "author": author}
    if recipe is not None:
        places = {"experiments": experiments, "folder": checkpoint, "warm_up": warm_up}
        _follow_recipe(hyperparameters, dataset, given, **places, **settings)
        return
    result = _trained(
        group,
        hyperparameters,
        dataset,
        experiments=None if dry_run else experiments,
        checkpoint=checkpoint,
        policy=Pretrained[pretrained_policy],
        init_bn_fc_fusion=init_bn_fc_fusion,
        **settings,
    )
    if result is None:
        return
    if result.interrupted:
        how = "Go on with: " if group.size == 1 else "Go on under torchrun with: -m "
        again = f" {how}{_resuming(given, result.resume_from)}" if result.folder else ""
        raise click.ClickException(f"Interrupted after {result.last.epoch} whole epochs.{again}")
    if result.folder is not None and result.best is not None:
        click.echo(
            f"Best: CER {result.best.best_cer:.2f} % after epoch {result.best.epoch}, {result.folder}/best-cer.pt"
        )


def _trained(group: Group, *arguments: object, **settings: object) -> TrainingResult | None:
    """`train`, shown on the terminal; None in all processes of a group but the first, which alone tells."""
    from foldline.console.training import showing
    from train.trainer import train

    if group.is_rank_zero:
        with showing() as reporter:
            return train(*arguments, reporter=reporter, group=group, **settings)
    # All of them raise it alike. With a status of 1 here, torchrun would kill the first, perhaps before it has told.
    with suppress(TrainingError):
        train(*arguments, group=group, **settings)
    return None


def _follow_recipe(
    hyperparameters: Hyperparameters, dataset: Dataset, given: dict[str, object], **settings: object
) -> None:
    """`run_recipe`, shown on the terminal."""
    from rich.console import Console

    from foldline.console.terminal import show_comparison
    from foldline.console.training import showing
    from foldline.recipe import run_recipe

    with showing() as reporter:
        result = run_recipe(hyperparameters, dataset, log=reporter.note, reporter=reporter, **settings)
    if result.design is None:
        raise click.ClickException(f"Interrupted. Go on with: {_resuming(given, result.folder)} --recipe hardware")
    show_comparison(
        Console(width=None if Console().is_terminal else 120),
        result.comparison,
        title=f"{len(result.comparison.lines)} validation lines of {dataset.name}",
    )
    click.echo(f"The design: {result.design}")


def _hyperparameters(
    params: Path | None, checkpoint: Path | None, overrides: dict[str, object], *, recipe: bool
) -> Hyperparameters:
    """The file's, or those of the checkpoint or recipe's folder, or the defaults; then the overrides."""
    if params is not None:
        base = Hyperparameters.from_json(params)
    elif checkpoint is not None and recipe:
        from foldline.recipe import target_of

        base = target_of(checkpoint)
    elif checkpoint is not None:
        from train.checkpoint import Checkpoint

        base = Checkpoint.load(checkpoint).hyperparameters
    else:
        base = Hyperparameters()
    return replace(base, **{name: value for name, value in overrides.items() if value is not None})


def _given(context: click.Context) -> dict[str, object]:
    """The parameters of the command line by name, without those left at their default, in the order of --help."""
    names = [one.name for one in context.command.params]
    default = (ParameterSource.DEFAULT, ParameterSource.DEFAULT_MAP)
    return {name: context.params[name] for name in names if context.get_parameter_source(name) not in default}


def _flags(names: Iterable[str]) -> list[str]:
    """How the command line spells parameters."""
    spelled = {one.name: one.opts[-1] for one in command.params}
    return [spelled[name] for name in names]


def _require_used(given: dict[str, object], data: str) -> None:
    """Refuse options that would have no effect together.

    :raises click.UsageError: names them.
    """
    from foldline.datasets import SYNTHETIC

    if "recipe" in given:
        unused = _flags(name for name in given if name in UNUSED_BY_RECIPE)
        if unused:
            raise click.UsageError(f"--recipe runs its own stages and takes no {', '.join(unused)}.")
    if "warm_up" in given and ("recipe" not in given or "checkpoint" in given):
        raise click.UsageError("--warm-up begins a --recipe, and has no effect on one that -i goes on with.")
    if "evaluate_only" in given:
        if "checkpoint" not in given:
            raise click.UsageError("--eval needs -i CHECKPOINT.")
        unused = _flags(name for name in given if name not in READ_BY_EVAL)
        if unused:
            raise click.UsageError(f"--eval trains nothing and takes no {', '.join(unused)}.")
    elif unused := _flags(name for name in given if name in WITH_EVAL_ONLY):
        raise click.UsageError(f"{', '.join(unused)} needs --eval.")
    if "test_image_line" in given and "export_test_image" not in given:
        raise click.UsageError("--test-image-line needs --export-test-image.")
    if "init_bn_fc_fusion" in given and given.get("pretrained_policy") != "RETRAIN":
        raise click.UsageError("--init-bn-fc-fusion needs --pretrained-policy RETRAIN.")
    if "pretrained_policy" in given and "checkpoint" not in given:
        raise click.UsageError("--pretrained-policy needs -i CHECKPOINT.")
    if data.partition(":")[0] == SYNTHETIC:
        unused = _flags(name for name in given if name in ("sortedtrain", "valid", "imgs"))
        if unused:
            raise click.UsageError(f"The generator's lines have no {', '.join(unused)}; name a folder with --data.")


def _resuming(given: dict[str, object], checkpoint: Path) -> str:
    """The command that goes on from `checkpoint`, to be pasted into a shell."""
    arguments = ["foldline", "train", "-i", str(checkpoint)]
    for name in KEPT_ON_RESUME:
        if name in given:
            arguments += _flags([name])
            arguments += [] if given[name] is True else [str(given[name])]
    return shlex.join(arguments)


def _evaluate(checkpoint: Path, dataset: Dataset, given: dict[str, object], *, device: str, threads: int) -> None:
    from train.checkpoint import Checkpoint
    from train.evaluation import evaluate_checkpoint

    loaded = Checkpoint.load(checkpoint)
    evaluation = evaluate_checkpoint(loaded, dataset.validation, device=device, threads=threads)
    click.echo(f"{evaluation.rates.lines} validation lines of {dataset.name}:")
    for decoding, rates in (("greedy CTC", evaluation.rates), ("overlay labels", evaluation.overlay_rates)):
        click.echo(
            f"{decoding:>14}: CER {rates.cer:.2f} %, WER {rates.wer:.2f} %, {rates.exact} exact "
            f"(per line: CER {rates.cer_per_line:.2f} %, WER {rates.wer_per_line:.2f} %)"
        )
    if "export_test_image" in given:
        read = dict(zip((line.name for line in dataset.validation), evaluation.overlay_texts, strict=True))
        _export_test_image(checkpoint, dataset, read, given["export_test_image"], given.get("test_image_line"))


def _export_test_image(checkpoint: Path, dataset: Dataset, read: dict[str, str], output: str, line: str | None) -> None:
    """Write a line as a test image, and say where the board will read something else than the trained network.

    :param read: what that reads, by the names of the lines.
    """
    from foldline.console.text import printable
    from foldline.hardware.bench_line import DEFAULT_NAME, export_test_image
    from foldline.networks import open_network

    network = open_network(checkpoint)
    for sentence in network.notes:
        click.echo(sentence, err=True)
    output = checkpoint.parent / DEFAULT_NAME if output == BESIDE else output
    written = export_test_image(network.design, dataset, output, line=line, keep=checkpoint)
    image = written.image
    click.echo(
        printable(f"{written.pixels}, {written.header}: {image.name}, {len(image.columns)} columns, {image.text}")
    )
    if read[image.name] != image.text:
        click.echo(
            printable(f"The board computes otherwise than the checkpoint, which reads: {read[image.name]}"), err=True
        )

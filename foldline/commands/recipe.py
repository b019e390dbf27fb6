"""`foldline recipe`: all training runs that lead to the design for the board, or to a float network trained alike."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from datapath.errors import ConfigError
from datapath.text_form import TextForm
from foldline.commands.options import (
    FILE,
    GroupedCommand,
    alphabet_option,
    dataset_options,
    given_options,
    limit_options,
    option_group,
)
from foldline.commands.training_options import (
    DEFAULT_PRESET,
    change_data_option,
    chosen_lines,
    command_line,
    computation_options,
    device_of,
    extend_alphabet_option,
    extra_option,
    hyperparameter_options,
    hyperparameters_of,
    opened_checkpoint,
    read_dataset,
    resuming_command,
    run_options,
    stopped_at_once,
)
from foldline.console.echo import echo
from foldline.console.stopping import Stopped

if TYPE_CHECKING:
    from datapath.design import Limits
    from train.data.record import DataRecord

_start = option_group("Start")


@click.command("recipe", cls=GroupedCommand)
@_start("-i", "--input", "folder", type=FILE, help="Folder of a recipe to resume.")
@_start(
    "--warm-up",
    type=FILE,
    help="Float network that replaces the float stage: a checkpoint, also of pytorch-ocr or a state dict of torch, or the "
    "folder of a run or a recipe.",
)
@limit_options
@extend_alphabet_option
@change_data_option
@run_options
@dataset_options
@extra_option
@alphabet_option
@computation_options
@hyperparameter_options
@click.pass_context
def command(
    context: click.Context,
    folder: Path | None,
    warm_up: Path | None,
    limits: dict[str, int | None],
    extend_alphabet: bool,
    change_data: bool,
    params_file: Path | None,
    experiments: Path,
    author: str,
    dataset_source: dict[str, object],
    extra: str | None,
    alphabet: Path | None,
    no_cuda: bool,
    threads: int,
    **overrides: object,
) -> None:
    """Train a network for the board in three stages, and write its design.

    The stages: float; the recurrent layer in the overlay's arithmetic; batch norm fused into the FC layer and everything
    in the overlay's arithmetic. With neuron_type LSTM (preset LSTM128_W32B32A32I32_FC_W32B32) all are float: a network to
    compare those for the board with. Each is a run in the recipe's folder. -p, or else QLSTM128_W2B8A4I8_FC_W8B8, has the
    hyperparameters of the last stage. Ctrl-C ends the recipe after the current batch; -i FOLDER resumes it.
    """
    from foldline.console.terminal import show_comparison, table_console
    from foldline.console.training import showing
    from foldline.recipe import run_recipe, target_of
    from train.distributed import torchrun_group

    given = [name for name in given_options(context) if name in ("warm_up", *limits)]
    if folder is not None and given:
        raise click.UsageError(f"--{given[0].replace('_', '-')} is for a new recipe; -i FOLDER resumes one.")
    if extend_alphabet and folder is None and warm_up is None:
        raise click.UsageError("--extend-alphabet needs --warm-up: a new network has a class for every character.")
    if change_data and folder is None:
        raise click.UsageError("--change-data is for a recipe that -i FOLDER resumes.")
    if alphabet is not None and warm_up is None:
        raise click.UsageError("--alphabet needs --warm-up CHECKPOINT.")
    if torchrun_group().size > 1:
        raise click.UsageError("A recipe trains in one process; under torchrun, run its stages with `foldline train`.")
    start = None
    if warm_up is not None:
        start = opened_checkpoint(_found_warm_up(warm_up), alphabet=alphabet, dataset=dataset_source)
    if folder is None and params_file is None:
        params_file = _default_preset()
    hyperparameters = hyperparameters_of(params_file, overrides, None if folder is None else target_of(folder))
    started = None if folder is None else _lines_of(folder)
    if folder is not None and not (started and started.options) and "data" not in given_options(context):
        raise ConfigError(f"The recipe {folder} does not say where its lines are from. Name them with --data.")
    seed, source = hyperparameters.random_seed, {**dataset_source, "extra": extra}
    lines = chosen_lines(context, source, started, of=folder, seed=seed, resume=folder is not None)
    dataset = read_dataset(**lines, form=start and TextForm.of(start.provenance))
    with showing() as reporter, stopped_at_once(reporter, lambda stage_run: stage_run.parent.parent):
        result = run_recipe(
            hyperparameters,
            dataset,
            experiments=experiments,
            folder=folder,
            warm_up=start,
            change_data=change_data,
            log=reporter.note,
            reporter=reporter,
            limits=_asked_limits(limits),
            extend_alphabet=extend_alphabet,
            device=device_of(no_cuda),
            threads=threads,
            command=command_line(),
            author=author,
        )
    if result.network is None:
        raise Stopped(f"Stopped. Resume with: {resuming_command(context, result.folder)}")
    show_comparison(
        table_console(),
        result.comparison,
        title=f"{len(result.comparison.lines)} validation lines of {dataset.name}",
    )
    echo(f"The {'design' if result.design else 'float network'}: {result.network}")


def _lines_of(folder: Path) -> DataRecord | None:
    """The lines of a recipe that is to be resumed, before they are read."""
    from foldline.recipe import RecipeStart
    from train.experiment import require_unlocked

    require_unlocked(folder)
    return RecipeStart.read(folder).data


def _default_preset() -> Path:
    """The file of the preset that is taken without -p; stderr gets its name."""
    import params

    echo(f"Without -p, the preset {DEFAULT_PRESET} is taken: 2-bit weights, 4-bit pixels and hidden outputs.", err=True)
    return params.find(Path(DEFAULT_PRESET))


def _found_warm_up(path: Path) -> Path:
    from foldline.runs import find_warm_up, taken

    found = find_warm_up(path)
    for message in taken(path, found):
        echo(message, err=True)
    return found


def _asked_limits(limits: dict[str, int | None]) -> Limits | None:
    from datapath.design import Limits
    from foldline.networks import chosen_limits

    chosen = chosen_limits(Limits(), **limits)
    return None if chosen == Limits() else chosen

"""`foldline train`: one training run; the original trainer's other modes lead to the commands that took them over."""

from __future__ import annotations

import shlex
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from datapath.errors import ConfigError, TrainingError
from datapath.quoting import quoted
from datapath.text_form import TextForm
from foldline.commands.options import (
    FILE,
    AnyCaseChoice,
    GroupedCommand,
    alphabet_option,
    dataset_options,
    given_options,
    option_group,
)
from foldline.commands.training_options import (
    change_data_option,
    chosen_lines,
    command_line,
    computation_options,
    device_of,
    extend_alphabet_option,
    extra_option,
    flags,
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
from foldline.runs import LAST, find_checkpoint

if TYPE_CHECKING:
    from train.checkpoint import Checkpoint
    from train.distributed import Group
    from train.starting import Pretrained
    from train.trainer import TrainingResult

_start = option_group("Start")

MODES = {"export_test_image": "export", "export": "export", "evaluate_only": "evaluate", "recipe": "recipe"}
"""Parameter of another mode -> the command that does it. Where two are given, the first one here counts."""

OF_MODES = {
    "pe": "export",
    "allow_narrowing": "export",
    "simd_factor": "export",
    "test_image_line": "export",
    "warm_up": "recipe",
}
"""Parameter that only another mode takes -> its command."""

WITHOUT_EFFECT = {"export": ("no_cuda", "threads"), "evaluate": (), "recipe": ()}
"""Parameters of the original modes that the commands do without: the export computes on the CPU."""

TEST_IMAGE = "test_image"
"""Name of a test image that is written beside its checkpoint."""


def _mode_options(command):
    """What the original trainer, and Foldline before it had the other commands, takes for modes; not in ``--help``."""
    for declaration, settings in {
        ("--recipe",): {"type": click.Choice(["hardware"])},
        ("--eval", "evaluate_only"): {"is_flag": True},
        ("--export",): {"is_flag": True},
        ("--export-test-image",): {"is_flag": False, "flag_value": ""},
        ("--test-image-line",): {},
        ("--warm-up",): {"type": FILE},
        ("--pe",): {"type": int},
        ("--allow-narrowing",): {"is_flag": True},
        ("--simd-factor",): {"type": int},
    }.items():
        command = click.option(*declaration, hidden=True, **settings)(command)
    return command


@click.command("train", cls=GroupedCommand)
@_start("-i", "--input", "checkpoint", type=FILE, help="Checkpoint to start from, or the folder of its run.")
@_start(
    "--pretrained-policy",
    type=AnyCaseChoice(["RESUME", "RETRAIN"]),
    default="RESUME",
    show_default=True,
    help="RESUME the run of the checkpoint in its folder, or RETRAIN its weights in a new run.",
)
@change_data_option
@_start("--init-bn-fc-fusion", is_flag=True, help="Fuse the checkpoint's batch norm into its FC layer; needs RETRAIN.")
@extend_alphabet_option
@run_options
@option_group("Run")("--dry-run", is_flag=True, help="Write nothing to disk.")
@dataset_options
@extra_option
@alphabet_option
@computation_options
@hyperparameter_options
@_mode_options
@click.pass_context
def command(
    context: click.Context,
    checkpoint: Path | None,
    pretrained_policy: str,
    change_data: bool,
    init_bn_fc_fusion: bool,
    extend_alphabet: bool,
    params_file: Path | None,
    experiments: Path,
    author: str,
    dry_run: bool,
    dataset_source: dict[str, object],
    extra: str | None,
    alphabet: Path | None,
    no_cuda: bool,
    threads: int,
    **options: object,
) -> None:
    """Train a recogniser with CTC; a checkpoint is written after every epoch.

    Ctrl-C ends the run after the current batch, so that it can be resumed. The checkpoint with the lowest CER on the
    validation lines is best-cer.pt in the run's folder; `foldline evaluate` and `foldline export` read it. Presets for
    -p are in params/. `foldline recipe` trains a network for the board, in several runs.
    """
    from train.distributed import torchrun_group
    from train.experiment import require_unlocked
    from train.starting import Pretrained

    given = given_options(context)
    if any(name in given for name in (*MODES, *OF_MODES)):
        _run_other_command(context, given)
        return
    _require_checkpoint(given)
    overrides = {name: value for name, value in options.items() if name not in (*MODES, *OF_MODES)}
    group = torchrun_group()
    policy = Pretrained[pretrained_policy]
    start = None
    if checkpoint is not None:
        start = opened_checkpoint(
            checkpoint,
            resume=policy is Pretrained.RESUME,
            alphabet=alphabet,
            dataset=dataset_source,
            quiet=not group.is_rank_zero,
        )
        if policy is Pretrained.RESUME and not dry_run and group.is_rank_zero:
            require_unlocked(start.path.parent)  # before the lines are read
    if init_bn_fc_fusion:
        overrides["prefused_bn_fc"] = True
    hyperparameters = hyperparameters_of(params_file, overrides, start and start.hyperparameters)
    lines = _lines(context, {**dataset_source, "extra": extra}, start, policy, seed=hyperparameters.random_seed)
    dataset = read_dataset(**lines, quiet=not group.is_rank_zero, form=start and TextForm.of(start.provenance))
    result = _trained(
        group,
        hyperparameters,
        dataset,
        experiments=None if dry_run else experiments,
        checkpoint=start,
        policy=policy,
        init_bn_fc_fusion=init_bn_fc_fusion,
        extend_alphabet=extend_alphabet,
        change_data=change_data,
        device=device_of(no_cuda),
        threads=threads,
        command=command_line(),
        author=author,
    )
    if result is not None:
        _show_end(context, result, group)


def _lines(
    context: click.Context, source: dict[str, object], start: Checkpoint | None, policy: Pretrained, *, seed: int
) -> dict[str, object]:
    """The options of the run's lines: of a checkpoint those that it was trained on, unless others are given.

    :raises ConfigError: a run is resumed that does not know its lines, and none are given.
    """
    from train.distributed import torchrun_group
    from train.starting import Pretrained

    resume = start is not None and policy is Pretrained.RESUME
    unknown = resume and not start.origin and not (start.data and start.data.options)
    if unknown and "data" not in given_options(context):
        name = start.provenance.get("dataset", "")
        raise ConfigError(
            f"{start.name} does not say where its lines are from; its dataset was called {quoted(name)}. Name it with --data."
        )
    known = None if start is None else start.data
    quiet = not torchrun_group().is_rank_zero
    return chosen_lines(context, source, known, of=start and start.name, seed=seed, resume=resume, quiet=quiet)


def _trained(group: Group, *arguments: object, **settings: object) -> TrainingResult | None:
    """`train`, shown on the terminal; None in all processes of a group but rank 0."""
    from foldline.console.training import showing
    from train.trainer import train

    if group.is_rank_zero:
        with showing() as reporter, stopped_at_once(reporter, lambda folder: folder / LAST):
            return train(*arguments, reporter=reporter, group=group, **settings)
    # Every process raises the error. A status of 1 here would make torchrun end rank 0, perhaps before its message.
    with suppress(TrainingError):
        train(*arguments, group=group, **settings)
    return None


def _show_end(context: click.Context, result: TrainingResult, group: Group) -> None:
    from foldline.console.text import counted
    from train.reporting import GREEDY, OVERLAY

    if result.interrupted:
        how = "Resume with: " if group.size == 1 else "Resume under torchrun with: -m "
        again = f" {how}{resuming_command(context, result.resume_from)}" if result.folder else ""
        raise Stopped(f"Stopped after {counted(result.last.epoch, 'whole epoch')}.{again}")
    if result.folder is not None and result.best is not None:
        best = result.best
        decoder = OVERLAY if best.hyperparameters.select_by == "OVERLAY" else GREEDY
        echo(f"Best by {decoder}: CER {best.best_cer:.2f} % after epoch {best.epoch}, {result.folder}/best-cer.pt")


def _require_checkpoint(given: dict[str, object]) -> None:
    """Refuse options that have no effect without a checkpoint."""
    for name in ("init_bn_fc_fusion", "extend_alphabet"):
        if name in given and given.get("pretrained_policy") != "RETRAIN":
            raise click.UsageError(f"{flags([name])[0]} needs --pretrained-policy RETRAIN.")
    if "change_data" in given and ("checkpoint" not in given or given.get("pretrained_policy") == "RETRAIN"):
        raise click.UsageError("--change-data needs -i CHECKPOINT, and a run that is resumed.")
    for name in ("pretrained_policy", "alphabet"):
        if name in given and "checkpoint" not in given:
            raise click.UsageError(f"{flags([name])[0]} needs -i CHECKPOINT.")


def _run_other_command(context: click.Context, given: dict[str, object]) -> None:
    """Run the command that does what another mode of the original trainer did, or raise an error that names it."""
    mode = next((name for name in MODES if name in given), None)
    if mode is None:
        name = next(name for name in OF_MODES if name in given)
        raise click.UsageError(f"{flags([name])[0]} is an option of `foldline {OF_MODES[name]}`.")
    (flag,) = flags([mode])
    name = MODES[mode]
    other = context.parent.command.get_command(context.parent, name)
    arguments, unused = _arguments(other, mode, given)
    line = shlex.join(["foldline", name, *arguments])
    if unused:
        raise click.UsageError(f"{flag} takes no {', '.join(flags(unused))}. The command is: {line}")
    if name != "recipe" and "checkpoint" not in given:
        raise click.UsageError(f"{flag} needs -i CHECKPOINT. The command is: {line}")
    echo(f"train {flag} is a command of its own: {line}", err=True)
    with other.make_context(name, arguments, parent=context.parent) as inner:
        other.invoke(inner)


def _arguments(other: click.Command, mode: str, given: dict[str, object]) -> tuple[list[str], list[str]]:
    """The command line of another command for the parameters of this one, and those that it does not take."""
    checkpoint = given.get("checkpoint", Path("CHECKPOINT"))
    if other.name != "recipe" and "checkpoint" in given:
        checkpoint = find_checkpoint(checkpoint)  # of a folder; what is exported is written beside it
    arguments = [str(checkpoint)]
    if other.name == "recipe":
        arguments = ["-i", str(checkpoint)] if "checkpoint" in given else []
    if mode == "export":
        arguments += ["-o", str(checkpoint.with_suffix(".hpp"))]
    if mode == "export_test_image":
        arguments += ["--test-image", given[mode] or str(checkpoint.with_name(TEST_IMAGE))]
    taken = {one.name: one for one in other.params if isinstance(one, click.Option)}
    unused = []
    for name, value in given.items():
        if name in taken:
            arguments += [taken[name].opts[0], *([] if taken[name].is_flag else [str(value)])]
        elif name not in ("checkpoint", *MODES, *WITHOUT_EFFECT[other.name]):
            unused.append(name)
    return arguments, unused

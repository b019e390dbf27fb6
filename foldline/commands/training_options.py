"""What `foldline train`, `recipe`, `evaluate` and `export` share: options, and what is made of them."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

import params
from datapath.errors import ConfigError, suggestion
from datapath.text_form import AS_WRITTEN, TextForm
from foldline.commands.options import (
    FILE,
    NEW_FOLDER,
    AnyCaseChoice,
    all_of,
    given_options,
    option_group,
    require_same_alphabet,
)
from foldline.console.echo import echo
from train.config import AUGMENTATIONS, QUANTIZED_PARTS, Hyperparameters, range_text

if TYPE_CHECKING:
    from foldline.console.training import ShownRun
    from train.checkpoint import Checkpoint
    from train.data.dataset import Dataset
    from train.data.record import DataRecord

REPEATED_ON_RESUME = ("threads", "no_cuda", "author")
"""Parameters that no checkpoint holds: a command that resumes a run has to name them again."""

DEFAULT_PRESET = "QLSTM128_W2B8A4I8_FC_W8B8"
"""W2A4: the preset with the lowest error rate of those that the published overlays have (docs/training.md)."""

HEADINGS = {
    "Network": (
        *("neuron_type", "layer_size", "target_height", "bidirectional", "reduce_bidirectional"),
        *("recurrent_bias_enabled", "prefused_bn_fc"),
    ),
    "Quantization": (
        *(f"{part}_{kind}" for part in QUANTIZED_PARTS for kind in ("bit_width", "quantization")),
        *("internal_activation_bit_width", "quantize_input", "forward_arithmetic"),
    ),
    "Epochs and batches": (
        *("epochs", "checkpoint_interval", "batch_size", "seq_to_random_threshold", "width_pool", "mask_padded"),
        *("extra_lines", "selection_lines", "select_by", "num_workers", "random_seed"),
    ),
    "Loss and optimiser": (
        *("ctc", "score_scale", "optimiser", "weight_decay", "lr", "lr_schedule", "lr_step", "lr_gamma", "lr_warmup"),
        *("max_norm", "dropout"),
    ),
    "Augmentation of training lines": tuple(f"augment_{name}" for name in AUGMENTATIONS),
}
"""Hyperparameters by their heading in ``--help``."""


def _list_presets(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value:
        width = max(map(len, params.presets()))
        for name, line in params.presets().items():
            echo(f"{name:{width}}  {line}")
        context.exit()


_run, _computation, _dataset = option_group("Run"), option_group("Computation"), option_group("Dataset")

computation_options = all_of(
    _computation("--no-cuda", is_flag=True, help="Compute on the CPU even if there is a GPU."),
    _computation(
        "--threads", type=click.IntRange(min=1), default=1, show_default=True, help="Threads on the CPU, per process."
    ),
)


def heartbeat_options(retried: str) -> Callable:
    """Options of a worker: when others count it as lost.

    :param retried: what another worker then tries again, for the help.
    """
    from foldline.study.storage import Heartbeat

    workers, seconds = option_group("Workers"), {"type": int, "show_default": True}
    lost = f"Seconds without a heartbeat after which another worker retries the {retried}."
    return all_of(
        workers("--heartbeat", default=Heartbeat.interval, help="Seconds between heartbeats.", **seconds),
        workers("--grace", default=Heartbeat.grace, help=lost, **seconds),
    )


run_options = all_of(
    _run("-p", "--params", "params_file", type=FILE, help="Hyperparameters: a JSON file, or the name of a preset."),
    _run(
        "--list-presets",
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=_list_presets,
        help="Print the names of the presets for -p, one on a line, and exit.",
    ),
    _run(
        *("-e", "--experiments"),
        type=NEW_FOLDER,
        default="experiments",
        show_default=True,
        help="Folder in which a new run makes its own.",
    ),
    _run("--author", default="", help="Author, for the provenance of checkpoints and designs."),
)

extend_alphabet_option = option_group("Start")(
    "--extend-alphabet",
    is_flag=True,
    help="Give the checkpoint's network a class for each new character of the training lines.",
)

change_data_option = _dataset(
    "--change-data", is_flag=True, help="Let a resumed run continue with other lines than those that it began with."
)

extra_option = _dataset(
    "--extra",
    metavar="DIR|synthetic[:LINES[:FONTS]]",
    help="Dataset with further training lines, of which every epoch draws --extra-lines at random.",
)


def hyperparameter_options(command: Callable) -> Callable:
    """One option per field of `Hyperparameters`, under its heading; None where it is not given."""
    by_name = {one.name: one for one in fields(Hyperparameters)}
    added = []
    for heading, names in HEADINGS.items():
        for name in names:
            one = by_name[name]
            choices = one.metadata["choices"]
            kind = AnyCaseChoice(choices) if choices else type(one.default)
            flag = {"is_flag": False, "flag_value": "true"} if kind is bool else {}
            limits = f"; {range_text(one)}" if range_text(one) else ""
            default = str(one.default).lower() if kind is bool else one.default
            help = one.metadata["help"]
            text = f"{help[0].upper()}{help[1:]}{limits} [default: {default}]."
            added.append(option_group(heading)(f"--{name.replace('_', '-')}", name, type=kind, help=text, **flag))
    return all_of(*added)(command)


def hyperparameters_of(
    params_file: Path | None, overrides: dict[str, object], saved: Hyperparameters | None
) -> Hyperparameters:
    """The hyperparameters that a command line asks for.

    :param params_file: file or name of a preset; None takes `saved`.
    :param overrides: values by name; None where an option is not given.
    :param saved: those of a checkpoint or a recipe; None takes the defaults.
    :raises FileError, ConfigError: see `Hyperparameters.from_json`.
    """
    base = saved or Hyperparameters()
    if params_file is not None:
        found = params.find(params_file)
        if not found.exists():
            near = suggestion(params_file.name.removesuffix(".json"), list(params.presets()))
            raise ConfigError(f"{params_file} is neither a file nor a preset (--list-presets){near}")
        if found != params_file:
            echo(f"{params_file}: no such file; the preset {found} is taken.", err=True)
        base = Hyperparameters.from_json(found)
    return replace(base, **{name: value for name, value in overrides.items() if value is not None})


def read_dataset(
    data: str,
    *,
    seed: int,
    extra: str | None = None,
    only_validation: bool = False,
    quiet: bool = False,
    form: TextForm | None = None,
    **lists: object,
) -> Dataset:
    """The lines that the options under "Dataset" name; what is wrong with them goes to stderr.

    :param seed: of synthetic lines.
    :param only_validation: the training lines are not used; see `foldline.datasets.open_dataset`.
    :param quiet: write nothing to stderr.
    :param form: of the texts of a checkpoint that the run starts from.
    :param lists: sortedtrain, valid, imgs, normalisation and bidi of `open_dataset`.
    :raises DataError, FileError, ConfigError: see `foldline.datasets.open_dataset`.
    """
    from foldline.console.progress import counting
    from foldline.datasets import open_dataset, with_extra
    from train.data.characters import text_notes
    from train.data.forms import in_form
    from train.data.record import recorded_options

    with counting("reading lines") as progress:
        dataset = open_dataset(data, seed=seed, **lists, validation_only=only_validation, progress=progress)
        if extra is not None:
            forms = {name: lists[name] for name in ("normalisation", "bidi") if name in lists}
            dataset = with_extra(dataset, open_dataset(extra, seed=seed, **forms, progress=progress))
    dataset = replace(
        in_form(dataset, form or AS_WRITTEN),
        options=recorded_options({"data": data, "seed": seed, "extra": extra, **lists}),
    )
    notes = []
    if not only_validation:  # those on validation lines depend on the network, see `foldline.datasets.validation_notes`
        texts = [line.text for line in (*dataset.training, *dataset.validation, *dataset.extra)]
        notes = text_notes(texts, dataset.form)
    for message in () if quiet else (*dataset.problems, *notes):
        echo(message, err=True)
    return dataset


def chosen_lines(
    context: click.Context,
    source: dict[str, object],
    trained: DataRecord | None,
    *,
    of: object,
    seed: int,
    resume: bool = False,
    quiet: bool = False,
) -> dict[str, object]:
    """The options by which `read_dataset` reads a command's lines: those of a run, where the command line names none.

    The texts have the form of the run's, unless the command line names another. stderr gets the lines of a run.

    :param source: what `dataset_options` give, and ``extra`` if the command has it.
    :param trained: the lines of the checkpoint or recipe that the command takes; None where there is none.
    :param of: path of the run, for messages.
    :param seed: of synthetic lines; a run keeps its own.
    :param resume: whether the run is resumed, with its extra lines.
    :param quiet: write nothing to stderr.
    :raises FileError: a file or folder of the run's lines is not there any more.
    """
    from train.data.record import OF_LINES, options_with, require_present

    given = {name: value for name, value in given_options(context).items() if name in (*source, "seed")}
    recorded = {} if trained is None else {name: trained.options[name] for name in source if name in trained.options}
    if not recorded:
        return {**source, "seed": seed}
    if "seed" in trained.options:
        recorded["seed"] = trained.options["seed"]
    if resume or not any(name in given for name in OF_LINES):
        chosen = options_with(recorded, given, extra=resume)
        require_present({name: value for name, value in chosen.items() if name not in given}, what=of)
        if "data" not in given and not quiet:
            echo(f"The lines are those of {of}: {trained.shown}.", err=True)
    else:
        chosen = {**{name: value for name, value in recorded.items() if name not in OF_LINES}, **given}
    typed = {
        one.name: one.type_cast_value(context, chosen[one.name]) for one in context.command.params if one.name in chosen
    }
    return {"seed": seed, **source, **chosen, **typed}


def validation_lines(
    context: click.Context, source: dict[str, object], trained: DataRecord | None, *, of: object, seed: int
) -> Dataset:
    """The dataset of `chosen_lines`, for its validation lines alone, read without rich, as on a board.

    :param source: what `dataset_options` give.
    :param trained: see `chosen_lines`.
    :param of: path of the run, for messages.
    :param seed: of synthetic lines.
    :raises DataError, FileError, ConfigError: see `foldline.datasets.open_dataset`.
    """
    from foldline.datasets import open_dataset
    from train.data.record import recorded_options

    lines = chosen_lines(context, source, trained, of=of, seed=seed)
    dataset = replace(open_dataset(**lines, validation_only=True), options=recorded_options(lines))
    note_changed_lines(trained, dataset)
    return dataset


def note_changed_lines(trained: DataRecord | None, dataset: Dataset) -> None:
    """Say on stderr if the validation lines of a run have other names or texts than when it was trained.

    :param trained: the lines of the run.
    :param dataset: that was read now, perhaps from another place.
    """
    from train.data.record import OF_LINES, LinesRecord

    def place(options: Mapping[str, object]) -> dict[str, object]:
        return {name: options.get(name) for name in OF_LINES if name != "extra"}

    if trained is not None and place(trained.options) == place(dataset.options):
        now = LinesRecord.of(dataset.validation)
        if now != trained.validation:
            echo(
                f"The validation lines have changed since the run was trained: {trained.validation.count} lines then, "
                f"{now.count} now, with other names or texts.",
                err=True,
            )


def opened_checkpoint(
    path: Path, *, resume: bool = False, alphabet: Path | None = None, dataset: dict[str, object], quiet: bool = False
) -> Checkpoint:
    """The checkpoint in a file or in the folder of a run or a recipe; stderr gets which one of a folder is taken.

    :param path: see `foldline.runs.find_checkpoint`, which also says what it raises.
    :param resume: whether the run is to be resumed.
    :param alphabet: file of the alphabet; it must be that of the checkpoint, if that has one.
    :param dataset: the options under "Dataset", for the alphabet of a checkpoint that has none.
    :param quiet: write nothing to stderr.
    :raises CheckpointError: see `train.original.load_checkpoint`.
    """
    from foldline.datasets import alphabet_source, no_alphabet
    from foldline.runs import find_checkpoint, taken
    from train.original import load_checkpoint

    found = find_checkpoint(path, resume=resume)
    loaded = load_checkpoint(found, alphabet=no_alphabet if resume else alphabet_source(alphabet, **dataset))
    require_same_alphabet(found, loaded.alphabet, alphabet)
    for message in () if quiet else (*taken(path, found), *loaded.notes):
        echo(message, err=True)
    return loaded


def device_of(no_cuda: bool) -> str:
    import torch

    return "cpu" if no_cuda or not torch.cuda.is_available() else "cuda"


def command_line() -> str:
    """The command line of this process, for provenance and logs."""
    return shlex.join(["foldline", *sys.argv[1:]])


SPELLED = {"checkpoint": "--input", "params_file": "--params", "evaluate_only": "--eval"}
"""Parameter -> its option, where that is not its name with dashes."""


def flags(names: Iterable[str]) -> list[str]:
    """Parameters as they are spelled on a command line."""
    return [SPELLED.get(name, f"--{name.replace('_', '-')}") for name in names]


def resuming_command(context: click.Context, path: Path) -> str:
    """The command line that resumes the run or recipe of this command, at its checkpoint or folder."""
    given = given_options(context)
    arguments = ["foldline", context.info_name, "-i", str(path)]
    for name in REPEATED_ON_RESUME:
        if name in given:
            arguments += flags([name]) + ([] if given[name] is True else [str(given[name])])
    return shlex.join(arguments)


@contextmanager
def stopped_at_once(reporter: ShownRun, resumed: Callable[[Path], Path]) -> Iterator[None]:
    """Within a ``with``, a second Ctrl-C, which ends a run in a batch, also says how to resume.

    :param reporter: of the run.
    :param resumed: gives what is resumed, of the folder of the run that went on.
    :raises KeyboardInterrupt: with the command that resumes.
    """
    try:
        yield
    except KeyboardInterrupt as interrupt:
        if reporter.folder is None:
            raise
        command = resuming_command(click.get_current_context(), resumed(reporter.folder))
        raise KeyboardInterrupt(f"Resume with: {command}") from interrupt

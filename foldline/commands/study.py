"""`foldline study`: its commands `run` and `show`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from datapath.quoting import json_line, quoted
from foldline.commands.options import (
    NEW_FOLDER,
    GroupedCommand,
    all_of,
    dataset_options,
    given_options,
    option_group,
    target_options,
)
from foldline.commands.training_options import (
    command_line,
    computation_options,
    device_of,
    extra_option,
    heartbeat_options,
    hyperparameters_of,
    read_dataset,
    run_options,
)
from foldline.console.echo import echo
from foldline.console.groups import SuggestingGroup
from foldline.console.stopping import Stopped
from foldline.study.settings import StudySettings, check_study_name
from foldline.study.space import Space
from foldline.study.storage import Heartbeat, storage_url

if TYPE_CHECKING:
    from train.data.dataset import Dataset

_study, _space, _storage, _output = map(option_group, ("Study", "Space", "Storage", "Output"))


def _numbers(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[int, ...] | None:
    try:
        return None if value is None else tuple(int(number) for number in value.split(","))
    except ValueError as error:
        raise click.BadParameter(f"{quoted(value)} is not a list of integers separated by commas.") from error


def _values(flag: str, name: str, meaning: str) -> Callable:
    """An option for the values of one field of the space."""
    default = ",".join(str(number) for number in getattr(Space, name))
    text = f"Values of {meaning} [default: {default}]."
    return _space(flag, name, metavar="N,...", callback=_numbers, help=text)


_common_options = all_of(
    click.argument("name"),
    _storage(
        "--storage",
        metavar="FILE|URL",
        help="SQLite file, or URL of a database such as postgresql://HOST/NAME [default: NAME.db in --experiments].",
    ),
    _output(
        "--max-cer",
        type=click.FloatRange(min=0),
        metavar="PERCENT",
        help="Name the cheapest network with at most this CER.",
    ),
    _output("--all", "complete", is_flag=True, help="Show all trials, not only the front."),
    _output("--json", "as_json", is_flag=True, help="Write one JSON object, which holds all trials."),
)


@click.group("study", cls=SuggestingGroup)
def command() -> None:
    """Search precisions and sizes: train networks and compare error rate and cost.

    Networks are trained by `foldline recipe`. Their error rates are those of the exact simulator, and their cost is that of
    the cheapest folding that reaches --min-columns-per-second. Optuna chooses the networks.
    """


@command.command("show", cls=GroupedCommand)
@_common_options
@_storage("-e", "--experiments", type=NEW_FOLDER, default="experiments", show_default=True, help="Folder of --storage.")
def show(
    name: str, storage: str | None, experiments: Path, max_cer: float | None, complete: bool, as_json: bool
) -> None:
    """Show the trials of a study and their front of error rate and cost."""
    _show(name, _url(name, storage, experiments), max_cer=max_cer, complete=complete, as_json=as_json)


@command.command("run", cls=GroupedCommand)
@_study("--min-columns-per-second", type=float, metavar="N", help="Rate that every network must reach at some folding.")
@_study(
    "--trials",
    type=click.IntRange(min=1),
    metavar="N",
    help=f"Networks to finish, over all workers [default: {StudySettings.trials}].",
)
@_study("--epochs", type=int, help="Epochs of each network, instead of the preset's.")
@_study("--extra-lines", type=int, help="Lines of --extra per epoch, instead of the preset's.")
@_study(
    "--prune-factor",
    type=float,
    help="Stop training a network whose CER is so many times that of a cheaper one at the same epoch "
    f"[default: {StudySettings.prune_factor}].",
)
@target_options()
@_values("--weights", "weight", "W, the bits of recurrent weights")
@_values("--activations", "activation", "A, the bits of pixels and hidden outputs")
@_values("--biases", "bias", "B, the bits of recurrent biases")
@_values("--fc-weights", "fc_weight", "the bits of output layer weights")
@_values("--hidden", "hidden", "H, the hidden units per direction")
@dataset_options
@extra_option
@run_options
@computation_options
@heartbeat_options("trial")
@_common_options
@click.pass_context
def run(
    context: click.Context,
    name: str,
    storage: str | None,
    experiments: Path,
    params_file: Path | None,
    epochs: int | None,
    extra_lines: int | None,
    dataset_source: dict[str, object],
    extra: str | None,
    author: str,
    no_cuda: bool,
    threads: int,
    heartbeat: int,
    grace: int,
    max_cer: float | None,
    complete: bool,
    as_json: bool,
    **settings: object,
) -> None:
    """Begin a study, or join it as one more worker, until it is finished.

    The first worker decides the study, target, space and number of trials: others need no more than NAME, the storage and
    the lines. A larger --trials makes a study longer.
    """
    from foldline.console.training import showing
    from foldline.recipe import stages_of
    from foldline.study.joining import join_study, settings_before
    from foldline.study.settings import board_setting, planned_settings, preset_of
    from foldline.study.storage import reaching
    from foldline.study.training import Training, claim_folder
    from foldline.study.worker import Worker
    from train.data.record import DataRecord

    url, folder = _url(name, storage, experiments), experiments / name
    heartbeats = Heartbeat(interval=heartbeat, grace=grace)
    given, this_command = given_options(context), command_line()
    paths = {**dataset_source, "extra": extra}
    with reaching(url):
        before = settings_before(name, url)
        asked = {setting: given[setting] for setting in settings if setting in given}
        if "board" in asked:
            asked["board"] = board_setting(asked["board"])
        if params_file is not None or before is not None:
            overrides = {"epochs": epochs, "extra_lines": extra_lines}
            asked["preset"] = preset_of(hyperparameters_of(params_file, overrides, before and before.hyperparameters))
        planned = planned_settings(before, asked, study=name)
        stages_of(planned.hyperparameters)  # refused now rather than after the lines have been read
        dataset, asked["data"] = _lines({one: value for one, value in paths.items() if one in given}, planned)
        asked["dataset"] = dataset.name
        asked["digest"] = DataRecord.of(dataset).digest
        asked["lines"] = (len(dataset.training), len(dataset.validation), len(dataset.alphabet()))
        claim_folder(folder, planned_settings(before, asked, study=name))
        study, decided = join_study(name, url, asked, heartbeats)
        with showing(stderr=as_json) as reporter:
            training = Training(
                preset=decided.hyperparameters,
                dataset=dataset,
                folder=folder,
                prune_factor=decided.prune_factor,
                reporter=reporter,
                settings={"device": device_of(no_cuda), "threads": threads, "command": this_command, "author": author},
            )
            try:
                Worker(study, training, log=reporter.note).run()
            except KeyboardInterrupt as error:
                raise Stopped(f"Stopped. Continue with: {this_command}") from error
    _show(name, url, max_cer=max_cer, complete=complete, as_json=as_json)


def _url(name: str, storage: str | None, experiments: Path) -> str:
    check_study_name(name)
    return storage_url(storage or str(experiments / f"{name}.db"))


def _lines(given: dict[str, object], planned: StudySettings) -> tuple[Dataset, dict[str, str]]:
    """The dataset, and the options by which it was opened: those of the study, and of the command line in their places."""
    from train.data.record import options_with
    from train.data.synthetic_source import SYNTHETIC, SyntheticSource

    options = {"data": SYNTHETIC, **options_with(planned.data, given, extra=True)}
    forms = {name: str(options.pop(name)) for name in ("normalisation", "bidi") if name in options}
    paths = {name: str((SyntheticSource.of(str(value)) or Path(value)).resolve()) for name, value in options.items()}
    lists = {name: Path(paths[name]) if name in paths else None for name in ("sortedtrain", "valid", "imgs")}
    form = {"normalisation": forms.get("normalisation"), "bidi": forms.get("bidi") == str(True)}
    seed = planned.hyperparameters.random_seed
    return read_dataset(paths["data"], seed=seed, extra=paths.get("extra"), **form, **lists), paths | forms


def _show(name: str, url: str, *, max_cer: float | None, complete: bool, as_json: bool) -> None:
    from foldline.study.result import read_study
    from foldline.study.table import study_json, study_report

    study = read_study(name, url)
    if as_json:
        echo(json_line(study_json(study, max_cer=max_cer)))
        return
    for line in study_report(study, max_cer=max_cer, complete=complete):
        echo(line)

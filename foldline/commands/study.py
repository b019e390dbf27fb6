"""`foldline study`: its commands `run` and `show`."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from datapath.manifest import Kernel
from foldline.commands.options import FILE, GroupedCommand, dataset_options, option_group, target_options
from foldline.study.settings import StudySettings
from foldline.study.space import Space
from foldline.study.storage import Heartbeat

if TYPE_CHECKING:
    from train.data.dataset import Dataset
    from train.reporting import Reporter

_study, _space, _storage, _output, _dataset, _worker = (
    option_group(name) for name in ("Study", "Space", "Storage", "Output", "Dataset", "Worker")
)


def _numbers(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[int, ...] | None:
    """Integers separated by commas.

    :raises click.BadParameter: something else.
    """
    if value is None:
        return None
    try:
        return tuple(int(number) for number in value.split(","))
    except ValueError as error:
        raise click.BadParameter(f"{value!r} is not a list of integers separated by commas.") from error


def _values(flag: str, name: str, meaning: str) -> Callable:
    """An option for the values of one field of the space."""
    default = ",".join(str(number) for number in getattr(Space, name))
    text = f"Values of {meaning} [default: {default}]."
    return _space(flag, name, metavar="N,...", callback=_numbers, help=text)


def _study_options(command: Callable) -> Callable:
    """The study's name, its storage and how it is shown."""
    for option in reversed(
        (
            click.argument("name"),
            _storage(
                "--storage",
                metavar="FILE|URL",
                help="SQLite file, or URL of a database such as postgresql://HOST/NAME [default: NAME.db in "
                "--experiments].",
            ),
            _storage(
                "-e",
                "--experiments",
                type=FILE,
                default="experiments",
                show_default=True,
                help="Folder of trained networks.",
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
    ):
        command = option(command)
    return command


@click.group("study")
def command() -> None:
    """Search precisions and sizes: train networks and compare error rate and cost.

    Each network is trained by `foldline recipe`, its error rates are those of the exact simulator, and it costs what its
    cheapest folding costs that reaches --min-columns-per-second. Optuna chooses the networks.
    """


@command.command("show", cls=GroupedCommand)
@_study_options
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
@_study("-p", "--params", type=FILE, help="Hyperparameters of all networks, JSON; the space replaces widths and size.")
@_study("--epochs", type=int, help="Epochs of each network, instead of the preset's.")
@_study("--extra-lines", type=int, help="Lines of --extra per epoch, instead of the preset's.")
@_study(
    "--prune-factor",
    type=float,
    help="Stop training a network whose CER is so many times that of a cheaper one at the same epoch "
    f"[default: {StudySettings.prune_factor}].",
)
@target_options(board="pynq-z2", kernel=Kernel.HLS)
@_values("--weights", "weight", "W, the bits of recurrent weights")
@_values("--activations", "activation", "A, the bits of pixels and hidden outputs")
@_values("--biases", "bias", "B, the bits of recurrent biases")
@_values("--fc-weights", "fc_weight", "the bits of output layer weights")
@_values("--hidden", "hidden", "H, the hidden units per direction")
@dataset_options
@_dataset("--extra", metavar="DIR|synthetic[:LINES]", help="Additional training lines, see `foldline train`.")
@_worker("--no-cuda", is_flag=True, help="Compute on the CPU even if there is a GPU.")
@_worker("--threads", type=click.IntRange(min=1), default=1, show_default=True, help="Threads on the CPU.")
@_worker("--author", default="", help="Author in the provenance of the networks.")
@_worker("--heartbeat", type=int, default=Heartbeat.interval, show_default=True, help="Seconds between heartbeats.")
@_worker(
    "--grace",
    type=int,
    default=Heartbeat.grace,
    show_default=True,
    help="Seconds without a heartbeat after which another worker retries the trial.",
)
@_study_options
@click.pass_context
def run(
    context: click.Context,
    name: str,
    storage: str | None,
    experiments: Path,
    max_cer: float | None,
    complete: bool,
    as_json: bool,
    params: Path | None,
    epochs: int | None,
    extra_lines: int | None,
    no_cuda: bool,
    threads: int,
    author: str,
    heartbeat: int,
    grace: int,
    data: str,
    sortedtrain: Path | None,
    valid: Path | None,
    imgs: Path | None,
    extra: str | None,
    **settings: object,
) -> None:
    """Begin a study, or join it as one more worker, until it is finished.

    The first worker decides the study, target, space and number of trials: others need no more than NAME, the storage and
    the lines. A larger --trials makes a study longer.
    """
    from foldline.recipe import stages_of
    from foldline.study.joining import join_study, settings_before
    from foldline.study.result import stored_settings
    from foldline.study.settings import planned_settings
    from foldline.study.storage import reaching
    from foldline.study.training import Training, check_folder, claim_folder
    from foldline.study.worker import Worker

    url, folder, beats = (
        _url(name, storage, experiments),
        experiments / name,
        Heartbeat(interval=heartbeat, grace=grace),
    )
    paths = {"data": data, "sortedtrain": sortedtrain, "valid": valid, "imgs": imgs, "extra": extra}
    with reaching(url):
        before = settings_before(name, url)
        asked = {**_given(context, settings), **_preset(params, before, epochs=epochs, extra_lines=extra_lines)}
        planned = planned_settings(before, asked, study=name)
        stages_of(planned.hyperparameters)  # refused now rather than after the lines have been read
        dataset, pointing = _lines(_given(context, paths), planned)
        facts = (len(dataset.training), len(dataset.validation), len(dataset.alphabet()))
        check_folder(folder, replace(planned, dataset=dataset.name, lines=facts))
        study = join_study(name, url, {**asked, "dataset": dataset.name, "lines": facts, "data": pointing}, beats)
        settings = stored_settings(study)
        claim_folder(folder, settings)
        command_line = shlex.join(["foldline", *sys.argv[1:]])
        with _shown(as_json=as_json) as reporter:
            training = Training(
                preset=settings.hyperparameters,
                dataset=dataset,
                folder=folder,
                prune_factor=settings.prune_factor,
                reporter=reporter,
                settings={
                    "device": _device(no_cuda=no_cuda),
                    "threads": threads,
                    "command": command_line,
                    "author": author,
                },
            )
            try:
                Worker(study, training, log=reporter.note).run()
            except KeyboardInterrupt as error:
                raise click.ClickException(f"Interrupted. Continue with: {command_line}") from error
    _show(name, url, max_cer=max_cer, complete=complete, as_json=as_json)


def _url(name: str, storage: str | None, experiments: Path) -> str:
    from foldline.study.settings import check_study_name
    from foldline.study.storage import storage_url

    check_study_name(name)
    return storage_url(storage or str(experiments / f"{name}.db"))


def _show(name: str, url: str, *, max_cer: float | None, complete: bool, as_json: bool) -> None:
    from foldline.study.result import read_study
    from foldline.study.table import study_json, study_report

    study = read_study(name, url)
    if as_json:
        click.echo(json.dumps(study_json(study, max_cer=max_cer)))
        return
    for line in study_report(study, max_cer=max_cer, complete=complete):
        click.echo(line)


def _given(context: click.Context, options: dict[str, object]) -> dict[str, object]:
    """Those of the options that were not left at their default."""
    default = (ParameterSource.DEFAULT, ParameterSource.DEFAULT_MAP)
    return {name: value for name, value in options.items() if context.get_parameter_source(name) not in default}


def _preset(params: Path | None, before: StudySettings | None, **overrides: int | None) -> dict[str, object]:
    """The preset that this worker asks for, as a setting; empty if it leaves that to the study."""
    from foldline.study.settings import preset_of
    from train.config import Hyperparameters

    overrides = {name: value for name, value in overrides.items() if value is not None}
    if params is not None:
        base = Hyperparameters.from_json(params)
    elif before is not None and overrides:
        base = before.hyperparameters
    else:
        return {}
    return {"preset": preset_of(replace(base, **overrides))}


def _lines(given: dict[str, object], planned: StudySettings) -> tuple[Dataset, dict[str, str]]:
    """The dataset, and the paths by which it was opened: those of the command line, or of the study if it has none."""
    from foldline.console.progress import counting
    from foldline.datasets import SYNTHETIC, open_dataset, with_extra

    paths = {
        name: str(value) if str(value).partition(":")[0] == SYNTHETIC else str(Path(value).resolve())
        for name, value in (given or {"data": SYNTHETIC, **planned.data}).items()
    }
    seed = planned.hyperparameters.random_seed
    parts = {
        name: Path(paths[key])
        for name, key in (("sorted_train", "sortedtrain"), ("valid", "valid"), ("imgs", "imgs"))
        if key in paths
    }
    with counting("reading lines") as progress:
        dataset = open_dataset(paths.get("data", SYNTHETIC), seed=seed, progress=progress, **parts)
        if "extra" in paths:
            dataset = with_extra(dataset, open_dataset(paths["extra"], seed=seed, progress=progress))
    for problem in dataset.problems:
        click.echo(problem, err=True)
    return dataset, paths


def _device(*, no_cuda: bool) -> str:
    import torch

    return "cuda" if torch.cuda.is_available() and not no_cuda else "cpu"


@contextmanager
def _shown(*, as_json: bool) -> Iterator[Reporter]:
    """The reporter of the trials: messages only, on stderr, if stdout is for JSON."""
    if not as_json:
        from foldline.console.training import showing

        with showing() as reporter:
            yield reporter
        return
    from train.reporting import Reporter

    class Messages(Reporter):
        def note(self, sentence: str) -> None:
            click.echo(sentence, err=True)

    yield Messages()

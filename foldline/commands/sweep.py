"""`foldline sweep`: train networks of several precisions, seeds and folds; `show` prints what they have read so far."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from datapath.quoting import json_line
from foldline.commands.options import NEW_FOLDER, GroupedCommand, dataset_options, given_options, option_group
from foldline.commands.training_options import (
    DEFAULT_PRESET,
    command_line,
    computation_options,
    device_of,
    extra_option,
    heartbeat_options,
    hyperparameters_of,
    read_dataset,
)
from foldline.console.echo import echo
from foldline.console.groups import SuggestingGroup
from foldline.console.stopping import Stopped
from foldline.study.storage import Heartbeat

if TYPE_CHECKING:
    from foldline.sweep.settings import SweepSettings
    from train.config import Hyperparameters
    from train.data.dataset import Dataset

_sweep, _workers, _output = map(option_group, ("Sweep", "Workers", "Output"))

EXAMPLE = "float,W2A2,W2A4,W4A4,W4A8,W8A8"
STORAGE, STUDY = "sweep.db", "sweep"
OVERRIDES = ("epochs", "extra_lines")

_json_option = _output("--json", "as_json", is_flag=True, help="Write one JSON object.")


class _SweepGroup(SuggestingGroup):
    """A group whose own options are under their headings."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        GroupedCommand.format_options(self, ctx, formatter)
        self.format_commands(ctx, formatter)


def _names(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[str, ...] | None:
    return None if value is None else tuple(value.split(","))


@click.group("sweep", cls=_SweepGroup, invoke_without_command=True, subcommand_metavar="[show DIR]")
@_sweep("-o", "--output", type=NEW_FOLDER, metavar="DIR", help="Folder of the sweep: a new one, or one to continue.")
@_sweep("--precisions", metavar="NAME,...", callback=_names, help=f"Precisions to train, such as {EXAMPLE}.")
@_sweep("--seeds", type=click.IntRange(min=1), metavar="N", help="Networks of each precision and fold [default: 1].")
@_sweep(
    "--folds",
    type=click.IntRange(min=2),
    metavar="K",
    help="Divide all lines into K folds; each line is validated once [default: the dataset's own split].",
)
@_sweep(
    "-p",
    "--params",
    "params_file",
    type=click.Path(path_type=Path),
    help=f"Hyperparameters but for the precision: a JSON file, or the name of a preset [default: {DEFAULT_PRESET}].",
)
@_sweep("--epochs", type=int, help="Epochs of each network, instead of the preset's.")
@_sweep("--extra-lines", type=int, help="Lines of --extra per epoch, instead of the preset's.")
@_sweep("--author", default="", help="Author, for the provenance of checkpoints and designs.")
@dataset_options
@extra_option
@computation_options
@_workers(
    "--storage",
    metavar="FILE|URL",
    help="SQLite file, or URL of a database, that workers on several machines share [default: DIR/work/sweep.db].",
)
@_workers("--study", default=STUDY, show_default=True, help="Name of the sweep in --storage.")
@heartbeat_options("network")
@_json_option
@click.pass_context
def command(context: click.Context, output: Path | None, **options: object) -> None:
    """Train networks of several precisions alike, and compare their error rates.

    Begins the sweep in DIR, continues it, or joins it as one more worker. Each network is trained by `foldline recipe`; all
    of one seed and fold start from the same float stage. More --seeds or --precisions extend a sweep. `foldline sweep show
    DIR` prints what is finished.
    """
    if context.invoked_subcommand is not None:
        return
    if output is None:
        raise click.UsageError("Missing option '-o' / '--output': the folder of the sweep.")
    _run(context, output, **options)


@command.command("show", cls=GroupedCommand)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@_json_option
def show(folder: Path, as_json: bool) -> None:
    """Print error rates of the finished networks of a sweep, and which are missing."""
    _show(folder, as_json=as_json)


def _run(
    context: click.Context,
    folder: Path,
    *,
    params_file: Path | None,
    epochs: int | None,
    extra_lines: int | None,
    dataset_source: dict[str, object],
    extra: str | None,
    author: str,
    no_cuda: bool,
    threads: int,
    storage: str | None,
    study: str,
    heartbeat: int,
    grace: int,
    as_json: bool,
    **_: object,
) -> None:
    from foldline.console.training import showing
    from foldline.study.recipes import Recipes
    from foldline.study.settings import check_study_name
    from foldline.study.storage import reaching, storage_url
    from foldline.sweep.folder import (
        keep_settings,
        lines_in_folds,
        require_trainable,
        settings_before,
        settings_to_join,
    )
    from foldline.sweep.jobs import Jobs
    from foldline.sweep.results import WORK
    from foldline.sweep.training import SweepTraining
    from foldline.sweep.worker import SweepWorker, exchange_results, join_sweep

    check_study_name(study)
    url, heartbeats = storage_url(storage or str(folder / WORK / STORAGE)), Heartbeat(interval=heartbeat, grace=grace)
    before, given = settings_before(folder), given_options(context)
    asked = _asked(before, given)
    preset = _preset(before, params_file, {"epochs": epochs, "extra_lines": extra_lines})
    if asked:
        require_trainable(Jobs(**{"precisions": before and before.precisions, **asked}), preset)
    paths = {**dataset_source, "extra": extra}
    dataset = _lines({name: value for name, value in paths.items() if name in given}, before, preset)
    folds = given.get("folds", 0 if before is None else before.folds)
    lines = lines_in_folds(dataset, folds=folds, target_height=preset.target_height)
    for note in lines.notes:
        echo(note, err=True)
    this_command = command_line()
    settings = settings_to_join(folder, lines, asked, preset=preset, command=this_command)
    with reaching(url):
        joined, decided = join_sweep(study, url, settings, heartbeats)
        keep_settings(folder, decided)
        exchange_results(joined, decided, folder)
        with showing(stderr=as_json) as reporter:
            run = {"device": device_of(no_cuda), "threads": threads, "command": this_command, "author": author}
            recipes = Recipes(folder=folder / WORK, reporter=reporter, settings=run)
            training = SweepTraining(datasets=lines.datasets, folder=folder, recipes=recipes)
            keep = partial(keep_settings, folder)
            worker = SweepWorker(joined, decided, training, log=reporter.note, keep=keep)
            try:
                worker.run()
            except KeyboardInterrupt as error:
                raise Stopped(f"Stopped. Continue with: {this_command}") from error
        exchange_results(joined, worker.settings(), folder)
    _show(folder, as_json=as_json, write=True)


def _asked(before: SweepSettings | None, given: dict[str, object]) -> dict[str, object]:
    """Precisions and seeds that the command line names; a new sweep needs precisions."""
    asked = {name: given[name] for name in ("precisions", "seeds") if given.get(name) is not None}
    if before is None and "precisions" not in asked:
        raise click.UsageError(f"--precisions is missing: a new sweep needs it, such as {EXAMPLE}.")
    return asked


def _preset(before: SweepSettings | None, params_file: Path | None, overrides: dict[str, object]) -> Hyperparameters:
    """Hyperparameters of all networks but for the precision: of the sweep, or those that the command line names."""
    import params

    saved = None if before is None else before.hyperparameters
    if saved is None and params_file is None:
        params_file = params.find(Path(DEFAULT_PRESET))
    return hyperparameters_of(params_file, overrides, saved)


def _lines(given: dict[str, object], before: SweepSettings | None, preset: Hyperparameters) -> Dataset:
    """The dataset: that of the sweep, and options of the command line in the places of its own."""
    from foldline.datasets import SYNTHETIC
    from train.data.record import options_with, require_present

    recorded = {} if before is None else {name: value for name, value in before.data.items() if name != "seed"}
    chosen = options_with(recorded, given, extra=True)
    require_present({name: value for name, value in chosen.items() if name not in given}, what="the sweep")
    options = {"data": SYNTHETIC, **chosen}
    for name in ("sortedtrain", "valid", "imgs"):
        if options.get(name) is not None:
            options[name] = Path(str(options[name]))
    return read_dataset(seed=preset.random_seed, **options)


def _show(folder: Path, *, as_json: bool, write: bool = False) -> None:
    from foldline.sweep.results import read_results
    from foldline.sweep.settings import read_settings
    from foldline.sweep.summary import summary
    from foldline.sweep.table import sweep_json, sweep_report, write_tables

    found = read_results(folder, read_settings(folder))
    summaries = summary(found)
    if as_json:
        echo(json_line(sweep_json(found, summaries)))
    else:
        for line in sweep_report(found, summaries):
            echo(line)
    if write:
        from foldline.sweep.figure import write_figure

        for path in (*write_tables(folder, found), *write_figure(folder, summaries)):
            echo(f"{path.name}: {path}", err=as_json)

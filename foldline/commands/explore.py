"""`foldline explore`."""

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
from foldline.commands.options import FILE, dataset_options, target_options
from foldline.study.retries import GRACE_SECONDS, INTERVAL_SECONDS
from foldline.study.settings import StudySettings
from foldline.study.space import Space

if TYPE_CHECKING:
    from train.data.dataset import Dataset
    from train.reporting import Reporter

SPACE = {
    "weight": ("weights", "W, bits of recurrent weights"),
    "activation": ("activations", "A, bits of pixels and hidden outputs"),
    "bias": ("biases", "B, bits of recurrent biases"),
    "fc_weight": ("fc-weights", "bits of output layer weights"),
    "hidden": ("hidden", "H, hidden units per direction"),
}
"""Field of `Space` -> option, and what it is."""

OVERRIDES = ("epochs", "extra_lines")
"""Hyperparameters that options override."""

SHARED = ("board", "clock_mhz", "kernel", "columns", "min_columns_per_second", "prune_factor", "trials", *SPACE)
"""Parameters that are settings of a study by the same name."""

POINTING = ("data", "sortedtrain", "valid", "imgs", "extra")
"""Parameters that say where the lines are."""

STUDY_ONLY = (
    *("storage", "show", "trials", "max_cer", "params", "experiments", "prune_factor", *SPACE, *POINTING, *OVERRIDES),
    *("no_cuda", "threads", "author", "heartbeat", "grace"),
)

GO_ON = ("study", "storage", "experiments", *POINTING, "no_cuda", "threads", "author", "heartbeat", "grace")
"""Parameters that the study does not hold: to go on as before, they have to be given again."""


def _numbers(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[int, ...] | None:
    """Whole numbers separated by commas.

    :raises click.BadParameter: something else.
    """
    if value is None:
        return None
    try:
        return tuple(int(number) for number in value.split(","))
    except ValueError as error:
        raise click.BadParameter(f"{value!r} is no list of whole numbers separated by commas.") from error


def space_options(command: Callable) -> Callable:
    """One option per field of the space."""
    for name, (flag, what) in reversed(SPACE.items()):
        default = ",".join(str(number) for number in getattr(Space, name))
        text = f"Choices of {what} [default: {default}]."
        command = click.option(f"--{flag}", name, metavar="N,...", callback=_numbers, help=text)(command)
    return command


@click.command("explore")
@click.argument("sources", metavar="[CHECKPOINT|DESIGN.npz]...", nargs=-1, type=FILE)
@target_options(board="pynq-z2", kernel=Kernel.HLS)
@click.option("--min-columns-per-second", type=float, metavar="N", help="What the cheapest choice must reach.")
@click.option("--all", "all_points", is_flag=True, help="Show the complete front, or every trial of the study.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of the tables; always complete.")
@click.option("--study", metavar="NAME", help="Search precisions: begin, join or go on with this study.")
@click.option(
    "--storage",
    metavar="URL|FILE",
    help="Where it is kept: a database, or a .journal file [default: NAME.db in --experiments].",
)
@click.option("--show", is_flag=True, help="Only show the study as it stands; --trials 0 does the same.")
@click.option(
    "--trials",
    type=click.IntRange(min=0),
    metavar="N",
    help=f"To finish, over all workers [default: {StudySettings.trials}].",
)
@click.option(
    "--max-cer", type=click.FloatRange(min=0), metavar="PERCENT", help="Name the cheapest network that reads so well."
)
@click.option(
    "-p", "--params", type=FILE, help="Hyperparameters of all networks, JSON; the space overrides its widths."
)
@click.option("-e", "--experiments", type=FILE, default="experiments", show_default=True, help="Folder of all runs.")
@click.option("--epochs", type=int, help="Of each network, instead of the preset's.")
@space_options
@click.option(
    "--prune-factor",
    type=float,
    help="Give a network up that reads so many times as badly as one that takes no more did "
    f"[default: {StudySettings.prune_factor}].",
)
@dataset_options
@click.option("--extra", metavar="DIR|synthetic[:LINES]", help="Training lines of another dataset, see `train`.")
@click.option("--extra-lines", type=int, help="How many of them an epoch draws, instead of the preset's.")
@click.option("--no-cuda", is_flag=True, help="Compute on the CPU even where a GPU is at hand.")
@click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True, help="To compute with on the CPU.")
@click.option("--author", default="", help="Who trains; kept in the provenance.")
@click.option(
    "--heartbeat", type=float, default=INTERVAL_SECONDS, show_default=True, help="Seconds between two signs of life."
)
@click.option(
    "--grace",
    type=float,
    default=GRACE_SECONDS,
    show_default=True,
    help="Seconds without one until a worker is taken as lost.",
)
@click.pass_context
def command(context: click.Context, sources: tuple[Path, ...], **options: object) -> None:
    """Find the folding, or the precision and the folding, for a board and a rate.

    With designs: every folding of each, and the complete Pareto front of columns/s against LUT, FF, BRAM36 and DSP.

    With --study: an Optuna study of precisions. Each network is trained by `train --recipe hardware`, read by the exact
    simulator, and costs what the cheapest folding costs that reaches --min-columns-per-second. Any number of these
    commands work on one study at the same time; docs/explore.md tells how.
    """
    given = _given(context)
    _require_used(given)
    if options["study"] is None:
        _explore_foldings(sources, options)
    elif options["show"] or options["trials"] == 0:
        _show_study(options)
    else:
        _work(given, options)


def _given(context: click.Context) -> dict[str, object]:
    """The parameters of the command line by name, without those left at their default."""
    default = (ParameterSource.DEFAULT, ParameterSource.DEFAULT_MAP)
    return {name: value for name, value in context.params.items() if context.get_parameter_source(name) not in default}


def _require_used(given: dict[str, object]) -> None:
    """Refuse options that would have no effect together.

    :raises click.UsageError: names them.
    """
    spelled = {one.name: one.opts[-1] for one in command.params}
    if given.get("sources") and "study" in given:
        raise click.UsageError("Give designs to fold, or --study NAME to search precisions, and not both.")
    if "study" not in given:
        unused = [spelled[name] for name in given if name in STUDY_ONLY]
        if unused:
            raise click.UsageError(f"{', '.join(unused)} needs --study NAME.")
        if not given.get("sources"):
            raise click.UsageError("Give one or more designs to fold, or --study NAME to search precisions.")
    elif "show" in given or given.get("trials") == 0:
        kept = ("study", "storage", "show", "trials", "max_cer", "experiments", "all_points", "as_json")
        unused = [spelled[name] for name in given if name not in kept]
        if unused or given.get("trials"):
            raise click.UsageError(f"Showing a study takes no {', '.join(unused or ['--trials'])}.")


def _explore_foldings(sources: tuple[Path, ...], options: dict[str, object]) -> None:
    from datapath.architecture import Architecture
    from foldline.foldings.enumeration import check_rate, folding_front
    from foldline.foldings.table import folding_json, folding_report
    from foldline.networks import open_network
    from hls_gen.boards import load_board

    rate, board, kernel = options["min_columns_per_second"], load_board(options["board"]), Kernel(options["kernel"])
    if rate is not None:
        check_rate(rate)
    networks = [Architecture.of(open_network(source).design) for source in sources]
    found = []
    for source, network in zip(sources, networks, strict=True):
        front = folding_front(network, board, kernel, clock_mhz=options["clock_mhz"], columns=options["columns"])
        if not options["as_json"]:
            if found:
                click.echo()
            for line in folding_report(front, source=str(source), rate=rate, complete=options["all_points"]):
                click.echo(line)
        found.append(folding_json(front, source=str(source), rate=rate))
    if options["as_json"]:
        click.echo(json.dumps({"designs": found}))
    unreachable = [one["unreachable"] for one in found if one.get("unreachable")]
    if unreachable:
        raise click.ClickException(unreachable[-1])


def _storage(options: dict[str, object]) -> str:
    from foldline.study.settings import check_study_name
    from foldline.study.storage import storage_url

    check_study_name(options["study"])
    kept = options["storage"] or str(options["experiments"] / f"{options['study']}.db")
    return storage_url(kept)


def _show_study(options: dict[str, object]) -> None:
    from foldline.study.result import read_study
    from foldline.study.table import study_json, study_report

    study, max_cer = read_study(options["study"], _storage(options)), options["max_cer"]
    if options["as_json"]:
        click.echo(json.dumps(study_json(study, max_cer=max_cer)))
        return
    for line in study_report(study, max_cer=max_cer, complete=options["all_points"]):
        click.echo(line)


def _work(given: dict[str, object], options: dict[str, object]) -> None:
    """Work on a study until it is finished, and show it."""
    from foldline.recipe import stages_of
    from foldline.study.result import kept_settings
    from foldline.study.retries import check_beats
    from foldline.study.settings import planned_settings
    from foldline.study.storage import reaching
    from foldline.study.training import Training, check_folder, claim_folder
    from foldline.study.worker import Worker, join_study, settings_before

    url, folder = _storage(options), options["experiments"] / options["study"]
    check_beats(options["heartbeat"], options["grace"])
    with reaching(url):
        before = settings_before(options["study"], url)
        asked = _asked(given, before)
        planned = planned_settings(before, asked, study=options["study"])
        stages_of(planned.hyperparameters)  # refused now rather than after the lines have been read
        dataset, pointing = _lines(given, planned)
        facts = (len(dataset.training), len(dataset.validation), len(dataset.alphabet()))
        check_folder(folder, replace(planned, dataset=dataset.name, lines=facts))
        study = join_study(options["study"], url, {**asked, "dataset": dataset.name, "lines": facts, "data": pointing})
        settings = kept_settings(study)
        claim_folder(folder, settings)
        with _shown(as_json=options["as_json"]) as reporter:
            training = Training(
                preset=settings.hyperparameters,
                dataset=dataset,
                folder=folder,
                prune_factor=settings.prune_factor,
                reporter=reporter,
                settings=_run_settings(options),
            )
            worker = Worker(study, training, say=reporter.note, interval=options["heartbeat"], grace=options["grace"])
            try:
                worker.run()
            except KeyboardInterrupt as error:
                raise click.ClickException(f"Interrupted. Go on with: {_again(given)}") from error
    _show_study(options)


def _asked(given: dict[str, object], before: StudySettings | None) -> dict[str, object]:
    """The settings of a study that the command line gives.

    :param before: those that the study has; None where it is new.
    """
    from foldline.study.settings import preset_of
    from train.config import Hyperparameters

    asked = {name: given[name] for name in SHARED if name in given}
    base = before.hyperparameters if before is not None else None
    if "params" in given:
        base = Hyperparameters.from_json(given["params"])
    if base is not None:
        asked["preset"] = preset_of(replace(base, **{name: given[name] for name in OVERRIDES if name in given}))
    return asked


def _lines(given: dict[str, object], planned: StudySettings) -> tuple[Dataset, dict[str, str]]:
    """The dataset that the command line points at, or the study does where that says nothing; and how."""
    from foldline.console.progress import counting
    from foldline.datasets import SYNTHETIC, open_dataset, with_extra

    pointing = {name: given[name] for name in POINTING if name in given} or {"data": SYNTHETIC, **planned.data}
    pointing = {
        name: str(value) if str(value).partition(":")[0] == SYNTHETIC else str(Path(value).resolve())
        for name, value in pointing.items()
    }
    lists = {
        name: Path(pointing[key])
        for name, key in (("sorted_train", "sortedtrain"), ("valid", "valid"), ("imgs", "imgs"))
        if key in pointing
    }
    seed = planned.hyperparameters.random_seed
    with counting("reading lines") as progress:
        dataset = open_dataset(pointing.get("data", SYNTHETIC), seed=seed, progress=progress, **lists)
        if "extra" in pointing:
            dataset = with_extra(dataset, open_dataset(pointing["extra"], seed=seed, progress=progress))
    for sentence in dataset.problems:
        click.echo(sentence, err=True)
    return dataset, pointing


def _run_settings(options: dict[str, object]) -> dict[str, object]:
    """What every training run of this worker is told beside its hyperparameters."""
    import torch

    return {
        "device": "cuda" if torch.cuda.is_available() and not options["no_cuda"] else "cpu",
        "threads": options["threads"],
        "command": shlex.join(["foldline", *sys.argv[1:]]),
        "author": options["author"],
    }


@contextmanager
def _shown(*, as_json: bool) -> Iterator[Reporter]:
    """What shows the trials: nothing on stdout where that is for JSON."""
    if not as_json:
        from foldline.console.training import showing

        with showing() as reporter:
            yield reporter
        return
    from train.reporting import Reporter

    class Sentences(Reporter):
        def note(self, sentence: str) -> None:
            click.echo(sentence, err=True)

    yield Sentences()


def _again(given: dict[str, object]) -> str:
    """The command that goes on with the study, to be pasted into a shell."""
    arguments = ["foldline", "explore"]
    for one in command.params:
        if one.name in GO_ON and one.name in given:
            value = given[one.name]
            arguments += [one.opts[-1]] if value is True else [one.opts[-1], str(value)]
    return shlex.join(arguments)

"""`foldline report`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from foldline.commands.options import FILE, dataset_options, parse_backends, target_options

if TYPE_CHECKING:
    from foldline.report.opening import OpenedRun

COUNT = click.IntRange(min=0)


@click.command("report")
@click.argument("sources", metavar="RUN...", nargs=-1, required=True, type=FILE)
@click.option("-o", "--output", type=FILE, required=True, help="The HTML file.")
@dataset_options
@click.option("--seed", type=COUNT, default=0, show_default=True, help="Of the synthetic lines.")
@click.option(
    "--backends",
    metavar="BACKEND,...",
    callback=parse_backends,
    help="As of `foldline compare`; float and quantized of those runs that have a checkpoint, board is the virtual one.",
)
@click.option("--csim-lines", type=click.IntRange(min=1), help="C simulation of the first lines only; default: all.")
@click.option("--ignore-limits", is_flag=True, help="Compute lines that the overlay cannot take, and say so.")
@target_options()
@click.option("--lines", type=COUNT, default=200, show_default=True, help="Lines to put in at most, worst first.")
@click.option(
    "--inspect", "inspected_lines", type=COUNT, default=3, show_default=True, help="Lines to draw value ranges from."
)
@click.option("--study", metavar="NAME", help="Put the trials of a study of `foldline study run` into the plots.")
@click.option("--storage", metavar="URL", help="Where the study is.")
@click.option("--title", help="Default: the runs' names.")
@click.option("--threads", type=click.IntRange(min=1), help="Worker threads; default: one per processor.")
def command(
    sources: tuple[Path, ...],
    output: Path,
    data: str,
    sortedtrain: Path | None,
    valid: Path | None,
    imgs: Path | None,
    seed: int,
    backends: tuple[str, ...] | None,
    csim_lines: int | None,
    ignore_limits: bool,
    board: str,
    clock_mhz: float | None,
    columns: int | None,
    kernel: str | None,
    lines: int,
    inspected_lines: int,
    study: str | None,
    storage: str | None,
    title: str | None,
    threads: int | None,
) -> None:
    """Write a report of one or more networks as one HTML file, which loads nothing.

    A RUN is the folder of a recipe or of a training run, whose best checkpoint is taken, a checkpoint, or a design. The
    report has error rates by level, error against speed and cost, training curves, cycles and resources, value ranges,
    and the validation lines, worst first, with what each column says.

    The exit status is 1 where backends that must agree do not; the report is written all the same, and shows where.
    """
    if (study is None) != (storage is None):
        raise click.UsageError("--study and --storage go together.")
    from datapath.files import require_different
    from datapath.manifest import Kernel
    from foldline.compare.tables import failure
    from foldline.console.progress import counting
    from foldline.console.text import now
    from foldline.datasets import open_dataset
    from foldline.report import ReportInputs, Target, require_place, write_report
    from foldline.report.opening import backends_of, compare_run, open_runs

    require_place(output, sources)
    for path in sources:
        require_different(output=output, RUN=path)
    opened = open_runs(sources)
    columns = _columns(opened) if columns is None else columns
    target = Target(board=board, clock_mhz=clock_mhz, columns=columns, kernel=kernel and Kernel(kernel))
    for run in opened:  # what is refused is refused before anything takes its time
        backends_of(run, backends, ignore_limits=ignore_limits)
        target.estimate_of(run.network.design)
    dataset = open_dataset(data, seed=seed, sorted_train=sortedtrain, valid=valid, imgs=imgs, training=1)
    for sentence in dataset.problems:
        click.echo(sentence, err=True)
    trials = _trials(study, storage)
    runs = tuple(
        compare_run(
            run,
            dataset,
            backends=backends,
            csim_lines=csim_lines,
            ignore_limits=ignore_limits,
            threads=threads,
            progress=counting,
        )
        for run in opened
    )
    inputs = ReportInputs(
        runs=runs,
        title=title or ", ".join(run.name for run in runs),
        made=now(),
        target=target,
        lines=lines,
        inspected_lines=inspected_lines,
        study=trials,
    )
    write_report(output, inputs, threads=threads, progress=counting)
    click.echo(f"Report: {output}")
    wrong = [f"{run.name}: {why}" for run in runs if (why := failure(run.comparison)) is not None]
    if wrong:
        raise click.ClickException(" ".join(wrong))


def _columns(opened: Sequence[OpenedRun]) -> int:
    """Of a line that all designs take: rates on lines of different width could not be compared."""
    from datapath.architecture import Architecture
    from foldline.hardware.estimate import line_columns

    return min(line_columns(None, Architecture.of(run.network.design)) for run in opened)


def _trials(study: str | None, storage: str | None):
    """What is in a study; None where none is asked for, so that nothing of it is imported."""
    if study is None:
        return None
    from foldline.study.result import read_study

    return read_study(study, storage)

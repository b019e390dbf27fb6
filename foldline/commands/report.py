"""`foldline report`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from foldline.commands.options import (
    FILE,
    GroupedCommand,
    alphabet_option,
    dataset_options,
    given_options,
    option_group,
    parse_backends,
    print_note,
    target_options,
)
from foldline.commands.training_options import validation_lines
from foldline.console.echo import echo

if TYPE_CHECKING:
    from datapath.design import Design
    from foldline.report import Target
    from foldline.study.result import StudyResult

COUNT = click.IntRange(min=0)

_dataset, _comparison, _study, _content = (option_group(name) for name in ("Dataset", "Comparison", "Study", "Content"))


@click.command("report", cls=GroupedCommand)
@click.argument("sources", metavar="RUN...", nargs=-1, required=True, type=FILE)
@click.option("-o", "--output", type=FILE, required=True, help="HTML file to write; - is standard output.")
@click.option(
    "--export",
    metavar="DIR",
    type=FILE,
    help="Folder, made if needed, for table.csv, table.tex, data.json, and each figure as SVG and PDF.",
)
@dataset_options
@_dataset("--seed", type=COUNT, default=0, show_default=True, help="Seed of the synthetic lines.")
@alphabet_option
@_comparison(
    "--backends",
    metavar="BACKEND,...",
    callback=parse_backends,
    help="Backends to compare: float (float networks), float-activations, quantized (runs with a checkpoint), simulated, csim, rtl, "
    "board (the virtual board) [default: float, float-activations, quantized, simulated].",
)
@_comparison("--csim-lines", type=click.IntRange(min=1), help="Lines for the C simulation [default: all].")
@_comparison("--ignore-limits", is_flag=True, help="Include lines that exceed the overlay's limits.")
@target_options()
@_content("--lines", type=COUNT, default=200, show_default=True, help="Most lines in the report, by errors.")
@_content("--inspect", "inspected_lines", type=COUNT, default=3, show_default=True, help="Lines with value ranges.")
@click.option(
    "--vivado",
    "projects",
    metavar="PROJECT",
    multiple=True,
    type=FILE,
    help="Folder of a project that Vivado has built of one of the networks: show what it measured.",
)
@_study("--study", metavar="NAME", help="Study of `foldline study run` whose trials are added to the plots.")
@_study("--storage", metavar="URL", help="Storage of the study.")
@_content("--published/--no-published", default=True, show_default=True, help="Plot the published overlays, too.")
@_content("--title", help="Title of the page [default: the runs' names].")
@click.option("--threads", type=click.IntRange(min=1), help="Worker threads [default: one per processor].")
@click.pass_context
def command(
    context: click.Context,
    sources: tuple[Path, ...],
    output: Path,
    export: Path | None,
    dataset_source: dict[str, object],
    seed: int,
    alphabet: Path | None,
    backends: tuple[str, ...] | None,
    csim_lines: int | None,
    ignore_limits: bool,
    board: str,
    clock_mhz: float | None,
    columns: int | None,
    kernel: str,
    lines: int,
    inspected_lines: int,
    projects: tuple[Path, ...],
    study: str | None,
    storage: str | None,
    published: bool,
    title: str | None,
    threads: int | None,
) -> None:
    """Write a report of one or more networks as one self-contained HTML file.

    A RUN is the folder of a recipe, the folder of a training run, a checkpoint, or a design. The report has error rates
    by backend with their intervals, error against speed and cost, training curves, cycles and resources, value ranges, and the
    validation lines with the class of each column, those with most errors first; with --vivado, which may be given several
    times, also what the vendor's tools reported of a built project, beside the estimate. A float network has error rates, curves
    and lines. --export writes the table and the figures for a paper, and all numbers.

    The exit status is 1 if bit-exact backends disagree; the report is still written, and lists the differences.
    """
    if (study is None) != (storage is None):
        raise click.UsageError("--study and --storage need each other.")
    from foldline.compare.tables import failure
    from foldline.console.progress import counting
    from foldline.console.text import now
    from foldline.datasets import alphabet_source, lines_for
    from foldline.networks import require_one_form, shared_lines
    from foldline.report import ReportInputs, write_report
    from foldline.report.measured import read_built
    from foldline.report.runs import backends_of, compare_run, open_runs
    from train.data.record import OF_LINES

    _require_outputs(output, export, sources, projects)
    opened = open_runs(sources, alphabet=alphabet_source(alphabet, **dataset_source))
    designs = {run.name: run.network.design for run in opened if run.network.design is not None}
    target = _target(designs, board=board, clock_mhz=clock_mhz, columns=columns, kernel=kernel)
    wanted = backends_of(opened, backends, ignore_limits=ignore_limits)
    built = read_built(projects, designs)
    named = any(name in given_options(context) for name in OF_LINES)
    trained, unknown = (None, ()) if named else shared_lines({run.name: run.network for run in opened})
    dataset = validation_lines(context, dataset_source, trained, of="the runs", seed=seed)
    prepared = [lines_for(dataset, run.network) for run in opened]
    require_one_form({run.name: one.form for run, (one, _, _) in zip(opened, prepared, strict=True)})
    notes = (note for _, _, of_run in prepared for note in of_run)
    for message in dict.fromkeys((*dataset.problems, *unknown, *notes)):
        echo(message, err=True)
    trials = _study_result(study, storage)
    chosen = {"csim_lines": csim_lines, "ignore_limits": ignore_limits, "threads": threads, "progress": counting}
    runs = tuple(compare_run(run, dataset, backends=own, **chosen) for run, own in zip(opened, wanted, strict=True))
    inputs = ReportInputs(
        runs=runs,
        title=title or ", ".join(run.name for run in runs),
        made=now(),
        target=target,
        lines=lines,
        inspected_lines=inspected_lines,
        study=trials,
        built=built,
        published=published,
    )
    write_report(output, inputs, export=export, threads=threads, progress=counting)
    print_note(f"Report: {output}")
    if export is not None:
        print_note(f"Export: {export}")
    wrong = [f"{run.name}: {why}" for run in runs if (why := failure(run.comparison)) is not None]
    if wrong:
        raise click.ClickException(" ".join(wrong))


def _require_outputs(output: Path, export: Path | None, sources: tuple[Path, ...], projects: tuple[Path, ...]) -> None:
    """Make sure that the page and the export can be written, and that neither replaces what is read."""
    from datapath.files import require_different
    from foldline.report import require_exportable, require_writable

    require_writable(output, (*sources, *projects))
    if export is not None:
        require_exportable(export, (*sources, *projects))
    for path in sources:
        require_different(output=output, RUN=path)


def _target(
    designs: dict[str, Design], *, board: str, clock_mhz: float | None, columns: int | None, kernel: str
) -> Target:
    """The board that the options ask for; what it refuses is an error before the long computation.

    Without a number of columns, a line that all designs accept is modelled, so that their speeds are comparable.
    """
    from datapath.architecture import Architecture
    from datapath.manifest import Kernel
    from datapath.published import COLUMNS
    from foldline.hardware.estimate import line_columns
    from foldline.report import Target

    if columns is None:
        columns = min((line_columns(None, Architecture.of(design)) for design in designs.values()), default=COLUMNS)
    target = Target(board=board, clock_mhz=clock_mhz, columns=columns, kernel=Kernel(kernel))
    for design in designs.values():
        target.estimate_of(design)
    return target


def _study_result(name: str | None, storage: str | None) -> StudyResult | None:
    """The study of this name, if one is asked for; its module needs what a report without one does not."""
    if name is None:
        return None
    from foldline.study.result import read_study

    return read_study(name, storage)

"""`foldline compare`."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import click

from datapath.quoting import json_line
from foldline.commands.lines import opened_cluster
from foldline.commands.options import (
    DESIGN,
    FILE,
    GroupedCommand,
    alphabet_option,
    board_options,
    computation_options,
    dataset_options,
    given_options,
    option_group,
    parse_backends,
    require_same_alphabet,
)
from foldline.commands.training_options import validation_lines
from foldline.console.echo import echo

_dataset, _output = option_group("Dataset"), option_group("Output")


@click.command("compare", cls=GroupedCommand)
@click.argument("source", metavar=DESIGN, type=FILE)
@dataset_options
@_dataset("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the synthetic lines.")
@alphabet_option
@option_group("Backends")(
    "--backends",
    metavar="BACKEND,...",
    callback=parse_backends,
    help="Backends: float, quantized, simulated, csim, rtl, board [default: float, quantized (of a checkpoint), simulated].",
)
@board_options
@computation_options
@_output("--per-line", is_flag=True, help="Also print every line: its reference, and the text of each backend.")
@_output("--json", "as_json", is_flag=True, help="Print one JSON object instead of the table.")
@click.pass_context
def command(
    context: click.Context,
    source: Path,
    dataset_source: dict[str, object],
    alphabet: Path | None,
    backends: tuple[str, ...] | None,
    device: str,
    loaded: dict[str, object],
    seed: int,
    per_line: bool,
    ignore_limits: bool,
    threads: int | None,
    scheduler: str | None,
    as_json: bool,
) -> None:
    """Compare error rates on the validation lines, backend by backend: those that a checkpoint was trained and validated on,
    unless --data names others.

    float, quantized: PyTorch's; a DESIGN has neither. simulated: the fixed-point simulator. csim: the HLS library as
    compiled C++, a hundred columns a second. rtl: the SystemVerilog, simulated as the accelerator of the virtual board.
    board: a board that holds the design, or the virtual board.

    simulated, csim, rtl and board must give the same labels. Every line on which they do not is printed, and the exit status
    is then 1.
    """
    from foldline.compare.comparison import check_backends, compare
    from foldline.compare.tables import as_json as json_of
    from foldline.compare.tables import failure
    from foldline.console.text import counted
    from foldline.datasets import alphabet_source, lines_for
    from foldline.hardware.board import open_driver
    from foldline.networks import open_network

    driven = [name for name in ("rtl", "board") if name in (backends or ())]
    _require_used(context, driven=driven, ignore_limits=ignore_limits)
    network = open_network(source, alphabet=alphabet_source(alphabet, **dataset_source))
    require_same_alphabet(source, network.design.alphabet, alphabet)
    check_backends(backends, has_checkpoint=network.checkpoint is not None)
    trained = network.checkpoint and network.checkpoint.data
    lines = validation_lines(context, dataset_source, trained, of=source, seed=seed)
    dataset, design, notes = lines_for(lines, network.design)
    for message in (*dataset.problems, *network.notes, *notes):
        echo(message, err=True)
    with ExitStack() as stack:
        drivers = {}
        if "rtl" in driven:
            from foldline.console.progress import waiting

            with waiting("building the RTL simulation"):
                drivers["rtl"] = stack.enter_context(open_driver(design, device="rtl"))
        if "board" in driven:
            drivers["board"] = stack.enter_context(open_driver(design, device=device, **loaded))
            for note in drivers["board"].notes:
                echo(note, err=True)
        comparison = compare(
            design,
            dataset.validation,
            checkpoint=network.checkpoint,
            backends=backends,
            **drivers,
            ignore_limits=ignore_limits,
            threads=threads,
            cluster=opened_cluster(stack, scheduler),
            progress=_progress(),
        )
    experiment = str(design.experiment)
    if as_json:
        found = json_of(comparison, experiment=experiment, data=dataset.name, per_line=per_line)
        echo(json_line(found))
    else:
        lines = counted(len(comparison.lines), "validation line")
        _show(comparison, title=f"{experiment} on {lines} of {dataset.name}", per_line=per_line)
    wrong = failure(comparison)
    if wrong is not None:
        raise click.ClickException(wrong)


def _require_used(context: click.Context, *, driven: list[str], ignore_limits: bool) -> None:
    """Refuse options that would have no effect, or contradict each other."""
    given = [f"--{name}" for name in ("device", "bitstream", "manifest", "kernel") if name in given_options(context)]
    if given and "board" not in driven:
        raise click.UsageError(f"{', '.join(given)} needs the backend board in --backends.")
    if driven and ignore_limits:
        raise click.UsageError(
            f"--ignore-limits and the backend {driven[-1]} exclude each other: no board takes such a line."
        )


def _progress():
    """What shows progress: bars where there is rich, as everywhere but on a board."""
    try:
        from foldline.console.progress import counting
    except ModuleNotFoundError as error:
        if error.name != "rich":
            raise
        return None
    return counting


def _show(comparison, *, title: str, per_line: bool) -> None:
    """Print a comparison; without rich, as on a board, in plain text."""
    try:
        from foldline.console.terminal import show_comparison, show_line, table_console
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "rich":
            raise
        from foldline.compare.tables import plain_report

        for text in plain_report(comparison, title=title, per_line=per_line):
            echo(text)
        return
    console = table_console()
    if per_line:
        for index in range(len(comparison.lines)):
            show_line(console, comparison, index, scan=False)
    show_comparison(console, comparison, title=title)

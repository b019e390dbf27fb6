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
@click.argument("sources", metavar=f"{DESIGN}...", type=FILE, nargs=-1, required=True)
@dataset_options
@_dataset("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the synthetic lines.")
@alphabet_option
@option_group("Backends")(
    "--backends",
    metavar="BACKEND,...",
    callback=parse_backends,
    help="Backends: float (of a float network), float-activations, quantized, simulated, csim, rtl, board [default: float, or "
    "else float-activations, quantized (of a checkpoint), simulated].",
)
@board_options
@computation_options
@_output("--per-line", is_flag=True, help="Also print every line: its reference, and the text of each backend.")
@_output(
    "--confusions",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    help="Also print the N most frequent confusions of each network: what was read for what.",
)
@_output("--json", "as_json", is_flag=True, help="Print one JSON object instead of the table.")
@click.pass_context
def command(
    context: click.Context,
    sources: tuple[Path, ...],
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
    confusions: int,
    as_json: bool,
) -> None:
    """Compare error rates on the validation lines, backend by backend: those that a checkpoint was trained and validated on,
    unless --data names others. Several networks are compared in one table, on the lines that all of them can compute.

    float: PyTorch, the only backend of a float network. float-activations, quantized: PyTorch's of a quantized network's
    checkpoint, with activations in floating point, and as trained; a DESIGN has neither. simulated: the fixed-point
    simulator. csim: the HLS library as compiled C++, a hundred columns a second. rtl: the SystemVerilog, simulated as the
    accelerator of the virtual board. board: a board that holds the design, or the virtual board.

    simulated, csim, rtl and board must give the same labels. Every line on which they do not is printed, and the exit status
    is then 1.
    """
    from foldline.compare.backends import backends_of_each
    from foldline.compare.comparison import compare
    from foldline.compare.tables import failure

    driven = [name for name in ("rtl", "board") if name in (backends or ())]
    _require_used(context, driven=driven, ignore_limits=ignore_limits, several=len(sources) > 1)
    networks = _opened_networks(sources, alphabet, dataset_source)
    wanted = backends_of_each(backends, [network.kind for network in networks])
    _note_unused(context, zip(networks, wanted, strict=True))
    dataset, networks = _lines_of_all(context, sources, networks, dataset_source, seed=seed)
    comparisons = []
    with ExitStack() as stack:
        cluster = opened_cluster(stack, scheduler)
        for network, own in zip(networks, wanted, strict=True):
            with ExitStack() as board:
                of_network = [name for name in driven if name in own]
                drivers = _opened_drivers(board, network.design, of_network, device=device, **loaded)
                comparisons.append(
                    compare(
                        network.design,
                        dataset.validation,
                        checkpoint=network.checkpoint,
                        backends=own,
                        **drivers,
                        ignore_limits=ignore_limits,
                        threads=threads,
                        cluster=cluster,
                        progress=_progress(),
                    )
                )
    names = [network.name for network in networks]
    output = _print_json if as_json else _show
    output(sources, names, comparisons, data=dataset.name, per_line=per_line, most_confusions=confusions)
    failures = [(source, failure(one)) for source, one in zip(sources, comparisons, strict=True)]
    wrong = [f"{source}: {why}" if len(sources) > 1 else why for source, why in failures if why is not None]
    if wrong:
        raise click.ClickException(" ".join(wrong))


def _opened_networks(sources, alphabet: Path | None, dataset_source: dict[str, object]) -> list:
    """The networks; stderr gets the notes on each."""
    from foldline.datasets import alphabet_source
    from foldline.networks import open_network

    networks = []
    for source in sources:
        network = open_network(source, alphabet=alphabet_source(alphabet, **dataset_source))
        require_same_alphabet(source, network.alphabet, alphabet)
        networks.append(network)
    return networks


def _lines_of_all(context: click.Context, sources, networks, dataset_source, *, seed: int) -> tuple:
    """The lines, in the form of the networks' texts, and the networks; stderr gets notes.

    :raises ConfigError: networks that were trained on different lines, or texts of different forms.
    """
    from foldline.datasets import lines_for
    from foldline.networks import require_one_form, shared_lines
    from train.data.record import OF_LINES

    several = len(networks) > 1
    by_path = {str(source): network for source, network in zip(sources, networks, strict=True)}
    named = any(name in given_options(context) for name in OF_LINES)
    trained, unknown = (None, ()) if several and named else shared_lines(by_path)
    of = "the networks" if several else sources[0]
    dataset = validation_lines(context, dataset_source, trained, of=of, seed=seed)
    prepared = [lines_for(dataset, network) for network in networks]
    require_one_form({str(source): one.form for source, (one, _, _) in zip(sources, prepared, strict=True)})
    messages = [*dataset.problems, *unknown]
    for source, network, (_, _, notes) in zip(sources, networks, prepared, strict=True):
        messages += [f"{source}: {note}" if several else note for note in (*network.notes, *notes)]
    for message in messages:
        echo(message, err=True)
    return prepared[0][0], [network for _, network, _ in prepared]


def _require_used(context: click.Context, *, driven: list[str], ignore_limits: bool, several: bool) -> None:
    """Refuse options that would have no effect, or contradict each other."""
    if several and "bitstream" in given_options(context):
        raise click.UsageError("--bitstream holds one design; compare its network alone.")
    given = [f"--{name}" for name in ("device", "bitstream", "manifest", "kernel") if name in given_options(context)]
    if given and "board" not in driven:
        raise click.UsageError(f"{', '.join(given)} needs the backend board in --backends.")
    if driven and ignore_limits:
        raise click.UsageError(
            f"--ignore-limits and the backend {driven[-1]} exclude each other: no board takes such a line."
        )


def _note_unused(context: click.Context, networks) -> None:
    """Notes on options of the simulator, where no network is simulated."""
    if any(not network.is_float and own != ("board",) for network, own in networks):
        return
    for option in ("ignore_limits", "threads", "scheduler"):
        if option in given_options(context):
            echo(f"--{option.replace('_', '-')} has no effect: no network is simulated.", err=True)


def _opened_drivers(stack: ExitStack, design, driven: list[str], *, device: str, **loaded: object) -> dict[str, object]:
    """The drivers of `rtl` and `board`, open within `stack`; stderr gets the notes on a board."""
    if not driven:
        return {}
    from foldline.hardware.board import open_driver

    drivers = {}
    if "rtl" in driven:
        from foldline.console.progress import waiting

        with waiting("building the RTL simulation"):
            drivers["rtl"] = stack.enter_context(open_driver(design, device="rtl"))
    if "board" in driven:
        drivers["board"] = stack.enter_context(open_driver(design, device=device, **loaded))
        for note in drivers["board"].notes:
            echo(note, err=True)
    return drivers


def _progress():
    """What shows progress: bars where there is rich, as everywhere but on a board."""
    try:
        from foldline.console.progress import counting
    except ModuleNotFoundError as error:
        if error.name != "rich":
            raise
        return None
    return counting


def _print_json(sources, names, comparisons, *, data: str, per_line: bool, most_confusions: int) -> None:
    from foldline.compare.paired import on_shared_lines, rated_results
    from foldline.compare.tables import as_json

    options = {"data": data, "per_line": per_line, "most_confusions": most_confusions}
    if len(comparisons) == 1:
        echo(json_line(as_json(comparisons[0], experiment=names[0], **options)))
        return
    shared = on_shared_lines(comparisons)
    rated = rated_results(shared)
    found = [
        {
            "source": str(source),
            **as_json(one, experiment=name, rated=[row for row in rated if row.network == number], **options),
        }
        for number, (source, name, one) in enumerate(zip(sources, names, shared, strict=True))
    ]
    echo(json_line({"data": data, "networks": found}))


def _show(sources, names, comparisons, *, data: str, per_line: bool, most_confusions: int) -> None:
    """Print comparisons; without rich, as on a board, in plain text."""
    from foldline.compare.paired import on_shared_lines
    from foldline.console.text import counted

    shared = comparisons if len(comparisons) == 1 else on_shared_lines(comparisons)
    lines = f"{counted(len(shared[0].lines), 'validation line')} of {data}"
    title = f"{names[0]} on {lines}" if len(shared) == 1 else f"{len(shared)} networks on {lines}"
    try:
        from foldline.console import terminal
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "rich":
            raise
        from foldline.compare.tables import plain_output

        for text in plain_output(sources, shared, title=title, per_line=per_line, most_confusions=most_confusions):
            echo(text)
        return
    terminal.show_networks(sources, shared, title=title, per_line=per_line, most_confusions=most_confusions)

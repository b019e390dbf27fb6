"""The options and the flow that `foldline simulate`, `csim` and `rtlsim` share: lines in, results out."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from foldline.batch.failures import Failures
from foldline.commands.options import FILE, all_of, computation_options, opened_design, option_group
from foldline.console.echo import echo
from foldline.console.stopping import Stopped

if TYPE_CHECKING:
    from datapath.design import Design
    from foldline.batch.simulation import Simulation
    from foldline.differences import Verified


@dataclass(frozen=True, kw_only=True)
class LineOptions:
    """The values of `line_options`."""

    images: tuple[Path, ...]
    list_path: str | None
    pixels: Path | None
    output: Path | None
    trace: Path | None
    as_json: bool
    ignore_limits: bool
    threads: int | None
    scheduler: str | None


_input, _output = option_group("Input"), option_group("Output")

input_options = all_of(
    click.argument("images", metavar="[IMAGE...]", nargs=-1, type=FILE),
    _input("--list", "list_path", metavar="FILE", help="List of images, one path per line; - reads standard input."),
    _input("--pixels", type=FILE, help="Raw pixels: an .npz file with arrays pixels_0, pixels_1, ... [T, I]."),
)
"""Where lines come from, in one of three ways; see `chosen_inputs`."""

line_options = all_of(
    input_options,
    _output(
        "-o",
        "--output",
        type=FILE,
        help="Write JSON lines to this file; a stopped command can be resumed. - is standard output.",
    ),
    _output("--json", "as_json", is_flag=True, help="Print one JSON object per text line."),
    _output("--trace", type=FILE, help="Write all hidden words, scores and labels to this .npz file."),
    computation_options,
)
"""Images or other sources of lines, and where results go: the fields of `LineOptions`."""


@dataclass(frozen=True, kw_only=True)
class Hardware:
    """A simulation of the hardware, whose lines are compared with the simulator's.

    command    that computes the lines
    title      what messages call it: "C simulation"
    verified   counts the lines
    also       what else was verified, as the end of the sentence
    """

    command: str
    title: str
    verified: Verified
    also: str = ""


def verify_lines(
    design_path: Path, options: LineOptions, simulation_of: Callable[[Design], Simulation], hardware: Hardware
) -> None:
    """As `compute_lines`, and print at the end what was verified."""
    try:
        compute_lines(design_path, options, simulation_of, hardware=hardware)
    finally:
        if hardware.verified.lines:
            echo(f"{hardware.title} {hardware.verified}{hardware.also}.", err=True)


def compute_lines(
    design_path: Path,
    options: LineOptions,
    simulation_of: Callable[[Design], Simulation],
    *,
    hardware: Hardware | None = None,
) -> None:
    """Load the design, compute all lines, print or write each.

    :param simulation_of: gives the simulation of a design.
    :param hardware: which is simulated, and built first; None for the simulator itself.
    """
    from datapath.files import require_different
    from datapath.streams import is_stream
    from fixedpoint_sim import trace_writer
    from foldline.batch.results import Header
    from foldline.batch.results_file import ResultsFile
    from foldline.console.progress import computing_lines, waiting

    if options.output is None:
        require_no_results_between(options.trace)
    require_different(DESIGN=design_path, pixels=options.pixels, output=options.output, trace=options.trace)
    inputs = chosen_inputs(options.images, options.list_path, options.pixels)
    simulation = replace(
        simulation_of(opened_design(design_path)), ignore_limits=options.ignore_limits, summaries=options.trace is None
    )
    failures = Failures()
    with ExitStack() as stack:
        write_trace, cluster = None, opened_cluster(stack, options.scheduler)
        with nullcontext() if hardware is None else waiting(f"building the {hardware.title}"):
            start = simulation.start(threads=options.threads, cluster=cluster)
        if options.trace:
            write_trace = stack.enter_context(trace_writer(options.trace, simulation.design.alphabet))

        def compute(lines) -> Iterator:
            return _summaries(start(lines), simulation.design, write_trace, hardware)

        if options.output is None:
            lines, failed = _print(compute(inputs), options.as_json, failures)
        elif is_stream(options.output):
            with computing_lines(inputs.count) as progress:
                lines, failed = _stream(compute(inputs), options.output, progress, failures)
        else:
            header = Header.of(
                simulation.design,
                ignore_limits=options.ignore_limits,
                pixels=inputs.pixels,
                command=hardware.command if hardware else "simulate",
            )
            results_file = ResultsFile(options.output, header)
            with computing_lines(inputs.count) as progress:
                results = results_file.run(inputs, compute, resume=options.trace is None, note=progress.log)
                _write(results_file, results, progress, failures, resumable=options.trace is None)
            lines, failed = results_file.lines, results_file.failed
        show_summaries(failures, "" if options.output or options.as_json else "-o FILE or --json names each line.")
        if failed == lines == 1:
            raise click.exceptions.Exit(1)  # the error of the only line has been printed
        if failed:
            no_trace = f" No trace was written to {options.trace}." if options.trace else ""
            raise click.ClickException(f"{failed} of {lines} lines failed.{no_trace}")


def require_no_results_between(trace: Path | None) -> None:
    """Refuse a trace on standard output, where the results of the lines are printed."""
    from datapath.streams import is_standard_output

    if is_standard_output(trace):
        raise click.UsageError("The results are printed to standard output; give another file as --trace.")


def opened_cluster(stack: ExitStack, address: str | None):
    """A connection to the scheduler at `address`, closed with `stack`; None where the user named no scheduler."""
    if address is None:
        return None
    from foldline.batch.cluster import Cluster, silence_logs

    silence_logs()
    return stack.enter_context(Cluster(address))


def chosen_inputs(images: tuple[Path, ...], list_path: str | None, pixels: Path | None):
    """The `foldline.batch.inputs.Inputs` that a command line names in one of three ways."""
    from datapath.errors import FileError
    from foldline.batch.inputs import image_inputs, list_inputs, pixel_inputs

    if sum((bool(images), list_path is not None, pixels is not None)) != 1:
        raise click.UsageError("Give images, --list FILE or --pixels FILE.npz, and only one of them.")
    if list_path is not None:
        if list_path == "-":
            if sys.stdin is None:
                raise FileError("Cannot read standard input: it is closed.")
            return list_inputs(sys.stdin.buffer, "standard input")
        return list_inputs(Path(list_path))
    return image_inputs(images) if pixels is None else pixel_inputs(pixels)


def _summaries(results, design, write_trace, hardware) -> Iterator:
    """Results with traces written, up to the first failed line, and replaced by summaries; a mismatch is an error."""
    from datapath.errors import FoldlineError, MismatchError
    from fixedpoint_sim import Trace
    from foldline.batch.results import SimulatedLine

    for name, result in results:
        if not isinstance(result, FoldlineError) and result.mismatch:
            result = MismatchError(result.mismatch).within(name)
        if isinstance(result, FoldlineError):
            write_trace = None
            yield name, result
            continue
        if isinstance(result, Trace):
            if write_trace is not None:
                write_trace(result)
            result = SimulatedLine.of(result)
        if hardware is not None:
            hardware.verified.add(design, columns=result.columns, labels=len(result.labels))
        yield name, replace(result, text=design.text_form.shown(result.text))


def show_summaries(failures: Failures, names: str) -> None:
    """Print what stands for the failures that were not printed by themselves.

    :param failures: of all lines.
    :param names: where the failed lines are named; empty where they were.
    """
    summaries = list(failures.summaries)
    for sentence in summaries:
        echo(f"Error: {sentence}", err=True)
    if summaries and names:
        echo(names, err=True)


def _print(results, as_json: bool, failures: Failures) -> tuple[int, int]:
    """Print results as they come; how many, and how many of them failed."""
    from datapath.errors import FoldlineError
    from datapath.quoting import displayed
    from foldline.batch.results import result_json

    lines = failed = 0
    for name, result in results:
        lines += 1
        if isinstance(result, FoldlineError):
            failed += 1
            if failures.add(name, str(result)):
                echo(f"Error: {result}", err=True)
            if as_json:
                echo(result_json(name, result))
        else:
            exceeded = (f"exceeds the overlay: {limit}" for limit in result.exceeded)
            plain = "\t".join((displayed(name), displayed(result.text), *exceeded))
            echo(result_json(name, result) if as_json else plain)
    return lines, failed


def _stream(results, output: Path, progress, failures: Failures) -> tuple[int, int]:
    """Write the lines of a results file to a stream, which is not resumed; how many, and how many of them failed."""
    from datapath.errors import FoldlineError
    from datapath.streams import open_stream
    from foldline.batch.results import result_json

    lines = failed = 0
    with open_stream(output) as stream:
        for name, result in results:
            lines += 1
            error = isinstance(result, FoldlineError)
            failed += error
            stream.write(result_json(name, result).encode() + b"\n")
            stream.flush()
            progress.line_done(lines, 0 if error else result.columns)
            if error and failures.add(name, str(result)):
                progress.log(f"Error: {result}")
    return lines, failed


def _write(results_file, results, progress, failures: Failures, *, resumable: bool) -> None:
    """Take the results, which writes them, and show the progress."""
    from datapath.errors import FoldlineError

    try:
        for name, result in results:
            failed = isinstance(result, FoldlineError)
            progress.line_done(results_file.lines, 0 if failed else result.columns)
            if failed and failures.add(name, str(result)):
                progress.log(f"Error: {result}")
    except KeyboardInterrupt:
        count = results_file.written_lines()
        kept = f" {results_file.partial} holds {count} lines; the same command continues from there."
        raise Stopped(f"Stopped.{kept if resumable else ''}") from None

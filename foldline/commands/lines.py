"""What the commands that compute lines share: where lines come from, where results go, and the way between."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import click

from foldline.commands.options import FILE


@dataclass(frozen=True, kw_only=True)
class LineOptions:
    """What `line_options` adds to a command."""

    images: tuple[Path, ...]
    list_path: str | None
    pixels: Path | None
    output: Path | None
    shard: str | None
    trace: Path | None
    ignore_limits: bool
    threads: int | None
    as_json: bool


def line_options(command: Callable) -> Callable:
    """Images or other sources of lines, and what to do with the results: the fields of `LineOptions`."""
    for option in reversed(
        (
            click.argument("images", metavar="[IMAGE...]", nargs=-1, type=FILE),
            click.option(
                "--list", "list_path", metavar="FILE", help="Images instead: one path per line; - reads stdin."
            ),
            click.option("--pixels", type=FILE, help="Raw pixels instead: .npz with pixels_0, ... [T, I]."),
            click.option(
                "-o", "--output", type=FILE, help="Write JSON lines to this file, resumable, instead of printing."
            ),
            click.option(
                "--shard", metavar="I/N", help="With -o: every N-th line from the I-th on; see `foldline merge`."
            ),
            click.option("--trace", type=FILE, help="Write hidden words, scores and labels to this .npz."),
            click.option(
                "--ignore-limits", is_flag=True, help="Compute lines that the overlay cannot take, and say so."
            ),
            click.option("--threads", type=click.IntRange(min=1), help="Worker threads; default: one per processor."),
            click.option(
                "--json", "as_json", is_flag=True, help="One JSON object per line of text; -o always writes these."
            ),
        )
    ):
        command = option(command)
    return command


def compute_lines(design_path: Path, options: LineOptions, make_walk: Callable) -> None:
    """Load the design, compute all lines, print or write each.

    :param make_walk: the `foldline.batch.simulation.Walk` of a design, made once everything else has been checked.
    """
    from datapath.design import Design
    from datapath.files import require_different
    from fixedpoint_sim import trace_writer
    from foldline.batch.jobs import Job
    from foldline.batch.results import WHOLE, Shard
    from foldline.batch.simulation import simulate_inputs
    from foldline.console.progress import computing_lines

    if options.shard is not None and options.output is None:
        raise click.UsageError("--shard needs -o FILE: the file says which lines it holds.")
    require_different(DESIGN=design_path, pixels=options.pixels, output=options.output, trace=options.trace)
    part = None if options.shard is None else Shard.parse(options.shard)
    inputs = chosen_inputs(options.images, options.list_path, options.pixels)
    walk = make_walk(Design.load(design_path))
    with ExitStack() as stack:
        write_trace = stack.enter_context(trace_writer(options.trace, walk.design.alphabet)) if options.trace else None
        if options.output is None:
            results = simulate_inputs(walk, inputs, ignore_limits=options.ignore_limits, threads=options.threads)
            lines, failed = _print(results, write_trace, options.as_json)
        else:
            job = Job(walk, options.output, shard=part, ignore_limits=options.ignore_limits)
            with computing_lines(lambda: (part or WHOLE).lines_of(inputs.count())) as progress:
                results = job.run(inputs, threads=options.threads, resume=options.trace is None)
                _write(job, results, write_trace, progress)
            lines, failed = job.lines, job.failed
        if failed == lines == 1:
            raise click.exceptions.Exit(1)  # its one sentence has been said
        if failed:
            kept = f" No trace was written to {options.trace}." if options.trace else ""
            raise click.ClickException(f"{failed} of {lines} lines failed.{kept}")


def chosen_inputs(images: tuple[Path, ...], list_path: str | None, pixels: Path | None):
    """The `foldline.batch.inputs.Inputs` that a command line names in one of three ways.

    :raises UsageError: none, or more than one.
    """
    from foldline.batch.inputs import image_inputs, list_inputs, pixel_inputs

    if sum((bool(images), list_path is not None, pixels is not None)) != 1:
        raise click.UsageError("Give images, --list FILE or --pixels FILE.npz, and only one of them.")
    if list_path is not None:
        if list_path == "-":
            return list_inputs(sys.stdin.buffer, "standard input")
        return list_inputs(Path(list_path))
    return image_inputs(images) if pixels is None else pixel_inputs(pixels)


def _print(results, write_trace, as_json: bool) -> tuple[int, int]:
    """Print results as they come; how many, and how many of them failed."""
    from datapath.errors import FoldlineError
    from foldline.batch.results import result_json
    from foldline.console.text import printable

    lines = failed = 0
    for name, result in results:
        lines += 1
        if isinstance(result, FoldlineError):
            failed += 1
            click.echo(f"Error: {printable(str(result))}", err=True)
            continue
        if write_trace is not None and not failed:
            write_trace(result)
        click.echo(result_json(name, result) if as_json else printable(_as_text(name, result)))
    return lines, failed


def _write(job, results, write_trace, progress) -> None:
    """Let a job write its results, and show how far it is."""
    from datapath.errors import FoldlineError
    from foldline.console.text import printable

    try:
        for _name, result in results:
            failed = isinstance(result, FoldlineError)
            progress.line_done(job.lines, 0 if failed else len(result.scores))
            if failed:
                progress.log(f"Error: {printable(str(result))}")
            elif write_trace is not None and not job.failed:
                write_trace(result)
    except KeyboardInterrupt:
        again = f" {job.lines} lines are kept in {job.partial}: the same command goes on from there."
        raise click.ClickException(f"Interrupted.{again if write_trace is None else ''}") from None


def _as_text(name: str, trace) -> str:
    past = "".join(f"\tbeyond the overlay: {limit}" for limit in trace.exceeded)
    return f"{name}\t{trace.text}{past}"

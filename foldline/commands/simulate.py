"""`foldline simulate`."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path

import click

from foldline.commands.options import FILE


@click.command("simulate")
@click.argument("design_path", metavar="DESIGN.npz", type=FILE)
@click.argument("images", metavar="[IMAGE...]", nargs=-1, type=FILE)
@click.option("--list", "list_path", metavar="FILE", help="Images instead: one path per line; - reads stdin.")
@click.option("--pixels", type=FILE, help="Raw pixels instead: .npz with pixels_0, ... [T, I].")
@click.option("-o", "--output", type=FILE, help="Write JSON lines to this file, resumable, instead of printing.")
@click.option("--shard", metavar="I/N", help="With -o: every N-th line from the I-th on; see `foldline merge`.")
@click.option("--trace", type=FILE, help="Write hidden words, scores and labels to this .npz.")
@click.option("--beyond-limits", is_flag=True, help="Compute lines that the overlay cannot take, and say so.")
@click.option("--threads", type=click.IntRange(min=1), help="Worker threads; default: one per processor.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line of text; -o always writes these.")
def command(
    design_path: Path,
    images: tuple[Path, ...],
    list_path: str | None,
    pixels: Path | None,
    output: Path | None,
    shard: str | None,
    trace: Path | None,
    beyond_limits: bool,
    threads: int | None,
    as_json: bool,
) -> None:
    """Compute lines on the fixed-point datapath of DESIGN, bit for bit as the board does.

    Prints one line per IMAGE: name, text, and any limit of the overlay that it exceeds. An IMAGE may be a folder. A
    line that fails is reported on stderr, the others are still computed, and the exit status is 1.

    With -o OUT, results so far stay in OUT.partial where a run is stopped, and the same command goes on from there.
    """
    from datapath.design import Design
    from datapath.files import require_different
    from fixedpoint_sim import trace_writer
    from foldline.jobs import Job
    from foldline.progress import computing_lines
    from foldline.result_lines import WHOLE, Shard
    from foldline.simulation import simulate_inputs

    if shard is not None and output is None:
        raise click.UsageError("--shard needs -o FILE: the file says which lines it holds.")
    require_different(DESIGN=design_path, pixels=pixels, output=output, trace=trace)
    part = None if shard is None else Shard.parse(shard)
    inputs = _inputs(images, list_path, pixels)
    design = Design.load(design_path)
    with ExitStack() as stack:
        write_trace = stack.enter_context(trace_writer(trace, design.alphabet)) if trace else None
        if output is None:
            results = simulate_inputs(design, inputs, beyond_limits=beyond_limits, threads=threads)
            lines, failed = _print(results, write_trace, as_json)
        else:
            job = Job(design, output, shard=part, beyond_limits=beyond_limits)
            with computing_lines(lambda: (part or WHOLE).lines_of(inputs.count())) as progress:
                _write(job, job.run(inputs, threads=threads, resume=trace is None), write_trace, progress)
            lines, failed = job.lines, job.failed
        if failed == lines == 1:
            raise click.exceptions.Exit(1)  # its one sentence has been said
        if failed:
            kept = f" No trace was written to {trace}." if trace else ""
            raise click.ClickException(f"{failed} of {lines} lines failed.{kept}")


def _inputs(images: tuple[Path, ...], list_path: str | None, pixels: Path | None):
    from foldline.inputs import image_inputs, list_inputs, pixel_inputs

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
    from foldline.result_lines import printable, result_json

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
    from foldline.result_lines import printable

    try:
        for _name, result in results:
            failed = isinstance(result, FoldlineError)
            progress.line_done(job.lines, 0 if failed else len(result.scores))
            if failed:
                progress.say(f"Error: {printable(str(result))}")
            elif write_trace is not None and not job.failed:
                write_trace(result)
    except KeyboardInterrupt:
        again = f" {job.lines} lines are kept in {job.partial}: the same command goes on from there."
        raise click.ClickException(f"Interrupted.{again if write_trace is None else ''}") from None


def _as_text(name: str, trace) -> str:
    past = "".join(f"\tbeyond the overlay: {limit}" for limit in trace.exceeded)
    return f"{name}\t{trace.text}{past}"

"""`foldline run`."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path

import click

from foldline.commands.lines import chosen_inputs
from foldline.commands.options import FILE, board_options


@click.command("run")
@click.argument("design_path", metavar="DESIGN.npz", type=FILE)
@click.argument("images", metavar="[IMAGE...]", nargs=-1, type=FILE)
@click.option("--list", "list_path", metavar="FILE", help="Images instead: one path per line; - reads stdin.")
@click.option("--pixels", type=FILE, help="Raw pixels instead: .npz with pixels_0, ... [T, I].")
@click.option("--trace", type=FILE, help="Write the labels of all lines to this .npz.")
@board_options
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line of text.")
def command(
    design_path: Path,
    images: tuple[Path, ...],
    list_path: str | None,
    pixels: Path | None,
    trace: Path | None,
    device: str,
    bitstream: Path | None,
    manifest: Path | None,
    as_json: bool,
) -> None:
    """Read lines on a board that holds DESIGN: with a bitstream on the board itself, or on the virtual board.

    Prints one line per IMAGE: name, text, columns and milliseconds. An IMAGE may be a folder. A line that fails is
    reported on stderr, the others are still read, and the exit status is 1.

    The virtual board is pynq's own library with our simulator as the accelerator; its milliseconds are modelled from
    the cycle count. A line with a known answer is read first: a bitstream that does not hold the design is refused.
    """
    import numpy as np

    from datapath.design import Design
    from datapath.files import npz_writer, require_different
    from foldline.batch.board_runs import Throughput, read_inputs
    from foldline.hardware.board import open_driver

    require_different(DESIGN=design_path, pixels=pixels, trace=trace, bitstream=bitstream, manifest=manifest)
    inputs = chosen_inputs(images, list_path, pixels)
    design = Design.load(design_path)
    throughput, failed = Throughput(), 0
    with ExitStack() as stack:
        driver = stack.enter_context(open_driver(design, device=device, bitstream=bitstream, manifest=manifest))
        write = stack.enter_context(npz_writer(trace)) if trace else None
        if write is not None:
            write("alphabet", np.array(design.alphabet.symbols))
        for name, result in read_inputs(driver, inputs):
            if not _show(name, result, as_json):
                failed += 1
                continue
            throughput.add(result)
            if write is not None:
                write(f"labels_{throughput.lines - 1}", result.labels)
        if throughput.lines:
            summary = throughput.summary(driver.board.kind.capitalize(), driver.manifest.clock_mhz)
            click.echo(summary, err=True)
        if failed == 1 and not throughput.lines:
            raise click.exceptions.Exit(1)  # its one sentence has been said
        if failed:
            kept = f" No trace was written to {trace}." if trace else ""
            raise click.ClickException(f"{failed} of {throughput.lines + failed} lines failed.{kept}")


def _show(name: str, result, as_json: bool) -> bool:
    """Print a line's result; whether it is a reading."""
    from datapath.errors import FoldlineError
    from foldline.console.text import printable

    if isinstance(result, FoldlineError):
        click.echo(f"Error: {printable(str(result))}", err=True)
        if as_json:
            click.echo(printable(json.dumps({"name": name, "error": str(result)}, ensure_ascii=False)))
        return False
    if as_json:
        entry = {
            "name": name,
            "text": result.text,
            "labels": result.labels.tolist(),
            "columns": result.columns,
            "milliseconds": result.milliseconds,
            "at_most": result.at_most,
            "modelled": result.modelled,
            "gops": result.gops,
        }
        click.echo(printable(json.dumps(entry, ensure_ascii=False)))
    else:
        most = "at most " if result.at_most else ""
        kind = " (modelled)" if result.modelled else ""
        click.echo(
            printable(f"{name}\t{result.text}\t{result.columns} columns, {most}{result.milliseconds:.3f} ms{kind}")
        )
    return True

"""`foldline run`."""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from foldline.batch.failures import Failures
from foldline.commands.lines import chosen_inputs, input_options, require_no_results_between, show_summaries
from foldline.commands.options import DESIGN, FILE, GroupedCommand, board_options, opened_design, option_group
from foldline.console.echo import echo

if TYPE_CHECKING:
    from datapath.text_form import TextForm

_board, _output = option_group("Board"), option_group("Output")


@click.command("run", cls=GroupedCommand)
@click.argument("design_path", metavar=DESIGN, type=FILE)
@input_options
@board_options
@_board(
    "--check-every",
    type=click.IntRange(1, 1000),  # overlay_driver.checks.MAX_LINES
    metavar="N",
    help="Compute the known-answer lines after every N lines, and print results after that [default: when they take at most "
    "1 % of the time].",
)
@_output("--json", "as_json", is_flag=True, help="Print one JSON object per text line.")
@_output("--trace", type=FILE, help="Write the labels of all lines to this .npz file.")
def command(
    design_path: Path,
    images: tuple[Path, ...],
    list_path: str | None,
    pixels: Path | None,
    trace: Path | None,
    device: str,
    loaded: dict[str, object],
    check_every: int | None,
    as_json: bool,
) -> None:
    """Read text lines on a board that holds DESIGN, or on the virtual board.

    Prints name, text, columns and milliseconds of each IMAGE, as `foldline simulate` takes them. Errors of a line go to stderr,
    the other lines are still computed, and the exit status is then 1.

    The virtual board is the pynq library with the bit-exact simulator as the accelerator; its milliseconds come from
    the cycle model. With --device rtl the accelerator is the SystemVerilog, simulated clock by clock behind its buses.
    With --device serial:PATH a ULX3S is at a serial port, see docs/ecp5.md; its milliseconds are those of the request.

    Known-answer lines are computed first, again from time to time, and at the end. A bitstream with another network is refused.
    A result is printed when the known-answer lines, computed behind it, had their labels; else it is an error of its line.
    """
    import numpy as np

    from datapath.files import npz_writer, require_different
    from foldline.batch.board_runs import Throughput, read_inputs
    from foldline.console.text import capitalised
    from foldline.hardware.board import open_driver

    require_no_results_between(trace)
    require_different(
        DESIGN=design_path, pixels=pixels, trace=trace, bitstream=loaded["bitstream"], manifest=loaded["manifest"]
    )
    inputs = chosen_inputs(images, list_path, pixels)
    design = opened_design(design_path)
    throughput, failures, failed = Throughput(), Failures(), 0
    with ExitStack() as stack:
        with _building(device):
            driver = stack.enter_context(open_driver(design, device=device, check_every=check_every, **loaded))
        for note in driver.notes:
            echo(note, err=True)
        write = stack.enter_context(npz_writer(trace)) if trace else None
        if write is not None:
            write("alphabet", np.array(design.alphabet.symbols))
        for name, result in read_inputs(driver, inputs):
            if not _show(name, result, design.text_form, as_json, failures):
                failed += 1
                continue
            throughput.add(result)
            if write is not None:
                write(f"labels_{throughput.lines - 1}", result.labels)
        show_summaries(failures, "" if as_json else "--json names each line.")
        if throughput.lines:
            echo(throughput.summary(capitalised(driver.kind), driver.measured), err=True)
        if failed == 1 and not throughput.lines:
            raise click.exceptions.Exit(1)  # its error has been printed
        if failed:
            no_trace = f" No trace was written to {trace}." if trace else ""
            raise click.ClickException(f"{failed} of {throughput.lines + failed} lines failed.{no_trace}")


def _building(device: str) -> AbstractContextManager:
    """Shows that the RTL is built, which takes some seconds the first time; nothing for other devices."""
    if not device.startswith("rtl"):
        return nullcontext()
    from foldline.console.progress import waiting

    return waiting("building the RTL simulation")


def _show(name: str, result, form: TextForm, as_json: bool, failures: Failures) -> bool:
    """Print a line's result or error; returns whether it is a result."""
    from datapath.errors import FoldlineError
    from datapath.quoting import displayed, json_line

    if isinstance(result, FoldlineError):
        if failures.add(name, str(result)):
            echo(f"Error: {result}", err=True)
        if as_json:
            echo(json_line({"name": name, "error": str(result)}))
        return False
    text = form.shown(result.text)
    if as_json:
        entry = {"name": name, "text": text, "labels": result.labels.tolist()}
        entry |= {of: getattr(result, of) for of in ("columns", "milliseconds", "at_most", "modelled", "gops")}
        echo(json_line(entry))
    else:
        most, kind = "at most " if result.at_most else "", " (modelled)" if result.modelled else ""
        time = f"{result.columns} columns, {most}{result.milliseconds:.3f} ms{kind}"
        echo(f"{displayed(name)}\t{displayed(text)}\t{time}")
    return True

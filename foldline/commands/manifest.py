"""`foldline manifest`."""

from __future__ import annotations

from pathlib import Path

import click

from datapath.boards import DEFAULT_BOARD
from foldline.commands.options import BOARD, FILE, given_options, kernel_option, print_note


@click.command("manifest")
@click.argument("design_path", metavar="DESIGN.npz", type=FILE)
@click.option(
    "-o", "--output", required=True, type=FILE, help="Manifest to write: NAME.json for NAME.bit; - is standard output."
)
@kernel_option(
    "Kernel in the bitstream: LSTM-PYNQ's (published), or that of a project of `foldline export` (rtl, hls).",
    help_default=True,
)
@click.option(
    "--board", metavar=BOARD, default=DEFAULT_BOARD, show_default=True, help="Board of the bitstream, or its file."
)
@click.option("--clock-mhz", type=float, help="Clock of the accelerator, in MHz [default: the board's].")
@click.pass_context
def command(
    context: click.Context, design_path: Path, output: Path, kernel: str, board: str, clock_mhz: float | None
) -> None:
    """Write the manifest of a bitstream: the dimensions and digest of its DESIGN, and lines with their labels.

    The driver loads NAME.json with NAME.bit, refuses any other design, and first checks the labels of these lines on the
    board. A project of `foldline export` has its manifest; the published bitstreams have none.
    """
    from datapath.design import Design
    from datapath.files import require_different
    from foldline.hardware.projects import manifest_on
    from overlay_driver.bitstream import is_published_name

    require_different(DESIGN=design_path, output=output)
    if "kernel" not in given_options(context) and is_published_name(output.with_suffix(".bit")):
        raise click.UsageError(
            f"{output.stem}.bit is the name of a bitstream of LSTM-PYNQ: give --kernel published, or the kernel that it has."
        )
    design = Design.load(design_path)
    manifest = manifest_on(board, design, kernel=kernel, clock_mhz=clock_mhz)
    manifest.write(output)
    labels = sum(len(answer.labels) for answer in manifest.answers)
    print_note(
        f"{output}: {design.experiment} in the {kernel} kernel on {manifest.part} at {manifest.clock_mhz:g} MHz; "
        f"{len(manifest.answers)} lines with known answers have {labels} labels."
    )

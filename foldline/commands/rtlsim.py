"""`foldline rtlsim`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from foldline.commands.lines import Hardware, LineOptions, line_options, verify_lines
from foldline.commands.options import DESIGN, FILE, GroupedCommand, folding_options, option_group
from foldline.console.echo import echo
from foldline.console.stopping import Stopped


@click.command("rtlsim", cls=GroupedCommand)
@click.argument("design_path", metavar=DESIGN, type=FILE)
@line_options
@option_group("Output")(
    "--vcd", type=FILE, help="Write a waveform: around the first difference, or of the whole first line."
)
@folding_options
def command(design_path: Path, folding: dict[str, int | None], vcd: Path | None, **options) -> None:
    """Compute text lines with the accelerator's SystemVerilog, and verify them against the simulator.

    Verilator simulates the SystemVerilog that `foldline export --rtl` writes, clock by clock, with its registers and
    memory ports. Every hidden word, class score and label is compared with that of `foldline simulate`, and the cycles of
    each line with their exact count, as of `foldline estimate --kernel rtl`; a line that differs fails, and the message
    names the place. Output is the same as that of `foldline simulate`; --json and -o add the cycles of the line.

    The first run of a folding builds it, which takes some seconds; builds are cached in ~/.cache/foldline.

    A waveform (VCD) has all signals but those within the dot products; a line of a published network takes 1 GB. With
    --vcd, lines are computed one at a time.

    With --scheduler, every worker of the Dask cluster builds it and computes one line at a time.
    """
    from datapath.files import require_different
    from foldline.batch.simulation import Simulation
    from foldline.differences import Verified
    from foldline.hardware.rtl import RtlSimulator, WaveformSimulator
    from foldline.networks import chosen_folding

    lines = LineOptions(**options)
    if vcd and lines.scheduler:
        raise click.UsageError("--vcd writes a file of this machine; it does not go with --scheduler.")
    require_different(DESIGN=design_path, pixels=lines.pixels, output=lines.output, trace=lines.trace, vcd=vcd)
    if vcd:
        _require_writable(vcd)
    recorders = []

    def recorder(design):
        recorders.append(WaveformSimulator(design, vcd))
        return recorders[0]

    def simulation_of(design):
        folded = design.refolded(chosen_folding(design=design, **folding))
        return Simulation(design=folded, simulator=recorder if vcd else RtlSimulator, batch=1)

    also = "; cycles of each line equal"
    hardware = Hardware(command="rtlsim", title="RTL simulation", verified=Verified(), also=also)
    try:
        verify_lines(design_path, replace(lines, threads=1) if vcd else lines, simulation_of, hardware)
    except (KeyboardInterrupt, Stopped):
        recorders.clear()  # the waveform of a whole line takes long
        raise
    finally:
        for simulator in recorders:
            simulator.finish()
            if simulator.written:
                echo(f"Waveform {vcd}: {simulator.written}.", err=True)


def _require_writable(path: Path) -> None:
    """A FileError, before the first line is computed, where a file cannot be written; a new file does not stay."""
    from datapath.files import file_errors
    from datapath.streams import is_stream

    if is_stream(path):
        raise click.UsageError("--vcd is written by the simulation, which needs a file, not a stream.")
    with file_errors("write", path):
        new = not path.exists()
        path.open("ab").close()
        if new:
            path.unlink()

"""`foldline export`."""

from __future__ import annotations

from pathlib import Path

import click

from foldline.commands.options import FILE, folding_options


@click.command("export")
@click.argument("source", metavar="CHECKPOINT|DESIGN.npz", type=FILE)
@click.option("-o", "--output", type=FILE, help="The header to write, .hpp; .npz writes the design.")
@click.option("--project", type=FILE, help="Write a whole hardware project into this folder.")
@click.option("--board", metavar="NAME", help="With --project: the board, such as pynq-z1 (the default).")
@click.option("--clock-mhz", type=float, help="With --project: the accelerator's clock; default: the board's.")
@click.option("--lines", multiple=True, type=FILE, help="With --project: image or folder for its test bench, too.")
@folding_options
@click.option("--fast-csim", is_flag=True, help="Write the header so that C simulation compiles it in seconds.")
@click.option("--design", "design_path", type=FILE, help="Also write the design, .npz.")
@click.option("--alphabet", type=FILE, help="Also write the alphabet: class n on line n.")
def command(
    source: Path,
    output: Path | None,
    project: Path | None,
    board: str | None,
    clock_mhz: float | None,
    lines: tuple[Path, ...],
    folding: dict[str, int | None],
    fast_csim: bool,
    design_path: Path | None,
    alphabet: Path | None,
) -> None:
    """Write a checkpoint or a design for hardware, at any folding that divides the network.

    -o writes an LSTM-PYNQ weight header. --project writes a project of Foldline's own HLS library: C++ and weights, a
    test bench with lines to compare, scripts for Vitis HLS and Vivado, and a README; see docs/hardware.md.

    What is left out keeps the design's folding; a checkpoint starts from PE 1 with all products in parallel.
    """
    from datapath.files import require_different
    from foldline.networks import chosen_folding, open_network

    if output is None and project is None:
        raise click.UsageError("Give -o FILE, --project FOLDER, or both.")
    if project is None and (board is not None or clock_mhz is not None or lines):
        raise click.UsageError("--board, --clock-mhz and --lines go with --project FOLDER.")
    if fast_csim and (output is None or output.suffix == ".npz"):
        raise click.UsageError("--fast-csim is a form of the header; it goes with -o FILE.hpp.")
    require_different(SOURCE=source, output=output, alphabet=alphabet)
    require_different(output=output, design=design_path, alphabet=alphabet)
    network = open_network(source)
    design = network.design
    chosen = chosen_folding(design=design, **folding)
    design = design.refolded(chosen)
    for sentence in network.notes:
        click.echo(sentence, err=True)
    if project is not None:
        _write_project(design, project, board, clock_mhz, lines)
    if output is not None:
        _write(design, output, fast_csim)
    if design_path is not None:
        design.save(design_path)
    if alphabet is not None:
        design.alphabet.write(alphabet)


def _write(design, output: Path, fast_csim: bool) -> None:
    from datapath.folded import fold

    if output.suffix == ".npz":
        design.save(output)
    else:
        from hls_gen import write_header

        write_header(output, fold(design), csim_bytes=fast_csim)
    click.echo(f"{output}: {design.experiment}, {design.folding}")


def _write_project(design, folder: Path, board: str | None, clock_mhz: float | None, lines: tuple[Path, ...]) -> None:
    from datapath.architecture import Architecture
    from datapath.manifest import Kernel
    from foldline.hardware.estimate import estimate, too_large
    from foldline.hardware.projects import export_project

    exported = export_project(design, folder, board=board, clock_mhz=clock_mhz, images=lines)
    fit = exported.fit
    click.echo(
        f"{folder}: {design.experiment}, {design.folding}, {exported.files} files for {fit.board.title}; its "
        f"weights and buffers take {fit.bram36:g} of {fit.board.bram36} BRAM36 and {fit.luts} of {fit.board.luts} LUTs. "
        f"The test bench has {exported.lines} lines with {exported.labels} labels."
    )
    warning = too_large(estimate(Architecture.of(design), kernel=Kernel.HLS, board=exported.fit.board.name, columns=1))
    if warning is not None:
        click.echo(f"Weights and logic together: {warning} See `foldline estimate` and `foldline explore`.", err=True)

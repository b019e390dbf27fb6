"""`foldline export`."""

from __future__ import annotations

from pathlib import Path

import click

from foldline.commands.options import FILE, folding_options


@click.command("export")
@click.argument("source", metavar="CHECKPOINT|DESIGN.npz", type=FILE)
@click.option("-o", "--output", required=True, type=FILE, help="The header to write, .hpp; .npz writes the design.")
@folding_options
@click.option("--fast-csim", is_flag=True, help="Write the header so that C simulation compiles it in seconds.")
@click.option("--design", "design_path", type=FILE, help="Also write the design, .npz.")
@click.option("--alphabet", type=FILE, help="Also write the alphabet: class n on line n.")
def command(
    source: Path,
    output: Path,
    pe: int | None,
    simd_input: int | None,
    simd_recurrent: int | None,
    simd_factor: int | None,
    pe_out: int | None,
    fast_csim: bool,
    design_path: Path | None,
    alphabet: Path | None,
) -> None:
    """Write a checkpoint or a design as an LSTM-PYNQ weight header, at any folding that divides the network.

    What is left out keeps the design's folding; a checkpoint starts from PE 1 with all products in parallel.
    """
    from datapath.files import require_different
    from datapath.folded import fold
    from foldline.networks import chosen_folding, open_network

    if fast_csim and output.suffix == ".npz":
        raise click.UsageError(f"--fast-csim is a form of the header, and {output} is a design.")
    require_different(SOURCE=source, output=output, alphabet=alphabet)
    require_different(output=output, design=design_path, alphabet=alphabet)
    network = open_network(source)
    design = network.design
    folding = chosen_folding(
        pe=pe,
        simd_input=simd_input,
        simd_recurrent=simd_recurrent,
        simd_factor=simd_factor,
        pe_out=pe_out,
        design=design,
    )
    design = design.refolded(folding)
    for sentence in network.notes:
        click.echo(sentence, err=True)
    if output.suffix == ".npz":
        design.save(output)
    else:
        from hls_gen import write_header

        write_header(output, fold(design), csim_bytes=fast_csim)
    if design_path is not None:
        design.save(design_path)
    if alphabet is not None:
        design.alphabet.write(alphabet)
    outputs = "" if folding.pe_out == 1 else f", PE_OUT {folding.pe_out}"
    click.echo(
        f"{output}: {design.experiment}, PE {folding.pe}, SIMD_INPUT {folding.simd_input}, "
        f"SIMD_RECURRENT {folding.simd_recurrent}{outputs}"
    )

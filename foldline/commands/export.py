"""`foldline export`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from datapath.boards import DEFAULT_BOARD
from datapath.manifest import DEFAULT_KERNEL, Kernel
from foldline.commands.options import (
    BOARD,
    DESIGN,
    FILE,
    NEW_FOLDER,
    GroupedCommand,
    SeveralFiles,
    dataset_options,
    folding_options,
    given_options,
    kernel_option,
    limit_options,
    option_group,
    print_note,
)
from foldline.console.echo import echo

if TYPE_CHECKING:
    from foldline.networks import Network

_header, _project, _other = option_group("Header"), option_group("Project"), option_group("Other files")
_image = option_group("Test image")
_open = option_group("Project for open tools")


@click.command("export", cls=GroupedCommand)
@click.argument("source", metavar=DESIGN, type=FILE)
@_header("-o", "--output", type=FILE, help="Weight header to write, .hpp; with .npz, the design. - is standard output.")
@_header("--fast-csim", is_flag=True, help="Write a header that a C simulation compiles in seconds.")
@_project("--project", type=NEW_FOLDER, help="Folder to write a hardware project into.")
@kernel_option(
    f"Kernel of the project: ours in SystemVerilog (rtl), which needs Vivado alone, or ours in C++ (hls) [default: "
    f"{DEFAULT_KERNEL.value}].",
    heading="Project",
    shown=(Kernel.HLS, Kernel.RTL),
)
@_project(
    "--name", help="Name of the bitstream and of what belongs to it: NAME.bit, .npz, .json [default: the network's]."
)
@_project("--board", metavar=BOARD, help=f"Board of the project, or its file [default: {DEFAULT_BOARD}].")
@_project("--clock-mhz", type=float, help="Clock of the project's accelerator, in MHz [default: the board's].")
@_project(
    "--hls-period",
    type=float,
    metavar="NS",
    help="Period that HLS schedules for, in ns, with --kernel hls [default: half of the clock's].",
)
@_project(
    "--lines",
    multiple=True,
    type=FILE,
    help="Image or folder of images: known-answer lines (rtl), or lines that the test bench computes, too (hls).",
)
@option_group("RTL")(
    "--rtl", type=NEW_FOLDER, help="Folder to write the accelerator's SystemVerilog and memory files into."
)
@limit_options
@_open("--target", type=click.Choice(["ecp5"]), help="Chip of --project: an ECP5 on a ULX3S, with a serial port.")
@_open("--baud", type=int, help="Rate of its serial port, in bit/s [default: 1000000].")
@folding_options
@_other("--force", is_flag=True, help="Replace generated files that were edited in the folder of --project or --rtl.")
@_other(
    "--allow-narrowing",
    is_flag=True,
    help="Export a checkpoint that was trained with more bits than the hardware has, I32 or FC_W32B32.",
)
@_image(
    "--test-image",
    type=SeveralFiles(),
    metavar="FILE",
    help="Test image to write, a validation line: FILE.npz, .hpp, and .txt and _gt.txt as LSTM-PYNQ's make-hw.sh reads them.",
)
@_image("--test-image-line", metavar="NAME", help="Line of the test image [default: the first within the limits].")
@dataset_options
@_other("--design", "design_path", type=FILE, help="Design to write, .npz.")
@_other(
    "--alphabet",
    type=FILE,
    help="Alphabet to write, class n on line n; of a checkpoint that has none (of pytorch-ocr or of torch), the one to read "
    "[default: that of the training lines of --data].",
)
@click.pass_context
def command(
    context: click.Context,
    source: Path,
    output: Path | None,
    project: Path | None,
    kernel: str | None,
    name: str | None,
    board: str | None,
    clock_mhz: float | None,
    hls_period: float | None,
    lines: tuple[Path, ...],
    rtl: Path | None,
    limits: dict[str, int | None],
    target: str | None,
    baud: int | None,
    folding: dict[str, int | None],
    fast_csim: bool,
    test_image: str | None,
    test_image_line: str | None,
    dataset_source: dict[str, object],
    design_path: Path | None,
    alphabet: Path | None,
    allow_narrowing: bool,
    force: bool,
) -> None:
    """Write a weight header, a hardware project or a test image of a checkpoint or a design.

    -o writes the weight header of LSTM-PYNQ. --project writes a project for a board: the accelerator with its weights, a
    script for Vivado, a manifest with known-answer lines, the design and a README; with --kernel hls the accelerator is C++,
    with a test bench and a script for Vitis HLS; see docs/hardware.md. --rtl writes the accelerator as SystemVerilog with its
    weights in memory files; see docs/rtl.md. --target ecp5 writes a project for a ULX3S with an LFE5U-85F and for open tools,
    see docs/ecp5.md; its --clock-mhz is 50 if it is not given.

    A folding option that is not given keeps the design's value; a checkpoint has PE 1 and computes all products of a gate
    in parallel.

    A checkpoint that was trained with more bits than the hardware has is not exported without --allow-narrowing.

    A folder of --project or --rtl may be written again: foldline-files.sha256 in it lists the generated files, other files stay,
    and a generated file that was edited is not replaced without --force.
    """
    from datapath.files import require_different
    from foldline.datasets import alphabet_source
    from foldline.networks import open_network, with_choices

    if target is not None and (project is None or kernel is not None or board is not None or lines):
        raise click.UsageError("--target needs --project FOLDER, and goes with none of --kernel, --board and --lines.")
    if output is None and project is None and rtl is None and test_image is None:
        raise click.UsageError("Give -o FILE, --project FOLDER, --rtl FOLDER or --test-image FILE.")
    if project is None and (lines or any(value is not None for value in (kernel, name, board, clock_mhz))):
        raise click.UsageError("--kernel, --name, --board, --clock-mhz and --lines need --project FOLDER.")
    _require_hls(hls_period, kernel=kernel)
    _require_needed(force=force, folder=project or rtl, baud=baud, target=target)
    _require_own_buffers(limits, output=output, held=project or rtl or design_path)
    if fast_csim and (output is None or output.suffix == ".npz"):
        raise click.UsageError("--fast-csim needs -o FILE.hpp: it changes the header.")
    require_different(SOURCE=source, output=output, alphabet=alphabet)
    require_different(output=output, design=design_path, alphabet=alphabet)
    network = open_network(source, alphabet=alphabet_source(alphabet, **dataset_source))
    if network.checkpoint is not None and network.checkpoint.origin:
        alphabet = None  # it was read
    else:
        _require_test_image(context, test_image)
        _require_own(alphabet, network)
    if not allow_narrowing and any((output, project, rtl, design_path)):
        network.require_no_narrowing(source)
    network = with_choices(network, folding=folding, limits=limits)
    design = network.design
    for note in network.notes:
        echo(note, err=True)
    if target is not None:
        _write_serial_project(design, project, name=name, clock_mhz=clock_mhz, baud=baud, force=force)
    elif project is not None:
        options = {"name": name, "board": board, "clock_mhz": clock_mhz, "hls_period": hls_period}
        _write_project(design, project, kernel=kernel, images=lines, force=force, **options)
    if rtl is not None:
        _write_rtl(design, rtl, force=force)
    if output is not None:
        _write(design, output, fast_csim)
    if test_image is not None:
        _write_test_image(context, network, test_image, test_image_line, source, dataset_source)
    if design_path is not None:
        design.save(design_path)
    if alphabet is not None:
        design.alphabet.write(alphabet)


def _require_hls(hls_period: float | None, *, kernel: str | None) -> None:
    """:raises click.UsageError: a period for HLS, and no project that HLS makes a core of."""
    if hls_period is not None and kernel != Kernel.HLS.value:
        raise click.UsageError("--hls-period needs --project FOLDER --kernel hls.")


def _require_needed(*, force: bool, folder: Path | None, baud: int | None, target: str | None) -> None:
    """:raises click.UsageError: an option without the one that it belongs to."""
    if force and folder is None:
        raise click.UsageError("--force needs --project FOLDER or --rtl FOLDER.")
    if baud is not None and target is None:
        raise click.UsageError("--baud needs --target ecp5.")


def _require_own_buffers(limits: dict[str, int | None], *, output: Path | None, held: Path | None) -> None:
    """:raises click.UsageError: limits are asked for, and nothing that is written has buffers of ours, or a header has not."""
    asked = [f"--{name.replace('_', '-')}" for name, limit in limits.items() if limit is not None]
    design = output is not None and output.suffix == ".npz"
    if asked and output is not None and not design:
        raise click.UsageError(
            f"{' and '.join(asked)} cannot go with -o {output}: the header is LSTM-PYNQ's, whose overlays are built with fixed "
            "buffers; write it with a command of its own."
        )
    if asked and not (design or held):
        raise click.UsageError(f"{' and '.join(asked)} needs --project FOLDER, --rtl FOLDER or a design to write.")


def _require_own(alphabet: Path | None, network: Network) -> None:
    """Refuse to write over another alphabet, which was perhaps meant to be read."""
    from foldline.datasets import read_alphabet

    if alphabet is not None and alphabet.is_file() and read_alphabet(alphabet) != network.alphabet:
        raise click.UsageError(
            f"--alphabet {alphabet} exists and holds another alphabet than the network, which has its own; name another file."
        )


def _write(design, output: Path, fast_csim: bool) -> None:
    from datapath.folded import fold

    if output.suffix == ".npz":
        design.save(output)
    else:
        from hls_gen import write_header

        write_header(output, fold(design), csim_bytes=fast_csim)
    print_note(f"{output}: {design.experiment}, {design.folding}")


def _write_rtl(design, folder: Path, *, force: bool) -> None:
    from foldline.console.text import counted
    from rtl_gen.sources import render_rtl, write_rtl

    written = write_rtl(folder, render_rtl(design), force=force)
    print_note(f"{folder}: {design.experiment}, {design.folding}, {counted(written, 'file')}")


def _write_project(design, folder: Path, *, kernel: str | None, **options: object) -> None:
    from datapath.architecture import Architecture
    from datapath.quoting import quoted
    from datapath.vivado.project import path_is_suitable
    from foldline.console.text import counted
    from foldline.hardware.estimate import estimate, too_large
    from foldline.hardware.projects import export_project

    exported = export_project(design, folder, kernel=Kernel(kernel or DEFAULT_KERNEL), **options)
    fit, rtl = exported.fit, exported.kernel is Kernel.RTL
    lines = f"{counted(exported.lines, 'line')} with {counted(exported.labels, 'label')}"
    print_note(
        f"{folder}: {design.experiment}, {design.folding}, {exported.files} files for {fit.board.title}, kernel "
        f"{exported.kernel.value}. {'Weights' if rtl else 'Weights and buffers'} take {fit.bram36:g} of {fit.board.bram36} "
        f"BRAM36 and {fit.luts} of {fit.board.luts} LUTs. {'The manifest' if rtl else 'The test bench'} has {lines}."
    )
    found = estimate(Architecture.of(design), kernel=exported.kernel, board=fit.board, columns=1)
    warning = too_large(found)
    if warning is not None:
        echo(f"Weights and logic together: {warning} See `foldline estimate` and `foldline explore`.", err=True)
    if not path_is_suitable(folder):
        echo(
            f"{quoted(str(folder.resolve()))} is not a path for the vendor's tools: they need ASCII letters, digits, '_', '-', "
            "'.', '~' and '@', without blanks. Copy the whole folder to another path before you start them.",
            err=True,
        )


def _write_serial_project(design, folder: Path, **options: object) -> None:
    from foldline.hardware.serial_projects import export_serial_project

    exported = export_serial_project(design, folder, **options)
    settings = exported.settings
    print_note(
        f"{folder}: {design.experiment}, {design.folding}, {exported.files} files for a ULX3S (LFE5U-85F) at "
        f"{settings.clock_mhz:g} MHz. At {settings.baud} bit/s a column comes every {exported.come} clocks; the accelerator "
        f"takes one every {exported.taken:g}."
    )


def _require_test_image(context: click.Context, test_image: str | None) -> None:
    """:raises click.UsageError: an option of the test image without one."""
    from foldline.commands.training_options import flags

    of_image = ("test_image_line", "data", "sortedtrain", "valid", "imgs", "normalisation", "bidi")
    unused = [name for name in given_options(context) if name in of_image]
    if test_image is None and unused:
        raise click.UsageError(
            f"{', '.join(flags(unused))} needs --test-image FILE, or a checkpoint without an alphabet of its own."
        )


def _write_test_image(
    context: click.Context,
    network: Network,
    output: str,
    line: str | None,
    source: Path,
    dataset_source: dict[str, object],
) -> None:
    """Write a validation line as a test image; say where the trained network reads another text."""
    from datapath.quoting import displayed
    from foldline.commands.training_options import chosen_lines, note_changed_lines, read_dataset
    from foldline.hardware.bench_line import export_test_image

    seed = int(network.design.provenance.notes.get("random_seed", 0))
    trained = network.checkpoint and network.checkpoint.data
    lines = chosen_lines(context, dataset_source, trained, of=source, seed=seed)
    dataset = read_dataset(**lines, only_validation=True, form=network.design.text_form)
    note_changed_lines(trained, dataset)
    keep = {"CHECKPOINT": source} | {name: context.params[name] for name in ("output", "design_path", "alphabet")}
    written = export_test_image(network.design, dataset, output, line=line, keep=keep)
    image = written.image
    columns = f"{len(image.columns)} columns"
    files = ", ".join(map(str, (written.pixels, written.header, written.decimals, written.expected)))
    form = network.design.text_form
    print_note(displayed(f"{files}: {image.name}, {columns}, {form.shown(image.text)}"))
    if network.checkpoint is None:
        return
    from train.evaluation import read_texts

    (line,) = [one for one in dataset.validation if one.name == image.name]
    (text,) = read_texts(network.checkpoint, [line])
    if text != image.text:
        echo(displayed(f"The board computes otherwise than the checkpoint, which reads: {form.shown(text)}"), err=True)

"""Option groups of a help page, and the options that several commands share.

A command whose options have headings, with click alone (8.0 or later)::

    network = option_group("Network")

    @click.command("train", cls=GroupedCommand)
    @click.option("-o", "--output", type=FILE, help="File to write.")  # under "Options", as --help
    @network("--layer-size", type=int, help="Hidden units per direction.")  # under "Network"
    def command(...): ...

The headings come in the order in which the command's options name them. In a command of another class the same
options are under "Options".
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from datapath.boards import DEFAULT_BOARD
from datapath.design import MAX_LIMIT
from datapath.manifest import DEFAULT_KERNEL, Kernel
from datapath.published import COLUMNS
from datapath.quoting import quoted
from datapath.streams import STANDARD_OUTPUT
from datapath.text_form import NORMALISATIONS
from foldline.console.echo import echo

if TYPE_CHECKING:
    from datapath import Alphabet
    from datapath.design import Design

FILE = click.Path(path_type=Path)

DESIGN = "RUN|CHECKPOINT|DESIGN.npz"
"""What commands take that need a network for the board: see `foldline.networks.open_network`."""


class SeveralFiles(click.Path):
    """A folder to write, or what the names of several files begin with; standard output, -, takes one file."""

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> object:
        if value == STANDARD_OUTPUT:
            self.fail("- is standard output, which takes one file; several are written here.", param, ctx)
        return super().convert(value, param, ctx)


NEW_FOLDER = SeveralFiles(path_type=Path)


class AnyCaseChoice(click.Choice):
    """One of several words, which may be typed in either case; click's own choice of this kind shows them in lower case."""

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> object:
        spelled = {str(one).lower(): one for one in self.choices}
        return super().convert(spelled.get(str(value).lower(), value), param, ctx)


class GroupedOption(click.Option):
    """An option that knows its heading in ``--help``: the title of its group, without a colon."""

    def __init__(self, *declarations: object, heading: str, **settings: object) -> None:
        super().__init__(*declarations, **settings)
        self.heading = heading


class GroupedCommand(click.Command):
    """A command whose help page lists its options under their headings; see `option_group`."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None and isinstance(parameter, click.Option):  # click >= 8.5 has records of arguments
                sections.setdefault(getattr(parameter, "heading", "Options"), []).append(record)
        for heading, records in sections.items():
            with formatter.section(heading):
                formatter.write_dl(records)


def option_group(heading: str) -> Callable:
    """`click.option` for the options under one heading of a `GroupedCommand`'s help page."""
    return functools.partial(click.option, cls=GroupedOption, heading=heading)


def given_options(context: click.Context) -> dict[str, object]:
    """Parameters that the command line names, with their values."""
    unset = (ParameterSource.DEFAULT, ParameterSource.DEFAULT_MAP)
    return {name: value for name, value in context.params.items() if context.get_parameter_source(name) not in unset}


def print_note(message: str) -> None:
    """Print what a command did: on stderr if one of its outputs is standard output, which then holds nothing else.

    :param message: the line to print.
    """
    from datapath.streams import is_standard_output

    values = click.get_current_context().params.values()
    echo(message, err=any(is_standard_output(value) for value in values if isinstance(value, Path)))


def all_of(*options: Callable) -> Callable:
    """One decorator that gives a command these options, the first one first."""
    return lambda command: functools.reduce(lambda inner, add: add(inner), reversed(options), command)


def as_one(argument: str, names: Iterable[str], *options: Callable) -> Callable:
    """`all_of` these options, whose parameters `names` the command gets as one dictionary, `argument`."""

    def decorate(command: Callable) -> Callable:
        @functools.wraps(command)
        def with_one(*arguments: object, **values: object) -> object:
            values[argument] = {name: values.pop(name) for name in names}
            return command(*arguments, **values)

        return all_of(*options)(with_one)

    return decorate


_dataset, _folding, _target, _board = (option_group(name) for name in ("Dataset", "Folding", "Target", "Board"))
_computation = option_group("Computation")

dataset_options = as_one(
    "dataset_source",
    ("data", "sortedtrain", "valid", "imgs", "normalisation", "bidi"),
    _dataset(
        "--data",
        metavar="DIR|FILE|synthetic[:LINES[:FONTS]]",
        default="synthetic",
        show_default=True,
        help="Folder in the layout of UW3-500, lines as `foldline data import` takes them, or lines of the embedded "
        "generator, half of them in the typefaces of a folder FONTS.",
    ),
    _dataset("--sortedtrain", type=FILE, help="List of training lines [default: DIR/sortedTrain.txt]."),
    _dataset("--valid", type=FILE, help="List of validation lines [default: DIR/valid.txt]."),
    _dataset("--imgs", type=FILE, help="Folder of images [default: DIR/imgs]."),
    _dataset(
        "--normalisation",
        type=AnyCaseChoice(NORMALISATIONS),
        help="Unicode normalisation of the texts [default: that of the network's training, or of an import, else none].",
    ),
    _dataset(
        "--bidi",
        is_flag=True,
        help="The texts are in the order of reading, right to left in part: put them in the order of the picture.",
    ),
)
"""`--data`, and the original trainer's options that replace one part of a dataset folder, for `read_dataset`."""

computation_options = all_of(
    _computation(
        "--ignore-limits", is_flag=True, help="Compute lines that exceed a limit of the overlay, and name it."
    ),
    _computation("--threads", type=click.IntRange(min=1), help="Threads of this machine [default: one per processor]."),
    _computation(
        "--scheduler", metavar="ADDRESS", help="Dask scheduler whose workers simulate the lines: tcp://HOST:PORT."
    ),
)
"""Which lines are computed, and where; see `foldline.batch.cluster`."""

FOLDING = {
    "pe": "Hidden units computed in parallel; must divide H.",
    "simd_input": "Products of a gate with pixels computed in parallel; must divide I.",
    "simd_recurrent": "Products of a gate with hidden outputs computed in parallel; must divide H.",
    "simd_factor": "Steps in which a gate's products are computed; replaces --simd-input and --simd-recurrent.",
    "pe_out": "Classes of the output layer computed in parallel, at most C.",
}


limit_options = as_one(
    "limits",
    ("max_columns", "max_labels"),
    option_group("Limits")(
        "--max-columns",
        type=int,
        metavar="N",
        help=f"Columns that the buffers of our kernels hold, 1 to {MAX_LIMIT} [default: the network's, 732 unless asked for].",
    ),
    option_group("Limits")(
        "--max-labels",
        type=int,
        metavar="N",
        help=f"Labels that the buffers of our kernels hold, 1 to {MAX_LIMIT} [default: the network's, 95 unless asked for].",
    ),
)
"""The longest line of the accelerator, for `foldline.networks.chosen_limits`."""


folding_options = as_one(
    "folding",
    FOLDING,
    *(_folding(f"--{name.replace('_', '-')}", type=int, help=text) for name, text in FOLDING.items()),
)
"""How much the hardware computes in parallel, for `foldline.networks.chosen_folding`."""


def opened_design(path: Path) -> Design:
    """The design that a command computes: that of a file, of a checkpoint, or of a run's folder; notes go to stderr.

    :param path: see `foldline.networks.open_network`, which also says what it raises.
    """
    from foldline.networks import open_network

    network = open_network(path)
    design = network.require_design()
    for note in network.notes:
        echo(note, err=True)
    return design


alphabet_option = option_group("Alphabet")(
    "--alphabet",
    type=FILE,
    help="Alphabet of a checkpoint of pytorch-ocr or of torch, which has none: class n on line n, or its characters "
    "[default: that of the training lines].",
)
"""For `foldline.datasets.alphabet_source` and `require_same_alphabet`."""


def require_same_alphabet(path: Path, own: Alphabet, file: Path | None) -> None:
    """Refuse an alphabet file that is not the alphabet of a network.

    :param path: of the network, for the message.
    :param own: alphabet of the network.
    :param file: alphabet that the command line names, or None.
    :raises ConfigError: they differ.
    """
    if file is None:
        return
    from datapath.errors import ConfigError
    from foldline.datasets import read_alphabet

    given = read_alphabet(file)
    if given != own:
        raise ConfigError(
            f"{path} has an alphabet of {len(own)} classes, and that of {file}, of {len(given)} classes, is another; leave "
            f"--alphabet out."
        )


def parse_backends(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[str, ...] | None:
    """The backends that a comma-separated list names: a callback of `--backends`."""
    if value is None:
        return None
    from foldline.compare.backends import BACKENDS

    names = tuple(name.strip() for name in value.split(","))
    for name in (name for name in names if name not in BACKENDS):
        raise click.BadParameter(
            f"{quoted(name)} is not a backend; allowed are {', '.join(BACKENDS)}, separated by commas."
        )
    return names


class _KernelName(click.Choice):
    """The name of a kernel; the library refuses kernels that a command does not show, with the reason.

    Names that earlier versions wrote are accepted and not shown.
    """

    def __init__(self, shown: Iterable[Kernel]) -> None:
        super().__init__([kernel.value for kernel in shown])

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> object:
        with suppress(ValueError):
            return Kernel(value).value
        return super().convert(value, param, ctx)


def kernel_option(
    text: str,
    *,
    heading: str = "Options",
    shown: Iterable[Kernel] = Kernel,
    help_default: bool = False,
    **settings: object,
) -> Callable:
    """`--kernel`: the accelerator's kernel by its name.

    :param text: of the help page.
    :param heading: of its group.
    :param shown: the kernels that the command takes.
    :param help_default: whether the option is `DEFAULT_KERNEL` where it is not given, and the help page says so; else it
        is None.
    :param settings: of `click.option`.
    """
    settings |= {"default": DEFAULT_KERNEL.value, "show_default": True} if help_default else {}
    return option_group(heading)("--kernel", type=_KernelName(shown), help=text, **settings)


BOARD = "NAME|FILE.json"
"""What `--board` takes, see `datapath.boards.load_board`."""


def target_options() -> Callable:
    """What is modelled: board, clock, width of a line, kernel; see `foldline.hardware.estimate.estimate`."""
    return all_of(
        _target(
            "--board",
            metavar=BOARD,
            default=DEFAULT_BOARD,
            show_default=True,
            help="Board, which decides the FPGA and the clock, or its file.",
        ),
        _target("--clock-mhz", type=float, help="Clock of the accelerator, in MHz [default: the board's]."),
        _target(
            "--columns",
            type=int,
            help=f"Columns of a line [default: {COLUMNS}, or the longest line that the design takes].",
        ),
        kernel_option(
            "Kernel: ours in SystemVerilog (rtl) or in C++ for HLS (hls), or LSTM-PYNQ's (published).",
            heading="Target",
            help_default=True,
        ),
    )


measured_option = _target(
    "--measured",
    "projects",
    metavar="PROJECT",
    multiple=True,
    type=FILE,
    help="Folder of a project of this kernel that Vivado has built: refit the models to its results; can be repeated.",
)
"""For `foldline.hardware.refit.refit_of`."""

board_options = as_one(
    "loaded",
    ("bitstream", "manifest", "kernel"),
    _board(
        "--device",
        metavar="board|virtual|rtl[:SEED]|remote:HOST[:PORT]|serial:PATH[:BAUD]",
        default="virtual",
        show_default=True,
        help=(
            "The board that runs this command, the virtual board with the simulator or with the simulated RTL as its "
            "accelerator, a board behind PYNQ.remote, or a ULX3S at a serial port. SEED, from 1 on: random stalls on the "
            "RTL's buses. BAUD: bit/s [default: 1000000]."
        ),
    ),
    _board("--bitstream", type=FILE, help="Bitstream, a .bit file; the virtual board needs none."),
    _board(
        "--manifest",
        type=FILE,
        help="Manifest of the bitstream [default: the .json file beside the bitstream, if there is one].",
    ),
    kernel_option(
        f"Kernel of the virtual board, or of a bitstream without a manifest [default: the manifest's; {DEFAULT_KERNEL.value} "
        "without a bitstream].",
        heading="Board",
        callback=lambda context, parameter, value: value and Kernel(value),
    ),
)
"""Which board is used, and `loaded`, what is on it; see `foldline.hardware.board.open_driver`."""

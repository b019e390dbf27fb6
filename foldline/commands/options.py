"""Options that several commands share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import click

from datapath.manifest import Kernel
from datapath.published import COLUMNS

FILE = click.Path(path_type=Path)


def dataset_options(command: Callable) -> Callable:
    """`--data`, and the original trainer's options that replace one part of a dataset folder."""
    for option in reversed(
        (
            click.option(
                "--data",
                metavar="DIR|synthetic[:LINES]",
                default="synthetic",
                show_default=True,
                help="Folder in the layout of UW3-500, or the embedded generator's lines.",
            ),
            click.option("--sortedtrain", type=FILE, help="List of training lines; default: DIR/sortedTrain.txt."),
            click.option("--valid", type=FILE, help="List of validation lines; default: DIR/valid.txt."),
            click.option("--imgs", type=FILE, help="Folder of the images; default: DIR/imgs."),
        )
    ):
        command = option(command)
    return command


FOLDING = {
    "pe": "Hidden units in parallel; must divide H.",
    "simd_input": "Products per gate in parallel, input side; must divide I.",
    "simd_recurrent": "The same on the recurrent side; must divide H.",
    "simd_factor": "Instead: both sides in this many steps.",
    "pe_out": "Classes of the output layer in parallel, at most C.",
}


def folding_options(command: Callable) -> Callable:
    """How much the hardware computes in parallel: the command gets all of `FOLDING` as one argument, `folding`, for
    `foldline.networks.chosen_folding`."""

    @functools.wraps(command)
    def with_folding(*arguments: object, **options: object) -> object:
        folding = {name: options.pop(name) for name in FOLDING}
        return command(*arguments, folding=folding, **options)

    for name, text in reversed(FOLDING.items()):
        with_folding = click.option(f"--{name.replace('_', '-')}", type=int, help=text)(with_folding)
    return with_folding


def parse_levels(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[str, ...] | None:
    """The levels that a comma-separated list names: a callback of `--backends`.

    :raises click.BadParameter: one is unknown, or there is none.
    """
    if value is None:
        return None
    from foldline.compare.comparison import LEVELS

    names = tuple(name.strip() for name in value.split(","))
    for name in names:
        if name not in LEVELS:
            raise click.BadParameter(f"{name!r} is no level; allowed are {', '.join(LEVELS)}, separated by commas.")
    return names


class _KernelName(click.Choice):
    """The name of a kernel; names that earlier versions wrote are accepted and not shown."""

    def __init__(self) -> None:
        super().__init__([kernel.value for kernel in Kernel])

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> object:
        with suppress(ValueError):
            value = Kernel(value).value
        return super().convert(value, param, ctx)


def kernel_option(text: str, **settings: object) -> Callable:
    """Whose kernel, by its name."""
    return click.option("--kernel", type=_KernelName(), help=text, **settings)


def target_options(*, board: str = "pynq-z1", kernel: Kernel | None = None) -> Callable:
    """What is modelled: board, clock, width of a line, kernel; see `foldline.hardware.estimate.estimate`.

    :param board: the default.
    :param kernel: the default; None for the one that `Kernel.of` takes a design to run on.
    """
    text = "LSTM-PYNQ's kernel, or that of `foldline export --project`"
    options = (
        click.option(
            "--board", metavar="NAME", default=board, show_default=True, help="Board, for its part and clock."
        ),
        click.option("--clock-mhz", type=float, help="The accelerator's clock; default: the board's."),
        click.option(
            "--columns", type=int, help=f"Columns of a line; default: {COLUMNS}, or all that the design takes."
        ),
        kernel_option(f"{text}; default: published if PE_OUT is 1.")
        if kernel is None
        else kernel_option(f"{text}.", default=kernel.value, show_default=True),
    )

    def add(command: Callable) -> Callable:
        for option in reversed(options):
            command = option(command)
        return command

    return add


def board_options(command: Callable) -> Callable:
    """Which board to use and what is loaded onto it; see `foldline.hardware.board.open_driver`."""
    for option in reversed(
        (
            click.option(
                "--device",
                metavar="board|virtual|remote:HOST[:PORT]",
                default="virtual",
                show_default=True,
                help="This board, the virtual board, or a board of PYNQ.remote.",
            ),
            click.option("--bitstream", type=FILE, help="The .bit file; the virtual board can do without."),
            click.option(
                "--manifest", type=FILE, help="What the bitstream holds; default: the .json beside it, if there is one."
            ),
        )
    ):
        command = option(command)
    return command

"""`foldline`: the command line. Each subcommand is imported when it is named, so that `--help` is instant."""

from __future__ import annotations

import errno
import importlib
import sys
from typing import Any

import click

from datapath.errors import FoldlineError
from datapath.files import os_reason
from datapath.version import VERSION

# Command -> (module in foldline.commands, one line for --help). The module defines `command`.
COMMANDS = {
    "train": ("train", "Train a recogniser on scanned or printed text lines."),
    "export": ("export", "Write a checkpoint or a design as an LSTM-PYNQ header."),
    "manifest": ("manifest", "Write what a bitstream holds, for the driver: dimensions, digest, known answers."),
    "import-header": ("import_header", "Read an LSTM-PYNQ header into a design."),
    "simulate": ("simulate", "Compute lines on the fixed-point datapath, bit for bit."),
    "inspect": ("inspect", "Show where a line's numbers live: ranges, rounding, overflow, as a picture."),
    "merge": ("merge", "Put the shards of a large simulation together."),
    "verify": ("verify", "Prove that a header holds a design and computes the same bits."),
    "csim": ("csim", "Compute lines with the hardware's C++, and prove them equal to the simulator."),
    "run": ("run", "Read lines on a board, or on the virtual board."),
    "compare": ("compare", "Compare error rates of all backends: float, quantized, simulated, csim, board."),
    "report": ("report", "Write a report of networks as one HTML file: accuracy, speed, cost, training, lines."),
    "estimate": ("estimate", "Estimate cycles and resources of a folding, before synthesis."),
    "explore": ("explore", "Find the folding, or the precision and the folding, for a board and a rate."),
    "golden": ("golden", "Make or check the committed golden vectors."),
    "data": ("data", "Get text lines: synthetic ones, or the UW3-500 set."),
    "demo": ("demo", "Train, export, prove and compare a small network, end to end."),
}


# Third-party package -> the smallest extra that brings it.
EXTRAS = {
    "Levenshtein": "dev",
    "filelock": "explore",
    "jinja2": "hls",
    "matplotlib": "sim",
    "numba": "sim",
    "optuna": "explore",
    "pooch": "train",
    "pynq": "board",
    "rich": "sim",
    "sqlalchemy": "explore",
    "tensorboard": "train",
    "torch": "train",
}

# Option names of earlier versions, accepted and not shown -> their names of today.
RENAMED = {"--beyond-limits": "--ignore-limits", "--levels": "--backends"}


class FoldlineGroup(click.Group):
    """Commands by name from `COMMANDS`; a `FoldlineError` becomes one sentence on stderr and status 1."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        name = name.replace("_", "-")
        if name not in COMMANDS:
            return None
        return importlib.import_module(f"foldline.commands.{COMMANDS[name][0]}").command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, _current_names(args))

    def invoke(self, ctx: click.Context) -> Any:
        if hasattr(sys.stdout, "reconfigure"):
            sys.stdout.reconfigure(errors="backslashreplace")  # text that the terminal's encoding lacks is no failure
        try:
            result = super().invoke(ctx)
            if sys.stdout is not None:
                sys.stdout.flush()
            return result
        except FoldlineError as error:
            raise click.ClickException(str(error)) from error
        except OSError as error:
            if error.errno == errno.EPIPE:  # the reader of a pipe has enough: click ends quietly
                raise
            # Rooms name the files that they fail on; what is left is the output itself, or a disk that filled up.
            what = f"use {error.filename}" if error.filename else "write the output"
            raise click.ClickException(f"Cannot {what}: {os_reason(error)}.") from error
        except ModuleNotFoundError as error:
            extra = EXTRAS.get((error.name or "").partition(".")[0])
            if extra is None:
                raise
            raise click.ClickException(
                f"This command needs {error.name}, which is not installed: pip install 'foldline[{extra}]'."
            ) from error


def _current_names(arguments: list[str]) -> list[str]:
    """Options under their names of today: with dashes for underscores, and without the names of `RENAMED`."""
    spelled = []
    for number, argument in enumerate(arguments):
        if argument == "--":
            return spelled + arguments[number:]
        name, equals, value = argument.partition("=")
        dashed = name.replace("_", "-")
        spelled.append(RENAMED.get(dashed, dashed) + equals + value if name.startswith("--") else argument)
    return spelled


@click.command(cls=FoldlineGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, prog_name="foldline")
def main() -> None:
    """From a quantized BiLSTM text recogniser in PyTorch to a PYNQ board, proved bit for bit."""


if __name__ == "__main__":
    main()

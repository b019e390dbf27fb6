"""`foldline`: the command line. Each subcommand is imported when it is named, so that `--help` is instant."""

from __future__ import annotations

import errno
import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from datapath.errors import FoldlineError
from datapath.files import os_reason
from datapath.quoting import message_text
from datapath.version import VERSION
from foldline.console.closed_streams import hold_closed_streams
from foldline.console.groups import SuggestingGroup
from foldline.console.pillow_warnings import handle_pillow_warnings
from foldline.console.stopping import stopping

# Heading of `foldline --help` -> command -> (module in foldline.commands, which defines `command`; its help line).
GROUPS = {
    "Train": {
        "data": ("data", "Import lines of your own, render synthetic ones, fetch UW3-500."),
        "train": ("train", "Train a recogniser on text lines: one run."),
        "recipe": ("recipe", "Train a network for the board in three stages; write its design."),
        "evaluate": ("evaluate", "Print the error rates of a checkpoint."),
    },
    "Simulate and compare": {
        "simulate": ("simulate", "Compute text lines with the fixed-point simulator."),
        "compare": ("compare", "Compare error rates of PyTorch, simulator, C simulation, board."),
        "inspect": ("inspect", "Draw a line's value ranges, rounding errors and overflows."),
        "report": ("report", "Write an HTML report of one or more networks."),
    },
    "Hardware": {
        "export": ("export", "Write a weight header, a hardware project or a test image."),
        "import-header": ("import_header", "Convert an LSTM-PYNQ weight header to a design."),
        "verify": ("verify", "Check that a weight header computes the bits of a design."),
        "csim": ("csim", "Compute lines with the accelerator's C++, and verify them."),
        "rtlsim": ("rtlsim", "Compute lines with the accelerator's RTL, and verify them."),
        "estimate": ("estimate", "Estimate cycles and FPGA resources before synthesis."),
        "synth": ("synth", "Count a design's gates with yosys; place and route it."),
    },
    "Board": {
        "manifest": ("manifest", "Write the manifest of a bitstream."),
        "run": ("run", "Read text lines on a board or on the virtual board."),
    },
    "Search": {
        "explore": ("explore", "Compare all foldings of a design on a board."),
        "study": ("study", "Search precisions and sizes: train and compare networks."),
        "sweep": ("sweep", "Train precisions, seeds and folds alike; compare with float."),
    },
    "Check": {
        "golden": ("golden", "Make or check the golden vectors."),
        "demo": ("demo", "Train, export, verify and compare a small network."),
    },
}
COMMANDS = {name: entry for group in GROUPS.values() for name, entry in group.items()}

# Third-party package -> the smallest extra that brings it.
EXTRAS = {
    "Levenshtein": "dev",
    "bidi": "bidi",
    "dask": "cluster",
    "defusedxml": "train",
    "distributed": "cluster",
    "filelock": "explore",
    "jinja2": "hls",
    "matplotlib": "sim",
    "numba": "sim",
    "optuna": "explore",
    "pooch": "train",
    "pynq": "board",
    "rich": "sim",
    "serial": "serial",
    "sqlalchemy": "explore",
    "tensorboard": "train",
    "torch": "train",
}

# Option names of earlier versions, accepted and not shown -> their present names.
RENAMED = {"--beyond-limits": "--ignore-limits", "--levels": "--backends"}

# Commands and options of earlier versions that are gone.
REMOVED = ("merge", "--shard")
SEVERAL_MACHINES = (
    "{} is gone: simulate, csim and compare compute on several machines with --scheduler tcp://HOST:PORT; without a Dask "
    "cluster, split the list of images and concatenate the result lines (docs/large-jobs.md)."
)


class FoldlineGroup(SuggestingGroup):
    """Commands by name from `COMMANDS`; a `FoldlineError` becomes one sentence on stderr and status 1, Ctrl-C "Stopped"."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        name = name.replace("_", "-")
        if name in REMOVED:
            raise click.UsageError(SEVERAL_MACHINES.format(f"foldline {name}"))
        if name not in COMMANDS:
            return None
        return importlib.import_module(f"foldline.commands.{COMMANDS[name][0]}").command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for heading, commands in GROUPS.items():
            with formatter.section(heading):
                formatter.write_dl([(name, summary) for name, (_, summary) in commands.items()])

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        hold_closed_streams()
        with _messages():
            return super().parse_args(ctx, _current_names(args))

    def invoke(self, ctx: click.Context) -> Any:
        handle_pillow_warnings()
        if hasattr(sys.stdout, "reconfigure"):
            sys.stdout.reconfigure(errors="backslashreplace")  # the terminal's encoding may lack a character
        with _messages():
            with stopping():
                result = super().invoke(ctx)
            if sys.stdout is not None:
                sys.stdout.flush()
            return result


_HELP = getattr(click.exceptions, "NoArgsIsHelpError", ())
"""What newer versions of click raise for a group without a subcommand; its message is the help text."""


@contextmanager
def _messages() -> Iterator[None]:
    """Errors as click shows them: one sentence each, and none with a command to the terminal."""
    try:
        yield
    except FoldlineError as error:
        raise click.ClickException(str(error)) from error
    except click.ClickException as error:
        if not isinstance(error, _HELP):
            error.message = message_text(error.message)  # it names arguments and paths as they were given
        raise
    except OSError as error:
        if error.errno == errno.EPIPE:  # the reader of a pipe has closed it: click ends without a message
            raise
        # The packages name the files that they fail on; this is standard output, or a full disk.
        what = f"use {message_text(str(error.filename))}" if error.filename else "write the output"
        raise click.ClickException(f"Cannot {what}: {os_reason(error)}.") from error
    except ModuleNotFoundError as error:
        extra = EXTRAS.get((error.name or "").partition(".")[0])
        if extra is None:
            raise
        how = f"This command needs {error.name}, which is not installed: pip install 'foldline[{extra}]'."
        raise click.ClickException(how) from error


def _current_names(arguments: list[str]) -> list[str]:
    """Options by their present names: dashes for underscores, and no names of `RENAMED`."""
    spelled = []
    for number, argument in enumerate(arguments):
        if argument == "--":
            return spelled + arguments[number:]
        name, equals, value = argument.partition("=")
        dashed = name.replace("_", "-")
        if name.startswith("--") and dashed in REMOVED:
            raise click.UsageError(SEVERAL_MACHINES.format(dashed))
        spelled.append(RENAMED.get(dashed, dashed) + equals + value if name.startswith("--") else argument)
    return spelled


@click.command(cls=FoldlineGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, prog_name="foldline")
def main() -> None:
    """Quantized BiLSTM text recognisers from PyTorch to a PYNQ board, bit-exact."""


if __name__ == "__main__":
    main()

"""What the benchmarks share: their options, times of calls in turn, and tables on the terminal."""

from __future__ import annotations

import argparse
import platform
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from datapath.design import Design, Folding

SYNTHESISED = Path(__file__).parent / "designs"
"""Trained networks whose gates and clocks the pages give. What a synthesiser makes depends on the weights, so they stay the
same when the networks in `golden_vectors` are trained anew."""


def synthesised(name: str, folding: Folding) -> Design:
    """A network of `SYNTHESISED` in a folding.

    :param name: its widths, such as W2B8A4I8.
    """
    return Design.load(SYNTHESISED / f"QLSTM128_{name}_FC_W8B8.npz").refolded(folding)


def options(description: str, **defaults: int | None) -> argparse.ArgumentParser:
    """A parser with ``--json``, and one option for a whole number per default value."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of tables")
    for name, default in defaults.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    return parser


def seconds_of(call: Callable[[], object]) -> float:
    """Seconds that one call takes."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def interleaved(calls: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds of every call by its name, in every round, after one round that compiles and is not counted."""
    seconds = [{name: seconds_of(call) for name, call in calls.items()} for _ in range(1 + rounds)]
    return {name: [one[name] for one in seconds[1:]] for name in calls}


def show_table(title: str, headings: Sequence[str], rows: Iterable[Sequence[str]], *, width: int = 100) -> None:
    """Print a table of `width` characters, numbers to the right; a column without a heading holds names."""
    table = Table(title=title)
    for heading in headings:
        table.add_column(heading, justify="right" if heading else "left")
    for row in rows:
        table.add_row(*row)
    Console(width=width).print(table)


def cpu_name() -> str:
    """What the system calls its processor."""
    info = Path("/proc/cpuinfo")
    text = info.read_text(encoding="utf-8") if info.is_file() else ""
    names = re.findall(r"^model name\s*:\s*(.*)$", text, re.MULTILINE)
    return names[0] if names else platform.processor() or platform.machine()

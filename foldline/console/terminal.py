"""Terminal output of a comparison: the table of error rates, and lines with their scans."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence

import numpy as np
from PIL import Image
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from datapath.quoting import displayed
from foldline.compare.comparison import Comparison
from foldline.compare.paired import RatedResult, rated_results
from foldline.compare.tables import (
    HEADINGS,
    SIDE_BY_SIDE,
    TEXT_COLUMNS,
    confusion_rows,
    confusions_title,
    line_rows,
    notes,
    notes_side_by_side,
    side_by_side_row,
    table_row,
)
from foldline.console.plain_console import PlainConsole

_BRAILLE = 0x2800
# Bits of the dots of a Braille cell, 4 rows by 2 columns.
_DOTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])


def braille(image: Image.Image, *, width: int, height: int = 5) -> str:
    """Draw a scanned line in at most `width` x `height` Braille characters, with dots for ink."""
    scale = min(2 * width / image.width, 4 * height / image.height)
    columns, rows = max(int(image.width * scale), 2), max(int(image.height * scale), 4)
    grey = np.asarray(image.convert("L").resize((columns, rows), Image.Resampling.BOX))
    ink = np.zeros((-(-rows // 4) * 4, -(-columns // 2) * 2), dtype=bool)
    ink[:rows, :columns] = grey < 160
    cells = ink.reshape(ink.shape[0] // 4, 4, ink.shape[1] // 2, 2)
    codes = (cells * _DOTS[None, :, None, :]).sum(axis=(1, 3))
    return "\n".join("".join(chr(_BRAILLE + code) for code in row) for row in codes)


def table_console(*, stderr: bool = False) -> Console:
    """Standard output (or stderr) for tables: as wide as the terminal, or 120 characters if it is not a terminal."""
    return PlainConsole(width=None if PlainConsole(stderr=stderr).is_terminal else 120, stderr=stderr)


NARROW = 100
"""Characters below which a table has no lines between its columns, and no rates per line."""


def show_comparison(console: Console, comparison: Comparison, *, title: str) -> None:
    """Print the table of error rates, and its notes: times, agreement, and lines that are left out."""
    left_out = () if console.width >= NARROW else (5, 6)
    rated, text = rated_results([comparison]), range(TEXT_COLUMNS)

    def kept(cells: Sequence[str]) -> list[str]:
        return [cell for index, cell in enumerate(cells) if index not in left_out]

    table = _table(console, title, [one.replace(" per", "\nper") for one in kept(HEADINGS)], text)
    for one in rated:
        _add_row(table, kept(table_row(one)), {2} if one.best else (), end=_ends_group(one, rated))
    _show(console, table, notes(comparison))


def show_side_by_side(console: Console, names: Sequence[str], comparisons: Sequence[Comparison], *, title: str) -> None:
    """Print several networks in one table, each rate with its interval and its difference to the first network's.

    A rate is bold if it is significantly better than all others, a difference if it is significant.
    """
    rated = rated_results(comparisons)
    headings = list(SIDE_BY_SIDE)
    table = _table(console, title, [*headings[:3], "CER %\n95 %", *headings[5:7], "CER - 1\n95 %"], range(3))
    for one in rated:
        cells = side_by_side_row(one, lines=len(comparisons[0].lines))
        bold = ({3} if one.best else set()) | (
            {6} if one.difference is not None and one.difference.significant else set()
        )
        cells = [*cells[:3], "\n".join(cells[3:5]), *cells[5:7], "\n".join(cells[7:])]
        _add_row(table, cells, bold, end=_ends_group(one, rated))
    for number, name in enumerate(names, start=1):
        console.print(f"{number}: {displayed(name)}", highlight=False, markup=False, soft_wrap=True)
    _show(console, table, notes_side_by_side(comparisons))


def show_networks(
    names: Sequence[object], comparisons: Sequence[Comparison], *, title: str, per_line: bool, most_confusions: int
) -> None:
    """Print one network or several, and their confusions; arguments as those of `foldline.compare.tables.plain_output`."""
    console = table_console()
    several = len(comparisons) > 1
    for number, one in enumerate(comparisons if per_line else (), start=1):
        if several:
            console.print(f"{number}: {displayed(str(names[number - 1]))}", highlight=False, markup=False)
        for index in range(len(one.lines)):
            show_line(console, one, index, scan=False)
    if several:
        show_side_by_side(console, [str(name) for name in names], comparisons, title=title)
    else:
        show_comparison(console, comparisons[0], title=title)
    for name, one in zip(names, comparisons, strict=True) if most_confusions else ():
        title = f"{displayed(str(name))}: {confusions_title(one, most_confusions)}"
        show_confusions(console, one, most_confusions, title=title)


def show_confusions(console: Console, comparison: Comparison, most: int, *, title: str) -> None:
    """Print the most frequent confusions of a network, below a line that says whose they are."""
    console.print(title, highlight=False, markup=False)
    rows = confusion_rows(comparison, most)
    for count, expected, read in rows:
        width = max(len(row[0]) for row in rows)
        console.print(f"  {count:>{width}}  {expected} \u2192 {read}", highlight=False, markup=False)


def _table(console: Console, title: str, headings: Sequence[str], text_columns: Container[int]) -> Table:
    narrow = {"box": box.SIMPLE, "padding": (0, 1, 0, 0)} if console.width < NARROW else {}
    table = Table(title=displayed(title), title_justify="left", **narrow)
    for index, heading in enumerate(headings):
        text = index in text_columns
        table.add_column(heading, justify="left" if text else "right", no_wrap=not text)
    return table


def _add_row(table: Table, cells: Sequence[str], bold: Container[int], *, end: bool) -> None:
    """`bold`: places of the cells in bold."""
    table.add_row(*(Text(cell, "bold" if index in bold else "") for index, cell in enumerate(cells)), end_section=end)


def _ends_group(rated: RatedResult, every: Sequence[RatedResult]) -> bool:
    """Whether a result is the last one of its decoding."""
    return rated is [one for one in every if one.result.decoding == rated.result.decoding][-1]


def _show(console: Console, table: Table, messages: Iterable[str]) -> None:
    console.print(table)
    for message in messages:
        console.print(message, highlight=False, markup=False, soft_wrap=message.startswith(" "))


def show_line(console: Console, comparison: Comparison, index: int, *, scan: bool) -> None:
    """Print line `index` of a comparison: its name, its scan if wanted, its reference, and the text of each backend."""
    line = comparison.lines[index]
    console.print(displayed(line.name), style="bold", highlight=False, markup=False)
    if scan:
        console.print(braille(line.image(), width=min(console.width, 110)), highlight=False, markup=False)
    for row in line_rows(line, comparison.results, index, comparison.form):
        console.print(row, highlight=False, markup=False, soft_wrap=True)

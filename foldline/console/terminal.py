"""Terminal output of a comparison: the table of error rates, and lines with their scans."""

from __future__ import annotations

import numpy as np
from PIL import Image
from rich.console import Console
from rich.table import Table

from datapath.quoting import displayed
from foldline.compare.comparison import Comparison
from foldline.compare.tables import HEADINGS, TEXT_COLUMNS, by_decoder, line_rows, notes, table_row
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


def show_comparison(console: Console, comparison: Comparison, *, title: str) -> None:
    """Print the table of error rates, and its notes: times, agreement, and lines that are left out."""
    table = Table(title=displayed(title), title_justify="left")
    for index, heading in enumerate(HEADINGS):
        table.add_column(heading, justify="left" if index < TEXT_COLUMNS else "right")
    for group in by_decoder(comparison.results):
        for result in group:
            table.add_row(*table_row(result))
        table.add_section()
    console.print(table)
    for note in notes(comparison):
        console.print(note, highlight=False, markup=False, soft_wrap=note.startswith(" "))


def show_line(console: Console, comparison: Comparison, index: int, *, scan: bool) -> None:
    """Print line `index` of a comparison: its name, its scan if wanted, its reference, and the text of each backend."""
    line = comparison.lines[index]
    console.print(displayed(line.name), style="bold", highlight=False, markup=False)
    if scan:
        console.print(braille(line.image(), width=min(console.width, 110)), highlight=False, markup=False)
    for row in line_rows(line, comparison.results, index, comparison.form):
        console.print(row, highlight=False, markup=False, soft_wrap=True)

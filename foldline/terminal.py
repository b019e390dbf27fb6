"""What Foldline shows on a terminal: the error table, and lines with their scan."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image
from rich.console import Console
from rich.table import Table

from foldline.comparison import Comparison, Level
from train.data import Line

LEVEL_TITLES = {"float": "float PyTorch", "quantized": "quantized PyTorch", "simulated": "simulated hardware"}

_BRAILLE = 0x2800
# Dot bits of a Braille cell, 4 rows by 2 columns.
_DOTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])


def braille(image: Image.Image, *, width: int, height: int = 5) -> str:
    """Draw a scanned line in Braille dots, at most `width` x `height` characters, ink as dots.

    A line too wide for that height is drawn smaller, so that the whole of it shows.
    """
    scale = min(2 * width / image.width, 4 * height / image.height)
    columns, rows = max(int(image.width * scale), 2), max(int(image.height * scale), 4)
    grey = np.asarray(image.convert("L").resize((columns, rows), Image.Resampling.BOX))
    ink = np.zeros((-(-rows // 4) * 4, -(-columns // 2) * 2), dtype=bool)
    ink[:rows, :columns] = grey < 160
    cells = ink.reshape(ink.shape[0] // 4, 4, ink.shape[1] // 2, 2)
    codes = (cells * _DOTS[None, :, None, :]).sum(axis=(1, 3))
    return "\n".join("".join(chr(_BRAILLE + code) for code in row) for row in codes)


def show_comparison(console: Console, comparison: Comparison, *, title: str) -> None:
    """The table of error rates, and which lines are not in it."""
    table = Table(title=title, title_justify="left")
    for heading in ("level", "labels by", "CER %", "WER %", "CER % per line", "WER % per line", "exact"):
        table.add_column(heading, justify="left" if heading in ("level", "labels by") else "right")
    for level in comparison.levels:
        rates = level.rates
        table.add_row(
            LEVEL_TITLES[level.name],
            level.decoding,
            f"{rates.cer:.2f}",
            f"{rates.wer:.1f}",
            f"{rates.cer_per_line:.2f}",
            f"{rates.wer_per_line:.1f}",
            f"{rates.exact} of {rates.lines}",
        )
    console.print(table)
    console.print(
        "CER, WER: total distance / total length. Per line: the original trainer's, averaged over lines.",
        highlight=False,
    )
    if comparison.beyond:
        console.print(
            f"{comparison.beyond} of {len(comparison.lines)} lines exceed the overlay and were computed beyond its "
            "limits: no board gives these results.",
            highlight=False,
        )
    if comparison.left_out:
        console.print(
            f"{len(comparison.left_out)} lines exceed the overlay and are left out (--beyond-limits computes them):",
            highlight=False,
        )
        for sentence in comparison.left_out:
            console.print(f"  {sentence}", highlight=False, markup=False, soft_wrap=True)


def show_line(console: Console, line: Line, readings: Sequence[Level], index: int, *, scan: bool) -> None:
    """One line: its name, its scan if wanted, its truth, and what each level read."""
    console.print(line.name, style="bold", highlight=False, markup=False)
    if scan:
        console.print(braille(line.image(), width=min(console.width, 110)), highlight=False, markup=False)
    names = [f"{LEVEL_TITLES[level.name]}, {level.decoding}" for level in readings]
    width = max(map(len, names))
    console.print(f"{'truth':<{width}}  {line.text}", highlight=False, markup=False, soft_wrap=True)
    for name, level in zip(names, readings, strict=True):
        mark = "" if level.texts[index] == line.text else "  (differs)"
        console.print(f"{name:<{width}}  {level.texts[index]}{mark}", highlight=False, markup=False, soft_wrap=True)

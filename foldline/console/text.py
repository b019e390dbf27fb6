"""Text on its way to a terminal or a file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime


def printable(text: str) -> str:
    r"""The text with bytes of a file name that are no UTF-8 as escapes, which JSON reads back.

    >>> printable("a\udcff")
    'a\\udcff'
    """
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def now() -> str:
    """Date and time, as they stand in a report."""
    return datetime.now().astimezone().strftime("%Y-%m-%d %H:%M")


def plain_table(rows: Sequence[Sequence[str]], *, text_columns: int) -> Iterator[str]:
    """A table in plain lines of text, its first row underlined; the first `text_columns` columns are text, to the left, and
    the others numbers, to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for number, row in enumerate(rows):
        cells = (
            cell.ljust(width) if place < text_columns else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join(cells).rstrip()
        if number == 0:
            yield "  ".join("-" * width for width in widths)

"""Plain text output: dates, tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime


def capitalised(text: str) -> str:
    """The text with a capital letter at its beginning, the rest as it is."""
    return text[:1].upper() + text[1:]


def counted(number: int, what: str) -> str:
    """``1 line``, ``2 lines``."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def now() -> str:
    """Local date and time, as text."""
    return datetime.now().astimezone().strftime("%Y-%m-%d %H:%M")


def plain_table(rows: Sequence[Sequence[str]], *, text_columns: int, headed: bool = True) -> Iterator[str]:
    """A table as lines of text, its first row underlined if it is `headed`; the first `text_columns` columns are aligned left, others right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for number, row in enumerate(rows):
        cells = (
            cell.ljust(width) if index < text_columns else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join(cells).rstrip()
        if headed and number == 0:
            yield "  ".join("-" * width for width in widths)

"""A table of results as CSV and as LaTeX: named columns with units, and rows of texts, numbers and numbers with intervals."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from datapath.errors import ConfigError
from datapath.files import write_text

Cell = str | bool | int | float | None
"""A text, yes or no, a number, or None for no value."""

TEX_CHARACTERS = {
    **{character: f"\\{character}" for character in "{}$&#_%"},
    "\\": r"\textbackslash{}",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    # In LaTeX's default encoding these give other characters, or start a command of babel.
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "''",
}


@dataclass(frozen=True, kw_only=True)
class WithInterval:
    """A number with the ends of its interval, in the unit of its column; both are None where the interval is not known."""

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a table.

    title     in the header
    unit      of its numbers, in the header behind the title; empty without one
    digits    of its numbers after the point in LaTeX, 0 or more; CSV has all digits
    interval  whether its cells are `WithInterval`: three columns in CSV, one in LaTeX
    in_tex    whether LaTeX has it, too: a page is not as wide as a file
    """

    title: str
    unit: str = ""
    digits: int = 0
    interval: bool = False
    in_tex: bool = True


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table of results.

    columns  of all rows
    rows     a cell for each column; None for an empty one
    notes    what a reader must know of the numbers: comments in LaTeX

    :raises ConfigError: a row has another number of cells, or a cell does not suit its column.
    """

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell | WithInterval, ...], ...]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for number, row in enumerate(self.rows, start=1):
            if len(row) != len(self.columns):
                raise ConfigError(f"row {number} has {len(row)} cells; the table has {len(self.columns)} columns.")
            for column, cell in zip(self.columns, row, strict=True):
                if cell is not None and isinstance(cell, WithInterval) is not column.interval:
                    kind = "a number with an interval" if column.interval else "a text or a number"
                    raise ConfigError(f"row {number} has {cell!r} for {column.title!r}; it must be {kind}.")


def write_table(folder: str | os.PathLike, table: Table, *, name: str = "table") -> tuple[Path, Path]:
    """Write a table as ``NAME.csv`` and ``NAME.tex``, each whole or not at all.

    :param folder: that exists.
    :param table: to write.
    :param name: of the files, without a suffix.
    :return: their paths.
    :raises FileError: a file cannot be written.
    """
    csv_path, tex_path = (Path(folder) / f"{name}.{suffix}" for suffix in ("csv", "tex"))
    write_text(csv_path, csv_text(table))
    write_text(tex_path, tex_text(table))
    return csv_path, tex_path


def csv_text(table: Table) -> str:
    """A table as comma-separated values with a header; numbers have all their digits, and no value is an empty cell.

    >>> rate = Column(title="CER", unit="%", digits=2, interval=True)
    >>> table = Table(columns=(Column(title="network"), rate), rows=(("W2A4", WithInterval(value=1.639, low=0.55, high=3.1)),))
    >>> csv_text(table)
    'network,CER (%),CER low (%),CER high (%)\\nW2A4,1.639,0.55,3.1\\n'

    :param table: to write.
    """
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    names = (
        (column, f"{column.title}{end}")
        for column in table.columns
        for end in (("", " low", " high") if column.interval else ("",))
    )
    writer.writerow(f"{name} ({column.unit})" if column.unit else name for column, name in names)
    writer.writerows(_csv_cells(table, row) for row in table.rows)
    return _encodable(written.getvalue())


def tex_text(table: Table) -> str:
    """A table as a LaTeX ``tabular`` to ``\\input`` in a paper; needs the package booktabs.

    >>> rate = Column(title="CER", unit="%", digits=2, interval=True)
    >>> table = Table(columns=(Column(title="network"), rate), rows=(("W2A4", WithInterval(value=1.639, low=0.55, high=3.1)),))
    >>> tex_text(table).splitlines()[-3]
    'W2A4 & 1.64 [0.55, 3.10] \\\\\\\\'

    :param table: to write.
    """
    shown = [index for index, column in enumerate(table.columns) if column.in_tex]
    columns = [table.columns[index] for index in shown]
    header = (f"{one.title} ({one.unit})" if one.unit else one.title for one in columns)
    rows = [tuple(_tex_cell(table.columns[index], row[index]) for index in shown) for row in table.rows]
    lines = [
        f"\\begin{{tabular}}{{{''.join(_alignment(table, index) for index in shown)}}}",
        r"\toprule",
        _tex_row(_tex(title) for title in header),
        r"\midrule",
        *map(_tex_row, rows),
        r"\bottomrule",
        r"\end{tabular}",
    ]
    notes = [f"% {' '.join(note.split())}" for note in table.notes]
    if not all(map(str.isascii, lines)):
        notes.append("% Not all characters are ASCII: XeLaTeX and LuaLaTeX take all that their font has.")
    return _encodable("\n".join((r"% \usepackage{booktabs}", *notes, *lines)) + "\n")


def _csv_cells(table: Table, row: tuple[Cell | WithInterval, ...]) -> Iterator[str]:
    for column, cell in zip(table.columns, row, strict=True):
        if column.interval:
            values = (None, None, None) if cell is None else (cell.value, cell.low, cell.high)
            yield from (_word(value, none="") for value in values)
        else:
            yield _word(cell, none="")


def _word(cell: Cell, *, none: str) -> str:
    return none if cell is None else {True: "yes", False: "no"}[cell] if isinstance(cell, bool) else str(cell)


def _alignment(table: Table, index: int) -> str:
    """Left for a column with a text, else right."""
    return "l" if any(isinstance(row[index], str | bool) for row in table.rows) else "r"


def _tex_cell(column: Column, cell: Cell | WithInterval) -> str:
    digits = f".{column.digits}f"
    if isinstance(cell, WithInterval):
        if cell.low is None or cell.high is None:
            return _number(f"{cell.value:{digits}}")
        low, high = (_number(f"{end:{digits}}") for end in (cell.low, cell.high))
        return f"{_number(f'{cell.value:{digits}}')} [{low}, {high}]"
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        return _number(f"{cell:{digits}}")
    return "--" if cell is None else _tex(_word(cell, none=""))


def _number(digits: str) -> str:
    """With a minus sign instead of a hyphen, and thin spaces between groups of three digits from 10 000 on."""
    whole, point, rest = digits.removeprefix("-").partition(".")
    grouped = f"{int(whole):,}".replace(",", r"\,") if whole.isdecimal() and len(whole) > 4 else whole
    return f"{'$-$' if digits.startswith('-') else ''}{grouped}{point}{rest}"


def _tex(text: str) -> str:
    """A text with no character that LaTeX reads as a command; control characters are spaces."""
    printable = "".join(character if character.isprintable() else " " for character in _encodable(text))
    escaped = "".join(TEX_CHARACTERS.get(character, character) for character in printable)
    return escaped.replace("--", "-{-}")  # not a dash


def _tex_row(cells: Iterator[str] | tuple[str, ...]) -> str:
    row = " & ".join(cells)
    # After the end of a row or a rule, LaTeX takes these for an argument of it.
    return f"{'{}' if row.startswith(('[', '*', '(')) else ''}{row} \\\\"


def _encodable(text: str) -> str:
    """File names may contain bytes that are not UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode()

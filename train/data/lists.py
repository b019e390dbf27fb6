"""List files: one line per row, `relative/name,ground truth`, as UW3-500 has them or with the quotes of CSV.

UW3-500's own lists have no quoting: a row is split at its first comma, and a quote is a character of the text, also where
it never closes. Lists that programs write have the quoting of RFC 4180. A list is read as CSV if in every row whose name
or text begins with a quote, that quote closes at the end of the name or text; else all quotes are characters.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from datapath.errors import FileError
from datapath.reading import BYTE_ORDER_MARK, read_text

MAX_BYTES = 128 * 2**20
"""Limit of a list or table: a million lines of 128 bytes."""

MAX_ROWS = 1_000_000
MAX_ROW = 2**16
"""Characters of a row; longer ones are left out."""


@dataclass(frozen=True)
class Row:
    """One row of a list or table: the number of its first line, from 1, the name of an image, its text."""

    number: int
    name: str
    text: str


@dataclass(frozen=True)
class ListFile:
    """What a list says.

    rows       in the order of the file; blank ones are passed over
    malformed  (number of the row, why it says nothing)
    notes      messages on how quotes are read, where that could be doubted
    """

    rows: tuple[Row, ...]
    malformed: tuple[tuple[int, str], ...] = ()
    notes: tuple[str, ...] = ()


def rows_of(text: str) -> list[str]:
    """The rows of a text, without line ends (LF, CRLF, or CR if the text has no other) and byte order marks."""
    if "\n" not in text:
        text = text.replace("\r", "\n")
    return [row.removesuffix("\r").lstrip(BYTE_ORDER_MARK) for row in text.split("\n")]


def require_few_rows(text: str, name: object) -> None:
    """Refuse a list or table of too many rows, before it is split into them; each takes some hundred bytes of memory.

    :param text: its content.
    :param name: of the list.
    :raises FileError: more than `MAX_ROWS`.
    """
    count = max(text.count("\n"), text.count("\r")) + (not text.endswith(("\n", "\r")))
    if count > MAX_ROWS:
        raise FileError(f"{name} has {count} rows; at most {MAX_ROWS} are read of a list.", about=name)


def read_list(path: str | os.PathLike) -> ListFile:
    """Read a list file.

    :param path: of the list.
    :raises FileError: see `datapath.reading.read_text`, or it has more than `MAX_ROWS` rows.
    """
    return parse_list(read_text(path, limit=MAX_BYTES, pipes=True), name=str(path))


def parse_list(text: str, *, name: str) -> ListFile:
    """The rows of a list.

    :param text: its content.
    :param name: of the list, in messages.
    :raises FileError: see `require_few_rows`.
    """
    quoted: dict[int, tuple[str, str] | None] = {}
    plain: dict[int, tuple[str, str]] = {}
    malformed: dict[int, str] = {}
    require_few_rows(text, name)
    for number, row in enumerate(rows_of(text), start=1):
        if not row.strip():
            continue
        if len(row) > MAX_ROW:
            malformed[number] = f"it has {len(row)} characters; allowed are {MAX_ROW}."
            continue
        first, comma, rest = row.partition(",")
        if not comma:
            malformed[number] = "it has no comma; it must be `relative/name,ground truth`."
            continue
        plain[number] = first, rest
        if row.startswith('"') or rest.startswith('"'):
            quoted[number] = _unquoted(row)
    is_csv = bool(quoted) and None not in quoted.values()
    read = {**plain, **quoted} if is_csv else plain
    return ListFile(
        rows=tuple(Row(number, *read[number]) for number in sorted(read)),
        malformed=tuple(malformed.items()),
        notes=tuple(_doubts(name, plain, quoted)),
    )


def list_text(rows: Iterable[tuple[str, str]]) -> str:
    """The content of a list that reads back as `rows`: without quoting where that is possible, else as CSV.

    :param rows: (name, text) of each line; neither holds a line break, and no name a comma.
    """
    rows = list(rows)
    plain = "".join(f"{name},{text}\n" for name, text in rows)
    back = parse_list(plain, name="")
    if not back.notes and [(row.name, row.text) for row in back.rows] == rows:
        return plain
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows(rows)
    return written.getvalue()


def why_not_inner_path(name: str) -> str | None:
    """Why a name cannot be that of an image, or None."""
    return None if is_inner_path(name) else f"{name!r} is not a relative path within the folder of images."


def is_inner_path(name: str) -> bool:
    """Whether `name` can only mean a file below the folder it is joined to, on any system."""
    path = PurePosixPath(name)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts and not set(name) & set("\\:\0")


def _unquoted(row: str) -> tuple[str, str] | None:
    """The two fields of a row as CSV; None if a quote does not close at the end of its field."""
    try:
        fields = next(csv.reader([row], strict=True))
    except csv.Error:
        return None
    return (fields[0], fields[1]) if len(fields) == 2 else None


def _doubts(name: str, plain: dict[int, tuple[str, str]], quoted: dict[int, tuple[str, str] | None]) -> Iterable[str]:
    """Messages where quotes could have been meant otherwise than they are read."""
    closed = [number for number, fields in quoted.items() if fields is not None]
    if len(closed) < len(quoted):
        open_row = next(number for number, fields in quoted.items() if fields is None)
        if closed:
            yield (
                f"{name} is not read as CSV, as the quote on line {open_row} does not close. Rows whose "
                f"quotes close, and are read as characters: {len(closed)}, the first is line {closed[0]}."
            )
        return
    needed = any("," in text or '"' in text or plain[number][0].startswith('"') for number, (_, text) in quoted.items())
    if quoted and not needed and not 1 < len(quoted) == len(plain):
        yield (
            f"{name} is read as CSV: the quotes around the texts of {len(closed)} of {len(plain)} rows are no part of "
            f"them, the first on line {closed[0]}."
        )

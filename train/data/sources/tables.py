"""Tables, .csv and .tsv: an image and its text per row, read by the csv module."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from datapath.reading import read_text
from train.data.left_out import LeftOut
from train.data.lists import MAX_BYTES, Row, require_few_rows

IMAGE_COLUMNS = (
    *("image", "file", "filename", "file_name", "path", "image_path", "image_name", "image_file", "img", "name"),
    *("filepath", "file_path", "line_image", "line"),
)
TEXT_COLUMNS = (
    *("text", "transcription", "transcript", "ground_truth", "groundtruth", "gt", "label", "truth", "reference"),
    *("sentence", "words"),
)
"""Names of columns, in order of preference, in lower case and with underscores for spaces and dashes."""

DELIMITERS = (",", "\t", ";")


@dataclass(frozen=True)
class _Columns:
    image: int
    text: int
    count: int  # of a row


def read_table(path: Path, is_image: Callable[[str], bool], left_out: LeftOut, notes: list[str]) -> Iterator[Row]:
    """The rows of a table.

    The columns are those whose names in the first row are among `IMAGE_COLUMNS` and `TEXT_COLUMNS`, else the first two.
    The delimiter is a tab in a .tsv; elsewhere the first of `DELIMITERS` with which the first row has such names, or
    names an image.

    :param path: of the table.
    :param is_image: whether a name in the table is that of an image.
    :param left_out: takes the rows that cannot be read.
    :param notes: takes a message on rows whose texts have delimiters without quotes.
    :raises FileError: the file cannot be read.
    """
    text = read_text(path, limit=MAX_BYTES)
    require_few_rows(text, path)
    lines = io.StringIO(text, newline="").readlines()
    delimiter, columns = _form(path, lines, is_image)
    records = list(_records(lines, delimiter, left_out, path))
    if columns is None:  # no header; a text without quotes may hold the delimiter
        columns = _Columns(0, 1, min((len(row) for _, row in records if len(row) > 1), default=2))
    else:
        del records[0]
    unquoted = []
    for number, row in records:
        if len(row) > columns.count == 2 and columns.text == 1 and not any('"' in field for field in row):
            unquoted.append(number)
            row = [row[0], delimiter.join(row[1:])]
        if len(row) == columns.count:
            yield Row(number, row[columns.image], row[columns.text])
        else:
            why = f"it has {len(row)} columns in place of {columns.count}; a {delimiter!r} in a text needs quotes."
            left_out.add(f"rows of {path}", f"{path} line {number}", why)
    if unquoted:
        notes.append(
            f"{path}: texts that hold {delimiter!r} without quotes are read up to the end of the row: {len(unquoted)}, the "
            f"first is on line {unquoted[0]}."
        )


def _form(path: Path, lines: list[str], is_image: Callable[[str], bool]) -> tuple[str, _Columns | None]:
    """Delimiter and columns, by the first row; None for the columns if it has no names of columns."""
    delimiters = ("\t",) if path.suffix.lower() == ".tsv" else DELIMITERS
    for delimiter in delimiters:
        first = next((row for _, row in _records(lines, delimiter, LeftOut(), path)), [""])
        names = [name.strip().lower().replace(" ", "_").replace("-", "_") for name in first]
        image = next((names.index(name) for name in IMAGE_COLUMNS if name in names), None)
        text = next((names.index(name) for name in TEXT_COLUMNS if name in names), None)
        names_image = is_image(first[0])
        if image is not None and text is not None and not names_image:
            return delimiter, _Columns(image, text, len(first))
        if len(first) > 1 and names_image:
            break
    else:
        delimiter = delimiters[0]
    return delimiter, None


def _records(lines: list[str], delimiter: str, left_out: LeftOut, path: Path) -> Iterator[tuple[int, list[str]]]:
    """(number of the first line, fields) of each row; a row whose quotes are wrong is left out."""
    start = 0
    while start < len(lines):
        rest = (lines[index] for index in range(start, len(lines)))
        reader = csv.reader(rest, delimiter=delimiter, strict=True)
        done = 0
        try:
            for row in reader:
                if any(field.strip() for field in row):
                    yield start + done + 1, row
                done = reader.line_num
            return
        except csv.Error as error:
            left_out.add(
                f"rows of {path}", f"{path} line {start + done + 1}", f"its quotes are not those of CSV: {error}."
            )
            start += done + 1

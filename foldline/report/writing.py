"""Writes a report: the page, and the files of its export."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from datapath.errors import FileError
from datapath.files import atomic_write, file_errors, is_folder, write_text
from foldline.compare.comparison import Progress
from foldline.report.inputs import ReportInputs
from foldline.report.page import render_page
from foldline.report.paper_table import paper_table
from foldline.report.tables import write_table
from foldline.report.values import json_text
from foldline.report.view import ReportView, compute_report

DATA = "data.json"


def write_report(
    path: str | os.PathLike,
    inputs: ReportInputs,
    *,
    export: str | os.PathLike | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> None:
    """Write a report, every file whole or not at all.

    :param path: of the page.
    :param inputs: of the report.
    :param export: a folder for a table, figures and numbers, see `write_export`; None writes none.
    :param threads: worker threads; None for one per processor.
    :param progress: shows the progress.
    :raises FileError: a file or the folder cannot be written.
    :raises ConfigError, MismatchError: see `foldline.report.view.compute_report`.
    """
    view = compute_report(inputs, threads=threads, progress=progress)
    write_text(path, render_page(view))
    if export is not None:
        write_export(export, view)


def render_report(inputs: ReportInputs, *, threads: int | None = None, progress: Progress | None = None) -> str:
    """The page of a report; the same inputs give the same text.

    :param inputs: of the report.
    :param threads: worker threads; None for one per processor.
    :param progress: shows the progress.
    :raises ConfigError, MismatchError: see `foldline.report.view.compute_report`.
    """
    return render_page(compute_report(inputs, threads=threads, progress=progress))


def require_exportable(folder: str | os.PathLike, runs: Iterable[str | os.PathLike] = ()) -> None:
    """Make the folder of an export, before the long computation.

    :param folder: which need not exist yet; its files of other names stay.
    :param runs: folders of runs, of which the export must be none.
    :raises FileError: it is a file or the folder of a run, or cannot be made or written to.
    """
    if Path(folder).exists() and not is_folder(folder):
        raise FileError(f"Cannot write to {folder}: it is not a folder.")
    for run in runs:
        if os.path.realpath(run) == os.path.realpath(folder):
            raise FileError(f"Cannot write to {folder}: it is the folder of the run {run}.")
    with file_errors("make the folder", folder):
        Path(folder).mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise FileError(f"Cannot write to {folder}: permission denied.")


def write_export(folder: str | os.PathLike, view: ReportView) -> None:
    """Write the table of a report as ``table.csv`` and ``table.tex``, its numbers as ``data.json``, and each of its figures as
    SVG and PDF. Earlier files of these names are replaced; others stay.

    :param folder: that is made if it does not exist.
    :param view: the report's values.
    :raises FileError: the folder cannot be made, or a file cannot be written.
    """
    require_exportable(folder)
    write_table(folder, paper_table(view))
    write_text(Path(folder) / DATA, json_text(view))
    for drawing in view.drawings:
        for name, content in drawing.files().items():
            with atomic_write(Path(folder) / name) as handle:
                handle.write(content)

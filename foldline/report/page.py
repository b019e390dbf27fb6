"""Renders a report as one HTML page."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Iterable
from importlib.resources import files
from operator import attrgetter
from pathlib import Path

from markupsafe import Markup

from datapath.errors import FileError
from datapath.files import is_folder
from datapath.streams import is_stream
from datapath.templates import render_template
from datapath.version import TOOL
from foldline.hardware.estimate import RESOURCE_TITLES
from foldline.inspect.report import HEADINGS, TEXT_COLUMNS
from foldline.report import histograms
from foldline.report.class_plot import LANE, LANES, PROFILE
from foldline.report.numbers import grouped
from foldline.report.view import ReportView, RunView

PAGES = (".html", ".htm")
"""Suffixes of reports."""

_CONTROLS = (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
CONTROL_CHARACTERS = {code: "\N{REPLACEMENT CHARACTER}" for code in _CONTROLS if chr(code) not in "\t\n"}
"""Control characters, and those that reorder the text after them, are replaced in a page."""

PRINTED_LINES = 20
"""Lines that are printed in full on paper; of the others, one row each is printed."""


def require_writable(path: str | os.PathLike, runs: Iterable[str | os.PathLike] = ()) -> None:
    """Check early that a report can be written.

    :param runs: folders of runs, in which only an earlier report may be overwritten.
    :raises FileError: `path` is a folder, its folder does not exist, or it is a run's file.
    """
    if is_stream(path):
        return
    if is_folder(path):
        raise FileError(f"Cannot write {path}: it is a folder.")
    if not is_folder(Path(path).absolute().parent):
        raise FileError(f"Cannot write {path}: there is no folder {Path(path).parent}.")
    real = Path(os.path.realpath(path))
    if not real.is_file() or real.suffix.lower() in PAGES:
        return
    for run in runs:
        if Path(os.path.realpath(run)) in real.parents:
            raise FileError(f"Cannot write {path}: it is a file of the run {run}.")


def render_page(view: ReportView) -> str:
    """Render a report as one self-contained HTML page; the same values give the same text.

    :param view: the report's values.
    """
    return _page(
        view=view,
        inputs=view.inputs,
        tool=TOOL,
        runs=view.runs,
        hardware=view.hardware,
        accuracy=view.accuracy,
        measured=view.measured,
        lines=view.lines,
        printed_lines=PRINTED_LINES,
        left_out=view.left_out,
        resources=RESOURCE_TITLES,
        headings=HEADINGS,
        text_columns=TEXT_COLUMNS,
        histogram_size=(histograms.WIDTH, histograms.HEIGHT),
        plot_sizes={"lane": LANE, "lanes": LANES, "profile": PROFILE},
    )


def _visible(text: str) -> str:
    """A text with open boxes for spaces, and replacement characters for characters that cannot be printed."""
    return "".join("\N{OPEN BOX}" if c == " " else c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def _grouped_by(views: Iterable[RunView], of: str) -> list[tuple[object, list[RunView]]]:
    """Group runs by an attribute, in the order of each group's first run."""
    found: dict[object, list[RunView]] = {}
    for view in views:
        found.setdefault(attrgetter(of)(view), []).append(view)
    return list(found.items())


def _page(**values: object) -> str:
    """Render the template with its styles and its script; the page's policy allows only the script with this digest."""
    folder = files("foldline.report") / "templates"
    style, script = ((folder / name).read_text(encoding="utf-8") for name in ("report.css", "report.js"))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    text = render_template(
        "foldline.report",
        "report.html.j2",
        html=True,
        filters={"grouped": grouped, "visible": _visible, "grouped_by": _grouped_by},
        style=Markup(style),
        script=Markup(script),
        script_digest=digest,
        **values,
    )
    # File names may contain bytes that are not UTF-8, and control characters.
    return text.encode("utf-8", "backslashreplace").decode().translate(CONTROL_CHARACTERS)

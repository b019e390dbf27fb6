"""The legend of a figure: as many entries in a row as fit, each as wide as its text (matplotlib's has equal columns)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from foldline.report.drawing import SMALL, WIDTH, text_width

Entry = tuple[str, Mapping[str, object]]
"""A label, and the style of its line, or of its mark if the style's `linestyle` is empty."""

ROW, EDGE, KEY, KEY_GAP, GAP = 10, 4, 13, 3, 7
"""Height of a row, margin at both sides, width of a key, space behind it, and space behind an entry, in points."""


def legend_height(entries: Sequence[Entry]) -> float:
    """Height of a legend in points.

    :param entries: of the legend.
    """
    return ROW * len(_rows(entries))


def write_legend(figure: Figure, entries: Sequence[Entry]) -> None:
    """Write a legend at the top of a figure.

    :param figure: as wide as a column, `WIDTH`.
    :param entries: of the legend.
    """
    height = 72 * figure.get_size_inches()[1]
    for number, row in enumerate(_rows(entries)):
        x, y = EDGE, 1 - ROW * (number + 0.6) / height
        for label, style in row:
            at = [x + KEY / 2] if style.get("linestyle") == "" else [x, x + KEY]
            figure.add_artist(Line2D([one / WIDTH for one in at], [y] * len(at), **style))
            figure.text((x + KEY + KEY_GAP) / WIDTH, y, label, va="center_baseline", fontsize=SMALL)
            x += _entry_width(label) + GAP


def fitting(text: str, width: float) -> str:
    """A text, cut with an ellipsis where it is too wide.

    :param text: one line.
    :param width: in points.
    """
    if text_width(text) <= width:
        return text
    return next((cut for end in range(len(text), 0, -1) if text_width(cut := f"{text[:end]}…") <= width), "…")


def _entry_width(label: str) -> float:
    return KEY + KEY_GAP + text_width(label)


def _rows(entries: Sequence[Entry]) -> list[list[Entry]]:
    rows: list[list[Entry]] = [[]]
    for entry in entries:
        label = fitting(entry[0], WIDTH - 2 * EDGE - KEY - KEY_GAP)
        used = sum(_entry_width(one) + GAP for one, _ in rows[-1])
        if rows[-1] and used + _entry_width(label) > WIDTH - 2 * EDGE:
            rows.append([])
        rows[-1].append((label, entry[1]))
    return rows

"""The lines of a report, worst first: what every run read on them, and where that differs from the truth."""

from __future__ import annotations

import base64
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from datapath.error_rates import align, edit_distance
from foldline.report.inputs import ReportRun, short_name
from train.data.dataset import Line

RIGHT, WRONG, MISSING, EXTRA = "right", "wrong", "missing", "extra"
"""What a part of a reading is beside the truth: equal, in place of something else, a gap, too much."""


ALL_LEVELS = "all levels"
"""Stands for them where they read the same."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """Neighbouring characters of a reading; `truth` is what stands in their place there."""

    kind: str
    text: str
    truth: str = ""


@dataclass(frozen=True, kw_only=True)
class RecognisedText:
    """One text that levels of a run read on a line, and its edit distance from the truth."""

    levels: tuple[str, ...]
    text: str
    errors: int
    parts: tuple[Part, ...]


@dataclass(frozen=True, kw_only=True)
class RunOnLine:
    """A run on a line: its number in the report, from 0; the line's place in its comparison; errors of the level that it
    is judged by, None without one; and its readings."""

    number: int
    name: str
    index: int
    errors: int | None
    readings: tuple[RecognisedText, ...]


@dataclass(frozen=True, kw_only=True)
class LineView:
    """A line, with every run that read it."""

    line: Line
    dataset: str
    runs: tuple[RunOnLine, ...]

    @property
    def errors(self) -> int:
        """Of all runs together."""
        return sum(run.errors or 0 for run in self.runs)

    @property
    def rate(self) -> float:
        """Errors per character of the truth."""
        return self.errors / max(1, len(self.line.text) * len(self.runs))


def worst_first(runs: Sequence[ReportRun]) -> list[LineView]:
    """Every line that at least one run read: by errors, then by their rate, then as in the dataset."""
    found: dict[tuple, list[RunOnLine]] = {}
    lines: dict[tuple, Line] = {}
    for number, run in enumerate(runs):
        for key, index in _keys(run):
            lines.setdefault(key, run.comparison.lines[index])
            found.setdefault(key, []).append(_on_line(run, number, index))
    views = [LineView(line=lines[key], dataset=key[0], runs=tuple(found[key])) for key in lines]
    return sorted(views, key=lambda view: (-view.errors, -view.rate))


def _keys(run: ReportRun) -> Iterator[tuple[tuple, int]]:
    """What makes a line the same one in two runs, with its place; one that is there twice stays two."""
    seen: Counter = Counter()
    for index, line in enumerate(run.comparison.lines):
        key = (run.dataset_name, line.name, line.text)
        seen[key] += 1
        yield (*key, seen[key]), index


def _on_line(run: ReportRun, number: int, index: int) -> RunOnLine:
    truth = run.comparison.lines[index].text
    by_text: dict[str, dict[str, list[str]]] = {}
    for level in run.comparison.results:
        if index < len(level.texts):
            by_text.setdefault(level.texts[index], {}).setdefault(level.title, []).append(level.decoding)
    readings = tuple(
        RecognisedText(
            levels=_names(levels) if len(by_text) > 1 else (ALL_LEVELS,),
            text=text,
            errors=edit_distance(truth, text),
            parts=tuple(differences(truth, text)),
        )
        for text, levels in by_text.items()
    )
    judged = run.judged
    errors = None if judged is None else edit_distance(truth, judged.texts[index])
    return RunOnLine(number=number, name=short_name(run, number + 1), index=index, errors=errors, readings=readings)


def _names(levels: dict[str, list[str]]) -> tuple[str, ...]:
    """Levels, each with its label rules."""
    return tuple(f"{title}, {' and '.join(decodings)}" for title, decodings in levels.items())


def differences(truth: str, reading: str) -> Iterator[Part]:
    """The reading from left to right, in parts of one kind; as few wrong, missing and extra characters as can be.

    >>> [(part.kind, part.text, part.truth) for part in differences("stress", "sters")]
    [('right', 'st', ''), ('missing', '', 'r'), ('right', 'e', ''), ('wrong', 'r', 's'), ('right', 's', '')]
    """
    if truth == reading:
        if truth:
            yield Part(kind=RIGHT, text=truth)
        return
    extras, read = align(truth, reading)
    pieces: list[tuple[str, str, str]] = []
    for extra, character, got in zip(extras, [*truth, ""], [*read, ""], strict=True):
        pieces += [(EXTRA, one, "") for one in extra]
        if got == character:
            pieces.append((RIGHT, got, ""))
        else:
            pieces.append((WRONG if got else MISSING, got, character))
    kind, text, instead = None, "", ""
    for piece in [piece for piece in pieces if piece[1] or piece[2]] + [(None, "", "")]:
        if piece[0] != kind and kind is not None:
            yield Part(kind=kind, text=text, truth=instead)
            text, instead = "", ""
        kind, text, instead = piece[0], text + piece[1], instead + piece[2]


def scan_uri(pixels: np.ndarray) -> str:
    """The line as the network's columns, ink dark on paper in 16 levels of grey, as a PNG within the page.

    :param pixels: uint8 [T, I], ink bright.
    """
    levels = 15 - (pixels.T >> 4)
    picture = Image.fromarray(np.ascontiguousarray(levels))
    picture.putpalette([level * 17 for level in range(16) for _ in "rgb"])
    written = io.BytesIO()
    picture.save(written, format="png", optimize=True, bits=4)
    return f"data:image/png;base64,{base64.b64encode(written.getvalue()).decode()}"

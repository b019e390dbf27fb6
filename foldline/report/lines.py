"""The lines of a report, those with most errors first: the recognised texts, and their differences from the reference."""

from __future__ import annotations

import base64
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from operator import itemgetter

import numpy as np
from PIL import Image

from datapath.error_rates import align, edit_distance
from foldline.report.inputs import ReportRun, short_name
from train.data.dataset import Line

RIGHT, WRONG, MISSING, EXTRA = "right", "wrong", "missing", "extra"
"""Kinds of parts of a text, compared with the reference: equal, substituted, deleted, inserted."""

ALL_BACKENDS = "all backends"
"""Heading if all backends read the same text."""


@dataclass(frozen=True, kw_only=True)
class TextPart:
    """Consecutive characters of one kind, and the characters of the reference if they differ."""

    kind: str
    text: str
    reference: str = ""


@dataclass(frozen=True, kw_only=True)
class RecognisedText:
    """A text that one or more backends read on a line; `errors` is its edit distance from the reference."""

    backends: tuple[str, ...]
    text: str
    errors: int
    parts: tuple[TextPart, ...]


@dataclass(frozen=True, kw_only=True)
class RunOnLine:
    """What run `number` (from 0) read on line `index` of its comparison; `errors` are those of its main result."""

    number: int
    name: str
    index: int
    errors: int | None
    texts: tuple[RecognisedText, ...]


@dataclass(frozen=True, kw_only=True)
class LineView:
    """A line, with all runs that read it."""

    line: Line
    dataset: str
    runs: tuple[RunOnLine, ...]

    @property
    def errors(self) -> int:
        """Errors of all runs together."""
        return sum(run.errors or 0 for run in self.runs)

    @property
    def rate(self) -> float:
        """Errors per character of the reference."""
        return self.errors / max(1, len(self.line.text) * len(self.runs))


def worst_first(runs: Sequence[ReportRun]) -> list[LineView]:
    """All lines of all runs, by decreasing errors, then error rate, then in the dataset's order."""
    found: dict[tuple, list[RunOnLine]] = {}
    lines: dict[tuple, Line] = {}
    for number, run in enumerate(runs):
        for key, index in line_keys(run):
            line = run.comparison.lines[index]
            lines.setdefault(key, replace(line, text=run.comparison.form.shown(line.text)))
            found.setdefault(key, []).append(_on_line(run, number, index))
    views = [LineView(line=lines[key], dataset=key[0], runs=tuple(found[key])) for key in lines]
    return sorted(views, key=lambda view: (-view.errors, -view.rate))


def line_keys(run: ReportRun) -> Iterator[tuple[tuple, int]]:
    """A key of each line, equal in all runs, and the line's index; repeated lines get different keys."""
    seen: Counter = Counter()
    for index, line in enumerate(run.comparison.lines):
        key = (run.dataset_name, line.name, run.comparison.form.shown(line.text))
        seen[key] += 1
        yield (*key, seen[key]), index


def _on_line(run: ReportRun, number: int, index: int) -> RunOnLine:
    reference, shown = run.comparison.lines[index].text, run.comparison.form.shown
    by_text: dict[str, dict[str, list[str]]] = {}
    for result in run.comparison.results:
        if index < len(result.texts):
            by_text.setdefault(result.texts[index], {}).setdefault(result.title, []).append(result.decoding)
    texts = tuple(
        RecognisedText(
            backends=tuple(f"{title}, {' and '.join(decodings)}" for title, decodings in titles.items())
            if len(by_text) > 1
            else (ALL_BACKENDS,),
            text=shown(text),
            errors=edit_distance(reference, text),
            parts=tuple(differences(shown(reference), shown(text))),
        )
        for text, titles in by_text.items()
    )
    main = run.main_result
    errors = None if main is None else edit_distance(reference, main.texts[index])
    return RunOnLine(number=number, name=short_name(run, number + 1), index=index, errors=errors, texts=texts)


def differences(reference: str, text: str) -> Iterator[TextPart]:
    """Split a recognised text into parts of one kind, with the fewest wrong, missing and extra characters.

    >>> [(part.kind, part.text, part.reference) for part in differences("stress", "sters")]
    [('right', 'st', ''), ('missing', '', 'r'), ('right', 'e', ''), ('wrong', 'r', 's'), ('right', 's', '')]
    """
    if reference == text:
        if reference:
            yield TextPart(kind=RIGHT, text=reference)
        return
    extras, read = align(reference, text)
    pieces: list[tuple[str, str, str]] = []
    for extra, character, got in zip(extras, [*reference, ""], [*read, ""], strict=True):
        pieces += [(EXTRA, one, "") for one in extra]
        pieces.append((RIGHT, got, "") if got == character else (WRONG if got else MISSING, got, character))
    for kind, group in groupby((piece for piece in pieces if piece[1] or piece[2]), key=itemgetter(0)):
        _, got, expected = map("".join, zip(*group, strict=True))
        yield TextPart(kind=kind, text=got, reference=expected)


def scan_uri(pixels: np.ndarray) -> str:
    """The network's input pixels, uint8 [T, I], ink bright, as the URI of a PNG with 16 grey levels and dark ink."""
    picture = Image.fromarray(np.ascontiguousarray(15 - (pixels.T >> 4)))
    picture.putpalette([level * 17 for level in range(16) for _ in "rgb"])
    written = io.BytesIO()
    picture.save(written, format="png", optimize=True, bits=4)
    return f"data:image/png;base64,{base64.b64encode(written.getvalue()).decode()}"

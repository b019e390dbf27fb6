"""Agreement of the bit-exact backends: simulator, C simulation, RTL and board, label by label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from foldline.console.text import counted

SIMULATED, CSIM, RTL, BOARD = "simulated", "csim", "rtl", "board"

BIT_EXACT_BACKENDS = (SIMULATED, CSIM, RTL, BOARD)
"""They compute the same bits of a design, so that any difference is an error."""


@dataclass(frozen=True, kw_only=True)
class LineResult:
    """What one backend computes for a line.

    labels     emitted labels
    text       the labels' symbols
    mismatch   first difference from the simulator in anything, such as a hidden word; empty if there is none
    """

    labels: tuple[int, ...]
    text: str
    mismatch: str = ""


@dataclass(frozen=True, kw_only=True)
class Disagreement:
    """A line for which two backends differ.

    line       name of the line
    backends   names of the two
    labels     of each
    texts      of each
    first      place of the first label that differs, from 0, or the end of the shorter list; None where they are equal
    mismatch   of the second's `LineResult`
    """

    line: str
    backends: tuple[str, str]
    labels: tuple[tuple[int, ...], tuple[int, ...]]
    texts: tuple[str, str]
    first: int | None
    mismatch: str

    @property
    def message(self) -> str:
        """``a/7: simulated and board differ from label 3 on (the first is label 0); they have 9 and 8 labels.``"""
        pair = f"{self.line}: {self.backends[0]} and {self.backends[1]}"
        if self.first is None:
            return f"{pair} have equal labels, but: {self.mismatch}"
        counts = " and ".join(str(len(labels)) for labels in self.labels)
        mismatch = f" {self.mismatch}" if self.mismatch else ""
        return f"{pair} differ from label {self.first} on (the first is label 0); they have {counts} labels.{mismatch}"


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """Whether backends agree.

    backends        names of those that were compared, at least two
    lines           lines that each has computed, the first ones
    labels          labels of the first backend on all lines that two or more have computed
    disagreements   in the order of the lines; empty if all agree
    """

    backends: tuple[str, ...]
    lines: tuple[int, ...]
    labels: int
    disagreements: tuple[Disagreement, ...]

    @property
    def differing(self) -> int:
        """Number of lines on which not all agree."""
        return len({found.line for found in self.disagreements})

    @property
    def message(self) -> str:
        """On how many lines and labels all agree, or on how many lines they differ.

        >>> Agreement(backends=("simulated", "csim", "board"), lines=(99, 3, 99), labels=2345, disagreements=()).message
        'simulated and board agree on all 99 lines (2345 labels), and csim on the first 3 lines.'
        """
        most = max(self.lines)
        if self.disagreements:
            return f"{_joined(self.backends)} must agree, and differ on {self.differing} of {counted(most, 'line')}:"
        whole = [backend for backend, lines in zip(self.backends, self.lines, strict=True) if lines == most]
        part = [backend for backend in self.backends if backend not in whole]
        labels = counted(self.labels, "label")
        if len(whole) < 2:  # only one has computed all lines
            return f"{_joined(self.backends)} agree on the first {lines_text(min(self.lines))} ({labels})."
        fewer = f", and {_joined(part)} on the first {lines_text(min(self.lines))}" if part else ""
        how_many = f"all {most} lines" if most > 1 else "the only line"
        return f"{_joined(whole)} agree on {how_many} ({labels}){fewer}."


def agreement(names: Sequence[str], results: Mapping[str, Sequence[LineResult]]) -> Agreement | None:
    """Compare every backend with the first one, line by line; None where there is only one.

    :param names: of the lines.
    :param results: of each backend, by its name: objects with the fields of `LineResult`, maybe of the first lines alone.
    """
    if len(results) < 2:
        return None
    first, *others = results
    found = tuple(
        Disagreement(
            line=name,
            backends=(first, other),
            labels=(a.labels, b.labels),
            texts=(a.text, b.text),
            first=_first_difference(a.labels, b.labels),
            mismatch=b.mismatch,
        )
        for number, name in enumerate(names)
        for other in others
        for a, b in zip(results[first][number : number + 1], results[other][number : number + 1], strict=False)
        if a.labels != b.labels or b.mismatch
    )
    lines = tuple(map(len, results.values()))
    shared = sorted(lines)[-2]
    return Agreement(
        backends=tuple(results),
        lines=lines,
        labels=sum(len(line.labels) for line in results[first][:shared]),
        disagreements=found,
    )


def _first_difference(a: Sequence[int], b: Sequence[int]) -> int | None:
    """
    >>> _first_difference((1, 2), (1, 3)), _first_difference((1, 2), (1,)), _first_difference((1,), (1,))
    (1, 1, None)
    """
    return next((place for place, (one, other) in enumerate(zip_longest(a, b)) if one != other), None)


def lines_text(number: int) -> str:
    """``line``, ``2 lines``."""
    return "line" if number == 1 else f"{number} lines"


def _joined(names: Sequence[str]) -> str:
    """``a, b and c``."""
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))

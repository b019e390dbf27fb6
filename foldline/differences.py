"""Equivalence checks: how much was compared and found equal, and where two arrays differ."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from datapath.design import Design

PLACES_SHOWN = 5


@dataclass
class Verified:
    """Lines on which two implementations gave equal hidden words, class scores and labels.

    >>> str(Verified(lines=2, columns=9, hidden_words=72, scores=45, labels=3))
    'verified on 2 lines (9 columns): 72 hidden words, 45 scores, 3 labels equal'
    """

    lines: int = 0
    columns: int = 0
    hidden_words: int = 0
    scores: int = 0
    labels: int = 0

    def add(self, design: Design, *, columns: int, labels: int) -> None:
        """Count one more line of so many columns, on which both implementations emitted so many labels."""
        self.lines += 1
        self.columns += columns
        self.hidden_words += columns * 2 * design.hidden  # both directions
        self.scores += columns * design.classes
        self.labels += labels

    def __str__(self) -> str:
        return (
            f"verified on {self.lines} lines ({self.columns} columns): {self.hidden_words} hidden words, "
            f"{self.scores} scores, {self.labels} labels equal"
        )


def describe_difference(expected: np.ndarray, got: np.ndarray) -> str:
    """How many values differ, and the first five places with what was expected and got; empty if all are equal.

    >>> describe_difference(np.array([[1, 2], [3, 4]]), np.array([[1, 2], [3, 5]]))
    '1 of 4 places: [1, 1] expected 4, got 5.'
    """
    expected, got = np.asarray(expected), np.asarray(got)
    if expected.shape != got.shape:
        return f"its shape: expected {list(expected.shape)}, got {list(got.shape)}."
    places = np.argwhere(expected != got)
    if not len(places):
        return ""
    shown = [f"{n.tolist()} expected {expected[tuple(n)]}, got {got[tuple(n)]}" for n in places[:PLACES_SHOWN]]
    more = "; ..." if len(places) > PLACES_SHOWN else ""
    return f"{len(places)} of {expected.size} places: {'; '.join(shown)}{more}."

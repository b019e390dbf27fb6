"""Character and word error rates, in the usual definition and in the original trainer's."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from datapath.errors import DataError


def edit_distance(a: Sequence, b: Sequence) -> int:
    """Levenshtein distance: insertions, deletions and substitutions that turn `a` into `b`.

    >>> edit_distance("kitten", "sitting"), edit_distance("a b c".split(), "a c".split())
    (3, 1)
    """
    (last,) = deque(_distance_rows(*sorted((a, b), key=len, reverse=True)), maxlen=1)
    return int(last[-1])


def _distance_rows(a: Sequence, b: Sequence) -> Iterator[np.ndarray]:
    """Row i, for i = 0..len(a): distances of a[:i] to b[:0], b[:1], ..., b."""
    symbols = {symbol: number for number, symbol in enumerate(dict.fromkeys([*a, *b]))}
    row_symbols = np.array([symbols[s] for s in b], dtype=np.int64)
    row = ramp = np.arange(len(b) + 1)
    yield row
    for symbol in a:
        best = row + 1  # delete from a
        best[1:] = np.minimum(best[1:], row[:-1] + (row_symbols != symbols[symbol]))
        # Insertions run along the row: min over k <= j of best[k] + (j - k).
        row = np.minimum.accumulate(best - ramp) + ramp
        yield row


def align(reference: str, hypothesis: str) -> tuple[list[str], list[str]]:
    """Align a hypothesis with its reference, with as few errors as `edit_distance` counts.

    :param reference: the ground truth.
    :param hypothesis: what was read.
    :returns: two lists of texts: the insertions before each character of the reference and behind the last,
        len(reference) + 1; and what stands in place of each character, empty where it is missing.

    >>> align("cat", "scart")
    (['s', '', 'r', ''], ['c', 'a', 't'])
    >>> align("cat", "kt")
    (['', '', '', ''], ['', 'k', 't'])
    """
    distance = np.stack([*_distance_rows(reference, hypothesis)])
    i, j = len(reference), len(hypothesis)
    extras, read = [""] * (i + 1), [""] * i
    while i or j:
        # Insertions are put as far right as possible: the reference begins where the line begins.
        if j and distance[i, j] == distance[i, j - 1] + 1:
            j -= 1
            extras[i] = hypothesis[j] + extras[i]
        elif i and j and distance[i, j] == distance[i - 1, j - 1] + (reference[i - 1] != hypothesis[j - 1]):
            i, j = i - 1, j - 1
            read[i] = hypothesis[j]
        else:
            i -= 1
    return extras, read


@dataclass(frozen=True, kw_only=True)
class ErrorRates:
    """Error rates of a set of lines, all in percent.

    `cer` and `wer`: total distance / total reference length (words split at white space).
    `cer_per_line` and `wer_per_line`: the original trainer's: distance / max(length of reference, of hypothesis) per
    line, averaged over lines. `exact` of `lines` were read without an error.
    """

    cer: float
    wer: float
    cer_per_line: float
    wer_per_line: float
    exact: int
    lines: int


def error_rates(references: Sequence[str], hypotheses: Sequence[str]) -> ErrorRates:
    """Error rates of hypotheses, line by line.

    :param references: the ground truth of each line.
    :param hypotheses: what was read, as many.
    :raises DataError: no line, counts that differ, or references without a character or word to divide by.
    """
    if len(references) != len(hypotheses):
        counts = f"{len(references)} references and {len(hypotheses)} hypotheses"
        raise DataError(f"There are {counts}; they must be equally many.")
    if not any(reference.split() for reference in references):
        raise DataError("The references hold no word; an error rate needs 1 or more.")
    cer, cer_per_line = _rates(references, hypotheses)
    wer, wer_per_line = _rates([r.split() for r in references], [h.split() for h in hypotheses])
    exact = sum(r == h for r, h in zip(references, hypotheses, strict=True))
    return ErrorRates(
        cer=cer, wer=wer, cer_per_line=cer_per_line, wer_per_line=wer_per_line, exact=exact, lines=len(references)
    )


def _rates(references: Sequence[Sequence], hypotheses: Sequence[Sequence]) -> tuple[float, float]:
    pairs = list(zip(references, hypotheses, strict=True))
    distances = [edit_distance(r, h) for r, h in pairs]
    total = 100 * sum(distances) / sum(len(r) for r in references)
    # Two empty lines agree: 0 / 1.
    per_line = [100 * d / max(len(r), len(h), 1) for d, (r, h) in zip(distances, pairs, strict=True)]
    return total, sum(per_line) / len(per_line)

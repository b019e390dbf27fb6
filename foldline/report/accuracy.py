"""The accuracy table: every level of every run, computed or not, and whether those that must agree do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from foldline.compare.agreement import BOARD, CSIM, SIMULATED
from foldline.compare.comparison import CTC, FLOAT, OVERLAY, QUANTIZED, TITLES, BackendResult, Comparison
from foldline.compare.tables import agreement_notes, failure, notes

TABLE = (
    (FLOAT, CTC),
    *((QUANTIZED, CTC), (QUANTIZED, OVERLAY)),
    *((SIMULATED, CTC), (SIMULATED, OVERLAY)),
    (CSIM, OVERLAY),
    (BOARD, OVERLAY),
)
"""Levels and how labels come out of their scores, in the order of the data's way."""

NOT_COMPARED = "No two backends that must agree were computed."


@dataclass(frozen=True, kw_only=True)
class Row:
    """A level by one label rule; `found` has what each run's level read, None where it was not computed."""

    level: str
    title: str
    decoding: str
    found: tuple[BackendResult | None, ...]


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Whether a run's levels that must agree do.

    wrong       what is wrong, sentence by sentence: disagreements, lines that failed on the board; empty if nothing is
    headline    that in one sentence, or that they agree, or that nothing was compared
    sentences   what else there is to say of the comparison
    """

    wrong: tuple[str, ...]
    headline: str
    sentences: tuple[str, ...]


def accuracy_rows(comparisons: Sequence[Comparison]) -> Iterator[Row]:
    """Every row of `TABLE`; a title tells of all runs together what they say of the level."""
    by_key = [{(level.name, level.decoding): level for level in one.results} for one in comparisons]
    for name, decoding in TABLE:
        found = tuple(levels.get((name, decoding)) for levels in by_key)
        titles = dict.fromkeys(level.title for level in found if level is not None)
        yield Row(level=name, title=" / ".join(titles) or TITLES[name], decoding=decoding, found=found)


def verdict(comparison: Comparison) -> Verdict:
    """What stands below the table for one run."""
    agreed = () if comparison.agreement is None else tuple(agreement_notes(comparison.agreement))
    found = failure(comparison)
    wrong = () if found is None else (*agreed, *comparison.failed)
    # The first says what CER and WER are, once for all runs.
    sentences = tuple(one for one in tuple(notes(comparison))[1:] if one not in agreed)
    return Verdict(wrong=wrong, headline=found or (agreed[0] if agreed else NOT_COMPARED), sentences=sentences)

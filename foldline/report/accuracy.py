"""The accuracy table of a report, and whether bit-exact backends agree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from foldline.batch.failures import grouped
from foldline.compare.agreement import BOARD, CSIM, RTL, SIMULATED
from foldline.compare.comparison import CTC, FLOAT, OVERLAY, QUANTIZED, TITLES, BackendResult, Comparison
from foldline.compare.tables import agreement_notes, failure, notes

TABLE = (
    *((FLOAT, CTC), (QUANTIZED, CTC), (SIMULATED, CTC)),
    *((QUANTIZED, OVERLAY), (SIMULATED, OVERLAY), (CSIM, OVERLAY), (RTL, OVERLAY), (BOARD, OVERLAY)),
)
"""Backends, and how labels follow from their scores: one group per decoder, each in the order of the data flow."""

NOT_COMPARED = "Fewer than two bit-exact backends were computed; there is nothing to compare."


@dataclass(frozen=True, kw_only=True)
class AccuracyRow:
    """A backend and a decoding in the accuracy table, with the result of each run; None if it was not computed."""

    backend: str
    title: str
    decoding: str
    results: tuple[BackendResult | None, ...]


@dataclass(frozen=True, kw_only=True)
class CheckSummary:
    """Whether a run's bit-exact backends agree.

    problems    disagreements, and lines that failed on the board; empty if there are none
    headline    a summary: the problems, the agreement, or that nothing was compared
    """

    problems: tuple[str, ...]
    headline: str
    notes: tuple[str, ...]


def accuracy_rows(comparisons: Sequence[Comparison]) -> Iterator[AccuracyRow]:
    """The rows of `TABLE`; if the runs' titles of a backend differ, a row has all of them."""
    by_key = [{(result.name, result.decoding): result for result in one.results} for one in comparisons]
    for name, decoding in TABLE:
        results = tuple(of_run.get((name, decoding)) for of_run in by_key)
        titles = dict.fromkeys(result.title for result in results if result is not None)
        yield AccuracyRow(backend=name, title=" / ".join(titles) or TITLES[name], decoding=decoding, results=results)


def check_summary(comparison: Comparison) -> CheckSummary:
    agreed = () if comparison.agreement is None else tuple(agreement_notes(comparison.agreement))
    failed = failure(comparison)
    problems = () if failed is None else (*agreed, *grouped(comparison.failed))
    others = tuple(note for note in tuple(notes(comparison))[1:] if note not in agreed)  # the first one defines CER
    return CheckSummary(problems=problems, headline=failed or (agreed[0] if agreed else NOT_COMPARED), notes=others)

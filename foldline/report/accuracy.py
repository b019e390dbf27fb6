"""The accuracy section of a report: error rates, differences between networks, confusions, and whether backends agree."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from foldline.batch.failures import grouped
from foldline.compare.agreement import BOARD, CSIM, RTL, SIMULATED
from foldline.compare.backends import CTC, FLOAT, FLOAT_ACTIVATIONS, OVERLAY, QUANTIZED, TITLES
from foldline.compare.comparison import BackendResult, Comparison
from foldline.compare.paired import errors_of, standing_result
from foldline.compare.tables import agreement_notes, failure, notes
from foldline.evidence import Confusion, Difference, Interval, LineErrors, confusions, paired_difference, rate_interval
from foldline.report.inputs import ReportRun
from foldline.report.lines import line_keys

TABLE = (
    *((FLOAT, CTC), (FLOAT_ACTIVATIONS, CTC), (QUANTIZED, CTC), (SIMULATED, CTC)),
    *((FLOAT, OVERLAY), (QUANTIZED, OVERLAY), (SIMULATED, OVERLAY), (CSIM, OVERLAY), (RTL, OVERLAY), (BOARD, OVERLAY)),
)
"""Backends, and how labels follow from their scores: one group per decoder, each in the order of the data flow."""

NOT_COMPARED = "Fewer than two bit-exact backends were computed; there is nothing to compare."


DECODINGS = (OVERLAY, CTC)
"""How labels follow from the scores of the results that represent a network."""

CONFUSIONS = 15
"""Kinds of confusions that are listed for a network, at most."""


@dataclass(frozen=True, kw_only=True)
class ResultWithIntervals:
    """A backend's result, with the intervals of its CER and WER over lines; None where there are fewer than two lines."""

    result: BackendResult
    cer: Interval | None
    wer: Interval | None


@dataclass(frozen=True, kw_only=True)
class AccuracyRow:
    """A backend and a decoding in the accuracy table, with the result of each run; None if it was not computed."""

    backend: str
    title: str
    decoding: str
    results: tuple[ResultWithIntervals | None, ...]


@dataclass(frozen=True, kw_only=True)
class NetworkPair:
    """Two runs on the lines that both have read.

    first, second   their indexes in the report, from 0
    lines           that both have read
    differences     CER of `first` minus that of `second`, for each of `DECODINGS`; None without a result of both, or without a line
    """

    first: int
    second: int
    lines: int
    differences: tuple[Difference | None, ...]


@dataclass(frozen=True, kw_only=True)
class ErrorSummary:
    """What the main result of a run has read wrong.

    errors         edit distance over all lines
    wrong          number of lines with an error
    lines          number of lines
    worst          name of the line with most errors
    worst_share    its share of the errors, percent
    tenth          number of lines that are a tenth of all, rounded up
    tenth_share    share of the errors that the worst of them hold, percent
    confusions     the most frequent ones, `CONFUSIONS` at most
    rest           kinds of confusions that are not listed, and their errors
    """

    errors: int
    wrong: int
    lines: int
    worst: str
    worst_share: float
    tenth: int
    tenth_share: float
    confusions: tuple[Confusion, ...]
    rest: tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class AccuracySection:
    """The accuracy section.

    rows        of the table of error rates
    pairs       each run with each later one; none in a report of one run
    decodings   for each run, its CER by overlay labels minus that by greedy CTC; None if one of them was not computed
    errors      for each run, of its main result; None if there is none
    """

    rows: tuple[AccuracyRow, ...]
    pairs: tuple[NetworkPair, ...]
    decodings: tuple[Difference | None, ...]
    errors: tuple[ErrorSummary | None, ...]


@dataclass(frozen=True, kw_only=True)
class CheckSummary:
    """Whether a run's bit-exact backends agree.

    problems    disagreements, and lines that failed on the board; empty if there are none
    headline    a summary: the problems, the agreement, or that nothing was compared; empty for a float network, which has no
                bit-exact backend
    """

    problems: tuple[str, ...]
    headline: str
    notes: tuple[str, ...]


def accuracy_section(runs: Sequence[ReportRun]) -> AccuracySection:
    """Compute the accuracy section; intervals and differences are those of `foldline.evidence`.

    :param runs: of the report.
    """
    return AccuracySection(
        rows=tuple(_rows(runs)),
        pairs=tuple(_pair(runs, first, second) for first in range(len(runs)) for second in range(first + 1, len(runs))),
        decodings=tuple(_own_difference(run) for run in runs),
        errors=tuple(_error_summary(run) for run in runs),
    )


def _rows(runs: Sequence[ReportRun]) -> Iterator[AccuracyRow]:
    """The rows of `TABLE`; if the runs' titles of a backend differ, a row has all of them.

    The backend of float networks has rows only if there is such a network, and the other backends only if there is another one.
    """
    by_key = [{(one.result.name, one.result.decoding): one for one in _rated(run.comparison)} for run in runs]
    computed = {result.name for run in runs for result in run.comparison.results}
    absent = set(TITLES) - {FLOAT} if computed == {FLOAT} else {FLOAT} - computed
    for name, decoding in TABLE:
        if name in absent:
            continue
        results = tuple(of_run.get((name, decoding)) for of_run in by_key)
        titles = dict.fromkeys(one.result.title for one in results if one is not None)
        yield AccuracyRow(backend=name, title=" / ".join(titles) or TITLES[name], decoding=decoding, results=results)


def _rated(comparison: Comparison) -> Iterator[ResultWithIntervals]:
    """The results of a comparison with intervals, which are computed once for all backends that read the same."""
    found: dict[tuple[str, ...], tuple[Interval | None, Interval | None]] = {}
    for result in comparison.results:
        if result.texts not in found:
            counts = (errors_of(comparison, result, words=words) for words in (False, True))
            found[result.texts] = tuple(map(rate_interval, counts))
        cer, wer = found[result.texts]
        yield ResultWithIntervals(result=result, cer=cer, wer=wer)


def _references(comparison: Comparison, result: BackendResult) -> list[str]:
    return [line.text for line in comparison.lines[: len(result.texts)]]


def _result(run: ReportRun, decoding: str) -> BackendResult | None:
    """The result that represents a run: its main result, or by greedy CTC the one that stands for the network."""
    return run.main_result if decoding == OVERLAY else standing_result(run.comparison, decoding)


def _pair(runs: Sequence[ReportRun], first: int, second: int) -> NetworkPair:
    indexes = [dict(line_keys(runs[number])) for number in (first, second)]
    shared = [(index, indexes[1][key]) for key, index in indexes[0].items() if key in indexes[1]]
    references = [runs[first].comparison.lines[index].text for index, _ in shared]
    differences = []
    for decoding in DECODINGS:
        results = [_result(runs[number], decoding) for number in (first, second)]
        if None in results or not any(references):
            differences.append(None)
            continue
        texts = zip(*((results[0].texts[a], results[1].texts[b]) for a, b in shared), strict=True)
        differences.append(paired_difference(*(LineErrors.characters(references, each) for each in texts)))
    return NetworkPair(first=first, second=second, lines=len(shared), differences=tuple(differences))


def _own_difference(run: ReportRun) -> Difference | None:
    results = [_result(run, decoding) for decoding in (OVERLAY, CTC)]
    if None in results or results[0].name != results[1].name:
        return None
    return paired_difference(*(errors_of(run.comparison, result) for result in results))


def _error_summary(run: ReportRun) -> ErrorSummary | None:
    main = run.main_result
    if main is None:
        return None
    references = _references(run.comparison, main)
    errors, found = errors_of(run.comparison, main), confusions(references, main.texts)
    tenth = math.ceil(len(errors) / 10)
    return ErrorSummary(
        errors=int(errors.distances.sum()),
        wrong=int(np.count_nonzero(errors.distances)),
        lines=len(errors),
        worst=run.comparison.lines[int(errors.distances.argmax())].name,
        worst_share=errors.share_of_worst(1),
        tenth=tenth,
        tenth_share=errors.share_of_worst(tenth),
        confusions=tuple(found[:CONFUSIONS]),
        rest=(len(found[CONFUSIONS:]), sum(one.count for one in found[CONFUSIONS:])),
    )


def check_summary(comparison: Comparison) -> CheckSummary:
    agreed = () if comparison.agreement is None else tuple(agreement_notes(comparison.agreement))
    failed = failure(comparison)
    problems = () if failed is None else (*agreed, *grouped(comparison.failed))
    others = tuple(note for note in tuple(notes(comparison))[1:] if note not in agreed)  # the first one defines CER
    is_float = all(result.name == FLOAT for result in comparison.results)
    nothing = "" if is_float else NOT_COMPARED
    return CheckSummary(problems=problems, headline=failed or (agreed[0] if agreed else nothing), notes=others)

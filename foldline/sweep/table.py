"""A sweep as text, as JSON and as a table for a paper. All of it is computed from the files in the sweep's folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from foldline.console.text import counted, plain_table
from foldline.evidence import Difference, Interval
from foldline.report.tables import Column, Table, WithInterval, write_table
from foldline.sweep.jobs import FLOAT
from foldline.sweep.results import SweepResults
from foldline.sweep.summary import GREEDY, RULES, PrecisionSummary, SweepRate, summary, warm_up_minutes

HEADINGS = (
    "precision",
    "networks",
    "lines",
    "CER %",
    "95 % interval",
    "deviation",
    "minus float",
    "95 % interval",
    "WER %",
)

LISTED = 6
"""Most missing networks, or seeds and folds of a precision, that are named one by one."""


def sweep_report(found: SweepResults, summaries: Sequence[PrecisionSummary]) -> Iterator[str]:
    """A sweep as lines of text.

    :param found: the finished networks.
    :param summaries: see `foldline.sweep.summary.summary`.
    """
    settings, space = found.settings, found.settings.space
    split = f"{space.folds} folds by {settings.folds_by}" if space.folds else "the dataset's own split"
    yield f"{settings.dataset}, {split}, {counted(space.seeds, 'seed')}: {_finished(found)}."
    for rule in RULES:
        rows = [_cells(one, one.rates[rule]) for one in summaries if one.rates]
        if rows:
            yield ""
            yield f"By {rule}:"
            yield from plain_table([HEADINGS, *rows], text_columns=1)
    yield ""
    yield from _notes(found, summaries)
    yield from _missing(found)


def sweep_json(found: SweepResults, summaries: Sequence[PrecisionSummary]) -> dict[str, object]:
    """A sweep as JSON."""
    settings = found.settings
    return {
        "dataset": settings.dataset,
        "folds": settings.folds,
        "folds_by": settings.folds_by,
        "seeds": settings.seeds,
        "finished": [result.job.name for result in found.results],
        "missing": [job.name for job in found.missing],
        "designs_not_here": list(found.designs),
        "float_stage_minutes": round(warm_up_minutes(found), 2),
        "precisions": [asdict(one) for one in summaries],
    }


def write_tables(folder: Path, found: SweepResults) -> tuple[Path, Path]:
    """Write ``table.csv`` and ``table.tex`` into the folder of a sweep; returns their paths.

    :param folder: of the sweep.
    :param found: the finished networks.
    :raises FileError: they cannot be written.
    """
    return write_table(folder, sweep_table(found, summary(found)))


def sweep_table(found: SweepResults, summaries: Sequence[PrecisionSummary]) -> Table:
    """A sweep as a table for a paper; what is not computed has no value."""
    rates = [
        column
        for rule in RULES
        for column in (
            Column(title=f"CER, {rule}", unit="%", digits=2, interval=True),
            Column(title=f"deviation over seeds, {rule}", unit="points", digits=2),
            Column(title=f"difference to float, {rule}", unit="points", digits=2, interval=True),
            Column(title=f"WER, {rule}", unit="%", digits=2, in_tex=rule == GREEDY),
        )
    ]
    columns = (Column(title="precision"), Column(title="networks"), Column(title="lines"), *rates)
    rows = tuple(
        (one.precision, f"{one.networks} of {one.wanted}", one.lines, *_values(one), one.minutes) for one in summaries
    )
    return Table(
        columns=(*columns, Column(title="training", unit="minutes", digits=1)),
        rows=rows,
        notes=(f"{found.settings.dataset}: {_finished(found)}.", *_notes(found, summaries), *_missing(found)),
    )


def _finished(found: SweepResults) -> str:
    return f"{len(found.results)} of {counted(len(found.settings.space), 'network')} finished"


def _cells(one: PrecisionSummary, rate: SweepRate) -> tuple[str, ...]:
    difference = rate.difference
    return (
        one.precision,
        f"{one.networks} of {one.wanted}",
        str(one.lines),
        f"{rate.cer:.2f}",
        _interval(rate.interval),
        "" if rate.deviation is None else f"{rate.deviation:.2f}",
        "" if difference is None else difference.points_text,
        "" if difference is None else _interval(difference.interval),
        f"{rate.wer:.2f}",
    )


def _interval(interval: Interval | None) -> str:
    return "" if interval is None else interval.text()


def _values(one: PrecisionSummary) -> Iterator[WithInterval | float | None]:
    for rule in RULES:
        rate = one.rates.get(rule)
        if rate is None:
            yield from (None,) * 4
            continue
        yield _with_interval(rate.cer, rate.interval)
        yield rate.deviation
        yield _of_difference(rate.difference)
        yield rate.wer


def _of_difference(difference: Difference | None) -> WithInterval | None:
    return None if difference is None else _with_interval(difference.points, difference.interval)


def _with_interval(value: float, interval: Interval | None) -> WithInterval:
    low, high = (None, None) if interval is None else (interval.low, interval.high)
    return WithInterval(value=value, low=low, high=high)


def _notes(found: SweepResults, summaries: Sequence[PrecisionSummary]) -> Iterator[str]:
    if not found.results:
        return
    yield (
        "CER, WER: errors over characters, words of all finished networks, limits ignored, simulated; of float networks by "
        "PyTorch. "
        "Intervals: bootstrap over lines. Deviation: over seeds, in points."
    )
    lacking = [f"{one.precision} lacks {_listed(one.lacking)}" for one in summaries if one.lacking]
    if lacking:
        yield f"The error rates are not of the same seeds and folds: {'; '.join(lacking)}."
    for one in summaries if FLOAT in found.settings.precisions else ():
        if one.precision != FLOAT and one.compared < one.networks:
            yield f"{one.precision} minus float: on {one.compared} of {counted(one.networks, 'finished network')}."
    minutes = ", ".join(f"{one.precision} {one.minutes:.1f}" for one in summaries if one.networks)
    yield f"Minutes of training: {minutes}; float stages, which the precisions share, {warm_up_minutes(found):.1f}."
    if found.designs:
        yield f"Not in the folder: the designs of {', '.join(found.designs)}."


def _missing(found: SweepResults) -> Iterator[str]:
    missing = found.missing
    if missing:
        yield f"Not finished: {_listed([job.name for job in missing])}."


def _listed(names: Sequence[str]) -> str:
    more = f", and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return f"{', '.join(names[:LISTED])}{more}"

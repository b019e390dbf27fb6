"""A comparison as text and as JSON, with what is installed on a board."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from itertools import chain

from datapath.text_form import TextForm
from foldline.batch.failures import grouped
from foldline.compare.agreement import BOARD, CSIM, RTL, Agreement
from foldline.compare.boards import BoardRun
from foldline.compare.comparison import CTC, OVERLAY, BackendResult, Comparison
from foldline.console.text import counted, plain_table
from train.data.dataset import Line

HEADINGS = ("backend", "labels by", "CER %", "WER %", "CER % per line", "WER % per line", "exact")
TEXT_COLUMNS = 2
"""The first columns are text, to the left; the others are numbers, to the right."""


def table_row(result: BackendResult) -> tuple[str, ...]:
    """One backend, under `HEADINGS`."""
    rates = result.rates
    return (
        result.title,
        result.decoding,
        f"{rates.cer:.2f}",
        f"{rates.wer:.1f}",
        f"{rates.cer_per_line:.2f}",
        f"{rates.wer_per_line:.1f}",
        f"{rates.exact} of {rates.lines}",
    )


def by_decoder(results: Iterable[BackendResult]) -> list[list[BackendResult]]:
    """Results in groups: those by greedy CTC, then those by overlay labels, each in their order.

    :param results: of a comparison.
    """
    groups = [[one for one in results if one.decoding == decoder] for decoder in (CTC, OVERLAY)]
    return [group for group in groups if group]


def notes(comparison: Comparison) -> Iterator[str]:
    """What stands below the table: times, agreement, and which lines are not in it."""
    yield "CER, WER: total distance / total length. Per line: the original trainer's, averaged over lines."
    if comparison.form.in_picture_order:
        yield "Texts were compared in the order of the picture, from left to right, as the network reads."
    for run in (comparison.rtl, comparison.board):
        if run is not None:
            yield from run.messages
    if comparison.agreement is not None:
        yield from agreement_notes(comparison.agreement)
        if comparison.board is not None and comparison.board.total.modelled:
            yield "The virtual board computes with the simulator: it tests the driver and its buffers."
    equal = comparison.csim
    if equal is not None and equal.lines:
        yield (
            f"{equal.hidden_words} hidden words and {equal.scores} scores of {counted(equal.lines, 'line')} of the C "
            "simulation equal the simulator's."
        )
    if comparison.exceeding:
        yield (
            f"{comparison.exceeding} of {len(comparison.lines)} lines exceed the overlay and were computed "
            "nevertheless: no board gives these results."
        )
    if comparison.left_out:
        one = len(comparison.left_out) == 1
        verbs = "exceeds the overlay and is" if one else "exceed the overlay and are"
        ignore = "" if comparison.board else f" (--ignore-limits computes {'it' if one else 'them'})"
        yield f"{counted(len(comparison.left_out), 'line')} {verbs} left out{ignore}:"
        yield from (f"  {line}" for line in grouped(comparison.left_out))
    yield from comparison.unusable
    if comparison.failed:
        verb = "is" if len(comparison.failed) == 1 else "are"
        yield f"{counted(len(comparison.failed), 'line')} failed on the board and {verb} left out of every backend:"
        yield from (f"  {line}" for line in grouped(comparison.failed))


def agreement_notes(found: Agreement) -> Iterator[str]:
    """Whether backends agree; of every line on which they do not, both results."""
    yield found.message
    for one in found.disagreements:
        yield f"  {one.message}"
        width = max(map(len, one.backends))
        for backend, text, labels in zip(one.backends, one.texts, one.labels, strict=True):
            yield f"    {backend:<{width}}  {text!r} = {' '.join(map(str, labels)) or 'no labels'}"


def line_rows(line: Line, results: Sequence[BackendResult], index: int, form: TextForm) -> Iterator[str]:
    """A line's reference, and the text of each backend that has computed it, for people: in logical order."""
    shown = [result for group in by_decoder(results) for result in group if index < len(result.texts)]
    names = [f"{result.title}, {result.decoding}" for result in shown]
    width = max(map(len, names))
    yield f"{'reference':<{width}}  {form.shown(line.text)}"
    for name, result in zip(names, shown, strict=True):
        mark = "" if result.texts[index] == line.text else "  (differs)"
        yield f"{name:<{width}}  {form.shown(result.texts[index])}{mark}"


def plain_report(comparison: Comparison, *, title: str, per_line: bool) -> Iterator[str]:
    """The whole comparison in plain lines of text."""
    for index, line in enumerate(comparison.lines if per_line else ()):
        yield line.name
        yield from line_rows(line, comparison.results, index, comparison.form)
    yield title
    yield from plain_table(
        [HEADINGS, *map(table_row, chain(*by_decoder(comparison.results)))], text_columns=TEXT_COLUMNS
    )
    yield from notes(comparison)


def failure(comparison: Comparison) -> str | None:
    """Why the comparison fails; None if it does not."""
    messages = []
    if comparison.agreement is not None and comparison.agreement.disagreements:
        differing = counted(comparison.agreement.differing, "line")
        messages.append(f"Backends that must agree differ on {differing} of {len(comparison.lines)}.")
    if comparison.failed:
        messages.append(f"{counted(len(comparison.failed), 'line')} failed on the board.")
    return " ".join(messages) or None


def as_json(comparison: Comparison, *, experiment: str, data: str, per_line: bool) -> dict:
    """The comparison as an object of JSON.

    Keys keep the names of earlier versions: "level" is a backend, "truth" a reference, "apart" a mismatch, "beyond_limits" the number of
    lines that exceed a limit. Times are modelled where "modelled" is true beside them; "csim" counts what equals the simulator.
    """
    agreed, earlier = comparison.agreement, {"backends": "levels", "mismatch": "apart"}
    result = {
        "experiment": experiment,
        "data": data,
        "beyond_limits": comparison.exceeding,
        "left_out": list(comparison.left_out),
        "failed": list(comparison.failed),
        "unusable": list(comparison.unusable),
        "levels": [
            {"level": result.name, "labels": result.decoding, **asdict(result.rates)} for result in comparison.results
        ],
        "compared": list(agreed.backends) if agreed else [],
        "disagreements": [
            {earlier.get(key, key): value for key, value in asdict(one).items()}
            for one in (agreed.disagreements if agreed else ())
        ],
    }
    if comparison.csim is not None:
        result[CSIM] = asdict(comparison.csim)
    result |= {name: _run_json(run) for name, run in ((RTL, comparison.rtl), (BOARD, comparison.board)) if run}
    if per_line:
        result["lines"] = [_line_json(comparison, index) for index in range(len(comparison.lines))]
    return result


def _run_json(run: BoardRun) -> dict:
    total = run.total
    return {
        "kind": run.kind,
        "modelled": total.modelled,
        "at_most": total.at_most,
        "clock_mhz": run.clock_mhz,
        **{key: getattr(total, key) for key in ("lines", "columns", "milliseconds")},
        "milliseconds_per_line": total.milliseconds / total.lines,
        "gops": total.gops,
    }


def _line_json(comparison: Comparison, index: int) -> dict:
    line, shown = comparison.lines[index], comparison.form.shown
    entry = {
        "name": line.name,
        "truth": shown(line.text),
        "texts": [shown(result.texts[index]) if index < len(result.texts) else None for result in comparison.results],
    }
    for name, run in ((RTL, comparison.rtl), (BOARD, comparison.board)):
        if run is not None and index < len(run.results):
            result = run.results[index]
            entry[name] = {key: getattr(result, key) for key in ("columns", "milliseconds", "modelled", "at_most")}
    return entry

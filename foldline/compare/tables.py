"""A comparison as text and as JSON, with what is installed on a board."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace

from datapath.quoting import displayed
from datapath.text_form import TextForm
from foldline.batch.failures import grouped
from foldline.compare.agreement import BOARD, CSIM, RTL, Agreement
from foldline.compare.boards import BoardRun
from foldline.compare.comparison import BackendResult, Comparison
from foldline.compare.paired import RatedResult, by_decoder, main_result, rated_results
from foldline.console.text import counted, plain_table
from foldline.evidence import Confusion, Interval, confusions
from train.data.dataset import Line

HEADINGS = ("backend", "labels by", "CER %", "95 %", "WER %", "CER % per line", "WER % per line", "exact")
TEXT_COLUMNS = 2
"""The first columns are text, to the left; the others are numbers, to the right."""

SIDE_BY_SIDE = ("", "backend", "labels by", "CER %", "95 %", "WER %", "exact", "CER - 1", "95 %")
"""Headings of several networks; ``CER - 1``: percentage points, minus the CER of the first network."""

RATES = (
    "CER, WER: total distance / total length. Per line: the original trainer's, averaged over lines. 95 %: bootstrap interval "
    "of the CER over lines."
)
PAIRED = (
    "CER - 1: minus the CER of network 1 on the same lines, with the interval of the paired bootstrap. A difference counts "
    "where its interval excludes 0 and the sign-flip test has p < 0.05; only then is it bold."
)

LOST, SPACE = "nothing", "\u2423"
"""How a character that is missing, and a space, are shown among confusions."""


def table_row(rated: RatedResult) -> tuple[str, ...]:
    """One backend, under `HEADINGS`."""
    rates = rated.result.rates
    return (
        rated.result.title,
        rated.result.decoding,
        f"{rates.cer:.2f}",
        _text(rated.cer_interval),
        f"{rates.wer:.1f}",
        f"{rates.cer_per_line:.2f}",
        f"{rates.wer_per_line:.1f}",
        f"{rates.exact} of {rates.lines}",
    )


def side_by_side_row(rated: RatedResult, *, lines: int) -> tuple[str, ...]:
    """One backend of one of several networks, under `SIDE_BY_SIDE`.

    :param rated: the backend's result.
    :param lines: that the networks are compared on.
    """
    rates, difference = rated.result.rates, rated.difference
    return (
        str(rated.network + 1),
        *table_row(rated)[:5],
        str(rates.exact) if rates.lines == lines else f"{rates.exact} of {rates.lines}",
        "" if difference is None else difference.points_text,
        "" if difference is None else _text(difference.interval),
    )


def _text(interval: Interval | None) -> str:
    return "" if interval is None else interval.text()


def confusion_rows(comparison: Comparison, most: int) -> list[tuple[str, str, str]]:
    """The most frequent confusions of a network's `main_result`: number, what was expected, what was read.

    :param comparison: of the network.
    :param most: rows at most.
    """

    def shown(character: str) -> str:
        return SPACE if character == " " else displayed(character) or LOST

    return [(str(one.count), shown(one.expected), shown(one.read)) for one in _confusions(comparison)[:most]]


def _confusions(comparison: Comparison) -> list[Confusion]:
    texts = main_result(comparison).texts
    return confusions([line.text for line in comparison.lines[: len(texts)]], texts)


def confusions_title(comparison: Comparison, most: int) -> str:
    """What `confusion_rows` are of: how many of all errors, and which result.

    :param comparison: of the network.
    :param most: rows at most.
    """
    found, result = _confusions(comparison), main_result(comparison)
    shown, every = sum(one.count for one in found[:most]), sum(one.count for one in found)
    return f"{shown} of {counted(every, 'error')}, {result.title} by {result.decoding}: number, expected, read"


def notes_side_by_side(comparisons: Sequence[Comparison]) -> Iterator[str]:
    """What stands below the table of several networks.

    :param comparisons: of each.
    """
    yield RATES
    yield PAIRED
    for number, one in enumerate(comparisons, start=1):
        for note in tuple(notes(replace(one, left_out=(), failed=(), unusable=())))[1:]:
            yield f"{number}: {note}"
    for what, verb in (("left_out", "exceed"), ("failed", "failed on")):
        found = [line for one in comparisons for line in getattr(one, what)]
        if found:
            yield f"Left out of all networks, as they {verb} the accelerator of one:"
            yield from (f"  {line}" for line in grouped(tuple(dict.fromkeys(found))))
    yield from dict.fromkeys(message for one in comparisons for message in one.unusable)


def notes(comparison: Comparison) -> Iterator[str]:
    """What stands below the table: times, agreement, and which lines are not in it."""
    yield RATES
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
    """The whole comparison of a network in plain lines of text."""
    yield from _plain_lines(comparison) if per_line else ()
    yield title
    yield from plain_table([HEADINGS, *map(table_row, rated_results([comparison]))], text_columns=TEXT_COLUMNS)
    yield from notes(comparison)


def _plain_lines(comparison: Comparison) -> Iterator[str]:
    for index, line in enumerate(comparison.lines):
        yield line.name
        yield from line_rows(line, comparison.results, index, comparison.form)


def plain_output(
    names: Sequence[object], comparisons: Sequence[Comparison], *, title: str, per_line: bool, most_confusions: int
) -> Iterator[str]:
    """One network or several, and their confusions, in plain lines of text.

    :param names: of the networks.
    :param comparisons: of each, on the same lines.
    :param title: of the table.
    :param per_line: whether each line comes with what was read.
    :param most_confusions: confusions of each network at most.
    """
    if len(comparisons) == 1:
        yield from plain_report(comparisons[0], title=title, per_line=per_line)
    else:
        for number, one in enumerate(comparisons if per_line else (), start=1):
            yield f"{number}: {names[number - 1]}"
            yield from _plain_lines(one)
        yield from plain_side_by_side(names, comparisons, title=title)
    for name, one in zip(names, comparisons, strict=True) if most_confusions else ():
        yield f"{name}: {confusions_title(one, most_confusions)}"
        yield from plain_table(confusion_rows(one, most_confusions), text_columns=0, headed=False)


def plain_side_by_side(names: Sequence[object], comparisons: Sequence[Comparison], *, title: str) -> Iterator[str]:
    """Several networks in plain lines of text."""
    yield title
    yield from (f"{number}: {name}" for number, name in enumerate(names, start=1))
    lines = len(comparisons[0].lines)
    rows = [side_by_side_row(one, lines=lines) for one in rated_results(comparisons)]
    yield from plain_table([SIDE_BY_SIDE, *rows], text_columns=TEXT_COLUMNS + 1)
    yield from notes_side_by_side(comparisons)


def failure(comparison: Comparison) -> str | None:
    """Why the comparison fails; None if it does not."""
    messages = []
    if comparison.agreement is not None and comparison.agreement.disagreements:
        differing = counted(comparison.agreement.differing, "line")
        messages.append(f"Backends that must agree differ on {differing} of {len(comparison.lines)}.")
    if comparison.failed:
        messages.append(f"{counted(len(comparison.failed), 'line')} failed on the board.")
    return " ".join(messages) or None


def as_json(
    comparison: Comparison,
    *,
    experiment: str,
    data: str,
    per_line: bool,
    most_confusions: int = 0,
    rated: Sequence[RatedResult] | None = None,
) -> dict:
    """The comparison of a network as an object of JSON.

    Keys keep the names of earlier versions: "level" is a backend, "truth" a reference, "apart" a mismatch, "beyond_limits"
    the number of lines that exceed a limit. The value "float" of "level" is a float network; in earlier versions it was a
    quantized network with activations in floating point, which is "float-activations" now. Times are modelled where
    "modelled" is true beside them; "csim" counts what equals the simulator.

    :param comparison: of the network.
    :param experiment: its name.
    :param data: name of the dataset.
    :param per_line: whether each line is in it, with what was read.
    :param most_confusions: confusions at most; 0 leaves them out.
    :param rated: its results beside those of other networks; None for a network alone.
    """
    agreed, earlier = comparison.agreement, {"backends": "levels", "mismatch": "apart"}
    result = {
        "experiment": experiment,
        "data": data,
        "beyond_limits": comparison.exceeding,
        "left_out": list(comparison.left_out),
        "failed": list(comparison.failed),
        "unusable": list(comparison.unusable),
        "levels": [_level_json(one) for one in rated_results([comparison])]
        if rated is None
        else [*map(_level_json, rated)],
        "compared": list(agreed.backends) if agreed else [],
        "disagreements": [
            {earlier.get(key, key): value for key, value in asdict(one).items()}
            for one in (agreed.disagreements if agreed else ())
        ],
    }
    if comparison.csim is not None:
        result[CSIM] = asdict(comparison.csim)
    result |= {name: _run_json(run) for name, run in ((RTL, comparison.rtl), (BOARD, comparison.board)) if run}
    if most_confusions:
        result["confusions"] = [asdict(one) for one in _confusions(comparison)[:most_confusions]]
    if per_line:
        result["lines"] = [_line_json(comparison, index) for index in range(len(comparison.lines))]
    return result


def _level_json(rated: RatedResult) -> dict:
    result = rated.result
    found = {"level": result.name, "labels": result.decoding, **asdict(result.rates)}
    found |= {"cer_interval": _ends(rated.cer_interval), "wer_interval": _ends(rated.wer_interval)}
    if rated.difference is not None:
        found["difference"] = {
            "network": rated.reference[0],
            "level": rated.reference[1],
            "points": rated.difference.points,
            "interval": _ends(rated.difference.interval),
            "p_value": rated.difference.p_value,
            "significant": rated.difference.significant,
        }
    return found


def _ends(interval: Interval | None) -> list[float] | None:
    return None if interval is None else [interval.low, interval.high]


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

"""Networks and backends side by side on the same lines: intervals of their error rates, and paired differences."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from datapath.error_rates import error_rates
from datapath.errors import DataError
from foldline.compare.agreement import BOARD, CSIM, RTL, SIMULATED
from foldline.compare.backends import CTC, FLOAT, FLOAT_ACTIVATIONS, OVERLAY, QUANTIZED
from foldline.compare.boards import BoardRun
from foldline.compare.comparison import BackendResult, Comparison
from foldline.evidence import Difference, Interval, LineErrors, paired_difference, rate_interval

STANDS_FOR_NETWORK = (SIMULATED, BOARD, QUANTIZED, FLOAT, CSIM, RTL, FLOAT_ACTIVATIONS)
"""The backends whose result stands for a network, the first that was computed; those of fewer lines come late."""

STANDS_FOR_HARDWARE = (SIMULATED, BOARD, FLOAT)
"""The same beside speed and cost, which are of the hardware; a float network has none."""


@dataclass(frozen=True, kw_only=True)
class RatedResult:
    """The result of a backend of a network, beside the others by the same decoding.

    network        place of the network, from 0
    result         rates and texts
    cer_interval   95 % interval of the CER over lines; None for a single line
    wer_interval   the same of the WER
    reference      (network, backend) that it is compared with; None for the result that others are compared with
    difference     CER minus that of `reference`, on the same lines; None without a reference
    best           whether its CER is significantly lower than that of each result of another network, or, of one network
                   alone, of each other backend
    """

    network: int
    result: BackendResult
    cer_interval: Interval | None
    wer_interval: Interval | None
    reference: tuple[int, str] | None = None
    difference: Difference | None = None
    best: bool = False


def by_decoder(results: Iterable[BackendResult]) -> list[list[BackendResult]]:
    """Results in groups: those by greedy CTC, then those by overlay labels, each in their order.

    :param results: of a comparison.
    """
    groups = [[one for one in results if one.decoding == decoder] for decoder in (CTC, OVERLAY)]
    return [group for group in groups if group]


def rated_results(comparisons: Sequence[Comparison]) -> list[RatedResult]:
    """The results of networks by greedy CTC, then those by overlay labels, network by network.

    A result is compared with that of the first network by the same backend and decoding, or, where the first network does not
    have this backend, with the one that stands for it; a network alone with its first backend.

    :param comparisons: of each network, on the same lines (see `on_shared_lines`).
    """
    every = [(number, one, result) for number, one in enumerate(comparisons) for result in one.results]
    rated: list[RatedResult] = []
    for decoding in (CTC, OVERLAY):
        group = [_Row(*row) for row in every if row[-1].decoding == decoding]
        rated += [_rated(row, group, alone=len(comparisons) == 1) for row in group]
    return rated


def on_shared_lines(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """Comparisons of several networks, without the lines that one of them could not compute.

    Rates and texts are of the shared lines. Agreement, C simulation and times remain those of all lines of each network, as
    their messages say.

    :param comparisons: of one dataset, whose lines are the same objects in each.
    :raises DataError: no line is left.
    """
    shared = set.intersection(*({id(line) for line in one.lines} for one in comparisons))
    if not shared:
        raise DataError("There is no line that all of these networks can compute.")
    return [_restricted(one, shared) for one in comparisons]


def main_result(comparison: Comparison) -> BackendResult:
    """The result that stands for a network: overlay labels, by the first of `STANDS_FOR_NETWORK`."""
    return standing_result(comparison, OVERLAY) or standing_result(comparison, CTC)


def standing_result(
    comparison: Comparison, decoding: str, *, backends: Sequence[str] = STANDS_FOR_NETWORK
) -> BackendResult | None:
    """The result by a decoding that stands for a network; None if no such backend was computed.

    :param comparison: of the network.
    :param decoding: `CTC` or `OVERLAY`.
    :param backends: that may stand for it, the first that was computed does.
    """
    found = {one.name: one for one in comparison.results if one.decoding == decoding}
    return next((found[backend] for backend in backends if backend in found), None)


def errors_of(comparison: Comparison, result: BackendResult, *, words: bool = False) -> LineErrors:
    """The errors of a result on each line that it has computed.

    :param comparison: that it is of.
    :param result: of a backend.
    :param words: count words, else characters.
    :raises DataError: no line, or none with a character.
    """
    references = [line.text for line in comparison.lines[: len(result.texts)]]
    return (LineErrors.words if words else LineErrors.characters)(references, result.texts)


class _Row:
    def __init__(self, network: int, comparison: Comparison, result: BackendResult) -> None:
        self.network, self.result = network, result
        self.characters, self.words = (errors_of(comparison, result, words=words) for words in (False, True))


def _rated(row: _Row, group: Sequence[_Row], *, alone: bool) -> RatedResult:
    reference = _reference(row, group)
    others = [other for other in group if other is not row and (alone or other.network != row.network)]
    return RatedResult(
        network=row.network,
        result=row.result,
        cer_interval=rate_interval(row.characters),
        wer_interval=rate_interval(row.words),
        reference=None if reference is None else (reference.network, reference.result.name),
        difference=None if reference is None else _difference(row, reference),
        best=bool(others) and all(_is_better(row, other) for other in others),
    )


def _reference(row: _Row, group: Sequence[_Row]) -> _Row | None:
    first = [other for other in group if other.network == 0]
    if row.network == 0:
        return None if row is first[0] or any(other.network for other in group) else first[0]
    same = [other for other in first if other.result.name == row.result.name]
    return next(iter(same or sorted(first, key=lambda one: _rank(one.result.name))), None)


def _rank(backend: str) -> int:
    return STANDS_FOR_NETWORK.index(backend) if backend in STANDS_FOR_NETWORK else len(STANDS_FOR_NETWORK)


def _is_better(a: _Row, b: _Row) -> bool:
    """Whether its CER is significantly lower, on the lines that both have computed."""
    lines = min(len(a.characters), len(b.characters))
    if a.characters.distances[:lines].sum() >= b.characters.distances[:lines].sum():
        return False  # without a test: of all pairs few are left
    difference = _difference(a, b)
    return difference is not None and difference.significant


def _difference(a: _Row, b: _Row) -> Difference | None:
    """On the lines that both have computed, the first ones; None where these have no character."""
    lines = min(len(a.characters), len(b.characters))
    lengths = a.characters.lengths[:lines]
    if not lengths.any():
        return None
    pair = (LineErrors(distances=one.characters.distances[:lines], lengths=lengths) for one in (a, b))
    return paired_difference(*pair)


def _restricted(comparison: Comparison, shared: set[int]) -> Comparison:
    places = [place for place, line in enumerate(comparison.lines) if id(line) in shared]
    if len(places) == len(comparison.lines):
        return comparison
    lines = tuple(comparison.lines[place] for place in places)
    references = [line.text for line in lines]

    def result(one: BackendResult) -> BackendResult:
        texts = tuple(one.texts[place] for place in places if place < len(one.texts))
        return replace(one, texts=texts, rates=error_rates(references[: len(texts)], texts))

    def run(one: BoardRun | None) -> BoardRun | None:
        return one and replace(one, results=tuple(one.results[place] for place in places if place < len(one.results)))

    results = tuple(result(one) for one in comparison.results)
    return replace(comparison, lines=lines, results=results, rtl=run(comparison.rtl), board=run(comparison.board))

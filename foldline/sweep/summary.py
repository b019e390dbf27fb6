"""What a sweep has found so far: error rates of each precision, with intervals and differences to the float network."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import stdev

from foldline.evidence import Difference, Interval, LineErrors, paired_difference, rate_interval
from foldline.sweep.jobs import FLOAT
from foldline.sweep.results import NetworkResult, SweepResults, references_of

GREEDY, OVERLAY = "greedy CTC", "overlay labels"

RULES: dict[str, Callable[[NetworkResult], tuple[str, ...]]] = {
    GREEDY: lambda result: result.greedy,
    OVERLAY: lambda result: result.overlay,
}
"""How labels follow from class scores, and the texts of a result by it."""

Count = Callable[[Sequence[str], Sequence[str]], LineErrors]
"""Takes references and texts, see `LineErrors`."""

Errors = Mapping[tuple[int, int], LineErrors]
"""Errors of the networks of one precision, by seed and fold."""


@dataclass(frozen=True, kw_only=True)
class SweepRate:
    """Errors of the finished networks of one precision, by one rule.

    cer         errors over characters of all these networks, percent: the mean over seeds
    wer         errors over words of all these networks, percent
    interval    of `cer`, over lines, see `foldline.evidence.rate_interval`; None of a single line
    deviation   sample standard deviation over seeds of their rates on the folds that all seeds have, percentage points; None
                for one seed, or if there is no such fold
    difference  to the float networks of the same seeds and folds; None of these themselves, and if there are none
    """

    cer: float
    wer: float
    interval: Interval | None
    deviation: float | None
    difference: Difference | None


@dataclass(frozen=True, kw_only=True)
class PrecisionSummary:
    """One precision of a sweep.

    networks  that are finished
    wanted    networks of the sweep
    compared  networks whose seed and fold the float networks have as well; 0 of these themselves
    lacking   names of seeds and folds that other precisions have finished, and this one has not; empty if it has none
    lines     that were validated
    minutes   of training: the recipes of the finished networks without the float stages
    rates     by rule, see `RULES`; empty if no network is finished
    """

    precision: str
    networks: int
    wanted: int
    compared: int
    lacking: tuple[str, ...]
    lines: int
    minutes: float
    rates: Mapping[str, SweepRate]


def summary(found: SweepResults) -> tuple[PrecisionSummary, ...]:
    """All precisions of a sweep, in its order.

    :param found: the finished networks.
    """
    space = found.settings.space
    float_errors = {rule: _errors(found, FLOAT, rule) for rule in RULES}
    summaries = []
    for precision in space.precisions:
        results = found.of(precision)
        compared = [] if precision == FLOAT else [place for place in results if place in float_errors[GREEDY]]
        rates = {}
        for rule in RULES if results else ():
            own, reference = _errors(found, precision, rule), float_errors[rule]
            together = _by_line(own)
            rates[rule] = SweepRate(
                cer=together.rate,
                wer=_by_line(_errors(found, precision, rule, LineErrors.words)).rate,
                interval=rate_interval(together),
                deviation=_deviation(own, space.seeds),
                difference=paired_difference(
                    _by_line({place: own[place] for place in compared}),
                    _by_line({place: reference[place] for place in compared}),
                )
                if compared
                else None,
            )
        folds = {fold for _, fold in results}
        summaries.append(
            PrecisionSummary(
                precision=precision,
                networks=len(results),
                wanted=space.seeds * len(space.fold_numbers),
                compared=len(compared),
                lacking=_lacking(found, precision),
                lines=sum(len(found.settings.validated(fold)) for fold in folds),
                minutes=sum(result.minutes for result in results.values()),
                rates=rates,
            )
        )
    return tuple(summaries)


def _lacking(found: SweepResults, precision: str) -> tuple[str, ...]:
    own = {(result.seed, result.fold) for result in found.results if result.precision == precision}
    others = {(result.seed, result.fold): result.job.warm_up for result in found.results}
    return tuple(others[place] for place in sorted(others, key=lambda one: one[::-1]) if own and place not in own)


def warm_up_minutes(found: SweepResults) -> float:
    """Minutes of training of all float stages, each of which the networks of one seed and fold share on a machine.

    Machines that do not share a folder train a float stage each: other minutes are those of another one.
    """
    return sum(minutes for _, minutes in {(result.job.warm_up, result.warm_up_minutes) for result in found.results})


def _errors(found: SweepResults, precision: str, rule: str, count: Count = LineErrors.characters) -> Errors:
    return {
        place: count(references_of(found.validated(result)), RULES[rule](result))
        for place, result in found.of(precision).items()
    }


def _by_line(errors: Errors) -> LineErrors:
    """Errors of every line, added over seeds; the lines of all folds."""
    folds = sorted({fold for _, fold in errors})
    return LineErrors.joined(
        [LineErrors.over_seeds([one for (_, its), one in errors.items() if its == fold]) for fold in folds]
    )


def _deviation(errors: Errors, seeds: int) -> float | None:
    common = [fold for fold in {fold for _, fold in errors} if all((seed, fold) in errors for seed in range(seeds))]
    if seeds < 2 or not common:
        return None
    return stdev(LineErrors.joined([errors[seed, fold] for fold in common]).rate for seed in range(seeds))

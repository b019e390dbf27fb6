"""Intervals of error rates, and of differences between networks on the same lines, by the bootstrap over lines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from datapath.errors import ConfigError, DataError
from foldline.evidence.line_errors import LineErrors

RESAMPLES = 10_000
LEVEL = 95
"""Percent of intervals, over many sets of lines, that hold the rate of all such lines."""

MIN_RESAMPLES, MAX_RESAMPLES = 100, 10_000_000
MIN_LEVEL, MAX_LEVEL = 50, 99.9

_BLOCK = 1 << 21
"""Numbers drawn at once: 16 MiB."""


@dataclass(frozen=True, kw_only=True)
class Interval:
    """An interval of a rate in percent, or of a difference in percentage points; both ends belong to it."""

    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high

    def text(self, decimals: int = 2) -> str:
        """
        :param decimals: digits behind the point.

        >>> Interval(low=0.554, high=3.1).text()
        '0.55 to 3.10'
        """
        low, high = (round(end, decimals) + 0.0 for end in (self.low, self.high))  # no -0.00
        return f"{low:.{decimals}f} to {high:.{decimals}f}"


@dataclass(frozen=True, kw_only=True)
class Difference:
    """The error rate of one network minus that of another on the same lines.

    points      the difference in percentage points; negative if the first network has fewer errors
    interval    of `points`, by a paired bootstrap; None if there are fewer than two lines or groups
    p_value     of `sign_flip_p_value`
    level       of the interval, percent
    """

    points: float
    interval: Interval | None
    p_value: float
    level: float = LEVEL

    @property
    def significant(self) -> bool:
        """Whether the interval excludes 0 and `p_value` is below 100 - `level` percent.

        Both are asked for because a bootstrap interval is too short where few lines hold most errors: on 100 such lines one in
        ten excludes 0 by chance, see `docs/evidence.md`.
        """
        return self.interval is not None and 0 not in self.interval and 100 * self.p_value < 100 - self.level

    @property
    def points_text(self) -> str:
        """
        >>> Difference(points=-0.0021, interval=None, p_value=1).points_text
        '+0.00'
        """
        return f"{round(self.points, 2) + 0.0:+.2f}"

    @property
    def p_text(self) -> str:
        """
        >>> Difference(points=1, interval=None, p_value=0.00012).p_text
        '< 0.001'
        """
        return "< 0.001" if self.p_value < 0.001 else f"{self.p_value:.3f}"


@dataclass(frozen=True, kw_only=True)
class SeedsRate:
    """The error rate of networks that differ by the seed of their training alone.

    mean        of the networks' rates, percent
    deviation   sample standard deviation of these rates (divisor: seeds - 1), percentage points; None for one seed
    interval    of `mean`, over lines with these networks; None if there are fewer than two lines or groups
    """

    mean: float
    deviation: float | None
    interval: Interval | None


def rate_interval(
    errors: LineErrors,
    *,
    groups: Sequence | None = None,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
    seed: int = 0,
) -> Interval | None:
    """Percentile bootstrap interval of an error rate, over lines.

    Lines are drawn with replacement, as many as there are, `resamples` times; each time the rate is total distance / total
    length. The interval goes from the (100 - `level`) / 2 percentile of these rates to the (100 + `level`) / 2 percentile.
    It says how far the rate depends on which lines were read, for a network that is given. Draws whose lines have no
    character have no rate and are left out. The order of the lines has no influence.

    :param errors: of each line.
    :param groups: the group of each line, such as its page: whole groups are drawn, since lines of one page are not
        independent (cluster bootstrap); None if every line is a group of its own.
    :param resamples: 100 to 10 000 000.
    :param level: percent, 50 to 99.9.
    :param seed: of the random numbers; the same arguments give the same interval.
    :returns: the interval in percent; None if there are fewer than two lines or groups, which show no variation.
    :raises DataError: the number of groups is not the number of lines.
    :raises ConfigError: `resamples` or `level` is outside its range.
    """
    return _interval(errors.distances, errors.lengths, groups, resamples, level, seed)


def rate_over_seeds(
    seeds: Sequence[LineErrors],
    *,
    groups: Sequence | None = None,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
    seed: int = 0,
) -> SeedsRate:
    """The mean error rate of several trainings of one network on the same lines, with its interval and their deviation.

    The interval is that of `rate_interval` for the errors of each line averaged over the trainings: lines are drawn, seeds
    are not. What the seed of the training changes is in the deviation alone.

    :param seeds: errors of each training, on the same lines in the same order.
    :param groups: see `rate_interval`.
    :param resamples: see `rate_interval`.
    :param level: see `rate_interval`.
    :param seed: of the random numbers of the bootstrap, see `rate_interval`.
    :raises DataError: `seeds` is empty, its members are of different lines, or as `rate_interval`.
    :raises ConfigError: as `rate_interval`.
    """
    together = LineErrors.over_seeds(seeds)
    return SeedsRate(
        mean=together.rate,
        deviation=float(np.std([one.rate for one in seeds], ddof=1)) if len(seeds) > 1 else None,
        interval=rate_interval(together, groups=groups, resamples=resamples, level=level, seed=seed),
    )


def paired_difference(
    a: LineErrors,
    b: LineErrors,
    *,
    groups: Sequence | None = None,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
    seed: int = 0,
) -> Difference:
    """The error rate of `a` minus that of `b` on the same lines, with its interval and a p-value.

    Each draw takes the same lines for both, so that what makes a line difficult for both cancels out. Either may be the sum
    of several seeds (`LineErrors.over_seeds`), also of different numbers of them.

    :param a: errors of the first network.
    :param b: errors of the second, on the same lines in the same order.
    :param groups: see `rate_interval`.
    :param resamples: see `rate_interval`.
    :param level: see `rate_interval`.
    :param seed: see `rate_interval`.
    :raises DataError: `a` and `b` are not of the same lines, or as `rate_interval`.
    :raises ConfigError: as `rate_interval`.
    """
    differences, lengths = _on_same_lines(a, b)
    return Difference(
        points=100 * int(differences.sum()) / int(lengths.sum()),
        interval=_interval(differences, lengths, groups, resamples, level, seed),
        p_value=sign_flip_p_value(a, b, groups=groups),
        level=level,
    )


def sign_flip_p_value(a: LineErrors, b: LineErrors, *, groups: Sequence | None = None) -> float:
    """Exact two-sided p-value of the paired permutation (sign-flip) test on the total number of errors.

    Null hypothesis: on every line (or group) the two networks' errors are exchangeable, which means that swapping them, on
    any choice of lines, gives results as probable as those seen. The p-value is the share of all 2**n such swaps for which
    the totals differ by at least as much as those seen, in either direction; all of them are counted, none is drawn at
    random. It holds for these two trained networks; it says nothing on other seeds of their training, and it is not
    adjusted for the number of pairs that are tested.

    :param a: errors of the first network.
    :param b: errors of the second, on the same lines in the same order.
    :param groups: the group of each line; the lines of a group are swapped together. None: each line alone.
    :returns: 0 to 1, accurate to about 1e-12; 1 if the totals are equal.
    :raises DataError: `a` and `b` are not of the same lines, or the number of groups is not the number of lines.

    >>> better, worse = (LineErrors(distances=each, lengths=[9] * 5) for each in ([0] * 5, [1] * 5))
    >>> round(sign_flip_p_value(better, worse), 12)  # 2 of 32 swaps: none, and all
    0.0625
    """
    differences, _ = _on_same_lines(a, b)
    (swapped,) = _by_group([differences], groups)
    sizes, counts = np.unique(np.abs(swapped[swapped != 0]), return_counts=True)
    if not swapped.sum():
        return 1.0
    unit = math.gcd(*sizes.tolist())
    sizes, seen = sizes // unit, abs(int(swapped.sum())) // unit
    largest = int(sizes @ counts)
    # A sum of +d and -d with random signs has the characteristic function product(cos(d t)); its inverse transform is the
    # probability of every sum from -largest to largest.
    angles = 2 * np.pi / (2 * largest + 1) * np.arange(largest + 1)
    transform = np.ones(largest + 1)
    for size, count in zip(sizes, counts, strict=True):
        transform *= np.cos(size * angles) ** int(count)
    tail = 2 * np.fft.irfft(transform, 2 * largest + 1)[seen : largest + 1].sum()
    return float(np.clip(tail, 2.0 ** (1 - counts.sum()), 1))  # no swap, and all, are always among them


def _on_same_lines(a: LineErrors, b: LineErrors) -> tuple[np.ndarray, np.ndarray]:
    """Differences of the distances, and lengths, both in units in which the lengths of `a` and `b` are equal."""
    total_a, total_b = int(a.lengths.sum()), int(b.lengths.sum())
    common = math.gcd(total_a, total_b)  # where a is of 3 seeds, and b of 2: that of one seed
    of_a, of_b = total_b // common, total_a // common
    if len(a) != len(b) or not np.array_equal(of_a * a.lengths, of_b * b.lengths):
        raise DataError("a and b are not of the same lines: the lengths of their references differ.")
    return of_a * a.distances - of_b * b.distances, of_a * a.lengths


def _by_group(values: Sequence[np.ndarray], groups: Sequence | None) -> list[np.ndarray]:
    """The sum of each array over the lines of each group."""
    if groups is None:
        return [*values]
    if len(groups) != len(values[0]):
        raise DataError(f"groups has {len(groups)} entries for {len(values[0])} lines; it must have one for each.")
    numbers = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    of_line = np.array([numbers[group] for group in groups])
    totals = np.zeros((len(values), len(numbers)), dtype=np.int64)
    for total, value in zip(totals, values, strict=True):
        np.add.at(total, of_line, value)
    return [*totals]


def _interval(
    errors: np.ndarray, lengths: np.ndarray, groups: Sequence | None, resamples: int, level: float, seed: int
) -> Interval | None:
    """Percentile bootstrap interval of 100 * sum(errors) / sum(lengths)."""
    for field, value, low, high in (
        ("resamples", resamples, MIN_RESAMPLES, MAX_RESAMPLES),
        ("level", level, MIN_LEVEL, MAX_LEVEL),
    ):
        if not low <= value <= high:
            raise ConfigError(f"{field} is {value}; it must be {low} to {high}.")
    units = np.stack(_by_group([errors, lengths], groups), axis=1)
    if len(units) < 2:
        return None
    # Equal units are interchangeable: it is enough to draw how many there are of each kind.
    kinds, counts = np.unique(units, axis=0, return_counts=True)
    generator = np.random.default_rng(seed)
    step = max(1, _BLOCK // len(kinds))
    totals = np.concatenate(
        [
            generator.multinomial(len(units), counts / len(units), size=min(step, resamples - start)) @ kinds
            for start in range(0, resamples, step)
        ]
    )
    totals = totals[totals[:, 1] > 0]
    low, high = np.percentile(100 * totals[:, 0] / totals[:, 1], [(100 - level) / 2, (100 + level) / 2])
    return Interval(low=float(low), high=float(high))

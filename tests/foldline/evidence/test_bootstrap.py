"""Intervals and paired differences against enumeration, against a plain loop, and on lines whose true rate is known."""

from itertools import product

import numpy as np
import pytest

from datapath.errors import ConfigError, DataError
from foldline.evidence import (
    Difference,
    Interval,
    LineErrors,
    bootstrap,
    paired_difference,
    rate_interval,
    rate_over_seeds,
    sign_flip_p_value,
)


def errors(distances, lengths=None):
    return LineErrors(distances=distances, lengths=[10] * len(distances) if lengths is None else lengths)


def random_errors(seed, lines=60):
    """Most lines are right, and errors come together."""
    random = np.random.default_rng(seed)
    return errors(random.binomial(1, 0.3, lines) * random.geometric(0.4, lines), random.integers(5, 60, lines))


def every_resample(distances, lengths):
    """The rates of all n**n equally probable resamples."""
    lines = range(len(distances))
    return [
        100 * sum(distances[line] for line in drawn) / sum(lengths[line] for line in drawn)
        for drawn in product(lines, repeat=len(distances))
    ]


# Intervals ------------------------------------------------------------------------------------------------------------


def test_the_interval_is_that_of_all_resamples():
    distances, lengths = [0, 2, 1, 7], [10, 12, 5, 30]
    expected = np.percentile(every_resample(distances, lengths), [10, 90], method="inverted_cdf")
    found = rate_interval(errors(distances, lengths), level=80)
    assert [found.low, found.high] == pytest.approx(expected)


def test_the_interval_is_that_of_a_loop_over_the_resamples(monkeypatch):
    one = random_errors(1)
    kinds = sorted(set(zip(one.distances.tolist(), one.lengths.tolist(), strict=True)))
    pairs = list(zip(one.distances.tolist(), one.lengths.tolist(), strict=True))
    generator, rates = np.random.default_rng(7), []
    for _ in range(200):
        drawn = generator.multinomial(60, [pairs.count(kind) / 60 for kind in kinds])
        lines = [kind for kind, times in zip(kinds, drawn, strict=True) for _ in range(times)]
        assert len(lines) == 60
        rates.append(100 * sum(d for d, _ in lines) / sum(n for _, n in lines))
    monkeypatch.setattr(bootstrap, "_BLOCK", 1000)  # several blocks
    found = rate_interval(one, resamples=200, seed=7)
    assert [found.low, found.high] == pytest.approx(np.percentile(rates, [2.5, 97.5]))


def test_an_interval_depends_on_its_arguments_alone_and_not_on_the_order_of_lines():
    one = random_errors(2)
    order = np.random.default_rng(0).permutation(60)
    found = rate_interval(one, resamples=500)
    assert found == rate_interval(errors(one.distances[order], one.lengths[order]), resamples=500)
    assert found != rate_interval(one, resamples=500, seed=1)
    assert one.rate in found


def test_19_of_20_intervals_hold_the_true_rate():
    """The rate of all lines is 0.3 * 2.5 errors in 32 characters; of 95 % intervals over 60 lines some more miss it."""
    truth = 100 * 0.3 * 2.5 / 32
    held = sum(truth in rate_interval(random_errors(seed), resamples=200) for seed in range(100))
    assert 85 <= held <= 99


def test_a_higher_level_gives_a_wider_interval():
    one = random_errors(3)
    narrow, wide = (rate_interval(one, resamples=1000, level=level) for level in (80, 99))
    assert wide.low < narrow.low < narrow.high < wide.high


def test_lines_of_one_page_are_drawn_together():
    """Ten copies of a page's errors are no more evidence than the page."""
    distances, lengths = [0, 3, 1, 8], [40, 50, 20, 60]
    pages = [page for page in range(4) for _ in range(10)]
    copies = errors(np.repeat(distances, 10), np.repeat(lengths, 10))
    assert rate_interval(copies, groups=pages) == rate_interval(errors(distances, lengths))
    assert rate_interval(copies).high < rate_interval(copies, groups=pages).high


def test_one_line_or_one_page_has_no_interval():
    assert rate_interval(errors([3])) is None
    assert rate_interval(errors([3, 0]), groups=["a", "a"]) is None
    alone = paired_difference(errors([3]), errors([0]))
    assert (alone.points, alone.interval, alone.significant) == (30, None, False)


def test_lines_without_an_error_give_0_to_0():
    assert rate_interval(errors([0, 0, 0])) == Interval(low=0, high=0)


def test_a_draw_of_empty_lines_alone_has_no_rate():
    """An inserted character in an empty line counts; a draw of that line alone would divide by 0."""
    found = rate_interval(errors([2, 1], [0, 10]))
    assert [found.low, found.high] == [10, 30]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"resamples": 99}, "resamples is 99; it must be 100 to 10000000"),
        ({"level": 100}, "level is 100; it must be 50 to 99.9"),
    ],
)
def test_an_argument_outside_its_range_is_refused(arguments, message):
    with pytest.raises(ConfigError, match=message):
        rate_interval(errors([1, 2]), **arguments)


def test_groups_must_be_as_many_as_lines():
    with pytest.raises(DataError, match="groups has 1 entries for 2 lines"):
        rate_interval(errors([1, 2]), groups=["a"])


def test_an_interval_is_printed_without_a_negative_zero():
    assert Interval(low=-0.004, high=1.25).text() == "0.00 to 1.25"
    assert Interval(low=-3, high=12.34).text(1) == "-3.0 to 12.3"


# Differences ----------------------------------------------------------------------------------------------------------


def test_identical_networks_do_not_differ():
    found = paired_difference(random_errors(4), random_errors(4))
    assert (found.points, found.interval, found.p_value, found.significant) == (0, Interval(low=0, high=0), 1, False)


def test_a_difference_is_of_the_same_lines():
    """Both networks fail on the same lines and one of them makes an error more on each: the rates' intervals overlap, and
    the difference is certain."""
    lengths, better = [20] * 40, np.tile([0, 0, 0, 8], 10)
    a, b = errors(better + 1, lengths), errors(better, lengths)
    found = paired_difference(a, b, resamples=500)
    assert rate_interval(a).low < rate_interval(b).high
    assert (found.points, found.interval, found.significant) == (5, Interval(low=5, high=5), True)
    assert paired_difference(b, a, resamples=500).points == -5


def test_the_interval_of_a_difference_is_that_of_all_resamples():
    a, b, lengths = [4, 0, 2, 1], [0, 1, 2, 0], [10, 20, 15, 8]
    rates = every_resample(np.subtract(a, b).tolist(), lengths)
    found = paired_difference(errors(a, lengths), errors(b, lengths), level=80)
    assert [found.interval.low, found.interval.high] == pytest.approx(
        np.percentile(rates, [10, 90], method="inverted_cdf")
    )


def test_alike_networks_differ_at_most_one_time_in_20():
    pairs = [(random_errors(seed), random_errors(seed + 1000).distances) for seed in range(100)]
    found = [paired_difference(a, errors(b, a.lengths), resamples=200) for a, b in pairs]
    assert 1 <= sum(one.significant for one in found) <= 9
    assert 2 <= sum(0 not in one.interval for one in found) <= 13


@pytest.mark.parametrize(
    ("interval", "p_value", "significant"),
    [
        (Interval(low=0.1, high=2), 0.04, True),
        (Interval(low=-2, high=-0.1), 0.04, True),
        (Interval(low=0.1, high=2), 0.06, False),
        (Interval(low=0, high=2), 0.04, False),
        (None, 0.04, False),
    ],
)
def test_a_difference_is_significant_by_its_interval_and_by_its_p_value(interval, p_value, significant):
    assert Difference(points=1, interval=interval, p_value=p_value).significant is significant


def test_networks_of_other_lines_have_no_difference():
    with pytest.raises(DataError, match="a and b are not of the same lines"):
        paired_difference(errors([1, 2], [10, 10]), errors([1, 2], [10, 11]))
    with pytest.raises(DataError, match="a and b are not of the same lines"):
        paired_difference(errors([1, 2]), errors([1]))


# Sign flips -----------------------------------------------------------------------------------------------------------


def by_enumeration(differences):
    seen = abs(sum(differences))
    signs = list(product((1, -1), repeat=len(differences)))
    return sum(abs(np.dot(sign, differences)) >= seen for sign in signs) / len(signs)


@pytest.mark.parametrize("seed", range(6))
def test_the_p_value_counts_every_swap(seed):
    random = np.random.default_rng(seed)
    a, b = random.integers(0, 4 + 3 * seed, (2, 10))
    assert sign_flip_p_value(errors(a), errors(b)) == pytest.approx(by_enumeration((a - b).tolist()), abs=1e-12)


def test_the_lines_of_a_page_are_swapped_together():
    a, b, pages = [3, 1, 0, 2, 2, 5], [1, 0, 1, 0, 1, 0], [0, 0, 1, 1, 2, 2]
    assert sign_flip_p_value(errors(a), errors(b), groups=pages) == pytest.approx(by_enumeration([3, 1, 6]))
    assert sign_flip_p_value(errors(a), errors(b)) == pytest.approx(by_enumeration([2, 1, -1, 2, 1, 5]))


def test_a_very_small_p_value_is_not_rounded_below_that_of_the_extreme_swaps():
    assert sign_flip_p_value(errors([1] * 60), errors([0] * 60)) == pytest.approx(2.0**-59, abs=1e-12)
    assert sign_flip_p_value(errors([1] * 60), errors([0] * 60)) >= 2.0**-59


# Seeds ----------------------------------------------------------------------------------------------------------------


def test_seeds_have_a_mean_with_an_interval_over_lines_and_a_deviation_apart():
    seeds = [errors([0, 3, 1, 0], [10, 20, 10, 10]), errors([1, 5, 0, 0], [10, 20, 10, 10])]
    found = rate_over_seeds(seeds)
    assert (found.mean, found.deviation) == (10, pytest.approx(8**0.5))
    halved = [0.5, 4, 0.5, 0]
    expected = np.percentile(every_resample(halved, [10, 20, 10, 10]), [10, 90], method="inverted_cdf")
    tighter = rate_over_seeds(seeds, level=80).interval
    assert [tighter.low, tighter.high] == pytest.approx(expected)


def test_one_seed_has_no_deviation():
    found = rate_over_seeds([errors([0, 3])])
    assert (found.mean, found.deviation, found.interval) == (15, None, rate_interval(errors([0, 3])))


def test_networks_with_different_numbers_of_seeds_can_be_compared():
    one, lengths = random_errors(5), random_errors(5).lengths
    other = random_errors(6).distances
    three, two = (LineErrors.over_seeds([errors(which, lengths)] * n) for which, n in ((one.distances, 3), (other, 2)))
    assert paired_difference(three, two) == paired_difference(one, errors(other, lengths))


def test_seeds_of_other_lines_are_refused():
    with pytest.raises(DataError, match=r"seeds\[1\] is not of the lines of seeds\[0\]"):
        rate_over_seeds([errors([1, 2]), errors([1, 2], [10, 11])])
    with pytest.raises(DataError, match="seeds is empty"):
        rate_over_seeds([])

"""Confusions: which character was read for which, and how often."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from datapath.error_rates import align
from datapath.errors import DataError


@dataclass(frozen=True, kw_only=True)
class Confusion:
    """A kind of error, and its number.

    expected    the reference's character; empty if the character that was read is surplus (inserted)
    read        the character that was read; empty if the expected one is missing (deleted)
    count       errors of this kind, 1 or more
    """

    expected: str
    read: str
    count: int


def confusions(references: Sequence[str], texts: Sequence[str]) -> list[Confusion]:
    """Count what was read for what; the counts add up to the total edit distance.

    Characters are code points of references and texts as they are given, which must be in one form (`TextForm`). Where an
    alignment with the fewest errors is not unique, that of `datapath.error_rates.align` counts.

    :param references: the ground truth of each line.
    :param texts: what was read, as many.
    :returns: by descending count, then by `expected`, then by `read`.
    :raises DataError: the counts of references and texts differ.

    >>> [(one.expected, one.read, one.count) for one in confusions(["a.b", "O"], ["ab", "0 "])]
    [('', ' ', 1), ('.', '', 1), ('O', '0', 1)]
    """
    if len(references) != len(texts):
        raise DataError(f"There are {len(references)} references and {len(texts)} texts; they must be equally many.")
    found: Counter = Counter()
    for reference, text in zip(references, texts, strict=True):
        if reference == text:
            continue
        extras, read = align(reference, text)
        found.update(("", character) for extra in extras for character in extra)
        found.update(pair for pair in zip(reference, read, strict=True) if pair[0] != pair[1])
    return _sorted(found)


def merged_confusions(tables: Iterable[Iterable[Confusion]]) -> list[Confusion]:
    """Add up the confusions of several networks, or of several sets of lines.

    :param tables: those of each.
    :returns: in the order of `confusions`.
    """
    found: Counter = Counter()
    for table in tables:
        for one in table:
            found[one.expected, one.read] += one.count
    return _sorted(found)


def _sorted(found: Counter) -> list[Confusion]:
    order = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    return [Confusion(expected=expected, read=read, count=count) for (expected, read), count in order]

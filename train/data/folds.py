"""`folded`: all lines of a dataset in folds, for a cross-validation in which every line is validated exactly once.

The folds follow from the names of the lines alone. Lines of one page (the folder of a name: ``0498`` of ``0498/010019``)
are in one fold, so that no network is validated on a page that it was trained on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from datapath.errors import ConfigError, DataError
from train.data.dataset import Dataset, Line, widest_first

MIN_FOLDS, MAX_FOLDS = 2, 100

BY_PAGE, BY_LINE = "page", "line"

MAX_IMBALANCE = 0.2
"""Folds of whole pages may differ by this share of their mean number of lines; else lines are divided one by one."""


@dataclass(frozen=True, kw_only=True)
class Folds:
    """A dataset in folds.

    datasets  for each fold, its lines as validation lines, and all others as training lines, widest first
    by        what was divided: `BY_PAGE` or `BY_LINE`
    note      a sentence on how many lines there are in how many folds, and what was divided
    """

    datasets: tuple[Dataset, ...]
    by: str
    note: str


def folded(dataset: Dataset, count: int) -> Folds:
    """Divide all lines of a dataset, training and validation lines, into folds of about as many lines.

    :param dataset: its extra lines are those of every fold, and never validated: one that is also a line of the dataset, by
        name and text, is left out. A line that is in both lists is taken once.
    :param count: number of folds, 2 to 100.
    :raises ConfigError: a count outside this range.
    :raises DataError: fewer lines than folds, or two lines of one name with different texts.
    :raises ImageError: an image cannot be read.
    """
    if not MIN_FOLDS <= count <= MAX_FOLDS:
        raise ConfigError(f"folds is {count}; it must be {MIN_FOLDS} to {MAX_FOLDS}.")
    lines = _by_name((*dataset.training, *dataset.validation))
    if len(lines) < count:
        raise DataError(f"{dataset.name} has {len(lines)} lines; {count} folds need at least {count}.")
    pages: dict[str, list[str]] = {}
    for name in sorted(lines):
        pages.setdefault(name.rpartition("/")[0], []).append(name)
    by, fold_of = BY_PAGE, _dealt(pages, count)
    sizes = [list(fold_of.values()).count(fold) for fold in range(count)]
    if len(pages) < count or max(sizes) - min(sizes) > max(1.0, MAX_IMBALANCE * len(lines) / count):
        by, fold_of = BY_LINE, _dealt({name: [name] for name in lines}, count)
        sizes = [list(fold_of.values()).count(fold) for fold in range(count)]
    extra = tuple(one for one in dataset.extra if one.name not in lines or lines[one.name].text != one.text)
    ordered = widest_first(lines[name] for name in sorted(lines))  # equally wide ones by name
    datasets = tuple(
        replace(
            dataset,
            training=tuple(line for line in ordered if fold_of[line.name] != fold),
            validation=tuple(lines[name] for name in sorted(lines) if fold_of[name] == fold),
            extra=extra,
            name=f"{dataset.name}, fold {fold + 1} of {count}",
            options={},  # by which no other command gets these lines
        )
        for fold in range(count)
    )
    between = f"{min(sizes)}" if min(sizes) == max(sizes) else f"{min(sizes)} to {max(sizes)}"
    note = f"{len(lines)} lines in {count} folds of {between}, {_WHY[by]}."
    if left_out := len(dataset.extra) - len(extra):
        note += f" {left_out} extra lines are lines of the dataset and are left out."
    return Folds(datasets=datasets, by=by, note=note)


_WHY = {
    BY_PAGE: "those of one page (the folder of their names) in one fold",
    BY_LINE: "divided line by line: the pages (the folders of their names) are too few or too large",
}


def _by_name(lines: Sequence[Line]) -> Mapping[str, Line]:
    found: dict[str, Line] = {}
    for line in lines:
        if found.setdefault(line.name, line).text != line.text:
            raise DataError(f"Two lines are named {line.name}, with different texts; folds need names that differ.")
    return found


def _dealt(groups: Mapping[str, Sequence[str]], count: int) -> dict[str, int]:
    """The fold of each line, counted from 0: the largest groups first, each to a fold with the fewest lines so far.

    Groups of one size come in the order of digests of their names: neighbouring pages are often of one book.
    """
    sizes, fold_of = [0] * count, {}
    order = sorted(groups, key=lambda group: (-len(groups[group]), hashlib.sha256(group.encode()).digest()))
    for group in order:
        fold = sizes.index(min(sizes))
        sizes[fold] += len(groups[group])
        fold_of |= dict.fromkeys(groups[group], fold)
    return fold_of

"""`SweepSettings`: what all workers of a sweep share, kept in the sweep's folder and in the storage of its trials."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from datapath.errors import ConfigError, DataError, FileError
from datapath.files import write_text
from datapath.json_text import parse_json
from datapath.quoting import quoted
from datapath.reading import read_text
from datapath.text_form import TextForm
from foldline.sweep.jobs import Jobs
from train.config import Hyperparameters
from train.data.dataset import Line

T = TypeVar("T")

VERSION = 1
"""Form of the settings; any other is refused."""

SETTINGS = "sweep.json"

MAX_BYTES = 2**26
"""Limit of `SETTINGS`, which has some 30 KB for 500 lines."""

FIXED = ("folds", "folds_by", "dataset", "digest", "text_form")
"""Fields that no worker can change, besides those of the preset."""

Lines = tuple[tuple[str, str], ...]
"""Names and references of validation lines."""


@dataclass(frozen=True, kw_only=True)
class SweepSettings:
    """What a sweep trains.

    precisions  see `Jobs`; can be extended
    seeds       the same
    folds       see `Jobs`
    folds_by    what was divided into folds, see `train.data.folds`; empty for the dataset's own split
    dataset     its name
    digest      of the names and texts of all lines, see `train.data.record.DataRecord`
    text_form   of the texts, see `TextForm.notes`
    preset      hyperparameters of all networks but what a `Job` decides, by name
    lines       validation lines of each fold; empty in a storage
    data        options by which the lines were read first; other workers may have them elsewhere
    command     that began the sweep

    :raises ConfigError: a value of another kind, or outside its range.
    """

    precisions: tuple[str, ...]
    seeds: int = 1
    folds: int = 0
    folds_by: str = ""
    dataset: str
    digest: str
    text_form: dict[str, str] = field(default_factory=dict)
    preset: dict[str, bool | int | float | str]
    lines: tuple[Lines, ...] = ()
    data: dict[str, str | bool] = field(default_factory=dict)
    command: str = ""

    def __post_init__(self) -> None:
        for name in ("folds_by", "dataset", "digest", "command"):
            if not isinstance(getattr(self, name), str):
                raise ConfigError(f"{name} is {quoted(getattr(self, name))}; it must be a text.")
        for name, kinds in (("preset", object), ("data", str | bool), ("text_form", str)):
            values = getattr(self, name)
            if not isinstance(values, dict) or not all(isinstance(one, kinds) for one in values.values()):
                raise ConfigError(f"{name} is {quoted(values)}; it must be values by name.")
        if not isinstance(self.precisions, list | tuple) or not isinstance(self.lines, list | tuple):
            raise ConfigError("precisions and lines must be lists.")
        object.__setattr__(self, "precisions", self.space.precisions)
        try:
            object.__setattr__(self, "lines", tuple(_lines(fold) for fold in self.lines))
            TextForm.of(self.text_form)
        except (TypeError, ValueError) as error:
            raise ConfigError("lines has something else than names and references.") from error
        except DataError as error:
            raise ConfigError(f"text_form is wrong: {error}") from error
        if self.lines and len(self.lines) != len(self.space.fold_numbers):
            raise ConfigError(f"lines has {len(self.lines)} folds; folds is {self.folds}.")
        object.__setattr__(self, "preset", self.hyperparameters.to_dict())

    @property
    def space(self) -> Jobs:
        """All jobs."""
        return Jobs(precisions=self.precisions, seeds=self.seeds, folds=self.folds)

    @property
    def trials(self) -> int:
        """Networks to finish, over all workers."""
        return len(self.space)

    @property
    def hyperparameters(self) -> Hyperparameters:
        """The preset."""
        return Hyperparameters.from_dict(self.preset, source="preset")

    def validated(self, fold: int) -> Lines:
        """The validation lines of a fold, see `foldline.sweep.jobs.Job.fold`."""
        return self.lines[max(fold - 1, 0)]

    def as_text(self, *, shared: bool = False) -> str:
        """The JSON text of `from_text`, one line of a dataset on each line.

        :param shared: leave out the lines and what is of one machine alone, for a storage.
        """
        plain = {"version": VERSION, "precisions": list(self.precisions), "seeds": self.seeds}
        plain |= {name: getattr(self, name) for name in (*FIXED, "preset")}
        if shared:
            return json.dumps(plain)
        plain |= {"data": self.data, "command": self.command}
        folds = (
            ",\n".join(json.dumps(list(line), ensure_ascii=False) for line in validated) for validated in self.lines
        )
        lines = ",\n".join(f"[\n{fold}\n]" for fold in folds)
        return f'{json.dumps(plain, indent=2)[:-2]},\n  "lines": [\n{lines}\n]\n}}\n'

    @classmethod
    def from_text(cls, text: object, *, source: object) -> SweepSettings:
        """Read what `as_text` wrote.

        :param text: of a file or a storage.
        :param source: its path or name, for messages.
        :raises FileError: damaged, or of another version.
        """
        return of_version(cls, text, what="a sweep", version=VERSION, source=source)


def of_version(make: Callable[..., T], text: object, *, what: str, version: int, source: object) -> T:
    """A value from its JSON text, which has the version of its form beside its fields.

    :param make: takes the fields.
    :param text: of a file or a storage.
    :param what: it is, for messages.
    :param version: that is read.
    :param source: path or name, for messages.
    :raises FileError: damaged, or of another version.
    """
    try:
        values = parse_json(text, name=f"{source} is damaged")
        found = values.pop("version")
        if type(found) is not int or found != version:
            raise FileError(f"{source} is {what} of form {quoted(found)}; this Foldline reads form {version}.")
        return make(**values)
    except (TypeError, ValueError, LookupError, AttributeError, ConfigError) as error:
        raise FileError(f"{source} is damaged: {str(error).rstrip('.')}.") from error


def _lines(fold: object) -> Lines:
    found = tuple((name, text) for name, text in fold)
    if not all(isinstance(one, str) for line in found for one in line) or len(dict(found)) < len(found):
        raise ValueError
    return found


def lines_of(lines: Sequence[Line]) -> Lines:
    """Names and references of lines, as `SweepSettings.lines` has them."""
    return tuple((line.name, line.text) for line in lines)


def read_settings(folder: Path) -> SweepSettings:
    """The settings in the folder of a sweep.

    :raises FileError: there are none, or they are damaged.
    """
    path = folder / SETTINGS
    if not path.is_file():
        raise FileError(f"{folder} is not the folder of a sweep: it has no {SETTINGS}.")
    settings = SweepSettings.from_text(read_text(path, limit=MAX_BYTES), source=path)
    if not settings.lines:
        raise FileError(f"{path} is damaged: it has no lines.")
    return settings


def write_settings(settings: SweepSettings, folder: Path) -> None:
    """Write the settings into the folder of a sweep, whole or not at all."""
    write_text(folder / SETTINGS, settings.as_text())


def extended(before: SweepSettings, given: Mapping[str, object], *, what: object) -> SweepSettings:
    """The settings of a sweep that a worker joins; it may add seeds and precisions.

    :param before: of the sweep.
    :param given: fields that this worker asks for; `preset` holds all hyperparameters.
    :param what: the sweep, for messages.
    :raises ConfigError: a field differs; names both values.
    """
    preset = dict(given.get("preset", {}))
    fixed = {name: (given[name], getattr(before, name)) for name in FIXED if name in given and name != "digest"}
    for name, (now, then) in {
        **fixed,
        **{name: (value, before.preset[name]) for name, value in preset.items()},
    }.items():
        if now != then:
            raise ConfigError(f"{name} is {quoted(now)}, and the sweep {what} has {quoted(then)}.")
    if given.get("digest", before.digest) != before.digest:
        raise ConfigError(
            f"The lines {before.dataset} have other names or texts than those that the sweep {what} was begun with, or "
            "another order."
        )
    seeds, precisions = given.get("seeds", before.seeds), tuple(given.get("precisions", before.precisions))
    if seeds < before.seeds:
        raise ConfigError(f"seeds is {seeds}, and the sweep {what} has {before.seeds}; there can only be more.")
    if missing := [one for one in before.precisions if one not in precisions]:
        raise ConfigError(
            f"precisions is {', '.join(precisions)}, and the sweep {what} also has {', '.join(missing)}; there can only be "
            "more."
        )
    return replace(before, seeds=seeds, precisions=precisions)


def together(one: SweepSettings, other: SweepSettings, *, what: object) -> SweepSettings:
    """`one` with the seeds and precisions of both: two workers have extended a sweep.

    :raises ConfigError: another field differs.
    """
    added = tuple(precision for precision in other.precisions if precision not in one.precisions)
    given = {name: getattr(other, name) for name in (*FIXED, "preset")}
    both = {"seeds": max(one.seeds, other.seeds), "precisions": (*one.precisions, *added)}
    return extended(one, given | both, what=what)

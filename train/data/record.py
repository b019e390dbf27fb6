"""`DataRecord`: which lines a run is trained on, as its checkpoints keep it, so that a resumed run has the same ones."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from datapath.errors import ConfigError, FileError
from train.data.dataset import Dataset, Line
from train.data.synthetic_source import SyntheticSource

LISTS = ("sortedtrain", "valid", "imgs")
"""Options that replace a part of the folder of --data: another --data drops them."""

OF_LINES = ("data", *LISTS, "extra", "seed")
"""Options that decide which lines there are; the others decide the form of their texts."""

PATHS = ("data", *LISTS, "extra")
"""Options whose value may be a path."""

PARTS = ("training", "validation", "extra")
"""Lines of a dataset, as its fields and those of a `DataRecord` are named."""

Option = str | int | bool
Options = dict[str, Option]


@dataclass(frozen=True)
class LinesRecord:
    """Number of lines, and SHA-256 of their names and texts in their order, in hex."""

    count: int
    digest: str

    @classmethod
    def of(cls, lines: Iterable[Line]) -> LinesRecord:
        """Count and digest of lines; the pictures are not read."""
        digest, count = hashlib.sha256(), 0
        for line in lines:
            digest.update(json.dumps([line.name, line.text]).encode() + b"\n")
            count += 1
        return cls(count, digest.hexdigest())


@dataclass(frozen=True, kw_only=True)
class DataRecord:
    """Where a run's lines come from, and which they are.

    name        of the dataset
    options     of the command line by which it was read, absolute where they are paths; empty for lines of a program
    training    base lines, and so on: count and digest
    """

    name: str
    options: Options
    training: LinesRecord
    validation: LinesRecord
    extra: LinesRecord

    @classmethod
    def of(cls, dataset: Dataset) -> DataRecord:
        """The record of a dataset."""
        lines = {part: LinesRecord.of(getattr(dataset, part)) for part in PARTS}
        return cls(name=dataset.name, options=dict(dataset.options), **lines)

    @property
    def digest(self) -> str:
        """SHA-256, in hex, of all lines' names and texts."""
        return hashlib.sha256("".join(getattr(self, part).digest for part in PARTS).encode()).hexdigest()

    def to_plain(self) -> dict:
        """Tables of texts and numbers by name, which `from_plain` reads."""
        return asdict(self)

    @classmethod
    def from_plain(cls, plain: object) -> DataRecord:
        """Read what `to_plain` made.

        :param plain: of a file.
        :raises ConfigError: it is something else.
        """
        try:
            name, options = plain["name"], plain["options"]
            lines = {part: LinesRecord(**plain[part]) for part in PARTS}
        except (TypeError, LookupError) as error:
            raise ConfigError(f"data has no name, options, {', '.join(PARTS)}.") from error
        texts = (name, *options, *(one.digest for one in lines.values())) if isinstance(options, dict) else (None,)
        values = [*options.values(), *(one.count for one in lines.values())] if isinstance(options, dict) else []
        fits = all(isinstance(one, str) for one in texts) and all(isinstance(one, Option) for one in values)
        if not fits or any(type(one) is not int for one in (options.get("seed", 0), *values[len(options) :])):
            raise ConfigError("data has a name, an option, a count or a digest of another type.")
        return cls(name=name, options=dict(options), **lines)

    def same_training(self, other: DataRecord) -> bool:
        """Whether the lines that a run trains on are the same, in the same order."""
        return (self.training, self.extra) == (other.training, other.extra)

    def same_lines(self, other: DataRecord) -> bool:
        """Whether all lines are the same, wherever they come from."""
        return self.same_training(other) and self.validation == other.validation

    @property
    def shown(self) -> str:
        """Options and counts, for messages."""
        words = []
        for name, value in self.options.items():
            if name != "seed" and value is not False:
                words += [f"--{name.replace('_', '-')}", *([] if value is True else [str(value)])]
        counts = f"seed {self.options['seed']}: " if "seed" in self.options and "synthetic" in self.name else ""
        counts += f"{self.training.count} training and {self.validation.count} validation lines"
        counts += f", {self.extra.count} extra" if self.extra.count else ""
        return f"{shlex.join(words) if words else self.name} ({counts})"


def recorded_options(options: Mapping[str, object]) -> Options:
    """Options of a command line as a `DataRecord` has them: None left out, paths absolute.

    :param options: values by name.
    """
    plain: Options = {}
    for name, value in options.items():
        if value is None:
            continue
        if name in PATHS and (synthetic := SyntheticSource.of(str(value))):
            plain[name] = str(synthetic.resolve())
            continue
        is_path = isinstance(value, Path) or (name in PATHS and Path(str(value)).exists())
        plain[name] = str(Path(str(value)).resolve()) if is_path else value
        if not isinstance(plain[name], Option):
            plain[name] = str(value)
    return plain


def options_with(recorded: Options, given: Mapping[str, object], *, extra: bool) -> dict[str, object]:
    """The options of a run, with those that a command line gives in their places.

    Another --data also drops the lists of the run's; its texts have the form of the run's.

    :param recorded: of the run.
    :param given: of the command line, by name.
    :param extra: whether the run's extra lines stay with another --data.
    """
    dropped = LISTS if extra else (*LISTS, "extra", "seed")
    kept = {name: value for name, value in recorded.items() if "data" not in given or name not in dropped}
    return {**kept, **given}


def require_present(options: Mapping[str, object], *, what: object) -> None:
    """Refuse recorded paths that are not there any more.

    :param options: some of a record's, by name.
    :param what: the run, for the message.
    :raises FileError: names the first path and the option that gives another place.
    """
    for name in PATHS:
        path = Path(str(options.get(name, "")))
        if path.is_absolute() and not path.exists():
            raise FileError(
                f"The lines of {what} were read from {path}, which is not there; name their place with --{name}."
            )


def require_same_lines(before: DataRecord, now: DataRecord, *, what: str) -> None:
    """Refuse other lines than those that a run was trained on.

    :param before: of the run.
    :param now: of the dataset.
    :param what: the run, for the message.
    :raises ConfigError: names both.
    """
    if before.same_lines(now):
        return
    counts = [getattr(before, part).count == getattr(now, part).count for part in PARTS]
    how = ", with other names, other texts or in another order" if all(counts) else ""
    if before.options == now.options and before.options:
        raise ConfigError(
            f"{what} was trained on {before.shown}, and these lines have changed since: they are now {now.shown}{how}. "
            "--change-data continues with them."
        )
    known = "Leave --data out to continue with the run's lines; " if before.options else ""
    raise ConfigError(
        f"{what} was trained on {before.shown}, and is now given {now.shown}{how}. {known}--change-data continues with others."
    )

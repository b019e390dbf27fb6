"""The settings of a study: its first worker decides them, and a worker that joins with other ones is refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace

from datapath.boards import DEFAULT_BOARD, TargetBoard, check_clock, load_board
from datapath.design import Limits
from datapath.errors import ConfigError, DesignError, FileError
from datapath.json_text import parse_json
from datapath.manifest import DEFAULT_KERNEL, Kernel
from datapath.published import COLUMNS
from datapath.quoting import quoted
from foldline.foldings.enumeration import check_rate
from foldline.study.space import Space
from train.config import Hyperparameters

VERSION = 2
"""Form of the settings and of the attributes of trials in a storage. Version 1 is that of Foldline 0.1."""

MAX_TRIALS = 100_000

MAX_NAME_BYTES = 200
"""File systems take 255, and endings are added."""

COUNTED = ("training lines", "validation lines", "classes")
"""What the field `lines` counts."""

REQUIRED = {"min_columns_per_second": "--min-columns-per-second N", "preset": "-p PRESET.json"}
"""Fields that the first worker must give, and their options on the command line."""


_KINDS = {str: "a text", dict: "values by name"}


@dataclass(frozen=True, kw_only=True)
class StudySettings:
    """What all workers of a study share.

    :raises ConfigError: a value outside its range.
    """

    min_columns_per_second: float  # that a network must reach on the board at some folding
    preset: dict[str, bool | int | float | str]  # hyperparameters by name, without those that the space decides
    dataset: str  # its name
    lines: tuple[int, int, int]  # see `COUNTED`
    board: str | dict[str, object] = DEFAULT_BOARD  # name, or the fields of a user's own board: others need no file
    clock_mhz: float | None = None  # of the accelerator; None takes the board's
    kernel: str = DEFAULT_KERNEL.value
    columns: int = COLUMNS  # of the line that columns/s are modelled for
    weight: tuple[int, ...] = Space.weight  # this and the next four: see `Space`
    activation: tuple[int, ...] = Space.activation
    bias: tuple[int, ...] = Space.bias
    fc_weight: tuple[int, ...] = Space.fc_weight
    hidden: tuple[int, ...] = Space.hidden
    prune_factor: float = 1.5  # a network is pruned above this multiple of the CER of a cheaper one at the same epoch
    trials: int = 20  # networks to finish, over all workers
    digest: str = ""  # of the lines' names and texts; empty in a study of an earlier version
    data: dict[str, str] = field(default_factory=dict)  # the dataset's paths on the first worker; others may differ

    def __post_init__(self) -> None:
        for name, kind in (("dataset", str), ("digest", str), ("preset", dict), ("data", dict)):
            if not isinstance(getattr(self, name), kind):
                raise ConfigError(f"{name} is {quoted(getattr(self, name))}; it must be {_KINDS[kind]}.")
        board = self.on_board
        if self.clock_mhz is None:
            object.__setattr__(self, "clock_mhz", board.clock(None))
        check_clock(self.clock_mhz)
        object.__setattr__(self, "kernel", Kernel(self.kernel).value)
        for name, values in {"lines": self.lines, **self.space.parameters}.items():  # lists, where they were JSON
            object.__setattr__(self, name, tuple(values))
        check_rate(self.min_columns_per_second)
        if len(self.lines) != len(COUNTED) or not all(isinstance(count, int) and count >= 0 for count in self.lines):
            raise ConfigError(f"lines is {self.lines!r}; it must be the numbers of {', '.join(COUNTED)}.")
        for name, most in (("columns", Limits().columns), ("prune_factor", 1000), ("trials", MAX_TRIALS)):
            if not 1 <= getattr(self, name) <= most:
                raise ConfigError(f"{name} is {getattr(self, name):.10g}; it must be 1 to {most}.")

    def _require_kinds(self) -> None:
        """Refuse what no other check looks at, of settings that another program may have written."""
        if not all(isinstance(one, str) for one in self.data.values()):
            raise ConfigError(f"data is {quoted(self.data)}; it must be texts by name")
        if type(self.trials) is not int:
            raise ConfigError(f"trials is {quoted(self.trials)}; it must be an integer")
        self.hyperparameters  # noqa: B018 - refuses a preset of another version

    @property
    def space(self) -> Space:
        return Space(**{name: getattr(self, name) for name in Space().parameters})

    @property
    def hyperparameters(self) -> Hyperparameters:
        """The preset; what the space decides is that of the network which comes first in it."""
        return Hyperparameters.from_dict({**self.preset, **next(iter(self.space)).decided}, source="preset")

    @property
    def on_board(self) -> TargetBoard:
        if isinstance(self.board, dict):
            return TargetBoard.from_dict(self.board, source="board of the study")
        return load_board(self.board)

    def as_text(self) -> str:
        """The JSON text in a storage."""
        return json.dumps({"version": VERSION, **asdict(self)})

    @classmethod
    def from_text(cls, text: object, *, study: str) -> StudySettings:
        """Settings that `as_text` wrote.

        :param study: its name, for messages.
        :raises FileError: the settings are of another version, or damaged.
        """
        try:
            values = parse_json(text, name=f"the settings of {study!r}")
            version = values.pop("version")
            if type(version) is not int or version != VERSION:
                raise FileError(
                    f"The study {study!r} was written by another version of Foldline, in form {version!r}; this one reads "
                    f"form {VERSION}."
                )
            settings = cls(**values)
            settings._require_kinds()
            return settings
        except (TypeError, ValueError, AttributeError, LookupError, OverflowError, ConfigError, DesignError) as error:
            reason = str(error).rstrip(".")
            raise FileError(f"The study {study!r} is not one of Foldline, or damaged: {reason}.") from error


def check_study_name(name: str) -> None:
    """Raise a ConfigError for a name that the study's file and folder cannot have."""
    allowed = 1 <= len(name.encode("utf-8", "replace")) <= MAX_NAME_BYTES and name[0].isalnum() and name.isprintable()
    if not allowed or set(name) & set("/\\"):
        raise ConfigError(
            f"study is {name!r}; a name has 1 to {MAX_NAME_BYTES} bytes, begins with a letter or a digit, and holds "
            "neither slashes nor characters that cannot be printed."
        )


def preset_of(hyperparameters: Hyperparameters) -> dict[str, bool | int | float | str]:
    """A preset as `StudySettings` has it: without the widths and the size, which the space decides."""
    decided = next(iter(Space())).decided
    return {name: value for name, value in hyperparameters.to_dict().items() if name not in decided}


def board_setting(board: str) -> str | dict[str, object]:
    """What `StudySettings.board` holds: the name of one of our boards, or the fields in a user's own file.

    :param board: name or file, see `load_board`.
    """
    found = load_board(board)
    return found.to_dict() if found.path else found.name


def first_settings(given: Mapping[str, object]) -> StudySettings:
    """The settings of a new study with some fields.

    :raises ConfigError: a field without a default is missing, a value is outside its range, or a clock that the board does
        not make.
    """
    for name, spelled in REQUIRED.items():
        if name not in given:
            raise ConfigError(f"{name} is missing: a new study needs {spelled}.")
    first = StudySettings(**given)
    return replace(first, clock_mhz=first.on_board.clock(first.clock_mhz))  # studies of before may have others


def planned_settings(before: StudySettings | None, given: Mapping[str, object], *, study: str) -> StudySettings:
    """The settings as far as they are known before the lines have been read.

    :param before: of the study; None where it is new.
    :param given: fields that this worker asks for.
    :raises ConfigError: see `first_settings` and `joined_settings`.
    """
    if before is None:
        return first_settings({"dataset": "", "lines": (0, 0, 0), **given})
    return joined_settings(before, given, study=study)


def joined_settings(before: StudySettings, given: Mapping[str, object], *, study: str) -> StudySettings:
    """The settings of a study that a worker joins. A worker may ask for more trials, and makes the study longer.

    :param before: of the study.
    :param given: fields that this worker asks for.
    :raises ConfigError: a field differs; names both values.
    """
    ours = {name: value for name, value in given.items() if name not in ("data", "trials", "preset")}
    if ours.get("clock_mhz", before.clock_mhz) != before.clock_mhz:
        ours["clock_mhz"] = before.on_board.clock(ours["clock_mhz"])
    digest = ours.pop("digest", "")
    theirs = {**asdict(before), **before.preset}
    for name, value in {**ours, **given.get("preset", {})}.items():
        if (tuple(value) if isinstance(value, list) else value) != theirs.get(name):
            raise ConfigError(f"{name} is {_plain(value)}, and the study {study!r} has {_plain(theirs.get(name))}.")
    if digest and before.digest and digest != before.digest:
        raise ConfigError(
            f"The lines {before.dataset} have other names or texts than those that the study {study!r} was begun with, or "
            "another order."
        )
    trials = given.get("trials", before.trials)
    if trials < before.trials:
        raise ConfigError(
            f"trials is {trials}, and the study {study!r} has {before.trials}; it can only be made longer."
        )
    return replace(before, trials=trials)


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return f"{value.get('name')!r}, a board of a file"
    if isinstance(value, float):
        return f"{value:.10g}"
    return ", ".join(map(str, value)) if isinstance(value, tuple) else f"{value!r}"

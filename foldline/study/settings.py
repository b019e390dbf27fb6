"""What a study is about. Its first worker decides; those that join take it over, or are refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace

from datapath.design import Limits
from datapath.errors import ConfigError, FileError
from datapath.manifest import Kernel
from datapath.published import COLUMNS
from foldline.foldings.enumeration import check_rate
from foldline.study.space import Space
from hls_gen.boards import Board, check_clock, load_board
from train.config import Hyperparameters

VERSION = 1
"""Of the form in which they are kept in the storage."""

FROM_SPACE = (
    *("layer_size", "recurrent_weight_bit_width", "recurrent_activation_bit_width", "recurrent_bias_bit_width"),
    *("fc_weight_bit_width", "fc_bias_bit_width"),
)
"""Hyperparameters of the preset that the space decides."""

MAX_TRIALS = 100_000

MAX_NAME_BYTES = 200
"""File systems take 255, and endings are added."""

COUNTED = ("training lines", "validation lines", "classes")
"""What the field `lines` counts."""

REQUIRED = {"min_columns_per_second": "--min-columns-per-second N", "preset": "-p PRESET.json"}
"""What the first worker must give, and how the command line spells it."""


@dataclass(frozen=True, kw_only=True)
class StudySettings:
    """What all workers of a study share.

    board                   by its name
    clock_mhz               of the accelerator; the board's if none is given
    kernel                  whose accelerator
    columns                 of the line that columns/s are modelled for
    min_columns_per_second  what a network must reach on the board at some folding
    weight ... hidden       the fields of `Space`
    preset                  hyperparameters by name, without those that the space decides
    prune_factor            a network is given up if it reads that many times as badly as a cheaper one did at the epoch
    dataset                 its name
    lines                   numbers of its training and validation lines, and of the classes of its alphabet
    trials                  to finish, over all workers
    data                    how its first worker was pointed at the dataset; one that joins may say it otherwise

    :raises ConfigError: a value outside its range.
    """

    min_columns_per_second: float
    preset: dict[str, bool | int | float | str]
    dataset: str
    lines: tuple[int, int, int]
    board: str = "pynq-z2"
    clock_mhz: float | None = None
    kernel: str = Kernel.HLS.value
    columns: int = COLUMNS
    weight: tuple[int, ...] = Space.weight
    activation: tuple[int, ...] = Space.activation
    bias: tuple[int, ...] = Space.bias
    fc_weight: tuple[int, ...] = Space.fc_weight
    hidden: tuple[int, ...] = Space.hidden
    prune_factor: float = 1.5
    trials: int = 20
    data: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        board = load_board(self.board)
        if self.clock_mhz is None:
            object.__setattr__(self, "clock_mhz", board.clock_mhz)
        check_clock(self.clock_mhz)
        object.__setattr__(self, "kernel", Kernel(self.kernel).value)
        for name in ("lines", *Space().parameters):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        Space(**{name: getattr(self, name) for name in Space().parameters})
        check_rate(self.min_columns_per_second)
        if not 1 <= self.columns <= Limits().columns:
            raise ConfigError(f"columns is {self.columns}; it must be 1 to {Limits().columns}.")
        if len(self.lines) != len(COUNTED) or not all(isinstance(count, int) and count >= 0 for count in self.lines):
            raise ConfigError(f"lines is {self.lines!r}; it must be the numbers of {', '.join(COUNTED)}.")
        if not 1 <= self.prune_factor <= 1000:
            raise ConfigError(f"prune_factor is {self.prune_factor:g}; it must be 1 to 1000.")
        if not 1 <= self.trials <= MAX_TRIALS:
            raise ConfigError(f"trials is {self.trials}; it must be 1 to {MAX_TRIALS}.")

    @property
    def space(self) -> Space:
        return Space(**{name: getattr(self, name) for name in Space().parameters})

    @property
    def hyperparameters(self) -> Hyperparameters:
        """The preset; what the space decides is that of the network which comes first in it."""
        decided = {name: value for name, value in Hyperparameters().to_dict().items() if name not in FROM_SPACE}
        preset = Hyperparameters.from_dict({**_QUANTIZED, **decided, **self.preset}, source="preset")
        return next(iter(self.space)).hyperparameters(preset)

    @property
    def on_board(self) -> Board:
        return load_board(self.board)

    def as_text(self) -> str:
        """How the storage keeps them."""
        return json.dumps({"version": VERSION, **asdict(self)})

    @classmethod
    def from_text(cls, text: object, *, study: str) -> StudySettings:
        """:raises FileError: they are of another version, or damaged."""
        try:
            values = json.loads(text)
            version = values.pop("version")
            if version != VERSION:
                raise FileError(f"The study {study!r} is of version {version!r}; this Foldline reads {VERSION}.")
            return cls(**values)
        except (TypeError, ValueError, AttributeError, LookupError, ConfigError) as error:
            raise FileError(
                f"The study {study!r} is no study of Foldline's, or damaged: {str(error).rstrip('.')}."
            ) from error


def check_study_name(name: str) -> None:
    """Refuse a name that cannot be that of the study's file and folder, too.

    :raises ConfigError: says which can.
    """
    allowed = 1 <= len(name.encode("utf-8", "replace")) <= MAX_NAME_BYTES and name[0].isalnum() and name.isprintable()
    if not allowed or set(name) & set("/\\"):
        raise ConfigError(
            f"study is {name!r}; a name has 1 to {MAX_NAME_BYTES} bytes, begins with a letter or a digit, and holds "
            "neither slashes nor what cannot be printed."
        )


_QUANTIZED = {name: 8 for name in FROM_SPACE if name != "layer_size"}


def preset_of(hyperparameters: Hyperparameters) -> dict[str, bool | int | float | str]:
    """A preset as `StudySettings` keeps it."""
    return {name: value for name, value in hyperparameters.to_dict().items() if name not in FROM_SPACE}


def first_settings(given: Mapping[str, object]) -> StudySettings:
    """Those of a new study; what is not given has its default.

    :raises ConfigError: something that has none is missing, or a value is outside its range.
    """
    for name, spelled in REQUIRED.items():
        if name not in given:
            raise ConfigError(f"{name} is missing: a new study needs {spelled}.")
    return StudySettings(**given)


def planned_settings(kept: StudySettings | None, given: Mapping[str, object], *, study: str) -> StudySettings:
    """The settings as far as they are known before the lines have been read.

    :param kept: those of the study; None where it is new.
    :raises ConfigError: see `first_settings` and `joined_settings`.
    """
    if kept is None:
        return first_settings({"dataset": "", "lines": (0, 0, 0), **given})
    return joined_settings(kept, given, study=study)


def joined_settings(kept: StudySettings, given: Mapping[str, object], *, study: str) -> StudySettings:
    """Those of a study that a worker joins, with its `trials` where it asks for more: a study can be made longer.

    :raises ConfigError: the worker has given something else than the study has; names both.
    """
    for name in (one.name for one in fields(StudySettings) if one.name not in ("data", "trials")):
        if name not in given:
            continue
        ours, theirs = given[name], getattr(kept, name)
        if name == "preset":
            name, ours, theirs = _differing(ours, theirs)
        ours = tuple(ours) if isinstance(ours, list) else ours
        if ours != theirs:
            raise ConfigError(_refusal(study, name, ours, theirs))
    trials = given.get("trials", kept.trials)
    if trials < kept.trials:
        raise ConfigError(f"{_refusal(study, 'trials', trials, kept.trials)[:-1]}; it can only be made longer.")
    return replace(kept, trials=trials)


def _differing(ours: Mapping[str, object], theirs: Mapping[str, object]) -> tuple[str, object, object]:
    """The first hyperparameter that differs, and both values; two equal ones where none does."""
    for name in sorted({*ours, *theirs}):
        if ours.get(name) != theirs.get(name):
            return name, ours.get(name), theirs.get(name)
    return "preset", None, None


def _refusal(study: str, name: str, ours: object, theirs: object) -> str:
    return f"{name} is {_plain(ours)}, and the study {study!r} has {_plain(theirs)}."


def _plain(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else f"{value!r}"

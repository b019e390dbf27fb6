"""The settings of a study: its first worker decides them, and a worker that joins with other ones is refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace

from datapath.design import Limits
from datapath.errors import ConfigError, FileError
from datapath.manifest import Kernel
from datapath.published import COLUMNS
from foldline.foldings.enumeration import check_rate
from foldline.study.space import Space
from hls_gen.boards import Board, check_clock, load_board
from train.config import Hyperparameters

VERSION = 2
"""Form of the settings and of the attributes of trials in a storage. Version 1 is that of Foldline 0.1."""

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
"""Fields that the first worker must give, and their options on the command line."""


@dataclass(frozen=True, kw_only=True)
class StudySettings:
    """What all workers of a study share.

    min_columns_per_second  that a network must reach on the board at some folding
    preset                  hyperparameters by name, without those that the space decides
    dataset                 its name
    lines                   numbers of training lines, validation lines, and classes of the alphabet
    board                   its name
    clock_mhz               of the accelerator; None takes the board's
    kernel                  of the accelerator, a value of `Kernel`
    columns                 of the line that columns/s are modelled for
    weight ... hidden       the fields of `Space`
    prune_factor            a network is pruned if its CER is more than this many times that of a cheaper one at the epoch
    trials                  networks to finish, over all workers
    data                    paths by which the first worker opened the dataset; other workers may use other ones

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
        """As they stand in the storage."""
        return json.dumps({"version": VERSION, **asdict(self)})

    @classmethod
    def from_text(cls, text: object, *, study: str) -> StudySettings:
        """Settings that `as_text` wrote.

        :param text: an attribute of the study.
        :param study: its name, for messages.
        :raises FileError: they are of another version, or damaged.
        """
        try:
            values = json.loads(text)
            version = values.pop("version")
            if version != VERSION:
                raise FileError(
                    f"The study {study!r} was written by another version of Foldline, in form {version!r}; this one reads "
                    f"form {VERSION}."
                )
            return cls(**values)
        except (TypeError, ValueError, AttributeError, LookupError, ConfigError) as error:
            raise FileError(
                f"The study {study!r} is not one of Foldline, or damaged: {str(error).rstrip('.')}."
            ) from error


def check_study_name(name: str) -> None:
    """Refuse a name that the study's file and folder cannot have.

    :param name: of a study.
    :raises ConfigError: it is too long, or has characters that are not allowed.
    """
    allowed = 1 <= len(name.encode("utf-8", "replace")) <= MAX_NAME_BYTES and name[0].isalnum() and name.isprintable()
    if not allowed or set(name) & set("/\\"):
        raise ConfigError(
            f"study is {name!r}; a name has 1 to {MAX_NAME_BYTES} bytes, begins with a letter or a digit, and holds "
            "neither slashes nor characters that cannot be printed."
        )


_QUANTIZED = {name: 8 for name in FROM_SPACE if name != "layer_size"}


def preset_of(hyperparameters: Hyperparameters) -> dict[str, bool | int | float | str]:
    """A preset as `StudySettings` has it.

    :param hyperparameters: whose widths and size do not matter.
    """
    return {name: value for name, value in hyperparameters.to_dict().items() if name not in FROM_SPACE}


def first_settings(given: Mapping[str, object]) -> StudySettings:
    """The settings of a new study.

    :param given: fields by name; the others have their defaults.
    :raises ConfigError: a field without a default is missing, or a value is outside its range.
    """
    for name, spelled in REQUIRED.items():
        if name not in given:
            raise ConfigError(f"{name} is missing: a new study needs {spelled}.")
    return StudySettings(**given)


def planned_settings(before: StudySettings | None, given: Mapping[str, object], *, study: str) -> StudySettings:
    """The settings as far as they are known before the lines have been read.

    :param before: those of the study; None where it is new.
    :param given: fields that this worker asks for.
    :param study: its name, for messages.
    :raises ConfigError: see `first_settings` and `joined_settings`.
    """
    if before is None:
        return first_settings({"dataset": "", "lines": (0, 0, 0), **given})
    return joined_settings(before, given, study=study)


def joined_settings(before: StudySettings, given: Mapping[str, object], *, study: str) -> StudySettings:
    """The settings of a study that a worker joins. A worker may ask for more trials, and makes the study longer.

    :param before: those of the study.
    :param given: fields that this worker asks for.
    :param study: its name, for messages.
    :raises ConfigError: a field differs; names both values.
    """
    ours = {name: value for name, value in given.items() if name not in ("data", "trials", "preset")}
    theirs = {**asdict(before), **before.preset}
    for name, value in {**ours, **given.get("preset", {})}.items():
        if (tuple(value) if isinstance(value, list) else value) != theirs.get(name):
            raise ConfigError(f"{name} is {_plain(value)}, and the study {study!r} has {_plain(theirs.get(name))}.")
    trials = given.get("trials", before.trials)
    if trials < before.trials:
        raise ConfigError(
            f"trials is {trials}, and the study {study!r} has {before.trials}; it can only be made longer."
        )
    return replace(before, trials=trials)


def _plain(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else f"{value!r}"

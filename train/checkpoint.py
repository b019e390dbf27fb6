"""`Checkpoint`: the whole state of a run in one file of plain tensors, numbers and text."""

from __future__ import annotations

import io
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from datapath import Alphabet
from datapath.errors import CheckpointError, ConfigError, DesignError
from datapath.files import atomic_write
from datapath.quoting import quoted
from datapath.reading import file_digest
from train.config import MAX_COUNT, Hyperparameters
from train.data.record import DataRecord
from train.model import Recogniser
from train.torch_file import TorchFile, open_torch_file
from train.torch_pickle import StoredTensor

FORMAT = "foldline checkpoint"
FORMAT_VERSION = 1
"""Version of the saved form; any other is refused."""

MAX_STATES = 100
"""Parameters that an optimiser has a state of, and values of each; one of ours has some ten, with three values each."""

DATA = "data"
"""Field that earlier versions did not write, and that they ignore: the same version of the form."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Checkpoint:
    """State of a run after `epoch` whole epochs and `batch` batches of the one that follows.

    :param hyperparameters: of the run.
    :param alphabet: of the network's classes.
    :param model: state dict of the network.
    :param optimiser: state dict of the optimiser; None where only the weights are saved.
    :param loss_sum: loss of the running epoch so far, summed over its lines, in nats.
    :param best_cer: best character error rate so far, in percent, on the lines that choose the best epoch; infinite before the first.
    :param best_wer: best word error rate, the same.
    :param rng: state of torch's global random number generator, uint8.
    :param provenance: command line, dataset, author and tool, by name.
    :param data: the lines of the run; None in a checkpoint of a version that did not keep them.
    :param path: file that it was loaded from; None for a checkpoint in memory.
    :param sha256: digest of that file, in hex.
    :param origin: what wrote it, if not Foldline; it holds weights only (`train.original`).
    :param notes: messages on what was not taken from its file, or was converted.
    """

    hyperparameters: Hyperparameters
    alphabet: Alphabet
    model: dict[str, Tensor]
    optimiser: dict | None
    epoch: int
    batch: int
    loss_sum: float
    best_cer: float
    best_wer: float
    rng: Tensor
    provenance: dict[str, str]
    data: DataRecord | None = None
    path: Path | None = None
    sha256: str = ""
    origin: str = ""
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Path of its file, for messages."""
        return str(self.path or "a checkpoint in memory")

    def recogniser(self) -> Recogniser:
        """A model with these weights, in evaluation mode; a CheckpointError if the hyperparameters do not fit them."""
        model = Recogniser(self.hyperparameters, len(self.alphabet))
        load_weights(model, self.model)
        return model.eval()

    def save(self, path: str | os.PathLike) -> None:
        """Write the file whole or not at all; a FileError if that fails."""
        plain = {name: getattr(self, name) for name in _FIELD_TYPES} | {"format": FORMAT, "version": FORMAT_VERSION}
        plain |= {"hyperparameters": asdict(self.hyperparameters), "alphabet": list(self.alphabet.symbols)}
        plain |= {} if self.data is None else {DATA: self.data.to_plain()}
        # torch.save turns a full disk into a RuntimeError; through memory it stays the OSError that atomic_write names.
        buffer = io.BytesIO()
        torch.save(plain, buffer)
        with atomic_write(path) as handle:
            handle.write(buffer.getbuffer())

    @classmethod
    def load(cls, path: str | os.PathLike) -> Checkpoint:
        """Read what `save` wrote; nothing in the file is ever executed.

        :raises FileError: missing or unreadable.
        :raises CheckpointError: damaged, not a checkpoint of Foldline, or of another version.
        """
        with open_torch_file(path) as file:
            return cls.read(file)

    @classmethod
    def read(cls, file: TorchFile) -> Checkpoint:
        """The checkpoint in an open file; what it states is checked before a tensor is read.

        :param file: of torch.
        :raises CheckpointError: see `load`.
        """
        path, plain = Path(str(file.path)), file.content
        if not is_own(plain):
            raise CheckpointError(f"{path} is a file of torch, but not a Foldline checkpoint.")
        version = plain.get("version")
        if type(version) is not int or version != FORMAT_VERSION:
            raise CheckpointError(
                f"{path} is a checkpoint of version {quoted(version)}; this Foldline reads version {FORMAT_VERSION}."
            )
        for name in _FIELD_TYPES:
            if name not in plain:
                raise CheckpointError(f"{path} is not a complete checkpoint: it has no {name!r}.")
        values = {name: plain[name] for name in _FIELD_TYPES}
        try:
            _require_types(values)
            values["hyperparameters"] = Hyperparameters.from_dict(values["hyperparameters"], source="hyperparameters")
            values["alphabet"] = Alphabet(tuple(values["alphabet"]))
            data = DataRecord.from_plain(plain[DATA]) if DATA in plain else None
            # On torch's device without memory: names, shapes and types only.
            with torch.device("meta"):
                _require_fitting(Recogniser(values["hyperparameters"], len(values["alphabet"])), values["model"])
        except (ConfigError, DesignError, CheckpointError) as error:
            raise CheckpointError(f"{path} is not a valid checkpoint: {error}") from error
        values["model"] = {name: file.tensor(one) for name, one in values["model"].items()}
        values["optimiser"] = _with_tensors(values["optimiser"], file)
        values["rng"] = file.tensor(values["rng"])
        return cls(**values, data=data, path=path, sha256=file_digest(path))


def is_own(content: object) -> bool:
    """Whether what a file of torch holds is a checkpoint of Foldline, of any version.

    :param content: of the file.
    """
    return isinstance(content, dict) and content.get("format") == FORMAT


def _with_tensors(optimiser: dict | None, file: TorchFile) -> dict | None:
    """The state of an optimiser with the tensors in it."""
    if optimiser is None:
        return None
    state = {
        number: {name: file.tensor(one) if isinstance(one, StoredTensor) else one for name, one in table.items()}
        if isinstance(table, dict)
        else table
        for number, table in optimiser["state"].items()
    }
    return {**optimiser, "state": state}


def opened(checkpoint: str | os.PathLike | Checkpoint) -> Checkpoint:
    """A checkpoint from its path, as `Checkpoint.load` reads it, or the one that is given."""
    return checkpoint if isinstance(checkpoint, Checkpoint) else Checkpoint.load(checkpoint)


def load_weights(model: Recogniser, weights: dict[str, Tensor]) -> None:
    """Copy a state dict into a model; a CheckpointError names the first parameter that does not fit."""
    _require_fitting(model, weights)
    model.load_state_dict(weights)


def require_finite(model: Recogniser) -> None:
    """Raise a CheckpointError that names the first parameter with a value that is not finite."""
    for name, weights in model.state_dict().items():
        faulty = weights[~torch.isfinite(weights)]
        if len(faulty):
            raise CheckpointError(
                f"{name}: {len(faulty)} of {weights.numel()} values are not finite, the first {faulty[0]}."
            )


def _require_fitting(model: Recogniser, weights: Mapping[str, Tensor | StoredTensor]) -> None:
    expected = model.state_dict()
    for name in [*expected, *weights]:
        if name not in weights:
            raise CheckpointError(f"The checkpoint has no weights {name}, which the hyperparameters ask for.")
        if name not in expected:
            raise CheckpointError(f"The checkpoint has weights {name}, which the hyperparameters do not have.")
        if weights[name].shape != expected[name].shape:
            raise CheckpointError(
                f"{name} has shape {list(weights[name].shape)} in the checkpoint; "
                f"the hyperparameters ask for {list(expected[name].shape)}."
            )
        if weights[name].dtype != expected[name].dtype:
            raise CheckpointError(
                f"{name} is {weights[name].dtype} in the checkpoint; it must be {expected[name].dtype}."
            )


def _require_types(values: dict[str, object]) -> None:
    """Refuse a field that is not what `save` writes; whether the values fit together is not checked here."""
    for name, (fits, what) in _FIELD_TYPES.items():
        if not fits(values[name]):
            raise CheckpointError(f"{name} is {quoted(values[name])}; it must be {what}.")
    for name, weights in values["model"].items():
        if not isinstance(weights, StoredTensor):
            raise CheckpointError(f"model[{name!r}] is {quoted(weights)}; it must be a tensor.")


def _is_table(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(key, str) for key in value)


def _is_optimiser(value: object) -> bool:
    if not isinstance(value, dict):
        return value is None
    groups, state = value.get("param_groups"), value.get("state")
    if not isinstance(state, dict) or not isinstance(groups, list) or not groups or len(state) > MAX_STATES:
        return False
    return all(not isinstance(one, dict) or len(one) <= MAX_STATES for one in state.values())


_COUNT = (lambda v: type(v) is int and 0 <= v <= MAX_COUNT, f"an integer from 0 to {MAX_COUNT}")
_RATE = (lambda v: type(v) is float and v >= 0, "a real number, 0 or more")

_FIELD_TYPES: dict[str, tuple[Callable[[object], bool], str]] = {
    "hyperparameters": (_is_table, "a table of values by name"),
    "alphabet": (lambda v: isinstance(v, list) and all(isinstance(one, str) for one in v), "a list of texts"),
    "model": (_is_table, "a table of tensors by name"),
    "optimiser": (_is_optimiser, "the state of an optimiser, or None"),
    "epoch": _COUNT,
    "batch": _COUNT,
    "loss_sum": (lambda v: type(v) is float and math.isfinite(v), "a finite real number"),
    "best_cer": _RATE,
    "best_wer": _RATE,
    "rng": (
        lambda v: isinstance(v, StoredTensor) and v.dtype is torch.uint8 and len(v.shape) == 1,
        "a row of bytes, a tensor",
    ),
    "provenance": (
        lambda v: _is_table(v) and all(isinstance(one, str) for one in v.values()),
        "a table of texts by name",
    ),
}
"""For every field that `save` writes: a check of its value, and what it must be for the error message."""

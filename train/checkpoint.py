"""`Checkpoint`: the whole state of a run in one file of plain tensors, numbers and text."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
import zlib
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import torch
from torch import Tensor

from datapath import Alphabet
from datapath.errors import CheckpointError, ConfigError, DesignError, FileError
from datapath.files import atomic_write, os_reason
from train.config import Hyperparameters
from train.model import Recogniser

FORMAT = "foldline checkpoint"
FORMAT_VERSION = 1
"""Version of the saved form; a newer one is refused, never guessed at."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Checkpoint:
    """State of a run after `epoch` whole epochs and `batch` batches of the one that follows.

    `model` and `optimiser` are state dicts (`optimiser` None where only weights are kept); `loss_sum` is the loss of
    the running epoch so far, summed over its lines; `best_cer` and `best_wer` are the best validation error rates so
    far in percent, infinite before the first; `rng` is torch's global generator state; `provenance` tells command
    line, dataset, author and tool.
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

    def recogniser(self) -> Recogniser:
        """A model with these weights, in evaluation mode.

        :raises CheckpointError: the weights do not have the names and shapes that the hyperparameters ask for.
        """
        model = Recogniser(self.hyperparameters, len(self.alphabet))
        load_weights(model, self.model)
        return model.eval()

    def save(self, path: str | os.PathLike) -> None:
        """Write the file whole or not at all.

        :raises FileError: it cannot be written.
        """
        plain = {one.name: getattr(self, one.name) for one in fields(self)}
        plain |= {
            "format": FORMAT,
            "version": FORMAT_VERSION,
            "hyperparameters": asdict(self.hyperparameters),
            "alphabet": list(self.alphabet.symbols),
        }
        # torch.save turns a full disk into a RuntimeError; through memory it stays the OSError that atomic_write names.
        buffer = io.BytesIO()
        torch.save(plain, buffer)
        with atomic_write(path) as handle:
            handle.write(buffer.getbuffer())

    @classmethod
    def load(cls, path: str | os.PathLike) -> Checkpoint:
        """Read what `save` wrote; nothing in the file is ever executed.

        :raises FileError: missing or unreadable.
        :raises CheckpointError: damaged, no checkpoint of Foldline, or of another version.
        """
        plain = _read_plain(Path(path))
        if not isinstance(plain, dict) or plain.get("format") != FORMAT:
            raise CheckpointError(f"{path} is a file of torch, but no Foldline checkpoint.")
        if plain.get("version") != FORMAT_VERSION:
            raise CheckpointError(
                f"{path} is a checkpoint of version {plain.get('version')}; this Foldline reads version {FORMAT_VERSION}."
            )
        try:
            values = {one.name: plain[one.name] for one in fields(cls)}
            values["hyperparameters"] = Hyperparameters.from_dict(plain["hyperparameters"], source="hyperparameters")
            values["alphabet"] = Alphabet(tuple(plain["alphabet"]))
        except KeyError as error:
            raise CheckpointError(f"{path} is not a whole checkpoint: it has no {error}.") from error
        except (ConfigError, DesignError, TypeError) as error:
            raise CheckpointError(f"{path} is not a valid checkpoint: {error}") from error
        return cls(**values)


def load_weights(model: Recogniser, weights: dict[str, Tensor]) -> None:
    """Copy a state dict into a model of exactly the same names and shapes.

    :raises CheckpointError: names the first parameter that is missing, unknown or of another shape.
    """
    own = model.state_dict()
    for name in [*own, *weights]:
        if name not in weights:
            raise CheckpointError(f"The checkpoint has no weights {name}, which the hyperparameters ask for.")
        if name not in own:
            raise CheckpointError(f"The checkpoint has weights {name}, for which the hyperparameters have no place.")
        if weights[name].shape != own[name].shape:
            raise CheckpointError(
                f"{name} has shape {list(weights[name].shape)} in the checkpoint; "
                f"the hyperparameters ask for {list(own[name].shape)}."
            )
    model.load_state_dict(weights)


def _read_plain(path: Path) -> object:
    """The object in a file of torch, after its checksums were verified."""
    if not path.is_file():
        raise FileError(f"Cannot read {path}: {'it is a folder' if path.is_dir() else 'no such file'}.")
    try:
        if not zipfile.is_zipfile(path):
            raise CheckpointError(f"{path} is not a checkpoint, or it is cut off.")
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
        if damaged is not None:
            raise CheckpointError(f"{path} is damaged: the checksum of {damaged} is wrong.")
        return torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise FileError(f"Cannot read {path}: {os_reason(error)}.") from error
    except (zipfile.BadZipFile, zlib.error, pickle.UnpicklingError, RuntimeError, ValueError, EOFError) as error:
        raise CheckpointError(f"{path} is no checkpoint of Foldline, or it is damaged.") from error

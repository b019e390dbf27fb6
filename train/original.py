"""Checkpoints that Foldline did not write: those of pytorch-ocr, and state dicts of ``torch.nn.LSTM`` and ``Linear``.

Their weights have torch's order of gates and two bias vectors per direction, as ours (docs/spec/training.md), so they are
taken as they are. Neither file holds an alphabet. Only the weights are taken: such a checkpoint cannot be resumed.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path

import torch
from torch import Tensor

from datapath import Alphabet
from datapath.alphabet import MAX_CLASSES
from datapath.errors import CheckpointError, ConfigError
from datapath.quoting import displayed, quoted
from datapath.reading import file_digest
from train.checkpoint import Checkpoint, is_own, load_weights
from train.config import MAX_COUNT, Hyperparameters
from train.model import Recogniser
from train.torch_file import TorchFile, open_torch_file
from train.torch_pickle import StoredTensor

PYTORCH_OCR, STATE_DICT = "pytorch-ocr", "a state dict of torch"
"""What wrote a checkpoint."""

HYPERPARAMETERS = "trainer_params"
WEIGHTS = ("state_dict", "model_state_dict", "model")
"""Keys under which a training checkpoint has its state dict; the first that is there counts."""

NAMED_UNKNOWN = 20
"""Unknown hyperparameters of a file that notes list; pytorch-ocr has fewer."""

NETWORK = "one LSTM layer, perhaps batch norm, and one linear layer"

FIRST = "weight_ih_l0"
LSTM_WEIGHT = re.compile(r"(weight|bias)_(ih|hh)_l0(_reverse)?")
STATISTIC = "running_mean"
NORM = ("weight", "bias", STATISTIC, "running_var", "num_batches_tracked")
BATCHES, FC_WEIGHT, FC_BIAS = "batch_norm.num_batches_tracked", "fc.weight", "fc.bias"
"""Ours: a count, which old versions of torch lack; and the output layer, which may have no bias."""


AlphabetSource = Callable[[int], tuple[Alphabet, str]]
"""Called with a number of classes; gives the alphabet, and where it comes from, for messages."""


def load_checkpoint(path: str | os.PathLike, *, alphabet: AlphabetSource | None = None) -> Checkpoint:
    """Read a checkpoint of Foldline, of pytorch-ocr, or a state dict; nothing in the file is ever executed.

    A state dict holds one ``torch.nn.LSTM`` of one layer, perhaps a ``BatchNorm1d``, and one ``Linear``, under any names.
    It becomes a float network; class 0 is the blank.

    :param path: of the file.
    :param alphabet: asked where the file has none; None refuses such a file.
    :raises FileError: missing or unreadable.
    :raises CheckpointError: damaged, not a checkpoint, or with other weights, hyperparameters or classes.
    """
    path = Path(path)
    with open_torch_file(path) as file:
        if is_own(file.content):
            return Checkpoint.read(file)
        try:
            return _Foreign.of(path, file.content).checkpoint(file, alphabet)
        except (CheckpointError, ConfigError) as error:
            raise CheckpointError(str(error.within(path)), about=path) from error


@dataclass(frozen=True, kw_only=True)
class _Foreign:
    """What a file of another program holds, nothing of it read yet.

    :param path: of the file.
    :param origin: what wrote it.
    :param weights: of our network, by our names.
    :param hyperparameters: of the file, or those that the weights show.
    :param epoch: epochs that it was trained for; 0 where the file does not have it.
    :param notes: what is not taken from the file.
    """

    path: Path
    origin: str
    weights: dict[str, StoredTensor]
    hyperparameters: Hyperparameters
    epoch: int
    notes: tuple[str, ...]

    @classmethod
    def of(cls, path: Path, content: object) -> _Foreign:
        """:raises CheckpointError, ConfigError: it is not a network that Foldline has, or has unknown values."""
        if not isinstance(content, dict):
            raise CheckpointError(f"it holds {quoted(content)}; a checkpoint is a table of weights by name.")
        state = next((content[key] for key in WEIGHTS if isinstance(content.get(key), dict)), content)
        weights = _our_weights(state)
        origin, notes = STATE_DICT, []
        hyperparameters = _shown_by(weights)  # also checks the shapes that a file with hyperparameters must have
        if HYPERPARAMETERS in content:
            origin = PYTORCH_OCR
            values = content[HYPERPARAMETERS]
            if not isinstance(values, dict):
                raise CheckpointError(f"{HYPERPARAMETERS} is {quoted(values)}; it must be a table.")
            known = {one.name for one in fields(Hyperparameters)}
            hyperparameters = Hyperparameters.from_dict(
                {name: value for name, value in values.items() if name in known}, source=HYPERPARAMETERS
            )
            unknown = [name for name in values if name not in known]
            notes += [
                f"{path}: {HYPERPARAMETERS} has {quoted(name)} = {quoted(values[name])}, which Foldline does not have; it is left out."
                for name in unknown[:NAMED_UNKNOWN]
            ]
            if len(unknown) > NAMED_UNKNOWN:
                notes.append(f"{path}: {HYPERPARAMETERS} has {len(unknown) - NAMED_UNKNOWN} more that are left out.")
        epoch = content.get("epoch")
        return cls(
            path=path,
            origin=origin,
            weights=weights,
            hyperparameters=hyperparameters,
            epoch=epoch if type(epoch) is int and 0 <= epoch <= MAX_COUNT else 0,
            notes=tuple(notes),
        )

    def checkpoint(self, file: TorchFile, alphabet: AlphabetSource | None) -> Checkpoint:
        """The checkpoint, its weights in float32; shapes and classes are checked before a weight is read."""
        classes = self.weights[FC_WEIGHT].shape[0]
        if not 2 <= classes <= MAX_CLASSES:
            raise CheckpointError(f"it has {classes} classes; allowed is 2 to {MAX_CLASSES}.")
        shapes = {name: one.shape for name, one in self.weights.items()}
        absent = {FC_BIAS: (classes,), **({BATCHES: ()} if "batch_norm.weight" in shapes else {})}
        absent = {name: shape for name, shape in absent.items() if name not in shapes}
        with torch.device("meta"):  # shapes and no memory
            model = Recogniser(self.hyperparameters, classes)
            load_weights(model, {name: _zeros(name, shape) for name, shape in {**shapes, **absent}.items()})
        if alphabet is None:
            raise CheckpointError(f"it has {classes} classes and no alphabet, and none was given.")
        characters, source = alphabet(classes)
        if len(characters) != classes:
            raise CheckpointError(
                f"it has {classes} classes, the blank included, but the alphabet of {source} has {len(characters)}."
            )
        weights = {name: file.tensor(one).to(_type_of(name)) for name, one in self.weights.items()}
        return Checkpoint(
            hyperparameters=self.hyperparameters,
            alphabet=characters,
            model=weights | {name: _zeros(name, shape) for name, shape in absent.items()},
            optimiser=None,
            epoch=self.epoch,
            batch=0,
            loss_sum=0.0,
            best_cer=math.inf,
            best_wer=math.inf,
            rng=torch.get_rng_state(),
            provenance={"tool": self.origin},
            path=self.path,
            sha256=file_digest(self.path),
            origin=self.origin,
            notes=(*self.notes, *self._conversions(), self._what_it_is(characters, source)),
        )

    def _conversions(self) -> Iterator[str]:
        types = sorted({str(one.storage.dtype).removeprefix("torch.") for one in self.weights.values()} - {"int64"})
        if types != ["float32"]:
            yield f"{self.path}: its weights are {' and '.join(types)}; they were converted to float32."

    def _what_it_is(self, alphabet: Alphabet, source: str) -> str:
        after = f" after {self.epoch} epochs" if self.epoch else ""
        return (
            f"{self.path}: {self.origin}{after}, {self.hyperparameters.experiment_name()}. Its {len(alphabet)} classes are "
            f"the blank and the characters of {source}: {displayed(''.join(alphabet.symbols))}"
        )


def _type_of(name: str) -> torch.dtype:
    return torch.int64 if name == BATCHES else torch.float32


def _zeros(name: str, shape: tuple[int, ...]) -> Tensor:
    return torch.zeros(shape, dtype=_type_of(name))


def _our_weights(state: Mapping[str | int, object]) -> dict[str, StoredTensor]:
    """The tensors of a state dict by the names of `Recogniser`.

    :raises CheckpointError: it is not one LSTM layer, perhaps batch norm, and one linear layer.
    """
    left = {}
    for name, one in state.items():
        if not isinstance(name, str) or not isinstance(one, StoredTensor):
            raise CheckpointError(f"it has no weights under {quoted(name)}, but {quoted(one)}.")
        left[name] = one
    lstm = _only([name.removesuffix(FIRST) for name in left if name.endswith(FIRST)], "LSTM layer (weight_ih_l0)")
    ours = {name: f"recurrent.{name.removeprefix(lstm)}" for name in left if LSTM_WEIGHT.fullmatch(name, len(lstm))}
    if any(name.endswith(STATISTIC) for name in left):
        norm = _only([name.removesuffix(STATISTIC) for name in left if name.endswith(STATISTIC)], "batch norm")
        ours |= {norm + part: f"batch_norm.{part}" for part in NORM if norm + part in left}
    rest = {name: one for name, one in left.items() if name not in ours}
    matrices = [name for name, one in rest.items() if len(one.shape) == 2 and name.rpartition(".")[2] == "weight"]
    linear = _only([name.removesuffix("weight") for name in matrices], "linear layer (weight)")
    ours |= {linear + part: f"fc.{part}" for part in ("weight", "bias") if linear + part in rest}
    for name, one in left.items():
        if name not in ours:
            raise CheckpointError(f"it has weights {quoted(name)}, which are no part of {NETWORK}.")
        if one.storage.dtype.is_floating_point == (ours[name] == BATCHES):
            raise CheckpointError(f"{name} holds {one.storage.dtype}; weights are floating point.")
    return {ours[name]: one for name, one in left.items()}


def _only(prefixes: list[str], what: str) -> str:
    if len(prefixes) != 1:
        raise CheckpointError(f"it has {len(prefixes)} times the weights of a {what}; it must be {NETWORK}.")
    return prefixes[0]


def _shown_by(weights: Mapping[str, StoredTensor]) -> Hyperparameters:
    """The hyperparameters of a float network that the shapes of its weights show.

    :raises CheckpointError, ConfigError: it is not an LSTM, or too large.
    """
    shape = weights[f"recurrent.{FIRST}"].shape
    recurrent = weights.get("recurrent.weight_hh_l0")
    if recurrent is None or len(shape) != 2 or recurrent.shape != (shape[0], shape[0] // 4) or shape[0] % 4:
        found = None if recurrent is None else list(recurrent.shape)
        raise CheckpointError(
            f"weight_ih_l0 has shape {list(shape)} and weight_hh_l0 {found}; those of an LSTM are [4 H, I] and [4 H, H]."
        )
    hidden, bidirectional = shape[0] // 4, f"recurrent.{FIRST}_reverse" in weights
    features = weights[FC_WEIGHT].shape[1]
    return Hyperparameters(
        neuron_type="LSTM",
        layer_size=hidden,
        target_height=shape[1],
        bidirectional=bidirectional,
        reduce_bidirectional="SUM" if bidirectional and features == hidden else "CONCAT",
        recurrent_bias_enabled="recurrent.bias_ih_l0" in weights,
        prefused_bn_fc=not any(name.startswith("batch_norm.") for name in weights),
    )

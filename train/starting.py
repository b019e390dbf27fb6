"""`Start`: the first state of a run, new, resumed from a checkpoint, or with the weights of a checkpoint."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

import torch
from torch import Tensor

from datapath import Alphabet
from datapath.errors import CheckpointError, ConfigError, FileError
from datapath.quoting import quoted
from datapath.reading import file_digest
from train.checkpoint import Checkpoint, load_weights
from train.config import QUANTIZED_PARTS, Hyperparameters
from train.data.dataset import Dataset
from train.data.record import DataRecord, require_same_lines
from train.experiment import HYPERPARAMETERS, LAST, locked_folder
from train.fusion import fuse_batch_norm
from train.model import Recogniser

DECIDE_BATCHES = (
    *("batch_size", "random_seed", "seq_to_random_threshold", "width_pool"),
    *("selection_lines", "extra_lines", "ctc"),
)
"""Hyperparameters that decide which lines make up an epoch's batches; `ctc` decides how many columns a text needs."""

DECIDE_BEST = ("random_seed", "selection_lines", "select_by")
"""Hyperparameters that decide how an epoch is validated: with others, error rates do not compare."""

DECIDE_NETWORK = (
    *("neuron_type", "layer_size", "target_height", "bidirectional", "reduce_bidirectional", "recurrent_bias_enabled"),
    *(f"{part}_{kind}" for part in QUANTIZED_PARTS for kind in ("bit_width", "quantization")),
    *("internal_activation_bit_width", "quantize_input", "prefused_bn_fc", "forward_arithmetic"),
)
"""Hyperparameters that decide what the network computes: a resumed run has the same."""


DECIDE_SHAPES = ("layer_size", "target_height", "bidirectional", "reduce_bidirectional", "recurrent_bias_enabled")
"""Hyperparameters that decide the shapes of the weights, besides `prefused_bn_fc`: a retrained network has the same."""


class Pretrained(Enum):
    """What a run takes from a checkpoint."""

    RESUME = "everything: the run continues where it stopped, in the same folder"
    RETRAIN = "only the weights: a new run with its own hyperparameters, in a new folder"


@dataclass(frozen=True, eq=False, kw_only=True)
class Start:
    """The first state of a run; see `Checkpoint` for the fields of the same name. `folder` is that of a resumed run."""

    hyperparameters: Hyperparameters
    alphabet: Alphabet
    model: Recogniser
    rng: Tensor
    optimiser: dict | None = None
    epoch: int = 0
    batch: int = 0
    loss_sum: float = 0.0
    best_cer: float = math.inf
    best_wer: float = math.inf
    folder: Path | None = None

    @property
    def finished(self) -> bool:
        """Whether all epochs of a resumed run are done."""
        return self.folder is not None and self.epoch >= self.hyperparameters.epochs


def fresh_start(hyperparameters: Hyperparameters | None, dataset: Dataset, *, fusion: bool, extends: bool) -> Start:
    """Random initial weights, and the alphabet of the training lines.

    :raises ConfigError: `fusion` or `extends` (of the alphabet), which need a checkpoint.
    """
    if extends:
        raise ConfigError("extend_alphabet extends a checkpoint's network; give the checkpoint to start from.")
    if fusion:
        raise ConfigError("init_bn_fc_fusion fuses a checkpoint's batch norm; give the checkpoint to start from.")
    hyperparameters = hyperparameters or Hyperparameters()
    return _seeded_start(hyperparameters, dataset.alphabet())


def _seeded_start(hyperparameters: Hyperparameters, alphabet: Alphabet) -> Start:
    # The state of the caller's random numbers is restored.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(hyperparameters.random_seed)
        model = Recogniser(hyperparameters, len(alphabet))
        return Start(hyperparameters=hyperparameters, alphabet=alphabet, model=model, rng=torch.get_rng_state())


def start_from(
    checkpoint: Checkpoint,
    policy: Pretrained,
    hyperparameters: Hyperparameters | None,
    *,
    fusion: bool,
    data: DataRecord | None = None,
    change_data: bool = False,
) -> Start:
    """The state that a checkpoint gives.

    :param policy: what is taken from it.
    :param hyperparameters: None takes the checkpoint's.
    :param fusion: fuse its batch norm into the fully connected layer; needs RETRAIN.
    :param data: the lines that the run trains on from now; None for those of the checkpoint.
    :param change_data: whether they may be others than those of the run that is resumed.
    :raises ConfigError: options that contradict each other, or a resumed run has other lines.
    :raises CheckpointError: it does not fit the hyperparameters.
    """
    hyperparameters = hyperparameters or checkpoint.hyperparameters
    try:
        if policy is Pretrained.RETRAIN:
            return _retrain(checkpoint, hyperparameters, fusion=fusion)
        if checkpoint.origin:
            raise CheckpointError(
                f"it was written by {checkpoint.origin}, and only its weights are read, so its run cannot be resumed; use "
                f"--pretrained-policy RETRAIN for a new run that starts from these weights."
            )
        if fusion:
            raise ConfigError("init_bn_fc_fusion changes the network, so the run cannot be resumed; use RETRAIN.")
        if checkpoint.path is None:
            raise ConfigError("A checkpoint in memory has no run to resume; give its file, or use RETRAIN.")
        folder = checkpoint.path.resolve().parent
        return _resume(checkpoint, hyperparameters, folder, data, change_data=change_data)
    except CheckpointError as error:
        raise error.within(checkpoint.name) from error


def kept_lines(checkpoint: Checkpoint, data: DataRecord | None, *, change: bool) -> tuple[bool, bool]:
    """Whether the training lines, and all lines, of a resumed run are those that it had.

    :param checkpoint: of the run.
    :param data: its lines from now on; None for those that it had.
    :param change: whether they may be others.
    :raises ConfigError: they are others, and must not.
    """
    before = checkpoint.data  # None in checkpoints of earlier versions
    if before is None or data is None:
        return True, True
    if not change:
        require_same_lines(before, data, what=f"The run of {checkpoint.name}")
    return before.same_training(data), before.same_lines(data)


@contextmanager
def resumed_folder(checkpoint: Checkpoint, hyperparameters: Hyperparameters | None) -> Iterator[Path | None]:
    """The folder in which a run is resumed, locked within a ``with``; None if the checkpoint does not lie in one.

    :param checkpoint: of the run.
    :param hyperparameters: of the run from now on; None for the checkpoint's.
    :raises FileError: another process trains in it.
    :raises CheckpointError: the run has a later state, which would be overwritten.
    """
    folder = None if checkpoint.path is None or checkpoint.origin else checkpoint.path.resolve().parent
    if folder is None or not (folder / HYPERPARAMETERS).is_file():
        yield None
    elif checkpoint.epoch >= (hyperparameters or checkpoint.hyperparameters).epochs:
        yield folder  # in which nothing is left to do
    else:
        with locked_folder(folder):
            try:
                _require_latest(checkpoint, folder / LAST)
            except CheckpointError as error:
                raise error.within(checkpoint.name) from error
            yield folder


def _require_latest(checkpoint: Checkpoint, last: Path) -> None:
    """Refuse to resume from an earlier state than the folder's last: that one would be overwritten."""
    if checkpoint.path.resolve() == last:
        if file_digest(last) != checkpoint.sha256:
            raise CheckpointError("another process has trained in its folder since it was read; start again.")
        return
    try:
        latest = Checkpoint.load(last)
    except (FileError, CheckpointError):
        return  # missing or damaged: nothing in it can be lost
    if (latest.epoch, latest.batch) > (checkpoint.epoch, checkpoint.batch):
        raise CheckpointError(
            f"it is at epoch {checkpoint.epoch}, batch {checkpoint.batch}, and its run has reached epoch "
            f"{latest.epoch}, batch {latest.batch}; resume from {last}, or use RETRAIN."
        )


def _resume(
    checkpoint: Checkpoint,
    hyperparameters: Hyperparameters,
    folder: Path,
    data: DataRecord | None,
    *,
    change_data: bool,
) -> Start:
    for name in DECIDE_NETWORK:
        new, trained = getattr(hyperparameters, name), getattr(checkpoint.hyperparameters, name)
        if new != trained:
            raise CheckpointError(
                f"{name} is {quoted(new)}, but the checkpoint was trained with {quoted(trained)}; a resumed run has "
                f"the same network, use RETRAIN for another."
            )
    if checkpoint.optimiser is None:
        raise CheckpointError("the checkpoint holds weights only and cannot be resumed; use RETRAIN.")
    same_training, same_lines = kept_lines(checkpoint, data, change=change_data)
    model = Recogniser(hyperparameters, len(checkpoint.alphabet))
    load_weights(model, checkpoint.model)
    _require_adam_state(checkpoint.optimiser["state"], model)
    try:
        torch.Generator().set_state(checkpoint.rng)
    except (RuntimeError, TypeError, ValueError) as error:
        raise CheckpointError(f"rng is not a state of torch's random numbers: {error}") from error

    def as_before(names: tuple[str, ...]) -> bool:
        return all(getattr(hyperparameters, name) == getattr(checkpoint.hyperparameters, name) for name in names)

    # If the epoch is now cut into other batches, a partial one starts again.
    same_cut = as_before(DECIDE_BATCHES) and same_training
    same_validation = as_before(DECIDE_BEST) and same_lines
    return Start(
        hyperparameters=hyperparameters,
        alphabet=checkpoint.alphabet,
        model=model,
        rng=checkpoint.rng,
        optimiser=checkpoint.optimiser,
        epoch=checkpoint.epoch,
        batch=checkpoint.batch if same_cut else 0,
        loss_sum=checkpoint.loss_sum if same_cut else 0.0,
        best_cer=checkpoint.best_cer if same_validation else math.inf,
        best_wer=checkpoint.best_wer if same_validation else math.inf,
        folder=folder,
    )


def _require_adam_state(state: dict, model: Recogniser) -> None:
    """Refuse a state that is not one of Adam, which accepts anything and fails at its first step."""
    parameters = dict(enumerate(model.named_parameters()))
    for index, (name, parameter) in parameters.items():
        if not state:
            return  # as it is before the first step
        shapes = {"step": torch.Size(), "exp_avg": parameter.shape, "exp_avg_sq": parameter.shape}
        moments = state.get(index)
        if not isinstance(moments, dict) or moments.keys() != shapes.keys():
            raise CheckpointError(f"optimiser has not step, exp_avg and exp_avg_sq of {name}.")
        for key, shape in shapes.items():
            value = moments[key]
            if not isinstance(value, Tensor) or value.shape != shape or value.dtype is not torch.float32:
                raise CheckpointError(f"optimiser: {key} of {name} is not a float32 tensor of shape {list(shape)}.")
            if not torch.isfinite(value).all() or (key != "exp_avg" and bool((value < 0).any())):
                raise CheckpointError(f"optimiser: {key} of {name} holds values that it cannot have.")
    unknown = [index for index in state if index not in parameters]
    if unknown:
        raise CheckpointError(f"optimiser has a state of parameter {quoted(unknown[0])}; there are {len(parameters)}.")


def _retrain(checkpoint: Checkpoint, hyperparameters: Hyperparameters, *, fusion: bool) -> Start:
    source = checkpoint.recogniser()
    if fusion:
        if source.batch_norm is None:
            raise ConfigError("init_bn_fc_fusion is set, but the checkpoint has no batch norm left to fuse.")
        source = fuse_batch_norm(source)
        hyperparameters = replace(hyperparameters, prefused_bn_fc=True)  # the fused network has no batch norm
    elif source.batch_norm is not None and hyperparameters.prefused_bn_fc:
        raise CheckpointError(
            "the checkpoint has batch norm, and prefused_bn_fc is true; --init-bn-fc-fusion fuses it into the fully "
            "connected layer."
        )
    elif source.batch_norm is None and not hyperparameters.prefused_bn_fc:
        raise CheckpointError(
            "the checkpoint has no batch norm, and prefused_bn_fc is false; --prefused-bn-fc true builds the network "
            "without it."
        )
    if source.hyperparameters.score_scale != hyperparameters.score_scale:
        # The loss multiplies the scores by the new factor: the product stays the same.
        factor = source.hyperparameters.score_scale / hyperparameters.score_scale
        with torch.no_grad():
            source.fc.weight.mul_(factor)
            source.fc.bias.mul_(factor)
    require_same_sizes(checkpoint.hyperparameters, hyperparameters)
    start = _seeded_start(hyperparameters, checkpoint.alphabet)
    load_weights(start.model, source.state_dict())
    return start


def require_same_sizes(trained: Hyperparameters, new: Hyperparameters) -> None:
    """Refuse a network of another shape, and name the option that builds the checkpoint's.

    :param trained: of the checkpoint.
    :param new: of the network that is to start from its weights.
    :raises CheckpointError: they differ in one of `DECIDE_SHAPES`.
    """
    for name in DECIDE_SHAPES:
        value, before = getattr(new, name), getattr(trained, name)
        if value != before:
            option = f"--{name.replace('_', '-')} {str(before).lower() if isinstance(before, bool) else before}"
            raise CheckpointError(
                f"{name} is {quoted(value)}, and the checkpoint's weights are those of {quoted(before)}; {option} builds the "
                f"same network."
            )

"""Where a run starts: from nothing, from where another stopped, or from another's weights."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import torch
from torch import Tensor

from datapath import Alphabet
from datapath.errors import CheckpointError, ConfigError
from train.checkpoint import Checkpoint, load_weights
from train.config import Hyperparameters
from train.data import Dataset
from train.fusion import fuse_batch_norm
from train.model import Recogniser

DECIDE_BATCHES = ("batch_size", "random_seed", "seq_to_random_threshold", "width_pool")
"""Hyperparameters that decide which lines make up an epoch's batches."""


class Pretrained(Enum):
    """What a run takes from a checkpoint."""

    RESUME = "everything: it goes on where that run stopped, in the same folder"
    RETRAIN = "only the weights: a new run with its own hyperparameters, in a new folder"


@dataclass(frozen=True, eq=False, kw_only=True)
class Start:
    """The first state of a run; see `Checkpoint` for the fields that are called the same. `folder` is that of the run
    which is resumed."""

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


def fresh_start(hyperparameters: Hyperparameters | None, dataset: Dataset, *, fusion: bool) -> Start:
    """Random initial weights, and the alphabet of the training lines.

    :raises ConfigError: `fusion` without a checkpoint.
    """
    if fusion:
        raise ConfigError("init_bn_fc_fusion fuses a checkpoint's batch norm; give the checkpoint to start from.")
    hyperparameters = hyperparameters or Hyperparameters()
    alphabet = dataset.alphabet()
    # The caller's random numbers go on undisturbed.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(hyperparameters.random_seed)
        model = Recogniser(hyperparameters, len(alphabet))
        return Start(hyperparameters=hyperparameters, alphabet=alphabet, model=model, rng=torch.get_rng_state())


def start_from(
    path: str | os.PathLike, policy: Pretrained, hyperparameters: Hyperparameters | None, *, fusion: bool
) -> Start:
    """The state that a checkpoint gives.

    :param hyperparameters: None takes the checkpoint's.
    :raises ConfigError: options that contradict each other.
    :raises FileError: the checkpoint is missing.
    :raises CheckpointError: it is damaged, or does not fit the hyperparameters.
    """
    checkpoint = Checkpoint.load(path)
    hyperparameters = hyperparameters or checkpoint.hyperparameters
    try:
        if policy is Pretrained.RETRAIN:
            return _retrain(checkpoint, hyperparameters, fusion=fusion)
        if fusion:
            raise ConfigError("init_bn_fc_fusion changes the network, so the run cannot be resumed; use RETRAIN.")
        return _resume(checkpoint, hyperparameters, Path(path).resolve().parent)
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from error


def _resume(checkpoint: Checkpoint, hyperparameters: Hyperparameters, folder: Path) -> Start:
    model = Recogniser(hyperparameters, len(checkpoint.alphabet))
    load_weights(model, checkpoint.model)
    if checkpoint.optimiser is None:
        raise CheckpointError("the checkpoint holds weights only and cannot be resumed; use RETRAIN.")
    # Where the epoch is now cut into other batches, a half-done one starts again.
    same_cut = all(
        getattr(hyperparameters, name) == getattr(checkpoint.hyperparameters, name) for name in DECIDE_BATCHES
    )
    return Start(
        hyperparameters=hyperparameters,
        alphabet=checkpoint.alphabet,
        model=model,
        rng=checkpoint.rng,
        optimiser=checkpoint.optimiser,
        epoch=checkpoint.epoch,
        batch=checkpoint.batch if same_cut else 0,
        loss_sum=checkpoint.loss_sum if same_cut else 0.0,
        best_cer=checkpoint.best_cer,
        best_wer=checkpoint.best_wer,
        folder=folder,
    )


def _retrain(checkpoint: Checkpoint, hyperparameters: Hyperparameters, *, fusion: bool) -> Start:
    source = checkpoint.recogniser()
    if fusion:
        if source.batch_norm is None:
            raise ConfigError("init_bn_fc_fusion is set, but the checkpoint has no batch norm left to fuse.")
        if not hyperparameters.prefused_bn_fc:
            raise ConfigError("init_bn_fc_fusion needs prefused_bn_fc true: the fused network has no batch norm.")
        source = fuse_batch_norm(source)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(hyperparameters.random_seed)
        model = Recogniser(hyperparameters, len(checkpoint.alphabet))
        load_weights(model, source.state_dict())
        return Start(
            hyperparameters=hyperparameters, alphabet=checkpoint.alphabet, model=model, rng=torch.get_rng_state()
        )

"""`Group`: one training run in several processes, on one machine or on more, as ``torchrun`` starts them.

All processes hold the same network and cut the same epoch into the same batches; each process reads its
shard of every batch. `DistributedDataParallel` averages their gradients, batch norm normalises over all shards, so a step
is that of one process on the whole batch, but for the order in which floats are summed. Dropout draws other numbers for
each shard. Only rank 0 writes files and messages.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, distributed, nn
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel

from datapath.errors import ConfigError, TrainingError
from datapath.quoting import quoted
from train.arithmetic.lstm import Packing
from train.config import Hyperparameters
from train.data.batches import BACKGROUND, Batch, Sample, collate
from train.loss import packed_loss
from train.model import Recogniser

PATIENCE = timedelta(days=1)
"""How long a process waits for the others: longer than a validation or the writing of a checkpoint takes. If a process
ends, ``torchrun`` ends the others long before."""

LEAVING_PAUSE = 0.2
"""Seconds that a process sleeps before it leaves its group; see `connected`. The threads need microseconds."""

Item = TypeVar("Item")


@dataclass(frozen=True, kw_only=True)
class Group:
    """The processes that train together, as one of them sees them; by default there is one."""

    rank: int = 0  # of this process, from 0
    size: int = 1  # number of processes
    local_rank: int = 0  # of this process on its machine, from 0
    device: str = "cpu"  # of torch that it computes on

    @property
    def is_rank_zero(self) -> bool:
        """Whether this process writes files and messages."""
        return self.rank == 0

    def on(self, device: str) -> Group:
        """The same on a device of torch; of several processes, each takes another GPU."""
        return replace(self, device=f"cuda:{self.local_rank}" if device == "cuda" and self.size > 1 else device)

    def shard(self, items: Sequence[Item]) -> Sequence[Item]:
        """This process's part of `items`, which may be empty."""
        return items[self.rank :: self.size]

    def sum(self, value: float) -> float:
        """The sum over all processes."""
        return self._reduced(torch.tensor(value, dtype=torch.float64), distributed.ReduceOp.SUM).item()

    def maximum(self, value: int) -> int:
        """The maximum over all processes."""
        return self._reduced(torch.tensor(value), distributed.ReduceOp.MAX).item()

    def any(self, flag: bool) -> bool:
        """Whether the flag is set in any process."""
        return bool(self.maximum(flag))

    def require_same(self, values: Mapping[str, object]) -> None:
        """Refuse different values in the processes, which would wait for each other in vain or mix two runs.

        :param values: by name; tensors, and objects whose repr shows their value.
        :raises ConfigError: names what differs, in all processes.
        """
        if self.size == 1:
            return
        digests = [hashlib.sha256(_bytes_of(value)).digest()[:8] for value in values.values()]
        digests = torch.tensor([int.from_bytes(digest, "little") >> 1 for digest in digests])  # 63 bits, an int64
        least = self._reduced(digests, distributed.ReduceOp.MIN)
        greatest = self._reduced(digests, distributed.ReduceOp.MAX)
        differing = [name for name, same in zip(values, (least == greatest).tolist(), strict=True) if not same]
        if differing:
            raise ConfigError(
                f"The {self.size} processes differ in their {' and '.join(differing)}; "
                f"start all of them with the same options and the same files."
            )

    def draw_for(self, seed: int, epoch: int, batch: int) -> None:
        """Seed torch's random numbers for one batch, except in rank 0, whose state is in the checkpoint: so a
        resumed run draws what an uninterrupted one would."""
        if not self.is_rank_zero:
            state = np.random.SeedSequence((seed, epoch, batch, self.rank)).generate_state(1, np.uint64)
            torch.manual_seed(int(state[0]))

    def _reduced(self, tensor: Tensor, operation: distributed.ReduceOp) -> Tensor:
        if self.size == 1:
            return tensor
        on_device = tensor.to(self.device, copy=True)
        distributed.all_reduce(on_device, op=operation)
        return on_device.cpu()


def torchrun_group() -> Group:
    """The group that ``torchrun`` has started this process in; alone where it has not.

    :raises ConfigError: its environment variables contradict each other.
    """
    if "RANK" not in os.environ or "WORLD_SIZE" not in os.environ:
        return Group()
    size = _number("WORLD_SIZE", at_least=1)
    return Group(rank=_number("RANK", at_most=size - 1), size=size, local_rank=_number("LOCAL_RANK") if size > 1 else 0)


def _number(name: str, *, at_least: int = 0, at_most: int = 65_535) -> int:
    text = os.environ.get(name, "")
    if not re.fullmatch("[0-9]{1,9}", text) or not at_least <= int(text) <= at_most:
        raise ConfigError(
            f"The environment variable {name} is {quoted(text)}; it must be {at_least} to {at_most}, as torchrun sets it."
        )
    return int(text)


@contextmanager
def connected(group: Group) -> Iterator[None]:
    """Connect the processes of a group within a ``with``, over gloo, GPUs over NCCL; a ConfigError if that fails."""
    if group.size == 1:
        yield
        return
    on_gpu = group.device.startswith("cuda")
    if on_gpu:
        torch.cuda.set_device(group.device)
    backend = "nccl" if on_gpu else "gloo"
    try:
        distributed.init_process_group(backend, rank=group.rank, world_size=group.size, timeout=PATIENCE)
    except (RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(f"Process {group.rank} of {group.size} cannot reach the others: {reason}") from error
    try:
        yield
    finally:
        # Threads of gloo free the tensors of the last exchange, for which they need Python's lock; destroying the group
        # holds that lock and waits for the threads. A sleep releases it; without it, one run in ten never ended.
        time.sleep(LEAVING_PAUSE)
        distributed.destroy_process_group()


@contextmanager
def watching(group: Group) -> Iterator[None]:
    """Within a ``with``, turn the errors that the end of another process causes into a TrainingError."""
    try:
        yield
    except RuntimeError as error:
        # gloo has no error of its own, but starts with the place in its sources.
        if group.size == 1 or not (isinstance(error, distributed.DistBackendError) or "/gloo/" in str(error)):
            raise
        raise TrainingError(
            f"Process {group.rank} of {group.size} has lost the others; resume from the last checkpoint."
        ) from error


def shard_batch(samples: Sequence[Sample], group: Group, *, mask_padded: bool) -> Batch | None:
    """A process's shard of a batch, None if it has no line of it; without `mask_padded` every line counts as wide as
    the widest of the whole batch."""
    widest = 0 if mask_padded else group.maximum(max((sample.columns for sample in samples), default=0))
    if not samples:
        return None
    batch = collate(samples, mask_padded=mask_padded)
    missing = widest - len(batch.grey)
    if missing <= 0:
        return batch
    grey = functional.pad(batch.grey, (0, 0, 0, 0, 0, missing), value=BACKGROUND)
    return replace(batch, grey=grey, lengths=torch.full_like(batch.lengths, widest))


class DistributedLoss(nn.Module):
    """The loss of a shard of a batch, summed over its lines, as a module: what `DistributedDataParallel` wraps."""

    def __init__(self, model: Recogniser, hyperparameters: Hyperparameters) -> None:
        super().__init__()
        self.model, self.hyperparameters = model, hyperparameters

    def forward(self, batch: Batch | None) -> Tensor:
        """:param batch: on the CPU; None where the shard is empty."""
        if batch is None:
            # 0, with a gradient of 0 for every parameter, in the same order as on lines: so the processes exchange
            # gradients, and statistics of batch norm.
            hp = self.hyperparameters
            every = torch.stack([parameter.sum() for parameter in self.model.recurrent.parameters()]).sum()
            return self.model.scores_of(every.expand(0, hp.directions * hp.layer_size)).sum()
        device = next(self.model.parameters()).device
        scores = self.model.packed_scores(batch.grey.to(device), Packing(batch.lengths))
        return packed_loss(scores, batch, self.hyperparameters)


def distributed_loss(model: Recogniser, hyperparameters: Hyperparameters, group: Group) -> nn.Module:
    """`DistributedLoss` with gradients and batch norm over all processes of a group; `model` gets that batch norm."""
    loss = DistributedLoss(model, hyperparameters)
    if group.size == 1:
        return loss
    if model.batch_norm is not None:
        model.batch_norm = DistributedBatchNorm(model.batch_norm)
    return DistributedDataParallel(loss)


class DistributedBatchNorm(nn.BatchNorm1d):
    """Batch norm in training over the rows of all processes: what `torch.nn.SyncBatchNorm` does, on CPUs too.

    :param alone: batch norm of one process, whose parameters and statistics this one shares.
    """

    def __init__(self, alone: nn.BatchNorm1d) -> None:
        super().__init__(alone.num_features, eps=alone.eps, momentum=alone.momentum)
        self._parameters, self._buffers = alone._parameters, alone._buffers

    def forward(self, rows: Tensor) -> Tensor:
        """[N, F] -> [N, F]; N may be 0."""
        if not self.training:
            return super().forward(rows)
        count = rows.new_tensor([len(rows)])
        sums = _SumOverProcesses.apply(torch.cat([rows.sum(dim=0), count]))
        total, mean = sums[-1].detach(), sums[:-1] / sums[-1].detach()
        centred = rows - mean
        variance = _SumOverProcesses.apply(centred.square().sum(dim=0)) / total
        with torch.no_grad():
            # As in torch, the running variance is the unbiased one.
            unbiased = variance * total / (total - 1).clamp(min=1)
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(unbiased, self.momentum)
            self.num_batches_tracked += 1
        return centred * (variance + self.eps).rsqrt() * self.weight + self.bias


class _SumOverProcesses(torch.autograd.Function):
    """Every process's result depends on every process's values, so the gradient is a sum over the processes, too."""

    @staticmethod
    def forward(ctx, values: Tensor) -> Tensor:
        total = values.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        return _SumOverProcesses.forward(ctx, gradient)


def _bytes_of(value: object) -> bytes:
    """What tells a value from others: bytes of tensors, keys and items of containers, the repr of all else."""
    if isinstance(value, Tensor):
        return value.detach().cpu().contiguous().numpy().tobytes()
    if isinstance(value, Mapping):
        return b"".join(repr(key).encode() + _bytes_of(one) for key, one in value.items())
    if isinstance(value, list | tuple):
        return b"".join(map(_bytes_of, value))
    return repr(value).encode()

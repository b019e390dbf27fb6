"""Batches: the pixels and labels of lines, the order of an epoch, padding."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from datapath import Alphabet
from train.config import Hyperparameters
from train.data.dataset import Line

BACKGROUND = 0
"""Grey value of padded columns: no ink."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Sample:
    """One training line."""

    line: Line  # its name, reference text and image
    pixels: Tensor  # grey columns, uint8 [T, I]
    labels: Tensor  # classes of the reference text, int64 [n]

    @property
    def columns(self) -> int:
        """T."""
        return self.pixels.shape[0]


@dataclass(frozen=True, eq=False, kw_only=True)
class Batch:
    """Lines side by side, padded to the longest."""

    grey: Tensor  # uint8 [T, B, I]
    lengths: Tensor  # columns of each line, int64 [B]
    labels: Tensor  # classes of all reference texts, end to end, int64 [sum of n]
    label_counts: Tensor  # n of each line, int64 [B]
    names: tuple[str, ...]  # of the lines


def read_pixels(lines: Sequence[Line], *, target_height: int, workers: int = 0) -> list[Tensor]:
    """Grey columns of every line, uint8 [T, target_height], in the order of `lines`.

    :param lines: to read.
    :param target_height: height of a line in pixels.
    :param workers: threads that read; 0 reads one line after the other.
    :raises ImageError: an image is missing or damaged.
    """

    def one(line: Line) -> Tensor:
        return torch.from_numpy(np.array(line.pixels(target_height)))

    if workers == 0:
        return [one(line) for line in lines]
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(one, lines))


def samples_of(lines: Sequence[Line], pixels: Sequence[Tensor], alphabet: Alphabet) -> list[Sample]:
    """Pair lines, their pixels and their labels; a DataError if the alphabet lacks a character."""
    return [
        Sample(line=line, pixels=grey, labels=torch.from_numpy(alphabet.labels(line.text).astype(np.int64)))
        for line, grey in zip(lines, pixels, strict=True)
    ]


def epoch_order(columns: Sequence[int], *, epoch: int, hyperparameters: Hyperparameters) -> list[int]:
    """Indexes of an epoch's lines, by width (narrow first) in the first epochs, then at random by seed and epoch alone.

    :param columns: of every line.
    :param epoch: from 0.
    """
    hp = hyperparameters
    if epoch < hp.seq_to_random_threshold:
        return sorted(range(len(columns)), key=columns.__getitem__)
    generator = torch.Generator().manual_seed(hp.random_seed * 1_000_003 + epoch)
    order = torch.randperm(len(columns), generator=generator).tolist()
    if hp.width_pool == 1:
        return order
    cut = []
    for pool in _cut(order, hp.batch_size * hp.width_pool):
        cut += _cut(sorted(pool, key=columns.__getitem__), hp.batch_size)
    # Only whole batches may change places: a smaller one in the middle would shift the cut of those behind it.
    whole = [batch for batch in cut if len(batch) == hp.batch_size]
    rest = [batch for batch in cut if len(batch) < hp.batch_size]
    mixed = [whole[place] for place in torch.randperm(len(whole), generator=generator).tolist()]
    return [index for batch in (*mixed, *rest) for index in batch]


def _cut(indexes: list[int], size: int) -> list[list[int]]:
    return [indexes[start : start + size] for start in range(0, len(indexes), size)]


def pad(pixels: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Lines side by side, uint8 [T, B, I] filled up with background, and their columns, int64 [B]."""
    return (
        torch.nn.utils.rnn.pad_sequence(list(pixels), padding_value=BACKGROUND),
        torch.tensor([line.shape[0] for line in pixels]),
    )


def collate(samples: Sequence[Sample], *, mask_padded: bool) -> Batch:
    """One batch; without `mask_padded` every line counts as wide as the widest, padding included."""
    grey, lengths = pad([sample.pixels for sample in samples])
    return Batch(
        grey=grey,
        lengths=lengths if mask_padded else torch.full_like(lengths, grey.shape[0]),
        labels=torch.cat([sample.labels for sample in samples]),
        label_counts=torch.tensor([len(sample.labels) for sample in samples]),
        names=tuple(sample.line.name for sample in samples),
    )

"""`batch_loss`: CTC for greedy decoding, or for the overlay's label rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional

from datapath.alphabet import BLANK
from train import ctc
from train.config import Hyperparameters
from train.data.batches import Batch

MOST_PADDED_COLUMNS = 1 << 19
"""Columns times lines that are padded to one width: 256 lines of 2048 columns. The batches of the presets have fewer."""


def batch_loss(scores: Tensor, batch: Batch, hyperparameters: Hyperparameters) -> Tensor:
    """CTC loss in nats, summed over the lines.

    The overlay finds a column's best class with a running maximum that starts at 0, so a class wins only with a
    positive score. In its loss this is one more class, whose score is always 0 and which no path takes.

    :param scores: [T, B, C], of every column.
    :param batch: lengths and labels.
    :param hyperparameters: `ctc` and `score_scale`.
    """
    hp = hyperparameters
    scores = scores * hp.score_scale
    labels, lengths = batch.labels.to(scores.device), batch.lengths
    if hp.ctc == "OVERLAY":
        log_probs = functional.log_softmax(functional.pad(scores, (0, 1)), dim=2)
        threads = torch.get_num_threads()
        return ctc.overlay_ctc_loss(log_probs, labels, lengths, batch.label_counts, blank=BLANK, threads=threads).sum()
    # zero_infinity stays off: lines with too few columns were left out before, so an infinite loss is an error.
    return functional.ctc_loss(
        functional.log_softmax(scores, dim=2), labels, lengths, batch.label_counts, blank=BLANK, reduction="sum"
    )


def packed_loss(scores: Tensor, batch: Batch, hyperparameters: Hyperparameters) -> Tensor:
    """`batch_loss` of packed scores: lines of very different widths are padded in several groups, to save memory.

    :param scores: [N, C], of the real columns, line after line.
    :param batch: lengths and labels.
    :param hyperparameters: see `batch_loss`.
    """
    lengths, counts = batch.lengths.tolist(), batch.label_counts.tolist()
    lines, labels = scores.split(lengths), batch.labels.split(counts)
    losses = []
    for group in width_groups(lengths):
        chosen = replace(
            batch,
            lengths=batch.lengths[group],
            labels=torch.cat([labels[index] for index in group]),
            label_counts=batch.label_counts[group],
        )
        padded = torch.nn.utils.rnn.pad_sequence([lines[index] for index in group])
        losses.append(batch_loss(padded, chosen, hyperparameters))
    return losses[0] if len(losses) == 1 else torch.stack(losses).sum()


def width_groups(lengths: Sequence[int]) -> list[list[int]]:
    """Indexes of lines in groups whose padded columns are at most `MOST_PADDED_COLUMNS`; wider lines are alone.

    >>> width_groups([300, 99_000, 200]), width_groups([90_000, 10, 90_000, 20, 90_000, 90_000, 90_000, 90_000])
    ([[0, 1, 2]], [[0, 1, 2, 3, 4], [5, 6, 7]])

    :param lengths: columns of each line.
    """
    groups: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lengths.__getitem__):
        if groups and lengths[index] * (len(groups[-1]) + 1) <= MOST_PADDED_COLUMNS:
            groups[-1].append(index)
        else:
            groups.append([index])
    return [sorted(group) for group in groups]


def columns_needed(labels: Tensor, hyperparameters: Hyperparameters) -> int:
    """The fewest columns for which the loss is finite: one per label and, in greedy CTC, a blank between equal
    neighbours; for the overlay's rule, a blank after every label."""
    if hyperparameters.ctc == "OVERLAY":
        return ctc.columns_needed(len(labels))
    return len(labels) + int((labels[1:] == labels[:-1]).sum())

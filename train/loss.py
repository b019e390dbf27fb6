"""`batch_loss`: CTC for greedy decoding, or for the overlay's label rule."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from datapath.alphabet import BLANK
from train import ctc
from train.config import Hyperparameters
from train.data.batches import Batch


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


def columns_needed(labels: Tensor, hyperparameters: Hyperparameters) -> int:
    """The fewest columns for which the loss is finite: one per label and, in greedy CTC, a blank between equal
    neighbours; for the overlay's rule, a blank after every label."""
    if hyperparameters.ctc == "OVERLAY":
        return ctc.columns_needed(len(labels))
    return len(labels) + int((labels[1:] == labels[:-1]).sum())

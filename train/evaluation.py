"""`evaluate`: texts that a network reads on lines, by greedy CTC and by the overlay's label rule, and error rates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from datapath import Alphabet, ErrorRates, error_rates, greedy_labels, overlay_labels
from datapath.design import Limits
from train.arithmetic.lstm import Packing
from train.checkpoint import Checkpoint
from train.data.batches import pad, read_pixels
from train.data.dataset import Line
from train.model import Arithmetic, Recogniser, require_device
from train.threads import THREADS, computing_threads


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What a network reads on lines, from the same scores by two label rules."""

    rates: ErrorRates  # error rates by greedy CTC
    texts: tuple[str, ...]  # per line, by greedy CTC
    overlay_rates: ErrorRates  # error rates by the overlay's label rule (`datapath.overlay_labels`)
    overlay_texts: tuple[str, ...]  # per line, by the overlay's label rule


def class_scores(model: Recogniser, pixels: Sequence[Tensor], *, batch_size: int) -> list[np.ndarray]:
    """Class scores of every line in evaluation mode, each line computed as if alone.

    :param pixels: per line, uint8 [T, I].
    :param batch_size: lines that are computed together.
    :returns: per line, float32 [T, C], in the order of `pixels`.
    """
    was_training = model.training
    device = next(model.parameters()).device
    # Lines of similar width are in one batch, so that little padding is computed.
    order = sorted(range(len(pixels)), key=lambda index: len(pixels[index]))
    scores: list[np.ndarray] = [np.empty(0)] * len(pixels)
    model.eval()
    with torch.no_grad():
        for start in range(0, len(order), batch_size):
            indexes = order[start : start + batch_size]
            grey, lengths = pad([pixels[index] for index in indexes])
            packed = model.packed_scores(grey.to(device), Packing(lengths)).cpu()
            for index, line in zip(indexes, packed.split(lengths.tolist()), strict=True):
                scores[index] = line.numpy().copy()
    model.train(was_training)
    return scores


def evaluate(
    model: Recogniser,
    alphabet: Alphabet,
    references: Sequence[str],
    pixels: Sequence[Tensor],
    *,
    batch_size: int,
    label_limit: int | None = Limits.labels,
) -> Evaluation:
    """Read lines and compare the texts with their references.

    :param alphabet: of the network's classes.
    :param references: per line, with the characters that are not trained.
    :param pixels: per line, uint8 [T, I].
    :param batch_size: lines that are computed together.
    :param label_limit: labels of a line at most by the overlay's label rule (`Limits.labels`); None for no limit. A float
        network has none.
    :raises DataError: no line, or no word in any reference.
    """
    scores = class_scores(model, pixels, batch_size=batch_size)
    texts = tuple(alphabet.text(greedy_labels(line)) for line in scores)
    limit = None if model.hyperparameters.is_float else label_limit
    overlay = tuple(alphabet.text(overlay_labels(line, limit=limit)) for line in scores)
    return Evaluation(
        rates=error_rates(references, texts),
        texts=texts,
        overlay_rates=error_rates(references, overlay),
        overlay_texts=overlay,
    )


def read_texts(checkpoint: Checkpoint, lines: Sequence[Line]) -> list[str]:
    """Texts that a checkpoint reads on lines by the overlay's label rule, on the CPU."""
    hp = checkpoint.hyperparameters
    pixels = read_pixels(lines, target_height=hp.target_height)
    scores = class_scores(checkpoint.recogniser(), pixels, batch_size=hp.batch_size)
    return [checkpoint.alphabet.text(overlay_labels(line)) for line in scores]


def evaluate_checkpoint(
    checkpoint: Checkpoint,
    lines: Sequence[Line],
    *,
    arithmetic: Arithmetic = Arithmetic.QUANTIZED,
    label_limit: int | None = Limits.labels,
    device: str = "cpu",
    threads: int = THREADS,
) -> Evaluation:
    """What a checkpoint reads on lines.

    :param arithmetic: see `Arithmetic`.
    :param label_limit: see `evaluate`.
    :param device: of torch.
    :param threads: of torch on the CPU.
    :raises ImageError: an image cannot be read.
    :raises CheckpointError: weights and hyperparameters do not fit.
    :raises ConfigError: a device that is not there, or no thread.
    """
    require_device(device)
    hp = checkpoint.hyperparameters
    model = checkpoint.recogniser().to(device)
    pixels = read_pixels(lines, target_height=hp.target_height, workers=hp.num_workers)
    with computing_threads(threads), model.computing_in(arithmetic):
        references = [line.text for line in lines]
        return evaluate(
            model, checkpoint.alphabet, references, pixels, batch_size=hp.batch_size, label_limit=label_limit
        )

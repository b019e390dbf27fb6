"""From class scores to labels by the overlay's rule, which is not CTC greedy decoding (`greedy_labels`)."""

from __future__ import annotations

import numpy as np

from datapath.alphabet import BLANK, MAX_CLASSES
from datapath.design import Limits
from datapath.errors import DataError


def overlay_labels(scores: np.ndarray, *, limit: int | None = Limits.labels) -> np.ndarray:
    """The labels that the overlay emits for a line (steps 1 to 5 of "From scores to labels", docs/spec/datapath.md).

    A run of non-blank columns gives one label, that of its highest score, once a blank column ends it.

    >>> overlay_labels(np.array([[0, 5, 0], [0, 0, 7], [1, 0, 0], [0, 0, 3]]))
    array([2], dtype=uint8)

    :param scores: [T, C] in image order, any real type; scores are only compared, with each other and with 0.
    :param limit: labels that come out at most, the published overlay's by default; None for no limit.
    :returns: uint8 [n].
    :raises DataError: scores that are not [T, C] with 1 to 256 classes.
    """
    scores = np.asarray(scores)
    if scores.ndim != 2 or not 1 <= scores.shape[1] <= MAX_CLASSES:
        raise DataError(f"The scores have shape {list(scores.shape)}; it must be [T, C], C from 1 to {MAX_CLASSES}.")
    return np.array(_emit(*_best_classes(scores))[:limit], dtype=np.uint8)


def most_labels(columns: int) -> int:
    """Labels that a line can have at most: the overlay emits one at a blank column behind another one.

    :param columns: T of the line.
    """
    return columns // 2


def arrival_order(length: int) -> np.ndarray:
    """Columns from the centre outwards, T/2, T/2-1, T/2+1, ..., 0; of an odd T the lone centre comes first and once."""
    right = np.arange(length // 2, length)
    order = np.stack([right, length - 1 - right], axis=1).ravel()
    return order[1:] if length % 2 else order


def _best_classes(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Value, 0 for a blank column, and label of each column, both [T] in image order."""
    labels = np.argmax(scores, axis=1)
    values = np.take_along_axis(scores, labels[:, None], axis=1)[:, 0]
    # A column without a positive score has the label of the last column with a positive score to arrive before it.
    order = arrival_order(len(scores))
    last_winner = np.maximum.accumulate(np.where(values[order] > 0, np.arange(len(order)), -1))
    labels[order] = np.where(last_winner >= 0, labels[order[last_winner]], BLANK)
    return np.where((labels == BLANK) | (values <= 0), 0, values), labels


def _emit(values: np.ndarray, labels: np.ndarray) -> list[int]:
    """Emit one label, from left to right, per run of non-blank columns that a blank column ends."""
    emitted = []
    held_value, held_label = 0, BLANK
    for value, label in zip(values.tolist(), labels.tolist(), strict=True):
        if value > held_value:
            held_value, held_label = value, label
        elif held_label != BLANK and label == BLANK:
            emitted.append(held_label)
            held_value, held_label = value, label
    return emitted

"""The CTC loss of the overlay's own label rule, and its gradient, in numba.

The overlay emits a label only after a blank column ends its run (steps 4 and 5 of "From scores to labels",
docs/spec/datapath.md). So the columns from which it reads the text y1 ... yn are::

    blank*  y1+ blank+  y2+ blank+  ...  yn+ blank+

which is CTC (Graves et al. 2006) with a blank after every label, the last one too, and without the step that skips a
blank between different labels. State s of a line is blank for even s and label (s - 1) / 2 for odd s, s from 0 to
2n; a path stays or goes one state on at each column, starts in state 0 or 1 and ends in state 2n.

A line's probabilities span thousands of powers of ten, so each is held as a mantissa and an exponent of its own,
m * RADIX**k: one multiplication where logarithms would take an exp and a log. Zero has the exponent -inf.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from datapath.alphabet import BLANK
from datapath.compilation_cache import cached_njit
from datapath.errors import ConfigError, DataError

RADIX_BITS = 512
RADIX, LOG_RADIX = 2.0**RADIX_BITS, RADIX_BITS * math.log(2)
LEAST, BOUND = 2.0 ** (-RADIX_BITS // 2), 2.0 ** (RADIX_BITS // 2)
"""Mantissas are in [LEAST, BOUND): the product of two of them, and a sum of two products, is within float64."""


def columns_needed(label_count: int) -> int:
    """The fewest columns from which the overlay reads a text of `label_count` labels: a label and a blank each."""
    return 2 * label_count


def overlay_ctc_loss(
    log_probs: Tensor, labels: Tensor, lengths: Tensor, label_counts: Tensor, *, blank: int = BLANK, threads: int = 1
) -> Tensor:
    """-log of the probability of all paths from which the overlay's rule reads the text, in nats per line.

    Paths with a run of several labels (the rule takes one of them by their scores) and with a last run that no blank
    ends (the rule drops it) do not count. The limit of 95 labels is not applied. Computed in float64 on the CPU, a line
    by one thread, so that the bits do not depend on `threads`.

    :param log_probs: float32 or float64 [T, B, C], logarithms of the class probabilities of each column.
    :param labels: int64 [sum of n], the texts end to end, without blanks.
    :param lengths: int64 [B], columns of each line; columns after them are not read and get gradient 0.
    :param label_counts: int64 [B], n of each line.
    :param blank: class of the blank.
    :param threads: lines that are computed at the same time.
    :returns: [B], of the type and on the device of `log_probs`, without second derivatives; inf, with gradient 0, for a
        line without a path: shorter than `columns_needed`, or with probability 0.
    :raises DataError: shapes, types, lengths or labels that do not fit together.
    :raises ConfigError: fewer threads than 1.
    """
    _check(log_probs, labels, lengths, label_counts, blank)
    if threads < 1:
        raise ConfigError(f"threads is {threads}; allowed is 1 or more.")
    return _OverlayCTC.apply(log_probs, labels, lengths, label_counts, blank, threads)


class _OverlayCTC(torch.autograd.Function):
    """Loss and gradient in one pass; backward only scales."""

    @staticmethod
    def forward(ctx, log_probs, labels, lengths, label_counts, blank, threads):
        scores = log_probs.detach().cpu().contiguous().numpy()
        gradient = np.zeros_like(scores)
        texts = np.split(labels.cpu().numpy(), label_counts.cpu().numpy().cumsum()[:-1])
        counts = lengths.tolist()

        def line_loss(line: int) -> float:
            return _line_loss(gradient, scores, line, counts[line], np.ascontiguousarray(texts[line]), blank)

        lines = range(len(counts))
        if threads == 1:
            losses = [line_loss(line) for line in lines]
        else:
            with ThreadPoolExecutor(threads) as pool:
                losses = list(pool.map(line_loss, lines))
        ctx.save_for_backward(torch.from_numpy(gradient).to(log_probs.device))
        return torch.tensor(losses, dtype=log_probs.dtype, device=log_probs.device)

    @staticmethod
    @once_differentiable
    def backward(ctx, of_losses):
        (gradient,) = ctx.saved_tensors
        return gradient * of_losses[:, None], None, None, None, None, None


def _check(log_probs: Tensor, labels: Tensor, lengths: Tensor, label_counts: Tensor, blank: int) -> None:
    if log_probs.ndim != 3 or log_probs.dtype not in (torch.float32, torch.float64):
        raise DataError(
            f"log_probs is {log_probs.dtype} {list(log_probs.shape)}; it must be float32 or float64 [T, B, C]."
        )
    T, B, C = log_probs.shape
    if not 0 <= blank < C:
        raise DataError(f"blank is {blank}; with {C} classes allowed is 0 to {C - 1}.")
    total = int(label_counts.sum())
    for name, tensor, size in (("lengths", lengths, B), ("label_counts", label_counts, B), ("labels", labels, total)):
        if tensor.dtype != torch.int64 or list(tensor.shape) != [size]:
            raise DataError(f"{name} is {tensor.dtype} {list(tensor.shape)}; it must be int64 [{size}].")
    for name, tensor, largest in (("lengths", lengths, T), ("label_counts", label_counts, total)):
        if B and not (int(tensor.min()) >= 0 and int(tensor.max()) <= largest):
            raise DataError(f"{name} is {tensor.tolist()}; allowed is 0 to {largest}.")
    if total and not (int(labels.min()) >= 0 and int(labels.max()) < C and not bool((labels == blank).any())):
        raise DataError(f"The labels are {labels.tolist()}; allowed is 0 to {C - 1} without the blank {blank}.")


# Kernels --------------------------------------------------------------------------------------------------------------
# Pairs *_m, *_k are mantissas and exponents. State s is at index s + 1 of a row, between two zeros. Only the states of
# `_band`, which are reached by column t and lead to the last state, are computed; the others stay 0.


@cached_njit()
def _line_loss(gradient, log_probs, line, length, labels, blank):
    """Loss of one line in nats; `gradient` [T, B, C], zeros before, gets minus the posterior occupancy."""
    states = 2 * labels.size + 1
    if length < states - 1:
        return np.inf
    classes, slots = _classes_of_states(labels, blank, log_probs.shape[2])
    p_m, p_k = _emissions(log_probs, line, length, classes, slots)
    alpha_m, alpha_k = _forward(p_m, p_k)
    total_m, total_k = alpha_m[length, states], alpha_k[length, states]
    if total_m == 0.0:
        return np.inf
    occupancy = _backward(p_m, p_k, alpha_m, alpha_k)
    for t in range(length):
        of_class = np.zeros(classes.size)
        for s in range(states):
            of_class[slots[s]] -= occupancy[t, s]
        for slot in range(classes.size):
            gradient[t, line, classes[slot]] = of_class[slot]
    return -(math.log(total_m) + total_k * LOG_RADIX)


@cached_njit()
def _classes_of_states(labels, blank, class_count):
    """The distinct classes of a text, blank first, and for each of its states the place of its class among them."""
    slot_of_class = np.full(class_count, -1, dtype=np.int64)
    slot_of_class[blank] = 0
    classes = np.full(labels.size + 1, blank, dtype=np.int64)
    slots = np.zeros(2 * labels.size + 1, dtype=np.int64)
    count = 1
    for i in range(labels.size):
        label = labels[i]
        if slot_of_class[label] < 0:
            slot_of_class[label] = count
            classes[count] = label
            count += 1
        slots[2 * i + 1] = slot_of_class[label]
    return classes[:count], slots


@cached_njit()
def _emissions(log_probs, line, length, classes, slots):
    """Probability of each state's class in each column, [length, states]."""
    p_m, p_k = np.empty((length, slots.size)), np.empty((length, slots.size))
    class_m, class_k = np.empty(classes.size), np.empty(classes.size)
    for t in range(length):
        for slot in range(classes.size):
            value = np.float64(log_probs[t, line, classes[slot]])
            exponent = math.floor(value / LOG_RADIX + 0.5) if math.isfinite(value) else value
            class_k[slot] = exponent
            # exp(value) where value is infinite or NaN: 0, inf or NaN, which then reaches the loss.
            class_m[slot] = math.exp(value - exponent * LOG_RADIX) if math.isfinite(value) else math.exp(value)
        for s in range(slots.size):
            p_m[t, s] = class_m[slots[s]]
            p_k[t, s] = class_k[slots[s]]
    return p_m, p_k


@cached_njit()
def _band(t, length, states):
    """First state in column t from which the last is still reached, and one more than the last state reached."""
    return max(0, states - length + t), min(states, t + 2)


@cached_njit()
def _aligned(m, k, common):
    """The mantissa m * RADIX**k has at the exponent `common` >= k; more than one RADIX below, it is beyond float64."""
    return m * (1.0 if k == common else 1.0 / RADIX if k == common - 1.0 else 0.0)


@cached_njit()
def _product(m, k, p_m, p_k):
    """Of a sum of two mantissas, below 2 * BOUND, and a mantissa: one step brings it back into its range."""
    m, k = m * p_m, k + p_k
    step = (1.0 if m >= BOUND else 0.0) - (1.0 if m < LEAST else 0.0)
    return m * (1.0 / RADIX if m >= BOUND else RADIX if m < LEAST else 1.0), k + step


@cached_njit()
def _forward(p_m, p_k):
    """alpha[t + 1, s + 1]: probability of columns 0 to t on all paths in state s at column t; row 0: before the line."""
    length, states = p_m.shape
    alpha_m, alpha_k = np.zeros((length + 1, states + 2)), np.full((length + 1, states + 2), -np.inf)
    alpha_m[0, 1], alpha_k[0, 1] = 1.0, 0.0
    for t in range(length):
        first, stop = _band(t, length, states)
        stay_m, stay_k = alpha_m[t, first + 1 : stop + 1], alpha_k[t, first + 1 : stop + 1]
        come_m, come_k = alpha_m[t, first:stop], alpha_k[t, first:stop]
        out_m, out_k = alpha_m[t + 1, first + 1 : stop + 1], alpha_k[t + 1, first + 1 : stop + 1]
        here_m, here_k = p_m[t, first:stop], p_k[t, first:stop]
        for i in range(out_m.size):
            k = max(stay_k[i], come_k[i])
            m = _aligned(stay_m[i], stay_k[i], k) + _aligned(come_m[i], come_k[i], k)
            out_m[i], out_k[i] = _product(m, k, here_m[i], here_k[i])
    return alpha_m, alpha_k


@cached_njit()
def _backward(p_m, p_k, alpha_m, alpha_k):
    """Posterior probability of each state in each column, [length, states]: alpha * (stay + go) / total.

    From the last column, rest[s + 1] is the probability of columns t to the last on all paths from state s at column t.
    """
    length, states = p_m.shape
    occupancy = np.zeros((length, states))
    rest_m, rest_k = np.zeros(states + 2), np.full(states + 2, -np.inf)
    rest_m[states], rest_k[states] = 1.0, 0.0
    per_total, total_k = 1.0 / alpha_m[length, states], alpha_k[length, states]
    for t in range(length - 1, -1, -1):
        first, stop = _band(t, length, states)
        stay_m, stay_k = rest_m[first + 1 : stop + 1], rest_k[first + 1 : stop + 1]
        go_m, go_k = rest_m[first + 2 : stop + 2], rest_k[first + 2 : stop + 2]
        a_m, a_k = alpha_m[t + 1, first + 1 : stop + 1], alpha_k[t + 1, first + 1 : stop + 1]
        here_m, here_k = p_m[t, first:stop], p_k[t, first:stop]
        out = occupancy[t, first:stop]
        for i in range(out.size):
            k = max(stay_k[i], go_k[i])
            m = _aligned(stay_m[i], stay_k[i], k) + _aligned(go_m[i], go_k[i], k)
            posterior_k = a_k[i] + k - total_k
            # A posterior is at most 1, and one of RADIX**-2 or less is 0 next to it.
            scale = 1.0 if posterior_k == 0.0 else RADIX if posterior_k == 1.0 else 1.0 / RADIX
            out[i] = a_m[i] * m * per_total * (scale if posterior_k >= -1.0 else 0.0)
            stay_m[i], stay_k[i] = _product(m, k, here_m[i], here_k[i])
        # In the column before, the band begins one state earlier and may end one earlier: nothing stale is read.
    return occupancy

"""The CTC loss of the overlay's label rule: which paths it counts, what they sum to, and the gradient."""

import itertools
import math
import re

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from datapath import overlay_labels
from datapath.errors import ConfigError, DataError
from train.ctc import columns_needed, overlay_ctc_loss

FLOAT64 = 1e-11
"""Relative: some 2T roundings of 2**-53 in a path's product, T up to 3000, and as many in what we compare with."""

FLOAT32 = 2.0**-23
"""Relative: the loss is computed in float64 and rounded to float32 once."""

NEVER = -1e5
"""A log-probability whose exp is 0 in float64, finite so that torch's own loss can subtract it from itself."""


def loss_of(log_probs, texts, lengths=None, **options):
    """`overlay_ctc_loss` of texts given as lists of labels."""
    T, B, _ = log_probs.shape
    return overlay_ctc_loss(
        log_probs,
        torch.tensor([label for text in texts for label in text], dtype=torch.int64),
        torch.full((B,), T) if lengths is None else torch.tensor(lengths, dtype=torch.int64),
        torch.tensor([len(text) for text in texts], dtype=torch.int64),
        **options,
    )


def random_log_probs(*shape, seed=0, sharpness=1.0, dtype=torch.float64):
    """Normalised [T, B, C], the same numbers in either type."""
    generator = torch.Generator().manual_seed(seed)
    return (sharpness * torch.randn(shape, generator=generator, dtype=torch.float64)).log_softmax(2).to(dtype)


def random_text(n, classes, *, seed=0):
    return torch.randint(1, classes, (n,), generator=torch.Generator().manual_seed(seed)).tolist()


def texts_up_to(n, classes=(1, 2)):
    return [list(text) for count in range(n + 1) for text in itertools.product(classes, repeat=count)]


def says(path, text):
    """The topology, as a regular expression over one digit per column: blank* (y+ blank+)*."""
    return re.fullmatch("0*" + "".join(f"{label}+0+" for label in text), "".join(map(str, path))) is not None


# Which paths are counted ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [1, 2, 3, 4, 5, 6])
def test_a_path_is_counted_once_or_not_at_all_as_the_topology_says(length):
    paths = list(itertools.product(range(3), repeat=length))
    certain = torch.full((length, len(paths), 3), -math.inf, dtype=torch.float64)
    for line, path in enumerate(paths):
        certain[range(length), line, list(path)] = 0.0
    for text in texts_up_to(3):
        expected = [0.0 if says(path, text) else math.inf for path in paths]
        assert loss_of(certain, [text] * len(paths)).tolist() == expected


@pytest.mark.parametrize("length", [1, 2, 3, 4, 5, 6])
def test_the_paths_are_those_from_which_the_overlay_reads_the_text(length):
    for path in itertools.product(range(3), repeat=length):
        # Equal scores: of a run of two letters the rule would take the first.
        read = overlay_labels(np.eye(3)[list(path)]).tolist()
        # What the loss leaves out: runs of several letters, and a last run that nothing ends and that is not read.
        runs = re.findall("[12]+", "".join(map(str, path)))
        left_out = path[-1] != 0 or any(len(set(run)) > 1 for run in runs)
        for text in texts_up_to(3):
            assert says(path, text) == (read == text and not left_out)


# What they sum to -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [1, 2, 3, 4, 5, 6])
def test_loss_is_that_of_the_sum_over_all_paths(length):
    log_probs = random_log_probs(length, 1, 3, seed=length)
    for text in texts_up_to(3):
        total = sum(
            math.exp(sum(log_probs[t, 0, label].item() for t, label in enumerate(path)))
            for path in itertools.product(range(3), repeat=length)
            if says(path, text)
        )
        expected = -math.log(total) if total else math.inf
        assert loss_of(log_probs, [text]).item() == pytest.approx(expected, rel=FLOAT64)


def loss_where_columns_are_alike(length, n, *, letter, blank):
    """Closed form: all columns give every letter of the text the log-probability `letter`, the blank `blank`.

    j columns are letters: C(j - 1, n - 1) ways to cut them into n runs, C(T - j, n) to put blanks behind each and before.
    """
    terms = [
        math.log(math.comb(j - 1, n - 1)) + math.log(math.comb(length - j, n)) + j * letter + (length - j) * blank
        for j in range(n, length - n + 1)
    ]
    return -max(terms) - math.log(math.fsum(math.exp(term - max(terms)) for term in terms))


@pytest.mark.parametrize(
    ("length", "n", "letter", "blank"),
    [
        (732, 95, -4.4, -4.4),
        (732, 100, math.log(1e-9), 0.0),
        (732, 100, math.log(1e-9), -300.0),
        (732, 1, -1000.0, -1e-3),
        (632, 60, -5000.0, 0.0),
        (632, 60, -1e-6, -5000.0),
        (300, 150, -1e7, -1e-9),
        pytest.param(3000, 300, 0.0, 0.0, id="no probabilities, but their number: about 2**2700 paths"),
        pytest.param(400, 40, 200.0, 500.0, id="no probabilities: factors far above 1"),
    ],
)
def test_loss_where_columns_are_alike(length, n, letter, blank):
    text = random_text(n, 5)
    log_probs = torch.full((length, 1, 5), letter, dtype=torch.float64).requires_grad_()
    with torch.no_grad():
        log_probs[:, :, 0] = blank
    loss = loss_of(log_probs, [text])
    assert loss.item() == pytest.approx(
        loss_where_columns_are_alike(length, n, letter=letter, blank=blank), rel=FLOAT64
    )
    loss.sum().backward()
    # Every path is in one state at every column, and in each letter at least once.
    assert log_probs.grad.sum(2).numpy() == pytest.approx(-1, rel=FLOAT64)
    assert log_probs.grad[:, :, 1:].sum().item() <= -n * (1 - FLOAT64)


def loss_by_torch(log_probs, text, length):
    """By torch's CTC: the overlay's blank is a letter there, and its blank a further class that never comes.

    Then nothing is skipped, and the texts "y1 b ... yn b" and "b y1 b ... yn b" are the two ways to begin.
    """
    never_class = log_probs.shape[1]
    never = torch.full((len(log_probs), 1), NEVER, dtype=log_probs.dtype)
    expanded = torch.cat([log_probs, never], dim=1)[:length]
    target = [state for label in text for state in (label, 0)]
    ways = [
        functional.ctc_loss(expanded, torch.tensor(way), [length], [len(way)], blank=never_class, reduction="sum")
        for way in (target, [0, *target])
        if 0 < len(way) <= length
    ]
    return -torch.logsumexp(-torch.stack(ways), dim=0)


@pytest.mark.parametrize(
    ("columns", "classes", "counts", "sharpness"),
    [
        (60, 8, [15, 0, 1, 30, 7], 1.0),
        (60, 3, [15, 29, 30, 3], 10.0),
        (632, 82, [60, 90], 1.0),
        (632, 82, [60, 90], 30.0),
    ],
)
def test_loss_and_gradient_equal_those_of_torch_for_the_expanded_text(columns, classes, counts, sharpness):
    texts = [random_text(n, classes, seed=n) for n in counts]
    lengths = [max(columns_needed(len(text)), columns - 3 * line) for line, text in enumerate(texts)]
    # Both are differentiated back to the scores: torch's gradient by log_probs is only right under a log_softmax.
    scores = sharpness * random_log_probs(columns, len(texts), classes, seed=1)
    ours, theirs = scores.clone().requires_grad_(), scores.clone().requires_grad_()
    weights = torch.arange(1.0, len(texts) + 1, dtype=torch.float64)

    losses = loss_of(ours.log_softmax(2), texts, lengths)
    (losses * weights).sum().backward()
    expected = torch.stack(
        [loss_by_torch(theirs[:, line].log_softmax(1), texts[line], lengths[line]) for line in range(len(texts))]
    )
    (expected * weights).sum().backward()

    assert losses.detach().numpy() == pytest.approx(expected.detach().numpy(), rel=FLOAT64)
    # Absolute: torch's log-domain sums of some thousand nats are off by thousands of 2**-53 each.
    assert ours.grad.numpy() == pytest.approx(theirs.grad.numpy(), abs=1e-8)
    assert ours.grad.abs().max() > 0.1


# Gradient -------------------------------------------------------------------------------------------------------------


@given(seed=st.integers(0, 1000), n=st.integers(0, 3), spare=st.integers(0, 3))
def test_gradient_is_the_slope_of_the_loss(seed, n, spare):
    T = max(1, columns_needed(n) + spare)
    log_probs = random_log_probs(T, 2, 3, seed=seed).requires_grad_()
    texts = [random_text(n, 3, seed=seed), []]
    assert torch.autograd.gradcheck(lambda x: loss_of(x, texts, [T, max(1, T - 1)]), log_probs, fast_mode=False)


def test_gradient_is_scaled_by_what_comes_in_for_each_line():
    texts = [[1, 2], [2]]
    grads = []
    for weights in ([1.0, 1.0], [0.0, -3.0]):
        log_probs = random_log_probs(8, 2, 3).requires_grad_()
        (loss_of(log_probs, texts) * torch.tensor(weights)).sum().backward()
        grads.append(log_probs.grad)
    assert torch.equal(grads[1][:, 0], torch.zeros(8, 3))
    assert torch.equal(grads[1][:, 1], -3 * grads[0][:, 1])


def test_there_is_no_second_derivative():
    log_probs = random_log_probs(4, 1, 3).requires_grad_()
    (slope,) = torch.autograd.grad((loss_of(log_probs, [[1]]) ** 2).sum(), log_probs, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        slope.sum().backward()


# Lines that are short, empty, padded, broken --------------------------------------------------------------------------


@pytest.mark.parametrize("text", [[1], [1, 1], [1, 2], [2, 1, 1, 2, 1]])
def test_a_line_of_just_the_columns_needed_has_one_path_and_a_shorter_one_none(text):
    T = columns_needed(len(text))
    assert 2 * len(text) == T
    log_probs = random_log_probs(T, 2, 3).requires_grad_()
    loss = loss_of(log_probs, [text, text], [T, T - 1])
    path = [state for label in text for state in (label, 0)]
    assert loss[0].item() == pytest.approx(-log_probs[range(T), 0, path].sum().item(), rel=FLOAT64)
    assert loss[1].item() == math.inf
    loss.sum().backward()
    only = torch.zeros(T, 3, dtype=torch.float64)
    only[range(T), path] = -1.0
    assert log_probs.grad[:, 0].numpy() == pytest.approx(only.numpy(), abs=FLOAT64)
    assert torch.equal(log_probs.grad[:, 1], torch.zeros(T, 3))


def test_an_empty_text_is_all_blanks():
    assert columns_needed(0) == 0
    log_probs = random_log_probs(5, 2, 3).requires_grad_()
    loss = loss_of(log_probs, [[], []], [5, 0])
    assert loss[0].item() == pytest.approx(-log_probs[:, 0, 0].sum().item(), rel=FLOAT64)
    assert loss[1].item() == 0.0
    loss.sum().backward()
    assert log_probs.grad[:, 0].numpy() == pytest.approx(np.array([[-1, 0, 0]] * 5), abs=FLOAT64)
    assert torch.equal(log_probs.grad[:, 1], torch.zeros(5, 3))


def test_no_lines_give_no_losses():
    assert loss_of(torch.zeros(4, 0, 3), []).tolist() == []


@pytest.mark.parametrize("padding", [math.nan, math.inf, -math.inf, 7.0])
def test_padding_is_not_read_and_gets_no_gradient(padding):
    log_probs = random_log_probs(9, 2, 3)
    alone = log_probs[:6, :1].clone().requires_grad_()
    log_probs[6:, 0] = padding
    log_probs.requires_grad_()
    texts = [[1, 2], [2, 2, 1]]
    loss, expected = loss_of(log_probs, texts, [6, 9]), loss_of(alone, texts[:1])
    assert loss[0] == expected[0]
    loss.sum().backward()
    expected.sum().backward()
    assert torch.equal(log_probs.grad[:6, :1], alone.grad)
    assert torch.equal(log_probs.grad[6:, 0], torch.zeros(3, 3))


@pytest.mark.parametrize("column", [0, 3, 7])
@pytest.mark.parametrize("class_", [0, 1])
def test_not_a_number_in_a_line_is_not_hidden_and_stays_in_its_line(column, class_):
    log_probs = random_log_probs(8, 2, 3)
    expected = loss_of(log_probs, [[1, 1, 1], [1, 1, 1]])
    log_probs[column, 0, class_] = math.nan
    loss = loss_of(log_probs, [[1, 1, 1], [1, 1, 1]])
    # Every state but one is on some path: a letter in the last column, which is not read.
    on_a_path = not (column == 7 and class_ == 1)
    assert math.isnan(loss[0]) == on_a_path
    assert on_a_path or loss[0] == expected[0]
    assert loss[1] == expected[1]


def test_impossible_classes_close_paths_and_only_those():
    log_probs = random_log_probs(6, 1, 3)
    log_probs[:, :, 1] = -math.inf
    assert loss_of(log_probs, [[1]]).item() == math.inf
    log_probs[2, :, 1] = -0.5
    log_probs.requires_grad_()
    loss = loss_of(log_probs, [[1]])
    assert loss.item() == pytest.approx(0.5 - log_probs[[0, 1, 3, 4, 5], 0, 0].sum().item(), rel=FLOAT64)
    loss.sum().backward()
    assert log_probs.grad[:, 0].argmin(dim=1).tolist() == [0, 0, 1, 0, 0, 0]
    assert bool(log_probs.grad.isfinite().all())


# How it is called -----------------------------------------------------------------------------------------------------


def test_float32_is_computed_in_float64_and_rounded_once():
    log_probs = random_log_probs(632, 3, 82, dtype=torch.float32)
    texts = [random_text(n, 82, seed=n) for n in (10, 60, 95)]
    loss, exact = loss_of(log_probs, texts), loss_of(log_probs.double(), texts)
    assert loss.dtype == torch.float32
    assert loss.numpy() == pytest.approx(exact.numpy(), rel=FLOAT32)


@pytest.mark.parametrize("threads", [2, 3, 16])
def test_threads_change_no_bit(threads):
    texts = [random_text(3 * n, 12, seed=n) for n in range(9)]
    results = []
    for count in (1, threads):
        log_probs = random_log_probs(70, 9, 12, dtype=torch.float32).requires_grad_()
        loss = loss_of(log_probs, texts, list(range(70, 61, -1)), threads=count)
        loss.sum().backward()
        results.append((loss.detach(), log_probs.grad))
    assert all(torch.equal(one, other) for one, other in zip(*results, strict=True))


def test_batch_first_memory_and_another_blank_are_understood():
    log_probs = random_log_probs(9, 2, 4)
    texts = [[1, 3, 3], [2]]
    expected = loss_of(log_probs, texts)
    batch_first = log_probs.transpose(0, 1).contiguous().transpose(0, 1)
    assert not batch_first.is_contiguous()
    assert torch.equal(loss_of(batch_first, texts), expected)
    rolled = log_probs.roll(2, dims=2)
    assert torch.equal(loss_of(rolled, [[3, 1, 1], [0]], blank=2), expected)


GOOD = {
    "log_probs": torch.zeros(4, 2, 3),
    "labels": torch.tensor([1, 2, 1]),
    "lengths": torch.tensor([4, 2]),
    "label_counts": torch.tensor([2, 1]),
}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"log_probs": torch.zeros(4, 3)},
            "log_probs is torch.float32 [4, 3]; it must be float32 or float64 [T, B, C].",
        ),
        (
            {"log_probs": torch.zeros(4, 2, 3, dtype=torch.float16)},
            "log_probs is torch.float16 [4, 2, 3]; it must be float32 or float64 [T, B, C].",
        ),
        ({"blank": 3}, "blank is 3; with 3 classes allowed is 0 to 2."),
        ({"labels": torch.tensor([1, 2])}, "labels is torch.int64 [2]; it must be int64 [3]."),
        ({"lengths": torch.tensor([4])}, "lengths is torch.int64 [1]; it must be int64 [2]."),
        ({"lengths": torch.tensor([4.0, 2.0])}, "lengths is torch.float32 [2]; it must be int64 [2]."),
        ({"lengths": torch.tensor([5, 2])}, "lengths is [5, 2]; allowed is 0 to 4."),
        ({"lengths": torch.tensor([4, -1])}, "lengths is [4, -1]; allowed is 0 to 4."),
        ({"label_counts": torch.tensor([3])}, "label_counts is torch.int64 [1]; it must be int64 [2]."),
        ({"label_counts": torch.tensor([4, -1])}, "label_counts is [4, -1]; allowed is 0 to 3."),
        (
            {"labels": torch.tensor([1, 3, 1])},
            "The labels are [1, 3, 1]; allowed is 0 to 2 without the blank 0.",
        ),
        (
            {"labels": torch.tensor([1, 0, 1])},
            "The labels are [1, 0, 1]; allowed is 0 to 2 without the blank 0.",
        ),
    ],
)
def test_what_does_not_fit_together_is_named(changes, sentence):
    with pytest.raises(DataError) as caught:
        overlay_ctc_loss(**{**GOOD, **changes})
    assert str(caught.value) == sentence


def test_no_threads_are_too_few():
    with pytest.raises(ConfigError) as caught:
        overlay_ctc_loss(**GOOD, threads=0)
    assert str(caught.value) == "threads is 0; allowed is 1 or more."

"""The loss of a batch, in both of its kinds."""

import pytest
import torch
from torch.nn import functional

from tests.train import tiny
from train import loss
from train.ctc import overlay_ctc_loss
from train.data.batches import Batch
from train.loss import batch_loss, columns_needed

T, B, C = 9, 2, 4
LABELS, COUNTS = torch.tensor([1, 2, 3]), torch.tensor([2, 1])


def batch():
    return Batch(
        grey=torch.zeros(T, B, 8, dtype=torch.uint8),
        lengths=torch.tensor([T, T - 2]),
        labels=LABELS,
        label_counts=COUNTS,
        names=("a", "b"),
    )


def scores():
    return torch.randn(T, B, C, generator=torch.Generator().manual_seed(0))


def test_standard_ctc_is_torchs_summed_over_the_lines():
    expected = functional.ctc_loss(
        functional.log_softmax(scores(), dim=2), LABELS, torch.tensor([T, T - 2]), COUNTS, reduction="sum"
    )
    assert torch.equal(batch_loss(scores(), batch(), tiny.hyperparameters()), expected)


def test_the_scale_multiplies_the_scores():
    for ctc in ("STANDARD", "OVERLAY"):
        scaled = batch_loss(scores(), batch(), tiny.hyperparameters(ctc=ctc, score_scale=4.0))
        assert torch.equal(scaled, batch_loss(scores() * 4, batch(), tiny.hyperparameters(ctc=ctc)))


def test_the_overlays_loss_has_one_class_more_whose_score_is_zero():
    padded = torch.cat([scores(), torch.zeros(T, B, 1)], dim=2)
    expected = overlay_ctc_loss(padded.log_softmax(2), LABELS, torch.tensor([T, T - 2]), COUNTS).sum()
    assert torch.equal(batch_loss(scores(), batch(), tiny.hyperparameters(ctc="OVERLAY")), expected)


def test_the_overlays_loss_wants_positive_scores_and_greedy_ctc_does_not_care():
    for ctc, cares in (("OVERLAY", True), ("STANDARD", False)):
        moved = scores().requires_grad_()
        batch_loss(moved, batch(), tiny.hyperparameters(ctc=ctc)).backward()
        # The gradient along "all classes up": with a class that stays at 0 it is downhill, else it is nothing.
        along = moved.grad.sum().item()
        assert (along < -0.1) == cares
        assert cares or abs(along) < 1e-5


@pytest.mark.parametrize(("text", "standard", "overlay"), [((1, 2, 3), 3, 6), ((1, 1, 2), 4, 6), ((1, 1, 1), 5, 6)])
def test_columns_needed(text, standard, overlay):
    labels = torch.tensor(text)
    assert columns_needed(labels, tiny.hyperparameters()) == standard
    assert columns_needed(labels, tiny.hyperparameters(ctc="OVERLAY")) == overlay


def test_a_wide_line_among_narrow_ones_has_the_loss_and_gradients_of_one_padded_batch(monkeypatch):
    draw = torch.Generator().manual_seed(3)
    lengths, counts = [12, 40, 9, 11], [3, 5, 2, 1]
    batch = Batch(
        grey=torch.zeros(0, dtype=torch.uint8),
        lengths=torch.tensor(lengths),
        labels=torch.randint(1, 5, (sum(counts),), generator=draw),
        label_counts=torch.tensor(counts),
        names=tuple("abcd"),
    )
    results = {}
    for most in (loss.MOST_PADDED_COLUMNS, 60):
        monkeypatch.setattr(loss, "MOST_PADDED_COLUMNS", most)
        scores = torch.randn(sum(lengths), 5, generator=torch.Generator().manual_seed(4), requires_grad=True)
        value = loss.packed_loss(scores, batch, tiny.hyperparameters())
        value.backward()
        results[most] = (len(loss.width_groups(lengths)), value.item(), scores.grad)
    (one, whole, gradient), (several, grouped, same) = results.values()
    assert (one, several) == (1, 2)  # 3 lines of at most 12 columns are 36, and the fourth has 40 to itself
    assert grouped == pytest.approx(whole, rel=1e-6)  # sums of float32 in another order
    assert torch.equal(gradient, same)

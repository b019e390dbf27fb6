"""Lines to batches."""

import torch

from datapath import Alphabet
from tests.train import tiny
from train.config import Hyperparameters
from train.data.batches import collate, epoch_order, read_pixels, samples_of

ALPHABET = Alphabet(("", "a", "b", "c", " "))


def samples(*texts: str):
    lines = [tiny.line(text, text) for text in texts]
    return samples_of(lines, read_pixels(lines, target_height=tiny.HEIGHT), ALPHABET)


def test_threads_read_the_same_pixels_in_the_same_order():
    lines = tiny.dataset().training
    alone = read_pixels(lines, target_height=tiny.HEIGHT)
    threaded = read_pixels(lines, target_height=tiny.HEIGHT, workers=3)
    assert len(alone) == len(lines)
    assert all(torch.equal(a, b) for a, b in zip(alone, threaded, strict=True))


def test_targets_leave_out_what_has_no_class():
    (sample,) = samples("a$b")
    assert sample.labels.tolist() == [1, 2]


def test_first_epochs_go_by_width_and_later_ones_at_random():
    widths = [30, 10, 20, 40, 50, 60]
    hp = Hyperparameters(random_seed=5, seq_to_random_threshold=2)
    assert [epoch_order(widths, epoch=epoch, hyperparameters=hp) for epoch in (0, 1)] == [[1, 2, 0, 3, 4, 5]] * 2
    later = [epoch_order(widths, epoch=epoch, hyperparameters=hp) for epoch in (2, 3)]
    assert later == [epoch_order(widths, epoch=epoch, hyperparameters=hp) for epoch in (2, 3)]
    assert later[0] != later[1]
    assert all(sorted(order) == list(range(6)) for order in later)
    other_seed = Hyperparameters(random_seed=6, seq_to_random_threshold=2)
    assert later[0] != epoch_order(widths, epoch=2, hyperparameters=other_seed)


def test_a_width_pool_fills_random_batches_with_lines_of_like_width():
    widths = torch.randperm(203, generator=torch.Generator().manual_seed(0)).tolist()
    hp = Hyperparameters(batch_size=8, seq_to_random_threshold=0, width_pool=5)
    order = epoch_order(widths, epoch=0, hyperparameters=hp)
    assert sorted(order) == list(range(203))
    cut = [[widths[index] for index in order[start : start + 8]] for start in range(0, 200, 8)]
    spreads = [max(batch) - min(batch) for batch in cut]
    # Five batches share 203 widths, so one of them spans about a fifth; a random batch would span nearly all.
    assert sum(spreads) / len(spreads) < 60
    assert [batch[0] for batch in cut] != sorted(batch[0] for batch in cut)
    assert order != epoch_order(widths, epoch=1, hyperparameters=hp)


def test_a_batch_pads_with_paper_and_keeps_lengths():
    some = samples("abc", "a")
    batch = collate(some, mask_padded=True)
    short = some[1].columns
    assert batch.grey.shape == (some[0].columns, 2, tiny.HEIGHT)
    assert batch.lengths.tolist() == [some[0].columns, short]
    assert torch.equal(batch.grey[:short, 1], some[1].pixels)
    assert not batch.grey[short:, 1].any()
    assert batch.labels.tolist() == [1, 2, 3, 1]
    assert batch.label_counts.tolist() == [3, 1]
    assert batch.names == ("abc", "a")


def test_without_mask_padded_the_padding_counts():
    some = samples("abc", "a")
    assert collate(some, mask_padded=False).lengths.tolist() == [some[0].columns] * 2

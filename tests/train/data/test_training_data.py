"""What a run learns from: lines held out, extra lines, and how an epoch shows them."""

from dataclasses import replace

import pytest
import torch

from datapath.errors import ConfigError, DataError
from tests.train import tiny
from train.data.training_data import prepare

ALPHABET = tiny.dataset().alphabet()
EXTRA = tuple(tiny.line(f"extra/{text}", text) for text in ("aa", "bb", "cc", "abab"))


def training_data(dataset=None, *, alphabet=ALPHABET, **changes):
    return prepare(dataset or tiny.dataset(), alphabet, tiny.hyperparameters(**changes))


def names(prepared, indexes):
    return [prepared.samples[index].line.name for index in indexes]


def test_held_out_lines_are_judged_and_not_trained_on():
    whole, split = training_data(), training_data(selection_lines=3)
    trained = {sample.line.name for sample in split.samples}
    validation = {line.name for line in split.validation}
    assert len(trained) == 7 and len(validation) == 3
    assert trained | validation == {sample.line.name for sample in whole.samples}
    assert not trained & validation
    assert [line.name for line in whole.validation] == [line.name for line in tiny.dataset().validation]
    assert split.notes[0] == (
        "Error rates during training are those of 3 held-out training lines; validation lines are not read."
    )


def test_the_seed_decides_which_lines_are_held_out():
    validation = [
        tuple(line.name for line in training_data(selection_lines=3, random_seed=seed).validation) for seed in range(4)
    ]
    assert validation[0] == tuple(line.name for line in training_data(selection_lines=3, random_seed=0).validation)
    assert len(set(validation)) > 1


def test_holding_out_every_line_is_refused():
    with pytest.raises(ConfigError) as caught:
        training_data(selection_lines=10)
    assert str(caught.value) == "selection_lines is 10; there are 10 training lines in all."


def test_every_epoch_has_all_own_lines_and_draws_extra_ones_anew():
    dataset = replace(tiny.dataset(), extra=EXTRA)
    prepared = training_data(dataset, extra_lines=2)
    assert prepared.lines_per_epoch == 12
    drawn = []
    for epoch in range(6):
        order = names(prepared, prepared.order(epoch))
        assert order == names(prepared, prepared.order(epoch))
        assert sorted(name for name in order if name.startswith("training/")) == sorted(
            line.name for line in dataset.training
        )
        extra = [name for name in order if name.startswith("extra/")]
        assert len(set(extra)) == 2
        drawn.append(frozenset(extra))
    assert len(set(drawn)) > 1


def test_without_extra_lines_asked_for_none_is_drawn():
    prepared = training_data(replace(tiny.dataset(), extra=EXTRA))
    assert sorted(prepared.order(3)) == list(range(10))


def test_more_extra_lines_than_there_are_are_refused():
    with pytest.raises(ConfigError) as caught:
        training_data(replace(tiny.dataset(), extra=EXTRA), extra_lines=5)
    assert str(caught.value) == "extra_lines is 5; there are 4 extra lines."


def test_extra_lines_with_unknown_characters_are_left_out_and_counted():
    own = tuple(line for line in tiny.dataset().training if " " not in line.text)
    foreign = tiny.line("extra/foreign", "a c")
    dataset = replace(tiny.dataset(), training=own, extra=(*EXTRA, foreign))
    prepared = training_data(dataset, alphabet=dataset.alphabet())
    outside, unreadable = prepared.notes
    assert outside == "1 of 5 extra lines hold characters outside the alphabet."
    # The space of "ac b", of the 9 characters of the three validation lines.
    assert unreadable.startswith("1 of 3 validation lines") and "11.11 % (1 of 9 characters)" in unreadable
    assert "extra/foreign" not in {sample.line.name for sample in prepared.samples}


def test_the_overlay_needs_two_columns_per_letter():
    narrow = tiny.line("narrow", "abc")
    squeezed = replace(narrow, source=narrow.image().resize((4, tiny.HEIGHT)))
    dataset = replace(tiny.dataset(), training=(*tiny.dataset().training, squeezed))
    assert not any("narrow" in note for note in training_data(dataset).notes)
    left_out = training_data(dataset, ctc="OVERLAY").notes
    columns = len(squeezed.pixels(tiny.HEIGHT))
    assert left_out == (f"narrow is left out: its text needs 6 columns, the image has {columns}.",)


def test_no_line_wide_enough_is_an_error():
    dataset = replace(tiny.dataset(), training=tiny.dataset().training[:1])
    narrow = replace(dataset.training[0], source=dataset.training[0].image().resize((2, tiny.HEIGHT)))
    with pytest.raises(DataError, match=r"^No line can be trained on; of 1 the first: "):
        training_data(replace(dataset, training=(narrow,)))


def test_an_epoch_shows_a_line_in_its_own_way_and_always_the_same():
    prepared = training_data(augment_stretch=0.3, augment_noise=30.0)
    shown = [prepared.in_epoch(0, epoch).pixels for epoch in (0, 1, 2)]
    assert torch.equal(shown[1], training_data(augment_stretch=0.3, augment_noise=30.0).in_epoch(0, 1).pixels)
    assert len({tuple(one.flatten().tolist()) for one in shown}) == 3
    assert torch.equal(training_data().in_epoch(0, 1).pixels, training_data().samples[0].pixels)


def test_judged_lines_are_shown_as_they_are():
    plain, changed = training_data(), training_data(augment_noise=60.0, augment_thickness=1.0)
    assert all(torch.equal(a, b) for a, b in zip(plain.validation_pixels, changed.validation_pixels, strict=True))


def test_a_dollar_in_training_lines_is_a_note():
    dataset = replace(tiny.dataset(), training=(*tiny.dataset().training, tiny.line("price", "a$")))
    (note,) = training_data(dataset).notes
    assert note.startswith("1 of 11 training lines hold characters that are not trained") and "DOLLAR SIGN" in note

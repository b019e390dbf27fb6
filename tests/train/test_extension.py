"""Retraining on lines with new characters: classes are appended, and the known ones keep their weights."""

from dataclasses import replace

import pytest
import torch

from datapath import Alphabet
from datapath.errors import CheckpointError, ConfigError
from tests.golden_data import REPOSITORY
from tests.train import tiny
from train.data.dataset import read_dataset
from train.extension import require_classes, with_new_classes
from train.model import Recogniser
from train.starting import Pretrained
from train.trainer import train

CASE = REPOSITORY / "tests" / "cases" / "lines" / "d_newchar"


def without_c():
    whole = tiny.dataset()
    return replace(
        whole,
        training=(*(line for line in whole.training if "c" not in line.text), tiny.line("ba", "ba b")),
        validation=(tiny.line("v", "ab b"),),
    )


@pytest.fixture(scope="module")
def checkpoint():
    """Classes: blank, b, a, space (by width of the image: b, ab, ba b)."""
    run = train(tiny.hyperparameters(epochs=1), without_c(), experiments=None)
    assert run.last.alphabet.symbols == ("", "b", "a", " ")
    return run.last


def test_new_classes_are_appended_and_the_known_rows_are_bit_equal(checkpoint):
    extended = with_new_classes(checkpoint, ["ab d", "cab", "$a\t"], seed=5)
    assert extended.alphabet.symbols == ("", "b", "a", " ", "d", "c")  # dollar and tab are not trained
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        fresh = Recogniser(checkpoint.hyperparameters, 6).state_dict()
    for name, before in checkpoint.model.items():
        if name in ("fc.weight", "fc.bias"):
            assert torch.equal(extended.model[name][:4], before)
            assert torch.equal(extended.model[name][4:], fresh[name][4:])
        else:
            assert torch.equal(extended.model[name], before)
    assert len(checkpoint.alphabet) == 4 and len(checkpoint.model["fc.bias"]) == 4
    again = with_new_classes(checkpoint, ["dc"], seed=5)
    assert all(torch.equal(again.model[name], extended.model[name]) for name in again.model)
    assert with_new_classes(checkpoint, ["ab b"], seed=5) is checkpoint


def test_a_retrained_network_learns_the_new_letter(checkpoint):
    hp = tiny.hyperparameters(epochs=40, random_seed=1)
    run = train(
        hp,
        tiny.dataset(),
        experiments=None,
        checkpoint=checkpoint,
        policy=Pretrained.RETRAIN,
        extend_alphabet=True,
    )
    assert run.last.alphabet.symbols == ("", "b", "a", " ", "c")
    # "c" is 3 of the 9 characters of the validation lines: without it the CER is at least 33 %.
    assert run.epochs[-1].greedy.cer < 20


def test_without_the_option_the_message_shows_the_characters_and_names_it(checkpoint):
    with pytest.raises(CheckpointError) as error:
        train(
            tiny.hyperparameters(), tiny.dataset(), experiments=None, checkpoint=checkpoint, policy=Pretrained.RETRAIN
        )
    # cab, bc, abc, cacb, acbac, ca, bacb, c a: 8 lines, two of which hold it twice.
    text = str(error.value)
    assert "8 of 10 training lines" in text and "'c' (U+0063 LATIN SMALL LETTER C) 10 times" in text
    assert "--extend-alphabet" in text and "its 4 classes" in text


def test_the_characters_of_the_case(checkpoint):
    dataset = read_dataset(CASE)
    known = Alphabet(("", *sorted({one for line in dataset.training[2:] for one in line.text})))
    network = replace(checkpoint, alphabet=known)
    texts = [line.text for line in dataset.training]
    with pytest.raises(CheckpointError) as error:
        require_classes(network, texts, resumed=False)
    # "two EURO 5" without the blank before 5, and "ONE": five characters that no other line has.
    text = str(error.value)
    assert "2 of 12 training lines" in text and "'\u20ac' (U+20AC EURO SIGN) once" in text
    assert sorted(with_new_classes(network, texts, seed=0).alphabet.symbols[len(known) :]) == sorted("\u20ac5ONE")
    require_classes(network, texts[2:], resumed=False)


def test_a_resumed_run_keeps_its_classes(checkpoint):
    with pytest.raises(CheckpointError, match="--pretrained-policy RETRAIN with --extend-alphabet"):
        require_classes(checkpoint, ["abc"], resumed=True)
    with pytest.raises(ConfigError, match="RETRAIN"):
        train(None, tiny.dataset(), experiments=None, checkpoint=checkpoint, extend_alphabet=True, change_data=True)
    with pytest.raises(ConfigError, match="give the checkpoint"):
        train(tiny.hyperparameters(), tiny.dataset(), experiments=None, extend_alphabet=True)


def test_more_classes_than_an_alphabet_has_are_refused_with_their_numbers(checkpoint):
    many = "".join(chr(0x4E00 + number) for number in range(253))
    with pytest.raises(CheckpointError, match=r"4 classes and 253 new characters make 257 classes; allowed are 256\."):
        with_new_classes(checkpoint, [many], seed=0)
    assert len(with_new_classes(checkpoint, [many[:252]], seed=0).alphabet) == 256

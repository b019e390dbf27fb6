"""Files that are nearly a checkpoint: each gives one sentence, whatever is wrong with it."""

import io
import random
import zipfile

import pytest
import torch

from datapath.errors import CheckpointError
from tests.train import tiny
from tests.train.test_checkpoint import checkpoint
from train.checkpoint import Checkpoint, load_weights
from train.model import Recogniser

FILE_VARIANTS, PICKLE_VARIANTS = 300, 300


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "run.pt"
    checkpoint().save(path)
    return path


def outcome(path) -> str:
    """What is said about a file, or nothing where it can be read all the same."""
    try:
        Checkpoint.load(path)
    except CheckpointError as error:
        return str(error)
    return ""


def test_every_damage_to_the_archive_is_one_sentence_that_names_the_file(saved):
    whole = saved.read_bytes()
    with zipfile.ZipFile(saved) as archive:
        headers = [place for one in archive.infolist() for place in range(one.header_offset, one.header_offset + 80)]
        directory = range(archive.start_dir, len(whole))
    choose, said = random.Random(1), set()
    for _ in range(FILE_VARIANTS):
        content = bytearray(whole)
        for _ in range(choose.choice((1, 1, 4))):
            content[choose.choice((*headers, *directory))] = choose.randrange(256)
        saved.write_bytes(content[: choose.choice((len(content), len(content), choose.randrange(len(content))))])
        said.add(outcome(saved))
    assert all(sentence.startswith(f"{saved} ") for sentence in said - {""})
    assert any("cut off" in message for message in said)
    assert any("damaged" in message for message in said)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_every_damage_to_the_pickle_is_one_sentence_that_names_the_file(saved):
    with zipfile.ZipFile(saved) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    (pickled,) = (name for name in entries if name.endswith("data.pkl"))
    choose, said = random.Random(2), set()
    for _ in range(PICKLE_VARIANTS):
        content = bytearray(entries[pickled])
        content[choose.randrange(len(content))] = choose.randrange(256)
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for name, entry in entries.items():
                archive.writestr(name, bytes(content) if name == pickled else entry)
        saved.write_bytes(buffer.getvalue())
        said.add(outcome(saved))
    assert all(sentence.startswith(f"{saved} ") for sentence in said - {""})
    assert any("damaged" in message for message in said)


def test_a_pickle_nested_too_deeply_is_refused(saved):
    nested = []
    for _ in range(400):
        nested = [nested]
    plain = torch.load(saved, weights_only=True)
    torch.save({**plain, "provenance": nested}, saved)
    assert outcome(saved) == (
        f"{saved} is not a valid checkpoint: provenance is [[[[...]]]]; it must be a table of texts by name."
    )


COUNT = "an integer from 0 to 1000000"


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"hyperparameters": 5}, ["hyperparameters is 5", "a table of values by name"]),
        ({"hyperparameters": {3: 4}}, ["hyperparameters is {3: 4}", "a table of values by name"]),
        ({"alphabet": "abc"}, ["alphabet is 'abc'", "a list of texts"]),
        ({"alphabet": ["", 5]}, ["alphabet is ['', 5]", "a list of texts"]),
        ({"model": 5}, ["model is 5", "a table of tensors by name"]),
        ({"model": {"fc.bias": 5}}, ["model['fc.bias'] is 5", "a tensor"]),
        ({"model": {}}, ["no weights recurrent.weight_ih_l0"]),
        ({"optimiser": 5}, ["optimiser is 5", "the state of an optimiser, or None"]),
        (
            {"optimiser": {"state": {}, "param_groups": []}},
            ["optimiser is {'param_groups': [], 'state': {}}", "the state of an optimiser, or None"],
        ),
        ({"epoch": "x"}, ["epoch is 'x'", COUNT]),
        ({"epoch": True}, ["epoch is True", COUNT]),
        ({"epoch": -1}, ["epoch is -1", COUNT]),
        ({"batch": 1_000_001}, ["batch is 1000001", COUNT]),
        ({"loss_sum": float("nan")}, ["loss_sum is nan", "a finite real number"]),
        ({"best_cer": "x"}, ["best_cer is 'x'", "a real number, 0 or more"]),
        ({"best_wer": float("nan")}, ["best_wer is nan", "a real number, 0 or more"]),
        ({"rng": 5}, ["rng is 5", "a row of bytes, a tensor"]),
        ({"provenance": None}, ["provenance is None", "a table of texts by name"]),
        ({"provenance": {"author": 5}}, ["provenance is {'author': 5}", "a table of texts by name"]),
    ],
)
def test_a_field_of_the_wrong_kind_is_named(saved, changes, named):
    torch.save({**torch.load(saved, weights_only=True), **changes}, saved)
    message = outcome(saved)
    assert message.startswith(f"{saved} ")
    assert all(text in message for text in named)


def test_weights_that_do_not_fit_are_refused_with_the_file(saved):
    plain = torch.load(saved, weights_only=True)
    plain["model"]["fc.bias"] = torch.zeros(5, dtype=torch.float64)
    torch.save(plain, saved)
    sentence = "fc.bias is torch.float64 in the checkpoint; it must be torch.float32."
    assert outcome(saved) == f"{saved} is not a valid checkpoint: {sentence}"
    with pytest.raises(CheckpointError) as caught:
        load_weights(Recogniser(tiny.quantized(), 5), plain["model"])
    assert str(caught.value) == sentence


def test_loading_disturbs_no_random_numbers(saved):
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    Checkpoint.load(saved)
    assert torch.equal(torch.rand(1), expected)

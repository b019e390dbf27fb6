"""Checkpoints: what comes back, and one sentence for every file that is not one."""

import dataclasses
import math
import pathlib

import pytest
import torch

from datapath import Alphabet
from datapath.errors import CheckpointError, FileError
from datapath.reading import file_digest
from tests.train import tiny
from train.checkpoint import Checkpoint
from train.model import Recogniser


def checkpoint(**changes) -> Checkpoint:
    hp = changes.pop("hyperparameters", tiny.quantized())
    values = {
        "hyperparameters": hp,
        "alphabet": Alphabet(("", "a", "b", "c", " ")),
        "model": Recogniser(hp, 5).state_dict(),
        "optimiser": None,
        "epoch": 3,
        "batch": 1,
        "loss_sum": 2.5,
        "best_cer": math.inf,
        "best_wer": 12.5,
        "rng": torch.get_rng_state(),
        "provenance": {"command": "foldline train"},
    }
    return Checkpoint(**{**values, **changes})


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "run.pt"
    checkpoint().save(path)
    return path


def refusal(path) -> str:
    with pytest.raises(CheckpointError) as caught:
        Checkpoint.load(path)
    return str(caught.value)


def test_everything_comes_back(tmp_path):
    before = checkpoint(optimiser={"state": {0: {"step": torch.tensor(3.0)}}, "param_groups": [{"lr": 0.1}]})
    before.save(tmp_path / "run.pt")
    after = Checkpoint.load(tmp_path / "run.pt")
    for one in dataclasses.fields(Checkpoint):
        if one.name not in ("model", "rng", "path", "sha256"):
            assert getattr(after, one.name) == getattr(before, one.name), one.name
    assert (after.path, after.sha256) == (tmp_path / "run.pt", file_digest(tmp_path / "run.pt"))
    assert torch.equal(after.rng, before.rng)
    assert after.model.keys() == before.model.keys()
    assert all(torch.equal(after.model[name], before.model[name]) for name in before.model)


def test_the_model_computes_as_before(saved):
    torch.manual_seed(1)
    grey, lengths = torch.randint(0, 256, (6, 1, tiny.HEIGHT), dtype=torch.uint8), torch.tensor([6])
    loaded = Checkpoint.load(saved)
    model = loaded.recogniser()
    assert not model.training
    again = Recogniser(loaded.hyperparameters, 5)
    again.load_state_dict(loaded.model)
    assert torch.equal(model(grey, lengths), again(grey, lengths))


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_file_that_is_cut_off_is_refused(saved, share):
    whole = saved.read_bytes()
    saved.write_bytes(whole[: int(share * len(whole))])
    assert refusal(saved) == f"{saved} is not a checkpoint, or it is cut off."


def test_a_flipped_bit_in_the_weights_is_found(saved):
    content = bytearray(saved.read_bytes())
    place = content.index(Checkpoint.load(saved).model["fc.weight"].numpy().tobytes())
    content[place] ^= 1
    saved.write_bytes(content)
    text = refusal(saved)
    assert text.startswith(f"{saved} is damaged: the checksum of ")
    assert text.endswith(" is wrong.")


def test_a_text_file_is_refused(tmp_path):
    (tmp_path / "run.pt").write_text("weights")
    assert refusal(tmp_path / "run.pt") == f"{tmp_path / 'run.pt'} is not a checkpoint, or it is cut off."


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    for path, reason in (
        (tmp_path / "none.pt", "no such file"),
        (tmp_path, "it is a folder"),
        (tmp_path / ("a" * 300), "File name too long"),
    ):
        with pytest.raises(FileError) as caught:
            Checkpoint.load(path)
        assert str(caught.value) == f"Cannot read {path}: {reason}."


def test_python_objects_are_never_unpickled(tmp_path):
    path = tmp_path / "run.pt"
    torch.save({"format": "foldline checkpoint", "version": 1, "model": pathlib.PurePosixPath("x")}, path)
    assert refusal(path).startswith(f"{path} names 'pathlib.PurePosixPath', which does not belong to weights")


def test_another_programs_file_is_refused(tmp_path):
    path = tmp_path / "run.pt"
    torch.save({"state_dict": {}}, path)
    assert refusal(path).startswith(f"{path} is a file of torch")


def rewritten(path, **changes) -> None:
    plain = torch.load(path, weights_only=True)
    plain.update(changes)
    torch.save({name: value for name, value in plain.items() if value is not None or name == "optimiser"}, path)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"version": 2}, ["version 2", "version 1"]),
        ({"version": True}, ["version True", "version 1"]),
        ({"version": 1.0}, ["version 1.0", "version 1"]),
        ({"version": torch.tensor(1)}, ["of version StoredTensor", "version 1"]),
        ({"format": torch.zeros(2)}, ["not a Foldline checkpoint"]),
        ({"epoch": None}, ["'epoch'"]),
        ({"alphabet": ["x", "y"]}, ["Class 0 of the alphabet is 'x'", "blank"]),
        ({"hyperparameters": {"lr": -1.0}}, ["hyperparameters: lr is -1.0", "more than 0 and at most 1000"]),
    ],
)
def test_invalid_contents_are_refused_by_name(saved, changes, named):
    rewritten(saved, **changes)
    message = refusal(saved)
    assert message.startswith(f"{saved} ")
    assert all(text in message for text in named)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"layer_size": 4}, ["recurrent.weight_ih_l0", "[32, 8]", "[16, 8]"]),
        ({"prefused_bn_fc": False}, ["no weights batch_norm.weight"]),
        ({"recurrent_bias_enabled": False}, ["has weights recurrent.bias_ih_l0"]),
    ],
)
def test_weights_that_do_not_fit_the_hyperparameters_are_named(changes, named):
    misfit = dataclasses.replace(checkpoint(), hyperparameters=tiny.quantized(**changes))
    with pytest.raises(CheckpointError) as caught:
        misfit.recogniser()
    assert all(text in str(caught.value) for text in named)

"""What may be resumed, and that nothing a run has reached is overwritten."""

import dataclasses
import shutil

import numpy as np
import pytest
import torch

from datapath.errors import CheckpointError, DataError, TrainingError
from tests.train import tiny
from tests.train.test_trainer import Recorder
from train.checkpoint import Checkpoint
from train.data.dataset import Dataset
from train.evaluation import class_scores
from train.starting import DECIDE_NETWORK, Pretrained, start_from
from train.trainer import train


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of three epochs, each of them kept."""
    hp = tiny.hyperparameters(epochs=3, checkpoint_interval=1)
    return train(hp, tiny.dataset(), experiments=tmp_path_factory.mktemp("runs"))


def refusal(path, hyperparameters=None, **options) -> str:
    with pytest.raises(CheckpointError) as caught:
        train(hyperparameters, tiny.dataset(), checkpoint=path, **{"experiments": path.parent.parent, **options})
    return str(caught.value)


def contents(folder) -> dict:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_an_earlier_checkpoint_is_not_resumed_over_a_later_one(run):
    before = contents(run.folder)
    first = run.folder / "epoch-0001.pt"
    message = refusal(first)
    assert message.startswith(f"{first}: ")
    assert all(text in message for text in ("epoch 1, batch 0", "epoch 3, batch 0", str(run.resume_from), "RETRAIN"))
    assert contents(run.folder) == before
    # A dry run may start from any checkpoint.
    dry = train(None, tiny.dataset(), experiments=None, checkpoint=first)
    assert [epoch.epoch for epoch in dry.epochs] == [2, 3]


def test_an_earlier_checkpoint_is_resumed_where_the_last_is_damaged(tmp_path):
    hp = tiny.hyperparameters(epochs=2, checkpoint_interval=1)
    run = train(hp, tiny.dataset(), experiments=tmp_path)
    run.resume_from.write_bytes(run.resume_from.read_bytes()[:1000])
    again = train(None, tiny.dataset(), experiments=tmp_path, checkpoint=run.folder / "epoch-0001.pt")
    assert again.folder == run.folder
    assert Checkpoint.load(run.resume_from).epoch == 2


def test_a_copy_outside_its_run_starts_a_folder_of_its_own(run, tmp_path):
    for name in ("epoch-0001.pt", "last.pt"):
        shutil.copy(run.folder / name, tmp_path)
    hp = tiny.hyperparameters(epochs=2)
    again = train(hp, tiny.dataset(), experiments=tmp_path / "runs", checkpoint=tmp_path / "epoch-0001.pt")
    assert again.folder.parent == tmp_path / "runs"
    assert Checkpoint.load(tmp_path / "last.pt").epoch == 3


def test_a_resumed_run_writes_no_state_before_it_has_got_further(tmp_path, monkeypatch):
    run = train(tiny.hyperparameters(epochs=1, batch_size=10), tiny.dataset(), experiments=tmp_path)
    before = run.resume_from.read_bytes()
    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", lambda parameters, max_norm: torch.tensor(float("inf")))
    longer = tiny.hyperparameters(epochs=2, batch_size=10)
    with pytest.raises(TrainingError) as caught:
        train(longer, tiny.dataset(), experiments=tmp_path, checkpoint=run.resume_from)
    assert str(caught.value).startswith("The norm of the gradient is inf in epoch 2, batch 1 of 1, ")
    assert run.resume_from.read_bytes() == before


def test_a_half_done_epoch_starts_again_where_its_batches_are_cut_otherwise(tmp_path):
    hp = tiny.hyperparameters(epochs=1)
    stopped = train(hp, tiny.dataset(), experiments=tmp_path, reporter=Recorder(interrupt_at=2))
    for changes, batches in (({}, [3]), ({"batch_size": 5}, [1, 2]), ({"random_seed": 1}, [1, 2, 3])):
        recorder = Recorder()
        new = dataclasses.replace(hp, **changes)
        train(new, tiny.dataset(), experiments=None, checkpoint=stopped.resume_from, reporter=recorder)
        assert [result.batch for result in recorder.batches] == batches


def test_a_run_with_all_epochs_done_says_so_and_writes_nothing(run):
    before = contents(run.folder)
    recorder = Recorder()
    result = train(None, tiny.dataset(), experiments=run.folder.parent, checkpoint=run.resume_from, reporter=recorder)
    assert recorder.notes == [f"Nothing is left to do: {run.resume_from} has 3 of 3 epochs."]
    assert (recorder.runs, result.folder, result.epochs, result.last.epoch) == ([], None, (), 3)
    assert contents(run.folder) == before


OTHER = {
    "neuron_type": "LSTM",
    "layer_size": 4,
    "target_height": 10,
    "bidirectional": False,
    "reduce_bidirectional": "SUM",
    "recurrent_bias_enabled": False,
    "internal_activation_bit_width": 8,
    "quantize_input": False,
    "prefused_bn_fc": True,
}


@pytest.mark.parametrize("name", OTHER)
def test_a_resumed_run_keeps_its_network(run, name):
    before = getattr(run.last.hyperparameters, name)
    message = refusal(run.resume_from, tiny.hyperparameters(epochs=9, **{name: OTHER[name]}))
    assert message.startswith(f"{run.resume_from}: {name} is {OTHER[name]!r}, ")
    assert f"{before!r};" in message
    assert "RETRAIN" in message


def test_a_resumed_run_keeps_its_widths_and_schemes(run):
    quantized = tiny.quantized(prefused_bn_fc=False, epochs=9)
    message = refusal(run.resume_from, quantized)
    assert message.startswith(f"{run.resume_from}: recurrent_weight_bit_width is 4, ")
    changed = {name for name, value in quantized.to_dict().items() if value != getattr(run.last.hyperparameters, name)}
    assert changed - set(DECIDE_NETWORK) == {"epochs", "checkpoint_interval"}


ADAM = {"step": torch.tensor(1.0), "exp_avg": torch.zeros(32, 8), "exp_avg_sq": torch.zeros(32, 8)}
FIRST = "recurrent.weight_ih_l0"


@pytest.mark.parametrize(
    ("moments", "named"),
    [
        (5, ["step, exp_avg and exp_avg_sq"]),
        ({"step": torch.tensor(1.0)}, ["step, exp_avg and exp_avg_sq"]),
        ({**ADAM, "step": 1}, ["step", "[]"]),
        ({**ADAM, "exp_avg": torch.zeros(3)}, ["exp_avg", "[32, 8]"]),
        ({**ADAM, "exp_avg": torch.full((32, 8), float("nan"))}, ["exp_avg", "values"]),
        ({**ADAM, "step": torch.tensor(-1.0)}, ["step", "values"]),
    ],
)
def test_a_state_that_is_not_one_of_adam_is_refused(run, tmp_path, moments, named):
    path = tmp_path / "run.pt"
    optimiser = {**run.last.optimiser, "state": {**run.last.optimiser["state"], 0: moments}}
    dataclasses.replace(run.last, optimiser=optimiser).save(path)
    message = refusal(path, tiny.hyperparameters(epochs=9))
    assert message.startswith(f"{path}: optimiser")
    assert all(text in message for text in (FIRST, *named))
    assert list(tmp_path.iterdir()) == [path]


def test_a_state_of_a_parameter_that_is_not_there_is_refused(run, tmp_path):
    path = tmp_path / "run.pt"
    optimiser = {**run.last.optimiser, "state": {**run.last.optimiser["state"], "x": ADAM}}
    dataclasses.replace(run.last, optimiser=optimiser).save(path)
    parameters = len(run.last.optimiser["state"])
    assert refusal(path) == f"{path}: optimiser has a state of parameter 'x'; there are {parameters}."


def test_random_numbers_that_cannot_go_on_are_refused(run, tmp_path):
    path = tmp_path / "run.pt"
    dataclasses.replace(run.last, rng=run.last.rng[:10].clone()).save(path)
    assert refusal(path).startswith(f"{path}: rng ")
    # Its weights are whole.
    hp = tiny.hyperparameters(epochs=0)
    train(hp, tiny.dataset(), experiments=None, checkpoint=path, policy=Pretrained.RETRAIN)


def test_validation_lines_without_a_word_are_refused_before_training(tmp_path):
    blank = Dataset(tiny.dataset().training, (tiny.line("v", " "), tiny.line("w", "  ")), "blank")
    recorder = Recorder()
    with pytest.raises(DataError) as caught:
        train(tiny.hyperparameters(), blank, experiments=tmp_path, reporter=recorder)
    assert str(caught.value) == "None of the 2 validation lines holds a word, so there is no error rate."
    assert (recorder.batches, list(tmp_path.iterdir())) == ([], [])


@pytest.mark.parametrize("fusion", [False, True])
def test_another_score_scale_leaves_what_the_loss_sees(tmp_path, fusion):
    trained = train(tiny.hyperparameters(epochs=1), tiny.dataset(), experiments=tmp_path).resume_from
    before = Checkpoint.load(trained).recogniser()
    scaled = tiny.hyperparameters(epochs=1, score_scale=4.0, prefused_bn_fc=fusion)
    after = start_from(Checkpoint.load(trained), Pretrained.RETRAIN, scaled, fusion=fusion).model.eval()
    lines = [torch.from_numpy(line.pixels(tiny.HEIGHT).copy()) for line in tiny.dataset().validation]
    for one, other in zip(
        class_scores(before, lines, batch_size=2), class_scores(after, lines, batch_size=2), strict=True
    ):
        # Fusion rounds the weights once more; without it the factor is a power of two and exact.
        assert np.allclose(one, 4 * other, atol=1e-4) if fusion else np.array_equal(one, 4 * other)


def test_best_scores_count_only_where_epochs_are_judged_alike(run):
    def best(**changes):
        hp = dataclasses.replace(tiny.hyperparameters(epochs=9, checkpoint_interval=1), **changes)
        return start_from(Checkpoint.load(run.resume_from), Pretrained.RESUME, hp, fusion=False).best_cer

    assert best() == best(lr=0.5) < float("inf")
    assert best(select_by="OVERLAY") == best(selection_lines=2) == float("inf")

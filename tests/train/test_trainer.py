"""A run: it learns, keeps what it should, goes on exactly where it stopped, and says what went wrong."""

import dataclasses
import json
import signal
from dataclasses import replace

import numpy as np
import pytest
import torch

from datapath.errors import CheckpointError, ConfigError, DataError, FileError, TrainingError
from tests.train import tiny
from train.checkpoint import Checkpoint
from train.config import Hyperparameters
from train.data.dataset import Dataset
from train.evaluation import class_scores, evaluate_checkpoint
from train.model import Arithmetic
from train.reporting import Reporter
from train.starting import Pretrained
from train.trainer import train

SCORE_TOLERANCE = 2e-6
"""float32 sums of another order, in a batch of another size: a few units in the last place of scores of about 1."""


class Recorder(Reporter):
    """Keeps everything it hears; interrupts after batch `interrupt_at`, counted over the run from 1."""

    def __init__(self, interrupt_at: int | None = None) -> None:
        self.runs, self.batches, self.epochs, self.notes = [], [], [], []
        self.interrupt_at = interrupt_at

    def started(self, run):
        self.runs.append(run)

    def batch_done(self, result):
        self.batches.append(result)
        if len(self.batches) == self.interrupt_at:
            signal.raise_signal(signal.SIGINT)

    def epoch_done(self, result):
        self.epochs.append(result)

    def note(self, sentence):
        self.notes.append(sentence)


def same_state(a: Checkpoint, b: Checkpoint) -> bool:
    """Whether two checkpoints hold the same weights, optimiser and counters, bit for bit."""

    def same(x, y) -> bool:
        if isinstance(x, torch.Tensor):
            return torch.equal(x, y)
        if isinstance(x, dict):
            return x.keys() == y.keys() and all(same(x[key], y[key]) for key in x)
        if isinstance(x, list | tuple):
            return len(x) == len(y) and all(map(same, x, y))
        return x == y

    names = ("model", "optimiser", "epoch", "batch", "loss_sum", "best_cer", "best_wer", "rng")
    return all(same(getattr(a, name), getattr(b, name)) for name in names)


def test_it_learns_to_read():
    result = train(tiny.quantized(epochs=60, lr=0.03), tiny.dataset(), experiments=None)
    assert result.epochs[-1].loss < result.epochs[0].loss / 10
    assert result.best.best_cer == min(epoch.rates.cer for epoch in result.epochs) < 20


def test_a_run_keeps_hyperparameters_log_trace_and_checkpoints(tmp_path):
    hp = tiny.hyperparameters(epochs=4, checkpoint_interval=3)
    recorder = Recorder()
    result = train(hp, tiny.dataset(), experiments=tmp_path, command="foldline train", author="ann", reporter=recorder)
    assert result.folder == tmp_path / "QLSTM8_W32B32A32I32_FC_W32B32-1"
    assert Hyperparameters.from_json(result.folder / "hyperparameters.json") == hp
    kept = {path.name for path in result.folder.iterdir()}
    assert kept == {
        "hyperparameters.json",
        "arguments.jsonl",
        "train.log",
        "tensorboard",
        "last.pt",
        "best-cer.pt",
        "best-wer.pt",
        "epoch-0003.pt",
    }
    log = (result.folder / "train.log").read_text().splitlines()
    assert log[0].endswith("foldline train")
    assert [line.split("  ")[1].split(":")[0] for line in log[1:]] == [f"epoch {n}" for n in (1, 2, 3, 4)]
    assert list((result.folder / "tensorboard").iterdir())
    assert same_state(Checkpoint.load(result.resume_from), result.last)
    best = Checkpoint.load(result.folder / "best-cer.pt")
    assert best.best_cer == min(epoch.rates.cer for epoch in result.epochs)
    provenance = Checkpoint.load(result.resume_from).provenance
    assert (provenance["command"], provenance["author"], provenance["dataset"]) == ("foldline train", "ann", "tiny")
    assert recorder.epochs == list(result.epochs)
    assert [batch.batch for batch in recorder.batches] == [1, 2, 3] * 4
    assert (recorder.runs[0].training_lines, recorder.runs[0].batches_per_epoch, recorder.runs[0].classes) == (10, 3, 5)


def test_the_best_checkpoint_is_the_one_that_reads_best(tmp_path):
    hp = tiny.hyperparameters(epochs=8)
    result = train(hp, tiny.dataset(), experiments=tmp_path)
    for name, rate in (("best-cer.pt", "cer"), ("best-wer.pt", "wer")):
        kept = Checkpoint.load(result.folder / name)
        read_again = evaluate_checkpoint(kept, tiny.dataset().validation).rates
        assert getattr(read_again, rate) == min(getattr(epoch.rates, rate) for epoch in result.epochs)


def test_a_second_run_gets_a_folder_of_its_own(tmp_path):
    hp = tiny.hyperparameters(epochs=0)
    folders = [train(hp, tiny.dataset(), experiments=tmp_path).folder.name for _ in range(2)]
    assert folders == ["QLSTM8_W32B32A32I32_FC_W32B32-1", "QLSTM8_W32B32A32I32_FC_W32B32-2"]


def test_a_dry_run_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = train(tiny.hyperparameters(), tiny.dataset(), experiments=None)
    assert result.folder is None
    assert result.resume_from is None
    assert list(tmp_path.iterdir()) == []


def test_the_same_seed_gives_the_same_weights_and_another_one_others():
    runs = [train(tiny.hyperparameters(random_seed=seed), tiny.dataset(), experiments=None).last for seed in (1, 1, 2)]
    assert same_state(runs[0], runs[1])
    assert not same_state(runs[0], runs[2])


def test_the_callers_random_numbers_go_on_undisturbed():
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    train(tiny.hyperparameters(epochs=1), tiny.dataset(), experiments=None)
    assert torch.equal(torch.rand(1), expected)


@pytest.mark.parametrize(
    "hp", [tiny.hyperparameters(epochs=4), tiny.quantized(epochs=4, lr_schedule="STEP", lr_step=1)]
)
def test_a_resumed_run_ends_as_if_it_had_never_stopped(tmp_path, hp):
    whole = train(hp, tiny.dataset(), experiments=None)
    part = train(dataclasses.replace(hp, epochs=2), tiny.dataset(), experiments=tmp_path)
    rest = train(hp, tiny.dataset(), experiments=tmp_path, checkpoint=part.resume_from)
    assert rest.folder == part.folder
    assert [epoch.epoch for epoch in rest.epochs] == [3, 4]
    assert same_state(rest.last, whole.last)


@pytest.mark.parametrize("batch", [1, 3, 5])
def test_an_interrupt_finishes_the_batch_and_resumes_exactly(tmp_path, batch):
    hp = tiny.hyperparameters(epochs=3)
    whole = train(hp, tiny.dataset(), experiments=None)
    stopped = train(hp, tiny.dataset(), experiments=tmp_path, reporter=Recorder(interrupt_at=batch))
    assert stopped.interrupted
    saved = Checkpoint.load(stopped.resume_from)
    assert (saved.epoch, saved.batch) == divmod(batch, 3)
    rest = train(None, tiny.dataset(), experiments=tmp_path, checkpoint=stopped.resume_from)
    assert not rest.interrupted
    assert same_state(rest.last, whole.last)
    assert rest.epochs[-1].loss == whole.epochs[-1].loss


def test_a_second_interrupt_is_not_deferred():
    class Impatient(Reporter):
        def batch_done(self, result):
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        train(tiny.hyperparameters(), tiny.dataset(), experiments=None, reporter=Impatient())
    assert signal.getsignal(signal.SIGINT) is before


def test_retraining_takes_the_weights_only_and_a_new_folder(tmp_path):
    first = train(tiny.hyperparameters(), tiny.dataset(), experiments=tmp_path)
    hp = tiny.quantized(epochs=0, prefused_bn_fc=False)
    again = train(hp, tiny.dataset(), experiments=tmp_path, checkpoint=first.resume_from, policy=Pretrained.RETRAIN)
    assert again.folder.name == "QLSTM8_W4B8A4I8_FC_W8B8-1"
    assert again.last.epoch == 0
    assert again.last.best_cer == float("inf")
    assert again.last.optimiser["state"] == {}
    assert all(torch.equal(again.last.model[name], value) for name, value in first.last.model.items())


def test_fusing_on_the_way_into_the_second_stage(tmp_path):
    first = train(tiny.hyperparameters(), tiny.dataset(), experiments=tmp_path)
    second = train(
        tiny.quantized(epochs=1),
        tiny.dataset(),
        experiments=tmp_path,
        checkpoint=first.resume_from,
        policy=Pretrained.RETRAIN,
        init_bn_fc_fusion=True,
    )
    assert not any(name.startswith("batch_norm") for name in second.last.model)
    assert len(second.epochs) == 1


def test_fusing_builds_the_network_without_batch_norm_whatever_prefused_bn_fc_is(tmp_path):
    hp = tiny.hyperparameters(epochs=0)
    first = train(hp, tiny.dataset(), experiments=tmp_path)
    fused = train(
        hp,
        tiny.dataset(),
        experiments=None,
        checkpoint=first.resume_from,
        policy=Pretrained.RETRAIN,
        init_bn_fc_fusion=True,
    )
    assert fused.last.hyperparameters == replace(hp, prefused_bn_fc=True)
    assert not any(name.startswith("batch_norm") for name in fused.last.model)


@pytest.mark.parametrize(("before", "option"), [(False, "--init-bn-fc-fusion"), (True, "--prefused-bn-fc true")])
def test_weights_with_batch_norm_for_a_network_without_name_the_missing_option(tmp_path, before, option):
    """And the other way round."""
    hp = tiny.hyperparameters(epochs=0, prefused_bn_fc=before)
    last = train(hp, tiny.dataset(), experiments=tmp_path).resume_from
    other = replace(hp, prefused_bn_fc=not before)
    with pytest.raises(CheckpointError, match=option):
        train(other, tiny.dataset(), experiments=None, checkpoint=last, policy=Pretrained.RETRAIN)


def options_of(case: str, last) -> dict:
    return {
        "fusion without checkpoint": {"init_bn_fc_fusion": True},
        "fusion of a resumed run": {"init_bn_fc_fusion": True, "checkpoint": last},
    }[case]


@pytest.mark.parametrize(
    ("case", "sentence"),
    [
        (
            "fusion without checkpoint",
            "init_bn_fc_fusion fuses a checkpoint's batch norm; give the checkpoint to start from.",
        ),
        (
            "fusion of a resumed run",
            "init_bn_fc_fusion changes the network, so the run cannot be resumed; use RETRAIN.",
        ),
    ],
)
def test_options_that_contradict_each_other_are_refused(tmp_path, case, sentence):
    hp = tiny.hyperparameters(epochs=0)
    last = train(hp, tiny.dataset(), experiments=tmp_path).resume_from
    with pytest.raises(ConfigError) as caught:
        train(hp, tiny.dataset(), experiments=tmp_path, **options_of(case, last))
    assert str(caught.value) == sentence


def test_fusing_twice_is_refused(tmp_path):
    hp = tiny.quantized(epochs=0)
    last = train(hp, tiny.dataset(), experiments=tmp_path).resume_from
    with pytest.raises(ConfigError) as caught:
        train(
            hp,
            tiny.dataset(),
            experiments=tmp_path,
            checkpoint=last,
            policy=Pretrained.RETRAIN,
            init_bn_fc_fusion=True,
        )
    assert str(caught.value) == "init_bn_fc_fusion is set, but the checkpoint has no batch norm left to fuse."


def test_a_checkpoint_of_another_size_is_refused_by_name(tmp_path):
    last = train(tiny.hyperparameters(epochs=0), tiny.dataset(), experiments=tmp_path).resume_from
    smaller = tiny.hyperparameters(layer_size=4)
    with pytest.raises(CheckpointError) as caught:
        train(smaller, tiny.dataset(), experiments=None, checkpoint=last, policy=Pretrained.RETRAIN)
    assert str(caught.value) == (
        f"{last}: layer_size is 4, and the checkpoint's weights are those of 8; --layer-size 8 builds the same network."
    )


def test_a_character_beyond_the_checkpoints_alphabet_is_refused(tmp_path):
    few = Dataset((tiny.line("t", "ab"),), (tiny.line("v", "ab"),), "few")
    last = train(tiny.hyperparameters(epochs=0), few, experiments=tmp_path).resume_from
    with pytest.raises(CheckpointError, match=r"'c' \(U\+0063 .* RETRAIN with --extend-alphabet"):
        train(None, tiny.dataset(), experiments=tmp_path, checkpoint=last, change_data=True)


def narrow_line(name: str):
    """Five letters in an image of four columns."""
    return dataclasses.replace(tiny.line(name, "abcab"), source=tiny.draw("a").crop((0, 0, 4, tiny.HEIGHT)))


def test_a_line_too_narrow_for_its_text_is_left_out_and_named(tmp_path):
    data = tiny.dataset()
    data = dataclasses.replace(data, training=(*data.training, narrow_line("narrow")))
    recorder = Recorder()
    result = train(tiny.hyperparameters(epochs=1), data, experiments=tmp_path, reporter=recorder)
    sentence = "narrow is left out: its text needs 5 columns, the image has 4."
    assert recorder.notes == [sentence]
    assert sentence in (result.folder / "train.log").read_text()
    assert recorder.runs[0].training_lines == 10


def test_nothing_to_train_on_is_an_error():
    data = Dataset((narrow_line("narrow"),), (tiny.line("v", "ab"),), "few")
    with pytest.raises(DataError) as caught:
        train(tiny.hyperparameters(), data, experiments=None)
    assert str(caught.value) == (
        "No line can be trained on; of 1 the first: narrow is left out: its text needs 5 columns, the image has 4."
    )


def test_a_loss_that_is_no_number_stops_the_run_and_names_the_lines(tmp_path):
    hp = tiny.hyperparameters(batch_size=6, seq_to_random_threshold=10)
    first = train(hp, tiny.dataset(), experiments=tmp_path)
    broken = dataclasses.replace(first.last, model={**first.last.model})
    broken.model["fc.bias"] = torch.full_like(broken.model["fc.bias"], float("nan"))
    broken.save(tmp_path / "broken.pt")
    with pytest.raises(TrainingError) as caught:
        train(hp, tiny.dataset(), experiments=tmp_path, checkpoint=tmp_path / "broken.pt", policy=Pretrained.RETRAIN)
    sentence = (
        "The loss is nan in epoch 1, batch 1 of 2, with the lines training/b, training/ab, training/bc, training/ca, "
        "training/cab and 1 more; lower lr or max_norm, and resume from the last checkpoint."
    )
    assert str(caught.value) == sentence
    assert sentence in (tmp_path / "QLSTM8_W32B32A32I32_FC_W32B32-2" / "train.log").read_text()


def test_a_gradient_that_is_no_number_never_reaches_the_weights(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", lambda parameters, max_norm: torch.tensor(float("inf")))
    hp = tiny.hyperparameters(batch_size=10)
    with pytest.raises(TrainingError) as caught:
        train(hp, tiny.dataset(), experiments=tmp_path)
    assert str(caught.value).startswith("The norm of the gradient is inf in epoch 1, batch 1 of 1, with the lines ")
    start = train(dataclasses.replace(hp, epochs=0), tiny.dataset(), experiments=None).last
    saved = Checkpoint.load(tmp_path / "QLSTM8_W32B32A32I32_FC_W32B32-1" / "last.pt")
    assert same_state(saved, start)


def test_a_device_that_is_not_there_is_refused():
    with pytest.raises(ConfigError) as caught:
        train(tiny.hyperparameters(), tiny.dataset(), experiments=None, device="warp")
    assert str(caught.value).startswith("device is 'warp', which cannot be used here: ")


def test_threads_are_set_for_the_run_only(tmp_path):
    class Watcher(Reporter):
        def batch_done(self, result):
            seen.add(torch.get_num_threads())

    seen = set()
    before = torch.get_num_threads()
    train(tiny.hyperparameters(epochs=1), tiny.dataset(), experiments=None, threads=2, reporter=Watcher())
    assert seen == {2}
    assert torch.get_num_threads() == before
    with pytest.raises(ConfigError) as caught:
        train(tiny.hyperparameters(), tiny.dataset(), experiments=tmp_path, threads=0)
    assert str(caught.value) == "threads is 0; allowed is 1 or more."
    assert list(tmp_path.iterdir()) == []


def test_an_experiments_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError) as caught:
        train(tiny.hyperparameters(), tiny.dataset(), experiments=tmp_path / "file")
    folder = tmp_path / "file" / "QLSTM8_W32B32A32I32_FC_W32B32-1"
    assert str(caught.value) == f"Cannot make the folder {folder}: Not a directory."


@pytest.mark.parametrize(
    "changes",
    [
        {"bidirectional": False},
        {"reduce_bidirectional": "SUM"},
        {"mask_padded": False},
        {"recurrent_bias_enabled": False},
        {"neuron_type": "LSTM"},
    ],
)
def test_every_kind_of_network_trains(changes):
    result = train(tiny.hyperparameters(**changes, epochs=6), tiny.dataset(), experiments=None)
    assert result.epochs[-1].loss < result.epochs[0].loss


def test_gradients_are_clipped_to_max_norm():
    """Adam forgets the gradient's size but for its epsilon, so almost no gradient means almost no step."""
    free, clipped = (
        train(tiny.hyperparameters(max_norm=norm, epochs=1), tiny.dataset(), experiments=None) for norm in (400, 1e-12)
    )
    start = train(tiny.hyperparameters(epochs=0), tiny.dataset(), experiments=None).last.model["fc.weight"]
    assert (free.last.model["fc.weight"] - start).abs().max() > 1e-2
    assert (clipped.last.model["fc.weight"] - start).abs().max() < 1e-4


def test_scores_do_not_depend_on_the_batch_size():
    model = train(tiny.hyperparameters(epochs=3), tiny.dataset(), experiments=None).last.recogniser()
    pixels = [torch.randint(0, 256, (width, tiny.HEIGHT), dtype=torch.uint8) for width in (9, 4, 12, 6)]
    one, all_at_once = (class_scores(model, pixels, batch_size=size) for size in (1, 4))
    assert [len(scores) for scores in one] == [9, 4, 12, 6]
    for alone, together in zip(one, all_at_once, strict=True):
        torch.testing.assert_close(torch.tensor(alone), torch.tensor(together), rtol=0, atol=SCORE_TOLERANCE)


def test_one_checkpoint_is_judged_in_fixed_and_in_floating_point():
    last = train(tiny.quantized(epochs=0), tiny.dataset(), experiments=None).last
    # Two classes that 8 bits cannot tell apart: the tie goes to the first, and without quantizers to the second.
    last.model["fc.weight"].zero_()
    last.model["fc.bias"].copy_(torch.tensor([0.0, 0.991, 0.992, 0.0, 0.0]))
    lines = tiny.dataset().validation
    first, second = last.alphabet.symbols[1:3]
    for arithmetic, read in (
        (Arithmetic.QUANTIZED, first),
        (Arithmetic.FLOAT_ACTIVATIONS, first),
        (Arithmetic.LATENT, second),
    ):
        assert evaluate_checkpoint(last, lines, arithmetic=arithmetic).texts == (read,) * 3


@pytest.mark.parametrize(
    ("network", "limit", "read"),
    [
        (tiny.quantized, 95, 95),
        (tiny.quantized, None, 200),
        (tiny.quantized, 150, 150),
        (tiny.hyperparameters, 95, 200),
    ],
)
def test_no_buffer_cuts_the_text_of_a_float_network(monkeypatch, network, limit, read):
    last = train(network(epochs=0), tiny.dataset(), experiments=None).last
    scores = np.zeros((401, len(last.alphabet)))
    scores[0::2, 0], scores[1::2, 1] = 1, 1  # blanks and labels in turn
    monkeypatch.setattr("train.evaluation.class_scores", lambda model, pixels, **_: [scores] * len(pixels))
    evaluation = evaluate_checkpoint(last, tiny.dataset().validation, label_limit=limit)
    assert {len(text) for text in evaluation.overlay_texts} == {read}
    assert {len(text) for text in evaluation.texts} == {200}


def test_arguments_of_a_run_are_plain_json(tmp_path):
    result = train(tiny.hyperparameters(epochs=0), tiny.dataset(), experiments=tmp_path)
    values = json.loads((result.folder / "hyperparameters.json").read_text())
    assert values == tiny.hyperparameters(epochs=0).to_dict()

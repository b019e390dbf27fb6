"""What a run leaves in its folder beside checkpoints: the trace as TensorBoard reads it, and its arguments."""

import dataclasses
import io
import json
import logging
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

from datapath.errors import FileError
from tests.train import tiny
from tests.train.test_trainer import Recorder
from train.config import Hyperparameters
from train.data.batches import read_pixels
from train.evaluation import evaluate_checkpoint
from train.line_pictures import draw_line, recognised_lines
from train.reporting import Reporter
from train.starting import Pretrained
from train.tensorboard_log import CURVES, HYPERPARAMETERS_FILE, PICTURES, hyperparameter_table
from train.trainer import train

PICTURED = {f"{PICTURES}/validation/{text}" for text in ("bca", "ac b", "cb")}


@pytest.fixture(autouse=True)
def _quiet():
    """TensorBoard logs each restart that it drops events for."""
    logging.getLogger("tensorboard").setLevel(logging.ERROR)


def traced(run) -> EventAccumulator:
    accumulator = EventAccumulator(str(run.folder / "tensorboard"), size_guidance={"scalars": 0, "images": 0})
    return accumulator.Reload()


def steps(accumulator: EventAccumulator) -> dict[str, list[int]]:
    """The epochs of every curve and of every picture."""
    tags = accumulator.Tags()
    found = {tag: [event.step for event in accumulator.Scalars(tag)] for tag in tags["scalars"]}
    return found | {tag: [event.step for event in accumulator.Images(tag)] for tag in tags["images"]}


def same(tags: Iterable[str], epochs: list[int]) -> dict[str, list[int]]:
    return dict.fromkeys(tags, epochs)


def hyperparameters_of(accumulator: EventAccumulator) -> dict[str, object]:
    """As TensorBoard's page of hyperparameters shows them."""
    data = HParamsPluginData.FromString(accumulator.PluginTagToContent("hparams")["_hparams_/session_start_info"])
    values = data.session_start_info.hparams
    return {name: getattr(value, value.WhichOneof("kind")) for name, value in values.items()}


def table_of(accumulator: EventAccumulator) -> list[str]:
    events = accumulator.Tensors("hyperparameters/text_summary")
    return [event.tensor_proto.string_val[0].decode() for event in events]


def test_the_trace_has_every_curve_and_the_pictures_of_the_kept_epochs(tmp_path):
    run = train(tiny.hyperparameters(epochs=7, checkpoint_interval=3), tiny.dataset(), experiments=tmp_path)
    accumulator = traced(run)
    assert steps(accumulator) == same(CURVES, [1, 2, 3, 4, 5, 6, 7]) | same(PICTURED, [1, 3, 6, 7])
    for tag, figure in (
        ("loss", lambda epoch: epoch.loss),
        ("greedy CTC/CER", lambda epoch: epoch.greedy.cer),
        ("overlay labels/WER", lambda epoch: epoch.overlay.wer),
    ):
        shown = [event.value for event in accumulator.Scalars(tag)]
        assert np.array_equal(np.float32(shown), np.float32([figure(epoch) for epoch in run.epochs]))


def test_a_picture_shows_what_the_checkpoint_reads(tmp_path):
    run = train(tiny.hyperparameters(epochs=2), tiny.dataset(), experiments=tmp_path)
    lines = tiny.dataset().validation
    pixels = read_pixels(lines, target_height=tiny.HEIGHT)
    accumulator = traced(run)
    for sample in recognised_lines(lines, pixels, evaluate_checkpoint(run.last, lines)):
        image = accumulator.Images(f"{PICTURES}/{sample.name}")[-1]
        shown, expected = Image.open(io.BytesIO(image.encoded_image_string)), draw_line(sample)
        assert (shown.mode, shown.size) == ("RGB", expected.size) == ("RGB", (image.width, image.height))
        assert np.array_equal(np.asarray(shown), np.asarray(expected))


def test_hyperparameters_are_in_the_run_itself_as_values_and_as_a_table(tmp_path):
    hp = tiny.hyperparameters(epochs=1)
    run = train(hp, tiny.dataset(), experiments=tmp_path)
    accumulator = traced(run)
    shown = hyperparameters_of(accumulator)
    assert shown.keys() == dataclasses.asdict(hp).keys()
    assert (shown["layer_size"], shown["neuron_type"], shown["bidirectional"]) == (8, "QLSTM", "true")
    data = HParamsPluginData.FromString(accumulator.PluginTagToContent("hparams")["_hparams_/experiment"])
    assert [metric.name.tag for metric in data.experiment.metric_infos] == list(CURVES[:-1])
    assert table_of(accumulator) == [hyperparameter_table(hp)]
    rows = hyperparameter_table(hp).splitlines()
    assert {"| layer_size | **8** | 128 |", "| bidirectional | true | true |"} < set(rows)
    assert len(rows) == 2 + len(dataclasses.fields(hp))
    # No folder within the folder, which TensorBoard would show as a run of its own.
    assert [path.name for path in (run.folder / "tensorboard").iterdir() if path.is_dir()] == []


@pytest.mark.parametrize("batch", [1, 3, 4, 8])
def test_a_resumed_run_leaves_the_trace_of_one_that_never_stopped(tmp_path, batch):
    hp = tiny.hyperparameters(epochs=5, checkpoint_interval=2)
    whole = steps(traced(train(hp, tiny.dataset(), experiments=tmp_path / "whole")))
    stopped = train(hp, tiny.dataset(), experiments=tmp_path, reporter=Recorder(interrupt_at=batch))
    resumed = train(None, tiny.dataset(), experiments=tmp_path, checkpoint=stopped.resume_from)
    assert resumed.folder == stopped.folder
    accumulator = traced(resumed)
    assert steps(accumulator) == whole
    assert table_of(accumulator) == [hyperparameter_table(hp)]


def test_an_epoch_that_is_done_again_stands_in_the_trace_once(tmp_path):
    hp = tiny.hyperparameters(epochs=3, checkpoint_interval=1)
    run = train(hp, tiny.dataset(), experiments=tmp_path)
    # As if it had been killed within epoch 3, when its trace was written but not its state.
    (run.folder / "epoch-0002.pt").replace(run.resume_from)
    again = train(None, tiny.dataset(), experiments=tmp_path, checkpoint=run.resume_from)
    assert steps(traced(again)) == same((*CURVES, *PICTURED), [1, 2, 3])


def test_a_resumed_run_shows_its_hyperparameters_once_and_as_they_are_now(tmp_path):
    run = train(tiny.hyperparameters(epochs=1), tiny.dataset(), experiments=tmp_path)
    longer = tiny.hyperparameters(epochs=2, lr=0.01)
    train(longer, tiny.dataset(), experiments=tmp_path, checkpoint=run.resume_from)
    accumulator = traced(run)
    assert table_of(accumulator) == [hyperparameter_table(longer)]
    shown = hyperparameters_of(accumulator)
    assert (shown["epochs"], shown["lr"]) == (2, 0.01)
    assert Hyperparameters.from_json(run.folder / "hyperparameters.json") == longer
    assert [path.name for path in (run.folder / "tensorboard").glob("*.hyperparameters")] == [HYPERPARAMETERS_FILE]


def arguments_of(run) -> list[dict]:
    return [json.loads(line) for line in (run.folder / "arguments.jsonl").read_text(encoding="utf-8").splitlines()]


def test_the_arguments_of_every_session_are_kept(tmp_path):
    hp = tiny.hyperparameters(epochs=2)
    stopped = train(
        *(hp, tiny.dataset()),
        **{"experiments": tmp_path, "command": "foldline train --data 'my lines'", "author": "Zoë"},
        reporter=Recorder(interrupt_at=2),
    )
    again = f"foldline train -i {stopped.resume_from}"
    train(None, tiny.dataset(), experiments=tmp_path, checkpoint=stopped.resume_from, command=again)
    sessions = arguments_of(stopped)
    assert [session["command"] for session in sessions] == ["foldline train --data 'my lines'", again]
    assert [(session["epoch"], session["batch"]) for session in sessions] == [(0, 0), (0, 2)]
    assert (sessions[0]["author"], sessions[0]["dataset"]) == ("Zoë", "tiny")
    assert sessions[0].keys() == {
        *("started", "command", "author", "dataset", "tool", "torch", "epoch", "batch"),
    }


def test_a_retrained_run_has_arguments_of_its_own(tmp_path):
    run = train(tiny.hyperparameters(epochs=1), tiny.dataset(), experiments=tmp_path, command="first")
    other = train(
        *(tiny.hyperparameters(epochs=1), tiny.dataset()),
        **{"experiments": tmp_path, "checkpoint": run.resume_from, "policy": Pretrained.RETRAIN, "command": "second"},
    )
    assert [[session["command"] for session in arguments_of(one)] for one in (run, other)] == [["first"], ["second"]]


def test_a_trace_that_cannot_be_written_is_named(tmp_path):
    run = train(tiny.hyperparameters(epochs=1), tiny.dataset(), experiments=tmp_path)
    path = run.folder / "tensorboard" / HYPERPARAMETERS_FILE
    path.unlink()
    path.mkdir()
    with pytest.raises(FileError) as caught:
        train(tiny.hyperparameters(epochs=2), tiny.dataset(), experiments=tmp_path, checkpoint=run.resume_from)
    assert str(caught.value) == f"Cannot write {path}: Is a directory."


class Removing(Reporter):
    """Removes what `chosen` gives of the run's folder, after the first epoch."""

    def __init__(self, chosen: Callable[[Path], Path]) -> None:
        self._chosen, self._folder = chosen, None

    def started(self, run):
        self._folder = run.folder

    def epoch_done(self, result):
        if result.epoch == 1:
            shutil.rmtree(self._chosen(self._folder))


@pytest.mark.parametrize(
    ("chosen", "named"),
    [(lambda run: run, "-1/"), (lambda run: run.parent, "-1/"), (lambda run: run / "tensorboard", "tfevents")],
    ids=["run", "all runs", "trace"],
)
def test_a_folder_that_is_removed_while_it_is_trained_in_ends_the_run_and_is_named(tmp_path, chosen, named):
    experiments = tmp_path / "runs"
    hp = tiny.hyperparameters(epochs=3, checkpoint_interval=1)
    with pytest.raises(FileError, match=rf"^Cannot write {experiments}/.*{named}.*: No such file or directory\.$"):
        train(hp, tiny.dataset(), experiments=experiments, reporter=Removing(chosen))

"""A run's lines are part of its checkpoint: a resumed run has the same ones, or is refused."""

import hashlib
from dataclasses import replace

import pytest
import torch

from datapath.errors import CheckpointError, ConfigError
from tests.train import tiny
from train.checkpoint import Checkpoint
from train.data.dataset import Dataset
from train.data.record import DataRecord, LinesRecord, options_with, recorded_options
from train.trainer import train


def digest_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_a_record_counts_lines_and_digests_their_names_and_texts_in_order():
    """One JSON array of name and text per line, as written here by hand."""
    lines = (tiny.line("x/1", "ab"), tiny.line("x/2", "c"))
    dataset = Dataset(lines, lines[1:], "two", options={"data": "/lines"})
    record = DataRecord.of(dataset)
    assert (record.name, record.options) == ("two", {"data": "/lines"})
    assert record.training == LinesRecord(2, digest_of('["x/1", "ab"]\n["x/2", "c"]\n'))
    assert record.validation == LinesRecord(1, digest_of('["x/2", "c"]\n'))
    assert record.extra == LinesRecord(0, digest_of(""))
    assert LinesRecord.of(reversed(lines)).digest == digest_of('["x/2", "c"]\n["x/1", "ab"]\n')
    assert DataRecord.from_plain(record.to_plain()) == record


@pytest.mark.parametrize("options", [{"seed": "1"}, {"seed": True}, {"data": 1.5}, {1: "x"}, []])
def test_a_record_with_values_of_other_types_is_refused(options):
    plain = DataRecord.of(tiny.dataset()).to_plain()
    with pytest.raises(ConfigError, match="of another type"):
        DataRecord.from_plain({**plain, "options": options})


@pytest.fixture(scope="module")
def last(tmp_path_factory):
    """`last.pt` of a run that was interrupted in its second epoch, after the first of three batches."""
    result = train(
        tiny.hyperparameters(epochs=3),
        replace(tiny.dataset(), options={"data": "/lines"}),
        experiments=tmp_path_factory.mktemp("runs"),
        reporter=tiny.Interrupting(4),
    )
    assert result.interrupted
    return result.resume_from


def copied(last, tmp_path):
    target = tmp_path / last.name
    target.write_bytes(last.read_bytes())
    return target


def changed(text: str) -> Dataset:
    """The lines with another text of the last training line, "c a"."""
    dataset = tiny.dataset()
    return replace(dataset, training=(*dataset.training[:-1], tiny.line("training/c a", text)))


def test_the_checkpoint_holds_the_lines(last):
    assert Checkpoint.load(last).data == DataRecord.of(replace(tiny.dataset(), options={"data": "/lines"}))


@pytest.mark.parametrize("name", ["training", "validation", "extra", "order"])
def test_other_lines_are_refused_and_both_are_named(last, tmp_path, name):
    dataset = tiny.dataset()
    others = {
        "training": changed("c b"),
        "validation": replace(dataset, validation=dataset.validation[:2]),
        "extra": replace(dataset, extra=dataset.validation),
        "order": replace(dataset, training=dataset.training[::-1]),
    }
    other = replace(others[name], options={"data": "/others"})
    path = copied(last, tmp_path)
    with pytest.raises(ConfigError) as caught:
        train(None, other, experiments=None, checkpoint=path)
    for text in (str(path), "--data /lines (10 training and 3 validation lines)", "--data /others", "--change-data"):
        assert text in str(caught.value)
    assert ("in another order" in str(caught.value)) == (name in ("training", "order"))  # where the counts are equal


def test_lines_that_have_changed_in_their_place_are_refused(last, tmp_path):
    with pytest.raises(ConfigError, match="and these lines have changed since"):
        train(None, replace(changed("c b"), options={"data": "/lines"}), experiments=None, checkpoint=last)


def test_the_same_lines_in_another_place_are_taken(last, tmp_path):
    moved = replace(tiny.dataset(), options={"data": "/moved"})
    result = train(None, moved, experiments=None, checkpoint=copied(last, tmp_path))
    assert (result.last.epoch, result.last.data.options) == (3, {"data": "/moved"})


class Batches(tiny.Reporter):
    """The batches of a run, as (epoch, batch)."""

    def __init__(self):
        self.seen = []

    def batch_done(self, result):
        self.seen.append((result.epoch, result.batch))


def test_change_data_takes_other_lines_and_begins_the_epoch_again(last, tmp_path):
    """Epoch 2 was interrupted after batch 1 of 3: it goes on with batch 2, but with other lines from batch 1 on."""
    assert (Checkpoint.load(last).epoch, Checkpoint.load(last).batch) == (1, 1)
    both = []
    for dataset, change in ((tiny.dataset(), False), (changed("c b"), True)):
        reporter = Batches()
        result = train(
            None, dataset, experiments=None, checkpoint=copied(last, tmp_path), change_data=change, reporter=reporter
        )
        assert result.last.data == DataRecord.of(dataset)
        both.append(reporter.seen[0])
    assert both == [(2, 2), (2, 1)]


# The file ------------------------------------------------------------------------------------------------------------


def without_data(path):
    """The form of earlier versions: version 1 too, without the field."""
    plain = torch.load(path, weights_only=True)
    del plain["data"]
    assert plain["version"] == 1
    torch.save(plain, path)
    return path


def test_a_checkpoint_of_an_earlier_version_is_resumed_and_then_holds_its_lines(last, tmp_path):
    old = without_data(copied(last, tmp_path))
    assert Checkpoint.load(old).data is None
    result = train(None, tiny.dataset(), experiments=None, checkpoint=old)
    assert result.last.data == DataRecord.of(tiny.dataset())
    assert result.last.epoch == 3


@pytest.mark.parametrize(
    "damage",
    [
        lambda plain: [],
        lambda plain: {**plain, "options": {"data": 1.5}},
        lambda plain: {**plain, "options": [["data", "x"]]},
        lambda plain: {**plain, "training": {"count": "3", "digest": ""}},
        lambda plain: {**plain, "training": {"count": 3}},
        lambda plain: {**plain, "name": None},
    ],
)
def test_a_damaged_record_is_refused(last, tmp_path, damage):
    path = copied(last, tmp_path)
    plain = torch.load(path, weights_only=True)
    torch.save({**plain, "data": damage(plain["data"])}, path)
    with pytest.raises(CheckpointError, match=r"is not a valid checkpoint: data has "):
        Checkpoint.load(path)


# Options -------------------------------------------------------------------------------------------------------------


def test_paths_are_recorded_absolute_and_names_as_they_are(tmp_path, monkeypatch):
    (tmp_path / "lines").mkdir()
    monkeypatch.chdir(tmp_path)
    given = {"data": "lines", "valid": None, "extra": "synthetic:30", "seed": 3, "bidi": True}
    assert recorded_options(given) == {"data": f"{tmp_path}/lines", "extra": "synthetic:30", "seed": 3, "bidi": True}


def test_another_data_drops_the_lists_of_the_runs_and_keeps_the_form_of_its_texts():
    run = {"data": "/a", "valid": "/a/v.txt", "extra": "synthetic", "seed": 3, "bidi": True}
    assert options_with(run, {}, extra=True) == run
    assert options_with(run, {"valid": "w"}, extra=True) == {**run, "valid": "w"}
    resumed = {"data": "/b", "extra": "synthetic", "seed": 3, "bidi": True}
    assert options_with(run, {"data": "/b"}, extra=True) == resumed
    assert options_with(run, {"data": "/b"}, extra=False) == {"data": "/b", "bidi": True}

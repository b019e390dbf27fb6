"""The command line keeps a run's lines: train, recipe, evaluate, compare, report, export."""

import json
import re
import shutil
import signal

import pytest
import torch

from foldline.console import training
from tests.foldline.command_line import fails, run
from tests.train import tiny
from train.checkpoint import Checkpoint
from train.data.dataset import Dataset, write_dataset


@pytest.fixture
def data(tmp_path):
    return write_dataset(tiny.dataset(), tmp_path / "lines")


@pytest.fixture
def trained(data, tmp_path):
    """The folder of a run of one epoch on `data`, which the command line named from another folder."""
    tiny.quantized(epochs=1).to_json(tmp_path / "params.json")
    result = run("train", "-p", tmp_path / "params.json", "-e", tmp_path / "runs", "--data", data, "--no-cuda")
    assert result.exit_code == 0, result.stderr
    (folder,) = (tmp_path / "runs").iterdir()
    return folder


def other_lines(folder):
    """Two training lines and one validation line."""
    dataset = tiny.dataset()
    return write_dataset(Dataset(dataset.training[:4], dataset.validation[:1], "other"), folder)


def test_the_issues_example_goes_on_with_its_lines(tmp_path):
    """It took the default, 2000 synthetic lines, in the place of the 12 of its start."""
    common = ("--layer-size", 4, "-e", tmp_path, "--no-cuda")
    first = run("train", *common, "--data", "synthetic:12", "--random-seed", 5, "--epochs", 1)
    assert first.exit_code == 0, first.stderr
    (last,) = tmp_path.glob("*/last.pt")
    before = Checkpoint.load(last).data
    assert (before.training.count, before.validation.count) == (12, 200)
    # The seed of the lines is kept, too, where that of the run is changed.
    again = run("train", "-i", last, "--epochs", 2, "--random-seed", 6, "--no-cuda")
    assert again.exit_code == 0, again.stderr
    assert again.stderr == (
        f"The lines are those of {last}: --data synthetic:12 (seed 5: 12 training and 200 validation lines).\n"
    )
    assert ", 12 training and 200 validation lines" in again.stdout
    assert Checkpoint.load(last).data == before
    fails(
        (
            str(last),
            "--data synthetic:12 (seed 5: 12 training",
            "--data synthetic:13 (seed 5: 13 training",
            "--change",
        ),
        *("train", "-i", last, "--epochs", 3, "--data", "synthetic:13"),
    )


def test_a_moved_folder_is_found_by_data(data, trained, tmp_path):
    moved = data.rename(tmp_path / "moved")
    last = trained / "last.pt"
    fails(
        f"The lines of {last} were read from {data}, which is not there; name their place with --data.",
        *("train", "-i", last, "--epochs", 2),
    )
    assert run("train", "-i", last, "--epochs", 2, "--data", moved, "--no-cuda").exit_code == 0
    assert Checkpoint.load(last).data.options["data"] == str(moved)
    assert run("train", "-i", last, "--epochs", 3, "--no-cuda").exit_code == 0  # from there on without it


def test_other_lines_need_change_data(data, trained, tmp_path):
    last, other = trained / "last.pt", other_lines(tmp_path / "other")
    refused = ("train", "-i", last, "--epochs", 2, "--no-cuda", "--data", other)
    fails((f"--data {data} (10 training", f"--data {other} (4 training", "--change-data"), *refused)
    assert Checkpoint.load(last).epoch == 1
    assert run(*refused, "--change-data").exit_code == 0
    assert Checkpoint.load(last).data.training.count == 4


def test_an_edited_list_needs_change_data(data, trained):
    listed = data / "sortedTrain.txt"
    listed.write_text(listed.read_text().replace(",cab\n", ",cbb\n"))
    fails(("have changed since", "--change-data"), "train", "-i", trained, "--epochs", 2)


def test_a_checkpoint_that_does_not_know_its_lines_needs_data(data, trained):
    last = trained / "last.pt"
    plain = torch.load(last, weights_only=True)
    del plain["data"]
    torch.save(plain, last)
    fails(
        f"{last} does not say where its lines are from; its dataset was called 'lines'. Name it with --data.",
        *("train", "-i", last, "--epochs", 2),
    )
    assert run("train", "-i", last, "--epochs", 2, "--data", data, "--no-cuda").exit_code == 0
    assert Checkpoint.load(last).data.options["data"] == str(data)


def test_change_data_without_a_run_is_refused(trained):
    message = "--change-data needs -i CHECKPOINT, and a run that is resumed."
    fails(message, "train", "--change-data", status=2)
    fails(message, "train", "--change-data", "-i", trained, "--pretrained-policy", "RETRAIN", status=2)
    fails("--change-data is for a recipe that -i FOLDER resumes.", "recipe", "--change-data", status=2)


def test_a_retrained_network_has_the_lines_of_its_checkpoint_unless_others_are_named(data, trained, tmp_path):
    retrain = ("train", "-i", trained, "--pretrained-policy", "RETRAIN", "--dry-run", "--no-cuda")
    result = run(*retrain)
    assert f"--data {data} (10 training and 3 validation lines)" in result.stderr
    assert "10 training and 3 validation lines" in result.stdout
    assert "4 training and 1 validation lines" in run(*retrain, "--data", other_lines(tmp_path / "other")).stdout


def test_a_network_is_measured_on_the_lines_of_its_run_unless_others_are_named(data, trained, tmp_path):
    other = other_lines(tmp_path / "other")
    evaluated = run("evaluate", trained)
    assert evaluated.stdout.splitlines()[0] == "3 validation lines of lines:"
    assert f"--data {data}" in evaluated.stderr
    assert run("evaluate", trained, "--data", other).stdout.splitlines()[0] == "1 validation lines of other:"
    compared = run("compare", trained, "--json")
    assert (json.loads(compared.stdout)["data"], compared.exit_code) == ("lines", 0), compared.stderr
    assert json.loads(run("compare", trained, "--json", "--data", other).stdout)["data"] == "other"
    assert run("report", trained, "-o", tmp_path / "report.html", "--inspect", 0).exit_code == 0
    page = (tmp_path / "report.html").read_text()
    assert all(line.name in page for line in tiny.dataset().validation)
    exported = run("export", trained, "--test-image", tmp_path / "line")
    assert re.search(r": validation/\S+, ", exported.stdout), exported.stderr


def test_validation_lines_that_have_changed_are_noted(data, trained):
    listed = data / "valid.txt"
    listed.write_text(listed.read_text().replace(",cb\n", ",ca\n"))
    for command in ("evaluate", "compare"):
        assert (
            "The validation lines have changed since the run was trained: 3 lines then, 3 now"
            in run(command, trained).stderr
        )


def test_a_report_of_runs_on_different_lines_asks_which(trained, tmp_path):
    other = other_lines(tmp_path / "other")
    result = run("train", "-p", tmp_path / "params.json", "-e", tmp_path / "runs 2", "--data", other, "--no-cuda")
    assert result.exit_code == 0
    (second,) = (tmp_path / "runs 2").iterdir()
    second = second.rename(tmp_path / "second")
    report = ("report", trained, second, "-o", tmp_path / "report.html", "--inspect", 0)
    fails((trained.name, "second", "4 training", "--data"), *report)
    assert run(*report, "--data", other).exit_code == 0


# Recipes -------------------------------------------------------------------------------------------------------------


def test_a_recipe_goes_on_with_its_lines(data, tmp_path, monkeypatch):
    target = tiny.quantized(forward_arithmetic="HARDWARE", ctc="OVERLAY", select_by="OVERLAY", epochs=4)
    target.to_json(tmp_path / "target.json")
    batches = []

    def interrupting(self, result):
        batches.append(result)
        if len(batches) == 2:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(training.ShownRun, "batch_done", interrupting)
    first = run("recipe", "-p", tmp_path / "target.json", "-e", tmp_path / "runs", "--data", data, "--no-cuda")
    (folder,) = (tmp_path / "runs").iterdir()
    assert (first.exit_code, first.stderr.splitlines()[-1]) == (
        130,
        f"Stopped. Resume with: foldline recipe -i {folder} --no-cuda",
    )
    other = other_lines(tmp_path / "other")
    fails((str(folder), f"--data {data}", f"--data {other}"), "recipe", "-i", folder, "--data", other)
    again = run("recipe", "-i", folder, "--no-cuda")
    assert again.exit_code == 0, again.stderr
    assert f"The lines are those of {folder}: --data {data} (10 training and 3 validation lines)." in again.stderr
    assert {Checkpoint.load(path).data.options["data"] for path in folder.glob("*/*/last.pt")} == {str(data)}
    # A recipe of an earlier version does not say it.
    old = shutil.copytree(folder, tmp_path / "old")
    plain = json.loads((old / "recipe.json").read_text())
    del plain["data"]
    (old / "recipe.json").write_text(json.dumps(plain))
    fails(f"The recipe {old} does not say where its lines are from. Name them with --data.", "recipe", "-i", old)
    assert run("recipe", "-i", old, "--data", data, "--no-cuda").exit_code == 0
    assert json.loads((old / "recipe.json").read_text())["data"]["options"]["data"] == str(data)


# Ctrl-C twice --------------------------------------------------------------------------------------------------------


def test_a_second_ctrl_c_stops_at_once_and_says_how_to_resume(data, tmp_path, monkeypatch):
    def twice(self, result):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(training.ShownRun, "batch_done", twice)
    target = tiny.quantized(forward_arithmetic="HARDWARE", ctc="OVERLAY", select_by="OVERLAY", epochs=4)
    target.to_json(tmp_path / "target.json")
    for command in ("train", "recipe"):
        experiments = tmp_path / command
        result = run(command, "-p", tmp_path / "target.json", "-e", experiments, "--data", data, "--no-cuda")
        (folder,) = experiments.iterdir()
        resumed = folder / "last.pt" if command == "train" else folder
        assert (result.exit_code, result.stderr.splitlines()[-1]) == (
            130,
            f"Stopped. Resume with: foldline {command} -i {resumed} --no-cuda",
        )

"""Folders of runs and recipes in the place of a checkpoint: which file is taken, and that stderr says so."""

import shutil

import pytest

from datapath import Design
from datapath.design import Limits
from datapath.errors import ConfigError, FileError
from foldline import recipe as recipes
from foldline import runs
from foldline.runs import find_checkpoint, find_warm_up, taken
from tests.foldline.command_line import fails, run
from tests.train import tiny
from train import experiment
from train.checkpoint import Checkpoint
from train.config import Hyperparameters
from train.data.dataset import read_dataset, write_dataset
from train.export import design_from_checkpoint
from train.trainer import train


def test_file_names_are_those_of_the_writers():
    assert (runs.DESIGN, runs.RECIPE) == (recipes.DESIGN, recipes.START)
    assert (runs.BEST, runs.LAST) == (experiment.BEST_CER, experiment.LAST)
    assert runs.HYPERPARAMETERS == experiment.HYPERPARAMETERS


def files(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


@pytest.mark.parametrize(
    ("held", "to_resume", "to_measure"),
    [
        (("last.pt", "best-cer.pt", "epoch-0010.pt"), "last.pt", "best-cer.pt"),
        (("last.pt",), "last.pt", "last.pt"),  # no epoch has ended yet
        (("best-cer.pt",), "best-cer.pt", "best-cer.pt"),
    ],
)
def test_a_run_is_resumed_from_its_end_and_measured_at_its_best(tmp_path, held, to_resume, to_measure):
    files(tmp_path, *held)
    assert find_checkpoint(tmp_path, resume=True) == tmp_path / to_resume
    assert find_checkpoint(tmp_path) == tmp_path / to_measure


@pytest.mark.parametrize(
    ("held_out", "finished", "name"),
    [
        # `run_recipe`: validation lines choose nothing, so without held-out lines the design is the last epoch's.
        (0, True, "last.pt"),
        (3, True, "best-cer.pt"),
        (0, False, "best-cer.pt"),
    ],
)
def test_a_recipe_gives_the_checkpoint_of_its_design(tmp_path, held_out, finished, name):
    both = ("1-float/a-1/last.pt", "1-float/a-1/best-cer.pt", "3-hardware/b-1/last.pt", "3-hardware/b-1/best-cer.pt")
    files(tmp_path, "recipe.json", *both, *(["design.npz"] if finished else []))
    Hyperparameters(selection_lines=held_out).to_json(tmp_path / "hyperparameters.json")
    assert find_checkpoint(tmp_path) == tmp_path / "3-hardware" / "b-1" / name
    assert find_warm_up(tmp_path) == tmp_path / "1-float" / "a-1" / "last.pt"
    assert find_warm_up(tmp_path / "1-float" / "a-1") == tmp_path / "1-float" / "a-1" / "last.pt"
    with pytest.raises(ConfigError, match=f"foldline recipe -i {tmp_path}$"):
        find_checkpoint(tmp_path, resume=True)


def test_a_file_stays_what_it_is(tmp_path):
    files(tmp_path, "epoch-0010.pt")
    path = tmp_path / "epoch-0010.pt"
    assert find_checkpoint(path) == find_checkpoint(path, resume=True) == find_warm_up(path) == path
    assert taken(path, path) == ()


def test_a_folder_that_is_none_lists_what_was_looked_for_and_the_runs_in_it(tmp_path):
    with pytest.raises(FileError) as caught:
        find_checkpoint(tmp_path)
    message = f"{tmp_path} is not the folder of a run or a recipe: it has no recipe.json, best-cer.pt or last.pt."
    assert str(caught.value) == message
    for number in range(4, 0, -1):
        files(tmp_path / f"run-{number}", "last.pt")
    with pytest.raises(FileError) as caught:
        find_checkpoint(tmp_path)
    named = ", ".join(str(tmp_path / f"run-{number}") for number in (1, 2, 3))
    assert str(caught.value) == f"{message} Runs in it: {named}."


def test_a_recipe_without_a_checkpoint_is_refused(tmp_path):
    files(tmp_path, "recipe.json")
    with pytest.raises(FileError, match="has no checkpoint yet"):
        find_checkpoint(tmp_path)


# Commands -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_dataset(tiny.dataset(), tmp_path_factory.mktemp("data") / "lines")


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    """The folder of a run of two epochs whose best is the first: the second one has a learning rate that destroys it."""
    hp = tiny.quantized(epochs=2)
    folder = train(hp, read_dataset(data), experiments=tmp_path_factory.mktemp("runs")).folder
    first, last = Checkpoint.load(folder / "best-cer.pt"), Checkpoint.load(folder / "last.pt")
    assert last.epoch == 2
    if first.epoch == 2:  # the checkpoints must differ, or the tests below could not fail
        weights = {name: value * 0.5 if name == "fc.weight" else value for name, value in first.model.items()}
        Checkpoint(**{**vars(first), "model": weights, "path": None, "sha256": ""}).save(folder / "best-cer.pt")
    return folder


def test_commands_take_a_run_and_say_which_checkpoint(trained, data, tmp_path):
    best, said = trained / "best-cer.pt", f"{trained}: best-cer.pt is taken."
    by_file = run("evaluate", best, "--data", data)
    by_folder = run("evaluate", trained, "--data", data)
    assert (by_folder.exit_code, by_folder.stdout) == (0, by_file.stdout)
    assert by_folder.stderr.splitlines() == [said]
    for command in (("compare", "--data", data, "--json"), ("inspect", "--bounds", "--json"), ("estimate",)):
        of_folder, of_file = (run(command[0], path, *command[1:]) for path in (trained, best))
        assert (of_folder.exit_code, of_folder.stdout) == (0, of_file.stdout), of_folder.stderr
        assert of_folder.stderr.splitlines() == [said, *of_file.stderr.splitlines()]
    assert run("export", trained, "-o", tmp_path / "best.npz").exit_code == 0
    assert Design.load(tmp_path / "best.npz").same_network(design_from_checkpoint(best).design)
    assert not Design.load(tmp_path / "best.npz").same_network(design_from_checkpoint(trained / "last.pt").design)


def test_the_original_modes_take_a_run(trained, tmp_path):
    shutil.copytree(trained, tmp_path / "run")
    result = run("train", "-i", tmp_path / "run", "--export")
    assert result.exit_code == 0, result.stderr
    assert (tmp_path / "run" / "best-cer.hpp").is_file()


def test_a_resumed_run_is_named_by_its_folder(trained, data, tmp_path):
    shutil.copytree(trained, tmp_path / "run")
    result = run("train", "-i", tmp_path / "run", "--data", data, "--epochs", 3, "--no-cuda")
    assert result.exit_code == 0, result.stderr
    assert f"{tmp_path / 'run'}: last.pt is taken." in result.stderr.splitlines()
    assert Checkpoint.load(tmp_path / "run" / "last.pt").epoch == 3


@pytest.mark.parametrize("limits", [Limits(), Limits(columns=900, labels=120)])  # a checkpoint has none of its own
def test_a_recipe_is_compared_by_its_design_with_its_checkpoint(trained, data, tmp_path, limits):
    stage = tmp_path / "recipe" / "3-hardware" / "run-1"
    shutil.copytree(trained, stage)
    files(tmp_path / "recipe", "recipe.json")
    Hyperparameters().to_json(tmp_path / "recipe" / "hyperparameters.json")
    design_from_checkpoint(stage / "last.pt", limits=limits).design.save(tmp_path / "recipe" / "design.npz")
    result = run("compare", tmp_path / "recipe", "--data", data, "--json")
    assert result.stderr.splitlines()[0] == f"{tmp_path / 'recipe'}: design.npz is taken."
    assert result.stdout == run("compare", stage / "last.pt", "--data", data, "--json").stdout
    assert '"float-activations"' in result.stdout  # PyTorch's backends, which a design alone does not have
    result = run("evaluate", tmp_path / "recipe", "--data", data)
    assert result.stderr.splitlines()[0] == f"{tmp_path / 'recipe'}: 3-hardware/run-1/last.pt is taken."


def test_an_empty_folder_is_one_sentence_of_every_command(tmp_path):
    message = f"{tmp_path} is not the folder of a run or a recipe: it has no recipe.json, best-cer.pt or last.pt."
    for command in (
        *(("evaluate", tmp_path), ("compare", tmp_path), ("estimate", tmp_path), ("inspect", tmp_path, "--bounds")),
        *(("export", tmp_path, "-o", "x.hpp"), ("simulate", tmp_path, "x.png"), ("explore", tmp_path)),
        ("train", "-i", tmp_path, "--pretrained-policy", "RETRAIN"),
    ):
        fails(message, *command)
    fails(message.replace("best-cer.pt or last.pt", "last.pt or best-cer.pt"), "train", "-i", tmp_path)


def test_a_network_with_more_bits_than_the_hardware_is_exported_on_request_alone(data, tmp_path):
    hp = tiny.quantized(epochs=1, internal_activation_bit_width=32)
    folder = train(hp, read_dataset(data), experiments=tmp_path).folder
    what = "sigmoid and tanh outputs from 32 to 8 bits"
    header, project = tmp_path / "net.hpp", tmp_path / "project"
    for arguments in (("-o", header), ("-o", tmp_path / "net.npz"), ("--project", project), ("--rtl", project)):
        fails((folder, what, "I8_FC_W8B8", "--allow-narrowing"), "export", folder, *arguments)
    assert not header.exists() and not project.exists()
    result = run("export", folder, "-o", header, "--allow-narrowing")
    assert result.exit_code == 0
    note = f"Narrowed without retraining: {what}."
    assert note in result.stderr.splitlines()
    # Other commands measure what it costs, and say so.
    for command in (("compare", folder, "--data", data), ("estimate", folder), ("inspect", folder, "--bounds")):
        result = run(*command)
        assert result.exit_code == 0, result.stderr
        assert note in result.stderr.splitlines()

"""The recipe `hardware`: three stages, one folder, one design, and no epoch lost on the way."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

import params
from datapath import Design, Limits
from datapath.errors import ConfigError, DataError, FileError
from datapath.images import quantize_pixels
from datapath.locks import locked
from fixedpoint_sim import simulate
from foldline.cli import main
from foldline.recipe import DESIGN, run_recipe, stage_line, stages_of
from tests.foldline.command_line import fails
from tests.train import tiny
from tests.train.test_trainer import same_state
from train.checkpoint import Checkpoint
from train.config import Hyperparameters
from train.data.dataset import read_dataset, write_dataset
from train.evaluation import class_scores
from train.experiment import BEST_CER, LOCK
from train.reporting import Reporter

TARGET = tiny.quantized(forward_arithmetic="HARDWARE", ctc="OVERLAY", select_by="OVERLAY", score_scale=4.0, epochs=10)


def recipe(home, *, hyperparameters=TARGET, folder=None, reporter=None, said=None, limits=None):
    said = [] if said is None else said
    return run_recipe(
        hyperparameters,
        tiny.dataset(),
        experiments=home,
        folder=folder,
        log=said.append,
        reporter=reporter or Reporter(),
        limits=limits,
        author="test",
        command="test",
    )


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    return recipe(tmp_path_factory.mktemp("recipe"))


def test_stages_go_from_float_to_the_boards_arithmetic():
    float_stage, recurrent, hardware = (stage.hyperparameters for stage in stages_of(TARGET))
    assert str(float_stage.experiment_name()) == "QLSTM8_W32B32A32I32_FC_W32B32"
    assert str(recurrent.experiment_name()) == "QLSTM8_W4B8A4I8_FC_W32B32"
    assert hardware == replace(TARGET, epochs=5)
    assert [stage.epochs for stage in (float_stage, recurrent, hardware)] == [2, 3, 5]
    assert [stage.prefused_bn_fc for stage in (float_stage, recurrent, hardware)] == [False, False, True]
    assert [stage.forward_arithmetic for stage in (float_stage, recurrent)] == ["ORIGINAL", "HARDWARE"]


@pytest.mark.parametrize(
    "changes",
    [
        {"forward_arithmetic": "ORIGINAL"},
        {"prefused_bn_fc": False, "forward_arithmetic": "ORIGINAL"},
        {
            "fc_weight_bit_width": 32,
            "fc_weight_quantization": "FP",
            "fc_bias_bit_width": 32,
            "fc_bias_quantization": "FP",
        },
    ],
)
def test_a_network_that_is_not_the_boards_is_refused(changes):
    with pytest.raises(ConfigError, match=r"^The recipe ends in the overlay's arithmetic: "):
        stages_of(replace(TARGET, **changes))


def test_too_few_epochs_for_the_stages_are_refused():
    with pytest.raises(ConfigError) as caught:
        stages_of(replace(TARGET, epochs=2))
    assert str(caught.value) == "epochs is 2; the recipe's 3 stages need at least 3."


def test_the_design_scores_every_column_as_the_last_stage_does(done):
    design = Design.load(done.design)
    model = Checkpoint.load(done.stages[-1].checkpoint).recogniser()
    lines = tiny.dataset().validation
    pixels = [line.pixels(tiny.HEIGHT) for line in lines]
    for scores, grey in zip(
        class_scores(model, [torch.from_numpy(np.array(grey)) for grey in pixels], batch_size=2), pixels, strict=True
    ):
        trace = simulate(design, quantize_pixels(grey, design.precision.activation))
        assert np.array_equal(scores * 256, trace.scores)
        assert trace.scores.any()


def test_the_design_tells_what_it_reads(done):
    simulated = done.comparison.results[-1].rates
    told = Design.load(done.design).provenance.notes["error_rates"]
    assert told.startswith("3 validation lines of tiny, beyond the limits, simulated, by greedy CTC: CER ")
    assert told.endswith(
        f"overlay labels: CER {simulated.cer:.2f} %, WER {simulated.wer:.2f} %, {simulated.exact} exact"
    )


def test_each_stage_starts_where_the_one_before_it_ended(done):
    assert [result.checkpoint.parent.parent.name for result in done.stages] == ["1-float", "2-recurrent", "3-hardware"]
    assert [Checkpoint.load(result.checkpoint).epoch for result in done.stages] == [2, 3, 5]
    assert stage_line(done.stages[0]).startswith("1-float: greedy CTC: CER ")


def test_an_interrupted_recipe_ends_as_if_it_had_not_been(done, tmp_path):
    folder = None
    interruptions = 0
    # An epoch has 3 batches: in the middle of stage 1, of stage 2, and of stage 3.
    for batch in (2, 10, 8):
        result = recipe(
            tmp_path, hyperparameters=None if folder else TARGET, folder=folder, reporter=tiny.Interrupting(batch)
        )
        interruptions += result.design is None
        folder = result.folder
    result = recipe(tmp_path, hyperparameters=None, folder=folder)
    assert interruptions == 3
    for one, other in zip(result.stages, done.stages, strict=True):
        same_state(Checkpoint.load(one.checkpoint), Checkpoint.load(other.checkpoint))
    assert Design.load(result.design).same_network(Design.load(done.design))
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]


def test_a_finished_recipe_has_nothing_left_to_do(done):
    said = []
    again = recipe(None, hyperparameters=None, folder=done.folder, said=said)
    assert said == ["1-float: done before.", "2-recurrent: done before.", "3-hardware: done before."]
    assert again.design == done.folder / DESIGN


def test_with_lines_held_out_the_design_is_that_of_the_best_epoch(tmp_path):
    result = recipe(tmp_path, hyperparameters=replace(TARGET, selection_lines=3))
    best = Checkpoint.load(result.stages[-1].checkpoint.parent / BEST_CER)
    assert Design.load(result.design).provenance.notes["epochs"] == str(best.epoch)


def test_other_hyperparameters_than_the_folders_are_refused(done):
    with pytest.raises(ConfigError) as caught:
        recipe(None, hyperparameters=replace(TARGET, lr=0.5), folder=done.folder)
    assert str(caught.value).startswith(f"{done.folder} was started with other hyperparameters")


def test_a_folder_that_is_none_is_refused(tmp_path):
    with pytest.raises(FileError) as caught:
        recipe(None, hyperparameters=None, folder=tmp_path / "no")
    assert str(caught.value).startswith(f"{tmp_path / 'no'} ")
    assert "hyperparameters.json" in str(caught.value)


def test_the_command_runs_it_and_goes_on_with_it(tmp_path):
    data = write_dataset(tiny.dataset(), tmp_path / "lines")
    TARGET.to_json(tmp_path / "target.json")
    common = ["recipe", "--data", str(data)]
    first = CliRunner().invoke(main, [*common, "-p", str(tmp_path / "target.json"), "-e", str(tmp_path / "runs")])
    assert first.exit_code == 0, first.output
    (folder,) = (tmp_path / "runs").iterdir()
    assert first.stdout.splitlines()[-1] == f"The design: {folder / DESIGN}"
    again = CliRunner().invoke(main, [*common, "-i", str(folder)])
    assert "3-hardware: done before." in again.stdout.splitlines()
    assert again.stdout.splitlines()[-1] == f"The design: {folder / DESIGN}"


def test_a_warm_up_of_a_recipe_that_has_begun_is_refused(done):
    result = CliRunner().invoke(main, ["recipe", "-i", str(done.folder), "--warm-up", "x.pt"])
    assert result.exit_code == 2
    assert "--warm-up" in result.stderr


def test_whoever_goes_on_with_it_the_provenance_is_the_first_command(tmp_path):
    first = recipe(tmp_path, reporter=tiny.Interrupting(2))
    assert first.design is None
    result = run_recipe(
        None,
        tiny.dataset(),
        experiments=tmp_path,
        folder=first.folder,
        log=lambda sentence: None,
        reporter=Reporter(),
        command="another",
    )
    assert Design.load(result.design).provenance.notes["command"] == "test"


def test_a_warm_up_stands_for_the_first_stage(done, tmp_path):
    def begun(reporter):
        return run_recipe(
            replace(TARGET, recurrent_weight_bit_width=2),
            tiny.dataset(),
            experiments=tmp_path,
            warm_up=done.stages[0].checkpoint,
            log=lambda sentence: None,
            reporter=reporter,
        )

    whole = begun(Reporter())
    assert [result.checkpoint.parent.parent.name for result in whole.stages] == ["2-recurrent", "3-hardware"]
    again = recipe(None, hyperparameters=None, folder=begun(tiny.Interrupting(2)).folder)
    assert Design.load(again.design).same_network(Design.load(whole.design))


def test_a_warm_up_that_is_no_checkpoint_is_refused_before_a_folder_is_made(tmp_path):
    with pytest.raises(FileError):
        run_recipe(
            TARGET,
            tiny.dataset(),
            experiments=tmp_path,
            warm_up=tmp_path / "no.pt",
            log=lambda sentence: None,
            reporter=Reporter(),
        )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"command": 1, "warm_up": null}', '{"command": "", "warm_up": 1}'])
def test_a_damaged_beginning_is_named(done, tmp_path, text):
    shutil.copytree(done.folder, tmp_path / "copy")
    path = tmp_path / "copy" / "recipe.json"
    path.write_text(text)
    with pytest.raises(FileError, match=f"^{re.escape(str(path))} is damaged: "):
        recipe(None, hyperparameters=None, folder=tmp_path / "copy")


def test_the_command_goes_on_with_the_folders_hyperparameters_and_no_others(done, tmp_path):
    data = write_dataset(tiny.dataset(), tmp_path / "lines")
    arguments = ["recipe", "--data", str(data), "--change-data", "-i", str(done.folder)]
    same = CliRunner().invoke(main, [*arguments, "--epochs", "10"])
    assert same.exit_code == 0, same.output
    other = CliRunner().invoke(main, [*arguments, "--epochs", "11"])
    assert f"{done.folder} was started with other hyperparameters" in other.stderr


def test_without_a_preset_it_takes_one_and_says_which(tmp_path, monkeypatch):
    """W2A4 with three stages: the preset that docs/training.md begins with."""
    given = {}

    def run_recipe(hyperparameters, dataset, **settings):
        given.update(hyperparameters=hyperparameters)
        raise ConfigError("Enough.")

    monkeypatch.setattr("foldline.recipe.run_recipe", run_recipe)
    data = write_dataset(tiny.dataset(), tmp_path / "lines")
    result = CliRunner().invoke(main, ["recipe", "--data", str(data), "--epochs", "30", "--no-cuda"])
    assert "the preset QLSTM128_W2B8A4I8_FC_W8B8 is taken" in result.stderr
    preset = Hyperparameters.from_json(params.find(Path("QLSTM128_W2B8A4I8_FC_W8B8")))
    assert given["hyperparameters"] == replace(preset, epochs=30)
    assert [stage.epochs for stage in (one.hyperparameters for one in stages_of(preset))] == [24, 36, 60]


def test_the_design_has_the_limits_that_were_asked_for_also_after_resuming(done, tmp_path):
    limits = Limits(columns=900, labels=95)
    asked = recipe(tmp_path, hyperparameters=replace(TARGET, epochs=4), limits=limits)
    assert Design.load(asked.design).limits == limits
    asked.design.unlink()
    again = recipe(tmp_path, hyperparameters=None, folder=asked.folder)
    assert Design.load(again.design).limits == limits
    assert Design.load(done.design).limits == Limits()
    assert "limits" not in (done.folder / "recipe.json").read_text()
    start = asked.folder / "recipe.json"
    start.write_text(start.read_text().replace("900", "0"))
    with pytest.raises(FileError, match=r"recipe\.json is damaged: The limit of columns is 0"):
        recipe(tmp_path, hyperparameters=None, folder=asked.folder)


def test_limits_are_for_a_new_recipe(done):
    result = CliRunner().invoke(main, ["recipe", "-i", str(done.folder), "--max-columns", "900"])
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1] == "Error: --max-columns is for a new recipe; -i FOLDER resumes one."


def test_a_recipe_that_another_process_trains_is_refused_at_once(done, tmp_path):
    home = done.folder
    with locked(home / LOCK):
        with pytest.raises(FileError, match=rf"^{re.escape(str(home))} is in use: process \d+ on .* trains in it\.$"):
            recipe(None, hyperparameters=None, folder=home)
        # Before the lines are read, which are not there.
        fails((f"{home} is in use: process",), "recipe", "-i", home, "--data", tmp_path / "missing")


def test_a_run_that_another_process_trains_is_refused_at_once(done, tmp_path):
    last = done.stages[0].checkpoint
    with locked(last.parent / LOCK):
        fails((f"{last.parent} is in use: process",), "train", "-i", last, "--data", tmp_path / "missing")


class Removing(Reporter):
    """Removes a folder after the first epoch."""

    def __init__(self, folder):
        self._folder = folder

    def epoch_done(self, result):
        shutil.rmtree(self._folder, ignore_errors=True)


def test_lines_that_are_removed_while_a_recipe_trains_are_named_and_it_goes_on_when_they_are_back(done, tmp_path):
    write_dataset(tiny.dataset(), tmp_path / "lines")
    lines = read_dataset(tmp_path / "lines")
    given = {"experiments": tmp_path / "runs", "log": [].append, "author": "test", "command": "test"}
    with pytest.raises(DataError, match=rf"Cannot read {tmp_path}/lines/imgs/training/.*\.png: no such file\.$"):
        run_recipe(TARGET, lines, reporter=Removing(tmp_path / "lines"), **given)
    (home,) = (tmp_path / "runs").iterdir()
    write_dataset(tiny.dataset(), tmp_path / "lines")
    again = run_recipe(None, read_dataset(tmp_path / "lines"), folder=home, reporter=Reporter(), **given)
    assert again.comparison.results == done.comparison.results

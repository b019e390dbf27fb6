"""`foldline report`: the runs that it accepts, its report, and its errors."""

import json
import shutil
from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import pytest
from torch.utils.tensorboard import SummaryWriter

from datapath import Design
from foldline import recipe as recipes
from foldline.hardware import board as board_module
from foldline.report import runs
from foldline.report.curves import GREEDY_CER, LOSS, OVERLAY_CER, read_curves
from foldline.report.runs import open_runs
from tests.foldline import command_line
from tests.foldline.report import reports
from tests.foldline.stand_in_board import StandInBoard
from tests.train import tiny
from train import experiment
from train.data.dataset import write_dataset
from train.reporting import Reporter
from train.tensorboard_log import CURVES

run, fails = partial(command_line.run, "report"), partial(command_line.fails)
pytestmark = pytest.mark.no_numpy2

GOAL = tiny.quantized(forward_arithmetic="HARDWARE", ctc="OVERLAY", select_by="OVERLAY", score_scale=4.0, epochs=5)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_dataset(tiny.dataset(), tmp_path_factory.mktemp("data") / "tiny")


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    """A finished recipe's folder."""
    home = tmp_path_factory.mktemp("experiments")
    return recipes.run_recipe(
        GOAL, tiny.dataset(), experiments=home, log=[].append, reporter=Reporter(), author="test", command="test"
    ).folder


@pytest.fixture
def saved(tmp_path):
    reports.tiny_design().save(tmp_path / "design.npz")
    return tmp_path / "design.npz"


def last_run(recipe):
    (folder,) = (recipe / "3-hardware").iterdir()
    return folder


def test_file_names_of_a_run_equal_those_of_its_writers():
    assert runs.TENSORBOARD == experiment.TENSORBOARD
    assert {LOSS, GREEDY_CER, OVERLAY_CER} <= set(CURVES)


# Runs ---------------------------------------------------------------------------------------------------------------


def test_a_recipe_has_a_design_a_checkpoint_and_curves(recipe):
    (opened,) = open_runs([recipe])
    assert opened.name == recipe.name
    assert opened.network.design == Design.load(recipe / "design.npz")
    assert opened.network.checkpoint.epoch == 2
    assert [(stage.name, stage.epochs) for stage in opened.curves] == [
        ("1-float", (1,)),
        ("2-recurrent", (1, 2)),
        ("3-hardware", (1, 2)),
    ]


def test_a_recipe_has_the_curves_of_the_float_stage_that_it_took_from_elsewhere(recipe, tmp_path):
    copy = shutil.copytree(recipe, tmp_path / "copy")
    shutil.rmtree(copy / "1-float")
    start = json.loads((copy / "recipe.json").read_text(encoding="utf-8"))
    (warm_up,) = (recipe / "1-float").glob("*/last.pt")
    for path, names in (
        (warm_up, ["1-float", "2-recurrent", "3-hardware"]),
        ("/no/last.pt", ["2-recurrent", "3-hardware"]),
    ):
        (copy / "recipe.json").write_text(json.dumps(start | {"warm_up": str(path)}), encoding="utf-8")
        original, opened = open_runs([recipe, copy])
        assert [stage.name for stage in opened.curves] == names
        assert opened.curves == original.curves[-len(names) :]
        assert any("stage 1-float are not shown" in note for note in opened.network.notes) is (len(names) == 2)


def test_checkpoints_of_another_design_are_not_used(recipe, tmp_path):
    copy = shutil.copytree(recipe, tmp_path / "copy")
    reports.tiny_design().save(copy / "design.npz")
    (opened,) = open_runs([copy])
    assert opened.network.checkpoint is None
    _, note = opened.network.notes  # after the one that says which file is taken
    assert "No checkpoint" in note


def test_a_run_s_best_checkpoint_is_used_or_else_its_last(recipe, tmp_path):
    copy = shutil.copytree(last_run(recipe), tmp_path / "run")
    best, last = (open_runs([copy / name])[0].network for name in ("best-cer.pt", "last.pt"))
    assert open_runs([copy])[0].network.design == best.design
    (copy / "best-cer.pt").unlink()
    (opened,) = open_runs([copy])
    assert opened.network.design == last.design
    assert (opened.name, [stage.name for stage in opened.curves]) == ("run", ["run"])


def test_a_checkpoint_has_curves_only_within_its_run(recipe, tmp_path):
    within = last_run(recipe) / "last.pt"
    shutil.copy(within, tmp_path / "alone.pt")
    inside, alone = open_runs([within, tmp_path / "alone.pt"])
    assert (inside.name, len(inside.curves)) == (f"{within.parent.name}/last.pt", 1)
    assert (alone.name, alone.curves) == ("alone", ())


def test_runs_of_one_name_are_named_by_their_paths(saved, tmp_path):
    (tmp_path / "b").mkdir()
    other = shutil.copy(saved, tmp_path / "b" / "design.npz")
    assert [one.name for one in open_runs([saved, other])] == [str(saved), str(other)]


# Curves -------------------------------------------------------------------------------------------------------------


def write_session(folder, epochs, cer, *, first):
    writer = SummaryWriter(str(folder), purge_step=first)
    for epoch in epochs:
        for name, value in ((LOSS, 10.0 / epoch), (GREEDY_CER, cer), (OVERLAY_CER, cer + 0.5)):
            writer.add_scalar(name, value, epoch)
    writer.close()


def test_curves_of_a_resumed_run_follow_each_other(tmp_path):
    write_session(tmp_path, (1, 2, 3), 50.0, first=1)
    write_session(tmp_path, (3, 4), 25.0, first=3)  # the third epoch once more
    found = read_curves(tmp_path, name="x")
    assert found.epochs == (1, 2, 3, 4)
    assert found.loss == pytest.approx((10, 5, 10 / 3, 2.5), rel=1e-6)  # traced as float32
    assert (found.greedy_cer, found.overlay_cer) == ((50.0, 50.0, 25.0, 25.0), (50.5, 50.5, 25.5, 25.5))


def test_an_epoch_with_missing_curves_is_left_out(tmp_path):
    with SummaryWriter(str(tmp_path)) as trace:
        for epoch, curves in ((1, (LOSS, GREEDY_CER, OVERLAY_CER)), (2, (LOSS, GREEDY_CER))):
            for curve in curves:
                trace.add_scalar(curve, epoch, epoch)
    assert read_curves(tmp_path, name="x").epochs == (1,)


def test_a_trace_without_epochs_has_no_curves(tmp_path):
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "empty", tmp_path / "missing"):
        assert read_curves(folder, name="x").epochs == ()


# The command --------------------------------------------------------------------------------------------------------


def test_a_report_of_a_recipe_and_a_design(recipe, saved, data, tmp_path):
    result = run(recipe, saved, "-o", tmp_path / "report.html", "--data", data, "--backends", "quantized,simulated")
    assert (result.exit_code, result.stdout) == (0, f"Report: {tmp_path / 'report.html'}\n")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert f"<title>{recipe.name}, design</title>" in text
    compared = json.loads(command_line.run("compare", recipe / "design.npz", "--data", data, "--json").stdout)
    overlay = next(level for level in compared["levels"] if level["labels"] == "overlay labels")
    assert f'<td class="network">{overlay["cer"]:.2f}<' in text
    assert text.count('class="network absent" colspan="3">not computed') == 2 * 8 - 4 - 2


def test_a_report_is_exported_to_a_new_folder(saved, data, tmp_path):
    folder = tmp_path / "new" / "paper"
    options = ("--data", data, "--backends", "simulated", "--inspect", 0, "--lines", 0, "--no-published")
    result = run(saved, "-o", tmp_path / "report.html", *options, "--export", folder)
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (0, f"Export: {folder}")
    assert {"table.csv", "table.tex", "data.json", "cer-networks.pdf"} <= {path.name for path in folder.iterdir()}
    assert "published" not in (folder / "table.csv").read_text(encoding="utf-8")


def test_a_float_network_is_reported_beside_the_quantized_one_that_began_with_it(recipe, data, tmp_path):
    (first,) = (recipe / "1-float").glob("*/last.pt")
    options = ("--data", data, "--inspect", 0, "--export", tmp_path)
    result = run(first, recipe, "-o", tmp_path / "report.html", *options)
    assert result.exit_code == 0, result.output
    assert "A float network is computed by PyTorch alone" in (tmp_path / "report.html").read_text(encoding="utf-8")
    baseline, ours = json.loads((tmp_path / "data.json").read_text(encoding="utf-8"))["networks"]
    assert (baseline["precision"], ours["precision"]) == ("float", "W4A4")
    assert {one["backend"] for one in baseline["accuracy"]} == {"float"}
    assert {one["backend"] for one in ours["accuracy"]} == {"float-activations", "quantized", "simulated"}
    assert baseline["curves"] == ours["curves"][:1]


def test_an_export_that_cannot_be_written_is_an_early_error(saved, tmp_path):
    options = ("report", tmp_path / "missing.npz", "-o", tmp_path / "report.html", "--export", saved)
    fails(f"Cannot write to {saved}: it is not a folder.", *options)


def test_rates_are_modelled_for_a_line_that_all_networks_accept(saved, data, tmp_path):
    design = Design.load(saved)
    replace(design, limits=replace(design.limits, columns=100)).save(tmp_path / "short.npz")
    options = ("-o", tmp_path / "report.html", "--data", data, "--backends", "simulated")
    for networks, columns in (((saved,), 520), ((saved, tmp_path / "short.npz"), 100)):
        assert run(*networks, *options).exit_code == 0
        assert f"modelled for lines of {columns} columns" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_a_disagreement_is_an_error_after_the_report_is_written(saved, data, tmp_path, monkeypatch):
    def open_driver(design, *, device):
        assert device == "virtual"
        return StandInBoard(design, lambda number, labels: labels[::-1] if number == 0 else labels)

    monkeypatch.setattr(board_module, "open_driver", open_driver)
    output = tmp_path / "report.html"
    fails(
        "design: Backends that must agree differ on 1 line of 3.",
        *("report", saved, "-o", output, "--data", data, "--backends", "simulated,board"),
    )
    assert "Backends that must agree differ on 1 line of 3." in output.read_text(encoding="utf-8")


def test_trials_of_a_study_are_read_by_name_and_storage(saved, data, tmp_path, monkeypatch):
    from foldline.study import result as study_module

    asked = []

    def read_study(name, storage):
        asked.append((name, storage))
        return SimpleNamespace(name=name, complete=(), settings=None)

    monkeypatch.setattr(study_module, "read_study", read_study)
    output = tmp_path / "report.html"
    result = run(saved, "-o", output, "--data", data, "--study", "search", "--storage", "x.db", "--inspect", 0)
    assert result.exit_code == 0, result.output
    assert asked == [("search", "x.db")]
    assert "trials of the study search" in output.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "message", "status"),
    [
        (("{run}", "--study", "x"), "--study and --storage need each other.", 2),
        (
            ("{run}", "--backends", "fpga"),
            "Invalid value for '--backends': 'fpga' is not a backend; allowed are float, float-activations, quantized, "
            "simulated, csim, rtl, board, separated by commas.",
            2,
        ),
        (("{run}", "{run}"), "{run} is given twice; the runs of a report must differ.", 1),
        (
            ("{folder}",),
            "{folder} is not the folder of a run or a recipe: it has no recipe.json, best-cer.pt or last.pt.",
            1,
        ),
        (
            ("{run}", "--backends", "float-activations"),
            "backends has float-activations, which PyTorch computes from a checkpoint; a design holds the integers alone.",
            1,
        ),
        (
            ("{run}", "--backends", "simulated,board", "--ignore-limits"),
            "ignore_limits and the backend board exclude each other: no board takes a line that exceeds its limits.",
            1,
        ),
        (("{run}", "--board", "pynq-z9"), "There is no board 'pynq-z9'; did you mean 'pynq-z2'?", 1),
        (("{run}", "--columns", "0"), "columns is 0; the design's lines have 1 to 732.", 1),
    ],
)
def test_invalid_arguments_are_errors(saved, data, tmp_path, arguments, message, status):
    names = {"run": saved, "folder": tmp_path}
    given = [one.format(**names) for one in arguments]
    output = tmp_path / "report.html"
    fails(message.format(**names), "report", *given, "-o", output, "--data", data, status=status)
    assert not output.exists()


def test_an_unfinished_recipe_is_refused(tmp_path):
    folder = tmp_path / "recipe"
    folder.mkdir()
    (folder / "recipe.json").write_text("{}", encoding="utf-8")
    fails(
        f"{folder} is an unfinished recipe: it has no design.npz yet. It is resumed by: foldline recipe -i {folder}",
        *("report", folder, "-o", tmp_path / "report.html"),
    )


def test_a_report_never_replaces_its_run(saved):
    before = saved.read_bytes()
    fails(
        f"output and RUN are the same file, {saved}; one would be written over the other.",
        *("report", saved, "-o", saved),
    )
    assert saved.read_bytes() == before


def test_a_path_that_cannot_be_written_is_an_early_error(tmp_path):
    output = tmp_path / "no" / "report.html"
    fails(f"Cannot write {output}: there is no folder {output.parent}.", "report", tmp_path / "x.npz", "-o", output)

"""`foldline explore`: what it prints, what it refuses, and that no figure of it passes for a measurement."""

import json
import shlex
import sys
from dataclasses import replace
from functools import partial

import pytest

from datapath import Design
from datapath.architecture import Architecture
from datapath.manifest import Kernel
from foldline.foldings.enumeration import folding_front, point_values
from foldline.study.result import read_study
from foldline.study.settings import first_settings
from foldline.study.training import claim_folder
from hls_gen.boards import load_board
from tests.designs import random_design
from tests.foldline import command_line
from tests.foldline.exploring import NAME, PRESET, given, join
from tests.golden_data import REPOSITORY
from tests.train import tiny
from train.data.dataset import write_dataset

pytestmark = pytest.mark.no_numpy2

run = partial(command_line.run, "explore")
DESIGNS = REPOSITORY / "golden_vectors" / "designs"
W2A4 = DESIGNS / "QLSTM128_W2B8A4I8_FC_W8B8.npz"


def fails(message, *arguments, **options):
    return command_line.fails(message, "explore", *arguments, **options)


@pytest.fixture
def small(tmp_path):
    """A design of 16 hidden units, which has few foldings."""
    path = tmp_path / "small.npz"
    random_design(1, inputs=8, hidden=16, classes=11).save(path)
    return path


def front_of(path, kernel=Kernel.HLS, **settings):
    return folding_front(Architecture.of(Design.load(path)), load_board("pynq-z2"), kernel, **settings)


def ends_well(*arguments) -> str:
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


# Foldings ------------------------------------------------------------------------------------------------------------


def test_a_design_is_shown_with_its_compact_front_and_everything_says_that_it_is_modelled(small):
    text = ends_well(small).splitlines()
    front = front_of(small)
    assert text[0] == (
        "QLSTM16_W4B8A4I8_FC_W8B8, hls kernel on TUL PYNQ-Z2 at 100 MHz, lines of 520 columns; columns/s are modelled, "
        "resources estimated."
    )
    assert f"no other beats {len(front.points)} of the rest, and {len(front.compact)} of them in columns/s" in text[1]
    rows = text[text.index("") + 3 :]
    assert [row.split()[4] for row in rows] == [f"{point.columns_per_second:.0f}" for point in front.compact]


def test_all_shows_the_complete_front(small):
    text = ends_well(small, "--all").splitlines()
    assert len(text[text.index("") + 3 :]) == len(front_of(small).points)


def test_json_is_always_complete(small):
    found = json.loads(ends_well(small, "--json", "--kernel", "published", "--clock-mhz", 50, "--columns", 100))
    front = front_of(small, Kernel.PUBLISHED, clock_mhz=50, columns=100)
    (design,) = found["designs"]
    assert design["front"] == [point_values(point) for point in front.points]
    assert (design["kernel"], design["clock_mhz"], design["columns"]) == ("published", 50, 100)
    assert design["published"] is None and "cheapest" not in design


def test_the_published_folding_is_marked_on_the_front_that_holds_it():
    text = ends_well(W2A4)
    assert "The published W2A4 folding, PE 1, SIMD 16 and 64, PE_OUT 1, is on the front." in text
    (row,) = [line for line in text.splitlines() if line.endswith("  published")]
    assert row.split()[:4] == ["1", "16", "64", "1"]


def test_the_cheapest_folding_comes_with_the_command_that_exports_it(small, tmp_path, monkeypatch):
    text = ends_well(small, "--min-columns-per-second", "100000").splitlines()
    best = front_of(small).cheapest(100000)
    assert text[-2].startswith("The cheapest folding with 100000 columns/s or more: PE ")
    assert text[-2].endswith(" (estimated).") and " columns/s (modelled), " in text[-2]
    monkeypatch.chdir(tmp_path)
    program, *arguments = shlex.split(text[-1])
    assert program == "foldline"
    exported = command_line.run(*arguments)
    assert exported.exit_code == 0, exported.output
    folding = best.folding
    assert (
        f"PE {folding.pe}, SIMD_INPUT {folding.simd_input}, SIMD_RECURRENT {folding.simd_recurrent}" in exported.stdout
    )


def test_the_published_kernel_is_exported_as_a_header(small, tmp_path, monkeypatch):
    text = ends_well(small, "--min-columns-per-second", "100000", "--kernel", "published").splitlines()
    monkeypatch.chdir(tmp_path)
    assert command_line.run(*shlex.split(text[-1])[1:]).exit_code == 0
    assert (tmp_path / "network.hpp").is_file()


def test_a_rate_out_of_reach_is_an_error_behind_the_table(small):
    front = front_of(small)
    folding = front.fastest.folding
    message = (
        "min_columns_per_second is 90000000; the fastest folding of QLSTM16_W4B8A4I8_FC_W8B8 that fits on TUL PYNQ-Z2 at "
        f"100 MHz reaches {front.fastest.columns_per_second:.0f}, as modelled: PE {folding.pe}, SIMD {folding.simd_input} "
        f"and {folding.simd_recurrent}, PE_OUT {folding.pe_out}."
    )
    result = fails(message, small, "--min-columns-per-second", "90000000")
    assert result.stdout.splitlines()[-1] == f"Not reached: {message}"
    result = fails(message, small, "--min-columns-per-second", "90000000", "--json")
    (design,) = json.loads(result.stdout)["designs"]
    assert (design["cheapest"], design["unreachable"]) == (None, message)


def test_several_designs_are_shown_one_after_the_other(small):
    text = ends_well(small, small)
    once = ends_well(small)
    assert text == f"{once}\n{once}"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Give one or more designs to fold, or --study NAME to search precisions."),
        ([W2A4, "--study", "x"], "Give designs to fold, or --study NAME to search precisions, and not both."),
        ([W2A4, "--trials", "3", "--max-cer", "1"], "--trials, --max-cer needs --study NAME."),
        ([W2A4, "-p", "x.json"], "--params needs --study NAME."),
        (["--study", "x", "--show", "--board", "pynq-z1"], "Showing a study takes no --board."),
        (["--study", "x", "--show", "--trials", "3"], "Showing a study takes no --trials."),
        (
            ["--study", "x", "--weights", "2,x"],
            "Invalid value for '--weights': '2,x' is no list of whole numbers separated by commas.",
        ),
    ],
)
def test_options_that_have_no_effect_together_are_refused(arguments, message):
    fails(message, *arguments, status=2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--board", "pynq-z3"], "There is no board 'pynq-z3'; did you mean 'pynq-z2'?"),
        (["--clock-mhz", "3"], "clock_mhz is 3.0; it must be 10 to 250 MHz."),
        (["--columns", "0"], "columns is 0; the design's lines have 1 to 732."),
        (["--columns", "733"], "columns is 733; the design's lines have 1 to 732."),
        (["--min-columns-per-second", "0"], "min_columns_per_second is 0; it must be above 0 and below 1e12."),
        (["--min-columns-per-second", "nan"], "min_columns_per_second is nan; it must be above 0 and below 1e12."),
    ],
)
def test_a_board_or_a_clock_that_cannot_be_is_refused(arguments, message):
    fails(message, W2A4, *arguments)


# Studies -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Lines, in `lines`, and `params.json`."""
    folder = tmp_path_factory.mktemp("study")
    write_dataset(tiny.dataset(), folder / "lines")
    PRESET.to_json(folder / "params.json")
    return folder


def beginning(folder, experiments, **changes):
    """The command line of a study's first worker; what is None in `changes` is left out."""
    options = {
        "study": NAME,
        "experiments": experiments,
        "params": folder / "params.json",
        "data": folder / "lines",
        "min-columns-per-second": 1000,
        "weights": "2,4",
        "activations": "2",
        "fc-weights": "8",
        "hidden": "8",
        **changes,
    }
    return [text for name, value in options.items() if value is not None for text in (f"--{name}", value)]


def test_a_study_is_begun_shown_and_joined_by_a_worker_that_gives_no_more_than_its_name(folder, tmp_path):
    text = ends_well(*beginning(folder, tmp_path, trials=1), "--no-cuda")
    study = read_study(NAME, str(tmp_path / f"{NAME}.db"))
    (trial,) = study.trials
    assert trial.state == "complete"
    assert f"Trial 0, {trial.choice.name}: CER {trial.error_rates.cer:.2f} % (simulated), " in text
    shown = ends_well("--study", NAME, "-e", tmp_path, "--show")
    assert text.endswith(shown)
    assert "1 of 1 trials finished (1 complete)" in shown
    assert trial.error_rates.folder in shown
    assert ends_well("--study", NAME, "-e", tmp_path, "--trials", 0) == shown
    assert "The cheapest with a CER of at most 1000 %" in ends_well(
        "--study", NAME, "-e", tmp_path, "--trials", 2, "--max-cer", 1000, "--no-cuda"
    )
    assert len(read_study(NAME, str(tmp_path / f"{NAME}.db")).finished) == 2


def test_json_stands_alone_on_stdout(folder, tmp_path):
    result = run(*beginning(folder, tmp_path, trials=1), "--no-cuda", "--json", "--max-cer", "0")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert (found["study"], found["finished"], found["front"], found["cheapest"]) == (NAME, 1, [0], None)
    assert "Trial 0" in result.stderr


def test_all_tells_why_trials_were_pruned(folder, tmp_path):
    text = ends_well(*beginning(folder, tmp_path, trials=1, **{"min-columns-per-second": 1e9}), "--all")
    assert "0 of 1 trials finished" not in text and "1 of 1 trials finished (1 pruned)" in text
    assert "Trial 0 pruned: min_columns_per_second is 1000000000; the fastest folding of QLSTM8_W" in text


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"min-columns-per-second": None},
            "min_columns_per_second is missing: a new study needs --min-columns-per-second N.",
        ),
        ({"params": None}, "preset is missing: a new study needs -p PRESET.json."),
        ({"board": "pynq-z22"}, "There is no board 'pynq-z22'; did you mean 'pynq-z2'?"),
        ({"weights": "2,9"}, "weight has 9; allowed is 2 to 8."),
        ({"epochs": 2}, "epochs is 2; the recipe's 3 stages need at least 3."),
        ({"heartbeat": 100}, "heartbeat is 100 s with a grace of 120 s; it must be above 0 and at most half of it."),
    ],
)
def test_a_study_that_cannot_be_is_refused(folder, tmp_path, changes, message):
    fails(message, *beginning(folder, tmp_path, **changes))


def test_a_preset_that_is_not_the_boards_is_refused_before_any_line_is_read(folder, tmp_path):
    replace(PRESET, forward_arithmetic="ORIGINAL").to_json(tmp_path / "float.json")
    result = run(*beginning(folder, tmp_path, params=tmp_path / "float.json", data="nowhere"))
    assert result.stderr.startswith("Error: The recipe ends in the overlay's arithmetic: ")
    assert not (tmp_path / f"{NAME}.db").exists()


def test_a_worker_with_other_lines_is_refused(folder, tmp_path):
    join(tmp_path / f"{NAME}.db", dataset="other", lines=(10, 3, 5))
    fails(
        "dataset is 'lines', and the study 'tiny' has 'other'.",
        "--study",
        NAME,
        "-e",
        tmp_path,
        "--data",
        folder / "lines",
    )


def test_a_study_that_is_not_there_cannot_be_shown(tmp_path):
    fails(f"Cannot read {tmp_path / 'x.db'}: no such file.", "--study", "x", "-e", tmp_path, "--show")
    join(tmp_path / "x.db")
    fails(
        f"There is no study 'x' in sqlite:///{tmp_path / 'x.db'}; it has tiny.",
        *("--study", "x", "-e", tmp_path, "--show"),
    )


def test_nothing_is_printed_of_a_design_before_all_have_been_opened(small, tmp_path):
    result = fails(f"Cannot read {tmp_path / 'no.npz'}: no such file.", small, tmp_path / "no.npz")
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"heartbeat": "nan"}, "heartbeat is nan s with a grace of 120 s; it must be above 0 and at most half of it."),
        ({"columns": 733}, "columns is 733; it must be 1 to 732."),
    ],
)
def test_what_is_refused_leaves_nothing_behind(folder, tmp_path, changes, message):
    fails(message, *beginning(folder, tmp_path / "runs", **changes))
    assert not (tmp_path / "runs").exists()


def test_a_name_with_a_slash_is_refused(tmp_path):
    message = (
        "study is '../up'; a name has 1 to 200 bytes, begins with a letter or a digit, and holds neither slashes nor what "
        "cannot be printed."
    )
    fails(message, "--study", "../up", "-e", tmp_path, "--show")


def test_another_study_of_the_same_name_does_not_take_networks_that_were_trained_on_other_lines(folder, tmp_path):
    home = tmp_path / NAME
    claim_folder(home, first_settings(given(dataset="other")))
    message = f"{home} has the networks of another study, of other lines or another preset: see {home / 'study.json'}."
    fails(message, *beginning(folder, tmp_path))
    assert not (tmp_path / f"{NAME}.db").exists()


def test_without_optuna_the_command_says_what_to_install(tmp_path, monkeypatch):
    (tmp_path / "x.db").touch()
    monkeypatch.setitem(sys.modules, "optuna", None)
    fails(
        "This command needs optuna, which is not installed: pip install 'foldline[explore]'.",
        *("--study", "x", "-e", tmp_path, "--show"),
    )


# The page ------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_commands_of_the_page_run_as_they_stand_and_print_what_stands_there(monkeypatch, tmp_path):
    page = (REPOSITORY / "docs" / "explore.md").read_text(encoding="utf-8")
    commands = [line.split()[1:] for line in page.splitlines() if line.startswith("    foldline ")]
    first, other, begun, shown, joined = commands
    monkeypatch.chdir(REPOSITORY)
    assert page.partition("```text\n")[2].partition("```")[0] == command_line.run(*first).stdout
    assert command_line.run(*other).exit_code == 0
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params").symlink_to(REPOSITORY / "params")
    # Later options count: a small network in place of twenty large ones.
    smaller = "--data synthetic:4 --extra synthetic:4 --extra-lines 1 --epochs 3 --hidden 8 --trials 1 --no-cuda"
    for words in ([*begun, *smaller.split()], shown, joined):
        result = command_line.run(*words)
        assert result.exit_code == 0, (words, result.output)
        assert "1 of 1 trials finished (1 complete)" in result.stdout

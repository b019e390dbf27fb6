"""`foldline study run` and `foldline study show`: what they print, what they refuse, and what they leave behind."""

import json
import subprocess
import sys
from dataclasses import replace
from functools import partial

import pytest

from foldline.commands import study as study_command
from foldline.study.result import read_study
from foldline.study.settings import first_settings
from foldline.study.training import claim_folder
from tests.foldline import command_line
from tests.foldline.study.studies import NAME, PRESET, given, join
from tests.golden_data import REPOSITORY
from tests.train import tiny
from train.data.dataset import write_dataset

pytestmark = pytest.mark.no_numpy2

run = partial(command_line.run, "study")


def fails(message, *arguments, **options):
    return command_line.fails(message, "study", *arguments, **options)


def succeeds(*arguments) -> str:
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


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
    return [
        "run",
        NAME,
        *(text for name, value in options.items() if value is not None for text in (f"--{name}", value)),
    ]


def test_a_study_is_begun_shown_and_joined_by_a_worker_that_gives_its_name_only(folder, tmp_path):
    space = {"weights": "2", "activations": "2,4", "hidden": "8,12"}  # its first dimension has one value
    text = succeeds(*beginning(folder, tmp_path, trials=1, **space), "--no-cuda")
    study = read_study(NAME, str(tmp_path / f"{NAME}.db"))
    (trial,) = study.trials
    assert trial.state == "complete"
    assert f"Trial 0, {trial.choice.name}: CER {trial.error_rates.cer:.2f} % (simulated), " in text
    shown = succeeds("show", NAME, "-e", tmp_path)
    assert text.endswith(shown)
    assert "1 of 1 trials finished (1 complete)" in shown
    assert trial.error_rates.folder in shown
    assert "The cheapest network with a CER of at most 1000 %" in succeeds(
        "run", NAME, "-e", tmp_path, "--trials", 2, "--max-cer", 1000, "--no-cuda"
    )
    assert len(read_study(NAME, str(tmp_path / f"{NAME}.db")).finished) == 2


def test_stdout_holds_json_alone(folder, tmp_path):
    result = run(*beginning(folder, tmp_path, trials=1), "--no-cuda", "--json", "--max-cer", "0")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert (found["study"], found["finished"], found["front"], found["cheapest"]) == (NAME, 1, [0], None)
    assert "Trial 0" in result.stderr


def test_all_shows_why_trials_were_pruned(folder, tmp_path):
    text = succeeds(*beginning(folder, tmp_path, trials=1, **{"min-columns-per-second": 1e9}), "--all")
    assert "0 of 1 trials finished" not in text and "1 of 1 trials finished (1 pruned)" in text
    assert "Trial 0 pruned: min_columns_per_second is 1000000000; the fastest folding of QLSTM8_W" in text


def test_no_trials_are_none(folder, tmp_path):
    result = run(*beginning(folder, tmp_path, trials=0))
    assert result.exit_code == 2
    assert "'--trials': 0 is not in the range x>=1" in result.stderr


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
        (
            {"heartbeat": 100},
            "heartbeat is 100 s with a grace of 120 s; it must be at least 1 and at most half of the grace.",
        ),
    ],
)
def test_a_study_that_cannot_be_is_refused(folder, tmp_path, changes, message):
    fails(message, *beginning(folder, tmp_path, **changes))


def test_a_preset_that_is_not_the_boards_is_refused_before_any_line_is_read(folder, tmp_path):
    replace(PRESET, forward_arithmetic="ORIGINAL").to_json(tmp_path / "float.json")
    result = run(*beginning(folder, tmp_path, params=tmp_path / "float.json", data="nowhere"))
    assert result.stderr.startswith("Error: The recipe ends in the overlay's arithmetic: ")
    assert not (tmp_path / f"{NAME}.db").exists()


def test_values_of_the_space_are_integers(folder, tmp_path):
    result = run(*beginning(folder, tmp_path, weights="2,x"))
    assert result.exit_code == 2
    assert "'--weights': '2,x' is not a list of integers" in result.stderr


def test_a_journal_file_is_refused(folder, tmp_path):
    result = run(*beginning(folder, tmp_path, storage=tmp_path / "study.journal"))
    assert result.exit_code == 1
    assert "journal files are not supported" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_worker_with_other_lines_is_refused_and_leaves_no_folder(folder, tmp_path):
    join(tmp_path / f"{NAME}.db", dataset="other", lines=(10, 3, 5))
    message = "dataset is 'lines', and the study 'tiny' has 'other'."
    fails(message, "run", NAME, "-e", tmp_path, "--data", folder / "lines")
    assert not (tmp_path / NAME).exists()


def test_a_study_that_is_not_there_cannot_be_shown(tmp_path):
    fails(f"Cannot read {tmp_path / 'x.db'}: no such file.", "show", "x", "-e", tmp_path)
    join(tmp_path / "x.db")
    fails(
        f"There is no study 'x' in sqlite:///{tmp_path / 'x.db'}; it has tiny.",
        *("show", "x", "-e", tmp_path),
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"heartbeat": 0},
            "heartbeat is 0 s with a grace of 120 s; it must be at least 1 and at most half of the grace.",
        ),
        ({"columns": 733}, "columns is 733; it must be 1 to 732."),
    ],
)
def test_what_is_refused_leaves_nothing_behind(folder, tmp_path, changes, message):
    fails(message, *beginning(folder, tmp_path / "runs", **changes))
    assert not (tmp_path / "runs").exists()


def test_a_name_with_a_slash_is_refused(tmp_path):
    message = (
        "study is '../up'; a name has 1 to 200 bytes, begins with a letter or a digit, and holds neither slashes nor "
        "characters that cannot be printed."
    )
    fails(message, "show", "../up", "-e", tmp_path)


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
        *("show", "x", "-e", tmp_path),
    )


@pytest.mark.slow
def test_the_commands_of_the_page_run_as_they_stand(monkeypatch, tmp_path):
    page = (REPOSITORY / "docs" / "explore.md").read_text(encoding="utf-8")
    begun, shown, joined = [line.split()[1:] for line in page.splitlines() if line.startswith("    foldline study ")]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params").symlink_to(REPOSITORY / "params")
    # Later options count: a small network in place of twenty large ones.
    smaller = "--data synthetic:4 --extra synthetic:4 --extra-lines 1 --epochs 3 --hidden 8 --trials 1 --no-cuda"
    for words in ([*begun, *smaller.split()], shown, joined):
        result = command_line.run(*words)
        assert result.exit_code == 0, (words, result.output)
        assert "1 of 1 trials finished (1 complete)" in result.stdout


@pytest.mark.parametrize("name", ["run", "show"])
def test_help_imports_nothing_heavy(name):
    code = (
        "import sys; from foldline.cli import main\n"
        f"try: main(['study', '{name}', '--help'], prog_name='foldline')\n"
        "except SystemExit: sys.exit(','.join({'torch', 'numba', 'optuna', 'sqlalchemy', 'rich'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"Usage: foldline study {name} ")


def test_a_worker_that_names_extra_lines_alone_keeps_the_lines_of_the_study(folder, monkeypatch):
    """It took the default, synthetic lines, in their place."""
    opened = {}

    def read_dataset(data, **options):
        opened.update(options, data=data)

    monkeypatch.setattr(study_command, "read_dataset", read_dataset)
    settings = first_settings(given(data={"data": str(folder / "lines"), "valid": str(folder / "v.txt")}))
    _, options = study_command._lines({"extra": "synthetic:20"}, settings)
    assert options == {"data": str(folder / "lines"), "valid": str(folder / "v.txt"), "extra": "synthetic:20"}
    assert (opened["data"], opened["extra"]) == (str(folder / "lines"), "synthetic:20")
    _, options = study_command._lines({"data": str(folder)}, settings)
    assert options == {"data": str(folder)}

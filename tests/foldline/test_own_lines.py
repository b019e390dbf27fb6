"""A user's own lines on the command line: `foldline data import`, and what `--data`, `--valid` and `--imgs` take."""

import shutil

import pytest
from click.testing import CliRunner

from datapath.errors import ConfigError
from foldline.cli import main
from foldline.datasets import open_dataset
from tests.designs import random_design
from tests.golden_data import REPOSITORY
from tests.train import tiny
from tests.train.data.sources.places import image, text
from train.data.dataset import read_dataset, write_dataset
from train.trainer import train

LINES = REPOSITORY / "tests" / "cases" / "lines"


def run(*arguments, status=0):
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == status, result.output
    return result


@pytest.fixture
def validation_alone(tmp_path):
    """A folder of tiny lines with valid.txt and imgs, but no list of training lines."""
    folder = write_dataset(tiny.dataset(), tmp_path / "tiny")
    (folder / "sortedTrain.txt").unlink()
    return folder


def test_an_import_is_reported_in_numbers(tmp_path):
    shutil.copytree(LINES / "d_gt", tmp_path / "scans")
    (tmp_path / "scans" / "0001" / "000009.gt.txt").unlink()
    shown = run("data", "import", tmp_path / "scans", "-o", tmp_path / "lines", "--validation", "3").stdout
    assert "9 lines (9 from .gt.txt)" in shown
    assert "6 training and 3 validation lines, 3 lines by seed 0" in shown
    assert "0 of 9 lines (0.0 %)" in shown
    # The texts are those of the case without `yak zoo`: one space each.
    assert "space 9 " in shown
    assert "o U+006F 7 " in shown
    assert "left out: 1" in shown
    assert "000009.bin.png is left out: there is no text for it: no 000009.gt.txt" in shown
    assert len(read_dataset(tmp_path / "lines").validation) == 3


def test_an_import_names_doubtful_characters(tmp_path):
    # Three texts have the letters with their accents as two characters each, two as one.
    shown = run("data", "import", LINES / "d_nfd2", "-o", tmp_path / "lines", "--normalisation", "none").stdout
    assert "U+0301 2" in shown
    assert "\u25cc\u0301" in shown  # a combining mark stands on a circle
    assert "--normalisation" in shown
    shown = run("data", "import", LINES / "d_nfd2", "-o", tmp_path / "nfc").stdout
    assert "U+0301" not in shown
    assert "--normalisation" not in shown


def test_more_characters_than_an_alphabet_has_are_named(tmp_path):
    # 1 + 300 characters in one training line; a line of `x` validates or trains beside it.
    for name, content in (("a", "$" + "".join(chr(0x4E00 + number) for number in range(300))), ("b", "x")):
        image(tmp_path / "in" / f"{name}.png", width=40 + ord(name))
        text(tmp_path / "in" / f"{name}.gt.txt", content)
    seeds = ("0", "1", "2", "3")
    shown = [run("data", "import", tmp_path / "in", "-o", tmp_path / seed, "--seed", seed).stdout for seed in seeds]
    assert any("300 characters to train; an alphabet has at most 255" in one for one in shown)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--validation", "ten"), "'ten'"),
        (("--validation", "10"), "10 validation lines leave none of the 10 lines"),
        (("--normalisation", "NFD"), "'NFD' is not one of 'none', 'NFC', 'NFKC'"),
        (("-o", "-"), "- is standard output, which takes one file"),
    ],
)
def test_an_import_that_is_refused(tmp_path, arguments, named):
    result = CliRunner().invoke(main, ["data", "import", str(LINES / "d_gt"), "-o", str(tmp_path / "out"), *arguments])
    assert result.exit_code != 0
    assert named in result.stderr
    assert not (tmp_path / "out").exists()


def test_compare_and_evaluate_need_no_training_lines(validation_alone, tmp_path):
    trained = train(tiny.quantized(epochs=1), tiny.dataset(), experiments=tmp_path / "runs")
    for where in (
        ("--data", validation_alone),
        ("--valid", validation_alone / "valid.txt", "--imgs", validation_alone / "imgs"),
    ):
        assert "3 validation lines" in run("evaluate", trained.resume_from, *where).stdout
        assert "3 validation lines" in run("compare", trained.resume_from, *where).stdout


def test_a_report_needs_no_training_lines(validation_alone, tmp_path):
    random_design(1, inputs=8, hidden=4, classes=5).save(tmp_path / "net.npz")
    run("report", tmp_path / "net.npz", "-o", tmp_path / "report.html", "--data", validation_alone, "--inspect", "0")
    assert (tmp_path / "report.html").is_file()


def test_training_needs_both_lists_and_the_images(validation_alone, tmp_path):
    complete = write_dataset(tiny.dataset(), tmp_path / "complete")
    lists = {"sortedtrain": complete / "sortedTrain.txt", "valid": complete / "valid.txt", "imgs": complete / "imgs"}
    assert len(open_dataset("synthetic", seed=0, **lists).training) == 10
    with pytest.raises(ConfigError, match="--valid needs --sortedtrain and --imgs"):
        open_dataset("synthetic", seed=0, valid=lists["valid"])
    with pytest.raises(ConfigError, match="--valid needs --imgs"):
        open_dataset("synthetic", seed=0, valid=lists["valid"], validation_only=True)
    with pytest.raises(ConfigError, match="no --valid"):
        open_dataset("synthetic:5", seed=0, valid=lists["valid"])
    result = run("train", "--data", validation_alone, "--dry-run", status=1)
    assert f"{validation_alone}/sortedTrain.txt" in result.stderr


def test_a_network_is_trained_on_a_source_without_an_import(tmp_path):
    result = run("train", "--data", LINES / "d_gt", "--dry-run", "--epochs", "1", "--layer-size", "4", "--no-cuda")
    assert "9 training and 1 validation lines, as `foldline data import` splits them (10 %, seed 0)" in result.stderr


def test_commands_of_the_page_run_as_they_stand(tmp_path, monkeypatch):
    page = (REPOSITORY / "docs" / "your-own-lines.md").read_text(encoding="utf-8")
    commands = [line.split()[1:] for line in page.splitlines() if line.startswith("    foldline ")]
    commands = [words for words in commands if not any("faces" in word for word in words)]  # fonts that are not ours
    assert [words[0] for words in commands] == ["train", "compare", "export", "data", "train"]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params").symlink_to(REPOSITORY / "params")
    shutil.copytree(LINES / "d_gt", tmp_path / "scans")
    few = ("--epochs", 1, "--no-cuda")
    trained, compared, *_ = (run(*words, *(few if words[0] == "train" else ())).stdout for words in commands[:-1])
    assert "best-cer.pt" in trained
    assert "1 validation line " in compared
    assert (tmp_path / "net.hpp").is_file()
    assert len(read_dataset(tmp_path / "lines").training) == 9
    (old,) = (tmp_path / "experiments").iterdir()
    old.rename(tmp_path / "old")
    run(*commands[-1], *few)
    assert (tmp_path / "experiments" / old.name / "best-cer.pt").is_file()

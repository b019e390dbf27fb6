"""Failures of many lines are a few sentences, and every line is in the results."""

import json

import pytest

from datapath import Limits
from foldline.batch.failures import SHOWN, Failures, grouped
from foldline.compare.comparison import compare
from foldline.compare.tables import as_json, notes
from tests.designs import random_design
from tests.foldline.command_line import draw_line, run
from train.data.dataset import Line


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "design.npz"
    random_design(3, inputs=32, hidden=4, classes=5, limits=Limits(columns=100, labels=95)).save(path)
    return path


@pytest.fixture
def images(tmp_path):
    """Five lines of 110 to 150 columns and one of 90, 32 rows high, and three files that do not exist."""
    wide = [draw_line(tmp_path / f"wide{number}.png", 110 + 10 * (number % 5)) for number in (3, 4, 0, 1, 2)]
    return [*wide, draw_line(tmp_path / "fits.png", 90), *(tmp_path / f"none{number}.png" for number in range(3))]


@pytest.mark.parametrize("command", ["simulate", pytest.param("run", marks=pytest.mark.pynq)])
def test_two_of_a_kind_are_shown_and_the_rest_is_one_sentence(saved, images, command):
    """Of nine failed lines five are wider than 100 columns, and three do not exist: 2 + 2 lines, and one of each kind."""
    result = run(command, saved, *images)
    errors = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    assert len(errors) == 2 + 2 + 1 + 1 + 1
    assert [str(images[number]) in errors[number] for number in range(2)] == [True, True]
    columns = json.loads(run("simulate", saved, images[1], "--ignore-limits", "--json").stdout)["columns"]
    assert errors[4] == f"Error: 5 lines are wider than 100 columns, widest {images[1]} with {columns}."
    assert errors[5] == f"Error: 3 lines fail alike. The first: Cannot read {images[6]}: no such file."
    assert errors[6] == "Error: 8 of 9 lines failed."
    assert "names each line." in result.stderr
    assert result.exit_code == 1


def test_each_line_is_in_the_results_file_and_in_the_json(saved, images, tmp_path):
    run("simulate", saved, *images, "-o", tmp_path / "out.jsonl")
    for text in ((tmp_path / "out.jsonl").read_text(), run("simulate", saved, *images, "--json").stdout):
        entries = [json.loads(line) for line in text.splitlines()]
        assert [entry["name"] for entry in entries] == [str(image) for image in images]
        assert sum("error" in entry for entry in entries) == 8


def test_a_comparison_names_the_widest_and_its_json_every_line(tmp_path):
    design = random_design(3, inputs=32, hidden=4, classes=5, limits=Limits(columns=50, labels=95))
    lines = [
        Line(name=f"line{number}", text="b", source=draw_line(tmp_path / f"{number}.png", width))
        for number, width in enumerate((20, 80, 72, 90))
    ]
    columns = len(lines[3].columns(design))
    comparison = compare(design, lines)
    text = list(notes(comparison))
    assert "3 lines exceed the overlay and are left out (--ignore-limits computes them):" in text
    assert f"  3 lines are wider than 50 columns, widest line3 with {columns}." in text
    assert not any(note.startswith("  line3:") for note in text)
    assert len(as_json(comparison, experiment="x", data="x", per_line=False)["left_out"]) == 3


@pytest.mark.parametrize(
    ("messages", "sentence"),
    [
        (
            [f"The line has {columns} columns; the accelerator takes 1 to 732." for columns in (800, 900, 850)],
            "3 lines are wider than 732 columns, widest 1 with 900.",
        ),
        (
            [f"The line has {labels} labels; the accelerator writes at most 95." for labels in (96, 97, 120)],
            "3 lines have more than 95 labels, most 2 with 120.",
        ),
        (
            [f"The line exceeds the overlay: {labels} labels, allowed at most 5." for labels in (7, 6, 6)],
            "3 lines have more than 5 labels, most 0 with 7.",
        ),
        (
            [f"The line has {odd} columns; the published overlay takes an even number of them." for odd in (3, 5, 7)],
            "3 lines have an odd number of columns, widest 2 with 7.",
        ),
        (["It is damaged at byte 7."] * 3, "3 lines fail alike. The first: 0: It is damaged at byte 7."),
    ],
)
def test_the_sentence_of_a_kind(messages, sentence):
    failures = Failures()
    shown = [failures.add(str(number), message) for number, message in enumerate(messages)]
    assert shown == [True] * SHOWN + [False]
    assert list(failures.summaries) == [sentence]


def test_few_failures_are_all_shown_and_kinds_are_apart():
    few = [
        "a: 800 columns, allowed at most 732",
        "b: 801 columns, allowed at most 732",
        "c: 96 labels, allowed at most 95",
    ]
    assert list(grouped(few)) == few

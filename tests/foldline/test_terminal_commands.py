"""No text that a user brings commands the terminal on which a command prints it, and JSON keeps every character of it."""

import json
import os
import re
import time
from dataclasses import replace
from pathlib import Path

import pytest
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from datapath import Alphabet
from foldline.console.echo import echo
from foldline.console.plain_console import PlainConsole
from tests.designs import random_design
from tests.foldline.command_line import draw_line, run
from tests.golden_data import REPOSITORY
from train.experiment import Experiment

pytestmark = pytest.mark.no_numpy2

EVIL = "\x1b]0;t\x07\x9b2J\b\x7f\u2028\u202e"
SPELLED = r"\x1b]0;t\x07\x9b2J\x08\x7f\u2028\u202e"
SYMBOLS = ("\x1b[2J", "\x9b31m", "\x07", "\u2028", "\u202e", "\x7f", "<b>", "\u05e9", "e\u0301", "\u200d", "\\")
COMMANDS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working folder; a design whose alphabet is `SYMBOLS`, and images whose names command a terminal."""
    monkeypatch.chdir(tmp_path)
    design = random_design(2, inputs=32, hidden=8, classes=len(SYMBOLS) + 1)
    replace(design, alphabet=Alphabet(("", *SYMBOLS))).save(f"design{EVIL}.npz")
    for name in names():
        draw_line(Path(name), 300)
    return tmp_path


def names():
    return [f"line{EVIL}\n\t[red].png", os.fsdecode(b"caf\xe9\x1b[2J.png")]


def test_results_are_plain_on_the_terminal_and_whole_in_json(folder):
    design = f"design{EVIL}.npz"
    plain = run("simulate", design, *names(), f"none{EVIL}.png")
    assert COMMANDS.search(plain.output) is None
    rows = [line.split("\t") for line in plain.stdout.splitlines()]
    assert [row[0] for row in rows] == [rf"line{SPELLED}\n\t[red].png", r"caf\udce9\x1b[2J.png"]
    assert f"Error: Cannot read none{SPELLED}.png: no such file.\n" in plain.stderr
    printed = run("simulate", design, *names(), "--json")
    assert COMMANDS.search(printed.output) is None
    for line, name, row in zip(printed.stdout.splitlines(), names(), rows, strict=True):
        entry = json.loads(line)
        assert entry["name"] == name
        assert entry["text"] == "".join(SYMBOLS[label - 1] for label in entry["labels"])
        assert row[1] == COMMANDS.sub(lambda found: found[0].encode("unicode_escape").decode(), entry["text"])
        assert {"\x07", "\u0301", "\\"} <= set(entry["text"])
    board = run("run", design, *names())
    assert [line.split("\t")[:2] for line in board.stdout.splitlines()] == rows


@pytest.mark.parametrize(
    "arguments",
    [
        ("simulate", f"none{EVIL}.npz", "a.png"),
        ("simulate", "DESIGN", f"--{EVIL}"),
        ("simulate", "DESIGN", "a.png", f"--threads={EVIL}"),
        (EVIL,),
        ("inspect", "DESIGN", "--bounds"),
        ("inspect", "DESIGN", "--bounds", "--json"),
        ("export", "DESIGN", "-o", f"header{EVIL}.hpp"),
        ("export", "DESIGN", "--project", f"project{EVIL}"),
        ("export", "DESIGN", "--project", "project", "--board", "keys.json"),
        ("train", "-p", "keys.json"),
        ("data", "import", f"none{EVIL}", "-o", f"lines{EVIL}"),
        ("data", "import", "table.csv", "-o", "lines"),
    ],
    ids=lambda arguments: " ".join(arguments[:2]).encode("unicode_escape").decode(),
)
def test_messages_and_tables_show_escapes(folder, arguments):
    Path("keys.json").write_text(json.dumps({f"key{EVIL}": 1, "name": EVIL}))
    Path("table.csv").write_text(f"image{EVIL}.png,text{EVIL}\n", encoding="utf-8")
    result = run(*(f"design{EVIL}.npz" if one == "DESIGN" else one for one in arguments))
    assert result.output
    assert COMMANDS.search(result.output) is None
    assert result.exception is None or isinstance(result.exception, SystemExit)
    for path in folder.rglob("*"):
        if path.suffix in (".hpp", ".md", ".tcl", ".sv", ".v", ".xdc", ".txt"):
            assert COMMANDS.search(path.read_text(encoding="utf-8")) is None, path


def test_consoles_escape_texts_and_read_no_markup(capsys):
    console = PlainConsole(width=200)
    table = Table(title=f"title{EVIL}")
    table.add_column(f"column{EVIL}")
    table.add_row(f"[red]{EVIL}[/nothing] :smile:")
    with Progress(console=console) as bars:
        bars.add_task(f"task{EVIL}", total=2)
        console.print(f"printed{EVIL}[/nothing]", Text(f"text{EVIL}"), table)
    echo(f"one\t{EVIL}\ntwo")
    printed = capsys.readouterr().out
    assert COMMANDS.search(printed) is None
    assert "[red]" in printed and "[/nothing] :smile:" in printed
    assert f"one\t{SPELLED}\ntwo\n" in printed


def test_the_log_of_a_run_shows_escapes(tmp_path):
    experiment = object.__new__(Experiment)
    experiment.folder = tmp_path
    experiment.log(f"train {EVIL}\udce9")
    text = (tmp_path / "train.log").read_text(encoding="utf-8")
    assert text[len(time.strftime("%Y-%m-%d %H:%M:%S")) :] == f"  train {SPELLED}\\udce9\n"


def test_commands_print_by_echo_and_by_plain_consoles_only():
    """Everything else that prints would need an escape of its own."""
    allowed = {"foldline/console/echo.py", "foldline/console/stopping.py", "foldline/console/plain_console.py"}
    for path in (REPOSITORY / "foldline").rglob("*.py"):
        if path.relative_to(REPOSITORY).as_posix() not in allowed:
            assert not re.search(r"click\.s?echo\(|(?<![\w.])(?:print|Console)\(", path.read_text(encoding="utf-8")), (
                path
            )

"""Every example in a docstring and in the README does what it says."""

import doctest
import importlib
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from foldline.cli import main
from tests.builds import random_columns
from tests.designs import random_design
from tests.golden_data import REPOSITORY

PACKAGES = ("datapath", "fixedpoint_sim", "hls_gen", "train", "overlay_driver", "foldline")


def modules_with_examples() -> list[str]:
    """Modules with a doctest prompt somewhere in their text."""
    paths = (path for package in PACKAGES for path in sorted((REPOSITORY / package).rglob("*.py")))
    return [module_name(path) for path in paths if ">>> " in path.read_text(encoding="utf-8")]


def module_name(path: Path) -> str:
    parts = path.relative_to(REPOSITORY).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@pytest.mark.parametrize("name", modules_with_examples())
def test_examples_in_docstrings(name):
    result = doctest.testmod(importlib.import_module(name))
    assert result.attempted > 0
    assert result.failed == 0, "see the captured output"


def test_modules_with_examples_are_found():
    assert {"datapath.formats", "datapath.precision", "datapath.error_rates"} <= set(modules_with_examples())


def test_examples_in_the_readme(monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    result = doctest.testfile(str(REPOSITORY / "README.md"), module_relative=False)
    assert result.attempted > 0
    assert result.failed == 0, "see the captured output"


def test_commands_in_the_readme_run_as_they_stand(tmp_path, monkeypatch):
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    section = text[text.index("step by step:") : text.index("With internet,")]
    commands = [line.split() for line in section.splitlines() if line.startswith("    foldline ")]
    assert [words[1] for words in commands] == [
        *("data", "train", "export", "import-header", "verify", "simulate", "compare", "golden")
    ]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params").symlink_to(REPOSITORY / "params")
    smaller = {"800": "20", "100": "4"}  # lines: the commands are tried here, not the network
    for words in commands:
        arguments = [smaller.get(word, word) for word in words[1:]]
        if words[1] == "train":
            arguments += ["--epochs", "1", "--no-cuda"]
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 0, (words, result.output)
    assert (tmp_path / "trace.npz").is_file()


def test_commands_on_the_hardware_page_run_as_they_stand(tmp_path, monkeypatch, csim_builds):
    """With a small network in place of the recipe's, which takes long to train."""
    text = (REPOSITORY / "docs" / "hardware.md").read_text(encoding="utf-8")
    commands = [line.partition("#")[0].split() for line in text.splitlines() if line.startswith("    foldline ")]
    assert [words[1] for words in commands] == ["train", "export", "csim", "export", "csim", "csim"]
    monkeypatch.chdir(tmp_path)
    design = random_design(1, inputs=32, hidden=8, classes=5)
    (tmp_path / commands[1][2]).parent.mkdir(parents=True)
    design.save(commands[1][2])
    (tmp_path / "lines").mkdir()
    for name in ("line.png", "lines/0.png"):
        Image.fromarray(np.tile(np.arange(0, 256, 4, dtype=np.uint8), (32, 1))).save(name)
    np.savez("pixels.npz", pixels_0=random_columns(design, 4))
    for words in commands[1:]:
        result = CliRunner().invoke(main, words[1:])
        assert result.exit_code == 0, (words, result.output)
    assert {"README.md", "Makefile", "run_hls.tcl", "build.tcl"} <= {
        path.name for path in (tmp_path / "board").iterdir()
    }


@pytest.mark.parametrize(
    "path", [*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md")], ids=lambda path: path.name
)
def test_no_placeholder_is_left_in_a_page(path):
    assert "@@" not in path.read_text(encoding="utf-8")

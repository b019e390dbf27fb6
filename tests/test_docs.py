"""Every example in a docstring does what it says."""

import doctest
import importlib
from pathlib import Path

import pytest

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

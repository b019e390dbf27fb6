"""Inputs that failed once are read without a fault; so are the first mutants of every format."""

import os
import subprocess
import sys

import pytest

from tests.golden_data import REPOSITORY

pytestmark = pytest.mark.no_numpy2


def test_no_input_of_the_corpus_has_a_fault(tmp_path):
    """In a process of its own: the hooks of the fuzzers cannot be taken off."""
    command = [sys.executable, "-m", "tests.fuzz"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, env=_environment(), check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(REPOSITORY)}

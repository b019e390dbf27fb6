"""Inputs that failed once are read without a fault; so are the first mutants of every format."""

import os
import subprocess
import sys

import pytest

from tests.fuzz.formats import all_formats
from tests.golden_data import REPOSITORY

pytestmark = pytest.mark.no_numpy2


INPUTS, OF_EACH_FORMAT = 500, 10


def test_no_input_of_the_corpus_and_none_of_the_first_mutants_has_a_fault():
    """In a process of its own: the hooks of the fuzzers cannot be taken off."""
    command = [
        sys.executable,
        "-m",
        "tests.fuzz",
        "--inputs",
        str(INPUTS),
        "--least",
        str(OF_EACH_FORMAT),
        "--jobs",
        "1",
    ]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [row.split("|") for row in done.stdout.splitlines() if row.startswith("| ")]
    counts = {row[1].strip(): int(row[2]) for row in rows if row[2].strip().isdigit()}
    assert counts.pop("all") >= INPUTS
    assert sorted(counts) == sorted(all_formats())
    assert min(counts.values()) >= OF_EACH_FORMAT

"""Fixtures that more than one room's tests use."""

from pathlib import Path

import pytest

from tests.golden_data import data_folder


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with the reference vectors and scans; a test that uses it is skipped where it is absent."""
    folder = data_folder()
    if not folder.is_dir():
        pytest.skip(f"the reference data is not at {folder} (set FOLDLINE_DATA)")
    return folder

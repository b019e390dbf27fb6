"""Fixtures that more than one room's tests use."""

from pathlib import Path

import pytest
from hypothesis import settings

from tests.golden_data import data_folder

# No deadline: on a busy machine one slow file write would fail a test that is right.
settings.register_profile("foldline", deadline=None)
settings.load_profile("foldline")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with the reference vectors and scans; a test that uses it is skipped where it is absent."""
    folder = data_folder()
    if not folder.is_dir():
        pytest.skip(f"the reference data is not at {folder} (set FOLDLINE_DATA)")
    return folder

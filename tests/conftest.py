"""Fixtures that more than one room's tests use."""

from pathlib import Path

import pytest
from hypothesis import settings

from datapath.errors import ToolError
from hls_gen.csim import FLAGS, CSimulation
from hls_gen.toolchain import Toolchain
from tests.builds import QUICK, builds_folder
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


@pytest.fixture
def csim_builds(tmp_path_factory, monkeypatch) -> Path:
    """C simulations are built with quick flags, and kept in this folder for the whole run of the tests.

    A test that uses it is skipped where there is no compiler, or where there are no types.
    """
    folder = builds_folder(tmp_path_factory.getbasetemp())
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    monkeypatch.setitem(CSimulation.__init__.__kwdefaults__, "flags", QUICK)
    try:
        Toolchain.find()
    except ToolError as error:
        pytest.skip(str(error))
    return folder


@pytest.fixture
def full_csim(csim_builds, monkeypatch) -> None:
    """C simulations are built with the flags that users get."""
    monkeypatch.setitem(CSimulation.__init__.__kwdefaults__, "flags", FLAGS)

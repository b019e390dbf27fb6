"""Fixtures and hooks that tests of several packages use."""

import os
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
from hypothesis import settings

from datapath.errors import ToolError
from hls_gen.csim import FLAGS, CSimProgram
from hls_gen.toolchain import Toolchain
from rtl_gen.verilator import Verilator
from tests.builds import QUICK, builds_folder
from tests.golden_data import REPOSITORY, data_folder
from tests.rtl_gen.synthesis.stand_ins import StandIns

# No deadline: on a busy machine one slow file write would fail a correct test.
settings.register_profile("foldline", deadline=None)
settings.load_profile("foldline")


DRIVER_TESTS = REPOSITORY / "tests" / "overlay_driver"


def installed(package: str) -> str | None:
    """The version of a package, without importing it; None where it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def reason_without_pynq() -> str | None:
    """Why no test that needs pynq can run here; None if they can."""
    if installed("pynq") is None:
        return "pynq is not installed"
    if not installed("numpy").startswith("1."):
        return f"pynq needs numpy 1, and this is numpy {installed('numpy')}"
    return None


def pytest_report_header() -> str:
    return f"numpy {installed('numpy')}, pynq {installed('pynq') or 'is not installed'}"


class SkippedModule(pytest.Module):
    """A module that is skipped without being imported, because it may import pynq at its top."""

    def collect(self):
        pytest.skip(reason_without_pynq(), allow_module_level=True)


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    if reason_without_pynq() and module_path.is_relative_to(DRIVER_TESTS):
        return SkippedModule.from_parent(parent, path=module_path)
    return None


@pytest.hookimpl(tryfirst=True)  # before -m chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    reason = reason_without_pynq()
    for item in items:
        if reason and item.get_closest_marker("pynq"):
            item.add_marker(pytest.mark.skip(reason=reason))
        if {"csim_builds", "rtl_builds"} & set(item.fixturenames):
            item.add_marker(pytest.mark.compiles)


@pytest.fixture(scope="session", autouse=True)
def _no_fsync():
    """No test needs its files to survive a power cut; a written file waits 10 ms for a disk, and a project has 40 files."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with the reference vectors and scans; without it, the test is skipped."""
    folder = data_folder()
    if not folder.is_dir():
        pytest.skip(f"the reference data is not at {folder} (set FOLDLINE_DATA)")
    return folder


@pytest.fixture
def csim_builds(tmp_path_factory, monkeypatch) -> Path:
    """C simulations are built with fast-compiling flags into this folder, which all tests of a run share.

    A test that uses it is skipped without a compiler or without the fixed-point types.
    """
    folder = builds_folder(tmp_path_factory.getbasetemp())
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    monkeypatch.setitem(CSimProgram.__init__.__kwdefaults__, "flags", QUICK)
    try:
        Toolchain.find()
    except ToolError as error:
        pytest.skip(str(error))
    return folder


@pytest.fixture
def rtl_builds(tmp_path_factory, monkeypatch) -> Path:
    """RTL simulations are built into this folder, which all tests of a run share.

    A test that uses it is skipped without Verilator or without a compiler.
    """
    folder = builds_folder(tmp_path_factory.getbasetemp())
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    try:
        Verilator.find()
    except ToolError as error:
        pytest.skip(str(error))
    return folder


@pytest.fixture
def full_csim(csim_builds, monkeypatch) -> None:
    """C simulations are built with the default flags."""
    monkeypatch.setitem(CSimProgram.__init__.__kwdefaults__, "flags", FLAGS)


@pytest.fixture
def synthesis_tools(tmp_path, monkeypatch) -> StandIns:
    """yosys and nextpnr-ecp5 are stand-ins; results are cached in the test's folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "tools").mkdir()
    return StandIns(tmp_path / "tools", monkeypatch)

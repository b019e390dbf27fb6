"""The RTL as the accelerator of the virtual board: labels, cycles, stalls, many labels, refusals, and the command line."""

import json

import numpy as np
import pytest

from datapath.architecture import Architecture
from datapath.errors import ConfigError, DesignError, LimitError
from datapath.manifest import Kernel, Manifest
from datapath.registers import STATUS, Control, Register, Status
from datapath.rtl_cycles import rtl_cycles
from fixedpoint_sim import simulate
from foldline.hardware.board import known_answers, open_driver
from tests.foldline.command_line import run

pytestmark = pytest.mark.pynq


@pytest.fixture
def design(rtl_builds):
    from tests.overlay_driver.boards import small_design

    return small_design()


@pytest.mark.parametrize("device", ["rtl", "rtl:1", "rtl:2"])
def test_lines_have_the_simulators_labels_with_and_without_stalls(design, device):
    from tests.overlay_driver.boards import random_line

    lines = [random_line(design, length, seed=length) for length in (1, 2, 3, 40, 41)]
    with open_driver(design, device=device) as driver:
        results = list(driver.read_lines(lines))
        assert driver.board.device.memory.stray == []
    for line, result in zip(lines, results, strict=True):
        np.testing.assert_array_equal(result.labels, simulate(design, line, ignore_limits=True).labels)


def test_the_time_of_a_line_is_its_cycles(design):
    from tests.overlay_driver.boards import line_with_labels

    cycles = rtl_cycles(Architecture.of(design))
    with open_driver(design, device="rtl") as driver:
        for length in (2, 17, 40):
            line = line_with_labels(design, length)
            result = driver.read_columns(line)
            counted = cycles.line(length, len(result.labels))
            assert round(result.milliseconds * 100_000) == counted


def test_more_labels_than_fit_are_counted(rtl_builds):
    from tests.overlay_driver.boards import MANY_LABELS, golden_design, line_with_labels

    design = golden_design(MANY_LABELS)
    line = line_with_labels(design, 120, more_than=design.limits.labels)
    with (
        open_driver(design, device="rtl") as driver,
        pytest.raises(LimitError, match=r"^The line has \d+ labels; the accelerator writes at most 3\.$"),
    ):
        driver.read_columns(line)


def test_a_refused_line_says_so_in_the_status_register(design):
    with open_driver(design, device="rtl") as driver:
        core, memory, faults = driver.board.device.core, driver.board.device.memory, driver.board.faults
        access = {"now": 0.0, "memory": memory, "faults": faults}
        for register, value in ((Register.COLUMNS, 733), (Register.RECORDS, 1466), (Register.CONTROL, Control.START)):
            core.write(register, value, clock_mhz=100, **access)
        assert 0 < core.done_at < 1e-6
        access["now"] = core.done_at
        assert core.read(Register.CONTROL, **access) == Control.DONE | Control.IDLE | Control.READY
        assert core.read(STATUS, **access) == Status.REFUSED
        assert core.read(Register.COLUMNS, **access) == 733


def test_a_line_may_start_before_the_last_ones_end_was_read(design):
    with open_driver(design, device="rtl") as driver:
        core, device = driver.board.device.core, driver.board.device
        access = {"now": 0.0, "memory": device.memory, "faults": device.faults}
        ends = []
        for _ in range(2):  # no column: both are refused
            core.write(Register.CONTROL, Control.START, clock_mhz=100, **access)
            access["now"] = core.done_at
            ends.append(core.done_at)
        assert ends[1] == 2 * ends[0] > 0
        assert core.read(Register.CONTROL, **access) == Control.DONE | Control.IDLE | Control.READY


def test_the_manifest_must_have_the_kernel(design, tmp_path):
    Manifest.of(design, answers=known_answers(design), kernel=Kernel.HLS).write(tmp_path / "hls.json")
    with pytest.raises(DesignError, match=r"^The kernel of .*hls\.json is 'hls'; --device rtl needs 'rtl'\.$"):
        open_driver(design, device="rtl", manifest=tmp_path / "hls.json")


@pytest.mark.parametrize("device", ["rtls", "virtual:1", "board:1"])
def test_a_device_that_cannot_be_is_refused(design, device):
    expected = rf"^--device is '{device}'; it must be board, virtual, rtl\[:SEED\], remote:HOST\[:PORT\] or serial:PATH\[:BAUD\]\.$"
    with pytest.raises(ConfigError, match=expected):
        open_driver(design, device=device)


@pytest.mark.parametrize("seed", ["", "0", "x", "-1", "1000000000"])
def test_a_seed_that_cannot_be_is_refused(design, seed):
    with pytest.raises(ConfigError, match=rf"^The seed of --device is '{seed}'; it must be 1 to 999999999\.$"):
        open_driver(design, device=f"rtl:{seed}")


def test_run_reads_lines_on_the_rtl(design, tmp_path):
    from tests.overlay_driver.boards import random_line

    line = random_line(design, 30)
    design.save(tmp_path / "design.npz")
    np.savez(tmp_path / "lines.npz", pixels_0=line)
    result = run("run", tmp_path / "design.npz", "--device", "rtl", "--pixels", tmp_path / "lines.npz", "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout.splitlines()[0])
    assert found["labels"] == simulate(design, line).labels.tolist()
    assert "Virtual board with the RTL: 1 line, 30 columns in" in result.output

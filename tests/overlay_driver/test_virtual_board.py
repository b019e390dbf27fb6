"""The virtual board behaves as a board: memory in two views, the registers of an HLS core, and its hangs."""

import numpy as np
import pynq
import pytest

from datapath.labels import overlay_labels
from datapath.manifest import Kernel, Manifest
from datapath.packing import REFUSED
from datapath.registers import STATUS, Control, Register, Status
from fixedpoint_sim import simulate
from foldline.hardware.board import simulated_core
from overlay_driver.accelerator import UNWRITTEN
from overlay_driver.virtual.device import VirtualBoard
from tests.overlay_driver.boards import (
    MANY_LABELS,
    driver_of,
    golden_design,
    golden_lines,
    line_with_labels,
    small_design,
)
from tests.overlay_driver.by_hand import ByHand

pytestmark = pytest.mark.pynq


@pytest.fixture
def by_hand():
    return ByHand(small_design())


@pytest.fixture
def line(by_hand):
    return line_with_labels(by_hand.design, 40, more_than=3)


def test_driving_it_by_hand_gives_the_simulator_s_labels(by_hand, line):
    np.testing.assert_array_equal(by_hand.run(line), simulate(by_hand.design, line).labels)


def test_without_a_flush_the_accelerator_does_not_see_the_line(by_hand, line):
    by_hand.fill(line)
    by_hand.start()
    assert by_hand.wait()
    by_hand.output.sync_from_device()
    assert not np.array_equal(by_hand.labels(), simulate(by_hand.design, line).labels)


def test_without_a_flush_the_previous_line_is_computed_again(by_hand, line):
    by_hand.run(line)
    by_hand.fill(line_with_labels(by_hand.design, 40, more_than=5)[::-1].copy())
    by_hand.start()
    assert by_hand.wait()
    by_hand.output.sync_from_device()
    np.testing.assert_array_equal(by_hand.labels(), simulate(by_hand.design, line).labels)


def test_without_an_invalidate_the_labels_are_not_seen(by_hand, line):
    by_hand.fill(line)
    by_hand.input.sync_to_device()
    by_hand.start()
    assert by_hand.wait()
    assert (np.asarray(by_hand.output) == UNWRITTEN).all()


def test_a_flush_after_the_start_is_too_late(by_hand, line):
    by_hand.fill(line)
    by_hand.start()
    by_hand.input.sync_to_device()
    assert by_hand.wait()
    by_hand.output.sync_from_device()
    assert not np.array_equal(by_hand.labels(), simulate(by_hand.design, line).labels)


def test_a_slice_is_synchronised_as_a_slice(by_hand):
    view = np.asarray(by_hand.input)
    view[:4] = [1, 2, 3, 4]
    by_hand.input[1:3].sync_to_device()
    seen = by_hand.device.memory.read(by_hand.input.physical_address, 32).view("<u8")
    assert seen[1:3].tolist() == [2, 3]
    assert seen[0] != 1
    assert seen[3] != 4


def test_the_control_register_is_that_of_an_hls_core(by_hand, line):
    assert by_hand.control() == Control.IDLE
    by_hand.fill(line)
    by_hand.input.sync_to_device()
    by_hand.start()
    assert by_hand.control() == Control.START
    by_hand.start()  # changes nothing
    assert by_hand.control() == Control.START
    by_hand.board.timer.pause()
    assert by_hand.control() == Control.DONE | Control.IDLE | Control.READY
    assert by_hand.control() == Control.IDLE  # done and ready clear on read


def test_registers_keep_what_is_written(by_hand, line):
    by_hand.fill(line)
    assert by_hand.mmio.read(Register.COLUMNS.value) == 40
    assert by_hand.mmio.read(Register.INPUT_ADDRESS.value) == by_hand.input.physical_address
    assert by_hand.mmio.read(0x60) == 0


def test_the_published_kernel_hangs_on_more_labels_than_fit():
    design = golden_design(MANY_LABELS)
    line = line_with_labels(design, 120, more_than=design.limits.labels)
    by_hand = ByHand(design)
    assert by_hand.run(line) is None
    assert by_hand.control() == Control.START  # for ever
    by_hand.device.reload()
    few = line_with_labels(design, 12)
    np.testing.assert_array_equal(by_hand.run(few), simulate(design, few).labels)


@pytest.mark.parametrize("room", [True, False])
def test_the_published_kernel_writes_an_end_mark_if_it_fits(line, room):
    """LSTM-PYNQ's `Stream2Mem` writes what it reads, including its end mark, and stops when the buffer is full."""
    found = simulate(small_design(), line).found
    design = small_design(labels=found + room)
    by_hand = ByHand(design)
    by_hand.run(line)
    words = np.asarray(by_hand.output)
    assert words[0] == found
    assert words[1 + found] == (design.classes if room else UNWRITTEN)
    assert (words[2 + found :] == UNWRITTEN).all()


@pytest.mark.parametrize("kernel", list(Kernel))
def test_an_end_mark_is_accepted_only_from_the_published_kernel(line, kernel):
    found = simulate(small_design(), line).found
    for labels in (found, found + 1, found + 2):
        design = small_design(labels=labels)
        with driver_of(design, kernel=kernel) as driver:
            np.testing.assert_array_equal(driver.read_columns(line).labels, simulate(design, line).labels)


def test_the_hls_kernel_counts_labels_on_which_the_published_one_hangs():
    design = golden_design(MANY_LABELS)
    line = line_with_labels(design, 120, more_than=design.limits.labels)
    by_hand = ByHand(design, Kernel.HLS)
    by_hand.run(line)
    words = np.asarray(by_hand.output)
    trace = simulate(design, line, ignore_limits=True)
    assert words[0] == trace.found > design.limits.labels
    np.testing.assert_array_equal(words[1 : 1 + design.limits.labels], trace.labels)
    assert (words[1 + design.limits.labels :] == UNWRITTEN).all()


def test_with_too_many_columns_the_published_kernel_misbehaves_and_the_hls_kernel_refuses():
    design = small_design(columns=60)
    line = line_with_labels(design, 80, more_than=5)
    assert not np.array_equal(
        ByHand(design).run(line), overlay_labels(simulate(design, line, ignore_limits=True).scores)
    )
    ours = ByHand(design, Kernel.HLS)
    ours.fill(line)
    ours.input.sync_to_device()
    ours.start()
    assert ours.wait()
    ours.output.sync_from_device()
    assert (np.asarray(ours.output) == UNWRITTEN).all()  # a count of all ones


@pytest.mark.parametrize("columns", [0, 733])
@pytest.mark.parametrize("kernel", [Kernel.HLS, Kernel.RTL])
def test_a_line_that_is_refused_ends_and_the_rtl_kernel_has_a_status(line, kernel, columns):
    by_hand = ByHand(small_design(), kernel)
    by_hand.fill(line)
    by_hand.mmio.write(Register.COLUMNS.value, columns)
    by_hand.mmio.write(Register.RECORDS.value, 2 * columns)
    by_hand.start()
    assert by_hand.wait()
    assert by_hand.mmio.read(STATUS) == (Status.REFUSED if kernel is Kernel.RTL else 0)
    assert by_hand.run(line) is not None
    assert by_hand.mmio.read(STATUS) == 0


@pytest.mark.parametrize("kernel", [Kernel.HLS, Kernel.RTL])
def test_our_kernels_take_the_bytes_of_records_without_padding(line, kernel):
    by_hand = ByHand(small_design(), kernel)
    by_hand.fill(line)
    unpadded = -(-by_hand.design.inputs * by_hand.design.precision.activation // 8)
    for length, refused in ((2 * len(line) * unpadded, False), (2 * len(line) * unpadded - 1, True)):
        by_hand.mmio.write(Register.INPUT_BYTES.value, length)
        by_hand.input.sync_to_device()
        by_hand.start()
        assert by_hand.wait()
        by_hand.output.sync_from_device()
        assert (int(np.asarray(by_hand.output)[0]) == REFUSED) == refused


def test_only_the_published_kernel_misreads_an_odd_line():
    design = small_design()
    line = line_with_labels(design, 41, more_than=3)
    last = simulate(design, line[:-1]).labels
    if np.array_equal(last, simulate(design, line, ignore_limits=True).labels):
        line = line_with_labels(design, 31, more_than=3)
    np.testing.assert_array_equal(ByHand(design).run(line), simulate(design, line[:-1]).labels)
    np.testing.assert_array_equal(
        ByHand(design, Kernel.HLS).run(line), simulate(design, line, ignore_limits=True).labels
    )


@pytest.mark.parametrize("register", [Register.RECORDS, Register.INPUT_BYTES])
def test_inconsistent_registers_hang_the_published_kernel(by_hand, line, register):
    by_hand.fill(line)
    by_hand.input.sync_to_device()
    by_hand.mmio.write(register.value, 8)
    by_hand.start()
    assert not by_hand.wait()


def test_an_access_outside_all_buffers_is_logged(by_hand, line):
    by_hand.fill(line)
    by_hand.mmio.write(Register.OUTPUT_ADDRESS.value, 0x1000)
    by_hand.start()
    assert by_hand.wait()
    assert by_hand.device.memory.stray == [
        f"wrote {8 * (2 + simulated_labels(by_hand))} bytes at 0x00001000",  # count, labels, mark of the end
    ]


def simulated_labels(by_hand):
    """Number of labels of an input buffer that was not flushed."""
    data = by_hand.device.memory.read(by_hand.input.physical_address, by_hand.mmio.read(Register.INPUT_BYTES.value))
    columns = by_hand.device.core._forward_columns(data)
    return simulate(by_hand.design, columns).found


def test_nothing_can_be_allocated_before_a_bitstream_is_loaded():
    design = small_design()
    board = VirtualBoard(simulated_core(design, Kernel.PUBLISHED), Manifest.of(design, answers=()))
    with pytest.raises(RuntimeError, match=r"^Overlay is not downloaded$"):
        pynq.allocate(shape=(8,), dtype="u8", target=board.device)


def test_freed_memory_is_allocated_again(by_hand):
    first = pynq.allocate(shape=(1000,), dtype="u8", target=by_hand.device)
    address = first.physical_address
    first.freebuffer()
    first.freebuffer()  # once more does nothing
    assert pynq.allocate(shape=(1000,), dtype="u8", target=by_hand.device).physical_address == address


def test_memory_has_a_capacity(by_hand):
    with pytest.raises(MemoryError, match=r"^no 134217728 bytes of contiguous memory are left$"):
        pynq.allocate(shape=(16 << 20,), dtype="u8", target=by_hand.device)


def test_time_advances_only_while_waiting(by_hand, line):
    by_hand.fill(line)
    before = by_hand.board.timer.now()
    by_hand.start()
    assert by_hand.board.timer.now() == before
    by_hand.board.timer.pause()
    assert by_hand.board.timer.now() > before


def test_golden_lines_by_hand():
    name = "stress_w4a8_round"
    by_hand = ByHand(golden_design(name))
    for columns, labels in golden_lines(name):
        np.testing.assert_array_equal(by_hand.run(columns), labels)

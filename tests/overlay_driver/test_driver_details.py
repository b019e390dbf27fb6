"""Details of the driver and the virtual board; each test fails for a mutation that the other tests missed."""

import importlib.util
import time
import warnings
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pynq
import pytest
from PIL import Image

from datapath import Limits
from datapath.architecture import Architecture
from datapath.boards import load_board
from datapath.cycles import cycles_of, operations_per_column
from datapath.errors import BoardError, DataError, DesignError, FileError, FoldlineError, LimitError
from datapath.manifest import Kernel, KnownAnswer, Manifest
from datapath.npz import read_npz
from datapath.registers import CONTROL_BASE, TOP, Control, Register
from fixedpoint_sim import simulate
from foldline.batch.board_runs import read_inputs
from foldline.batch.inputs import LineInput
from foldline.hardware.board import known_answers, open_driver, simulated_core
from foldline.hardware.known_answer_lines import synthetic_lines
from overlay_driver import Driver, board, read_bit_file, this_board
from overlay_driver.accelerator import ADDRESS_SPACE, UNWRITTEN, LineBuffer
from overlay_driver.bitstream import require_named, require_part
from overlay_driver.driver import TIMEOUT_FACTOR
from overlay_driver.timing import RealTime
from overlay_driver.virtual import memory
from overlay_driver.virtual.device import VirtualBoard
from tests.designs import random_design
from tests.overlay_driver.bit_files import PREAMBLE, bit_file, write_bit_file
from tests.overlay_driver.boards import (
    GOLDEN,
    MANY_LABELS,
    SMALL,
    TRAINED,
    driver_of,
    golden_answer,
    golden_design,
    line_with_labels,
    random_line,
    small_design,
)
from tests.overlay_driver.by_hand import ByHand
from tests.overlay_driver.handoff import KERNEL, write_handoff

pytestmark = pytest.mark.pynq


@pytest.fixture
def bitstream(tmp_path):
    return write_bit_file(tmp_path / "net.bit")


@pytest.fixture
def by_hand(design):
    return ByHand(design)


def driver_with(design, bitstream: Path, **facts) -> Driver:
    manifest = Manifest.of(design, kernel=Kernel.PUBLISHED, **{"answers": (), **facts})
    virtual = VirtualBoard(simulated_core(design, Kernel.PUBLISHED), manifest)
    return Driver(design, board=virtual, manifest=manifest, bitstream=bitstream)


def require_at_rest(driver: Driver):
    """No buffer is allocated, and a still running accelerator accesses no other memory."""
    device = driver.board.device
    assert device.memory.allocations == []
    driver.board.timer.pause()
    device.core.read(Register.CONTROL, now=device.now, memory=device.memory, faults=device.faults)
    assert device.memory.stray == []


# Time -----------------------------------------------------------------------------------------------------------------


def test_the_time_out_is_a_multiple_of_the_modelled_time(design):
    line = random_line(design, 732)
    modelled = cycles_of(Architecture.of(design), Kernel.PUBLISHED).milliseconds(len(line), 0.5) / 1000
    assert TIMEOUT_FACTOR * modelled > 2
    with driver_of(design, clock_mhz=0.5) as driver:
        driver.board.faults.done_never_rises = True
        with pytest.raises(BoardError, match=rf"within {TIMEOUT_FACTOR * modelled:g} s \(control register 0x1\)\."):
            driver.read_columns(line)
        assert driver.board.timer.now() == pytest.approx(TIMEOUT_FACTOR * modelled, abs=0.01)


@pytest.mark.parametrize("late", [0, 10])
def test_the_time_of_a_line_that_ended_before_the_first_poll_is_an_upper_bound(design, line, late):
    """Even after the time-out: the line has ended."""
    with driver_of(design) as driver:

        def lines():
            yield line
            driver.board.timer.pause()
            driver.board.device.now += late
            yield line

        first, second = driver.read_lines(lines())
    assert (first.at_most, second.at_most) == (True, False)
    assert first.milliseconds == pytest.approx(second.milliseconds + 1000 * late)


def test_the_time_on_a_remote_board_is_an_upper_bound(design, line, monkeypatch):
    with driver_of(design) as driver:
        monkeypatch.setattr(driver.board, "remote", True)
        assert driver.read_columns(line).at_most


def test_a_board_s_time_is_this_computer_s_in_seconds(design):
    timer = board.Board(driver_of(design).board.device, part=None).timer
    assert isinstance(timer, RealTime)
    assert not timer.modelled
    before = time.perf_counter()
    now = timer.now()
    assert before <= now <= time.perf_counter()


def test_peepholes_do_not_count_as_operations():
    widths = {"bits": (5, 8, 5, 8, 8), "inputs": 25, "hidden": 100, "classes": 110}
    assert operations_per_column(random_design(0, **widths, peepholes=(5, 2))) == operations_per_column(
        random_design(0, **widths)
    )


# At rest --------------------------------------------------------------------------------------------------------------


def test_closing_the_driver_stops_an_unfinished_iterator(design, line):
    driver = driver_of(design)
    with driver:
        held = driver.read_lines([line] * 5)
        next(held)
    require_at_rest(driver)
    del held


def test_buffers_are_freed_even_if_the_accelerator_cannot_be_stopped(design, line, bitstream):
    driver = driver_with(design, bitstream)
    with pytest.raises(BoardError, match=r"^Cannot load .*net\.bit: OSError: "), driver:
        held = driver.read_lines([line] * 5)
        next(held)
        driver.board.device.core.done_at = np.inf  # the second line hangs
        bitstream.unlink()
    assert driver.board.device.memory.allocations == []
    del held


def test_a_line_that_ends_does_not_reload_the_bitstream(design, line, bitstream):
    with driver_with(design, bitstream) as driver:
        for _ in driver.read_lines([line] * 5):
            break
        assert driver.board.device.downloads == [str(bitstream)]


def test_reloading_sets_the_clock_again(design, line):
    with driver_of(design) as driver:
        driver.board.set_clock(50)
        driver.board.faults.done_never_rises = True
        with pytest.raises(BoardError):
            driver.read_columns(line)
        assert driver.board.device.clock_mhz == 100


# Lines and their errors -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "dtype"), [((8,), "int8"), ((10, 8, 1), "int8"), ((10, 8), "float64"), ((10, 8), "bool")]
)
def test_a_line_must_be_a_matrix_of_integers(design, shape, dtype):
    expected = (
        rf"^The line has shape \[{', '.join(map(str, shape))}\] and type {dtype}; it must be integers \[T, 8\]\.$"
    )
    with driver_of(design) as driver, pytest.raises(DataError, match=expected):
        driver.read_columns(np.zeros(shape, dtype=dtype))


def test_too_many_labels_for_the_hls_kernel_fail_only_that_line():
    design = golden_design(MANY_LABELS)
    many, few = line_with_labels(design, 120, more_than=design.limits.labels), line_with_labels(design, 12)
    with driver_of(design, kernel=Kernel.HLS) as driver:
        first, failed, last = driver.read_lines([few, many, few])
    assert isinstance(failed, LimitError)
    for reading in (first, last):
        np.testing.assert_array_equal(reading.labels, simulate(design, few).labels)


def test_read_texts_raises_at_the_first_line_that_fails():
    images = [Image.fromarray(read_npz(GOLDEN / "vectors" / f"{TRAINED}.npz", limit=1 << 30)["image_0"])] * 3
    images[1] = Image.new("L", (2000, 32), 255)
    read = []
    with (
        driver_of(golden_design(TRAINED)) as driver,
        pytest.raises(LimitError, match=r"^The line has 2006 columns; the accelerator takes 1 to 732\.$"),
    ):
        read.extend(reading.text for reading in driver.read_texts(images))
    assert len(read) <= 1


@pytest.mark.parametrize("bad", ["none.png", Image.new("L", (2000, 32), 255)], ids=["missing", "too-wide"])
def test_the_line_before_the_one_that_fails_is_read(bad):
    image = Image.fromarray(read_npz(GOLDEN / "vectors" / f"{TRAINED}.npz", limit=1 << 30)["image_0"])
    read = []
    with driver_of(golden_design(TRAINED)) as driver, pytest.raises(FoldlineError):
        read.extend(reading.text for reading in driver.read_texts([image, bad, image]))
    assert read == ["1971 been expected"]


def test_closing_an_old_iterator_does_not_stop_a_new_one(design, line):
    with driver_of(design) as driver:
        first = driver.read_lines([line])
        next(first)  # its only line, and it does not know yet that there is no other
        second = driver.read_lines([line] * 3)
        results = [next(second)]
        del first
        results.extend(second)
    assert [result.columns for result in results] == [40] * 3


def test_an_error_keeps_its_kind_when_it_is_named(design):
    inputs = [LineInput("short", random_line(design, 10)), LineInput("long", random_line(design, 1000))]
    with driver_of(design) as driver:
        (_, reading), (name, error) = read_inputs(driver, inputs)
    assert reading.columns == 10
    assert (name, type(error)) == ("long", LimitError)
    assert str(error) == "long: The line has 1000 columns; the accelerator takes 1 to 732."


def test_a_wrong_bitstream_is_named(design, line, bitstream):
    wrong = KnownAnswer(line, np.array([1, 2], dtype=np.uint8))
    with pytest.raises(
        BoardError, match=r"known-answer line of \d+ columns gives '.*' on net\.bit, and '.*' with the design\.$"
    ):
        driver_with(design, bitstream, answers=(wrong,)).__enter__()


# What the accelerator writes ------------------------------------------------------------------------------------------


def test_as_many_labels_as_the_buffer_holds_are_read(line):
    design = small_design(labels=simulate(small_design(), line).found)
    for kernel in Kernel:
        with driver_of(design, kernel=kernel) as driver:
            np.testing.assert_array_equal(driver.read_columns(line).labels, simulate(design, line).labels)


def test_a_count_of_one_more_than_fits_is_refused():
    line = next(
        line
        for line in (random_line(small_design(), 40, seed) for seed in range(100))
        if simulate(small_design(), line).found % 2 == 0 < simulate(small_design(), line).found
    )
    found = simulate(small_design(), line).found
    with driver_of(small_design(labels=found)) as driver:
        driver.board.faults.flipped_bit = (0, 0)
        with pytest.raises(
            BoardError,
            match=rf"^The accelerator counts {found + 1} labels for 40 columns; the allowed range is 0 to {found}\.$",
        ):
            driver.read_columns(line)


@pytest.mark.parametrize(
    ("kernel", "bit", "kind", "message"),
    [
        (
            Kernel.PUBLISHED,
            2,
            BoardError,
            "The accelerator counts {} labels for 40 columns; the allowed range is 0 to 10.",
        ),
        (Kernel.HLS, 2, LimitError, "The line has {} labels; the accelerator writes at most 10."),
        (Kernel.HLS, 4, BoardError, "The accelerator counts {} labels for 40 columns; the allowed range is 0 to 10."),
        (Kernel.HLS, 20, BoardError, "The accelerator counts {} labels for 40 columns; the allowed range is 0 to 10."),
    ],
    ids=["published", "ours", "ours-beyond-half-its-columns", "ours-beyond-its-columns"],
)
def test_only_the_hls_kernel_may_count_above_its_limit_up_to_half_the_columns(line, kernel, bit, kind, message):
    """Behind each column with a label that is emitted stands a blank one."""
    found = simulate(small_design(), line).found
    assert found in (8, 9)
    with driver_of(small_design(labels=10), kernel=kernel) as driver:
        driver.board.faults.flipped_bit = (0, bit)
        with pytest.raises(kind) as caught:
            driver.read_columns(line)
    assert str(caught.value) == message.format(found | 1 << bit)


@pytest.mark.parametrize("wrong", [0, 11])
def test_labels_outside_the_alphabet_are_refused(design, wrong):
    """The blank, and the number of classes, which is the published kernel's end mark."""
    for seed in range(100):
        line = random_line(design, 40, seed)
        labels = simulate(design, line).labels.tolist()
        if labels and (labels[0] ^ wrong).bit_count() == 1:
            break
    with driver_of(design) as driver:
        driver.board.faults.flipped_bit = (1, (labels[0] ^ wrong).bit_length() - 1)
        with pytest.raises(
            BoardError, match=rf"^The accelerator wrote 0x{wrong:X} as label 0; the allowed range is 1 to 10\.$"
        ):
            driver.read_columns(line)


# Registers and addresses ----------------------------------------------------------------------------------------------


def test_high_halves_of_the_addresses_are_written(design, line):
    with driver_of(design) as driver:
        registers = pynq.MMIO(CONTROL_BASE, 0x100, device=driver.board.device)
        for register in (Register.INPUT_ADDRESS, Register.OUTPUT_ADDRESS):
            registers.write(register + 4, 1)
        np.testing.assert_array_equal(driver.read_columns(line).labels, simulate(design, line).labels)
        assert driver.board.device.memory.stray == []


def test_a_line_is_started_once_after_everything_else_has_been_written(design, line):
    with driver_of(design) as driver:
        core, written = driver.board.device.core, []
        write = core.write

        def noted(offset, value, **rest):
            written.append((offset, value))
            write(offset, value, **rest)

        core.write = noted
        driver.read_columns(line)
    assert written[-1] == (Register.CONTROL, 1)  # nothing else in that register, such as a restart at the end
    assert [offset for offset, _ in written].count(Register.CONTROL) == 1


def test_a_start_that_is_pending_is_not_idle(design, line):
    with driver_of(design) as driver:
        driver.board.device.core._control = Control.IDLE | Control.START
        with pytest.raises(BoardError, match=r"is not idle \(control register 0x5\): another program uses it"):
            driver.read_columns(line)


@pytest.mark.parametrize("above", [False, True])
def test_a_buffer_above_the_accelerator_s_addresses_is_refused(design, monkeypatch, above):
    driver = driver_of(design)
    driver.board.load(None)
    first = ADDRESS_SPACE - 2 * design.limits.columns * 8 + above
    monkeypatch.setattr(memory, "FIRST_ADDRESS", first)
    refused = first if above else ADDRESS_SPACE  # where the input fits, the output is the first that does not
    expected = rf"^A buffer is at 0x{refused:X}; the accelerator reaches addresses below 0x100000000\.$"
    with pytest.raises(BoardError, match=expected):
        LineBuffer(driver.board, design)
    assert driver.board.device.memory.allocations == []


# The board ------------------------------------------------------------------------------------------------------------


def test_a_clock_within_the_tolerance_is_accepted(design, line):
    with driver_of(design, clock_mhz=143) as driver:
        assert driver.board.device.clock_mhz == pytest.approx(1000 / 7)
        driver.read_columns(line)


@pytest.mark.parametrize(("board", "pll"), [("pynq-z2", 1000), ("kv260", 1000), ("zcu104", 1500)])
def test_pynq_makes_every_clock_of_a_board(design, board, pll):
    """pynq's own choice of dividers gives the clock that Foldline takes for the board; it reads six decimals."""
    for clock in load_board(board).clocks:
        virtual = driver_of(design, clock_mhz=float(clock)).board
        assert virtual.set_clock(float(clock)) == pytest.approx(float(clock), abs=1e-6)
        assert (pll / virtual.device.clock_mhz) == pytest.approx(round(pll / clock))


@pytest.mark.filterwarnings("ignore:Setting frequency to the closest possible value:UserWarning")
@pytest.mark.parametrize(("asked", "clocks"), [(145, "145 MHz and reads 142.857"), (141, "141 MHz and reads 142.857")])
def test_a_clock_outside_the_tolerance_is_refused(design, asked, clocks):
    with pytest.raises(BoardError, match=rf"^FCLK0 was set to {clocks} MHz; the accelerator needs {asked}\.$"):
        driver_of(design, clock_mhz=asked).__enter__()


@pytest.mark.parametrize("kind", [RuntimeError, OSError, MemoryError, ValueError, KeyError])
def test_an_exception_of_pynq_becomes_a_message_of_one_line(design, monkeypatch, kind):
    driver = driver_of(design)

    def fails(*_, **__):
        raise kind("no\n  memory.\n")  # of a KeyError Python shows the repr

    monkeypatch.setattr(driver.board.device, "allocate", fails)
    reason = r"'no\\n memory\.\\n'\." if kind is KeyError else r"no memory\."
    with (
        pytest.raises(BoardError, match=rf"^Cannot allocate a buffer of 11712 bytes: {kind.__name__}: {reason}$"),
        driver,
    ):
        pass


def test_each_board_keeps_to_its_own_device(design):
    first, second = driver_of(design).board, driver_of(design).board
    for one in (first, second):
        one.load(None)
        one.set_clock(100)  # the one that pynq speaks to from now on
    assert first.allocate(8).device is first.device
    assert first.registers(CONTROL_BASE).device is first.device


def test_the_board_s_part_takes_precedence_over_the_manifest_s(design, bitstream):
    manifest = Manifest.of(design, answers=())
    virtual = driver_of(design).board
    virtual.part = "xczu3eg-sbva484-1-e"
    with pytest.raises(
        BoardError, match=r"net\.bit is for the part 7z020clg400; this board has xczu3eg-sbva484-1-e\.$"
    ):
        Driver(design, board=virtual, manifest=manifest, bitstream=bitstream)
    virtual.part = None
    Driver(design, board=virtual, manifest=manifest, bitstream=bitstream)


@pytest.fixture
def a_device(design, monkeypatch):
    device = driver_of(design).board.device
    monkeypatch.setattr(pynq.Device, "_active_device", device, raising=False)
    return device


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("Pynq-Z1\0", "xc7z020clg400-1"),
        ("Pynq-Z2\n", "xc7z020clg400-1"),
        ("ZCU104", "xczu7ev-ffvc1156-2-e"),
        ("Unknown", None),
        (None, None),
    ],
)
def test_the_part_follows_from_the_board_name_in_the_image(a_device, monkeypatch, tmp_path, name, part):
    path = tmp_path / "pynq_board"
    if name is not None:
        path.write_text(name)
    monkeypatch.setattr(board, "BOARD_NAME", path)
    here = this_board()
    assert (here.device, here.part, here.kind) == (a_device, part, "board")


@pytest.mark.parametrize("kind", [RuntimeError, AttributeError, OSError])
def test_without_xrt_every_exception_of_pynq_means_no_board(monkeypatch, kind):
    """pynq 3.0.1 looks for a board even without XRT, and fails at the missing library."""

    def nothing(self):
        raise kind("no xrt")

    monkeypatch.setattr(type(pynq.Device), "active_device", property(nothing))
    with pytest.raises(BoardError, match=r"^pynq finds no board here\. "):
        this_board()


def test_without_a_board_the_error_is_one_line(monkeypatch):
    for name in ("_active_device", "_devices"):
        if name in vars(pynq.Device):
            monkeypatch.delattr(pynq.Device, name)
    monkeypatch.delenv("XILINX_XRT", raising=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(BoardError, match=r"^pynq finds no board here\. "):
            this_board()


# Hardware handoff -----------------------------------------------------------------------------------------------------


def test_registers_in_memory_are_refused_before_anything_is_loaded(bitstream):
    handoff = write_handoff(bitstream, base=0x1000_0000)
    driver = driver_with(golden_design(SMALL), bitstream)
    with pytest.raises(BoardError) as caught, driver:
        pass
    assert str(caught.value) == (
        f"Cannot read {handoff}: DesignError: the address of {KERNEL} is 0x10000000; it must be a multiple of 0x1000 from "
        "0x40000000, below which is memory, to 0xFFFFF000."
    )
    assert driver.board.device.downloads == []


def test_two_accelerators_in_a_handoff_are_refused(bitstream, monkeypatch):
    handoff = write_handoff(bitstream)
    block = {"phys_addr": CONTROL_BASE, "type": f"xilinx.com:hls:{TOP}:1.0"}
    overlay = SimpleNamespace(ip_dict={"second": block, KERNEL: block}, parser=None)
    monkeypatch.setattr(pynq, "Overlay", lambda *_, **__: overlay)
    driver = driver_with(golden_design(SMALL), bitstream)
    with pytest.raises(BoardError) as caught, driver:
        pass
    assert str(caught.value) == f"{handoff} has 2 {TOP}; it must have one. Its blocks are: second, {KERNEL}."
    assert driver.board.device.downloads == []


def test_a_bitstream_is_loaded_with_the_parser_of_its_handoff(bitstream):
    """A board's device reads the memories from the parser."""
    write_handoff(bitstream)
    driver = driver_with(golden_design(SMALL), bitstream)
    device, parsers = driver.board.device, []
    download = device.download

    def noted(loaded, parser=None):
        parsers.append(parser)
        download(loaded, parser)

    device.download = noted
    with driver:
        (parser,) = parsers
        assert set(parser.ip_dict) == {"ps", KERNEL}


def test_folders_with_the_names_of_handoff_and_manifest_are_ignored(bitstream):
    bitstream.with_suffix(".hwh").mkdir()
    bitstream.with_suffix(".json").mkdir()
    bit = read_bit_file(bitstream)
    assert (bit.handoff, bit.manifest) == (None, None)


# Bitstreams -----------------------------------------------------------------------------------------------------------


def test_the_fields_of_a_header_have_any_length(bitstream):
    name = "blstm" * 100
    bit = read_bit_file(write_bit_file(bitstream, design=name, data=bytes(100_000)))
    assert (bit.design, bit.part) == (name, "7z020clg400")


def test_a_header_has_any_preamble_and_any_letters(bitstream):
    contents = bit_file(design="m\xe9moire")
    assert contents.startswith(PREAMBLE)
    bitstream.write_bytes((5).to_bytes(2, "big") + bytes(5) + b"\0\1" + contents[len(PREAMBLE) :])
    assert read_bit_file(bitstream).design == "m\xe9moire"


@pytest.mark.parametrize("change", [(b"c\0\x0b2018/03/07\0", b""), (b"e\0\0\0\x40", b"f\0\0\0\x40")])
def test_a_header_with_a_missing_or_unknown_field_is_refused(bitstream, change):
    contents = bit_file()
    assert change[0] in contents
    bitstream.write_bytes(contents.replace(*change))
    with pytest.raises(FileError, match=r"net\.bit is not a bitstream: "):
        read_bit_file(bitstream)


def test_a_part_is_the_same_in_capitals(bitstream):
    require_part(read_bit_file(write_bit_file(bitstream, part="7Z020CLG400")), "XC7Z020CLG400-1")


def test_a_published_name_matches_in_any_case_but_as_a_whole():
    other = golden_design("QLSTM128_W4B8A4I8_FC_W8B8")
    require_named(Path("plain-W2A4-pynq.bit.bit"), other)
    expected = r"^Plain-w2a4-PYNQ\.BIT is the published bitstream with weight bits 2, the design has 4\.$"
    with pytest.raises(DesignError, match=expected):
        require_named(Path("Plain-w2a4-PYNQ.BIT"), other)
    small = small_design()
    with pytest.raises(DesignError, match=r"with .*inputs 32, the design has 8; "):
        require_named(Path("PLAIN-W2A4-pynq.bit"), small)


def test_the_driver_checks_the_bitstream_s_name(tmp_path):
    path = write_bit_file(tmp_path / "plain-W2A4-pynq.bit")
    with pytest.raises(DesignError, match=r"^plain-W2A4-pynq\.bit is the published bitstream with weight bits 2, "):
        open_driver(golden_design("QLSTM128_W4B8A4I8_FC_W8B8"), bitstream=path)


# The virtual board ----------------------------------------------------------------------------------------------------


def test_a_start_while_a_line_is_running_is_ignored(by_hand, line):
    by_hand.fill(line)
    by_hand.input.sync_to_device()
    by_hand.start()
    end = by_hand.device.core.done_at
    by_hand.device.now = end / 2
    by_hand.mmio.write(Register.COLUMNS.value, 2)
    by_hand.start()
    assert by_hand.device.core.done_at == end
    assert by_hand.wait()
    by_hand.output.sync_from_device()
    np.testing.assert_array_equal(by_hand.labels(), simulate(by_hand.design, line).labels)


def test_only_the_start_bit_starts(by_hand, line):
    by_hand.fill(line)
    for value in (0, 0x80, 0xFE):
        by_hand.mmio.write(Register.CONTROL.value, value)
        assert by_hand.control() == Control.IDLE


@pytest.mark.parametrize(
    ("register", "value"), [(Register.COLUMNS, 0), (Register.RECORDS, 8), (Register.INPUT_BYTES, 8)]
)
def test_the_hls_kernel_refuses_inconsistent_registers(design, line, register, value):
    by_hand = ByHand(design, Kernel.HLS)
    by_hand.fill(line)
    by_hand.input.sync_to_device()
    if register is Register.COLUMNS:
        for other in (Register.RECORDS, Register.INPUT_BYTES):
            by_hand.mmio.write(other.value, 0)
    by_hand.mmio.write(register.value, value)
    np.asarray(by_hand.output)[:] = 7
    by_hand.output.sync_to_device()
    by_hand.start()
    assert by_hand.wait()
    by_hand.output.sync_from_device()
    words = np.asarray(by_hand.output)
    assert words[0] == UNWRITTEN
    assert (words[1:] == 7).all()


def test_the_high_half_of_an_address_counts(by_hand, line):
    by_hand.fill(line)
    by_hand.mmio.write(Register.INPUT_ADDRESS + 4, 1)
    by_hand.start()
    assert by_hand.device.memory.stray == [f"read 640 bytes at 0x{1 << 32 | by_hand.input.physical_address:X}"]


def test_a_transfer_across_the_end_of_a_buffer_is_logged(by_hand, line):
    by_hand.fill(line)
    by_hand.input.sync_to_device()
    last = by_hand.output.physical_address + by_hand.output.nbytes - 8
    by_hand.mmio.write(Register.OUTPUT_ADDRESS.value, last)
    by_hand.start()
    assert by_hand.wait()
    assert [access.partition(" at ")[2] for access in by_hand.device.memory.stray] == [f"0x{last:08X}"]


def test_loading_a_bitstream_discards_the_running_line(by_hand, line):
    by_hand.fill(line)
    by_hand.start()
    by_hand.device.reload()
    by_hand.board.timer.pause()
    assert by_hand.control() == Control.IDLE
    assert by_hand.mmio.read(Register.COLUMNS.value) == 0


def test_there_is_no_accelerator_before_a_bitstream_is_loaded(design):
    device = driver_of(design).board.device
    registers = pynq.MMIO(CONTROL_BASE, 0x100, device=device)
    registers.write(Register.COLUMNS.value, 40)
    assert [registers.read(register.value) for register in Register] == [0] * len(Register)


def test_a_slice_is_read_back_as_a_slice(by_hand, line):
    by_hand.fill(line)
    by_hand.input.sync_to_device()
    by_hand.start()
    assert by_hand.wait()
    by_hand.output[1:3].sync_from_device()
    words = np.asarray(by_hand.output)
    assert words[1:3].tolist() == simulate(by_hand.design, line).labels[:2].tolist()
    assert words[0] == words[3] == UNWRITTEN


def test_memory_holds_what_was_there_before_and_the_accelerator_sees_something_else(by_hand):
    buffer = pynq.allocate(shape=(64,), dtype="u8", target=by_hand.device)
    ours = np.array(np.asarray(buffer))
    theirs = by_hand.device.memory.read(buffer.physical_address, buffer.nbytes).view("<u8")
    for view in (ours, theirs):
        assert len(np.unique(view)) > 60
    assert not np.array_equal(ours, theirs)


def test_buffers_begin_with_a_page(by_hand):
    buffers = [pynq.allocate(shape=(length,), dtype="u8", target=by_hand.device) for length in (1, 600, 3)]
    for buffer in buffers:
        assert buffer.physical_address % memory.PAGE == 0


def test_the_clock_at_boot_is_that_of_both_dividers(design):
    assert driver_of(design).board.device.clock_mhz == 100


# Known answers --------------------------------------------------------------------------------------------------------


def test_a_line_that_fills_the_label_buffer_is_not_a_known_answer():
    assert [len(answer.labels) for answer in known_answers(golden_design(MANY_LABELS))] == [1]


def test_a_golden_line_that_is_too_long_is_not_a_known_answer():
    design = replace(golden_design(TRAINED), limits=Limits(columns=300, labels=95))
    answers = known_answers(design)
    assert answers
    assert all(len(answer.columns) <= 300 for answer in answers)


def test_another_text_design_is_checked_with_a_synthetic_line():
    trained = golden_design(TRAINED)
    biases = trained.fc_biases.copy()
    biases[0, 0] ^= 1
    design = replace(trained, fc_biases=biases)
    answers = known_answers(design)
    assert [answer.columns.tolist() for answer in answers] == [line.tolist() for line in synthetic_lines(design)]


def test_without_the_simulator_no_answer_can_be_made(design, monkeypatch):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "numba" else find_spec(name))
    assert known_answers(golden_design(TRAINED))  # in the golden vectors
    biases = design.fc_biases.copy()
    biases[0, 0] ^= 1
    with pytest.raises(
        BoardError,
        match=r"^There is no known-answer line for this design, .*foldline manifest DESIGN\.npz -o NAME\.json",
    ):
        known_answers(replace(design, fc_biases=biases))


def test_a_golden_answer_is_read_by_a_driver_of_each_kernel():
    for kernel in Kernel:
        with driver_of(golden_design(SMALL), answers=(golden_answer(SMALL),), kernel=kernel):
            pass

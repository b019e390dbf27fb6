"""Every fault gives one clear error in its time, leaves no buffer behind, and the next line works."""

import itertools
import warnings

import numpy as np
import pytest

from datapath.errors import BoardError
from datapath.manifest import Kernel, KnownAnswer
from datapath.registers import Control
from fixedpoint_sim import simulate
from overlay_driver.driver import TIMEOUT_SECONDS
from tests.overlay_driver.boards import (
    MANY_LABELS,
    driver_of,
    golden_design,
    line_with_labels,
    random_line,
)

pytestmark = pytest.mark.pynq


@pytest.fixture
def answer(design, line):
    return KnownAnswer(line, simulate(design, line).labels)


def allocations(driver):
    return driver.board.device.memory.allocations


def require_sound(driver, line):
    """The next line reads as it must, and the accelerator has touched nothing that is not its own."""
    np.testing.assert_array_equal(driver.read_columns(line).labels, simulate(driver.design, line).labels)
    assert driver.board.device.memory.stray == []


HANGS = (
    r"^The accelerator did not finish a line of 40 columns within 1 s \(control register 0x1\)\. It started and hangs: "
    r"likely the line has more labels than the 95 that fit \(the published overlay then never ends\), or the bitstream is "
    r"of another design or clock\.$"
)
NEVER_STARTED = (
    r"^The accelerator did not finish a line of 40 columns within 1 s \(control register 0x4\)\. It never started: the "
    r"bitstream has its registers elsewhere, or is not this accelerator\.$"
)


@pytest.mark.parametrize(("fault", "sentence"), [("done_never_rises", HANGS), ("start_ignored", NEVER_STARTED)])
def test_no_answer_ends_within_the_time_out(design, line, fault, sentence):
    with driver_of(design) as driver:
        setattr(driver.board.faults, fault, True)
        before = driver.board.timer.now()
        with pytest.raises(BoardError, match=sentence):
            driver.read_columns(line)
        assert TIMEOUT_SECONDS < driver.board.timer.now() - before < TIMEOUT_SECONDS + 0.01
        setattr(driver.board.faults, fault, False)
        require_sound(driver, line)
    assert allocations(driver) == []


def test_a_hang_in_the_middle_costs_that_line_alone():
    design = golden_design(MANY_LABELS)
    many = line_with_labels(design, 120, more_than=design.limits.labels)
    few = line_with_labels(design, 12)
    with driver_of(design) as driver:
        results = list(driver.read_lines([few, many, few, few]))
        assert driver.board.device.memory.stray == []
    assert isinstance(results.pop(1), BoardError)
    for reading in results:
        np.testing.assert_array_equal(reading.labels, simulate(design, few).labels)


@pytest.mark.parametrize("fault", ["done_never_rises", "start_ignored"])
def test_a_fault_at_start_up_leaves_nothing_behind(design, answer, fault):
    driver = driver_of(design, answers=(answer,))
    setattr(driver.board.faults, fault, True)
    with pytest.raises(BoardError, match=r"^On the board a line of 40 columns with a known answer fails: "), driver:
        pass
    assert allocations(driver) == []
    setattr(driver.board.faults, fault, False)
    with driver:
        require_sound(driver, answer.columns)


def test_no_memory(design, line):
    driver = driver_of(design)
    driver.board.faults.no_memory = True
    expected = r"^Cannot allocate a buffer of 11712 bytes: RuntimeError: Allocate failed: out of contiguous memory\.$"
    with pytest.raises(BoardError, match=expected), driver:
        pass
    driver.board.faults.no_memory = False
    with driver:
        require_sound(driver, line)
    assert allocations(driver) == []


def test_memory_that_ends_between_two_buffers_gives_back_the_first(design, monkeypatch):
    driver = driver_of(design)
    allocate = driver.board.allocate
    left = iter([True, True, True])

    def scarce(words):
        driver.board.faults.no_memory = not next(left, False)
        return allocate(words)

    monkeypatch.setattr(driver.board, "allocate", scarce)
    with pytest.raises(BoardError, match=r"^Cannot allocate a buffer of 8192 bytes: "), driver:
        pass
    assert allocations(driver) == []


def test_a_bit_that_is_always_flipped_is_found_at_start_up(design, answer):
    for bit in (0, 1, 7, 63):
        driver = driver_of(design, answers=(answer,))
        driver.board.faults.flipped_bit = (1, bit)
        with (
            pytest.raises(
                BoardError,
                match=r"^(This bitstream does not hold this design|On the board a line .* fails: The accelerator wrote 0x)",
            ),
            driver,
        ):
            pass
        assert allocations(driver) == []


@pytest.mark.parametrize(
    ("place", "sentence"),
    [
        ((0, 20), r"^The accelerator counts 10485\d\d labels; for 40 columns allowed is 0 to 95\.$"),
        ((1, 20), r"^The accelerator wrote 0x10000\w as label 0; allowed is 1 to 10\.$"),
    ],
)
def test_a_flipped_bit_that_cannot_be_right_is_found_in_any_line(design, line, place, sentence):
    with driver_of(design) as driver:
        driver.board.faults.flipped_bit = place
        with pytest.raises(BoardError, match=sentence):
            driver.read_columns(line)
        driver.board.faults.flipped_bit = None
        require_sound(driver, line)
    assert allocations(driver) == []


def test_a_count_that_is_too_small_leaves_words_behind_it(design, line):
    found = len(simulate(design, line).labels)
    with driver_of(design) as driver:
        driver.board.faults.flipped_bit = (0, found.bit_length() - 1)
        missed = 1 << (found.bit_length() - 1)  # and the mark of the end behind them
        expected = rf"^The accelerator wrote {missed + 1} words behind its \d+ labels\.$"
        with pytest.raises(BoardError, match=expected):
            driver.read_columns(line)


def test_a_count_that_is_too_large_meets_the_mark_of_the_end(design, line):
    found = len(simulate(design, line).labels)
    bit = next(bit for bit in range(6) if not found >> bit & 1)
    with driver_of(design) as driver:
        driver.board.faults.flipped_bit = (0, bit)
        with pytest.raises(BoardError, match=rf"^The accelerator wrote 0xB as label {found}; allowed is 1 to 10\.$"):
            driver.read_columns(line)


def test_a_count_that_is_too_large_meets_words_that_were_not_written(design, line):
    found = len(simulate(design, line).labels)
    bit = next(bit for bit in range(6) if not found >> bit & 1)
    with driver_of(design, kernel=Kernel.HLS) as driver:
        driver.board.faults.flipped_bit = (0, bit)
        expected = rf"^The accelerator wrote 0xFFFFFFFFFFFFFFFF as label {found}; allowed is 1 to 10\.$"
        with pytest.raises(BoardError, match=expected):
            driver.read_columns(line)


def test_a_result_that_does_not_arrive_is_no_result(design, line, monkeypatch):
    with driver_of(design) as driver:
        monkeypatch.setattr(driver.board.device.memory, "write", lambda address, data: None)
        with pytest.raises(BoardError, match=r"^The accelerator says that it is done and has written no result: "):
            driver.read_columns(line)


@pytest.mark.parametrize("look", [1, 2])
def test_an_interrupted_run_ends_cleanly(design, line, look):
    driver = driver_of(design)
    with pytest.raises(KeyboardInterrupt), driver:
        driver.board.faults.interrupted_look = look
        driver.read_columns(line)
    assert allocations(driver) == []
    assert driver.board.device.memory.stray == []
    with driver:
        require_sound(driver, line)


def test_an_interruption_right_after_the_start_does_not_free_what_is_written_to(design, line):
    driver = driver_of(design)
    with pytest.raises(KeyboardInterrupt), driver:
        core = driver.board.device.core
        start = core._start

        def interrupted(*arguments):
            start(*arguments)
            core._start = start
            raise KeyboardInterrupt

        core._start = interrupted
        driver.read_columns(line)
    assert allocations(driver) == []
    assert driver.board.device.core.done_at == float("inf")
    driver.board.timer.pause()
    with driver:
        require_sound(driver, line)


def test_an_interrupted_hang_reloads_before_it_frees(design, line):
    driver = driver_of(design)
    with pytest.raises(KeyboardInterrupt), driver:
        driver.board.faults.done_never_rises = True
        driver.board.faults.interrupted_look = 5
        driver.read_columns(line)
    assert allocations(driver) == []
    driver.board.faults.done_never_rises = False
    with driver:
        require_sound(driver, line)


def test_a_reader_that_leaves_in_the_middle_leaves_the_accelerator_at_rest(design, line):
    with driver_of(design) as driver:
        for _ in driver.read_lines([line] * 5):
            break
        require_sound(driver, line)


@pytest.mark.parametrize("actual", [50, 250])
def test_a_wrong_clock_is_read_back(design, line, actual):
    driver = driver_of(design)
    driver.board.faults.stuck_clock_mhz = actual
    expected = rf"^FCLK0 was set to 100 MHz and reads {actual} MHz; the accelerator needs 100\.$"
    with pytest.raises(BoardError, match=expected), driver:
        pass
    driver.board.faults.stuck_clock_mhz = None
    with driver:
        require_sound(driver, line)
    assert allocations(driver) == []


def test_a_clock_that_the_dividers_do_not_reach_is_refused(design):
    driver = driver_of(design, clock_mhz=230)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # pynq's own
        with pytest.raises(
            BoardError, match=r"^FCLK0 was set to 230 MHz and reads 250 MHz; the accelerator needs 230\.$"
        ):
            driver.__enter__()


@pytest.mark.parametrize("clock", [50, 100, 125])
def test_the_clock_is_set(design, line, clock):
    with driver_of(design, clock_mhz=clock) as driver:
        assert driver.board.device.clock_mhz == clock
        require_sound(driver, line)


def test_a_busy_accelerator_is_not_started(design, line):
    with driver_of(design) as driver:
        first = driver.read_lines(iter([line, line]))
        next(first)  # the second line is under way
        driver._running = None
        expected = r"^The accelerator at 0x43C00000 is not idle \(control register 0x1\): another program uses it, or "
        with pytest.raises(BoardError, match=expected):
            driver.read_columns(line)
        driver._load()


def test_a_line_past_a_limit_of_our_kernel_that_reaches_it_is_refused_by_it(design, line):
    with driver_of(design, kernel=Kernel.HLS) as driver:
        accelerator = driver._accelerator
        write = accelerator._write
        accelerator._write = lambda offset, value: write(offset, 733 if offset == 0x10 else value)
        with pytest.raises(
            BoardError, match=r"^The accelerator says that it is done and has written no result: it refused"
        ):
            driver.read_columns(line)
        accelerator._write = write
        require_sound(driver, line)


def test_random_lines_after_a_fault_are_equal(design, line):
    with driver_of(design) as driver:
        driver.board.faults.done_never_rises = True
        assert isinstance(next(iter(driver.read_lines([line]))), BoardError)
        driver.board.faults.done_never_rises = False
        for seed in range(20):
            require_sound(driver, random_line(design, 2 * (seed + 1), seed))


def test_a_loader_that_wants_all_buffers_freed_gets_it(design, line):
    """And a line that already lies in the other buffer is read all the same."""
    with driver_of(design) as driver:
        driver.board.faults.load_needs_free_memory = True
        driver.board.faults.done_never_rises = True
        lines = iter([line, line, line])

        def then_mended():
            yield next(lines)
            yield next(lines)
            driver.board.faults.done_never_rises = False
            yield next(lines)

        first, second, third = driver.read_lines(then_mended())
        assert isinstance(first, BoardError)
        assert isinstance(second, BoardError)
        np.testing.assert_array_equal(third.labels, simulate(design, line).labels)
        assert len(allocations(driver)) == 4
        require_sound(driver, line)
    assert allocations(driver) == []


def test_the_line_in_the_other_buffer_survives_its_removal(design, line):
    other = line[::-1].copy()
    with driver_of(design) as driver:
        driver.board.faults.load_needs_free_memory = True
        driver.board.faults.done_never_rises = True
        read = driver.board.device.core.read
        looks = []

        def mended_once_it_hangs(offset, **rest):
            looks.append(offset)
            if len(looks) > 500:
                driver.board.faults.done_never_rises = False
            return read(offset, **rest)

        driver.board.device.core.read = mended_once_it_hangs
        first, second = driver.read_lines([line, other])
        assert isinstance(first, BoardError)
        np.testing.assert_array_equal(second.labels, simulate(design, other).labels)


def test_an_accelerator_that_is_lost_refuses_all_that_follows(design, line, monkeypatch):
    with driver_of(design) as driver:
        driver.board.faults.done_never_rises = True

        def fails(bit):
            raise BoardError("Cannot load it: RuntimeError: no.")

        monkeypatch.setattr(driver.board, "load", fails)
        first, second, third = driver.read_lines([line, line, line])
        assert str(first).endswith("It cannot be set right: Cannot load it: RuntimeError: no.")
        for later in (second, third):
            assert str(later) == (
                "The accelerator is not there: its bitstream could not be loaded again. Enter the driver once more."
            )
    assert allocations(driver) == []
    monkeypatch.undo()
    driver.board.faults.done_never_rises = False
    with driver:
        require_sound(driver, line)


def goes_on(driver):
    """The accelerator ends what it is at, if it is at anything."""
    device = driver.board.device
    driver.board.timer.pause()
    device.core.read(0, now=device.now, memory=device.memory, faults=device.faults)


@pytest.mark.parametrize("looks", [(1,), (2,), (2, 3)])
def test_each_ctrl_c_leaves_the_accelerator_at_rest_before_its_memory_is_freed(design, line, looks):
    driver = driver_of(design)
    with pytest.raises(KeyboardInterrupt), driver:
        control = driver._accelerator.control
        count = itertools.count(1)

        def interrupted():
            if next(count) in looks:
                raise KeyboardInterrupt
            return control()

        driver._accelerator.control = interrupted
        driver.read_columns(line)
    goes_on(driver)
    assert driver.board.device.memory.stray == []
    assert allocations(driver) == []


def test_a_ctrl_c_right_after_the_start_waits_for_the_line(design, line):
    driver = driver_of(design)
    with pytest.raises(KeyboardInterrupt), driver:
        start = driver._accelerator.start

        def interrupted(buffer):
            start(buffer)
            raise KeyboardInterrupt

        driver._accelerator.start = interrupted
        driver.read_columns(line)
    goes_on(driver)
    assert driver.board.device.memory.stray == []
    assert allocations(driver) == []


def test_memory_that_does_not_come_back_is_not_used(design, line):
    with driver_of(design) as driver:
        faults = driver.board.faults
        faults.load_needs_free_memory = faults.done_never_rises = faults.no_memory = True
        with pytest.raises(BoardError, match=r"It cannot be set right: Cannot allocate a buffer of \d+ bytes: "):
            driver.read_columns(line)
        faults.done_never_rises = faults.no_memory = False
        with pytest.raises(BoardError, match=r"^The accelerator is not there: "):
            driver.read_columns(line)
        assert driver.board.device.memory.stray == []
    with driver:
        require_sound(driver, line)


def test_after_a_hang_known_lines_are_read_before_the_next(design, line, answer):
    other = line[::-1].copy()
    with driver_of(design, answers=(answer,)) as driver:
        device = driver.board.device
        computed = []
        compute = device.core._compute
        device.core._compute = lambda columns: computed.append(columns) or compute(columns)
        driver.board.faults.done_never_rises = True
        assert isinstance(next(iter(driver.read_lines([other]))), BoardError)
        driver.board.faults.done_never_rises = False
        computed.clear()
        for reading in driver.read_lines([other, other]):
            np.testing.assert_array_equal(reading.labels, simulate(design, other).labels)
        assert [np.array_equal(one, answer.columns) for one in computed] == [True, False, False]


def test_what_a_hang_leaves_behind_is_found_before_the_next_line(design, line, answer):
    """A memory port that went on a word late, say: the next labels would be wrong and look right."""
    with driver_of(design, answers=(answer,)) as driver:
        faults = driver.board.faults
        faults.done_never_rises = True
        first, *_ = driver.read_lines([line])
        faults.done_never_rises = False
        faults.flipped_bit = (1, 0)
        second, *_ = driver.read_lines([line])
        faults.flipped_bit = None
        assert str(first).startswith("The accelerator did not finish a line of 40 columns within 1 s")
        assert str(second).startswith(
            (
                "This bitstream does not hold this design",
                "On the board a line of 40 columns with a known answer fails: ",
            )
        )
        require_sound(driver, line)
    assert allocations(driver) == []


def test_the_logic_begins_with_its_clock(design, line, monkeypatch):
    driver = driver_of(design, clock_mhz=50)
    clocks = []
    load = driver.board.load
    monkeypatch.setattr(driver.board, "load", lambda bit: clocks.append(driver.board.device.clock_mhz) or load(bit))
    with driver:
        require_sound(driver, line)
    assert clocks == [50]


def test_an_end_that_was_seen_and_lost_to_ctrl_c_is_known_by_the_rest_that_follows(design, line, monkeypatch):
    """Reading the control register clears ap_done: it does not rise again, and nothing hangs."""
    driver = driver_of(design)
    loads = []
    load = driver.board.load
    monkeypatch.setattr(driver.board, "load", lambda bit: loads.append(bit) or load(bit))
    with pytest.raises(KeyboardInterrupt), driver:
        control = driver._accelerator.control

        def interrupted():
            state = control()
            if Control.DONE in state:
                raise KeyboardInterrupt
            return state

        driver._accelerator.control = interrupted
        before = driver.board.timer.now()
        driver.read_columns(line)
    assert driver.board.timer.now() - before < TIMEOUT_SECONDS
    assert loads == [None]
    assert allocations(driver) == []

"""Every fault gives one error, leaves no buffer allocated, and the next line works: on the virtual board with the simulator,
and with the simulated RTL, where a test names no kernel.
"""

import itertools
import warnings
from functools import partial

import numpy as np
import pytest

from datapath.errors import BoardError
from datapath.manifest import Kernel, KnownAnswer
from datapath.registers import Control
from fixedpoint_sim import simulate
from overlay_driver.driver import TIMEOUT_SECONDS
from rtl_gen.memory import Response
from tests.overlay_driver.boards import (
    MANY_LABELS,
    driver_of,
    golden_design,
    line_with_labels,
    random_line,
)

pytestmark = pytest.mark.pynq


@pytest.fixture(autouse=True, params=[Kernel.PUBLISHED, Kernel.RTL], ids=lambda kernel: kernel.value)
def usual_kernel(request, monkeypatch):
    if request.param is Kernel.RTL:
        request.getfixturevalue("rtl_builds")
    monkeypatch.setitem(globals(), "driver_of", partial(driver_of, kernel=request.param))


@pytest.fixture
def answer(design, line):
    return KnownAnswer(line, simulate(design, line).labels)


def allocations(driver):
    return driver.board.device.memory.allocations


def require_sound(driver, line):
    """The next line gives the expected labels, and the accelerator accessed only its buffers."""
    np.testing.assert_array_equal(driver.read_columns(line).labels, simulate(driver.design, line).labels)
    assert driver.board.device.memory.stray == []


HANGS = (
    r"^The accelerator did not finish a line of 40 columns within 1 s \(control register 0x1\)\. It started and hangs: "
    r".* more than 95 labels .*, or the bitstream is for another design or clock\.$"
)
NEVER_STARTED = (
    r"^The accelerator did not finish a line of 40 columns within 1 s \(control register 0x4\)\. It never started: the "
    r"bitstream has its registers elsewhere, or is not this accelerator\.$"
)


@pytest.mark.parametrize(("fault", "message"), [("done_never_rises", HANGS), ("start_ignored", NEVER_STARTED)])
def test_a_hang_is_an_error_after_the_time_out(design, line, fault, message):
    with driver_of(design) as driver:
        setattr(driver.board.faults, fault, True)
        before = driver.board.timer.now()
        with pytest.raises(BoardError, match=message):
            driver.read_columns(line)
        assert TIMEOUT_SECONDS < driver.board.timer.now() - before < TIMEOUT_SECONDS + 0.01
        setattr(driver.board.faults, fault, False)
        require_sound(driver, line)
    assert allocations(driver) == []


def test_a_hang_fails_only_that_line():
    design = golden_design(MANY_LABELS)
    many = line_with_labels(design, 120, more_than=design.limits.labels)
    few = line_with_labels(design, 12)
    with driver_of(design, kernel=Kernel.PUBLISHED) as driver:
        results = list(driver.read_lines([few, many, few, few]))
        assert driver.board.device.memory.stray == []
    assert isinstance(results.pop(1), BoardError)
    for reading in results:
        np.testing.assert_array_equal(reading.labels, simulate(design, few).labels)


@pytest.mark.parametrize("fault", ["done_never_rises", "start_ignored"])
def test_a_fault_at_start_up_leaves_no_buffer_allocated(design, answer, fault):
    driver = driver_of(design, answers=(answer,))
    setattr(driver.board.faults, fault, True)
    with pytest.raises(BoardError, match=r"^On the board, a known-answer line of 40 columns fails: "), driver:
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


def test_the_first_buffer_is_freed_if_the_second_cannot_be_allocated(design, monkeypatch):
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
                match=r"^(This bitstream does not hold this design|On the board, .* fails: The accelerator wrote 0x)",
            ),
            driver,
        ):
            pass
        assert allocations(driver) == []


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ((0, 20), r"^The accelerator counts 10485\d\d labels for 40 columns; the allowed range is 0 to 20\.$"),
        ((1, 20), r"^The accelerator wrote 0x10000\w as label 0; the allowed range is 1 to 10\.$"),
    ],
)
def test_a_flipped_bit_that_cannot_be_right_is_found_in_any_line(design, line, place, message):
    with driver_of(design) as driver:
        driver.board.faults.flipped_bit = place
        with pytest.raises(BoardError, match=message):
            driver.read_columns(line)
        driver.board.faults.flipped_bit = None
        require_sound(driver, line)
    assert allocations(driver) == []


def test_a_count_that_is_too_small_is_found_by_the_words_after_the_labels(design, line):
    found = len(simulate(design, line).labels)
    with driver_of(design, kernel=Kernel.PUBLISHED) as driver:
        driver.board.faults.flipped_bit = (0, found.bit_length() - 1)
        missed = 1 << (found.bit_length() - 1)  # and the mark of the end behind them
        expected = rf"^The accelerator wrote {missed + 1} words after its \d+ labels\.$"
        with pytest.raises(BoardError, match=expected):
            driver.read_columns(line)


def test_a_count_that_is_too_large_is_found_by_the_end_mark(design, line):
    found = len(simulate(design, line).labels)
    bit = next(bit for bit in range(6) if not found >> bit & 1)
    with driver_of(design, kernel=Kernel.PUBLISHED) as driver:
        driver.board.faults.flipped_bit = (0, bit)
        with pytest.raises(
            BoardError, match=rf"^The accelerator wrote 0xB as label {found}; the allowed range is 1 to 10\.$"
        ):
            driver.read_columns(line)


def test_a_count_that_is_too_large_is_found_by_unwritten_words(design, line):
    found = len(simulate(design, line).labels)
    bit = next(bit for bit in range(6) if not found >> bit & 1)
    with driver_of(design, kernel=Kernel.HLS) as driver:
        driver.board.faults.flipped_bit = (0, bit)
        expected = rf"^The accelerator wrote 0xFFFFFFFFFFFFFFFF as label {found}; the allowed range is 1 to 10\.$"
        with pytest.raises(BoardError, match=expected):
            driver.read_columns(line)


def test_a_result_that_does_not_reach_the_buffer_is_an_error(design, line, monkeypatch):
    with driver_of(design) as driver:
        monkeypatch.setattr(driver.board.device.memory, "write", lambda address, data: None)
        with pytest.raises(BoardError, match=r"^The accelerator reports done but wrote no result: "):
            driver.read_columns(line)


@pytest.mark.parametrize("poll", [1, 2])
def test_an_interrupted_run_ends_cleanly(design, line, poll):
    driver = driver_of(design)
    with pytest.raises(KeyboardInterrupt), driver:
        driver.board.faults.interrupted_poll = poll
        driver.read_columns(line)
    assert allocations(driver) == []
    assert driver.board.device.memory.stray == []
    with driver:
        require_sound(driver, line)


def test_an_interrupt_after_the_start_does_not_free_a_buffer_in_use(design, line):
    driver = driver_of(design, kernel=Kernel.PUBLISHED)
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
        driver.board.faults.interrupted_poll = 5
        driver.read_columns(line)
    assert allocations(driver) == []
    driver.board.faults.done_never_rises = False
    with driver:
        require_sound(driver, line)


def test_leaving_an_iterator_early_leaves_the_accelerator_idle(design, line):
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


@pytest.mark.parametrize(
    ("kernel", "message"),
    [
        (Kernel.HLS, r"^The accelerator reports done but wrote no result: it refused"),
        (
            Kernel.RTL,
            r"^The accelerator ended the line with status 0x1: it refused the line: columns and bytes contradict",
        ),
    ],
)
def test_our_kernels_refuse_a_line_that_exceeds_their_limit(design, line, rtl_builds, kernel, message):
    with driver_of(design, kernel=kernel) as driver:
        mmio = driver._accelerator._mmio
        write = mmio.write
        mmio.write = lambda offset, value: write(offset, 733 if offset == 0x10 else value)
        with pytest.raises(BoardError, match=message):
            driver.read_columns(line)
        mmio.write = write
        require_sound(driver, line)


@pytest.mark.parametrize(
    ("access", "status", "what"), [("read", "0x2", "a read from memory"), ("write", "0x4", "a write to memory")]
)
def test_an_error_response_of_memory_is_named(design, line, rtl_builds, monkeypatch, access, status, what):
    with driver_of(design, kernel=Kernel.RTL) as driver:
        memory = driver.board.device.core._memory
        with monkeypatch.context() as patched:
            answers = {
                "read": lambda address, length: (bytes(length), Response.SLAVE_ERROR),
                "write": lambda address, data, strobes: Response.SLAVE_ERROR,
            }
            patched.setattr(memory, access, answers[access])
            expected = rf"^The accelerator ended the line with status {status}: {what} was answered with an error\.$"
            with pytest.raises(BoardError, match=expected):
                driver.read_columns(line)
        require_sound(driver, line)


def test_random_lines_after_a_fault_are_equal(design, line):
    with driver_of(design) as driver:
        driver.board.faults.done_never_rises = True
        assert isinstance(next(iter(driver.read_lines([line]))), BoardError)
        driver.board.faults.done_never_rises = False
        for seed in range(20):
            require_sound(driver, random_line(design, 2 * (seed + 1), seed))


def test_buffers_are_freed_for_a_loader_that_requires_it(design, line):
    """A line that is already in the other buffer is still computed."""
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


def test_a_prepared_line_survives_the_reallocation_of_its_buffer(design, line):
    other = line[::-1].copy()
    with driver_of(design) as driver:
        driver.board.faults.load_needs_free_memory = True
        driver.board.faults.done_never_rises = True
        read = driver.board.device.core.read
        polls = []

        def mended_once_it_hangs(offset, **rest):
            polls.append(offset)
            if len(polls) > 500:
                driver.board.faults.done_never_rises = False
            return read(offset, **rest)

        driver.board.device.core.read = mended_once_it_hangs
        first, second = driver.read_lines([line, other])
        assert isinstance(first, BoardError)
        np.testing.assert_array_equal(second.labels, simulate(design, other).labels)


def test_without_an_accelerator_every_later_line_is_an_error(design, line, monkeypatch):
    with driver_of(design) as driver:
        driver.board.faults.done_never_rises = True

        def fails(bit):
            raise BoardError("Cannot load it: RuntimeError: no.")

        monkeypatch.setattr(driver.board, "load", fails)
        first, second, third = driver.read_lines([line, line, line])
        assert str(first).endswith("Recovery failed: Cannot load it: RuntimeError: no.")
        for later in (second, third):
            assert str(later) == (
                "The accelerator is not loaded: loading its bitstream again failed. Enter the driver's with block again."
            )
    assert allocations(driver) == []
    monkeypatch.undo()
    driver.board.faults.done_never_rises = False
    with driver:
        require_sound(driver, line)


def goes_on(driver):
    """Wait until the accelerator is idle."""
    device = driver.board.device
    driver.board.timer.pause()
    device.core.read(0, now=device.now, memory=device.memory, faults=device.faults)


@pytest.mark.parametrize("polls", [(1,), (2,), (2, 3)])
def test_after_ctrl_c_the_accelerator_is_idle_before_its_memory_is_freed(design, line, polls):
    driver = driver_of(design)
    with pytest.raises(KeyboardInterrupt), driver:
        control = driver._accelerator.control
        count = itertools.count(1)

        def interrupted():
            if next(count) in polls:
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


def test_buffers_that_cannot_be_allocated_again_are_not_used(design, line):
    with driver_of(design) as driver:
        faults = driver.board.faults
        faults.load_needs_free_memory = faults.done_never_rises = faults.no_memory = True
        with pytest.raises(BoardError, match=r"Recovery failed: Cannot allocate a buffer of \d+ bytes: "):
            driver.read_columns(line)
        faults.done_never_rises = faults.no_memory = False
        with pytest.raises(BoardError, match=r"^The accelerator is not loaded: "):
            driver.read_columns(line)
        assert driver.board.device.memory.stray == []
    with driver:
        require_sound(driver, line)


def test_after_a_hang_the_known_answer_lines_are_computed_first(design, line, answer):
    other = line[::-1].copy()
    with driver_of(design, answers=(answer,), kernel=Kernel.PUBLISHED) as driver:
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
        assert [np.array_equal(one, answer.columns) for one in computed] == [True, False, False, True]


def test_a_fault_after_a_hang_is_found_before_the_next_line(design, line, answer):
    """For example, a memory port that is off by one word: the next labels would be wrong but valid."""
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
                "The board computes wrongly: a known-answer line of 40 columns gives ",
                "On the board, a known-answer line of 40 columns fails: ",
            )
        )
        require_sound(driver, line)
    assert allocations(driver) == []


def test_the_clock_is_set_before_the_bitstream_is_loaded(design, line, monkeypatch):
    driver = driver_of(design, clock_mhz=50)
    clocks = []
    load = driver.board.load
    monkeypatch.setattr(driver.board, "load", lambda bit: clocks.append(driver.board.device.clock_mhz) or load(bit))
    with driver:
        require_sound(driver, line)
    assert clocks == [50]


def test_a_line_whose_done_bit_was_lost_to_ctrl_c_is_recognised_by_the_idle_bit(design, line, monkeypatch):
    """Reading the control register clears ap_done, so it is not set again; this is not a hang."""
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

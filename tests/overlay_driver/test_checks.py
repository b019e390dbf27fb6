"""A board that goes wrong after it was entered: no wrong result is given out, whatever the fault and the line where it begins."""

from dataclasses import replace

import numpy as np
import pytest

from datapath.errors import BoardError, ConfigError, DataError, ImageError, LimitError
from datapath.manifest import Kernel, KnownAnswer
from fixedpoint_sim import Simulator, simulate
from overlay_driver.checks import CHECK_SHARE, MAX_LINES
from overlay_driver.virtual import Computed
from tests.overlay_driver.boards import (
    MANY_LABELS,
    driver_of,
    golden_design,
    line_with_labels,
    random_line,
    small_design,
)

pytestmark = pytest.mark.pynq

LINES = 8


def of_labels(labels):
    return Computed(np.asarray(labels, dtype=np.uint8), len(labels))


class Faulty:
    """Computes lines as the design does, and from the line `at` on, counted from 0 after `begin`, as a fault has it.

    fault    takes the columns, the labels that are right, and those of the line before
    mended   whether loading the bitstream ends the fault
    """

    def __init__(self, driver, fault, at, *, mended=False):
        self.lines, self.loads = [], 0
        before = []
        core, load = driver.board.device.core, driver.board.load
        compute = core._compute

        def computed(columns):
            right = compute(columns)
            wrong = len(self.lines) >= at and not (mended and self.loads)
            self.lines.append(columns)
            found = fault(columns, right.labels, before[-1] if before else right.labels) if wrong else right
            before.append(right.labels)
            return found

        def loaded(bit):
            self.loads += 1
            return load(bit)

        core._compute, driver.board.load = computed, loaded


def by_another(design):
    """A fault: the board holds this design."""
    simulator = Simulator(design)
    return lambda line, right, before: of_labels(simulator.run(line, ignore_limits=True).labels)


FAULTS = {
    "corrupted weights": lambda design: by_another(replace(design, fc_biases=design.fc_biases ^ 64)),
    "another bitstream": lambda design: by_another(replace(design, weights_input=design.weights_input[::-1])),
    "stuck output": lambda design: lambda line, right, before: of_labels([1, 2]),
    "no labels": lambda design: lambda line, right, before: of_labels([]),
    "the result of the line before": lambda design: lambda line, right, before: of_labels(before),
}


@pytest.fixture
def answers(design):
    return tuple(KnownAnswer(line, simulate(design, line).labels) for line in _known(design))


def _known(design):
    first = line_with_labels(design, 12, more_than=3)
    return first, np.ascontiguousarray(first[::-1])


@pytest.fixture
def lines(design):
    return [random_line(design, 10 + 2 * number, seed=50 + number) for number in range(LINES)]


@pytest.fixture
def right(design, lines):
    return [simulate(design, line).labels.tolist() for line in lines]


def driven(design, answers, **options):
    driver = driver_of(design, answers=answers, kernel=Kernel.HLS)
    driver._check_every = options.get("check_every")
    return driver


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("every", [1, 3, None])
def test_no_wrong_result_is_given_out_wherever_a_fault_begins(design, answers, lines, right, fault, every):
    for at in range(LINES):
        with driven(design, answers, check_every=every) as driver:
            Faulty(driver, FAULTS[fault](design), at)
            results = list(driver.read_lines(lines))
        assert len(results) == LINES
        for result, labels in zip(results, right, strict=True):
            assert isinstance(result, BoardError) or result.labels.tolist() == labels
        assert isinstance(results[-1], BoardError)


def test_what_was_confirmed_before_a_fault_stays_a_result_and_the_others_are_marked(design, answers, lines, right):
    with driven(design, answers, check_every=3) as driver:
        faulty = Faulty(driver, FAULTS["stuck output"](design), 3 + len(answers))
        results = list(driver.read_lines(lines))
    assert [result.labels.tolist() for result in results[:3]] == right[:3]
    for result in results[3:6]:
        assert str(result).startswith(
            "The result is not reliable: 3 lines were computed after the last check that passed. The board computes wrongly: "
            "a known-answer line of 12 columns gives "
        )
    for result in results[6:]:
        assert str(result).startswith("The board computes wrongly: a known-answer line of 12 columns gives ")
    assert faulty.loads == 1


def test_a_fault_that_loading_again_ends_costs_no_line(design, answers, lines, right):
    with driven(design, answers, check_every=3) as driver:
        faulty = Faulty(driver, FAULTS["another bitstream"](design), 4, mended=True)
        results = list(driver.read_lines(lines))
        assert driver.board.device.memory.stray == []
    assert [result.labels.tolist() for result in results] == right
    assert faulty.loads == 1


def test_lines_before_a_hang_are_computed_again_as_loading_hides_what_was_wrong(design, answers, lines, right):
    """A wrong board hangs; after it has been loaded again the known-answer lines are right, and say nothing of before."""
    hung = []

    def wrong_then_hanging(line, labels, before):
        driver.board.faults.done_never_rises = not hung and len(line) == len(lines[4])
        hung.extend([1] if driver.board.faults.done_never_rises else [])
        return of_labels([1])

    with driven(design, answers, check_every=100) as driver:
        faulty = Faulty(driver, wrong_then_hanging, 2, mended=True)
        load = driver.board.load
        driver.board.load = lambda bit: setattr(driver.board.faults, "done_never_rises", False) or load(bit)
        results = list(driver.read_lines(lines))
    assert faulty.loads == 1
    assert str(results[4]).startswith("The accelerator did not finish")
    del results[4], right[4]
    assert [result.labels.tolist() for result in results] == right


def test_a_line_that_the_published_kernel_hangs_on_takes_no_other_with_it():
    design = golden_design(MANY_LABELS)
    many = line_with_labels(design, 120, more_than=design.limits.labels)
    few = [random_line(design, 2 + 2 * number, number) for number in range(5)]
    answer = KnownAnswer(few[0], simulate(design, few[0]).labels)
    with driver_of(design, answers=(answer,)) as driver:
        results = list(driver.read_lines([*few[:3], many, *few[3:]]))
    assert str(results.pop(3)).startswith("The accelerator did not finish")
    for line, result in zip(few, results, strict=True):
        assert result.labels.tolist() == simulate(design, line).labels.tolist()


def test_a_clock_that_another_program_has_set_is_found(design, answers, lines):
    with driven(design, answers, check_every=4) as driver:

        def tampered():
            for number, line in enumerate(lines):
                if number == 6:
                    driver.board.faults.stuck_clock_mhz = 250
                yield line

        results = list(driver.read_lines(tampered()))
        driver.board.faults.stuck_clock_mhz = None
    assert [isinstance(result, BoardError) for result in results] == [False] * 4 + [True] * 4
    assert "FCLK0 was set to 100 MHz and reads 250 MHz" in str(results[-1])


def test_a_clock_that_can_be_set_back_costs_no_line(design, answers, lines, right):
    with driven(design, answers) as driver:
        iterator = driver.read_lines(lines)
        driver.board.set_clock(200)
        assert [result.labels.tolist() for result in iterator] == right
        assert driver.board.device.clock_mhz == 100


def test_single_lines_are_confirmed_too(design, answers, lines):
    with driven(design, answers) as driver:
        Faulty(driver, FAULTS["the result of the line before"](design), 0)
        with pytest.raises(BoardError, match=r"^The result is not reliable: 1 line was computed after "):
            driver.read_columns(lines[0])


def test_checks_take_a_hundredth_of_the_time(design):
    """On the virtual board time is that of the accelerator."""
    known, line, count = line_with_labels(design, 12), random_line(design, 12, 999), 400
    answers = (KnownAnswer(known, simulate(design, known).labels),)
    with driven(design, answers) as driver:
        faulty = Faulty(driver, None, 10**9)
        began = driver.board.timer.now()
        assert len(list(driver.read_lines([line] * count))) == count
        elapsed = driver.board.timer.now() - began
    checks = sum(np.array_equal(one, known) for one in faulty.lines)
    assert checks == count * CHECK_SHARE
    assert elapsed == pytest.approx((count + checks) * driver._check_seconds)


def test_lines_that_wait_are_bounded(design, answers):
    """Errors of lines take the board no time."""
    line = random_line(design, 2)
    with driven(design, answers) as driver:
        taken = []

        def source():
            for number in range(3 * MAX_LINES):
                taken.append(number)
                yield line if number == 0 else ImageError("x.png is not an image.")

        for _ in driver.read_lines(source()):
            break
    assert len(taken) <= MAX_LINES + 2


def test_without_known_answers_no_result_waits(design, lines):
    with driven(design, ()) as driver:
        taken = []
        iterator = driver.read_lines(line for line in lines if taken.append(1) is None)
        next(iterator)
        assert len(taken) == 2
        assert len(list(iterator)) == LINES - 1


def test_an_error_among_the_lines_follows_the_results_before_it(design, answers, lines, right):
    def source():
        yield from lines[:3]
        raise DataError("The list ends here.")

    found = []
    with driven(design, answers) as driver, pytest.raises(DataError, match=r"^The list ends here\.$"):
        for result in driver.read_lines(source()):
            found.append(result.labels.tolist())
    assert found == right[:3]


def test_an_array_that_the_caller_uses_again_is_computed_again_as_it_was(design, answers, right, lines):
    buffer = np.zeros((10, design.inputs), dtype=np.int64)
    wanted = [simulate(design, line[:10]).labels.tolist() for line in lines]

    def source():
        for line in lines:
            buffer[:] = line[:10]
            yield buffer

    with driven(design, answers) as driver:
        Faulty(driver, FAULTS["stuck output"](design), 3, mended=True)
        assert [result.labels.tolist() for result in driver.read_lines(source())] == wanted


def test_a_refused_line_makes_no_check_due(design, answers):
    with driven(design, answers) as driver:
        faulty = Faulty(driver, None, 10**9)
        results = list(driver.read_lines([np.zeros((0, design.inputs), np.int8), np.zeros((3, 1), np.int8)]))
    assert [type(result) for result in results] == [LimitError, DataError]
    assert faulty.lines == []


@pytest.mark.parametrize("every", [0, -1, MAX_LINES + 1, True, 2.5, "3"])
def test_the_number_of_lines_between_checks_has_a_range(design, every):
    from overlay_driver import Driver

    driver = driver_of(design)
    with pytest.raises(ConfigError, match=rf"^check_every is {every!r}; it must be an integer of 1 to {MAX_LINES}"):
        Driver(design, board=driver.board, manifest=driver.manifest, check_every=every)


@pytest.mark.parametrize(
    ("answers", "note"),
    [
        ((), "There is no known-answer line in the manifest: nothing shows whether the board computes this network."),
        (
            (KnownAnswer(np.zeros((2, 12), np.int8), np.zeros(0, np.uint8)),),
            "The known-answer lines in the manifest have no labels: a board that computes nothing gives the same, and is not "
            "detected.",
        ),
    ],
)
def test_known_answers_that_say_nothing_are_noted(answers, note):
    design = small_design()
    answers = tuple(KnownAnswer(np.zeros((2, design.inputs), np.int8), one.labels) for one in answers)
    assert driver_of(design, answers=answers).notes == (note,)


def test_known_answers_with_labels_need_no_note(design, answers):
    assert driven(design, answers).notes == ()

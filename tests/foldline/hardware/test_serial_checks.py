"""A board behind a serial port that goes wrong after it was entered: no wrong result is given out."""

import struct
from itertools import count

import numpy as np
import pytest

from datapath.errors import BoardError, DataError, DesignError
from datapath.manifest import KnownAnswer
from datapath.serial_frames import CHECK_BYTES, Command, LinkStatus, record_bytes
from fixedpoint_sim import Simulator
from overlay_driver import SerialDriver, SerialLink, serial_port
from tests.designs import random_design
from tests.foldline.hardware.serial_ports import StandInPort, frame

DESIGN, OTHER = random_design(38, classes=5, hidden=6), random_design(2, classes=5, hidden=6)
"""The first gives labels for random pixels."""
HEAD = struct.Struct("<BBBH")
LINES = 8


class ComputingPort(StandInPort):
    """A port behind which a board computes what it holds.

    holds    its design; tests change it
    labels   of the next lines; None where they are those of `holds`
    status   of the next answers
    before   what is called with the number of each line, counted from 0, before it is computed
    """

    def __init__(self, design=DESIGN, before=lambda number: None):
        super().__init__()
        self.holds, self.before = design, before
        self.labels, self.status = None, LinkStatus.OKAY
        self.lines = 0

    def write(self, data: bytes) -> None:
        _, tag, command, columns = HEAD.unpack(data[: HEAD.size])
        if command == Command.IDENTIFY:
            payload = struct.pack("<B32sHH", 1, bytes.fromhex(self.holds.digest(folding=False)), 732, 95)
            self.received += frame(tag=tag, status=LinkStatus.OKAY, payload=payload)
            return
        self.before(self.lines)
        self.lines += 1
        records = np.frombuffer(data[HEAD.size : -CHECK_BYTES], np.uint8).reshape(2 * columns, record_bytes(DESIGN))
        bits = np.unpackbits(records[::2], axis=1, bitorder="little")[:, : 4 * DESIGN.inputs]
        pixels = np.packbits(bits.reshape(columns, DESIGN.inputs, 4), axis=2, bitorder="little")[..., 0].astype(int)
        right = Simulator(self.holds).run((pixels ^ 8) - 8).labels.tolist()
        labels = right if self.labels is None else self.labels
        self.received += frame(tag=tag, status=self.status, found=len(labels), payload=bytes(labels))


def random_line(length: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(-8, 8, size=(length, DESIGN.inputs)).astype(np.int8)


RIGHT = Simulator(DESIGN)
SHOWN = [random_line(14 + 2 * number, seed=number) for number in range(LINES)]
WANTED = [RIGHT.run(line).labels.tolist() for line in SHOWN]
KNOWN = [random_line(20, seed) for seed in (30, 31)]
ANSWERS = tuple(KnownAnswer(line, RIGHT.run(line).labels) for line in KNOWN)


def driver_of(port, *, answers=ANSWERS, every=None) -> SerialDriver:
    return SerialDriver(DESIGN, SerialLink(port, name="port", baud=9600), answers=answers, check_every=every)


def labels_of(results) -> list[list[int]]:
    return [result.labels.tolist() for result in results]


FAULTS = {
    "another design": lambda port: setattr(port, "holds", OTHER),
    "stuck output": lambda port: setattr(port, "labels", [1, 2]),
    "no labels": lambda port: setattr(port, "labels", []),
    "damaged requests": lambda port: setattr(port, "status", LinkStatus.CHECKSUM),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("every", [1, 3, None])
def test_no_wrong_result_is_given_out_wherever_a_fault_begins(fault, every, monkeypatch):
    clock = count()  # a second at each look: with None, the only check is at the end
    monkeypatch.setattr(serial_port.time, "perf_counter", lambda: float(next(clock)))
    for at in range(LINES):
        port = ComputingPort()
        with driver_of(port, every=every) as driver:
            port.lines = 0
            port.before = lambda number, port=port, at=at: FAULTS[fault](port) if number == at else None
            results = list(driver.read_lines(SHOWN))
        assert len(results) == LINES
        for result, labels in zip(results, WANTED, strict=True):
            assert isinstance(result, BoardError | DesignError) or result.labels.tolist() == labels
        assert isinstance(results[-1], BoardError | DesignError)
        assert port.closed


def test_what_was_confirmed_before_a_fault_stays_a_result_and_the_others_are_marked():
    port = ComputingPort()
    with driver_of(port, every=3) as driver:
        port.lines = 0
        port.before = lambda number: setattr(port, "labels", [1, 2] if number >= 5 else None)
        results = list(driver.read_lines(SHOWN))
    assert labels_of(results[:3]) == WANTED[:3]
    for result in results[3:6]:
        assert str(result).startswith(
            "The result is not reliable: 3 lines were computed after the last check that passed. The board computes "
            "wrongly: a known-answer line of 20 columns gives 'ab' on the board at port, and "
        )
    assert [str(result)[:27] for result in results[6:]] == ["The board computes wrongly:"] * 2


def test_a_fault_that_ends_by_itself_before_the_second_check_costs_no_line():
    """For example, a damaged answer to a known-answer line: what waits is computed and confirmed once more."""
    port = ComputingPort()
    with driver_of(port, every=LINES) as driver:
        port.lines = 0
        port.before = lambda number: setattr(port, "labels", [1] if 3 <= number <= LINES else None)
        assert labels_of(driver.read_lines(SHOWN)) == WANTED
    assert port.lines == LINES + 1 + 2 + LINES + 2


def test_a_board_that_recovers_is_used_again():
    port = ComputingPort()
    with driver_of(port, every=1) as driver:
        port.status = LinkStatus.BUSY
        first, *_ = driver.read_lines(SHOWN[:1])
        port.status = LinkStatus.OKAY
        assert isinstance(first, BoardError)
        assert labels_of(driver.read_lines(SHOWN)) == WANTED


def test_single_lines_are_confirmed_too():
    port = ComputingPort()
    with driver_of(port) as driver:
        assert driver.read_columns(SHOWN[0]).labels.tolist() == WANTED[0]
        port.labels = [3]
        with pytest.raises(BoardError, match=r"^The result is not reliable: 1 line was computed after "):
            driver.read_columns(SHOWN[0])


def test_an_error_among_the_lines_follows_the_results_before_it():
    def source():
        yield from SHOWN[:3]
        raise DataError("The list ends here.")

    found = []
    with driver_of(ComputingPort()) as driver, pytest.raises(DataError, match=r"^The list ends here\.$"):
        for result in driver.read_lines(source()):
            found.append(result.labels.tolist())
    assert found == WANTED[:3]


def test_known_answers_that_say_nothing_are_noted():
    silent = (KnownAnswer(KNOWN[0], np.zeros(0, np.uint8)),)
    assert driver_of(ComputingPort(), answers=silent).notes == (
        "The known-answer lines for the board at port have no labels: a board that computes nothing gives the same, and is "
        "not detected.",
    )
    assert "no known-answer line for the board at port" in driver_of(ComputingPort(), answers=()).notes[0]
    assert driver_of(ComputingPort()).notes == ()

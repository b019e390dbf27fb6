"""Pixels in, labels out: the driver of a serial board and the exported project, simulated down to the bits on the line."""

import json
import os
import select
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

import numpy as np
import pytest

from datapath import Design, Folding
from datapath.errors import BoardError, DesignError, LimitError
from datapath.npz import read_npz
from datapath.serial_frames import Command, LinkStatus, request
from fixedpoint_sim import simulate
from foldline.hardware.board import known_answers
from overlay_driver import SerialDriver, SerialLink, serial_port
from rtl_gen import serial
from rtl_gen.serial import SerialSettings, render_serial
from tests.builds import builds_folder, random_columns
from tests.designs import random_design
from tests.foldline import command_line
from tests.golden_data import REPOSITORY
from tests.rtl_gen.serial_board import SimulatedPort, built_board
from tests.rtl_gen.serial_scenario import FAST, answer, line_request, slow_design

pytestmark = [pytest.mark.no_numpy2, pytest.mark.compiles]

GOLDEN = REPOSITORY / "golden_vectors"
ODD, FOLD = "stress_w3a5_odd", "stress_w2a2_fold"
PUBLISHED = "QLSTM128_W2B8A4I8_FC_W8B8"


def open_board(design: Design, settings: SerialSettings, tmp_path_factory) -> SimulatedPort:
    project = render_serial(design, settings)
    folder = tmp_path_factory.mktemp("serial")
    for name, text in project.items():
        if name.endswith(".mem"):
            (folder / name).write_text(text)
    program = built_board(builds_folder(tmp_path_factory.getbasetemp()), project)
    return SimulatedPort(program, folder, settings)


@pytest.fixture(scope="module")
def odd() -> Design:
    return Design.load(GOLDEN / "designs" / f"{ODD}.npz")


@pytest.fixture(scope="module")
def simulated(odd, tmp_path_factory) -> Iterator[SimulatedPort]:
    with closing(open_board(odd, FAST, tmp_path_factory)) as port:
        yield port


@pytest.fixture
def board(simulated, monkeypatch) -> SimulatedPort:
    """The board without an incomplete request; the time-outs are those of its short gap."""
    monkeypatch.setattr(serial_port, "QUIET_SECONDS", 4e-4)
    monkeypatch.setattr(serial_port, "ANSWER_SECONDS", 1e-3)
    simulated.set_baud(FAST.baud)
    SerialLink(simulated, name="simulated", baud=FAST.baud).wait_until_quiet()
    return simulated


@pytest.fixture
def driver(board, odd) -> SerialDriver:
    """Not entered, as leaving it would close the port."""
    return SerialDriver(odd, SerialLink(board, name="simulated", baud=FAST.baud), answers=known_answers(odd))


def golden_lines(name: str) -> list[tuple[np.ndarray, np.ndarray]]:
    vectors = read_npz(GOLDEN / "vectors" / f"{name}.npz", limit=1 << 30)
    return [(vectors[f"pixels_{n}"], vectors[f"labels_{n}"]) for n in range(len(vectors)) if f"pixels_{n}" in vectors]


def random_request(design: Design, length: int) -> bytes:
    return line_request(design, random_columns(design, length, seed=length))


# Lines ------------------------------------------------------------------------------------------------------------------


def test_lines_give_the_labels_of_the_simulator(driver, odd):
    """Labels that exceed the limit are counted and not sent."""
    driver.require_network()
    driver.check()
    lines = [columns for columns, _ in golden_lines(ODD)] + [random_columns(odd, length) for length in (1, 2, 3, 60)]
    found = []
    for columns, result in zip(lines, driver.read_lines(lines), strict=True):
        trace = simulate(odd, columns, ignore_limits=True)
        found.append(trace.found)
        if trace.found > odd.limits.labels:
            assert isinstance(result, LimitError)
            assert str(result) == f"The line has {trace.found} labels; the accelerator stores at most 3."
        else:
            assert np.array_equal(result.labels, trace.labels)
            assert result.text == odd.alphabet.text(trace.labels)
    assert max(found) > odd.limits.labels
    assert 1 in found


@pytest.mark.exhaustive
def test_a_published_network(monkeypatch, tmp_path_factory):
    monkeypatch.setattr(serial_port, "QUIET_SECONDS", 4e-4)
    folding = Folding(pe=1, simd_input=8, simd_recurrent=32, pe_out=1)
    design = Design.load(GOLDEN / "designs" / f"{PUBLISHED}.npz").refolded(folding)
    link = SerialLink(open_board(design, FAST, tmp_path_factory), name="simulated", baud=FAST.baud)
    with SerialDriver(design, link, answers=known_answers(design)) as driver:
        for columns, labels in golden_lines(PUBLISHED):
            assert np.array_equal(driver.read_columns(columns).labels, labels)


@pytest.mark.parametrize("deviation", [-0.02, 0.02])
def test_the_rate_of_the_host_may_deviate_by_2_percent(driver, board, deviation):
    board.set_baud(FAST.baud * (1 + deviation))
    driver.check()


@pytest.mark.parametrize("deviation", [-0.1, 0.1])
def test_another_rate_is_an_error_and_the_next_line_is_read(driver, board, deviation):
    board.set_baud(FAST.baud * (1 + deviation))
    with pytest.raises(BoardError, match="simulated"):
        driver.check()
    board.set_baud(FAST.baud)
    driver.check()


@contextmanager
def pseudo_terminal(port: SimulatedPort) -> Iterator[str]:
    """Path of a terminal that is the port of a simulated board; its time passes while there is something to do."""
    master, slave = os.openpty()
    ended = threading.Event()

    def serve() -> None:
        port.timeout = 1e-3
        silent = 0
        while not ended.is_set():
            if select.select([master], [], [], 0.02 if silent else 0)[0]:
                port.write(os.read(master, 1 << 16))
                silent = 0
            elif silent < 5:  # simulated milliseconds without a byte after which an answer has ended
                received = port.read(1 << 10)
                os.write(master, received)
                silent = 0 if received else silent + 1

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield os.ttyname(slave)
    finally:
        ended.set()
        thread.join()
        os.close(slave)
        os.close(master)


def test_the_commands_from_a_design_to_text(tmp_path, tmp_path_factory):
    """What `foldline export` wrote, unchanged, and `foldline run` with pyserial on a pseudo-terminal."""
    pytest.importorskip("serial")
    design, project = GOLDEN / "designs" / f"{FOLD}.npz", tmp_path / "project"
    shown = command_line.run("export", design, "--project", project, "--target", "ecp5")
    assert "for a ULX3S (LFE5U-85F) at 50 MHz. At 1000000 bit/s a column comes every 2000 clocks" in shown.stdout
    (saved,) = project.glob("*.npz")
    files = {path.name: path.read_text() for path in project.iterdir() if path != saved}
    program = built_board(builds_folder(tmp_path_factory.getbasetemp()), files)
    vectors = GOLDEN / "vectors" / f"{FOLD}.npz"
    with closing(SimulatedPort(program, project, SerialSettings())) as port, pseudo_terminal(port) as path:
        done = command_line.run("run", saved, "--pixels", vectors, "--device", f"serial:{path}", "--json")
        other = GOLDEN / "designs" / f"{ODD}.npz"
        refused = command_line.run("run", other, "--pixels", vectors, "--device", f"serial:{path}:1000000")
    found = [json.loads(line) for line in done.stdout.splitlines()]
    expected = golden_lines(FOLD)
    assert [entry["labels"] for entry in found] == [labels.tolist() for _, labels in expected]
    assert sum(len(labels) for _, labels in expected) > 20
    assert "Serial board: 3 lines, 162 columns in at most" in done.stderr
    assert "measured with the transfer at 1000000 bit/s" in done.stderr
    assert refused.exit_code == 1
    assert "holds another network" in refused.stderr


# Faults -----------------------------------------------------------------------------------------------------------------


def test_another_network_is_refused(board, odd):
    other = random_design(3)
    with pytest.raises(DesignError, match=f"{odd.digest(folding=False)[:16]}.*{other.digest(folding=False)[:16]}"):
        SerialDriver(other, SerialLink(board, name="simulated", baud=FAST.baud), answers=()).require_network()


@pytest.mark.parametrize("position", [0, 1, 2, 3, 4, 5, 40, -5, -4, -1])
def test_a_damaged_request_is_never_computed(board, driver, odd, position):
    """Every byte of a frame has its fault: start, tag, command, columns (4: far more than there are), records, checksum."""
    frame = bytearray(random_request(odd, 5))
    frame[position] ^= 0x01
    board.write(bytes(frame))
    expected = {0: LinkStatus.UNKNOWN, 2: LinkStatus.UNKNOWN, 4: LinkStatus.CUT}
    found = answer(board)
    assert (found.status, found.found, found.payload) == (expected.get(position, LinkStatus.CHECKSUM), 0, b"")
    assert found.tag == (0 if position == 0 else 8 if position == 1 else 9)
    driver.check()


@pytest.mark.parametrize("kept", [1, 2, 3, 5, 6, 30, -4, -1])
def test_a_request_that_stops_is_answered_and_the_next_one_read(board, driver, odd, kept):
    board.write(random_request(odd, 5)[:kept])
    found = answer(board)
    assert (found.status, found.tag) == (LinkStatus.CUT, 0 if kept == 1 else 9)
    driver.check()


def test_two_requests_in_one_are_not_mixed(board, driver, odd):
    """A host that stops in the middle and begins again at once: the board counts the second request to the first."""
    board.write(random_request(odd, 20)[:100])
    with pytest.raises(BoardError, match="status 2: the request's checksum is wrong"):
        driver.read_columns(random_columns(odd, 30))
    driver.check()


def test_a_number_of_columns_out_of_range_is_refused(board, driver, odd):
    for columns in (0, odd.limits.columns + 1, 0xFFFF):
        board.write(request(7, Command.LINE, columns=columns, records=bytes(64)))
        assert answer(board).status == LinkStatus.REFUSED
    with pytest.raises(LimitError, match=f"0 columns; .* 1 to {odd.limits.columns}"):
        driver.read_columns(np.zeros((0, odd.inputs), dtype=np.int8))
    driver.check()


def test_a_break_ends_a_request(board, driver, odd):
    byte = 10 * FAST.clocks_per_bit
    board.write(random_request(odd, 5)[:9])
    board.hold_low(3 * byte)
    assert answer(board).status == LinkStatus.BROKEN
    board.hold_low(100 * byte)
    assert answer(board).status == LinkStatus.BROKEN
    assert answer(board) is None  # one break, one answer
    driver.check()


def test_a_glitch_is_no_start_bit(board, odd):
    for clocks in range(1, FAST.clocks_per_bit // 2 - 1):
        board.hold_low(clocks)
        board.idle(50)
    board.write(random_request(odd, 2))
    assert answer(board).status == LinkStatus.OKAY
    assert answer(board) is None


def test_bytes_before_the_answer_has_ended_are_reported(board, driver):
    board.write(request(3, Command.IDENTIFY) + request(4, Command.IDENTIFY))
    first, second = answer(board), answer(board)
    assert (first.tag, first.status) == (3, LinkStatus.OKAY)
    assert (second.tag, second.status) == (0, LinkStatus.BUSY)
    driver.check()


def test_the_button_resets_the_board(board, driver, odd):
    board.write(random_request(odd, 5)[:50])
    assert board.leds() == 0b10010000  # ready, receiving
    board.press_button(10)
    board.idle(10)
    assert board.leds() == 0b10000000
    assert answer(board) is None
    driver.check()


def test_records_that_come_too_fast_are_reported(monkeypatch, tmp_path_factory):
    """Such a project is not exported; here it is, all the same."""
    monkeypatch.setattr(serial, "require_pace", lambda *_: None)
    slow = slow_design()
    with closing(open_board(slow, FAST, tmp_path_factory)) as port:
        port.write(random_request(slow, 1))
        assert answer(port).status == LinkStatus.OKAY  # one record can wait
        port.write(random_request(slow, 20))
        found = answer(port)
        assert (found.status, found.found, found.payload) == (LinkStatus.OVERFLOW, 0, b"")
        assert port.leds() == 0b10000000 | LinkStatus.OVERFLOW
        port.write(random_request(slow, 1))
        assert answer(port).status == LinkStatus.OKAY

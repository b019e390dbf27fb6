"""The host's side of a serial board against answers that no board of ours gives, and ports that fail."""

from itertools import pairwise

import numpy as np
import pytest

from datapath.errors import BoardError, ConfigError, LimitError
from datapath.serial_frames import Command, LinkStatus
from foldline.hardware import board
from foldline.hardware.board import open_driver
from overlay_driver import SerialDriver, SerialLink, open_port, serial_port
from tests.designs import random_design
from tests.foldline import command_line
from tests.foldline.hardware.serial_ports import StandInPort, frame

DESIGN = random_design(1, classes=5)


class ScriptedPort(StandInPort):
    """A port that answers each request with the next of some texts of bytes."""

    def __init__(self, *answers: bytes) -> None:
        super().__init__()
        self.requests = []
        self._answers = list(answers)

    def write(self, data: bytes) -> None:
        self.requests.append(data)
        self.received += self._answers.pop(0) if self._answers else b""


def driver_of(*answers: bytes) -> SerialDriver:
    return SerialDriver(DESIGN, SerialLink(ScriptedPort(*answers), name="port", baud=9600), answers=())


LINE = np.zeros((4, DESIGN.inputs), dtype=np.int8)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"", r"no answer from port within 2\.\d s: the board is not loaded, or the rate is not 9600 bit/s"),
        (b"fff", "3 of 7 bytes of an answer"),
        (frame()[:-2], "2 of 4 bytes"),
        (frame(start=0x67), "begins with byte 0x67; it must be 0x66"),
        (frame(check=5), "checksum is 0x00000005; its bytes give 0x"),
        (frame(size=96), "96 bytes of payload; the most are 95"),
        (frame(status=9), "status is 9; the allowed range is 0 to 7"),
        (frame(status=LinkStatus.OVERFLOW), "answers with status 5: records came faster"),
        (frame(tag=0, status=LinkStatus.UNKNOWN), "answers with status 6: the bytes are not the start"),
        (frame(tag=7) * 20, "16 answers from port, and none is to the last request"),
        (frame(found=5, payload=bytes(5)), "counts 5 labels for 4 columns"),
        (frame(found=2, payload=b"\1"), "counts 2 labels for 4 columns and sends 1"),
        (frame(found=2, payload=b"\1\5"), "sends 5 as label 1; the allowed range is 1 to 4"),
        (frame(found=1, payload=b"\0"), "sends 0 as label 0"),
    ],
)
def test_an_answer_that_is_none_is_an_error(answer, message):
    with pytest.raises(BoardError, match=message):
        driver_of(answer).read_columns(LINE)


def test_an_earlier_answer_is_dropped():
    result = driver_of(frame(tag=200) + frame(found=2, payload=b"\1\4")).read_columns(LINE)
    assert result.labels.tolist() == [1, 4]
    assert result.text == "ad"
    assert (result.at_most, result.modelled, result.columns) == (True, False, 4)


def test_tags_begin_again_after_the_last_one():
    port = ScriptedPort()
    link = SerialLink(port, name="port")
    for _ in range(600):
        with pytest.raises(BoardError):
            link.ask(Command.IDENTIFY, answer_bytes=37)
    tags = [request[1] for request in port.requests]
    assert set(tags) == set(range(1, 256))
    assert all(first != second for first, second in pairwise(tags))


def test_a_line_beyond_the_limits_is_not_sent():
    driver = driver_of()
    for length in (0, DESIGN.limits.columns + 1):
        with pytest.raises(LimitError, match=f"has {length} columns; the accelerator takes 1 to 732"):
            driver.read_columns(np.zeros((length, DESIGN.inputs), dtype=np.int8))
    (error,) = driver.read_lines([np.zeros((4, DESIGN.inputs + 1), dtype=np.int8)])
    assert str(error).startswith(f"The line has shape [4, {DESIGN.inputs + 1}]")


def test_a_board_that_is_another_one_is_refused_and_the_port_closed():
    for payload, message in ((b"\2" + bytes(36), "version 2; this program knows version 1"), (b"\1", "has 1 bytes")):
        port = ScriptedPort(frame(payload=payload))
        driver = SerialDriver(DESIGN, SerialLink(port, name="port"), answers=())
        with pytest.raises(BoardError, match=message), driver:
            pass
        assert port.closed


def test_a_port_that_never_stops_sending_is_an_error():
    class Chatter(ScriptedPort):
        def read(self, size: int) -> bytes:
            return bytes(size)

    with pytest.raises(BoardError, match="port does not stop sending"):
        SerialLink(Chatter(), name="port").wait_until_quiet()


@pytest.mark.parametrize("error", [OSError(5, "Input/output error"), serial_port.PORT_ERRORS[-1]("gone")])
def test_a_port_that_fails_is_an_error(error):
    class Pulled(ScriptedPort):
        def write(self, data: bytes) -> None:
            raise error

    with pytest.raises(BoardError, match=r"The serial port port fails: (Input/output error|gone)"):
        SerialLink(Pulled(), name="port").ask(Command.IDENTIFY, answer_bytes=37)


def test_a_port_that_does_not_exist_is_an_error(tmp_path):
    pytest.importorskip("serial")
    with pytest.raises(BoardError, match=r"Cannot open the serial port .*/none at 9600 bit/s: .*No such file"):
        open_port(str(tmp_path / "none"), 9600)


def test_the_device_names_port_and_rate(monkeypatch, tmp_path):
    opened = []
    monkeypatch.setattr(board, "open_port", lambda path, baud: opened.append((path, baud)))
    for device in ("serial:/dev/ttyUSB0", "serial:/dev/ttyUSB0:2000000", "serial:COM3", "serial:/dev/by-id/a:b"):
        open_driver(DESIGN, device=device)
    assert opened == [
        ("/dev/ttyUSB0", 1_000_000),
        ("/dev/ttyUSB0", 2_000_000),
        ("COM3", 1_000_000),
        ("/dev/by-id/a:b", 1_000_000),
    ]
    with pytest.raises(ConfigError, match="rate of --device is 50 bit/s; it must be 9600 to 3000000"):
        open_driver(DESIGN, device="serial:/dev/ttyUSB0:50")
    with pytest.raises(ConfigError, match="loads no bitstream"):
        open_driver(DESIGN, device="serial:/dev/ttyUSB0", bitstream=tmp_path / "a.bit")
    with pytest.raises(ConfigError, match="--device is 'serial:'"):
        open_driver(DESIGN, device="serial:")


def test_the_driver_waits_longer_than_the_gap_of_the_project():
    from rtl_gen import serial

    assert serial_port.QUIET_SECONDS > 2 * serial.GAP_SECONDS


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--target", "ecp5"), "--target needs --project"),
        (("-o", "x.hpp", "--target", "ecp5"), "--target needs --project"),
        (("--project", "x", "--target", "ecp5", "--board", "pynq-z1"), "goes with none of --kernel"),
        (("--project", "x", "--baud", "9600"), "--baud needs --target ecp5"),
    ],
)
def test_options_that_do_not_go_together_are_refused(options, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    DESIGN.save("design.npz")
    command_line.fails((message,), "export", "design.npz", *options, status=2)

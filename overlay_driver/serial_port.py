"""A board behind a serial port, the ECP5 project's: requests and answers, and the driver that reads lines with them.

docs/ecp5.md has the frames. Needs pyserial, which is imported when a port is opened.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Protocol

import numpy as np

from datapath.design import Design
from datapath.errors import BoardError, DataError, DesignError, FoldlineError, LimitError
from datapath.files import os_reason
from datapath.labels import most_labels
from datapath.manifest import KnownAnswer
from datapath.serial_frames import (
    ANSWER_HEAD,
    BAUD,
    BITS_PER_BYTE,
    CHECK_BYTES,
    IDENTITY_BYTES,
    TAGS,
    Answer,
    Command,
    LinkStatus,
    line_records,
    parse_answer,
    parse_identity,
    payload_bytes,
    request,
)
from overlay_driver.checks import (
    HeldLines,
    lines_until_error,
    notes_on,
    require_answer,
    require_interval,
    require_line,
)
from overlay_driver.results import BoardResult

if sys.platform == "win32":
    PORT_ERRORS: tuple[type[Exception], ...] = (OSError,)
else:
    import termios

    PORT_ERRORS = (OSError, termios.error)
"""Exceptions of pyserial; its SerialException is an OSError, and some calls let the system's through."""

QUIET_SECONDS = 0.25
"""The board ends a request that was cut 0.1 s after its last byte; so much later it has sent its answer to that, too."""

ANSWER_SECONDS = 2.0
"""Time-out of an answer, besides the time of the bytes on the line."""

MAX_STALE = 16
"""Most answers to earlier requests, or pieces of what a board sends unasked, that are dropped."""

TRANSFER_FACTOR = 2
"""Times that bytes on the line may take longer than at its rate."""


class Port(Protocol):
    """What is needed of pyserial's ``Serial``."""

    timeout: float | None
    """Seconds that `read` waits for its bytes."""

    def write(self, data: bytes) -> int | None:
        """Send bytes."""

    def flush(self) -> None:
        """Wait until they have been sent."""

    def read(self, size: int) -> bytes:
        """So many bytes, or fewer where `timeout` has passed."""

    def reset_input_buffer(self) -> None:
        """Drop what has been received."""

    def close(self) -> None:
        """Close the port."""


def open_port(path: str, baud: int = BAUD) -> Port:
    """A serial port of this machine.

    :param path: of the port, e.g. ``/dev/ttyUSB0``.
    :param baud: rate of the line, bit/s.
    :raises BoardError: it cannot be opened.
    :raises ModuleNotFoundError: pyserial is not installed.
    """
    import serial

    try:
        return serial.Serial(path, baud, timeout=ANSWER_SECONDS, write_timeout=None, exclusive=True)
    except (*PORT_ERRORS, ValueError) as error:
        raise BoardError(f"Cannot open the serial port {path} at {baud} bit/s: {os_reason(error)}.") from error


class SerialLink:
    """Requests to a board, one at a time.

    :param port: the open port; `close` closes it.
    :param name: of the port, for messages.
    :param baud: rate of the line, bit/s, for the time-out.
    """

    def __init__(self, port: Port, *, name: str, baud: int = BAUD) -> None:
        self.name = name
        self.baud = baud
        self._port = port
        self._tag = TAGS[-1]

    def close(self) -> None:
        self._port.close()

    def ask(self, command: Command, *, columns: int = 0, records: bytes = b"", answer_bytes: int) -> Answer:
        """Send a request and wait for its answer. After an error the line is quiet, and the next request can be sent.

        :param command: what is asked for.
        :param columns: T of a line.
        :param records: of a line.
        :param answer_bytes: most bytes of the answer's payload.
        :raises BoardError: no answer, a damaged one, or one that reports a fault; the port fails.
        """
        self._tag = self._tag + 1 if self._tag + 1 in TAGS else TAGS[0]
        frame = request(self._tag, command, columns=columns, records=records)
        try:
            with self._port_errors():
                self._port.reset_input_buffer()
                self._port.write(frame)
                self._port.flush()
                answer = self._receive(len(frame), answer_bytes)
            if answer.status is not LinkStatus.OKAY:
                raise BoardError(
                    f"The board at {self.name} answers with status {int(answer.status)}: {answer.status.meaning}."
                )
        except BoardError:
            with suppress(BoardError):  # the first error is the one of interest
                self.wait_until_quiet()
            raise
        return answer

    def wait_until_quiet(self) -> None:
        """Drop what the board sends until it has sent nothing for `QUIET_SECONDS`; then no request is incomplete there.

        :raises BoardError: it does not stop, or the port fails.
        """
        with self._port_errors():
            self._port.timeout = QUIET_SECONDS
            for _ in range(MAX_STALE):
                if not self._port.read(1 << 16):
                    return
        raise BoardError(f"What is at {self.name} does not stop sending; it is not this accelerator.")

    def _receive(self, sent: int, most: int) -> Answer:
        """The answer to the last request, of `sent` bytes, or one that reports a fault, which has then damaged it, too."""
        transferred = sent + ANSWER_HEAD + most + CHECK_BYTES
        self._port.timeout = ANSWER_SECONDS + TRANSFER_FACTOR * BITS_PER_BYTE * transferred / self.baud
        for _ in range(MAX_STALE):
            head = self._read(ANSWER_HEAD)
            try:
                size = payload_bytes(head)
                if size > most:
                    raise DataError(f"its head says {size} bytes of payload; the most are {most}.")
                answer = parse_answer(head + self._read(size + CHECK_BYTES))
            except DataError as error:
                raise BoardError(f"What came from {self.name} is not an answer: {error}") from error
            if answer.tag == self._tag or answer.status is not LinkStatus.OKAY:
                return answer
        raise BoardError(f"There are {MAX_STALE} answers from {self.name}, and none is to the last request.")

    def _read(self, size: int) -> bytes:
        data = self._port.read(size)
        if len(data) < size:
            what = f"{len(data)} of {size} bytes of an answer" if data else "no answer"
            raise BoardError(
                f"There is {what} from {self.name} within {self._port.timeout:.1f} s: the board is not loaded, or the rate is "
                f"not {self.baud} bit/s."
            )
        return data

    @contextmanager
    def _port_errors(self) -> Iterator[None]:
        """Turn errors of the port, e.g. of a cable that was pulled, into a `BoardError`."""
        try:
            yield
        except PORT_ERRORS as error:
            raise BoardError(f"The serial port {self.name} fails: {os_reason(error)}.") from error


class SerialDriver:
    """Computes lines on a board behind a serial port, within a `with` statement, which closes the port.

    Entering it asks the board for its network, and computes the known-answer lines. A result is given out after both have
    been done again behind it, as `overlay_driver.Driver` says; a board with a serial port is not loaded again.

    :param design: the network that the board holds.
    :param link: to the board.
    :param answers: known-answer lines.
    :param check_every: lines between two checks, see `overlay_driver.Driver`.
    :raises ConfigError: `check_every` is outside its range.
    :raises DesignError: on entering: the board holds another network.
    :raises BoardError: on entering: the board does not answer, or gives other labels for a known-answer line.
    """

    kind = "serial board"
    clock_mhz = None
    """The board does not say its clock."""

    def __init__(
        self, design: Design, link: SerialLink, *, answers: tuple[KnownAnswer, ...], check_every: int | None = None
    ) -> None:
        self._check_every = require_interval(check_every)
        self.design = design
        self._link = link
        self._answers = answers
        self._check_seconds = 0.0
        self._needs_check = False

    @property
    def measured(self) -> str:
        """What the times are measured with, for a summary."""
        return f"with the transfer at {self._link.baud} bit/s"

    @property
    def notes(self) -> tuple[str, ...]:
        """What the checks cannot find, one sentence each."""
        return notes_on(self._answers, f"for the board at {self._link.name}")

    def __enter__(self) -> SerialDriver:
        ready = False
        try:
            self._link.wait_until_quiet()
            self.check()
            ready = True
        finally:
            if not ready:
                self._link.close()
        return self

    def __exit__(self, *_: object) -> None:
        self._link.close()

    def require_network(self) -> None:
        """Ask the board what it holds; a DesignError where that is another network, a BoardError without an answer."""
        answer = self._link.ask(Command.IDENTIFY, answer_bytes=IDENTITY_BYTES)
        try:
            identity = parse_identity(answer.payload)
        except DataError as error:
            raise BoardError(f"The board at {self._link.name} is another one: {error}") from error
        network = self.design.digest(folding=False)
        if identity.network != network:
            raise DesignError(
                f"The board at {self._link.name} holds another network (digest {identity.network[:16]}...) than the design "
                f"({network[:16]}...)."
            )

    def check(self) -> None:
        """Ask the board for its network, and compute the known-answer lines.

        :raises DesignError: it holds another network.
        :raises BoardError: a known-answer line fails or gives other labels than the design.
        """
        began, where = time.perf_counter(), f"the board at {self._link.name}"
        self._needs_check = True
        self.require_network()
        for answer in self._answers:
            result = self.compute(answer.columns)
            require_answer(answer, result, self.design, where=where, sound=True)
        self._needs_check = False
        self._check_seconds = time.perf_counter() - began

    def load_again(self) -> None:
        """End what may be left of a request; another tool loads the board."""
        self._link.wait_until_quiet()

    def read_lines(self, lines: Iterable[np.ndarray | FoldlineError]) -> Iterator[BoardResult | FoldlineError]:
        """Compute lines of raw pixels; yields for each its result or its error, in order.

        Results are yielded after the check that confirms them: up to `check_every` lines later.

        :param lines: integers [T, I] each; an error, e.g. of an image that cannot be read, is yielded at its index. Where
            it raises a FoldlineError, that follows the results of the lines before.
        """
        errors: list[FoldlineError] = []
        held = HeldLines(
            self._answers, every=self._check_every, now=time.perf_counter, check_seconds=self._check_seconds
        )
        for line in lines_until_error(lines, errors):
            error = line if isinstance(line, FoldlineError) else self._failed_check()
            if error is not None:
                held.add(error)
            else:
                held.add(self.compute(line), line)
            yield from held.settle(self, loaded=False) if held.due else held.ready()
        if held.waits:
            yield from held.settle(self, loaded=False)
        if errors:
            raise errors[0]

    def read_columns(self, columns: np.ndarray) -> BoardResult:
        """Compute one line of raw pixels, and the known-answer lines behind it; for many lines `read_lines` takes less time.

        :param columns: integers [T, I], raw values of ``fixed<A, 1>``.
        :raises LimitError: T is outside the accelerator's range, or the line has more labels than it stores.
        :raises DataError: another shape or type, or a pixel outside its range.
        :raises BoardError: no answer, a damaged one, or one that cannot be a result, or a known-answer line fails after it.
        """
        (result,) = self.read_lines([columns])
        if isinstance(result, FoldlineError):
            raise result
        return result

    def _failed_check(self) -> FoldlineError | None:
        """The error of a check, which is made where the last one has failed; None where it passes."""
        try:
            if self._needs_check:
                self.check()
        except FoldlineError as error:
            return error
        return None

    def compute(self, columns: np.ndarray) -> BoardResult | FoldlineError:
        """The result of one line of raw pixels without a check behind it, or its error.

        :param columns: see `read_columns`.
        """
        try:
            line = np.asarray(columns)
            require_line(line, self.design, self.design.limits)
            records = line_records(line, self.design)
            started = time.perf_counter()
            most = self.design.limits.labels
            answer = self._link.ask(Command.LINE, columns=len(line), records=records, answer_bytes=most)
            seconds = time.perf_counter() - started
            labels = self._labels(answer, len(line))
        except FoldlineError as error:
            return error
        return BoardResult.of(self.design, labels, columns=len(line), seconds=seconds, at_most=True, modelled=False)

    def _labels(self, answer: Answer, columns: int) -> np.ndarray:
        """The labels of an answer, uint8 [n]; raises as `read_columns`."""
        limit, classes, found = self.design.limits.labels, self.design.classes, answer.found
        labels = np.frombuffer(answer.payload, dtype=np.uint8)
        if found > most_labels(columns) or len(labels) != min(found, limit):
            raise BoardError(
                f"The board counts {found} labels for {columns} columns and sends {len(labels)}; a line has at most "
                f"{most_labels(columns)}, and {limit} are stored."
            )
        if found > limit:
            raise LimitError(f"The line has {found} labels; the accelerator stores at most {limit}.")
        wrong = np.flatnonzero((labels == 0) | (labels >= classes))
        if len(wrong):
            index = int(wrong[0])
            raise BoardError(
                f"The board sends {labels[index]} as label {index}; the allowed range is 1 to {classes - 1}."
            )
        return labels

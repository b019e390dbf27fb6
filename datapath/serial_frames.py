"""Frames between a host and an accelerator with a serial port (docs/ecp5.md): requests to bytes, bytes to answers.

All numbers are little-endian. A frame ends with the CRC-32 of all its bytes before, as of zlib.

    request   start 0x46, tag, command, columns (2 bytes), records, CRC-32
    answer    start 0x66, tag, status, labels found (2), bytes of the payload (2), payload, CRC-32
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from datapath.design import Design
from datapath.errors import DataError
from datapath.packing import pack_columns
from datapath.registers import IntEnumWithMeaning

VERSION = 1
"""Of the frames, in the identity."""

REQUEST_START, ANSWER_START = 0x46, 0x66
BAUD = 1_000_000
"""Default rate of the line, bit/s."""
BAUDS = (9600, 3_000_000)
"""Slowest and fastest rate, bit/s; the FT231X of the ULX3S ends at 3 Mbit/s."""
BITS_PER_BYTE = 10
"""Of a byte on the line: start bit, 8 data bits, stop bit."""

_REQUEST, _ANSWER, _CHECK = struct.Struct("<BBBH"), struct.Struct("<BBBHH"), struct.Struct("<I")
_IDENTITY = struct.Struct("<B32sHH")

ANSWER_HEAD = _ANSWER.size
CHECK_BYTES = _CHECK.size
IDENTITY_BYTES = _IDENTITY.size
"""Bytes of the head of an answer, of a checksum, of the payload of an identity."""
TAGS = range(1, 256)
"""Tags of requests; an answer to no request has tag 0."""


class Command(IntEnum):
    """What a request asks for."""

    IDENTIFY = 1
    LINE = 2


class LinkStatus(IntEnumWithMeaning):
    """How a request ended; `meaning` is a sentence for the host's user."""

    OKAY = 0, "the request was answered"
    REFUSED = 1, "the number of columns is out of the accelerator's range"
    CHECKSUM = 2, "the request's checksum is wrong"
    CUT = 3, "the request stopped in the middle"
    BROKEN = 4, "a byte had no stop bit: noise, or another rate"
    OVERFLOW = 5, "records came faster than the accelerator takes them"
    UNKNOWN = 6, "the bytes are not the start of a request, or the command is unknown"
    BUSY = 7, "bytes came before the last request was answered"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One answer.

    tag      of the request; 0 for an answer to no request
    status   how the request ended
    found    labels of the line, also those that exceed the limit
    payload  the labels that are stored, or the identity; empty where `status` is not OKAY
    """

    tag: int
    status: LinkStatus
    found: int
    payload: bytes


@dataclass(frozen=True, kw_only=True)
class Identity:
    """What the accelerator holds.

    network   `Design.digest` of its network, hexadecimal
    columns   most columns of a line
    labels    most labels of an answer
    """

    network: str
    columns: int
    labels: int


def record_bytes(design: Design) -> int:
    """Bytes of the record of one column and direction, without the padding that records in memory have.

    :param design: gives pixels of a column and their width.
    """
    return -(-design.inputs * design.precision.activation // 8)


def request(tag: int, command: Command, *, columns: int = 0, records: bytes = b"") -> bytes:
    """The bytes of a request.

    :param tag: one of `TAGS`.
    :param command: what is asked for.
    :param columns: T of a line.
    :param records: of a line, see `line_records`.
    """
    body = _REQUEST.pack(REQUEST_START, tag, command, columns) + records
    return body + _CHECK.pack(zlib.crc32(body))


def line_records(columns: np.ndarray, design: Design) -> bytes:
    """The records of a line: direction 0's column t, then direction 1's, for t = 0, 1, ...

    :param columns: integers [T, I], raw values of ``fixed<A, 1>``.
    :param design: gives the width of a pixel.
    :raises DataError: a value outside the range.
    """
    words = pack_columns(columns, design.precision.activation)
    return words.view(np.uint8).reshape(2 * len(columns), -1)[:, : record_bytes(design)].tobytes()


def payload_bytes(head: bytes) -> int:
    """Bytes of the payload of an answer that begins with these.

    :param head: the first `ANSWER_HEAD` bytes.
    :raises DataError: they are not the start of an answer.
    """
    start, _, _, _, size = _ANSWER.unpack(head)
    if start != ANSWER_START:
        raise DataError(f"The answer begins with byte 0x{start:02X}; it must be 0x{ANSWER_START:02X}.")
    return size


def parse_answer(frame: bytes) -> Answer:
    """The answer in a whole frame.

    :param frame: head, payload and checksum.
    :raises DataError: a wrong start, length or checksum, or an unknown status.
    """
    size = payload_bytes(frame[:ANSWER_HEAD])
    if len(frame) != ANSWER_HEAD + size + CHECK_BYTES:
        raise DataError(f"The answer has {len(frame)} bytes; its head says {ANSWER_HEAD + size + CHECK_BYTES}.")
    body, (check,) = frame[:-CHECK_BYTES], _CHECK.unpack(frame[-CHECK_BYTES:])
    if zlib.crc32(body) != check:
        raise DataError(f"The answer's checksum is 0x{check:08X}; its bytes give 0x{zlib.crc32(body):08X}.")
    _, tag, status, found, _ = _ANSWER.unpack(body[:ANSWER_HEAD])
    if status not in list(LinkStatus):
        raise DataError(f"The answer's status is {status}; the allowed range is 0 to {max(LinkStatus)}.")
    return Answer(tag=tag, status=LinkStatus(status), found=found, payload=body[ANSWER_HEAD:])


def parse_identity(payload: bytes) -> Identity:
    """The identity in the payload of an answer to `Command.IDENTIFY`.

    :param payload: of the answer.
    :raises DataError: another length, or another version of the frames.
    """
    if len(payload) != _IDENTITY.size:
        raise DataError(f"The identity has {len(payload)} bytes; it must have {_IDENTITY.size}.")
    version, network, columns, labels = _IDENTITY.unpack(payload)
    if version != VERSION:
        raise DataError(f"The board's frames have version {version}; this program knows version {VERSION}.")
    return Identity(network=network.hex(), columns=columns, labels=labels)

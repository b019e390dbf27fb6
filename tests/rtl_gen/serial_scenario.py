"""What a host sends to a simulated serial board to see any fault of its link, and what must come back."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np

from datapath import Design, Limits
from datapath.errors import DataError
from datapath.serial_frames import (
    ANSWER_HEAD,
    CHECK_BYTES,
    Answer,
    Command,
    LinkStatus,
    line_records,
    parse_answer,
    payload_bytes,
    request,
)
from fixedpoint_sim import simulate
from rtl_gen.serial import SerialSettings, render_serial
from tests.builds import random_columns
from tests.designs import random_design
from tests.golden_data import REPOSITORY
from tests.rtl_gen.serial_board import SimulatedPort, built_board

FAST = SerialSettings(clock_mhz=25, baud=2_500_000, gap_seconds=1e-4)
"""10 clocks per bit, so that tests take seconds; the gap is 25 bytes."""

GAP = FAST.gap_clocks
BYTE = 10 * FAST.clocks_per_bit

LONGEST = 2000
"""Columns of a line whose labels are found when its answer would have begun, if it did not wait for them."""

Step = tuple[str, object, object]
"""What was done, what came back, what was expected."""


def answer(port: SimulatedPort) -> Answer | None:
    """The next answer; None if nothing comes within ten gaps."""
    port.timeout = 10 * FAST.gap_seconds
    head = port.read(ANSWER_HEAD)
    return parse_answer(head + port.read(payload_bytes(head) + CHECK_BYTES)) if head else None


def line_request(design: Design, columns: np.ndarray, tag: int = 9) -> bytes:
    """The request with a line."""
    return request(tag, Command.LINE, columns=len(columns), records=line_records(columns, design))


def fold_design() -> tuple[Design, np.ndarray]:
    """A small design of two bytes per record, and a line with more labels than its limit."""
    golden = REPOSITORY / "golden_vectors"
    design = Design.load(golden / "designs" / "stress_w2a2_fold.npz")
    with np.load(golden / "vectors" / "stress_w2a2_fold.npz") as vectors:
        columns = vectors["pixels_1"]
    return replace(design, limits=Limits(columns=LONGEST, labels=3)), columns


def slow_design() -> Design:
    """A design that is slower than the line of `FAST`, which `require_pace` refuses."""
    return random_design(1, bits=(2, 4, 1, 4, 4), inputs=2, hidden=16)


def failed(status: LinkStatus, tag: int = 0) -> Answer:
    """An answer that reports a fault."""
    return Answer(tag=tag, status=status, found=0, payload=b"")


def first_difference(files: Mapping[str, str], folder: Path, steps, *arguments: object) -> str:
    """The first step of a scenario with another result, or how the simulation fails; "" if all are as expected.

    :param files: of the project, text by name.
    :param folder: for the program and the files that it reads.
    :param steps: a scenario: a function from the port to steps.
    :param arguments: what the scenario takes besides the port.
    """
    for name, text in files.items():
        if name.endswith(".mem"):
            (folder / name).write_text(text)
    with closing(SimulatedPort(built_board(folder / "builds", files), folder, FAST)) as port:
        try:
            return next((what for what, found, expected in steps(port, *arguments) if found != expected), "")
        except (DataError, struct.error, OSError) as error:
            return f"the simulation fails: {error!r}"


def files_of(design: Design) -> dict[str, str]:
    """The project of a design."""
    return render_serial(design, FAST)


def lines_and_faults(port: SimulatedPort, design: Design, columns: np.ndarray) -> Iterator[Step]:
    """Good requests, and each fault with a good request behind it."""
    trace = simulate(design, columns, ignore_limits=True)
    good = Answer(tag=9, status=LinkStatus.OKAY, found=trace.found, payload=bytes(trace.labels))
    whole = line_request(design, columns)
    limits = struct.pack("<HH", design.limits.columns, design.limits.labels)
    identity = b"\1" + bytes.fromhex(design.digest(folding=False)) + limits

    def exchange(what: str, data: bytes, expected: Answer | None) -> Step:
        port.write(data)
        return what, answer(port), expected

    yield "ready", port.leds(), 0b10000000
    yield exchange(
        "identify",
        request(255, Command.IDENTIFY),
        Answer(tag=255, status=LinkStatus.OKAY, found=0, payload=identity),
    )
    yield exchange("a line with more labels than the limit", whole, good)
    for length in (1, 2, 3, LONGEST):
        some = random_columns(design, length, seed=length)
        trace = simulate(design, some, ignore_limits=True)
        expected = Answer(tag=length % 256, status=LinkStatus.OKAY, found=trace.found, payload=bytes(trace.labels))
        yield exchange(f"a line of {length} columns", line_request(design, some, length % 256), expected)
    for deviation in (-0.03, 0.03):
        port.set_baud(FAST.baud * (1 + deviation))
        yield exchange(f"another rate by {deviation:.0%}", whole, good)
    port.set_baud(FAST.baud)

    for clocks in range(1, FAST.clocks_per_bit // 2 - 1):
        port.hold_low(clocks)
        port.idle(3 * FAST.clocks_per_bit)
    yield "a glitch is no byte", answer(port), None
    for number in (0, LONGEST + 1, 0x800, 0xFF00):
        yield exchange(f"{number} columns", request(9, Command.LINE, columns=number), failed(LinkStatus.REFUSED, 9))
    yield exchange("an unknown command", request(9, 3), failed(LinkStatus.UNKNOWN, 9))
    yield exchange("no request", b"\xff" * 60, failed(LinkStatus.UNKNOWN))
    yield "one answer to many bytes", answer(port), None
    yield "its status is shown", port.leds(), 0b10000000 | LinkStatus.UNKNOWN
    for position in (8, -1, -4):
        damaged = bytearray(whole)
        damaged[position] ^= 0x80
        yield exchange(f"byte {position} is damaged", bytes(damaged), failed(LinkStatus.CHECKSUM, 9))
        yield exchange("a line behind it", whole, good)
    yield "no fault is shown", port.leds(), 0b10000000

    for kept in (2, 5, 16, 17, -4, -1):
        yield exchange(f"cut at {kept}", whole[:kept], failed(LinkStatus.CUT, 9))
        yield exchange("a line behind it", whole, good)
    port.write(whole[:30])
    yield "receiving is shown", port.leds(), 0b10010000
    port.idle(GAP - BYTE // 2)
    yield exchange("a pause of less than the gap", whole[30:], good)
    port.write(whole[:30])
    port.idle(GAP + BYTE)
    yield "a pause of more than the gap is a fault", port.leds() & 0xF, LinkStatus.CUT
    yield "which is answered", answer(port), failed(LinkStatus.CUT, 9)

    port.hold_low(50 * BYTE)
    yield "a break", answer(port), failed(LinkStatus.BROKEN)
    yield "one answer to a break", answer(port), None
    for kept in (3, 30, -2):
        port.write(whole[:kept])
        port.hold_low(BYTE)
        port.write(whole[kept:])
        yield f"a byte without stop bit at {kept}", answer(port), failed(LinkStatus.BROKEN, 9)
    yield exchange("a line behind it", whole, good)

    twice = request(3, Command.IDENTIFY)
    yield exchange(
        "two requests: the first", twice * 2, Answer(tag=3, status=LinkStatus.OKAY, found=0, payload=identity)
    )
    yield "two requests: the second", answer(port), failed(LinkStatus.BUSY)
    yield exchange("a line behind them", whole, good)

    port.write(whole[:30])
    port.press_button(10)
    port.idle(10)
    yield "the button ends a request", (port.leds(), answer(port)), (0b10000000, None)
    yield exchange("a line behind it", whole, good)


def overflow(port: SimulatedPort, design: Design) -> Iterator[Step]:
    """Records that come faster than they are taken."""
    for length, status in ((1, LinkStatus.OKAY), (20, LinkStatus.OVERFLOW), (1, LinkStatus.OKAY)):
        port.write(line_request(design, random_columns(design, length)))
        yield f"a line of {length} columns", answer(port), failed(status, 9)

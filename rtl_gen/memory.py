"""The memory behind the accelerator's master ports, as the simulation of the RTL asks for it burst by burst."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Protocol

import numpy as np


class Response(IntEnum):
    """AXI's response to a read or a write."""

    OKAY = 0
    SLAVE_ERROR = 2
    DECODE_ERROR = 3


class Memory(Protocol):
    """What answers the bursts of the accelerator. Addresses are physical, in bytes."""

    def read(self, address: int, length: int) -> tuple[bytes, Response]:
        """The bytes of one read burst, and the response to all of its beats."""

    def write(self, address: int, data: bytes, strobes: np.ndarray) -> Response:
        """One write burst; `strobes`, bool [n], says which of the n bytes are written."""


@dataclass
class BufferMemory:
    """Buffers at physical addresses.

    A burst that is not within a buffer gets a decode error and is listed in `stray`. `failing_read` and `failing_write`
    are the bursts, counted from 0, that get a slave error; None for none.
    """

    buffers: dict[int, bytearray] = field(default_factory=dict)
    failing_read: int | None = None
    failing_write: int | None = None
    stray: list[str] = field(default_factory=list)
    reads: int = 0
    writes: int = 0

    def read(self, address: int, length: int) -> tuple[bytes, Response]:
        self.reads += 1
        buffer, start = self._holding(address, length, "read")
        if buffer is None:
            return bytes(length), Response.DECODE_ERROR
        failing = self.reads - 1 == self.failing_read
        return bytes(buffer[start : start + length]), Response.SLAVE_ERROR if failing else Response.OKAY

    def write(self, address: int, data: bytes, strobes: np.ndarray) -> Response:
        self.writes += 1
        buffer, start = self._holding(address, len(data), "wrote")
        if buffer is None:
            return Response.DECODE_ERROR
        if self.writes - 1 == self.failing_write:
            return Response.SLAVE_ERROR
        for n in np.flatnonzero(strobes):
            buffer[start + n] = data[n]
        return Response.OKAY

    def _holding(self, address: int, length: int, did: str) -> tuple[bytearray | None, int]:
        for first, buffer in self.buffers.items():
            if first <= address and address + length <= first + len(buffer):
                return buffer, address - first
        self.stray.append(f"{did} {length} bytes at 0x{address:08X}")
        return None, 0

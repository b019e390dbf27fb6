"""Clocks for the driver: real time for a board, simulated time for the virtual board."""

from __future__ import annotations

import time
from typing import Protocol


class Timer(Protocol):
    """A clock, and what the driver does between two polls of the accelerator."""

    modelled: bool

    def now(self) -> float:
        """Seconds since an arbitrary start."""

    def pause(self) -> None:
        """Wait for the next poll."""


class RealTime:
    """The computer's clock. It does not sleep between polls: a line takes milliseconds, and a sleep half a millisecond."""

    modelled = False

    def now(self) -> float:
        return time.perf_counter()

    def pause(self) -> None:
        pass

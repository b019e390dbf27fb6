"""Time as the driver sees it: a board's is the computer's, a virtual board's its own."""

from __future__ import annotations

import time
from typing import Protocol


class Timer(Protocol):
    """A clock, and what to do between two looks at the accelerator."""

    modelled: bool

    def now(self) -> float:
        """Seconds since some moment."""
        ...

    def pause(self) -> None:
        """Pass the time until the next look."""
        ...


class RealTime:
    """This computer's clock. Nothing is done between two looks: a line takes milliseconds, a sleep half of one."""

    modelled = False

    def now(self) -> float:
        return time.perf_counter()

    def pause(self) -> None:
        pass

"""What can be made to go wrong on the virtual board."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(kw_only=True)
class Faults:
    """Faults to switch on and off, at any time. A bitstream of another network is a core of another network."""

    start_ignored: bool = False
    """The accelerator stays idle when it is started."""

    done_never_rises: bool = False
    """It starts and does not end."""

    no_memory: bool = False
    """No buffer can be allocated."""

    load_needs_free_memory: bool = False
    """A bitstream is loaded, and an error raised all the same, while a buffer is allocated, as some XRT do."""

    flipped_bit: tuple[int, int] | None = None
    """Word and bit of the output buffer that arrives inverted in memory."""

    interrupted_look: int | None = None
    """Number of looks at the control register until one is interrupted as by Ctrl-C; counts down, then is off."""

    stuck_clock_mhz: float | None = None
    """FCLK0 runs at this clock, MHz, whatever it is set to."""

"""Faults that the virtual board can simulate."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(kw_only=True)
class Faults:
    """Switches for faults; they can be changed at any time. For a wrong bitstream, use a core with another design.

    start_ignored               the accelerator stays idle when it is started
    done_never_rises            the accelerator starts, and never reports done
    no_memory                   every allocation fails
    load_needs_free_memory      loading with an allocated buffer works, but raises an error, as in some versions of XRT
    flipped_bit                 word and bit of the output buffer to invert
    interrupted_poll            polls of the control register before one raises KeyboardInterrupt; counts down, then None
    stuck_clock_mhz             FCLK0 stays at this clock, MHz, whatever it is set to
    """

    start_ignored: bool = False
    done_never_rises: bool = False
    no_memory: bool = False
    load_needs_free_memory: bool = False
    flipped_bit: tuple[int, int] | None = None
    interrupted_poll: int | None = None
    stuck_clock_mhz: float | None = None

"""The clocks that a board's processing system makes for the programmable logic, exactly, as fractions of MHz.

Clock 0 of the logic is the I/O PLL's, divided by two integers of 6 bits, each from 1 to 63: ``FPGA0_CLK_CTRL`` of a
Zynq-7000 (UG585, chapter 25), ``PL0_REF_CTRL`` of a Zynq UltraScale+ (UG1085, chapter 37). Vivado chooses the dividers of
a bitstream, and on the board ``pynq.ps.Clocks`` sets those whose product is nearest to PLL / clock.

The PLL's figure is the nominal one. Vivado and pynq compute with a reference rounded to 33.333 MHz on a Zynq UltraScale+,
and show 99.999 for 100 MHz: 10 millionths, less than what a crystal deviates.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from functools import cache

MAX_DIVIDER = 63
"""Of a register with 6 bits."""

PLL_MHZ = (100, 3000)
"""Slowest and fastest I/O PLL of a board file, MHz."""

EXACT = Fraction(1, 10**9)
"""Largest relative deviation of a number that means one clock exactly: what a float rounds."""


@cache
def possible_clocks(pll_mhz: float, dividers: tuple[int, ...], least: int, most: int) -> tuple[Fraction, ...]:
    """All clocks of a board, MHz, from the slowest on.

    :param pll_mhz: of the I/O PLL, MHz.
    :param dividers: the largest value of each divider; the smallest is 1.
    :param least: slowest clock that counts, MHz.
    :param most: fastest clock that counts, MHz.
    """
    products = {1}
    for last in dividers:
        products = {product * divider for product in products for divider in range(1, last + 1)}
    clocks = (Fraction(str(pll_mhz)) / product for product in products)
    return tuple(sorted(clock for clock in clocks if least <= clock <= most))


def meant_clock(asked_mhz: float, clocks: tuple[Fraction, ...]) -> Fraction | None:
    """The clock that a number means; None where it means none of them.

    A number with decimals means the nearest clock if that rounds to the same decimals: 142.857 and 142.9 mean 1000/7 MHz.
    An integer means exactly itself.

    >>> clocks = possible_clocks(1000, (63, 63), 10, 250)
    >>> meant_clock(142.857, clocks), meant_clock(142.9, clocks), meant_clock(143, clocks), meant_clock(142.856, clocks)
    (Fraction(1000, 7), Fraction(1000, 7), None, None)

    :param asked_mhz: the number, MHz.
    :param clocks: of the board, at least one.
    """
    asked = Decimal(str(asked_mhz))
    decimals = max(0, -int(asked.normalize().as_tuple().exponent))
    near = min(clocks, key=lambda clock: abs(clock - Fraction(asked)))
    unit = Fraction(1, 10**decimals) if decimals else Fraction(0)
    return near if abs(near - Fraction(asked)) <= max(unit / 2, EXACT * near) else None


def nearest_clocks(asked_mhz: float, clocks: tuple[Fraction, ...]) -> tuple[Fraction, ...]:
    """The next slower and the next faster clock, where there are such.

    :param asked_mhz: a number that means no clock, MHz.
    :param clocks: of the board, from the slowest on.
    """
    slower = [clock for clock in clocks if clock < asked_mhz]
    faster = [clock for clock in clocks if clock > asked_mhz]
    return (*slower[-1:], *faster[:1])


def clock_text(clock_mhz: float | Fraction) -> str:
    """A clock in MHz for people, with at most three decimals; as `--clock-mhz` it means the same clock.

    >>> clock_text(Fraction(1000, 7)), clock_text(100.0), clock_text(62.5)
    ('142.857', '100', '62.5')

    :param clock_mhz: the clock, MHz.
    """
    return f"{float(clock_mhz):.3f}".rstrip("0").rstrip(".")

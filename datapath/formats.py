"""Fixed-point formats and their arithmetic on plain integers.

A value is held as an integer ``raw``; its real value is ``raw / 2**format.fraction``. Everything here works on
Python integers and on int64 numpy arrays, and is exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

import numpy as np

from datapath.errors import FormatError

Raw = TypeVar("Raw", int, np.ndarray)

MAX_BITS = 63
"""Widest format, signed or not: its raw values and its mask of all bits fit an int64."""


class Rounding(Enum):
    """How a value with more fraction bits is brought to fewer; each member states what happens to a tie."""

    TRN = "toward minus infinity, always"
    TRN_ZERO = "toward zero, always"
    RND = "to nearest, a tie toward plus infinity"
    RND_ZERO = "to nearest, a tie toward zero"
    RND_INF = "to nearest, a tie away from zero"
    RND_MIN_INF = "to nearest, a tie toward minus infinity"
    RND_CONV = "to nearest, a tie to the even neighbour"

    def __repr__(self) -> str:
        return f"Rounding.{self.name}"


class Overflow(Enum):
    """What happens to a value outside the range."""

    WRAP = "the low bits remain, two's complement"
    SAT = "the nearest end of the range is taken"

    def __repr__(self) -> str:
        return f"Overflow.{self.name}"


@dataclass(frozen=True)
class Format:
    """``ap_fixed`` or ``ap_ufixed``: `bits` in all, `integer` of them before the point (sign included).

    The repr evaluates back to the format:

    >>> gate = Format(bits=16, integer=8, signed=True, rounding=Rounding.RND_ZERO, overflow=Overflow.WRAP)
    >>> eval(repr(gate)) == gate
    True
    >>> gate.fraction, gate.min, gate.max, gate.step
    (8, -32768, 32767, 0.00390625)

    Growth: the exact product has the sum of the fraction bits and of the integer bits; the exact sum has the
    larger fraction and one integer bit more than the larger integer part (and one more if only one is signed):

    >>> weight, pixel = unit_format(4), unit_format(8)
    >>> exact_product(weight, pixel).bits, exact_product(weight, pixel).fraction
    (12, 10)
    >>> exact_sum(gate, weight).bits, exact_sum(gate, weight).fraction
    (17, 8)

    :raises FormatError: bits outside 1..63, or `integer` that leaves more than 63 fraction bits or fewer than 0.
    """

    bits: int
    integer: int
    signed: bool
    rounding: Rounding
    overflow: Overflow

    def __post_init__(self) -> None:
        if not 1 <= self.bits <= MAX_BITS:
            raise FormatError(f"Format.bits is {self.bits}; allowed is 1 to {MAX_BITS}.")
        if not self.bits - MAX_BITS <= self.integer <= self.bits:
            allowed = f"{self.bits - MAX_BITS} to {self.bits}"
            raise FormatError(f"Format.integer is {self.integer}; with {self.bits} bits allowed is {allowed}.")

    @property
    def fraction(self) -> int:
        """Bits after the point."""
        return self.bits - self.integer

    @property
    def min(self) -> int:
        """Lowest raw value."""
        return -(1 << (self.bits - 1)) if self.signed else 0

    @property
    def max(self) -> int:
        """Highest raw value."""
        return (1 << (self.bits - 1)) - 1 if self.signed else (1 << self.bits) - 1

    @property
    def step(self) -> float:
        """Real value of one raw unit."""
        return 2.0**-self.fraction


def ap_fixed_type(format: Format) -> str:
    """Spell a format as its HLS type.

    >>> ap_fixed_type(unit_format(2))
    'ap_fixed<2, 1, AP_RND_CONV, AP_SAT>'

    :param format: with its rounding and overflow.
    """
    name = "ap_fixed" if format.signed else "ap_ufixed"
    return f"{name}<{format.bits}, {format.integer}, AP_{format.rounding.name}, AP_{format.overflow.name}>"


def unit_format(bits: int) -> Format:
    """``fixed<bits, 1>`` with values in [-1, 1): pixels, hidden outputs, weights and biases.

    :param bits: width, 1 or more.
    """
    return Format(bits=bits, integer=1, signed=True, rounding=Rounding.RND_CONV, overflow=Overflow.SAT)


def exact_product(a: Format, b: Format) -> Format:
    """The format that holds every product of `a` and `b` exactly."""
    bits, integer, signed = a.bits + b.bits, a.integer + b.integer, a.signed or b.signed
    return Format(bits=bits, integer=integer, signed=signed, rounding=Rounding.TRN, overflow=Overflow.WRAP)


def exact_sum(a: Format, b: Format) -> Format:
    """The format that holds every sum of `a` and `b` exactly."""
    signed = a.signed or b.signed
    integer = 1 + max(f.integer + (signed and not f.signed) for f in (a, b))
    bits = integer + max(a.fraction, b.fraction)
    return Format(bits=bits, integer=integer, signed=signed, rounding=Rounding.TRN, overflow=Overflow.WRAP)


def remove_bits(raw: Raw, shift: int, rounding: Rounding) -> Raw:
    """Divide `raw` by 2**shift and round; a shift of 0 or less is an exact multiplication.

    :param raw: Python int or int64 array.
    :param shift: fraction bits to remove.
    :param rounding: what happens to them.

    >>> [remove_bits(raw, 1, Rounding.RND_ZERO) for raw in (-3, -1, 1, 3)]
    [-1, 0, 0, 1]
    >>> [remove_bits(raw, 1, Rounding.RND_CONV) for raw in (-3, -1, 1, 3)]
    [-2, 0, 0, 2]
    """
    if shift <= 0:
        return raw << -shift
    half = 1 << (shift - 1)
    negative = raw >> MAX_BITS if isinstance(raw, np.ndarray) else -int(raw < 0)
    # What is added before the bits are removed decides the rounding; `negative` is -1 below zero, else 0.
    if rounding is Rounding.TRN:
        return raw >> shift
    if rounding is Rounding.TRN_ZERO:
        return (raw - negative * ((1 << shift) - 1)) >> shift
    if rounding is Rounding.RND:
        return (raw + half) >> shift
    if rounding is Rounding.RND_ZERO:
        return (raw + half - 1 - negative) >> shift
    if rounding is Rounding.RND_INF:
        return (raw + half + negative) >> shift
    if rounding is Rounding.RND_MIN_INF:
        return (raw + half - 1) >> shift
    return (raw + half - 1 + ((raw >> shift) & 1)) >> shift


def bring_into_range(raw: Raw, format: Format) -> Raw:
    """Apply the overflow rule of `format` to a raw value that already has its fraction bits."""
    if format.overflow is Overflow.SAT:
        if isinstance(raw, np.ndarray):
            return np.clip(raw, format.min, format.max)
        return min(max(raw, format.min), format.max)
    return ((raw - format.min) & ((1 << format.bits) - 1)) + format.min


def narrow(raw: Raw, fraction: int, format: Format) -> Raw:
    """Assign a raw value with `fraction` fraction bits to `format`: first its rounding, then its overflow rule.

    :param raw: Python int, or int64 array whose values leave room for the added half.
    :param fraction: its fraction bits.
    :param format: the type that it is assigned to.
    """
    return bring_into_range(remove_bits(raw, fraction - format.fraction, format.rounding), format)

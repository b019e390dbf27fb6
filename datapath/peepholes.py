"""Peepholes: weights through which gates see their unit's cell state (docs/spec/datapath.md, "Peepholes")."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from datapath.errors import DesignError
from datapath.formats import Format, unit_format
from datapath.precision import require_integers

PEEPHOLE_BITS = range(1, 17)
"""Widths of a peephole weight."""


@dataclass(frozen=True, kw_only=True)
class PeepholeFormat:
    """``fixed<bits, integer>`` of the peephole weights: `bits` in all, `integer` of them before the point.

    :raises DesignError: a width outside 1..16, or integer bits outside 1..bits.
    """

    bits: int
    integer: int

    def __post_init__(self) -> None:
        require_integers(self)
        bits = self.bits
        if bits not in PEEPHOLE_BITS:
            raise DesignError(f"peephole bit width is {bits}; allowed is {PEEPHOLE_BITS[0]} to {PEEPHOLE_BITS[-1]}.")
        if not 1 <= self.integer <= bits:
            raise DesignError(f"peephole integer bits are {self.integer}; with {bits} bits allowed is 1 to {bits}.")

    @property
    def format(self) -> Format:
        """The number format. Weights are exact in it, so its rounding and overflow never act."""
        return replace(unit_format(self.bits), integer=self.integer)


@dataclass(frozen=True, eq=False, kw_only=True)
class Peepholes:
    """Peephole weights of the input, forget and output gate, in this order, as a read-only int16 array of raw values.

    In a `Design` it is [2, 3, H] (direction, gate, unit), in a `FoldedNetwork` [3, PE, 2H/PE].

    :raises DesignError: weights that are not integers, or one that does not fit the format.
    """

    format: PeepholeFormat
    weights: np.ndarray

    def __post_init__(self) -> None:
        object.__setattr__(self, "weights", frozen_integers("peepholes", self.weights, self.format.format, np.int16))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Peepholes):
            return NotImplemented
        return self.format == other.format and np.array_equal(self.weights, other.weights)

    def __hash__(self) -> int:
        return hash((self.format, self.weights.tobytes()))


def frozen_integers(name: str, values: np.ndarray, format: Format, dtype: type[np.integer]) -> np.ndarray:
    """A read-only, contiguous copy of type `dtype`, after checking that every value fits `format`.

    :param name: what errors call the array.
    :param values: integers, any shape.
    :param format: whose range is allowed.
    :param dtype: of the copy.
    :raises DesignError: names the first value that does not, and how many there are.
    """
    values = np.asarray(values)
    if values.dtype.kind not in "iu":  # np.integer has timedelta64, too
        raise DesignError(f"{name} has type {values.dtype}; it must be integers.")
    outside = (values < format.min) | (values > format.max)
    if outside.any():
        place = [int(p) for p in np.argwhere(outside)[0]]
        raise DesignError(
            f"{name}{place} is {values[tuple(place)]}; {format.bits} bits allow {format.min} to {format.max} "
            f"({np.count_nonzero(outside)} of {values.size} values are outside)."
        )
    frozen = values.astype(dtype, order="C")
    frozen.setflags(write=False)
    return frozen

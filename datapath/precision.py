"""Bit widths of a network, and the experiment name that spells them."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, fields

import numpy as np

from datapath.errors import DesignError
from datapath.quantities import ACCUMULATOR, INTERNAL_BITS, SCORE
from datapath.quoting import quoted

NEURON_TYPES = ("LSTM", "QLSTM")
FLOAT_BITS = 32
"""The width that stands for floating point in an experiment name."""

HARDWARE_BITS = range(1, 9)
"""Widths that the datapath stores: signed values of 1 to 8 bits."""


def require_integers(value: object) -> None:
    """Make every field of a frozen dataclass a plain int; DesignError where one is not an integer."""
    for one in fields(value):
        number = getattr(value, one.name)
        if isinstance(number, bool) or not isinstance(number, (int, np.integer)):
            raise DesignError(f"{type(value).__name__}.{one.name} is {quoted(number)}; it must be an integer.")
        object.__setattr__(value, one.name, int(number))


@dataclass(frozen=True, kw_only=True)
class Precision:
    """Bit widths of the values that the hardware stores; all are ``fixed<bits, 1>``, range [-1, 1 - 2**(1-bits)].

    :raises DesignError: a width that is not an integer or outside 1..8.
    """

    weight: int
    """W: recurrent layer weights."""
    bias: int
    """B: recurrent layer biases."""
    activation: int
    """A: pixels and hidden outputs."""
    fc_weight: int
    """Weights of the fully connected output layer."""
    fc_bias: int
    """Biases of the fully connected output layer."""

    def __post_init__(self) -> None:
        require_integers(self)
        for field in fields(self):
            bits = getattr(self, field.name)
            if bits not in HARDWARE_BITS:
                allowed = f"{HARDWARE_BITS[0]} to {HARDWARE_BITS[-1]}"
                raise DesignError(f"{field.name} bit width is {bits}; the datapath takes {allowed}.")

    @property
    def excess_fraction_bits(self) -> int:
        """Fraction bits of a gate product beyond the accumulator's; negative: the product is shifted left."""
        return (self.activation - 1) + (self.weight - 1) - ACCUMULATOR.fraction

    @property
    def bias_left_shift(self) -> int:
        """From a gate bias to the accumulator's fraction."""
        return ACCUMULATOR.fraction - (self.bias - 1)

    @property
    def fc_excess_fraction_bits(self) -> int:
        """Fraction bits of an output layer's product beyond the score's; negative: the product is shifted left."""
        return (self.activation - 1) + (self.fc_weight - 1) - SCORE.fraction

    @property
    def fc_bias_left_shift(self) -> int:
        """From an output layer's bias to the score's fraction."""
        return SCORE.fraction - (self.fc_bias - 1)


_NAME = re.compile(
    r"(?P<neuron>Q?LSTM)(?P<hidden>[0-9]{1,9})_W(?P<weight>[0-9]{1,9})B(?P<bias>[0-9]{1,9})A(?P<activation>[0-9]{1,9})"
    r"I(?P<internal>[0-9]{1,9})_FC_W(?P<fc_weight>[0-9]{1,9})B(?P<fc_bias>[0-9]{1,9})"
)


@dataclass(frozen=True, kw_only=True)
class ExperimentName:
    """A network's name, e.g. ``QLSTM128_W2B8A4I8_FC_W8B8``; a width of 32 stands for floating point.

    >>> name = ExperimentName.parse("QLSTM128_W2B8A4I8_FC_W8B8")
    >>> name.hidden, name.activation, str(name)
    (128, 4, 'QLSTM128_W2B8A4I8_FC_W8B8')

    :raises DesignError: an unknown neuron type, or a number below 1 or above its range.
    """

    neuron: str
    hidden: int
    weight: int
    bias: int
    activation: int
    internal: int
    fc_weight: int
    fc_bias: int

    def __post_init__(self) -> None:
        if self.neuron not in NEURON_TYPES:
            raise DesignError(f"neuron type is {quoted(self.neuron)}; allowed is {' or '.join(NEURON_TYPES)}.")
        if self.hidden < 1:
            raise DesignError(f"hidden units are {self.hidden}; allowed is 1 or more.")
        for name in ("weight", "bias", "activation", "internal", "fc_weight", "fc_bias"):
            if not 1 <= getattr(self, name) <= FLOAT_BITS:
                raise DesignError(f"{name} bit width is {getattr(self, name)}; allowed is 1 to {FLOAT_BITS}.")

    @classmethod
    def on_hardware(cls, *, hidden: int, precision: Precision) -> ExperimentName:
        """The name of a network in the hardware's arithmetic.

        :param hidden: H, hidden units per direction.
        :param precision: widths, bits.
        """
        return cls(neuron="QLSTM", hidden=hidden, internal=INTERNAL_BITS, **asdict(precision))

    @classmethod
    def parse(cls, text: str) -> ExperimentName:
        """Read a name as `str` prints it.

        :param text: such as QLSTM128_W2B8A4I8_FC_W8B8.
        :raises DesignError: the text is not such a name.
        """
        match = _NAME.fullmatch(text)
        if match is None:
            raise DesignError(f"{quoted(text)} is not an experiment name like QLSTM128_W2B8A4I8_FC_W8B8.")
        parts = match.groupdict()
        return cls(neuron=parts.pop("neuron"), **{name: int(value) for name, value in parts.items()})

    def __str__(self) -> str:
        return (
            f"{self.neuron}{self.hidden}_W{self.weight}B{self.bias}A{self.activation}I{self.internal}"
            f"_FC_W{self.fc_weight}B{self.fc_bias}"
        )

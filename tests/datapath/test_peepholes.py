"""Peepholes are an immutable value: a format of 1 to 16 bits, and weights that fit it."""

from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from datapath import Overflow, PeepholeFormat, Peepholes, Rounding
from datapath.errors import DesignError
from datapath.formats import Format


def refused(sentence, make):
    with pytest.raises(DesignError) as caught:
        make()
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("bits", "integer", "sentence"),
    [
        (0, 1, "peephole bit width is 0; allowed is 1 to 16."),
        (17, 1, "peephole bit width is 17; allowed is 1 to 16."),
        (-1, -1, "peephole bit width is -1; allowed is 1 to 16."),
        (8, 0, "peephole integer bits are 0; with 8 bits allowed is 1 to 8."),
        (8, 9, "peephole integer bits are 9; with 8 bits allowed is 1 to 8."),
        (1, 2, "peephole integer bits are 2; with 1 bits allowed is 1 to 1."),
        ("8", 1, "PeepholeFormat.bits is '8'; it must be an integer."),
        (8, 1.0, "PeepholeFormat.integer is 1.0; it must be an integer."),
        (8, True, "PeepholeFormat.integer is True; it must be an integer."),
    ],
)
def test_a_format_that_there_is_not(bits, integer, sentence):
    refused(sentence, lambda: PeepholeFormat(bits=bits, integer=integer))


@pytest.mark.parametrize("bits", range(1, 17))
def test_every_format_there_is(bits):
    for integer in range(1, bits + 1):
        format = PeepholeFormat(bits=np.int64(bits), integer=integer).format
        assert format == Format(
            bits=bits, integer=integer, signed=True, rounding=Rounding.RND_CONV, overflow=Overflow.SAT
        )
        assert format.fraction == bits - integer


@pytest.mark.parametrize("bits", range(1, 17))
@pytest.mark.parametrize("side", ["below", "above"])
def test_a_weight_outside_its_width(bits, side):
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    format = PeepholeFormat(bits=bits, integer=1)
    values = np.full((2, 3, 4), low)
    values[0, 0, 0] = high
    assert Peepholes(format=format, weights=values).weights.tolist() == values.tolist()
    bad = low - 1 if side == "below" else high + 1
    values[1, 0, 2] = values[1, 2, 3] = bad
    refused(
        f"peepholes[1, 0, 2] is {bad}; {bits} bits allow {low} to {high} (2 of 24 values are outside).",
        lambda: Peepholes(format=format, weights=values),
    )


@pytest.mark.parametrize("dtype", [np.float32, bool, object])
def test_weights_that_are_no_integers(dtype):
    refused(
        f"peepholes has type {np.dtype(dtype)}; it must be integers.",
        lambda: Peepholes(format=PeepholeFormat(bits=8, integer=1), weights=np.zeros((2, 3, 4), dtype=dtype)),
    )


def test_no_weight_can_be_changed_from_within_or_from_outside():
    values = np.zeros((2, 3, 4), dtype=np.int16)
    peepholes = Peepholes(format=PeepholeFormat(bits=8, integer=1), weights=values)
    values[:] = 1
    assert not peepholes.weights.any()
    with pytest.raises(ValueError, match=r"^assignment destination is read-only$"):
        peepholes.weights[:] = 1
    for name in ("format", "weights"):
        with pytest.raises(FrozenInstanceError, match=f"^cannot assign to field '{name}'$"):
            setattr(peepholes, name, None)

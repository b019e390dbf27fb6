"""Quantizers: the hardware's numbers forward, the stated gradient backward. All comparisons are exact."""

import numpy as np
import pytest
import torch

from datapath import Format, Overflow, Rounding, narrow, unit_format
from datapath.images import quantize_pixels
from train.arithmetic.quantizers import activation_quantizer, internal_quantizer, parameter_quantizer
from train.config import SIGNED_FIXED_UNIT, UNSIGNED_FIXED_UNIT
from train.model import unit_pixels

FRACTION = 12
"""The grid of test values, in bits after the point: finer than any step by enough to hold ties and near-ties."""

GRID = np.arange(-(3 << (FRACTION - 1)), (3 << (FRACTION - 1)) + 1, dtype=np.int64)
"""-1.5 to 1.5, every multiple of 2**-12."""


def unsigned_format(bits: int) -> Format:
    return Format(bits=bits, integer=0, signed=False, rounding=Rounding.RND_CONV, overflow=Overflow.SAT)


def grid() -> torch.Tensor:
    return torch.from_numpy(GRID / 2**FRACTION).float()


@pytest.mark.parametrize("bits", range(2, 10))
@pytest.mark.parametrize("quantizer", [parameter_quantizer, activation_quantizer])
@pytest.mark.parametrize(
    ("scheme", "format_of"), [(SIGNED_FIXED_UNIT, unit_format), (UNSIGNED_FIXED_UNIT, unsigned_format)]
)
def test_values_are_those_of_the_fixed_point_format(bits, quantizer, scheme, format_of):
    number = format_of(bits)
    expected = narrow(GRID, FRACTION, number) * number.step
    point = quantizer(scheme, bits)
    np.testing.assert_array_equal(point(grid()).numpy(), expected.astype(np.float32))
    np.testing.assert_array_equal(point.raw(grid())[0].numpy(), narrow(GRID, FRACTION, number))


def test_a_tie_goes_to_the_even_multiple():
    two_bits = parameter_quantizer(SIGNED_FIXED_UNIT, 2)
    assert two_bits(torch.tensor([-0.75, -0.25, 0.25])).tolist() == [-1.0, 0.0, 0.0]
    four_bits = parameter_quantizer(SIGNED_FIXED_UNIT, 4)
    assert four_bits(torch.tensor([0.0625, 0.1875, 0.3125])).tolist() == [0.0, 0.25, 0.25]


@pytest.mark.parametrize("bits", range(2, 9))
def test_pixels_are_those_of_the_board(bits):
    grey = torch.arange(256, dtype=torch.uint8)
    ours = activation_quantizer(SIGNED_FIXED_UNIT, bits)(unit_pixels(grey)) * 2.0 ** (bits - 1)
    np.testing.assert_array_equal(ours.numpy(), quantize_pixels(grey.numpy(), bits))


def test_weights_pass_the_gradient_everywhere():
    x = torch.tensor([-3.0, -1.0, 0.1, 0.5, 0.6, 3.0], requires_grad=True)
    gradient = torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    parameter_quantizer(SIGNED_FIXED_UNIT, 2)(x).backward(gradient)
    assert x.grad.tolist() == gradient.tolist()


def test_activations_pass_the_gradient_inside_the_clamp_range_only():
    # 2 bits hold -1 to 0.5, both ends included.
    x = torch.tensor([-3.0, -1.0, 0.1, 0.5, 0.6, 3.0], requires_grad=True)
    activation_quantizer(SIGNED_FIXED_UNIT, 2)(x).backward(torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]))
    assert x.grad.tolist() == [0.0, 2.0, 3.0, 4.0, 0.0, 0.0]


def test_internal_activations_are_signed_behind_tanh_and_unsigned_behind_a_sigmoid():
    x = torch.tensor([-0.99, 0.3, 0.999])
    assert internal_quantizer(2, signed=True)(x).tolist() == [-1.0, 0.5, 0.5]
    assert internal_quantizer(2, signed=False)(x).tolist() == [0.0, 0.25, 0.75]
    assert internal_quantizer(32, signed=True)(x) is x


def test_switched_off_it_is_the_identity():
    point = activation_quantizer(SIGNED_FIXED_UNIT, 2)
    point.enabled = False
    x = torch.randn(5)
    assert point(x) is x


def test_raw_counts_what_was_clipped():
    raw, clipped = parameter_quantizer(SIGNED_FIXED_UNIT, 2).raw(torch.tensor([-1.3, -1.2, 0.7, 0.8, 5.0]))
    # -1.2 and 0.7 round to an end of the range; -1.3, 0.8 and 5 would have gone beyond.
    assert raw.tolist() == [-2, -2, 1, 1, 1]
    assert clipped == 3

"""The overlay's output layer in training: against plain integers, the kernel against torch operations, its gradient."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from tests.designs import random_design
from tests.reference import reference_scores
from train.arithmetic.scores import hardware_scores

GRADIENT_TOLERANCE = 1e-5
"""Sums of some ten products of size 1 in single precision, in another order."""

VOICES = [torch.float32, torch.float64]
"""float32 goes through the kernel, float64 through torch operations."""

WIDTHS = [(activation, weight) for activation in range(2, 9) for weight in range(2, 9)]


def of_fixed(raw: torch.Tensor, bits: int, voice) -> torch.Tensor:
    return raw.to(voice) / 2.0 ** (bits - 1)


def compare(*, activation: int, weight: int, hidden, design, voice) -> torch.Tensor:
    """Raw scores [T, C], found equal to the reference's, of raw hidden outputs [T, 2, H] at time steps."""
    in_image_order = torch.cat([hidden[:, 0], hidden[:, 1].flip(0)], dim=1)
    biases = torch.tensor(design.fc_biases).sum(dim=0)
    scores = hardware_scores(
        of_fixed(in_image_order, activation, voice),
        of_fixed(torch.tensor(np.concatenate(design.fc_weights, axis=1)), weight, voice),
        of_fixed(biases, 8, voice),
        weight_bits=weight,
        feature_bits=activation,
    )
    assert scores.dtype is voice
    raw = (scores * 256).long()
    assert raw.tolist() == reference_scores(design, hidden.tolist())
    return raw


@pytest.mark.parametrize("voice", VOICES)
@pytest.mark.parametrize(("activation", "weight"), WIDTHS)
def test_it_is_the_reference_in_every_bit(activation, weight, voice):
    design = random_design(weight, bits=(4, 8, activation, weight, 8), hidden=11, classes=4)
    half = 2 ** (activation - 1)
    hidden = torch.randint(-half, half, (5, 2, 11))
    compare(activation=activation, weight=weight, hidden=hidden, design=design, voice=voice)


@pytest.mark.parametrize("voice", VOICES)
@pytest.mark.parametrize(("activation", "weight"), WIDTHS)
def test_sums_past_128_wrap(activation, weight, voice):
    """2 * 70 times (-1) * (-1) is 140, which comes out as -116."""
    design = random_design(1, bits=(4, 8, activation, weight, 8), hidden=70, classes=2)
    weights = np.full_like(design.fc_weights, -(2 ** (weight - 1)))
    design = replace(design, fc_weights=weights, fc_biases=np.zeros_like(design.fc_biases))
    hidden = torch.full((2, 2, 70), -(2 ** (activation - 1)))
    raw = compare(activation=activation, weight=weight, hidden=hidden, design=design, voice=voice)
    assert (raw == -116 * 256).all()


def test_every_product_is_rounded_to_even_on_its_own():
    """W8A8 products drop 6 bits. Ties: 32/64 -> 0, 96/64 -> 2, -32/64 -> 0, -96/64 -> -2, twice 32/64 -> 0 and not 1."""
    hidden = torch.tensor([[32, 0], [96, 0], [-32, 0], [-96, 0], [32, 32], [33, 32], [-128, -128]])
    for voice in VOICES:
        scores = hardware_scores(
            of_fixed(hidden, 8, voice),
            of_fixed(torch.ones(1, 2), 8, voice),
            torch.zeros(1, dtype=voice),
            weight_bits=8,
            feature_bits=8,
        )
        assert (scores[:, 0] * 256).tolist() == [0, 2, 0, -2, 0, 1, -4]


@pytest.mark.parametrize("voice", VOICES)
@pytest.mark.parametrize(("activation", "weight"), [(2, 2), (4, 8), (8, 8)])
def test_the_gradient_is_that_of_a_linear_layer(activation, weight, voice):
    def draw(bits: int, *shape: int) -> torch.Tensor:
        half = 2 ** (bits - 1)
        return of_fixed(torch.randint(-half, half, shape), bits, voice).requires_grad_()

    inputs = draw(activation, 6, 10), draw(weight, 3, 10), draw(8, 3)
    scores = hardware_scores(*inputs, weight_bits=weight, feature_bits=activation)
    towards = torch.randn_like(scores)
    actual = torch.autograd.grad((scores * towards).sum(), inputs)
    expected = torch.autograd.grad((functional.linear(*inputs) * towards).sum(), inputs)
    for one, other in zip(actual, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=GRADIENT_TOLERANCE)


@pytest.mark.parametrize("voice", VOICES)
@pytest.mark.parametrize("where", range(3))
def test_nan_comes_out_as_nan(where, voice):
    inputs = [torch.zeros(4, 5, dtype=voice), torch.zeros(2, 5, dtype=voice), torch.zeros(2, dtype=voice)]
    inputs[where].view(-1)[0] = math.nan
    assert hardware_scores(*inputs, weight_bits=8, feature_bits=4).isnan().all()

"""Straight-through quantizers: fixed-point values in the forward pass, a usable gradient in the backward pass.

A quantizer clamps to its range and rounds to the nearest multiple of its step, a tie to the even multiple (the
hardware's RND_CONV). The scale is a power of two and values stay below 2**16 steps, so float32 computes this exactly.
Gradient (docs/spec/training.md): weights and biases pass it unchanged; activations pass it inside the clamp range only.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from train.config import FLOAT_BITS, FP, SIGNED_FIXED_UNIT, UNSIGNED_FIXED_UNIT


class _Quantize(torch.autograd.Function):
    """Clamp and round. The gradient is 0 where the clamp acts if `masked`, else unchanged: a weight can come back."""

    @staticmethod
    def forward(ctx, x: Tensor, low: float, high: float, scale: float, masked: bool) -> Tensor:
        ctx.save_for_backward(x if masked else None)
        ctx.range = low, high
        return x.clamp(low, high).mul_(scale).round_().mul_(1 / scale)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor | None, ...]:
        (x,) = ctx.saved_tensors
        low, high = ctx.range
        if x is not None:
            gradient = gradient * ((x >= low) & (x <= high))
        return gradient, None, None, None, None


class Quantizer(nn.Module):
    """One quantization point.

    :param scheme: ``FP`` (identity), ``SIGNED_FIXED_UNIT`` or ``UNSIGNED_FIXED_UNIT``; see `Hyperparameters`.
    :param bits: width; 32 for ``FP``.
    :param activation: which of the two gradient rules holds.

    `enabled` can be set to False to compute in floating point.
    """

    def __init__(self, scheme: str, bits: int, *, activation: bool) -> None:
        super().__init__()
        self.scheme, self.bits, self.activation = scheme, bits, activation
        self.fraction = bits if scheme == UNSIGNED_FIXED_UNIT else bits - 1
        """Bits after the point: the step is 2**-fraction."""
        self.low = -1.0 if scheme == SIGNED_FIXED_UNIT else 0.0
        self.high = 1 - 2.0**-self.fraction
        self.enabled = scheme != FP

    @property
    def is_float(self) -> bool:
        """Whether this point has no fixed-point format at all."""
        return self.scheme == FP

    def forward(self, x: Tensor) -> Tensor:
        """`x` in fixed point, same shape; `x` itself where this point is in floating point."""
        return _Quantize.apply(x, self.low, self.high, 2.0**self.fraction, self.activation) if self.enabled else x

    def raw(self, x: Tensor) -> tuple[Tensor, int]:
        """The integers raw of `self(x)` = raw * 2**-fraction, whether enabled or not.

        :returns: int64 of the same shape, and the number of values that had to be clipped to the range.
        """
        # In float64 the product of a float32 and a power of two is exact.
        steps = (x.detach().double() * 2.0**self.fraction).round()
        clipped = steps.clamp(self.low * 2.0**self.fraction, self.high * 2.0**self.fraction)
        return clipped.long(), int((steps != clipped).sum())

    def extra_repr(self) -> str:
        return f"{self.scheme}, {self.bits} bits, {'activation' if self.activation else 'parameter'}"


def parameter_quantizer(scheme: str, bits: int) -> Quantizer:
    """A quantization point of weights or biases."""
    return Quantizer(scheme, bits, activation=False)


def activation_quantizer(scheme: str, bits: int) -> Quantizer:
    """A quantization point of pixels or of the hidden state."""
    return Quantizer(scheme, bits, activation=True)


def internal_quantizer(bits: int, *, signed: bool) -> Quantizer:
    """A quantization point behind a tanh (signed) or a sigmoid (unsigned)."""
    if bits == FLOAT_BITS:
        return activation_quantizer(FP, bits)
    return activation_quantizer(SIGNED_FIXED_UNIT if signed else UNSIGNED_FIXED_UNIT, bits)

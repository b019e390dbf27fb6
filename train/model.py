"""`Recogniser`: the network from grey columns to class scores; every module and quantization point has a name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum

import torch
from torch import Tensor, nn
from torch.nn import functional

from datapath.errors import ConfigError
from train.arithmetic.lstm import Packing
from train.arithmetic.quantizers import Quantizer, activation_quantizer, parameter_quantizer
from train.arithmetic.scores import hardware_scores
from train.config import FLOAT_BITS, FP, Hyperparameters
from train.recurrent import QuantLSTM

GREY_LEVELS = 255


class Arithmetic(Enum):
    """The arithmetic of a network; see `Recogniser.computing_in`."""

    QUANTIZED = "every quantizer as trained"
    FLOAT_ACTIVATIONS = "the trained fixed-point weights and biases, but pixels and activations in floating point"
    LATENT = "no quantizer at all: also weights and biases as the optimiser holds them"


class QuantLinear(nn.Linear):
    """Fully connected layer with quantized weights and biases.

    :param features: inputs.
    :param classes: outputs, C.
    :param weight: scheme and bits of the weights.
    :param bias_format: scheme and bits of the biases.
    :param feature_bits: A, for the overlay's arithmetic.
    """

    def __init__(
        self,
        features: int,
        classes: int,
        *,
        weight: tuple[str, int],
        bias_format: tuple[str, int],
        feature_bits: int = FLOAT_BITS,
    ) -> None:
        super().__init__(features, classes)
        self.feature_bits = feature_bits
        self.quantize_weight = parameter_quantizer(*weight)
        self.quantize_bias = parameter_quantizer(*bias_format)

    def forward(self, features: Tensor) -> Tensor:
        """[..., features] -> [..., classes]."""
        return functional.linear(features, self.quantize_weight(self.weight), self.quantize_bias(self.bias))

    def hardware(self, hidden: Tensor, directions: int, *, keep_probability: float) -> Tensor:
        """The overlay's class scores.

        :param hidden: [N, directions * features]; the directions share the weights.
        :param keep_probability: share of `hidden` that dropout left; the rounded scores are divided by it.
        """
        weight = self.quantize_weight(self.weight).repeat(1, directions)
        bias = self.quantize_bias(self.bias)
        widths = {"weight_bits": self.quantize_weight.bits, "feature_bits": self.feature_bits}
        scores = hardware_scores(hidden, weight, bias, **widths)
        return scores if keep_probability == 1 else bias + (scores - bias) / keep_probability


class Recogniser(nn.Module):
    """The network of docs/spec/training.md: pixels -> recurrent layer -> batch norm -> fully connected layer.

    :param hyperparameters: sizes and quantizers. ``prefused_bn_fc`` leaves the batch norm out.
    :param classes: C, with the blank as class 0.
    """

    def __init__(self, hyperparameters: Hyperparameters, classes: int) -> None:
        super().__init__()
        hp = self.hyperparameters = hyperparameters
        self.classes = classes
        activation = (hp.recurrent_activation_quantization, hp.recurrent_activation_bit_width)
        self.quantize_pixels = activation_quantizer(*(activation if hp.quantize_input else (FP, FLOAT_BITS)))
        self.recurrent = QuantLSTM(
            hp.target_height,
            hp.layer_size,
            bidirectional=hp.bidirectional,
            use_bias=hp.recurrent_bias_enabled,
            weight=(hp.recurrent_weight_quantization, hp.recurrent_weight_bit_width),
            bias=(hp.recurrent_bias_quantization, hp.recurrent_bias_bit_width),
            activation=activation,
            internal_bits=hp.internal_activation_bit_width,
            hardware=hp.forward_arithmetic == "HARDWARE",
        )
        self.batch_norm = None if hp.prefused_bn_fc else nn.BatchNorm1d(hp.features)
        self.fc = QuantLinear(
            hp.features,
            classes,
            weight=(hp.fc_weight_quantization, hp.fc_weight_bit_width),
            bias_format=(hp.fc_bias_quantization, hp.fc_bias_bit_width),
            feature_bits=hp.recurrent_activation_bit_width,
        )

    def forward(self, grey: Tensor, lengths: Tensor) -> Tensor:
        """Class scores (logits) of a batch of lines.

        :param grey: uint8 [T, B, I], ink bright; undefined beyond a line's length.
        :param lengths: int64 [B], real columns of each line, 1..T.
        :returns: float32 [T, B, C]; zero beyond a line's length.
        """
        packing = Packing(lengths)
        return packing.padded(self.packed_scores(grey, packing), len(grey))

    def packed_scores(self, grey: Tensor, packing: Packing) -> Tensor:
        """Class scores of the real columns alone, line after line: float32 [N, C]; see `forward`."""
        columns = self.quantize_pixels(unit_pixels(packing.real(grey)))
        return self.scores_of(self.recurrent.read(columns, packing))

    def scores_of(self, hidden: Tensor) -> Tensor:
        """Class scores [N, C] of hidden outputs [N, D * H]."""
        hp = self.hyperparameters
        if self.training and hp.dropout:
            hidden = hidden * (torch.rand_like(hidden) >= hp.dropout)
        directions = 2 if hp.bidirectional and hp.reduce_bidirectional == "SUM" else 1
        if self.in_hardware_scores:
            return self.fc.hardware(hidden, directions, keep_probability=1 - hp.dropout if self.training else 1.0)
        features = hidden.unflatten(1, (directions, -1)).sum(dim=1)
        if self.training and hp.dropout:
            features = features / (1 - hp.dropout)
        return self.fc(features if self.batch_norm is None else self.batch_norm(features))

    @property
    def in_hardware_scores(self) -> bool:
        """Whether class scores are computed as the overlay does now."""
        hp = self.hyperparameters
        fixed = hp.forward_arithmetic == "HARDWARE" and not hp.float_fc
        return fixed and self.recurrent.quantize_hidden.enabled

    def quantizers(self) -> dict[str, Quantizer]:
        """Every quantization point by its name, e.g. ``recurrent.quantize_hidden``."""
        return {name: module for name, module in self.named_modules() if isinstance(module, Quantizer)}

    @contextmanager
    def computing_in(self, arithmetic: Arithmetic) -> Iterator[None]:
        """Compute in other numbers within a ``with``: the same checkpoint in fixed point and in floating point."""
        before = {quantizer: quantizer.enabled for quantizer in self.quantizers().values()}
        for quantizer in before:
            quantized = arithmetic is Arithmetic.QUANTIZED or (
                arithmetic is Arithmetic.FLOAT_ACTIVATIONS and not quantizer.activation
            )
            quantizer.enabled = quantized and not quantizer.is_float
        try:
            yield
        finally:
            for quantizer, enabled in before.items():
                quantizer.enabled = enabled


def unit_pixels(grey: Tensor) -> Tensor:
    """Grey values 0..255 to float32 in [-1, 1]."""
    return grey.float() / GREY_LEVELS * 2 - 1


def require_device(device: str) -> None:
    """Raise a ConfigError, with torch's reason, for a device of torch that this machine does not have."""
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ConfigError(f"device is {device!r}, which cannot be used here: {str(error).splitlines()[0]}") from error

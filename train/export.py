"""Checkpoint -> `Design`: from here on everything is integers."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from datapath import Design, Folding, Limits, Precision, Provenance
from datapath.errors import CheckpointError, ConfigError
from datapath.precision import HARDWARE_BITS
from datapath.quantities import INTERNAL_BITS, SCORE
from datapath.text_form import TextForm
from datapath.version import TOOL
from train.arithmetic.quantizers import Quantizer, parameter_quantizer
from train.checkpoint import Checkpoint, opened, require_finite
from train.config import FLOAT_BITS, FP, SIGNED_FIXED_UNIT, Hyperparameters
from train.fusion import fuse_batch_norm
from train.hardware import supported, unsupported
from train.model import Recogniser

FC_BITS = 8
"""Width of FC weights and biases that were trained in floating point, unless the caller asks for another."""

WRAP_BACKOFF = 0.98
"""Factor by which the class scores are made smaller until none can wrap, whatever the line."""


@dataclass(frozen=True, kw_only=True)
class ExportResult:
    """A design, and what was done to the trained values to fit the hardware.

    clipped   per array of the design, the number of values outside their range, which were brought to its end
    fc_scale  factor on all class scores, 1 where the FC layer was trained in fixed point; it changes no comparison
              between scores, only how finely they are rounded
    narrowed  values that were trained with more bits than the design has, each as in "FC weights from 32 to 8 bits"
    """

    design: Design
    clipped: dict[str, int]
    fc_scale: float
    narrowed: tuple[str, ...] = ()


def design_from_checkpoint(
    checkpoint: str | os.PathLike | Checkpoint,
    *,
    folding: Folding | None = None,
    limits: Limits | None = None,
    fc_weight_bits: int | None = None,
    fc_bias_bits: int | None = None,
) -> ExportResult:
    """The design of a trained network: its weights and biases as integers.

    They are exactly the values of the trained quantizers, but for an FC layer that was not trained in fixed point with
    ``prefused_bn_fc``: its batch norm is fused, and one factor brings weights and biases to fill [-1, 1).

    :param checkpoint: its path, or the checkpoint itself.
    :param folding: None takes PE 1 with all products of a gate in parallel.
    :param limits: None takes those of the published overlay.
    :param fc_weight_bits: width of fully connected weights that were trained in floating point, 1 to 8; None takes 8.
    :param fc_bias_bits: width of its biases, the same.
    :raises FileError: the file is missing.
    :raises CheckpointError: damaged, weights that are not finite, or a network (by field) that the hardware lacks.
    :raises ConfigError: an FC width for a layer that already has one.
    :raises DesignError: the folding does not divide, or a width is outside 1..8.
    """
    loaded = opened(checkpoint)
    try:
        model = _exportable(loaded)
    except CheckpointError as error:
        raise error.within(loaded.name) from error
    hp = loaded.hyperparameters
    precision = _precision(hp, fc_weight_bits=fc_weight_bits, fc_bias_bits=fc_bias_bits)
    fixed_fc = hp.prefused_bn_fc and hp.fc_weight_quantization == hp.fc_bias_quantization == SIGNED_FIXED_UNIT
    scale = 1.0 if fixed_fc else _fitting_scale(model, precision)
    arrays, clipped = _integers(model, precision, scale)
    design = Design(
        precision=precision,
        folding=folding or Folding(pe=1, simd_input=hp.target_height, simd_recurrent=hp.layer_size),
        limits=limits or Limits(),
        alphabet=loaded.alphabet,
        provenance=_provenance(loaded, scale),
        **arrays,
    )
    return ExportResult(design=design, clipped=clipped, fc_scale=scale, narrowed=_narrowed(hp, precision))


def _exportable(checkpoint: Checkpoint) -> Recogniser:
    """The network without batch norm, its weights in floating point."""
    hp = checkpoint.hyperparameters
    fault = unsupported(hp, {**supported(hp), "bidirectional": (True,)})
    if fault is not None:
        in_float = FP in (hp.recurrent_weight_quantization, hp.recurrent_activation_quantization)
        trained = f" `foldline recipe --warm-up {checkpoint.name}` trains a network for it from these weights."
        raise CheckpointError(fault + (trained if in_float else ""))
    trained = checkpoint.recogniser()
    require_finite(trained)
    fused = fuse_batch_norm(trained)
    try:
        require_finite(fused)
    except CheckpointError as error:
        raise CheckpointError(f"Its batch norm cannot be fused: {error}") from error
    return fused


def _precision(hp: Hyperparameters, *, fc_weight_bits: int | None, fc_bias_bits: int | None) -> Precision:
    def fc_width(part: str, asked: int | None) -> int:
        trained = getattr(hp, f"{part}_bit_width")
        if trained == FLOAT_BITS:
            return FC_BITS if asked is None else asked
        if asked not in (None, trained):
            name = f"{part}_bit_width"
            raise ConfigError(f"{part}_bits is {asked}, but the checkpoint was trained with {name} {trained}.")
        return trained

    # A network without biases has zeros, which fit any width.
    bias = hp.recurrent_bias_bit_width
    return Precision(
        weight=hp.recurrent_weight_bit_width,
        bias=HARDWARE_BITS.stop - 1 if bias == FLOAT_BITS else bias,
        activation=hp.recurrent_activation_bit_width,
        fc_weight=fc_width("fc_weight", fc_weight_bits),
        fc_bias=fc_width("fc_bias", fc_bias_bits),
    )


def _narrowed(hp: Hyperparameters, precision: Precision) -> tuple[str, ...]:
    """Values that were trained with more bits than the hardware has; `supported` refuses such a recurrent layer."""
    widths = {
        "sigmoid and tanh outputs": (hp.internal_activation_bit_width, INTERNAL_BITS),
        "FC weights": (hp.fc_weight_bit_width, precision.fc_weight),
        "FC biases": (hp.fc_bias_bit_width, precision.fc_bias),
    }
    return tuple(f"{what} from {was} to {bits} bits" for what, (was, bits) in widths.items() if was > bits)


def _fitting_scale(model: Recogniser, precision: Precision) -> float:
    """The largest factor that keeps every FC weight and bias in its range, and that lets no class score wrap."""
    weight, bias = model.fc.weight.detach().double(), model.fc.bias.detach().double()
    limits = [
        (_fixed(precision.fc_weight).high, float(weight.abs().max())),
        (_fixed(precision.fc_bias).high, float(bias.abs().max())),
    ]
    scale = min((limit / value for limit, value in limits if value > 0), default=1.0)
    uses = 2 if model.hyperparameters.reduce_bidirectional == "SUM" else 1

    def largest_score() -> float:
        # Hidden outputs lie in [-1, 1), and rounding a product cannot take it beyond its weight.
        rounded_weight = _fixed(precision.fc_weight)(weight * scale)
        rounded_bias = _fixed(precision.fc_bias)(bias * scale)
        return float((uses * rounded_weight.abs().sum(dim=1) + rounded_bias.abs()).max())

    while largest_score() > SCORE.max * SCORE.step:
        scale *= WRAP_BACKOFF
    return scale


def _fixed(bits: int) -> Quantizer:
    return parameter_quantizer(SIGNED_FIXED_UNIT, bits)


def _integers(model: Recogniser, precision: Precision, scale: float) -> tuple[dict[str, np.ndarray], dict[str, int]]:
    """The arrays of the design, and how many values of each were clipped."""
    recurrent, hp = model.recurrent, model.hyperparameters
    no_bias = torch.zeros(2, 4, hp.layer_size)
    fc_weight, fc_bias = model.fc.weight.double() * scale, model.fc.bias.double() * scale
    # CONCAT: the first H features are the forward direction's. SUM: both directions meet the same weights.
    by_direction = [fc_weight, fc_weight] if hp.reduce_bidirectional == "SUM" else fc_weight.chunk(2, dim=1)
    trained: dict[str, tuple[Tensor, int]] = {
        "weights_input": (recurrent.stacked("weight_ih"), precision.weight),
        "weights_recurrent": (recurrent.stacked("weight_hh"), precision.weight),
        "biases_input": (recurrent.stacked("bias_ih") if recurrent.use_bias else no_bias, precision.bias),
        "biases_recurrent": (recurrent.stacked("bias_hh") if recurrent.use_bias else no_bias, precision.bias),
        "fc_weights": (torch.stack(list(by_direction)), precision.fc_weight),
        # Both directions' scores are added, so only the forward half has the bias.
        "fc_biases": (torch.stack([fc_bias, torch.zeros_like(fc_bias)]), precision.fc_bias),
    }
    arrays, clipped = {}, {}
    for name, (values, bits) in trained.items():
        raw, clipped[name] = _fixed(bits).raw(values)
        arrays[name] = raw.numpy()
    return arrays, clipped


def _provenance(checkpoint: Checkpoint, scale: float) -> Provenance:
    trained = checkpoint.provenance
    file = checkpoint.path
    source = f"{file.name}, sha256 {checkpoint.sha256}" if file else checkpoint.name
    notes = {
        "command": trained.get("command", ""),
        "dataset": trained.get("dataset", ""),
        "random_seed": str(checkpoint.hyperparameters.random_seed),
        "epochs": str(checkpoint.epoch),
        "trained_with": f"{trained.get('tool', '')}, torch {trained.get('torch', '')}",
        "internal_activation_bit_width": str(checkpoint.hyperparameters.internal_activation_bit_width),
    }
    notes |= TextForm.of(trained).notes()
    if scale != 1:
        notes["fc_scale"] = repr(scale)
    if not checkpoint.hyperparameters.prefused_bn_fc:
        notes["batch_norm"] = "fused on export, without retraining"
    return Provenance(author=trained.get("author", ""), source=source, tool=TOOL, notes=notes)

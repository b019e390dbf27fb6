"""`stages_of`: the training runs that lead to a network, see `foldline.recipe`."""

from __future__ import annotations

from dataclasses import dataclass, replace

from datapath.errors import ConfigError
from train.config import FLOAT_BITS, FP, QUANTIZED_PARTS, Hyperparameters

FLOAT, RECURRENT, HARDWARE = "1-float", "2-recurrent", "3-hardware"
FLOAT_STAGES = (FLOAT, "2-float", "3-float")
"""The stages of a float network's recipe."""

FRACTIONS = (0.2, 0.3, 0.5)
"""Of the epochs, for each stage."""


@dataclass(frozen=True, kw_only=True)
class TrainingStage:
    """One run of the recipe; `fuses`: whether it fuses the batch norm of the stage before into the FC layer."""

    name: str
    hyperparameters: Hyperparameters
    fuses: bool = False


def stages_of(hyperparameters: Hyperparameters, *, batch_norm: bool = True) -> tuple[TrainingStage, ...]:
    """The stages that lead to a network.

    :param hyperparameters: of the network; the stages divide its `epochs`. With ``neuron_type LSTM`` it is a float network.
    :param batch_norm: whether the stages have batch norm, up to the last one of a quantized network, which fuses it; a
        warm-up without it leads to stages without.
    :raises ConfigError: neither a network that the hardware computes nor a float network, or there are fewer epochs than
        stages.
    """
    target = hyperparameters
    in_float = target.neuron_type == "LSTM"
    if in_float:
        _check_float_target(target)
    elif target.forward_arithmetic != "HARDWARE" or target.float_fc or not target.prefused_bn_fc:
        raise ConfigError(
            "The recipe ends in the overlay's arithmetic: forward_arithmetic must be HARDWARE, prefused_bn_fc true and "
            "the fc_ parts SIGNED_FIXED_UNIT, as in the presets of params/. For a float network neuron_type must be LSTM."
        )
    epochs = [round(target.epochs * part) for part in FRACTIONS]
    if min(epochs) < 1:
        raise ConfigError(f"epochs is {target.epochs}; the recipe's {len(epochs)} stages need at least {len(epochs)}.")
    with_norm = {"prefused_bn_fc": not batch_norm, "score_scale": 1.0, **_in_float("fc_weight", "fc_bias")}
    all_float = {
        **with_norm,
        **_in_float(*QUANTIZED_PARTS),
        "internal_activation_bit_width": FLOAT_BITS,
        "forward_arithmetic": "ORIGINAL",
        "neuron_type": "QLSTM",  # with these widths the same network as LSTM: one warm-up for networks of both types
    }
    last = {"prefused_bn_fc": not batch_norm} if in_float else {}
    return tuple(
        TrainingStage(name=name, hyperparameters=replace(target, epochs=number, **changes), fuses=fuses)
        for name, number, changes, fuses in zip(
            FLOAT_STAGES if in_float else (FLOAT, RECURRENT, HARDWARE),
            epochs,
            (all_float, with_norm, last),
            (False, False, batch_norm and not in_float),
            strict=True,
        )
    )


def _check_float_target(target: Hyperparameters) -> None:
    """:raises ConfigError: a network of ``neuron_type LSTM`` that the recipe does not train."""
    if not target.is_float or target.prefused_bn_fc:
        raise ConfigError(
            "neuron_type is LSTM: the recipe then trains a float network, whose widths are 32, whose fc_ parts are FP, and "
            "whose batch norm is kept (prefused_bn_fc false), as in the preset LSTM128_W32B32A32I32_FC_W32B32."
        )


def _in_float(*parts: str) -> dict[str, int | str]:
    return {f"{part}_bit_width": FLOAT_BITS for part in parts} | {f"{part}_quantization": FP for part in parts}

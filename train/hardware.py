"""The hyperparameters of networks that the accelerator can compute: one table of what it supports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from datapath.precision import HARDWARE_BITS

if TYPE_CHECKING:
    from train.config import Hyperparameters

FIXED_BITS = range(2, 17)
"""Widths that a fixed-point quantizer takes; those that the hardware does not store are for comparison."""

STORED_BITS = range(FIXED_BITS.start, HARDWARE_BITS.stop)
"""Widths that can be trained and that the hardware stores."""

FLOAT_BITS = 32
"""Width of a value in floating point."""

FP, SIGNED_FIXED_UNIT, UNSIGNED_FIXED_UNIT = "FP", "SIGNED_FIXED_UNIT", "UNSIGNED_FIXED_UNIT"
"""Quantization schemes."""


def supported(hp: Hyperparameters) -> dict[str, Sequence]:
    """Values that the accelerator computes with, by hyperparameter; it computes with every value of the others.

    An FC layer in floating point is among them: the export rounds it.
    """
    recurrent = ["recurrent_weight", "recurrent_activation"]
    recurrent += ["recurrent_bias"] if hp.recurrent_bias_enabled else []
    fc = ["fc_weight", "fc_bias"]
    fixed = recurrent + [part for part in fc if getattr(hp, f"{part}_quantization") != FP]
    return {
        "neuron_type": ("QLSTM",),
        "quantize_input": (True,),
        **{f"{part}_quantization": (SIGNED_FIXED_UNIT,) for part in recurrent},
        **{f"{part}_quantization": (SIGNED_FIXED_UNIT, FP) for part in fc},
        **{f"{part}_bit_width": STORED_BITS for part in fixed},
    }


def unsupported(hp: Hyperparameters, allowed: Mapping[str, Sequence]) -> str | None:
    """The message on the first hyperparameter whose value is not `allowed`, see `supported`; None if there is none."""
    for name, values in allowed.items():
        value = getattr(hp, name)
        if value not in values:
            text = f"{values[0]} to {values[-1]}" if isinstance(values, range) else " or ".join(map(str, values))
            return f"{name} is {value}; the hardware takes {text}."
    return None

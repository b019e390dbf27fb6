"""`Hyperparameters`: everything that decides a training run, with the original trainer's names and defaults."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Mapping
from dataclasses import Field, asdict, dataclass, field, fields
from typing import Any

from datapath.errors import ConfigError, FileError, suggestion
from datapath.files import write_text
from datapath.json_text import parse_json
from datapath.precision import INTERNAL_BITS, NEURON_TYPES, ExperimentName
from datapath.quoting import quoted
from datapath.reading import read_text
from train.hardware import FIXED_BITS, FLOAT_BITS, FP, SIGNED_FIXED_UNIT, UNSIGNED_FIXED_UNIT, supported, unsupported

SCHEMES = (FP, SIGNED_FIXED_UNIT, UNSIGNED_FIXED_UNIT)

MAX_BYTES = 2**20
"""Limit of a params file, which has some 2 KB."""

MAX_COUNT = 1_000_000
"""Limit of epochs and of batches, far above what a run takes: a larger number is a mistake."""

CYCLE_START, CYCLE_END = 0.04, 0.001
"""Learning rate at the start and the end of ONE_CYCLE, as a fraction of lr."""

AUGMENTATIONS = {
    "stretch": "largest relative change of a line's width",
    "jitter": "largest relative change of the width from place to place; the line's width stays",
    "shift": "largest shift up or down, in rows",
    "scale": "largest relative change of a line's height about its middle",
    "slant": "largest shear about the middle row, in columns per row",
    "thickness": "probability that a line's strokes become thicker or thinner",
    "noise": "largest standard deviation of the noise on a line, in grey levels of 255",
}

QUANTIZED_PARTS = ("recurrent_weight", "recurrent_bias", "recurrent_activation", "fc_weight", "fc_bias")
"""Each has a ``<part>_bit_width`` and a ``<part>_quantization``."""


def hyperparameter(
    default: bool | int | float | str,
    help: str,
    allowed: tuple[float, float] | tuple[str, ...] | None = None,
    *,
    above: float | None = None,
    at_most: float | None = None,
) -> Any:
    """A field of `Hyperparameters`.

    :param help: what it is, and its unit.
    :param allowed: smallest and largest number, or every text; None for no limit, or for those that follow.
    :param above: limit that every number exceeds.
    :param at_most: largest number.
    """
    choices = allowed if isinstance(default, str) else None
    at_least, at_most = (None, at_most) if allowed is choices else allowed
    metadata = {"help": help, "at_least": at_least, "at_most": at_most, "above": above, "choices": choices}
    return field(default=default, metadata=metadata)


def _width(what: str) -> Any:
    help = f"width of {what}, in bits; 32 is floating point"
    return hyperparameter(FLOAT_BITS, help, (2, FLOAT_BITS))


def _scheme(what: str) -> Any:
    return hyperparameter(FP, f"how {what} are quantized", SCHEMES)


def _augmentation(name: str, at_most: float) -> Any:
    return hyperparameter(0 if name == "shift" else 0.0, AUGMENTATIONS[name], (0, at_most))


@dataclass(frozen=True, kw_only=True)
class Hyperparameters:
    """All hyperparameters of a run, validated on construction (docs/spec/training.md).

    ``FP`` is the identity at 32 bits; ``SIGNED_FIXED_UNIT`` of b bits holds the multiples of 2**(1-b) in
    [-1, 1 - 2**(1-b)], ``UNSIGNED_FIXED_UNIT`` the multiples of 2**-b in [0, 1 - 2**-b].

    :raises ConfigError: a value of the wrong kind or outside its range, or two that contradict each other.
    """

    random_seed: int = hyperparameter(123456, "seed of the initial weights and of the order of lines", (0, 2**32 - 1))
    batch_size: int = hyperparameter(32, "lines per batch", (1, 65_536))
    num_workers: int = hyperparameter(
        0, "threads that read images before the first epoch; 0 reads one image after the other", (0, 256)
    )
    layer_size: int = hyperparameter(128, "H, hidden units per direction", (1, 4096))
    neuron_type: str = hyperparameter("QLSTM", "recurrent layer: quantized or plain LSTM", NEURON_TYPES)
    target_height: int = hyperparameter(32, "I, height that every line is scaled to, in pixels", (1, 1024))
    epochs: int = hyperparameter(4000, "epochs of the run, those before a resumption included", (0, MAX_COUNT))
    lr: float = hyperparameter(1e-4, "learning rate; with ONE_CYCLE the largest one", above=0, at_most=1000)
    lr_schedule: str = hyperparameter("FIXED", "how the learning rate changes", ("STEP", "FIXED", "ONE_CYCLE"))
    lr_step: int = hyperparameter(40, "epochs between two steps of the learning rate, with STEP", (1, MAX_COUNT))
    lr_gamma: float = hyperparameter(0.5, "factor on the learning rate at every step, with STEP", above=0, at_most=1)
    max_norm: float = hyperparameter(
        400.0, "largest norm of the gradient of all parameters; a larger gradient is scaled down", above=0
    )
    seq_to_random_threshold: int = hyperparameter(
        20, "epochs in which batches come in order of line width, before the order is random", (0, MAX_COUNT)
    )
    bidirectional: bool = hyperparameter(True, "read the line from both ends; the hardware needs true")
    reduce_bidirectional: str = hyperparameter(
        "CONCAT", "concatenate the outputs of both directions to 2H features, or add them to H", ("CONCAT", "SUM")
    )
    recurrent_bias_enabled: bool = hyperparameter(True, "two bias vectors per direction in the recurrent layer")
    checkpoint_interval: int = hyperparameter(
        10, "epochs between two numbered checkpoints, epoch-0010.pt and so on", (1, MAX_COUNT)
    )
    recurrent_weight_bit_width: int = _width("recurrent weights (W)")
    recurrent_weight_quantization: str = _scheme("recurrent weights")
    recurrent_bias_bit_width: int = _width("recurrent biases (B)")
    recurrent_bias_quantization: str = _scheme("recurrent biases")
    recurrent_activation_bit_width: int = _width("pixels and hidden outputs (A)")
    recurrent_activation_quantization: str = _scheme("pixels and hidden outputs")
    internal_activation_bit_width: int = _width("sigmoid (unsigned) and tanh (signed) outputs (I)")
    fc_weight_bit_width: int = _width("weights of the fully connected layer")
    fc_weight_quantization: str = _scheme("weights of the fully connected layer")
    fc_bias_bit_width: int = _width("biases of the fully connected layer")
    fc_bias_quantization: str = _scheme("biases of the fully connected layer")
    quantize_input: bool = hyperparameter(True, "quantize pixels in the format of hidden outputs")
    mask_padded: bool = hyperparameter(True, "leave padded columns out of the recurrent layer and the loss")
    prefused_bn_fc: bool = hyperparameter(
        False, "build the network without batch norm, which is fused into the fully connected layer"
    )

    # The original trainer does not have the following ones; their defaults do what it does.
    width_pool: int = hyperparameter(
        1,
        "batches of random lines that are sorted by width together, so that less padding is computed; 1 sorts nothing",
        (1, MAX_COUNT),
    )
    forward_arithmetic: str = hyperparameter(
        "ORIGINAL",
        "arithmetic of the quantized network: that of the original trainer, or that of the overlay, bit for bit",
        ("ORIGINAL", "HARDWARE"),
    )
    ctc: str = hyperparameter(
        "STANDARD",
        "label rule that the loss trains for: greedy CTC, or the overlay's (a blank after every character, a positive "
        "score of the best class)",
        ("STANDARD", "OVERLAY"),
    )
    select_by: str = hyperparameter(
        "GREEDY",
        "label rule whose error rates choose the best epoch: greedy CTC, or the overlay's",
        ("GREEDY", "OVERLAY"),
    )
    selection_lines: int = hyperparameter(
        0,
        "training lines that are held out and choose the best epoch; with 0, the validation lines choose it",
        (0, MAX_COUNT),
    )
    extra_lines: int = hyperparameter(
        0, "lines of --extra that every epoch draws at random, besides all training lines", (0, MAX_COUNT)
    )
    score_scale: float = hyperparameter(
        1.0, "factor on the class scores in the loss; a larger one allows FC weights below 1", above=0, at_most=1000
    )
    optimiser: str = hyperparameter("ADAM", "optimiser", ("ADAM", "ADAMW"))
    weight_decay: float = hyperparameter(0.0, "decoupled weight decay; needs ADAMW", (0, 1))
    lr_warmup: float = hyperparameter(
        0.15,
        "fraction of the epochs in which the learning rate rises to lr, with ONE_CYCLE; then it falls as a cosine",
        (0, 0.9),
    )
    dropout: float = hyperparameter(0.0, "probability that a hidden output is dropped in training", (0, 0.9))
    augment_stretch: float = _augmentation("stretch", 0.5)
    augment_jitter: float = _augmentation("jitter", 0.5)
    augment_shift: int = _augmentation("shift", 8)
    augment_scale: float = _augmentation("scale", 0.3)
    augment_slant: float = _augmentation("slant", 1)
    augment_thickness: float = _augmentation("thickness", 1)
    augment_noise: float = _augmentation("noise", 128)

    def __post_init__(self) -> None:
        for one in fields(self):
            object.__setattr__(self, one.name, checked_value(one, getattr(self, one.name)))
        for part in QUANTIZED_PARTS:
            self._check_width(part, scheme=getattr(self, f"{part}_quantization"))
        internal = self.internal_activation_bit_width
        self._check_width("internal_activation", scheme=FP if internal == FLOAT_BITS else SIGNED_FIXED_UNIT)
        if self.neuron_type == "LSTM":
            self._check_plain_neuron()
        if self.forward_arithmetic == "HARDWARE":
            self._check_hardware()
        if self.weight_decay and self.optimiser != "ADAMW":
            raise ConfigError(f"weight_decay is {self.weight_decay} with optimiser {self.optimiser}; it needs ADAMW.")

    def _check_width(self, part: str, *, scheme: str) -> None:
        name, fixed = f"{part}_bit_width", f"{FIXED_BITS.start} to {FIXED_BITS.stop - 1}"
        bits = getattr(self, name)
        if part == "internal_activation" and bits not in (*FIXED_BITS, FLOAT_BITS):
            raise ConfigError(f"{name} is {bits}; allowed is {fixed}, or 32.")
        if scheme == FP and bits != FLOAT_BITS:
            raise ConfigError(f"{name} is {bits} with {part}_quantization FP; FP is floating point and takes 32.")
        if scheme != FP and bits not in FIXED_BITS:
            raise ConfigError(f"{name} is {bits} with {part}_quantization {scheme}; allowed is {fixed}.")

    def _check_plain_neuron(self) -> None:
        for name in (*(f"{part}_bit_width" for part in QUANTIZED_PARTS[:3]), "internal_activation_bit_width"):
            if getattr(self, name) != FLOAT_BITS:
                raise ConfigError(
                    f"{name} is {getattr(self, name)} with neuron_type LSTM; LSTM is not quantized and takes 32, "
                    f"use QLSTM."
                )

    def _check_hardware(self) -> None:
        """Refuse what the overlay's arithmetic has no rule for."""
        allowed = {**supported(self), "internal_activation_bit_width": (INTERNAL_BITS,)}
        if not self.float_fc:
            allowed |= {f"fc_{part}_quantization": (SIGNED_FIXED_UNIT,) for part in ("weight", "bias")}
            allowed["prefused_bn_fc"] = (True,)
        fault = unsupported(self, allowed)
        if fault is not None:
            raise ConfigError(f"forward_arithmetic is HARDWARE, but {fault}")

    @property
    def float_fc(self) -> bool:
        """Whether the fully connected layer is in floating point, weights and biases."""
        return self.fc_weight_quantization == self.fc_bias_quantization == FP

    @property
    def is_float(self) -> bool:
        """Whether weights, biases and activations are all in floating point, whatever `neuron_type` is: a float network."""
        widths = (getattr(self, f"{part}_bit_width") for part in (*QUANTIZED_PARTS, "internal_activation"))
        return all(width == FLOAT_BITS for width in widths)

    @property
    def directions(self) -> int:
        """1 or 2."""
        return 2 if self.bidirectional else 1

    @property
    def features(self) -> int:
        """Inputs of the fully connected layer."""
        return self.layer_size * (self.directions if self.reduce_bidirectional == "CONCAT" else 1)

    def experiment_name(self) -> ExperimentName:
        """What the run is called, e.g. ``QLSTM128_W2B8A4I8_FC_W8B8``."""
        return ExperimentName(
            neuron=self.neuron_type,
            hidden=self.layer_size,
            weight=self.recurrent_weight_bit_width,
            bias=self.recurrent_bias_bit_width,
            activation=self.recurrent_activation_bit_width,
            internal=self.internal_activation_bit_width,
            fc_weight=self.fc_weight_bit_width,
            fc_bias=self.fc_bias_bit_width,
        )

    def learning_rate(self, epoch: float) -> float:
        """Learning rate at a moment counted in epochs: 1.5 is in the middle of the second one."""
        if self.lr_schedule == "STEP":
            return self.lr * self.lr_gamma ** (int(epoch) // self.lr_step)
        if self.lr_schedule == "ONE_CYCLE":
            done = epoch / max(self.epochs, 1)
            if done < self.lr_warmup:
                return self.lr * (CYCLE_START + (1 - CYCLE_START) * done / self.lr_warmup)
            falling = (done - self.lr_warmup) / (1 - self.lr_warmup)
            return self.lr * (CYCLE_END + (1 - CYCLE_END) * (1 + math.cos(math.pi * falling)) / 2)
        return self.lr

    def to_dict(self) -> dict[str, bool | int | float | str]:
        """Every hyperparameter by name."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, object], *, source: str) -> Hyperparameters:
        """Hyperparameters from a mapping; a name that it does not have gets its default.

        :param values: by name.
        :param source: what to name in errors, such as the file's path.
        :raises ConfigError: an unknown name (with the nearest known one), or a value out of range.
        """
        known = [one.name for one in fields(cls)]
        for name in values:
            if name not in known:
                raise ConfigError(f"{source}: there is no hyperparameter {quoted(name)}{suggestion(name, known)}")
        try:
            return cls(**values)
        except ConfigError as error:
            raise error.within(source) from error

    @classmethod
    def from_json(cls, path: str | os.PathLike) -> Hyperparameters:
        """Read a params file: one JSON object of hyperparameters; comments after ``#`` or ``//`` are passed over.

        :raises FileError: the file cannot be read.
        :raises ConfigError: not a JSON object, a name that is unknown or comes twice, or a value out of range.
        """
        text = read_text(path, limit=MAX_BYTES, pipes=True)
        try:
            values = parse_json(_without_comments(text), name=path)
        except FileError as error:
            raise ConfigError(str(error), about=path) from error
        if not isinstance(values, dict):
            raise ConfigError(f"{path}: the file holds a {type(values).__name__}; it must be one object, {{...}}.")
        return cls.from_dict(values, source=str(path))

    def to_json(self, path: str | os.PathLike) -> None:
        """Write every hyperparameter, for `from_json`; raises FileError if that fails."""
        write_text(path, json.dumps(self.to_dict(), indent=2) + "\n")


# A text that is not closed ends with its line: were it no text, each quote in it would be tried as the beginning of one.
_TEXT_OR_COMMENT = re.compile(r'"(?:[^"\\\n]|\\.)*"?|(?:#|//)[^\n]*')


def _without_comments(text: str) -> str:
    """JSON with spaces for its comments, so that every place in it stays; texts are left as they are."""
    return _TEXT_OR_COMMENT.sub(lambda one: one[0] if one[0][0] == '"' else " " * len(one[0]), text)


def range_text(one: Field) -> str:
    """What a hyperparameter may be, where it is a number with a range: `1 to 4096`; empty where it is none."""
    at_least, at_most, above = (one.metadata[key] for key in ("at_least", "at_most", "above"))
    if at_least is not None:
        return f"{at_least} to {at_most}"
    ends = [] if above is None else [f"more than {above}"]
    return " and ".join(ends if at_most is None else [*ends, f"at most {at_most}"])


def checked_value(one: Field, value: object) -> object:
    """The value of a field, in the type of its default.

    :param one: field made by `hyperparameter`.
    :param value: of any type; an integer becomes a float where the default is one.
    :raises ConfigError: another type, or outside the range.
    """
    kind = type(one.default)
    if kind is float and type(value) is int:
        try:
            value = float(value)
        except OverflowError as error:
            raise ConfigError(f"{one.name} is {quoted(value)}; it must be finite.") from error
    if type(value) is not kind:
        raise ConfigError(f"{one.name} is {quoted(value)}; it must be {_KINDS[kind]}.")
    choices, at_least, at_most, above = (one.metadata[key] for key in ("choices", "at_least", "at_most", "above"))
    if choices is not None and value.upper() in choices:
        return value.upper()
    if choices is not None:
        raise ConfigError(f"{one.name} is {quoted(value)}; allowed is {', '.join(choices)}.")
    if kind is float and not math.isfinite(value):
        raise ConfigError(f"{one.name} is {value}; it must be finite.")
    if at_least is not None and not at_least <= value <= at_most:
        raise ConfigError(f"{one.name} is {quoted(value)}; allowed is {range_text(one)}.")
    if above is not None and not (above < value and (at_most is None or value <= at_most)):
        raise ConfigError(f"{one.name} is {value}; it must be {range_text(one)}.")
    return value


_KINDS = {bool: "true or false", int: "an integer", float: "a number", str: "text"}

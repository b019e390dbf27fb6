"""The networks that a study draws from: widths and hidden units. Everything else is from the preset."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING

from datapath.architecture import Architecture
from datapath.design import Folding
from datapath.errors import ConfigError
from datapath.precision import ExperimentName, Precision
from datapath.quoting import quoted
from train.config import Hyperparameters
from train.hardware import STORED_BITS

if TYPE_CHECKING:
    from optuna import Study

    from foldline.study.queue import Attempts

FC_BIAS_BITS = 8
"""The output layer has few biases: fewer bits save nothing."""

MAX_HIDDEN = 1024
"""Every ``ap_int`` of hidden outputs holds fewer."""


@dataclass(frozen=True, kw_only=True, order=True)
class Choice:
    """One network of a space."""

    weight: int  # bits of recurrent weights
    activation: int  # bits of pixels and hidden outputs
    bias: int  # bits of recurrent biases
    fc_weight: int  # bits of output layer weights
    hidden: int  # hidden units per direction

    @property
    def decided(self) -> dict[str, int]:
        """The hyperparameters that the network decides."""
        return {
            "layer_size": self.hidden,
            "recurrent_weight_bit_width": self.weight,
            "recurrent_activation_bit_width": self.activation,
            "recurrent_bias_bit_width": self.bias,
            "fc_weight_bit_width": self.fc_weight,
            "fc_bias_bit_width": FC_BIAS_BITS,
        }

    def hyperparameters(self, preset: Hyperparameters) -> Hyperparameters:
        """The preset of a study with the widths and the size of this network."""
        return replace(preset, **self.decided)

    def architecture(self, *, inputs: int, classes: int) -> Architecture:
        """Its architecture on the accelerator, unfolded.

        :param inputs: pixels of a column.
        :raises DesignError: its vectors are wider than an ``ap_int``.
        """
        return Architecture(
            inputs=inputs,
            hidden=self.hidden,
            classes=classes,
            precision=self.precision,
            folding=Folding(pe=1, simd_input=inputs, simd_recurrent=self.hidden),
        )

    @property
    def precision(self) -> Precision:
        """Its widths; the output layer's biases always have `FC_BIAS_BITS`."""
        widths = {name: getattr(self, name) for name in ("weight", "bias", "activation", "fc_weight")}
        return Precision(**widths, fc_bias=FC_BIAS_BITS)

    @property
    def name(self) -> str:
        """The name of its runs, e.g. ``QLSTM128_W2B8A4I8_FC_W8B8``."""
        return str(ExperimentName.on_hardware(hidden=self.hidden, precision=self.precision))

    @classmethod
    def of(cls, parameters: Mapping[str, object]) -> Choice | None:
        """The network with the parameters of a trial; None where they are not those of a network, and only those.

        :param parameters: of the trial, which another program may have written.
        """
        names = {one.name for one in fields(cls)}
        if set(parameters) != names or not all(type(value) is int for value in parameters.values()):
            return None
        return cls(**parameters)


PUBLISHED = tuple(
    Choice(weight=weight, activation=activation, bias=8, fc_weight=8, hidden=128)
    for weight, activation in ((2, 2), (2, 4), (4, 4), (4, 8))
)
"""The networks of the published overlays."""


@dataclass(frozen=True, kw_only=True)
class Space:
    """Every combination of these values; the fields are those of `Choice`.

    :raises ConfigError: a field is empty, holds a value twice, or one outside its range.
    """

    weight: tuple[int, ...] = (2, 3, 4)
    activation: tuple[int, ...] = (2, 4, 8)
    bias: tuple[int, ...] = (8,)
    fc_weight: tuple[int, ...] = (4, 8)
    hidden: tuple[int, ...] = (64, 96, 128)

    def __post_init__(self) -> None:
        for name, values in self.parameters.items():
            least, most = (1, MAX_HIDDEN) if name == "hidden" else (STORED_BITS[0], STORED_BITS[-1])
            if not values or len(set(values)) < len(values):
                raise ConfigError(f"{name} is {list(values)}; it must be one or more numbers, each once.")
            for value in values:
                if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
                    raise ConfigError(f"{name} has {quoted(value)}; allowed is {least} to {most}.")

    @property
    def parameters(self) -> dict[str, tuple[int, ...]]:
        """The values of each parameter of a trial."""
        return asdict(self)

    def __len__(self) -> int:
        return math.prod(map(len, self.parameters.values()))

    def __iter__(self) -> Iterator[Choice]:
        for values in itertools.product(*self.parameters.values()):
            yield Choice(**dict(zip(self.parameters, values, strict=True)))

    def __contains__(self, choice: object) -> bool:
        return isinstance(choice, Choice) and all(
            getattr(choice, name) in values for name, values in self.parameters.items()
        )

    def network_of(self, parameters: Mapping[str, object]) -> Choice | None:
        """The network of the space with the parameters of a trial; None where they are those of no such network.

        :param parameters: see `Choice.of`.
        """
        choice = Choice.of(parameters)
        return choice if choice in self else None

    def draw(self, study: Study, networks: Sequence[Attempts], *, seed: int) -> Choice:
        """A network that the study has not had; see `foldline.study.sampling.draw` for the arguments."""
        from foldline.study.sampling import draw

        return draw(study, networks, self, seed=seed)

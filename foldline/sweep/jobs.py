"""`Job`: one network of a sweep; `Jobs`: all of them, in the order in which they are trained."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING

from datapath.errors import ConfigError, suggestion
from datapath.quoting import quoted
from train.config import FLOAT_BITS, FP, QUANTIZED_PARTS, Hyperparameters
from train.data.folds import MAX_FOLDS
from train.hardware import STORED_BITS

if TYPE_CHECKING:
    from optuna import Study

    from foldline.study.queue import Attempts

FLOAT = "float"
"""The precision of a float network."""

PRECISIONS = (FLOAT, *(f"W{weight}A{activation}" for weight in STORED_BITS for activation in STORED_BITS))
"""``W2A4``: 2-bit recurrent weights, 4-bit pixels and hidden outputs; the other widths are the preset's."""

MAX_SEEDS = 100


@dataclass(frozen=True, kw_only=True)
class Job:
    """A network to train.

    precision  one of `PRECISIONS`
    seed       from 0 on, added to the preset's `random_seed`
    fold       whose lines are validated, from 1 on; 0 for the dataset's own split
    """

    precision: str
    seed: int
    fold: int

    @property
    def name(self) -> str:
        """Of its files.

        >>> Job(precision="W2A4", seed=0, fold=1).name
        'W2A4-seed0-fold1'
        """
        return f"{self.precision}-{self.warm_up}"

    @property
    def warm_up(self) -> str:
        """Name of the float stage that networks of all precisions start from."""
        return f"seed{self.seed}-fold{self.fold}" if self.fold else f"seed{self.seed}"

    def hyperparameters(self, preset: Hyperparameters) -> Hyperparameters:
        """Those of its recipe.

        :param preset: of a network that the hardware computes; it decides everything but the precision.
        """
        seeded = replace(preset, random_seed=(preset.random_seed + self.seed) % 2**32)
        if self.precision != FLOAT:
            weight, activation = map(int, re.findall("[0-9]", self.precision))
            return replace(seeded, recurrent_weight_bit_width=weight, recurrent_activation_bit_width=activation)
        in_float = {f"{part}_bit_width": FLOAT_BITS for part in QUANTIZED_PARTS}
        in_float |= {f"{part}_quantization": FP for part in QUANTIZED_PARTS}
        return replace(
            seeded,
            neuron_type="LSTM",
            **in_float,
            internal_activation_bit_width=FLOAT_BITS,
            forward_arithmetic="ORIGINAL",
            prefused_bn_fc=False,
        )


@dataclass(frozen=True, kw_only=True)
class Jobs:
    """All networks of a sweep: fold by fold, seed by seed, `float` first and the other precisions in their order.

    :raises ConfigError: an unknown precision or one that comes twice, none, or a number outside its range.
    """

    precisions: tuple[str, ...]
    seeds: int = 1
    folds: int = 0  # 0 for the dataset's own split

    def __post_init__(self) -> None:
        given = tuple(self.precisions)
        for one in given:
            if one not in PRECISIONS:
                least, most = STORED_BITS[0], STORED_BITS[-1]
                allowed = f"allowed are {FLOAT} and WwAa with {least} to {most} bits"
                raise ConfigError(f"precisions has {quoted(one)}; {allowed}{suggestion(str(one), PRECISIONS)}")
        if not given or len(set(given)) < len(given):
            raise ConfigError(f"precisions is {', '.join(given) or 'empty'}; it must be one or more, each once.")
        object.__setattr__(self, "precisions", tuple(sorted(given, key=lambda one: one != FLOAT)))
        if type(self.seeds) is not int or not 1 <= self.seeds <= MAX_SEEDS:
            raise ConfigError(f"seeds is {quoted(self.seeds)}; it must be 1 to {MAX_SEEDS}.")
        if type(self.folds) is not int or not 0 <= self.folds <= MAX_FOLDS or self.folds == 1:
            raise ConfigError(f"folds is {quoted(self.folds)}; it must be 2 to {MAX_FOLDS}, or 0 for none.")

    @property
    def fold_numbers(self) -> range:
        """Of `Job.fold`."""
        return range(1, self.folds + 1) if self.folds else range(1)

    @property
    def parameters(self) -> dict[str, tuple[object, ...]]:
        """Of the trials in Optuna's storage: the same for all sweeps, so that a sweep can be extended."""
        return {"precision": PRECISIONS, "seed": tuple(range(MAX_SEEDS)), "fold": tuple(range(MAX_FOLDS + 1))}

    def __len__(self) -> int:
        return len(self.precisions) * self.seeds * len(self.fold_numbers)

    def __iter__(self) -> Iterator[Job]:
        for fold in self.fold_numbers:
            for seed in range(self.seeds):
                for precision in self.precisions:
                    yield Job(precision=precision, seed=seed, fold=fold)

    def network_of(self, parameters: Mapping[str, object]) -> Job | None:
        """The job with the parameters of a trial; None where they are those of no job of the sweep.

        :param parameters: by name, of a file or of a trial, which another program may have written.
        """
        if set(parameters) != {one.name for one in fields(Job)}:
            return None
        precision, seed, fold = (parameters[one.name] for one in fields(Job))
        if precision not in self.precisions or type(seed) is not int or type(fold) is not int:
            return None
        found = Job(precision=precision, seed=seed, fold=fold)
        return found if 0 <= seed < self.seeds and fold in self.fold_numbers else None

    def draw(self, study: Study, networks: Sequence[Attempts], *, seed: int) -> Job:
        """A job that the sweep has not had; see `foldline.study.queue.NetworkSpace`.

        The first one of a seed and fold of which no network is in training, so that workers that start at once do not wait
        for one float stage; without such a job the first one.
        """
        had = [asdict(network.choice) for network in networks]
        busy = {network.choice.warm_up for network in networks if not (network.finished or network.stopped)}
        left = [job for job in self if asdict(job) not in had]
        return next((job for job in left if job.warm_up not in busy), left[0])

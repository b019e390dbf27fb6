"""Which network a study tries next: Optuna's TPE, and never one that it has had.

TPE rather than NSGA-II: a training takes hours, so that a study has tens of trials; NSGA-II needs a generation of some
tens before it learns anything, and waits for it, while TPE learns from every finished trial and spreads out the networks
of workers that draw at the same time (`constant_liar`).
"""

from __future__ import annotations

import random
import warnings
from typing import TYPE_CHECKING, Any

from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, TPESampler

from foldline.study.ledger import Ledger
from foldline.study.space import Choice, Space

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

DRAWS = 100
"""After so many networks that the study has had, one of those that are left is taken at random."""


def distributions_of(space: Space) -> dict[str, CategoricalDistribution]:
    """The parameters of a trial, as Optuna knows them."""
    return {name: CategoricalDistribution(values) for name, values in space.parameters.items()}


class UntriedSampler(BaseSampler):
    """Draws a network of the space that the study has not had yet.

    The random numbers of a trial follow from `seed` and its number: a study of one worker is the same each time, and
    several workers draw differently.
    """

    def __init__(self, space: Space, seed: int) -> None:
        self._space, self._seed, self._distributions = space, seed, distributions_of(space)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return dict(self._distributions)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        if trial.params:  # one that retries another, or that the study began with
            return {}
        tried = Ledger(study.get_trials(deepcopy=False)).tried
        seed = (self._seed + trial.number) % 2**32
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)  # of `constant_liar`, before Optuna 5
            estimator = TPESampler(seed=seed, constant_liar=True)
        for _ in range(DRAWS):
            drawn = {
                name: estimator.sample_independent(study, trial, name, distribution)
                for name, distribution in search_space.items()
            }
            if Choice.of(drawn) not in tried:
                return drawn
        left = [choice for choice in self._space if choice not in tried]
        # With none left, another worker has drawn the last one at the same time: this trial will be discarded.
        last = random.Random(seed).choice(left or list(self._space))
        return {name: getattr(last, name) for name in search_space}

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        return self.sample_relative(study, trial, self._distributions)[param_name]

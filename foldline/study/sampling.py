"""Draws a network that a study has not had, by Optuna's TPE.

TPE rather than NSGA-II: a training takes hours, and a study has tens of trials. NSGA-II needs a generation of some tens
before it learns, and waits for it; TPE learns from every finished trial, and `constant_liar` makes it avoid networks that are
being trained.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import optuna
from optuna.distributions import CategoricalDistribution
from optuna.samplers import TPESampler
from optuna.trial import create_trial

from foldline.study.space import Choice, Space

if TYPE_CHECKING:
    from foldline.study.queue import Attempts, NetworkSpace

DRAWS = 30
"""After so many networks that the study has had, one of the others is taken at random."""


def distributions_of(space: NetworkSpace) -> dict[str, CategoricalDistribution]:
    """The parameters of a trial, as Optuna declares them."""
    return {name: CategoricalDistribution(values) for name, values in space.parameters.items()}


def draw(study: optuna.Study, networks: Sequence[Attempts], space: Space, *, seed: int) -> Choice:
    """A network that the study has not had. The draw is made in a copy of the study in memory, and depends on nothing but
    the arguments.

    :param study: only its directions are used.
    :param networks: that the study has had; TPE learns from the last trial of each, if it finished or runs.
    :param space: larger than `networks`.
    :param seed: of the sampler, 0 to 2^32 - 1.
    """
    copy = optuna.create_study(directions=study.directions, sampler=TPESampler(seed=seed, constant_liar=True))
    for network in networks:
        trial = network.trials[-1]
        if trial.state.name in ("COMPLETE", "PRUNED", "RUNNING"):
            # With the distributions of the space: those of a trial that another program has made may be others.
            values = trial.values if trial.state.name == "COMPLETE" else None
            known = {"params": asdict(network.choice), "distributions": distributions_of(space)}
            copy.add_trial(create_trial(state=trial.state, values=values, **known))
    had = {network.choice for network in networks}
    for _ in range(DRAWS):
        choice = Choice.of(copy.ask(distributions_of(space)).params)
        if choice not in had:
            return choice
    return random.Random(seed).choice([choice for choice in space if choice not in had])

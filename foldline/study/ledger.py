"""Who counts: what the trials of a study say about it, read from all of them, whoever wrote them and when.

A *chain* is a network and all attempts at it: the trial that drew it and those that retry it, whose attribute `ROOT` is
that trial's number. Every chain takes one place of the study, from its first trial on. Whatever workers do at the same
time, these rules come to the same result for all of them, because the storage numbers the trials in the order in which
they are made:

- of chains beyond the number of trials that are wanted, those that began last are discarded;
- of two chains of the same network, the one that began first stays;
- of two trials that are the same attempt, the one with the lower number stays.

A chain whose attempts have all failed is tried again, by whoever sees it first, unless it was given up.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from foldline.study.space import Choice

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

ROOT, ATTEMPT, STRIKES = "root", "attempt", "strikes"
"""Attributes of a trial that retries another: that of the chain, which attempt it is (the first is 0), and how many
workers have been lost over it."""

DISCARDED, GIVEN_UP, REASON = "discarded", "given_up", "reason"
"""Attributes that tell in a sentence why a trial does not count at all, why its chain ends without a result, and why an
attempt ended."""

MAX_STRIKES = 3
"""A network over which this many workers were lost is given up with the next: it may be what kills them."""


def choice_of(trial: FrozenTrial) -> Choice | None:
    """The network of a trial; None as long as it has not drawn all of its parameters."""
    return Choice.of(trial.params)


def root_of(trial: FrozenTrial) -> int:
    return trial.user_attrs.get(ROOT, trial.number)


def attempt_of(trial: FrozenTrial) -> int:
    return trial.user_attrs.get(ATTEMPT, 0)


def _failed_with(attribute: str, trial: FrozenTrial) -> bool:
    # The attribute is written first, and a trial may finish in between.
    return trial.state.name == "FAIL" and attribute in trial.user_attrs


@dataclass(frozen=True)
class Chain:
    """All attempts at a network, in the order of their numbers."""

    root: int
    trials: tuple[FrozenTrial, ...]

    @property
    def last(self) -> FrozenTrial:
        return self.trials[-1]

    @property
    def choice(self) -> Choice | None:
        return choice_of(self.trials[0])

    @property
    def finished(self) -> bool:
        """Whether it counts: read and found good, or pruned."""
        return any(trial.state.name in ("COMPLETE", "PRUNED") for trial in self.trials)

    @property
    def given_up(self) -> bool:
        return any(_failed_with(GIVEN_UP, trial) for trial in self.trials)

    @property
    def needs_retry(self) -> bool:
        """Whether nobody is at it, and nobody will be: its last worker was lost between two writes."""
        return not self.given_up and all(trial.state.name == "FAIL" for trial in self.trials)


class Ledger:
    """All chains of a study.

    :param trials: all of its trials, in the order of their numbers.
    """

    def __init__(self, trials: Iterable[FrozenTrial]) -> None:
        attempts: dict[int, dict[int, FrozenTrial]] = {}
        for trial in trials:
            if not _failed_with(DISCARDED, trial):
                attempts.setdefault(root_of(trial), {}).setdefault(attempt_of(trial), trial)
        self.chains = tuple(
            Chain(root, tuple(by_attempt[number] for number in sorted(by_attempt)))
            for root, by_attempt in sorted(attempts.items())
        )

    @property
    def finished(self) -> int:
        """Chains that have a result, or were pruned."""
        return sum(chain.finished for chain in self.chains)

    @property
    def live(self) -> int:
        """Chains that take a place."""
        return sum(not chain.given_up for chain in self.chains)

    @property
    def waiting(self) -> bool:
        """Whether a trial waits to be taken up."""
        return any(trial.state.name == "WAITING" for chain in self.chains for trial in chain.trials)

    @property
    def tried(self) -> set[Choice]:
        """Networks that have had their place, or have it."""
        return {choice for chain in self.chains if (choice := chain.choice) is not None}

    def places(self, trials: int, networks: int) -> int:
        """How many trials will finish: those that are wanted, as far as there are networks for them."""
        return min(trials, networks - sum(chain.given_up for chain in self.chains))

    def unfinished_draws(self, trial: FrozenTrial) -> bool:
        """Whether a chain that began before this trial's has not drawn all its parameters yet."""
        return any(chain.choice is None and not chain.given_up for chain in self._before(root_of(trial)))

    def refusal(self, trial: FrozenTrial, *, places: int) -> str | None:
        """Why a trial that a worker has taken up must not be: None where nothing speaks against it."""
        root, choice = root_of(trial), choice_of(trial)
        own = next((chain for chain in self.chains if chain.root == root), None)
        if own is None or all(trial.number != one.number for one in own.trials):
            return f"Attempt {attempt_of(trial)} at trial {root} is another trial's already."
        if own.finished and trial.state.name == "RUNNING":
            return f"Trial {root} is finished already."
        same = next((chain.root for chain in self._before(root) if chain.choice == choice), None)
        if same is not None:
            return f"Trial {same} is the same network."
        if sum(not chain.given_up for chain in self._before(root)) >= places:
            return f"All trials ({places}) have been taken."
        return None

    def _before(self, root: int) -> Iterator[Chain]:
        return (chain for chain in self.chains if chain.root < root)

"""Whether a network fits the board, and in which foldings it would."""

from __future__ import annotations

from dataclasses import dataclass

from foldline.foldings.enumeration import FoldingPoint, folding_front
from foldline.hardware.estimate import Estimate


@dataclass(frozen=True, kw_only=True)
class Fit:
    """Whether a network fits the board in its folding, by the estimate.

    exceeded   names of the resources of which it takes too much; empty if it fits
    cheapest   the folding with the least share of the scarcest resource, for a network that does not fit; None if none fits
    fastest    the fastest folding that fits, for a network that does not; None if none fits
    """

    exceeded: tuple[str, ...] = ()
    cheapest: FoldingPoint | None = None
    fastest: FoldingPoint | None = None

    @property
    def fits(self) -> bool:
        return not self.exceeded


def fit_of(found: Estimate) -> Fit:
    """Whether an estimated network fits its board; for one that does not, all its foldings are computed, in seconds.

    :param found: the estimate of the network in its folding.
    """
    if not found.exceeded:
        return Fit()
    on = {"clock_mhz": found.clock_mhz, "columns": found.columns}
    front = folding_front(found.architecture, found.board, found.kernel, **on)
    return Fit(
        exceeded=found.exceeded,
        cheapest=front.cheapest(0.0) if front.points else None,
        fastest=front.fastest,
    )

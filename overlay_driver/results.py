"""What comes back for a line."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True, eq=False)
class BoardResult:
    """One line as the board read it."""

    text: str

    labels: np.ndarray
    """uint8 [n], class indexes."""

    columns: int
    """T, columns of the line."""

    milliseconds: float
    """From the start to the moment when the driver saw that the accelerator had done."""

    at_most: bool
    """Whether it may have taken less: it had done before the driver looked, or is looked at through a network."""

    modelled: bool
    """Whether the time is that of a model, not of a board."""

    operations: int
    """Operations of the line, counted as the original counts them."""

    @property
    def gops(self) -> float:
        """Throughput, 10**9 operations per second."""
        return self.operations / self.milliseconds / 1e6

"""The result of one line on a board."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True, eq=False)
class BoardResult:
    """Labels, text and time of one line that a board computed."""

    text: str

    labels: np.ndarray
    """Class indexes, uint8 [n]."""

    columns: int
    """Columns T of the line."""

    milliseconds: float
    """Time from the start to the poll that found the accelerator done."""

    at_most: bool
    """Whether the time is an upper bound: the first poll found it done, or the polls go through a network."""

    modelled: bool
    """Whether the time comes from the cycle model instead of a board."""

    operations: int
    """Arithmetic operations of the line, counted as LSTM-PYNQ counts them."""

    @property
    def gops(self) -> float:
        """Throughput, 10**9 operations per second."""
        return self.operations / self.milliseconds / 1e6

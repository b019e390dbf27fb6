"""The result of one line on a board."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from datapath.cycles import operations_per_column
from datapath.design import Design


@dataclass(frozen=True, kw_only=True, eq=False)
class BoardResult:
    """Labels, text and time of one line that a board computed.

    text            the recognised text
    labels          class indexes, uint8 [n]
    columns         columns T of the line
    milliseconds    time from the start to the poll that found the accelerator done
    at_most         whether the time is an upper bound: the first poll found it done, or polls go through a network
    modelled        whether the time comes from the cycle model instead of a board
    operations      arithmetic operations of the line, counted as LSTM-PYNQ counts them
    """

    text: str
    labels: np.ndarray
    columns: int
    milliseconds: float
    at_most: bool
    modelled: bool
    operations: int

    @classmethod
    def of(
        cls, design: Design, labels: np.ndarray, *, columns: int, seconds: float, at_most: bool, modelled: bool
    ) -> BoardResult:
        """The result of a line of a design.

        :param design: that the board holds.
        :param labels: of the line, uint8 [n].
        :param columns: of the line.
        :param seconds: its time.
        :param at_most: whether that is an upper bound.
        :param modelled: whether that comes from the cycle model.
        """
        return cls(
            text=design.alphabet.text(labels),
            labels=labels,
            columns=columns,
            milliseconds=1000 * seconds,
            at_most=at_most,
            modelled=modelled,
            operations=operations_per_column(design) * columns,
        )

    @property
    def gops(self) -> float:
        """Throughput, 10**9 operations per second."""
        return self.operations / self.milliseconds / 1e6

"""A test double of the driver: its labels are the simulator's, or changed by the test."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from types import SimpleNamespace

import numpy as np

from datapath import Design
from datapath.errors import FoldlineError
from fixedpoint_sim import simulate
from overlay_driver import BoardResult

MILLISECONDS_PER_COLUMN = 0.25
OPERATIONS_PER_COLUMN = 100_000


def reading(design: Design, columns: np.ndarray, labels: np.ndarray, *, modelled=True, at_most=False) -> BoardResult:
    return BoardResult(
        text=design.alphabet.text(labels),
        labels=np.asarray(labels, dtype=np.uint8),
        columns=len(columns),
        milliseconds=MILLISECONDS_PER_COLUMN * len(columns),
        at_most=at_most,
        modelled=modelled,
        operations=OPERATIONS_PER_COLUMN * len(columns),
    )


class StandInBoard:
    """A substitute for an open `Driver`.

    :param change: maps the number of a line and its simulated labels to labels or an error.
    """

    def __init__(
        self,
        design: Design,
        change: Callable[[int, np.ndarray], np.ndarray | FoldlineError] = lambda number, labels: labels,
        *,
        kind: str = "virtual board",
        modelled: bool = True,
        at_most: bool = False,
    ) -> None:
        self.design = design
        self.kind = kind
        self.manifest = SimpleNamespace(clock_mhz=100.0)
        self.lengths: list[int] = []
        """Columns of each line."""
        self._change, self._how = change, {"modelled": modelled, "at_most": at_most}

    def __enter__(self) -> StandInBoard:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    @property
    def clock_mhz(self) -> float:
        return self.manifest.clock_mhz

    @property
    def measured(self) -> str:
        return f"at {self.clock_mhz:g} MHz"

    notes = ()

    def read_lines(self, lines: Iterable[np.ndarray | FoldlineError]) -> Iterator[BoardResult | FoldlineError]:
        for number, columns in enumerate(lines):
            self.lengths.append(len(columns))
            right = simulate(self.design, columns, ignore_limits=True).labels
            given = self._change(number, right)
            yield given if isinstance(given, FoldlineError) else reading(self.design, columns, given, **self._how)

"""Read named inputs on a board; a line that fails is a result like any other, so that it does not stop the rest."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from datapath.errors import FoldlineError
from foldline.batch.inputs import LineInput
from overlay_driver import BoardResult, Driver


def read_inputs(driver: Driver, inputs: Iterable[LineInput]) -> Iterator[tuple[str, BoardResult | FoldlineError]]:
    """Name and result of each input, in order: its reading, or the error that names it.

    While one line is computed, the next image is read and packed.
    """
    names: deque[str] = deque()

    def lines() -> Iterator[np.ndarray | FoldlineError]:
        for line in inputs:
            names.append(line.name)
            try:
                yield line.columns(driver.design)
            except FoldlineError as error:
                yield error

    for result in driver.read_lines(lines()):
        name = names.popleft()
        yield name, result.within(name) if isinstance(result, FoldlineError) else result


@dataclass
class Throughput:
    """What a board has read, and how long it took for it."""

    lines: int = 0
    columns: int = 0
    labels: int = 0
    milliseconds: float = 0.0
    operations: int = 0
    at_most: bool = False
    modelled: bool = False

    def add(self, reading: BoardResult) -> None:
        self.lines += 1
        self.columns += reading.columns
        self.labels += len(reading.labels)
        self.milliseconds += reading.milliseconds
        self.operations += reading.operations
        self.at_most |= reading.at_most
        self.modelled |= reading.modelled

    @property
    def gops(self) -> float:
        """10**9 operations per second, counted as the original counts them."""
        return self.operations / self.milliseconds / 1e6

    def sentence(self, device: str, clock_mhz: float) -> str:
        """What is printed at the end: ``Virtual board: 2 lines, 570 columns in 1.784 ms ...``."""
        how = (
            f"modelled from the cycle count at {clock_mhz:g} MHz" if self.modelled else f"measured at {clock_mhz:g} MHz"
        )
        most, least = ("at most ", "at least ") if self.at_most else ("", "")
        lines = f"{self.lines} line{'' if self.lines == 1 else 's'}"
        return (
            f"{device}: {lines}, {self.columns} columns in {most}{self.milliseconds:.3f} ms, {how}: "
            f"{least}{self.gops:.1f} GOPS."
        )

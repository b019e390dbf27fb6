"""Compute named inputs on a board; the error of a line is that line's result, so that it does not stop the others."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from datapath.errors import FoldlineError
from foldline.batch.inputs import LineInput
from foldline.console.text import counted
from overlay_driver import BoardResult, Driver, SerialDriver


def read_inputs(
    driver: Driver | SerialDriver, inputs: Iterable[LineInput]
) -> Iterator[tuple[str, BoardResult | FoldlineError]]:
    """Name and result of each input, in the order of the inputs: the board's result, or the line's error.

    The next image is read and packed while a line is computed. The text of a KeyboardInterrupt counts the lines that have been
    read and whose results are then not given out.
    """
    names: deque[str] = deque()

    def lines() -> Iterator[np.ndarray | FoldlineError]:
        for line in inputs:
            names.append(line.name)
            try:
                yield line.columns(driver.design)
            except FoldlineError as error:
                yield error

    try:
        for result in driver.read_lines(lines()):
            name = names.popleft()
            yield name, result.within(name) if isinstance(result, FoldlineError) else result
    except KeyboardInterrupt as interrupt:
        if not names:
            raise
        held = "1 line that was read has" if len(names) == 1 else f"{len(names)} lines that were read have"
        raise KeyboardInterrupt(f"{held} no result: the board was not checked after that.") from interrupt


@dataclass
class Throughput:
    """Sums of what a board has computed.

    lines          lines without an error; columns and labels are of these
    milliseconds   time of the accelerator
    operations     additions and multiplications, as the original counts them
    at_most        whether a time is an upper bound
    modelled       whether a time is modelled from the cycle count
    """

    lines: int = 0
    columns: int = 0
    labels: int = 0
    milliseconds: float = 0.0
    operations: int = 0
    at_most: bool = False
    modelled: bool = False

    def add(self, result: BoardResult) -> None:
        self.lines += 1
        self.columns += result.columns
        self.labels += len(result.labels)
        self.milliseconds += result.milliseconds
        self.operations += result.operations
        self.at_most |= result.at_most
        self.modelled |= result.modelled

    @property
    def gops(self) -> float:
        """10**9 operations per second."""
        return self.operations / self.milliseconds / 1e6

    def summary(self, device: str, measured: str) -> str:
        """``Virtual board: 2 lines, 570 columns in 1.784 ms ...``.

        :param device: name of the board, with a capital letter.
        :param measured: what the times are measured at, e.g. ``at 100 MHz``.
        """
        how = f"modelled from the cycle count {measured}" if self.modelled else f"measured {measured}"
        most, least = ("at most ", "at least ") if self.at_most else ("", "")
        return (
            f"{device}: {counted(self.lines, 'line')}, {self.columns} columns in {most}{self.milliseconds:.3f} ms, {how}: "
            f"{least}{self.gops:.1f} GOPS."
        )

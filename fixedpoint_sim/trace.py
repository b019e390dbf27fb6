"""`Trace`: what the datapath computes for one line, and its file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count

import numpy as np

from datapath.alphabet import Alphabet
from datapath.files import npz_writer


@dataclass(frozen=True)
class ExceededLimit:
    """One limit of the overlay that a line exceeds: its name, the line's figure and what is allowed."""

    name: str
    actual: int
    allowed: str

    def __str__(self) -> str:
        return f"{self.actual} {self.name}, allowed {self.allowed}"


@dataclass(frozen=True, kw_only=True)
class LineCycles:
    """Clock cycles of a line on the hardware.

    line     of the whole line
    steady   of each column while its stages are busy, as the folding allows
    """

    line: int
    steady: int


@dataclass(frozen=True, eq=False, kw_only=True)
class Trace:
    """Every stage's result for one line of T columns.

    hidden     int8 [T, 2, H]  raw hidden words at *time step* t of each direction (backward step t reads T-1-t)
    scores     int16 [T, C]    raw class scores, fraction 8, in image order
    labels     uint8 [n]       emitted labels, at most the overlay's limit
    text       str             the labels' symbols
    exceeded   tuple           limits of the overlay that the line exceeds: then no board gives this result
    mismatch   str             first difference from the simulator, where a simulation of the hardware computed the line
    cycles     LineCycles      where the RTL simulation computed the line; else None
    """

    hidden: np.ndarray
    scores: np.ndarray
    labels: np.ndarray
    text: str
    exceeded: tuple[ExceededLimit, ...]
    mismatch: str = ""
    cycles: LineCycles | None = None

    @property
    def found(self) -> int:
        """Labels found, those beyond the overlay's limit included."""
        return next((limit.actual for limit in self.exceeded if limit.name == "labels"), len(self.labels))


@contextmanager
def trace_writer(path: str | os.PathLike, alphabet: Alphabet) -> Iterator[Callable[[Trace], None]]:
    """Write `alphabet` (strings, index = class), then `hidden_i`, `scores_i`, `labels_i` of each trace.

    A trace needs no memory once it is written. The file appears on a clean exit, and not at all otherwise.

    :param path: the file.
    :raises FileError: the file cannot be written.
    """
    numbers = count()
    with npz_writer(path) as write_array:
        write_array("alphabet", np.array(alphabet.symbols))

        def write(trace: Trace) -> None:
            number = next(numbers)
            for stage in ("hidden", "scores", "labels"):
                write_array(f"{stage}_{number}", getattr(trace, stage))

        yield write

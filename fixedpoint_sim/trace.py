"""What the datapath computes for one line, and how it is kept on disk."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from datapath.alphabet import Alphabet
from datapath.files import write_npz


@dataclass(frozen=True)
class ExceededLimit:
    """One limit of the overlay that a line exceeds: its name, the line's figure and what is allowed."""

    name: str
    actual: int
    allowed: str

    def __str__(self) -> str:
        return f"{self.actual} {self.name}, allowed {self.allowed}"


@dataclass(frozen=True, eq=False, kw_only=True)
class Trace:
    """Every stage's result for one line of T columns.

    hidden     int8 [T, 2, H]  raw hidden words at *time step* t of each direction (backward step t reads T-1-t)
    scores     int16 [T, C]    raw class scores, fraction 8, in image order
    labels     uint8 [n]       emitted labels, at most the overlay's limit
    text       str             the labels' symbols
    exceeded   tuple           limits of the overlay that the line exceeds: then no board gives this result
    """

    hidden: np.ndarray
    scores: np.ndarray
    labels: np.ndarray
    text: str
    exceeded: tuple[ExceededLimit, ...]


def save_traces(path: str | os.PathLike, traces: Sequence[Trace], alphabet: Alphabet) -> None:
    """Write `hidden_i`, `scores_i`, `labels_i` per line i in order, and `alphabet` (strings, index = class).

    :raises FileError: the file cannot be written.
    """
    arrays: dict[str, np.ndarray] = {"alphabet": np.array(alphabet.symbols)}
    for i, trace in enumerate(traces):
        arrays |= {f"hidden_{i}": trace.hidden, f"scores_{i}": trace.scores, f"labels_{i}": trace.labels}
    write_npz(path, arrays)

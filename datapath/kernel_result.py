"""What the accelerator computes for one line, as its simulations observe it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False, kw_only=True)
class KernelResult:
    """What the kernel computes for a line of T columns."""

    found: int  # labels found, including those that exceed the output buffer
    labels: np.ndarray  # uint8 [n], in the output buffer
    hidden: np.ndarray  # int8 [T, 2, H], hidden words at time steps
    scores: np.ndarray  # int16 [T, C], class scores in image order
    # int16 [T, 2, H, 4], accumulators in `Gate` order before any peephole, None if unknown
    gates: np.ndarray | None = None

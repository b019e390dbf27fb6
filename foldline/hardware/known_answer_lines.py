"""Lines for the test bench and the manifest of any design: random pixels, and synthetic lines."""

from __future__ import annotations

import numpy as np

from datapath.design import Design
from foldline.hardware.headers import random_pixels
from train.data.synthetic import synthetic_line

RANDOM_LENGTHS = (2, 7)
"""Columns of the lines of random pixels: one even, one odd."""

SYNTHETIC_CHARACTERS = (8, 12)
"""Fewest and most characters of the synthetic line; a trained network finds labels there, and none in random pixels."""


def random_lines(design: Design) -> list[np.ndarray]:
    """Lines of random pixels (seed 0), integers [T, I], within the limit of columns."""
    return random_pixels(design, [length for length in RANDOM_LENGTHS if length <= design.limits.columns] or [1])


def synthetic_lines(design: Design) -> list[np.ndarray]:
    """A short synthetic line and the same upside down, integers [T, I]; none where it exceeds the limit of columns.

    Networks with equal labels on the line differ on it upside down. T is even, as the published kernel requires.
    """
    low, high = SYNTHETIC_CHARACTERS
    line = synthetic_line(seed=0, split="validation", index=0, min_characters=low, max_characters=high)
    columns = line.columns(design)
    columns = columns[: len(columns) // 2 * 2]
    return [columns, np.ascontiguousarray(columns[::-1, ::-1])] if len(columns) <= design.limits.columns else []

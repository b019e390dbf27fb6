"""Lines of our own making that a design is tried with, where no images are given."""

from __future__ import annotations

import numpy as np

from datapath.design import Design
from foldline.hardware.headers import random_pixels
from train.data.synthetic import synthetic_line

RANDOM_LENGTHS = (2, 7)
"""Columns of the lines of random pixels: the shortest of interest, and an odd one."""

PRINTED_CHARACTERS = (8, 12)
"""Length of the printed line: random pixels give a trained network nothing to read, hence no labels to compare."""


def random_lines(design: Design) -> list[np.ndarray]:
    """Lines of random pixels (seed 0), integers [T, I], none longer than the design takes."""
    return random_pixels(design, [length for length in RANDOM_LENGTHS if length <= design.limits.columns] or [1])


def printed_lines(design: Design) -> list[np.ndarray]:
    """A short printed line and the same upside down, integers [T, I]; none where the design does not take so many columns.

    Networks that read the line alike guess at it differently where it stands upside down. T is even, so that the
    published kernel takes them as well.
    """
    low, high = PRINTED_CHARACTERS
    line = synthetic_line(seed=0, split="validation", index=0, min_characters=low, max_characters=high)
    columns = line.columns(design)
    columns = columns[: len(columns) // 2 * 2]
    return [columns, np.ascontiguousarray(columns[::-1, ::-1])] if len(columns) <= design.limits.columns else []

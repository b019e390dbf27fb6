"""`augment`: random changes of a training line's grey columns, as between two scans of one page.

A line is stretched, shifted, scaled and sheared by one interpolation, so that its strokes are blurred once at most;
then its strokes are made thicker or thinner, and noise is added. What is moved beyond the edge is lost and replaced by
background. The lines of UW3-500 have two rows and columns of background around the ink to spare.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from datapath.errors import DataError
from train.config import AUGMENTATIONS, checked_value, hyperparameter

KNOT_SPACING = 24
"""Columns between two places where `Augmentation.jitter` changes the speed, about two letters' width."""

MOST_GROWN, MOST_WORN = 0.5, 0.4
"""Strongest change of the strokes: 1 would add a pixel on either side, or take one from strokes of two or three."""


def _change(name: str, at_most: float) -> Any:
    return hyperparameter(0 if name == "shift" else 0.0, AUGMENTATIONS[name], (0, at_most))


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """How far `augment` may change a line; 0 turns a change off, and all of them are off by default.

    :raises ConfigError: a value of the wrong kind or outside its range.
    """

    stretch: float = _change("stretch", 0.5)
    jitter: float = _change("jitter", 0.5)
    shift: int = _change("shift", 16)
    scale: float = _change("scale", 0.5)
    slant: float = _change("slant", 1)
    thickness: float = _change("thickness", 1)
    noise: float = _change("noise", 128)

    def __post_init__(self) -> None:
        for one in fields(self):
            object.__setattr__(self, one.name, checked_value(one, getattr(self, one.name)))

    @property
    def enabled(self) -> bool:
        """Whether anything is changed at all."""
        return any(getattr(self, one.name) for one in fields(self))


def line_generator(seed: int, epoch: int, index: int) -> np.random.Generator:
    """The random numbers of one line in one epoch, whatever was drawn before: a resumed run changes its lines alike.

    :param seed: of the run, 0 to 2**32 - 1.
    :param epoch: from 0.
    :param index: of the line within the training lines, from 0.
    """
    return np.random.default_rng(np.random.SeedSequence((seed, epoch, index)))


def augment(
    pixels: np.ndarray, augmentation: Augmentation, rng: np.random.Generator, *, least_columns: int
) -> np.ndarray:
    """A randomly changed copy of a line.

    :param pixels: uint8 [T, I], ink bright, background 0, left to right, top pixel first; never written to.
    :param rng: see `line_generator`.
    :param least_columns: that CTC needs; a line shrinks to no fewer (or the next even number).
    :returns: uint8 [T', I]; T' = T where `stretch` is off, else even, at least 2 and at most a column off the range.
        `pixels` itself where everything is off.
    :raises DataError: `pixels` are of another type or shape.
    """
    if pixels.dtype != np.uint8 or pixels.ndim != 2 or 0 in pixels.shape:
        raise DataError(f"pixels are {pixels.dtype} {list(pixels.shape)}; they must be uint8 [T, I], not empty.")
    if not augmentation.enabled:
        return pixels
    grey = _bent(pixels.astype(np.float32), augmentation, rng, least_columns)
    grey = _restroked(grey, augmentation.thickness, rng)
    if augmentation.noise:
        deviation = np.float32(rng.uniform(0.0, augmentation.noise))
        grey = grey + deviation * rng.standard_normal(grey.shape, dtype=np.float32)
    return np.clip(np.rint(grey), 0, 255).astype(np.uint8, order="C")


def _bent(grey: np.ndarray, most: Augmentation, rng: np.random.Generator, least_columns: int) -> np.ndarray:
    """All changes of place, [T, I] -> [T', I]: bilinear interpolation, along the rows and then along the columns."""
    stretch, scale, slant = rng.uniform(-1.0, 1.0, 3) * (most.stretch, most.scale, most.slant)
    shift = rng.integers(-most.shift, most.shift, endpoint=True)
    old = len(grey)
    new = _new_width(old, 1.0 + stretch, least_columns) if most.stretch else old
    off_middle = np.arange(grey.shape[1]) - (grey.shape[1] - 1) / 2
    if scale or shift:
        rows = (off_middle - shift) / (1.0 + scale) - off_middle[0]
        grey = _interpolated(grey.T, rows[:, None]).T
    if new != old or most.jitter or slant:
        columns = np.interp(np.arange(new) + 0.5, *_knots(old, new, most.jitter, rng)) - 0.5
        # A positive slant leans to the right, as italics do.
        grey = _interpolated(grey, columns[:, None] + slant * off_middle if slant else columns[:, None])
    return grey


def _new_width(columns: int, factor: float, least_columns: int) -> int:
    """The even number nearest to the stretched width, within what `augment` promises."""
    least = min(least_columns + least_columns % 2, columns + columns % 2)
    return max(2 * round(columns * factor / 2), least, 2)


def _knots(old: int, new: int, jitter: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Places on the new line and their sources on the old one; the speed between them is 1 +- `jitter` of the mean."""
    pieces = max(1, round(new / KNOT_SPACING)) if jitter else 1
    lengths = rng.uniform(0.5, 1.5, pieces)
    lengths *= new / lengths.sum()
    # Off-speeds that cancel over the line, and are reduced where that has pushed one beyond 1.
    off_speeds = rng.uniform(-1.0, 1.0, pieces)
    off_speeds -= np.average(off_speeds, weights=lengths)
    off_speeds /= max(1.0, np.abs(off_speeds).max())
    places = np.concatenate(([0.0], np.cumsum(lengths)))
    places[-1] = new
    sources = np.concatenate(([0.0], np.cumsum(lengths * (1.0 + jitter * off_speeds)) * (old / new)))
    sources[-1] = old
    return places, sources


def _interpolated(grey: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """`grey` [n, m] at `positions` [k, m] or [k, 1] of its first axis, float32 [k, m]; beyond it is background."""
    edged = np.zeros((len(grey) + 2, grey.shape[1]), dtype=np.float32)
    edged[1:-1] = grey
    places = np.clip(positions + 1.0, 0.0, len(grey) + 1.0)
    before = np.minimum(places.astype(np.intp), len(grey))
    share = (places - before).astype(np.float32)
    if positions.shape[1] == 1:
        low, high = edged[before[:, 0]], edged[before[:, 0] + 1]
    else:
        flat = before * grey.shape[1] + np.arange(grey.shape[1])
        low, high = edged.take(flat), edged.take(flat + grey.shape[1])
    return low + share * (high - low)


def _restroked(grey: np.ndarray, probability: float, rng: np.random.Generator) -> np.ndarray:
    """Strokes thicker (blended with the brightest neighbour) or thinner (with the darkest), sideways or all around."""
    # As many draws where nothing is changed.
    chance, strength, thinner, all_around = rng.random(4)
    if chance >= probability:
        return grey
    brightest_or_darkest = np.minimum if thinner < 0.5 else np.maximum
    extreme = _over_neighbours(grey, brightest_or_darkest)
    if all_around < 0.5:
        extreme = _over_neighbours(extreme.T, brightest_or_darkest).T
    return grey + np.float32(strength * (MOST_WORN if thinner < 0.5 else MOST_GROWN)) * (extreme - grey)


def _over_neighbours(grey: np.ndarray, extreme: np.ufunc) -> np.ndarray:
    """The extreme of every entry and its neighbours on the first axis."""
    reached = grey.copy()
    extreme(reached[1:], grey[:-1], out=reached[1:])
    extreme(reached[:-1], grey[1:], out=reached[:-1])
    return reached

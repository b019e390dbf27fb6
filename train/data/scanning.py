"""The faults of a scan: a set line tilted, blurred, made noisy and cut to black and white.

The noise is that of paper and ink, not of single pixels: the grain has the size of a stroke's edge, and the darkness of the
ink drifts along the line. So edges are rough and not frayed, letters touch in dark places and break in faint ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from PIL import Image, ImageFilter

_FAINTEST_INK = 20
"""Grey value (255 is ink) that the blur leaves no farther than a pixel or two off a stroke."""

_INNER_INK, _USUAL_INK = 60, 150
"""Grey value within strokes, and its mean over those of a book face."""

_NOISE_SIZE = (128, 2048)
"""Rows and columns of the noise, from which every line takes a part; wider lines repeat it."""

_GRAIN, _DRIFT = 1.6, 18.0
"""Pixels over which the grain and the darkness of the ink change."""


@dataclass(frozen=True, kw_only=True)
class _Faults:
    """Of one line; lengths in pixels, grey values from 0 to 255."""

    stretch: float  # of widths
    slant: float  # pixels to the right per pixel upwards
    skew: float  # pixels down per pixel to the right
    blur: float  # standard deviation
    grain: float  # standard deviation of the grey value
    drift: float  # standard deviation of the grey value
    threshold: float  # grey value from which a pixel is ink: low thickens
    specks: float  # per pixel
    neighbours: int  # strokes of the lines above and below at the edge
    margin: int


_CLEAN = {"blur": 0.9, "grain": 10.0, "drift": 0.0, "threshold": 80.0, "specks": 0.0, "neighbours": 0}
"""Faults of a good scan."""


def scanned(rng: np.random.Generator, sheet: Image.Image, *, width: float, clean: bool = False) -> Image.Image:
    """The scan of a sheet, black on white, cropped to the ink and a margin of a few pixels.

    :param sheet: greyscale, ink 255 on 0; not blank.
    :param width: factor of widths.
    :param clean: a good scan, on which strokes are as thick as in print.
    :returns: bilevel.
    """
    faults = _faults(rng, width)
    faults = replace(faults, **_CLEAN) if clean else faults
    grey = np.asarray(_printed(sheet, faults), dtype=np.float32)
    grain, drift = (_part(rng, noise, grey.shape) for noise in (_noise(_GRAIN, 0), _noise(_DRIFT, 1)))
    # Thin strokes are faint once they are blurred: of these a high threshold would leave nothing that can be read.
    inner = grey[grey > _INNER_INK]
    threshold = faults.threshold * min(1.0, inner.mean() / _USUAL_INK if inner.size else 0.0)
    # The noise reaches the edges of strokes only: far from ink it cannot pass for any.
    ink = (grey + faults.grain * grain + faults.drift * drift >= threshold) & (grey > _FAINTEST_INK)
    if not ink.any():  # the hairlines of a thin font, which the blur leaves too faint
        grey = np.asarray(_printed(sheet, replace(faults, blur=0.0)))
        ink = grey >= max(1, grey.max() / 2)
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    ink = np.pad(ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], faults.margin)
    _add_neighbours(rng, ink, faults)
    _add_specks(rng, ink, faults.specks)
    return Image.fromarray(np.where(ink, 0, 255).astype(np.uint8)).convert("1", dither=Image.Dither.NONE)


def _faults(rng: np.random.Generator, width: float) -> _Faults:
    dark = rng.random()
    blur = rng.uniform(0.6, 1.3)
    threshold = rng.uniform(45.0, 120.0)
    if dark < 0.08:  # letters touch, holes close
        blur, threshold = rng.uniform(1.2, 1.8), rng.uniform(28.0, 50.0)
    elif dark > 0.92:  # thin strokes break
        threshold = rng.uniform(115.0, 150.0)
    return _Faults(
        stretch=width * float(np.clip(rng.normal(1.0, 0.06), 0.85, 1.18)),
        slant=float(rng.normal(0.0, 0.015)),
        skew=float(np.clip(rng.normal(0.0, 0.0025), -0.006, 0.006)),
        blur=blur,
        grain=rng.uniform(3.0, 25.0),
        drift=rng.uniform(0.0, 22.0),
        threshold=threshold,
        specks=0.0 if rng.random() < 0.7 else rng.uniform(0.0, 3e-4),
        neighbours=int(rng.integers(1, 8)) if rng.random() < 0.06 else 0,
        margin=int(rng.integers(2, 5)),
    )


def _printed(sheet: Image.Image, faults: _Faults) -> Image.Image:
    """Stretched, slanted, skewed about the middle, and blurred."""
    width, height = math.ceil(sheet.width * faults.stretch), sheet.height
    across, down = faults.slant, -faults.skew
    left, top = -across * height / 2, faults.skew * width / 2
    coefficients = (1 / faults.stretch, across, left, down, 1.0, top)
    placed = sheet.transform((width, height), Image.Transform.AFFINE, coefficients, Image.Resampling.BILINEAR)
    return placed.filter(ImageFilter.GaussianBlur(faults.blur))


@lru_cache(maxsize=2)
def _noise(pixels: float, seed: int) -> np.ndarray:
    """Normal noise that changes over so many pixels, float32, mean 0 and standard deviation 1; the same in every process."""
    rows, columns = _NOISE_SIZE
    size = math.ceil(rows / pixels) + 1, math.ceil(columns / pixels) + 1
    coarse = Image.fromarray(np.random.default_rng(seed).standard_normal(size, dtype=np.float32))
    smooth = np.asarray(coarse.resize((columns, rows), Image.Resampling.BICUBIC))
    return (smooth - smooth.mean()) / smooth.std()


def _part(rng: np.random.Generator, noise: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """A part of the noise as large as a line, from anywhere."""
    rows, columns = (
        (int(rng.integers(limit)) + np.arange(count)) % limit for limit, count in zip(noise.shape, shape, strict=True)
    )
    return noise[rows][:, columns]


def _add_neighbours(rng: np.random.Generator, ink: np.ndarray, faults: _Faults) -> None:
    """Ends of the strokes of other lines, in the margin above or below."""
    height, width = ink.shape
    for _ in range(faults.neighbours):
        column, side = int(rng.integers(width)), int(rng.integers(2, 7))
        rows = int(rng.integers(1, faults.margin))
        above = rng.random() < 0.5
        ink[slice(0, rows) if above else slice(height - rows, height), column : column + side] = True


def _add_specks(rng: np.random.Generator, ink: np.ndarray, share: float) -> None:
    """Turn a few spots of one or two pixels' width, black ones white and white ones black."""
    height, width = ink.shape
    for _ in range(rng.poisson(share * ink.size)):
        row, column, side = int(rng.integers(height)), int(rng.integers(width)), int(rng.integers(1, 3))
        ink[row : row + side, column : column + side] ^= True

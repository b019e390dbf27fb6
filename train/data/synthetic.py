"""Synthetic lines: text rendered as a scan of a journal page, from a seed; the default dataset.

Text (`train.data.prose`) is set in a typeface (`train.data.typefaces`), skewed, blurred, made noisy and cut to black and white
at a random threshold, which thins or thickens the strokes. As in UW3, the image ends a few pixels off the ink.

Every line has its own random numbers, drawn from (seed, split, index): the first lines of a larger dataset are those
of a smaller one. The same versions of numpy, Pillow and matplotlib give the same pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from datapath.errors import ConfigError
from train.data.dataset import Dataset, Line, Progress, widest_first
from train.data.prose import ALPHABET, LONGEST_CARRIER, line_text
from train.data.typefaces import TYPEFACES, Typeface, load_font

__all__ = ["ALPHABET", "synthetic_dataset", "synthetic_line"]

MAX_LINES = 1_000_000
LONGEST_TEXT = 167
"""Characters: those of the longest line of UW3-500."""

_SPLITS = ("training", "validation")


@dataclass(frozen=True)
class _Style:
    """How one line is rendered; lengths in pixels."""

    typeface: Typeface
    font: str  # of the line
    emphasis: str  # of the emphasised words
    emphasised: range  # which words they are
    size: int  # pixels per em
    word_gap: int
    tracking: int  # added after every letter
    skew: float  # pixels down per pixel to the right
    blur: float  # standard deviation
    grain: float  # standard deviation, in grey values
    threshold: float  # grey value from which a pixel is ink: low thickens
    specks: float  # per pixel
    margin: int


def synthetic_dataset(
    *,
    seed: int,
    training: int,
    validation: int,
    min_characters: int = 8,
    max_characters: int = 48,
    progress: Progress | None = None,
) -> Dataset:
    """Make a dataset in memory.

    Line i of a split holds character i modulo 81 of `ALPHABET`, so that 81 training lines hold them all. Training
    lines come widest first, as in UW3-500; with the default lengths nearly all fit into the overlay's 732 columns.

    :param seed: not negative.
    :param training: number of lines, 1 to 1 000 000.
    :param validation: number of lines, 1 to 1 000 000.
    :param min_characters: of a line, 1 to `max_characters`.
    :param max_characters: of a line, 8 to 167.
    :param progress: called after every line with (lines done, lines in all).
    :raises ConfigError: a value outside its range.
    :raises FileError: the fonts of matplotlib are missing.
    """
    _require("training", training, 1, MAX_LINES)
    _require("validation", validation, 1, MAX_LINES)
    made: dict[str, list[Line]] = {}
    lengths = {"min_characters": min_characters, "max_characters": max_characters}
    for split, count, before in (("training", training, 0), ("validation", validation, training)):
        made[split] = []
        for index in range(count):
            made[split].append(synthetic_line(seed=seed, split=split, index=index, **lengths))
            if progress is not None:
                progress(before + index + 1, training + validation)
    return Dataset(widest_first(made["training"]), tuple(made["validation"]), f"synthetic-{seed}")


def synthetic_line(*, seed: int, split: str, index: int, min_characters: int = 8, max_characters: int = 48) -> Line:
    """Make one line of `synthetic_dataset`, named ``SPLIT/INDEX``; its image is bilevel, black on white.

    :param split: ``training`` or ``validation``.
    :param index: of the line within its split, from 0.
    :raises ConfigError: a value outside its range.
    :raises FileError: the fonts of matplotlib are missing.
    """
    if split not in _SPLITS:
        raise ConfigError(f"split is {split!r}; allowed is {' or '.join(_SPLITS)}.")
    _require("seed", seed, 0, None)
    _require("index", index, 0, MAX_LINES - 1)
    _require("max_characters", max_characters, LONGEST_CARRIER, LONGEST_TEXT)
    _require("min_characters", min_characters, 1, max_characters)
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(_SPLITS.index(split), index)))
    required = ALPHABET[index % len(ALPHABET)]
    text = line_text(rng, required, min_characters=min_characters, max_characters=max_characters)
    return Line(f"{split}/{index:06d}", text, _rendered(rng, text))


def _require(field: str, value: int, lowest: int, highest: int | None) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise ConfigError(f"{field} is {value!r}; it must be a whole number.")
    if highest is None and value < lowest:
        raise ConfigError(f"{field} is {value}; allowed is {lowest} or more.")
    if highest is not None and not lowest <= value <= highest:
        raise ConfigError(f"{field} is {value}; allowed is {lowest} to {highest}.")


def _rendered(rng: np.random.Generator, text: str) -> Image.Image:
    """`text` as a scan: bilevel, cropped to the ink and a margin."""
    style = _style(rng, text)
    grey = np.asarray(_scan(_set(text, style), style), dtype=np.float32)
    noisy = grey + rng.normal(0.0, style.grain, grey.shape).astype(np.float32)
    ink = noisy >= style.threshold
    # The noise reaches the edges of strokes only: far from ink it cannot pass for any.
    ink &= grey > _FAINTEST_INK
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    ink = np.pad(ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], style.margin)
    _add_specks(rng, ink, style.specks)
    return Image.fromarray(np.where(ink, 0, 255).astype(np.uint8)).convert("1", dither=Image.Dither.NONE)


_FAINTEST_INK = 20
"""Grey value (255 is ink) that the blur leaves no farther than a pixel or two off a stroke."""


def _style(rng: np.random.Generator, text: str) -> _Style:
    able = [typeface for typeface in TYPEFACES if not typeface.lacks & set(text)]
    shares = np.cumsum([typeface.share for typeface in able])
    typeface = able[int(np.searchsorted(shares, rng.random() * shares[-1], side="right"))]
    weight = rng.random()
    font = (typeface.bold if weight < 0.15 else typeface.italic if weight < 0.25 else None) or typeface.regular
    emphasis = (typeface.italic if font != typeface.italic else typeface.regular) or font
    first_word = int(rng.integers(0, 12))
    emphasised = range(first_word, first_word + int(rng.integers(1, 4))) if rng.random() < 0.15 else range(0)
    size = int(rng.integers(32, 48))
    return _Style(
        typeface=typeface,
        font=font,
        emphasis=emphasis,
        emphasised=emphasised,
        size=size,
        word_gap=round(size * rng.uniform(0.22, 0.5)),
        tracking=int(rng.integers(1, 4)) if rng.random() < 0.2 else 0,
        skew=float(np.clip(rng.normal(0.0, 0.002), -0.005, 0.005)),
        blur=rng.uniform(0.6, 1.2),
        grain=rng.uniform(10.0, 40.0),
        threshold=rng.uniform(45.0, 115.0),
        specks=0.0 if rng.random() < 0.6 else rng.uniform(0.0, 3e-4),
        margin=int(rng.integers(2, 5)),
    )


def _set(text: str, style: _Style) -> Image.Image:
    """The text in the style's fonts, sharp, ink 255 on 0, with a margin of an em all around."""
    pieces, x = [], 0.0
    for number, word in enumerate(text.split(" ")):
        font = load_font(style.emphasis if number in style.emphasised else style.font, style.size)
        word = "".join(style.typeface.substitutes.get(c, c) for c in word)
        for piece in word if style.tracking else (word,):
            pieces.append((x, piece, font))
            x += font.getlength(piece) + style.tracking
        x += style.word_gap
    margin = style.size
    sheet = Image.new("L", (math.ceil(x) + 2 * margin, 3 * margin), 0)
    draw = ImageDraw.Draw(sheet)
    for left, piece, font in pieces:
        draw.text((margin + round(left), 2 * margin - margin // 2), piece, fill=255, font=font, anchor="ls")
    return sheet


def _scan(sheet: Image.Image, style: _Style) -> Image.Image:
    """Skew about the middle and blur."""
    middle = sheet.width / 2
    coefficients = (1.0, 0.0, 0.0, -style.skew, 1.0, style.skew * middle)
    skewed = sheet.transform(sheet.size, Image.Transform.AFFINE, coefficients, Image.Resampling.BILINEAR)
    return skewed.filter(ImageFilter.GaussianBlur(style.blur))


def _add_specks(rng: np.random.Generator, ink: np.ndarray, share: float) -> None:
    """Turn a few spots of one or two pixels' width, black ones white and white ones black."""
    height, width = ink.shape
    for _ in range(rng.poisson(share * ink.size)):
        row, column, side = int(rng.integers(height)), int(rng.integers(width)), int(rng.integers(1, 3))
        ink[row : row + side, column : column + side] ^= True

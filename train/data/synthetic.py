"""Synthetic lines: text rendered as a scan of a journal page, from a seed; the default dataset.

Text (`train.data.prose`) is set in a typeface (`train.data.typesetting`) and scanned with its faults (`train.data.scanning`).
As in UW3, the image ends a few pixels off the ink.

Every line has its own random numbers, drawn from (seed, split, index): the first lines of a larger dataset are those
of a smaller one. The same versions of numpy, Pillow and matplotlib give the same pixels, and so do the same fonts of a folder.
"""

from __future__ import annotations

import numpy as np

from datapath.errors import ConfigError
from train.data.dataset import Dataset, Line, Progress, widest_first
from train.data.font_folders import Fonts
from train.data.prose import ALPHABET, LONGEST_CARRIER, line_text
from train.data.scanning import scanned
from train.data.synthetic_source import MAX_LINES
from train.data.typefaces import TYPEFACES
from train.data.typesetting import set_line

__all__ = ["ALPHABET", "synthetic_dataset", "synthetic_line"]

LONGEST_TEXT = 167
"""Characters: those of the longest line of UW3-500."""

MIN_CHARACTERS, MAX_CHARACTERS = 1, 52
"""Of a line, unless others are asked for: nearly all lines then fit into the overlay's 732 columns."""

PLAIN_TYPEFACES = 2
"""Of plain lines, the first ones: STIX, which has every character, and Computer Modern."""

_SPLITS = ("training", "validation")
_REQUIRED_SHARE = 0.4
"""Of the lines beyond the first 81, the share that must hold a certain character, so that rare ones are not too rare."""


def synthetic_dataset(
    *,
    seed: int,
    training: int,
    validation: int,
    min_characters: int = MIN_CHARACTERS,
    max_characters: int = MAX_CHARACTERS,
    fonts: Fonts | None = None,
    plain: bool = False,
    progress: Progress | None = None,
) -> Dataset:
    """Make a dataset in memory.

    The first 81 lines of a split hold one character of `ALPHABET` each, so that they hold them all. Training lines come
    widest first, as in UW3-500.

    :param seed: not negative.
    :param training: number of lines, 1 to 1 000 000.
    :param validation: number of lines, 1 to 1 000 000.
    :param min_characters: of a line, 1 to `max_characters`.
    :param max_characters: of a line, 8 to 167.
    :param fonts: of a folder; half of the lines are set in them, and their digest is part of the names. None takes
        matplotlib's alone.
    :param plain: prose alone, upright, in two faces, on a good scan: what a network learns within minutes.
    :param progress: called after every line with (lines done, lines in all).
    :raises ConfigError: a value outside its range.
    :raises FileError: the fonts of matplotlib are missing.
    """
    _require("training", training, 1, MAX_LINES)
    _require("validation", validation, 1, MAX_LINES)
    made: dict[str, list[Line]] = {}
    options = {"min_characters": min_characters, "max_characters": max_characters, "fonts": fonts, "plain": plain}
    for split, count, before in (("training", training, 0), ("validation", validation, training)):
        made[split] = []
        for index in range(count):
            made[split].append(synthetic_line(seed=seed, split=split, index=index, **options))
            if progress is not None:
                progress(before + index + 1, training + validation)
    name, problems = f"synthetic-{seed}", () if fonts is None else fonts.problems
    name += "" if fonts is None else f"-fonts-{fonts.digest}"
    return Dataset(widest_first(made["training"]), tuple(made["validation"]), name, problems)


def synthetic_line(
    *,
    seed: int,
    split: str,
    index: int,
    min_characters: int = MIN_CHARACTERS,
    max_characters: int = MAX_CHARACTERS,
    fonts: Fonts | None = None,
    plain: bool = False,
) -> Line:
    """Make one line of `synthetic_dataset`, named ``SPLIT/INDEX``, or ``fonts-DIGEST/SPLIT/INDEX`` with fonts of a folder.

    Its image is bilevel, black on white.

    :param split: ``training`` or ``validation``.
    :param index: of the line within its split, from 0.
    :param fonts: see `synthetic_dataset`.
    :param plain: see `synthetic_dataset`.
    :raises ConfigError: a value outside its range.
    :raises FileError: the fonts of matplotlib are missing, or one of the folder is not there any more.
    """
    if split not in _SPLITS:
        raise ConfigError(f"split is {split!r}; allowed is {' or '.join(_SPLITS)}.")
    _require("seed", seed, 0, None)
    _require("index", index, 0, MAX_LINES - 1)
    _require("max_characters", max_characters, LONGEST_CARRIER, LONGEST_TEXT)
    _require("min_characters", min_characters, 1, max_characters)
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(_SPLITS.index(split), index)))
    is_required = index < len(ALPHABET) or rng.random() < _REQUIRED_SHARE
    required = ALPHABET[index % len(ALPHABET)] if is_required else ""
    kind = "prose" if plain else None
    text = line_text(rng, required, min_characters=min_characters, max_characters=max_characters, kind=kind)
    typefaces = TYPEFACES[:PLAIN_TYPEFACES] if plain else TYPEFACES
    typefaces = typefaces if fonts is None else (*typefaces, *fonts.typefaces)
    name = f"{split}/{index:06d}" if fonts is None else f"fonts-{fonts.digest}/{split}/{index:06d}"
    sheet, width = set_line(rng, text, typefaces, plain=plain)
    return Line(name, text.text, scanned(rng, sheet, width=width, clean=plain))


def _require(field: str, value: int, lowest: int, highest: int | None) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise ConfigError(f"{field} is {value!r}; it must be a whole number.")
    if highest is None and value < lowest:
        raise ConfigError(f"{field} is {value}; allowed is {lowest} or more.")
    if highest is not None and not lowest <= value <= highest:
        raise ConfigError(f"{field} is {value}; allowed is {lowest} to {highest}.")

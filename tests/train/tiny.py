"""A language of four letters, drawn in 8 rows: small enough to be learned within a test."""

import os
import signal

import numpy as np
from PIL import Image

from train.config import SIGNED_FIXED_UNIT, Hyperparameters
from train.data.dataset import Dataset, Line
from train.reporting import Reporter

HEIGHT = 8
GLYPHS = {"a": (0, 3), "b": (3, 5), "c": (5, 8), "$": (0, 8), " ": (0, 0)}
"""Inked rows of each letter, from and up to."""

LETTER_COLUMNS, GAP_COLUMNS = 4, 3


def draw(text: str) -> Image.Image:
    """Black letters on white, `HEIGHT` rows."""
    pitch = LETTER_COLUMNS + GAP_COLUMNS
    page = np.full((HEIGHT, pitch * len(text) + GAP_COLUMNS), 255, dtype=np.uint8)
    for place, letter in enumerate(text):
        first, end = GLYPHS[letter]
        left = GAP_COLUMNS + place * pitch
        page[first:end, left : left + LETTER_COLUMNS] = 0
    return Image.fromarray(page)


def line(name: str, text: str) -> Line:
    return Line(name, text, draw(text))


def dataset() -> Dataset:
    """Ten training lines of 1 to 5 letters, three validation lines."""
    training = ("cab", "ab", "bc", "abc", "cacb", "b", "acbac", "ca", "bacb", "c a")
    validation = ("bca", "ac b", "cb")
    return Dataset(
        tuple(line(f"training/{text}", text) for text in training),
        tuple(line(f"validation/{text}", text) for text in validation),
        "tiny",
    )


def hyperparameters(**changes) -> Hyperparameters:
    """A float network that learns the language in a few seconds, with anything changed."""
    values = {
        "layer_size": 8,
        "target_height": HEIGHT,
        "batch_size": 4,
        "lr": 0.02,
        "epochs": 2,
        "seq_to_random_threshold": 1,
    }
    return Hyperparameters(**{**values, **changes})


def quantized(*, weight: int = 4, activation: int = 4, **changes) -> Hyperparameters:
    """The same with every quantizer on, as the hardware needs it."""
    fixed = {
        f"{part}_{kind}": value
        for part, bits in (
            ("recurrent_weight", weight),
            ("recurrent_bias", 8),
            ("recurrent_activation", activation),
            ("fc_weight", 8),
            ("fc_bias", 8),
        )
        for kind, value in (("bit_width", bits), ("quantization", SIGNED_FIXED_UNIT))
    }
    return hyperparameters(**{**fixed, "internal_activation_bit_width": 8, "prefused_bn_fc": True, **changes})


class Interrupting(Reporter):
    """Interrupts training as Ctrl-C does, at the n-th batch that it hears of."""

    def __init__(self, batch: int) -> None:
        self.left = batch

    def batch_done(self, result):
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGINT)

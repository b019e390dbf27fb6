"""`Alphabet`: the text of every class; labels to text and back."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from datapath.errors import DataError, DesignError
from datapath.files import write_text
from datapath.quoting import quoted
from datapath.reading import read_text

BLANK = 0
"""Class of the CTC blank."""

MAX_CLASSES = 256
"""Labels are stored in 8 bits."""

MAX_BYTES = 2**20
"""Limit of an alphabet file; 256 characters have at most 1280 bytes."""

MAX_LABEL = MAX_CLASSES - 1

UNTRAINED_CHARACTERS = "\n\t$"
"""Characters that the original trainer removes from the alphabet and from training targets."""


@dataclass(frozen=True)
class Alphabet:
    """The text of every class: ``symbols[n]`` is class n, ``symbols[0]`` is the blank and empty.

    :raises DesignError: no blank at index 0, fewer than 2 or more than 256 classes, an empty or repeated symbol, or
        one that holds a line break, NUL or lone surrogate.
    """

    symbols: tuple[str, ...]

    def __post_init__(self) -> None:
        if not isinstance(self.symbols, tuple) or not all(isinstance(symbol, str) for symbol in self.symbols):
            raise DesignError(f"The alphabet is {self.symbols!r:.60}; it must be a tuple of texts.")
        if not 2 <= len(self.symbols) <= MAX_CLASSES:
            raise DesignError(f"The alphabet has {len(self.symbols)} classes; allowed is 2 to {MAX_CLASSES}.")
        if self.symbols[BLANK] != "":
            raise DesignError(
                f"Class 0 of the alphabet is {quoted(self.symbols[0])}; it must be the blank, an empty line."
            )
        seen: dict[str, int] = {}
        for number, symbol in enumerate(self.symbols[1:], start=1):
            # A file of lines cannot hold a line break, UTF-8 cannot hold a lone surrogate, and numpy removes a NUL at the end.
            if symbol == "" or any(c in "\n\r\0" or "\ud800" <= c <= "\udfff" for c in symbol):
                raise DesignError(
                    f"Class {number} of the alphabet is {quoted(symbol)}; it must be text within one line."
                )
            if symbol in seen:
                raise DesignError(f"Classes {seen[symbol]} and {number} of the alphabet are both {quoted(symbol)}.")
            seen[symbol] = number

    def __len__(self) -> int:
        return len(self.symbols)

    @classmethod
    def of_texts(cls, texts: Iterable[str]) -> Alphabet:
        """Number the characters by first appearance; newline, tab and ``$`` get no class, as in the original.

        :param texts: all reference texts, in order.
        """
        found = dict.fromkeys(character for text in texts for character in text)
        return cls(("", *(c for c in found if c not in UNTRAINED_CHARACTERS)))

    @classmethod
    def read(cls, path: str | os.PathLike) -> Alphabet:
        """Read an alphabet file: class n on line n, line 0 (the blank) empty; line breaks may be LF or CRLF.

        :param path: the file.
        :raises FileError: the file cannot be read.
        :raises DesignError: its lines are not an alphabet; the path is named.
        """
        text = read_text(path, limit=MAX_BYTES, pipes=True)
        try:
            return cls.of_lines(text)
        except DesignError as error:
            raise error.within(path) from error

    @classmethod
    def of_lines(cls, text: str) -> Alphabet:
        """The alphabet in the text of an alphabet file.

        :param text: class n on line n, line 0 (the blank) empty; line breaks may be LF or CRLF.
        :raises DesignError: its lines are not an alphabet.
        """
        return cls(tuple(text.replace("\r\n", "\n").removesuffix("\n").split("\n")))

    def write(self, path: str | os.PathLike) -> None:
        """Write the file that `read` reads.

        :param path: the file.
        """
        write_text(path, "".join(f"{symbol}\n" for symbol in self.symbols))

    def text(self, labels: Sequence[int] | np.ndarray) -> str:
        """Text of a sequence of labels.

        :param labels: class indexes, 0 is the blank.
        :raises DataError: one is not a class of this alphabet.
        """
        for label in labels:
            if not 0 <= label < len(self.symbols):
                raise DataError(f"Label {label} is not a class of this alphabet; allowed is 0 to {len(self) - 1}.")
        return "".join(self.symbols[label] for label in labels)

    def labels(self, text: str) -> np.ndarray:
        """Labels of a text, uint8 [n], character by character; newline, tab and ``$`` have none and are left out.

        :param text: the text.
        :raises DataError: a character that the alphabet does not hold.
        """
        classes = {symbol: number for number, symbol in enumerate(self.symbols)}
        wanted = [c for c in text if c not in UNTRAINED_CHARACTERS or c in classes]
        missing = ", ".join(map(repr, sorted({c for c in wanted if c not in classes})))
        if missing:
            raise DataError(f"The alphabet of {len(self)} classes has no {missing} (in {quoted(text)}).")
        return np.array([classes[c] for c in wanted], dtype=np.uint8)


def greedy_labels(scores: np.ndarray) -> np.ndarray:
    """CTC greedy decoding: best class per column (lowest index on ties), repeats merged, blanks removed.

    :param scores: [T, C], any real type.
    :returns: uint8 [n], labels.
    """
    best = np.argmax(scores, axis=1)
    first_of_run = np.ones(len(best), dtype=bool)
    first_of_run[1:] = best[1:] != best[:-1]
    return best[first_of_run & (best != BLANK)].astype(np.uint8)

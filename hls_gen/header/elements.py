"""Nested braces of an array in a header, parsed into numbers."""

from __future__ import annotations

from datapath.errors import HeaderError
from hls_gen.header.layout import brackets
from hls_gen.header.syntax import ArrayText
from hls_gen.header.tokenizer import NUMBER, Source, Token, literal_value


def read_elements(source: Source, array: ArrayText) -> tuple[list[int], list[int]]:
    """Elements of an array in memory order, and the offset of each in the source.

    C++ pads a short list with zeros, and inner braces are optional. Here all braces are required, with exactly as many
    elements as the dimension: a missing weight is an error, not a zero.

    :raises HeaderError: braces that do not match the shape at some level, or an element that is not a number.
    """
    return _Braces(source, array).read()


class _Braces:
    """Parser of nested braces.

    `_counts` has one number for each open brace: its complete elements. `_ready`: an element may begin here.
    """

    def __init__(self, source: Source, array: ArrayText) -> None:
        self._source = source
        self._array = array
        self._rank = len(array.shape)
        self._counts: list[int] = []
        self._opened: list[Token] = []
        self._ready = True
        self._values: list[int] = []
        self._offsets: list[int] = []
        self._known: dict[str, int] = {}  # values by spelling: an array has few different ones

    def read(self) -> tuple[list[int], list[int]]:
        for token in self._array.body:
            if token.kind == NUMBER:
                self._number(token)
            elif token.text == ",":
                if self._ready or not self._counts:
                    raise self._misplaced(token)
                self._ready = True
            elif token.text == "{":
                self._open(token)
            elif token.text == "}":
                self._close(token)
            elif token.text != ";" or self._counts or self._ready:
                raise self._misplaced(token)
        return self._values, self._offsets

    def _number(self, token: Token) -> None:
        if not self._ready or len(self._counts) != self._rank:
            raise self._misplaced(token)
        value = self._known.get(token.text)
        if value is None:
            value = self._known[token.text] = literal_value(self._source, token)
        self._values.append(value)
        self._offsets.append(token.offset)
        self._counts[-1] += 1
        self._ready = False

    def _open(self, token: Token) -> None:
        if not self._ready or len(self._counts) == self._rank:
            raise self._misplaced(token)
        self._counts.append(0)
        self._opened.append(token)

    def _close(self, token: Token) -> None:
        if not self._counts:
            raise self._misplaced(token)
        count, opened = self._counts.pop(), self._opened.pop()
        wanted = self._array.shape[len(self._counts)]
        if count != wanted:
            raise self._source.error(
                f"{self._array.name}{brackets(self._counts)} has {count} elements; "
                f"its shape {brackets(self._array.shape)} needs {wanted}.",
                opened.offset,
            )
        if self._counts:
            self._counts[-1] += 1
        self._ready = False

    def _misplaced(self, token: Token) -> HeaderError:
        if self._ready:
            wanted = "a number" if len(self._counts) == self._rank else "'{'"
        else:
            wanted = "',' or '}'" if self._counts else "';'"
        return self._source.error(
            f"Expected {wanted} of array {self._array.name}, got {token} (its shape is {brackets(self._array.shape)}).",
            token.offset,
        )

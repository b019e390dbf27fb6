"""Edits of header texts, and the parser's errors."""

import pytest

from datapath.errors import HeaderError
from hls_gen import parse_header


def refusal(text: str) -> str:
    """The error of a header called model.hpp."""
    with pytest.raises(HeaderError) as error:
        parse_header(text, name="model.hpp")
    return str(error.value)


def edited(text: str, old: str, new: str) -> str:
    """The text with the one occurrence of `old` replaced."""
    assert text.count(old) == 1, old
    return text.replace(old, new)


def assert_refused(text: str, needle: str, message: str) -> None:
    """The text is refused with this message, and its place is where `needle` begins."""
    place, actual = refusal(text).split(": ", 1)
    assert actual == message
    line, column = map(int, place.removeprefix("model.hpp:").split(":"))
    assert text.split("\n")[line - 1][column - 1 :].startswith(needle), (place, text.split("\n")[line - 1])

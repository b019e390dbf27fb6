"""Text on its way to a terminal or a file."""

from __future__ import annotations


def printable(text: str) -> str:
    r"""The text with bytes of a file name that are no UTF-8 as escapes, which JSON reads back.

    >>> printable("a\udcff")
    'a\\udcff'
    """
    return text.encode("utf-8", "backslashreplace").decode("utf-8")

"""Text of others in our messages and on the terminal: without a command to the terminal, and short.

`quoted` is for a value within a message, `escaped` for a whole message, `displayed` for a text that a person reads, and
`json_line` for one that a program reads too.
"""

from __future__ import annotations

import json
import math
import os
import re
import reprlib

MAX_QUOTED = 200
"""Characters of a value that a message shows."""

MAX_MESSAGE = 2000
"""Characters of a message; of a longer one the middle is left out."""

_MESSAGE_END = 500

_MAX_INTEGER_BITS = 660
"""Integers of more bits, which are some 200 digits, are named by their number of digits."""

# C0, DEL, C1, the line and paragraph separators, lone surrogates, and what reorders the text after it.
_COMMANDS = "\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff"
# Format characters that show nothing. The two joiners spell words of some scripts, and stay.
_INVISIBLE = (
    "\xad\u061c\u180e\u200b\u200e\u200f\u2060-\u2065\u206a-\u206f\ufeff\ufff9-\ufffb"
    "\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e007f"
)
_COMMAND = re.compile(f"[{_COMMANDS}]")
_COMMAND_IN_LINES = re.compile(rf"(?![\t\n])[{_COMMANDS}]")
_HIDDEN = re.compile(f"[{_COMMANDS}{_INVISIBLE}]")


def quoted(value: object, limit: int = MAX_QUOTED) -> str:
    r"""A value of any type as a message shows it: on one line, short, and with every character visible.

    >>> print(quoted("W"), quoted("\x1b[2J"), quoted("\u202egnp.a"), quoted(b"\x00"), quoted(1.5))
    'W' '\x1b[2J' '\u202egnp.a' b'\x00' 1.5
    >>> print(quoted("W" * 5000, limit=8), quoted(10**5000), quoted([0] * 150_000))
    'WWWWWWWW'... (4992 more characters) an integer of 5001 digits [0, 0, 0, 0, 0, 0, ...] (150000 items)

    :param value: from a file, an option or another program; a path counts as its text.
    :param limit: characters of it that are shown; the message says how many are left out.
    """
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if isinstance(value, (str, bytes)):
        return _cut_text(value, limit)
    text = " ".join(_SHORT.repr(value).split())
    if isinstance(value, (list, tuple, set, frozenset, dict)) and len(value) > _SHORT.maxlist:
        return f"{_cut(escaped(text), limit)} ({len(value)} items)"
    return _cut(escaped(text), limit)


def escaped(text: str) -> str:
    r"""A message in which characters that command a terminal, or that show nothing, stand as escapes of Python.

    >>> escaped("caf\xe9 \x9b2J\n\ufeff")
    'café \\x9b2J\\n\\ufeff'

    :param text: of any characters; letters of every script and combining marks stay.
    """
    return text if text.isascii() and text.isprintable() else _HIDDEN.sub(_escape, text)


def displayed(text: str, *, lines: bool = False) -> str:
    r"""A text for a person to read, in which characters that command a terminal stand as escapes of Python.

    Of the format characters only those that reorder the text after them are escaped: marks of direction and joiners are part
    of how a text is written. A backslash of the text stays as it is.

    >>> displayed("\u200f\u05d0\x1b[2J\u202e\udcff")
    '\u200fא\\x1b[2J\\u202e\\udcff'

    :param text: of any characters.
    :param lines: leave line ends and tabs, which separate lines and fields of an output.
    """
    if text.isascii() and text.isprintable():
        return text
    return (_COMMAND_IN_LINES if lines else _COMMAND).sub(_escape, text)


def json_line(value: object) -> str:
    r"""JSON on one line, which no character of a text commands the terminal with; `json.loads` gives the same texts.

    >>> print(json_line({"text": "caf\xe9 \x9b2J\u2028\udcff"}))
    {"text": "café \u009b2J\u2028\udcff"}

    :param value: of types that JSON has.
    """
    return _COMMAND.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(value, ensure_ascii=False))


def message_text(message: str) -> str:
    """A whole message: escaped, and at most some `MAX_MESSAGE` characters, of which the last ones say what is wrong.

    :param message: of any characters and length.
    """
    text = escaped(message)
    left_out = len(text) - MAX_MESSAGE
    if left_out <= 0:
        return text
    return f"{text[: MAX_MESSAGE - _MESSAGE_END]}... ({left_out} more characters) ...{text[-_MESSAGE_END:]}"


def _escape(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")


def _cut(text: str, limit: int) -> str:
    left_out = len(text) - limit
    return text if left_out <= 0 else f"{text[:limit]}... ({left_out} more characters)"


def _cut_text(text: str | bytes, limit: int) -> str:
    """The beginning of a text as Python spells it, and how much is left out."""
    kept = text[:limit]
    while (excess := len(repr(kept)) - limit - len(repr(text[:0]))) > 0:  # escapes take up to 10 characters
        kept = kept[: -(excess // 10 + 1)]
    left_out = len(text) - len(kept)
    return f"{kept!r}... ({left_out} more characters)" if left_out else repr(kept)


class _Short(reprlib.Repr):
    """Values of any depth and size in one line."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel, self.maxother = 3, MAX_QUOTED

    def repr_int(self, value: int, level: int) -> str:
        if value.bit_length() > _MAX_INTEGER_BITS:
            return f"an integer of {_digits(value)} digits"
        return repr(value)


def _digits(value: int) -> int:
    """Decimal digits of a large integer; its spelling would take time that grows with their square."""
    digits = int(abs(value).bit_length() * math.log10(2)) + 1
    return digits - (digits < 5000 and abs(value) < 10 ** (digits - 1))


_SHORT = _Short()

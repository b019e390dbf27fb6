"""Tokenizer of the C++ subset of weight headers.

White space, comments and line continuations separate tokens. A preprocessor line is one token, from its ``#`` to the end
of the logical line; its parser calls `tokenize` on the part that it needs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from datapath.errors import HeaderError

NUMBER, IDENTIFIER, PUNCTUATION = "number", "identifier", "punctuation"
STRING, DIRECTIVE, END = "string", "directive", "end"

# The pattern matches at every offset (at worst `stray` or `end`), so it never backtracks and the scan is linear.
_TOKEN = re.compile(
    r"""
    (?: [ \t\r\n\f\v]+ | \\\r?\n | //(?: [^\n\\]+ | \\\r?\n | \\ )* | /\*.*?\*/ )*
    (?: (?P<number> [0-9][0-9A-Za-z_.]* )
      | (?P<punctuation> << | >> | == | \+\+ | -- | /(?!\*) | [-+*%&()<>{}\[\],;=] )
      | (?P<identifier> [A-Za-z_][0-9A-Za-z_]* )
      | (?P<string> "[^"\\\n]*" )
      | (?P<directive> \# (?: [^\n/\\]+ | \\\r?\n | \\ | //(?: [^\n\\]+ | \\\r?\n | \\ )* | /\*.*?\*/ | /(?!\*) )* )
      | (?P<comment> /\* )
      | (?P<end> \Z )
      | (?P<stray> . )
    )
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT = re.compile(r'"[^"\\\n]*"|//(?:[^\n\\]+|\\\r?\n|\\)*|/\*.*?(?:\*/|\Z)', re.DOTALL)
_FOREIGN = re.compile("[\udc80-\udcff]")  # a byte that is not UTF-8, as `surrogateescape` decodes it
_CARRIAGE_RETURN = re.compile("\r(?!\n)")
_LITERAL = re.compile(
    r"(?: 0[xX](?P<hex>[0-9a-fA-F]+) | (?P<decimal>[1-9][0-9]*) | (?P<octal>0[0-7]*) )"
    r"(?: [uU](?:ll?|LL?)? | (?:ll?|LL?)[uU]? )?",
    re.VERBOSE,
)
_BASES = {"hex": 16, "decimal": 10, "octal": 8}
MAX_LITERAL = 40
"""Longest spelling of a number; 64 bits need 18 characters in hex."""


class Token(NamedTuple):
    """One token: its kind (a constant of this module), its spelling, and its offset in the source."""

    kind: str
    text: str
    offset: int

    @property
    def end(self) -> int:
        return self.offset + len(self.text)

    def __str__(self) -> str:
        if self.kind == END:
            return "the end of the line"  # only a preprocessor line ends where a message shows it
        return repr(self.text if len(self.text) <= MAX_LITERAL else f"{self.text[:MAX_LITERAL]}...")


@dataclass(frozen=True)
class Source:
    """Text of a header, and its name in errors, usually its path."""

    name: str
    text: str

    def place(self, offset: int) -> tuple[int, int]:
        """Line and column of an offset, both counted from 1."""
        return self.text.count("\n", 0, offset) + 1, offset - self.text.rfind("\n", 0, offset)

    def error(self, message: str, offset: int | None = None) -> HeaderError:
        """The error to raise: ``name:line:column: message``, or ``name: message`` for an error of the whole file."""
        if offset is None:
            return HeaderError(f"{self.name}: {message}")
        line, column = self.place(offset)
        return HeaderError(f"{self.name}:{line}:{column}: {message}")


def decoded(content: bytes, name: str) -> Source:
    """A header as it lies in its file: UTF-8, whose comments may be in any encoding; a byte order mark is left out.

    :raises HeaderError: a byte outside comments that is not UTF-8, or a carriage return without a line feed.
    """
    text = content.decode("utf-8-sig", "surrogateescape")
    if _FOREIGN.search(text):
        text = _COMMENT.sub(lambda part: part[0] if part[0][0] == '"' else _FOREIGN.sub("\ufffd", part[0]), text)
    source = Source(name, text)
    if (alone := _CARRIAGE_RETURN.search(text)) is not None:  # which ends a line for some compilers, g++ for one
        raise source.error(
            "A carriage return is not followed by a line feed; a line ends with LF or CRLF.", alone.start()
        )
    if (foreign := _FOREIGN.search(text)) is not None:
        byte = ord(foreign[0]) & 0xFF
        raise source.error(
            f"The byte {byte:#x} is not UTF-8; only comments may have another encoding.", foreign.start()
        )
    return source


def next_token(source: Source, start: int, end: int) -> Token:
    """The first token between two offsets; of kind `END`, at `end`, where there is none.

    :raises HeaderError: a character that no token begins with, or a comment that does not end.
    """
    match = _TOKEN.match(source.text, start, end)
    kind = match.lastgroup
    return _checked(source, Token(kind, match[kind], match.start(kind)))


def tokenize(source: Source, start: int = 0, end: int | None = None) -> list[Token]:
    """All tokens between two offsets, by default of the whole text, and one of kind `END`.

    :raises HeaderError: a character that no token begins with, a comment that does not end, or a ``#`` within a line.
    """
    text = source.text
    tokens: list[Token] = []
    append, known = tokens.append, {}.setdefault  # one object for all tokens of a spelling: an array has few of them
    for match in _TOKEN.finditer(text, start, len(text) if end is None else end):
        kind = match.lastgroup
        text_of = match[kind]
        token = Token(kind, known(text_of, text_of), match.start(kind))
        append(token)
        if kind not in _PLAIN:
            _checked(source, token)
            if kind == END:
                break
            if len(tokens) > 1 and "\n" not in text[tokens[-2].end : token.offset]:
                raise source.error("'#' is within a line; it must begin a preprocessor line.", token.offset)
    return tokens


_PLAIN = frozenset((NUMBER, IDENTIFIER, PUNCTUATION, STRING))


def _checked(source: Source, token: Token) -> Token:
    if token.kind == "comment":
        raise source.error(
            "A comment begins here and does not end; the file is cut off or '*/' is missing.", token.offset
        )
    if token.kind == "stray":
        raise source.error(f"{token.text!r} is not allowed in a weight header.", token.offset)
    return token


def literal_value(source: Source, token: Token) -> int:
    """Value of a number as C reads it: ``0x`` hex, a leading 0 octal, else decimal; suffixes u, l, ll are allowed.

    :raises HeaderError: the token is not such an integer, or longer than `MAX_LITERAL` characters.
    """
    if len(token.text) > MAX_LITERAL:
        raise source.error(
            f"{token} is a number of {len(token.text)} characters; allowed is {MAX_LITERAL}.", token.offset
        )
    match = _LITERAL.fullmatch(token.text)
    if match is None:
        raise source.error(
            f"{token} is not an integer; allowed is decimal, 0x and hex digits, or 0 and octal digits.", token.offset
        )
    base = match.lastgroup
    return int(match[base], _BASES[base])

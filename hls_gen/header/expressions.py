"""Integer expressions in a header: values of defines and dimensions.

As in C, a define is replaced by its tokens, not by its value: with ``#define A 8+1`` the expression ``A*2`` is 10.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hls_gen.header.tokenizer import END, IDENTIFIER, NUMBER, Source, Token, literal_value, tokenize

INT_MIN, INT_MAX = -(2**31), 2**31 - 1
"""Range of C's int; a value outside it is refused, because a compiler may compute another."""

MAX_SHIFT = 31
MAX_TOKENS = 64
"""Longest expression after replacement of its defines; bounds the recursion, and defines that double at each step."""


@dataclass(frozen=True, kw_only=True)
class Define:
    """One ``#define``: the offset of its name, and where its replacement begins and ends.

    The replacement is parsed when it is used, so that a header may hold other defines (strings, floating point).
    """

    name: str
    offset: int
    start: int
    end: int
    has_parameters: bool


def evaluate(source: Source, tokens: Sequence[Token], end: int, defines: Mapping[str, Define]) -> int:
    """Value of an expression of ``+ - * / % << >>``, parentheses, numbers and defines, by C's precedence.

    Division truncates toward zero, and the remainder has the dividend's sign (C++ standard, [expr.mul]).

    :param end: offset behind the expression, the place of an error about a missing number.
    :raises HeaderError: a name that is not defined, or defined through itself; a division by zero; a shift count outside
        0..31; a value outside C's int, or below 0 with unsigned numbers; anything else that is not such an expression.
    """
    expanded = _expand(source, tokens, defines, ())
    return _Expression(source, [*expanded, Token(END, "", end)]).value()


def define_value(source: Source, define: Define, defines: Mapping[str, Define]) -> int:
    """Value of a define, see `evaluate`."""
    return evaluate(source, [Token(IDENTIFIER, define.name, define.offset)], define.end, defines)


def _expand(
    source: Source, tokens: Sequence[Token], defines: Mapping[str, Define], within: tuple[str, ...]
) -> list[Token]:
    """Replace names by their defines; `within` are the defines that are being replaced, outermost first."""
    expanded: list[Token] = []
    for token in tokens:
        if token.kind == IDENTIFIER:
            expanded += _replacement(source, token, defines, within)
        else:
            expanded.append(token)
        if len(expanded) > MAX_TOKENS:
            raise source.error(
                f"An expression has more than {MAX_TOKENS} numbers and signs; allowed is {MAX_TOKENS}.", token.offset
            )
    return expanded


def _replacement(source: Source, name: Token, defines: Mapping[str, Define], within: tuple[str, ...]) -> list[Token]:
    define = defines.get(name.text)
    if define is None:
        raise source.error(f"{name.text} is not defined here; an expression takes numbers and defines.", name.offset)
    if name.text in within:
        chain = " -> ".join((*within[within.index(name.text) :], name.text))
        raise source.error(f"{name.text} is defined through itself ({chain}).", name.offset)
    if define.has_parameters:
        raise source.error(f"{name.text} is a macro with parameters; an expression takes plain defines.", name.offset)
    if len(within) == MAX_TOKENS:
        raise source.error(f"{within[0]} is defined through more than {MAX_TOKENS} other defines.", name.offset)
    body = tokenize(source, define.start, define.end)[:-1]
    if not body:
        raise source.error(f"{name.text} is defined as nothing; an expression takes numbers.", name.offset)
    return _expand(source, body, defines, (*within, name.text))


_LEVELS = (("<<", ">>"), ("+", "-"), ("*", "/", "%"))
"""Binary operators from the loosest to the tightest."""


class _Expression:
    """Recursive descent over the tokens of one expression, the last of kind `END`."""

    def __init__(self, source: Source, tokens: list[Token]) -> None:
        self._source = source
        self._tokens = tokens
        self._next = 0
        # C computes with unsigned numbers modulo a power of two; here a value below 0 is refused instead.
        self._low = 0 if any(t.kind == NUMBER and _is_unsigned(t.text) for t in tokens) else INT_MIN

    def value(self) -> int:
        value = self._binary(0)
        if self._token.kind != END:
            raise self._source.error(f"An operator is missing before {self._token}.", self._token.offset)
        return value

    @property
    def _token(self) -> Token:
        return self._tokens[self._next]

    def _take(self) -> Token:
        token = self._token
        if token.kind != END:
            self._next += 1
        return token

    def _binary(self, level: int) -> int:
        if level == len(_LEVELS):
            return self._unary()
        left = self._binary(level + 1)
        while self._token.text in _LEVELS[level]:
            operator = self._take()
            left = self._in_range(self._apply(operator, left, self._binary(level + 1)), operator)
        return left

    def _unary(self) -> int:
        token = self._take()
        if token.text == "-":
            return self._in_range(-self._unary(), token)
        if token.text == "+":
            return self._unary()
        if token.text == "(":
            value = self._binary(0)
            if self._take().text != ")":
                raise self._source.error("This '(' has no ')'.", token.offset)
            return value
        if token.kind == END:
            raise self._source.error("A number is missing at the end of the expression.", token.offset)
        if token.kind != NUMBER:
            raise self._source.error(f"A number is missing before {token}.", token.offset)
        return self._in_range(literal_value(self._source, token), token)

    def _apply(self, operator: Token, left: int, right: int) -> int:
        match operator.text:
            case "+":
                return left + right
            case "-":
                return left - right
            case "*":
                return left * right
            case "/" | "%":
                return self._divide(operator, left, right)
        if not 0 <= right <= MAX_SHIFT:
            raise self._source.error(f"A shift count is {right}; allowed is 0 to {MAX_SHIFT}.", operator.offset)
        return left << right if operator.text == "<<" else left >> right

    def _divide(self, operator: Token, left: int, right: int) -> int:
        if right == 0:
            raise self._source.error(f"{left} is divided by zero.", operator.offset)
        quotient = abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1)
        return quotient if operator.text == "/" else left - quotient * right

    def _in_range(self, value: int, token: Token) -> int:
        if not self._low <= value <= INT_MAX:
            raise self._source.error(
                f"An expression's value is {value}; allowed is {self._low} to {INT_MAX}.", token.offset
            )
        return value


def _is_unsigned(literal: str) -> bool:
    """Whether a suffix makes the number unsigned (no digit of any base is a u)."""
    return "u" in literal or "U" in literal

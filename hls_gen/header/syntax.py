"""Parser of the declarations of a weight header; `parse` checks them against each other.

    header      = { directive | typedef | array }
    typedef     = "typedef" "ap_fixed" "<" expr "," expr "," name "," name ">" name ";"
    array       = "const" "ap_uint" "<" expr ">" name "[" expr "]" { "[" expr "]" } "=" braces ";"
    braces      = "{" (number | braces) { "," (number | braces) } [ "," ] "}"
    csim        = "#ifndef __SYNTHESIS__" { copy } "#else" { array } "#endif"
    copy        = "static" "const" "unsigned" ("char" | "short") name_bytes "[" expr "]" "=" braces ";"
                  "static_assert" "(" "sizeof" "(" "ap_uint" "<" expr ">" ")" "==" size "," string ")" ";"
                  "static" "const" "ap_uint" "<" bits ">" "(" "&" name ")" dims "="
                  "reinterpret_cast" "<" "const" "ap_uint" "<" bits ">" "(" "&" ")" dims ">" "(" name_bytes ")" ";"

(The conditional `csim` may be where a directive may be; its two branches declare the same names.)
As in C, expressions are evaluated with the defines above them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from datapath.errors import HeaderError
from hls_gen.header.expressions import Define, evaluate
from hls_gen.header.layout import ARRAYS, BYTES, PEEPHOLE_ARRAYS, SYNTHESIS, brackets, storage
from hls_gen.header.tokenizer import DIRECTIVE, END, IDENTIFIER, STRING, Source, Token, next_token, tokenize

RESERVED = frozenset(
    (
        *("typedef", "const", "ap_fixed", "ap_uint", "AP_RND_ZERO", "AP_WRAP"),
        *("static", "unsigned", "char", "short", "static_assert", "sizeof", "reinterpret_cast", SYNTHESIS),
        *(array.name for array in (*ARRAYS, *PEEPHOLE_ARRAYS)),
        *(array.typedef for array in (*ARRAYS, *PEEPHOLE_ARRAYS)),
        *(array.name + BYTES for array in (*ARRAYS, *PEEPHOLE_ARRAYS)),
    )
)
"""Names that a define must not replace: a preprocessor would rewrite the declarations, and this parser does not."""

MAX_DECLARATIONS = 1000
"""Declarations of a kind; each may take an expression of `MAX_TOKENS`."""

IGNORED_DIRECTIVES = ("pragma", "include")
DIRECTIVES = ("define", "ifdef", "ifndef", "endif", *IGNORED_DIRECTIVES)


@dataclass(frozen=True, kw_only=True)
class Typedef:
    """``typedef type name;`` at `offset`; the type is ``ap_fixed<bits, integer, rounding, overflow>``, with numbers."""

    name: str
    offset: int
    type: str


@dataclass(frozen=True, kw_only=True)
class ArrayText:
    """``const ap_uint<bits> name shape = body;`` at `offset`."""

    name: str
    offset: int
    bits: int
    shape: tuple[int, ...]
    body: list[Token]


@dataclass(frozen=True, kw_only=True)
class CsimCopy:
    """What C simulation reads in place of array `name`: an ``ap_uint<bits>`` of `shape`, with these `elements`."""

    name: str
    offset: int
    bits: int
    shape: tuple[int, ...]
    elements: ArrayText


@dataclass(frozen=True)
class Declarations:
    """All declarations of a header, by name; copies by the name of their array."""

    defines: dict[str, Define] = field(default_factory=dict)
    typedefs: dict[str, Typedef] = field(default_factory=dict)
    arrays: dict[str, ArrayText] = field(default_factory=dict)
    copies: dict[str, CsimCopy] = field(default_factory=dict)


def read_declarations(source: Source) -> Declarations:
    """Parse the declarations of a header.

    :raises HeaderError: a token or line that is not in the grammar above, a name that is declared twice or replaced by a
        define, a conditional that excludes a part, or a file that ends within a declaration.
    """
    return _Reader(source).read()


class _Reader:
    """Recursive descent over the tokens of one header."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._tokens = tokenize(source)
        self._next = 0
        self._found = Declarations()
        self._conditionals: list[Token] = []
        self._csims = 0

    def read(self) -> Declarations:
        while (token := self._take()).kind != END:
            if token.kind == DIRECTIVE:
                self._directive(token)
            elif token.text == "typedef":
                self._typedef()
            elif token.text == "const":
                self._array()
            else:
                raise self._source.error(
                    f"{token} does not begin a declaration; allowed is 'typedef', 'const' or a preprocessor line.",
                    token.offset,
                )
        if self._conditionals:
            raise self._source.error("This conditional has no #endif.", self._conditionals[-1].offset)
        return self._found

    def _take(self) -> Token:
        token = self._tokens[self._next]
        if token.kind != END:
            self._next += 1
        return token

    def _expect(self, text: str, where: str) -> None:
        token = self._take()
        if token.text != text:
            raise self._unexpected(token, f"'{text}'", where)

    def _identifier(self, what: str, where: str) -> Token:
        token = self._take()
        if token.kind != IDENTIFIER:
            raise self._unexpected(token, what, where)
        return token

    def _unexpected(self, token: Token, wanted: str, where: str) -> HeaderError:
        if token.kind == END:
            return self._source.error(f"The file ends within {where}; it is cut off.", token.offset)
        return self._source.error(f"Expected {wanted} of {where}, got {token}.", token.offset)

    def _directive(self, line: Token) -> None:
        end = line.end
        keyword = next_token(self._source, line.offset + 1, end)
        if keyword.text == "define":
            self._define(next_token(self._source, keyword.end, end), end)
        elif keyword.text in ("ifdef", "ifndef"):
            name = next_token(self._source, keyword.end, end)
            if (keyword.text, name.text) == ("ifndef", SYNTHESIS):
                self._end_of_line(name, end)
                self._csim(line)
            else:
                self._conditional(keyword, name, end)
        elif keyword.text == "endif":
            self._end_of_line(keyword, end)
            if not self._conditionals:
                raise self._source.error("This #endif ends no conditional.", line.offset)
            self._conditionals.pop()
        elif keyword.text not in IGNORED_DIRECTIVES:
            raise self._source.error(
                f"#{keyword.text} is not understood; allowed is {', '.join(f'#{name}' for name in DIRECTIVES)}.",
                line.offset,
            )

    def _define(self, name: Token, end: int) -> None:
        if name.kind != IDENTIFIER:
            raise self._source.error(f"Expected a name after #define, got {name}.", name.offset)
        if name.text in RESERVED:
            raise self._source.error(
                f"{name.text} is a define and part of the header's declarations; it can be only one.", name.offset
            )
        behind = self._source.text[name.end : end][:1]
        if behind.strip() and behind not in "(/\\":
            raise self._source.error(f"A space is missing between {name.text} and {behind!r}.", name.end)
        self._refuse_second(name, "defined", self._found.defines)
        self._found.defines[name.text] = Define(
            name=name.text,
            offset=name.offset,
            start=name.end,
            end=end,
            has_parameters=self._source.text.startswith("(", name.end),
        )

    def _conditional(self, keyword: Token, name: Token, end: int) -> None:
        """Accept include guards; refuse a conditional that excludes a part: other defines would change its meaning."""
        if name.kind != IDENTIFIER:
            raise self._source.error(f"Expected a name after #{keyword.text}, got {name}.", name.offset)
        self._end_of_line(name, end)
        if (name.text in self._found.defines) != (keyword.text == "ifdef"):
            state = "is not" if keyword.text == "ifdef" else "is"
            raise self._source.error(
                f"#{keyword.text} {name.text} excludes what follows: {name.text} {state} defined here; "
                "a weight header must not depend on its surroundings.",
                keyword.offset,
            )
        self._conditionals.append(keyword)

    def _end_of_line(self, last: Token, end: int) -> None:
        token = next_token(self._source, last.end, end)
        if token.kind != END:
            raise self._source.error(f"Expected the end of the line after '{last.text}', got {token}.", token.offset)

    def _typedef(self) -> None:
        self._expect_all("ap_fixed <", "a typedef")
        bits = self._expression((",",), "a typedef")
        integer = self._expression((",",), "a typedef")
        rounding = self._identifier("the rounding", "a typedef").text
        self._expect(",", "a typedef")
        overflow = self._identifier("the overflow", "a typedef").text
        self._expect(">", "a typedef")
        name = self._identifier("the name", "a typedef")
        self._refuse_second(name, "declared", self._found.typedefs)
        self._expect(";", f"typedef {name.text}")
        spelling = f"ap_fixed<{bits}, {integer}, {rounding}, {overflow}>"
        self._found.typedefs[name.text] = Typedef(name=name.text, offset=name.offset, type=spelling)

    def _array(self) -> None:
        self._expect_all("ap_uint <", "an array")
        bits = self._expression((">",), "an array")
        name = self._identifier("the name", "an array")
        self._refuse_second(name, "declared", self._found.arrays)
        where = f"array {name.text}"
        shape = self._shape(where)
        self._found.arrays[name.text] = self._elements(name, bits, shape, where)

    def _shape(self, where: str) -> tuple[int, ...]:
        self._expect("[", where)
        shape = [self._expression(("]",), where)]
        while self._tokens[self._next].text == "[":
            self._take()
            shape.append(self._expression(("]",), where))
        return tuple(shape)

    def _elements(self, name: Token, bits: int, shape: tuple[int, ...], where: str) -> ArrayText:
        """The initializer of an array, not parsed yet."""
        self._expect("=", where)
        start = self._next
        while (token := self._take()).text != ";":
            if token.kind in (END, DIRECTIVE):
                raise self._unexpected(token, "';'", where)
        body = self._tokens[start : self._next]
        return ArrayText(name=name.text, offset=name.offset, bits=bits, shape=shape, body=body)

    def _csim(self, line: Token) -> None:
        """The conditional with two branches: copies for C simulation, then their arrays for synthesis."""
        self._csims += 1
        if self._csims > MAX_DECLARATIONS:
            raise self._source.error(f"More than {MAX_DECLARATIONS} conditionals for C simulation.", line.offset)
        where = "the conditional for C simulation"
        copies: dict[str, CsimCopy] = {}
        while (token := self._take()).text == "static":
            copy = self._copy()
            copies[copy.name] = self._found.copies[copy.name] = copy
        self._expect_directive(token, "else", "'static' or '#else'", where)
        earlier = set(self._found.arrays)
        while (token := self._take()).text == "const":
            self._array()
        self._expect_directive(token, "endif", "'const' or '#endif'", where)
        arrays = {name: array for name, array in self._found.arrays.items() if name not in earlier}
        for present, absent, where_absent in ((copies, arrays, "synthesis"), (arrays, copies, "C simulation")):
            if lost := next((name for name in present if name not in absent), None):
                raise self._source.error(
                    f"{lost} is missing in {where_absent}; both branches of a conditional must declare it.",
                    present[lost].offset,
                )

    def _expect_directive(self, line: Token, keyword: str, wanted: str, where: str) -> None:
        found = next_token(self._source, line.offset + 1, line.end) if line.kind == DIRECTIVE else line
        if line.kind != DIRECTIVE or found.text != keyword:
            raise self._unexpected(line, wanted, where)
        self._end_of_line(found, line.end)

    def _copy(self) -> CsimCopy:
        """Elements as plain bytes, the assertion of their size, and the reference that the HLS source reads."""
        where = "a copy for C simulation"
        self._expect_all("const unsigned", where)
        element = self._identifier("'char' or 'short'", where)
        name = self._identifier(f"a name with {BYTES}", where)
        if not name.text.endswith(BYTES):
            raise self._unexpected(name, f"a name with {BYTES}", where)
        where = f"copy {name.text}"
        array = name.text.removesuffix(BYTES)
        elements = self._elements(name, 0, self._shape(where), where)
        self._expect_all("static_assert ( sizeof ( ap_uint <", where)
        bits = self._expression((">",), where)
        wanted, size = storage(bits)
        if f"unsigned {element.text}" != wanted:
            raise self._source.error(
                f"{name.text} is of unsigned {element.text}; an ap_uint<{bits}> takes {wanted}.", element.offset
            )
        self._expect_all(f") == {size} ,", where)
        if (token := self._take()).kind != STRING:
            raise self._unexpected(token, "the message", where)
        self._expect_all(f") ; static const ap_uint < {bits} > ( &", where)
        view = self._take()
        if view.text != array or view.kind != IDENTIFIER:
            raise self._unexpected(view, f"'{array}'", where)
        self._refuse_second(view, "declared", self._found.copies)
        self._expect(")", where)
        shape = self._shape(where)
        dimensions = brackets(shape).replace("[", "[ ").replace("]", " ] ")
        cast = f"= reinterpret_cast < const ap_uint < {bits} > ( & ) {dimensions} > ( {name.text} ) ;"
        self._expect_all(cast, where)
        return CsimCopy(name=array, offset=view.offset, bits=bits, shape=shape, elements=elements)

    def _expect_all(self, texts: str, where: str) -> None:
        """Expect these tokens, written with spaces between them."""
        for text in texts.split():
            self._expect(text, where)

    def _expression(self, closing: tuple[str, ...], where: str) -> int:
        """Value of the tokens up to a closing one outside parentheses, which is consumed, too."""
        start, depth = self._next, 0
        while (token := self._take()).text not in closing or depth:
            depth += (token.text == "(") - (token.text == ")")
            if token.kind in (END, DIRECTIVE) or token.text in (";", "{", "}", "="):
                raise self._unexpected(token, " or ".join(map(repr, closing)), where)
        return evaluate(self._source, self._tokens[start : self._next - 1], token.offset, self._found.defines)

    def _refuse_second(self, name: Token, how: str, earlier: dict) -> None:
        if len(earlier) == MAX_DECLARATIONS:
            raise self._source.error(
                f"More than {MAX_DECLARATIONS} names are {how}; a weight header has some twenty.", name.offset
            )
        if name.text in earlier:
            line, _ = self._source.place(earlier[name.text].offset)
            raise self._source.error(
                f"{name.text} is {how} a second time (first in line {line}); allowed is once.", name.offset
            )

"""The evaluator of defines and dimensions, against Python's integers and C's rules."""

import operator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datapath.errors import HeaderError
from hls_gen.header.expressions import INT_MAX, INT_MIN, evaluate
from hls_gen.header.syntax import read_declarations
from hls_gen.header.tokenizer import Source, tokenize


def value(expression: str, defines: str = "") -> int:
    source = Source("t", f"{defines}\n{expression}")
    known = read_declarations(Source("t", defines)).defines
    return evaluate(source, tokenize(source, len(defines))[:-1], len(source.text), known)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("8+1", 9),
        ("2+3*4", 14),
        ("(2+3)*4", 20),
        ("10-4-3", 3),
        ("100/7/2", 7),
        ("1<<2+1", 8),
        ("256>>4>>2", 4),
        ("-7/2", -3),
        ("7/-2", -3),
        ("-7%3", -1),
        ("7%-3", 1),
        ("- -3", 3),
        ("-(2+1)*+2", -6),
        ("0x10 + 010", 24),
        ("2147483647", INT_MAX),
        ("-2147483647-1", INT_MIN),
    ],
)
def test_value_is_that_of_c(expression, expected):
    assert value(expression) == expected


def test_a_define_is_replaced_by_its_tokens_as_in_c():
    assert value("A*2", "#define A 8+1") == 10
    assert value("(A)*2", "#define A 8+1") == 18
    assert value("N/S", "#define N (4*K)\n#define K 8\n#define S \\\n 16") == 2


@pytest.mark.parametrize(
    ("expression", "defines", "message"),
    [
        ("1/0", "", "t:2:2: 1 is divided by zero."),
        ("5%(2-2)", "", "t:2:2: 5 is divided by zero."),
        ("1<<32", "", "t:2:2: A shift count is 32; allowed is 0 to 31."),
        ("1>>-1", "", "t:2:2: A shift count is -1; allowed is 0 to 31."),
        ("1<<31", "", "t:2:2: An expression's value is 2147483648; allowed is -2147483648 to 2147483647."),
        ("2147483648", "", "t:2:1: An expression's value is 2147483648; allowed is -2147483648 to 2147483647."),
        ("1u-2", "", "t:2:3: An expression's value is -1; allowed is 0 to 2147483647."),
        ("", "", "t:2:1: A number is missing at the end of the expression."),
        ("1+", "", "t:2:3: A number is missing at the end of the expression."),
        ("1 2", "", "t:2:3: An operator is missing before '2'."),
        ("1+;", "", "t:2:3: A number is missing before ';'."),
        ("1--2", "", "t:2:2: An operator is missing before '--'."),
        ("(1+2", "", "t:2:1: This '(' has no ')'."),
        ("1)", "", "t:2:2: An operator is missing before ')'."),
        ("X", "", "t:2:1: X is not defined here; an expression takes numbers and defines."),
        ("A", "#define A A", "t:1:11: A is defined through itself (A -> A)."),
        ("A", "#define A B+1\n#define B A", "t:2:11: A is defined through itself (A -> B -> A)."),
        ("A", "#define A", "t:2:1: A is defined as nothing; an expression takes numbers."),
        ("A", "#define A(x) 1", "t:2:1: A is a macro with parameters; an expression takes plain defines."),
        ("+".join("1" * 40), "", "t:2:65: An expression has more than 64 numbers and signs; allowed is 64."),
    ],
)
def test_what_has_no_value_is_refused_with_its_place(expression, defines, message):
    with pytest.raises(HeaderError) as error:
        value(expression, defines)
    assert str(error.value) == message


def test_defines_that_double_at_each_step_end_in_an_error_at_once():
    doubling = "\n".join(f"#define A{n + 1} A{n}+A{n}" for n in range(60))
    with pytest.raises(HeaderError, match="more than 64 numbers and signs; allowed is 64"):
        value("A60", f"#define A0 1\n{doubling}")


def test_a_long_chain_of_defines_ends_in_an_error():
    chain = "\n".join(f"#define A{n + 1} A{n}" for n in range(900))
    with pytest.raises(HeaderError, match="A900 is defined through more than 64 other defines"):
        value("A900", f"#define A0 1\n{chain}")


OPERATORS = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": lambda a, b: int(a / b),  # truncates toward zero; exact for numbers this small
    "%": lambda a, b: a - b * int(a / b),
    "<<": operator.lshift,
    ">>": operator.rshift,
}


@st.composite
def trees(draw, depth: int = 3) -> tuple[str, int]:
    """A fully parenthesised expression and its value."""
    if depth == 0 or draw(st.booleans()):
        number = draw(st.integers(0, 40))
        return draw(st.sampled_from([f"{number}", f"{number:#x}", f"{number}L"])), number
    left, a = draw(trees(depth - 1))
    right, b = draw(trees(depth - 1))
    allowed = [sign for sign in OPERATORS if (sign not in "/%" or b) and (sign not in ("<<", ">>") or 0 <= b <= 8)]
    sign = draw(st.sampled_from([sign for sign in allowed if abs(OPERATORS[sign](a, b)) <= INT_MAX]))
    return f"({left} {sign} {right})", OPERATORS[sign](a, b)


@given(trees())
def test_random_trees_have_the_value_that_python_computes(tree):
    text, expected = tree
    assert value(text) == expected

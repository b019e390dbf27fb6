"""The tokenizer: kinds, places, what separates tokens, and what is no token."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datapath.errors import HeaderError
from hls_gen.header.tokenizer import Source, Token, literal_value, next_token, tokenize


def tokens(text: str) -> list[tuple[str, str]]:
    return [(token.kind, token.text) for token in tokenize(Source("t", text))]


def test_splits_a_declaration_into_kinds_and_spellings():
    assert tokens("const ap_uint<2> w [0x1F]={1u,2};") == [
        ("identifier", "const"),
        ("identifier", "ap_uint"),
        ("punctuation", "<"),
        ("number", "2"),
        ("punctuation", ">"),
        ("identifier", "w"),
        ("punctuation", "["),
        ("number", "0x1F"),
        ("punctuation", "]"),
        ("punctuation", "="),
        ("punctuation", "{"),
        ("number", "1u"),
        ("punctuation", ","),
        ("number", "2"),
        ("punctuation", "}"),
        ("punctuation", ";"),
        ("end", ""),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "a b",
        "a\tb\r\n",
        "a// x ; y\nb",
        "a// goes on \\\n still comment\nb",
        "a/* x\n y * / */b",
        "a/**/b",
        "a\\\nb",
        "a\\\r\nb//",
        "/*a*/a/*b*/b/*c*/",
    ],
)
def test_white_space_comments_and_continuations_only_separate(text):
    assert tokens(text) == [("identifier", "a"), ("identifier", "b"), ("end", "")]


def test_operators_of_two_characters_are_one_token():
    assert [text for _, text in tokens("1<<2>>3/4--")] == ["1", "<<", "2", ">>", "3", "/", "4", "--", ""]


def test_a_directive_is_one_token_to_the_end_of_its_logical_line():
    text = "#define A 1 + \\\n 2 // more \\\n of it\n#define B /* over\nlines */ 3\r\nx"
    assert tokens(text) == [
        ("directive", "#define A 1 + \\\n 2 // more \\\n of it"),
        ("directive", "#define B /* over\nlines */ 3\r"),
        ("identifier", "x"),
        ("end", ""),
    ]


def test_places_count_lines_and_columns_from_one():
    source = Source("t", "a\n  bb\n\nc")
    assert [source.place(token.offset) for token in tokenize(source)] == [(1, 1), (2, 3), (4, 1), (4, 2)]


def test_part_of_a_text_keeps_its_places():
    source = Source("t", "#define A 1+2\nrest")
    assert tokenize(source, 9, 13) == [
        Token("number", "1", 10),
        Token("punctuation", "+", 11),
        Token("number", "2", 12),
        Token("end", "", 13),
    ]
    assert next_token(source, 11, 11) == Token("end", "", 11)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a\n /* b", "t:2:2: A comment begins here and does not end; the file is cut off or '*/' is missing."),
        ("#define A /* 1\n", "t:1:11: A comment begins here and does not end; the file is cut off or '*/' is missing."),
        ("a $", "t:1:3: '$' is not allowed in a weight header."),
        ("a\né", "t:2:1: 'é' is not allowed in a weight header."),
        ("\0", "t:1:1: '\\x00' is not allowed in a weight header."),
        ("a #define B", "t:1:3: '#' is within a line; it must begin a preprocessor line."),
    ],
)
def test_what_is_no_token_is_refused_with_its_place(text, message):
    with pytest.raises(HeaderError) as error:
        tokens(text)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("12", 12),
        ("0x1f", 31),
        ("0X1F", 31),
        ("010", 8),
        ("007", 7),
        ("5u", 5),
        ("5UL", 5),
        ("0xfull", 15),
        ("7LLU", 7),
        ("0x00000000000000ff", 255),
    ],
)
def test_numbers_are_read_as_c_reads_them(text, value):
    (token, _end) = tokenize(Source("t", text))
    assert literal_value(Source("t", text), token) == value


@pytest.mark.parametrize("text", ["08", "0x", "0xg", "12a", "1.5", "1e3", "0b1", "1lul", "1uu", "0x1.8"])
def test_a_number_that_is_not_an_integer_is_refused(text):
    (token, _end) = tokenize(Source("t", text))
    with pytest.raises(HeaderError) as error:
        literal_value(Source("t", text), token)
    message = f"'{text}' is not an integer; allowed is decimal, 0x and hex digits, or 0 and octal digits."
    assert str(error.value) == f"t:1:1: {message}"


def test_a_number_of_thousands_of_digits_is_refused_by_its_length():
    source = Source("t", "9" * 5000)
    with pytest.raises(HeaderError) as error:
        literal_value(source, tokenize(source)[0])
    assert str(error.value) == f"t:1:1: '{'9' * 40}...' is a number of 5000 characters; allowed is 40."


@given(st.text(alphabet='ab01x/*#\\\n\r "<>-;é', max_size=60))
def test_any_text_gives_tokens_in_order_or_a_header_error(text):
    source = Source("t", text)
    try:
        found = tokenize(source)
    except HeaderError:
        return
    assert found[-1] == Token("end", "", len(text))
    for token, following in pairwise(found):
        assert text[token.offset : token.end] == token.text
        assert token.end <= following.offset

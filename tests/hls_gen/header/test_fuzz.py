"""However a header is damaged, it parses or is refused with a HeaderError, and never anything else."""

import string

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from datapath.errors import HeaderError
from hls_gen import parse_header, render_header
from tests.hls_gen.header.header_text import csim_header, peephole_header, small_header

pytestmark = pytest.mark.no_numpy2

TEXT = small_header()
PEEPHOLE_TEXT = peephole_header()
CSIM_TEXT = csim_header()
LONG_TEXTS = st.sampled_from((PEEPHOLE_TEXT, CSIM_TEXT))
CHARACTERS = st.sampled_from(string.printable + "é\0\ufeff")


def parses(text: str) -> bool:
    try:
        parse_header(text, name="damaged.hpp")
    except HeaderError as error:
        assert str(error).startswith("damaged.hpp:")
        assert str(error).endswith(".")
        return False
    return True


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(TEXT.rstrip()) - 1))
def test_a_truncated_header_is_always_refused(length):
    assert not parses(TEXT[:length])


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(TEXT) - 1), CHARACTERS)
@example(0, "/")
def test_a_changed_character_never_surprises(position, character):
    parses(TEXT[:position] + character + TEXT[position + 1 :])


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(TEXT) - 1), CHARACTERS)
def test_an_inserted_character_never_surprises(position, character):
    parses(TEXT[:position] + character + TEXT[position:])


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(TEXT) - 1), st.integers(1, 40))
def test_a_missing_piece_never_surprises(position, length):
    parses(TEXT[:position] + TEXT[position + length :])


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(range(TEXT.index("#define"), TEXT.index("typedef"))),
    st.text(alphabet="()-+*/%<>01u A\\\n", max_size=30),
)
def test_a_damaged_define_never_surprises(position, piece):
    parses(TEXT[:position] + piece + TEXT[position:])


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_truncated_header_with_extensions_is_always_refused(data):
    text = data.draw(LONG_TEXTS)
    assert not parses(text[: data.draw(st.integers(0, len(text.rstrip()) - 1))])


@settings(max_examples=300, deadline=None)
@given(st.data(), st.integers(0, 30), st.text(CHARACTERS, max_size=2))
def test_a_damaged_header_with_extensions_never_surprises(data, length, piece):
    text = data.draw(LONG_TEXTS)
    position = data.draw(st.integers(0, len(text) - 1))
    parses(text[:position] + piece + text[position + length :])


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_changed_digit_of_a_copy_is_always_refused(data):
    copies = [place for place in range(len(CSIM_TEXT)) if CSIM_TEXT.startswith("0x", place)]
    position = data.draw(st.sampled_from(copies)) + 2
    old = CSIM_TEXT[position]
    assert not parses(
        CSIM_TEXT[:position] + data.draw(st.sampled_from(sorted(set("01234567") - {old}))) + CSIM_TEXT[position + 1 :]
    )


@pytest.mark.parametrize("step", [7, pytest.param(1, marks=pytest.mark.exhaustive)])
def test_every_change_of_one_kind_in_the_declarations(step):
    for position in range(0, TEXT.index("const"), step):
        for character in "0;":
            parses(TEXT[:position] + character + TEXT[position + 1 :])


@settings(max_examples=150, deadline=None)
@given(st.integers(CSIM_TEXT.index("#ifndef __SYN"), CSIM_TEXT.index("#else")))
def test_a_lost_character_of_the_copies_is_refused_or_changes_nothing(position):
    damaged = CSIM_TEXT[:position] + CSIM_TEXT[position + 1 :]
    if parses(damaged):
        assert render_header(parse_header(damaged, name="t")) == render_header(parse_header(CSIM_TEXT, name="t"))

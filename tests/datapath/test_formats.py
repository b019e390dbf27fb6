"""Formats and narrowing against exact rational arithmetic, exhaustively for narrow widths."""

from fractions import Fraction
from math import ceil, floor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datapath import Format, Overflow, Rounding, ap_fixed_type, narrow, unit_format
from datapath.errors import FormatError
from datapath.formats import MAX_BITS, bring_into_range, exact_product, exact_sum, remove_bits

ROUNDINGS, OVERFLOWS = list(Rounding), list(Overflow)


def make_format(bits=8, integer=4, signed=True, rounding=Rounding.TRN, overflow=Overflow.WRAP) -> Format:
    return Format(bits=bits, integer=integer, signed=signed, rounding=rounding, overflow=overflow)


def rounded(exact: Fraction, rounding: Rounding) -> int:
    """The rule in words, on an exact value."""
    below, above = floor(exact), ceil(exact)
    toward_zero = below if exact >= 0 else above
    if rounding is Rounding.TRN:
        return below
    if rounding is Rounding.TRN_ZERO:
        return toward_zero
    if exact - below != above - exact:
        return below if exact - below < above - exact else above
    return {
        Rounding.RND: above,
        Rounding.RND_ZERO: toward_zero,
        Rounding.RND_INF: above if exact >= 0 else below,
        Rounding.RND_MIN_INF: below,
        Rounding.RND_CONV: below if below % 2 == 0 else above,
    }[rounding]


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("shift", range(-3, 8))
def test_removing_bits_equals_rounding_the_exact_value(rounding, shift):
    raws = range(-520, 521)
    expected = [rounded(Fraction(raw) / Fraction(2) ** shift, rounding) for raw in raws]
    assert [remove_bits(raw, shift, rounding) for raw in raws] == expected
    assert remove_bits(np.array(raws), shift, rounding).tolist() == expected


@pytest.mark.parametrize("overflow", OVERFLOWS)
@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("bits", range(1, 6))
def test_overflow_keeps_the_range_and_follows_its_rule(bits, signed, overflow):
    format = make_format(bits=bits, integer=bits, signed=signed, overflow=overflow)
    raws = range(-200, 201)
    results = [bring_into_range(raw, format) for raw in raws]
    assert bring_into_range(np.array(raws), format).tolist() == results
    representable = range(format.min, format.max + 1)
    assert len(representable) == 2**bits
    for raw, result in zip(raws, results, strict=True):
        assert result in representable
        if raw in representable:
            assert result == raw
        elif overflow is Overflow.WRAP:
            assert (result - raw) % 2**bits == 0
        else:
            assert result == (representable[0] if raw < representable[0] else representable[-1])


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("overflow", OVERFLOWS)
def test_narrowing_rounds_first_and_then_overflows(rounding, overflow):
    for bits in range(1, 5):
        for integer in range(-1, bits + 1):
            format = make_format(bits, integer, True, rounding, overflow)
            raws = range(-70, 71)
            fraction = 4
            results = [narrow(raw, fraction, format) for raw in raws]
            assert narrow(np.array(raws), fraction, format).tolist() == results
            for raw, result in zip(raws, results, strict=True):
                on_grid = rounded(Fraction(raw, 2**fraction) * 2**format.fraction, rounding)
                assert result == bring_into_range(on_grid, format)


@given(
    raw=st.integers(-(2**60), 2**60),
    shift=st.integers(1, 55),
    rounding=st.sampled_from(ROUNDINGS),
)
def test_wide_values_round_equally_as_int_and_as_array(raw, shift, rounding):
    result = remove_bits(raw, shift, rounding)
    assert result == rounded(Fraction(raw, 2**shift), rounding)
    assert remove_bits(np.array([raw]), shift, rounding).tolist() == [result]
    assert remove_bits(np.int64(raw), shift, rounding) == result


formats = st.integers(1, MAX_BITS).flatmap(
    lambda bits: st.builds(
        Format,
        bits=st.just(bits),
        integer=st.integers(bits - MAX_BITS, bits),
        signed=st.booleans(),
        rounding=st.sampled_from(ROUNDINGS),
        overflow=st.sampled_from(OVERFLOWS),
    )
)


@given(format=formats)
def test_the_repr_evaluates_back(format):
    assert eval(repr(format)) == format


@given(format=formats)
def test_the_ends_of_the_range_pass_unchanged_and_what_lies_beyond_does_not(format):
    ends = np.array([format.min, format.max])
    assert bring_into_range(ends, format).tolist() == [format.min, format.max]
    beyond = bring_into_range(format.max + 1, format)
    assert beyond == (format.max if format.overflow is Overflow.SAT else format.min)
    assert format.step * 2.0**format.fraction == 1


narrow_formats = st.integers(1, 4).flatmap(
    lambda bits: st.builds(
        make_format, bits=st.just(bits), integer=st.integers(bits - 4, bits + 0), signed=st.booleans()
    )
)


@given(a=narrow_formats, b=narrow_formats)
def test_growth_holds_every_product_and_sum(a, b):
    product, total = exact_product(a, b), exact_sum(a, b)
    for x in (a.min, a.max):
        for y in (b.min, b.max):
            assert product.min <= x * y <= product.max
            exact = Fraction(x, 2**a.fraction) + Fraction(y, 2**b.fraction)
            raw = exact * 2**total.fraction
            assert raw.denominator == 1
            assert total.min <= raw <= total.max
    assert product.fraction == a.fraction + b.fraction


def test_types_are_spelled_as_hls_spells_them():
    accumulator = make_format(16, 8, True, Rounding.RND_ZERO, Overflow.WRAP)
    sigmoid = make_format(8, 1, False, Rounding.RND_CONV, Overflow.SAT)
    assert ap_fixed_type(accumulator) == "ap_fixed<16, 8, AP_RND_ZERO, AP_WRAP>"
    assert ap_fixed_type(sigmoid) == "ap_ufixed<8, 1, AP_RND_CONV, AP_SAT>"


def test_a_unit_format_spans_minus_one_to_just_under_one():
    format = unit_format(4)
    assert (format.min * format.step, format.max * format.step) == (-1, 0.875)


@pytest.mark.parametrize("bits", [-1, 0, 64, 1000])
def test_bits_out_of_range(bits):
    with pytest.raises(FormatError) as caught:
        make_format(bits=bits, integer=1)
    assert str(caught.value) == f"Format.bits is {bits}; allowed is 1 to 63."


@pytest.mark.parametrize("integer", [9, -56])
def test_integer_bits_out_of_range(integer):
    with pytest.raises(FormatError) as caught:
        make_format(bits=8, integer=integer)
    assert str(caught.value) == f"Format.integer is {integer}; with 8 bits allowed is -55 to 8."


def test_a_format_is_immutable():
    with pytest.raises(AttributeError, match=r"^cannot assign to field 'bits'$"):
        unit_format(8).bits = 9

"""Errors of headers whose parts contradict each other: names, values and places."""

import re

import pytest

from hls_gen import parse_header, render_header
from hls_gen.header.layout import OPTIONAL_DEFINES
from hls_gen.header.syntax import MAX_DECLARATIONS
from tests.hls_gen.header.header_refusal import assert_refused, edited, refusal
from tests.hls_gen.header.header_text import SMALL_DEFINES, place, small_header

ARRAYS = "wfc, wgi_ih, wgf_ih, wgo_ih, wci_ih, wgi_hh, wgf_hh, wgo_hh, wci_hh, bfc, bgi_ih, bgf_ih, bgo_ih, bci_ih, bgi_hh, bgf_hh, bgo_hh, bci_hh"
TYPEDEFS = ", ".join(f"t_fixed_{name}" for name in ARRAYS.split(", "))


def with_define(name: str, value: str | None) -> str:
    """The small header with one define changed, or without it."""
    new = "" if value is None else f"#define {name} {value}\n"
    return edited(small_header(), f"#define {name} {SMALL_DEFINES[name]}\n", new)


def without(pattern: str) -> str:
    text, count = re.subn(pattern, "", small_header(), flags=re.DOTALL)
    assert count == 1
    return text


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("PE", "3", "PE is 3; it must divide the 4 hidden units of NUMBER_OF_NEURONS."),
        ("PE", "0", "PE is 0; it must divide the 4 hidden units of NUMBER_OF_NEURONS."),
        ("PE", "-2", "PE is -2; it must divide the 4 hidden units of NUMBER_OF_NEURONS."),
        ("PE", "8", "PE is 8; it must divide the 4 hidden units of NUMBER_OF_NEURONS."),
        ("SIMD_INPUT", "4", "SIMD_INPUT is 4; it must divide the 6 input rows of HEIGHT_IN_PIX."),
        ("SIMD_RECURRENT", "3", "SIMD_RECURRENT is 3; it must divide the 4 hidden units of NUMBER_OF_NEURONS."),
        ("NUMBER_OF_NEURONS", "0", "NUMBER_OF_NEURONS is 0; it must be 1 or more."),
        ("HEIGHT_IN_PIX", "-6", "HEIGHT_IN_PIX is -6; it must be 1 or more."),
        ("NUMBER_OF_CLASSES", "1", "NUMBER_OF_CLASSES is 1; allowed is 2 to 256 classes."),
        ("NUMBER_OF_CLASSES", "257", "NUMBER_OF_CLASSES is 257; allowed is 2 to 256 classes."),
        ("PIXELWIDTH", "9", "PIXELWIDTH is 9; allowed is 1 to 8 bits."),
        ("WEIGHTWIDTH", "0", "WEIGHTWIDTH is 0; allowed is 1 to 8 bits."),
        ("BIASWIDTH", "16", "BIASWIDTH is 16; allowed is 1 to 8 bits."),
        ("FCWEIGHTWIDTH", "-1", "FCWEIGHTWIDTH is -1; allowed is 1 to 8 bits."),
        ("FCBIASWIDTH", "9", "FCBIASWIDTH is 9; allowed is 1 to 8 bits."),
        (
            "OUTPUTACTIVATIONHIDDENLAYERWIDTH",
            "8",
            "OUTPUTACTIVATIONHIDDENLAYERWIDTH is 8; it must be 4 as PIXELWIDTH is, "
            "for pixels and hidden outputs share one width.",
        ),
        (
            "OUTPUTACTIVATIONOUTPUTLAYERWIDTH",
            "8",
            "OUTPUTACTIVATIONOUTPUTLAYERWIDTH is 8; the hardware has 16 bits.",
        ),
        ("DATAWIDTH", "32", "DATAWIDTH is 32; the hardware has 64 bits."),
        (
            "PACKEDWIDTH",
            "24",
            "PACKEDWIDTH is 24; it must be 64, HEIGHT_IN_PIX 6 * PIXELWIDTH 4 rounded up to a multiple of DATAWIDTH 64.",
        ),
        ("MAX_NUMBER_COLUMNS_TEST_SET", "0", "MAX_NUMBER_COLUMNS_TEST_SET is 0; it must be 1 or more."),
        (
            "SIZE_OF_OUTPUT_BUFFER",
            "1",
            "SIZE_OF_OUTPUT_BUFFER is 1; it must be 2 or more, one word for the count and one for a label.",
        ),
        (
            "NUMBER_OF_NEURONS_TYPEWIDTH",
            "1+1",
            "NUMBER_OF_NEURONS_TYPEWIDTH is 2; counting to NUMBER_OF_NEURONS 4 takes 3 bits or more.",
        ),
        (
            "HEIGHT_IN_PIX_TYPEWIDTH",
            "2",
            "HEIGHT_IN_PIX_TYPEWIDTH is 2; counting to HEIGHT_IN_PIX 6 takes 3 bits or more.",
        ),
        (
            "NUMBER_OF_CLASSES_TYPEWIDTH",
            "1",
            "NUMBER_OF_CLASSES_TYPEWIDTH is 1; counting to NUMBER_OF_CLASSES 3 takes 2 bits or more.",
        ),
        (
            "MAX_NUMBER_COLUMNS_TEST_SET_TYPEWIDTH",
            "9",
            "MAX_NUMBER_COLUMNS_TEST_SET_TYPEWIDTH is 9; counting to MAX_NUMBER_COLUMNS_TEST_SET 732 takes 10 bits or more.",
        ),
        (
            "HEIGHT_IN_PIX",
            "300",
            "HEIGHT_IN_PIX is 300; times PIXELWIDTH 4 that is 1200 bits, and an ap_int holds at most 1024.",
        ),
        (
            "NUMBER_OF_NEURONS",
            "512",
            "NUMBER_OF_NEURONS is 512; times PIXELWIDTH 4 that is 2048 bits, and an ap_int holds at most 1024.",
        ),
    ],
)
def test_a_define_that_the_hardware_or_another_define_does_not_allow(name, value, message):
    text = with_define(name, value)
    assert refusal(text) == f"model.hpp:{place(text, f'{name} {value}')}: {message}"


@pytest.mark.parametrize(
    ("name", "value", "array", "has", "rule", "makes"),
    [
        (
            "PE",
            "1",
            "wgi_ih",
            "[3][2][2][4]",
            "[SIMD_INPUT][HEIGHT_IN_PIX/SIMD_INPUT][PE][2*NUMBER_OF_NEURONS/PE]",
            "[3][2][1][8]",
        ),
        (
            "SIMD_INPUT",
            "2",
            "wgi_ih",
            "[3][2][2][4]",
            "[SIMD_INPUT][HEIGHT_IN_PIX/SIMD_INPUT][PE][2*NUMBER_OF_NEURONS/PE]",
            "[2][3][2][4]",
        ),
        (
            "SIMD_RECURRENT",
            "1",
            "wgi_hh",
            "[2][2][2][4]",
            "[SIMD_RECURRENT][NUMBER_OF_NEURONS/SIMD_RECURRENT][PE][2*NUMBER_OF_NEURONS/PE]",
            "[1][4][2][4]",
        ),
        ("NUMBER_OF_NEURONS", "2", "wfc", "[4][6]", "[NUMBER_OF_NEURONS][2*NUMBER_OF_CLASSES]", "[2][6]"),
        ("NUMBER_OF_CLASSES", "4", "wfc", "[4][6]", "[NUMBER_OF_NEURONS][2*NUMBER_OF_CLASSES]", "[4][8]"),
    ],
)
def test_a_define_against_the_shape_of_an_array(name, value, array, has, rule, makes):
    text = with_define(name, value)
    assert refusal(text) == (
        f"model.hpp:{place(text, f'{array} {has}')}: {array} has shape {has}; {rule} makes it {makes}."
    )


@pytest.mark.parametrize(
    ("name", "value", "message", "needle"),
    [
        ("WEIGHTWIDTH", "3", "t_fixed_wgi_ih is ap_fixed<2, 1, AP_RND_ZERO, AP_WRAP>; WEIGHTWIDTH is 3, so it must be "
         "ap_fixed<3, 1, AP_RND_ZERO, AP_WRAP>.", "t_fixed_wgi_ih"),
        ("FCBIASWIDTH", "7", "t_fixed_bfc is ap_fixed<8, 1, AP_RND_ZERO, AP_WRAP>; FCBIASWIDTH is 7, so it must be "
         "ap_fixed<7, 1, AP_RND_ZERO, AP_WRAP>.", "t_fixed_bfc"),
    ],
)  # fmt: skip
def test_a_width_against_a_typedef(name, value, message, needle):
    text = with_define(name, value)
    assert refusal(text) == f"model.hpp:{place(text, needle)}: {message}"


@pytest.mark.parametrize(
    ("old", "new", "needle", "message"),
    [
        (
            "ap_fixed<5 , 1, AP_RND_ZERO, AP_WRAP>",
            "ap_fixed<5 , 2, AP_RND_ZERO, AP_WRAP>",
            "t_fixed_wfc",
            "t_fixed_wfc is ap_fixed<5, 2, AP_RND_ZERO, AP_WRAP>; FCWEIGHTWIDTH is 5, so it must be "
            "ap_fixed<5, 1, AP_RND_ZERO, AP_WRAP>.",
        ),
        (
            "ap_fixed<8 , 1, AP_RND_ZERO, AP_WRAP>",
            "ap_fixed<8 , 1, AP_TRN, AP_SAT>",
            "t_fixed_bfc",
            "t_fixed_bfc is ap_fixed<8, 1, AP_TRN, AP_SAT>; FCBIASWIDTH is 8, so it must be "
            "ap_fixed<8, 1, AP_RND_ZERO, AP_WRAP>.",
        ),
        (
            "ap_uint<8> bfc",
            "ap_uint<7> bfc",
            "bfc [",
            "bfc is of ap_uint<7>; FCBIASWIDTH is 8, so it must be ap_uint<8>.",
        ),
        ("0x9e", "0x100", "0x100", "bfc[0][3] is 0x100; ap_uint<8> holds 0x0 to 0xff."),
        ("0x13", "0xffffffffffffffffff", "0xf", "wfc[0][5] is 0xffffffffffffffffff; ap_uint<5> holds 0x0 to 0x1f."),
        ("0x9e", "-2", "-2", "Expected a number of array bfc, got '-' (its shape is [1][6])."),
        ("0x9e", "PE", "PE,", "Expected a number of array bfc, got 'PE' (its shape is [1][6])."),
        ("0x9e,", "0x9e", "0xa5", "Expected ',' or '}' of array bfc, got '0xa5' (its shape is [1][6])."),
        ("0x9e,", "0x9e,,", ", ", "Expected a number of array bfc, got ',' (its shape is [1][6])."),
        ("= { { 0x89", "= { 0x89", "0x89", "Expected '{' of array bfc, got '0x89' (its shape is [1][6])."),
        ("= { { 0x89", "= { { { 0x89", "{ 0x89", "Expected a number of array bfc, got '{' (its shape is [1][6])."),
        ("0xac\n}\n\n}", "0xac\n}\n\n} }", "}", "Expected ';' of array bfc, got '}' (its shape is [1][6])."),
        ("0xac\n}\n\n}", "0xac\n}\n", ";", "Expected ',' or '}' of array bfc, got ';' (its shape is [1][6])."),
        ("= { { 0x89", "= 0x89, { { 0x89", "0x89,", "Expected '{' of array bfc, got '0x89' (its shape is [1][6])."),
        ("0x90, \n", "", "{ 0x89", "bfc[0] has 5 elements; its shape [1][6] needs 6."),
        ("0x90,", "0x90, 0x90,", "{ 0x89", "bfc[0] has 7 elements; its shape [1][6] needs 6."),
        ("= { { 0x89", "= { {}, { 0x89", "{}", "bfc[0] has 0 elements; its shape [1][6] needs 6."),
        ("0xac\n}\n", "0xac\n}, {0,0,0,0,0,0}\n", "{ { 0x89", "bfc has 2 elements; its shape [1][6] needs 1."),
        ("0x9e", "09", "09", "'09' is not an integer; allowed is decimal, 0x and hex digits, or 0 and octal digits."),
        ("> bfc [1]", "> bfc [2-1", "[6]", "An operator is missing before '['."),
        ("] = { { 0x89", " = { { 0x89", "= {", "Expected ']' of array bfc, got '='."),
        ("> bfc [1]", "> bfc [X]", "X]", "X is not defined here; an expression takes numbers and defines."),
        ("> bfc [1]", "> bfc []", "][6]", "A number is missing at the end of the expression."),
        ("> bfc [1]", "> bfc ", "bfc [6]", "bfc has shape [6]; [1][2*NUMBER_OF_CLASSES] makes it [1][6]."),
        ("> bfc [1]", "> bfd [1]", "bfd", f"A weight header has no array bfd; its arrays are {ARRAYS}."),
        ("t_fixed_bfc", "t_fixed_bfd", "t_fixed_bfd", f"A weight header has no typedef t_fixed_bfd; its typedefs are {TYPEDEFS}."),
        ("t_fixed_bfc;", "t_fixed_wfc;", "t_fixed_wfc", "t_fixed_wfc is declared a second time (first in line 40); allowed is once."),
        ("const ap_uint<8> bfc", "ap_uint<8> bfc", "ap_uint<8>", "'ap_uint' does not begin a declaration; allowed is 'typedef', 'const' or a preprocessor line."),
        ("const ap_uint<8> bfc", "const int bfc", "int", "Expected 'ap_uint' of an array, got 'int'."),
        ("#define PE 2", "#define PE 2\n#define PE 2", "PE 2", "PE is defined a second time (first in line 2); allowed is once."),
        ("#define PE 2", "#define PE (1", "(1", "This '(' has no ')'."),
        ("#define PE 2", "#define PE 1/0", "/0", "1 is divided by zero."),
        ("#define PE 2", "#define PE", "PE", "PE is defined as nothing; an expression takes numbers."),
        ("#define PE 2", "#define PE SIMD", "SIMD", "SIMD is not defined here; an expression takes numbers and defines."),
        ("#define PE 2", "#define 2 PE", "2 PE", "Expected a name after #define, got '2'."),
        ("#define PE 2", "#define PE 2\n#define wfc x", "wfc x", "wfc is a define and part of the header's declarations; it can be only one."),
        ("#pragma once", "#if 1", "#if", "#if is not understood; allowed is #define, #ifdef, #ifndef, #endif, #pragma, #include."),
        ("#pragma once", "#endif", "#endif", "This #endif ends no conditional."),
        ("#pragma once", "#ifndef X", "ifndef", "This conditional has no #endif."),
        ("#pragma once", "#ifndef 1", "1", "Expected a name after #ifndef, got '1'."),
        ("#pragma once", "#ifndef X 1", "1", "Expected the end of the line after 'X', got '1'."),
        ("#pragma once", "#ifdef X", "ifdef", "#ifdef X excludes what follows: X is not defined here; "
         "a weight header must not depend on its surroundings."),
        ("#pragma once", "#define X\n#ifndef X", "ifndef", "#ifndef X excludes what follows: X is defined here; "
         "a weight header must not depend on its surroundings."),
    ],
)  # fmt: skip
def test_an_edit_is_refused(old, new, needle, message):
    assert_refused(edited(small_header(), old, new), needle, message)


@pytest.mark.parametrize("name", [name for name in SMALL_DEFINES if name not in OPTIONAL_DEFINES])
def test_a_missing_define(name):
    assert refusal(with_define(name, None)) == f"model.hpp: The header has no #define of {name}."


@pytest.mark.parametrize("name", OPTIONAL_DEFINES)
def test_a_missing_define_that_follows_from_the_rest(name):
    whole = render_header(parse_header(small_header(), name="model.hpp"))
    assert render_header(parse_header(with_define(name, None), name="model.hpp")) == whole


@pytest.mark.parametrize("name", ARRAYS.split(", "))
def test_a_missing_array(name):
    text = without(rf"const ap_uint<\d> {name} [^;]*;")
    assert refusal(text) == f"model.hpp: The header has no array {name}."


@pytest.mark.parametrize("name", ARRAYS.split(", "))
def test_an_array_declared_twice(name):
    text = small_header()
    copy = re.search(rf"const ap_uint<\d> {name} [^;]*;", text)[0]
    first = place(text, f"{name} [").split(":")[0]
    doubled = text + copy
    assert refusal(doubled) == (
        f"model.hpp:{place(doubled, f'{name} [', 1)}: {name} is declared a second time (first in line {first}); "
        "allowed is once."
    )


def test_a_missing_typedef():
    text = without(r"typedef [^;]* t_fixed_bgo_hh;")
    assert refusal(text) == "model.hpp: The header has no typedef t_fixed_bgo_hh."


@pytest.mark.parametrize("name", ["wfc", "wgi_ih", "wci_hh", "bfc", "bci_hh"])
def test_a_file_cut_off_within_an_array(name):
    text = small_header()
    text = text[: text.index("0x", text.index(f"> {name} "))]
    lines = text.split("\n")
    assert refusal(text) == (
        f"model.hpp:{len(lines)}:{len(lines[-1]) + 1}: The file ends within array {name}; it is cut off."
    )


def test_an_empty_file():
    assert refusal("") == (
        "model.hpp: The header has no #define of PE, SIMD_INPUT, SIMD_RECURRENT, NUMBER_OF_NEURONS, HEIGHT_IN_PIX, "
        "MAX_NUMBER_COLUMNS_TEST_SET, SIZE_OF_OUTPUT_BUFFER, PIXELWIDTH, WEIGHTWIDTH, "
        "BIASWIDTH, FCWEIGHTWIDTH, FCBIASWIDTH, OUTPUTACTIVATIONHIDDENLAYERWIDTH, OUTPUTACTIVATIONOUTPUTLAYERWIDTH."
    )


def test_without_the_number_of_classes_wfc_must_have_an_even_width():
    text = with_define("NUMBER_OF_CLASSES", None).replace("wfc [4][6]", "wfc [4][7]")
    assert refusal(text) == (
        f"model.hpp:{place(text, 'wfc [')}: wfc has shape [4][7]; without NUMBER_OF_CLASSES its last dimension gives "
        "the classes of both directions, so it must be even, and allowed is 2 to 256 classes."
    )


def test_the_declarations_of_a_kind_are_bounded():
    """Each may take an expression of many defines, and a conditional looks at all arrays before it."""
    lines = "".join(f"#define A{number} 1\n" for number in range(MAX_DECLARATIONS + 1))
    assert_refused(
        lines, f"A{MAX_DECLARATIONS} 1", "More than 1000 names are defined; a weight header has some twenty."
    )
    empty = "#ifndef __SYNTHESIS__\n#else\n#endif\n" * (MAX_DECLARATIONS + 1)
    assert "More than 1000 conditionals for C simulation." in refusal(empty)

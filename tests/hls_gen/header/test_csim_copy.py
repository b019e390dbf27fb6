"""Headers with copies for C simulation: read back, both branches equal, and what a compiler makes of them."""

import importlib.util
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings

from datapath import Design, FoldedNetwork, fold, unfold
from hls_gen import parse_header, read_header, render_header, write_header
from tests.golden_data import REPOSITORY
from tests.hls_gen.header.header_refusal import assert_refused, edited, refusal
from tests.hls_gen.header.header_text import csim_header, header_arrays, peephole_header
from tests.strategies import designs

pytestmark = pytest.mark.no_numpy2

WHERE = "of the conditional for C simulation"


def without_white_space(text: str) -> str:
    return "".join(text.split())


@settings(max_examples=60, deadline=None)
@given(designs())
def test_a_design_survives_its_header_with_copies(design):
    network = parse_header(render_header(fold(design), csim_bytes=True), name="random.hpp")
    assert unfold(network, alphabet=design.alphabet, provenance=design.provenance) == design


def test_rendering_equals_the_independent_writer_but_for_white_space_and_the_comment():
    rendered = render_header(parse_header(peephole_header(), name="small.hpp"), csim_bytes=True)
    rendered, comments = re.subn(r"//.*\n", "", rendered)
    assert comments == 1
    assert without_white_space(rendered) == without_white_space(csim_header())


def test_without_its_copies_the_header_is_the_published_form():
    network = parse_header(csim_header(), name="small.hpp")
    plain = render_header(network)
    copied = render_header(network, csim_bytes=True)
    assert re.sub(r"// C sim.*?#else\n", "", copied, flags=re.DOTALL).removesuffix("#endif\n") == plain
    assert without_white_space(plain) == without_white_space(peephole_header())


def test_a_file_written_with_copies_is_the_file_read(tmp_path):
    network = parse_header(peephole_header(), name="small.hpp")
    write_header(tmp_path / "out.hpp", network, csim_bytes=True)
    assert (tmp_path / "out.hpp").read_bytes() == render_header(network, csim_bytes=True).encode()
    assert render_header(read_header(tmp_path / "out.hpp")) == render_header(network)


@pytest.mark.parametrize(
    ("old", "new", "needle", "message"),
    [
        (
            "wfc_bytes [24] = { 0x10, \n0x17",
            "wfc_bytes [24] = { 0x10, \n0x16",
            "0x16",
            "wfc_bytes[1] is 0x16 in C simulation and wfc[0][1] is 0x17 in synthesis; "
            "the two must be equal (1 of 24 values differ).",
        ),
        (
            "bfc_bytes [6] = { 0x89",
            "bfc_bytes [6] = { 0x189",
            "0x189",
            "bfc_bytes[0] is 0x189 in C simulation and bfc[0][0] is 0x89 in synthesis; "
            "the two must be equal (1 of 6 values differ).",
        ),
        (
            "pop [2][4] = { { 0x414, \n0x4e7",
            "pop [2][4] = { { 0x4e7, \n0x414",
            "0x414, ",
            "pop_bytes[0] is 0x414 in C simulation and pop[0][0] is 0x4e7 in synthesis; "
            "the two must be equal (2 of 8 values differ).",
        ),
        (
            "bfc_bytes [6] = { 0x89, ",
            "bfc_bytes [6] = { ",
            "{ ",
            "bfc_bytes has 5 elements; its shape [6] needs 6.",
        ),
        (
            "bfc_bytes [6] = { 0x89, ",
            "bfc_bytes [5] = { ",
            "bfc_bytes [5]",
            "bfc_bytes has shape [5]; [1][6] of bfc makes it [6].",
        ),
        (
            "bfc_bytes [6] = { 0x89, ",
            "bfc_bytes [6] = { -1, ",
            "-1",
            "Expected a number of array bfc_bytes, got '-' (its shape is [6]).",
        ),
        (
            "(&bfc) [1][6] = reinterpret_cast<const ap_uint<8> (&) [1][6]>",
            "(&bfc) [6][1] = reinterpret_cast<const ap_uint<8> (&) [6][1]>",
            "bfc)",
            "bfc is ap_uint<8> [6][1] in C simulation and ap_uint<8> [1][6] in synthesis; the two must be equal.",
        ),
        (
            'ap_uint<8>) == 1, "ap_uint<8> is not one unsigned char");\nstatic const ap_uint<8> (&bfc) [1][6] = '
            "reinterpret_cast<const ap_uint<8>",
            'ap_uint<7>) == 1, "");\nstatic const ap_uint<7> (&bfc) [1][6] = reinterpret_cast<const ap_uint<7>',
            "bfc)",
            "bfc is ap_uint<7> [1][6] in C simulation and ap_uint<8> [1][6] in synthesis; the two must be equal.",
        ),
        (
            "(&bfc) [1][6] = reinterpret_cast<const ap_uint<8> (&) [1][6]>",
            "(&bfc) [1][6] = reinterpret_cast<const ap_uint<8> (&) [6][1]>",
            "6][1]>",
            "Expected '1' of copy bfc_bytes, got '6'.",
        ),
        (
            "(&bfc) [1][6] = reinterpret_cast<const ap_uint<8> (&) [1][6]>(bfc_bytes)",
            "(&bfc) [1][6] = reinterpret_cast<const ap_uint<8> (&) [1][6]>(wfc_bytes)",
            "wfc_bytes)",
            "Expected 'bfc_bytes' of copy bfc_bytes, got 'wfc_bytes'.",
        ),
        ("(&bfc)", "(&wfc)", "wfc) [1]", "Expected 'bfc' of copy bfc_bytes, got 'wfc'."),
        (
            "unsigned short pip_bytes",
            "unsigned char pip_bytes",
            "char pip",
            "pip_bytes is of unsigned char; an ap_uint<11> takes unsigned short.",
        ),
        (
            "unsigned char bfc_bytes",
            "unsigned short bfc_bytes",
            "short bfc",
            "bfc_bytes is of unsigned short; an ap_uint<8> takes unsigned char.",
        ),
        (
            "unsigned char bfc_bytes",
            "unsigned int bfc_bytes",
            "int bfc",
            "bfc_bytes is of unsigned int; an ap_uint<8> takes unsigned char.",
        ),
        (
            "unsigned char bfc_bytes",
            "unsigned char bfc",
            "bfc [6]",
            "Expected a name with _bytes of a copy for C simulation, got 'bfc'.",
        ),
        (
            "static const unsigned char bfc_bytes",
            "const unsigned char bfc_bytes",
            "const unsigned char bfc_bytes",
            f"Expected 'static' or '#else' {WHERE}, got 'const'.",
        ),
        ("#else", "#elif 1", "#elif", f"Expected 'static' or '#else' {WHERE}, got '#elif 1'."),
        ("#else", "", "const ap_uint", f"Expected 'static' or '#else' {WHERE}, got 'const'."),
        ("#else", "#else 1", "1", "Expected the end of the line after 'else', got '1'."),
        ("#else", "#define X\n#else", "#define X", f"Expected 'static' or '#else' {WHERE}, got '#define X'."),
        ("#else", "#else\n#define X", "#define X", f"Expected 'const' or '#endif' {WHERE}, got '#define X'."),
        ("#endif", "#else", "#else", f"Expected 'const' or '#endif' {WHERE}, got '#else'."),
        ("#endif", "", "", "The file ends within the conditional for C simulation; it is cut off."),
        (
            "#ifndef __SYNTHESIS__",
            "#ifndef __SYNTHESIS__ 1",
            "1",
            "Expected the end of the line after '__SYNTHESIS__', got '1'.",
        ),
        (
            "#ifndef __SYNTHESIS__",
            "#ifdef __SYNTHESIS__",
            "ifdef",
            "#ifdef __SYNTHESIS__ excludes what follows: __SYNTHESIS__ is not defined here; "
            "a weight header must not depend on its surroundings.",
        ),
        (
            "#ifndef __SYNTHESIS__",
            "#ifndef SYNTHESIS",
            "static",
            "'static' does not begin a declaration; allowed is 'typedef', 'const' or a preprocessor line.",
        ),
        (
            "#pragma once",
            "#define __SYNTHESIS__",
            "__SYNTHESIS__",
            "__SYNTHESIS__ is a define and part of the header's declarations; it can be only one.",
        ),
    ],
)
def test_an_edit_of_the_copies_is_refused(old, new, needle, message):
    text = csim_header()
    place = text.rindex(old) if old in ("#endif", "pop [2][4]") else text.index(old)
    if needle:
        assert_refused(text[:place] + new + text[place + len(old) :], needle, message)
    else:
        assert refusal(text[:place] + new + text[place + len(old) :]).split(": ", 1)[1] == message


def test_an_array_in_one_branch_only_is_refused():
    text = csim_header()
    both = "both branches of a conditional must declare it."
    copy = re.search(r"static const unsigned char bci_hh_bytes.*?static const ap_uint[^;]*;\n", text, re.DOTALL)[0]
    assert_refused(edited(text, copy, ""), "bci_hh [", f"bci_hh is missing in C simulation; {both}")
    array = re.search(r"\nconst ap_uint<3> bci_hh [^;]*;", text)[0]
    assert_refused(edited(text, array, ""), "bci_hh)", f"bci_hh is missing in synthesis; {both}")
    first = text[: text.index(copy)].count("\n") + 1 + copy[: copy.index("(&")].count("\n")
    doubled = edited(text, copy, copy + copy)
    assert_refused(doubled, "bci_hh)", f"bci_hh is declared a second time (first in line {first}); allowed is once.")
    guarded = peephole_header().replace("const ap_uint<5> wfc", "#ifndef __SYNTHESIS__\n#else\nconst ap_uint<5> wfc")
    assert_refused(guarded + "#endif\n", "wfc [", f"wfc is missing in C simulation; {both}")


def test_arrays_outside_the_conditional_need_no_copy():
    text = csim_header()
    array = re.search(r"\nconst ap_uint<3> bci_hh [^;]*;", text)[0]
    copy = re.search(r"static const unsigned char bci_hh_bytes.*?static const ap_uint[^;]*;\n", text, re.DOTALL)[0]
    moved = edited(edited(text, array, ""), copy, "") + array
    assert render_header(parse_header(moved, name="moved")) == render_header(parse_header(text, name="whole"))


PROGRAM = """#include <cstddef>
#include <cstdio>
#include "ap_int.h"
#include "ap_fixed.h"
#ifdef SYNTHESIS_BRANCH  // set behind the types, which take it for the vendor's own compiler
#define __SYNTHESIS__
#endif
#include "model.hpp"

template <int W> void print(const ap_uint<W>& element) { std::printf(" %u", element.to_uint()); }
template <typename T, std::size_t N> void print(const T (&array)[N]) {
    for (std::size_t i = 0; i < N; ++i) print(array[i]);
}

int main() {
PRINTS    return 0;
}
"""
WARNINGS = ("-std=c++11", "-Wall", "-Wextra", "-Werror", "-O2")


@pytest.fixture(scope="module")
def ap_types() -> Path:
    """The folder of the open ap_types headers, which the package hls4ml carries."""
    package = importlib.util.find_spec("hls4ml")
    if package is None or package.origin is None:
        pytest.skip("hls4ml is not installed; it carries the ap_types headers.")
    folder = Path(package.origin).parent / "templates" / "vivado" / "ap_types"
    if not (folder / "ap_int.h").is_file():
        pytest.skip(f"hls4ml has no ap_types headers in {folder}.")
    return folder


def compiled_arrays(
    network: FoldedNetwork, folder: Path, ap_types: Path, compiler: str, *options: str
) -> dict[str, np.ndarray]:
    """The bit patterns of every array as a program compiled with the header sees them, flat, by name."""
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed.")
    names = list(header_arrays(network))
    prints = (f'    std::printf("{name}");\n    print({name});\n    std::printf("\\n");\n' for name in names)
    (folder / "main.cpp").write_text(PROGRAM.replace("PRINTS", "".join(prints)))
    write_header(folder / "model.hpp", network, csim_bytes=True)
    command = [compiler, *WARNINGS, *options, "-isystem", ap_types, folder / "main.cpp", "-o", folder / "main"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    lines = subprocess.run([folder / "main"], capture_output=True, text=True, check=True).stdout.splitlines()
    found = {line.split()[0]: np.array(line.split()[1:], dtype=np.int64) for line in lines}
    assert list(found) == names
    return found


def assert_same_patterns(found: dict[str, np.ndarray], network: FoldedNetwork) -> None:
    widths = {
        "wfc": network.precision.fc_weight,
        "bfc": network.precision.fc_bias,
        **dict.fromkeys(("pip", "pfp", "pop"), network.peepholes and network.peephole_format.bits),
    }
    for name, values in header_arrays(network).items():
        bits = widths.get(name) or {"w": network.precision.weight, "b": network.precision.bias}[name[0]]
        np.testing.assert_array_equal(found[name], values.ravel().astype(np.int64) % 2**bits, err_msg=name)


@pytest.mark.parametrize("compiler", ["g++", "clang++"])
def test_a_compiler_sees_the_network(compiler, ap_types, tmp_path):
    network = parse_header(peephole_header(), name="small.hpp")
    assert_same_patterns(compiled_arrays(network, tmp_path, ap_types, compiler), network)


@pytest.mark.parametrize("options", [("-O0", "-DSYNTHESIS_BRANCH"), ("-O3", "-std=c++17", "-fsanitize=undefined")])
def test_so_it_does_in_the_branch_for_synthesis_and_under_a_sanitizer(options, ap_types, tmp_path):
    network = parse_header(peephole_header(), name="small.hpp")
    assert_same_patterns(compiled_arrays(network, tmp_path, ap_types, "g++", *options), network)


@pytest.mark.slow
def test_a_full_size_network_compiles_in_seconds(ap_types, tmp_path):
    network = fold(Design.load(REPOSITORY / "golden_vectors" / "designs" / "QLSTM128_W2B8A4I8_FC_W8B8.npz"))
    assert_same_patterns(compiled_arrays(network, tmp_path, ap_types, "g++"), network)
    assert render_header(read_header(tmp_path / "model.hpp")) == render_header(network)

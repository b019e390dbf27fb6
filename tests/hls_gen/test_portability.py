"""What the library's C++ must not contain: each made a tool slow, refuse the code or compute something else.

The checks read the text of the library. Each is also given the line that it is for, as the library once had it or as one
could write it, and must find it.
"""

import re
from dataclasses import dataclass

import pytest

from datapath.roms import design_roms
from hls_gen.project import pipelined_loops
from hls_gen.sources import library_files, render_sources
from tests.designs import random_design

ROMS = tuple(rom.name for rom in design_roms(random_design(1)))
KERNEL = {path: text for path, text in library_files().items() if path.startswith("src/")}


@dataclass(frozen=True, kw_only=True)
class Check:
    """A pattern that no file of the kernel may have, why, and lines that have it."""

    pattern: str
    why: str
    found_in: tuple[str, ...]
    not_in: tuple[str, ...]  # lines that resemble them and are right


CHECKS = {
    "counter of 32 bits": Check(
        # A loop's own index may be an int: it is compared before it is incremented, and both are done in parallel.
        pattern=r"^ +(?:static )?(?:(?:unsigned|signed|long|short|int|size_t|char)\b ?)+ ?\w+ = |^ +ap_u?int<(?:32|64)> \w+ = ",
        why="a counter takes `Counter<values>` or a type of the needed width: 32 bits do not fit the cycle",
        found_in=(
            "  int direction = 0, block = 0;",
            "  int right = half, left = int(half) - 1;",
            "    unsigned word = 0;",
            "  ap_uint<32> cycle = 0;",
        ),
        not_in=(
            "  const int words = Net::bus_words_per_column;",
            "  for (int n = 0; n < beats; ++n) {",
            "  ap_uint<16> contender = 0;",
            "  static const int BLOCKS = Net::hidden / Net::pe;",
        ),
    ),
    "increment before the comparison": Check(
        pattern=r"(?:\+\+|--)\w+ (?:[=!]=|<|>)",
        why="increment, comparison and reset follow each other within the cycle; `advance` compares the old value",
        found_in=("    if (++fold == Layer::FOLDS) {", "      if (++block == blocks) {"),
        not_in=("    if (advance<Layer::FOLDS>(fold)) ++row;", "  for (int n = 0; n < beats; ++n) {"),
    ),
    "range assigned to a range": Check(
        pattern=r"\.range\([^;=]*\)\s*=\s*[\w.\[\]]+\.range\(",
        why="one compiler copies the bits, another the reference; `bits_of` makes a value of them",
        found_in=(
            "      scores.range(16 * p + 15, 16 * p) = sum.range(15, 0);",
            "        word.range(low + Net::activation_bits - 1, low) = value.range(Net::activation_bits - 1, 0);",
        ),
        not_in=(
            "      scores.range(16 * p + 15, 16 * p) = bits_of(sum);",
            "    const ap_uint<8> bits = word.range(low + 7, low);",
            "    word.range(7, 0) = ap_uint<8>(other.range(7, 0));",
        ),
    ),
    "stream with a name": Check(
        pattern=r"hls::stream<.*>\s+\w+\s*[({]",
        why="the constructor's argument is a name for one tool and something else for another",
        found_in=(
            '  hls::stream<typename Types<Net>::HiddenWord> hidden("hidden");',
            '  static hls::stream<Best> best{"best"};',
        ),
        not_in=(
            "  hls::stream<Best> best;",
            "void best_classes(ColumnCount columns, hls::stream<typename Types<Net>::ScoreWord>& scores, hls::stream<Best>& b",
        ),
    ),
    "ROM as an argument": Check(
        pattern=rf"^(?!#pragma)(?!\s*//).*\b(?:{'|'.join(ROMS)})\b(?! ?\[)|\bclass \w*Rom\b",
        why="some compilers take no ROM as an argument of a process of the dataflow; the processes name the globals",
        found_in=(
            "  hidden_layer<Net>(columns, pixels, hidden, input_weights, recurrent_weights, gate_biases, peepholes);",
            "template <class Net, class WeightRom, class BiasRom>",
        ),
        not_in=(
            "#pragma HLS array_partition variable = input_weights complete dim = 1",
            "      Score sum = element<typename T::ClassBias, Net::fc_bias_bits>(class_biases[p][row], 0);",
            "  // The peepholes of a unit",
        ),
    ),
}


@pytest.mark.parametrize("name", CHECKS)
def test_no_file_of_the_kernel_has_what_a_tool_stumbles_over(name):
    check = CHECKS[name]
    found = [
        f"{path}:{number}: {line.strip()}"
        for path, text in KERNEL.items()
        for number, line in enumerate(text.splitlines(), start=1)
        if re.search(check.pattern, line)
    ]
    assert found == [], check.why


@pytest.mark.parametrize("name", CHECKS)
def test_each_check_finds_the_lines_that_it_is_for(name):
    check = CHECKS[name]
    assert [line for line in check.found_in if not re.search(check.pattern, line)] == []
    assert [line for line in check.not_in if re.search(check.pattern, line)] == []


def test_the_top_function_and_the_dataflow_do_not_name_a_rom():
    sources = render_sources(random_design(1, hidden=4, peepholes=(8, 3)))
    for path in ("src/top.cpp", "src/kernel.hpp"):
        assert [name for name in ROMS if re.search(rf"\b{name}\b", sources[path])] == [], path


READERS = {
    "src/hidden_layer.hpp": ("input_weights", "recurrent_weights", "gate_biases", "peepholes"),
    "src/output_layer.hpp": ("class_weights", "class_biases"),
}
"""The stages that read ROMs; each is one function, the last of its file."""


def test_each_rom_is_partitioned_in_the_one_function_that_reads_it():
    assert sorted(name for names in READERS.values() for name in names) == sorted(ROMS)
    for path, names in READERS.items():
        before, _, stage = KERNEL[path].rpartition("\ntemplate <class Net>\n")
        assert stage.startswith("void ")
        for name in names:
            pragma = f"#pragma HLS array_partition variable = {name} complete dim ="
            assert re.findall(rf"^{pragma} (\d)$", stage, re.MULTILINE) == ["1", "3"], name
            assert re.search(rf"\b{name}\[", stage), name
            assert not re.search(rf"\b{name}\b", before), name
            others = "".join(text for other, text in KERNEL.items() if other != path)
            assert not re.search(rf"\b{name}\b", others), name
    assert KERNEL["src/hidden_layer.hpp"].count("#ifdef FOLDLINE_PEEPHOLES\n#pragma") == 1


def test_the_pragmas_of_peepholes_are_read_only_where_the_network_has_them():
    """A pragma that names a ROM which nothing reads is an error in some releases."""
    define = "#define FOLDLINE_PEEPHOLES\n"
    without, with_peepholes = random_design(1, hidden=4), random_design(1, hidden=4, peepholes=(8, 3))
    assert define not in render_sources(without)["src/config.hpp"]
    assert render_sources(with_peepholes)["src/config.hpp"].count(define) == 1
    stage = KERNEL["src/hidden_layer.hpp"]
    conditional = re.search(r"#ifdef FOLDLINE_PEEPHOLES\n((?:#pragma .*\n)+)#endif\n", stage)[1]
    assert re.findall(r"variable = (\w+)", conditional) == ["peepholes", "peepholes"]


def test_a_pipelined_loop_has_a_label_that_no_other_loop_has():
    """Reports of the tools name loops by their label alone."""
    labels = re.findall(r"^ *([A-Z_]+):$", "".join(KERNEL.values()), re.MULTILINE)
    pipelined = [label for _, label in pipelined_loops(KERNEL)]
    assert len(pipelined) >= 8
    assert [label for label in pipelined if labels.count(label) != 1] == []

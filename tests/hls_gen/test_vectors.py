"""Lines for the test bench and its answers, as text."""

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datapath import Limits
from datapath.errors import DataError
from datapath.kernel_result import KernelResult
from datapath.packing import pack_columns
from fixedpoint_sim import simulate
from hls_gen.vectors import parse_results, render_line
from tests.builds import as_result, random_columns
from tests.designs import random_design
from tests.strategies import designs

CUT_OFF = "The test bench's results are cut off."
DESIGN = random_design(7, inputs=3, hidden=2, classes=5, limits=Limits(columns=8, labels=2))


def entry(name: str, values: np.ndarray) -> str:
    """As the test bench writes one: values of 16 bits in two's complement, 32 on a line."""
    words = [f"{int(value) & 0xFFFF:x}" for value in values.ravel()]
    rows = [" ".join(words[n : n + 32]) for n in range(0, len(words), 32)]
    return f"{name} {len(words):x}\n" + "\n".join(rows) + "\n"


def results_text(result: KernelResult) -> str:
    labels = np.array([result.found, *result.labels])
    parts = zip(("hidden", "scores", "gates"), (result.hidden, result.scores, result.gates), strict=True)
    return f"columns {len(result.scores):x}\n{entry('labels', labels)}" + "".join(entry(*part) for part in parts)


def result_of(design, length: int, seed: int) -> KernelResult:
    random = np.random.default_rng(seed)
    trace = simulate(design, random_columns(design, length, seed=seed), ignore_limits=True)
    gates = random.integers(-(1 << 15), 1 << 15, size=(length, 2, design.hidden, 4)).astype(np.int16)
    return as_result(trace, gates=gates)


def assert_same(got: KernelResult, expected: KernelResult) -> None:
    assert got.found == expected.found
    for name in ("labels", "hidden", "scores", "gates"):
        values = getattr(got, name)
        assert values.dtype == getattr(expected, name).dtype
        assert np.array_equal(values, getattr(expected, name))


@settings(max_examples=40, deadline=None)
@given(designs(), st.lists(st.integers(1, 20), min_size=1, max_size=3), st.integers(0, 2**32 - 1))
def test_results_come_back(design, lengths, seed):
    expected = [result_of(design, length, seed) for length in lengths]
    got = parse_results("".join(map(results_text, expected)), design)
    assert len(got) == len(expected)
    for one, other in zip(got, expected, strict=True):
        assert_same(one, other)


@settings(max_examples=40, deadline=None)
@given(designs(), st.integers(1, 20), st.integers(0, 2**32 - 1))
def test_what_a_line_must_give_is_written_as_it_is_read(design, length, seed):
    expected = result_of(design, length, seed)
    columns = random_columns(design, length, seed=seed)
    text = render_line(columns, bits=design.precision.activation, expected=expected)
    (again,) = parse_results(text + entry("gates", expected.gates), design)
    assert_same(again, expected)
    assert text == render_line(columns, bits=design.precision.activation, expected=expected)
    words = pack_columns(columns, design.precision.activation)
    bare = render_line(columns, bits=design.precision.activation)
    assert text.startswith(bare)
    head, name, count, *pixels = bare.split("\n", 1)[0], *bare.split("\n", 1)[1].split()
    assert (head, name, int(count, 16)) == (f"columns {length:x}", "pixels", len(words))
    assert [int(word, 16) for word in pixels] == words.tolist()
    assert max(map(len, bare.splitlines())) <= 32 * 17  # 32 words of at most 16 digits


def test_a_pixel_outside_the_range_is_refused():
    with pytest.raises(DataError) as error:
        render_line(np.array([[0, 8, 0]]), bits=4)
    assert str(error.value) == "A pixel of 0..8 does not fit 4 bits (-8..7)."


CUT_LABELS = replace(result_of(DESIGN, 8, 1), found=3, labels=np.array([4, 1], dtype=np.uint8))
"""A result of `DESIGN` that has more labels than its limit of 2."""


def refusal(text: str) -> str:
    with pytest.raises(DataError) as error:
        parse_results(text, DESIGN)
    return str(error.value)


def test_every_part_of_a_result_is_no_result():
    whole = results_text(CUT_LABELS)
    assert_same(parse_results(whole, DESIGN)[0], CUT_LABELS)
    ends = [n for n in range(len(whole)) if whole[:n].endswith("\n")]
    missing = re.compile(r"The test bench's results cannot be read \(KeyError: '(labels|hidden|scores|gates)'\)\.")
    assert len([n for n in ends if missing.fullmatch(refusal(whole[:n]))]) == 4  # a whole entry is not there
    assert sum(refusal(whole[:n]) == CUT_OFF for n in range(len(whole))) == len(whole) - 4


@pytest.mark.parametrize(
    ("pattern", "new", "reason"),
    [
        (r"columns 8", "columns 7", "ValueError: cannot reshape array of size 32 into shape (7,2,2)"),
        (r"columns 8\n", "", "IndexError: list index out of range"),
        (r"hidden", "hiding", "KeyError: 'hidden'"),
        (r"(labels \w+\n)\w+", r"\g<1>1", "ValueError: 1 labels were found and 2 stored"),
        (r"(labels \w+\n\w+) \w+", r"\1 5", "ValueError: label 5 of 5 classes"),
        (r"(hidden \w+\n)\w+", r"\g<1>x", "ValueError: invalid literal for int() with base 16: 'x'"),
        (r"(hidden \w+\n)\w+", r"\g<1>80", "ValueError: a value of -5..128 does not fit 8 bits"),
        (r"(scores \w+\n)\w+", r"\g<1>10000", "ValueError: 10000 has more than 16 bits"),
        (r"(gates \w+\n)\w+", r"\g<1>-1", None),
        (r"(gates \w+\n)\w+", r"\g<1>10000000000000000", None),
    ],
)
def test_damage_is_refused_and_never_cut_to_size(pattern, new, reason):
    text, edits = re.subn(pattern, new, results_text(CUT_LABELS), count=1)
    assert edits == 1
    if reason is None:  # numpy's messages differ from version to version
        assert re.fullmatch(r"The test bench's results cannot be read \(OverflowError: [^\n]+\)\.", refusal(text))
    else:
        assert refusal(text) == f"The test bench's results cannot be read ({reason})."


def test_a_line_that_the_accelerator_refuses_is_named_with_its_limit():
    text = f"columns 9\nlabels 1\n{(1 << 64) - 1:x}\nhidden 0\n\nscores 0\n\ngates 0\n\n"
    assert refusal(text) == "The accelerator refused a line of 9 columns; it takes 1 to 8."

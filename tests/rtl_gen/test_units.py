"""The arithmetic modules of the library against datapath.tables and datapath.formats.

The tests that are named for it give a module every input. units/arithmetic.sv has the instances, units/arithmetic.cpp their clocks.
"""

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from datapath.formats import bring_into_range, narrow, unit_format
from datapath.peepholes import PEEPHOLE_BITS
from datapath.precision import HARDWARE_BITS
from datapath.quantities import ACCUMULATOR, CELL, F_TIMES_C_SHIFT, HIDDEN_FRACTION, I_TIMES_G_SHIFT, SCORE
from datapath.rtl_cycles import dot_clocks
from datapath.tables import SIGMOID, TANH
from rtl_gen.sources import SIGMOID_BITS, TANH_BITS, memory_words
from tests.builds import builds_folder
from tests.rtl_gen.sources import HERE, LIBRARY
from tests.rtl_gen.test_reading import path_tool
from tests.rtl_gen.verilated import built_bench

pytestmark = pytest.mark.no_numpy2

UNITS = HERE / "units"
CHUNK = 1 << 20
"""Inputs of one run of the program."""


def boundaries(bits: int) -> np.ndarray:
    """Signed values of so many bits: the ends of the range, small ones, and those around every power of two."""
    near = {sign * (1 << n) + delta for n in range(bits) for sign in (-1, 1) for delta in range(-2, 3)}
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    return np.array(sorted(value for value in near if low <= value <= high))


@dataclass(frozen=True)
class Group:
    """A group of instances: the number of its output port and of its clock, its lanes, and their latency, one or each."""

    port: int
    clock: int
    lanes: int
    latency: int | np.ndarray
    first: int = 0


DOT_LANES = (1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 64, 130)
DOT_BITS = ((1, 1), (3, 2), (5, 6), (8, 8))
PRODUCT_BITS = [(value, weight) for value in HARDWARE_BITS for weight in HARDWARE_BITS for _ in range(2)]

TABLES = Group(port=0, clock=0, lanes=2, latency=3)
SUMS = Group(port=1, clock=1, lanes=64, latency=1)
PRODUCTS = Group(port=2, clock=2, lanes=128, latency=np.array([dot_clocks(1, *bits) for bits in PRODUCT_BITS]))
CELL_ROUNDING = Group(port=3, clock=3, lanes=9, latency=1)
KEPT_ROUNDING = Group(port=4, clock=4, lanes=1, latency=1)
DOT_SUM_BITS = [*[16] * 48, *(10 + lane % 6 for lane in range(48))]
"""Width of each sum: all of 16 bits, then all of fewer."""

DOTS = Group(
    *(7, 37, len(DOT_SUM_BITS)),
    np.array(2 * [dot_clocks(lanes, *bits) for lanes in DOT_LANES for bits in DOT_BITS]),
)


def peephole_rounding(bits: int) -> Group:
    """The rounding of peepholes of so many bits; lane n has n + 1 integer bits."""
    return Group(port=5, clock=3 + 2 * bits, lanes=bits, latency=1, first=bits * (bits - 1) // 2)


def peepholes(bits: int) -> Group:
    """Peepholes of so many bits; lane n has n + 1 integer bits."""
    return replace(peephole_rounding(bits), port=6, clock=4 + 2 * bits, latency=3)


@pytest.fixture(scope="module")
def program(tmp_path_factory) -> Path:
    """The program of arithmetic.cpp, in a folder with the contents of its memories."""
    built = built_bench(
        builds_folder(tmp_path_factory.getbasetemp()), module=UNITS / "arithmetic.sv", program=UNITS / "arithmetic.cpp"
    )
    folder = tmp_path_factory.mktemp("units")
    (folder / "sigmoid.mem").write_text(memory_words(SIGMOID.entries[:, None], SIGMOID_BITS))
    (folder / "tanh.mem").write_text(memory_words(TANH.entries[:, None], TANH_BITS))
    return Path(shutil.copy(built, folder))


def run_program(program: Path, *arguments: int, words: bytes = b"") -> bytes:
    command = [program, *map(str, arguments)]
    done = subprocess.run(command, input=words, capture_output=True, cwd=program.parent, check=False, timeout=900)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def compute(program):
    """A function from a group and its inputs, one word a clock, to its outputs [n, lanes], int16."""

    def outputs(group: Group, inputs: np.ndarray) -> np.ndarray:
        latency = np.broadcast_to(group.latency, group.lanes)
        # A register in front shows an input in the clock of that input, so a latency of 1 is row 0.
        flush = int(latency.max()) - 1
        words = np.ascontiguousarray(inputs, dtype=np.int64).tobytes()
        output = run_program(program, group.port, group.clock, group.first, group.lanes, flush, words=words)
        rows = np.frombuffer(output, dtype=np.int16).reshape(-1, group.lanes)
        assert len(rows) == len(inputs) + flush
        starts = latency - 1
        return np.stack([rows[start : start + len(inputs), n] for n, start in enumerate(starts)], axis=1)

    return outputs


def chunks(count: int) -> Iterator[np.ndarray]:
    """0, 1, ..., count - 1, in arrays of `CHUNK` at most."""
    for first in range(0, count, CHUNK):
        yield np.arange(first, min(first + CHUNK, count))


def signed(words: np.ndarray, bits: int) -> np.ndarray:
    """The lowest bits of words as a signed value."""
    low = words & ((1 << bits) - 1)
    return low - ((low >> (bits - 1)) << bits)


def test_the_activation_tables_for_every_input(compute):
    (inputs,) = chunks(1 << 16)
    values = signed(inputs, 16)
    expected = np.stack([SIGMOID.lookup(values), TANH.lookup(values)], axis=1)
    assert np.array_equal(compute(TABLES, inputs), expected)


def test_the_product_of_every_value_and_weight(compute):
    """All widths of both, rounded as gate sums are (even lanes) and as class scores are (odd lanes)."""
    (inputs,) = chunks(1 << 16)
    found = compute(PRODUCTS, inputs)
    for lane, (value_bits, weight_bits) in enumerate(PRODUCT_BITS):
        product = signed(inputs, value_bits) * signed(inputs >> 8, weight_bits)
        format = (ACCUMULATOR, SCORE)[lane % 2]
        expected = narrow(product, value_bits - 1 + weight_bits - 1, format)
        assert np.array_equal(found[:, lane], expected), (value_bits, weight_bits, format)


ALL_PRODUCTS = sum(1 << (a + b) for a in HARDWARE_BITS for b in HARDWARE_BITS)


DIGITS = ["-DYOSYS"]


@pytest.mark.parametrize(
    ("form", "fault"),
    [
        ([], None),
        (DIGITS, None),
        (DIGITS, ("negative = digit[1]", "negative = 1'b0")),
        pytest.param(DIGITS, ("total = thrice", "total = twice"), marks=pytest.mark.exhaustive),
    ],
)
def test_both_forms_of_a_product_for_every_value_and_weight(tmp_path, form, fault):
    """The digits, which only yosys reads, against the operator."""
    text = (LIBRARY / "product.sv").read_text()
    changed = text if fault is None else text.replace(*fault)
    assert fault is None or changed != text
    (tmp_path / "product.sv").write_text(changed)
    build = ["iverilog", "-g2012", *form, "-o", "products", "product.sv", str(UNITS / "products.sv")]
    path_tool("iverilog")
    subprocess.run(build, cwd=tmp_path, check=True, timeout=60)
    done = subprocess.run([path_tool("vvp"), "products"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    equal = done.stdout == f"0 of {ALL_PRODUCTS} differ\n"
    assert equal if fault is None else done.stdout.endswith(f" of {ALL_PRODUCTS} differ\n") and not equal


def test_dot_products_of_several_lanes(compute):
    random = np.random.default_rng(1).integers(0, 1 << 64, 500, dtype=np.uint64, endpoint=False)
    ones = 0xFFFFFFFFFFFFFFFF
    tops = 0x8080808080808080  # -1 as a value of 8 bits; as a weight it is not aligned
    inputs = np.concatenate([random, np.array([0, ones, tops, ones // 3, ones // 3 * 2], dtype=np.uint64)])
    found = compute(DOTS, inputs.view(np.int64))
    bits_of = (inputs[:, None] >> np.arange(64, dtype=np.uint64)).astype(np.int64) & 1
    forms = 2 * [(lanes, bits) for lanes in DOT_LANES for bits in DOT_BITS]
    for lane, ((lanes, bits), sum_bits) in enumerate(zip(forms, DOT_SUM_BITS, strict=True)):
        values, weights = (
            _elements(np.tile(np.roll(bits_of, shift, axis=1), 17), lanes, width)
            for shift, width in ((0, bits[0]), (-21, bits[1]))
        )
        products = narrow(values * weights, sum(bits) - 2, ACCUMULATOR)
        expected = signed(products.sum(axis=1), sum_bits)
        assert np.array_equal(found[:, lane], expected), (lanes, bits, sum_bits)


def _elements(bits: np.ndarray, count: int, width: int) -> np.ndarray:
    """Signed elements [n, count] of rows of bits, the lowest first."""
    powers = 1 << np.arange(width)
    powers[-1] *= -1
    return bits[:, : count * width].reshape(len(bits), count, width) @ powers


def test_the_roundings_of_the_cell_for_every_input_of_16_bits(compute):
    (inputs,) = chunks(1 << 16)
    found, values = compute(CELL_ROUNDING, inputs), signed(inputs, 16)
    assert np.array_equal(found[:, 0], narrow(values, CELL.fraction + I_TIMES_G_SHIFT, CELL))
    for bits in HARDWARE_BITS:
        assert np.array_equal(found[:, bits], narrow(values, HIDDEN_FRACTION, unit_format(bits))), bits


def rounds_to_cell(compute, group: Group, bits: int, shifts: list[int], inputs: np.ndarray) -> bool:
    """Whether each lane of a group removes its number of fraction bits from inputs of so many bits."""
    found, values = compute(group, inputs), signed(inputs, bits)
    expected = [narrow(values, CELL.fraction + shift, CELL) for shift in shifts]
    return np.array_equal(found, np.stack(expected, axis=1))


@pytest.mark.exhaustive
def test_the_rounding_of_the_old_state_for_every_input(compute):
    for inputs in chunks(1 << 24):
        assert rounds_to_cell(compute, KEPT_ROUNDING, 24, [F_TIMES_C_SHIFT], inputs)


def peephole_shifts(bits: int) -> list[int]:
    """Fraction bits of peepholes of so many bits, for each number of integer bits."""
    return [bits - integer for integer in range(1, bits + 1)]


@pytest.mark.parametrize("bits", [*range(1, 4), *(pytest.param(n, marks=pytest.mark.exhaustive) for n in range(4, 9))])
def test_the_rounding_of_a_peephole_for_every_product(compute, bits):
    for inputs in chunks(1 << (16 + bits)):
        assert rounds_to_cell(compute, peephole_rounding(bits), 16 + bits, peephole_shifts(bits), inputs)


@pytest.mark.parametrize("bits", range(4, 17))
def test_the_rounding_of_a_peephole_at_boundaries(compute, bits):
    """Products around every power of two and every tie of small numbers; test_yosys_proves_the_rounding has all."""
    high, low = np.meshgrid(boundaries(16), np.arange(-1, 2) + (1 << np.arange(bits))[:, None])
    inputs = ((high << bits) + low).ravel()
    assert rounds_to_cell(compute, peephole_rounding(bits), 16 + bits, peephole_shifts(bits), inputs)


def expected_peephole(sums: np.ndarray, states: np.ndarray, weights: np.ndarray, fraction: int) -> np.ndarray:
    """The gate input, from raw values."""
    product = narrow(states * weights, CELL.fraction + fraction, CELL)
    return bring_into_range(sums + product, CELL)


def peepholes_agree(compute, bits: int, sums: np.ndarray, states: np.ndarray, weights: np.ndarray) -> bool:
    """Whether `peephole` computes what it must, for all formats of weights of so many bits."""
    inputs = (weights & ((1 << bits) - 1)) << 32 | (states & 0xFFFF) << 16 | (sums & 0xFFFF)
    expected = [expected_peephole(sums, states, weights, fraction) for fraction in peephole_shifts(bits)]
    return np.array_equal(compute(peepholes(bits), inputs), np.stack(expected, axis=1))


@pytest.mark.parametrize("bits", [1, 2, *(pytest.param(n, marks=pytest.mark.exhaustive) for n in (3, 4, 5))])
@pytest.mark.parametrize("total", [0, 1, CELL.max, CELL.min, 12345])
def test_a_peephole_for_every_state_and_weight(compute, bits, total):
    for inputs in chunks(1 << (16 + bits)):
        states, weights = signed(inputs, 16), signed(inputs >> 16, bits)
        assert peepholes_agree(compute, bits, np.full_like(states, total), states, weights)


@pytest.mark.parametrize("bits", PEEPHOLE_BITS)
def test_a_peephole_at_boundaries(compute, bits):
    states, weights, totals = np.meshgrid(
        boundaries(16), boundaries(bits), [CELL.min, -20000, -1, 0, 1, 20000, CELL.max]
    )
    assert peepholes_agree(compute, bits, totals.ravel(), states.ravel(), weights.ravel())


def test_a_saturating_sum_of_all_boundary_values(compute):
    """With every lowest 6 bits of b, as the instances have them."""
    a, upper = (part.ravel() for part in np.meshgrid(boundaries(16), np.unique((boundaries(16) & 0xFFFF) >> 6)))
    b = signed(upper[:, None] << 6 | np.arange(SUMS.lanes), 16)
    assert np.array_equal(compute(SUMS, (a & 0xFFFF) << 10 | upper), bring_into_range(a[:, None] + b, CELL))


@pytest.mark.exhaustive
def test_a_saturating_sum_of_every_pair(program):
    assert run_program(program) == b"0\n"


# Proofs by yosys --------------------------------------------------------------------------------------------------------

CELL_FORMS = [(16, 4, 16), (24, 6, 16), *((16, 13 - bits, bits) for bits in HARDWARE_BITS)]
"""Input bits, dropped bits, output bits of `round_saturate` in `cell_state`."""

PEEPHOLE_FORMS = [(16 + bits, bits - integer, 16) for bits in PEEPHOLE_BITS for integer in range(1, bits + 1)]


SPECIFICATION = UNITS / "specification.sv"


def prove(
    folder: Path, goals: list[str], specification: Path = SPECIFICATION, *, library: Path = LIBRARY
) -> subprocess.CompletedProcess:
    """Let yosys prove, for each goal (a module of the specification and its parameters), that `equal` is always 1."""
    files = (library / "round_saturate.sv", library / "saturating_sum.sv", specification)
    lines = [f"read_verilog -sv {' '.join(map(str, files))}", "design -save read"]
    for goal in goals:
        lines += ["design -load read", f"hierarchy -top {goal}", "prep -flatten", "opt -full"]
        lines += ["sat -verify -prove equal 1"]
    script = folder / "prove.ys"
    script.write_text("\n".join(lines) + "\n")
    command = [path_tool("yosys"), "-q", str(script)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)


def rounding_goal(bits: int, drop: int, out: int) -> str:
    return f"rounding_rule -chparam IN_BITS {bits} -chparam DROP {drop} -chparam OUT_BITS {out}"


def test_yosys_proves_the_saturating_sum(tmp_path):
    done = prove(tmp_path, ["sum_rule"])
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "forms",
    [CELL_FORMS, PEEPHOLE_FORMS[-16:], pytest.param(PEEPHOLE_FORMS, marks=pytest.mark.exhaustive)],
    ids=["cell", "peepholes of 16 bits", "all peepholes"],
)
def test_yosys_proves_the_rounding(tmp_path, forms):
    done = prove(tmp_path, [rounding_goal(*form) for form in forms])
    assert done.returncode == 0, done.stderr


def test_a_proof_of_a_wrong_rule_fails(tmp_path):
    rule = (UNITS / "specification.sv").read_text()
    wrong = tmp_path / "specification.sv"
    wrong.write_text(rule.replace("(remainder == half && quotient[0])", "(remainder == half && !quotient[0])"))
    assert wrong.read_text() != rule
    done = prove(tmp_path, [rounding_goal(17, 1, 16)], specification=wrong)
    assert done.returncode != 0
    assert "proof did fail" in done.stderr

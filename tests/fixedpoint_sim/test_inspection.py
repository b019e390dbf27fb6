"""Every count of an inspection against the plain-integer reference's rules, and its bits against `simulate`."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datapath import Design, Limits
from datapath.errors import DataError, LimitError
from datapath.formats import Format, Overflow, Rounding, unit_format
from datapath.quantities import ACCUMULATOR, SIGMOID_OUT, TANH_OUT
from fixedpoint_sim import inspect_line, simulate
from fixedpoint_sim.inspection import histogram_edges, quantity_formats
from tests import reference as rules
from tests.designs import random_design
from tests.golden_data import PEEPHOLE, REPOSITORY, peephole_network
from tests.golden_data import lines as golden_lines
from tests.strategies import designs, precisions, raw_values

GOLDEN = REPOSITORY / "golden_vectors"
STRESS = sorted(path.stem for path in (GOLDEN / "designs").glob("stress_*.npz"))
GATE_NAMES = ("i", "f", "g", "o")

# The expected values, naively --------------------------------------------------------------------------------------


class Values:
    """What a quantity's values were: (exact, shift removed, rounded, stored) each, in a list."""

    def __init__(self):
        self.lists = {name: [] for name in quantity_formats(1)}

    def add(self, name, exact, shift, rounded, stored):
        self.lists[name].append((exact, shift, rounded, stored))
        return stored

    def keep(self, name, value):
        return self.add(name, value, 0, value, value)

    def through_table(self, table, unit, accumulator):
        """The output in units of 1/64."""
        self.keep(f"{table}_input_{unit}", accumulator)
        output = rules.sigmoid(accumulator) if table == "sigmoid" else rules.tanh(accumulator)
        # ufixed<8,1> has 7 fraction bits, fixed<8,2> has 6.
        self.keep(f"{table}_output_{unit}", 2 * output if table == "sigmoid" else output)
        return output

    def product(self, name, exact, shift, round_off):
        rounded = round_off(exact, shift)
        return self.add(name, exact, shift, rounded, rules.wrap(rounded))

    def wrapped(self, name, total):
        return self.add(name, total, 0, total, rules.wrap(total))

    def saturated(self, name, exact, shift, bits=16):
        rounded = rules.round_to_even_on_tie(exact, shift)
        return self.add(name, exact, shift, rounded, rules.saturate(rounded, bits))


def every_value(design, columns):
    """Compute the line by the page's formulas and keep every value."""
    values = Values()
    if design.peepholes is None:
        values.lists = {name: kept for name, kept in values.lists.items() if not name.startswith("peephole")}
    for column in columns.tolist():
        for pixel in column:
            values.keep("pixel", pixel)
    hidden = [_direction(values, design, direction, columns[::step].tolist()) for direction, step in ((0, 1), (1, -1))]
    bits = design.precision
    shift = bits.activation + bits.fc_weight - 10
    weights, biases = design.fc_weights.tolist(), design.fc_biases.tolist()
    T = len(columns)

    def fc_sum(direction, t, k):
        total = biases[direction][k] * 2 ** (9 - bits.fc_bias)
        for h, weight in zip(hidden[direction][t], weights[direction][k], strict=True):
            total += values.product("fc_product", h * weight, shift, rules.round_to_even_on_tie)
        return values.wrapped("fc_sum", total)

    for t in range(T):
        for k in range(design.classes):
            values.wrapped("class_score", fc_sum(0, t, k) + fc_sum(1, T - 1 - t, k))
    return values.lists


def _direction(values, design, direction, columns):
    bits = design.precision
    shift = bits.activation + bits.weight - 10
    w_ih, w_hh = design.weights_input[direction].tolist(), design.weights_recurrent[direction].tolist()
    biases = (design.biases_input[direction].astype(int) + design.biases_recurrent[direction]).tolist()
    peepholes = None if design.peepholes is None else design.peepholes.weights[direction].tolist()

    def with_peephole(accumulator, place, unit, t):
        """The accumulator of gate i, f or o after its peephole to the cell state as it is now."""
        if peepholes is None or t == 0:
            return accumulator
        name, shift = "ifo"[place], design.peephole_format.bits - design.peephole_format.integer
        product = values.saturated(f"peephole_product_{name}", peepholes[place][unit] * c[unit], shift)
        return values.saturated(f"peephole_sum_{name}", accumulator + product, 0)

    h, c, steps = [0] * design.hidden, [0] * design.hidden, []
    for t, x in enumerate(columns):
        new = []
        for unit in range(design.hidden):
            sums = []
            for gate, name in enumerate(GATE_NAMES):
                total = biases[gate][unit] * 2 ** (9 - bits.bias)
                for pixel, weight in zip(x, w_ih[gate][unit], strict=True):
                    total += values.product("input_product", pixel * weight, shift, rules.round_to_zero_on_tie)
                for state, weight in zip(h, w_hh[gate][unit], strict=True):
                    total += values.product("recurrent_product", state * weight, shift, rules.round_to_zero_on_tie)
                sums.append(values.wrapped(f"accumulator_{name}", total))
            i = values.through_table("sigmoid", "i", with_peephole(sums[0], 0, unit, t))
            f = values.through_table("sigmoid", "f", with_peephole(sums[1], 1, unit, t))
            g = values.through_table("tanh", "g", sums[2])
            ig = values.saturated("i_times_g", i * g, 4)
            fc = values.saturated("f_times_c", f * c[unit], 6) if t > 0 else 0
            c[unit] = values.saturated("cell_state", ig + fc, 0)
            o = values.through_table("sigmoid", "o", with_peephole(sums[3], 2, unit, t))
            tanh_c = values.through_table("tanh", "c", c[unit])
            new.append(values.saturated("hidden", tanh_c * o, 13 - bits.activation, bits.activation))
        h = new
        steps.append(h)
    return steps


def bin_of(raw, format):
    """The documented bins, by name of the interval: (lowest value, highest value)."""
    if format.bits <= 8:
        size = max(2**format.bits // 64, 1)
        low = raw // size * size
        return low, low + size - 1
    if raw < 0:
        low, high = bin_of(-1 - raw, format)
        return -1 - high, -1 - low
    if raw < 4:
        return raw, raw
    half = 2 ** (raw.bit_length() - 2)
    return raw // half * half, raw // half * half + half - 1


def assert_counts(inspection, lists):
    assert [quantity.name for quantity in inspection.quantities] == list(lists)
    for quantity in inspection.quantities:
        values, format = lists[quantity.name], quantity.format
        stored, rounded = [value[3] for value in values], [value[2] for value in values]
        removed = [(exact % 2**shift, shift) for exact, shift, _, _ in values if shift > 0]
        overflows = sum(low != high for low, high in zip(rounded, stored, strict=True))
        expected = {
            "values": len(values),
            "low": min(stored, default=None),
            "high": max(stored, default=None),
            "low_before": min(rounded, default=None),
            "high_before": max(rounded, default=None),
            "below": sum(value < format.min for value in rounded),
            "above": sum(value > format.max for value in rounded),
            "wrapped": overflows if format.overflow is Overflow.WRAP else 0,
            "saturated": overflows if format.overflow is Overflow.SAT else 0,
            "inexact": sum(rest != 0 for rest, _ in removed),
            "ties": sum(2 * rest == 2**shift for rest, shift in removed),
            "idle_low_bits": next(
                (n for n in range(format.bits) if any(value % 2 ** (n + 1) for value in stored)), format.bits
            ),
            **expected_entries(quantity.name, stored),
        }
        assert {name: getattr(quantity, name) for name in expected} == expected, quantity.name
        bins = {}
        for value in stored:
            bins[bin_of(value, format)] = bins.get(bin_of(value, format), 0) + 1
        edges = quantity.edges.tolist()
        found = {
            (low, high - 1): count
            for low, high, count in zip(edges[:-1], edges[1:], quantity.histogram.tolist(), strict=True)
            if count
        }
        assert found == bins, quantity.name


def expected_entries(name, stored):
    """Entry 0 and 255, by the index formula of the page in exact fractions of 255."""
    table = name.partition("_input_")[0]
    if name == "tanh_input_c" or table in ("sigmoid", "tanh"):
        bound = {"sigmoid": 5, "tanh": 3}[table] * 256
        indexes = [min(max((acc + bound) * 255 // (2 * bound), 0), 255) for acc in stored]
        return {"entry_first": indexes.count(0), "entry_last": indexes.count(255)}
    return {"entry_first": None, "entry_last": None}


def assert_same_bits(inspection, trace):
    for stage in ("hidden", "scores", "labels"):
        got, expected = getattr(inspection.trace, stage), getattr(trace, stage)
        assert got.dtype == expected.dtype
        assert np.array_equal(got, expected), stage
    assert (inspection.trace.text, inspection.trace.exceeded) == (trace.text, trace.exceeded)
    kept = inspection.emitted_at[: len(trace.labels)]
    assert inspection.best[kept].tolist() == trace.labels.tolist()


# The tests ---------------------------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(st.data())
def test_counts_are_those_of_the_specification(data):
    design = data.draw(
        designs(inputs=st.integers(1, 6), hidden=st.integers(1, 4), classes=st.integers(2, 4), precision=precisions())
    )
    columns = data.draw(raw_values((data.draw(st.integers(1, 6)), design.inputs), design.precision.activation))
    inspection = inspect_line(design, columns, ignore_limits=True)
    assert_same_bits(inspection, simulate(design, columns, ignore_limits=True))
    assert_counts(inspection, every_value(design, columns))


@pytest.mark.parametrize("name", STRESS)
def test_counts_of_a_stress_design(name):
    design = Design.load(GOLDEN / "designs" / f"{name}.npz")
    with np.load(GOLDEN / "vectors" / f"{name}.npz", allow_pickle=False) as vectors:
        lines = [vectors[f"pixels_{i}"] for i in range(sum(key.startswith("pixels_") for key in vectors.files))]
    for columns in lines:
        inspection = inspect_line(design, columns, ignore_limits=True)
        assert_same_bits(inspection, simulate(design, columns, ignore_limits=True))
        few = columns[:6]
        assert_counts(inspect_line(design, few, ignore_limits=True), every_value(design, few))


def test_what_the_stress_designs_are_made_for_is_seen():
    def inspected(name, line):
        with np.load(GOLDEN / "vectors" / f"{name}.npz", allow_pickle=False) as vectors:
            columns = vectors[f"pixels_{line}"]
        return inspect_line(Design.load(GOLDEN / "designs" / f"{name}.npz"), columns, ignore_limits=True)

    wrap = inspected("stress_w8a8_wrap", 0)
    assert all(wrap[f"accumulator_{gate}"].wrapped for gate in GATE_NAMES)
    assert wrap["accumulator_i"].high_before > ACCUMULATOR.max or wrap["accumulator_i"].low_before < ACCUMULATOR.min
    saturate = inspected("stress_w8a8_saturate", 0)
    assert saturate["cell_state"].saturated
    assert saturate["cell_state"].high == saturate["cell_state"].format.max
    rounding = inspected("stress_w4a8_round", 1)
    for product in ("input_product", "recurrent_product", "fc_product"):
        assert 0 < rounding[product].ties < rounding[product].inexact < rounding[product].values


PEEPHOLE_QUANTITIES = [f"peephole_{part}_{gate}" for part in ("product", "sum") for gate in "ifo"]


def test_only_a_network_with_peepholes_has_their_quantities():
    columns = np.random.default_rng(0).integers(-8, 8, size=(6, 4)).astype(np.int8)
    plain = [quantity.name for quantity in inspect_line(random_design(1), columns).quantities]
    names = [quantity.name for quantity in inspect_line(random_design(1, peepholes=(8, 1)), columns).quantities]
    assert len(plain) == 24
    assert [name for name in names if name not in PEEPHOLE_QUANTITIES] == plain
    place = names.index("accumulator_o") + 1
    assert names[place : place + 6] == PEEPHOLE_QUANTITIES


def test_counts_of_peepholes_that_round_and_saturate():
    random = np.random.default_rng(0)
    columns = random.choice((-128, 127), size=(30, 24)).astype(np.int8)
    for seed, peepholes in ((1, (16, 16)), (2, (9, 3)), (3, (1, 1))):
        design = random_design(seed, bits=(8, 8, 8, 8, 8), inputs=24, hidden=5, folding=(5, 1, 1), peepholes=peepholes)
        inspection = inspect_line(design, columns)
        assert_same_bits(inspection, simulate(design, columns))
        assert_counts(inspection, every_value(design, columns))
        for name in PEEPHOLE_QUANTITIES:
            quantity = inspection[name]
            assert quantity.values == 29 * 2 * 5  # none at the first column
            assert (quantity.ties > 0) == (peepholes == (9, 3) and "product" in name)
            assert (quantity.saturated > 0) == (peepholes == (16, 16)), name


def test_a_trained_network_computes_the_same_bits():
    name = "QLSTM128_W2B8A4I8_FC_W8B8"
    design = Design.load(GOLDEN / "designs" / f"{name}.npz")
    with np.load(GOLDEN / "vectors" / f"{name}.npz", allow_pickle=False) as vectors:
        columns, labels = vectors["pixels_0"], vectors["labels_0"]
    inspection = inspect_line(design, columns)
    assert_same_bits(inspection, simulate(design, columns))
    assert inspection.best[inspection.emitted_at].tolist() == labels.tolist()
    T, H = len(columns), design.hidden
    assert inspection["recurrent_product"].values == T * 2 * 4 * H * H
    assert inspection["f_times_c"].values == (T - 1) * 2 * H
    for quantity in inspection.quantities:
        assert quantity.histogram.sum() == quantity.values


@pytest.mark.parametrize("bits", range(1, 9))
def test_bins_cover_the_range_of_a_narrow_type_equally(bits):
    format = unit_format(bits)
    edges = histogram_edges(format)
    assert (edges[0], edges[-1]) == (format.min, format.max + 1)
    assert set(np.diff(edges).tolist()) == {max(2**bits // 64, 1)}


@pytest.mark.parametrize("format", [ACCUMULATOR, SIGMOID_OUT, TANH_OUT])
def test_bins_are_the_documented_intervals(format):
    edges = histogram_edges(format).tolist()
    bins = {bin_of(raw, format) for raw in range(format.min, format.max + 1)}
    assert sorted(bins) == [(low, high - 1) for low, high in pairwise(edges)]


@pytest.mark.parametrize(
    ("raw", "signed", "used"),
    [
        ([-32768, 1], True, 16.0),
        ([32767], True, 16.0),
        ([0], True, 0.0),
        ([-1], True, 1.0),
        ([0, 1], True, 2.0),
        ([16, -128], True, 4.0),  # 8 bits, of which the lowest 4 are idle
        ([255], False, 8.0),
        ([64, 0], False, np.log2(65) - 6),
    ],
)
def test_used_bits(raw, signed, used):
    from fixedpoint_sim import tallies
    from fixedpoint_sim.inspection import _quantity

    bits = 16 if signed else 8
    format = Format(bits=bits, integer=bits, signed=signed, rounding=Rounding.TRN, overflow=Overflow.SAT)
    counts = np.zeros(2 * tallies.OFFSET, dtype=np.int64)
    counts[np.array(raw) + tallies.OFFSET] = 1
    assert _quantity("pixel", format, counts, np.zeros(tallies.NOTES, dtype=np.int64)).used_bits == pytest.approx(used)


def test_columns_without_a_positive_score_are_named():
    design = random_design(37, hidden=3, classes=4)
    columns = np.random.default_rng(0).integers(-8, 8, size=(90, 4)).astype(np.int8)
    inspection = inspect_line(design, columns)
    scores = inspection.trace.scores
    assert inspection.positive.tolist() == [max(column) > 0 for column in scores.tolist()]
    label, best = 0, {}
    for column in rules.arrival_order(90):
        highest = max(scores[column].tolist())
        label = scores[column].tolist().index(highest) if highest > 0 else label
        best[column] = label
    assert inspection.best.tolist() == [best[column] for column in range(90)]
    assert {True, False} == set(inspection.positive.tolist())


@pytest.mark.parametrize("name", PEEPHOLE)
def test_counts_of_a_network_with_peepholes_and_vectors(shared_data, name):
    design = peephole_network(shared_data, name)
    line = next(golden_lines(shared_data / "golden" / f"peephole_{name}.npz"))
    few = line.pixels[:8]
    assert_counts(inspect_line(design, few), every_value(design, few))


def test_a_line_is_refused_as_simulate_refuses_it():
    design = random_design(1, limits=Limits(columns=40, labels=5))
    with pytest.raises(LimitError, match=r"^The line exceeds the overlay: 42 columns, allowed at most 40\.$"):
        inspect_line(design, np.zeros((42, 4), dtype=np.int8))
    with pytest.raises(DataError, match=r"^Pixel 0 of column 0 is 8; 4 bits allow -8 to 7\.$"):
        inspect_line(design, np.full((2, 4), 8))


def test_a_quantity_that_there_is_not_is_a_key_error():
    design = random_design(1)
    with pytest.raises(KeyError, match="cell_stat"):
        inspect_line(design, np.zeros((2, 4), dtype=np.int8))["cell_stat"]

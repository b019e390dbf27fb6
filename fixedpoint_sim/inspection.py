"""`inspect_line`, the profiling simulator: the range of every quantity of the datapath, and what its type does to it.

For each quantity of the specification: its range, its histogram over the range of its type, and how often it is
rounded, wraps, saturates or clips a table.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from datapath.design import BACKWARD, FORWARD, Design, Gate
from datapath.formats import Format, Overflow, unit_format
from datapath.quantities import ACCUMULATOR, CELL, SCORE, SIGMOID_OUT, TANH_OUT
from fixedpoint_sim import tallies
from fixedpoint_sim.arithmetic import Widths
from fixedpoint_sim.profiling_kernels import profile_direction, profile_scores
from fixedpoint_sim.simulator import check_columns, emitted_columns, exceeded_before, finish_trace, refuse
from fixedpoint_sim.tallies import Tallies
from fixedpoint_sim.trace import Trace

EQUAL_BINS = 64
"""Most bins over a type of at most 8 bits."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Quantity:
    """One quantity of the datapath over a whole line; raw values in units of its type's last bit.

    name            str               e.g. ``accumulator_f``
    format          Format            its type; the table outputs are multiples of 1/64
    values          int               how many were computed; f * c and peepholes have none in a line of one column
    low, high       int | None        lowest and highest, as stored; None without values
    low_before,     int | None        the same after rounding, before overflow: equal where nothing overflows
    high_before
    below, above    int               values that overflow at the lower and at the upper end (wrap or saturate)
    inexact         int               values whose rounding changes them: nonzero bits are removed
    ties            int               those of them exactly halfway between two steps
    entry_first,    int | None        values that take entry 0 or 255 of the table, its clip ends; None where no
    entry_last                        table reads the quantity
    idle_low_bits   int               lowest bits that are 0 in every value
    edges           int64 [bins + 1]  bin n counts edges[n] <= raw < edges[n + 1]; see `histogram_edges`
    histogram       int64 [bins]      of the values as stored

    A sum overflows if its exact total does: a partial sum that wraps and comes back is not an overflow, as it depends on
    the order of addition and never changes the result.
    """

    name: str
    format: Format
    values: int
    low: int | None
    high: int | None
    low_before: int | None
    high_before: int | None
    below: int
    above: int
    inexact: int
    ties: int
    entry_first: int | None
    entry_last: int | None
    idle_low_bits: int
    edges: np.ndarray
    histogram: np.ndarray

    @property
    def wrapped(self) -> int:
        """Values that wrapped."""
        return self.below + self.above if self.format.overflow is Overflow.WRAP else 0

    @property
    def saturated(self) -> int:
        """Values that were clamped."""
        return self.below + self.above if self.format.overflow is Overflow.SAT else 0

    @property
    def clipped(self) -> int | None:
        """Values at either clip end of the table; None where no table reads the quantity."""
        return None if self.entry_first is None else self.entry_first + self.entry_last

    @property
    def used_bits(self) -> float:
        """Bits of the type that the values use, 0 to `format.bits`; a fraction where the top bit is used in part.

        The sign, log2 of the largest magnitude of a two's-complement range that holds all values, less the idle low
        bits: a type that is used to both ends has all its bits used. All values 0 use none.
        """
        if not self.low and not self.high:
            return 0.0
        reach = max(self.high + 1, -self.low) if self.format.signed else self.high + 1
        return max(math.log2(reach) + self.format.signed - self.idle_low_bits, 0.0)


@dataclass(frozen=True, eq=False, kw_only=True)
class Inspection:
    """What the profiling simulator gives for one line.

    columns       int8 [T, I]   the raw pixels
    trace         Trace         what `simulate` gives
    best          int64 [T]     best class per column, image order; a column without a positive score has the label of
                                the column that arrived before it
    positive      bool [T]      whether any score of the column is positive
    emitted_at    int64 [n]     column whose label is emitted, for every label before the limit cuts
    quantities    tuple         every quantity in the order of the datapath: 24, and with peepholes 6 more
    """

    columns: np.ndarray
    trace: Trace
    best: np.ndarray
    positive: np.ndarray
    emitted_at: np.ndarray
    quantities: tuple[Quantity, ...]

    def __getitem__(self, name: str) -> Quantity:
        """The quantity of that name; KeyError where there is none."""
        for quantity in self.quantities:
            if quantity.name == name:
                return quantity
        raise KeyError(name)


def histogram_edges(format: Format) -> np.ndarray:
    """Edges of the bins, fixed by the type alone; the first is its lowest value, the last its highest plus 1.

    Up to 8 bits: 2**bits equal bins, at most 64. Wider: one bin for each of 0, 1, 2 and 3, then every doubling in two
    halves (4..5, 6..7, 8..11, 12..15, ...), mirrored below zero so that raw v and -1 - v, which need the same number
    of bits, lie equally far from the middle.

    >>> histogram_edges(unit_format(2)).tolist()
    [-2, -1, 0, 1, 2]
    >>> [len(histogram_edges(format)) - 1 for format in (unit_format(8), SIGMOID_OUT, ACCUMULATOR)]
    [64, 64, 60]
    >>> histogram_edges(ACCUMULATOR)[30:].tolist()[:12]
    [0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48]
    """
    if format.bits <= 8:
        bins = min(1 << format.bits, EQUAL_BINS)
        return np.linspace(format.min, format.max + 1, bins + 1).astype(np.int64)
    halves = [half << power for power in range(format.bits - 2) for half in (2, 3)]
    upper = [0, 1, *halves, format.max + 1]
    return np.array([-edge for edge in upper[:0:-1] if format.signed] + upper, dtype=np.int64)


def quantity_formats(activation_bits: int) -> dict[str, Format]:
    """Name and type of every quantity, in the order of the datapath (rows of `Tallies`), those of peepholes too."""
    unit = unit_format(activation_bits)
    tables = {gate: ("tanh" if gate is Gate.G else "sigmoid") for gate in Gate}
    outputs = {"tanh": TANH_OUT, "sigmoid": SIGMOID_OUT}
    inputs = {"tanh": ACCUMULATOR, "sigmoid": CELL}
    return {
        "pixel": unit,
        "input_product": ACCUMULATOR,
        "recurrent_product": ACCUMULATOR,
        **{f"accumulator_{gate.name.lower()}": ACCUMULATOR for gate in Gate},
        **{f"peephole_{part}_{gate}": CELL for part in ("product", "sum") for gate in "ifo"},
        **{f"{table}_input_{gate.name.lower()}": inputs[table] for gate, table in tables.items()},
        **{f"{table}_output_{gate.name.lower()}": outputs[table] for gate, table in tables.items()},
        "i_times_g": CELL,
        "f_times_c": CELL,
        "cell_state": CELL,
        "tanh_input_c": CELL,
        "tanh_output_c": TANH_OUT,
        "hidden": unit,
        "fc_product": SCORE,
        "fc_sum": SCORE,
        "class_score": SCORE,
    }


def inspect_line(design: Design, columns: np.ndarray, *, ignore_limits: bool = False) -> Inspection:
    """Compute one line as `simulate` does, and count every value of every quantity.

    Hundreds of times slower than `simulate`: about 500 columns a second at H 128.

    :param design: the network.
    :param columns: integers [T, I], raw values of ``fixed<A, 1>``.
    :param ignore_limits: compute a line that exceeds a limit of the overlay as larger buffers would; labels are cut.
    :raises DataError, LimitError: as `simulate`.
    """
    columns = check_columns(design, columns)
    refuse(exceeded_before(design, len(columns)), ignore_limits=ignore_limits)
    counted = Tallies.empty()
    raw, occurrences = np.unique(columns, return_counts=True)
    counted.counts[tallies.PIXEL, raw.astype(np.int64) + tallies.OFFSET] = occurrences
    counted.notes[tallies.PIXEL, [tallies.LOWEST, tallies.HIGHEST]] = raw[0], raw[-1]
    hidden = _profile_hidden_layer(design, columns.astype(np.int64), counted)
    scores = np.empty((len(columns), design.classes), dtype=np.int64)
    weights, biases = design.fc_weights.astype(np.int64), design.fc_biases.astype(np.int64)
    excess, bias_left_shift = design.precision.fc_excess_fraction_bits, design.precision.fc_bias_left_shift
    profile_scores(scores, hidden, weights, biases, excess, bias_left_shift, counted)
    hidden = np.ascontiguousarray(hidden.swapaxes(0, 1), dtype=np.int8)
    trace = finish_trace(design, hidden, scores.astype(np.int16), ignore_limits=ignore_limits)
    best, emitted = emitted_columns(trace.scores)
    return Inspection(
        columns=columns,
        trace=trace,
        best=best,
        positive=scores.max(axis=1) > 0,
        emitted_at=emitted,
        quantities=tuple(
            _quantity(name, format, counted.counts[row], counted.notes[row])
            for row, (name, format) in enumerate(quantity_formats(design.precision.activation).items())
            if design.peepholes is not None or row not in tallies.PEEPHOLE_ROWS
        ),
    )


def _profile_hidden_layer(design: Design, columns: np.ndarray, counted: Tallies) -> np.ndarray:
    """Hidden words int64 [2, T, H] at time steps."""
    hidden = np.empty((2, len(columns), design.hidden), dtype=np.int64)
    peepholes = design.peepholes.weights if design.peepholes else np.empty((2, 0, design.hidden), dtype=np.int16)
    arrays = (design.weights_input, design.weights_recurrent, design.biases_input, design.biases_recurrent, peepholes)
    widths = Widths.of(design.precision, design.peephole_format)
    for direction in (FORWARD, BACKWARD):
        weights = [values[direction].astype(np.int64) for values in arrays]
        profile_direction(hidden[direction], columns, direction == BACKWARD, *weights, widths, counted)
    return hidden


def _quantity(name: str, format: Format, counts: np.ndarray, notes: np.ndarray) -> Quantity:
    """One quantity from its row of the tallies."""
    raw = np.flatnonzero(counts) - tallies.OFFSET
    some = raw.size > 0
    edges = histogram_edges(format)
    within = counts[format.min + tallies.OFFSET : format.max + 1 + tallies.OFFSET]
    used = int(np.bitwise_or.reduce(raw)) if some else 0
    reads_table = name.startswith(("sigmoid_input", "tanh_input"))
    return Quantity(
        name=name,
        format=format,
        values=int(counts.sum()),
        low=int(raw[0]) if some else None,
        high=int(raw[-1]) if some else None,
        low_before=int(notes[tallies.LOWEST]) if some else None,
        high_before=int(notes[tallies.HIGHEST]) if some else None,
        below=int(notes[tallies.BELOW]),
        above=int(notes[tallies.ABOVE]),
        inexact=int(notes[tallies.INEXACT]),
        ties=int(notes[tallies.TIES]),
        entry_first=int(notes[tallies.ENTRY_FIRST]) if reads_table else None,
        entry_last=int(notes[tallies.ENTRY_LAST]) if reads_table else None,
        idle_low_bits=(used & -used).bit_length() - 1 if used else format.bits,
        edges=edges,
        histogram=np.add.reduceat(within, edges[:-1] - format.min),
    )

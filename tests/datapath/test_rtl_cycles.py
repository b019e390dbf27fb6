"""The closed form of the RTL kernel's cycles against the recurrences that it solves, and by hand.

tests/rtl_gen compares both with the simulation of the SystemVerilog.
"""

from itertools import count

from hypothesis import given, settings
from hypothesis import strategies as st

from datapath import Folding, Limits
from datapath.architecture import Architecture
from datapath.cycles import cycles_of
from datapath.manifest import Kernel
from datapath.precision import Precision
from datapath.rtl_cycles import (
    LABELS,
    MEMORY_LATENCY,
    READ_ADDRESS,
    RECORD,
    WRITE,
    RtlCycles,
    dot_clocks,
    rtl_cycles,
)

QUEUE_WORDS = 15
"""Hidden words that wait for the output layer (recognise.sv)."""


def plain(folding: Folding, *, activation: int = 4, limits: Limits | None = None) -> Architecture:
    precision = Precision(weight=2, bias=8, activation=activation, fc_weight=8, fc_bias=8)
    return Architecture(
        inputs=32, hidden=128, classes=82, precision=precision, folding=folding, limits=limits or Limits()
    )


def simulated(cycles: RtlCycles, columns: int, labels: int) -> int:
    """The same cycles, pass by pass, with the queue between hidden layer and output layer."""
    begins: list[int] = []  # of each pass in the hidden layer
    classes: list[int] = []  # and in the output layer
    arrival = count(READ_ADDRESS + MEMORY_LATENCY + cycles.words - 1 + RECORD, cycles.words)
    for k in range(2 * columns):
        begin = next(arrival)
        if k >= 1:
            begin = max(begin, begins[k - 1] + max(2, cycles.issued))
        if k >= 2:
            begin = max(begin, begins[k - 2] + cycles.issued + cycles.latency)
        if k >= QUEUE_WORDS:
            begin = max(begin, classes[k - QUEUE_WORDS] + 1)
        begins.append(begin)
        done = begin + cycles.issued + cycles.depth
        classes.append(max(done, classes[k - 1] + cycles.class_blocks) if k else done)
    return classes[-1] + cycles.behind + columns + LABELS + WRITE + labels + 1 + MEMORY_LATENCY


@settings(max_examples=500, deadline=None)
@given(
    words=st.integers(1, 16),
    issued=st.integers(1, 300),
    latency=st.integers(14, 40),
    class_blocks=st.integers(1, 256),
    columns=st.integers(1, 200),
    labels=st.integers(0, 95),
)
def test_the_closed_form_solves_the_recurrences(words, issued, latency, class_blocks, columns, labels):
    cycles = RtlCycles(
        stages=(),
        words=words,
        issued=issued,
        latency=latency,
        class_blocks=class_blocks,
        depth=latency + 2,
        behind=20,
        label_limit=95,
    )
    assert cycles.line(columns, labels) == simulated(cycles, columns, labels)


def test_the_folding_decides_the_pace():
    cycles = cycles_of(plain(Folding(pe=2, simd_input=32, simd_recurrent=128, pe_out=2)), Kernel.RTL)
    assert cycles.steady == 128
    assert cycles.line(301, 0) - cycles.line(300, 0) == 128 + 1  # a clock per column in which labels are taken
    assert cycles.bottleneck.key == "hidden"
    output = cycles_of(plain(Folding(pe=8, simd_input=32, simd_recurrent=128, pe_out=2)), Kernel.RTL)
    assert (output.steady, output.bottleneck.key) == (82, "output")
    reading = cycles_of(
        Architecture(
            inputs=128,
            hidden=2,
            classes=3,
            precision=Precision(weight=2, bias=8, activation=8, fc_weight=8, fc_bias=8),
            folding=Folding(pe=2, simd_input=128, simd_recurrent=2, pe_out=3),
        ),
        Kernel.RTL,
    )
    assert (reading.steady, reading.bottleneck.key) == (32, "dma_in")


def test_a_pass_shorter_than_the_pipeline_waits_for_the_hidden_outputs_of_its_direction():
    cycles = rtl_cycles(plain(Folding(pe=32, simd_input=32, simd_recurrent=128, pe_out=82)))
    issued, lanes = 4, 32 + 128
    latency = 3 + dot_clocks(lanes, 4, 2) + 1 + 11 - 1
    assert dot_clocks(lanes, 4, 2) == 1 + 8 // 2  # products; eight levels of the adder tree in four clocks
    assert cycles.steady == issued + latency


def test_labels_that_do_not_fit_take_no_time():
    cycles = rtl_cycles(plain(Folding(pe=2, simd_input=32, simd_recurrent=128), limits=Limits(labels=10)))
    assert cycles.line(100, 3) + 7 == cycles.line(100, 10) == cycles.line(100, 11) == cycles.line(100)

"""The harness between Python and a Verilated design: accesses, memory and its timing, rules of AXI, observed values."""

import re
import struct
import subprocess
from contextlib import contextmanager
from enum import IntEnum

import numpy as np
import pytest

from datapath.errors import ToolError
from datapath.registers import Control, Register
from datapath.rtl_cycles import MEMORY_LATENCY
from rtl_gen import model
from rtl_gen.memory import BufferMemory, Response
from rtl_gen.model import Kind, RtlModel
from rtl_gen.verilator import built_program
from tests.designs import random_design
from tests.golden_data import REPOSITORY

INPUT, OUTPUT = 0x1000, 0x8000
WORDS = np.random.default_rng(0).integers(0, 1 << 64, 64, dtype=np.uint64)
COLUMNS = 77
SEEDS = range(1, 9)
"""Of stalls; a fault that shows only while a channel waits shows with at least one of them."""

DESIGN = random_design(1, bits=(4, 8, 5, 8, 8), hidden=4, folding=(2, 1, 1), pe_out=3)
"""Gives the widths of the observed values, which the test's own top has, too."""


class Fault(IntEnum):
    """What the test's top does wrong, as in stubs/harness_top.sv."""

    NONE = 0
    READ_VALID_FALLS = 1
    READ_ADDRESS_CHANGES = 2
    READ_KIND = 3
    READ_SIZE = 4
    LAST_EARLY = 5
    LAST_MISSING = 6
    DATA_CHANGES = 7
    HALF_STROBES = 8
    NO_ANSWER = 9
    ERROR_ANSWER = 10
    UNASKED_RESPONSE = 11
    VALID_IN_RESET = 12
    NO_END = 13
    WRITE_DATA_FIRST = 14


@pytest.fixture
def program(rtl_builds, monkeypatch):
    """The harness with the test's own top, which `RtlModel` uses for every design."""
    files = (REPOSITORY / "rtl_gen/library/control_registers.sv", REPOSITORY / "tests/rtl_gen/stubs/harness_top.sv")
    sources = {path.name: path.read_text() for path in files}
    sizes = {"ACTIVATION_BITS": 5, "HIDDEN": 4, "PE": 2, "PE_OUT": 3}
    monkeypatch.setattr(model, "built_rtl", lambda _, *, trace: (built_program(sources, sizes=sizes, trace=trace), {}))
    return built_program(sources, sizes=sizes)


@contextmanager
def running(**options):
    memory = BufferMemory({INPUT: bytearray(WORDS.tobytes()), OUTPUT: bytearray(4 * 8)})
    with RtlModel(DESIGN, memory, **options) as running:
        yield running


def start(simulated: RtlModel, *, fault: Fault = Fault.NONE, address: int = INPUT, words: int = len(WORDS)) -> None:
    for register, value in (
        (Register.COLUMNS, COLUMNS),
        (Register.RECORDS, fault),
        (Register.INPUT_BYTES, words * 8),
        (Register.INPUT_ADDRESS, address),
        (Register.OUTPUT_ADDRESS, OUTPUT),
        (Register.CONTROL, Control.START),
    ):
        simulated.write_register(register, value)


def output(simulated: RtlModel) -> list[int]:
    return np.frombuffer(bytes(simulated.memory.buffers[OUTPUT]), dtype="<u8").tolist()


def failure(run) -> str:
    with pytest.raises(ToolError) as error:
        run()
    return str(error.value)


# What it does ---------------------------------------------------------------------------------------------------------


def test_registers_are_written_and_read_and_a_line_reads_and_writes_memory(program):
    with running() as simulated:
        start(simulated)
        assert simulated.read_register(Register.COLUMNS) == COLUMNS
        assert simulated.read_register(Register.CONTROL) == Control.START
        passed, ended = simulated.run(1000)
        assert ended and passed < 1000
        assert simulated.read_register(Register.CONTROL) == Control.DONE | Control.IDLE | Control.READY
        assert output(simulated) == [int(np.bitwise_xor.reduce(WORDS)), COLUMNS, 0, 0]
        assert simulated.run(1000) == (0, True)


def test_a_line_that_does_not_end_runs_for_as_many_clocks_as_asked(program):
    with running() as simulated:
        start(simulated, fault=Fault.NO_END)
        assert simulated.run(1000) == (1000, False)
        assert simulated.observed().cycles == 0
        simulated.reset()
        assert simulated.run(10) == (10, False)
        start(simulated)
        assert simulated.run(1000)[1]


def test_observed_values_have_the_signs_and_the_lanes_of_the_ports(program):
    with running() as simulated:
        start(simulated)
        simulated.run(1000)
        observed = simulated.observed()
        assert np.array_equal(observed.gates.values.view("<u8"), np.stack([WORDS, ~WORDS], axis=1))
        assert np.array_equal(observed.scores.values, WORDS.view("<i2").reshape(-1, 4)[:, :3])
        lanes = (WORDS[:, None] >> np.arange(0, 20, 5, dtype=np.uint64)).astype(np.int64) & 31
        assert np.array_equal(observed.hidden.values, lanes - 32 * (lanes > 15))
        assert (observed.hidden.values < 0).any()
        for values in (observed.gates, observed.hidden, observed.scores):
            assert np.array_equal(values.clocks, values.clocks[0] + np.arange(len(WORDS)))
        simulated.reset(observe=False)
        start(simulated)
        assert simulated.run(1000)[1]
        assert len(simulated.observed().hidden.values) == 0
        assert simulated.observed().cycles == observed.cycles


@pytest.mark.parametrize("latency", [1, 2, MEMORY_LATENCY, 100])
def test_without_stalls_memory_takes_its_latency_and_one_clock_for_each_word(program, latency):
    with running() as simulated:
        simulated.reset(latency=latency)
        start(simulated)
        simulated.run(1000)
        observed = simulated.observed()
        # arvalid is high 1 clock after the start, wvalid 1 clock after the last word, and the second word is the last.
        assert observed.hidden.clocks.tolist() == [1 + latency + n for n in range(len(WORDS))]
        assert observed.cycles == 1 + latency + (len(WORDS) - 1) + 2 + latency


def test_memory_without_latency_is_refused(program):
    with running() as simulated:
        message = "The RTL simulation failed: The latency of memory is 0; it must be 1 or more clocks."
        assert failure(lambda: simulated.reset(latency=0)) == message


def test_the_seed_decides_the_stalls_and_not_what_is_computed(program):
    cycles, expected = {}, [int(np.bitwise_xor.reduce(WORDS)), COLUMNS, 0, 0]
    with running() as simulated:
        for seed in (None, 1, 2, 3, 1, None):
            simulated.reset(seed=seed)
            start(simulated)
            assert simulated.run(5000)[1]
            assert simulated.read_register(Register.COLUMNS) == COLUMNS
            assert output(simulated) == expected
            assert cycles.setdefault(seed, simulated.observed().cycles) == simulated.observed().cycles
    assert len(set(cycles.values())) == 4 and min(cycles.values()) == cycles[None]


def test_strobes_choose_the_bytes_that_are_written(program):
    with running() as simulated:
        start(simulated, fault=Fault.HALF_STROBES)
        simulated.memory.buffers[OUTPUT][:] = bytes([0xEE] * 32)
        assert simulated.run(1000)[1]
        low = int(np.bitwise_xor.reduce(WORDS)) & 0xFFFFFFFF
        assert output(simulated)[:2] == [0xEEEEEEEE << 32 | low, 0xEEEEEEEE << 32 | COLUMNS]


def test_data_that_comes_before_its_address_is_written_when_the_address_is_known(program):
    with running() as simulated:
        start(simulated, fault=Fault.WRITE_DATA_FIRST)
        assert simulated.run(1000)[1]
        assert output(simulated)[1] == COLUMNS


def test_the_memory_chooses_the_response_and_lists_what_lies_outside_its_buffers():
    memory = BufferMemory({INPUT: bytearray(b"abcdefgh"), OUTPUT: bytearray(8)}, failing_read=1, failing_write=0)
    assert [memory.read(INPUT, 8) for _ in range(3)] == [
        (b"abcdefgh", Response.OKAY),
        (b"abcdefgh", Response.SLAVE_ERROR),
        (b"abcdefgh", Response.OKAY),
    ]
    written = np.array([True] * 4 + [False] * 4)
    assert memory.write(OUTPUT, b"ijklmnop", written) == Response.SLAVE_ERROR
    assert bytes(memory.buffers[OUTPUT]) == bytes(8)
    assert memory.write(OUTPUT, b"ijklmnop", written) == Response.OKAY
    assert bytes(memory.buffers[OUTPUT]) == b"ijkl" + bytes(4)
    assert memory.stray == []
    assert memory.read(INPUT + 8, 8) == (bytes(8), Response.DECODE_ERROR)
    assert memory.write(OUTPUT - 8, bytes(16), np.ones(16, dtype=bool)) == Response.DECODE_ERROR
    assert memory.stray == ["read 8 bytes at 0x00001008", "wrote 16 bytes at 0x00007FF8"]


# What a design must not do --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (Fault.READ_KIND, "The burst of m_axi_read_ar* at 0x1000 is of kind 0; it must be 1, INCR."),
        (Fault.READ_SIZE, "The burst of m_axi_read_ar* at 0x1000 has size 2; it must be 3, 8 bytes a beat."),
        (Fault.LAST_EARLY, "m_axi_write_wlast is 1 in beat 1 of 2."),
        (Fault.LAST_MISSING, "m_axi_write_wlast is 0 in beat 2 of 2."),
    ],
)
def test_a_burst_that_breaks_a_rule_is_an_error(program, fault, message):
    with running() as simulated:
        start(simulated, fault=fault)
        assert failure(lambda: simulated.run(1000)) == f"The RTL simulation failed: {message}"


@pytest.mark.parametrize(
    ("address", "words", "message"),
    [
        (0x1FF8, 2, "The burst of m_axi_read_ar* at 0x1ff8 with 2 beats crosses a multiple of 4096."),
        (0x1004, 1, "The burst of m_axi_read_ar* at 0x1004 does not begin at a multiple of 8."),
    ],
)
def test_a_burst_across_a_page_or_within_a_word_is_an_error(program, address, words, message):
    with running() as simulated:
        start(simulated, address=address, words=words)
        assert failure(lambda: simulated.run(1000)) == f"The RTL simulation failed: {message}"
    with running() as simulated:
        start(simulated, address=0x1FF0, words=2)  # to the end of the page
        assert simulated.run(1000)[1]


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (Fault.READ_VALID_FALLS, "m_axi_read_arvalid fell before m_axi_read_arready."),
        (Fault.READ_ADDRESS_CHANGES, "The values of m_axi_read_ar* changed while waiting."),
        (Fault.DATA_CHANGES, "The values of m_axi_write_w* changed while waiting."),
    ],
)
def test_what_is_not_held_while_a_channel_waits_is_an_error(program, fault, message):
    found = set()
    for seed in SEEDS:
        with running() as simulated:
            simulated.reset(seed=seed)
            try:
                start(simulated, fault=fault, words=1)
                simulated.run(1000)
            except ToolError as error:
                found.add(str(error))
    assert found == {f"The RTL simulation failed: {message}"}


def test_the_register_port_keeps_its_rules_or_the_access_is_an_error(program):
    def messages(fault: Fault, register: Register) -> str:
        with running() as simulated:
            start(simulated, fault=fault)
            return failure(lambda: simulated.read_register(register))

    beginning = "The RTL simulation failed: "
    assert messages(Fault.NO_ANSWER, Register.COLUMNS) == (
        f"{beginning}The access to register 0x10 did not end within 10000 clocks."
    )
    assert messages(Fault.ERROR_ANSWER, Register.RECORDS) == f"{beginning}The access to register 0x18 got response 2."
    assert messages(Fault.UNASKED_RESPONSE, Register.COLUMNS) == (
        f"{beginning}s_axi_control_bvalid is high without a write to respond to."
    )


def test_a_valid_during_a_reset_is_an_error(program):
    with running() as simulated:
        start(simulated, fault=Fault.VALID_IN_RESET)
        assert failure(simulated.reset) == "The RTL simulation failed: A VALID of the design is high during a reset."


# The process ----------------------------------------------------------------------------------------------------------


def test_a_process_that_is_killed_is_an_error(program):
    with running() as simulated:
        simulated._process.kill()
        message = "The RTL simulation ended: status -9"
        assert failure(lambda: [simulated.run(1) for _ in range(3)]) == message


def test_an_error_of_the_memory_is_raised_and_the_process_ends(program):
    class Broken(BufferMemory):
        def read(self, address, length):
            raise ZeroDivisionError

    with running() as simulated:
        simulated.memory = Broken()
        start(simulated)
        with pytest.raises(ZeroDivisionError):
            simulated.run(1000)
        process = simulated._process
    assert process.poll() is not None


def frame(kind: int, payload: bytes = b"") -> bytes:
    return struct.pack("<II", kind, len(payload)) + payload


RESET = frame(Kind.RESET, struct.pack("<QII", 0, MEMORY_LATENCY, 0))


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (frame(Kind.RUN, bytes(8)), b"The first command must be a reset."),
        (RESET + frame(99), b"There is no command 99."),
        (RESET + frame(Kind.RUN, bytes(7)), b"A frame is too short."),
        (RESET + frame(Kind.WAVEFORM, bytes(16)), b"This build of the model writes no waveforms."),
    ],
)
def test_what_is_no_command_is_refused(program, sent, message):
    done = subprocess.run([program], input=sent, capture_output=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stdout.endswith(frame(Kind.FAILED, message))


@pytest.mark.parametrize("cut", [1, 7, 8, 12, len(RESET)])
def test_the_end_of_the_input_ends_the_process(program, cut):
    done = subprocess.run([program], input=RESET[:cut], capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == (frame(Kind.DONE) if cut == len(RESET) else b"")


def test_both_ends_name_the_kinds_of_frames_alike():
    text = (REPOSITORY / "rtl_gen" / "harness" / "protocol.hpp").read_text()
    names, number = {}, 0
    for name, value in re.findall(r"^  ([A-Z_]+)(?: = (\d+))?,", text, flags=re.MULTILINE):
        number = int(value) if value else number + 1
        names[name] = number
    assert names == {kind.name: kind.value for kind in Kind}


def test_a_waveform_has_the_clocks_that_were_asked_for(program, tmp_path):
    path = tmp_path / "line.vcd"
    with running(trace=True) as simulated:
        start(simulated)  # not in the waveform
        simulated.write_waveform(path, first=10, last=19)
        simulated.run(1000)
        cycles = simulated.observed().cycles
    text = path.read_text()
    assert "m_axi_read_rdata" in text and "fault_register" in text
    times = [int(time) for time in re.findall(r"^#(\d+)$", text, flags=re.MULTILINE)]
    assert len(times) == 20 and times == list(range(times[0], times[0] + 20))  # two for each clock
    with running() as simulated:
        start(simulated)
        simulated.run(1000)
        assert simulated.observed().cycles == cycles

"""Tests of the buses' latencies, in clocks, with a memory of fixed latencies; tests/rtl_gen/test_buses.py starts them."""

import random
from collections import deque

import cocotb
from cocotb.triggers import ClockCycles, RisingEdge

from datapath.registers import Control, Register
from tests.rtl_gen.bench.model import INPUT, MAX_LABELS, OUTPUT, THOROUGH, WORDS, Bench, Line, case

TO_FIRST_READ = 5
WORD_TO_COLUMN = 3
FOUND_TO_ADDRESS = 3
FOUND_TO_WORD = 4
RESPONSE_TO_DONE = 1


class Memory:
    """A memory without wait states.

    :param read_latency: clocks from a burst's address to its first word; later bursts follow without a gap.
    :param write_latency: clocks from a burst's last word to its response.
    """

    def __init__(self, dut, read_latency: int, write_latency: int) -> None:
        self.dut = dut
        self.read_latency, self.write_latency = read_latency, write_latency
        self.words: dict[int, int] = {}
        self.events: dict[str, list[int]] = {name: [] for name in ("start", "done", "ar", "r", "taken", "aw", "w", "b")}
        self.clock = 0
        dut.m_axi_read_arready.value = dut.m_axi_write_awready.value = dut.m_axi_write_wready.value = 1
        dut.m_axi_read_rvalid.value = dut.m_axi_write_bvalid.value = 0
        dut.m_axi_read_rid.value = dut.m_axi_write_bid.value = 0
        dut.m_axi_read_rresp.value = dut.m_axi_write_bresp.value = 0
        dut.m_axi_read_rlast.value = 0
        cocotb.start_soon(self._run())

    async def _run(self) -> None:
        """At each clock's end: note what happened in it, and set the inputs of the next one."""
        dut = self.dut
        reads, responses, addresses = deque(), deque(), deque()
        while True:
            await RisingEdge(dut.ap_clk)
            for name, signal in (
                ("start", dut.observe_start),
                ("done", dut.observe_done),
                ("ar", dut.m_axi_read_arvalid),
                ("r", dut.m_axi_read_rvalid),
                ("taken", dut.observe_taken),
                ("aw", dut.m_axi_write_awvalid),
                ("w", dut.m_axi_write_wvalid),
                ("b", dut.m_axi_write_bvalid),
            ):
                if signal.value == 1:
                    self.events[name].append(self.clock)
            in_reset = not dut.ap_rst_n.value
            if in_reset:
                addresses.clear()
            if dut.m_axi_read_arvalid.value == 1:
                first, beats = int(dut.m_axi_read_araddr.value), int(dut.m_axi_read_arlen.value) + 1
                due = self.clock + self.read_latency
                reads.extend((due, first + 8 * n, n == beats - 1) for n in range(beats))
            if dut.m_axi_write_awvalid.value == 1:
                first, beats = int(dut.m_axi_write_awaddr.value), int(dut.m_axi_write_awlen.value) + 1
                addresses.extend(first + 8 * n for n in range(beats))
            if dut.m_axi_write_wvalid.value == 1 and not in_reset:
                self.words[addresses.popleft()] = int(dut.m_axi_write_wdata.value)
                if dut.m_axi_write_wlast.value == 1:
                    responses.append(self.clock + self.write_latency)
            self.clock += 1
            dut.m_axi_read_rvalid.value = comes = int(bool(reads) and reads[0][0] <= self.clock)
            if comes:
                _, address, last = reads.popleft()
                dut.m_axi_read_rdata.value = self.words[address]
                dut.m_axi_read_rlast.value = int(last)
            dut.m_axi_write_bvalid.value = comes = int(bool(responses) and responses[0] <= self.clock)
            if comes:
                responses.popleft()


async def start(bench: Bench, memory: Memory, line: Line, input_address: int, output_address: int) -> None:
    """Fill the memory, write the registers, and start."""
    content = b"".join(record.to_bytes(8 * WORDS, "little") for record in line.records)
    for n in range(0, len(content), 8):
        memory.words[input_address + n] = int.from_bytes(content[n : n + 8], "little")
    columns = line.columns
    await bench.set_registers(columns, 2 * columns, 16 * columns * WORDS, input_address, output_address)
    for clocks in memory.events.values():
        clocks.clear()
    await bench.write(Register.CONTROL, Control.START)


async def run(
    bench: Bench, memory: Memory, line: Line, input_address: int, output_address: int
) -> dict[str, list[int]]:
    """The clocks of a line's events, counted from `observe_start`; its result is compared."""
    await start(bench, memory, line, input_address, output_address)
    while not memory.events["done"]:
        await ClockCycles(bench.dut.ap_clk, 10)
    assert await bench.read(Register.CONTROL) == Control.DONE | Control.IDLE | Control.READY
    assert [memory.words[output_address + 8 * n] for n in range(len(line.output))] == line.output
    assert bench.dut.violations.value == 0
    (began,) = memory.events["start"]
    return {name: [clock - began for clock in clocks] for name, clocks in memory.events.items()}


@case
async def each_latency_is_as_documented(dut):
    """And a word comes in every clock, whatever the memory's latency up to 40."""
    bench = Bench(dut, memory=False)
    memory = Memory(dut, 1, 1)
    await bench.reset()
    for latency in range(1, 41) if THOROUGH else (1, 2, 17, 40):
        memory.read_latency, memory.write_latency = latency, random.randint(1, 9)
        input_word, output_word = (15, 15) if latency in (17, 40) else (random.randrange(15), random.randrange(16))
        found = random.choice([0, 1, 4, 40, MAX_LABELS])
        line = Line.random(-(-120 // WORDS), found=found)
        clocks = await run(bench, memory, line, INPUT + 8 * input_word, OUTPUT + 8 * output_word)
        assert clocks["ar"][0] == TO_FIRST_READ
        first_word = TO_FIRST_READ + latency
        gap = int(input_word == 15)  # the first burst has one word
        assert clocks["r"] == [first_word, *range(first_word + 1 + gap, first_word + gap + 2 * line.columns * WORDS)]
        assert clocks["taken"] == [clock + WORD_TO_COLUMN for clock in clocks["r"][WORDS - 1 :: WORDS]]
        found_valid = clocks["taken"][-1] + 1  # the stub's
        assert clocks["aw"][0] == found_valid + FOUND_TO_ADDRESS
        first_sent = found_valid + FOUND_TO_WORD
        assert clocks["w"] == list(range(first_sent, first_sent + found + 1))
        assert clocks["b"][-1] == clocks["w"][-1] + memory.write_latency
        assert clocks["done"] == [clocks["b"][-1] + RESPONSE_TO_DONE]


@case
async def a_slow_memory_gets_at_most_15_bursts_without_a_response(dut):
    bench = Bench(dut, memory=False)
    memory = Memory(dut, 1, 1000)
    await bench.reset()
    clocks = await run(bench, memory, Line.random(2, found=MAX_LABELS), INPUT, OUTPUT)
    bursts = -(-(MAX_LABELS + 1) // 16)
    assert len(clocks["aw"]) == len(clocks["b"]) == bursts
    assert sum(clock < clocks["b"][0] for clock in clocks["aw"]) == min(bursts, 15)


@case
async def a_refused_line_has_documented_latencies(dut):
    bench = Bench(dut, memory=False)
    memory = Memory(dut, 1, 3)
    await bench.reset()
    await bench.set_registers(0, 0, 0, INPUT, OUTPUT)
    await bench.write(Register.CONTROL, Control.START)
    await ClockCycles(dut.ap_clk, 40)
    (start,) = memory.events["start"]
    assert [clock - start for clock in memory.events["aw"]] == [5]
    assert [clock - start for clock in memory.events["w"]] == [6]
    assert [clock - start for clock in memory.events["done"]] == [6 + 3 + RESPONSE_TO_DONE]
    assert not memory.events["ar"]


@case
async def responses_to_nothing_are_dropped(dut):
    """As after a reset that the memory did not see: it still answers the line that the reset has ended."""
    bench = Bench(dut, memory=False)
    memory = Memory(dut, 30, 30)
    await bench.reset()
    for delay in range(4, 160, 1 if THOROUGH else 31):
        await start(bench, memory, Line.random(12, found=20), INPUT, OUTPUT)
        await ClockCycles(dut.ap_clk, delay)
        await bench.reset()
        await ClockCycles(dut.ap_clk, 100)
        await run(bench, memory, Line.random(9, found=20), INPUT, OUTPUT)

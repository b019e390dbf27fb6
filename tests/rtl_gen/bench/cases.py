"""Tests of the accelerator's buses that run in a simulator; tests/rtl_gen/test_buses.py starts it."""

import random
from itertools import product

import cocotb
from cocotb.triggers import ClockCycles, gather
from cocotbext.axi.axil_channels import AxiLiteARTransaction, AxiLiteAWTransaction, AxiLiteWTransaction

from datapath.registers import Control, Register
from tests.rtl_gen.bench.model import (
    ALL_ONES,
    INPUT,
    MAX_COLUMNS,
    MAX_LABELS,
    OUTPUT,
    READ_ERROR,
    REFUSED,
    STATUS,
    THOROUGH,
    WORDS,
    WRITE_ERROR,
    Bench,
    Line,
    case,
)
from tests.rtl_gen.sources import unpadded_bytes

PAGE = 4096
STALLS = (0, 0.3, 0.8)
WRITTEN = [register for register in Register if register is not Register.CONTROL]
HELD = [*WRITTEN, Register.INPUT_ADDRESS + 4, Register.OUTPUT_ADDRESS + 4]
"""Offsets of the registers that hold what is written."""


def few(cases: list, count: int) -> list:
    """Some of the cases, chosen at random; all of them in a thorough run."""
    return cases if THOROUGH else random.sample(cases, min(count, len(cases)))


@case
async def registers_hold_what_is_written_byte_by_byte(dut):
    bench = Bench(dut)
    await bench.reset()
    expected = dict.fromkeys(range(0, 128, 4), 0) | {int(Register.CONTROL): int(Control.IDLE)}
    for stall in STALLS:
        bench.stall(stall)
        for _ in range(200 if THOROUGH else 20):
            offset, first = random.choice(range(4, 128, 4)), random.randrange(4)
            content = random.randbytes(random.randint(1, 4 - first))
            await bench.master.write(offset + first, content)
            if offset in HELD:
                whole = bytearray(expected[offset].to_bytes(4, "little"))
                whole[first : first + len(content)] = content
                expected[offset] = int.from_bytes(whole, "little")
        assert {offset: await bench.read(offset) for offset in expected} == expected


@case
async def the_lowest_bits_of_an_address_choose_nothing(dut):
    """The models align addresses, so these go to their channels; the data of a byte without a strobe is not written."""
    bench = Bench(dut)
    await bench.reset()
    write, read = bench.master.write_if, bench.master.read_if
    await write.aw_channel.send(AxiLiteAWTransaction(awaddr=Register.COLUMNS + 3))
    await write.w_channel.send(AxiLiteWTransaction(wdata=0x12345678, wstrb=0b0101))
    await read.ar_channel.send(AxiLiteARTransaction(araddr=Register.COLUMNS + 1))
    while not dut.s_axi_control_bvalid.value:
        await ClockCycles(dut.ap_clk, 1)
    await read.ar_channel.send(AxiLiteARTransaction(araddr=Register.COLUMNS + 2))
    await ClockCycles(dut.ap_clk, 20)
    assert dut.s_axi_control_rdata.value == 0x00340078


@case
async def accesses_follow_each_other_without_a_pause(dut):
    """Many wait at each channel, in which the others' order is at random."""
    bench = Bench(dut)
    await bench.reset()
    for stall in STALLS:
        bench.stall(stall)
        for _ in range(20 if THOROUGH else 4):
            values = {offset: random.getrandbits(32) for offset in random.sample(HELD, len(HELD))}
            await gather(*(cocotb.start_soon(bench.write(*access)) for access in values.items()))
            reads = [cocotb.start_soon(bench.read(offset)) for offset in values]
            assert list(await gather(*reads)) == list(values.values())


@case
async def only_a_one_in_bit_0_of_control_starts(dut):
    bench = Bench(dut)
    await bench.reset()
    await bench.write(Register.CONTROL, 0xFFFFFFFE)
    word = AxiLiteWTransaction(wdata=0xFFFFFFFF, wstrb=0b1110)
    await bench.master.write_if.aw_channel.send(AxiLiteAWTransaction(awaddr=int(Register.CONTROL)))
    await bench.master.write_if.w_channel.send(word)
    await ClockCycles(dut.ap_clk, 40)
    assert await bench.read(Register.CONTROL) == Control.IDLE


@case
async def lines_of_many_lengths(dut):
    """In a thorough run of records of one word, all lengths."""
    bench = Bench(dut)
    await bench.reset()
    lengths = list(range(1, MAX_COLUMNS + 1))
    if WORDS > 1 or not THOROUGH:
        lengths = [1, 2, 3, MAX_COLUMNS, *random.sample(lengths, 30 if THOROUGH else 3)]
    for columns in lengths:
        bench.stall(random.choice(STALLS) if columns < 60 or columns == MAX_COLUMNS else 0)
        line = Line.random(columns, found=random.randint(0, MAX_LABELS), longest_pause=0 if columns > 60 else 9)
        await bench.check(line)


@case
async def buffers_at_any_address(dut):
    """Bursts at all offsets from a multiple of their length, and from the boundaries of 4 KiB, which none may cross."""
    bench = Bench(dut)
    await bench.reset()
    for word in few(list(range(-16, 17)), 5):
        bench.stall(random.choice(STALLS))
        line = Line.random(random.randint(1, 40), found=random.randint(0, 60))
        input_address = random.getrandbits(49) * PAGE - random.choice([0, 8 * WORDS * 5]) + 8 * word
        output_address = random.getrandbits(49) * PAGE - 8 * random.randrange(64)
        low_bits = random.randrange(8)
        await bench.check(line, input_address=input_address + low_bits, output_address=output_address + 7 - low_bits)


@case
async def any_number_of_labels(dut):
    bench = Bench(dut)
    await bench.reset()
    ends = [14, 15, 16, 30, 31, 32, 93, 94, 95, 96, 97, 127, 1000, 65535]
    for found in [*few([*range(100), *ends], 0), 0, 1, 15, MAX_LABELS - 1, MAX_LABELS, MAX_LABELS + 1, 65535]:
        bench.stall(random.choice(STALLS))
        await bench.check(Line.random(2, found=found), output_address=OUTPUT + 8 * random.randrange(16))


@case
async def words_wait_until_their_address_can_be_offered(dut):
    """The memory takes an address late, and data at once."""
    bench = Bench(dut)
    await bench.reset()
    for word in range(12, 16):
        bench.write_memory.aw_channel.pause = True
        line = Line.random(1, found=20)
        await bench.start(line, output_address=OUTPUT + 8 * word)
        await ClockCycles(dut.ap_clk, 100)
        bench.write_memory.aw_channel.pause = False
        assert await bench.finish() == 0
        bench.check_output(line.output, OUTPUT + 8 * word)


def acceptable(columns: int, twice: int, length: int) -> bool:
    """The rule of the HLS kernel's `acceptable` in hls_gen/library/kernel.hpp."""
    if not 1 <= columns <= MAX_COLUMNS or twice != 2 * columns:
        return False
    return twice * unpadded_bytes(WORDS) <= length <= twice * 8 * WORDS


def at_the_edges() -> list[tuple[int, int, int]]:
    """Registers next to the limits of the rule."""
    padded, unpadded = 8 * WORDS, unpadded_bytes(WORDS)
    found = [(0, 0, 0), (2, 3, 4 * padded), (2, 2, 4 * padded), (2**31 + 2, 4, 4 * padded)]
    found += [(MAX_COLUMNS + 1, 2 * MAX_COLUMNS + 2, (2 * MAX_COLUMNS + 2) * padded)]
    for twice in (2, 4, 2 * MAX_COLUMNS):
        found += [(twice // 2, twice, length) for length in (0, twice * unpadded - 1, twice * padded + 1, 2**32 - 1)]
    return found


def with_another_bit() -> list[tuple[int, int, int]]:
    """Registers of which one bit is wrong."""
    found = []
    for columns, bit in product((1, 2, MAX_COLUMNS, 2**16, 2**16 + 1, 2**31), range(32)):
        twice, length = 2 * columns % 2**32, 16 * WORDS * columns % 2**32
        found += [(columns, twice ^ 1 << bit, length), (columns ^ 1 << bit, twice, length), (columns, twice, length)]
    return found


@case
async def contradictory_registers_are_refused(dut):
    """Nothing is read, word 0 is all ones."""
    bench = Bench(dut)
    await bench.reset()
    for registers in [*at_the_edges(), *few(with_another_bit(), 10)]:
        if acceptable(*registers):
            continue
        bench.clear_output(OUTPUT)
        await bench.set_registers(*registers, INPUT, OUTPUT)
        await bench.write(Register.CONTROL, Control.START)
        assert await bench.finish() == REFUSED
        bench.check_output([ALL_ONES])
    assert bench.read_memory.reads == 0
    await bench.check(Line.random(3, found=4))


@case
async def bytes_with_and_without_padding_are_accepted(dut):
    bench = Bench(dut)
    await bench.reset()
    for record in {unpadded_bytes(WORDS), 8 * WORDS}:
        line = Line.random(5, found=7)
        bench.fill(line, INPUT)
        bench.clear_output(OUTPUT)
        await bench.set_registers(5, 10, 10 * record, INPUT, OUTPUT)
        await bench.write(Register.CONTROL, Control.START)
        assert await bench.finish() == 0
        bench.check_output(line.output)


@case
async def an_error_in_any_word_that_is_read_fails_the_line(dut):
    bench = Bench(dut)
    await bench.reset()
    columns = 3 if WORDS > 1 else 12
    for position in few(list(range(2 * columns * WORDS)), 6):
        bench.stall(random.choice(STALLS))
        bench.read_memory.faulty = {INPUT + 8 * position}
        await bench.start(Line.random(columns, found=5))
        assert await bench.finish() == READ_ERROR
        bench.check_output([ALL_ONES])
        bench.read_memory.faulty = set()
        await bench.check(Line.random(columns, found=5))


@case
async def an_error_in_any_word_that_is_written_is_reported(dut):
    """In a burst with an error, the model drops that word only."""
    bench = Bench(dut)
    await bench.reset()
    for position in few(list(range(41)), 5):
        bench.stall(random.choice(STALLS))
        address = OUTPUT + 8 * random.randrange(16)
        line = Line.random(1, found=40)
        bench.write_memory.faulty = {address + 8 * position}
        await bench.start(line, output_address=address)
        assert await bench.finish() == WRITE_ERROR
        words = bench.output(address, 41)
        assert [n for n in range(41) if words[n] != line.output[n]] == [position]
        bench.write_memory.faulty = set()
        await bench.check(line, output_address=address)


@case
async def errors_add_up_and_the_next_line_clears_them(dut):
    bench = Bench(dut)
    await bench.reset()
    bench.write_memory.faulty = {OUTPUT}
    bench.read_memory.faulty = {INPUT}
    await bench.start(Line.random(2, found=3))
    assert await bench.finish() == READ_ERROR | WRITE_ERROR
    await bench.set_registers(0, 0, 0, INPUT, OUTPUT)
    await bench.write(Register.CONTROL, Control.START)
    assert await bench.finish() == REFUSED | WRITE_ERROR
    bench.read_memory.faulty = bench.write_memory.faulty = set()
    await bench.start(Line.random(2, found=3), output_address=OUTPUT)
    assert await bench.finish() == 0


@case
async def the_end_of_a_line_is_seen_once_whenever_control_is_read(dut):
    """Control is read without a pause; the last clock of the line meets each clock of a read."""
    bench = Bench(dut)
    await bench.reset()
    for pause in range(24 if THOROUGH else 8):
        line = Line.random(1, found=3)
        records = (line.records[0] >> 16 << 16 & (1 << 64 * WORDS - 16) - 1 | pause << 64 * WORDS - 16, line.records[1])
        await bench.check(Line(records))


@case
async def a_start_clears_the_last_lines_end(dut):
    bench = Bench(dut)
    await bench.reset()
    line = Line.random(2, found=2, longest_pause=100)
    await bench.start(line)
    while not dut.observe_done.value:
        await ClockCycles(dut.ap_clk, 1)
    await bench.start(line)
    assert await bench.read(Register.CONTROL) == Control.START
    assert await bench.finish() == 0
    bench.check_output(line.output)


@case
async def writes_have_no_effect_while_a_line_is_running(dut):
    bench = Bench(dut)
    await bench.reset()
    line = Line((2000 << 64 * WORDS - 16, 3))
    await bench.start(line)
    before = [await bench.read(offset) for offset in HELD]
    for offset in (*HELD, Register.CONTROL):
        await bench.write(offset, 0xFFFFFFFF)
    assert [await bench.read(offset) for offset in HELD] == before
    assert await bench.finish() == 0
    bench.check_output(line.output)
    await ClockCycles(dut.ap_clk, 100)
    assert await bench.read(Register.CONTROL) == Control.IDLE


@case
async def a_reset_at_any_moment_makes_it_idle(dut):
    bench = Bench(dut)
    await bench.reset()
    for delay in few(list(range(200)), 12):
        bench.stall(random.choice(STALLS))
        await bench.start(Line.random(8, found=60, longest_pause=random.choice([0, 3])))
        await ClockCycles(dut.ap_clk, delay)
        access = cocotb.start_soon(bench.read(STATUS) if delay % 2 else bench.write(Register.COLUMNS, 1))
        await ClockCycles(dut.ap_clk, random.randrange(4))
        access.cancel()
        await bench.reset(random.randint(1, 4))
        assert {offset: await bench.read(offset) for offset in HELD} == dict.fromkeys(HELD, 0)
        assert await bench.read(STATUS) == 0
        assert await bench.read(Register.CONTROL) == Control.IDLE
        await bench.check(Line.random(random.randint(1, 12), found=random.randint(0, 40)))


@case
async def a_reset_at_the_start_of_a_line_ends_it(dut):
    """A reset of one clock in each clock around the one that accepts ap_start."""
    bench = Bench(dut)
    await bench.reset()
    for delay in range(14):
        line = Line.random(2, found=2)
        bench.fill(line, INPUT)
        bench.clear_output(OUTPUT)
        await bench.set_registers(2, 4, 32 * WORDS, INPUT, OUTPUT)
        access = cocotb.start_soon(bench.write(Register.CONTROL, Control.START))
        await ClockCycles(dut.ap_clk, delay)
        access.cancel()
        await bench.reset(1)
        await ClockCycles(dut.ap_clk, 40)
        assert await bench.read(Register.CONTROL) == Control.IDLE
        bench.check_output([])
        await bench.check(line)

"""The accelerator's buses in a simulator: cocotbext-axi's models at its three ports, lines for the stub of the datapath."""

import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import repeat

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles
from cocotbext.axi import AxiLiteBus, AxiLiteMaster, AxiRamRead, AxiRamWrite, AxiReadBus, AxiWriteBus

from datapath.registers import Control, Register
from tests.rtl_gen.sources import PARAMETERS, SHAPES

WORDS = int(os.environ["BENCH_WORDS"])
MAX_COLUMNS, MAX_LABELS = ((PARAMETERS | SHAPES[WORDS])[name] for name in ("MAX_COLUMNS", "MAX_LABELS"))
THOROUGH = os.environ["BENCH_THOROUGH"] == "1"
"""Whether the many cases of `make test-all` run, or few."""

CLOCK_NS = 10
case = cocotb.test(timeout_time=100 if THOROUGH else 1, timeout_unit="ms")
"""A test, which a simulation that does not get on fails."""

STATUS = 0x40
REFUSED, READ_ERROR, WRITE_ERROR = 1, 2, 4
ALL_ONES = (1 << 64) - 1
UNTOUCHED = 0x5A5A5A5A5A5A5A5A
INPUT, OUTPUT = 0x1_2345_0000, 0x2_3456_0000


@dataclass(frozen=True)
class Line:
    """Records for the stub, two for each column, and what it finds in them."""

    records: tuple[int, ...]

    @classmethod
    def random(cls, columns: int, *, found: int, longest_pause: int = 0) -> "Line":
        """A line of random records.

        :param columns: columns of the line.
        :param found: labels that the stub finds.
        :param longest_pause: most clocks that the stub waits between two records.
        """
        bits = 64 * WORDS
        records = [
            random.getrandbits(bits - 16) | random.randint(0, longest_pause) << bits - 16 for _ in range(2 * columns)
        ]
        records[-1] = records[-1] >> 16 << 16 | found
        return cls(tuple(records))

    @property
    def columns(self) -> int:
        return len(self.records) // 2

    @property
    def found(self) -> int:
        return self.records[-1] & 0xFFFF

    @property
    def output(self) -> list[int]:
        """The words that the accelerator writes."""
        bits, checksum = 64 * WORDS, 0
        for record in self.records:
            rotated = checksum << 1 | checksum >> bits - 1
            checksum = (rotated + record) & (1 << bits) - 1
        content = checksum.to_bytes(8 * WORDS, "little")
        return [self.found, *((content[n % len(content)] + n) & 0xFF for n in range(min(self.found, MAX_LABELS)))]


class FaultyRead(AxiRamRead):
    """A memory that answers reads of some words with an error."""

    faulty: set[int] = frozenset()
    reads = 0

    async def _read(self, address: int, length: int) -> bytes:
        self.reads += 1
        if address in self.faulty:
            raise ValueError(f"no word at 0x{address:X}")
        return self.read(address, length)


class FaultyWrite(AxiRamWrite):
    """A memory that answers writes of some words with an error."""

    faulty: set[int] = frozenset()

    async def _write(self, address: int, data: bytes) -> None:
        if address in self.faulty:
            raise ValueError(f"no word at 0x{address:X}")
        self.write(address, data)


class Bench:
    """The accelerator after a reset, with models at its ports.

    :param memory: whether models of memory are at its two masters.
    """

    def __init__(self, dut, *, memory: bool = True) -> None:
        self.dut = dut
        cocotb.start_soon(Clock(dut.ap_clk, CLOCK_NS, unit="ns").start())
        common = (dut.ap_clk, dut.ap_rst_n)
        dut.ap_rst_n.value = 0
        dut.s_axi_control_awprot.value = dut.s_axi_control_arprot.value = 0
        self.master = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axi_control"), *common, reset_active_level=False)
        if memory:
            read_bus, write_bus = AxiReadBus.from_prefix(dut, "m_axi_read"), AxiWriteBus.from_prefix(dut, "m_axi_write")
            self.read_memory = FaultyRead(read_bus, *common, reset_active_level=False, size=1 << 62)
            self.write_memory = FaultyWrite(write_bus, *common, reset_active_level=False, mem=self.read_memory.mem)

    async def reset(self, clocks: int = 3) -> None:
        self.dut.ap_rst_n.value = 0
        await ClockCycles(self.dut.ap_clk, clocks)
        self.dut.ap_rst_n.value = 1

    def stall(self, probability: float) -> None:
        """Let each channel of each bus pause at random; 0 for none."""
        write, read = self.master.write_if, self.master.read_if
        channels = [write.aw_channel, write.w_channel, write.b_channel, read.ar_channel, read.r_channel]
        write, read = self.write_memory, self.read_memory
        channels += [write.aw_channel, write.w_channel, write.b_channel, read.ar_channel, read.r_channel]
        for channel in channels:
            channel.set_pause_generator(pauses(probability) if probability else repeat(False))

    async def read(self, offset: int) -> int:
        return await self.master.read_dword(offset)

    async def write(self, offset: int, value: int) -> None:
        await self.master.write_dword(offset, value)

    def fill(self, line: Line, address: int) -> None:
        """Write a line's records into memory."""
        content = b"".join(record.to_bytes(8 * WORDS, "little") for record in line.records)
        self.read_memory.write(address & ~7, content)

    def output(self, address: int, words: int) -> list[int]:
        """Words of memory."""
        content = self.read_memory.read(address & ~7, 8 * words)
        return [int.from_bytes(content[n : n + 8], "little") for n in range(0, len(content), 8)]

    def clear_output(self, address: int) -> None:
        """Fill the output buffer, a word before it and one behind it."""
        content = UNTOUCHED.to_bytes(8, "little") * (MAX_LABELS + 3)
        self.write_memory.write((address & ~7) - 8, content)

    async def set_registers(
        self, columns: int, twice: int, length: int, input_address: int, output_address: int
    ) -> None:
        for register, value in (
            (Register.COLUMNS, columns),
            (Register.RECORDS, twice),
            (Register.INPUT_BYTES, length),
            (Register.INPUT_ADDRESS, input_address & 0xFFFFFFFF),
            (Register.INPUT_ADDRESS + 4, input_address >> 32),
            (Register.OUTPUT_ADDRESS, output_address & 0xFFFFFFFF),
            (Register.OUTPUT_ADDRESS + 4, output_address >> 32),
        ):
            await self.write(register, value)

    async def start(self, line: Line, *, input_address: int = INPUT, output_address: int = OUTPUT) -> None:
        """Fill the buffers, write the registers, and start."""
        self.fill(line, input_address)
        self.clear_output(output_address)
        columns = line.columns
        await self.set_registers(columns, 2 * columns, 16 * columns * WORDS, input_address, output_address)
        await self.write(Register.CONTROL, Control.START)

    async def finish(self) -> int:
        """Wait for the end of a line; its status."""
        state = Control(0)
        for _ in range(20_000):
            state = Control(await self.read(Register.CONTROL))
            if Control.DONE in state:
                break
            assert state == Control.START
        assert state == Control.DONE | Control.IDLE | Control.READY
        assert await self.read(Register.CONTROL) == Control.IDLE
        return await self.read(STATUS)

    async def check(self, line: Line, *, input_address: int = INPUT, output_address: int = OUTPUT) -> None:
        """Run a line and compare all words of the output buffer and its neighbours."""
        await self.start(line, input_address=input_address, output_address=output_address)
        assert await self.finish() == 0
        self.check_output(line.output, output_address)

    def check_output(self, expected: list[int], output_address: int = OUTPUT) -> None:
        rest = [UNTOUCHED] * (MAX_LABELS + 2 - len(expected))
        assert self.output((output_address & ~7) - 8, MAX_LABELS + 3) == [UNTOUCHED, *expected, *rest]
        assert self.dut.violations.value == 0


def pauses(probability: float) -> Iterator[bool]:
    """Whether a channel pauses, for each clock; runs of both, some long."""
    while True:
        yield from repeat(True, random.randint(1, 12) if random.random() < probability else 0)
        yield from repeat(False, random.randint(1, 12))

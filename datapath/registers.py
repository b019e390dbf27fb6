"""The accelerator's name, registers and control bits (docs/spec/overlay.md).

The published overlay's map, which the HLS kernel has too. Registers are 32 bits wide; a 64-bit address takes two, the
high half 4 bytes after the low one.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag

from datapath.errors import DesignError

TOP = "topLevel_BLSTM_CTC"
"""Name of the accelerator; a block design calls its instance ``topLevel_BLSTM_CTC_0``."""

CONTROL_BASE = 0x43C0_0000
"""Byte address of the registers in the published overlay."""

CONTROL_BYTES = 0x1_0000
"""Size of the register window, bytes."""

_LOW_WORD = 0xFFFF_FFFF

_LOWEST_BASE, _ADDRESSES, _PAGE = 0x4000_0000, 1 << 32, 0x1000
"""Below 1 GiB lies memory; a driver that took an address there for registers would write into it."""


def require_register_base(base: object, what: str = "control_base") -> None:
    """Refuse a byte address at which no board has registers.

    :param what: what the address is, the beginning of the sentence.
    :raises DesignError: it is not an integer, lies in memory, or is not the beginning of a page.
    """
    if not (isinstance(base, int) and _LOWEST_BASE <= base < _ADDRESSES and base % _PAGE == 0):
        shown = f"0x{base:X}" if isinstance(base, int) and base >= 0 else repr(base)
        raise DesignError(
            f"{what} is {shown}; it must be a multiple of 0x{_PAGE:X} from 0x{_LOWEST_BASE:X}, below which is memory, to "
            f"0x{_ADDRESSES - _PAGE:X}."
        )


class IntEnumWithMeaning(IntEnum):
    """An enum of integers whose members have a `meaning`, text for people: ``NAME = 1, "what it means"``."""

    meaning: str

    def __new__(cls, value: int, meaning: str) -> IntEnumWithMeaning:
        member = int.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member


class Register(IntEnumWithMeaning):
    """Byte offset of each register. What a driver writes is for a line of T columns of I pixels with A bits."""

    CONTROL = 0x00, "control: bit 0 ap_start, bit 1 ap_done (clears on read), bit 2 ap_idle, bit 3 ap_ready"
    COLUMNS = 0x10, "number of columns T"
    RECORDS = 0x18, "2 * T"
    INPUT_BYTES = 0x20, "bytes to read, 2 * T * ceil(I * A / 8)"
    INPUT_ADDRESS = 0x28, "address of the input buffer, low 32 bits; the high ones in 0x2C"
    OUTPUT_ADDRESS = 0x34, "address of the output buffer, low 32 bits; the high ones in 0x38"


def line_registers(*, columns: int, input_bytes: int, input_address: int, output_address: int) -> dict[int, int]:
    """What a driver writes to start a line, by byte offset, in the order of writing; ap_start is the last.

    :param columns: T of the line.
    :param input_bytes: bytes of its records.
    :param input_address: of the input buffer, in bytes.
    :param output_address: of the output buffer, in bytes.
    """
    return {
        Register.COLUMNS: columns,
        Register.RECORDS: 2 * columns,
        Register.INPUT_BYTES: input_bytes,
        Register.INPUT_ADDRESS: input_address & _LOW_WORD,
        Register.INPUT_ADDRESS + 4: input_address >> 32,
        Register.OUTPUT_ADDRESS: output_address & _LOW_WORD,
        Register.OUTPUT_ADDRESS + 4: output_address >> 32,
        Register.CONTROL: Control.START,
    }


class Control(IntFlag):
    """Bits of `Register.CONTROL`."""

    START = 1
    DONE = 2
    IDLE = 4
    READY = 8


STATUS = 0x40
"""Byte offset of the status of the last line, read only. The RTL kernel alone has this register."""


class Status(IntFlag):
    """Bits of the register `STATUS`."""

    REFUSED = 1
    READ_ERROR = 2
    WRITE_ERROR = 4

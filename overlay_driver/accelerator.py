"""The accelerator's registers and buffers: start a line, poll until it is done, read its labels."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from typing import Any

import numpy as np

from datapath.design import Design
from datapath.errors import BoardError, LimitError
from datapath.labels import most_labels
from datapath.packing import WORD_DTYPE, column_words, pack_columns, unpack_labels
from datapath.registers import STATUS, Control, Register, Status, line_registers
from overlay_driver.board import Board

MIN_WORDS = 1024
"""Smallest buffer, 64-bit words (8 KiB): XRT 2.17 places smaller ones where the accelerator does not reach them, and only
pynq 3.1.1 and later avoid that. The published overlay's host code allocates 128 words for the output."""

ADDRESS_SPACE = 1 << 32
"""Bytes that the master port of the published overlay addresses, with 32 bits."""

UNWRITTEN = np.uint64(0xFFFF_FFFF_FFFF_FFFF)
"""The output buffer is filled with this word before each line, so that words that were not written are recognised."""


class LineBuffer:
    """Physically contiguous memory for one line: its columns, and its labels. It is allocated once and reused.

    :param board: the board that allocates it.
    :param design: sets the sizes: pixels of a column, and limits of columns and labels.
    :raises BoardError: there is no memory, or the accelerator cannot address it.
    """

    def __init__(self, board: Board, design: Design) -> None:
        self._board = board
        self._design = design
        record = column_words(design.inputs, design.precision.activation)
        self._input_words = max(MIN_WORDS, 2 * design.limits.columns * record)
        self._output_words = max(MIN_WORDS, 1 + design.limits.labels)
        self._allocated = []
        self.input_bytes = self.columns = 0
        self.started = 0.0  # the start of its line, seconds
        self.allocate(np.zeros(0, dtype=WORD_DTYPE))

    def allocate(self, contents: np.ndarray) -> None:
        """Allocate both buffers, or neither, and write `contents`, uint64 [n], to the input; raises as `LineBuffer`."""
        with ExitStack() as unless_whole:
            unless_whole.callback(self.free)
            self.input, self.input_address = self._allocate(self._input_words)
            self.output, self.output_address = self._allocate(self._output_words)
            unless_whole.pop_all()
        self._write(contents)

    def save_and_free(self) -> np.ndarray:
        """Free the memory and return the words of the input, for `allocate`."""
        contents = np.array(np.asarray(self.input))
        self.free()
        return contents

    def _allocate(self, words: int) -> tuple[Any, int]:
        """A buffer and its physical address."""
        buffer = self._board.allocate(words)
        self._allocated.append(buffer)
        with self._board.wrap_errors("ask for a buffer's address"):
            address = int(buffer.physical_address)
        if address + 8 * words > ADDRESS_SPACE:
            raise BoardError(
                f"A buffer is at 0x{address:X}; the accelerator reaches addresses below 0x{ADDRESS_SPACE:X}."
            )
        return buffer, address

    def fill(self, columns: np.ndarray) -> None:
        """Pack a line of raw pixels, int8 [T, I], into the input buffer, and clear the output buffer.

        :raises DataError: a pixel is outside the range of its format.
        """
        words = pack_columns(columns, self._design.precision.activation)
        self._write(words)
        self.columns, self.input_bytes = len(columns), words.nbytes

    def _write(self, words: np.ndarray) -> None:
        np.asarray(self.input)[: len(words)] = words
        np.asarray(self.output)[:] = UNWRITTEN

    def to_device(self) -> None:
        """Write the buffers from the caches to memory. Always whole: slices fail in some versions of pynq."""
        with self._board.wrap_errors("synchronise the buffers"):
            self.input.sync_to_device()
            self.output.sync_to_device()

    def labels(self, *, counts_all: bool) -> np.ndarray:
        """The labels that the accelerator wrote, uint8 [n].

        :param counts_all: whether the kernel also counts labels that exceed the buffer.
        :raises LimitError: the line has more labels than the buffer holds.
        :raises BoardError: the words cannot be a result: no count, a count or label outside its range, or more words.
        """
        with self._board.wrap_errors("synchronise the output buffer"):
            self.output.sync_from_device()
        words = np.array(np.asarray(self.output), dtype=WORD_DTYPE)
        limit, classes = self._design.limits.labels, self._design.classes
        if words[0] == UNWRITTEN:
            raise BoardError(
                "The accelerator reports done but wrote no result: it refused the line, or its writes do not reach the "
                "buffer."
            )
        count, possible = int(words[0]), most_labels(self.columns)
        if counts_all and limit < count <= possible:
            raise LimitError(f"The line has {count} labels; the accelerator writes at most {limit}.")
        if count > min(limit, possible):
            most = min(limit, possible)
            raise BoardError(
                f"The accelerator counts {count} labels for {self.columns} columns; the allowed range is 0 to {most}."
            )
        found = words[1 : 1 + count]
        wrong = np.flatnonzero((found == 0) | (found >= classes))
        if len(wrong):
            index = int(wrong[0])
            raise BoardError(
                f"The accelerator wrote 0x{int(found[index]):X} as label {index}; the allowed range is 1 to {classes - 1}."
            )
        rest = words[1 + count :]
        if not counts_all and rest[:1] == classes:
            rest = rest[1:]  # the end mark that the published kernel writes where the buffer has room
        written = np.flatnonzero(rest != UNWRITTEN)
        if len(written):
            raise BoardError(f"The accelerator wrote {len(written)} words after its {len(found)} labels.")
        return unpack_labels(words)

    def free(self) -> None:
        """Free the memory; the accelerator must be idle. Errors of a board that no longer answers are ignored."""
        while self._allocated:
            buffer = self._allocated.pop()
            with suppress(BoardError), self._board.wrap_errors("free a buffer"):
                buffer.freebuffer()


class Accelerator:
    """The accelerator, controlled through its registers at the byte address `base`."""

    def __init__(self, board: Board, base: int) -> None:
        self.base = base
        self._board = board
        self._mmio = board.registers(base)

    def control(self) -> Control:
        """The control register; reading it clears ap_done."""
        with self._board.wrap_errors(f"read the control register at 0x{self.base:08X}"):
            return Control(int(self._mmio.read(Register.CONTROL)) & 0xF)

    def require_success(self) -> None:
        """Raise a BoardError where the RTL kernel's status register says that the last line failed."""
        with self._board.wrap_errors(f"read the status register at 0x{self.base:08X}"):
            status = Status(int(self._mmio.read(STATUS)) & 7)
        reasons = {
            Status.REFUSED: "it refused the line: columns and bytes contradict each other or exceed its buffers",
            Status.READ_ERROR: "a read from memory was answered with an error",
            Status.WRITE_ERROR: "a write to memory was answered with an error",
        }
        if status:
            found = "; ".join(reason for bit, reason in reasons.items() if bit in status)
            raise BoardError(f"The accelerator ended the line with status {int(status):#x}: {found}.")

    def start(self, buffer: LineBuffer) -> None:
        """Start the line of a buffer, after `LineBuffer.to_device`; a BoardError if the accelerator is not idle."""
        state = self.control()
        if Control.IDLE not in state or Control.START in state:
            raise BoardError(
                f"The accelerator at 0x{self.base:08X} is not idle (control register {int(state):#x}): another program "
                "uses it, or the bitstream has another block at this address."
            )
        values = line_registers(
            columns=buffer.columns,
            input_bytes=buffer.input_bytes,
            input_address=buffer.input_address,
            output_address=buffer.output_address,
        )
        with self._board.wrap_errors(f"write the registers at 0x{self.base:08X}"):
            for register, value in values.items():
                self._mmio.write(int(register), int(value))  # pynq accepts only Python's int


def hang_message(columns: int, state: Control, allowed: float, *, labels: int) -> str:
    """What a time-out means.

    :param columns: of the line.
    :param state: of the control register.
    :param allowed: the time-out, seconds.
    :param labels: most labels that the accelerator writes.
    """
    message = f"The accelerator did not finish a line of {columns} columns within {allowed:g} s (control register {int(state):#x})."
    if Control.IDLE in state:
        return f"{message} It never started: the bitstream has its registers elsewhere, or is not this accelerator."
    return (
        f"{message} It started and hangs: the line may have more than {labels} labels (the published overlay then never "
        "finishes), or the bitstream is for another design or clock."
    )

"""The accelerator's registers and buffers: start one line, see that it is done, read its labels."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from typing import Any

import numpy as np

from datapath.design import Design
from datapath.errors import BoardError, LimitError
from datapath.packing import WORD_DTYPE, column_words, pack_columns, unpack_labels
from datapath.registers import Control, Register
from overlay_driver.board import Board

MIN_WORDS = 1024
"""Words of a buffer at least, 8 KiB: XRT 2.17 gives smaller ones addresses that the accelerator does not reach, and only
pynq 3.1.1 and later know of it. The published overlay's host code allocates 128 words for the output."""

ADDRESS_SPACE = 1 << 32
"""The master port of the published overlay has addresses of 32 bits."""

UNTOUCHED = np.uint64(0xFFFF_FFFF_FFFF_FFFF)
"""What an output buffer is filled with before a line: a word that the accelerator did not write is no label."""

_WORD = 0xFFFF_FFFF


class LineBuffer:
    """Memory that both the processor and the accelerator reach, for one line: its columns, and room for its labels.

    Allocated once, used for line after line, and freed by `free`.
    """

    def __init__(self, board: Board, design: Design) -> None:
        self._board = board
        self._design = design
        record = column_words(design.inputs, design.precision.activation)
        self._input_words = max(MIN_WORDS, 2 * design.limits.columns * record)
        self._output_words = max(MIN_WORDS, 1 + design.limits.labels)
        self._allocated = []
        self.input_bytes = 0
        self.columns = 0
        self.allocate(np.zeros(0, dtype=WORD_DTYPE))

    def allocate(self, contents: np.ndarray) -> None:
        """Allocate its memory, all or nothing.

        :param contents: words that the input begins with.
        :raises BoardError: there is no memory.
        """
        with ExitStack() as unless_whole:
            unless_whole.callback(self.free)
            self.input, self.input_address = self._allocate(self._input_words)
            self.output, self.output_address = self._allocate(self._output_words)
            unless_whole.pop_all()
        self._write(contents)

    def set_aside(self) -> np.ndarray:
        """Free the memory; what the input held, for `allocate`."""
        contents = np.array(np.asarray(self.input))
        self.free()
        return contents

    def _allocate(self, words: int) -> tuple[Any, int]:
        """A buffer and its physical address."""
        buffer = self._board.allocate(words)
        self._allocated.append(buffer)
        with self._board.doing("ask for a buffer's address"):
            address = int(buffer.physical_address)
        if address + 8 * words > ADDRESS_SPACE:
            raise BoardError(
                f"A buffer lies at 0x{address:X}; the accelerator reaches addresses below 0x{ADDRESS_SPACE:X}."
            )
        return buffer, address

    def fill(self, columns: np.ndarray) -> None:
        """Pack a line's columns, int8 [T, I], into the buffer, and mark its output as not written.

        :raises DataError: a pixel outside the range of its format.
        """
        words = pack_columns(columns, self._design.precision.activation)
        self._write(words)
        self.columns, self.input_bytes = len(columns), words.nbytes

    def _write(self, words: np.ndarray) -> None:
        np.asarray(self.input)[: len(words)] = words
        np.asarray(self.output)[:] = UNTOUCHED

    def to_device(self) -> None:
        """Let the accelerator see what the processor wrote; whole buffers, as slices are not safe in every pynq."""
        with self._board.doing("synchronise the buffers"):
            self.input.sync_to_device()
            self.output.sync_to_device()

    def labels(self, *, counts_all: bool) -> np.ndarray:
        """The labels that the accelerator wrote, uint8 [n].

        :param counts_all: whether its count goes on where the buffer ends.
        :raises LimitError: there are more than the accelerator writes.
        :raises BoardError: what is there cannot be its result.
        """
        with self._board.doing("synchronise the output buffer"):
            self.output.sync_from_device()
        words = np.array(np.asarray(self.output), dtype=WORD_DTYPE)
        limit, classes = self._design.limits.labels, self._design.classes
        if words[0] == UNTOUCHED:
            raise BoardError(
                "The accelerator says that it is done and has written no result: it refused the line, or what it writes "
                "does not arrive in the buffer."
            )
        count = int(words[0])
        if counts_all and limit < count <= self.columns:
            raise LimitError(f"The line has {count} labels; the accelerator writes at most {limit}.")
        if count > limit:
            raise BoardError(
                f"The accelerator counts {count} labels; for {self.columns} columns allowed is 0 to {limit}."
            )
        found = words[1 : 1 + count]
        wrong = np.flatnonzero((found == 0) | (found >= classes))
        if len(wrong):
            place = int(wrong[0])
            raise BoardError(
                f"The accelerator wrote 0x{int(found[place]):X} as label {place}; allowed is 1 to {classes - 1}."
            )
        behind = words[1 + count :]
        if not counts_all and behind[:1] == classes:
            behind = behind[1:]  # the published kernel's mark of the end, which it writes where there is room
        written = np.flatnonzero(behind != UNTOUCHED)
        if len(written):
            raise BoardError(f"The accelerator wrote {len(written)} words behind its {len(found)} labels.")
        return unpack_labels(words)

    def free(self) -> None:
        """Give the memory back; the accelerator must not be running. On a board that is gone there is none to give."""
        while self._allocated:
            buffer = self._allocated.pop()
            with suppress(BoardError), self._board.doing("free a buffer"):
                buffer.freebuffer()


class Accelerator:
    """The accelerator behind its registers.

    :param base: byte address of the registers.
    """

    def __init__(self, board: Board, base: int) -> None:
        self.base = base
        self._board = board
        self._mmio = board.registers(base)

    def control(self) -> Control:
        """The control register; reading it clears ap_done."""
        with self._board.doing(f"read the control register at 0x{self.base:08X}"):
            return Control(int(self._mmio.read(Register.CONTROL)) & 0xF)

    def start(self, buffer: LineBuffer) -> None:
        """Start a line that lies in a buffer and has been synchronised.

        :raises BoardError: the accelerator is not idle.
        """
        state = self.control()
        if Control.IDLE not in state or Control.START in state:
            raise BoardError(
                f"The accelerator at 0x{self.base:08X} is not idle (control register {int(state):#x}): another program "
                "uses it, or the bitstream has something else there."
            )
        values = {
            Register.COLUMNS: buffer.columns,
            Register.RECORDS: 2 * buffer.columns,
            Register.INPUT_BYTES: buffer.input_bytes,
        }
        with self._board.doing(f"write the registers at 0x{self.base:08X}"):
            for register, value in values.items():
                self._write(register, value)
            for register, address in (
                (Register.INPUT_ADDRESS, buffer.input_address),
                (Register.OUTPUT_ADDRESS, buffer.output_address),
            ):
                self._write(register, address & _WORD)
                self._write(register + 4, address >> 32)
            self._write(Register.CONTROL, Control.START)

    def _write(self, offset: int, value: int) -> None:
        self._mmio.write(int(offset), int(value))  # pynq takes Python's own integers alone

"""The driver: sends lines to an accelerator, and reads their labels."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from itertools import count
from pathlib import Path

import numpy as np
from PIL import Image

from datapath.architecture import Architecture
from datapath.cycles import cycles_of, operations_per_column
from datapath.design import Design
from datapath.errors import BoardError, DataError, FoldlineError, LimitError
from datapath.images import image_columns
from datapath.manifest import Kernel, KnownAnswer, Manifest
from datapath.registers import Control
from overlay_driver.accelerator import Accelerator, LineBuffer
from overlay_driver.bitstream import read_bit_file, require_named, require_part
from overlay_driver.board import Board
from overlay_driver.results import BoardResult

TIMEOUT_FACTOR, TIMEOUT_SECONDS = 20, 1.0
"""Time-out of a line: a multiple of its modelled time, and at least so many seconds. The factor is large because the
design file may have another folding than the bitstream, which the model does not know."""

NOT_LOADED = "The accelerator is not loaded: loading its bitstream again failed. Enter the driver's with block again."


class Driver:
    """Computes lines on a board, within a `with` statement, which frees the buffers.

    Entering it loads the bitstream, sets the clock, allocates two buffers, and computes the known-answer lines.

    :param design: the network that the bitstream holds.
    :param board: this board, a remote board or the virtual board.
    :param manifest: describes the bitstream; its network must be the design's.
    :param bitstream: the .bit file; optional on the virtual board.
    :raises DesignError: the bitstream or the manifest belongs to another design.
    :raises FileError: the bitstream cannot be read.
    :raises BoardError: the bitstream is for another part. On entering: it cannot be loaded, the clock cannot be set,
        there is no memory, or a known-answer line fails or gives other labels.
    """

    def __init__(self, design: Design, *, board: Board, manifest: Manifest, bitstream: Path | None = None) -> None:
        self.design = design
        self.board = board
        self.manifest = manifest
        self._bit = None if bitstream is None else read_bit_file(bitstream)
        if self._bit is not None:
            require_named(self._bit.path, design)
            require_part(self._bit, board.part or manifest.part)
        manifest.require(design, str(bitstream or "The manifest"))
        self._cycles = cycles_of(Architecture.of(design), manifest.kernel)
        self._accelerator: Accelerator | None = None
        self._buffers: list[LineBuffer] = []
        self._running: LineBuffer | None = None
        self._iterator: object = None
        self._needs_check = False

    @property
    def kind(self) -> str:
        """What the board is, for messages."""
        return self.board.kind

    @property
    def clock_mhz(self) -> float:
        """Clock of the accelerator, MHz."""
        return self.manifest.clock_mhz

    @property
    def measured(self) -> str:
        """What the times are measured at, for a summary."""
        return f"at {self.clock_mhz:g} MHz"

    def __enter__(self) -> Driver:
        with ExitStack() as unless_ready:
            unless_ready.callback(self.close)
            self._load()
            self._needs_check = False
            for _ in range(2):
                self._buffers.append(LineBuffer(self.board, self.design))
            self.check()
            unless_ready.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Wait for a line that is still running, then free the buffers."""
        try:
            self._stop()
        finally:
            while self._buffers:
                self._buffers.pop().free()

    def _load(self) -> None:
        self._accelerator = None
        self.board.set_clock(self.manifest.clock_mhz)  # before loading, so that the logic never runs at an older clock
        base = self.board.load(self._bit)
        self.board.set_clock(self.manifest.clock_mhz)
        self._accelerator = Accelerator(self.board, self.manifest.control_base if base is None else base)

    def _load_again(self) -> None:
        """Load the bitstream again, which stops the accelerator.

        In versions of XRT that fail while buffers are allocated, these are freed, and allocated with the same contents.
        """
        self._needs_check = True
        try:
            self._load()
        except BoardError:
            contents = [buffer.save_and_free() for buffer in self._buffers]
            self._load()
            try:
                for buffer, words in zip(self._buffers, contents, strict=True):
                    buffer.allocate(words)
            except BoardError:
                self._accelerator = None  # it has no buffers
                raise

    def check(self) -> None:
        """Compute the known-answer lines; a BoardError if one fails or gives other labels than the design."""
        for answer in self.manifest.answers:
            (result,) = self.read_lines([answer.columns])
            self._require_answer(answer, result)

    def _require_answer(self, answer: KnownAnswer, result: BoardResult | FoldlineError) -> None:
        where, columns = self._bit.path.name if self._bit else "the board", len(answer.columns)
        if isinstance(result, FoldlineError):
            raise BoardError(f"On {where}, a known-answer line of {columns} columns fails: {result}") from result
        if not np.array_equal(result.labels, answer.labels):
            expected = self.design.alphabet.text(answer.labels)
            raise BoardError(
                f"This bitstream does not hold this design: a known-answer line of {columns} columns gives "
                f"{result.text!r} on {where}, and {expected!r} with the design."
            )

    def read_text(self, image: Image.Image | str | os.PathLike) -> BoardResult:
        """Compute one scanned line, an image or the path of one.

        :param image: a Pillow image, or the path of a file, as `datapath.image_columns` takes it.
        :raises ImageError: the image cannot be read, or gives no columns; other errors as `read_columns`.
        """
        (result,) = self.read_texts([image])
        return result

    def read_texts(self, images: Iterable[Image.Image | str | os.PathLike]) -> Iterator[BoardResult]:
        """Compute scanned lines; while the accelerator computes one, the driver prepares the next in a second buffer.

        :param images: Pillow images or paths of files.
        :raises: as `read_text`, at the first line that fails.
        """
        for result in self.read_lines(self._columns_or_error(image) for image in images):
            if isinstance(result, FoldlineError):
                raise result
            yield result

    def read_columns(self, columns: np.ndarray) -> BoardResult:
        """Compute one line of raw pixels, integers [T, I].

        :param columns: int8 [T, I], raw values of ``fixed<A, 1>``.
        :raises LimitError: T is not accepted by the accelerator, or the line has more labels than it writes.
        :raises DataError: another shape or type, or a pixel outside its range.
        :raises BoardError: the accelerator does not finish in time, or its output cannot be a result.
        """
        (result,) = self.read_lines([columns])
        if isinstance(result, FoldlineError):
            raise result
        return result

    def read_lines(self, lines: Iterable[np.ndarray | FoldlineError]) -> Iterator[BoardResult | FoldlineError]:
        """Compute lines of raw pixels, as `read_texts`; yields for each its result or its error, in order.

        :param lines: integers [T, I] each; an error, e.g. of an image that cannot be read, is yielded at its index.
        :raises BoardError: another iterator of this driver is not exhausted.
        """
        if self._running is not None:
            raise BoardError("The driver is reading other lines; exhaust or close their iterator first.")
        self._iterator = iterator = object()
        try:
            for number, line in enumerate(lines):
                filled = self._fill(self._buffers[number % 2], line)
                previous = None if self._running is None else self._finish()
                error = filled if isinstance(filled, FoldlineError) else self._start_checked(filled)
                if previous is not None:
                    yield previous
                if error is not None:
                    yield error
            if self._running is not None:
                yield self._finish()
        finally:
            if self._iterator is iterator:  # else the running line belongs to a later iterator
                self._stop()

    def _columns_or_error(self, image: Image.Image | str | os.PathLike) -> np.ndarray | FoldlineError:
        """The columns or the error, so that the previous line, which is still running, is not lost."""
        try:
            return image_columns(image, target_height=self.design.inputs, bits=self.design.precision.activation)
        except FoldlineError as error:
            return error

    def _fill(self, buffer: LineBuffer, line: np.ndarray | FoldlineError) -> LineBuffer | FoldlineError:
        if isinstance(line, FoldlineError):
            return line
        if self._accelerator is None:
            return BoardError(NOT_LOADED)
        columns = np.asarray(line)
        try:
            self._require_within(columns)
            buffer.fill(columns)
        except FoldlineError as error:
            return error
        return buffer

    def _require_within(self, columns: np.ndarray) -> None:
        """Refuse a line on which the hardware would hang."""
        inputs, limits = self.design.inputs, self.manifest.limits
        if columns.ndim != 2 or columns.shape[1] != inputs or not np.issubdtype(columns.dtype, np.integer):
            raise DataError(
                f"The line has shape {list(columns.shape)} and type {columns.dtype}; it must be integers [T, {inputs}]."
            )
        if not 1 <= len(columns) <= limits.columns:
            raise LimitError(f"The line has {len(columns)} columns; the accelerator takes 1 to {limits.columns}.")
        if len(columns) % 2 and not self.manifest.kernel.takes_odd_lines:
            raise LimitError(
                f"The line has {len(columns)} columns; the published overlay takes an even number of them."
            )

    def _start_checked(self, buffer: LineBuffer) -> FoldlineError | None:
        """Start a line, after a hang the known-answer lines first; returns the error if that fails."""
        if self._accelerator is None:
            return BoardError(NOT_LOADED)
        try:
            if self._needs_check:  # as `check`, in the other buffer
                other = next(other for other in self._buffers if other is not buffer)
                for answer in self.manifest.answers:
                    other.fill(answer.columns)
                    self._start(other)
                    self._require_answer(answer, self._finish())
                self._needs_check = False
            self._start(buffer)
        except BoardError as error:
            return error
        return None

    def _start(self, buffer: LineBuffer) -> None:
        buffer.to_device()
        buffer.started = self.board.timer.now()
        self._running = buffer  # set before the start, for an interrupt in between
        try:
            self._accelerator.start(buffer)
        except BoardError:
            self._running = None
            raise
        buffer.started = self.board.timer.now()

    def _finish(self) -> BoardResult | FoldlineError:
        """Wait for the running line; returns its result or its error. The accelerator is then idle."""
        buffer = self._running
        try:
            seconds, at_most = self._wait(buffer)
            self._running = None
            if self.manifest.kernel is Kernel.RTL:
                self._accelerator.require_success()
            labels = buffer.labels(counts_all=self.manifest.kernel.counts_all_labels)
        except FoldlineError as error:
            try:
                self._stop()
            except BoardError as second:
                return BoardError(f"{error} Recovery failed: {second}")
            return error
        return BoardResult(
            text=self.design.alphabet.text(labels),
            labels=labels,
            columns=buffer.columns,
            milliseconds=1000 * seconds,
            at_most=at_most,
            modelled=self.board.timer.modelled,
            operations=operations_per_column(self.design) * buffer.columns,
        )

    def _wait(self, buffer: LineBuffer) -> tuple[float, bool]:
        """Poll until the accelerator is done; returns seconds since the start, and whether they are an upper bound."""
        allowed = self._timeout(buffer.columns)
        for poll in count():
            state = self._accelerator.control()
            elapsed = self.board.timer.now() - buffer.started
            if Control.DONE in state:
                return elapsed, poll == 0 or self.board.remote
            if elapsed > allowed:
                raise BoardError(self._no_answer(buffer.columns, state, allowed))
            self.board.timer.pause()

    def _timeout(self, columns: int) -> float:
        expected = self._cycles.milliseconds(columns, self.manifest.clock_mhz) / 1000
        return max(TIMEOUT_SECONDS, TIMEOUT_FACTOR * expected)

    def _no_answer(self, columns: int, state: Control, allowed: float) -> str:
        message = (
            f"The accelerator did not finish a line of {columns} columns within {allowed:g} s "
            f"(control register {int(state):#x})."
        )
        if Control.IDLE in state:
            return f"{message} It never started: the bitstream has its registers elsewhere, or is not this accelerator."
        return (
            f"{message} It started and hangs: the line may have more than {self.manifest.limits.labels} labels (the "
            "published overlay then never finishes), or the bitstream is for another design or clock."
        )

    def _stop(self) -> None:
        """Make the accelerator idle: wait for the running line, or load the bitstream again.

        Before that, it may write to its buffer, which must be neither freed nor used.
        """
        buffer = self._running  # cleared only when the accelerator is idle, in case of a second Ctrl-C
        if buffer is None:
            return
        idle = False
        with suppress(BoardError):  # it hangs
            idle = self._accelerator is not None and self._becomes_idle(buffer)
        try:
            if not idle:
                self._load_again()
        except BoardError:
            self._running = None  # nothing more can be done
            raise
        self._running = None

    def _becomes_idle(self, buffer: LineBuffer) -> bool:
        """Wait for the line, unless the accelerator is idle or the line has already timed out."""
        state = self._accelerator.control()
        if Control.IDLE in state and Control.START not in state:
            return True
        if self.board.timer.now() - buffer.started > self._timeout(buffer.columns):
            return False
        self._wait(buffer)
        return True

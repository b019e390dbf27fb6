"""The driver: lines in, labels and text out."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

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
"""A line has this many times its modelled time, and this long at least. The folding in a design file need not be the
bitstream's, so the model may be well off; a hang costs a second."""

NOT_THERE = "The accelerator is not there: its bitstream could not be loaded again. Enter the driver once more."


@dataclass(frozen=True)
class _Run:
    """A line that the accelerator is at work on."""

    buffer: LineBuffer
    started: float


class Driver:
    """Reads lines on a board that holds a design. Use it in a `with` statement: it frees the buffers in any case.

    On entering, the bitstream is loaded, the clock set and read back, two buffers are allocated, and the lines with
    known answers are read.

    :param board: the board, a remote one or the virtual one.
    :param manifest: what the bitstream holds; must be the design.
    :param bitstream: the .bit file; the virtual board can do without.
    :raises DesignError: the bitstream is that of another design.
    :raises FileError: the bitstream cannot be read.
    :raises BoardError: it is for another part; or, on entering: it cannot be loaded, the clock cannot be set, there is
        no memory, or a line with a known answer gives another one.
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
        self._accelerator: Accelerator | None = None
        self._buffers: list[LineBuffer] = []
        self._running: _Run | None = None
        self._reader: object = None
        self._doubtful = False

    def __enter__(self) -> Driver:
        with ExitStack() as unless_ready:
            unless_ready.callback(self.close)
            self._load()
            self._doubtful = False
            for _ in range(2):
                self._buffers.append(LineBuffer(self.board, self.design))
            self.check()
            unless_ready.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Wait for a line that is still being computed, then free the buffers."""
        try:
            self._settle()
        finally:
            while self._buffers:
                self._buffers.pop().free()

    def _load(self) -> None:
        self._accelerator = None
        self.board.set_clock(self.manifest.clock_mhz)  # else the logic would begin with whatever clock was left
        base = self.board.load(self._bit)
        self.board.set_clock(self.manifest.clock_mhz)
        self._accelerator = Accelerator(self.board, self.manifest.control_base if base is None else base)

    def _load_again(self) -> None:
        """Load the bitstream once more, which stops the accelerator whatever it is at.

        Some versions of XRT refuse what comes after that while buffers are allocated. They are then given back, and
        allocated anew with what they held.
        """
        self._doubtful = True
        try:
            self._load()
        except BoardError:
            contents = [buffer.set_aside() for buffer in self._buffers]
            self._load()
            try:
                for buffer, words in zip(self._buffers, contents, strict=True):
                    buffer.allocate(words)
            except BoardError:
                self._accelerator = None  # there is nothing to give it
                raise

    def check(self) -> None:
        """Read the lines with known answers.

        :raises BoardError: one fails, or gives other labels than the design does.
        """
        for answer in self.manifest.answers:
            try:
                labels = self.read_columns(answer.columns).labels
            except BoardError as error:
                raise self._fails(answer, error) from error
            self._require_answer(answer, labels)

    @property
    def _where(self) -> str:
        return self._bit.path.name if self._bit else "the board"

    def _fails(self, answer: KnownAnswer, error: BoardError) -> BoardError:
        return BoardError(
            f"On {self._where} a line of {len(answer.columns)} columns with a known answer fails: {error}"
        )

    def _require_answer(self, answer: KnownAnswer, labels: np.ndarray) -> None:
        if not np.array_equal(labels, answer.labels):
            raise BoardError(
                f"This bitstream does not hold this design: a line of {len(answer.columns)} columns with a known answer "
                f"reads {self._text(labels)!r} on {self._where}, the design reads {self._text(answer.labels)!r}."
            )

    def read_text(self, image: Image.Image | str | os.PathLike) -> BoardResult:
        """Read one scanned line.

        :raises ImageError: the image cannot be read, or gives no columns.
        :raises LimitError, BoardError: as `read_columns`.
        """
        return self.read_columns(self._columns_of(image))

    def read_texts(self, images: Iterable[Image.Image | str | os.PathLike]) -> Iterator[BoardResult]:
        """Read scanned lines; while the accelerator computes one, the next is prepared in a second buffer.

        :raises: as `read_text`; the first line that fails ends it.
        """
        for result in self.read_lines(self._columns_or_error(image) for image in images):
            if isinstance(result, FoldlineError):
                raise result
            yield result

    def read_columns(self, columns: np.ndarray) -> BoardResult:
        """Read one line of raw pixels, integers [T, I].

        :raises LimitError: the accelerator does not take so many columns, or an odd number of them.
        :raises DataError: another shape, or a pixel outside the range.
        :raises BoardError: the accelerator does not answer in time, or its answer cannot be right.
        """
        (result,) = self.read_lines([columns])
        if isinstance(result, FoldlineError):
            raise result
        return result

    def read_lines(self, lines: Iterable[np.ndarray | FoldlineError]) -> Iterator[BoardResult | FoldlineError]:
        """Read lines of raw pixels in order, each with its result: a reading, or the error of that line.

        While the accelerator computes a line, the next one is taken and packed into a second buffer. An error among
        the lines, of an image that cannot be read, comes out at its place.

        :raises BoardError: other lines are being read; end that first.
        """
        if self._running is not None:
            raise BoardError("The driver is reading other lines; read them to their end, or close what reads them.")
        self._reader = reader = object()
        try:
            for number, line in enumerate(lines):
                ready = self._filled(self._buffers[number % 2], line)
                before = None if self._running is None else self._finished()
                failed = ready if isinstance(ready, FoldlineError) else self._started(ready)
                if before is not None:
                    yield before
                if failed is not None:
                    yield failed
            if self._running is not None:
                yield self._finished()
        finally:
            if self._reader is reader:  # else what runs is a later reader's
                self._settle()

    def _columns_of(self, image: Image.Image | str | os.PathLike) -> np.ndarray:
        return image_columns(image, target_height=self.design.inputs, bits=self.design.precision.activation)

    def _columns_or_error(self, image: Image.Image | str | os.PathLike) -> np.ndarray | FoldlineError:
        """An error in its line's place, so that the line before it, which is still being computed, is read."""
        try:
            return self._columns_of(image)
        except FoldlineError as error:
            return error

    def _filled(self, buffer: LineBuffer, line: np.ndarray | FoldlineError) -> LineBuffer | FoldlineError:
        if isinstance(line, FoldlineError):
            return line
        if self._accelerator is None:
            return BoardError(NOT_THERE)
        columns = np.asarray(line)
        try:
            self._require_within(columns)
            buffer.fill(columns)
        except FoldlineError as error:
            return error
        return buffer

    def _require_within(self, columns: np.ndarray) -> None:
        """Refuse a line before it reaches the hardware, which would not survive it."""
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

    def _started(self, buffer: LineBuffer) -> FoldlineError | None:
        """Start a line; the error if that fails. After a hang, lines with known answers go before it."""
        if self._accelerator is None:
            return BoardError(NOT_THERE)
        try:
            if self._doubtful:
                self._check_again(next(other for other in self._buffers if other is not buffer))
            self._start(buffer)
        except BoardError as error:
            return error
        return None

    def _check_again(self, buffer: LineBuffer) -> None:
        """As `check`, with a buffer that is free."""
        for answer in self.manifest.answers:
            buffer.fill(answer.columns)
            self._start(buffer)
            result = self._finished()
            if isinstance(result, FoldlineError):
                raise self._fails(answer, result)
            self._require_answer(answer, result.labels)
        self._doubtful = False

    def _start(self, buffer: LineBuffer) -> None:
        buffer.to_device()
        self._running = _Run(buffer, self.board.timer.now())  # what interrupts us now must find it
        try:
            self._accelerator.start(buffer)
        except BoardError:
            self._running = None
            raise
        self._running = _Run(buffer, self.board.timer.now())

    def _finished(self) -> BoardResult | FoldlineError:
        """Wait for the running line; the reading, or the error of that line, after which the next one can run."""
        run = self._running
        try:
            seconds, at_most = self._wait(run)
            self._running = None
            labels = run.buffer.labels(counts_all=self.manifest.kernel is Kernel.HLS)
        except FoldlineError as error:
            try:
                self._settle()
            except BoardError as another:
                return BoardError(f"{error} It cannot be set right: {another}")
            return error
        return BoardResult(
            text=self._text(labels),
            labels=labels,
            columns=run.buffer.columns,
            milliseconds=1000 * seconds,
            at_most=at_most,
            modelled=self.board.timer.modelled,
            operations=operations_per_column(self.design) * run.buffer.columns,
        )

    def _wait(self, run: _Run) -> tuple[float, bool]:
        """Look until the accelerator has done: seconds since the start, and whether it may have been less."""
        timer = self.board.timer
        allowed = self._timeout(run.buffer.columns)
        looks = 0
        while True:
            state = self._accelerator.control()
            elapsed = timer.now() - run.started
            looks += 1
            if Control.DONE in state:
                return elapsed, looks == 1 or self.board.distant
            if elapsed > allowed:
                raise BoardError(self._no_answer(run, state, allowed))
            timer.pause()

    def _timeout(self, columns: int) -> float:
        cycles = cycles_of(Architecture.of(self.design), self.manifest.kernel)
        expected = cycles.milliseconds(columns, self.manifest.clock_mhz) / 1000
        return max(TIMEOUT_SECONDS, TIMEOUT_FACTOR * expected)

    def _no_answer(self, run: _Run, state: Control, allowed: float) -> str:
        sentence = (
            f"The accelerator did not finish a line of {run.buffer.columns} columns within {allowed:g} s "
            f"(control register {int(state):#x})."
        )
        if Control.IDLE in state:
            return (
                f"{sentence} It never started: the bitstream has its registers elsewhere, or is not this accelerator."
            )
        return (
            f"{sentence} It started and hangs: likely the line has more labels than the {self.manifest.limits.labels} that "
            "fit (the published overlay then never ends), or the bitstream is of another design or clock."
        )

    def _settle(self) -> None:
        """Bring the accelerator to rest, if it is at work: wait for it, else load the bitstream again.

        Until then it may write to its buffer, which must not be freed or used.
        """
        run = self._running  # until it is at rest: a second Ctrl-C, too, must find it
        if run is None:
            return
        try:
            if self._accelerator is not None and (self._rests() or self._ends(run)):
                self._running = None
                return
        except BoardError:
            pass  # it hangs
        try:
            self._load_again()
        except BoardError:
            self._running = None  # all that can be done has been done
            raise
        self._running = None

    def _rests(self) -> bool:
        state = self._accelerator.control()
        return Control.IDLE in state and Control.START not in state

    def _ends(self, run: _Run) -> bool:
        """Wait for a line whose time is not up."""
        if self.board.timer.now() - run.started > self._timeout(run.buffer.columns):
            return False
        self._wait(run)
        return True

    def _text(self, labels: np.ndarray) -> str:
        return self.design.alphabet.text(labels)

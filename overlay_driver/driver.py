"""The driver: sends lines to an accelerator, and reads their labels."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from functools import partial
from itertools import count
from pathlib import Path

import numpy as np
from PIL import Image

from datapath.architecture import Architecture
from datapath.cycles import cycles_of
from datapath.design import Design
from datapath.errors import BoardError, FoldlineError
from datapath.images import image_columns
from datapath.manifest import Kernel, Manifest
from datapath.registers import Control
from overlay_driver.accelerator import Accelerator, LineBuffer, hang_message
from overlay_driver.bitstream import read_bit_file, require_named, require_part
from overlay_driver.board import Board
from overlay_driver.checks import (
    HeldLines,
    lines_until_error,
    notes_on,
    require_answer,
    require_interval,
    require_line,
)
from overlay_driver.handoff import notes_on_address, require_handoff
from overlay_driver.results import BoardResult

TIMEOUT_FACTOR, TIMEOUT_SECONDS = 20, 1.0
"""Time-out of a line: a multiple of its modelled time, and at least so many seconds. The factor is large because the
design file may have another folding than the bitstream, which the model does not know."""

NOT_LOADED = "The accelerator is not loaded: loading its bitstream again failed. Enter the driver's with block again."


class Driver:
    """Computes lines on a board, within a `with` statement, which frees the buffers.

    Entering it loads the bitstream, sets the clock, allocates two buffers, and computes the known-answer lines.

    **What is guaranteed:** a result is given out after the known-answer lines, computed again behind it, had their labels at
    the clock of the manifest. Otherwise the bitstream is loaded again, and the line is computed and confirmed once more; if
    that fails, its result is a `BoardError`. A fault that comes and goes between two checks is not detected, and none is
    where the manifest has no known-answer lines (see `notes`).

    :param design: the network that the bitstream holds.
    :param board: this board, a remote board or the virtual board.
    :param manifest: describes the bitstream; its network must be the design's.
    :param bitstream: the .bit file; optional on the virtual board.
    :param check_every: lines between two checks, 1 to 1000, which is how many results wait for one; None: as many as let the
        checks take at most one hundredth of the time. A further check is at the end of the lines.
    :raises ConfigError: `check_every` is outside its range.
    :raises DesignError: the bitstream or the manifest belongs to another design.
    :raises FileError: the bitstream cannot be read.
    :raises BoardError: the bitstream is for another part, or its .hwh of another build. On entering: it cannot be loaded,
        the clock cannot be set, there is no memory, or a known-answer line fails or gives other labels.
    """

    def __init__(
        self,
        design: Design,
        *,
        board: Board,
        manifest: Manifest,
        bitstream: Path | None = None,
        check_every: int | None = None,
    ) -> None:
        self._check_every = require_interval(check_every)
        self.design = design
        self.board = board
        self.manifest = manifest
        self._bit = None if bitstream is None else read_bit_file(bitstream)
        if self._bit is not None:
            require_named(self._bit.path, design)
            require_part(self._bit, board.part or manifest.part)
            require_handoff(self._bit)
        manifest.require(design, str(bitstream or "The manifest"))
        self._cycles = cycles_of(Architecture.of(design), manifest.kernel)
        self._accelerator: Accelerator | None = None
        self._buffers: list[LineBuffer] = []
        self._running: LineBuffer | None = None
        self._iterator: object = None
        self._needs_check = self._sound = False  # whether a check has passed since it was loaded again, and was entered
        self._loads, self._check_seconds = 0, 0.0

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

    @property
    def notes(self) -> tuple[str, ...]:
        """What the checks cannot find, and where files differ, one sentence each."""
        silent = notes_on(self.manifest.answers, "in the manifest")
        return (*silent, *notes_on_address(self._bit, self._accelerator, self.manifest.control_base))

    def __enter__(self) -> Driver:
        with ExitStack() as unless_ready:
            unless_ready.callback(self.close)
            self._load()
            self._sound = False
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
        self._loads += 1
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
        """Compute the known-answer lines.

        :raises BoardError: one fails or gives other labels, the clock is another one, or an iterator is not exhausted.
        """
        self._require_free()
        self._check_in(self._buffers[0])

    def _check_in(self, buffer: LineBuffer) -> None:
        """As `check`, in a buffer that is not used, with the accelerator idle."""
        began, where = self.board.timer.now(), self._bit.path.name if self._bit else "the board"
        self._needs_check = True
        self.board.require_clock(self.manifest.clock_mhz)
        for answer in self.manifest.answers:
            result = self._compute_in(buffer, answer.columns)
            require_answer(answer, result, self.design, where=where, sound=self._sound)
        self._needs_check, self._sound = False, bool(self.manifest.answers)
        self._check_seconds = self.board.timer.now() - began

    def _compute_in(self, buffer: LineBuffer, columns: np.ndarray) -> BoardResult | FoldlineError:
        """The result of one line, with the accelerator idle."""
        filled = self._fill(buffer, columns)
        if isinstance(filled, FoldlineError):
            return filled
        try:
            self._start(filled)
        except BoardError as error:
            return error
        return self._finish()

    def read_text(self, image: Image.Image | str | os.PathLike) -> BoardResult:
        """Compute one scanned line, an image or the path of one, and the known-answer lines behind it.

        :param image: a Pillow image, or the path of a file, as `datapath.image_columns` takes it.
        :raises ImageError: the image cannot be read, or gives no columns; other errors as `read_columns`.
        """
        (result,) = self.read_texts([image])
        return result

    def read_texts(self, images: Iterable[Image.Image | str | os.PathLike]) -> Iterator[BoardResult]:
        """Compute scanned lines; while the accelerator computes one, the driver prepares the next in a second buffer.

        :param images: Pillow images or paths of files.
        :raises: as `read_text`, at the first line that fails. The results before it are confirmed, see `Driver`.
        """
        for result in self.read_lines(self._columns_or_error(image) for image in images):
            if isinstance(result, FoldlineError):
                raise result
            yield result

    def read_columns(self, columns: np.ndarray) -> BoardResult:
        """Compute one line of raw pixels, and the known-answer lines behind it; for many lines `read_lines` takes less time.

        :param columns: int8 [T, I], raw values of ``fixed<A, 1>``.
        :raises LimitError: T is not accepted by the accelerator, or the line has more labels than it writes.
        :raises DataError: another shape or type, or a pixel outside its range.
        :raises BoardError: the accelerator does not finish in time, its output cannot be a result, or a known-answer line
            fails after it.
        """
        (result,) = self.read_lines([columns])
        if isinstance(result, FoldlineError):
            raise result
        return result

    def read_lines(self, lines: Iterable[np.ndarray | FoldlineError]) -> Iterator[BoardResult | FoldlineError]:
        """Compute lines of raw pixels, as `read_texts`; yields for each its result or its error, in order.

        Results are yielded after the check that confirms them, see `Driver`: up to `check_every` lines later.

        :param lines: integers [T, I] each; an error, e.g. of an image that cannot be read, is yielded at its index. Where
            it raises a FoldlineError, that follows the results of the lines before.
        :raises BoardError: another iterator of this driver is not exhausted.
        """
        self._require_free()
        self._iterator = iterator = object()
        errors, running = [], None  # the error that ends the lines; the pixels of the running line
        every, now, seconds = self._check_every, self.board.timer.now, self._check_seconds
        held = HeldLines(self.manifest.answers, every=every, now=now, check_seconds=seconds)
        try:
            for number, line in enumerate(lines_until_error(lines, errors)):
                filled = self._fill(self._buffers[number % 2], line)
                ready = self._ready(held, running, self._buffers[(number + 1) % 2])
                error = filled if isinstance(filled, FoldlineError) else self._start_checked(filled)
                if error is None:
                    running = np.array(line, dtype=np.int8)  # the caller may use its array for the next line
                else:
                    held.add(error)
                yield from ready
            yield from self._ready(held, running, self._buffers[0])
            if held.waits:
                yield from held.settle(_Spare(self, self._buffers[0]), loaded=False)
            if errors:
                raise errors[0]
        finally:
            if self._iterator is iterator:  # else the running line belongs to a later iterator
                self._stop()

    def _ready(
        self, held: HeldLines, running: np.ndarray | None, spare: LineBuffer
    ) -> list[BoardResult | FoldlineError]:
        """Finish the running line, if any; the results that can be given out.

        :param running: the line.
        :param spare: a buffer that holds no line which is still to be computed; it may be the running line's.
        """
        loaded = False
        if self._running is not None:
            held.add(self._finish(), running)
            loaded = self._needs_check
        if held.due or (held.waits and loaded):
            return held.settle(_Spare(self, spare), loaded=loaded)
        return held.ready()

    def _require_free(self) -> None:
        if self._running is not None:
            raise BoardError("The driver is reading other lines; exhaust or close their iterator first.")

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
            require_line(columns, self.design, self.manifest.limits, odd=self.manifest.kernel.takes_odd_lines)
            buffer.fill(columns)
        except FoldlineError as error:
            return error
        return buffer

    def _start_checked(self, buffer: LineBuffer) -> FoldlineError | None:
        """Start a line, after a hang the known-answer lines first; returns the error if that fails."""
        if self._accelerator is None:
            return BoardError(NOT_LOADED)
        try:
            if self._needs_check:
                self._check_in(next(other for other in self._buffers if other is not buffer))
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
        modelled = self.board.timer.modelled
        return BoardResult.of(
            self.design, labels, columns=buffer.columns, seconds=seconds, at_most=at_most, modelled=modelled
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
                raise BoardError(hang_message(buffer.columns, state, allowed, labels=self.manifest.limits.labels))
            self.board.timer.pause()

    def _timeout(self, columns: int) -> float:
        expected = self._cycles.milliseconds(columns, self.manifest.clock_mhz) / 1000
        return max(TIMEOUT_SECONDS, TIMEOUT_FACTOR * expected)

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


class _Spare:
    """The driver's board, with a buffer that holds no line; see `overlay_driver.checks.Checkable`."""

    def __init__(self, driver: Driver, buffer: LineBuffer) -> None:
        self._driver, self._buffer, self._loads = driver, buffer, driver._loads
        self.check = partial(driver._check_in, buffer)
        self.compute = partial(driver._compute_in, buffer)

    def load_again(self) -> None:
        if self._driver._loads == self._loads:  # else it has been, when a known-answer line failed
            self._driver._load_again()

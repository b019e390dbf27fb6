"""Checks of a line before it is computed, and of the board: when known-answer lines are computed again, and what waits for it.

A board that was sound when the driver was entered may go wrong later: another program loads its bitstream or sets the
clock, the part is too hot, a weight flips. The result of a line is given out when the known-answer lines, computed after
it, have their labels. Where they have not, the board is loaded again, and the lines that wait are computed once more; an
error takes the place of a result that cannot be confirmed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from datapath.design import Design, Limits
from datapath.errors import BoardError, ConfigError, DataError, FoldlineError, LimitError
from datapath.manifest import KnownAnswer
from datapath.quoting import quoted
from overlay_driver.results import BoardResult

CHECK_SHARE = 0.01
"""Most of a run's time that its checks take, besides the last one."""

MAX_LINES = 1000
"""Most lines that wait for a check."""

MAX_BYTES = 1 << 24
"""Most bytes of raw pixels that wait for a check."""


class Checkable(Protocol):
    """A board, for `HeldLines`."""

    def check(self) -> None:
        """Compute the known-answer lines; a `FoldlineError` where one fails or gives other labels."""

    def load_again(self) -> None:
        """Bring the board into the state in which it was entered; a `BoardError` where that fails."""

    def compute(self, columns: np.ndarray) -> BoardResult | FoldlineError:
        """Compute a line, int8 [T, I], that it has computed before."""


@dataclass
class _Held:
    """A result, and its line, int8 [T, I]; an error has none, and is not computed again."""

    result: BoardResult | FoldlineError
    columns: np.ndarray | None


class HeldLines:
    """Results since the last check that passed, in the order of their lines.

    :param answers: the known-answer lines; without any, no result waits.
    :param every: lines between two checks; None lets the checks take `CHECK_SHARE` of the time.
    :param now: the clock, seconds.
    :param check_seconds: how long a check takes.
    """

    def __init__(
        self,
        answers: tuple[KnownAnswer, ...],
        *,
        every: int | None,
        now: Callable[[], float],
        check_seconds: float,
    ) -> None:
        self._checks, self._every, self._now = bool(answers), every, now
        self._seconds = check_seconds / CHECK_SHARE
        self._held: list[_Held] = []
        self._lines = self._bytes = 0
        self._doubtful = False
        self._since = now()

    def add(self, result: BoardResult | FoldlineError, columns: np.ndarray | None = None) -> None:
        """Hold the result of the next line.

        :param result: of the line; an error of the board makes a check due.
        :param columns: the line that the board has computed, integers [T, I] of 8 bits; None for one that it has not.
        """
        if isinstance(result, FoldlineError):
            self._doubtful |= columns is not None and isinstance(result, BoardError)
            self._held.append(_Held(result, None))
            return
        line = np.array(columns, dtype=np.int8)  # the caller may use its array for the next line
        self._held.append(_Held(result, line))
        self._lines += 1
        self._bytes += line.nbytes

    @property
    def waits(self) -> bool:
        """Whether a result waits for a check."""
        return self._checks and self._lines > 0

    @property
    def due(self) -> bool:
        """Whether the known-answer lines are to be computed now."""
        if not self.waits:
            return False
        if self._doubtful or len(self._held) >= MAX_LINES or self._bytes >= MAX_BYTES:
            return True
        if self._every is not None:
            return self._lines >= self._every
        return self._now() - self._since >= self._seconds

    def ready(self) -> list[BoardResult | FoldlineError]:
        """All results where none waits for a check; errors do not wait."""
        return [] if self.waits else self._released()

    def settle(self, board: Checkable, *, loaded: bool) -> list[BoardResult | FoldlineError]:
        """The results after a check, an error in the place of each that it does not confirm.

        :param board: idle.
        :param loaded: whether the board was loaded again after one of the lines: a check says nothing about those before.
        """
        reason = self._reason(board, loaded) if self.waits else None
        if reason is not None:
            count = "1 line was" if self._lines == 1 else f"{self._lines} lines were"
            message = f"The result is not reliable: {count} computed after the last check that passed. {reason}"
            for held in self._held:
                if not isinstance(held.result, FoldlineError):
                    held.result = BoardError(message)
        return self._released()

    def _reason(self, board: Checkable, loaded: bool) -> FoldlineError | None:
        """Why the results are not confirmed; None where they are."""
        first: FoldlineError | None = None
        try:
            if not loaded:
                try:
                    board.check()
                    return None
                except FoldlineError as error:
                    first = error
                board.load_again()
            board.check()
            for held in self._held:
                if held.columns is not None:
                    held.result = board.compute(held.columns)
                    if isinstance(held.result, BoardError):
                        raise held.result
            board.check()
        except FoldlineError as error:
            if first is None or str(first) == str(error):
                return error
            return BoardError(f"{first} Recovery failed: {error}")
        return None

    def _released(self) -> list[BoardResult | FoldlineError]:
        results = [held.result for held in self._held]
        self._held.clear()
        self._lines = self._bytes = 0
        self._doubtful = False
        self._since = self._now()
        return results


def require_interval(every: int | None) -> int | None:
    """The number of lines between two checks, or None.

    :raises ConfigError: it is not an integer of 1 to `MAX_LINES`.
    """
    if every is not None and not (isinstance(every, int) and not isinstance(every, bool) and 1 <= every <= MAX_LINES):
        raise ConfigError(f"check_every is {quoted(every)}; it must be an integer of 1 to {MAX_LINES}, or None.")
    return every


def lines_until_error(
    lines: Iterable[np.ndarray | FoldlineError], errors: list[FoldlineError]
) -> Iterator[np.ndarray | FoldlineError]:
    """The lines up to the first error that getting one of them raises, so that the results before it are not lost.

    :param lines: of the caller.
    :param errors: gets the error.
    """
    try:
        yield from lines
    except FoldlineError as error:
        errors.append(error)


def notes_on(answers: tuple[KnownAnswer, ...], where: str) -> tuple[str, ...]:
    """What known-answer lines cannot show, one sentence or none.

    :param answers: the lines.
    :param where: what they are in, or for.
    """
    if not answers:
        return (f"There is no known-answer line {where}: nothing shows whether the board computes this network.",)
    if not any(len(answer.labels) for answer in answers):
        return (
            f"The known-answer lines {where} have no labels: a board that computes nothing gives the same, and is not "
            "detected.",
        )
    return ()


def require_line(columns: np.ndarray, design: Design, limits: Limits, *, odd: bool = True) -> None:
    """Refuse a line that an accelerator does not take.

    :param columns: of the line.
    :param design: that it holds.
    :param limits: of the accelerator.
    :param odd: whether it takes an odd number of columns.
    :raises DataError: another shape or type than integers [T, I].
    :raises LimitError: no column, too many, or an odd number of them.
    """
    if columns.ndim != 2 or columns.shape[1] != design.inputs or columns.dtype.kind not in "iu":
        raise DataError(
            f"The line has shape {list(columns.shape)} and type {columns.dtype}; it must be integers [T, {design.inputs}]."
        )
    if not 1 <= len(columns) <= limits.columns:
        raise LimitError(f"The line has {len(columns)} columns; the accelerator takes 1 to {limits.columns}.")
    if len(columns) % 2 and not odd:
        raise LimitError(f"The line has {len(columns)} columns; the published overlay takes an even number of them.")


def require_answer(
    answer: KnownAnswer, result: BoardResult | FoldlineError, design: Design, *, where: str, sound: bool
) -> None:
    """Refuse a board that gives other labels for a known-answer line than the design.

    :param answer: the line.
    :param result: what the board gives for it.
    :param design: that it must hold.
    :param where: the board or its bitstream, within a sentence.
    :param sound: whether it is known to hold the design, so that other labels mean that it computes wrongly.
    :raises BoardError: names the line and both texts.
    """
    columns = len(answer.columns)
    if isinstance(result, FoldlineError):
        raise BoardError(f"On {where}, a known-answer line of {columns} columns fails: {result}") from result
    if np.array_equal(result.labels, answer.labels):
        return
    expected = design.alphabet.text(answer.labels)
    line = f"a known-answer line of {columns} columns gives {quoted(result.text)} on {where}, and {quoted(expected)} with the design."
    if sound:
        raise BoardError(f"The board computes wrongly: {line}")
    raise BoardError(f"This bitstream does not hold this design: {line}")

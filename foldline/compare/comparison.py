"""Error rates of one network on the same lines: in float, quantized, on the simulated hardware, as its C++, on a board.

What only one level needs (torch, numba, a compiler, pynq) is imported where that level is computed, so that a board's
level can be had on the board.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from datapath.alphabet import greedy_labels
from datapath.design import Design
from datapath.error_rates import ErrorRates, error_rates
from datapath.errors import ConfigError, DataError, FoldlineError, LimitError
from foldline.batch.board_runs import Throughput, read_inputs
from foldline.batch.inputs import LineInput
from foldline.compare.agreement import BOARD, CSIM, MUST_AGREE, SIMULATED, Agreement, LineRead, agreement, lines_text
from train.data.dataset import Line

if TYPE_CHECKING:
    from foldline.hardware.csim import Compared
    from overlay_driver import BoardResult, Driver
    from train.checkpoint import Checkpoint

CTC, OVERLAY = "greedy CTC", "overlay labels"

FLOAT, QUANTIZED = "float", "quantized"
TORCH = (FLOAT, QUANTIZED)
LEVELS = (*TORCH, *MUST_AGREE)
"""In the order of the data's way."""

TITLES = {
    FLOAT: "float PyTorch",
    QUANTIZED: "quantized PyTorch",
    SIMULATED: "simulated hardware",
    CSIM: "C simulation",
    BOARD: "board",
}

Progress = Callable[[str], AbstractContextManager[Callable[[int, int], None]]]
"""Given what is computed, a context whose value is called with (lines done, lines in all); `foldline.console.progress.counting`."""


@dataclass(frozen=True, kw_only=True)
class Level:
    """What one level of arithmetic reads: its name, how labels come out of its scores, texts, and error rates.

    A level may have read the first lines only. `title` is what a table calls it.
    """

    name: str
    decoding: str
    texts: tuple[str, ...]
    rates: ErrorRates
    title: str


@dataclass(frozen=True, kw_only=True)
class BoardRun:
    """What the board did for its level.

    kind        "board", "remote board" or "virtual board"
    clock_mhz   of the accelerator
    total       over all lines
    readings    line by line
    """

    kind: str
    clock_mhz: float
    total: Throughput
    readings: tuple[BoardResult, ...]

    @property
    def title(self) -> str:
        return f"{self.kind} (modelled)" if self.total.modelled else self.kind

    @property
    def sentences(self) -> tuple[str, str]:
        """Lines, columns, milliseconds and throughput of all lines, and the time of one; modelled ones say so."""
        whole = self.total.sentence(self.kind.capitalize(), self.clock_mhz)
        most = "at most " if self.total.at_most else ""
        modelled = " (modelled)" if self.total.modelled else ""
        return whole, f"A line takes {most}{self.total.milliseconds / self.total.lines:.3f} ms on average{modelled}."


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Levels in the order of the data's way, all over the same `lines`.

    left_out    names lines past a limit, and why
    failed      names lines that the board should have read and did not, and why; left out, too
    beyond      how many of `lines` were computed past a limit
    agreement   of those levels that must agree, where there are two or more
    csim        what the C simulation computed as the simulator does, where it was a level
    board       the board's times, where it was a level
    """

    levels: tuple[Level, ...]
    lines: tuple[Line, ...]
    left_out: tuple[str, ...]
    beyond: int
    failed: tuple[str, ...] = ()
    agreement: Agreement | None = None
    csim: Compared | None = None
    board: BoardRun | None = None


def check_levels(levels: Iterable[str] | None, *, has_checkpoint: bool, ignore_limits: bool = False) -> tuple[str, ...]:
    """The levels to compute, in the order of the data's way; None for PyTorch's, if there is a checkpoint, and the simulator's.

    :raises ConfigError: an unknown level, none, or one that cannot be had.
    """
    if levels is None:
        return (*TORCH, SIMULATED) if has_checkpoint else (SIMULATED,)
    asked = tuple(levels)
    unknown = next((level for level in asked if level not in LEVELS), None)
    if unknown is not None:
        raise ConfigError(f"levels has {unknown!r}; allowed are {', '.join(LEVELS)}.")
    wanted = tuple(level for level in LEVELS if level in asked)
    if not wanted:
        raise ConfigError(f"levels is empty; allowed are {', '.join(LEVELS)}.")
    torch = [level for level in TORCH if level in wanted]
    if torch and not has_checkpoint:
        raise ConfigError(
            f"levels has {' and '.join(torch)}, which PyTorch computes from a checkpoint; a design holds the integers "
            "alone."
        )
    if ignore_limits and BOARD in wanted:
        raise ConfigError(
            "ignore_limits and the level board exclude each other: no board takes a line past its limits."
        )
    return wanted


def compare(
    design: Design,
    lines: Sequence[Line],
    *,
    checkpoint: Checkpoint | None = None,
    levels: Iterable[str] | None = None,
    board: Driver | None = None,
    csim_lines: int | None = None,
    ignore_limits: bool = False,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Compare a design's levels; with the checkpoint that it was exported from, PyTorch's levels too.

    The simulator always runs, unless the board's level is the only one: it tells which lines are past a limit, and is
    compared with C simulation and board even where its level is not asked for. A board alone refuses lines itself.

    :param lines: those past a limit of the overlay are left out of every level and named, unless `ignore_limits`; so
        are those that fail on the board.
    :param levels: some of `LEVELS`; None for `float`, `quantized` and `simulated`, as far as the checkpoint is there.
    :param board: what reads the lines of the level `board`, entered.
    :param csim_lines: compute this many lines at most as C simulation, which is slow, the first ones.
    :param progress: shows how far it is.
    :raises ConfigError: see `check_levels`; or no board for its level.
    :raises DataError: no line is left.
    :raises ToolError: the C simulation cannot be built, or fails.
    """
    wanted = check_levels(levels, has_checkpoint=checkpoint is not None, ignore_limits=ignore_limits)
    if BOARD in wanted and board is None:
        raise ConfigError("board is None; the level board needs an opened driver.")
    rows, left_out, failed = [_Row(line) for line in lines], [], []
    showing = progress or silent
    if wanted != (BOARD,):
        rows, left_out = _simulated(design, rows, ignore_limits, threads, showing)
    if BOARD in wanted:
        rows, refused, failed = _on_board(board, rows, showing)
        left_out += refused
    if not rows:
        raise DataError(_nothing_left(len(lines), left_out, failed))
    read: dict[str, tuple[LineRead, ...]] = {}
    if wanted != (BOARD,):
        read[SIMULATED] = tuple(row.simulated.read for row in rows)
    csim = None
    if CSIM in wanted:
        read[CSIM], csim = _c_simulated(design, rows[:csim_lines], threads, showing)
    if BOARD in wanted:
        read[BOARD] = tuple(LineRead(labels=_plain(row.reading.labels), text=row.reading.text) for row in rows)
    run = _board_run(board, rows) if BOARD in wanted else None
    kept = tuple(row.line for row in rows)
    return Comparison(
        levels=(
            *_torch_levels(checkpoint, kept, wanted, showing),
            *_hardware_levels(rows, wanted, read, None if run is None else run.title),
        ),
        lines=kept,
        left_out=tuple(left_out),
        beyond=sum(row.simulated is not None and row.simulated.exceeded for row in rows),
        failed=tuple(failed),
        agreement=agreement([line.name for line in kept], read),
        csim=csim,
        board=run,
    )


@contextmanager
def silent(what: str) -> Iterator[Callable[[int, int], None]]:
    """A `Progress` that shows nothing."""
    yield lambda done, total: None


def _nothing_left(lines: int, left_out: Sequence[str], failed: Sequence[str]) -> str:
    if failed:
        return f"None of {lines} lines could be read on the board; the first: {failed[0]}"
    first = left_out[0] if left_out else "none"
    if lines == 1:
        return f"The only line exceeds the overlay: {first}."
    return f"All {lines} lines exceed the overlay, the first: {first}."


@dataclass(frozen=True)
class _Simulated:
    """What is kept of a line's trace."""

    read: LineRead
    greedy: str
    exceeded: bool
    columns: int


@dataclass
class _Row:
    """A line, and what has been read of it so far."""

    line: Line
    simulated: _Simulated | None = None
    reading: BoardResult | None = None


def _plain(labels: np.ndarray) -> tuple[int, ...]:
    return tuple(labels.tolist())


def _simulated(
    design: Design, rows: Sequence[_Row], ignore_limits: bool, threads: int | None, progress: Progress
) -> tuple[list[_Row], list[str]]:
    """The rows that are kept, simulated, and the names of those that are past a limit, with why."""
    from fixedpoint_sim import simulate_lines

    kept: list[_Row] = []
    left_out: list[str] = []
    columns = (row.line.columns(design) for row in rows)
    traces = simulate_lines(design, columns, ignore_limits=True, threads=threads)
    with progress(TITLES[SIMULATED]) as done:
        for number, (row, trace) in enumerate(zip(rows, traces, strict=True), start=1):
            done(number, len(rows))
            if trace.exceeded and not ignore_limits:
                left_out.append(f"{row.line.name}: {'; '.join(map(str, trace.exceeded))}")
                continue
            row.simulated = _Simulated(
                LineRead(labels=_plain(trace.labels), text=trace.text),
                design.alphabet.text(greedy_labels(trace.scores)),
                bool(trace.exceeded),
                len(trace.scores),
            )
            kept.append(row)
    return kept, left_out


def _on_board(board: Driver, rows: Sequence[_Row], progress: Progress) -> tuple[list[_Row], list[str], list[str]]:
    """The rows that the board read, the sentences of those that it does not take, and of those that failed."""
    kept: list[_Row] = []
    refused: list[str] = []
    failed: list[str] = []
    inputs = [LineInput(row.line.name, partial(row.line.columns, board.design)) for row in rows]
    with progress(board.board.kind) as done:
        for number, (row, (_, result)) in enumerate(zip(rows, read_inputs(board, inputs), strict=True), start=1):
            done(number, len(rows))
            if isinstance(result, FoldlineError):
                (refused if isinstance(result, LimitError) else failed).append(str(result))
                continue
            row.reading = result
            kept.append(row)
    return kept, refused, failed


def _board_run(board: Driver, rows: Sequence[_Row]) -> BoardRun:
    total = Throughput()
    for row in rows:
        total.add(row.reading)
    return BoardRun(
        kind=board.board.kind,
        clock_mhz=board.manifest.clock_mhz,
        total=total,
        readings=tuple(row.reading for row in rows),
    )


def _c_simulated(
    design: Design, rows: Sequence[_Row], threads: int | None, progress: Progress
) -> tuple[tuple[LineRead, ...], Compared]:
    """What the compiled C++ reads, and what of it is equal to the simulator's."""
    from foldline.hardware.csim_level import CSimulatedLines

    with progress("compiling the C simulation"):
        computed = CSimulatedLines(design, longest=max(row.simulated.columns for row in rows))
    read = []
    with progress(TITLES[CSIM]) as done:
        for line in computed.read([partial(row.line.columns, design) for row in rows], threads=threads):
            read.append(line)
            done(len(read), len(rows))
    return tuple(read), computed.compared


def _hardware_levels(
    rows: Sequence[_Row], wanted: Collection[str], read: dict[str, tuple[LineRead, ...]], board_title: str | None
) -> Iterator[Level]:
    """The levels that compute the design, by the overlay's own labels; the simulator's greedily, too."""
    truths = [row.line.text for row in rows]
    for name in (level for level in MUST_AGREE if level in wanted):
        if name == SIMULATED:
            yield _level(name, CTC, [row.simulated.greedy for row in rows], truths)
        title = board_title if name == BOARD else None
        if len(read[name]) < len(rows):
            title = f"{TITLES[name]} (first {lines_text(len(read[name]))})"
        yield _level(name, OVERLAY, [line.text for line in read[name]], truths, title)


def _level(name: str, decoding: str, texts: Sequence[str], truths: Sequence[str], title: str | None = None) -> Level:
    rates = error_rates(truths[: len(texts)], texts)
    return Level(name=name, decoding=decoding, texts=tuple(texts), rates=rates, title=title or TITLES[name])


def _torch_levels(
    checkpoint: Checkpoint | None, lines: Sequence[Line], wanted: Collection[str], progress: Progress
) -> Iterator[Level]:
    """PyTorch's levels; quantized scores are read by the overlay's rule, too."""
    if not set(TORCH) & set(wanted):
        return
    from train.evaluation import evaluate_checkpoint
    from train.model import Arithmetic

    truths = [line.text for line in lines]
    for name, arithmetic in ((FLOAT, Arithmetic.FLOAT), (QUANTIZED, Arithmetic.QUANTIZED)):
        if name not in wanted:
            continue
        with progress(TITLES[name]):
            evaluation = evaluate_checkpoint(checkpoint, lines, arithmetic=arithmetic)
        yield _level(name, CTC, evaluation.texts, truths)
        if name == QUANTIZED:
            yield _level(name, OVERLAY, evaluation.overlay_texts, truths)

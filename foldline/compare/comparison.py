"""Error rates of one network on the same lines: in PyTorch, simulated, as the accelerator's C++ and RTL, on a board.

What only one backend needs (torch, numba, a compiler, pynq) is imported where that backend computes, so that a board needs
only what its own backend does.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from datapath.design import Design
from datapath.error_rates import ErrorRates, error_rates
from datapath.errors import ConfigError, DataError, FoldlineError, LimitError
from datapath.text_form import AS_WRITTEN, TextForm
from foldline.batch.board_runs import read_inputs
from foldline.batch.inputs import LineInput
from foldline.compare.agreement import (
    BIT_EXACT_BACKENDS,
    BOARD,
    CSIM,
    RTL,
    SIMULATED,
    Agreement,
    LineResult,
    agreement,
    lines_text,
)
from foldline.compare.backends import CTC, DRIVEN, FLOAT, FLOAT_ACTIVATIONS, OVERLAY, TITLES, TORCH, check_backends
from foldline.compare.boards import BoardRun, all_on_board, board_run
from foldline.differences import Verified
from train.data.dataset import Line
from train.data.usable import usable_lines

if TYPE_CHECKING:
    from foldline.batch.cluster import Cluster
    from foldline.batch.results import SimulatedLine
    from overlay_driver import BoardResult, Driver, SerialDriver
    from train.checkpoint import Checkpoint

Progress = Callable[[str], AbstractContextManager[Callable[[int, int], None]]]
"""Shows progress: given a title, a context whose value is called with (lines done, lines in all)."""


@dataclass(frozen=True, kw_only=True)
class BackendResult:
    """Texts and error rates of one backend, by one rule of decoding.

    name       one of `BACKENDS`
    decoding   how labels follow from class scores: `CTC` or `OVERLAY`
    texts      of the lines that it has computed, the first ones
    title      name in tables
    """

    name: str
    decoding: str
    texts: tuple[str, ...]
    rates: ErrorRates
    title: str


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Results of all backends on the same lines.

    results     in the order of `BACKENDS`
    lines       that were compared, with their references
    left_out    lines that exceed a limit of the overlay, each with the limit
    exceeding   number of `lines` that exceed a limit and were computed nevertheless
    failed      lines that failed on the board, each with the error; not in `lines`
    unusable    messages on lines whose image cannot be used; not in `lines`
    form        of references and texts; error rates are of texts in this form
    agreement   of the bit-exact backends; None where there is only one
    csim        what of the C simulation equals the simulator; None without that backend
    rtl         times of the RTL, as the accelerator of a virtual board; None without that backend
    board       times of the board; None without that backend
    """

    results: tuple[BackendResult, ...]
    lines: tuple[Line, ...]
    left_out: tuple[str, ...]
    exceeding: int
    failed: tuple[str, ...] = ()
    unusable: tuple[str, ...] = ()
    form: TextForm = AS_WRITTEN
    agreement: Agreement | None = None
    csim: Verified | None = None
    rtl: BoardRun | None = None
    board: BoardRun | None = None


def compare(
    design: Design | None,
    lines: Sequence[Line],
    *,
    checkpoint: Checkpoint | None = None,
    backends: Iterable[str] | None = None,
    board: Driver | SerialDriver | None = None,
    rtl: Driver | None = None,
    csim_lines: int | None = None,
    rtl_lines: int | None = None,
    ignore_limits: bool = False,
    threads: int | None = None,
    cluster: Cluster | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Error rates of a network on lines, backend by backend, and whether the bit-exact backends agree.

    The simulator always runs, unless `board` is the only backend: it finds the lines that exceed a limit, and C simulation,
    RTL and board are compared with it even where `simulated` is not in `backends`. A float network has no limits.

    :param design: the network; None for the float network of `checkpoint`.
    :param lines: with references in the form of the design's texts. Lines that exceed a limit (without `ignore_limits`), fail
        on the board, or have no usable image are left out of every backend and named.
    :param checkpoint: the one that the design was exported from, for PyTorch's backends; or of a float network.
    :param backends: see `foldline.compare.backends.check_backends`.
    :param board: the open driver of the backend `board`.
    :param rtl: the open driver of the backend `rtl`: of a virtual board whose accelerator is the RTL.
    :param csim_lines: lines at most, the first ones, that the C simulation computes; None for all.
    :param rtl_lines: the same of the RTL.
    :param ignore_limits: compute lines that exceed a limit, too.
    :param threads: threads of this machine, 1 or more; None for one per processor.
    :param cluster: connection to the workers that simulate the lines; None for this machine's threads.
    :param progress: shows the progress.
    :raises ConfigError, DataError: see `check_backends`; neither a design nor a float network's checkpoint; no board for its
        backend; no line is left.
    :raises ToolError: the C simulation cannot be compiled or fails, or the cluster fails.
    """
    kind = {"has_checkpoint": checkpoint is not None, "is_float": design is None}
    wanted = check_backends(backends, **kind, ignore_limits=ignore_limits)
    showing = progress or silent
    if design is None:
        return _float_comparison(checkpoint, lines, showing)
    _require_drivers(wanted, {RTL: rtl, BOARD: board})
    lines, unusable = usable_lines(lines, target_height=design.inputs, what="lines")
    simulate = partial(_simulated, design, threads=threads, cluster=cluster, progress=showing)
    simulated = None if wanted == (BOARD,) else simulate(lines, title=TITLES[SIMULATED])
    rows, left_out, failed = _computable(lines, simulated, board if BOARD in wanted else None, ignore_limits, showing)
    computed: dict[str, tuple[LineResult | SimulatedLine, ...]] = {}
    if simulated is not None:
        computed[SIMULATED] = tuple(row.simulated for row in rows)
    compared = tuple(row.line for row in rows)
    if CSIM in wanted:
        computed[CSIM] = tuple(simulate(compared[:csim_lines], title=TITLES[CSIM], csim=True))
    runs = {BOARD: board_run(board, tuple(row.board for row in rows))} if BOARD in wanted else {}
    if RTL in wanted:
        runs[RTL] = board_run(rtl, all_on_board(rtl, compared[:rtl_lines], showing(TITLES[RTL])))
    computed |= {backend: runs[backend].line_results for backend in DRIVEN if backend in runs}
    return Comparison(
        results=(
            *_torch_results(checkpoint, compared, wanted, showing, label_limit=design.limits.labels),
            *_hardware_results(design, rows, wanted, computed, runs[BOARD].title if BOARD in runs else None),
        ),
        lines=compared,
        left_out=tuple(left_out),
        exceeding=sum(row.simulated is not None and bool(row.simulated.exceeded) for row in rows),
        failed=tuple(failed),
        unusable=unusable,
        form=design.text_form,
        agreement=agreement([line.name for line in compared], computed),
        csim=_verified(design, computed[CSIM]) if CSIM in wanted else None,
        rtl=runs.get(RTL),
        board=runs.get(BOARD),
    )


def _float_comparison(checkpoint: Checkpoint | None, lines: Sequence[Line], progress: Progress) -> Comparison:
    """The comparison of a float network."""
    if checkpoint is None or not checkpoint.hyperparameters.is_float:
        raise ConfigError(
            "design is None, and checkpoint is not that of a float network; only such a one has no design."
        )
    lines, unusable = usable_lines(lines, target_height=checkpoint.hyperparameters.target_height, what="lines")
    return Comparison(
        results=tuple(_torch_results(checkpoint, lines, (FLOAT,), progress, label_limit=None)),
        lines=tuple(lines),
        left_out=(),
        exceeding=0,
        unusable=unusable,
        form=TextForm.of(checkpoint.provenance),
    )


def _require_drivers(wanted: Collection[str], drivers: dict[str, Driver | SerialDriver | None]) -> None:
    for backend, driver in drivers.items():
        if backend in wanted and driver is None:
            raise ConfigError(f"{backend} is None; the backend {backend} needs an opened driver.")


def silent(what: str) -> AbstractContextManager[Callable[[int, int], None]]:
    """A `Progress` that shows nothing."""
    return nullcontext(lambda done, total: None)


def _nothing_left(lines: int, left_out: Sequence[str], failed: Sequence[str]) -> str:
    if failed:
        return f"None of {lines} lines could be computed on the board; the first: {failed[0]}"
    first = left_out[0] if left_out else "none"
    if lines == 1:
        return f"The only line exceeds the overlay: {first}."
    return f"All {lines} lines exceed the overlay, the first: {first}."


@dataclass
class _Row:
    """A line, and its results so far."""

    line: Line
    simulated: SimulatedLine | None = None
    board: BoardResult | None = None


def _simulated(
    design: Design,
    lines: Sequence[Line],
    *,
    title: str,
    csim: bool = False,
    threads: int | None,
    cluster: Cluster | None,
    progress: Progress,
) -> Iterator[SimulatedLine]:
    """Results in the order of the lines, by the simulator or, with `csim`, by the C simulation, which is compiled first."""
    from foldline.batch.simulation import Simulation

    simulation = Simulation(design=design, ignore_limits=True, summaries=True)
    if csim:
        from foldline.hardware.csim import CSimulator

        simulation = replace(simulation, simulator=CSimulator, batch=1)
    with progress("building the C simulation") if csim else nullcontext():
        compute = simulation.start(threads=threads, cluster=cluster)
    inputs = (LineInput(line.name, partial(line.columns, design)) for line in lines)
    with progress(title) as done:
        for number, (_, result) in enumerate(compute(inputs), start=1):
            if isinstance(result, FoldlineError):
                raise result
            done(number, len(lines))
            yield result


def _computable(
    lines: Sequence[Line],
    simulated: Iterator[SimulatedLine] | None,
    board: Driver | SerialDriver | None,
    ignore_limits: bool,
    progress: Progress,
) -> tuple[list[_Row], list[str], list[str]]:
    """The lines that all backends can compute, those that exceed a limit, and those that failed on the board.

    :raises DataError: no line is left.
    """
    rows, left_out, failed = [_Row(line) for line in lines], [], []
    if simulated is not None:
        rows, left_out = _within_limits(rows, simulated, ignore_limits)
    if board is not None:
        rows, refused, failed = _on_board(board, rows, progress)
        left_out += refused
    if not rows:
        raise DataError(_nothing_left(len(lines), left_out, failed))
    return rows, left_out, failed


def _within_limits(
    rows: Sequence[_Row], simulated: Iterable[SimulatedLine], ignore_limits: bool
) -> tuple[list[_Row], list[str]]:
    """The simulated rows, without those that exceed a limit; and these, each with its limits."""
    within, left_out = [], []
    for row, row.simulated in zip(rows, simulated, strict=True):
        if row.simulated.exceeded and not ignore_limits:
            left_out.append(f"{row.line.name}: {'; '.join(map(str, row.simulated.exceeded))}")
        else:
            within.append(row)
    return within, left_out


def _on_board(
    board: Driver | SerialDriver, rows: Sequence[_Row], progress: Progress
) -> tuple[list[_Row], list[str], list[str]]:
    """The rows that the board computed, and the errors of those that exceed its limits and of those that failed."""
    within, refused, failed = [], [], []
    inputs = [LineInput(row.line.name, partial(row.line.columns, board.design)) for row in rows]
    with progress(board.kind) as done:
        for number, (row, (_, result)) in enumerate(zip(rows, read_inputs(board, inputs), strict=True), start=1):
            done(number, len(rows))
            if isinstance(result, FoldlineError):
                (refused if isinstance(result, LimitError) else failed).append(str(result))
            else:
                within.append(replace(row, board=result))
    return within, refused, failed


def _verified(design: Design, lines: Iterable[SimulatedLine]) -> Verified:
    """How much of the C simulation equals the simulator."""
    verified = Verified()
    for line in lines:
        if not line.mismatch:
            verified.add(design, columns=line.columns, labels=len(line.labels))
    return verified


def _hardware_results(
    design: Design,
    rows: Sequence[_Row],
    wanted: Collection[str],
    computed: dict[str, tuple[LineResult | SimulatedLine, ...]],
    board_title: str | None,
) -> Iterator[BackendResult]:
    """Results of the bit-exact backends, by the labels of the overlay; those of the simulator also by greedy CTC."""
    references = [row.line.text for row in rows]
    for name in (backend for backend in BIT_EXACT_BACKENDS if backend in wanted):
        if name == SIMULATED:
            yield _result(name, CTC, [design.alphabet.text(row.simulated.greedy) for row in rows], references)
        title = board_title if name == BOARD else None
        if len(computed[name]) < len(rows):
            title = f"{TITLES[name]} (first {lines_text(len(computed[name]))})"
        yield _result(name, OVERLAY, [line.text for line in computed[name]], references, title)


def _result(
    name: str, decoding: str, texts: Sequence[str], references: Sequence[str], title: str | None = None
) -> BackendResult:
    rates = error_rates(references[: len(texts)], texts)
    return BackendResult(name=name, decoding=decoding, texts=tuple(texts), rates=rates, title=title or TITLES[name])


def _torch_results(
    checkpoint: Checkpoint | None,
    lines: Sequence[Line],
    wanted: Collection[str],
    progress: Progress,
    *,
    label_limit: int | None,
) -> Iterator[BackendResult]:
    """Results of PyTorch's backends by greedy CTC; those of float and quantized also by the overlay's rule."""
    references = [line.text for line in lines]
    for name in (backend for backend in (FLOAT, *TORCH) if backend in wanted):
        from train.evaluation import evaluate_checkpoint
        from train.model import Arithmetic

        arithmetic = Arithmetic.FLOAT_ACTIVATIONS if name == FLOAT_ACTIVATIONS else Arithmetic.QUANTIZED
        with progress(TITLES[name]):
            evaluation = evaluate_checkpoint(checkpoint, lines, arithmetic=arithmetic, label_limit=label_limit)
        yield _result(name, CTC, evaluation.texts, references)
        if name != FLOAT_ACTIVATIONS:
            yield _result(name, OVERLAY, evaluation.overlay_texts, references)

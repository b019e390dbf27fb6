"""Error rates of one network on the same lines: in float, quantized, and on the simulated hardware."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from datapath.alphabet import greedy_labels
from datapath.design import Design
from datapath.error_rates import ErrorRates, error_rates
from datapath.errors import DataError
from datapath.images import quantize_pixels
from fixedpoint_sim import Trace, simulate_lines
from train.data import Line

if TYPE_CHECKING:
    from train.checkpoint import Checkpoint

CTC, OVERLAY = "greedy CTC", "overlay labels"


@dataclass(frozen=True, kw_only=True)
class Level:
    """What one level of arithmetic reads: its name, how labels come out of its scores, texts, and error rates."""

    name: str
    decoding: str
    texts: tuple[str, ...]
    rates: ErrorRates


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Levels in the order of the data's way, all over the same `lines`; `left_out` names lines past a limit, and why."""

    levels: tuple[Level, ...]
    lines: tuple[Line, ...]
    left_out: tuple[str, ...]
    beyond: int


def simulated_levels(design: Design, lines: Sequence[Line], traces: Sequence[Trace]) -> tuple[Level, Level]:
    """The simulated hardware's level, decoded by the overlay's own rule and, for comparison, greedily."""
    truths = [line.text for line in lines]
    overlay = tuple(trace.text for trace in traces)
    greedy = tuple(design.alphabet.text(greedy_labels(trace.scores)) for trace in traces)
    return (
        Level(name="simulated", decoding=CTC, texts=greedy, rates=error_rates(truths, greedy)),
        Level(name="simulated", decoding=OVERLAY, texts=overlay, rates=error_rates(truths, overlay)),
    )


def compare(
    design: Design,
    lines: Sequence[Line],
    *,
    checkpoint: Checkpoint | None = None,
    beyond_limits: bool = False,
    threads: int | None = None,
    note: Callable[[str], None] = lambda stage: None,
) -> Comparison:
    """Compare a design's levels; with the checkpoint that it was exported from, PyTorch's levels too.

    :param lines: all are simulated; those past a limit of the overlay are left out of every level and named, unless
        `beyond_limits`.
    :param note: told which level is being computed.
    :raises DataError: no line is left.
    """
    note("simulated hardware")
    bits = design.precision.activation
    columns = (quantize_pixels(line.pixels(design.inputs), bits) for line in lines)
    traces = list(simulate_lines(design, columns, beyond_limits=True, threads=threads))
    within = [beyond_limits or not trace.exceeded for trace in traces]
    left_out = tuple(
        f"{line.name}: {'; '.join(map(str, trace.exceeded))}"
        for line, trace, kept in zip(lines, traces, within, strict=True)
        if not kept
    )
    kept_lines = tuple(line for line, kept in zip(lines, within, strict=True) if kept)
    kept_traces = [trace for trace, kept in zip(traces, within, strict=True) if kept]
    if not kept_lines:
        raise DataError(f"All {len(lines)} lines exceed the overlay, the first: {left_out[0] if left_out else 'none'}.")
    levels: list[Level] = []
    if checkpoint is not None:
        levels += _torch_levels(checkpoint, kept_lines, note)
    levels += simulated_levels(design, kept_lines, kept_traces)
    return Comparison(
        levels=tuple(levels),
        lines=kept_lines,
        left_out=left_out,
        beyond=sum(bool(trace.exceeded) for trace in kept_traces),
    )


def _torch_levels(checkpoint: Checkpoint, lines: Sequence[Line], note: Callable[[str], None]) -> list[Level]:
    from train.evaluation import evaluate_checkpoint
    from train.model import Arithmetic

    note("float PyTorch")
    floating = evaluate_checkpoint(checkpoint, lines, arithmetic=Arithmetic.FLOAT)
    note("quantized PyTorch")
    quantized = evaluate_checkpoint(checkpoint, lines, arithmetic=Arithmetic.QUANTIZED)
    return [
        Level(name="float", decoding=CTC, texts=floating.texts, rates=floating.rates),
        Level(name="quantized", decoding=CTC, texts=quantized.texts, rates=quantized.rates),
        Level(name="quantized", decoding=OVERLAY, texts=quantized.overlay_texts, rates=quantized.overlay_rates),
    ]

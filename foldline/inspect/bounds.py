"""Bounds of a design's sums as text and as JSON, and inputs with which a sum wraps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from datapath.bounds import Bounds, SumBounds, first_step_bounds, sum_bounds
from datapath.design import Design, Folding, Gate
from datapath.formats import bring_into_range, unit_format
from datapath.quantities import ACCUMULATOR
from fixedpoint_sim import inspect_line
from foldline.console.text import counted, plain_table
from foldline.inspect.layout import writable
from foldline.inspect.report import real_text

DIRECTION_NAMES = ("forward", "backward")


@dataclass(frozen=True, kw_only=True)
class Wrap:
    """Inputs with which a sum wraps.

    :param gate: of the gate sum; None for a class score.
    :param place: direction and unit of a gate sum, or the class of a score, with the direction of a half score.
    :param pixels: int64 [I] of a column; None for a score, which sees none.
    :param hidden: int64 [H] of the step before, of a score [2, H]; None at the first step, where all are 0.
    :param total: the sum without wrapping, in units of 2^-8.
    :param wrapped: what it wraps to.
    :param simulated: whether the simulator computed `wrapped` of `pixels`; it needs hidden outputs of 0.
    """

    gate: Gate | None
    place: dict[str, int]
    pixels: np.ndarray | None
    hidden: np.ndarray | None
    total: int
    wrapped: int
    simulated: bool

    @property
    def name(self) -> str:
        """What the sum is called."""
        at = ", ".join(f"{what} {number}" for what, number in self.place.items())
        if self.gate is not None:
            return f"gate {self.gate.name.lower()}, {at}"
        return f"{'half score' if 'direction' in self.place else 'class score'}, {at}"

    def values(self) -> dict[str, object]:
        """The wrap for JSON."""
        arrays = {"pixels": self.pixels, "hidden": self.hidden}
        return {
            "sum": self.name,
            "gate": None if self.gate is None else self.gate.name.lower(),
            **self.place,
            **{name: None if array is None else array.tolist() for name, array in arrays.items()},
            "total": self.total,
            "wrapped": self.wrapped,
            "simulated": self.simulated,
        }


def wraps_of(design: Design, bounds: SumBounds) -> list[Wrap]:
    """For each gate, the half scores and the scores: inputs that wrap the one that goes farthest out of 16 bits.

    Gate sums that wrap at the first step of a line, where pixels alone decide, are preferred to others.

    :param design: in which sums can wrap, or cannot.
    :param bounds: of the design.
    """
    first = first_step_bounds(design)
    found = []
    for gate in Gate:
        if _within(first, np.s_[:, gate]).can_wrap.any():
            found.append(_at_first_step(design, gate, _within(first, np.s_[:, gate])))
        elif _within(bounds.gates, np.s_[:, gate]).can_wrap.any():
            found.append(_at_later_step(design, gate, _within(bounds.gates, np.s_[:, gate])))
    if bounds.half_scores.can_wrap.any():
        found.append(_of_half_score(design, bounds.half_scores))
    if bounds.scores.can_wrap.any():
        found.append(_of_score(design, bounds.scores))
    return found


def bounds_json(design: Design) -> dict:
    """Bounds, widths and wraps as JSON values.

    :param design: whose sums are bounded.
    """
    bounds = sum_bounds(design)
    wraps = [wrap.values() for wrap in wraps_of(design, bounds)]
    can_wrap = {name: int(getattr(bounds, name).can_wrap.sum()) for name in ("gates", "half_scores", "scores")}
    return {"experiment": str(design.experiment), **bounds.values(), "can_wrap": can_wrap, "wraps": wraps}


def report(design: Design) -> Iterator[str]:
    """Bounds, widths and wraps in lines of text.

    :param design: whose sums are bounded.
    """
    bounds, bits = sum_bounds(design), design.precision.activation
    yield (
        f"{design.experiment}: exact bounds of all sums before they wrap, over all pixels and hidden outputs of "
        f"{counted(bits, 'bit')}."
    )
    yield ""
    yield from plain_table(list(_gate_rows(bounds)), text_columns=1)
    yield ""
    yield from plain_table(list(_class_rows(design, bounds)), text_columns=2)
    yield ""
    widths = bounds.widths
    yield (
        f"In the SystemVerilog gate sums have {widths.gate} bits, half scores {widths.half_score}, class scores "
        f"{widths.score}."
    )
    wraps = wraps_of(design, bounds)
    if not wraps:
        yield "No sum can wrap at 16 bits."
    for wrap in wraps:
        yield from _wrap_lines(wrap)


def _within(bounds: Bounds, place) -> Bounds:
    return Bounds(low=bounds.low[place], high=bounds.high[place])


def _farthest(bounds: Bounds) -> tuple[tuple[int, ...], bool]:
    """Place of the sum that goes farthest out of 16 bits, and whether at its upper end."""
    above, below = bounds.high - ACCUMULATOR.max, ACCUMULATOR.min - bounds.low
    upper = bool(above.max() >= below.max())
    found = np.unravel_index(np.argmax(above if upper else below), bounds.low.shape)
    return tuple(int(number) for number in found), upper


def _inputs(weights: np.ndarray, bits: int, *, upper: bool) -> np.ndarray:
    """Values of so many bits whose products with weights are as high, or as low, as they can be; int64.

    Rounding keeps the order of products, so it is one end of the range, whatever is rounded.
    """
    ends, positive = unit_format(bits), (weights > 0) == upper
    return np.where(weights == 0, 0, np.where(positive, ends.max, ends.min)).astype(np.int64)


def _wrapped(total: int) -> int:
    return bring_into_range(total, ACCUMULATOR)


def _at_first_step(design: Design, gate: Gate, bounds: Bounds) -> Wrap:
    """A wrap by pixels alone, as the simulator computes it."""
    (direction, unit), upper = _farthest(bounds)
    pixels = _inputs(design.weights_input[direction, gate, unit], design.precision.activation, upper=upper)
    sums = inspect_line(_unit_alone(design, direction, unit), pixels[None], ignore_limits=True)[
        f"accumulator_{gate.name.lower()}"
    ]
    return Wrap(
        gate=gate,
        place={"direction": direction, "unit": unit},
        pixels=pixels,
        hidden=None,
        total=sums.high_before,
        wrapped=sums.high,
        simulated=True,
    )


def _unit_alone(design: Design, direction: int, unit: int) -> Design:
    """A network of one unit, in both directions, whose gate sums at the first step are those of a unit of a design."""
    arrays = {
        "weights_input": design.weights_input[[direction] * 2, :, unit : unit + 1],
        "weights_recurrent": design.weights_recurrent[[direction] * 2, :, unit : unit + 1, unit : unit + 1],
        "biases_input": design.biases_input[[direction] * 2, :, unit : unit + 1],
        "biases_recurrent": design.biases_recurrent[[direction] * 2, :, unit : unit + 1],
        "fc_weights": design.fc_weights[:, :, unit : unit + 1],
    }
    folding = Folding(pe=1, simd_input=design.inputs, simd_recurrent=1)
    return replace(design, folding=folding, peepholes=None, **arrays)


def _at_later_step(design: Design, gate: Gate, bounds: Bounds) -> Wrap:
    """A wrap by pixels and hidden outputs together."""
    (direction, unit), upper = _farthest(bounds)
    place, bits = (direction, gate, unit), design.precision.activation
    total = int((bounds.high if upper else bounds.low)[direction, unit])
    return Wrap(
        gate=gate,
        place={"direction": direction, "unit": unit},
        pixels=_inputs(design.weights_input[place], bits, upper=upper),
        hidden=_inputs(design.weights_recurrent[place], bits, upper=upper),
        total=total,
        wrapped=_wrapped(total),
        simulated=False,
    )


def _of_half_score(design: Design, bounds: Bounds) -> Wrap:
    (direction, number), upper = _farthest(bounds)
    weights = design.fc_weights[direction, number]
    total = int((bounds.high if upper else bounds.low)[direction, number])
    return _of_class({"direction": direction, "class": number}, design, weights, total, upper)


def _of_score(design: Design, bounds: Bounds) -> Wrap:
    (number,), upper = _farthest(bounds)
    total = int((bounds.high if upper else bounds.low)[number])
    return _of_class({"class": number}, design, design.fc_weights[:, number], total, upper)


def _of_class(place: dict[str, int], design: Design, weights: np.ndarray, total: int, upper: bool) -> Wrap:
    hidden = _inputs(weights, design.precision.activation, upper=upper)
    wrapped = _wrapped(total)
    return Wrap(gate=None, place=place, pixels=None, hidden=hidden, total=total, wrapped=wrapped, simulated=False)


def _gate_rows(bounds: SumBounds) -> Iterator[tuple[str, ...]]:
    yield ("gate sums", "lowest", "highest", "bits", "can wrap")
    for direction, name in enumerate(DIRECTION_NAMES):
        for gate in Gate:
            sums = _within(bounds.gates, np.s_[direction, gate])
            count = f"{sums.can_wrap.sum()} of {sums.low.size}"
            yield (f"{gate.name.lower()}, {name}", *_ends(sums), str(sums.bits.max()), count)


def _class_rows(design: Design, bounds: SumBounds) -> Iterator[tuple[str, ...]]:
    halves = bounds.half_scores
    yield (
        "class",
        "",
        *(f"{name} {end}" for name in DIRECTION_NAMES for end in ("low", "high")),
        "lowest",
        "highest",
        "bits",
    )
    for number, symbol in enumerate(design.alphabet.symbols):
        text = writable(symbol, number, str.isprintable) if symbol else "blank"
        ends = [end for direction in range(2) for end in _ends(_within(halves, np.s_[direction, number : number + 1]))]
        score = _within(bounds.scores, np.s_[number : number + 1])
        yield (str(number), text, *ends, *_ends(score), str(score.bits.max()))


def _ends(bounds: Bounds) -> tuple[str, str]:
    return real_text(int(bounds.low.min()), ACCUMULATOR), real_text(int(bounds.high.max()), ACCUMULATOR)


def _wrap_lines(wrap: Wrap) -> Iterator[str]:
    yield ""
    values = f"{real_text(wrap.total, ACCUMULATOR)} wraps to {real_text(wrap.wrapped, ACCUMULATOR)}"
    if wrap.simulated:
        yield f"{wrap.name}: {values}, simulated, at the first step of a line with these pixels (raw values)"
    elif wrap.gate is not None:
        yield f"{wrap.name}: {values}, not at the first step; computed, with these pixels (raw values)"
    else:
        yield f"{wrap.name}: {values}; computed, with these hidden outputs (raw values)"
    if wrap.pixels is not None:
        yield f"  pixels {' '.join(map(str, wrap.pixels))}"
    if wrap.hidden is not None:
        for name, values in zip(("hidden", "hidden backward"), np.atleast_2d(wrap.hidden), strict=False):
            yield f"  {name} {' '.join(map(str, values))}"

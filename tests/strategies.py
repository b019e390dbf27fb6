"""Hypothesis strategies that several packages share."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from datapath import Alphabet, Design, Folding, Limits, PeepholeFormat, Peepholes, Precision, Provenance
from datapath.design import WEIGHTS

WIDTHS = st.integers(1, 8)
PRINTABLE = st.one_of(st.just(" "), st.characters(codec="utf-8", categories=("L", "N", "P", "S")))


def _choose(draw: st.DrawFn, option: Any, default: st.SearchStrategy) -> Any:
    """A fixed option as it is; a strategy, given or default, drawn from."""
    if option is None:
        option = default
    return draw(option) if isinstance(option, st.SearchStrategy) else option


def divisors(number: int) -> st.SearchStrategy[int]:
    """Every number that divides `number`, smallest first."""
    return st.sampled_from([n for n in range(1, number + 1) if number % n == 0])


@st.composite
def alphabets(draw: st.DrawFn, classes: int) -> Alphabet:
    """An alphabet of `classes` classes with the blank: random printable characters, beyond ASCII too."""
    symbols = draw(st.lists(PRINTABLE, min_size=classes - 1, max_size=classes - 1, unique=True))
    return Alphabet(("", *symbols))


@st.composite
def precisions(draw: st.DrawFn, **fixed: int | st.SearchStrategy | None) -> Precision:
    """Any widths of 1 to 8 bits; `fixed` names fields of `Precision` with a value or a strategy."""
    names = ("weight", "bias", "activation", "fc_weight", "fc_bias")
    if unknown := set(fixed) - set(names):
        raise TypeError(f"precisions() knows no {', '.join(sorted(unknown))}")
    return Precision(**{name: _choose(draw, fixed.get(name), WIDTHS) for name in names})


@st.composite
def raw_values(draw: st.DrawFn, shape: tuple[int, ...], bits: int) -> np.ndarray:
    """Array of signed values of `bits` bits: uniform, only the two ends of the range, or one value throughout.

    Up to 8 bits it is int8, else int16.

    Bulk values come from a drawn seed: an array of hypothesis integers would be slow and shrink no better.
    """
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    dtype = np.int8 if bits <= 8 else np.int16
    kind = draw(st.sampled_from(("uniform", "ends", "constant")))
    if kind == "constant":
        return np.full(shape, draw(st.integers(low, high)), dtype=dtype)
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    if kind == "ends":
        return random.choice(np.array([low, high], dtype=dtype), size=shape)
    return random.integers(low, high, size=shape, endpoint=True).astype(dtype)


@st.composite
def any_peepholes(draw: st.DrawFn, hidden: int, bits: int | st.SearchStrategy[int] | None = None) -> Peepholes:
    """Peepholes [2, 3, H] of any format of 1 to 16 bits; `bits` fixes its width or names a strategy for it."""
    width = _choose(draw, bits, st.integers(1, 16))
    format = PeepholeFormat(bits=width, integer=draw(st.integers(1, width)))
    return Peepholes(format=format, weights=draw(raw_values((2, 3, hidden), width)))


def foldings(inputs: int, hidden: int, classes: int) -> st.SearchStrategy[Folding]:
    """Every folding of a network of these dimensions."""
    return st.builds(
        Folding,
        pe=divisors(hidden),
        simd_input=divisors(inputs),
        simd_recurrent=divisors(hidden),
        pe_out=st.integers(1, classes),
    )


@st.composite
def designs(
    draw: st.DrawFn,
    *,
    inputs: int | st.SearchStrategy[int] | None = None,
    hidden: int | st.SearchStrategy[int] | None = None,
    classes: int | st.SearchStrategy[int] | None = None,
    precision: Precision | st.SearchStrategy[Precision] | None = None,
    folding: Folding | st.SearchStrategy[Folding] | None = None,
    limits: Limits | st.SearchStrategy[Limits] | None = None,
    peepholes: Peepholes | st.SearchStrategy[Peepholes | None] | None = None,
) -> Design:
    """A small random design: I up to 12, H up to 8, C up to 6, widths 1..8, any folding, with peepholes or without.

    Every option is a value to fix it, or a strategy to draw it from. To fix one width only:
    ``designs(precision=precisions(activation=4))``; for plain networks only: ``designs(peepholes=st.none())``.
    """
    inputs = _choose(draw, inputs, st.integers(1, 12))
    hidden = _choose(draw, hidden, st.integers(1, 8))
    classes = _choose(draw, classes, st.integers(2, 6))
    precision = _choose(draw, precision, precisions())
    shapes = (
        ((2, 4, hidden, inputs), precision.weight),
        ((2, 4, hidden, hidden), precision.weight),
        ((2, 4, hidden), precision.bias),
        ((2, 4, hidden), precision.bias),
        ((2, classes, hidden), precision.fc_weight),
        ((2, classes), precision.fc_bias),
    )
    return Design(
        precision=precision,
        folding=_choose(draw, folding, foldings(inputs, hidden, classes)),
        limits=_choose(
            draw,
            limits,
            st.builds(Limits, columns=st.integers(1, 4096), labels=st.integers(1, 512)) | st.just(Limits()),
        ),
        alphabet=draw(alphabets(classes)),
        provenance=Provenance(author="hypothesis", source="tests/strategies.py", tool="tests"),
        **{name: draw(raw_values(*shape)) for name, shape in zip(WEIGHTS, shapes, strict=True)},
        peepholes=_choose(draw, peepholes, st.none() | any_peepholes(hidden)),
    )

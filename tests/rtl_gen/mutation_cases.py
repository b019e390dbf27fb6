"""Small designs and lines that show faults of the datapath, and what the simulator computes of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from datapath import Design, Limits
from fixedpoint_sim import Trace, simulate
from tests.builds import random_columns
from tests.designs import random_design
from tests.golden_data import REPOSITORY
from tests.rtl_gen.icarus import SimulationError, clocks_between_buffers, run_icarus

GOLDEN = REPOSITORY / "golden_vectors"


@dataclass(frozen=True, eq=False)
class Case:
    """A design and lines, which are computed one after the other.

    pauses      whether columns come late, at random; the cycles are not known then
    abandoned   clocks of the first line after which a reset ends it, before all lines are computed; 0 for no such reset
    """

    design: Design
    lines: tuple[np.ndarray, ...]
    pauses: bool = False
    abandoned: int = 0

    def expected(self) -> list[Trace]:
        """What the simulator computes of each line."""
        return [simulate(self.design, columns, ignore_limits=True) for columns in self.lines]


def golden(name: str, *, columns: int, **folding: int) -> Case:
    """A committed stress design and the first columns of its lines, in another folding if one is given."""
    design = Design.load(GOLDEN / "designs" / f"{name}.npz")
    with np.load(GOLDEN / "vectors" / f"{name}.npz") as vectors:
        lines = tuple(vectors[key][:columns] for key in sorted(vectors.files) if key.startswith("pixels"))
    return Case(replace(design, folding=replace(design.folding, **folding)), lines)


def lines_of(design: Design, *lengths: int, pauses: bool = False, abandoned: int = 0) -> Case:
    """Random lines of some lengths."""
    return Case(design, tuple(random_columns(design, length, seed=length) for length in lengths), pauses, abandoned)


def largest_sums(inputs: int) -> Case:
    """All weights, biases and pixels of 8 bits are -1, so that sums are as large as they can be."""
    design = random_design(1, bits=(8,) * 5, inputs=inputs, hidden=2, folding=(1, inputs, 2))
    names = ("weights_input", "weights_recurrent", "biases_input", "biases_recurrent", "fc_weights", "fc_biases")
    design = replace(design, **{name: np.full_like(getattr(design, name), -128) for name in names})
    return Case(design, tuple(np.full((length, inputs), -128, dtype=np.int8) for length in (3, 4)))


def largest_scores() -> Case:
    """As `largest_sums`, but scores are as high as they can be in some columns, and the others are blank."""
    case = largest_sums(32)
    weights, biases = np.full_like(case.design.fc_weights, 127), np.zeros_like(case.design.fc_biases)
    weights[:, 0], biases[:, 0] = 0, 127
    column = np.array([-128, -128, 127, -128, 127], dtype=np.int8)
    return Case(replace(case.design, fc_weights=weights, fc_biases=biases), (column[:, None].repeat(32, axis=1),))


def labels(seed: int, *, bits: int) -> Case:
    """Scores with few bits, of which many are equal or 0; more labels than fit, and odd lines."""
    design = random_design(
        seed,
        bits=(3, 4, 2, bits, bits),
        inputs=3,
        hidden=3,
        classes=5,
        folding=(3, 3, 3),
        pe_out=2,
        limits=Limits(columns=25, labels=2),
    )
    return lines_of(design, 25, 7, 24, 1)


def small(*, pauses: bool = False, abandoned: int = 0) -> Case:
    """Peepholes, unequal folds, a last block of classes that is not full, the greatest number of columns, which is odd."""
    design = random_design(
        4,
        bits=(3, 4, 3, 5, 4),
        inputs=4,
        hidden=4,
        classes=3,
        folding=(2, 1, 2),
        pe_out=2,
        limits=Limits(columns=9, labels=1),
        peepholes=(4, 2),
    )
    return lines_of(design, 1, 9, 4, 9, pauses=pauses, abandoned=abandoned)


CASES: dict[str, Callable[[], Case]] = {
    "peepholes": small,
    "columns that come late": lambda: small(pauses=True),
    "after a reset": lambda: small(abandoned=31),
    "labels": lambda: labels(93, bits=2),
    "a blank start": lambda: labels(66, bits=3),
    "narrow": lambda: golden("stress_w1a1_narrow", columns=30, pe_out=2),
    "fold": lambda: golden("stress_w2a2_fold", columns=20, pe_out=3),
    "round": lambda: golden("stress_w4a8_round", columns=16),
    "odd": lambda: golden("stress_w3a5_odd", columns=29),
    "wrap": lambda: golden("stress_w8a8_wrap", columns=6),
    "sums": lambda: largest_sums(96),
    "scores": largest_scores,
    "large peepholes": lambda: lines_of(
        random_design(6, bits=(8, 8, 8, 4, 4), inputs=2, hidden=2, folding=(1, 2, 2), peepholes=(16, 12)), 3, 12
    ),
    "a full queue": lambda: lines_of(
        random_design(
            8,
            bits=(2, 4, 3, 4, 4),
            inputs=2,
            hidden=4,
            classes=24,
            folding=(4, 2, 4),
            limits=Limits(columns=24, labels=3),
        ),
        *(1, 24),
    ),
    "passes of one clock": lambda: lines_of(
        random_design(
            9,
            bits=(2, 4, 3, 4, 8),
            inputs=2,
            hidden=2,
            classes=2,
            folding=(2, 2, 2),
            pe_out=2,
            limits=Limits(columns=8, labels=3),
        ),
        *(8, 3, 8),
    ),
}
"""In the order in which they are tried; the quickest are first."""


@cache
def case(name: str) -> tuple[Case, list[Trace]]:
    """A case of `CASES`, and what the simulator computes of its lines."""
    found = CASES[name]()
    return found, found.expected()


def difference(name: str, library: Sequence[Path], folder: Path) -> str:
    """What is wrong where `recognise` computes the lines of a case; empty if nothing is.

    :param library: files of the library.
    :param folder: for files of the simulation.
    """
    chosen, expected = case(name)
    try:
        how = {"pauses": chosen.pauses, "abandoned": chosen.abandoned}
        results = run_icarus(chosen.design, chosen.lines, library, folder, **how)
    except SimulationError as error:
        return str(error)
    for trace, columns, (result, clocks) in zip(expected, chosen.lines, results, strict=True):
        for what in ("hidden", "scores", "labels", "found"):
            if not np.array_equal(getattr(trace, what), getattr(result, what)):
                return f"{what} of a line of {len(columns)} columns"
        modelled = clocks_between_buffers(chosen.design, len(columns))
        if clocks != modelled and not chosen.pauses:
            return f"{clocks} clocks for {len(columns)} columns; expected {modelled}"
    return ""

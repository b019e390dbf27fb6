"""Headers and designs: import one, and prove that one holds the other."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from datapath.alphabet import Alphabet
from datapath.design import Design, Provenance
from datapath.errors import DesignError, MismatchError
from datapath.files import file_digest
from datapath.folded import SHAPE, unfold
from datapath.formats import unit_format
from datapath.version import TOOL
from foldline.differences import describe_difference
from hls_gen import read_header

PROBE_LENGTHS = (2, 16, 120)
"""Columns of the random lines that `verify` computes where it is given none."""


def import_design(header: str | os.PathLike, alphabet: str | os.PathLike) -> Design:
    """The design that a header and an alphabet file hold.

    :raises HeaderError, FileError, DesignError: a file that cannot be read, or two that do not fit each other.
    """
    network = read_header(header)
    provenance = Provenance(
        author="unknown", source=f"{Path(header).name} sha256:{file_digest(header)}", tool=f"{TOOL} import-header"
    )
    symbols = Alphabet.read(alphabet)
    try:
        return unfold(network, alphabet=symbols, provenance=provenance)
    except DesignError as error:
        raise error.within(f"{header} with {alphabet}") from error


@dataclass(frozen=True, kw_only=True)
class Proof:
    """What `verify_header` compared and found equal."""

    weights: int
    lines: int
    columns: int
    hidden_words: int
    scores: int
    labels: int
    csim: bool = False


def verify_header(
    design: Design,
    header: str | os.PathLike,
    lines: Sequence[np.ndarray] | None = None,
    *,
    threads: int | None = None,
    csim: bool = False,
) -> Proof:
    """Prove that a header holds a design, and that its folded walk gives the fast path's bits.

    The folding may differ; weights, widths and limits may not. Lines past the overlay's limits are computed too.

    :param csim: prove also that the hardware library, compiled as C++ from the header's weights in the header's folding,
        gives the same bits.

    :param lines: integers [T, I] each; None takes `probe_lines`.
    :raises MismatchError: names what differs, how often, and the first five places.
    :raises ToolError: with `csim`, there is no compiler or there are no types to compile with.
    """
    # Reading a header needs no simulator; proving it does.
    from fixedpoint_sim import simulate_folded_lines, simulate_lines

    network = read_header(header)
    for name in SHAPE:
        ours, theirs = getattr(network, name), getattr(design, name)
        if ours != theirs:
            raise MismatchError(f"{header} does not hold this design: its {name} is {ours}, the design's {theirs}.")
    held = unfold(network, alphabet=design.alphabet, provenance=design.provenance)
    for name, weights in design.arrays.items():
        difference = describe_difference(weights, held.arrays[name])
        if difference:
            raise MismatchError(f"{header} does not hold this design: {name} differs in {difference}")
    lines = probe_lines(design) if lines is None else lines
    fast = list(simulate_lines(design, lines, ignore_limits=True, threads=threads))
    walked = list(simulate_folded_lines(network, design, lines, ignore_limits=True, threads=threads))
    for number, (expected, got) in enumerate(zip(fast, walked, strict=True)):
        for stage in ("hidden", "scores", "labels"):
            difference = describe_difference(getattr(expected, stage), getattr(got, stage))
            if difference:
                raise MismatchError(f"The folded walk of {header} differs on line {number}: {stage} in {difference}")
    if csim:
        _verify_csim(held.refolded(network.folding), lines, threads)
    return Proof(
        weights=sum(weights.size for weights in design.arrays.values()),
        lines=len(lines),
        columns=sum(len(line) for line in lines),
        hidden_words=sum(trace.hidden.size for trace in fast),
        scores=sum(trace.scores.size for trace in fast),
        labels=sum(trace.labels.size for trace in fast),
        csim=csim,
    )


def _verify_csim(design: Design, lines: Sequence[np.ndarray], threads: int | None) -> None:
    from fixedpoint_sim.simulator import run_in_order
    from foldline.hardware.csim import CSimulator

    walk = CSimulator(design)

    def compare(numbered: tuple[int, np.ndarray]) -> None:
        number, columns = numbered
        try:
            walk.run(columns, ignore_limits=True)
        except MismatchError as error:
            raise MismatchError(f"Line {number}: {error}") from error

    for _ in run_in_order(compare, enumerate(lines), threads=threads):
        pass


def probe_lines(design: Design) -> list[np.ndarray]:
    """Lines that exercise a header: random pixels of several lengths, then both ends of the pixel range."""
    format = unit_format(design.precision.activation)
    return [
        *random_pixels(design, PROBE_LENGTHS),
        *(np.full((PROBE_LENGTHS[1], design.inputs), end, dtype=np.int8) for end in (format.min, format.max)),
    ]


def random_pixels(design: Design, lengths: Sequence[int]) -> list[np.ndarray]:
    """Lines of these lengths, int8 [T, I], uniform over the pixel range (seed 0)."""
    random = np.random.default_rng(0)
    format = unit_format(design.precision.activation)
    return [
        random.integers(format.min, format.max, size=(length, design.inputs), endpoint=True).astype(np.int8)
        for length in lengths
    ]

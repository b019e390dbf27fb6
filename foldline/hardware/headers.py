"""Weight headers: `import_design` reads one into a design, `verify_header` checks that one holds a design."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from datapath.alphabet import Alphabet
from datapath.design import Design, Provenance
from datapath.errors import DesignError, MismatchError
from datapath.folded import SHAPE, unfold
from datapath.formats import unit_format
from datapath.reading import file_digest
from datapath.version import TOOL
from foldline.differences import Verified, describe_difference
from hls_gen import read_header

PROBE_LENGTHS = (2, 16, 120)
"""Columns of the random lines of `probe_lines`."""


def import_design(header: str | os.PathLike, alphabet: str | os.PathLike) -> Design:
    """The design that a header and an alphabet file hold.

    :param header: path of the weight header.
    :param alphabet: path of the alphabet, class n on line n.
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


def verify_header(
    design: Design,
    header: str | os.PathLike,
    lines: Sequence[np.ndarray] | None = None,
    *,
    threads: int | None = None,
    csim: bool = False,
) -> Verified:
    """Check that a header holds a design, and that simulating the header in its folding's order gives the same bits.

    Weights, widths and limits must be equal; the folding may differ. Lines that exceed the overlay's limits are computed,
    too.

    :param design: what the header must hold.
    :param header: path of the weight header.
    :param lines: what is simulated, integers [T, I] each; None takes `probe_lines`.
    :param threads: worker threads, 1 or more; None takes one per processor.
    :param csim: compare the C simulation, too: the HLS library compiled with the header's weights in its folding.
    :raises FileError, HeaderError: the header cannot be read.
    :raises MismatchError: names what differs, how often, and the first five places.
    :raises ToolError: with `csim`, there is no compiler or there are no types to compile with.
    """
    from fixedpoint_sim import simulate_folded_lines, simulate_lines  # import-header needs no simulator

    network = read_header(header)
    for name in SHAPE:
        expected, got = getattr(design, name), getattr(network, name)
        if expected != got:
            raise MismatchError(f"{header} does not hold this design: its {name} is {got}, the design's {expected}.")
    held = unfold(network, alphabet=design.alphabet, provenance=design.provenance)
    for name, weights in design.arrays.items():
        if difference := describe_difference(weights, held.arrays[name]):
            raise MismatchError(f"{header} does not hold this design: {name} differs in {difference}")
    lines = probe_lines(design) if lines is None else lines
    verified = Verified()
    traces = zip(
        simulate_lines(design, lines, ignore_limits=True, threads=threads),
        simulate_folded_lines(network, design, lines, ignore_limits=True, threads=threads),
        strict=True,
    )
    for number, (expected, got) in enumerate(traces):
        for stage in ("hidden", "scores", "labels"):
            if difference := describe_difference(getattr(expected, stage), getattr(got, stage)):
                raise MismatchError(
                    f"The folded-order simulation of {header} differs on line {number}: {stage} in {difference}"
                )
        verified.add(design, columns=len(expected.scores), labels=len(expected.labels))
    if csim:
        _verify_csim(held.refolded(network.folding), lines, threads)
    return verified


def _verify_csim(design: Design, lines: Sequence[np.ndarray], threads: int | None) -> None:
    from fixedpoint_sim.simulator import run_in_order
    from foldline.hardware.csim import CSimulator

    simulator = CSimulator(design)
    traces = run_in_order(lambda columns: simulator.run(columns, ignore_limits=True), lines, threads=threads)
    for number, trace in enumerate(traces):
        if trace.mismatch:
            raise MismatchError(f"Line {number}: {trace.mismatch}")


def probe_lines(design: Design) -> list[np.ndarray]:
    """Lines for `verify_header`, int8 [T, I]: random pixels of several lengths, then both ends of the pixel range."""
    format = unit_format(design.precision.activation)
    return [
        *random_pixels(design, PROBE_LENGTHS),
        *(np.full((PROBE_LENGTHS[1], design.inputs), end, dtype=np.int8) for end in (format.min, format.max)),
    ]


def random_pixels(design: Design, lengths: Sequence[int]) -> list[np.ndarray]:
    """Lines of these lengths of random pixels, int8 [T, I], uniform over the design's pixel range (seed 0)."""
    random = np.random.default_rng(0)
    format = unit_format(design.precision.activation)
    return [
        random.integers(format.min, format.max, size=(length, design.inputs), endpoint=True).astype(np.int8)
        for length in lengths
    ]

"""Designs that `benchmarks.rtl_resources` synthesises: small ones, and networks of the published size."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.bounds import FOLDING, NETWORKS, widest
from benchmarks.measuring import synthesised
from datapath import Design, Folding, Limits
from tests.designs import random_design


def small_points() -> Iterator[tuple[str, Design]]:
    """Name and design: 8 to 48 hidden units, uniform weights, all widths and kinds of folding."""
    rows = (
        # I, H, C; W, B, A, FW, FB; PE, SIMD_INPUT, SIMD_RECURRENT; PE_OUT; columns, labels; peephole bits
        ((8, 8, 10), (2, 8, 2, 8, 8), (1, 4, 4), 1, (200, 40), None),
        ((8, 16, 12), (4, 8, 4, 8, 8), (2, 4, 8), 1, (732, 95), None),
        ((12, 24, 20), (3, 6, 5, 7, 5), (2, 3, 4), 2, (400, 60), None),
        ((16, 32, 30), (2, 4, 4, 4, 4), (4, 8, 8), 1, (732, 95), None),
        ((10, 20, 26), (4, 8, 8, 8, 8), (1, 5, 10), 1, (300, 50), None),
        ((16, 16, 40), (8, 8, 8, 8, 8), (1, 4, 4), 1, (732, 95), None),
        ((6, 12, 9), (1, 1, 1, 1, 1), (3, 3, 6), 3, (100, 20), None),
        ((20, 40, 50), (2, 8, 4, 8, 8), (1, 10, 20), 1, (600, 80), None),
        ((8, 8, 16), (4, 8, 4, 8, 8), (2, 4, 4), 1, (732, 95), 8),
        ((25, 48, 60), (5, 8, 5, 5, 5), (1, 5, 12), 1, (900, 120), 6),
        ((16, 48, 82), (2, 8, 2, 8, 8), (2, 8, 16), 1, (732, 95), None),
        ((32, 24, 82), (6, 8, 6, 6, 6), (1, 8, 8), 2, (2000, 300), None),
    )
    for seed, (dimensions, bits, folding, pe_out, (columns, labels), peephole) in enumerate(rows):
        inputs, hidden, classes = dimensions
        design = random_design(
            seed,
            bits=bits,
            inputs=inputs,
            hidden=hidden,
            classes=classes,
            folding=folding,
            pe_out=pe_out,
            limits=Limits(columns=columns, labels=labels),
            peepholes=peephole and (peephole, 1),
        )
        weights, activation = bits[0], bits[2]
        yield f"H{hidden} W{weights}A{activation}" + (f" peepholes {peephole}" if peephole else ""), design


def full_points() -> Iterator[tuple[str, Design]]:
    """Name and design: 128 hidden units, 32 pixels, 82 classes. The trained networks, also those of `benchmarks.bounds`, with
    sums of 16 bits and with narrower ones; and one with peepholes and uniform weights.
    """
    for name in NETWORKS:
        design = synthesised(name, FOLDING)
        title = f"H128 W{name[1]}A{name[5]}"
        yield title, design
        yield f"{title} sums of 16 bits", widest(design)
    for name, (pe, simd_input, simd_recurrent, pe_out) in (
        ("W2B8A2I8", (1, 4, 16, 1)),
        ("W4B8A8I8", (1, 4, 16, 1)),
        ("W2B8A4I8", (4, 4, 16, 2)),
    ):
        folding = Folding(pe=pe, simd_input=simd_input, simd_recurrent=simd_recurrent, pe_out=pe_out)
        yield f"H128 W{name[1]}A{name[5]}", synthesised(name, folding)
    sizes = {"inputs": 32, "hidden": 128, "classes": 82}
    with_peepholes = random_design(101, bits=(5, 8, 5, 5, 5), folding=(1, 4, 8), peepholes=(8, 1), **sizes)
    yield "H128 W5A5 peepholes 8", with_peepholes


def points() -> tuple[tuple[str, Design], ...]:
    """All of them."""
    return (*small_points(), *full_points())

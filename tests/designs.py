"""A random design from a seed, for tests that need just one."""

from dataclasses import replace

import numpy as np

from datapath import Alphabet, Design, Folding, Limits, PeepholeFormat, Peepholes, Precision, Provenance
from datapath.formats import unit_format


def random_design(
    seed: int,
    *,
    bits: tuple[int, int, int, int, int] = (4, 8, 4, 8, 8),
    inputs: int = 4,
    hidden: int = 4,
    classes: int = 3,
    folding: tuple[int, int, int] = (1, 1, 1),
    pe_out: int = 1,
    limits: Limits | None = None,
    peepholes: tuple[int, int] | None = None,
) -> Design:
    """Uniform weights over the whole range of `bits` (W, B, A, FW, FB); `folding` is PE, SIMD_INPUT, SIMD_RECURRENT.

    `peepholes` is bits and integer bits of theirs. They change no other weight: without them the same seed gives the
    same plain network.
    """
    random = np.random.default_rng(seed)
    precision = Precision(**dict(zip(("weight", "bias", "activation", "fc_weight", "fc_bias"), bits, strict=True)))

    def draw(shape: tuple[int, ...], width: int) -> np.ndarray:
        format = unit_format(width)
        return random.integers(format.min, format.max, size=shape, endpoint=True)

    plain = Design(
        precision=precision,
        folding=Folding(pe=folding[0], simd_input=folding[1], simd_recurrent=folding[2], pe_out=pe_out),
        limits=limits or Limits(),
        alphabet=Alphabet(("", *(chr(ord("a") + k) for k in range(classes - 1)))),
        weights_input=draw((2, 4, hidden, inputs), precision.weight),
        weights_recurrent=draw((2, 4, hidden, hidden), precision.weight),
        biases_input=draw((2, 4, hidden), precision.bias),
        biases_recurrent=draw((2, 4, hidden), precision.bias),
        fc_weights=draw((2, classes, hidden), precision.fc_weight),
        fc_biases=draw((2, classes), precision.fc_bias),
        provenance=Provenance(author="tests", source=f"seed {seed}", tool="tests"),
    )
    if peepholes is None:
        return plain
    format = PeepholeFormat(bits=peepholes[0], integer=peepholes[1])
    low, high = format.format.min, format.format.max
    weights = random.integers(low, high, size=(2, 3, hidden), endpoint=True)
    return replace(plain, peepholes=Peepholes(format=format, weights=weights))
